"""The use cases: limits, owners, users, resolving, cancelling, lists, chance; and the limit under concurrency."""

import multiprocessing
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server import Simulator
from mock_server.clocks.virtual import VirtualClock
from mock_server.core.errors import JobRefused, LimitReached, NotResolved, ParametersRefused, Refusal, UserRefused
from mock_server.core.faults import Fault
from mock_server.core.journal import Entry
from mock_server.core.model import CancelCode, Product, StatusCode
from mock_server.scenario.files import load_scenario
from mock_server.service.results import Contents

from .conftest import ANOTHER_USER, EXACT, IMAGE, LIGHT_CURVE, ME, POSITIONS
from .racing import race

DAY = 86400.0
IMAGE_S = 96.0  # 60 s, and 4 s for each of 9 observations
CALM = load_scenario("calm")


def code(sim: Simulator, job_id: int, product: Product = Product.IMAGE, user: str = ME) -> StatusCode | None:
    return sim.jobs.status(user, job_id, [product.value], ())[product.value].code


def submit(sim: Simulator, **more: Any) -> int:
    return sim.jobs.submit(IMAGE | more).job_id


# the limit -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_a_user_may_have_as_many_active_jobs_as_the_limit_and_no_more(make_sim, limit):
    sim = make_sim(settings={"limits.active_jobs": limit})
    for _ in range(limit):
        submit(sim)
    with pytest.raises(LimitReached) as refusal:
        submit(sim)
    assert refusal.value.limit == limit
    assert sim.jobs.count(ME) == limit
    assert len(sim.jobs.list_jobs(ME)) == limit


def test_the_limit_frees_at_the_exact_second_the_last_product_ends(make_sim):
    sim = make_sim(settings=EXACT | {"limits.active_jobs": 1})
    submit(sim)
    sim.clock.advance(5 + IMAGE_S - 0.5)
    with pytest.raises(LimitReached):
        submit(sim)
    sim.clock.advance(0.5)
    assert submit(sim) == 2


def test_the_limit_is_each_users_own_whatever_the_case_of_the_address(make_sim):
    sim = make_sim(settings={"limits.active_jobs": 1})
    submit(sim)
    submit(sim, UserID=ANOTHER_USER)
    with pytest.raises(LimitReached):
        submit(sim, UserID=ME.upper())


def test_cancelling_a_job_makes_room_for_the_next(make_sim):
    sim = make_sim(settings={"limits.active_jobs": 1})
    sim.jobs.cancel(ME, submit(sim), ["image"])
    assert submit(sim) == 2


def test_a_lowered_limit_counts_from_the_next_submission(make_sim):
    sim = make_sim()
    for _ in range(3):
        submit(sim)
    sim.change({"limits.active_jobs": 2})
    with pytest.raises(LimitReached):
        submit(sim)
    assert sim.jobs.count(ME) == 3
    sim.change({"limits.active_jobs": 4})
    assert submit(sim) == 4


def test_a_refused_submission_takes_no_number(make_sim):
    sim = make_sim()
    for refused in ({"name": ""}, {"poserr": 0.1, "cent": 1}, {"name": "no such thing", "getCoords": 1}):
        with pytest.raises(Refusal):
            submit(sim, **refused)
    assert submit(sim) == 1


# the limit under concurrency -------------------------------------------------------------------------------------


def race_of_threads(sim: Simulator, threads: int, each: int) -> tuple[int, int]:
    """Let threads submit at once; return how many were taken, and the most active jobs seen."""
    barrier, taken, seen, failures = threading.Barrier(threads), list[int](), list[int](), list[BaseException]()

    def work() -> None:
        try:
            barrier.wait(60)
            for _ in range(each):
                try:
                    taken.append(submit(sim))
                except LimitReached:
                    seen.append(sim.jobs.count(ME))
        except BaseException as error:
            failures.append(error)

    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert not failures
    assert len(set(taken)) == len(taken), "a number was given twice"
    return len(taken), max(seen, default=0)


