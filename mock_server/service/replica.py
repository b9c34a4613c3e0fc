"""Facts for reads in another process: the primary hands out those that are asked for, a replica answers from them.

A replica keeps what it was given until it changes; a new job leaves the others as they are. Only jobs, and the ends of
a user's jobs, are handed out: statuses and counts follow from them and from time.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ..scenario.in_force import Moment
from ..sky.world import World
from ..storage.rows import job_from, user_key
from .jobs import JobService
from .simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from ..clocks.base import Clock
    from ..core.journal import Entry
    from ..core.model import Job
    from ..scenario.scenario import Scenario
    from ..storage.rows import Row

Note = tuple["str | None", "Entry"]
"""The era in which a call began, and its entry for the journal."""

_NO_SKY = World(sources=())
_MOST_JOBS = 2000  # that a replica keeps


class Settings(NamedTuple):
    """What of a scenario concerns reads.

    Parameters
    ----------
    generation
        Grows with every change of settings and planned faults.
    scenario
        Without its sky.
    era
        As in :class:`~mock_server.scenario.in_force.Moment`.
    has_faults
        Whether faults are planned: calls have to be counted, which a replica does not.
    """

    generation: str
    scenario: Scenario
    era: str
    has_faults: bool

    def at(self, now: float) -> Moment:
        """Return the moment `now` [s]."""
        return Moment(now, self.scenario, self.scenario.at(now), self.era)


class News(NamedTuple):
    """What a replica asked for, as it is stored now.

    Parameters
    ----------
    settings
        None if they are known.
    jobs
        Rows of jobs, by number; none if no job has it.
    ends
        When the jobs of a user end that have not yet ended [s], by user.
    """

    settings: Settings | None
    jobs: Mapping[int, tuple[Row, ...]]
    ends: Mapping[str, Sequence[float]]


class Primary:
    """Hands out facts of a simulator in this process, whose database is in memory.

    Parameters
    ----------
    jobs
        Has the facts.
    replica
        Class of what answers in another process; it is handed out, too.
    """

    def __init__(self, jobs: JobService, replica: type) -> None:
        self._jobs, self.replica = jobs, replica

    def connect(self, on_change: Callable[[bool], object], others: Callable[[], Iterable[Note]]) -> None:
        """Call `on_change` after each change of the facts, and read what replicas note from `others`.

        `on_change` gets whether the change was a new job alone.
        """
        self._jobs.store.on_change, self._jobs.store.others = on_change, others

    def read(self, jobs: Collection[int], users: Collection[str], known: str | None) -> News:
        """Return these jobs, the ends of these users' jobs and the newest, and the settings unless they are `known`."""
        in_force, settings, now = self._jobs.in_force, None, self._jobs.clock.now()
        with self._jobs.store.reading() as facts:
            in_force.refresh(facts)  # another caller may have just changed them
            if known != in_force.generation:
                _, scenario, _, era = in_force.at(now)
                scenario = replace(scenario, world=_NO_SKY, added=(), users=(), faults=(), text=None)
                settings = Settings(in_force.generation, scenario, era, bool(in_force.faults))
            newest = {facts.list_size(user)[1] for user in users}  # asked about next, if it was submitted just now
            found = {number: facts.rows_of(number) for number in {*jobs, *newest}}
            return News(settings, found, {user: facts.active_ends(user, now) for user in users})

    def take_notes(self) -> None:
        """Add what replicas have noted to the journal."""
        self._jobs.store.take_others()


class MissingFactError(Exception):
    """A replica needs jobs, or the ends of users' jobs, that it was not given."""

    def __init__(self, jobs: Collection[int] = (), users: Collection[str] = ()) -> None:
        super().__init__(jobs, users)
        self.jobs, self.users = jobs, users


class HandedOut:
    """What a replica was given, in the place of store, settings and planned faults of a job service.

    Parameters
    ----------
    note
        Called with the entry of each call that was answered, and the era in which it began.
    """

    shared = False

    def __init__(self, note: Callable[[Entry, str | None], object]) -> None:
        self.note = note
        self.settings: Settings | None = None
        self._jobs: dict[int, Job | None] = {}
        self._ends: dict[str, Sequence[float]] = {}
        self._counted: set[str] = set()

    def simulation(self, clock: Clock) -> Simulation:
        """Return a simulation that answers counts and statuses, and nothing else."""
        here = cast("Any", self)
        return Simulation(JobService(here, clock, here), here, here, here)

    def add(self, news: News) -> None:
        """Add to what is known."""
        self.settings = news.settings or self.settings
        if len(self._jobs) > _MOST_JOBS:
            self._jobs = {}
        self._jobs |= {number: job_from(rows) if rows else None for number, rows in news.jobs.items()}
        self._ends |= news.ends

    def users(self) -> tuple[str, ...]:
        """Return the users whose jobs were counted since the last change."""
        return tuple(self._counted)

    def forget(self, *, jobs: bool) -> None:
        """Forget what a new job changes, and also the others if the `jobs` may have changed."""
        self._ends, self._counted = {}, set()
        if jobs:
            self._jobs = {}

    def reading(self) -> AbstractContextManager[HandedOut]:
        """Read what is known."""
        return nullcontext(self)

    def at(self, now: float) -> Moment:
        """Return the moment `now` [s]."""
        if self.settings is None:
            raise MissingFactError
        return self.settings.at(now)

    def meet(self, _operation: str, _moment: Moment) -> None:
        """Return None: a replica does not answer while faults are planned."""

    def job(self, job_id: int) -> Job | None:
        """Return a job, or None if no job has this number."""
        job = self._jobs.get(job_id)
        if job is None and job_id not in self._jobs:
            raise MissingFactError(jobs=(job_id,))
        if job is None:
            del self._jobs[job_id]  # it may be there next time
        return job

    def count_active(self, user: str, now: float) -> int:
        """Return the number of a user's jobs with builds that have not ended by `now` [s]."""
        key = user_key(user)
        self._counted.add(key)
        ends = self._ends.get(key)
        if ends is None:
            raise MissingFactError(users=(key,))
        return sum(end > now for end in ends)
