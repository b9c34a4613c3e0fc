"""A simulator on a database file goes on where it stopped: time, scenario, changes, faults, journal."""

import itertools
from dataclasses import replace

import pytest

from mock_server import Simulator
from mock_server.clocks import stored
from mock_server.clocks.stored import ClockError, StoredVirtualClock
from mock_server.clocks.virtual import VirtualClock
from mock_server.scenario.files import load_scenario
from mock_server.scenario.settings import ScenarioError

CALM = load_scenario("calm")
SUBMISSION = {
    "UserID": "me@example.org", "name": "GK Per", "RA": 83.6, "Dec": 22.0, "targ": "00030001", "image": 1,
    "imen": "0.3-10", "cent": 0, "getT0": 0,
}  # fmt: skip


@pytest.fixture
def db(tmp_path):
    return f"sqlite:///{tmp_path / 'jobs.sqlite'}"


@pytest.fixture
def machine_time(monkeypatch):
    """The machine's clock, which a test moves."""

    class Machine:
        now = 1000.0

        def time(self) -> float:
            return self.now

    machine = Machine()
    monkeypatch.setattr(stored, "time", machine)
    monkeypatch.setattr("mock_server.storage.store.time", machine)
    return machine


# time ------------------------------------------------------------------------------------------------------------


def test_virtual_time_goes_on_where_it_stood(db):
    with Simulator(db=db) as sim:
        sim.clock.advance(3600)
    with Simulator(db=db) as sim:
        assert sim.clock.now() == CALM.start + 3600
        assert sim.clock.origin == CALM.start


def test_scaled_time_goes_on_while_no_server_runs(db, machine_time):
    with Simulator(db=db, clock="x60") as sim:
        assert sim.clock.now() == 1000.0
    machine_time.now += 10
    with Simulator(db=db) as sim:
        assert sim.clock.now() == 1000.0 + 600


def test_scaled_time_keeps_its_jumps(db, machine_time):
    with Simulator(db=db, clock="system") as sim:
        assert sim.clock.advance(500) == 1500.0
    with Simulator(db=db) as sim:
        machine_time.now += 1
        assert sim.clock.now() == 1501.0


def test_a_machine_set_back_does_not_take_simulated_time_back(db, machine_time):
    with Simulator(db=db, clock="system") as sim:
        before = sim.clock.now()
        machine_time.now -= 100
        assert sim.clock.now() == before


@pytest.mark.parametrize("clock", ["virtual", "x60"])
def test_two_on_one_database_share_one_clock(db, clock, machine_time):
    with Simulator(db=db, clock=clock) as one, Simulator(db=db) as other:
        one.clock.advance(100)
        assert other.clock.now() == one.clock.now()
        other.clock.sleep(0)
        other.clock.advance(1)
        assert one.clock.now() == other.clock.now()
        assert other.controls.clock()["kind"] == one.controls.clock()["kind"]


@pytest.mark.parametrize(("kept", "asked"), [("virtual", "x60"), ("x60", "virtual"), ("x60", "x30"), ("x2", "system")])
def test_another_clock_than_the_one_kept_is_refused(db, kept, asked):
    Simulator(db=db, clock=kept).close()
    with pytest.raises(ClockError, match=f"keeps a {kept} clock, not --clock {asked}: leave --clock out"):
        Simulator(db=db, clock=asked)


def test_a_clock_that_is_handed_in_is_used_as_it_is(db):
    clock = VirtualClock(5.0)
    with Simulator(db=db, clock=clock) as sim:
        clock.advance(1)
        assert sim.controls.clock()["now"] == 6.0


@pytest.mark.parametrize("seconds", [-1, float("inf"), float("nan")])
def test_time_in_a_database_only_moves_forward(db, seconds):
    with Simulator(db=db) as sim, pytest.raises(ValueError, match="only moves forward"):
        sim.clock.advance(seconds)


def test_participants_share_a_stored_clock(db):
    with Simulator(db=db) as sim:
        assert isinstance(sim.clock, StoredVirtualClock)
        sim.clock.join((0,))
        sim.clock.attach((0,))
        sim.clock.sleep(60)
        sim.clock.leave((0,))
        assert sim.clock.now() == CALM.start + 60


def test_a_sleeper_never_takes_the_time_of_another_process_back(db, monkeypatch):
    with Simulator(db=db) as one, Simulator(db=db) as other:
        move_clock = one.store.move_clock

        def set_late(now: float) -> None:
            other.clock.advance(100)  # after `one` has read the time, and before it sets it
            move_clock(now)

        monkeypatch.setattr(one.store, "move_clock", set_late)
        assert isinstance(one.clock, StoredVirtualClock)
        one.clock.join((0,))
        one.clock.attach((0,))
        one.clock.sleep(60)
        assert one.clock.now() == other.clock.now() == CALM.start + 100


