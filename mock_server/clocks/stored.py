"""Simulated time in the database: it survives the process, and all processes on one database share it.

The database keeps the time of a virtual clock. Of a scaled clock it keeps the anchor: the simulated time at a moment of
real time. So scaled and system time go on while no server runs, as at the real service. Hosts that share a database
need clocks that agree.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..core.errors import InputInvalid
from .base import ScaledClock, check_forward
from .virtual import VirtualClock, parse_clock

if TYPE_CHECKING:
    from ..storage.facts import Facts, Shared, StoredClock
    from ..storage.store import Store


class ClockError(InputInvalid):
    """The database keeps another clock than the one asked for."""


class StoredScaledClock(ScaledClock):
    """A scaled clock whose anchor is in the database.

    Parameters
    ----------
    store
        The database.
    stored
        The clock in it.
    """

    def __init__(self, store: Store, stored: StoredClock) -> None:
        self._store = store
        super().__init__(stored.factor, stored.origin)
        self._latest = stored.base

    def now(self) -> float:
        """Return simulated time [s]."""
        return self.now_from(self._store.shared_state())

    def now_from(self, shared: Shared) -> float:
        """Return simulated time [s] by the anchor in `shared`; it stops while the machine's clock is set back."""
        self._latest = max(self._latest, shared.base + (time.time() - shared.real_at) * self.factor)
        return self._latest

    def advance(self, seconds: float) -> float:
        """Jump ahead; afterwards time runs on at the same pace."""
        check_forward(seconds)
        self._store.advance_clock(seconds)
        return self.now()

    def advance_to(self, now: float) -> float:
        """Jump ahead to `now` [s], if that is later; afterwards time runs on at the same pace."""
        self._store.move_clock(now)
        return self.now()


class StoredVirtualClock(VirtualClock):
    """A virtual clock whose time is in the database; its participants are those of this process.

    Parameters
    ----------
    store
        The database.
    stored
        The clock in it.
    """

    def __init__(self, store: Store, stored: StoredClock) -> None:
        self._store = store
        super().__init__(stored.base)
        self.origin = stored.origin

    def now(self) -> float:
        """Return simulated time [s]."""
        return self._store.shared_state().base

    def now_from(self, shared: Shared) -> float:
        """Return simulated time [s] as read before."""
        return shared.base

    def _move(self, now: float) -> None:
        self._store.move_clock(now)
        super()._move(now)

    def advance(self, seconds: float) -> float:
        """Move time forward, wake the participants that are due, and return the new time [s]."""
        check_forward(seconds)
        self._store.advance_clock(seconds)
        with self._lock:
            self._run_next()
        return self.now()

    def advance_to(self, now: float) -> float:
        """Move time on to `now` [s], if that is later, wake the participants that are due, and return the new time."""
        self._store.move_clock(now)  # without the lock: others of this thread go on while the database is waited for
        with self._lock:
            self._run_next()
        return self.now()


def open_clock(
    store: Store, facts: Facts, text: str | None, new: str, start: float
) -> StoredScaledClock | StoredVirtualClock:
    """Return the clock that a database keeps; a database without one gets one.

    Parameters
    ----------
    store
        The database.
    facts
        The transaction in which this happens.
    text
        ``system``, ``virtual``, or a factor such as ``x60``; None: the clock that the database keeps.
    new
        The same, for a database without a clock.
    start
        Simulated time at which a new virtual clock begins [s].

    Raises
    ------
    ClockError
        If the database keeps another clock.
    """
    wanted = parse_clock(text or new, start)
    kind, factor = ("scaled", wanted.factor) if isinstance(wanted, ScaledClock) else ("virtual", 1.0)
    stored = facts.begin_clock(kind, factor, start if kind == "virtual" else time.time(), time.time())
    if text is not None and (stored.kind, stored.factor) != (kind, factor):
        name = "virtual" if stored.kind == "virtual" else "system" if stored.factor == 1 else f"x{stored.factor:g}"
        raise ClockError(
            f"the database keeps a {name} clock, not --clock {text}: leave --clock out to go on with it, or start with "
            "a new --db file"
        )
    return StoredVirtualClock(store, stored) if stored.kind == "virtual" else StoredScaledClock(store, stored)
