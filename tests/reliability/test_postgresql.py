"""PostgreSQL answers as SQLite does, and a connection that its server ends is replaced."""

import json
from urllib.parse import quote

import psycopg
import pytest

from mock_server import Simulator
from mock_server.core.errors import Unavailable
from mock_server.core.journal import Entry
from mock_server.core.model import Build, Job, Product, Rebin, StatusCode, User
from mock_server.service.operator import ControlError
from mock_server.storage.glance import ActiveUser, Glance
from mock_server.storage.store import Store, StoreError

from .serving import SUBMISSION

ME = "me@example.org"
NEVER = float("inf")
BUILD = Build(Product.SPECTRUM, 1.0, 2.5, 3.0, 4.25, 9.0, 4.75, StatusCode.FAILED, 6.5, 3, ("interval0", "ü"))
WAITING = Build(Product.IMAGE, 1.0, 2.5, NEVER, NEVER, NEVER, 4.75)
JOB = Job(10**14, "Me@Example.org", "GK Per", 1.0, {"b": "1", "a": 1.5}, (BUILD, WAITING))


@pytest.fixture
def db(new_database):
    return new_database


@pytest.fixture
def store(db):
    store = Store(db)
    yield store
    store.close()


@pytest.fixture
def end_connections(db):
    """A function that ends all other connections to the database, as an operator does."""
    with psycopg.connect(db.replace("+psycopg", ""), autocommit=True) as operator:

        def end() -> None:
            others = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            ended = operator.execute(others + "WHERE datname = current_database() AND pid <> pg_backend_pid()")
            assert all(done for (done,) in ended.fetchall())
            assert ended.rowcount > 0

        yield end


def filled(store: Store) -> None:
    with store.transaction() as facts:
        facts.add_job(JOB)
        facts.save_user(User(ME, "token", None))
        facts.save_user(User(ME.upper(), "token", 5.0))
        facts.add_rebin(Rebin(0, JOB.job_id, 1.0, 2.0, NEVER, {"a": "never"}))
        facts.add_change(5.0, {"queue.slots": 1})
        facts.fire(facts.add_fault({"kind": "reset"}))
        assert [facts.count_call("getNumJobs") for _ in range(2)] == [1, 2]
    store.note(Entry(1.0, "getNumJobs", "a\0b", outcome="refused", detail="\0"))


def test_facts_come_out_as_they_went_in(store):
    filled(store)
    (entry,) = store.journal()
    assert (entry.user, entry.detail) == ("a\N{REPLACEMENT CHARACTER}b", "\N{REPLACEMENT CHARACTER}")
    with store.reading() as facts:
        assert facts.job(JOB.job_id) == JOB
        assert facts.unfinished(1e12) == facts.all_jobs() == [JOB]
        assert facts.count_active(ME, 1e12) == 1
        assert facts.standing(ME, 0.0) == (1, JOB.job_id + 1, 3.0, 1)
        assert facts.slots_held_after(3.0) == [6.5]
        assert facts.list_jobs(ME) == [(JOB.job_id, "GK Per", 1.0, "spec,image", NEVER)]
        assert facts.users() == [User(ME.upper(), "token", 5.0)]
        assert facts.rebin(1) == Rebin(1, JOB.job_id, 1.0, 2.0, NEVER, {"a": "never"})
        assert facts.changes() == [(5.0, {"queue.slots": 1})]
        assert facts.faults() == [(1, {"kind": "reset"}, 1)]


