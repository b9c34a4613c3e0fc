"""A process in service time: what its code reads of clocks, and how long it sleeps and waits.

=====================================================================  ========================================
follows service time                                                   how
=====================================================================  ========================================
``time.time``, ``localtime``, ``datetime.now``, ``date.today``, ...    time_machine
``time.sleep``, ``monotonic``, ``ctime``                               replaced, also where imported by name
locks, events, conditions, queues, pools, ``Thread.join``, timeouts    the plain lock is replaced (`clock_lock`)
``asyncio.sleep``, timeouts, executors                                 the loop's selector waits on the clock
waiting for child processes                                            holds nobody up; its timeouts are real
=====================================================================  ========================================

Not covered: ``time.perf_counter`` and ``process_time`` (they measure the machine), timeouts of sockets, pipes and
child processes (they are real), locks made before, uvloop, gevent. Who waits for a socket, a pipe or the keyboard
counts as working, and time stands still, until a watchdog sees that it uses no processor time (for about a second)
and goes on without it; from then on the order of events is the machine's. In a notebook's kernel the cells live in
service time; the kernel's own threads, and those that cells start, wait in real time.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
import time
from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import time_machine

from ...clocks.base import ScaledClock
from ...clocks.virtual import VirtualClock
from ..watchdog import Watchdog
from .asyncio import ClockSelector
from .imports import forget, when_imported
from .threads import ClockLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType, TracebackType

    from ...clocks.base import Clock, Number

_sleep, _monotonic, _monotonic_ns, _ctime, _asctime = (
    time.sleep,
    time.monotonic,
    time.monotonic_ns,
    time.ctime,
    time.asctime,
)
# for modules that wait for children and pipes: what happens there between two ticks of the clock is real
_real_time = SimpleNamespace(sleep=_sleep, monotonic=_monotonic, time=time.time)
_away = threading.local()  # whether the thread is away already: `Popen.communicate` calls `Popen.wait`
_readings = threading.local()  # when the thread last read its monotonic clock, and how often at that instant
_MANY_READINGS = 1000
_RESOLUTION = 1_000_000_000
_UPTIME_S = 100_000.0  # monotonic clocks of machines have run for a while, and programs rely on it
_LEFT_ALONE = {"_pytest", "pytest", "pluggy", "xdist", "execnet", "time_machine", "mock_server"}
_LEFT_ALONE |= sys.stdlib_module_names - {"time", "threading", "queue", "sched"}  # these keep clock functions by name


class VirtualTime(contextlib.ContextDecorator):
    """While it is active, this process lives in the time of `clock`.

    A context manager and a decorator. On a virtual clock the calling thread, and every thread started within, is a
    party of the clock: time moves on when all of them wait. Threads that are alive when it ends and wait on the clock
    stay where they are.

    Parameters
    ----------
    clock
        Service time: virtual, or scaled.
    number
        The calling thread's number among those who share the clock; default: the first free one.
    threads
        Whether other threads live in service time, too; if not, clocks are read and sleeps are slept in it, no more.
    """

    stack: ClassVar[list[VirtualTime]] = []

    def __init__(self, clock: Clock, number: Number | None = None, *, threads: bool = True) -> None:
        self.clock: Any = clock
        self.threads = threads
        self.shared = hasattr(clock, "acting")
        self.number = number
        self._children: Counter[Number] = Counter()
        self._places: dict[Number, tuple[int, int]] = {}
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> VirtualTime:
        if self.shared:
            self._join()
        self._travel()
        if not VirtualTime.stack:
            _patch_clocks(self._undo)
            if self.threads:
                _patch_waits(self._undo)
        VirtualTime.stack.append(self)
        self._set_locks()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        VirtualTime.stack.remove(self)
        self._set_locks()
        self._undo.close()

    def next_child(self) -> Number:
        """Return the number of the next thread or process that the calling thread starts."""
        parent: Number = self.clock.acting()
        self._children[parent] += 1
        return (*parent, self._children[parent])

    def settled(self, number: Number) -> None:
        """Note which thread acts for a party: the calling one."""
        self._places[number] = (os.getpid(), threading.get_native_id())

    def _join(self) -> None:
        if self.clock.acting() is not None:  # this thread is a party already: we are nested
            return
        number = self.number
        if number is None:
            number = self.clock.join_next()
        else:
            self.clock.join(number)
        self.clock.attach(number)
        self.settled(number)
        self._undo.callback(self._part, number)
        if isinstance(self.clock, VirtualClock):  # in a run, the run looks after it
            dog = Watchdog(self.clock, self._places.get, _warn)
            dog.start()
            self._undo.callback(dog.close)

    def _part(self, number: Number) -> None:
        # whoever still waits is not set going by our leaving: with nobody to hold it back, time would race ahead
        self.clock.detach()
        if not self._children:
            self.clock.leave(number)

    def _travel(self) -> None:
        traveller = self._undo.enter_context(time_machine.travel(self.clock.now(), tick=False))
        # asked at every reading of a clock, so that time moved by anybody is seen at once
        traveller.time_ns = lambda: round(self.clock.now() * _RESOLUTION)  # type: ignore[method-assign]

    @staticmethod
    def _set_locks() -> None:
        current = VirtualTime.stack[-1] if VirtualTime.stack else None
        ClockLock.clock = current.clock if current and current.shared and current.threads else None
        ClockLock.scale = 1 / current.clock.factor if current and isinstance(current.clock, ScaledClock) else 1.0


def _warn(sentence: str) -> None:
    sys.stderr.write(f"xrt-mock: {sentence}\n")


def _current() -> VirtualTime | None:
    return VirtualTime.stack[-1] if VirtualTime.stack else None


def _patch_clocks(undo: contextlib.ExitStack) -> None:
    replace = functools.partial(_replace, undo)
    _rebind(undo, {id(_sleep): sleep, id(_monotonic): monotonic, id(_monotonic_ns): monotonic_ns})
    replace(time, "ctime", lambda seconds=None: _ctime(time.time() if seconds is None else seconds))
    replace(time, "asctime", lambda t=None: _asctime(time.localtime() if t is None else t))


def _patch_waits(undo: contextlib.ExitStack) -> None:
    replace = functools.partial(_replace, undo)
    replace(threading, "Lock", ClockLock)
    replace(threading, "_allocate_lock", ClockLock)
    replace(threading, "_CRLock", None)  # the Python one is built on the plain lock
    for name, make in (("start", _start), ("join", _join), ("_bootstrap_inner", _bootstrap_inner)):
        replace(threading.Thread, name, make(getattr(threading.Thread, name)))
    replace(threading, "_shutdown", _shutdown(threading._shutdown))  # type: ignore[attr-defined]  # private
    for name in ("wait", "system"):
        replace(os, name, _held_by_nobody(getattr(os, name)))
    replace(os, "waitpid", _waitpid(os.waitpid))
    hooks: dict[str, Callable[[ModuleType], None]] = {
        "queue": lambda module: replace(module, "SimpleQueue", module._PySimpleQueue),
        "subprocess": lambda module: _patch_subprocess(replace, module),
        "multiprocessing.connection": lambda module: replace(module, "time", _real_time),
        "asyncio.selector_events": lambda module: _patch_asyncio(replace, module),
    }
    for name, hook in hooks.items():
        when_imported(name, hook)
        undo.callback(forget, name, hook)


def _replace(undo: contextlib.ExitStack, owner: Any, name: str, ours: Any) -> None:
    undo.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, ours)


def _rebind(undo: contextlib.ExitStack, ours: dict[int, Any]) -> None:
    """Replace functions of `time`, given by identity, wherever a module knows them by name."""
    for module_name, module in list(sys.modules.items()):
        if module_name.partition(".")[0] in _LEFT_ALONE:
            continue
        names = getattr(module, "__dict__", {})
        for name in [name for name, value in list(names.items()) if id(value) in ours]:
            _replace(undo, module, name, ours[id(names[name])])


def sleep(seconds: float) -> None:
    """Do what `time.sleep` does, in service time."""
    current = _current()
    if current is None or (current.shared and current.clock.acting() is None):
        _sleep(seconds)
        return
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    current.clock.sleep(seconds)


def monotonic() -> float:
    """Return service time, as `time.monotonic` would [s].

    Some code waits until a deadline is not only reached but passed. So that this happens, the clock creeps on by a
    microsecond a reading once it has been read many times at one instant.
    """
    current = _current()
    if current is None:
        return _monotonic()
    now: float = current.clock.now()
    readings = _readings.__dict__
    count = readings["count"] = readings.get("count", 0) + 1 if readings.get("now") == now else 0
    readings["now"] = now
    return now - float(current.clock.origin) + _UPTIME_S + max(0, count - _MANY_READINGS) * 1e-6


def monotonic_ns() -> int:
    """Return service time, as `time.monotonic_ns` would [ns]."""
    return round(monotonic() * _RESOLUTION) if _current() else _monotonic_ns()


def _start(original: Any) -> Any:
    def start(self: Any) -> None:
        current = _current()
        if current is None or not current.shared or current.clock.acting() is None:
            original(self)
            return
        self._xrt_mock = _Place(current, current.next_child())
        try:
            original(self)
        except RuntimeError:  # started before, or no more threads to be had
            current.clock.leave(self._xrt_mock.number)
            raise

    return start


class _Place:
    """A thread's place on the clock, taken before it exists, so that time cannot pass it by."""

    def __init__(self, life: VirtualTime, number: Number) -> None:
        self.life, self.clock, self.number = life, life.clock, number
        self.running = ClockLock()
        self.running.acquire()
        self.clock.join(number)


