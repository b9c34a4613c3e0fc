"""The interface of a clock, and the clock that follows the machine's.

Everything that waits, waits on a clock. Instants are seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import _thread
import math
import time
from time import (  # by name: the real ones, even where `run.patches.time` has replaced those of the module
    monotonic,
    sleep,
)
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import contextlib

Number = tuple[int, ...]
"""Who shares a clock: (0,) is the first program or thread, (0, 2) the third that this one started, and so on."""


class Clock(Protocol):
    """What the simulator needs of time."""

    origin: float
    """Service time at the clock's beginning [s]."""

    def now(self) -> float:
        """Service time [s since 1970-01-01 UTC]."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return once `seconds` of service time have passed."""
        ...

    def advance(self, seconds: float) -> float:
        """Move service time forward by `seconds` >= 0 and return the new time [s]."""
        ...


class SharedClock(Clock, Protocol):
    """A virtual clock that several share; :class:`VirtualClock`, or its likeness in another process."""

    def join(self, number: Number) -> None:
        """Add a party, which runs from now on."""

    def join_next(self) -> Number:
        """Add a party with the first free number of one digit, and return that."""
        ...

    def leave(self, number: Number) -> None:
        """Forget a party."""

    def attach(self, number: Number) -> None:
        """From now on the calling thread acts for this party."""

    def detach(self) -> None:
        """From now on the calling thread acts for nobody."""

    def acting(self) -> Number | None:
        """Return the party for which the calling thread acts, or None."""
        ...

    def turn(self) -> None:
        """Return when no running party has a smaller number than the calling thread's."""

    def wait(self, until: float, token: object = None) -> None:
        """Return at service time `until` [s], or when the calling party is woken with `token`."""

    def wake(self, number: Number, token: object) -> None:
        """Let a party go on that waits with this `token`."""

    def away(self, until: float = math.inf, child: int | None = None) -> contextlib.AbstractContextManager[None]:
        """Within, the calling party holds nobody up before `until` [s]; it may wait for the end of a `child` [pid]."""
        ...


class ScaledClock:
    """Runs `factor` times as fast as real time; a factor of 1 is system time.

    Parameters
    ----------
    factor
        Service seconds for each real second; positive.
    start
        Service time at the beginning [s]; default: the machine's time.
    """

    def __init__(self, factor: float = 1.0, start: float | None = None) -> None:
        if not 0 < factor < math.inf:
            raise ValueError(f"a clock's factor must be positive, not {factor}")
        self.factor = factor
        self.origin = time.time() if start is None else start
        self._base = self.origin
        self._real_origin = monotonic()
        self._lock = _thread.allocate_lock()

    def now(self) -> float:
        """Service time [s]."""
        return self._base + (monotonic() - self._real_origin) * self.factor

    def sleep(self, seconds: float) -> None:
        """Sleep the real time that `seconds` of service time take."""
        sleep(max(0.0, seconds) / self.factor)

    def advance(self, seconds: float) -> float:
        """Jump ahead; afterwards time runs on at the same pace."""
        check_forward(seconds)
        with self._lock:
            self._base += seconds
        return self.now()


def check_forward(seconds: float) -> None:
    """Raise ValueError if `seconds` [s] is negative or not finite."""
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"service time only moves forward, by a finite number of seconds: {seconds}")
