"""The use cases of the job service: what each operation does with facts and simulated time.

A call begins with :meth:`JobService.begin`: it reads the clock and the settings in force once, as a :class:`Moment`,
and passes this to what it asks afterwards. What is asked without a moment reads its own. What writes always reads its
own, inside its transaction: time may have moved while it waited for its turn, and jobs are numbered in the order of
time. Nothing here knows HTTP or JSON documents.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

from ..clocks.stored import StoredScaledClock, StoredVirtualClock
from ..core import selection
from ..core.durations import duration
from ..core.errors import JobRefused, LimitReached, NotResolved, ParametersRefused, Refusal, UserRefused
from ..core.model import CancelCode, Job, Product, StatusCode, User
from ..core.progress import progress_at
from ..core.queue import (
    NEVER,
    Queue,
    Rules,
    Wish,
    cancel_products,
    plan_builds,
    replan_jobs,
    status_at,
    waits_for_position,
)
from ..core.random import bits, normal, uniform
from ..sky.origins import origins
from ..storage.rows import user_key
from ..submission.read import read_submission
from ..submission.sizes import oversized
from ..submission.values import is_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from ..clocks.base import Clock
    from ..core.faults import Fault
    from ..core.model import Build, Observation
    from ..scenario.in_force import InForce, Moment
    from ..scenario.scenario import Epoch, Scenario
    from ..sky.origins import Origins
    from ..storage.facts import Facts
    from ..storage.store import Store
    from ..submission.read import Submission

T = TypeVar("T")
_ADDRESS = re.compile(r"(?=.{3,254}$)[^@\s\0&;<>]{1,64}@[^@\s\0.&;<>]{1,63}(\.[^@\s\0.&;<>]{1,63})+")
_SCATTER_OF_POSITIONS = 2.0  # their documented durations scatter more than those of other products
_NEEDS_PHOTON_COUNTING = frozenset(Product) - {Product.LIGHT_CURVE, Product.SPECTRUM}
_MOST_LISTS = 32  # of users whose lists are kept: that of a thousand jobs is a fifth of a megabyte
_BY_CHANCE = {
    "outcomes.not_requested": StatusCode.NOT_REQUESTED,
    "outcomes.not_queued": StatusCode.NOT_QUEUED,
    "outcomes.failed": StatusCode.FAILED,
}
"""Ends of a build by chance, by the setting that is their share."""


class ProductStatus(NamedTuple):
    """Status of one product; the code is None if the job has no such product."""

    code: StatusCode | None
    progress: Mapping[str, Any]


class Listed(NamedTuple):
    """One job in the list of a user's jobs."""

    job_id: int
    name: str
    submitted_at: float
    products: frozenset[Product]
    has_products: bool


class _Kept(NamedTuple):
    """A list of jobs in the form it was last wanted in, and what it was made of: it is the same until that changes."""

    scenario: Scenario
    size: tuple[int, int]
    since: float
    until: float
    made: Any


@dataclass(frozen=True)
class Page:
    """What the page of a job shows at one moment."""

    job: Job
    now: float
    statuses: Mapping[Product, ProductStatus]
    expired: bool