@pytest.mark.parametrize("db", ["sqlite://", "sqlite:///{dir}/jobs.sqlite"])
def test_64_threads_never_exceed_the_limit_by_one(make_sim, tmp_path, db):
    sim = make_sim(db=db.format(dir=tmp_path), settings={"limits.active_jobs": 20})
    assert race_of_threads(sim, 64, 1) == (20, 20)
    assert sim.jobs.count(ME) == 20


def race_of_processes(db: str, processes: int, limit: int, each: int) -> tuple[int, int]:
    context = multiprocessing.get_context("spawn")
    go, results = context.Barrier(processes), context.Queue()
    running = [context.Process(target=race, args=(db, limit, [IMAGE] * each, go, results)) for _ in range(processes)]
    for process in running:
        process.start()
    found = [results.get(timeout=120) for _ in running]
    for process in running:
        process.join()
    return sum(taken for taken, _ in found), max(most for _, most in found)


@pytest.mark.nightly
@pytest.mark.parametrize("run", range(20))
def test_the_limit_holds_again_and_again(make_sim, tmp_path, run):
    sim = make_sim(db=f"sqlite:///{tmp_path / 'threads.sqlite'}", settings={"limits.active_jobs": 50 + run})
    assert race_of_threads(sim, 64, 4) == (50 + run, 50 + run)
    assert race_of_processes(f"sqlite:///{tmp_path / 'processes.sqlite'}", 4, 30 + run, 40) == (30 + run, 30 + run)


def test_what_one_process_changes_the_other_notices_at_once(make_sim, tmp_path):
    db = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    one, other = make_sim(db=db), make_sim(db=db)
    one.change({"limits.active_jobs": 0, "service.available": False, "retention.days": 1})
    assert other.jobs.begin().epoch["service.available"] is False
    one.controls.plan_fault({"kind": "reset", "operation": "canceljob"})
    other.jobs.begin()
    assert other.controls.meet("canceljob").kind == "reset"
    one.controls.reset()
    one.change({"limits.active_jobs": 7})
    assert other.jobs.begin().epoch["limits.active_jobs"] == 7


# one moment for each call ----------------------------------------------------------------------------------------


class CountingClock(VirtualClock):
    """Counts how often it is read."""

    readings = 0

    def now(self) -> float:
        self.readings += 1
        return super().now()


READING_CALLS = [
    lambda sim, moment: sim.jobs.count(ME, moment),
    lambda sim, moment: sim.jobs.list_jobs(ME, moment),
    lambda sim, moment: sim.jobs.status(ME, 1, ["image"], ["image"], moment),
    lambda sim, moment: sim.jobs.page(1, moment),
    lambda sim, moment: Contents(sim.jobs).sights(1, moment),
]


@pytest.mark.parametrize("call", READING_CALLS)
def test_a_call_reads_the_clock_once(make_sim, call):
    clock = CountingClock(CALM.start)
    sim = make_sim(clock=clock)
    submit(sim)
    clock.readings = 0
    call(sim, sim.jobs.begin())
    assert clock.readings == 1
    call(sim, None)
    assert clock.readings == 2


@pytest.mark.parametrize("db", ["sqlite://", "sqlite:///{dir}/jobs.sqlite"])
def test_a_call_answers_for_the_moment_at_which_it_began(make_sim, tmp_path, db):
    sim = make_sim(db=db.format(dir=tmp_path), settings=EXACT)
    submit(sim)
    sim.clock.advance(10)
    moment = sim.jobs.begin()
    sim.change({"retention.days": 0})
    sim.clock.advance(DAY)
    assert moment.now == CALM.start + 10
    assert moment.epoch["retention.days"] == 7
    assert [sim.jobs.count(ME, moment), sim.jobs.count(ME)] == [1, 0]
    assert [sim.jobs.list_jobs(ME, at)[0].has_products for at in (moment, None)] == [True, False]
    assert [sim.jobs.page(1, at).expired for at in (moment, None)] == [False, True]
    statuses = [sim.jobs.status(ME, 1, ["image"], (), at)["image"].code for at in (moment, None)]
    assert statuses == [StatusCode.RUNNING, StatusCode.COMPLETE]


