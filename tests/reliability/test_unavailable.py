"""A database that is locked, lost, full or short of connections costs an answer 503, and nothing else."""

from __future__ import annotations

import http.client
import json
import sqlite3
import threading
import time
from contextlib import ExitStack, closing
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
import pytest

from mock_server import Simulator
from mock_server.core.errors import Unavailable
from mock_server.core.journal import Entry
from mock_server.storage import sql
from mock_server.storage.store import Store, StoreError

from .serving import SUBMISSION, Caller, Served, at_once

if TYPE_CHECKING:
    from collections.abc import Callable

ME = "me@example.org"
SUBMIT = SUBMISSION | {"UserID": ME, "name": "GK Per"}


def plain(db: str) -> str:
    return db.replace("+psycopg", "")


@pytest.fixture
def hold(db):
    """A function that returns a context manager: another program holds the lock of writers."""

    def holding() -> ExitStack:
        held = ExitStack()
        if db.startswith("sqlite"):
            other = held.enter_context(closing(sqlite3.connect(db.removeprefix("sqlite:///"), isolation_level=None)))
            other.execute("BEGIN IMMEDIATE")
        else:
            operator = held.enter_context(psycopg.connect(plain(db)))
            operator.execute("SELECT pg_advisory_xact_lock(7301)")
        return held

    return holding


@pytest.fixture
def impatient(monkeypatch):
    """Calls that wait for nothing."""
    functions: list[Any] = [Store.transaction, Store.reading, Store.flush, Store._take]
    for function in functions:
        wrapped = getattr(function, "__wrapped__", function)
        monkeypatch.setattr(wrapped, "__defaults__", tuple(0.0 for _ in wrapped.__defaults__))


def status(url: str, method: str, path: str, body: object = None) -> tuple[int, str | None]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    with closing(connection):
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("Retry-After")


def test_a_lock_of_another_program_costs_a_503_and_all_is_well_afterwards(db, hold, impatient):
    with Simulator(db=db) as sim:
        client = sim.app.test_client()
        with hold():
            for method, path, body in [
                ("POST", "/user_objects/run_userobject.php", SUBMIT),
                ("POST", "/_mock/clock/advance", {"seconds": 1}),
                ("POST", "/_mock/reset", None),
                ("GET", "/_mock/health", None),
                ("POST", "/_mock/do/advance", None),
            ]:
                answer = client.open(path, method=method, json=body) if body else client.open(path, method=method)
                assert (answer.status_code, answer.headers.get("Retry-After")) in ((503, "5"), (400, None)), path
            counted = client.post("/user_objects/getNumJobs.php", json={"UserID": ME})
            assert counted.get_json(force=True)["numJobs"] == 0
        assert client.get("/_mock/health").get_json() == {"status": "ok"}
        assert client.post("/user_objects/run_userobject.php", json=SUBMIT).get_json(force=True)["OK"]
        outcomes = [(entry.operation, entry.outcome) for entry in sim.journal]
        assert outcomes == [("run_userobject", "unavailable"), ("getNumJobs", "ok"), ("run_userobject", "ok")]


def test_callers_who_wait_for_a_lock_keep_no_connection_from_others(db, hold):
    """More callers wait than connections are open, each while the one before it pauses."""
    with Simulator(db=db) as sim:
        held, waiting, attempts = hold(), list[float](), list[str]()

        def pause(seconds: float) -> None:
            waiting.append(seconds)
            if len(waiting) < 30:
                sim.jobs.submit(SUBMIT | {"name": f"{len(waiting)}"})
            elif len(waiting) == 30:
                attempts.append(f"{sim.jobs.count(ME)} counted while all wait")
                held.close()

        sim.store.pause = pause
        sim.jobs.submit(SUBMIT | {"name": "the first"})
        assert attempts == ["0 counted while all wait"]
        assert sim.jobs.count(ME) == 30


def test_others_are_answered_while_calls_wait_for_a_lock(db, hold):
    """Real time is the matter here: each refusal comes within 5 s of its request, with eight waiting side by side."""
    with Served("--db", db, "--clock", "virtual") as server, ExitStack() as stack:
        with hold():
            taken: list[float] = []

            def refused(path: str, body: object) -> None:
                began = time.monotonic()
                assert status(server.url, "POST" if body else "GET", path, body) == (503, "5")
                taken.append(time.monotonic() - began)

            asked = [partial(refused, "/user_objects/run_userobject.php", SUBMIT) for _ in range(8)]
            caller = Caller(server.url)
            stack.callback(caller.close)
            counted: list[int] = []
            waiting = threading.Thread(target=at_once, args=([*asked, partial(refused, "/_mock/health", None)],))
            waiting.start()
            while waiting.is_alive():
                counted.append(caller("getNumJobs", {"UserID": ME})["numJobs"])
            waiting.join()
            assert len(taken) == 9, "a call was answered otherwise"
            assert len(counted) > 9, "counts waited for the lock, too"
            assert max(taken) < 5.5
        assert status(server.url, "GET", "/_mock/health") == (200, None)


