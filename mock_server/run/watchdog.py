"""Sees to it that time does not stand still in silence.

A thread may wait for something that the clock knows nothing of: a socket, a pipe, the keyboard. To the clock it works,
and holds everybody up. If it uses no processor time for a while, it is excused, and time goes on without it. If it does
compute, time rightly stands still; after a while that is said.
"""

from __future__ import annotations

import _thread
from pathlib import Path
from time import monotonic, sleep  # by name: the real ones
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..clocks.base import Number
    from ..clocks.virtual import VirtualClock

    Place = tuple[int, int]

_LOOK_EVERY_S, _IDLE_S, _STILL_S = 0.1, 1.0, 30.0  # real time


def processor_time(place: Place) -> int | None:
    """Return what a sleeping thread has used of the processor [ticks]; None if it is awake, or nothing tells.

    Parameters
    ----------
    place
        Process and native thread number.

    Raises
    ------
    ProcessLookupError
        If there is no such thread.
    """
    try:
        words = Path(f"/proc/{place[0]}/task/{place[1]}/stat").read_text().rpartition(")")[2].split()
    except OSError as error:
        if Path("/proc/self/stat").exists():
            raise ProcessLookupError(f"thread {place[1]} of process {place[0]} has ended") from error
        return None
    state, *_, user, system = words[:13]  # as proc(5) has them, from its third field on
    return int(user) + int(system) if state in "SZ" else None


class Watchdog:
    """Looks after a clock, on a thread of its own.

    Parameters
    ----------
    clock
        What is looked after.
    place_of
        Returns process and thread of a party, or None if that is not known or it is known to be at work.
    tell
        Is told in a sentence what holds time up.
    use
        How processor time is read.
    """

    def __init__(
        self,
        clock: VirtualClock,
        place_of: Callable[[Number], Place | None],
        tell: Callable[[str], object],
        use: Callable[[Place], int | None] = processor_time,
    ) -> None:
        self._clock, self._place_of, self._tell, self._use = clock, place_of, tell, use
        self._steps, self._since, self._told = -1, 0.0, False
        self._seen: dict[Number, tuple[int | None, float]] = {}
        self._excused: set[Number] = set()
        self._closed = False

    def start(self) -> None:
        """Begin to look."""
        _thread.start_new_thread(self._run, ())

    def close(self) -> None:
        """Look no more."""
        self._closed = True

    def _run(self) -> None:
        while not self._closed:
            self.look(monotonic())
            sleep(_LOOK_EVERY_S)

    def look(self, real: float) -> None:
        """Look once, at `real` time [s]."""
        working = self._clock.working()
        if self._clock.steps != self._steps or not working:
            self._steps, self._since, self._told = self._clock.steps, real, False
            self._seen.clear()
            return
        if self._clock.anybody_waits():
            self._excuse_idle(working, real)
        if real - self._since >= _STILL_S and not self._told:
            self._told = True
            names = ", ".join(map(name_of, working))
            self._tell(f"service time has stood still for {_STILL_S:g} s while {names} worked without sleeping")

    def _excuse_idle(self, working: list[Number], real: float) -> None:
        for number in working:
            place = self._place_of(number)
            try:
                used = self._use(place) if place else None
            except ProcessLookupError:  # it ended without a word
                self._clock.leave(number)
                continue
            before, since = self._seen.setdefault(number, (used, real))
            if used != before or used is None:
                self._seen[number] = (used, real)
            elif real - since >= _IDLE_S:
                self._excuse(number)

    def _excuse(self, number: Number) -> None:
        del self._seen[number]
        self._clock.excuse(number)
        if number not in self._excused:
            self._excused.add(number)
            self._tell(
                f"{name_of(number)} waits for something other than service time (a socket, a pipe, input); "
                "time goes on without it, and the order of events may differ from run to run"
            )


def name_of(number: Number) -> str:
    """Return a party's name for people."""
    return f"program {number[0]}" + (f", thread or child {'.'.join(map(str, number[1:]))}" if number[1:] else "")
