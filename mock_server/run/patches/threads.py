"""Threads and locks that wait on the clock.

`threading`'s conditions, events, semaphores, queues, pools and barriers are all built on the plain lock. With the lock
of this module, their waits and timeouts follow simulated time. A released lock goes to the thread that waited longest,
so that the order in which threads go on does not depend on the machine.

A thread that is no participant of the clock waits in real time, as without the patch.
"""

from __future__ import annotations

import _thread
import itertools
import math
import os
import threading
from collections import deque
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from .current import real_seconds, shared_clock, simulated_time, stack
from .processes import counted_as_waiting

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from .time import SimulatedTime

_tokens = itertools.count(1)


def patch_threads(replace: Callable[[Any, str, Any], None]) -> None:
    """Give `threading` our lock, and each new thread a participant of its own."""
    replace(threading, "Lock", ClockLock)
    replace(threading, "_allocate_lock", ClockLock)
    replace(threading, "_CRLock", None)  # the Python one is built on the plain lock
    thread = threading.Thread
    replace(thread, "start", starting(thread.start))
    replace(thread, "join", joining(thread.join))
    replace(thread, "_bootstrap_inner", running(thread._bootstrap_inner))  # type: ignore[attr-defined]  # private
    original = threading._shutdown  # type: ignore[attr-defined]  # private: waits for the threads of an ending program
    waiting = counted_as_waiting(original)

    def shutdown() -> None:
        (waiting if threading.active_count() > 1 else original)()

    replace(threading, "_shutdown", shutdown)


def patch_queue(replace: Callable[[Any, str, Any], None], queue: ModuleType) -> None:
    """Give `queue` the simple queue that is built on the plain lock."""
    replace(queue, "SimpleQueue", queue._PySimpleQueue)


def patch_cookies(replace: Callable[[Any, str, Any], None], cookiejar: ModuleType) -> None:
    """Give jars of cookies the plain lock: each call takes it several times, and nothing waits while it is held."""
    replace(cookiejar, "_threading", SimpleNamespace(RLock=_thread.RLock))


def patch_pools(replace: Callable[[Any, str, Any], None], collections: ModuleType) -> None:
    """Give urllib3's pools of connections the plain lock, for the same reason."""
    replace(collections, "RLock", _thread.RLock)


class _Waiter:
    """A thread that waits for a lock: on the clock if it is a participant, else for `released`."""

    __slots__ = ("clock", "granted", "participant", "released", "token")

    def __init__(self) -> None:
        self.clock = shared_clock()
        self.participant = self.clock.current() if self.clock else None
        self.token = (os.getpid(), next(_tokens))
        self.granted = False
        self.released = _thread.allocate_lock()
        self.released.acquire()

    def wait(self, timeout: float) -> None:
        """Return when woken, or after `timeout` [s]; never if that is -1."""
        if self.clock is None:
            self.released.acquire(True, timeout if timeout == -1 else real_seconds(timeout))
            return
        readings = stack[-1].readings
        until, shown = readings.after(math.inf if timeout == -1 else timeout)
        self.clock.wait(until, self.token)
        while not self.granted and self.clock.now() < until:  # a signal's handler has waited meanwhile
            self.clock.wait(until, self.token)
        if not self.granted:
            readings.reached(shown)

    def wake(self) -> None:
        if self.clock is None:
            self.released.release()
        else:
            self.clock.wake(self.participant, self.token)


class ClockLock:
    """Replaces `threading.Lock`."""

    def __init__(self) -> None:
        self._mutex = _thread.allocate_lock()
        self._locked = False
        self._waiters: deque[_Waiter] = deque()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock; return False if it could not be taken (in time)."""
        if timeout != -1 and (timeout < 0 or not blocking):
            raise ValueError("timeout value must be a non-negative number, and only goes with blocking")
        with self._mutex:
            if not self._locked:
                self._locked = True
                return True
            if not blocking or timeout == 0:
                return False
            waiter = _Waiter()
            self._waiters.append(waiter)
        try:
            waiter.wait(timeout)
        except BaseException:
            if not self._withdraw(waiter):
                self.release()
            raise
        return not self._withdraw(waiter)

    def _withdraw(self, waiter: _Waiter) -> bool:
        """Stop waiting; return False if the lock was granted before that."""
        with self._mutex:
            if not waiter.granted:
                self._waiters.remove(waiter)
            return not waiter.granted

    def release(self) -> None:
        """Give the lock to the thread that waited longest, or leave it open."""
        with self._mutex:
            if not self._locked:
                raise RuntimeError("release unlocked lock")
            if not self._waiters:
                self._locked = False
                return
            waiter = self._waiters.popleft()
            waiter.granted = True
        waiter.wake()

    def locked(self) -> bool:
        """Whether a thread has it."""
        return self._locked

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_exception: Any) -> None:
        self.release()

    def _at_fork_reinit(self) -> None:  # threading calls this in a forked child
        self._mutex = _thread.allocate_lock()
        self._locked = False
        self._waiters.clear()

    acquire_lock, release_lock, locked_lock = acquire, release, locked


class _NewThread:
    """A thread's part in the clock, which it joins before it exists, so that time cannot pass it by."""

    def __init__(self, simulated: SimulatedTime) -> None:
        self.simulated, self.clock = simulated, simulated.clock
        self.participant = simulated.next_child()
        self.running = ClockLock()
        self.running.acquire()
        self.clock.join(self.participant)


def starting(original: Any) -> Any:
    """Return a `Thread.start` that has the new thread join the clock."""

    def start(self: Any) -> None:
        simulated = simulated_time()
        if simulated is None or shared_clock() is None:
            original(self)
            return
        self._xrt_mock = _NewThread(simulated)
        try:
            original(self)
        except RuntimeError:  # it was started before, or the machine has no more threads
            self._xrt_mock.clock.leave(self._xrt_mock.participant)
            raise

    return start


def running(original: Any) -> Any:
    """Return what runs in a new thread: the original, as a participant that then leaves the clock."""

    def bootstrap(self: Any) -> None:
        new: _NewThread | None = getattr(self, "_xrt_mock", None)
        if new is None:
            original(self)
            return
        new.clock.attach(new.participant)
        new.simulated.runs_here(new.participant)
        run = self.run

        def run_in_turn() -> None:
            del self.run
            new.clock.turn()
            run()

        self.run = run_in_turn
        try:
            original(self)
        finally:
            new.running.release()
            new.clock.leave(new.participant)

    return bootstrap


def joining(original: Any) -> Any:
    """Return a `Thread.join` that waits on the clock."""

    def join(self: Any, timeout: float | None = None) -> None:
        new: _NewThread | None = getattr(self, "_xrt_mock", None)
        if new is None or self is threading.current_thread():
            original(self, timeout)
        elif new.running.acquire(True, -1 if timeout is None else max(timeout, 0)):
            new.running.release()
            original(self)

    return join
