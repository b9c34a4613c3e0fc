"""Answers counts and statuses in the process of the program that asks, from facts that a run hands out.

Under `xrt-mock run` these are nearly all calls of a long campaign, and the way to another process and back costs more
than the answer. Whatever is unusual is left to the run: another call, a planned fault, an outage, a bug.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ..service.replica import HandedOut, MissingFactError
from ..transport.wsgi_call import HOSTS, WHERE, Answer
from .api import ADDRESSES, MAX_BODY_BYTES
from .call import Call

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..clocks.base import Clock
    from ..core.journal import Entry
    from ..service.replica import News
    from ..transport.wsgi_call import Request

_READS = {
    f"{scheme}://{host}{path}": ADDRESSES[path][1]
    for scheme in ("http", "https")
    for host in HOSTS
    for path in ("/user_objects/getNumJobs.php", "/user_objects/checkProductStatus.php")
}


class Source(Protocol):
    """A program's way to the facts of its run."""

    clock: Clock

    def changes(self) -> tuple[int, int]:
        """Return how often the facts have changed, and how often that was a new job alone."""

    def read(self, jobs: Collection[int], users: Collection[str], known: str | None) -> News:
        """See :meth:`mock_server.service.replica.Primary.read`."""

    def note(self, note: tuple[Any, ...]) -> None:
        """Add the era and the fields of an entry of the journal, in the order of the calls."""


class Replica:
    """Answers counts and statuses.

    Parameters
    ----------
    source
        Where facts come from, and notes about calls go.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._given = HandedOut(self._note)
        self._simulation = self._given.simulation(source.clock)
        self._changes = (-1, 0)

    def _note(self, entry: Entry, era: str | None) -> None:
        self._source.note((era, *entry))

    def _read(self, jobs: Collection[int], users: Collection[str]) -> None:
        settings = self._given.settings
        self._given.add(self._source.read(jobs, users, settings and settings.generation))

    def wanted(self) -> tuple[Any, ...]:
        """Return what to read if the facts are not as known here: how they are known, and arguments of `read`."""
        settings = self._given.settings
        return self._changes, (), self._given.users(), settings and settings.generation

    def take(self, changes: tuple[int, int], news: News | None) -> None:
        """Take over what was read after these changes; None: nothing has changed."""
        if news is not None:
            self._given.forget(jobs=changes[0] - self._changes[0] != changes[1] - self._changes[1])
            self._given.add(news)
            self._changes = changes

    def answer(self, request: Request) -> Answer | None:
        """Return the answer, or None if the run has to give it."""
        reply = _READS.get(request.url)
        if reply is None or request.method != "POST" or len(request.body) > MAX_BODY_BYTES:
            return None
        changes = self._source.changes()
        if changes != self._changes:
            self.take(changes, self._source.read(*self.wanted()[1:]))
        while True:
            settings, call = self._given.settings, Call(self._simulation)
            if settings is None or settings.has_faults or not call.moment.epoch["service.available"]:
                return None
            try:
                found = reply(call, lambda: request.body)
            except MissingFactError as missing:
                self._read(missing.jobs, missing.users)
            else:
                call.note(200, {WHERE: request.where})
                return Answer(200, "OK", found.headers(), b"".join(found.chunks))
