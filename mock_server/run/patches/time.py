"""A process in simulated time: the clocks that its code reads, its sleeps and its waits.

=====================================================================  ========================================
follows simulated time                                                 how
=====================================================================  ========================================
``time.time``, ``localtime``, ``datetime.now``, ``date.today``, ...    time_machine
``time.sleep``, ``monotonic``, ``ctime``                               replaced, also where imported by name
locks, events, conditions, queues, pools, ``Thread.join``, timeouts    the plain lock is replaced (`threads`)
``asyncio.sleep``, timeouts, executors                                 the loop's selector is replaced (`asyncio`)
waits for child processes                                              time does not wait (`processes`)
=====================================================================  ========================================

Also: time limits of ``select`` and ``selectors`` (`selecting`, `outside`), trio and programs that execute notebooks
(`foreign`). Not covered: ``time.perf_counter`` and ``process_time`` (they measure the machine), timeouts of sockets,
``signal.alarm`` (they are real), locks made before, uvloop, gevent. A thread that waits for a socket, a pipe or the
keyboard counts as running, and time stands still. In a run on Linux it goes on when it is proven that no process of the
run can; elsewhere when a watchdog has seen for about a second that the thread uses no processor time, and then the
order of events is the machine's. In a notebook's kernel the cells live
in simulated time; the kernel's own threads, and those that cells start, wait in real time.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from ...transport.imports import forget, when_imported
from ..watchdog import Watchdog, warn
from .asyncio import patch_asyncio
from .current import simulated_time, stack
from .foreign import (
    Travel,
    patch_freezegun,
    patch_joblib,
    patch_nbclient,
    patch_time_machine,
    patch_trio_clock,
    patch_trio_queue,
)
from .processes import patch_multiprocessing, patch_os, patch_subprocess
from .readings import NS, Readings
from .selecting import patch_select, patch_selectors, patch_signal
from .threads import patch_cookies, patch_pools, patch_queue, patch_threads

if TYPE_CHECKING:
    from types import TracebackType

    from ...clocks.base import Clock, ParticipantId
    from ..kernel import NativeThread

_sleep, _monotonic, _monotonic_ns, _ctime, _asctime = (
    time.sleep,
    time.monotonic,
    time.monotonic_ns,
    time.ctime,
    time.asctime,
)
_UPTIME_NS = 100_000 * NS  # programs rely on a monotonic clock that does not start at 0
_LEFT_ALONE = {"_pytest", "pytest", "pluggy", "xdist", "execnet", "time_machine", "mock_server"}
_LEFT_ALONE |= sys.stdlib_module_names - {"time", "threading", "queue", "sched"}  # these keep clock functions by name
_PATCHES = {
    "queue": patch_queue,
    "nbclient.client": patch_nbclient,
    "joblib.parallel": patch_joblib,
    "trio._core._entry_queue": patch_trio_queue,
    "trio._core._run": patch_trio_clock,
    "time_machine": patch_time_machine,
    "freezegun.api": patch_freezegun,
    "select": patch_select,
    "selectors": patch_selectors,
    "signal": patch_signal,
    "subprocess": patch_subprocess,
    "multiprocessing.connection": patch_multiprocessing,
    "asyncio.selector_events": patch_asyncio,
    "http.cookiejar": patch_cookies,
    "urllib3._collections": patch_pools,
}


class SimulatedTime(contextlib.ContextDecorator):
    """Lets this process live in the time of `clock` while it is active.

    A context manager and a decorator. On a virtual clock the calling thread, and every thread that it starts, is a
    participant: time moves on when all of them wait. Threads that are alive when it ends and wait on the clock stay
    blocked.

    Parameters
    ----------
    clock
        Simulated time: virtual, or scaled.
    threads
        Whether locks, threads and event loops live in simulated time, too; if not, only readings of clocks and sleeps.
    """

    def __init__(self, clock: Clock, *, threads: bool = True) -> None:
        self.clock: Any = clock
        self.threads = threads
        self.shared = hasattr(clock, "join")
        self.readings = Readings(clock)
        self._children: Counter[ParticipantId] = Counter()
        self._native: dict[ParticipantId, NativeThread] = {}
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> SimulatedTime:
        if self.shared and self.clock.current() is None:  # else this thread is a participant already: we are nested
            participant = self.clock.join_next()
            self.clock.attach(participant)
            self.runs_here(participant)

            def leave() -> None:
                # threads that still wait must not run on when we leave: nothing would hold time back any more
                self.clock.detach()
                if not self._children:
                    self.clock.leave(participant)

            self._undo.callback(leave)
            # a program of a run is a participant from its beginning, and the run has the watchdog
            watchdog = Watchdog(self.clock, self._native.get, warn)
            watchdog.start()
            self._undo.callback(watchdog.close)
        traveller = self._undo.enter_context(Travel(self.clock.now(), tick=False))
        # computed at every reading of a clock, so that time moved by another thread is seen at once
        traveller.time_ns = self.read  # type: ignore[method-assign]
        if not stack:
            _patch(self._undo, waits=self.threads)
        stack.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        stack.remove(self)
        self._undo.close()

    def read(self) -> int:
        """Return the time that a clock shows [ns since 1970-01-01 UTC]."""
        return self.readings.read() if self.shared else round(self.clock.now() * NS)

    def sleep(self, seconds: float) -> None:
        """Return once clocks show that `seconds` have passed."""
        if not self.shared:
            self.clock.sleep(seconds)
            return
        until, shown = self.readings.after(seconds)
        self.clock.wait(until)
        while self.clock.now() < until:  # a signal's handler has waited meanwhile
            self.clock.wait(until)
        self.readings.reached(shown)

    def next_child(self) -> ParticipantId:
        """Return the id of the next thread or process that the calling thread starts."""
        parent: ParticipantId = self.clock.current()
        self._children[parent] += 1
        return (*parent, self._children[parent])

    def begin_anew(self) -> None:
        """Forget children and readings: the clock shows the time of another run."""
        self._children.clear()
        self.readings = Readings(self.clock)

    def runs_here(self, participant: ParticipantId) -> None:
        """Note that the calling thread acts for a participant."""
        self._native[participant] = (os.getpid(), threading.get_native_id())


def _patch(undo: contextlib.ExitStack, *, waits: bool) -> None:
    """Replace what reads clocks and, if asked to, what `waits`; `undo` puts it back."""

    def replace(owner: Any, name: str, ours: Any) -> None:
        undo.callback(setattr, owner, name, getattr(owner, name))
        setattr(owner, name, ours)

    replacements = {id(_sleep): sleep, id(_monotonic): monotonic, id(_monotonic_ns): monotonic_ns}
    for module_name, module in list(sys.modules.items()):
        if module_name.partition(".")[0] not in _LEFT_ALONE:
            for name, value in list(getattr(module, "__dict__", {}).items()):
                if id(value) in replacements:
                    replace(module, name, replacements[id(value)])
    replace(time, "ctime", lambda seconds=None: _ctime(time.time() if seconds is None else seconds))
    replace(time, "asctime", lambda t=None: _asctime(time.localtime() if t is None else t))
    if waits:
        patch_threads(replace)
        patch_os(replace)
        for name, patch in _PATCHES.items():
            hook = functools.partial(patch, replace)
            when_imported(name, hook)
            undo.callback(forget, name, hook)


def sleep(seconds: float) -> None:
    """Do what `time.sleep` does, in simulated time."""
    current = simulated_time()
    if current is None or (current.shared and current.clock.current() is None):
        _sleep(seconds)
        return
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    current.sleep(seconds)


def monotonic() -> float:
    """Return simulated time, as `time.monotonic` would [s]."""
    return monotonic_ns() / NS if simulated_time() else _monotonic()


def monotonic_ns() -> int:
    """Return simulated time, as `time.monotonic_ns` would [ns]."""
    current = simulated_time()
    return _monotonic_ns() if current is None else current.read() - round(current.clock.origin * NS) + _UPTIME_NS
