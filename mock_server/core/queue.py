"""The queue: plans made at submission, and statuses as functions of plan and simulated time.

No clock, file, SQL or HTTP here. A plan is made once, from the queue at that moment; nothing runs afterwards.
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .durations import corrects_standard
from .model import Build, CancelCode, Job, Product, StatusCode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

NEVER = math.inf
_PATIENCE_S = 366 * 86400.0  # a queue without a free slot for a year is blocked for good: keeps the search finite
_FINEST_GRID_S = 1e-3  # a finer grid counts as none: simulated time has too few digits for it
_OUT_OF_THE_QUEUE = (StatusCode.NOT_REQUESTED, StatusCode.NOT_QUEUED)


class Capacity(Protocol):
    """Number of builds that may run at the same time, as a step function of simulated time."""

    def slots_at(self, now: float) -> int:
        """Slots at `now` [s]."""
        ...

    def slots_change_after(self, now: float) -> float:
        """First moment after `now` at which the number may change [s]."""
        ...


class Wish(NamedTuple):
    """One product of a submission, with all that random draws and the archive decide about it.

    Parameters
    ----------
    product
        Product to build.
    duration_s
        Length of its run [s]; a run above the limit is stopped there and fails.
    outcome
        Status with which it would end.
    observations
        Number of observations it uses.
    items
        Names of the spectra it makes.
    waits
        Whether it cannot run before the standard position of the same job has ended.
    """

    product: Product
    duration_s: float
    outcome: StatusCode = StatusCode.COMPLETE
    observations: int = 1
    items: tuple[str, ...] = ()
    waits: bool = False


class Rules(NamedTuple):
    """Rules of the queue in force at a submission, in seconds of simulated time."""

    requested_s: float = 5.0
    dispatch_every_s: float = 55.0
    run_limit_s: float = 43200.0


@dataclass
class Queue:
    """The queue ahead of the next build: first in, first out, on slots that all users share.

    Parameters
    ----------
    capacity
        Slots as a function of time.
    last_start
        Start of the previous build [s]; no build overtakes it.
    held
        Number of the builds that hold a slot at that time or later.
    ends
        Returns their ends [s]; called once, when they first leave no slot free. None: there are no such builds.
    """

    capacity: Capacity
    last_start: float
    held: int = 0
    ends: Callable[[], Iterable[float]] | None = None
    _known: list[float] = field(default_factory=list)  # ends of those taken here, and of all once `ends` was called

    def start_after(self, ready_at: float, grid_s: float) -> float:
        """First moment at which the next build can leave the queue [s]; infinite without one.

        Builds leave on a grid of `grid_s` seconds, as if the queue were checked at intervals (assumed).
        """
        moment = _on_grid(max(ready_at, self.last_start), grid_s)
        until = moment + _PATIENCE_S
        while moment < until:
            slots = self.capacity.slots_at(moment)
            if self.held < slots:  # even if none of them has ended by then
                return moment
            busy_until = self._busy_until()
            ended = bisect_right(busy_until, moment)
            if self.held - ended < slots:
                return moment
            next_end = busy_until[ended] if ended < self.held else NEVER
            moment = _on_grid(min(next_end, self.capacity.slots_change_after(moment)), grid_s)
        return NEVER

    def take(self, started_at: float, ends_at: float) -> None:
        """Let a build hold a slot from `started_at` to `ends_at`; calls come in the order of the queue."""
        if started_at < NEVER:
            self.last_start = started_at
            self.held += 1
            insort(self._known, ends_at)

    def _busy_until(self) -> list[float]:
        """Return the ends of all builds that hold a slot, in order [s]."""
        if self.ends is not None:
            self._known = sorted((*self.ends(), *self._known))
            self.ends = None
        return self._known


def _on_grid(moment: float, grid_s: float) -> float:
    """Return the first moment of the grid that is not before `moment`."""
    if grid_s < _FINEST_GRID_S or moment == NEVER:
        return moment
    tick = math.ceil(moment / grid_s) - 1
    while tick * grid_s < moment:
        tick += 1
    return tick * grid_s


def plan_builds(wishes: Sequence[Wish], now: float, rules: Rules, queue: Queue) -> tuple[Build, ...]:
    """Plan all products of a submission at `now` [s]; `queue` is moved on."""
    builds: list[Build] = []
    queued_at = now + rules.requested_s
    for wish in wishes:
        over = rules.run_limit_s < wish.duration_s < NEVER  # a stuck build never reaches the limit
        duration_s = rules.run_limit_s if over else wish.duration_s
        outcome = StatusCode.FAILED if over and wish.outcome is StatusCode.COMPLETE else wish.outcome
        if outcome in _OUT_OF_THE_QUEUE:  # it ends with an internal error, and never gets there
            left_at = now if outcome is StatusCode.NOT_REQUESTED else queued_at
            run = _Run(NEVER, NEVER, left_at, outcome)
        else:
            awaited = _standard_position(builds, wish.waits)
            started_at = queue.start_after(queued_at, rules.dispatch_every_s)
            run = _run(started_at, duration_s, outcome, awaited)
            queue.take(started_at, run.ends_at)
        builds.append(
            Build(
                product=wish.product,
                requested_at=now,
                queued_at=queued_at,
                started_at=run.started_at,
                running_at=run.running_at,
                ends_at=run.ends_at,
                duration_s=duration_s,
                outcome=run.outcome,
                observations=wish.observations,
                items=wish.items,
            )
        )
    return tuple(builds)


def _standard_position(builds: Iterable[Build], waits: bool) -> Build | None:
    """Return the standard position that another product of the job waits for; None if it does not wait."""
    return next((build for build in builds if build.product is Product.STANDARD_POS), None) if waits else None


class _Run(NamedTuple):
    """The part of a :class:`Build` that follows from the moment at which it leaves the queue."""

    started_at: float
    running_at: float
    ends_at: float
    outcome: StatusCode


def _run(started_at: float, duration_s: float, outcome: StatusCode, awaited: Build | None) -> _Run:
    """Plan the run of a build that leaves the queue at `started_at`.

    A build that waits for the standard position fails if the position fails (assumed).
    """
    if awaited is None:
        return _Run(started_at, started_at, started_at + duration_s, outcome)
    running_at = max(started_at, awaited.left_at)
    if awaited.outcome is StatusCode.COMPLETE and awaited.cancelled_at is None:
        return _Run(started_at, running_at, running_at + duration_s, outcome)
    return _Run(started_at, running_at, running_at, StatusCode.FAILED)


def _run_again(build: Build, started_at: float, awaited: Build | None) -> Build:
    """Return a build with the run that it has if it leaves the queue at `started_at`."""
    return build._replace(**_run(started_at, build.duration_s, build.outcome, awaited)._asdict())


def waits_for_position(job_pars: Mapping[str, Any], product: Product) -> bool:
    """Whether a product cannot run before the standard position of its job has ended.

    Documented: status 5 exists for the astrometric position alone. It waits if it corrects the standard one (field).
    """
    return product is Product.ASTROM_POS and corrects_standard(job_pars)


def status_at(build: Build, now: float) -> StatusCode:
    """Status of one product, as the service would report it at `now` [s since 1970-01-01 UTC].

    Codes: documented (job status page). That RUNNING starts exactly at `running_at`: assumed.
    """
    if now >= build.left_at:
        return build.outcome if build.cancelled_at is None else StatusCode.CANCELLED
    if now >= build.running_at:
        return StatusCode.RUNNING
    if now >= build.started_at:
        return StatusCode.WAITING
    return StatusCode.QUEUED if now >= build.queued_at else StatusCode.REQUESTED


def cancel_products(job: Job, products: Collection[Product], now: float) -> tuple[Job, dict[Product, CancelCode]]:
    """Cancel some products of a job; return the job afterwards, and the code for each product (documented codes)."""
    codes: dict[Product, CancelCode] = {}
    builds = list(job.builds)
    for product in products:
        index = next((i for i, build in enumerate(builds) if build.product is product), None)
        if index is None:
            codes[product] = CancelCode.NO_SUCH_PRODUCT
        elif status_at(builds[index], now).ended:
            codes[product] = CancelCode.NOT_CANCELLED
        else:
            build = builds[index]._replace(cancelled_at=now)
            if build.started_at > now:  # it never leaves the queue
                build = build._replace(started_at=NEVER, running_at=NEVER, ends_at=NEVER)
            builds[index] = build
            codes[product] = CancelCode.CANCELLED
    return replace(job, builds=tuple(builds)), codes


def replan_jobs(
    jobs: Sequence[Job], now: float, rules: Rules, capacity: Capacity, *, earlier_only: bool = True
) -> list[Job]:
    """Plan again all builds that have not left the queue at `now`, in the order of their requests.

    Parameters
    ----------
    jobs
        Jobs with builds that have not ended, by job number.
    now
        Simulated time [s].
    rules, capacity
        As in force at `now`.
    earlier_only
        Whether a build that would now start later keeps its planned start. After a cancellation this is possible,
        because every build before it ends no later than planned; with fewer slots it is not.
    """
    settled = [_settled(job, now) for job in jobs]
    ends = running_ends(settled, now)
    queue = Queue(capacity, now, len(ends), lambda: ends)
    return [_replanned(job, now, rules.dispatch_every_s, queue, earlier_only=earlier_only) for job in settled]


def _settled(job: Job, now: float) -> Job:
    """Plan again the runs of builds that have left the queue and wait for the standard position."""
    builds: list[Build] = []
    for build in job.builds:
        awaited = _standard_position(builds, waits_for_position(job.parameters, build.product))
        waiting = build.started_at <= now < build.running_at and not status_at(build, now).ended
        builds.append(_run_again(build, build.started_at, awaited) if waiting and awaited else build)
    return replace(job, builds=tuple(builds))


def _replanned(job: Job, now: float, grid_s: float, queue: Queue, *, earlier_only: bool) -> Job:
    builds: list[Build] = []
    for build in job.builds:
        if build.started_at <= now or build.outcome in _OUT_OF_THE_QUEUE or status_at(build, now).ended:
            builds.append(build)
        else:
            awaited = _standard_position(builds, waits_for_position(job.parameters, build.product))
            started_at = queue.start_after(build.queued_at, grid_s)
            if earlier_only:
                started_at = min(started_at, build.started_at)
            builds.append(_run_again(build, started_at, awaited))
            queue.take(started_at, builds[-1].ends_at)
    return replace(job, builds=tuple(builds))


def running_ends(jobs: Iterable[Job], now: float) -> list[float]:
    """Ends of the builds that hold a slot at `now`, in order [s]."""
    return sorted(build.left_at for job in jobs for build in job.builds if build.started_at <= now < build.left_at)


def next_change(jobs: Iterable[Job], now: float) -> float | None:
    """First moment after `now` at which some status changes [s]; None if no status will change."""
    moments = (
        moment
        for job in jobs
        for build in job.builds
        for moment in (build.queued_at, build.started_at, build.running_at, build.left_at)
        if now < moment <= build.left_at and moment < NEVER
    )
    return min(moments, default=None)
