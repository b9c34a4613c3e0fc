"""A program's end of the link to its run: HTTP exchanges and the clock, over a local connection for each thread.

:class:`Link` calls the run, :class:`LinkedClock` is the run's clock; the run's end is `link_server`. A connection
belongs to one thread: when it breaks, its participant leaves the clock, so time does not wait for a dead program.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
from dataclasses import dataclass
from multiprocessing.connection import Client
from typing import TYPE_CHECKING, Any

from ..clocks.base import ScaledClock
from .affinity import Staying
from .channel import Channel
from .page import Page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..clocks.base import ParticipantId
    from ..transport.wsgi_call import Answer, Request


@dataclass(frozen=True, slots=True)
class Welcome:
    """What a program learns when its first thread connects.

    Parameters
    ----------
    origin
        Simulated time at the clock's beginning [s].
    now
        Simulated time [s].
    factor
        Simulated seconds per real second, or None if the clock is virtual.
    participant
        The participant that the connection acts for; None on a clock that is not shared.
    hosts
        The host names that the run answers for.
    open_net
        Whether programs may reach other hosts.
    processor
        Processor on which both ends of a call run; None: the machine chooses.
    page
        File of the :class:`~mock_server.run.page.Page` of a virtual clock.
    exact
        Whether time goes on only if it is proven that no program can.
    """

    origin: float
    now: float
    factor: float | None
    participant: ParticipantId | None
    hosts: tuple[str, ...]
    open_net: bool
    processor: int | None
    page: str | None
    exact: bool


class Due:
    """What a program receives when the clock ends its absence."""


class Link:
    """A program's end: one connection for each thread, made when first needed.

    Parameters
    ----------
    address, key
        Of the run's `LinkServer`.
    participant
        The id announced for this program.
    """

    def __init__(self, address: Any, key: bytes, participant: ParticipantId) -> None:
        self._address, self._key = address, key
        self._of_thread = threading.local()
        self.welcome: Welcome = self._connect(participant, first=True)

    def _connect(self, participant: ParticipantId | None, *, first: bool = False) -> Welcome:
        channel = Channel(Client(self._address, authkey=self._key))
        channel.send(("hello", (participant, os.getpid(), threading.get_native_id(), first)))
        welcome: Welcome = channel.receive()
        mine = self._of_thread
        mine.channel, mine.participant, mine.busy = channel, welcome.participant, getattr(mine, "busy", False)
        return welcome

    def current(self) -> ParticipantId | None:
        """Return the participant that the calling thread acts for, or None."""
        participant: ParticipantId | None = getattr(self._of_thread, "participant", None)
        return participant

    def attach(self, participant: ParticipantId | None) -> None:
        """Let the calling thread act for this participant from now on, or for none."""
        self._disconnect()
        self._of_thread.participant = participant

    def _disconnect(self) -> None:
        channel = self._of_thread.__dict__.pop("channel", None)
        if channel is not None:
            channel.close()

    def reconnect_as(self, participant: ParticipantId) -> None:
        """Connect anew in a forked child, which has been announced as `participant`."""
        self._of_thread = threading.local()
        self.welcome = self._connect(participant, first=True)

    def move(self, address: Any, key: bytes, participant: ParticipantId) -> None:
        """Connect a forked copy of this process to another run; the connections stay those of the original."""
        self._address, self._key = address, key
        self.reconnect_as(participant)

    def call(self, operation: str, *arguments: Any) -> Any:
        """Have the run do an operation and return its result.

        Raises
        ------
        SystemExit
            If the run has ended.
        """
        mine = self._of_thread
        if "channel" not in mine.__dict__ or mine.busy:  # busy: a signal's handler, or a finalizer, calls meanwhile
            self._connect(self.current())
        channel: Channel = mine.channel
        try:
            with Staying(self.welcome.processor), self._kept_busy(channel):
                channel.send((operation, arguments))
                result = channel.receive()
                while isinstance(result, Due):
                    result = channel.receive()
        except BaseException as error:  # also what a signal's handler raises, such as KeyboardInterrupt or TimeoutError
            if isinstance(error, EOFError | OSError) and _is_raised_in(error, Channel.__module__):
                self._disconnect()
                raise SystemExit("xrt-mock: the run has ended") from error
            if getattr(mine, "channel", None) is channel:  # the answer would be taken for that of the next call
                self._connect(self.current())  # before the old connection is closed, which would end the participant
                channel.close()
            raise
        if isinstance(result, Exception):
            raise result
        return result

    @contextlib.contextmanager
    def handling(self) -> Iterator[None]:
        """Context manager: a signal's handler runs in the calling thread, which counts as running, not as waiting."""
        mine, participant = self._of_thread, self.current()
        busy = getattr(mine, "busy", False)
        if busy and participant is not None:
            with contextlib.suppress(OSError, EOFError):  # the run has ended; the interrupted call says so
                self._connect(participant)
                mine.busy = False
        try:
            yield
        finally:
            mine.busy = busy

    @contextlib.contextmanager
    def _kept_busy(self, channel: Channel) -> Iterator[None]:
        """Context manager: other calls of the calling thread need a connection of their own, which then stays."""
        mine = self._of_thread
        before, mine.busy = mine.busy, True
        try:
            yield
        finally:
            mine.busy = before
            if getattr(mine, "channel", None) is not channel:
                channel.close()

    @contextlib.contextmanager
    def away(self, until: float, child: int | None, hold: bool) -> Iterator[Channel | None]:
        """See :meth:`LinkedClock.away`."""
        goes_on = self.call("away", until, child, hold)
        channel: Channel = self._of_thread.channel
        try:
            with self._kept_busy(channel):
                yield channel if goes_on else None
        finally:
            self.call("back")

    def expect_calls(self) -> None:
        """Let the run know that this program is about to call."""
        self.call("expect")

    def note_crash(self, words: str, where: str | None) -> None:
        """Let the run know which exception ends this program, and the user's line that raised it."""
        with contextlib.suppress(SystemExit):  # the run has ended
            self.call("note_crash", words, where)

    def note_end(self) -> None:
        """Let the run know that this program ends, as soon as Python has taken down what it had loaded."""
        with contextlib.suppress(SystemExit):  # the run has ended
            self.call("note_end")

    def acts(self) -> bool:
        """Whether the calling thread acts for a participant, and is not in the middle of a call."""
        mine = self._of_thread.__dict__
        return mine.get("participant") is not None and not mine.get("busy")

    def ask(self, request: Request) -> Answer:
        """Return the simulator's answer to a request."""
        answer: Answer = self.call("ask", request)
        return answer