def _bootstrap_inner(original: Any) -> Any:
    def bootstrap(self: Any) -> None:
        place = getattr(self, "_xrt_mock", None)
        if place is None:
            original(self)
            return
        place.clock.attach(place.number)
        place.life.settled(place.number)
        run = self.run

        def run_in_turn() -> None:
            del self.run
            place.clock.turn()
            run()

        self.run = run_in_turn
        try:
            original(self)
        finally:
            place.running.release()
            place.clock.leave(place.number)

    return bootstrap


def _join(original: Any) -> Any:
    def join(self: Any, timeout: float | None = None) -> None:
        place = getattr(self, "_xrt_mock", None)
        if place is None or self is threading.current_thread():
            original(self, timeout)
        elif place.running.acquire(True, -1 if timeout is None else max(timeout, 0)):
            place.running.release()
            original(self)

    return join


def _held_by_nobody(original: Any, child_of: Callable[..., int | None] = lambda *_args: None) -> Any:
    """Let a wait for something other than the clock hold nobody up.

    `child_of` finds in the arguments which child process is waited for.
    """

    @functools.wraps(original)
    def wait(*args: Any, **kwargs: Any) -> Any:
        current = _current()
        if current is None or not current.shared or current.clock.acting() is None or getattr(_away, "now", False):
            return original(*args, **kwargs)
        _away.now = True
        try:
            with current.clock.away(child=child_of(*args)):
                return original(*args, **kwargs)
        finally:
            _away.now = False

    return wait


