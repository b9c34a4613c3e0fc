"""What the dashboard shows: the queue over time, users against the limit, the newest calls, and a verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from ..core.model import StatusCode
from ..core.queue import NEVER, status_at
from ..storage.glance import MOST_BUILDS, MOST_CALLS, MOST_JOBS, Glance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..core.journal import Journal
    from ..core.model import Job, User
    from ..scenario.in_force import Moment
    from ..storage.glance import ActiveUser, PlannedBuild
    from .jobs import JobService

COURTESY = 5
"""Number of active jobs of one user that the service asks not to pass by much (documented)."""
COUNTED, SEARCHED = MOST_JOBS, MOST_CALLS
"""Active jobs of one user are counted up to the first, filters look among the newest calls up to the second."""
_RUNNING, _WAITING, _ENDED = 20, 12, 8
_JOBS, _USERS, _CALLS, _REGISTERED = 20, 12, 50, 50
_JUDGED = 1_000  # newest calls of which the verdict speaks
_SHORTEST_S = 60.0  # the axis needs a length
_PAST_S = 3600.0
_STEPS_S = tuple(
    unit * number for unit, numbers in ((1, (10, 20, 30)), (60, (1, 2, 5, 10, 20, 30)), (3600, (1, 2, 3, 6, 12)),
                                        (86400, (1, 2, 7, 30, 90, 365))) for number in numbers
)  # fmt: skip
_TICKS = 6
_TROUBLE = ("outage", "unavailable", "fault", "refused", "missing")


class Bar(NamedTuple):
    """Part of a row: kind, and position on the axis [%]."""

    kind: str
    left: float
    width: float


class Row(NamedTuple):
    """One build of the queue."""

    planned: PlannedBuild
    code: StatusCode
    bars: tuple[Bar, ...]


class Group(NamedTuple):
    """Builds of one kind: running, waiting or ended; `number` counts also those that are not in `rows`."""

    name: str
    number: str
    rows: tuple[Row, ...]


class Tick(NamedTuple):
    """Label of the axis, and its position [%]."""

    at: float
    label: str


class Verdict(NamedTuple):
    """Judgement of the present: ``good``, ``warn`` or ``bad``, and a sentence for each reason."""

    level: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Overview:
    """What the dashboard shows of one moment.

    Parameters
    ----------
    moment
        Simulated time, and what is in force.
    groups
        The queue: running, waiting, ended.
    ticks, now_at
        Labels of the axis, and the present on it [%].
    slots, others
        Slots that are available now, and those that other users hold.
    next_start, next_end
        When the next build starts and ends [s]; None: never.
    users, registered
        Users with jobs, most active first; the first registered users.
    jobs, number_of_jobs
        The newest jobs, the last first, and the number of all.
    calls, number_of_calls
        The newest calls that were asked for, the last first, and the number of all of these.
    verdict
        Judgement of users and calls.
    """

    moment: Moment
    groups: tuple[Group, ...]
    ticks: tuple[Tick, ...]
    now_at: float
    slots: int
    others: int
    next_start: float | None
    next_end: float | None
    users: Sequence[ActiveUser]
    registered: Sequence[User]
    jobs: Sequence[Job]
    number_of_jobs: int
    calls: Journal
    number_of_calls: int
    verdict: Verdict


def overview(jobs: JobService, wanted: Mapping[str, str] | None = None, job_id: int | None = None) -> Overview:
    """Return what the dashboard shows now; `wanted` and `job_id` filter the calls, see :meth:`Glance.calls`."""
    jobs.store.flush()
    with jobs.store.reading() as facts:
        moment = jobs.begin(facts)
        now, scenario, epoch = moment.now, moment.scenario, moment.epoch
        look = Glance(facts.connection, now)
        running, waiting, ended = look.running(_RUNNING), look.waiting(_WAITING), look.ended(_ENDED)
        sizes, users = look.queue_size(), look.active_users(_USERS)
        number_of_jobs, (next_start, next_end) = look.number_of_jobs(), look.next_moments()
        calls, number_of_calls = look.calls(_CALLS, wanted, job_id)
        axis = Axis.of([*running, *waiting], ended, now)
        slots, many = scenario.slots_at(now), sum(sizes) >= MOST_BUILDS
        return Overview(
            moment=moment,
            groups=(
                Group("Running", str(sizes[0]), axis.rows(running)),
                Group("Waiting", f"{sizes[1]} or more" if many else str(sizes[1]), axis.rows(waiting)),
                Group("Ended last", f"of {number_of_jobs} jobs" if number_of_jobs else "", axis.rows(ended)),
            ),
            ticks=axis.ticks(),
            now_at=axis.at(now),
            slots=slots,
            others=epoch["queue.slots"] - slots if epoch["service.available"] else 0,
            next_start=next_start,
            next_end=next_end,
            users=users,
            registered=look.users(_REGISTERED),
            jobs=look.newest_jobs(_JOBS),
            number_of_jobs=number_of_jobs,
            calls=calls,
            number_of_calls=number_of_calls,
            verdict=judge(moment, users, look.outcomes(_JUDGED)),
        )


def judge(moment: Moment, users: Sequence[ActiveUser], outcomes: Mapping[str, int]) -> Verdict:
    """Return what there is to say about users and calls; users come with most active jobs first."""
    limit = moment.epoch["limits.active_jobs"]
    reasons: list[str] = []
    bad = not moment.epoch["service.available"]
    if bad:
        reasons.append("The service is down: service.available is false.")
    for user in users[:1]:
        if user.active >= limit:
            bad = True
            reasons.append(f"{user.address} is at the limit: {user.active} of {limit} active jobs.")
        elif user.active > COURTESY:
            reasons.append(f"{user.address} has {user.active} active jobs; the service asks for about {COURTESY}.")
    trouble = [f"{outcomes[name]} {name}" for name in _TROUBLE if outcomes.get(name)]
    if trouble:
        reasons.append(f"Of the newest {sum(outcomes.values())} calls: {', '.join(trouble)}.")
    if reasons:
        return Verdict("bad" if bad else "warn", tuple(reasons))
    return Verdict("good", ("All calls were answered, and no user has more active jobs than the service asks for.",))


@dataclass(frozen=True)
class Axis:
    """Time axis of the queue, from `begin` to `end` [s], and the present."""

    begin: float
    end: float
    now: float

    @classmethod
    def of(cls, unfinished: Sequence[PlannedBuild], ended: Sequence[PlannedBuild], now: float) -> Axis:
        """Return the axis that shows what is planned, and at most an hour or twice as much of the past."""
        plans = [one.build for one in unfinished]
        finite = [moment for build in plans for moment in (build.started_at, build.left_at) if moment < NEVER]
        ahead = 1.05 * (max([now, *finite]) - now)
        past = [one.build.requested_at for one in (*unfinished, *ended)]
        behind = max(now - min(past, default=now), _SHORTEST_S)
        if plans:
            behind = min(behind, max(2 * ahead, _PAST_S))
        return cls(now - behind, now + max(ahead, behind / 10), now)

    def at(self, moment: float) -> float:
        """Return the position of a moment [%], at an end of the axis if it is beyond."""
        return 100 * (min(max(moment, self.begin), self.end) - self.begin) / (self.end - self.begin)

    def ticks(self) -> tuple[Tick, ...]:
        """Return round moments with their labels."""
        length = self.end - self.begin
        step = next((step for step in _STEPS_S if length / step <= _TICKS), length)
        form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 86400 else "%b %d"
        moments = (k * step for k in range(math.ceil(self.begin / step), math.floor(self.end / step) + 1))
        return tuple(Tick(self.at(moment), datetime.fromtimestamp(moment, UTC).strftime(form)) for moment in moments)

    def rows(self, builds: Sequence[PlannedBuild]) -> tuple[Row, ...]:
        """Return a row for each build, with the stretches that it is in the queue, running or run, and planned."""
        rows = []
        for one in builds:
            build, code = one.build, status_at(one.build, self.now)
            ran = "running" if not code.ended else "complete" if code is StatusCode.COMPLETE else "failed"
            stretches = (
                ("queued", build.requested_at, min(self.now, build.started_at, build.left_at)),
                (ran, build.started_at, min(self.now, build.left_at)),
                ("planned", max(self.now, build.started_at), build.left_at),
            )
            bars = (
                Bar(kind, self.at(start), self.at(stop) - self.at(start))
                for kind, start, stop in stretches
                if start < stop and start < self.end and stop > self.begin
            )
            rows.append(Row(one, code, tuple(bars)))
        return tuple(rows)
