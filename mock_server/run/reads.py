"""A program's end of the link, for calls: those that only read are answered here, once that is worth its cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ..transport.wsgi_call import Answer, Request
    from .link import Link, LinkedClock

_MANY_CALLS = 50  # loading what answers reads takes as long


class Replica(Protocol):
    """Answers calls in this process."""

    def answer(self, request: Request) -> Answer | None:
        """Return the answer, or None if the run has to give it."""

    def wanted(self) -> tuple[Any, ...]:
        """Return what to read if the facts are not as known here: how they are known, and arguments of `read`."""

    def take(self, changes: tuple[int, int], news: Any) -> None:
        """Take over what was read after these changes; None: nothing has changed."""


class Reads:
    """Asks the run; after many calls, a replica of its facts first, while no one else shares the clock.

    Then calls need no turn, and the order of calls is that of this process.

    Parameters
    ----------
    link, clock
        Of this process.
    """

    def __init__(self, link: Link, clock: LinkedClock) -> None:
        self._link, self.clock = link, clock
        self.changes = lambda: clock.page.changes
        self.forget()

    def forget(self) -> None:
        """Begin anew, with another run."""
        self._until_replica = _MANY_CALLS
        self._replica: Replica | None = None
        self._answering = False

    def ask(self, request: Request) -> Answer:
        """Return the answer to a request."""
        if self._answering or not self.clock.page.alone or not self._link.acts():
            return self._link.ask(request)
        if self._replica is None:
            if self._until_replica == 0:
                self._replica = self._new_replica()
            self._until_replica -= 1
            return self._link.ask(request)
        self._answering = True  # a signal's handler, which may call meanwhile, asks the run
        try:
            answer = self._replica.answer(request)
            if answer is None:
                answer, changes, news = self._link.call("ask_and_read", request, *self._replica.wanted())
                self._replica.take(changes, news)
            return answer
        finally:
            self._answering = False

    def _new_replica(self) -> Replica | None:
        try:
            replica = self._link.call("replica")
        except (ImportError, AttributeError):  # what answers cannot be loaded in this program's Python
            return None
        return None if replica is None else replica(self)

    def read(self, *wanted: Any) -> Any:
        """Return facts from the run."""
        return self._link.call("read", *wanted)

    def note(self, note: tuple[Any, ...]) -> None:
        """Note a call for the run's journal, where it is kept even if this process is killed."""
        while not self.clock.page.add(note):
            self._link.call("take_notes")