def _shutdown(original: Any) -> Any:
    waiting = _held_by_nobody(original)

    def shutdown() -> None:
        """Wait for the program's threads at its end, in their time."""
        (waiting if threading.active_count() > 1 else original)()

    return shutdown


def _waitpid(original: Any) -> Any:
    waiting = _held_by_nobody(original, lambda pid, *_: pid)

    @functools.wraps(original)
    def waitpid(pid: int, options: int) -> Any:
        return (original if options & os.WNOHANG else waiting)(pid, options)

    return waitpid


def _unless_ended(original: Any) -> Any:
    waiting = _held_by_nobody(original, lambda self, *_: self.pid)

    @functools.wraps(original)
    def wait(self: Any, *args: Any, **kwargs: Any) -> Any:
        return (waiting if self.poll() is None else original)(self, *args, **kwargs)

    return wait


def _patch_subprocess(replace: Callable[[Any, str, Any], None], subprocess: Any) -> None:
    replace(subprocess, "time", _real_time)
    for name in ("wait", "communicate"):
        replace(subprocess.Popen, name, _unless_ended(getattr(subprocess.Popen, name)))


def _patch_asyncio(replace: Callable[[Any, str, Any], None], selector_events: Any) -> None:
    loop_class = selector_events.BaseSelectorEventLoop
    initialise, write_to_self = loop_class.__init__, loop_class._write_to_self

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        initialise(self, *args, **kwargs)
        current = _current()
        if current is not None:
            self._selector = ClockSelector(self._selector, current.clock, current.shared)

    def _write_to_self(self: Any) -> None:
        write_to_self(self)
        interrupt = getattr(self._selector, "interrupt", None)
        if interrupt:
            interrupt()

    replace(loop_class, "__init__", __init__)
    replace(loop_class, "_write_to_self", _write_to_self)