def test_what_a_dashboard_shows_is_the_same_as_from_sqlite(store):
    memory = Store()
    seen = []
    for each in (memory, store):
        filled(each)
        each.flush()
        with each.reading() as facts:
            look = Glance(facts.connection, 3.5)
            plans = look.running(5) + look.waiting(5) + Glance(facts.connection, 9.5).ended(5)
            found = (look.calls(5), look.calls(5, {"user": "A\N{REPLACEMENT CHARACTER}B"}), look.calls(5, job_id=7))
            calls = [([*journal], number) for journal, number in found]
            users = (look.active_users(5), look.users(5), look.outcomes(5))
            seen.append((plans, calls, users, look.queue_size(), look.next_moments(), look.newest_jobs(5)))
    memory.close()
    assert seen[0] == seen[1]
    plans, calls, users, *rest = seen[0]
    assert [one.build for one in plans] == [BUILD, WAITING, BUILD]
    assert [number for _, number in calls] == [1, 1, 0]
    assert users == ([ActiveUser("Me@Example.org", 1)], [User(ME.upper(), "token", 5.0)], {"refused": 1})
    assert rest == [(1, 1), (None, 6.5), [JOB]]


def test_a_state_moves_between_sqlite_and_postgresql_and_numbers_go_on(store):
    memory = Store()
    filled(memory)
    memory.flush()
    with memory.reading() as facts:
        state = json.loads(json.dumps(facts.dump(), allow_nan=False))
    memory.close()
    filled(store)
    with store.transaction() as facts:
        facts.restore(state)
        assert {**facts.dump(), "meta": []} == {**state, "meta": []}
        assert facts.add_rebin(Rebin(0, 1, 1.0, 2.0, 3.0, {})).rebin_id == 2
        assert facts.add_fault({"kind": "reset"}) == 2
        facts.clear()
        assert facts.add_fault({"kind": "reset"}) == 1


def test_what_is_no_state_is_refused_and_changes_nothing(store):
    filled(store)
    store.flush()
    with store.reading() as facts:
        before = facts.dump()
    for spoilt in ({**before, "jobs": []}, {**before, "jobs": [before["jobs"][0] | {"job_id": 2**70}]}):
        with pytest.raises(ValueError), store.transaction() as facts:  # noqa: PT011 - the text is PostgreSQL's
            facts.restore(spoilt)
        with store.reading() as facts:
            assert facts.dump() == before


def test_a_connection_that_the_server_ended_costs_no_call(db, end_connections):
    with Simulator(db=db) as sim:
        end_connections()
        assert sim.jobs.submit(SUBMISSION | {"UserID": ME, "name": "GK Per"}).job_id == 1
        end_connections()
        assert sim.jobs.count(ME) == 1
        end_connections()
        assert sim.clock.advance(60) == sim.scenario.start + 60


def test_a_transaction_whose_connection_ends_fails_as_a_whole_and_the_next_succeeds(store, end_connections):
    store.note(Entry(1.0, "getNumJobs"))

    def interrupted() -> None:
        with store.transaction() as facts:
            facts.add_job(JOB)
            end_connections()
            facts.save_user(User(ME, "token"))

    with pytest.raises(Unavailable, match=r"the database cannot be used now: .*terminating connection") as caught:
        interrupted()
    assert isinstance(caught.value.__cause__, psycopg.OperationalError)
    with store.transaction() as facts:
        assert (facts.all_jobs(), facts.users()) == ([], [])
        facts.add_job(JOB)
    assert store.journal().count() == 1


def test_a_transaction_that_does_not_get_its_turn_does_not_spoil_the_next(store, db):
    hurried = Store(f"{db}?options={quote('-c lock_timeout=1')}")
    with store.transaction() as facts:
        facts.add_job(JOB)
        with (
            pytest.raises(Unavailable, match=r"the database cannot be used now: .* lock timeout"),
            hurried.transaction(0),
        ):
            pass
    with hurried.transaction() as facts:
        assert facts.all_jobs() == [JOB]
    hurried.close()


def test_a_backup_is_left_to_the_programs_of_postgresql(db):
    with Simulator(db=db) as sim, pytest.raises(ControlError, match="backed up by its own program: pg_dump"):
        sim.controls.backup()


def test_a_database_that_does_not_exist_is_refused_with_the_reason(db):
    with pytest.raises(StoreError, match=r'--db postgresql.*: .*database ".*_gone" does not exist'):
        Store(f"{db}_gone")
