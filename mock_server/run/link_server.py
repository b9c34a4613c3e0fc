"""A run's end of the link to its programs: answers their requests, and has them share the clock.

Each connection belongs to one thread of a program and is served by a thread here, which acts for it on the clock.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener, answer_challenge, deliver_challenge
from typing import TYPE_CHECKING, Any, Protocol

from ..clocks.virtual import VirtualClock
from ..core.journal import Entry
from .channel import Channel
from .kernel import awaited
from .page import Page
from .session import Session
from .standstill import Standstill, can_be_proven
from .watchdog import Watchdog, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from multiprocessing.connection import Connection
    from wsgiref.types import WSGIApplication

    from ..clocks.base import Clock, ParticipantId
    from .kernel import NativeThread

_MANY_CALLS = 5000
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
        self.sessions: dict[Session, int] = {}
        self.owners: dict[ParticipantId, Session] = {}
        self.threads: dict[ParticipantId, NativeThread] = {}
        self.guests: dict[int, Session] = {}
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

    def forget(self, session: Session) -> None:
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
        session = Session(self, Channel(connection))
        self.guests[guest] = session
        self.greeting.discard(guest)
        try:
            session.serve()
        finally:
            del self.guests[guest]