def test_a_planned_fault_is_met_by_the_moment_at_which_the_call_began(sim):
    sim.controls.plan_fault({"kind": "reset", "until": CALM.start + 1})
    moment = sim.jobs.begin()
    sim.clock.advance(1)
    assert sim.controls.meet("getNumJobs") is None
    assert sim.controls.meet("getNumJobs", moment).kind == "reset"


def test_a_clock_of_ones_own_counts_beside_a_database_that_others_share(make_sim, tmp_path):
    sim = make_sim(clock=VirtualClock(CALM.start + 5), db=f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    assert (sim.jobs.begin().now, sim.jobs.submit(IMAGE).submitted_at) == (CALM.start + 5, CALM.start + 5)


def test_a_count_on_a_database_file_takes_two_statements(make_sim, tmp_path):
    sim = make_sim(db=f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    statements: list[str] = []
    with sim.store.reading() as facts:
        facts.connection.set_trace_callback(statements.append)
    sim.jobs.count(ME, sim.jobs.begin())
    assert len(statements) == 2, statements


# users and owners ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "user", ["", "stranger", "a@b", "@example.org", "a@b..c", "a b@example.org", "x" * 250 + "@b.org", 7, None]
)
def test_open_to_all_means_all_with_an_address(sim, user):
    with pytest.raises(UserRefused):
        sim.jobs.count(user)


def test_an_unregistered_user_is_refused_everywhere(make_sim):
    sim = make_sim(users="registered")
    for call in (
        lambda: submit(sim),
        lambda: sim.jobs.count(ME),
        lambda: sim.jobs.list_jobs(ME),
        lambda: sim.jobs.cancel(ME, 1, ["image"]),
        lambda: sim.jobs.status(ME, 1, ["image"], ()),
        lambda: sim.jobs.old_job(ME, 1),
    ):
        with pytest.raises(UserRefused, match=f"The user `{ME}` is not recognised / validated"):
            call()


def test_registering_counts_once_the_link_has_been_followed(make_sim):
    sim = make_sim(users="registered")
    user = sim.jobs.register(f" {ME} ")
    with pytest.raises(UserRefused):
        sim.jobs.count(ME)
    confirmed = sim.jobs.confirm(user.token)
    assert confirmed.confirmed_at == sim.clock.now()
    assert sim.jobs.count(ME.upper()) == 0


def test_following_a_link_twice_or_registering_twice_changes_nothing(make_sim):
    sim = make_sim(users="registered")
    user = sim.jobs.confirm(sim.jobs.register(ME).token)
    sim.clock.advance(60)
    assert sim.jobs.register(ME.upper()) == user
    assert sim.jobs.confirm(user.token) == user


@pytest.mark.parametrize("link", ["", "0", "nonsense"])
def test_a_link_that_was_never_sent_is_refused(make_sim, link):
    import dataclasses

    sim = make_sim(dataclasses.replace(CALM, users=("a@example.org", "b@example.org")))
    with pytest.raises(Refusal, match="not known"):
        sim.jobs.confirm(link)


def test_users_of_the_scenario_are_confirmed_from_the_beginning(make_sim):
    import dataclasses

    sim = make_sim(dataclasses.replace(CALM, users=(ME,)), users="registered")
    assert sim.jobs.count(ME) == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda jobs, user, n: jobs.status(user, n, ["image"], ()),
        lambda jobs, user, n: jobs.cancel(user, n, ["image"]),
        lambda jobs, user, n: jobs.old_job(user, n),
    ],
)
def test_only_the_owner_may_look_and_cancel(sim, call):
    job_id = submit(sim)
    with pytest.raises(JobRefused, match=f"Job {job_id} is not owned by user {ANOTHER_USER}"):
        call(sim.jobs, ANOTHER_USER, job_id)
    with pytest.raises(JobRefused, match="Job 99 does not exist"):
        call(sim.jobs, ME, 99)
    assert code(sim, job_id, user=ME.upper()) is StatusCode.REQUESTED


