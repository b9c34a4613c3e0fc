"""Notices that simulated time stands still, and why.

A thread may wait for something that is not the clock: a socket, a pipe, the keyboard. To the clock it runs, and time
waits for it. If it uses no processor time for a while, it is taken for waiting, and time moves on without it. If time
stands still for long, whatever the reason, a sentence says what each participant waits for.
"""

from __future__ import annotations

import _thread
import contextlib
import math
import sys
from time import monotonic, sleep  # the real ones: those of the module may be replaced
from typing import TYPE_CHECKING

from .kernel import awaited, processor_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..clocks.base import ParticipantId
    from ..clocks.virtual import VirtualClock, Wait
    from .kernel import NativeThread

LOOK_EVERY_S, IDLE_S, STILL_S = 0.1, 1.0, 30.0
"""Real time between two looks, until an idle thread is taken for waiting, and until a standstill is reported."""


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
        See :func:`~mock_server.run.kernel.processor_time`.
    child_of
        Returns the child process [pid] that a participant waits for, or None.
    excuses
        Whether it takes an idle participant for waiting; otherwise it only says when time stands still.
    """

    def __init__(
        self,
        clock: VirtualClock,
        thread_of: Callable[[ParticipantId], NativeThread | None],
        warn: Callable[[str], object],
        processor_time: Callable[[NativeThread], int | None] = processor_time,
        child_of: Callable[[ParticipantId], int | None] = lambda _participant: None,
        *,
        excuses: bool = True,
    ) -> None:
        self._clock, self._thread_of, self._warn, self._processor_time = clock, thread_of, warn, processor_time
        self._child_of, self._excuses = child_of, excuses
        self._steps, self._now, self._since, self._reported = -1, -math.inf, 0.0, False
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
        now = self._clock.now()
        if now != self._now:
            self._now, self._since, self._reported = now, real, False
        waits = self._clock.waits() if not self._reported and real - self._since >= STILL_S else {}
        if waits:
            self._reported = True
            reasons = "; ".join(f"{name_of(one)} {self._reason(one, wait)}" for one, wait in waits.items())
            self._warn(f"simulated time has stood still for {STILL_S:g} s: {reasons}")
        running = self._clock.running()
        if self._clock.steps != self._steps:
            self._steps = self._clock.steps
            self._used.clear()
            return
        self._used = {participant: used for participant, used in self._used.items() if participant in running}
        if self._excuses and self._clock.has_waiting():
            for participant in running:
                self._check(participant, real)

    def _reason(self, participant: ParticipantId, wait: Wait) -> str:
        """Return what a participant does while time stands still."""
        child = self._child_of(participant)
        if child is not None:
            return f"waits for the end of process {child}"
        if wait.blocked:
            if wait.until is None:
                return "waits for its turn"
            if wait.until < math.inf:
                return f"sleeps for another {wait.until - self._now:g} s"
            return "waits for a lock, a queue or an event of its program"
        thread = self._thread_of(participant)
        what = awaited(thread) if thread else None
        if what is not None:
            return f"waits for {what}"
        return "works without sleeping" if wait.until is None else "waits for something other than simulated time"

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
                self._warn(excuse(participant, awaited(thread) if thread else None))
            self._clock.assume_waiting(participant)


def excuse(participant: ParticipantId, awaited: str | None) -> str:
    """Return the sentence about a participant that is taken for waiting."""
    return (
        f"{name_of(participant)} waits for {awaited or 'something other than simulated time'}; time goes on without "
        "it, and the order of events may differ from run to run"
    )


def name_of(participant: ParticipantId) -> str:
    """Return a participant's name for people."""
    program, *inner = participant
    return f"program {program}" + (f", thread or child {'.'.join(map(str, inner))}" if inner else "")


def warn(sentence: str) -> None:
    """Print a sentence for the user, unless standard error is closed: a program without one goes on all the same."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stderr.write(f"xrt-mock: {sentence}\n")