def test_more_threads_than_the_server_has_connections_take_turns(new_database):
    with psycopg.connect(plain(new_database), autocommit=True) as operator:
        name = operator.info.dbname
        operator.execute(f"CREATE ROLE few_{name} LOGIN CONNECTION LIMIT 3")  # superusers have no limit
        operator.execute(f"ALTER DATABASE {name} OWNER TO few_{name}")
    with Simulator(db=new_database.replace("xrt@", f"few_{name}@")) as sim:
        at_once([partial(sim.jobs.submit, SUBMIT | {"name": f"{number}"}) for number in range(10)])
        assert sim.jobs.count(ME) == 10


def test_a_database_whose_encoding_lacks_letters_is_refused(postgresql):
    with psycopg.connect(f"{plain(postgresql)}/postgres", autocommit=True) as operator:
        operator.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        try:
            with pytest.raises(StoreError, match="has the encoding LATIN1: make one with UTF8"):
                Store(f"{postgresql}/latin")
        finally:
            operator.execute("DROP DATABASE latin WITH (FORCE)")


def test_connections_that_the_server_ended_cost_a_503_at_most(new_database, monkeypatch):
    with psycopg.connect(plain(new_database), autocommit=True) as operator, Simulator(db=new_database) as sim:
        client = sim.app.test_client()

        def end() -> None:
            operator.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

        plan = sim.jobs._wishes

        def interrupted(*arguments):
            end()
            return plan(*arguments)

        with monkeypatch.context() as cut:
            cut.setattr(sim.jobs, "_wishes", interrupted)
            assert client.post("/user_objects/run_userobject.php", json=SUBMIT).status_code == 503
        assert client.post("/user_objects/run_userobject.php", json=SUBMIT).get_json(force=True)["JobID"] == "1"
        end()
        assert client.post("/user_objects/getNumJobs.php", json={"UserID": ME}).get_json(force=True)["numJobs"] == 1
        end()
        assert client.get("/_mock/health").status_code == 200


def test_a_reader_does_not_pay_for_a_batch_that_cannot_be_written_and_no_entry_is_lost(tmp_path, monkeypatch):
    with Simulator(db=f"sqlite:///{tmp_path / 'jobs.sqlite'}") as sim:
        client = sim.app.test_client()
        with monkeypatch.context() as broken:
            broken.setattr(sql, "ADD_ENTRY", "INSERT INTO no_such_table VALUES (?)")
            for _ in range(600):
                assert client.post("/user_objects/getNumJobs.php", json={"UserID": ME}).status_code == 200
        assert sim.journal.count(operation="getNumJobs") == 600


def test_a_batch_that_waits_for_a_lock_is_written_later_by_the_timer(db, hold, monkeypatch):
    due: list[tuple[float, Callable[[], None]]] = []

    def later(seconds: float, function: Callable[[], None]) -> Quiet:
        due.append((seconds, function))
        return Quiet()

    monkeypatch.setattr("mock_server.storage.store.threading.Timer", later)
    store, others = Store(db), Store(db)
    with hold():
        store.note(Entry(1.0, "getNumJobs"))
        store._waiting_since -= 10
        due.pop()[1]()
        seconds, again = due.pop()
        assert seconds > 0
    again()
    with others.reading() as facts:
        assert len(facts.entries()) == 1
    store.close()
    others.close()


class Quiet:
    """A timer that a test runs itself."""

    daemon = True

    def start(self) -> None:
        pass

    def cancel(self) -> None:
        pass


def test_a_file_that_is_held_alone_is_unavailable_to_readers(tmp_path, impatient):
    db = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    store = Store(db)
    with store.reading() as facts, pytest.raises(sqlite3.OperationalError):
        facts.connection.execute("SELECT * FROM no_such_table")
    store.close()
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO meta VALUES ('a', 'b')")
        other.execute("COMMIT")
        with pytest.raises(StoreError, match="locked"):
            Store(db)


def test_what_is_unavailable_says_why(db, hold, impatient):
    with Simulator(db=db) as sim, hold(), pytest.raises(Unavailable, match=r"the database cannot be used now: .*lock"):
        sim.jobs.submit(SUBMIT)


@pytest.mark.parametrize("clock", ["virtual", "x60"])
@pytest.mark.parametrize("move", ["advance", "advance_to"])
def test_no_lock_of_the_process_is_held_while_the_database_is_waited_for(db, hold, clock, move):
    """Other calls go on in the same thread meanwhile, and would wait for such a lock for ever."""
    with Simulator(db=db, clock=clock) as sim:
        held, locked = hold(), list[bool]()
        guard: Any = vars(sim.clock)["_lock"]

        def pause(_seconds: float) -> None:
            locked.append(guard.locked())
            held.close()

        sim.store.pause = pause
        before = sim.clock.now()
        assert getattr(sim.clock, move)({"advance": 1e6, "advance_to": before + 1e6}[move]) >= before + 1e6
        assert locked
        assert not any(locked)
