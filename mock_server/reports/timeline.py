"""Data of the dashboard: the queue over time and active users, from jobs, scenario and simulated time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ..core.queue import NEVER, running_ends, status_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..core.model import Build, Job, Product, StatusCode, User
    from ..scenario.scenario import Scenario

_ROWS = 24
_SHORTEST_S = 60.0  # the axis needs a length
_BESIDE = 1.1  # builds that never end are drawn a little beyond the others


class Bar(NamedTuple):
    """Part of a row: kind, and position on the axis [%]."""

    kind: str
    left: float
    width: float


class Row(NamedTuple):
    """One build."""

    job_id: int
    product: Product
    code: StatusCode
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Gantt:
    """The queue over time.

    Parameters
    ----------
    rows
        The newest builds, in the order of their requests.
    begins_at, ends_at
        Ends of the axis [simulated time, s].
    now
        Position of the current time on the axis [%].
    running, queued
        Number of builds that hold a slot, and of those that wait for one.
    slots, others
        Slots that are available now, and those that other users hold.
    """

    rows: tuple[Row, ...]
    begins_at: float
    ends_at: float
    now: float
    running: int
    queued: int
    slots: int
    others: int


class Activity(NamedTuple):
    """One user and the number of jobs."""

    address: str
    jobs: int
    active: int
    registered: str


def gantt(jobs: Sequence[Job], scenario: Scenario, now: float) -> Gantt:
    """Return the queue over time, past and planned."""
    shown = [(job, build) for job in jobs for build in job.builds][-_ROWS:]
    begin = min((build.requested_at for _, build in shown), default=now)
    moments = [moment for _, build in shown for moment in (build.started_at, build.left_at) if moment < NEVER]
    end = begin + max(_SHORTEST_S, (max([now, *moments]) - begin) * _BESIDE)
    unfinished = [build for job in jobs for build in job.builds if not status_at(build, now).ended]
    running, slots = len(running_ends(jobs, now)), scenario.slots_at(now)
    epoch = scenario.at(now)
    return Gantt(
        rows=tuple(_row(job, build, now, begin, end) for job, build in shown),
        begins_at=begin,
        ends_at=end,
        now=_percent(now, begin, end),
        running=running,
        queued=len(unfinished) - running,
        slots=slots,
        others=epoch["queue.slots"] - slots if epoch["service.available"] else 0,
    )


def _row(job: Job, build: Build, now: float, begin: float, end: float) -> Row:
    """Return the past and the planned stretches of a build."""
    left_queue = min(build.started_at, build.left_at)
    stretches = (
        ("queued", build.requested_at, min(now, left_queue)),
        ("running", build.started_at, min(now, build.left_at)),
        ("planned", max(now, build.started_at), build.left_at),
    )
    bars = (
        Bar(kind, _percent(start, begin, end), _percent(stop, begin, end) - _percent(start, begin, end))
        for kind, start, stop in stretches
        if start < stop
    )
    return Row(job.job_id, build.product, status_at(build, now), tuple(bars))


def _percent(moment: float, begin: float, end: float) -> float:
    return 100 * (min(moment, end) - begin) / (end - begin)


def activity(jobs: Iterable[Job], users: Iterable[User], now: float) -> list[Activity]:
    """Return all users who registered or submitted, in order of their addresses."""
    addresses: dict[str, str] = {}
    registered: dict[str, str] = {}
    for user in users:
        addresses[user.address.casefold()] = user.address
        registered[user.address.casefold()] = "not confirmed" if user.confirmed_at is None else "confirmed"
    submitted, active = Counter[str](), Counter[str]()
    for job in jobs:
        key = job.user.casefold()
        addresses.setdefault(key, job.user)
        submitted[key] += 1
        active[key] += now < job.ended_at
    return [
        Activity(address, submitted[key], active[key], registered.get(key, "no"))
        for key, address in sorted(addresses.items())
    ]
