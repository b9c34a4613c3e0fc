"""What the operator loads is checked whole: what is accepted never makes a later call fail."""

import copy
import json
from typing import Any

import pytest

from mock_server import Simulator
from mock_server.scenario.files import scenario_from_text
from mock_server.scenario.settings import ScenarioError
from mock_server.service.operator import ControlError

from .conftest import IMAGE, LIGHT_CURVE, ME

ODD: dict[str, list[Any]] = {
    "DOUBLE": [-1, 0, 1e300, "never", float("nan"), float("inf"), 1e14, 3e9, None, True],
    "NUMBER": [-1, 0, 2**31, 2**63, 10**20, 7, None],
    "INTEGER": [-7, -1, 0, 3, 4, 2**31, 2**63, 599, 10**6],
    "SERIAL": [-1, 0, 2**62, 2**63],
    "TEXT": [
        "", "x", "[]", "{}", "null", "1", '{"a": NaN}', '{"queue.slots": -1}', '{"kind": "stuck"}', "lc", "image,image",
        "a\0b", "\ud800", '{"UserID": null}', "[1]", '["../x"]', '{"name": [1]}', "9" * 400, "<b>", "a@b.c",
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def state():
    with Simulator(users="registered") as sim:
        sim.controls.add_user(ME)
        sim.controls.change({"queue.slots": 1})
        sim.controls.plan_fault({"kind": "latency", "operation": "canceljob", "seconds": 1})
        sim.jobs.submit(LIGHT_CURVE | {"UserID": ME})
        sim.clock.advance(86400)
        sim.simulation.contents.rebin(1, {})
        sim.jobs.submit(IMAGE | {"UserID": ME})
        sim.jobs.submit(IMAGE | {"UserID": ME})
        sim.jobs.cancel(ME, 3, ["image"])
        client = sim.app.test_client()
        client.post("/user_objects/getNumJobs.php", json={"UserID": ME})
        client.post("/user_objects/canceljob.php", json={"UserID": ME, "JobID": 3, "what": "image"})
        return sim.controls.save()


CALLS = [
    ("run_userobject", IMAGE),
    ("getNumJobs", {}),
    ("listOldJobs", {}),
    *((name, {"JobID": number, "what": "lc,image", "whatProg": "lc,image"})
      for name in ("checkProductStatus", "canceljob") for number in (1, 2)),
    *(("getOldProduct", {"oldJob": number}) for number in (1, 2, 7)),
    ("API/main", {"APIFunc": "checkRebinStatus", "JobID": 1}),
    ("API/main", {"APIFunc": "rebinLightCurve", "objectID": 1}),
]  # fmt: skip
PAGES = [
    "/_mock/", "/_mock/state", "/_mock/journal", "/_mock/report", "/_mock/scenario", "/_mock/faults",
    "/user_objects/tprods/USERPROD_2", "/user_objects/tprods/USERPROD_7/image.tar.gz",
]  # fmt: skip


def failing(sim: Simulator) -> list[str]:
    """Ask everything; return the calls that failed."""
    client, found = sim.app.test_client(), []
    for seconds in (0, 86400):
        sim.clock.advance(seconds)
        for name, body in CALLS:
            answer = client.post(f"/user_objects/{name}.php", json={"UserID": ME} | body)
            found += [name] if answer.status_code >= 500 else []
        for path in PAGES:
            found += [path] if client.get(path).status_code >= 500 else []
    changed = client.patch("/_mock/scenario", json={"queue.slots": 5})
    return found + (["change"] if changed.status_code >= 500 else [])


def places(state: dict[str, Any]) -> list[tuple[str, int, str]]:
    return [
        (table, number, column)
        for table, rows in state["tables"].items()
        for number, row in enumerate(rows[:1] if table in ("jobs", "journal") else rows[:2])
        for column in row
        if table != "meta"
    ]


TABLES = ("jobs", "builds", "rebins", "users", "changes", "faults", "calls", "journal")


@pytest.mark.parametrize("table", TABLES)
def test_a_state_with_an_odd_value_is_refused_or_answers_every_call(state, table):
    from mock_server.storage.schema import TABLES as COLUMNS

    accepted = tried = 0
    with Simulator(users="registered") as sim:
        client = sim.app.test_client()
        for where, number, column in places(state):
            if where != table:
                continue
            for value in ODD[COLUMNS[table][column].split()[0]]:
                odd = copy.deepcopy(state)
                odd["tables"][table][number][column] = value
                tried += 1
                answer = client.put("/_mock/state", data=json.dumps(odd))
                assert answer.status_code in (200, 400), f"{table}.{column} = {value!r}"
                if answer.status_code == 200:
                    accepted += 1
                    assert not failing(sim), f"{table}.{column} = {value!r} was accepted"
    assert tried > accepted > 0


def test_the_state_itself_is_accepted(state):
    with Simulator(users="registered") as sim:
        sim.controls.load(json.loads(json.dumps(state)))
        assert not failing(sim)


def test_a_refusal_says_where_and_changes_nothing(state):
    odd = copy.deepcopy(state)
    odd["tables"]["builds"][0]["outcome"] = -7
    with Simulator(users="registered") as sim:
        with pytest.raises(ControlError, match="no product or status code is -7"):
            sim.controls.load(odd)
        odd["tables"]["builds"][0] |= {"outcome": 4, "left_at": 5.0}
        with pytest.raises(ControlError, match=r"job 1: the columns of `builds`, such as 'left_at', do not agree"):
            sim.controls.load(odd)
        assert sim.controls.jobs() == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('start = "9999-12-31"', "start is '9999-12-31', but must be a date from 1970 to 2099"),
        ('start = "1900-01-01"', "but must be a date from 1970 to 2099"),
        ('users = ["x"]', "users is 'x', but must be an address such as name@institute.org"),
        ('users = ["me@example.org", "a\\u0000@b.cd"]', "but must be an address"),
    ],
)
def test_a_scenario_that_calls_could_not_meet_is_refused(line, words):
    with pytest.raises(ScenarioError, match=words):
        scenario_from_text(line, "mine")
