"""Event loops whose timers follow simulated time: their selector waits on the clock."""

from __future__ import annotations

import itertools
import math
import os
from selectors import EVENT_READ
from typing import TYPE_CHECKING, Any

from .current import real_seconds, shared_clock, simulated_time, stack
from .outside import OUTSIDE, wait_outside
from .selecting import wakes_by_descriptor

if TYPE_CHECKING:
    from collections.abc import Callable
    from selectors import BaseSelector
    from types import ModuleType

    from ...clocks.base import ParticipantId, SharedClock

_tokens = itertools.count(1)


def patch_asyncio(replace: Callable[[Any, str, Any], None], selector_events: ModuleType) -> None:
    """Give each new event loop a selector that waits on the clock."""
    loop_class = selector_events.BaseSelectorEventLoop
    initialise, write_to_self = loop_class.__init__, loop_class._write_to_self

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        initialise(self, *args, **kwargs)
        if simulated_time() is not None:
            self._selector = ClockSelector(self._selector)

    def _write_to_self(self: Any) -> None:
        write_to_self(self)
        interrupt = getattr(self._selector, "interrupt", None)
        if interrupt:
            interrupt()

    replace(loop_class, "__init__", __init__)
    replace(loop_class, "_write_to_self", _write_to_self)


class ClockSelector:
    """A selector whose `select` waits on the clock; everything else is left to the original.

    Parameters
    ----------
    selector
        The loop's own.
    """

    def __init__(self, selector: BaseSelector) -> None:
        self._selector = selector
        self._waiting: tuple[SharedClock, ParticipantId, object] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._selector, name)

    def select(self, timeout: float | None = None) -> Any:
        """Return what is ready, at the latest `timeout` seconds of simulated time from now."""
        events = self._selector.select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        clock = shared_clock()
        if clock is None:
            return self._selector.select(None if timeout is None else real_seconds(timeout))
        limit = math.inf if timeout is None else timeout
        if len(self._selector.get_map()) > 1 or wakes_by_descriptor():
            self._waiting = (clock, clock.current() or (), OUTSIDE)
            events = wait_outside(clock, limit, self._look) or []
            self._waiting = None
            return events
        readings = stack[-1].readings  # the loop's own pipe alone: nothing comes from outside
        until, shown = readings.after(limit)
        token = (os.getpid(), "loop", next(_tokens))
        self._waiting = (clock, clock.current() or (), token)
        events = self._selector.select(0)  # another thread may have called since the first look
        while not events and clock.now() < until:  # a signal's handler may wait meanwhile
            clock.wait(until, token)
            events = self._selector.select(0)
        self._waiting = None
        if not events:
            readings.reached(shown)
        return events

    def _look(self, seconds: float | None, end: int | None) -> Any:
        if end is None:
            return self._selector.select(seconds)
        key = self._selector.register(end, EVENT_READ)
        try:
            return [found for found in self._selector.select(seconds) if found[0] is not key]
        finally:
            self._selector.unregister(end)

    def interrupt(self) -> None:
        """End a wait: another thread has work for the loop, and has written to its pipe."""
        waiting = self._waiting
        if waiting is not None:
            clock, participant, token = waiting
            clock.wake(participant, token)
