"""What a process does that is killed at one statement; a module of its own, because that process runs it."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any
from unittest import mock

from mock_server import Simulator
from mock_server.storage.store import Store

from .serving import SUBMISSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from mock_server.storage.connection import Connection
    from mock_server.storage.facts import Facts

ME = "me@example.org"
SCENARIO, SEED = "busy-week", 77
LATER = 5000.0
OF_A_STATEMENT = ("execute", "executemany", "begin", "commit", "restart_serials")


class Statements:
    """Counts what is asked of the database and calls `at_last` before statement number `last`; 0: never."""

    def __init__(self, last: int, at_last: Callable[[], object]) -> None:
        self.left, self._at_last = last, at_last

    def count(self) -> None:
        self.left -= 1
        if self.left == 0:
            self._at_last()


class Counted:
    """A connection whose statements are counted."""

    def __init__(self, connection: Connection, statements: Statements) -> None:
        self._connection, self._statements = connection, statements

    def __getattr__(self, name: str) -> Any:
        if name in OF_A_STATEMENT:
            self._statements.count()
        return getattr(self._connection, name)


def counted(simulator: Simulator, last: int, at_last: Callable[[], object]) -> Statements:
    """Count the statements of a simulator from now on."""
    statements = Statements(last, at_last)
    for facts in simulator.store._idle:
        counted_connection: Any = Counted(facts.connection, statements)
        facts.connection = counted_connection
    return statements


def prepare(db: str) -> dict[str, Any]:
    """Give a database its first state again, whatever is in it; return a state to load."""
    emptied = Store(db)
    with emptied.transaction() as facts:
        facts.clear()
        facts.connection.execute("DELETE FROM clock")
    emptied.close()
    with Simulator(SCENARIO, seed=SEED, db=db) as sim:
        sim.controls.change({"queue.slots": 1, "background.load": 0.0})
        for number in range(3):
            sim.jobs.submit(SUBMISSION | {"UserID": ME, "name": f"{number}"})
        sim.controls.plan_fault({"kind": "stuck"})
        state = sim.controls.save()
        return {**state, "now": state["now"] + LATER, "tables": {**state["tables"], "faults": []}}


def start(db: str, last: int, at_last: Callable[[], object]) -> Statements:
    """Start for the first time on a database; what its connections ask is counted from their opening on."""
    statements, opened = Statements(last, at_last), Store._take

    def take(of: Store, patience_s: float = 3.0) -> Facts:
        facts = opened(of, patience_s)
        if not isinstance(facts.connection, Counted):
            counted_connection: Any = Counted(facts.connection, statements)
            facts.connection = counted_connection
        return facts

    with mock.patch.object(Store, "_take", take):
        Simulator(SCENARIO, seed=SEED, clock="virtual", users="registered", db=db).close()
    return statements


def act(simulator: Simulator, operation: str, state: dict[str, Any]) -> None:
    """Do one operation of the operator, or submit."""
    now = simulator.clock.now()
    match operation:
        case "reset":
            simulator.controls.reset()
        case "change":
            simulator.controls.change({"queue.slots": 40})
        case "load":
            simulator.controls.load(state)
        case "clock":
            simulator.controls.set_clock(now + 60)
        case "user":
            simulator.controls.add_user("new@example.org")
        case "submit":
            fault = simulator.controls.meet("run_userobject")
            simulator.jobs.submit(SUBMISSION | {"UserID": ME, "name": "late"}, fault)


OPERATIONS = ("reset", "change", "load", "clock", "user", "submit")


def seen(db: str) -> dict[str, Any]:
    """Return what the next server finds; how often something was changed, and called, does not count."""
    with Simulator(db=db) as sim:
        found = sim.controls.save()
        played = (sim.scenario.name, sim.scenario.seed)
    tables = {name: rows for name, rows in found["tables"].items() if name != "calls"}
    tables["meta"] = [row for row in tables["meta"] if row["name"] not in ("generation", "era")]
    return {"now": found["now"], "tables": tables, "played": played}


def main(db: str, operation: str, last: str, state: str) -> None:
    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if operation == "start":
        start(db, int(last), kill)
        return
    with Simulator(db=db) as sim:
        counted(sim, int(last), kill)
        act(sim, operation, json.loads(state))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.stdin.read())