# resolving -------------------------------------------------------------------------------------------------------


def resolved(sim: Simulator, **more: Any) -> dict[str, Any]:
    return dict(sim.jobs.submit({"UserID": ME, "image": 1} | more).parameters)


def test_coordinates_targets_and_t0_are_worked_out(sim):
    found = resolved(sim, name="GRB 200416A", getCoords=1, getTargs=1, getT0=1)
    assert (found["RA"], found["Dec"]) == ("335.6993", "-7.5183")
    assert (found["targ"], found["Tstart"]) == ("00966554", 608713541.952)


def test_several_targets_come_in_braces(sim):
    assert resolved(sim, name="GK Per", getCoords=1, getTargs=1)["targ"].startswith("{00010873,00010907,")


def test_what_is_worked_out_goes_before_what_was_given(sim):
    found = resolved(
        sim, name="GRB 200416A", getCoords=1, getTargs=1, getT0=1, RA=1, Dec=2, targ="00000001", Tstart=6e8
    )
    assert (found["RA"], found["targ"], found["Tstart"]) == ("335.6993", "00966554", 608713541.952)


def test_what_was_given_is_kept_without_the_flags(sim):
    found = resolved(sim, name="GRB 200416A", RA=335.7, Dec=-7.5, targ="00966554", Tstart=608713500)
    assert (found["RA"], found["Dec"], found["Tstart"]) == ("335.7", "-7.5", 608713500)


def test_targets_use_coordinates_worked_out_before(sim):
    assert resolved(sim, name="SIM-SOFT", getCoords=1, getTargs=1)["targ"] == "00099007"


def test_t0_of_what_is_no_burst_is_the_start_of_the_data(sim):
    found = resolved(sim, name="SIM-CONSTANT", getCoords=1, getTargs=1, getT0=1)
    first = sim.jobs.in_force.sky.observations(("00099001",), (10.0, -29.7), sim.clock.now())[0]
    assert found["Tstart"] == first.snapshots[0].start


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"name": "no such thing", "getCoords": 1, "targ": "00966554"}, "Could not resolve the object name."),
        (
            {"name": "no such thing", "getTargs": 1, "image": 0, "sourceDet": 1, "detobs": "all"},
            "No observations found.",
        ),
        (
            {"name": "SIM-UNOBSERVED", "RA": 60.0, "Dec": 21.8, "targ": "00099999", "getT0": 1},
            "Could not determine T0.",
        ),
    ],
)
def test_what_cannot_be_worked_out_refuses_the_submission(sim, request_, words):
    with pytest.raises(NotResolved) as refusal:
        resolved(sim, **request_)
    assert str(refusal.value) == words
    assert sim.jobs.list_jobs(ME) == []


def test_problems_with_parameters_come_before_resolving(sim):
    with pytest.raises(ParametersRefused):
        resolved(sim, name="no such thing", getCoords=1, cent=1, lc=1)


def test_the_resolver_says_something_else_after_its_date(make_sim):
    sim = make_sim("six-months-later")
    before = resolved(sim, name="FO Aqr", getCoords=1, getTargs=1)
    sim.clock.advance(170 * DAY)
    after = resolved(sim, name="FO Aqr", getCoords=1, getTargs=1)
    assert before["RA"] != after["RA"] == "334.4810"
    assert "00097531" in after["targ"]
    assert "00097531" not in before["targ"]


# defaults --------------------------------------------------------------------------------------------------------


