"""An event loop's selector whose timeouts are service time; so `asyncio` sleeps on the clock."""

from __future__ import annotations

import itertools
import math
import os
from typing import TYPE_CHECKING, Any

from .threads import ClockLock

if TYPE_CHECKING:
    from selectors import BaseSelector

_GRACE_S = 0.05  # real time given to sockets and pipes before the loop's own timers count
_SLICE_S = 0.02  # real time between two looks at the clock while sockets are waited for
_tokens = itertools.count(1)


class ClockSelector:
    """Everything is the selector's own but `select`.

    Parameters
    ----------
    selector
        Looks after the loop's sockets and pipes.
    clock
        Service time.
    shared
        Whether its parties wait for one another.
    """

    def __init__(self, selector: BaseSelector, clock: Any, shared: bool) -> None:
        self._selector, self._clock, self._shared = selector, clock, shared
        self._waiting: tuple[Any, Any] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._selector, name)

    def select(self, timeout: float | None = None) -> Any:
        """Return what is ready, at the latest `timeout` seconds of service time from now."""
        events = self._selector.select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        number = self._clock.acting() if self._shared else None
        if number is None:
            return self._selector.select(None if timeout is None else timeout * ClockLock.scale)
        until = math.inf if timeout is None else self._after(timeout)
        if len(self._selector.get_map()) <= 1:  # the loop's own pipe alone: nothing comes from outside
            return self._wait(number, until)
        return self._wait_with_sockets(until)

    def _after(self, timeout: float) -> float:
        now = float(self._clock.now())
        return max(now + timeout, math.nextafter(now, math.inf))  # a timeout too small to be added still ends

    def _wait(self, number: Any, until: float) -> Any:
        token = (os.getpid(), "loop", next(_tokens))
        self._waiting = (number, token)
        events = self._selector.select(0)  # somebody may have called between the first look and here
        if not events:
            self._clock.wait(until, token)
            events = self._selector.select(0)
        self._waiting = None
        return events

    def _wait_with_sockets(self, until: float) -> Any:
        with self._clock.away():
            events = self._selector.select(_GRACE_S)
        while not events and self._clock.now() < until:
            with self._clock.away(until):
                events = self._selector.select(_SLICE_S)
        return events

    def interrupt(self) -> None:
        """End a wait: another thread has work for the loop, and has written to its pipe."""
        waiting = self._waiting
        if waiting is not None:
            self._clock.wake(*waiting)
