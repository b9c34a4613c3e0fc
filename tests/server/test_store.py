"""Facts go in and come out as they were; a transaction is a whole; numbers never come twice."""

import dataclasses
import json
import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.core.errors import Unavailable
from mock_server.core.journal import Entry
from mock_server.core.model import Build, Job, Product, Rebin, StatusCode, User
from mock_server.storage import sql
from mock_server.storage.store import Store, StoreError

NEVER = float("inf")
BUILD = Build(Product.SPECTRUM, 1.0, 2.5, 3.0, 4.25, 9.0, 4.75, StatusCode.FAILED, 6.5, 3, ("interval0", "b"))
MOMENTS = st.floats(0, 4e9) | st.just(NEVER)
BUILDS = st.builds(
    Build,
    st.sampled_from(Product), MOMENTS, MOMENTS, MOMENTS, MOMENTS, MOMENTS, MOMENTS,
    st.sampled_from(StatusCode), st.none() | st.floats(0, 4e9), st.integers(0, 10**6),
    st.lists(st.text(), max_size=3).map(tuple),
)  # fmt: skip
PLAIN_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def job(number: int, *builds: Build, user: str = "Me@Example.org", **parameters: Any) -> Job:
    return Job(number, user, "GK Per", 100.0 + number, parameters, builds or (BUILD,))


