"""Plans and statuses: at the exact second, and for any script of submissions and cancellations."""

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.core import queue as queueing
from mock_server.core.model import Build, CancelCode, Job, Product, StatusCode
from mock_server.core.queue import NEVER, Queue, Rules, Wish

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
    return queueing.plan(wishes, now, rules, Queue(Steps(slots), -NEVER, []))


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
    assert queueing.status_at(build, START + seconds) is status


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
    assert queueing.status_at(waiting, START + seconds) is status


def test_an_astrometric_position_of_its_own_data_never_waits():
    _, independent = planned(wish(Product.STANDARD_POS), wish(Product.ASTROM_POS, 50))
    assert independent.running_at == independent.started_at


@pytest.mark.parametrize("outcome", [StatusCode.FAILED, StatusCode.NOT_QUEUED, StatusCode.NOT_REQUESTED])
def test_an_astrometric_position_fails_with_the_standard_one_it_waits_for(outcome):
    psf, waiting = planned(wish(Product.STANDARD_POS, outcome=outcome), wish(Product.ASTROM_POS, 50, waits=True))
    ends_at = max(psf.left_at, waiting.started_at)
    assert queueing.status_at(waiting, ends_at) is StatusCode.FAILED
    assert waiting.left_at == ends_at


@pytest.mark.parametrize(
    ("outcome", "seconds"), [(StatusCode.NOT_REQUESTED, 0.0), (StatusCode.NOT_QUEUED, 5.0), (StatusCode.FAILED, 105.0)]
)
def test_internal_errors_come_before_the_queue_and_failures_at_the_end_of_the_run(outcome, seconds):
    (build,) = planned(wish(outcome=outcome))
    assert queueing.status_at(build, START + seconds) is outcome
    assert queueing.status_at(build, math.nextafter(START + seconds, 0)) is not outcome


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
    (build,) = planned(wish(duration=duration), rules=replace(RULES, run_limit_s=600))
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
    queue = Queue(Steps(0, ((START + 1000, 1),)), -NEVER, [])
    (build,) = queueing.plan([wish()], START, RULES, queue)
    assert build.started_at == START + 1000


def test_without_slots_nothing_starts_and_statuses_stay_at_queued():
    (build,) = planned(wish(), slots=0)
    assert build.started_at == NEVER
    assert queueing.status_at(build, START + 1e9) is StatusCode.QUEUED


def test_without_slots_a_build_can_be_cancelled():
    after, codes = queueing.cancel(job(*planned(wish(), slots=0)), [Product.IMAGE], START + 60)
    assert codes == {Product.IMAGE: CancelCode.CANCELLED}
    assert after.ended_at == START + 60


def test_fewer_slots_let_what_runs_end_and_hold_up_what_waits():
    capacity = Steps(2, ((START + 10, 1),))
    queue = Queue(capacity, -NEVER, [])
    wishes = [wish(Product.LIGHT_CURVE, 50), wish(Product.SPECTRUM, 80), wish(duration=10)]
    builds = queueing.plan(wishes, START, RULES, queue)
    assert [build.started_at - START for build in builds] == [5, 5, 85]


# cancelling ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 4, 5, 104.999])
def test_cancelling_takes_effect_at_once_and_for_good(seconds):
    now = START + seconds
    after, codes = queueing.cancel(job(*planned(wish())), [Product.IMAGE], now)
    assert codes == {Product.IMAGE: CancelCode.CANCELLED}
    assert queueing.status_at(after.builds[0], now) is StatusCode.CANCELLED
    assert queueing.cancel(after, [Product.IMAGE], now + 1) == (after, {Product.IMAGE: CancelCode.NOT_CANCELLED})


def test_what_has_ended_cannot_be_cancelled():
    ended = job(*planned(wish()))
    assert queueing.cancel(ended, [Product.IMAGE], START + 105) == (ended, {Product.IMAGE: CancelCode.NOT_CANCELLED})


def test_a_product_the_job_does_not_have_cannot_be_cancelled():
    there = job(*planned(wish()))
    assert queueing.cancel(there, [Product.SPECTRUM], START)[1] == {Product.SPECTRUM: CancelCode.NO_SUCH_PRODUCT}


def test_a_cancelled_run_gives_its_slot_to_the_next_in_the_queue():
    queue = Queue(Steps(1), -NEVER, [])
    first = job(*queueing.plan([wish()], START, RULES, queue))
    second = job(*queueing.plan([wish(duration=30)], START, RULES, queue), number=2)
    first, _ = queueing.cancel(first, [Product.IMAGE], START + 40)
    _, moved = queueing.replan([first, second], START + 40, RULES, Steps(1))
    assert moved.builds[0].started_at == START + 40