def test_job_pars_hold_the_defaults_in_force_at_submission_and_keep_them(make_sim):
    sim = make_sim("defaults-change")
    old = sim.jobs.submit(LIGHT_CURVE)
    sim.clock.advance(14 * DAY - 0.5)
    assert sim.jobs.submit(LIGHT_CURVE).parameters["sigmin"] == old.parameters["sigmin"]
    sim.clock.advance(0.5)
    new = sim.jobs.submit(LIGHT_CURVE)
    assert (new.parameters["minsnr"], new.parameters["sigmin"]) == (2.4, "4")
    assert sim.jobs.old_job(ME, old.job_id).parameters == old.parameters


def test_a_copy_of_an_old_job_keeps_its_defaults(make_sim):
    sim = make_sim("defaults-change")
    old = sim.jobs.submit(LIGHT_CURVE)
    sim.clock.advance(20 * DAY)
    copy = sim.jobs.submit(old.parameters)
    assert {**copy.parameters, "outdir": 0} == {**old.parameters, "outdir": 0}


# cancelling ------------------------------------------------------------------------------------------------------


def test_each_name_gets_its_code_in_the_order_asked(sim):
    job_id = sim.jobs.submit(POSITIONS).job_id
    sim.jobs.cancel(ME, job_id, ["enh"])
    assert list(sim.jobs.cancel(ME, job_id, ["nonsense", "enh", "psf", "lc"]).items()) == [
        ("nonsense", CancelCode.NO_SUCH_PRODUCT),
        ("enh", CancelCode.NOT_CANCELLED),
        ("psf", CancelCode.CANCELLED),
        ("lc", CancelCode.NO_SUCH_PRODUCT),
    ]


def test_the_astrometric_position_fails_once_the_standard_one_is_cancelled(sim):
    job_id = sim.jobs.submit(POSITIONS).job_id
    sim.clock.advance(10)
    assert code(sim, job_id, Product.ASTROM_POS) is StatusCode.WAITING
    sim.jobs.cancel(ME, job_id, ["psf"])
    assert code(sim, job_id, Product.ASTROM_POS) is StatusCode.FAILED


def test_cancelling_moves_the_queue_up(make_sim):
    sim = make_sim(settings=EXACT | {"queue.slots": 1})
    first, second = submit(sim), submit(sim, UserID=ANOTHER_USER)
    sim.clock.advance(30)
    sim.jobs.cancel(ME, first, ["image"])
    assert code(sim, second, user=ANOTHER_USER) is StatusCode.RUNNING


def test_cancelling_what_has_ended_changes_nothing(sim):
    job_id = submit(sim)
    sim.clock.advance(5 + IMAGE_S)
    before = sim.jobs.old_job(ME, job_id)
    assert sim.jobs.cancel(ME, job_id, ["image"]) == {"image": CancelCode.NOT_CANCELLED}
    assert sim.jobs.old_job(ME, job_id) == before


