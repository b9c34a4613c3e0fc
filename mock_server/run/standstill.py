"""Proof that no process of a run can go on unless simulated time does (Linux).

A thread may wait for something that the clock does not know: a pipe from another process of the program, a socket of
another event loop. How long that takes is the machine's affair. But if at one moment all threads of all processes
sleep, and each waits for another, then only time can wake them. Two looks show it: a thread that has not run between
them and sleeps at the second slept all the while. What a program does is then the same on a busy machine.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import threading
from collections import Counter
from functools import cache
from pathlib import Path
from time import monotonic, sleep  # the real ones: those of the module may be replaced
from typing import TYPE_CHECKING

from . import watchdog
from .kernel import awaited, state_of
from .peers import Peers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from ..clocks.base import ParticipantId
    from ..clocks.virtual import VirtualClock, Wait
    from .kernel import NativeThread
    from .link_server import LinkServer

_FIRST_S, _LONGEST_S = 0.003, 0.1
"""Real time until the first look after a step, and until a later one at the most."""
_NONE_WAITS_S = 0.02  # real time until the next look while no participant waits
GRACE_S, EXCUSE_S = 0.05, 30.0
"""Real time in which one outside the run may answer, and until a working process that takes no part is left behind."""
_MOST_PASSED = 10
_PATIENCE_S = 5.0
_LOOKS = 3  # in a row: two of them prove, unless something runs between them
_MOST_OPEN = 200
_MOST = 256
_LINKS = 2  # of a folder without folders in it
Doing = tuple[bytes, bytes]
"""The kernel function that a thread sleeps in (b"0": it is awake, or has ended), and how much it has run."""
_WAITS_WITHIN = (b"pipe", b"anon_pipe", b"futex", b"do_wait", b"wait_for_partner")
_WAITS_FOR_ANOTHER = (
    *_WAITS_WITHIN,
    *(b"poll", b"ep_", b"do_epoll", b"do_sys_poll", b"do_select", b"unix_stream", b"__skb_wait", b"sk_wait"),
    *(b"sk_stream", b"wait_woken", b"inet_csk", b"sock_alloc", b"__lock_sock", b"do_sigtimedwait", b"sigsuspend"),
    *(b"__do_sys_pause", b"__x64_sys_pause", b"do_msg", b"do_sem", b"inotify"),
)
"""Beginnings of the names of kernel functions."""


@cache
def can_be_proven() -> bool:
    """Whether the operating system says what threads sleep in; by a thread that waits for a lock."""
    lock, known = _thread.allocate_lock(), list[int]()
    lock.acquire()

    def wait() -> None:
        known.append(_thread.get_native_id())
        lock.acquire()

    _thread.start_new_thread(wait, ())
    processes, until = Processes(), monotonic() + _PATIENCE_S
    try:
        while monotonic() < until:
            with contextlib.suppress(IndexError, KeyError):
                thread = (os.getpid(), known[0])
                if processes.look([os.getpid()])[thread][0].startswith(b"futex"):
                    return True
            sleep(0)
    except OSError:
        pass
    finally:
        lock.release()
        processes.close()
    return False


class Processes:
    """What the threads of some processes, and of all that they have started, do; its files are kept open."""

    def __init__(self) -> None:
        self._files: dict[NativeThread, tuple[int, int]] = {}
        self._seen: dict[int, dict[NativeThread, tuple[Doing, list[int]]]] = {}

    def look(self, roots: Iterable[int]) -> dict[NativeThread, Doing]:
        """Return what each thread does.

        Raises
        ------
        OSError
            If one ends just now, or the kernel does not tell.
        """
        found: dict[NativeThread, Doing] = {}
        left, known = list(roots), set(roots)
        seen, self._seen = self._seen, {}
        while left:
            pid = left.pop()
            self._seen[pid] = self._of_process(pid, seen.get(pid, {}))
            for thread, (doing, children) in self._seen[pid].items():
                found[thread] = doing
                left += (child for child in children if child not in known)
                known.update(children)
        return found

    def stamps(self) -> dict[int, object]:
        """Return for each process an object that is another one if it has run since an earlier look."""
        return {pid: threads for pid, threads in self._seen.items() if threads}

    def _of_process(
        self, pid: int, seen: dict[NativeThread, tuple[Doing, list[int]]]
    ) -> dict[NativeThread, tuple[Doing, list[int]]]:
        """Return what its threads do and whom they have started; `seen` itself if none of them has run."""
        try:
            if seen:
                now = {thread: self.doing(thread) for thread in seen}
                if all(now[thread] == doing for thread, (doing, _) in seen.items()):
                    return seen
                if os.stat(f"/proc/{pid}/task").st_nlink == _LINKS + len(seen):  # they live: no other has begun
                    return {
                        thread: (now[thread], children if now[thread] == doing else _children(thread))
                        for thread, (doing, children) in seen.items()
                    }
        except OSError:  # one of its threads has ended
            pass
        try:
            threads = [(pid, int(name)) for name in os.listdir(f"/proc/{pid}/task")]
        except FileNotFoundError:  # it has ended
            return {}
        return {thread: (self.doing(thread), _children(thread)) for thread in threads}

    def doing(self, thread: NativeThread) -> Doing:
        """Return what one thread does.

        Raises
        ------
        OSError
            If it ends just now, or the kernel does not tell.
        """
        files = self._files.get(thread)
        if files is None:
            if len(self._files) >= _MOST_OPEN:
                self.close()
            place = f"/proc/{thread[0]}/task/{thread[1]}"
            files = self._files[thread] = (
                os.open(f"{place}/wchan", os.O_RDONLY),
                os.open(f"{place}/schedstat", os.O_RDONLY),
            )
        try:
            return os.pread(files[0], _MOST, 0), os.pread(files[1], _MOST, 0)
        except OSError:
            for file in self._files.pop(thread):
                os.close(file)
            raise

    def close(self) -> None:
        """Close all files."""
        while self._files:
            for file in self._files.popitem()[1]:
                os.close(file)


def _children(thread: NativeThread) -> list[int]:
    with open(f"/proc/{thread[0]}/task/{thread[1]}/children", "rb", buffering=0) as file:
        return list(map(int, file.read().split()))


class Standstill(threading.Thread):
    """Looks for standstills of a run, and lets time go on.

    Parameters
    ----------
    clock, server
        Of the run.
    warn
        Called with a sentence when a process is left behind that takes no part and never sleeps.
    """

    def __init__(self, clock: VirtualClock, server: LinkServer, warn: Callable[[str], object]) -> None:
        super().__init__(daemon=True, name="xrt-mock standstill")
        self._clock, self._server, self._warn = clock, server, warn
        self._wanted = clock.unproven = threading.Event()
        self._processes, self._peers = Processes(), Peers()
        self._own = os.getpid()
        self._ignored: set[NativeThread] = set()
        self._passed: Counter[NativeThread] = Counter()
        self._named: set[ParticipantId] = set()
        self._since = self._awake = monotonic()
        self._last: tuple[int, dict[NativeThread, Doing]] | None = None
        self._busy: NativeThread | None = None
        self._closing = threading.Event()
        self.start()

    def close(self) -> None:
        """Stop looking; time no longer waits for a proof."""
        self._closing.set()
        self._wanted.set()
        self.join()
        self._clock.unproven = None
        self._processes.close()

    def run(self) -> None:
        """Look, until closed."""
        steps = -1
        while not self._closing.is_set():
            # while none waits time cannot go on: a look would only hold up those who are answered
            wanted = self._wanted.wait(self._pause() if self._clock.has_waiting() else _NONE_WAITS_S)
            if self._clock.steps != steps:
                steps, self._since = self._clock.steps, monotonic()
            if wanted or self._clock.has_waiting():
                for _ in range(_LOOKS):
                    if not self._look():
                        break
                if wanted:
                    self._closing.wait(self._pause() / 10)

    def _pause(self) -> float:
        """Return the real time until the next look [s]: the longer nothing has happened, the longer."""
        return min(max(_FIRST_S, monotonic() - self._since), _LONGEST_S)

    def _look(self) -> bool:
        """Let the next participant go on if this look and the last prove it; return whether to look again at once."""
        before, self._last = self._last, None
        with contextlib.suppress(OSError, KeyError, ValueError):  # one ends or starts just now
            if self._busy is not None:  # it is the likeliest to work still; one that waits is looked at below
                thread, self._busy = self._busy, None
                if (function := self._processes.doing(thread)[0]) == b"0" and self._works(thread, function):
                    return False
            changes, waits = self._clock.changes, self._clock.waits()
            server = self._server
            free = {one: wait for one, wait in waits.items() if not wait.blocked}
            if server.accepted or any(one not in server.owners or one in server.asking for one in free):
                self._awake = monotonic()
                return False  # it starts, or waits for an answer
            blocked = waits.keys() - free.keys()
            threads = self._threads(blocked)
            if any(self._works(thread, function) for thread, (function, _) in threads.items()):
                return False
            if before != (changes, threads):
                self._last = changes, threads
                return True
            held = {server.threads[one] for one in blocked if one in server.threads}
            if not self._may_wake({one: doing[0] for one, doing in threads.items() if one not in held}, free):
                for one in [(pid, pid) for pid in self._clock.strangers.copy()]:
                    if one not in threads or (threads[one][0] == b"0" and state_of(one) in "ZX"):
                        self._clock.strangers.discard(one[0])  # it has ended, or time goes on without it
                self._clock.proceed(changes)
        return False

    def _threads(self, blocked: Collection[ParticipantId]) -> dict[NativeThread, Doing]:
        """Return what threads do: those of the programs, and those of the run itself that may serve one."""
        server = self._server
        found = self._processes.look(server.pids() | server.programs | self._clock.strangers)
        sessions = {server.owners.get(one) for one in blocked}
        guests = (guest for guest, session in list(server.guests.items()) if session not in sessions)
        for thread in (*guests, *list(server.greeting), *list(server.helpers), server.accepting or 0):
            found[self._own, thread] = self._processes.doing((self._own, thread))
        return {thread: doing for thread, doing in found.items() if thread not in self._ignored}

    def _may_wake(self, functions: Mapping[NativeThread, bytes], free: Mapping[ParticipantId, Wait]) -> bool:
        """Whether one of some threads that sleep in these functions of the kernel may go on by itself."""
        quiet = monotonic() - max(self._since, self._awake)
        participants = {self._server.threads[one]: one for one in free}
        doubtful: set[NativeThread] = set()
        talkative: set[NativeThread] = set()
        for thread, function in functions.items():
            if not function.startswith(_WAITS_FOR_ANOTHER):
                state = state_of(thread)
                if state in "ZX":
                    continue
                if state == "D":
                    self._awake = monotonic()
                    return True
                known = (pid for pid, _ in self._server.threads.values())
                if thread in participants or b"nanosleep" not in function or thread[0] not in known:
                    doubtful.add(thread)
            elif thread[0] != self._own and not function.startswith(_WAITS_WITHIN):
                talkative.add(thread)
        outsiders = self._peers.outsiders(self._processes.stamps()) if talkative else frozenset()
        foreign = {thread for thread in talkative if thread[0] in outsiders}
        doubtful |= {thread for thread in foreign if (one := participants.get(thread)) and free[one].until is None}
        doubtful -= {thread for thread, one in participants.items() if free[one].excused}
        if quiet > watchdog.IDLE_S:
            for thread in doubtful:
                if thread in participants:
                    self._excuse(participants[thread], thread)
                else:
                    self._pass_over(thread)
            return not doubtful.isdisjoint(participants)
        return bool(doubtful or (foreign and quiet < GRACE_S))

    def _works(self, thread: NativeThread, function: bytes) -> bool:
        """Whether a thread is awake; time goes on without one that takes no part and never sleeps."""
        own = thread[0] == self._own
        if not (function == b"0" or (own and function.startswith(b"futex"))) or state_of(thread) in "ZX":
            return False
        self._awake = monotonic()
        late = self._awake - self._since > EXCUSE_S
        if not late or own or thread in self._server.threads.values():
            self._busy = thread
        else:
            self._ignore(thread, f"has worked for {EXCUSE_S:g} s")
        return True

    def _pass_over(self, thread: NativeThread) -> None:
        """Let time go on though a thread may do so in real time; from the tenth time on without looking at it."""
        self._passed[thread] += 1
        if self._passed[thread] == _MOST_PASSED:
            self._ignore(thread, "sleeps in real time")

    def _ignore(self, thread: NativeThread, what: str) -> None:
        self._ignored.add(thread)
        name = Path(f"/proc/{thread[0]}/comm").read_text().strip()
        self._warn(
            f"process {thread[0]} ({name}) takes no part in simulated time and {what}; time goes on without it, and "
            "the order of events may differ from run to run"
        )

    def _excuse(self, participant: ParticipantId, thread: NativeThread) -> None:
        """Let time go on without a participant that has waited for something else for a while."""
        if participant not in self._named:
            self._named.add(participant)
            self._warn(watchdog.excuse(participant, awaited(thread)))
        self._clock.assume_waiting(participant)
