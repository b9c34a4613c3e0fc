"""Plans and statuses: at the exact second, and for any script of submissions and cancellations."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.core.model import Build, CancelCode, Job, Product, StatusCode
from mock_server.core.queue import (
    NEVER,
    Queue,
    Rules,
    Wish,
    cancel_products,
    next_change,
    plan_builds,
    replan_jobs,
    running_ends,
    status_at,
    waits_for_position,
)

START = 1_772_442_025.0  # 20 s before a moment of the grid of 55 s
RULES = Rules(requested_s=5.0, dispatch_every_s=0.0)
LONG = 86400.0


@dataclass(frozen=True)
class Steps:
    """Slots that change at given moments."""

    first: int
    changes: tuple[tuple[float, int], ...] = ()

    def slots_at(self, now: float) -> int:
        return ([self.first] + [slots for at, slots in self.changes if at <= now])[-1]

    def slots_change_after(self, now: float) -> float:
        return min((at for at, _ in self.changes if at > now), default=NEVER)


def wish(product: Product = Product.IMAGE, duration: float = 100.0, **more: Any) -> Wish:
    return Wish(product, duration, **more)


def planned(*wishes: Wish, slots: int = 9, rules: Rules = RULES, now: float = START) -> tuple[Build, ...]:
    return plan_builds(wishes, now, rules, Queue(Steps(slots), -NEVER))


def job(*builds: Build, number: int = 1, **job_pars: Any) -> Job:
    return Job(number, "user@example.org", "GK Per", START, job_pars, builds)


# statuses at the exact second ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "status"),
    [
        (0, StatusCode.REQUESTED),
        (4.999, StatusCode.REQUESTED),
        (5, StatusCode.QUEUED),
        (19.999, StatusCode.QUEUED),
        (20, StatusCode.RUNNING),
        (119.999, StatusCode.RUNNING),
        (120, StatusCode.COMPLETE),
        (1e9, StatusCode.COMPLETE),
    ],
)
def test_a_build_is_requested_queued_running_complete_at_the_exact_second(seconds, status):
    (build,) = planned(wish(), rules=Rules(requested_s=5, dispatch_every_s=55))
    assert status_at(build, START + seconds) is status


@pytest.mark.parametrize(
    ("seconds", "status"),
    [
        (4.999, StatusCode.REQUESTED),
        (5, StatusCode.WAITING),
        (104.999, StatusCode.WAITING),
        (105, StatusCode.RUNNING),
        (154.999, StatusCode.RUNNING),
        (155, StatusCode.COMPLETE),
    ],
)
def test_an_astrometric_position_waits_until_the_standard_one_has_ended(seconds, status):
    _, waiting = planned(wish(Product.STANDARD_POS), wish(Product.ASTROM_POS, 50, waits=True))
    assert status_at(waiting, START + seconds) is status


@pytest.mark.parametrize(
    ("parameters", "waits"),
    [
        ({}, False),
        ({"allxastrom": 0, "detMeth": "simple"}, False),
        ({"allxastrom": 0, "detMeth": "iterative"}, True),
        ({"allxastrom": 1, "detMeth": "iterative"}, False),
        ({"detMeth": "iterative", "detornot": "centroid"}, False),
    ],
)
def test_only_an_iterative_standard_position_on_the_same_observations_is_waited_for(parameters, waits):
    """A printed answer of the official pages shows both positions running, with the simple method."""
    assert waits_for_position(parameters, Product.ASTROM_POS) is waits
    assert not waits_for_position(parameters, Product.STANDARD_POS)


def test_an_astrometric_position_of_its_own_data_never_waits():
    _, independent = planned(wish(Product.STANDARD_POS), wish(Product.ASTROM_POS, 50))
    assert independent.running_at == independent.started_at


@pytest.mark.parametrize("outcome", [StatusCode.FAILED, StatusCode.NOT_QUEUED, StatusCode.NOT_REQUESTED])
def test_an_astrometric_position_fails_with_the_standard_one_it_waits_for(outcome):
    psf, waiting = planned(wish(Product.STANDARD_POS, outcome=outcome), wish(Product.ASTROM_POS, 50, waits=True))
    ends_at = max(psf.left_at, waiting.started_at)
    assert status_at(waiting, ends_at) is StatusCode.FAILED
    assert waiting.left_at == ends_at


@pytest.mark.parametrize(
    ("outcome", "seconds"), [(StatusCode.NOT_REQUESTED, 0.0), (StatusCode.NOT_QUEUED, 5.0), (StatusCode.FAILED, 105.0)]
)
def test_internal_errors_come_before_the_queue_and_failures_at_the_end_of_the_run(outcome, seconds):
    (build,) = planned(wish(outcome=outcome))
    assert status_at(build, START + seconds) is outcome
    assert status_at(build, math.nextafter(START + seconds, 0)) is not outcome


def test_internal_errors_take_no_slot():
    *_, last = planned(
        wish(outcome=StatusCode.NOT_QUEUED), wish(Product.LIGHT_CURVE, outcome=StatusCode.NOT_REQUESTED),
        wish(Product.SPECTRUM), slots=1,
    )  # fmt: skip
    assert last.started_at == START + 5


@pytest.mark.parametrize(
    ("duration", "seconds", "outcome"),
    [(600, 600, StatusCode.COMPLETE), (600.5, 600, StatusCode.FAILED), (NEVER, NEVER, StatusCode.COMPLETE)],
)
def test_a_run_above_the_limit_fails_there_but_for_one_that_is_stuck(duration, seconds, outcome):
    (build,) = planned(wish(duration=duration), rules=RULES._replace(run_limit_s=600))
    assert (build.ends_at - build.started_at, build.outcome) == (seconds, outcome)


# the queue -------------------------------------------------------------------------------------------------------


def test_builds_leave_the_queue_on_the_grid():
    rules = Rules(requested_s=5, dispatch_every_s=55)
    starts = [planned(wish(), rules=rules, now=START + s)[0].started_at - START for s in (0, 14.9, 15, 15.1, 70)]
    assert starts == [20, 20, 20, 75, 75]


def test_a_build_waits_for_the_first_slot_to_be_free():
    builds = planned(wish(Product.LIGHT_CURVE, 50), wish(Product.SPECTRUM, 20), wish(duration=10), slots=2)
    assert [build.started_at - START for build in builds] == [5, 5, 25]


def test_slots_that_come_later_are_used_when_they_come():
    queue = Queue(Steps(0, ((START + 1000, 1),)), -NEVER)
    (build,) = plan_builds([wish()], START, RULES, queue)
    assert build.started_at == START + 1000


def test_without_slots_nothing_starts_and_statuses_stay_at_queued():
    (build,) = planned(wish(), slots=0)
    assert build.started_at == NEVER
    assert status_at(build, START + 1e9) is StatusCode.QUEUED


def test_without_slots_a_build_can_be_cancelled():
    after, codes = cancel_products(job(*planned(wish(), slots=0)), [Product.IMAGE], START + 60)
    assert codes == {Product.IMAGE: CancelCode.CANCELLED}
    assert after.ended_at == START + 60


def test_fewer_slots_let_running_builds_end_and_delay_waiting_ones():
    capacity = Steps(2, ((START + 10, 1),))
    queue = Queue(capacity, -NEVER)
    wishes = [wish(Product.LIGHT_CURVE, 50), wish(Product.SPECTRUM, 80), wish(duration=10)]
    builds = plan_builds(wishes, START, RULES, queue)
    assert [build.started_at - START for build in builds] == [5, 5, 85]


# cancelling ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 4, 5, 104.999])
def test_cancelling_takes_effect_at_once_and_for_good(seconds):
    now = START + seconds
    after, codes = cancel_products(job(*planned(wish())), [Product.IMAGE], now)
    assert codes == {Product.IMAGE: CancelCode.CANCELLED}
    assert status_at(after.builds[0], now) is StatusCode.CANCELLED
    assert cancel_products(after, [Product.IMAGE], now + 1) == (after, {Product.IMAGE: CancelCode.NOT_CANCELLED})


def test_a_product_that_has_ended_cannot_be_cancelled():
    ended = job(*planned(wish()))
    assert cancel_products(ended, [Product.IMAGE], START + 105) == (ended, {Product.IMAGE: CancelCode.NOT_CANCELLED})


def test_a_product_the_job_does_not_have_cannot_be_cancelled():
    there = job(*planned(wish()))
    assert cancel_products(there, [Product.SPECTRUM], START)[1] == {Product.SPECTRUM: CancelCode.NO_SUCH_PRODUCT}


def test_a_cancelled_run_gives_its_slot_to_the_next_in_the_queue():
    queue = Queue(Steps(1), -NEVER)
    first = job(*plan_builds([wish()], START, RULES, queue))
    second = job(*plan_builds([wish(duration=30)], START, RULES, queue), number=2)
    first, _ = cancel_products(first, [Product.IMAGE], START + 40)
    _, moved = replan_jobs([first, second], START + 40, RULES, Steps(1))
    assert moved.builds[0].started_at == START + 40


def test_cancelling_the_standard_position_fails_the_waiting_one_and_frees_both_slots():
    queue = Queue(Steps(2), -NEVER)
    wishes = [wish(Product.STANDARD_POS, 500), wish(Product.ASTROM_POS, 500, waits=True)]
    first = job(*plan_builds(wishes, START, RULES, queue), allxastrom=0, detMeth="iterative")
    second = job(*plan_builds([wish(Product.LIGHT_CURVE), wish()], START, RULES, queue), number=2)
    now = START + 60
    first, _ = cancel_products(first, [Product.STANDARD_POS], now)
    first, second = replan_jobs([first, second], now, RULES, Steps(2))
    assert status_at(first.builds[1], now) is StatusCode.FAILED
    assert [build.started_at for build in second.builds] == [now, now]


def test_removed_slots_delay_builds_that_have_not_started():
    queue = Queue(Steps(1), -NEVER)
    first = job(*plan_builds([wish()], START, RULES, queue))
    second = job(*plan_builds([wish()], START, RULES, queue), number=2)
    now = START + 50
    first, second = replan_jobs([first, second], now, RULES, Steps(0), earlier_only=False)
    assert status_at(first.builds[0], START + 105) is StatusCode.COMPLETE
    assert second.builds[0].started_at == NEVER


@pytest.mark.parametrize("seconds", [4.999, 5])
def test_a_build_that_is_cancelled_at_its_start_has_started(seconds):
    (build,) = planned(wish())
    (cancelled,) = cancel_products(job(build), [Product.IMAGE], START + seconds)[0].builds
    assert cancelled.started_at == (build.started_at if seconds == 5 else NEVER)
    assert cancelled.left_at == START + seconds


def test_a_build_holds_its_slot_from_the_very_second_of_its_start():
    queue = Queue(Steps(1), -NEVER)
    first = job(*plan_builds([wish()], START, RULES, queue))
    second = job(*plan_builds([wish()], START, RULES, queue), number=2)
    assert running_ends([first, second], START + 5) == [START + 105]
    assert running_ends([first, second], START + 105) == [START + 205]
    assert replan_jobs([first, second], START + 5, RULES, Steps(1)) == [first, second]


@pytest.mark.parametrize(
    ("wishes", "seconds"),
    [
        ([wish()], 2),  # cancelled before it is in the queue
        ([wish(Product.STANDARD_POS, 50), wish(Product.ASTROM_POS, 50, waits=True)], 30),  # while it waits
    ],
)
def test_a_job_that_was_cancelled_while_a_build_waited_never_changes_again(wishes, seconds):
    found = job(*planned(*wishes))
    cancelled, _ = cancel_products(found, [build.product for build in found.builds], START + seconds)
    assert next_change([found], START + seconds) is not None
    assert next_change([cancelled], START + seconds) is None


def test_next_change_is_the_next_moment_at_which_a_status_differs():
    found = job(*planned(wish(duration=100), wish(Product.SOURCE_DET, 300)))
    moments, now = [], START
    while (later := next_change([found], now)) is not None:
        moments.append(later - START)
        now = later
    assert moments == [5, 105, 305]


# any script ------------------------------------------------------------------------------------------------------

RANK = {StatusCode.REQUESTED: 1, StatusCode.QUEUED: 2, StatusCode.WAITING: 3, StatusCode.RUNNING: 4}
OUTCOMES = st.sampled_from(
    [StatusCode.COMPLETE] * 6 + [StatusCode.FAILED, StatusCode.NOT_QUEUED, StatusCode.NOT_REQUESTED]
)
DURATIONS = st.one_of(st.integers(0, 2000), st.sampled_from([0, 55, 110, 5000, NEVER]))
GAPS = st.one_of(st.sampled_from([0, 0, 1, 5, 55]), st.integers(0, 1500))
GRIDS = st.sampled_from([0.0, 0.1, 1.0, 7.3, 55.0, 600.0])
ALL_RULES = st.builds(Rules, st.sampled_from([0.0, 5.0, 90.0]), GRIDS, st.sampled_from([1500.0, 43200.0]))
CAPACITIES = st.builds(
    lambda first, changes: Steps(first, tuple(sorted((START + at, slots) for at, slots in changes.items()))),
    st.integers(0, 4),
    st.dictionaries(st.integers(0, 6000), st.integers(0, 4), max_size=4),
)


@st.composite
def submissions(draw: st.DrawFn) -> tuple[str, int, dict[str, Any], list[Wish]]:
    products = draw(st.sets(st.sampled_from(Product), min_size=1, max_size=4))
    if Product.ASTROM_POS in products:
        products.add(Product.STANDARD_POS)
    job_pars = {"allxastrom": draw(st.integers(0, 1)), "detMeth": draw(st.sampled_from(["simple", "iterative"]))}
    wishes = [
        Wish(p, float(draw(DURATIONS)), draw(OUTCOMES), waits=waits_for_position(job_pars, p))
        for p in Product
        if p in products
    ]
    return "submit", draw(GAPS), job_pars, wishes


CANCELLATIONS = st.tuples(st.just("cancel"), GAPS, st.integers(0, 7), st.sets(st.sampled_from(Product), min_size=1))
SCRIPTS = st.lists(st.one_of(submissions(), CANCELLATIONS), min_size=1, max_size=12)


@dataclass
class Played:
    """Result of a script: all jobs after each of its events."""

    moments: list[float]
    jobs: list[list[Job]]
    cancellations: list[tuple[float, list[Job], list[Job]]]

    @property
    def final(self) -> list[Build]:
        return builds_of(self.jobs[-1])

    def plan_known_at(self, now: float) -> list[Job]:
        index = max(i for i, moment in enumerate(self.moments) if moment <= now)
        return self.jobs[index]


def play(script: list[Any], capacity: Steps, rules: list[Rules]) -> Played:
    """Do as the service does, with other rules in force at each event."""
    now, jobs = START, list[Job]()
    played = Played([], [], [])
    for number, (kind, gap, what, details) in enumerate(script):
        now, in_force = now + gap, rules[number % len(rules)]
        if kind == "submit":
            builds = [build for found in jobs for build in found.builds if build.started_at < NEVER]
            last_start = max((build.started_at for build in builds), default=-NEVER)
            held = sorted(build.left_at for build in builds if build.left_at > max(last_start, now))
            queue = Queue(capacity, last_start, len(held), held.copy)
            planned_now = plan_builds(details, now, in_force, queue)
            jobs = [*jobs, Job(len(jobs) + 1, "user@example.org", "GK Per", now, what, planned_now)]
        elif jobs:
            before, index = jobs, what % len(jobs)
            after, _ = cancel_products(jobs[index], sorted(details, key=lambda p: p.value), now)
            jobs = replan_jobs([*jobs[:index], after, *jobs[index + 1 :]], now, in_force, capacity)
            played.cancellations.append((now, before, jobs))
        played.moments.append(now)
        played.jobs.append(jobs)
    return played


def builds_of(jobs: list[Job]) -> list[Build]:
    return [build for found in jobs for build in found.builds]


def check_slots(final: list[Build], capacity: Steps) -> None:
    """No build overtakes another, starts before it is in the queue, or starts without a slot."""
    starts = [build.started_at for build in final if build.started_at < NEVER]
    assert starts == sorted(starts), "a build overtakes another"
    for build in final:
        assert build.requested_at <= build.queued_at <= build.started_at <= build.running_at
        assert build.running_at <= build.ends_at or build.started_at == NEVER
    for started_at in set(starts):
        held = sum(build.started_at <= started_at < build.left_at for build in final)
        assert held <= capacity.slots_at(started_at), "more builds than slots"


def check_cancellation(now: float, before: list[Job], after: list[Job]) -> None:
    """A cancellation delays no other build, and changes nothing that has started or ended."""
    for old, new in zip(builds_of(before), builds_of(after), strict=True):
        if new.cancelled_at is None:
            assert new.started_at <= old.started_at, f"cancelling at {now - START} delays {new}"
            assert new.left_at <= old.left_at, f"cancelling at {now - START} delays the end of {new}"
        if old.started_at <= now:
            assert new.started_at == old.started_at
        if status_at(old, now).ended:
            assert new == old


def check_statuses(played: Played) -> None:
    """No status ever goes backwards."""
    moments = {m + d for m in played.moments for d in (0, 0.5)}
    moments |= {m for b in played.final for m in (b.queued_at, b.started_at, b.running_at, b.left_at) if m < NEVER}
    seen: dict[tuple[int, Product], StatusCode] = {}
    for now in sorted(moment for moment in moments if moment >= played.moments[0]):
        for found in played.plan_known_at(now):
            for build in found.builds:
                status = status_at(build, now)
                before = seen.setdefault((found.job_id, build.product), status)
                assert status is before if before.ended else status.ended or RANK[status] >= RANK[before]
                seen[found.job_id, build.product] = status


@settings(max_examples=40, deadline=None)
@given(SCRIPTS, CAPACITIES, st.lists(ALL_RULES, min_size=1, max_size=3))
def test_any_script_keeps_the_rules_of_the_queue(script, capacity, rules):
    played = play(script, capacity, rules)
    check_slots(played.final, capacity)
    for cancellation in played.cancellations:
        check_cancellation(*cancellation)
    check_statuses(played)


@settings(max_examples=40, deadline=None)
@given(SCRIPTS, CAPACITIES, ALL_RULES, st.integers(0, 5000))
def test_after_any_script_statuses_change_at_the_next_change_only_and_planning_again_changes_nothing(
    script, capacity, rules, later
):
    jobs = play(script, capacity, [rules]).jobs[-1]

    def statuses(now: float) -> list[StatusCode]:
        return [status_at(build, now) for build in builds_of(jobs)]

    now = START + sum(event[1] for event in script)
    moments = [now]
    while (moment := next_change(jobs, moments[-1])) is not None:
        moments.append(moment)
    for earlier, next_one in pairwise(moments):
        assert statuses(math.nextafter(next_one, 0)) == statuses(earlier)
        assert statuses(next_one) != statuses(earlier)
    assert statuses(moments[-1] + LONG) == statuses(moments[-1])
    assert replan_jobs(jobs, now + later, rules, capacity) == jobs
    assert replan_jobs(jobs, now + later, rules, capacity, earlier_only=False) == jobs


@settings(max_examples=60, deadline=None)
@given(st.floats(1e9, 3e9), st.floats(1e-3, 1e5))
def test_the_grid_is_never_early_and_never_more_than_a_step_late(moment, grid):
    at = Queue(Steps(1), -NEVER).start_after(moment, grid)
    assert moment <= at <= moment + grid * (1 + 1e-9) + 1e-6
    assert Queue(Steps(1), -NEVER).start_after(at, grid) == at, "a moment of the grid stays"
