"""Libraries that need more than the standard library's functions.

They are trio with its clock and lock, front ends of notebooks, and libraries that set the time of a test themselves.
"""

from __future__ import annotations

import _thread
import contextlib
import functools
import math
import threading
import time
import warnings
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import time_machine

from .current import shared_clock, simulated_time, stack
from .outside import OUTSIDE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType


def patch_trio_clock(replace: Callable[[Any, str, Any], None], run: ModuleType) -> None:
    """Let trio's own clock show simulated time; it counts from a performance counter otherwise.

    A loop that waits for ever wakes once a day by itself: a program that hangs would pass years without end.
    """
    original = run.SystemClock.current_time

    def current_time(self: Any) -> Any:
        return original(self) if simulated_time() is None else time.monotonic()

    replace(run.SystemClock, "current_time", current_time)
    replace(run, "_MAX_TIMEOUT", math.inf)


def patch_trio_queue(replace: Callable[[Any, str, Any], None], entry_queue: ModuleType) -> None:
    """Give trio the reentrant lock of C that it insists on, and tell the clock that a thread has work for its loop."""
    queue = entry_queue.EntryQueue
    initialise, run_sync_soon = queue.__init__, queue.run_sync_soon
    waiting: dict[int, Any] = {}

    @functools.wraps(initialise)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        ours = threading._CRLock  # type: ignore[attr-defined]  # None while locks are replaced
        threading._CRLock = _thread.RLock  # type: ignore[attr-defined]
        try:
            initialise(self, *args, **kwargs)
        finally:
            threading._CRLock = ours  # type: ignore[attr-defined]
        clock = shared_clock()
        if clock is not None:
            waiting[id(self)] = (clock, clock.current())

    @functools.wraps(run_sync_soon)
    def soon(self: Any, *args: Any, **kwargs: Any) -> None:
        run_sync_soon(self, *args, **kwargs)
        clock, loop = waiting.get(id(self), (None, None))
        if clock is not None and clock.current() not in (None, loop):
            clock.wake(loop, OUTSIDE)

    replace(queue, "__init__", __init__)
    replace(queue, "run_sync_soon", soon)


_LOOK_S = 1.0


class OtherTimeWarning(UserWarning):
    """A test sets the time by another library than the simulator, so its clocks and the service's differ."""


class Travel(time_machine.travel):
    """The simulator's own way to set the time."""


def patch_time_machine(replace: Callable[[Any, str, Any], None], module: ModuleType) -> None:
    """Say that the time which a test sets with time-machine is not the service's."""
    _say_when_started(replace, module.travel, "time_machine.travel", Travel)


def patch_freezegun(replace: Callable[[Any, str, Any], None], api: ModuleType) -> None:
    """Say that the time which a test sets with freezegun is not the service's."""
    _say_when_started(replace, api._freeze_time, "freezegun.freeze_time", ())


def _say_when_started(
    replace: Callable[[Any, str, Any], None], kind: type[Any], name: str, ours: type[Any] | tuple[()]
) -> None:
    original = kind.start

    @functools.wraps(original)
    def start(self: Any) -> Any:
        if simulated_time() is not None and not isinstance(self, ours):
            warnings.warn(
                f"{name} changes what the program reads from its clocks, and not the simulated service's time; to move "
                "both, call xrt_mock.clock.advance(seconds), or give the scenario a start",
                OtherTimeWarning,
                stacklevel=3,
            )
        return original(self)

    replace(kind, "start", start)


def patch_nbclient(replace: Callable[[Any, str, Any], None], client: ModuleType) -> None:
    """Let the execution of a notebook wait in real time: its cells live in a kernel, a program of its own."""
    original = client.NotebookClient.execute

    @functools.wraps(original)
    def execute(*args: Any, **kwargs: Any) -> Any:
        with in_real_time():
            return original(*args, **kwargs)

    replace(client.NotebookClient, "execute", execute)


def patch_joblib(replace: Callable[[Any, str, Any], None], parallel: ModuleType) -> None:
    """Let joblib look for results every second: it looks a hundred times a second of simulated time otherwise."""
    seldom = SimpleNamespace(time=time.time, sleep=lambda seconds: time.sleep(max(seconds, _LOOK_S)))
    replace(parallel, "time", seldom)


@contextlib.contextmanager
def in_real_time() -> Iterator[None]:
    """Context manager: this process waits in real time, and simulated time does not wait for the calling thread."""
    clock = shared_clock()
    if clock is None:
        yield
        return
    with clock.away():
        suspended, stack[:] = list(stack), []
        try:
            yield
        finally:
            stack[:] = suspended