# the scenario ----------------------------------------------------------------------------------------------------


def test_the_stored_scenario_goes_on_with_seed_and_settings(db):
    Simulator("flaky", db=db, seed=99, settings={"limits.active_jobs": 3}).close()
    with Simulator(db=db) as sim:
        assert (sim.scenario.name, sim.scenario.seed) == ("flaky", 99)
        assert sim.controls.scenario()["limits.active_jobs"] == 3
        assert sim.scenario == replace(load_scenario("flaky"), seed=99, values=sim.scenario.values)


def test_the_same_scenario_may_be_named_again(db):
    for _ in range(2):
        with Simulator("flaky", db=db) as sim:
            assert sim.scenario == load_scenario("flaky")


def test_comments_of_a_scenario_may_change(db, tmp_path):
    for text in ("seed = 4\n", "# four\nseed = 4\n"):
        (tmp_path / "mine.toml").write_text(text)
        with Simulator(tmp_path / "mine.toml", db=db) as sim:
            assert (sim.scenario.name, sim.scenario.seed) == ("mine", 4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scenario": "flaky"}, "holds the scenario 'calm': leave --scenario and --seed out"),
        ({"scenario": "calm", "seed": 5}, "holds the seed 1: leave"),
        ({"seed": 5}, "holds the seed 1: leave"),
        ({"settings": {"queue.slots": 1}}, "holds other settings of 'calm'"),
        ({"scenario": replace(CALM, text="seed = 1\n[sky]\n")}, "holds another text of 'calm'"),
    ],
)
def test_another_scenario_than_the_one_played_is_refused(db, options, words):
    Simulator("calm", db=db).close()
    with pytest.raises(ScenarioError, match=words):
        Simulator(db=db, **options)


def test_a_refused_scenario_changes_nothing(db):
    Simulator("calm", db=db).close()
    with pytest.raises(ScenarioError):
        Simulator("flaky", db=db)
    with Simulator(db=db) as sim:
        assert sim.scenario.name == "calm"


def test_a_scenario_made_in_python_has_to_be_given_again(db):
    made = replace(CALM, name="made", text=None)
    Simulator(made, db=db).close()
    with pytest.raises(ScenarioError, match="'made', which must be given again"):
        Simulator(db=db)
    Simulator(made, db=db).close()


def test_scenario_and_time_outlive_a_reset(db):
    with Simulator("flaky", db=db) as sim:
        sim.clock.advance(60)
        sim.controls.reset()
    with Simulator(db=db) as sim:
        assert sim.scenario.name == "flaky"
        assert sim.clock.now() == sim.scenario.start + 60


def test_a_state_from_elsewhere_does_not_change_what_is_played(db):
    with Simulator("flaky") as elsewhere, Simulator(db=db) as sim:
        sim.controls.load(elsewhere.controls.save())
    with Simulator(db=db) as sim:
        assert sim.scenario.name == "calm"


# the rest --------------------------------------------------------------------------------------------------------


def test_changes_faults_and_journal_go_on(db):
    with Simulator(db=db) as sim:
        sim.change({"limits.active_jobs": 9})
        sim.controls.plan_fault({"kind": "status", "operation": "getNumJobs", "times": 2})
        assert sim.app.test_client().post("/user_objects/getNumJobs.php", json={"UserID": "a@b.org"}).status_code == 503
    with Simulator(db=db) as sim:
        assert sim.controls.scenario()["limits.active_jobs"] == 9
        assert [fault["fired"] for fault in sim.controls.faults()] == [1]
        assert sim.journal.count(operation="getNumJobs", outcome="fault") == 1


def test_numbers_of_jobs_go_on(db):
    numbers = itertools.count(1)
    for _ in range(3):
        with Simulator(db=db) as sim:
            raw = {"UserID": "a@b.org", "name": "GK Per", "getCoords": 1, "getTargs": 1, "image": 1, "imen": "0.3-10"}
            assert sim.jobs.submit(raw | {"cent": 0}).job_id == next(numbers)


@pytest.mark.parametrize("clock", ["system", "x60"])
def test_a_machine_set_back_does_not_take_service_time_back_over_a_restart(db, clock, machine_time):
    with Simulator(db=db, clock=clock) as sim:
        machine_time.now += 1000
        before = sim.jobs.submit(SUBMISSION).submitted_at
    machine_time.now -= 5000
    with Simulator(db=db) as sim:
        assert sim.clock.now() == before
        machine_time.now += 10
        assert sim.clock.now() > before
