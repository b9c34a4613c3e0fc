"""What the operator does happens as a whole or not at all, and several processes agree about it."""

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing
from functools import partial
from typing import Any

import psycopg
import pytest

from mock_server import Simulator
from mock_server.core.journal import Entry

from .killed import ME, OPERATIONS, act, counted, prepare, seen, start
from .serving import SUBMISSION, Caller, Served, at_once


class Interrupted(BaseException):
    """In the place of a kill: everything after a statement does not happen."""


def interrupt() -> None:
    raise Interrupted


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_that_ends_at_any_statement_is_done_or_not_done(tmp_path, operation):
    db = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    state = prepare(db)
    before = seen(db)
    with Simulator(db=db) as sim:
        statements = counted(sim, 0, interrupt)
        act(sim, operation, state)
        total = -statements.left
    after = seen(db)
    assert after != before
    for last in range(1, total + 1):
        prepare(db)
        with Simulator(db=db) as sim:
            counted(sim, last, interrupt)
            with pytest.raises(Interrupted):
                act(sim, operation, state)
        assert seen(db) in (before, after), f"half done at statement {last} of {total}"


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_killed_at_any_statement_is_done_or_not_done(db, operation):
    state = prepare(db)
    before, last = seen(db), 0
    ends: list[int] = []
    command = [sys.executable, "-m", "tests.reliability.killed", db, operation]
    while not ends or ends[-1] == -signal.SIGKILL:
        last += 1
        prepare(db)
        ends.append(subprocess.run([*command, str(last)], input=json.dumps(state), text=True, check=False).returncode)
        found = seen(db)
        if found != before:
            after = found
            break
    assert ends[-1] in (0, -signal.SIGKILL)
    while ends[-1] == -signal.SIGKILL:  # those that are killed after their commit
        assert seen(db) == after
        last += 1
        prepare(db)
        ends.append(subprocess.run([*command, str(last)], input=json.dumps(state), text=True, check=False).returncode)
    assert seen(db) == after
    print(f"{operation}: killed at {last - 1} statements, 0 half done")


def stored(db: str) -> dict[str, Any]:
    """Return all rows of a database by table, as another program sees them."""
    if db.startswith("sqlite"):
        with closing(sqlite3.connect(db.removeprefix("sqlite:///"))) as other:
            tables = [name for (name,) in other.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {table: other.execute(f"SELECT * FROM {table}").fetchall() for table in tables}
    with psycopg.connect(db.replace("+psycopg", "")) as operator:
        found = operator.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return {table: operator.execute(f"SELECT * FROM {table}").fetchall() for (table,) in found}


def test_a_first_start_that_ends_at_any_statement_leaves_all_or_nothing(tmp_path):
    def db(number: int) -> str:
        return f"sqlite:///{tmp_path / f'{number}.sqlite'}"

    total = -start(db(0), 0, interrupt).left
    whole = stored(db(0))
    assert whole["meta"]
    assert whole["clock"]
    for last in range(1, total + 1):
        with pytest.raises(Interrupted):
            start(db(last), last, interrupt)
        found = stored(db(last))
        assert not found, f"something is stored after statement {last} of {total}"
        with Simulator("calm", seed=1, clock="x60", db=db(last)) as sim:  # nothing of the first start holds it back
            assert (sim.scenario.name, sim.scenario.seed) == ("calm", 1)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_a_first_start_killed_at_any_statement_leaves_all_or_nothing(db):
    ends: list[int] = []
    while not ends or ends[-1] == -signal.SIGKILL:
        command = [sys.executable, "-m", "tests.reliability.killed", db, "start", str(len(ends) + 1)]
        ends.append(subprocess.run(command, input="", text=True, check=False).returncode)
        assert bool(stored(db)) == (ends[-1] == 0), f"half done at statement {len(ends)}"
    assert ends[-1] == 0
    print(f"start: killed at {len(ends) - 1} statements, 0 half done")


@pytest.mark.parametrize("rounds", [2, pytest.param(30, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("clock", ["virtual", "x60"])
def test_those_who_set_the_clock_at_once_never_pass_their_target(db, clock, rounds):
    with Served("--db", db, "--clock", clock, "--processes", "4") as server, ExitStack() as stack:
        callers = [Caller(server.url) for _ in range(8)]
        for caller in callers:
            stack.callback(caller.close)
        for _ in range(rounds):
            target = callers[0].control("GET", "clock")["now"] + 1e6
            at_once([partial(caller.control, "PUT", "clock", {"now": target}) for caller in callers])
            now = callers[0].control("GET", "clock")["now"]
            assert target <= now < target + 1e5, f"{now - target} s past the target"


def test_a_call_that_began_before_a_reset_is_not_in_the_journal_after_it(db):
    with Simulator(db=db) as one, Simulator(db=db) as other:
        before = one.jobs.begin()
        one.store.note(Entry(before.now, "getNumJobs"), before.era)
        other.controls.reset()
        one.store.note(Entry(before.now, "listOldJobs"), before.era)
        one.store.note(Entry(before.now, "canceljob"), one.jobs.begin().era)
        assert [entry.operation for entry in one.journal] == ["canceljob"]


def test_a_state_that_is_loaded_has_no_calls_of_before(db):
    with Simulator(db=db) as one, Simulator(db=db) as other:
        state = one.controls.save()
        before = one.jobs.begin()
        other.controls.load(state)
        one.store.note(Entry(before.now, "getNumJobs"), before.era)
        assert len(one.journal) == 0


def test_an_entry_of_the_journal_keeps_its_number(db):
    with Simulator(db=db, keep_calls=2) as sim:
        for number in range(600):
            sim.store.note(Entry(float(number), "getNumJobs"))
        (newest,) = sim.controls.journal(newest=1)
        assert (newest.at, newest.seq) == (599.0, 600)
        assert newest.as_dict()["seq"] == 600


def test_a_fault_of_the_plan_counts_once_a_submission_that_it_concerns_is_accepted():
    with Simulator() as sim:
        sim.controls.plan_fault({"kind": "stuck", "product": "image", "times": 1})
        client = sim.app.test_client()

        def submit(**changed: object) -> dict[str, object]:
            answer: dict[str, object] = client.post(
                "/user_objects/run_userobject.php", json=SUBMISSION | {"UserID": ME, "name": "GK Per"} | changed
            ).get_json(force=True)
            return answer

        assert not submit(RA="nowhere")["OK"]
        assert [fault.kind for fault in sim.controls.never_fired()] == ["stuck"]
        assert submit()["OK"]
        assert sim.controls.never_fired() == []
        sim.clock.advance(30 * 86400)
        assert sim.jobs.count(ME) == 1


def test_a_fault_that_two_calls_have_met_happens_as_often_as_planned():
    with Simulator() as sim:
        sim.controls.plan_fault({"kind": "stuck", "times": 1})
        met = [sim.controls.meet("run_userobject") for _ in range(2)]
        for number, fault in enumerate(met):
            sim.jobs.submit(SUBMISSION | {"UserID": ME, "name": f"{number}"}, fault)
        sim.clock.advance(30 * 86400)
        assert sim.jobs.count(ME) == 1
        assert sim.controls.faults()[0]["fired"] == 1
