"""Locks whose waiting the clock knows of.

`threading`'s conditions, events, semaphores, queues, pools and barriers are all built on the plain lock. Give them
this one, and their waits and timeouts follow service time. A lock is handed on to whoever waited longest, so that the
order in which threads go on does not depend on the machine.

A thread that is no party of the clock waits in real time, as ever.
"""

from __future__ import annotations

import _thread
import itertools
import math
import os
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from ...clocks.base import Number, SharedClock

_tokens = itertools.count(1)


class _Waiter:
    __slots__ = ("gate", "granted", "number", "token")

    def __init__(self, number: Number | None) -> None:
        self.number = number
        self.token = (os.getpid(), next(_tokens))
        self.granted = False
        self.gate = _thread.allocate_lock()
        self.gate.acquire()


class ClockLock:
    """Stands in for `threading.Lock`."""

    clock: ClassVar[SharedClock | None] = None
    scale: ClassVar[float] = 1.0
    """Real seconds of a second of timeout, for threads that wait in real time."""

    def __init__(self) -> None:
        self._mutex = _thread.allocate_lock()
        self._locked = False
        self._waiters: deque[_Waiter] = deque()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock; False if that was not possible (in time)."""
        if timeout != -1 and (timeout < 0 or not blocking):
            raise ValueError("timeout value must be a non-negative number, and only goes with blocking")
        clock = ClockLock.clock
        with self._mutex:
            if not self._locked:
                self._locked = True
                return True
            if not blocking or timeout == 0:
                return False
            waiter = _Waiter(clock.acting() if clock else None)
            self._waiters.append(waiter)
        try:
            if waiter.number is None or clock is None:
                waiter.gate.acquire(True, timeout if timeout == -1 else timeout * ClockLock.scale)
            else:
                clock.wait(math.inf if timeout == -1 else clock.now() + timeout, waiter.token)
        except BaseException:
            if not self._give_up(waiter):
                self.release()
            raise
        return not self._give_up(waiter)

    def _give_up(self, waiter: _Waiter) -> bool:
        """Stop waiting; False if the lock had been granted meanwhile."""
        with self._mutex:
            if not waiter.granted:
                self._waiters.remove(waiter)
            return not waiter.granted

    def release(self) -> None:
        """Hand the lock on, or leave it open."""
        clock = ClockLock.clock
        with self._mutex:
            if not self._locked:
                raise RuntimeError("release unlocked lock")
            if not self._waiters:
                self._locked = False
                return
            waiter = self._waiters.popleft()
            waiter.granted = True
        if waiter.number is None or clock is None:
            waiter.gate.release()
        else:
            clock.wake(waiter.number, waiter.token)

    def locked(self) -> bool:
        """Whether somebody has it."""
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
