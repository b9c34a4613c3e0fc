"""`select` and `selectors`, whose time limits are simulated, and the alarms of `signal`, which are real."""

from __future__ import annotations

import contextlib
import functools
import math
from typing import TYPE_CHECKING, Any

from ..watchdog import warn
from .current import shared_clock
from .outside import inside, is_outside, wait_outside

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


_READABLE = 1  # POLLIN and EPOLLIN
_wakes_up = -1


def patch_select(replace: Callable[[Any, str, Any], None], select: ModuleType) -> None:
    """Replace `select.select`, and the objects of `select.poll` and `select.epoll`."""
    original = select.select

    @functools.wraps(original)
    def limited(readable: Any, writable: Any, special: Any, timeout: float | None = None) -> Any:
        clock = shared_clock()
        if clock is None or is_outside() or timeout is None or timeout <= 0:
            return original(readable, writable, special, timeout)
        watched = [list(files) for files in (readable, writable, special)]
        if not any(watched):
            from .time import sleep  # noqa: PLC0415 - `time` imports this module

            sleep(timeout)
            return original([], [], [], 0)

        def look(seconds: float | None, end: int | None) -> Any:
            ends = [] if end is None else [end]
            found, *others = original([*watched[0], *ends], *watched[1:], seconds)
            result = ([file for file in found if file not in ends], *others)
            return result if any(result) else None

        return wait_outside(clock, timeout, look) or ([], [], [])

    replace(select, "select", limited)
    for name, unit in (("poll", 1000), ("epoll", 1)):
        if hasattr(select, name):
            replace(select, name, _with_limited_poll(getattr(select, name), unit))


def patch_selectors(replace: Callable[[Any, str, Any], None], selectors: ModuleType) -> None:
    """Let the selectors use what `select` has now."""
    select = selectors.select
    replace(selectors.SelectSelector, "_select", lambda _self, *args: select.select(*args))
    for name in ("poll", "epoll"):
        selector = getattr(selectors, f"{name.capitalize()}Selector", None)
        if selector is not None:
            replace(selector, "_selector_cls", getattr(select, name))


def wakes_by_descriptor() -> bool:
    """Whether signals are written to a descriptor, which an event loop has to watch meanwhile."""
    return _wakes_up != -1


class _Handler:
    """A signal's handler, whose waits are simulated whatever the thread that it interrupts waits for."""

    def __init__(self, handler: Callable[[int, Any], Any]) -> None:
        self.handler = handler

    def __call__(self, number: int, frame: Any) -> Any:
        handling = getattr(shared_clock(), "handling", contextlib.nullcontext)
        with inside(), handling():
            return self.handler(number, frame)


def patch_signal(replace: Callable[[Any, str, Any], None], signal: ModuleType) -> None:
    """Let handlers wait in simulated time; say once in a run that an alarm is real: it may be hours late."""
    current, install, set_wakeup = signal.getsignal, signal.signal, signal.set_wakeup_fd

    @functools.wraps(current)
    def getsignal(number: int) -> Any:
        handler = current(number)
        return handler.handler if isinstance(handler, _Handler) else handler

    @functools.wraps(install)
    def set_handler(number: int, handler: Any) -> Any:
        before = getsignal(number)
        install(
            number, _Handler(handler) if callable(handler) and handler is not signal.default_int_handler else handler
        )
        return before

    @functools.wraps(set_wakeup)
    def set_wakeup_fd(descriptor: int, **options: Any) -> int:
        global _wakes_up  # noqa: PLW0603 - the interpreter has one
        before = int(set_wakeup(descriptor, **options))
        _wakes_up = descriptor
        return before

    replace(signal, "getsignal", getsignal)
    replace(signal, "signal", set_handler)
    replace(signal, "set_wakeup_fd", set_wakeup_fd)
    if not hasattr(signal, "setitimer"):  # Windows
        return
    warned: list[str] = []
    alarm, set_timer = signal.alarm, signal.setitimer

    def say(name: str) -> None:
        if not warned and hasattr(shared_clock(), "page"):  # fixtures leave the time limits of tests alone
            warned.append(name)
            warn(
                f"signal.{name} counts seconds of real time, in which hours of simulated time may pass; give the call "
                "that is to end a timeout of its own"
            )

    @functools.wraps(alarm)
    def said_alarm(seconds: int) -> int:
        if seconds:
            say("alarm")
        return int(alarm(seconds))

    @functools.wraps(set_timer)
    def said_timer(which: int, seconds: float, interval: float = 0.0) -> Any:
        if seconds and which == signal.ITIMER_REAL:
            say("setitimer")
        return set_timer(which, seconds, interval)

    replace(signal, "alarm", said_alarm)
    replace(signal, "setitimer", said_timer)


def _with_limited_poll(make: Any, unit: int) -> Any:
    """Return what makes an object whose `poll` takes a simulated limit, in units of which a second has `unit`."""

    class Limited:
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._inner = make(*args, **kwargs)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        def __enter__(self) -> Any:
            self._inner.__enter__()
            return self

        def __exit__(self, *error: Any) -> None:
            self._inner.__exit__(*error)

        def poll(self, timeout: float | None = None, *more: Any) -> Any:
            clock = shared_clock()
            if clock is None or is_outside() or timeout is None or timeout <= 0:
                return self._inner.poll(None if timeout == math.inf else timeout, *more)

            def look(seconds: float | None, end: int | None) -> Any:
                limit = None if seconds is None else seconds * unit
                if end is None:
                    return self._inner.poll(limit, *more)
                self._inner.register(end, _READABLE)
                try:
                    found = self._inner.poll(limit, *(most + 1 for most in more))
                finally:
                    self._inner.unregister(end)
                return [pair for pair in found if pair[0] != end]

            return wait_outside(clock, timeout / unit, look) or []

    return functools.wraps(make, updated=())(Limited)