class JobService:
    """The product generator, as its users know it.

    Parameters
    ----------
    store, clock
        Facts and simulated time.
    in_force
        The scenario in force.
    base_url
        Where the addresses in answers begin: ``https://www.swift.ac.uk``.
    open_to_all
        Whether every well-formed address counts as registered.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        in_force: InForce,
        *,
        base_url: str = "https://www.swift.ac.uk",
        open_to_all: bool = True,
    ) -> None:
        self.store = store
        self.clock = clock
        self.in_force = in_force
        self.base_url = base_url
        self._open_to_all = open_to_all
        self._lists: dict[str, _Kept] = {}

    def begin(self, facts: Facts | None = None) -> Moment:
        """Return the moment of a call: simulated time, and the scenario and settings in force then.

        It costs one statement if the database is shared, and none in memory. A transaction gives its `facts`.
        """
        if not self.store.shared:
            return self.in_force.at(self.clock.now())
        if facts is None:
            with self.store.reading() as committed:
                return self.begin(committed)
        shared = facts.shared()
        self.in_force.refresh(facts, shared.generation)
        if isinstance(self.clock, StoredScaledClock | StoredVirtualClock):
            return self.in_force.at(self.clock.now_from(shared))
        return self.in_force.at(self.clock.now())

    def job_url(self, job_id: int) -> str:
        """Return the address of a job; no trailing slash (documented)."""
        return f"{self.base_url}/user_objects/tprods/USERPROD_{job_id}"

    # submitting and cancelling -----------------------------------------------------------------------------

    def submit(self, raw: Mapping[str, Any], fault: Fault | None = None) -> Job:
        """Accept or refuse a submission; the order of user, parameters, limit and resolver is assumed."""
        with self.store.transaction(adds_job=True) as facts:
            moment = self.begin(facts)
            now, scenario, epoch, _ = moment
            if not is_missing(raw.get("UserID")):
                self._require_user(facts, raw["UserID"])
            submission = read_submission(raw, epoch.defaults)
            limit = epoch["limits.active_jobs"]
            standing = facts.standing(submission.user, now)
            if standing.active >= limit:
                raise LimitReached(limit)
            number = standing.next_job_id
            resolved = self._resolve(submission, moment) | {"outdir": f"USERPROD_{number}"}
            parameters = submission.job_pars(resolved)
            wishes = _met(facts, self._wishes(number, submission.products, parameters, moment), fault)
            ends = partial(facts.slots_held_after, max(standing.last_start, now))
            queue = Queue(scenario, standing.last_start, standing.held, ends)
            builds = plan_builds(wishes, now, _rules(epoch), queue)
            job = Job(number, submission.user, submission.name, now, parameters, builds)
            facts.add_job(job)
        return job

    def _resolve(self, submission: Submission, moment: Moment) -> dict[str, Any]:
        """Look up coordinates first, then targets, then T0 (documented order); a failure refuses the submission."""
        sky, values, wants = self.in_force.sky, submission.values, submission.wants
        now, epoch = moment.now, moment.epoch
        found: dict[str, Any] = {}
        position = (values["RA"], values["Dec"]) if {"RA", "Dec"} <= values.keys() else None
        if "getCoords" in wants:
            position = sky.resolve(submission.name, now)
            if position is None and epoch["sky.unknown_names"] == "draw":
                position = sky.drawn_position(submission.name, now)
            if position is None:
                raise NotResolved("Could not resolve the object name.", submission.name)
            found["RA"], found["Dec"] = position
        targets = tuple(values.get("targ", ()))
        if "getTargs" in wants:
            targets = sky.targets(submission.name, position, now)
            if not targets:
                raise NotResolved("No observations found.")
            found["targ"] = targets
        if "getT0" in wants or "Tstart" not in values:
            trigger = sky.trigger(submission.name, targets, position, now, believed(values, epoch))
            if trigger is not None:
                found["Tstart"] = trigger
            elif "getT0" in wants:
                raise NotResolved("Could not determine T0.")
        return found

    def _wishes(
        self, job_id: int, products: Sequence[Product], parameters: Mapping[str, Any], moment: Moment
    ) -> list[Wish]:
        """Work out each product of a submission: length, outcome and contents, by chance and by the archive."""
        archive: Sequence[Observation] = ()
        if not self.in_force.sky.world.forces("no_data", str(parameters.get("name", ""))):
            archive = self.archive_for(parameters, moment.now, moment.epoch)
        self.refuse_oversized(products, parameters, archive)
        shares = {code: share for name, code in _BY_CHANCE.items() if (share := moment.epoch[name])}
        return [_wish(job_id, product, parameters, archive, moment, shares) for product in products]

    def archive_for(self, pars: Mapping[str, Any], now: float, epoch: Epoch) -> Sequence[Observation]:
        """Return the observations that a job with these parameters sees at `now` [s], in the settings of `epoch`."""
        where = selection.targets(pars), selection.position(pars)
        return self.in_force.sky.observations(*where, now, selection.t0(pars), believed(pars, epoch))

    def refuse_oversized(
        self, products: Collection[Product], pars: Mapping[str, Any], archive: Sequence[Observation]
    ) -> None:
        """Refuse a light curve with too many bins, and too many spectra (assumed)."""
        if not {Product.LIGHT_CURVE, Product.SPECTRUM}.intersection(products):
            return
        where = selection.targets(pars), selection.position(pars)
        source = self.in_force.sky.source(*where, selection.t0(pars))
        if problems := [*oversized(products, pars, archive, source.mean_rate_at)]:
            raise ParametersRefused([], problems)

    def cancel(self, user: str, job_id: int, names: Sequence[str]) -> dict[str, CancelCode]:
        """Cancel products of a job by their short names; unknown names get a code of their own."""
        known = {product.value: product for product in Product}
        with self.store.transaction() as facts:
            moment = self.begin(facts)
            job = self.owned(facts, user, job_id)
            after, codes = cancel_products(job, [known[name] for name in names if name in known], moment.now)
            if after != job:
                facts.save_jobs([after])
                self.replan(facts, moment, earlier_only=True)
        return {name: codes[known[name]] if name in known else CancelCode.NO_SUCH_PRODUCT for name in names}

    def replan(self, facts: Facts, moment: Moment, *, earlier_only: bool) -> None:
        """Plan again what has not started, within the transaction that freed or changed slots.

        After a cancellation every build may start earlier, none later. After a change of the slots both can happen.
        """
        now, scenario, epoch, _ = moment
        jobs = facts.unfinished(now)
        planned = replan_jobs(jobs, now, _rules(epoch), scenario, earlier_only=earlier_only)
        facts.save_jobs(new for old, new in zip(jobs, planned, strict=True) if new != old)

    # looking ------------------------------------------------------------------------------------------------

    def status(
        self,
        user: str,
        job_id: int,
        names: Sequence[str],
        with_progress: Collection[str],
        moment: Moment | None = None,
    ) -> dict[str, ProductStatus]:
        """Return the status of products by short name, with progress for those in `with_progress`."""
        with self.store.reading() as facts:
            now = (moment or self.begin(facts)).now
            job = self.owned(facts, user, job_id)
        builds = {build.product.value: build for build in job.builds}
        return {name: _status(builds.get(name), job, now, progress=name in with_progress) for name in names}

    def count(self, user: str, moment: Moment | None = None) -> int:
        """Return how many of a user's jobs have products that have not ended."""
        with self.store.reading() as facts:
            now = (moment or self.begin(facts)).now
            self._require_user(facts, user)
            return facts.count_active(user, now)

    def list_jobs(self, user: str, moment: Moment | None = None) -> list[Listed]:
        """Return all jobs of a user, most recent first."""
        with self.store.reading() as facts:
            moment = moment or self.begin(facts)
            self._require_user(facts, user)
            return _listed(facts.list_jobs(user), moment)[0]

    def kept_list(self, user: str, moment: Moment, form: Callable[[list[Listed]], T]) -> T:
        """Return :meth:`list_jobs` in a form, which is made again only if the list has changed.

        What can change it is a new job, products that expire, and what an operator does. The end of a job can change,
        but only while it runs: its products expire after those of all that have ended.
        """
        now, scenario, *_ = moment
        with self.store.reading() as facts:
            self._require_user(facts, user)
            size, kept = facts.list_size(user), self._lists.get(user)
            if kept is None or kept.scenario is not scenario or kept.size != size or not kept.since <= now < kept.until:
                jobs, first_kept = _listed(facts.list_jobs(user), moment)
                until = min(scenario.expires_at(end) for end in (first_kept, now))
                if len(self._lists) >= _MOST_LISTS:
                    self._lists.clear()
                kept = self._lists[user] = _Kept(scenario, size, now, until, form(jobs))
        made: T = kept.made
        return made

    def forget_lists(self) -> None:
        """Let every list be made again."""
        self._lists.clear()

    def old_job(self, user: str, job_id: int) -> Job:
        """Return a job of the user, however old."""
        with self.store.reading() as facts:
            return self.owned(facts, user, job_id)

    def origins(self, job: Job) -> Origins:
        """Return what about a job is real, and what was drawn, at its submission."""
        asked = believed(job.parameters, self.in_force.at(job.submitted_at).epoch)
        return origins(self.in_force.sky, job.parameters, job.submitted_at, asked)

    def page(self, job_id: int, moment: Moment | None = None) -> Page:
        """Return what anyone who knows its address may see of a job (documented)."""
        with self.store.reading() as facts:
            now, scenario, *_ = moment or self.begin(facts)
            job = facts.job(job_id) or no_such_job(job_id)
        statuses = {build.product: _status(build, job, now, progress=True) for build in job.builds}
        return Page(job, now, statuses, expired=now >= scenario.expires_at(job.ended_at))

    # users --------------------------------------------------------------------------------------------------

    def register(self, address: str, within: Facts | None = None) -> User:
        """Accept a registration; it counts once the link has been followed (documented)."""
        if not isinstance(address, str) or not _ADDRESS.fullmatch(address.strip()):
            raise Refusal("Please give a valid e-mail address, such as name@institute.org")
        with nullcontext(within) if within else self.store.transaction() as facts:
            known = facts.user(address)
            if known is None:
                known = User(address.strip(), self.link_token(address))
                facts.save_user(known)
        return known

    def confirm(self, link_token: str, within: Facts | None = None) -> User:
        """Confirm the registration that a link belongs to."""
        with nullcontext(within) if within else self.store.transaction() as facts:
            user = facts.user_of_token(link_token)
            if user is None:
                raise Refusal("This confirmation link is not known; please register again")
            if user.confirmed_at is None:
                user = replace(user, confirmed_at=self.begin(facts).now)
                facts.save_user(user)
        return user

    def link_token(self, address: str) -> str:
        """Return the token in the confirmation link of an address."""
        return f"{bits(self.in_force.given.seed, 'registration', user_key(address), size=16):032x}"

    def _require_user(self, facts: Facts, address: Any) -> None:
        if not isinstance(address, str):
            raise UserRefused(str(address)[:320])
        if self._open_to_all and _ADDRESS.fullmatch(address.strip()):
            return
        user = None if self._open_to_all else facts.user(address)
        if user is None or user.confirmed_at is None:
            raise UserRefused(address[:320])

    def owned(self, facts: Facts, user: str, job_id: int) -> Job:
        """Return a job, or refuse a user who does not own it."""
        self._require_user(facts, user)
        job = facts.job(job_id) or no_such_job(job_id)
        if user_key(job.user) != user_key(user):
            raise JobRefused(f"Job {job_id} is not owned by user {user}")
        return job