# slots and outages -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_submissions_into_a_full_queue_take_turns_and_never_hold_more_than_the_slots(make_sim, slots):
    """The queue reaches far beyond now: builds that have ended before the last one starts hold no slot any more."""
    sim = make_sim(settings=EXACT | {"queue.slots": slots})
    begun = sim.clock.now() + 5
    for number in range(12):
        (build,) = sim.jobs.old_job(ME, submit(sim)).builds
        assert (build.started_at - begun, build.ends_at - begun) == (
            number // slots * IMAGE_S,
            (number // slots + 1) * IMAGE_S,
        )


def test_more_slots_let_the_queue_start_at_once_and_fewer_hold_it_up(make_sim):
    sim = make_sim(settings=EXACT | {"queue.slots": 0})
    first, second = submit(sim), submit(sim)
    sim.clock.advance(100)
    sim.change({"queue.slots": 1})
    assert [code(sim, n) for n in (first, second)] == [StatusCode.RUNNING, StatusCode.QUEUED]
    sim.change({"queue.slots": 0})
    sim.clock.advance(DAY)
    assert [code(sim, n) for n in (first, second)] == [StatusCode.COMPLETE, StatusCode.QUEUED]


def test_a_change_of_the_slots_that_fails_changes_nothing(make_sim, monkeypatch):
    sim = make_sim()
    submit(sim)
    before = sim.controls.scenario()
    monkeypatch.setattr("mock_server.service.jobs.replan_jobs", lambda *_args, **_options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sim.change({"queue.slots": 1})
    assert sim.controls.scenario() == before


def test_the_next_change_is_the_next_status_of_any_job(make_sim):
    sim = make_sim(settings=EXACT)
    assert sim.controls.next_change() is None
    submit(sim)
    submit(sim, UserID=ANOTHER_USER)
    seen = []
    for _ in range(3):
        seen.append(sim.controls.next_change())
        sim.clock.advance((seen[-1] or sim.clock.now()) - sim.clock.now())
    assert seen == [CALM.start + 5, CALM.start + 5 + IMAGE_S, None]


def test_a_reset_leaves_no_call_in_the_journal(sim):
    sim.store.note(Entry(1.0, "getNumJobs"), sim.jobs.begin().era)
    sim.controls.reset()
    assert len(sim.journal) == 0


def test_the_operator_sees_all_users(sim):
    sim.jobs.register(ANOTHER_USER)
    sim.controls.add_user(ME)
    assert [(user.address, user.confirmed_at) for user in sim.controls.users()] == [
        (ME, sim.clock.now()),
        (ANOTHER_USER, None),
    ]


def test_no_job_is_lost_in_an_outage_and_none_starts(make_sim):
    sim = make_sim("maintenance", settings=EXACT)
    sim.clock.advance(23 * 3600 - 60)
    running = submit(sim)
    sim.clock.advance(57)
    waiting = submit(sim)
    sim.clock.advance(8 * 3600 + 2.5)
    assert [code(sim, n) for n in (running, waiting)] == [StatusCode.COMPLETE, StatusCode.QUEUED]
    sim.clock.advance(0.5)
    assert code(sim, waiting) is StatusCode.RUNNING


def test_other_users_hold_slots(make_sim):
    sim = make_sim(settings=EXACT | {"queue.slots": 4, "background.load": 0.5})
    jobs = [submit(sim) for _ in range(4)]
    sim.clock.advance(5)
    assert [code(sim, n) for n in jobs] == [StatusCode.RUNNING] * 2 + [StatusCode.QUEUED] * 2


# lists and expiry ------------------------------------------------------------------------------------------------


def test_a_list_is_newest_first_with_what_was_asked_for(sim):
    submit(sim)
    sim.clock.advance(10)
    sim.jobs.submit(POSITIONS)
    second, first = sim.jobs.list_jobs(ME)
    assert (first.job_id, second.job_id) == (1, 2)
    assert second.submitted_at - first.submitted_at == 10
    assert second.products == {Product.STANDARD_POS, Product.ENHANCED_POS, Product.ASTROM_POS}


def kept(sim: Simulator) -> list[Any]:
    return sim.jobs.kept_list(ME, sim.jobs.begin(), list)


def test_a_kept_list_is_made_again_only_if_it_has_changed(make_sim):
    sim = make_sim(settings=EXACT | {"retention.days": 1})
    made: list[object] = []
    seen = []

    def ask() -> None:
        sim.jobs.kept_list(ME, sim.jobs.begin(), made.append)
        seen.append(len(made))

    ask()
    submit(sim)
    ask()
    ask()
    sim.clock.advance(5 + IMAGE_S)
    ask()
    sim.clock.advance(DAY - 1)  # a job that was cancelled just after the list was made may have expired
    ask()
    sim.clock.advance(1)  # the products expire
    ask()
    sim.jobs.submit(IMAGE | {"UserID": ANOTHER_USER})
    ask()
    sim.change({"retention.days": 2})
    ask()
    assert seen == [1, 2, 2, 2, 3, 4, 4, 5]


def test_kept_lists_are_forgotten_when_there_are_many(make_sim):
    sim, made = make_sim(), list[object]()

    def ask(number: int) -> int:
        sim.jobs.kept_list(f"user{number}@example.org", sim.jobs.begin(), made.append)
        return len(made)

    assert [ask(number) for number in range(33)] == [*range(1, 34)]
    assert [ask(32), ask(0), ask(0)] == [33, 34, 34]
    sim.jobs.forget_lists()
    assert [ask(0), ask(0)] == [35, 35]


@settings(max_examples=60)
@given(
    st.lists(
        st.sampled_from(
            ["submit", "submit another", "cancel", "minute", "hour", "day", "short", "long", "save", "load", "reset"]
        ),
        max_size=25,
    )
)
def test_a_kept_list_is_the_list(steps):
    saved: list[dict[str, Any]] = []
    with Simulator(settings=EXACT | {"retention.days": 1, "queue.slots": 2}) as sim:
        for step in steps:
            match step:
                case "submit":
                    submit(sim)
                case "submit another":
                    sim.jobs.submit(LIGHT_CURVE | {"UserID": ANOTHER_USER})
                case "cancel":
                    for job in sim.jobs.list_jobs(ME)[:1]:
                        sim.jobs.cancel(ME, job.job_id, ["image"])
                case "minute" | "hour" | "day":
                    sim.clock.advance({"minute": 60, "hour": 3600, "day": DAY}[step])
                case "short" | "long":
                    sim.change({"retention.days": 0.01 if step == "short" else 3})
                case "save":
                    saved.append(sim.controls.save())
                case "load" if saved:
                    sim.controls.load(saved[-1])
                case "reset":
                    sim.controls.reset()
            assert kept(sim) == sim.jobs.list_jobs(ME)


def test_a_kept_list_knows_the_jobs_of_other_processes(tmp_path):
    db = f"sqlite:///{tmp_path}/jobs.sqlite"
    with Simulator(db=db) as one, Simulator(db=db) as other:
        assert kept(one) == []
        submit(other)
        assert [job.job_id for job in kept(one)] == [1]
        other.change({"retention.days": 0})
        other.clock.advance(DAY)
        assert kept(one) == other.jobs.list_jobs(ME)
        assert not kept(one)[0].has_products


def test_has_prod_turns_false_at_the_exact_second_and_the_job_stays(sim):
    job_id = submit(sim)
    sim.clock.advance(5 + IMAGE_S + 7 * DAY - 0.5)
    assert sim.jobs.list_jobs(ME)[0].has_products
    sim.clock.advance(0.5)
    assert not sim.jobs.list_jobs(ME)[0].has_products
    assert code(sim, job_id) is StatusCode.COMPLETE
    assert sim.jobs.old_job(ME, job_id).name == "GRB 200416A"
    assert sim.jobs.page(job_id).expired


# chance ----------------------------------------------------------------------------------------------------------


def outcomes(sim: Simulator, jobs: int = 300) -> list[StatusCode]:
    return [sim.jobs.submit(IMAGE).builds[0].outcome for _ in range(jobs)]


def test_shares_of_outcomes_are_met(make_sim):
    shares = {"outcomes.failed": 0.2, "outcomes.not_queued": 0.1, "outcomes.not_requested": 0.3}
    sim = make_sim(settings=EXACT | shares | {"limits.active_jobs": 10**6})
    found = outcomes(sim)
    expected = {
        StatusCode.FAILED: 60,
        StatusCode.NOT_QUEUED: 30,
        StatusCode.NOT_REQUESTED: 90,
        StatusCode.COMPLETE: 120,
    }
    for outcome, number in expected.items():
        assert abs(found.count(outcome) - number) < 3.5 * number**0.5


def test_a_share_of_one_is_all_and_of_none_nothing(make_sim):
    assert set(outcomes(make_sim(settings={"outcomes.failed": 1}), 20)) == {StatusCode.FAILED}
    assert set(outcomes(make_sim(), 20)) == {StatusCode.COMPLETE}


def test_durations_are_keyed_by_seed_job_and_product_and_not_by_the_order_of_calls(make_sim):
    alone, busy, other_seed = make_sim(), make_sim(), make_sim(seed=99)
    busy.jobs.list_jobs(ME)
    first = alone.jobs.submit(LIGHT_CURVE | {"image": 1})
    assert busy.jobs.submit(IMAGE).builds[0].duration_s == first.builds[1].duration_s
    assert other_seed.jobs.submit(IMAGE).builds[0].duration_s != first.builds[1].duration_s


@pytest.mark.parametrize("product", [p for p in Product if p is not Product.SPECTRUM])
def test_products_in_two_dimensions_need_photon_counting_mode(sim, product):
    needs = {"cent": 0, "detobs": "all"} | {k: v for k, v in LIGHT_CURVE.items() if k not in IMAGE}
    job = sim.jobs.submit({"UserID": ME, "name": "SIM-WINDOWED", "getCoords": 1, "getTargs": 1} | needs | {"lc": 0}
                          | {product.flag: 1})  # fmt: skip
    expected = StatusCode.COMPLETE if product is Product.LIGHT_CURVE else StatusCode.FAILED
    assert job.build(product).outcome is expected


def test_without_observations_every_product_fails_at_the_end_of_its_run(sim):
    job_id = submit(sim, targ="00000007")
    sim.clock.advance(5)
    assert code(sim, job_id) is StatusCode.RUNNING
    sim.clock.advance(100)
    assert code(sim, job_id) is StatusCode.FAILED


@pytest.mark.parametrize(
    ("fault", "image", "lc"),
    [
        (Fault("product-failed", product="image"), StatusCode.FAILED, StatusCode.COMPLETE),
        (Fault("product-failed", code=-1), StatusCode.NOT_REQUESTED, StatusCode.NOT_REQUESTED),
        (Fault("product-failed", product="lc", code=-2), StatusCode.COMPLETE, StatusCode.NOT_QUEUED),
        (Fault("stuck", product="image"), StatusCode.RUNNING, StatusCode.COMPLETE),
        (Fault("latency"), StatusCode.COMPLETE, StatusCode.COMPLETE),
    ],
)
def test_a_planned_failure_befalls_the_product_it_names_or_all(sim, fault, image, lc):
    job_id = sim.jobs.submit(LIGHT_CURVE | {"image": 1}, fault).job_id
    sim.clock.advance(DAY)
    assert (code(sim, job_id), code(sim, job_id, Product.LIGHT_CURVE)) == (image, lc)


# time ------------------------------------------------------------------------------------------------------------

STEPS = st.lists(st.integers(0, 600), min_size=1, max_size=12)


@settings(max_examples=12, deadline=None)
@given(STEPS, st.lists(st.integers(0, 11), max_size=4), st.integers(1, 3))
def test_looking_at_every_step_or_never_reaches_the_same_statuses(steps, submissions, slots):
    def played(*, looking: bool) -> list[Any]:
        with Simulator(CALM, settings={"queue.slots": slots, "background.load": 0.3, "background.swing": 0.3}) as sim:
            pending, seen = 0, []
            for index, step in enumerate(steps):
                if index in submissions:
                    sim.clock.advance(pending)
                    pending = 0
                    seen.append(sim.jobs.submit(POSITIONS).job_id)
                pending += step
                if looking:
                    sim.clock.advance(pending)
                    pending = 0
                    for job_id in seen:
                        sim.jobs.status(ME, job_id, ["psf", "enh", "xastrom"], ["psf"])
            sim.clock.advance(pending)
            return [sim.jobs.status(ME, job_id, ["psf", "enh", "xastrom"], ["psf", "enh"]) for job_id in seen]

    assert played(looking=True) == played(looking=False)


def test_the_page_shows_a_job_to_anyone(sim):
    page = sim.jobs.page(submit(sim))
    assert page.statuses[Product.IMAGE].code is StatusCode.REQUESTED
    with pytest.raises(JobRefused, match="does not exist"):
        sim.jobs.page(99)