class LinkedClock:
    """The run's virtual clock, as a program in the run uses it."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.current, self.attach, self.handling = link.current, link.attach, link.handling
        self.follow_link()

    def follow_link(self) -> None:
        """Show the time of the run that the link leads to, also after it has moved to another one."""
        self.origin = self._link.welcome.origin
        self.page = Page(self._link.welcome.page)
        self.exact = self._link.welcome.exact

    def now(self) -> float:
        """Return simulated time [s]; it stands still while a thread of this program runs."""
        return self.page.now

    def sleep(self, seconds: float) -> None:
        """Return once `seconds` of simulated time have passed."""
        until = self.now() + max(0.0, seconds)
        self.wait(until)
        while self.now() < until:
            self.wait(until)

    def advance(self, seconds: float) -> float:
        """Raise NotImplementedError: a program moves its clock by sleeping."""
        raise NotImplementedError(f"a program in a run moves time by sleeping, not by advancing it {seconds} s")

    def advance_to(self, now: float) -> float:
        """Raise NotImplementedError: a program moves its clock by sleeping."""
        raise NotImplementedError(f"a program in a run moves time by sleeping, not by advancing it to {now}")

    def detach(self) -> None:
        """Let the calling thread act for no participant from now on."""
        self._link.attach(None)

    def join(self, participant: ParticipantId) -> None:
        """Add a participant, which counts as running from now on."""
        self._link.call("join", participant)

    def join_next(self) -> ParticipantId:
        """Raise NotImplementedError: the run chooses a program's id."""
        raise NotImplementedError("the run chooses a program's id on the clock")

    def leave(self, participant: ParticipantId) -> None:
        """Remove a participant whose thread is about to end."""
        self._link.call("leave", participant)
        if participant == self.current():
            self._link.attach(None)

    def turn(self) -> None:
        """Return when no running participant has a smaller id than the calling thread's."""
        self._link.call("turn")

    def wait(self, until: float, token: object = None) -> None:
        """Return at simulated time `until` [s], or when another thread calls :meth:`wake` with the same `token`."""
        page = self.page
        if token is None and page.alone and page.now < until < math.inf and self._link.acts():
            page.now = until  # as the run would do: there is no one else whom time could wait for
        else:
            self._link.call("wait", until, token)

    def wake(self, participant: ParticipantId, token: object) -> None:
        """End the wait of a participant that waits with this `token`, or is about to."""
        self._link.call("wake", participant, token)

    def away(
        self, until: float = math.inf, child: int | None = None, *, hold: bool = False
    ) -> contextlib.AbstractContextManager[Channel | None]:
        """Context manager: the calling participant counts as waiting until `until` [s], whatever it does.

        `child` is the process [pid] whose end it waits for, if that is what it does. With `hold`, time stops there.
        Something comes over the channel when the clock ends that; None if time waits for the caller all the same.
        """
        return self._link.away(until, child, hold)


def _is_raised_in(error: BaseException, module: str) -> bool:
    """Whether a module raised an error itself, or what it called that is not written in Python."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__") == module


def clock_of(link: Link) -> LinkedClock | ScaledClock:
    """Return the run's clock for use in this program."""
    welcome = link.welcome
    return LinkedClock(link) if welcome.factor is None else ScaledClock(welcome.factor, welcome.now)