def running(number: int, ends_at: float, user: str = "me@example.org") -> Job:
    build = Build(Product.IMAGE, 0.0, 1.0, 2.0, 2.0, ends_at, ends_at - 2.0)
    return job(number, build, user=user)


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path):
    store = Store("sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    yield store
    store.close()


def add(store: Store, *jobs: Job) -> None:
    with store.transaction() as facts:
        for each in jobs:
            facts.add_job(each)


# round trips -----------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.lists(BUILDS, min_size=1, max_size=4), PLAIN_TEXT, PLAIN_TEXT, st.dictionaries(st.text(), JSON, max_size=4))
def test_a_job_comes_out_as_it_went_in(builds, user, name, parameters):
    given_job = Job(7, user, name, 12.5, parameters, tuple(builds))
    store = Store()
    add(store, given_job)
    with store.reading() as facts:
        assert facts.job(7) == given_job
        assert facts.all_jobs() == [given_job]
    store.close()


def test_parameters_keep_their_order_and_types(store):
    parameters: dict[str, Any] = {"b": "1", "a": 1, "c": 1.0, "d": [1, "2"], "e": {"z": 1, "y": None}}
    add(store, job(1, **parameters))
    with store.reading() as facts:
        assert json.dumps(dict(facts.job(1).parameters)) == json.dumps(parameters)


def test_a_job_that_simulators_share_cannot_be_changed():
    found: list[Any] = []
    for _ in range(2):
        store = Store()
        add(store, job(1, a=1))
        with store.reading() as facts:
            found.append(facts.job(1))
        store.close()
    with pytest.raises(TypeError):
        found[0].parameters["a"] = 2
    assert found[0] is found[1]
    assert found[1] == job(1, a=1)


def test_a_saved_plan_takes_the_place_of_the_old_one(store):
    add(store, job(1, BUILD), job(2, BUILD))
    changed = BUILD._replace(ends_at=77.0, cancelled_at=None)
    with store.transaction() as facts:
        facts.save_jobs([dataclasses.replace(facts.job(1), builds=(changed,))])
    with store.reading() as facts:
        assert [found.builds for found in facts.all_jobs()] == [(changed,), (BUILD,)]
        assert facts.count_active("me@example.org", 76.9) == 1


def test_users_are_found_by_address_without_case_and_by_their_link(store):
    user = User("Me@Example.ORG", "token", None)
    with store.transaction() as facts:
        facts.save_user(user)
        facts.save_user(dataclasses.replace(user, confirmed_at=5.0))
    with store.reading() as facts:
        assert facts.user(" me@example.org ") == facts.user_of_token("token") == User("Me@Example.ORG", "token", 5.0)
        assert len(facts.users()) == 1
        assert facts.user("stranger@example.org") is facts.user_of_token("other") is None


def test_rebins_have_numbers_of_their_own(store):
    add(store, job(500))
    rebin = Rebin(0, 500, 1.0, 2.0, 3.0, {"binMeth": "time"})
    with store.transaction() as facts:
        first, second = facts.add_rebin(rebin), facts.add_rebin(rebin)
        facts.cancel_rebin(2, 2.5)
    with store.reading() as facts:
        assert (first.rebin_id, second.rebin_id) == (1, 2)
        assert facts.rebin(1) == first
        assert facts.rebin(2).cancelled_at == 2.5
        assert facts.rebin(3) is None


# questions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("now", "active"), [(9.999, 2), (10.0, 1), (19.999, 1), (20.0, 0)])
def test_active_jobs_are_counted_to_the_exact_second_for_one_user(store, now, active):
    add(store, running(1, 10.0), running(2, 20.0, "ME@example.org"), running(3, 99.0, "other@example.org"))
    with store.reading() as facts:
        assert facts.count_active("me@EXAMPLE.org", now) == active


def test_a_build_that_never_ends_stays_active(store):
    add(store, running(1, NEVER))
    with store.reading() as facts:
        assert facts.count_active("me@example.org", 1e12) == 1
        assert [found.job_id for found in facts.unfinished(1e12)] == [1]


def test_a_list_is_newest_first_and_of_one_user(store):
    add(store, running(1, 10.0), running(2, 10.0, "other@example.org"), running(3, 10.0))
    with store.reading() as facts:
        assert [row[0] for row in facts.list_jobs("ME@example.org")] == [3, 1]


def test_the_queue_is_described_by_its_last_start_and_the_slots_held(store):
    with store.reading() as facts:
        assert facts.standing("", 0.0).last_start == -NEVER
    waiting = Build(Product.IMAGE, 0.0, 1.0, NEVER, NEVER, NEVER, 5.0)
    add(store, running(1, 10.0), running(2, 30.0), job(3, waiting))
    with store.reading() as facts:
        standing = facts.standing("", 0.0)
        assert (standing.last_start, standing.held) == (2.0, 2)
        assert (facts.slots_held_after(2.0), facts.slots_held_after(10.0)) == ([10.0, 30.0], [30.0])
        assert [facts.standing("", now).held for now in (9.0, 10.0, 30.0)] == [2, 1, 0]


# transactions ----------------------------------------------------------------------------------------------------


def test_numbers_begin_at_1_and_follow_one_another(store):
    with store.transaction() as facts:
        assert facts.standing("", 0.0).next_job_id == 1
        facts.add_job(job(1))
        assert facts.standing("", 0.0).next_job_id == 2


def test_an_exception_leaves_everything_as_it_was(store):
    add(store, job(1))

    def fail() -> None:
        with store.transaction() as facts:
            facts.add_job(job(2))
            facts.save_user(User("a@b.org", "t"))
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fail()
    with store.transaction() as facts:
        assert [found.job_id for found in facts.all_jobs()] == [1]
        assert facts.users() == []
        assert facts.standing("", 0.0).next_job_id == 2


def test_an_exception_keeps_the_journal_for_the_next_call(store):
    store.note(Entry(1.0, "getNumJobs"))
    with pytest.raises(RuntimeError), store.transaction():
        raise RuntimeError("on purpose")
    assert store.journal().count() == 1


def test_what_was_acknowledged_survives_the_process(tmp_path):
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    first = Store(url)
    add(first, job(1))
    second = Store(url)  # as after a crash: the first was never closed
    with second.reading() as facts:
        assert facts.job(1) == job(1)
    second.close()
    first.close()


def test_two_stores_of_one_file_see_each_others_facts(tmp_path):
    one, other = (Store(f"sqlite:///{tmp_path / 'jobs.sqlite'}") for _ in range(2))
    for number in (1, 3):
        add(one, job(number))
        add(other, job(number + 1))
    for store in (one, other):
        with store.reading() as facts:
            assert len(facts.all_jobs()) == 4
            assert facts.standing("", 0.0).next_job_id == 5
        store.close()


def test_more_threads_than_connections_in_a_pool_can_read_and_write(store):
    barrier, failures = threading.Barrier(40), list[BaseException]()

    def work(number: int) -> None:
        try:
            barrier.wait(30)
            with store.transaction() as facts:
                facts.add_job(job(facts.standing("", 0.0).next_job_id))
            with store.reading() as facts:
                assert facts.count_active("stranger", 0.0) == 0
            barrier.wait(30)  # all hold their reader at once
        except BaseException as error:
            failures.append(error)
            barrier.abort()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    with store.reading() as facts:
        assert sorted(found.job_id for found in facts.all_jobs()) == list(range(1, 41))


def test_a_connection_is_used_again_by_the_next_thread(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    used = set()

    def look() -> None:
        with store.reading() as facts:
            used.add(facts.connection)

    for _ in range(20):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert len(used) == 1
    store.close()


# the journal -----------------------------------------------------------------------------------------------------


def entry(number: int) -> Entry:
    return Entry(float(number), "canceljob", "me@example.org", number or None, "refused", 200, "words", "a.py:3")


def test_entries_come_out_as_they_went_in_and_in_their_order(store):
    entries = [entry(number)._replace(seq=number + 1) for number in range(5)]
    for each in entries:
        store.note(each)
    assert list(store.journal()) == entries
    assert list(store.journal(newest=2)) == entries[-2:]


@pytest.fixture
def stored(tmp_path):
    """A store on a file, and a function that counts the entries that others see in it."""
    file = tmp_path / "jobs.sqlite"
    store = Store(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as others:
        yield store, lambda: others.execute("SELECT count(*) FROM journal").fetchone()[0]
    store.close()


def test_entries_reach_a_file_with_the_next_writing_call(stored):
    store, count = stored
    store.note(entry(1))
    assert count() == 0
    add(store, job(1))
    assert count() == 1


def test_a_writing_call_does_not_wait_for_the_journal_in_memory():
    store = Store()
    store.note(entry(1))
    add(store, job(1))
    with store.reading() as facts:
        assert list(facts.entries()) == []
    assert len(store.journal()) == 1
    store.close()


@pytest.mark.parametrize(("noted", "written"), [(255, 0), (256, 256), (257, 256)])
def test_entries_reach_the_database_in_batches(stored, noted, written):
    store, count = stored
    for number in range(noted):
        store.note(entry(number))
    assert count() == written


def test_a_batch_that_cannot_be_written_is_kept(store, monkeypatch):
    for number in range(3):
        store.note(entry(number))
    with monkeypatch.context() as broken:
        broken.setattr(sql, "ADD_ENTRY", "INSERT INTO no_such_table VALUES (?)")
        with pytest.raises(sqlite3.Error):
            store.flush()
    store.note(entry(3))
    assert list(store.journal()) == [entry(number)._replace(seq=number + 1) for number in range(4)]


class Timers:
    """Stands in for threading.Timer and for the time it goes by."""

    def __init__(self) -> None:
        self.now = 100.0
        self.due: list[tuple[float, Callable[[], None]]] = []

    def __call__(self, seconds: float, function: Callable[[], None]) -> Any:
        self.due.append((self.now + seconds, function))
        return SimpleNamespace(start=lambda: None, cancel=lambda: None)

    def at(self, now: float) -> None:
        self.now = now
        due, self.due = self.due, [one for one in self.due if one[0] > now]
        for when, function in due:
            if when <= now:
                function()


@pytest.fixture
def timers(monkeypatch):
    found = Timers()
    monkeypatch.setattr("mock_server.storage.store.threading.Timer", found)
    monkeypatch.setattr("mock_server.storage.store.time.monotonic", lambda: found.now)
    return found


def test_others_see_an_entry_after_two_seconds(stored, timers):
    store, count = stored
    store.note(entry(1))
    timers.at(101.9)
    assert count() == 0
    timers.at(102.1)
    assert (count(), timers.due) == (1, [])


def test_while_many_call_only_they_write(stored, timers):
    # a second writer would make the callers wait
    store, count = stored
    for second in range(5):
        timers.at(100.0 + second)
        for number in range(200):
            store.note(entry(number))
        assert len(timers.due) == 1
        assert count() % 256 == 0
    timers.at(106.1)
    assert (count(), timers.due) == (1000, [])


def test_closing_writes_what_is_pending(tmp_path):
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    store = Store(url)
    store.note(entry(1))
    store.close()
    again = Store(url)
    assert again.journal().count() == 1
    again.close()


# scenario changes, faults, calls ---------------------------------------------------------------------------------


def test_changes_come_out_oldest_first(store):
    with store.transaction() as facts:
        facts.add_change(5.0, {"queue.slots": 1})
        facts.add_change(5.0, {"queue.slots": 2})
        assert facts.changes() == [(5.0, {"queue.slots": 1}), (5.0, {"queue.slots": 2})]


def test_faults_count_their_firings_and_calls_their_number(store):
    with store.transaction() as facts:
        number = facts.add_fault({"kind": "reset"})
        assert facts.fire(number, 2)
        assert facts.fire(number)
        assert not facts.fire(number, 2)
        assert facts.faults() == [(number, {"kind": "reset"}, 2)]
        assert [facts.count_call(name) for name in ("a", "a", "b", "a")] == [1, 2, 1, 3]
        facts.delete_faults()
        assert facts.faults() == []
        assert facts.count_call("a") == 1


@pytest.mark.parametrize("change", ["add_change", "add_fault", "delete_faults", "clear", "restore"])
def test_other_processes_notice_each_change_by_a_number_never_seen_before(store, change):
    with store.transaction() as facts:
        facts.add_change(1.0, {"queue.slots": 1})
        dumped, seen = facts.dump(), {facts.meta("generation")}
        arguments = {"add_change": (1.0, {}), "add_fault": ({"kind": "reset"},), "restore": (dumped,)}
        for _ in range(3):
            getattr(facts, change)(*arguments.get(change, ()))
            assert facts.meta("generation") not in seen
            seen.add(facts.meta("generation"))


# the whole state -------------------------------------------------------------------------------------------------


def filled(store: Store) -> None:
    add(store, job(1, name="never"), running(2, NEVER), job(3, user="never@example.org"))
    with store.transaction() as facts:
        facts.save_user(User("never@example.org", "never", None))
        facts.add_rebin(Rebin(0, 1, 1.0, 2.0, NEVER, {"a": "never"}))
        facts.add_change(5.0, {"queue.slots": 1})
        facts.add_fault({"kind": "reset"})
        facts.count_call("never")
        facts.set_meta("scenario", "never")
    store.note(Entry(1.0, "getNumJobs", detail="never"))
    store.journal()


def test_a_state_survives_json_and_restoring(store):
    filled(store)
    with store.reading() as facts:
        dumped = json.loads(json.dumps(facts.dump(), allow_nan=False))
        jobs = facts.all_jobs()
    other = Store()
    add(other, job(9))
    with other.transaction() as facts:
        facts.restore(dumped)
    with other.reading() as facts:
        assert facts.all_jobs() == jobs
        rebin = facts.rebin(1)
        assert rebin is not None
        assert rebin.ends_at == NEVER
        assert {**facts.dump(), "meta": []} == {**dumped, "meta": []}
        assert facts.meta("scenario") == "never"
    other.close()


def test_numbers_go_on_after_restoring(store):
    filled(store)
    with store.transaction() as facts:
        facts.restore(json.loads(json.dumps(facts.dump())))
        assert facts.standing("", 0.0).next_job_id == 4
        assert facts.add_rebin(Rebin(0, 1, 1.0, 2.0, 3.0, {})).rebin_id == 2


def test_numbers_begin_anew_after_clearing(store):
    filled(store)
    with store.transaction() as facts:
        facts.clear()
    assert store.journal().count() == 0
    with store.transaction() as facts:
        assert facts.standing("", 0.0).next_job_id == 1
        facts.add_job(job(1))
        assert facts.add_rebin(Rebin(0, 1, 1.0, 2.0, 3.0, {})).rebin_id == 1


def spoilt(dumped: dict[str, Any], table: str, **values: object) -> dict[str, Any]:
    return {**dumped, table: [{**row, **values} for row in dumped[table]]}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda dumped: {},
        lambda dumped: {**dumped, "jobs": "text"},
        lambda dumped: {**dumped, "jobs": [1]},
        lambda dumped: {**dumped, "jobs": []},  # builds without their job
        lambda dumped: {**dumped, "jobs": dumped["jobs"] * 2},
        lambda dumped: {**dumped, "meta": []},
        lambda dumped: spoilt(dumped, "jobs", submitted_at="yesterday"),
        lambda dumped: spoilt(dumped, "jobs", job_id=2**70),
        lambda dumped: spoilt(dumped, "jobs", job_id=True),
        lambda dumped: spoilt(dumped, "jobs", name=None),
        lambda dumped: spoilt(dumped, "jobs", parameters="no json"),
        lambda dumped: spoilt(dumped, "jobs", more=1),
        lambda dumped: spoilt(dumped, "builds", product="bread"),
        lambda dumped: spoilt(dumped, "builds", outcome=17),
        lambda dumped: spoilt(dumped, "meta", name="schema", value="99"),
    ],
)
def test_what_is_no_state_is_refused_and_changes_nothing(store, spoil):
    filled(store)
    with store.reading() as facts:
        before = facts.dump()

    def restore() -> None:
        with store.transaction() as facts:
            facts.restore(spoil(before))

    with pytest.raises(ValueError):  # noqa: PT011 - any words; nothing else may be raised
        restore()
    with store.reading() as facts:
        assert facts.dump() == before


# databases that cannot be used -----------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["nonsense", "nosuch://x", "sqlite:///{dir}/no/such/directory/file"])
def test_an_address_that_leads_nowhere_is_an_error_that_says_so(tmp_path, url):
    with pytest.raises(StoreError, match="--db"):
        Store(url.format(dir=tmp_path))


def test_a_file_of_another_schema_is_refused_and_says_what_to_do(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    store = Store(url)
    with store.transaction() as facts:
        facts.set_meta("schema", "99")
    store.close()
    with pytest.raises(StoreError, match=r"schema 99.*new --db file"):
        Store(url)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("These are my notes, and no database at all. " * 50)
    with pytest.raises(StoreError, match="--db"):
        Store(f"sqlite:///{tmp_path / 'notes.txt'}")


def test_a_journal_with_a_bound_keeps_the_newest_calls_and_knows_how_many_it_forgot():
    store = Store(keep_calls=100)
    for at in range(5000):
        store.note(Entry(at=float(at), operation="getNumJobs"))
    journal = store.journal()
    store.close()
    assert 100 <= len(journal.entries) <= 100 + 256 + 10, "256 are written at a time"
    assert journal[-1].at == 4999
    assert journal.forgotten == 5000 - len(journal.entries)
    assert [entry.at for entry in journal] == [float(at) for at in range(journal.forgotten, 5000)]


def test_a_file_is_written_ahead_and_its_log_stays_short(tmp_path):
    """A commit survives `kill -9`; the log is synced, and copied to the file, every 4,000 pages."""
    store = Store(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    with store.reading() as facts:
        pragmas = ("journal_mode", "synchronous", "wal_autocheckpoint", "page_size")
        values = [facts.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
    assert values == ["wal", 1, 4000, 4096], "synchronous = 1 is NORMAL"
    for at in range(30):
        for _ in range(256):
            store.note(Entry(at=float(at), operation="getNumJobs", detail="x" * 4000))
        store.flush()
    size = (tmp_path / "jobs.sqlite-wal").stat().st_size
    store.close()
    assert size < (4000 + 600) * 4120, "30 batches have twice as many pages; the log begins anew after a copy"


def test_numbers_of_calls_go_on_after_the_last_although_older_ones_are_forgotten(tmp_path):
    """A journal that keeps nothing keeps its last call, whose number the next one follows."""
    for start in (0, 20):
        store = Store(f"sqlite:///{tmp_path / 'jobs.sqlite'}", keep_calls=0)
        for at in range(start, start + 20):
            store.note(Entry(at=float(at), operation="getNumJobs"))
            store.flush()
        assert [(entry.seq, entry.at) for entry in store.journal()] == [(start + 20, start + 19.0)]
        store.close()


def test_a_database_whose_journal_counts_in_a_table_of_its_own_is_read_and_written(tmp_path):
    """Databases of this schema were made so before; SQLite remembers the largest number in `sqlite_sequence`."""
    file = tmp_path / "jobs.sqlite"
    Store(f"sqlite:///{file}").close()
    with closing(sqlite3.connect(file)) as connection:
        (made,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'journal'").fetchone()
        connection.execute("DROP TABLE journal")
        connection.execute(made.replace("PRIMARY KEY", "PRIMARY KEY AUTOINCREMENT"))
    for start in (0, 3):
        store = Store(f"sqlite:///{file}")
        for at in range(start, start + 3):
            store.note(Entry(at=float(at), operation="getNumJobs"))
        assert [entry.seq for entry in store.journal()] == list(range(1, start + 4))
        store.close()
    store = Store(f"sqlite:///{file}")
    with store.transaction() as facts:
        facts.clear()
    store.note(Entry(at=7.0, operation="getNumJobs"))
    assert [(entry.seq, entry.at) for entry in store.journal()] == [(1, 7.0)]
    store.close()


def test_a_journal_without_a_bound_keeps_everything():
    store = Store()
    for at in range(1000):
        store.note(Entry(at=float(at), operation="getNumJobs"))
    assert (len(store.journal().entries), store.journal().forgotten) == (1000, 0)
    store.close()


# a database that fails -------------------------------------------------------------------------------------------


def test_a_mistake_in_a_statement_is_not_taken_for_a_database_that_is_away(tmp_path):
    with closing(Store(f"sqlite:///{tmp_path / 'jobs.sqlite'}")) as store:
        with pytest.raises(sqlite3.OperationalError, match="no such table: nonsense"), store.reading() as facts:
            facts.connection.execute("SELECT * FROM nonsense")
        add(store, job(1))
        assert store_has(store, 1)


def store_has(store: Store, number: int) -> bool:
    with store.reading() as facts:
        return facts.job(number) is not None


def test_a_connection_that_is_in_use_when_the_store_is_closed_is_closed_after_it(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    add(store, job(1))
    with store.reading() as facts:
        store.close()
        assert facts.job(1) is not None
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        facts.job(1)


def test_a_connection_that_cannot_be_opened_is_waited_for_and_then_named(tmp_path):
    (tmp_path / "there").mkdir()
    with closing(Store(f"sqlite:///{tmp_path / 'there' / 'jobs.sqlite'}")) as store, store.reading():
        (tmp_path / "there").rename(tmp_path / "away")
        words = "cannot be reached now: unable to open database file"
        with pytest.raises(Unavailable, match=words), store.reading(0.0):
            pass


def test_postgresql_without_its_driver_is_refused_with_a_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "mock_server.storage.postgresql", None)
    with pytest.raises(StoreError, match=r"install the driver by `pip install 'xrt-mock\[postgres\]'`"):
        Store("postgresql://someone@127.0.0.1/jobs")


@pytest.mark.parametrize(
    ("table", "column", "value", "words"),
    [
        ("builds", "product", "gravity", "no product or status code is 'gravity'"),
        ("jobs", "parameters", "[1]", "parameters must be a JSON object"),
        ("jobs", "parameters", "{", "Expecting property name"),
    ],
)
def test_a_state_that_cannot_be_is_refused_and_nothing_changes(table, column, value, words):
    with closing(Store()) as store:
        add(store, job(1))
        with store.reading() as facts:
            state = facts.dump()
        state[table][0][column] = value
        with pytest.raises(ValueError, match=words), store.transaction() as facts:
            facts.restore(state)
        assert store_has(store, 1)


def test_a_lock_that_another_program_holds_is_no_mistake_of_the_caller(tmp_path):
    file = tmp_path / "jobs.sqlite"
    with closing(Store(f"sqlite:///{file}")) as store, closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN IMMEDIATE")
        words = "cannot be used now: database is locked"
        with pytest.raises(Unavailable, match=words), store.reading() as facts:
            facts.connection.execute("UPDATE meta SET value = value")
