"""Notices that simulated time stands still, and why.

A thread may wait for something that is not the clock: a socket, a pipe, the keyboard. To the clock it runs, and time
waits for it. If it uses no processor time for a while, it is taken for waiting, and time moves on without it. If it
does compute, time rightly stands still; after a while that is printed.
"""

from __future__ import annotations

import _thread
import contextlib
import sys
from pathlib import Path
from time import monotonic, sleep  # the real ones: those of the module may be replaced
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..clocks.base import ParticipantId
    from ..clocks.virtual import VirtualClock

NativeThread = tuple[int, int]
"""A thread as the operating system names it: its process [pid] and its native thread id."""

LOOK_EVERY_S, IDLE_S, STILL_S = 0.1, 1.0, 30.0
"""Real time between two looks, until an idle thread is taken for waiting, and until a busy one is reported."""


def processor_time(thread: NativeThread) -> int | None:
    """Return the processor time that a sleeping thread has used [ticks]; None if it is awake or there is no /proc.

    Raises
    ------
    ProcessLookupError
        If there is no such thread.
    """
    try:
        words = Path(f"/proc/{thread[0]}/task/{thread[1]}/stat").read_text().rpartition(")")[2].split()
    except OSError as error:
        if Path("/proc/self/stat").exists():
            raise ProcessLookupError(f"thread {thread[1]} of process {thread[0]} has ended") from error
        return None
    state, *_, user, system = words[:13]  # the third to fifteenth field of proc(5)
    return int(user) + int(system) if state in "SZ" else None


class Watchdog:
    """Watches a clock, on a thread of its own.

    Parameters
    ----------
    clock
        The clock to watch.
    thread_of
        Returns the thread of a participant, or None if it is unknown or known to be busy.
    warn
        Called with a sentence when time is found to stand still.
    processor_time
        See :func:`processor_time`.
    """

    def __init__(
        self,
        clock: VirtualClock,
        thread_of: Callable[[ParticipantId], NativeThread | None],
        warn: Callable[[str], object],
        processor_time: Callable[[NativeThread], int | None] = processor_time,
    ) -> None:
        self._clock, self._thread_of, self._warn, self._processor_time = clock, thread_of, warn, processor_time
        self._steps, self._since, self._reported = -1, 0.0, False
        self._used: dict[ParticipantId, tuple[int | None, float]] = {}
        self._named: set[ParticipantId] = set()
        self._closed = False

    def start(self) -> None:
        """Begin to watch."""

        def run() -> None:
            while not self._closed:
                self.look(monotonic())
                sleep(LOOK_EVERY_S)

        _thread.start_new_thread(run, ())

    def close(self) -> None:
        """Stop watching."""
        self._closed = True

    def look(self, real: float) -> None:
        """Look once, at `real` time [s]."""
        running = self._clock.running()
        if self._clock.steps != self._steps or not running:
            self._steps, self._since, self._reported = self._clock.steps, real, False
            self._used.clear()
            return
        if self._clock.has_waiting():
            for participant in running:
                self._check(participant, real)
        if real - self._since >= STILL_S and not self._reported:
            self._reported = True
            names = ", ".join(map(name_of, running))
            self._warn(f"simulated time has stood still for {STILL_S:g} s while {names} worked without sleeping")

    def _check(self, participant: ParticipantId, real: float) -> None:
        """Take a running participant for waiting if it has been idle for a while."""
        thread = self._thread_of(participant)
        try:
            used = self._processor_time(thread) if thread else None
        except ProcessLookupError:
            self._clock.leave(participant)
            return
        before, since = self._used.setdefault(participant, (used, real))
        if used != before or used is None:
            self._used[participant] = (used, real)
        elif real - since >= IDLE_S:
            del self._used[participant]
            if participant not in self._named:  # said before time goes on: the program may end with it
                self._named.add(participant)
                self._warn(
                    f"{name_of(participant)} waits for something other than simulated time (a socket, a pipe, input); "
                    "time goes on without it, and the order of events may differ from run to run"
                )
            self._clock.assume_waiting(participant)


def name_of(participant: ParticipantId) -> str:
    """Return a participant's name for people."""
    program, *inner = participant
    return f"program {program}" + (f", thread or child {'.'.join(map(str, inner))}" if inner else "")


def warn(sentence: str) -> None:
    """Print a sentence for the user, unless standard error is closed: a program without one goes on all the same."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stderr.write(f"xrt-mock: {sentence}\n")