def test_cancelling_the_standard_position_fails_the_waiting_one_and_frees_both_slots():
    queue = Queue(Steps(2), -NEVER, [])
    wishes = [wish(Product.STANDARD_POS, 500), wish(Product.ASTROM_POS, 500, waits=True)]
    first = job(*queueing.plan(wishes, START, RULES, queue), allxastrom=0)
    second = job(*queueing.plan([wish(Product.LIGHT_CURVE), wish()], START, RULES, queue), number=2)
    now = START + 60
    first, _ = queueing.cancel(first, [Product.STANDARD_POS], now)
    first, second = queueing.replan([first, second], now, RULES, Steps(2))
    assert queueing.status_at(first.builds[1], now) is StatusCode.FAILED
    assert [build.started_at for build in second.builds] == [now, now]


def test_slots_taken_away_put_off_what_has_not_started():
    queue = Queue(Steps(1), -NEVER, [])
    first = job(*queueing.plan([wish()], START, RULES, queue))
    second = job(*queueing.plan([wish()], START, RULES, queue), number=2)
    now = START + 50
    first, second = queueing.replan([first, second], now, RULES, Steps(0), nobody_later=False)
    assert queueing.status_at(first.builds[0], START + 105) is StatusCode.COMPLETE
    assert second.builds[0].started_at == NEVER


def test_next_change_is_the_next_moment_at_which_a_status_differs():
    found = job(*planned(wish(duration=100), wish(Product.SOURCE_DET, 300)))
    moments, now = [], START
    while (later := queueing.next_change([found], now)) is not None:
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
    job_pars = {"allxastrom": draw(st.integers(0, 1))}
    wishes = [
        Wish(p, float(draw(DURATIONS)), draw(OUTCOMES), waits=queueing.waits_for_position(job_pars, p))
        for p in Product
        if p in products
    ]
    return "submit", draw(GAPS), job_pars, wishes


CANCELLATIONS = st.tuples(st.just("cancel"), GAPS, st.integers(0, 7), st.sets(st.sampled_from(Product), min_size=1))
SCRIPTS = st.lists(st.one_of(submissions(), CANCELLATIONS), min_size=1, max_size=12)


@dataclass
class Played:
    """What a script led to: all jobs after each of its events."""

    moments: list[float]
    jobs: list[list[Job]]
    cancellations: list[tuple[float, list[Job], list[Job]]]

    @property
    def final(self) -> list[Build]:
        return [build for found in self.jobs[-1] for build in found.builds]

    def plan_known_at(self, now: float) -> list[Job]:
        index = max(i for i, moment in enumerate(self.moments) if moment <= now)
        return self.jobs[index]


def play(script: list[Any], capacity: Steps, rules: list[Rules]) -> Played:
    """Do what the service does, with the rules in force changing from event to event."""
    now, jobs = START, list[Job]()
    played = Played([], [], [])
    for number, (kind, gap, what, details) in enumerate(script):
        now, in_force = now + gap, rules[number % len(rules)]
        if kind == "submit":
            builds = [build for found in jobs for build in found.builds if build.started_at < NEVER]
            last_start = max((build.started_at for build in builds), default=-NEVER)
            held = [build.left_at for build in builds if build.left_at > max(last_start, now)]
            planned_now = queueing.plan(details, now, in_force, Queue(capacity, last_start, held))
            jobs = [*jobs, Job(len(jobs) + 1, "user@example.org", "GK Per", now, what, planned_now)]
        elif jobs:
            before, index = jobs, what % len(jobs)
            after, _ = queueing.cancel(jobs[index], sorted(details, key=lambda p: p.value), now)
            jobs = queueing.replan([*jobs[:index], after, *jobs[index + 1 :]], now, in_force, capacity)
            played.cancellations.append((now, before, jobs))
        played.moments.append(now)
        played.jobs.append(jobs)
    return played


any_script = given(SCRIPTS, CAPACITIES, st.lists(ALL_RULES, min_size=1, max_size=3))


@settings(max_examples=60, deadline=None)
@any_script
def test_slots_are_never_over_used_by_what_starts(script, capacity, rules):
    final = play(script, capacity, rules).final
    for started_at in {build.started_at for build in final if build.started_at < NEVER}:
        held = sum(build.started_at <= started_at < build.left_at for build in final)
        assert held <= capacity.slots_at(started_at)


@settings(max_examples=60, deadline=None)
@any_script
def test_nobody_overtakes(script, capacity, rules):
    starts = [build.started_at for build in play(script, capacity, rules).final if build.started_at < NEVER]
    assert starts == sorted(starts)


