"""A run's end of the link to its programs: answers their requests, and has them share the clock.

Each connection belongs to one thread of a program and is served by a thread here, which acts for it on the clock.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
import traceback
from collections import Counter
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener, answer_challenge, deliver_challenge
from typing import TYPE_CHECKING, Any, Protocol

from ..clocks.virtual import VirtualClock
from ..core.journal import Entry
from ..transport.wsgi_call import COPY, Answer, Request, ask
from . import copies
from .affinity import Staying
from .channel import Channel
from .kernel import awaited, descends, is_ending, wait_for_end
from .link import Due, Welcome
from .page import Page
from .standstill import Standstill, can_be_proven
from .watchdog import Watchdog, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from multiprocessing.connection import Connection
    from wsgiref.types import WSGIApplication

    from ..clocks.base import Clock, ParticipantId
    from .kernel import NativeThread

_MANY_CALLS = 5000
_LOOK_S = 0.2  # real time between two looks whether the run has ended
_START_S = 5.0  # real time that a child waits for its turn; those before it may compute for long
_LAST_SESSIONS_S = 2.0  # real time that the sessions of programs that have ended may take


class Primary(Protocol):
    """Hands out the facts of a simulator; see `mock_server.service.replica`."""

    replica: type

    def connect(
        self, on_change: Callable[[bool], object], others: Callable[[], Iterable[tuple[str | None, Entry]]]
    ) -> None: ...
    def read(self, *wanted: Any) -> Any: ...
    def take_notes(self) -> None: ...


class LinkServer:
    """Answers the programs of a run.

    Parameters
    ----------
    app
        Answers requests.
    clock
        The programs share it.
    hosts, open_net, processor
        See :class:`~mock_server.run.link.Welcome`.
    watch
        Whether time goes on without a participant that waits for something else.
    wanted, ending
        Called when a program is about to call, and when the only one is about to end.
    begun
        Set when simulated time has begun: programs wait for it before their first line. None: it has.
    primary
        Returns what hands out facts, so that programs can answer their own reads; None: nothing does.

    Attributes
    ----------
    address, key
        What a program needs to connect.
    exact
        See :class:`~mock_server.run.link.Welcome`.
    guests
        The session that each thread of the run serves, by native id.
    programs
        The processes that the run has started itself.
    accepted
        Connections for which a thread is about to begin.
    greeting
        Native ids of threads that find out whether a connection has the key.
    accepting, helpers
        Native ids of other threads of the run that serve programs.
    crashes
        The last exception that ended a Python process of each copy: its words, and the user's line that raised it.
    """

    def __init__(
        self,
        app: WSGIApplication,
        clock: Clock,
        hosts: tuple[str, ...],
        *,
        open_net: bool = False,
        processor: int | None = None,
        watch: bool = True,
        wanted: Callable[[], None] | None = None,
        ending: Callable[[], None] | None = None,
        begun: threading.Event | None = None,
        primary: Callable[[], Primary | None] = lambda: None,
    ) -> None:
        self.wanted, self.ending, self.begun, self.primary = wanted, ending, begun, primary
        self.app, self.clock, self.hosts, self.open_net, self.processor = app, clock, hosts, open_net, processor
        self.key = os.urandom(16)
        self._listener = Listener(backlog=128)
        self.address = str(self._listener.address)
        self.lock = threading.Lock()
        self._session_ended = threading.Condition(self.lock)
        self.announced: set[ParticipantId] = set()
        self.sessions: dict[_Session, int] = {}
        self.owners: dict[ParticipantId, _Session] = {}
        self.threads: dict[ParticipantId, NativeThread] = {}
        self.guests: dict[int, _Session] = {}
        self.programs: set[int] = set()
        self.accepting: int | None = None
        self.accepted: set[Connection] = set()
        self.greeting: set[int] = set()
        self.helpers: Collection[int] = ()
        self.asking: set[ParticipantId | None] = set()
        self.unannounced: Counter[ParticipantId] = Counter()
        self.crashes: dict[int, tuple[str, str | None]] = {}
        self.page: Page | None = None
        self._watchdog: Watchdog | None = None
        if isinstance(clock, VirtualClock):
            self.page = Page()
            clock.keep_in(self.page)
        provable = watch and isinstance(clock, VirtualClock) and can_be_proven()
        if isinstance(clock, VirtualClock) and watch:
            self._watchdog = Watchdog(
                clock,
                lambda one: None if one in self.asking else self.threads.get(one),  # asking: it waits for us
                warn,
                child_of=lambda one: getattr(self.owners.get(one), "awaited_child", None),
                excuses=not provable,
            )
        self.exact = provable or getattr(clock, "unproven", None) is not None
        self._standstill: Standstill | None = None
        if isinstance(clock, VirtualClock) and provable:
            self._standstill = Standstill(clock, self, warn)
        self.closed = False
        self._calls_at = (0.0, 0)
        self._crowd = threading.Lock()  # of what decides whether a program is alone
        threading.Thread(target=self._accept, daemon=True, name="xrt-mock link").start()
        if self._watchdog is not None:
            self._watchdog.start()

    def join(self, participant: ParticipantId) -> None:
        """Add a program that is about to start to the clock."""
        if isinstance(self.clock, VirtualClock):
            self.add(participant)
            self.announced.add(participant)

    def leave(self, participant: ParticipantId) -> None:
        """Remove a program that has ended from the clock."""
        if isinstance(self.clock, VirtualClock):
            self.clock.leave(participant)

    def watch_stranger(self, pid: int) -> None:
        """Let time go on only by proof while a process lives that takes no part, but may start one that does."""
        if self.exact and isinstance(self.clock, VirtualClock):
            with self._crowd:
                self.clock.strangers.add(pid)
                self._end_solitude()

    def add(self, participant: ParticipantId) -> None:
        """Add a participant to the clock; calls need turns from now on."""
        if isinstance(self.clock, VirtualClock):
            with self._crowd:
                self.clock.join(participant)
                self._end_solitude()

    def _end_solitude(self) -> None:
        if self.page is not None:
            self.page.alone = False

    def look_whether_alone(self, participant: ParticipantId) -> None:
        """Let the participant's program answer its own reads while it is the only one."""
        if self.page is not None and isinstance(self.clock, VirtualClock):
            with self._crowd:
                self.page.alone = participant == (0,) and self.clock.is_alone(participant)

    def count_change(self, adds_job: bool) -> None:
        """Let replicas read the facts again."""
        if self.page is not None:
            changes, of_jobs = self.page.changes
            self.page.changes = changes + 1, of_jobs + adds_job

    def others(self) -> list[tuple[str | None, Entry]]:
        """Return what programs have noted for the journal since it was last asked for."""
        found = []
        for era, *fields in self.page.take() if self.page is not None else ():
            entry = Entry(*fields)
            self.note_call(entry.at, entry.where)
            found.append((era, entry))
        return found

    def pids(self) -> set[int]:
        """Return the processes that are connected now."""
        with self.lock:
            return set(self.sessions.values())

    def listens_to(self, participants: Collection[ParticipantId]) -> bool:
        """Whether this process has answered all that these have asked, and waits for what they ask next."""
        with self.lock:
            sessions = [one for one in self.sessions if one.participant is None or one.participant in participants]
        return all(awaited((os.getpid(), session.thread)) == "a socket" for session in sessions)

    def places(self) -> list[str]:
        """Return the folder and the file that :meth:`close` removes."""
        return [os.path.dirname(self.address), *([self.page.path] if self.page else [])]

    def note_call(self, now: float, where: str | None) -> None:
        """Warn, once, of a program that calls again and again without sleeping."""
        at, calls = self._calls_at
        self._calls_at = (now, calls + 1 if now == at else 1)
        if self._calls_at[1] == _MANY_CALLS and isinstance(self.clock, VirtualClock):
            last = f", the last at {where}" if where else ""
            warn(f"{_MANY_CALLS} calls at one instant of simulated time{last}; it moves on when the program sleeps")

    def forget(self, session: _Session) -> None:
        """Remove a session whose participant has left the clock."""
        with self._session_ended:
            self.sessions.pop(session, None)
            self._session_ended.notify_all()

    def close(self) -> None:
        """Accept no more connections, and wait until the sessions have left the clock: another run may use it next."""
        self.closed = True
        if self._watchdog is not None:
            self._watchdog.close()
        if self._standstill is not None:
            self._standstill.close()
        if isinstance(self.clock, VirtualClock) and self.page is not None:
            self.page.close()
        with contextlib.suppress(OSError):
            Client(self.address).close()  # so that accept() returns; without the key nothing is waited for
        self._listener.close()
        with self._session_ended:
            self._session_ended.wait_for(lambda: not self.sessions, _LAST_SESSIONS_S)

    def _accept(self) -> None:
        self.accepting = threading.get_native_id()
        while not self.closed:
            try:
                connection = self._listener.accept()
            except (OSError, EOFError):  # closed, or disconnected again
                continue
            self.accepted.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True, name="xrt-mock guest").start()

    def _serve(self, connection: Connection) -> None:
        guest = threading.get_native_id()
        self.greeting.add(guest)
        self.accepted.discard(connection)
        try:  # not in the thread that accepts: a signal's handler may connect while the thread that it interrupts does
            deliver_challenge(connection, self.key)
            answer_challenge(connection, self.key)
        except (OSError, EOFError, AuthenticationError):  # it is gone, or has no key
            connection.close()
            self.greeting.discard(guest)
            return
        channel = Channel(connection)
        session = _Session(self, channel)
        self.guests[guest] = session
        self.greeting.discard(guest)
        try:
            with Staying(self.processor):
                while True:
                    operation, arguments = channel.receive()
                    try:
                        result = getattr(session, operation)(*arguments)
                    except Exception:  # a bug of the app or the clock
                        text = traceback.format_exc()
                        sys.stderr.write(text)
                        result = RuntimeError(f"xrt-mock itself failed:\n{text}")
                    session.send(result)
        except (OSError, EOFError):
            pass  # the program has ended, or has closed this connection
        finally:
            session.end()
            del self.guests[guest]
            channel.close()


