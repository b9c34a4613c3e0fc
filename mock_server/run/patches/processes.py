"""Waits for child processes: they last as long as the child, and time does not wait for the parent meanwhile."""

from __future__ import annotations

import functools
import os
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ..kernel import wait_for_end
from .current import shared_clock
from .outside import is_outside, limits_for, outside, own_monotonic, wait_outside

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

# for modules that wait for children and pipes: their pauses are real, their limits those of the calling thread
_own_time = SimpleNamespace(sleep=time.sleep, monotonic=own_monotonic, time=time.time)


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
    replace(subprocess, "time", _own_time)
    replace(subprocess, "_time", own_monotonic)
    communicate = subprocess.Popen.communicate
    unlimited = _unless_ended(communicate)

    @functools.wraps(communicate)
    def limited(self: Any, input: Any = None, timeout: float | None = None) -> Any:  # noqa: A002 - its own name
        if timeout is None:
            return unlimited(self, input)
        with limits_for(self.pid):
            return communicate(self, input, timeout)

    replace(subprocess.Popen, "communicate", limited)
    replace(subprocess.Popen, "wait", _limited(subprocess.Popen.wait, subprocess.TimeoutExpired))


def patch_multiprocessing(replace: Callable[[Any, str, Any], None], connection: ModuleType) -> None:
    """Let the limits of `multiprocessing.connection` be those of the calling thread."""
    replace(connection, "time", _own_time)


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
        if clock is None or is_outside():
            return original(*args, **kwargs)
        with outside(), clock.away(child=child_of(*args)):
            return original(*args, **kwargs)

    return wait


def _limited(original: Any, expired: Any) -> Any:
    """Return a `Popen.wait` whose limit is simulated."""
    unlimited = _unless_ended(original)

    @functools.wraps(original)
    def wait(self: Any, timeout: float | None = None) -> Any:
        clock = shared_clock()
        if clock is None or is_outside() or timeout is None:
            return unlimited(self, timeout)

        def look(seconds: float | None, end: int | None) -> Any:
            if end is not None:
                wait_for_end(self.pid, seconds, end)
            try:
                return (original(self, 0 if end is not None else seconds),)
            except expired:
                return None

        ended = wait_outside(clock, timeout, look, child=self.pid)
        if not ended:
            raise expired(self.args, timeout)
        return ended[0]

    return wait


def _unless_ended(original: Any) -> Any:
    waiting = counted_as_waiting(original, lambda self, *_: self.pid)

    @functools.wraps(original)
    def wait(self: Any, *args: Any, **kwargs: Any) -> Any:
        return (waiting if self.poll() is None else original)(self, *args, **kwargs)

    return wait
