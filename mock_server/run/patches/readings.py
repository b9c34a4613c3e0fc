"""What clocks show in simulated time: each reading is later than all before it, by a microsecond if time stands still.

Programs use times as unique names, and loop until an instant has passed. The microseconds exist in readings alone: a
wait takes whole milliseconds of the clock, which follows its readings only when they are a tenth of a second ahead. So
the service sees the same times in every run, however often a program reads the clock.
"""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace
from typing import Any

NS = 1_000_000_000
_CREEP_NS = 1000
_GRID_NS = 1_000_000
_AHEAD_NS = 100_000_000
_ROUNDING_NS = 10_000  # programs compute deadlines in floating point
_MANY, _SOME = 10_000, 1000  # readings without a wait until the clock follows them, the first time and later
_SPIN_GROWTH = 0.02  # a loop that only reads clocks passes an hour in a second


class Readings:
    """The readings of one process.

    Parameters
    ----------
    clock
        A shared virtual clock. If it has a `page`, readings are later than those of all processes with that page.
    """

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._page = getattr(clock, "page", None) or SimpleNamespace(shown=0)
        self._base = (0, itertools.count(1))
        self._since_wait, self._spun = itertools.count(1), 0

    def read(self) -> int:
        """Return the time to show [ns]."""
        now = round(self._clock.now() * NS)
        base, ticks = self._base
        shown = base + _CREEP_NS * next(ticks)  # atomic: threads get different ones
        lowest = max(now, self._page.shown + _CREEP_NS)
        if shown < lowest:
            shown, self._base = lowest, (lowest, itertools.count(1))
        self._page.shown = shown
        if next(self._since_wait) > (_SOME if self._spun else _MANY) and self._clock.current() is not None:
            step = max(_SOME * _CREEP_NS, round(self._spun * _SPIN_GROWTH))
            self._spun, self._since_wait = self._spun + step, itertools.count(1)
            self._clock.wait((shown + step) / NS)
        return shown

    def after(self, seconds: float) -> tuple[float, int]:
        """Return when a wait that begins now ends: on the clock [s], and in the readings [ns]."""
        self._since_wait, self._spun = itertools.count(1), 0
        now = self._clock.now()
        if not seconds < math.inf:
            return math.inf, 0
        length, now_ns = round(max(0.0, seconds) * NS), round(now * NS)
        shown = max(now_ns, self._page.shown)
        whole = -((_ROUNDING_NS - length) // _GRID_NS) * _GRID_NS
        return (now_ns + max(0, whole) + (shown - now_ns) // _AHEAD_NS * _AHEAD_NS) / NS, shown + length

    def reached(self, shown: int) -> None:
        """Note that a wait has ended by time: no reading is earlier than its end from now on."""
        self._page.shown = max(self._page.shown, shown - _CREEP_NS)
