"""The interface of a clock, and the clock that follows the machine's.

Everything that waits, waits on a clock. Instants are seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import _thread
import math
import time
from time import monotonic, sleep  # the real ones: `run.patches.time` replaces those of the module
from typing import TYPE_CHECKING, Any, Protocol

from ..core.errors import InputInvalid

if TYPE_CHECKING:
    import contextlib

ParticipantId = tuple[int, ...]
"""A thread or process that shares a clock: (0,) is the first program, (0, 2) the second thread or child it started."""


class Clock(Protocol):
    """Simulated time, as the simulator uses it."""

    origin: float
    """Simulated time at the clock's beginning [s]."""

    def now(self) -> float:
        """Return simulated time [s]."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return once `seconds` of simulated time have passed."""
        ...

    def advance(self, seconds: float) -> float:
        """Move simulated time forward by `seconds` >= 0 and return the new time [s]."""
        ...

    def advance_to(self, now: float) -> float:
        """Move simulated time forward to `now` [s]; time that is later stays. Return the new time [s]."""
        ...


class SharedClock(Clock, Protocol):
    """A virtual clock with several participants: :class:`VirtualClock`, or a link to one in another process."""

    def join(self, participant: ParticipantId) -> None:
        """Add a participant, which counts as running from now on.

        Raises
        ------
        ValueError
            If it shares the clock already.
        """

    def join_next(self) -> ParticipantId:
        """Add a participant with the first free id of one number, and return the id."""
        ...

    def leave(self, participant: ParticipantId) -> None:
        """Remove a participant, if it is there; time no longer waits for it."""

    def attach(self, participant: ParticipantId) -> None:
        """Let the calling thread act for this participant from now on."""

    def detach(self) -> None:
        """Let the calling thread act for no participant from now on."""

    def current(self) -> ParticipantId | None:
        """Return the participant that the calling thread acts for, or None."""
        ...

    def turn(self) -> None:
        """Return when no running participant has a smaller id than the calling thread's."""

    def wait(self, until: float, token: object = None) -> None:
        """Return at simulated time `until` [s], or when another thread calls :meth:`wake` with the same `token`."""

    def wake(self, participant: ParticipantId, token: object) -> None:
        """End the wait of a participant that waits with this `token`, or is about to."""

    def away(
        self, until: float = math.inf, child: int | None = None, *, hold: bool = False
    ) -> contextlib.AbstractContextManager[Any]:
        """Context manager: the calling participant counts as waiting until `until` [s], whatever it does.

        `child` is the process [pid] whose end it waits for, if that is what it does. With `hold`, time stops at
        `until`: the participant may find what it waits for before time goes on. The token that wakes it is "outside".
        """
        ...


class ScaledClock:
    """Runs `factor` times as fast as real time; a factor of 1 is system time.

    Parameters
    ----------
    factor
        Simulated seconds per real second; positive.
    start
        Simulated time at the beginning [s]; default: the machine's time.
    """

    def __init__(self, factor: float = 1.0, start: float | None = None) -> None:
        if not 0 < factor < math.inf:
            raise InputInvalid(f"a clock's factor must be positive, not {factor}")
        self.factor = factor
        self.origin = time.time() if start is None else start
        self._base = self.origin
        self._real_origin = monotonic()
        self._lock = _thread.allocate_lock()

    def now(self) -> float:
        """Return simulated time [s]."""
        return self._base + (monotonic() - self._real_origin) * self.factor

    def sleep(self, seconds: float) -> None:
        """Sleep the real time that `seconds` of simulated time take."""
        sleep(max(0.0, seconds) / self.factor)

    def advance(self, seconds: float) -> float:
        """Jump ahead; afterwards time runs on at the same pace."""
        check_forward(seconds)
        with self._lock:
            self._base += seconds
        return self.now()

    def advance_to(self, now: float) -> float:
        """Jump ahead to `now` [s], if that is later; afterwards time runs on at the same pace."""
        with self._lock:
            self._base += max(0.0, now - ScaledClock.now(self))
        return self.now()


def check_forward(seconds: float) -> None:
    """Raise ValueError if `seconds` [s] is negative or not finite."""
    if not 0 <= seconds < math.inf:
        raise ValueError(f"simulated time only moves forward, by a finite number of seconds: {seconds}")
