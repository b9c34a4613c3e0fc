"""Service time: one clock with `now()` and `sleep()`, in three kinds.

Everything that waits, waits on this clock. Instants are seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """What the simulator needs of time."""

    def now(self) -> float:
        """Service time [s since 1970-01-01 UTC]."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return once `seconds` of service time have passed."""
        ...

    def advance(self, seconds: float) -> float:
        """Move service time forward by `seconds` >= 0 and return the new time [s]."""
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
        if not factor > 0:
            raise ValueError(f"a clock's factor must be positive, not {factor}")
        self.factor = factor
        self._base = time.time() if start is None else start
        self._origin = time.monotonic()
        self._lock = threading.Lock()

    def now(self) -> float:
        """Service time [s]."""
        return self._base + (time.monotonic() - self._origin) * self.factor

    def sleep(self, seconds: float) -> None:
        """Sleep the real time that `seconds` of service time take."""
        time.sleep(max(0.0, seconds) / self.factor)

    def advance(self, seconds: float) -> float:
        """Jump ahead; afterwards time runs on at the same pace."""
        _check_forward(seconds)
        with self._lock:
            self._base += seconds
        return self.now()


class VirtualClock:
    """Stands still until somebody sleeps or advances it.

    Parameters
    ----------
    start
        Service time at the beginning [s].
    """

    def __init__(self, start: float) -> None:
        self._now = float(start)
        self._lock = threading.Lock()

    def now(self) -> float:
        """Service time [s]."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Move time on by `seconds`, at once."""
        self.advance(max(0.0, seconds))

    def advance(self, seconds: float) -> float:
        """Move time on and return it [s]."""
        _check_forward(seconds)
        with self._lock:
            self._now += seconds
            return self._now


def _check_forward(seconds: float) -> None:
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"service time only moves forward, by a finite number of seconds: {seconds}")


def parse_clock(text: str, start: float) -> Clock:
    """Return the clock that ``--clock TEXT`` names: ``system``, ``virtual``, or a factor such as ``x60``."""
    if text == "system":
        return ScaledClock()
    if text == "virtual":
        return VirtualClock(start)
    try:
        if text.startswith("x"):
            return ScaledClock(float(text[1:]))
    except ValueError:
        pass
    raise ValueError(f"--clock is {text!r}, but must be system, virtual, or a factor such as x60")
