"""What the operator loads is checked whole: what is accepted never makes a later call fail."""

import copy
import json
from typing import Any

import pytest

from mock_server import Simulator
from mock_server.core.model import StatusCode
from mock_server.scenario.files import scenario_from_text
from mock_server.scenario.settings import ScenarioError
from mock_server.service.operator import ControlError

from .conftest import IMAGE, LIGHT_CURVE, ME, Asker

ODD: dict[str, list[Any]] = {
    "DOUBLE": [-1, 0, 1e300, "never", float("nan"), float("inf"), 1e14, 3e9, None, True],
    "NUMBER": [-1, 0, 2**31, 2**63, 10**20, 7, None],
    "INTEGER": [-7, -1, 0, 3, 4, 2**31, 2**63, 599, 10**6],
    "SERIAL": [-1, 0, 2**62, 2**63],
    "GROWING": [-1, 0, 2**62, 2**63],
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


@pytest.fixture(scope="module")
def loading():
    """A simulator that is given states; what it refuses leaves it as it is."""
    with Simulator(users="registered") as sim:
        yield sim


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


PARAMETERS = {
    "UserID": ME, "name": "GRB 200416A", "lc": 1, "binMeth": "obsid", "cent": 0, "getCoords": 1, "getTargs": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("table", "changed", "words"),
    [
        ("jobs", {"parameters": json.dumps(PARAMETERS | {"image": 1})}, "job 1: its parameters ask for other products"),
        ("builds", {"queued_at": 5.0}, "job 1, lc: its moments are not in order"),
        ("builds", {"requested_at": 5e9}, "job 1, lc: requested_at is 5000000000.0, but must be simulated time in sec"),
        ("rebins", {"parameters": "[1]"}, "rebin 1: parameters must be a JSON object"),
        ("rebins", {"parameters": '{"lc": [1]}'}, r"rebin 1: parameters must be texts and numbers, not \[1\]"),
        ("rebins", {"parameters": '{"lc": NaN}'}, "rebin 1: parameters must be texts and numbers, not nan"),
        ("rebins", {"parameters": json.dumps(PARAMETERS | {"lc": 0})}, "rebin 1: No products were requested"),
        ("rebins", {"parameters": json.dumps(PARAMETERS | {"name": ""})}, "rebin 1: name is missing"),
        ("rebins", {"parameters": json.dumps(PARAMETERS | {"lc": 7})}, "rebin 1: lc is 7, but must be 0 or 1"),
        ("rebins", {"cancelled_at": 5.0}, "rebin 1: its moments are not in order"),
        ("rebins", {"job_id": 2}, "rebin 1: job 2 has no light curve"),
        ("rebins", {"job_id": 7}, "rebin 1: job 7 has no light curve"),
        ("users", {"user_key": "x"}, f"users.user_key is 'x', but must be that of '{ME}'"),
        ("changes", {"settings": "[1]"}, r"changes.settings is '\[1\]', but must be a JSON object"),
        ("faults", {"rule": "3"}, "faults.rule is '3', but must be a JSON object"),
    ],
)
def test_a_row_that_does_not_fit_the_others_is_named_with_what_is_wrong(state, loading, table, changed, words):
    odd = copy.deepcopy(state)
    odd["tables"][table][0] |= changed
    with pytest.raises(ControlError, match=f"this is not a state that was saved here: {words}"):
        loading.controls.load(odd)
    assert loading.controls.jobs() == []


@pytest.mark.parametrize("now", [-1, 5e9, float("nan")])
def test_a_state_of_a_time_that_never_comes_is_refused(state, loading, now):
    with pytest.raises(ControlError, match=r"the state's `now` is .*, but simulated time ends at 2100-01-01T00:00:00Z"):
        loading.controls.load(state | {"now": now})
    assert loading.clock.now() == loading.scenario.start


def test_a_job_needs_products_and_each_user_a_token_of_its_own(state, loading):
    without = state | {"tables": state["tables"] | {"builds": state["tables"]["builds"][1:]}}
    with pytest.raises(ControlError, match="a job has no products: each row of `jobs` needs rows of `builds`"):
        loading.controls.load(without)
    (user,) = state["tables"]["users"]
    twice = [user, user | {"address": "twin@example.org", "user_key": "twin@example.org"}]
    with pytest.raises(ControlError, match=r"users.token must be different for each user"):
        loading.controls.load(state | {"tables": state["tables"] | {"users": twice}})


def test_a_job_that_never_ends_is_loaded_as_it_was_saved():
    with Simulator() as sim, Simulator() as other:
        sim.controls.plan_fault({"kind": "stuck"})
        assert Asker(sim).submit(LIGHT_CURVE) == 1
        other.controls.load(json.loads(json.dumps(sim.controls.save())))
        other.clock.advance(86400 * 30)
        assert Asker(other).codes(1, "lc") == [StatusCode.RUNNING]


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
