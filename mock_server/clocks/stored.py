"""Service time that lives in the database: it survives the process, and all processes on one database share it.

A virtual clock keeps its time there, a scaled one its anchor: the service time at a moment of real time. So scaled
and system time go on while no server runs, as they would at the real service. Several hosts need clocks that agree.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .base import ScaledClock
from .virtual import VirtualClock, parse_clock

if TYPE_CHECKING:
    from ..storage.store import Store


class ClockError(ValueError):
    """The database keeps another clock than the one asked for."""


class StoredScaledClock(ScaledClock):
    """A scaled clock whose anchor is in the database.

    Parameters
    ----------
    store
        Where a clock of this kind is kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        kept = store.clock()
        super().__init__(kept.factor, kept.origin)
        self._latest = kept.base

    def now(self) -> float:
        """Service time [s]; a machine's clock that is set back does not take it back."""
        kept = self._store.clock()
        self._latest = max(self._latest, kept.base + (time.time() - kept.real_at) * self.factor)
        return self._latest

    def advance(self, seconds: float) -> float:
        """Jump ahead; afterwards time runs on at the same pace."""
        self._store.advance_clock(_checked(seconds))
        return self.now()


class StoredVirtualClock(VirtualClock):
    """A virtual clock whose time is in the database; parties that share it are those of this process.

    Parameters
    ----------
    store
        Where a clock of this kind is kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        super().__init__(store.clock().base)
        self.origin = store.clock().origin

    @property
    def _now(self) -> float:
        return self._store.clock().base

    @_now.setter
    def _now(self, now: float) -> None:
        self._store.set_clock(now)

    def now(self) -> float:
        """Service time [s]."""
        return self._store.clock().base

    def advance(self, seconds: float) -> float:
        """Move time on, wake who is due, and return the new time [s]."""
        now = self._store.advance_clock(_checked(seconds))
        with self._lock:
            self._run_next()
        return max(now, self.now())


def _checked(seconds: float) -> float:
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"service time only moves forward, by a finite number of seconds: {seconds}")
    return seconds


def open_clock(store: Store, text: str | None, new: str, start: float) -> StoredScaledClock | StoredVirtualClock:
    """Return the clock that a database keeps; one that keeps none begins one.

    Parameters
    ----------
    store
        The database.
    text
        ``system``, ``virtual``, or a factor such as ``x60``; None: the one that is kept.
    new
        The same, for a database that keeps none.
    start
        Where a new virtual clock begins [s].

    Raises
    ------
    ClockError
        If the database keeps another one.
    """
    wanted = parse_clock(text or new, start)
    kind, factor = ("virtual", 1.0) if not isinstance(wanted, ScaledClock) else ("scaled", wanted.factor)
    kept = store.begin_clock(kind, factor, start if kind == "virtual" else time.time())
    if text is not None and (kept.kind, kept.factor) != (kind, factor):
        raise ClockError(
            f"the database keeps a {described(kept.kind, kept.factor)} clock, not --clock {text}: leave --clock out to "
            "go on with it, or start with a new --db file"
        )
    return StoredVirtualClock(store) if kept.kind == "virtual" else StoredScaledClock(store)


def described(kind: str, factor: float) -> str:
    """Return how ``--clock`` names a clock."""
    if kind == "virtual":
        return "virtual"
    return "system" if factor == 1 else f"x{factor:g}"
