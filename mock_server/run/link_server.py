"""A run's end of the link to its programs: answers their requests, and has them share the clock.

Each connection stands for one thread of a program and is served by a thread here, which acts for it on the clock.
"""

from __future__ import annotations

import contextlib
import secrets
import sys
import threading
import traceback
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
from typing import TYPE_CHECKING, Any

from ..clocks.virtual import VirtualClock
from ..transport.wsgi_call import COPY, Answer, Request, ask
from . import copies
from .affinity import Staying
from .channel import Channel
from .link import Welcome
from .watchdog import Watchdog

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from wsgiref.types import WSGIApplication

    from ..clocks.base import Clock, Number

_MANY_CALLS = 5000


def _tell(sentence: str) -> None:
    sys.stderr.write(f"xrt-mock: {sentence}\n")


class LinkServer:
    """Answers the programs of a run.

    Parameters
    ----------
    app
        What answers requests.
    clock
        What they share.
    hosts, open_net, processor
        See :class:`~mock_server.run.link.Welcome`.

    Attributes
    ----------
    address, key
        What a program needs to connect.
    bugs
        Tracebacks of exceptions that the app raised.
    """

    def __init__(
        self,
        app: WSGIApplication,
        clock: Clock,
        hosts: tuple[str, ...],
        *,
        open_net: bool = False,
        processor: int | None = None,
    ) -> None:
        self._app, self._clock, self._hosts, self._open_net = app, clock, hosts, open_net
        self._processor = processor
        self.key = secrets.token_bytes(16)
        self._listener = Listener(backlog=128, authkey=self.key)
        self.address = self._listener.address
        self.bugs: list[str] = []
        self._lock = threading.Lock()
        self._expected: set[Number] = set()
        self._owners: dict[Number, object] = {}
        self._pids: dict[_Desk, int] = {}
        self._late: dict[Number, int] = {}
        self._places: dict[Number, tuple[int, int]] = {}
        self._at_work: set[Number | None] = set()
        self._dog = Watchdog(clock, self._place_of, _tell) if isinstance(clock, VirtualClock) else None
        self._closed = False
        self._instant = (0.0, 0)
        threading.Thread(target=self._accept, daemon=True, name="xrt-mock link").start()
        if self._dog is not None:
            self._dog.start()

    def expect(self, number: Number) -> None:
        """Hold a place for a program that will be started now."""
        if isinstance(self._clock, VirtualClock):
            self._clock.join(number)
            self._expected.add(number)

    def ended(self, number: Number) -> None:
        """Give up the place of a program that has ended."""
        if isinstance(self._clock, VirtualClock):
            self._clock.leave(number)

    def pids(self) -> set[int]:
        """Return the processes that are connected now."""
        with self._lock:
            return set(self._pids.values())

    def _place_of(self, number: Number) -> tuple[int, int] | None:
        """Return process and thread of a party; None while the simulator works for it."""
        return None if number in self._at_work else self._places.get(number)

    def count(self, request: Request) -> None:
        """Say so, once, if calls go on and on while nobody sleeps."""
        now = self._clock.now()
        at, calls = self._instant
        self._instant = (now, calls + 1 if now == at else 1)
        if self._instant[1] == _MANY_CALLS and isinstance(self._clock, VirtualClock):
            where = f", the last at {request.where}" if request.where else ""
            _tell(f"{_MANY_CALLS} calls at one instant of service time{where}; it moves on when the program sleeps")

    def close(self) -> None:
        """Take no more connections."""
        self._closed = True
        if self._dog is not None:
            self._dog.close()
        with contextlib.suppress(OSError):
            Client(self.address, authkey=self.key).close()  # so that accept() returns
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                connection = self._listener.accept()
            except (OSError, EOFError, AuthenticationError):  # closed, gone again, or a stranger without the key
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True, name="xrt-mock guest").start()

    def _serve(self, connection: Connection) -> None:
        channel = Channel(connection)
        me = _Desk(self)
        try:
            with Staying(self._processor):
                while True:
                    channel.send(self._answer(me, *channel.receive()))
        except (OSError, EOFError):
            pass
        finally:
            me.close()
            channel.close()

    def _answer(self, desk: _Desk, operation: str, arguments: tuple[Any, ...]) -> tuple[float, Any]:
        try:
            result = getattr(desk, operation)(*arguments)
        except Exception:  # whatever the app or the clock raised is a bug of ours: it is told
            self.bugs.append(traceback.format_exc())
            sys.stderr.write(self.bugs[-1])
            result = RuntimeError(f"xrt-mock itself failed:\n{self.bugs[-1]}")
        return self._clock.now(), result