class _Session:
    """The operations of one connection, called by name; each acts for the connection's participant."""

    def __init__(self, server: LinkServer, channel: Channel) -> None:
        self._server = server
        self._channel, self._sending = channel, threading.Lock()
        self._clock: Any = server.clock
        self.participant: ParticipantId | None = None
        self.thread = threading.get_native_id()
        self._copy = 0
        self._extra: dict[str, Any] = {}
        self._first = False
        self.awaited_child: int | None = None
        self._absence: contextlib.AbstractContextManager[None] = contextlib.nullcontext()

    def send(self, thing: Any) -> None:
        """Send the program something."""
        with self._sending:
            self._channel.send(thing)

    def _end_absence(self) -> None:
        with contextlib.suppress(OSError):  # the program has ended
            self.send(Due())

    def hello(self, participant: ParticipantId | None, pid: int, thread: int, first: bool) -> Welcome:
        """Begin; `first` is true for the first thread of a process."""
        server, clock = self._server, self._clock
        if server.begun is not None:
            server.begun.wait()
        self._first = first
        with server.lock:
            server.sessions[self] = pid
        shared = isinstance(clock, VirtualClock)
        if participant is not None:
            self._copy = participant[0]
            self._extra = {COPY: self._copy}
            if shared:
                self.participant = self._take_over(participant)
                server.threads[self.participant] = (pid, thread)
                clock.attach(self.participant)
                if first and server.exact and len(self.participant) > 1:  # children start one after the other
                    clock.turn(_START_S)
        return Welcome(
            origin=clock.origin,
            now=clock.now(),
            factor=None if shared else getattr(clock, "factor", 1.0),
            participant=self.participant,
            hosts=server.hosts,
            open_net=server.open_net,
            processor=server.processor,
            page=server.page.path if server.page else None,
            exact=server.exact,
        )

    def _take_over(self, participant: ParticipantId) -> ParticipantId:
        """Become the session of an announced participant, or of a new one for a program that was not announced."""
        server = self._server
        with server.lock:
            owner = server.owners.get(participant)
            replaced = owner is not None and server.sessions.get(owner) == server.sessions[self]  # by exec
            if self._first and participant not in server.announced and not replaced:
                server.unannounced[participant] += 1
                participant = (*participant, 1_000_000 + server.unannounced[participant])  # after the announced ones
                server.add(participant)
            elif replaced:
                with contextlib.suppress(ValueError):  # it has not left the clock
                    server.add(participant)
            server.announced.discard(participant)
            if participant in server.owners:  # its thread has left an earlier connection in the middle of a wait
                self._clock.interrupt(participant)
                server.owners[participant].back()
            server.owners[participant] = self
        return participant

    def ask(self, request: Request) -> Answer:
        if self.participant is not None:
            self._clock.turn()
        server = self._server
        primary = server.primary()
        if primary is not None:
            primary.take_notes()
            if self.participant is not None:
                server.look_whether_alone(self.participant)
        server.note_call(self._clock.now(), request.where)
        request, user = copies.outbound(request, self._copy)
        if self.participant is not None:
            self._server.asking.add(self.participant)
        try:
            answer = ask(self._server.app, request, self._extra)
        finally:
            self._server.asking.discard(self.participant)
        return answer if user is None else copies.inbound(answer, user, self._copy)

    def replica(self) -> type | None:
        primary = self._server.primary()
        if primary is None:
            return None
        primary.connect(self._server.count_change, self._server.others)
        return primary.replica

    def read(self, *wanted: Any) -> Any:
        primary = self._server.primary()
        return None if primary is None else primary.read(*wanted)

    def ask_and_read(
        self, request: Request, known: tuple[int, int], *wanted: Any
    ) -> tuple[Answer, tuple[int, int], Any]:
        answer, page = self.ask(request), self._server.page
        changes = known if page is None else page.changes
        return answer, changes, None if changes == known else self.read(*wanted)

    def take_notes(self) -> None:
        primary = self._server.primary()
        if primary is not None:
            primary.take_notes()

    def expect(self) -> None:
        if self._server.wanted is not None:
            self._server.wanted()

    def note_end(self) -> None:
        if self._server.ending is not None and self.participant == (0,) and self._clock.is_alone(self.participant):
            self._server.ending()

    def note_crash(self, words: str, where: str | None) -> None:
        self._server.crashes[self._copy] = (words, where)

    def announce(self, child: ParticipantId) -> None:
        with self._server.lock:
            self._server.announced.add(child)
        self._server.add(child)

    def started(self, child: ParticipantId, pid: int) -> None:
        self._server.threads.setdefault(child, (pid, pid))

    def started_stranger(self, pid: int) -> None:
        self._server.watch_stranger(pid)

    def join(self, participant: ParticipantId) -> None:
        self._server.add(participant)

    def leave(self, participant: ParticipantId) -> None:
        self._clock.leave(participant)

    def turn(self) -> None:
        self._clock.turn()

    def wait(self, until: float, token: object) -> None:
        self._clock.wait(until, token)

    def wake(self, participant: ParticipantId, token: object) -> None:
        self._clock.wake(participant, token)

    def away(self, until: float, child: int | None, hold: bool) -> bool:
        self.awaited_child = child
        server, goes_on, surely = self._server, child is None, False
        if child is not None and until < math.inf:  # if it takes no part, nor what it started, it has real time
            with server.lock:
                alive = {server.threads[one][0] for one in {*server.owners, *server.announced} if one in server.threads}
            goes_on = any(descends(pid, child) for pid in alive)
        elif child is not None:  # if it was killed it still has its place
            goes_on = not is_ending(child)
            with server.lock:  # it keeps its place on the clock until this participant knows of its end
                surely = any(server.threads.get(one, (0, 0))[0] == child for one in server.owners)
        self._absence = contextlib.nullcontext()
        if goes_on:
            self._absence = self._clock.away(until, hold=hold, surely=surely, on_end=self._end_absence)
        self._absence.__enter__()
        return goes_on

    def back(self) -> None:
        self.awaited_child = None
        self._absence.__exit__(None, None, None)
        self._absence = contextlib.nullcontext()

    def end(self) -> None:
        """End with the connection; the participant leaves the clock, unless a newer session acts for it.

        A program keeps its place on the clock until its process is gone: a parent that looks whether it has ended
        must see it before time goes on.
        """
        server, participant = self._server, self.participant
        pid = server.sessions.get(self)
        if self._first and participant is not None and pid is not None:
            while server.owners.get(participant) is self and not server.closed and not wait_for_end(pid, _LOOK_S):
                pass
        with server.lock:
            if self._first:  # a program ends: a parent that waits for it goes on now, before time does
                for other in server.sessions:
                    if other.awaited_child == pid and other.participant is not None:
                        self._clock.interrupt(other.participant)
            owned = participant is not None and server.owners.get(participant) is self
            if participant is not None and owned:
                del server.owners[participant]
        if isinstance(self._clock, VirtualClock):
            self._clock.detach()
        if participant is not None and owned:
            self._clock.leave(participant)
            server.threads.pop(participant, None)
        server.forget(self)