@settings(max_examples=60, deadline=None)
@any_script
def test_nothing_starts_before_it_stands_in_the_queue_or_without_a_slot(script, capacity, rules):
    for build in play(script, capacity, rules).final:
        assert build.requested_at <= build.queued_at <= build.started_at <= build.running_at
        if build.started_at < NEVER:
            assert build.running_at <= build.ends_at
            assert capacity.slots_at(build.started_at) > 0


@settings(max_examples=60, deadline=None)
@any_script
def test_cancelling_never_delays_anybody(script, capacity, rules):
    for now, before, after in play(script, capacity, rules).cancellations:
        for old, new in zip(
            [b for found in before for b in found.builds], [b for found in after for b in found.builds], strict=True
        ):
            if new.cancelled_at is None:
                assert new.started_at <= old.started_at, f"cancelling at {now - START} delays {new}"
                assert new.left_at <= old.left_at, f"cancelling at {now - START} delays the end of {new}"


@settings(max_examples=60, deadline=None)
@any_script
def test_no_status_ever_goes_backwards(script, capacity, rules):
    played = play(script, capacity, rules)
    moments = {m + d for m in played.moments for d in (0, 0.5)}
    moments |= {m for b in played.final for m in (b.queued_at, b.started_at, b.running_at, b.left_at) if m < NEVER}
    seen: dict[tuple[int, Product], StatusCode] = {}
    for now in sorted(moment for moment in moments if moment >= played.moments[0]):
        for found in played.plan_known_at(now):
            for build in found.builds:
                status = queueing.status_at(build, now)
                before = seen.setdefault((found.job_id, build.product), status)
                assert status is before if before.ended else status.ended or RANK[status] >= RANK[before]
                seen[found.job_id, build.product] = status


@settings(max_examples=50, deadline=None)
@any_script
def test_what_has_begun_or_ended_is_never_planned_anew(script, capacity, rules):
    for now, before, after in play(script, capacity, rules).cancellations:
        for old, new in zip(
            [b for found in before for b in found.builds], [b for found in after for b in found.builds], strict=True
        ):
            if old.started_at <= now:
                assert new.started_at == old.started_at
            if queueing.status_at(old, now).ended:
                assert new == old


@settings(max_examples=50, deadline=None)
@given(SCRIPTS, CAPACITIES, ALL_RULES, st.integers(0, 5000))
def test_planning_anew_changes_nothing_if_nothing_happened(script, capacity, rules, later):
    jobs = play(script, capacity, [rules]).jobs[-1]
    now = START + sum(event[1] for event in script) + later
    assert queueing.replan(jobs, now, rules, capacity) == jobs
    assert queueing.replan(jobs, now, rules, capacity, nobody_later=False) == jobs


@settings(max_examples=50, deadline=None)
@given(SCRIPTS, CAPACITIES, ALL_RULES, st.lists(st.integers(0, 3600), max_size=20))  # whole seconds: sums are exact
def test_small_steps_and_one_jump_reach_the_same_statuses(script, capacity, rules, steps):
    jobs = play(script, capacity, [rules]).jobs[-1]
    now = end = START + sum(event[1] for event in script)
    end += sum(steps)
    changes = []
    for step in steps:
        until = now + step
        while (moment := queueing.next_change(jobs, now)) is not None and moment <= until:
            changes.append(moment)
            now = moment
        now = until
    in_one_jump = [queueing.status_at(build, end) for found in jobs for build in found.builds]
    at_last_change = [
        queueing.status_at(build, changes[-1] if changes else end - sum(steps))
        for found in jobs
        for build in found.builds
    ]
    assert at_last_change == in_one_jump


@settings(max_examples=50, deadline=None)
@given(SCRIPTS, CAPACITIES, ALL_RULES)
def test_next_change_misses_nothing_and_never_comes_for_nothing(script, capacity, rules):
    jobs = play(script, capacity, [rules]).jobs[-1]

    def statuses(now: float) -> list[StatusCode]:
        return [queueing.status_at(build, now) for found in jobs for build in found.builds]

    now = START + sum(event[1] for event in script)
    moments = [now]
    while (moment := queueing.next_change(jobs, moments[-1])) is not None:
        moments.append(moment)
    for earlier, later in pairwise(moments):
        assert statuses(math.nextafter(later, 0)) == statuses(earlier)
        assert statuses(later) != statuses(earlier)
    assert statuses(moments[-1] + LONG) == statuses(moments[-1])


@settings(max_examples=200, deadline=None)
@given(st.floats(1e9, 3e9), st.floats(1e-3, 1e5))
def test_the_grid_is_never_early_and_never_more_than_a_step_late(moment, grid):
    at = Queue(Steps(1), -NEVER, []).start_after(moment, grid)
    assert moment <= at <= moment + grid * (1 + 1e-9) + 1e-6
    assert Queue(Steps(1), -NEVER, []).start_after(at, grid) == at, "a moment of the grid stays"
