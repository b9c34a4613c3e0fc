"""One connection of a program to its run: the operations that the program calls, by name."""

from __future__ import annotations

import contextlib
import math
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any

from ..clocks.virtual import VirtualClock
from ..transport.wsgi_call import COPY, Answer, Request, ask
from . import copies
from .affinity import Staying
from .kernel import descends, is_ending, wait_for_end
from .link import Due, Welcome

if TYPE_CHECKING:
    from ..clocks.base import ParticipantId
    from .channel import Channel
    from .link_server import LinkServer

_LOOK_S = 0.2  # real time between two looks whether the run has ended
_START_S = 5.0  # real time that a child waits for its turn; those before it may compute for long


def _reported() -> RuntimeError:
    """Print the error that is being handled, and return one for the program."""
    text = traceback.format_exc()
    sys.stderr.write(text)
    return RuntimeError(f"xrt-mock itself failed:\n{text}")


class Session:
    """A connection; each operation acts for its participant on the clock. It belongs to the thread that makes it."""

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

    def serve(self) -> None:
        """Answer until the program ends or closes the connection, and take its participant off the clock."""
        try:
            with Staying(self._server.processor):
                while True:
                    operation, arguments = self._channel.receive()
                    try:
                        result = getattr(self, operation)(*arguments)
                    except Exception:  # a bug of the app or the clock
                        result = _reported()
                    try:
                        self._send(result)
                    except OSError:
                        raise
                    except Exception:  # it cannot be pickled; the program would wait for ever
                        self._send(_reported())
        except (OSError, EOFError):
            pass  # the program has ended, or has closed this connection
        finally:
            self._end()
            self._channel.close()

    def _send(self, thing: Any) -> None:
        with self._sending:
            self._channel.send(thing)

    def _end_absence(self) -> None:
        with contextlib.suppress(OSError):  # the program has ended
            self._send(Due())

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

    def _end(self) -> None:
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