def believed(parameters: Mapping[str, Any], epoch: Epoch) -> tuple[str, ...]:
    """Return the IDs of the observations that a job names, if the simulator is to believe that they exist."""
    return selection.asked(parameters) if epoch["archive.unknown_observations"] == "believe" else ()


def _wish(
    job_id: int,
    product: Product,
    parameters: Mapping[str, Any],
    archive: Sequence[Observation],
    moment: Moment,
    shares: Mapping[StatusCode, float],
) -> Wish:
    """Work out one product from the observations of its job; chance is keyed by seed, job and product.

    `shares` are those of the builds that end otherwise by chance, by the status with which they end.
    """
    epoch, seed, key = moment.epoch, moment.scenario.seed, (job_id, product.value)
    chosen = selection.selected(product, parameters, archive)
    items = tuple(s.name for s in selection.slices(parameters, chosen)) if product is Product.SPECTRUM else ()
    bands = len(str(parameters.get("imen", "")).split(","))
    scatter = epoch["durations.scatter"] * (_SCATTER_OF_POSITIONS if product is Product.STANDARD_POS else 1)
    noise = math.exp(scatter * normal(seed, "duration", *key)) * epoch["durations.factor"]
    sizes = {"observations": len(chosen), "spectra": len(items), "bands": bands}
    length = duration(product, parameters, **sizes, noise=noise)
    outcome = StatusCode.COMPLETE
    drawn = uniform(seed, "outcome", *key) if shares else 1.0
    for by_chance, share in shares.items():
        drawn -= share
        if drawn < 0:
            outcome = by_chance
            break
    mode = "PC" if product in _NEEDS_PHOTON_COUNTING else None
    exposures = (s.exposure for observation in chosen for s in observation.snapshots if mode in (None, s.mode))
    if outcome is StatusCode.COMPLETE and not any(exposure > 0 for exposure in exposures):
        outcome = StatusCode.FAILED  # it cannot be made of these observations
    waits = waits_for_position(parameters, product)
    return Wish(product, length, outcome, len(chosen), items, waits)


