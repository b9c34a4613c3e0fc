"""Waits for something other than the clock that have a time limit: a file, a socket, a child process.

The limit is simulated, the wait is real: it ends, too, when something comes from the run, which says that the clock has
reached the limit. Where there is no such connection it is looked for in slices of real time.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from typing import TYPE_CHECKING, Any

from .current import shared_clock, stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ...clocks.base import SharedClock

_GRACE_S = 0.05  # real time that sockets and pipes have before simulated time goes on
_SLICE_S = 0.02  # real time between two looks at the clock
_real_monotonic = time.monotonic
OUTSIDE = "outside"
"""Token by which another thread ends such a wait on the clock; see `SharedClock.away`."""
_flags = threading.local()


def is_outside() -> bool:
    """Whether the calling thread waits outside already: what it calls now waits in real time."""
    return getattr(_flags, "outside", False)


@contextlib.contextmanager
def outside() -> Iterator[None]:
    """Context manager: the waits that the calling thread begins now are real."""
    before, _flags.outside = is_outside(), True
    try:
        yield
    finally:
        _flags.outside = before


@contextlib.contextmanager
def inside() -> Iterator[None]:
    """Context manager: the waits that the calling thread begins now are simulated, although it waits outside."""
    flags = vars(_flags)
    before = flags.copy()
    flags.clear()
    try:
        yield
    finally:
        flags.clear()
        flags.update(before)


@contextlib.contextmanager
def limits_for(child: int) -> Iterator[None]:
    """Context manager: the calling thread's limited waits are for the end of a child process [pid]."""
    _flags.child = child
    try:
        yield
    finally:
        _flags.child = None


def own_monotonic() -> float:
    """Return the time by which the calling thread's waits are limited: simulated, or real if they are real."""
    return _real_monotonic() if shared_clock() is None or is_outside() else time.monotonic()


def wait_outside(
    clock: SharedClock,
    seconds: float,
    look: Callable[[float | None, int | None], Any],
    *,
    child: int | None = None,
) -> Any:
    """Return what `look` finds, or what it last returned once simulated `seconds` have passed.

    Parameters
    ----------
    clock
        The calling thread shares it.
    seconds
        Limit [s of simulated time].
    look
        Looks for so many seconds of real time (None: without limit), or until a descriptor is readable, if it is given
        one; what it finds is true.
    child
        The child process [pid] whose end is waited for. If it takes no part in the clock, it has real `seconds`.
    """
    readings = stack[-1].readings
    until, shown = readings.after(seconds)
    child = getattr(_flags, "child", None) if child is None else child
    limit = None if child is None or seconds == math.inf else _real_monotonic() + seconds
    found = None
    with outside():
        if child is None and not getattr(clock, "exact", False):
            with clock.away(until, hold=True):
                found = look(min(_GRACE_S, seconds), None)
        while not found and clock.now() < until:
            left = None if limit is None else limit - _real_monotonic()
            if left is not None and left <= 0:
                break
            with clock.away(until, child=child) as end:
                if end is None:
                    found = look(_SLICE_S, None)
                while not (found or end is None or end.has_come() or (left is not None and left <= 0)):
                    found = look(left, end.fileno())
                    left = None if limit is None else limit - _real_monotonic()
    if not found:
        readings.reached(shown)
    return found
