"""Waits for child processes: they last as long as the child, and time does not wait for the parent meanwhile."""

from __future__ import annotations

import functools
import os
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from .current import shared_clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

# for modules that wait for children and pipes: their pauses and timeouts are real
_real_time = SimpleNamespace(sleep=time.sleep, monotonic=time.monotonic, time=time.time)
_away = threading.local()  # whether the thread is away already: `Popen.communicate` calls `Popen.wait`


def patch_os(replace: Callable[[Any, str, Any], None]) -> None:
    """Replace the waits for children in `os`."""
    for name in ("wait", "system"):
        replace(os, name, counted_as_waiting(getattr(os, name)))
    original = os.waitpid
    waiting = counted_as_waiting(original, lambda pid, *_: pid)

    @functools.wraps(original)
    def waitpid(pid: int, options: int) -> Any:
        return (original if options & os.WNOHANG else waiting)(pid, options)

    replace(os, "waitpid", waitpid)


def patch_subprocess(replace: Callable[[Any, str, Any], None], subprocess: ModuleType) -> None:
    """Replace the waits of `subprocess`."""
    replace(subprocess, "time", _real_time)
    for name in ("wait", "communicate"):
        replace(subprocess.Popen, name, _unless_ended(getattr(subprocess.Popen, name)))


def patch_multiprocessing(replace: Callable[[Any, str, Any], None], connection: ModuleType) -> None:
    """Let `multiprocessing.connection` wait for pipes in real time."""
    replace(connection, "time", _real_time)


def counted_as_waiting(original: Any, child_of: Callable[..., int | None] = lambda *_args: None) -> Any:
    """Return a function that waits for something other than the clock, during which its thread counts as waiting.

    Parameters
    ----------
    original
        The function.
    child_of
        Returns from its arguments the child process [pid] that it waits for.
    """

    @functools.wraps(original)
    def wait(*args: Any, **kwargs: Any) -> Any:
        clock = shared_clock()
        if clock is None or getattr(_away, "now", False):
            return original(*args, **kwargs)
        _away.now = True
        try:
            with clock.away(child=child_of(*args)):
                return original(*args, **kwargs)
        finally:
            _away.now = False

    return wait


def _unless_ended(original: Any) -> Any:
    waiting = counted_as_waiting(original, lambda self, *_: self.pid)

    @functools.wraps(original)
    def wait(self: Any, *args: Any, **kwargs: Any) -> Any:
        return (waiting if self.poll() is None else original)(self, *args, **kwargs)

    return wait
