"""A program's end of the link to its run: HTTP exchanges and the clock, over a local connection for each thread.

:class:`Link` asks, :class:`LinkedClock` is the clock's likeness; the run's end is `link_server`. A connection stands
for one thread: when it breaks, its party leaves the clock, so nobody waits for the dead.
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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..clocks.base import Number
    from ..transport.wsgi_call import Answer, Request


@dataclass(frozen=True, slots=True)
class Welcome:
    """What a program learns when its first thread connects.

    Parameters
    ----------
    origin
        Service time at the clock's beginning [s].
    now
        Service time [s].
    factor
        Service seconds of a real one, or None where the clock is virtual.
    number
        Whom the connection acts for; None on a clock that is not shared.
    hosts
        The host names that the run answers for.
    open_net
        Whether programs may reach other hosts.
    processor
        Where both ends of a call run; None: wherever the machine likes.
    """

    origin: float
    now: float
    factor: float | None
    number: Number | None
    hosts: tuple[str, ...]
    open_net: bool
    processor: int | None


class Link:
    """A program's end: one connection for each thread, made when first needed.

    Parameters
    ----------
    address, key
        Of the run's `LinkServer`.
    number
        The place announced for this program.
    """

    def __init__(self, address: Any, key: bytes, number: Number) -> None:
        self._address, self._key = address, key
        self._own = threading.local()
        self.now = 0.0
        self.welcome: Welcome = self._greet(number, first=True)

    def _greet(self, number: Number | None, *, first: bool = False) -> Welcome:
        channel = Channel(Client(self._address, authkey=self._key))
        channel.send(("hello", (number, os.getpid(), threading.get_native_id(), first)))
        welcome: Welcome = channel.receive()[1]
        self._own.channel, self._own.number = channel, welcome.number
        self.now = max(self.now, welcome.now)
        return welcome

    def acting(self) -> Number | None:
        """Return the party for which the calling thread acts, or None."""
        number: Number | None = getattr(self._own, "number", None)
        return number

    def attach(self, number: Number | None) -> None:
        """From now on the calling thread acts for this party, or for nobody."""
        self.drop()
        self._own.number = number

    def drop(self) -> None:
        """Close the calling thread's connection."""
        channel = self._own.__dict__.pop("channel", None)
        if channel is not None:
            channel.close()

    def adopt(self, number: Number) -> None:
        """Start anew in a forked child, whose place has been announced."""
        self._own = threading.local()
        self.welcome = self._greet(number, first=True)

    def call(self, operation: str, *arguments: Any) -> Any:
        """Have the run do something, and wait for it."""
        if "channel" not in self._own.__dict__:
            self._greet(self.acting())
        channel = self._own.channel
        try:
            with Staying(self.welcome.processor):
                channel.send((operation, arguments))
                now, result = channel.receive()
        except (EOFError, OSError) as error:
            self.drop()
            raise SystemExit("xrt-mock: the run has ended") from error
        except BaseException:  # Ctrl-C in the middle: what still comes belongs to nobody
            del self._own.channel
            self._greet(self.acting())  # first, so that our place on the clock is kept
            channel.close()
            raise
        self.now = max(self.now, now)
        if isinstance(result, Exception):
            raise result
        return result

    def ask(self, request: Request) -> Answer:
        """Have the simulator answer a request."""
        answer: Answer = self.call("ask", request)
        return answer


class LinkedClock:
    """The run's virtual clock, as a program in the run sees it."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.origin = link.welcome.origin
        self.acting, self.attach = link.acting, link.attach

    def now(self) -> float:
        """Service time [s]; it stands still while anybody in this program runs."""
        return self._link.now

    def sleep(self, seconds: float) -> None:
        """Return once `seconds` of service time have passed."""
        self._link.call("wait", self._link.now + max(0.0, seconds), None)

    def advance(self, seconds: float) -> float:
        """Refuse: a program moves its clock by sleeping."""
        raise NotImplementedError(f"a program in a run moves time by sleeping, not by advancing it {seconds} s")

    def detach(self) -> None:
        """From now on the calling thread acts for nobody."""
        self._link.attach(None)

    def join(self, number: Number) -> None:
        """Add a party, which runs from now on."""
        self._link.call("join", number)

    def join_next(self) -> Number:
        """Refuse: the run gives a program its number."""
        raise NotImplementedError("the run gives a program its number")

    def leave(self, number: Number) -> None:
        """Forget a party; its thread is about to end."""
        self._link.call("leave", number)
        if number == self.acting():
            self._link.attach(None)

    def turn(self) -> None:
        """Return when no running party has a smaller number."""
        self._link.call("turn")

    def wait(self, until: float, token: object = None) -> None:
        """Return at service time `until` [s], or when somebody wakes the calling party with the same `token`."""
        self._link.call("wait", until, token)

    def wake(self, number: Number, token: object) -> None:
        """Let a party go on that waits with this `token`."""
        self._link.call("wake", number, token)

    @contextlib.contextmanager
    def away(self, until: float = math.inf, child: int | None = None) -> Iterator[None]:
        """Within, the calling party holds nobody up before `until` [s]; it may wait for the end of a `child` [pid]."""
        self._link.call("away", until, child)
        try:
            yield
        finally:
            self._link.call("back")


def clock_of(link: Link) -> LinkedClock | ScaledClock:
    """Return the run's clock for use in this program."""
    welcome = link.welcome
    return LinkedClock(link) if welcome.factor is None else ScaledClock(welcome.factor, welcome.now)