class _Desk:
    """The operations open to one connection."""

    def __init__(self, server: LinkServer) -> None:
        self._server = server
        self._clock: Any = server._clock
        self._number: Number | None = None
        self._extra: dict[str, Any] = {}
        self._first = False
        self._awaited: int | None = None
        self._absence: contextlib.AbstractContextManager[None] = contextlib.nullcontext()

    def hello(self, number: Number | None, pid: int, thread: int, first: bool) -> Welcome:
        server, clock = self._server, self._clock
        self._first = first
        with server._lock:
            server._pids[self] = pid
        shared = isinstance(clock, VirtualClock)
        if shared and number is not None:
            self._number = self._place(number, first)
            server._places[self._number] = (pid, thread)
            clock.attach(self._number)
        if number is not None:
            self._extra = {COPY: number[0]}
        factor = None if shared else getattr(clock, "factor", 1.0)
        return Welcome(
            clock.origin, clock.now(), factor, self._number, server._hosts, server._open_net, server._processor
        )

    def _place(self, number: Number, first: bool) -> Number:
        """Find the place kept for this thread, or a new one for a program that nobody announced."""
        server = self._server
        with server._lock:
            if first and number not in server._expected:
                server._late[number] = server._late.get(number, 0) + 1
                number = (*number, 1_000_000 + server._late[number])  # after all who were announced
                self._clock.join(number)
            server._expected.discard(number)
            if number in server._owners:  # its thread gave up an earlier connection in the middle of a wait
                self._clock.interrupt(number)
            server._owners[number] = self
        return number

    def ask(self, request: Request) -> Answer:
        if self._number is not None:
            self._clock.turn()
        self._server.count(request)
        copy = self._extra.get(COPY, 0)
        request, user = copies.outbound(request, copy)
        at_work = self._server._at_work
        if self._number is not None:
            at_work.add(self._number)
        try:
            answer = ask(self._server._app, request, self._extra)
        finally:
            at_work.discard(self._number)
        return answer if user is None else copies.inbound(answer, user, copy)

    def announce(self, number: Number) -> None:
        with self._server._lock:
            self._server._expected.add(number)
        self._clock.join(number)

    def join(self, number: Number) -> None:
        self._clock.join(number)

    def leave(self, number: Number) -> None:
        self._clock.leave(number)

    def turn(self) -> None:
        self._clock.turn()

    def wait(self, until: float, token: object) -> None:
        self._clock.wait(until, token)

    def wake(self, number: Number, token: object) -> None:
        self._clock.wake(number, token)

    def born(self, number: Number, pid: int) -> None:
        self._server._places.setdefault(number, (pid, pid))

    def away(self, until: float, child: int | None) -> None:
        self._awaited = child
        self._absence = self._clock.away(until)
        self._absence.__enter__()

    def back(self) -> None:
        self._awaited = None
        self._absence.__exit__(None, None, None)

    def close(self) -> None:
        server = self._server
        with server._lock:
            pid = server._pids.pop(self, None)
            if self._first:  # a program ends: who waits for that goes on now, before time does
                for desk in server._pids:
                    if desk._awaited == pid and desk._number is not None:
                        self._clock.interrupt(desk._number)
            mine = self._number is not None and server._owners.get(self._number) is self
            if mine:
                del server._owners[self._number]  # type: ignore[arg-type]  # just looked up
        if isinstance(self._clock, VirtualClock):
            self._clock.detach()
        if mine:
            self._clock.leave(self._number)