def _met(facts: Facts, wishes: list[Wish], fault: Fault | None) -> list[Wish]:
    """Return the products of an accepted submission as a planned fault leaves them; count it if it concerns one."""
    if fault is None or not fault.of_the_plan:
        return wishes
    change = {"duration_s": NEVER} if fault.kind == "stuck" else {"outcome": StatusCode(fault.code)}
    changed = [wish._replace(**change) if fault.product in ("", wish.product.value) else wish for wish in wishes]
    happens = changed != wishes and (not fault.number or facts.fire(fault.number, fault.times))
    return changed if happens else wishes


def _rules(epoch: Epoch) -> Rules:
    return Rules(epoch["queue.requested_s"], epoch["queue.dispatch_every_s"], epoch["queue.run_limit_s"])


def _status(build: Build | None, job: Job, now: float, *, progress: bool) -> ProductStatus:
    if build is None:
        return ProductStatus(None, {"GotProgress": 0})
    code = status_at(build, now)
    shown = progress and code is StatusCode.RUNNING
    return ProductStatus(code, progress_at(build, job.parameters, now) if shown else {"GotProgress": 0})


def _listed(rows: Sequence[tuple[int, str, float, str, float]], moment: Moment) -> tuple[list[Listed], float]:
    """Return the jobs in rows of a list, and the earliest end of one whose products are kept [s]."""
    first_kept = _first_kept(moment.scenario, (ended_at for *_, ended_at in rows), moment.now)
    sets = {text: frozenset(map(Product, text.split(","))) for text in {products for *_, products, _ in rows}}
    jobs = [
        Listed(number, name, submitted_at, sets[products], ended_at >= first_kept)
        for number, name, submitted_at, products, ended_at in rows
    ]
    return jobs, first_kept


def _first_kept(scenario: Scenario, ends: Iterable[float], now: float) -> float:
    """Return the earliest of these ends of jobs [s] whose products are kept at `now`; infinite without one.

    Products of a job that ended later are never removed earlier, so a long list needs few calls of `expires_at`.
    """
    in_order = sorted(ends)
    first = bisect_left(in_order, True, key=lambda ended_at: now < scenario.expires_at(ended_at))
    return in_order[first] if first < len(in_order) else NEVER


def no_such_job(job_id: int) -> NoReturn:
    """Refuse a number that no job has."""
    raise JobRefused(f"Job {job_id} does not exist")
