"""What an operator sees at a glance. Every question reads a bounded number of rows, however many there are."""

from __future__ import annotations

from sys import float_info
from typing import TYPE_CHECKING, NamedTuple

from ..core.journal import Entry, Journal
from ..core.model import User
from . import rows, sql
from .rows import NEVER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..core.model import Build, Job
    from .connection import Connection

MOST_BUILDS = 1_000
"""Unfinished builds are counted up to this number."""
MOST_JOBS = 200
"""Active jobs of one user are counted up to this number."""
MOST_CALLS = 10_000
"""Number of the newest calls among which filters look."""
_LATELY = 12  # jobs whose users are listed: the newest, and those that end next


class PlannedBuild(NamedTuple):
    """One build, with the job that it belongs to."""

    job_id: int
    user: str
    name: str
    build: Build


class ActiveUser(NamedTuple):
    """Address of one user, and the number of active jobs up to :data:`MOST_JOBS`."""

    address: str
    active: int


class Glance:
    """The newest, the next and the number of things at one moment.

    Parameters
    ----------
    connection
        Where the facts are.
    now
        Simulated time [s].
    """

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection, self._now = connection, now

    def running(self, most: int) -> list[PlannedBuild]:
        """Return builds that hold a slot: those that never end, then those that end first."""
        stuck = self._builds(sql.NEVER_TO_END, NEVER, self._now, most)
        bound = (self._now, NEVER, MOST_BUILDS, float_info.max)
        return stuck + self._builds(sql.RUNNING, self._now, self._now, *bound, most - len(stuck))

    def waiting(self, most: int) -> list[PlannedBuild]:
        """Return builds that have not started, those that start first."""
        found = self._builds(sql.NEXT_TO_START, self._now, NEVER, self._now, most)
        return found + self._builds(sql.NEVER_TO_START, NEVER, NEVER, most - len(found))

    def ended(self, most: int) -> list[PlannedBuild]:
        """Return builds that have ended, the last first."""
        return self._builds(sql.LATELY_ENDED, self._now, most)

    def _builds(self, statement: str, *values: float) -> list[PlannedBuild]:
        found = self._connection.execute(statement, values)
        return [PlannedBuild(row[0], row[1], row[2], rows.build_from(row[3:])) for row in found]

    def queue_size(self) -> tuple[int, int]:
        """Return the number of builds that hold a slot, and of those that wait for one; see :data:`MOST_BUILDS`."""
        values = (self._now, self._now, NEVER, MOST_BUILDS, NEVER, MOST_BUILDS)
        unfinished, running = self._connection.execute(sql.QUEUE_SIZE, values).fetchone()
        return running, unfinished - running

    def next_moments(self) -> tuple[float | None, float | None]:
        """Return when the next build starts, and when the next one ends [s]; None: never."""
        start, end = self._connection.execute(sql.NEXT_MOMENTS, (self._now, self._now)).fetchone()
        return (None if start == NEVER else start), (None if end == NEVER else end)

    def newest_jobs(self, most: int) -> list[Job]:
        """Return the newest jobs, the last first."""
        return rows.jobs_from(self._connection.execute(sql.NEWEST_JOBS, (most,)))

    def number_of_jobs(self) -> int:
        """Return the number of the newest job."""
        (last,) = self._connection.execute(sql.LAST_JOB).fetchone()
        return int(last or 0)

    def active_users(self, most: int) -> list[ActiveUser]:
        """Return the users of the newest jobs and of those that end next, with most active jobs first."""
        values = (self._now, MOST_JOBS, _LATELY, self._now, _LATELY, most)
        return [ActiveUser(*row) for row in self._connection.execute(sql.ACTIVE_USERS, values)]

    def users(self, most: int) -> list[User]:
        """Return the first registered users, by address."""
        return [User(*row) for row in self._connection.execute(sql.FIRST_USERS, (most,))]

    def calls(
        self, most: int, wanted: Mapping[str, str] | None = None, job_id: int | None = None
    ) -> tuple[Journal, int]:
        """Return the newest calls, the last first, and the number of all calls.

        Parameters
        ----------
        most
            How many are returned.
        wanted
            Texts that operation, user or outcome must equal; addresses are compared without case.
        job_id
            Number of the job that the calls name.

        Notes
        -----
        Filters look among the newest :data:`MOST_CALLS`, and the number is that of the calls found there.
        """
        asked = wanted or {}
        chosen = (asked.get("operation", ""), asked.get("user", "").lower(), asked.get("outcome", ""))
        if not any(chosen) and job_id is None:
            first, last = self._connection.execute(sql.JOURNAL_ENDS).fetchone()
            found = self._connection.execute(sql.ENTRIES, (most,))
            return Journal(map(_entry, found)), 0 if last is None else last - first + 1
        filters: Sequence[object] = (
            MOST_CALLS,
            *(text for text in chosen for _ in range(2)),
            *[-1 if job_id is None else job_id] * 2,
        )
        (number,) = self._connection.execute(sql.COUNT_FOUND, filters).fetchone()
        return Journal(map(_entry, self._connection.execute(sql.FOUND_ENTRIES, (*filters, most)))), number

    def outcomes(self, most: int) -> dict[str, int]:
        """Return how many of the newest calls had each outcome."""
        return dict(self._connection.execute(sql.OUTCOMES, (most,)).fetchall())


def _entry(row: Sequence[object]) -> Entry:
    return Entry._make((*row[1:], row[0]))
