"""Proof that no process of a program can go on unless simulated time does.

A thread may wait for something that the clock does not know: a pipe from another process of the program, the lock of a
queue that processes share. How long that takes is the machine's affair, so no limit of real time says when it is over.
But if all threads of all processes sleep, and none has run between two looks, then each waits for another: only time
can wake them. What a program does is then the same on a busy machine as on a free one.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from ..run.kernel import asleep

if TYPE_CHECKING:
    from ..run.link_server import LinkServer
    from .clock import LifeClock

_LOOK_S, _LONGEST_S = 0.01, 0.32
"""Real time after the last step of the clock until the first look, and longest time between two looks [s]."""
_SHARE = 0.1  # of the time between two looks while time would move if it were proven that nothing else can go on
PATIENCE_S, EXCUSE_S = 5.0, 60.0
"""Real time for which threads that sleep for another reason, such as the machine's time, are waited for [s];
and without any step of the clock, after which all that sleep are taken for waiting, though nothing is proven [s]."""
_WAITS_FOR_ANOTHER = ("pipe", "anon_pipe", "futex", "poll", "ep_", "do_epoll", "do_sys_poll", "do_select", "do_wait")
_WAITS_AT_SOCKET = ("unix_", "skb_wait", "__skb_wait")
"""Beginnings of the names of kernel functions; the last for sockets that are not those to this process."""


class Standstill(threading.Thread):
    """Looks for standstills on a thread of its own.

    Parameters
    ----------
    clock, server
        Of the life.
    """

    def __init__(self, clock: LifeClock, server: LinkServer) -> None:
        super().__init__(daemon=True, name="xrt-mock standstill")
        self._clock, self._server = clock, server
        self._wanted = clock.unproven or threading.Event()
        self._closed = False
        self._steps, self._since = -1, time.monotonic()
        self._seen: tuple[object, float] = (None, 0.0)
        self.start()

    def close(self) -> None:
        """Stop looking."""
        self._closed = True
        self._wanted.set()
        self.join()

    def run(self) -> None:
        """Look, until closed."""
        pause = _LOOK_S
        while not self._closed:
            wanted = self._wanted.wait(pause)
            steps, self._steps = self._steps, self._clock.steps
            if steps != self._steps:
                self._since, pause = time.monotonic(), _LOOK_S
            if wanted or steps == self._steps:
                if self._look():
                    pause = _LOOK_S
                    continue
                if wanted:
                    time.sleep(pause * _SHARE)
                pause = min(2 * pause, _LONGEST_S)  # a program that works needs the processor more

    def _look(self) -> bool:
        """Let time go on if nothing else can; return whether it did."""
        clock, server = self._clock, self._server
        changes, pids = clock.changes, server.pids() | clock.strangers
        before = asleep(pids)
        if before and time.monotonic() - self._since > EXCUSE_S:
            clock.excused = True
            clock.proceed(changes)
            return True
        waits = clock.waits()  # between the two looks: what one has asked of the clock, it asked before it fell asleep
        if not pids or before is None or server.accepted or server.greeting or asleep(pids) != before:
            return False
        free = [one for one, wait in waits.items() if not wait.blocked]
        if any(one in server.asking or server.threads.get(one) not in before for one in free):
            return False  # it starts, ends, or waits for an answer
        held = {server.threads.get(one) for one in waits} - {server.threads.get(one) for one in free}
        reasons = {
            function if thread[0] in pids or "poll" not in function else "another program's poll"
            for thread, (function, _) in before.items()
            if thread not in held
        }
        known = _WAITS_FOR_ANOTHER + (_WAITS_AT_SOCKET if server.listens_to(free) else ())
        if not all(reason.startswith(known) for reason in reasons):
            now = time.monotonic()
            if self._seen[0] != before:
                self._seen = (before, now)
            if now - self._seen[1] < PATIENCE_S:
                return False
        clock.strangers.intersection_update([pid for pid, _ in before])
        clock.proceed(changes)
        return True
