"""The control interface: time, settings, failures, users, journal, state; wrong wishes change nothing."""

import json
from typing import Any

import pytest

from mock_server.clocks.base import ScaledClock

from .conftest import ANOTHER_USER, EXACT, IMAGE, LIGHT_CURVE, ME, POSITIONS, Asker

START = 1772442000.0
YEAR = 366 * 86400.0


# time ------------------------------------------------------------------------------------------------------------


def test_the_clock_is_shown_with_its_kind(ask):
    assert ask.control("GET", "clock") == {"now": START, "kind": "virtual", "iso": "2026-03-02T09:00:00Z"}


@pytest.mark.parametrize(("factor", "kind"), [(1.0, "system"), (60.0, "scaled")])
def test_a_running_clock_tells_its_factor(make_sim, factor, kind):
    found = Asker(make_sim(clock=ScaledClock(factor))).control("GET", "clock")
    assert (found["kind"], found["factor"]) == (kind, factor)


@pytest.mark.parametrize(("clock", "stands_still"), [("virtual", True), ("x60", False), ("system", False)])
def test_a_clock_stands_still_if_it_is_virtual(make_sim, clock, stands_still):
    assert make_sim(clock=clock).controls.is_virtual() is stands_still


def test_time_moves_on_by_seconds_and_to_a_moment(sim, ask):
    assert ask.control("POST", "clock/advance", {"seconds": 90})["now"] == START + 90
    assert ask.control("PUT", "clock", {"now": START + 100.5})["now"] == START + 100.5
    assert sim.clock.now() == START + 100.5


def test_moving_time_passes_every_stage_that_is_due(ask):
    job_id = ask.submit(POSITIONS)
    ask.control("POST", "clock/advance", {"seconds": 86400})
    assert ask.codes(job_id, "psf,enh,xastrom") == [4, 4, 4]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "clock/advance", {"seconds": -1}),
        ("POST", "clock/advance", {"seconds": "1"}),
        ("POST", "clock/advance", {"seconds": True}),
        ("POST", "clock/advance", {"seconds": 1e300}),
        ("POST", "clock/advance", {"seconds": 100 * YEAR}),
        ("POST", "clock/advance", {}),
        ("POST", "clock/advance", []),
        ("PUT", "clock", {"now": START - 1}),
        ("PUT", "clock", {"now": 1e12}),
        ("PUT", "clock", {"now": None}),
        ("PATCH", "scenario", {"limits.active_job": 1}),
        ("PATCH", "scenario", {"limits.active_jobs": -1}),
        ("PATCH", "scenario", {"limits.active_jobs": 1, "queue.slots": "x"}),
        ("PATCH", "scenario", {"defaults.nonsense": 1}),
        ("PATCH", "scenario", {"defaults.minsnr": "high"}),
        ("PATCH", "scenario", {"queue.slots": 10**400}),
        ("PATCH", "scenario", [1]),
        ("POST", "faults", {}),
        ("POST", "faults", {"kind": "nonsense"}),
        ("POST", "faults", {"kind": "reset", "operation": "nonsense"}),
        ("POST", "faults", {"kind": "latency", "seconds": -1}),
        ("POST", "faults", {"kind": "latency", "seconds": 1e15}),
        ("POST", "faults", {"kind": "status", "retry_after_s": 1e15}),
        ("POST", "faults", {"kind": ["reset"]}),
        ("POST", "faults", "reset"),
        ("POST", "users", {}),
        ("POST", "users", {"email": "no-address"}),
        ("POST", "users", {"email": 3}),
        ("PUT", "state", {}),
        ("PUT", "state", {"now": START, "tables": {}}),
        ("PUT", "state", {"now": START, "tables": []}),
        ("PUT", "state", []),
        ("GET", "journal?limit=x", None),
        ("GET", "journal?limit=-1", None),
        ("GET", "journal?job=1.5", None),
    ],
)
def test_a_wrong_wish_is_a_400_with_words_and_changes_nothing(ask, method, path, body):
    ask.submit()
    before = ask.control("GET", "state")
    assert len(ask.control(method, path, body, status=400)["error"]) > 10
    assert ask.control("GET", "state") == before


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"null"])
def test_a_body_that_is_no_json_object_is_a_400(ask, body):
    for method, path in (("POST", "clock/advance"), ("PATCH", "scenario"), ("POST", "faults"), ("PUT", "state")):
        answer = ask.raw(method, f"/_mock/{path}", data=body)
        assert (answer.status_code, answer.mimetype) == (400, "application/json")


def test_a_body_that_is_too_long_is_refused_in_json(ask):
    answer = ask.raw("PATCH", "/_mock/scenario", data=b" " * ((1 << 20) + 1))
    assert (answer.status_code, answer.get_json()) == (400, {"error": "the body is too large"})


def test_addresses_that_lead_nowhere_are_the_page_not_found(ask):
    assert ask.raw("GET", "/_mock/nonsense").status_code == 404
    assert ask.raw("DELETE", "/_mock/clock").status_code == 405


# settings --------------------------------------------------------------------------------------------------------


def test_settings_are_shown_by_dotted_name_and_changed_from_now_on(ask):
    assert ask.control("GET", "scenario")["limits.active_jobs"] == 100
    assert ask.control("PATCH", "scenario", {"limits.active_jobs": 1})["limits.active_jobs"] == 1
    ask.submit()
    assert "too many" in ask("run_userobject.php", IMAGE)["ERROR"]


def test_a_default_changes_for_new_jobs_alone(ask):
    ask.submit(LIGHT_CURVE)
    ask.control("PATCH", "scenario", {"defaults.minsnr": 9.5})
    ask.submit(LIGHT_CURVE)
    assert [ask("getOldProduct.php", oldJob=n)["jobPars"]["minsnr"] for n in (1, 2)] == [1.5, 9.5]


def test_the_version_and_a_deprecation_change_from_now_on(ask):
    ask.control("PATCH", "scenario", {"api.version": "2.0", "api.deprecation_message": "It will go."})
    answer = ask("getNumJobs.php")
    assert (answer["APIVersion"], answer["deprecationWarning"]["message"]) == ("2.0", "It will go.")


def test_retention_changes_from_now_on(ask):
    job_id = ask.submit()
    ask.control("POST", "clock/advance", {"seconds": 3 * 86400})
    ask.control("PATCH", "scenario", {"retention.days": 2})
    assert ask("listOldJobs.php")["jobs"][0]["hasProd"] is False
    assert ask.raw("GET", f"/user_objects/tprods/USERPROD_{job_id}/image.zip").status_code == 404


def test_an_outage_begins_and_ends_at_once_and_loses_no_job(ask):
    job_id = ask.submit()
    ask.control("PATCH", "scenario", {"service.available": False})
    assert ask.raw("POST", "/user_objects/getNumJobs.php", data="{}").status_code == 503
    ask.control("POST", "clock/advance", {"seconds": 86400})
    ask.control("PATCH", "scenario", {"service.available": True})
    assert ask.codes(job_id, "image") == [3]
    ask.control("POST", "clock/advance", {"seconds": 96})
    assert ask.codes(job_id, "image") == [4]


# failures --------------------------------------------------------------------------------------------------------


@pytest.mark.spoils_answers("the failure planned here is a page in place of an answer")
def test_a_failure_is_planned_met_counted_and_cleared(ask):
    planned = ask.control("POST", "faults", {"kind": "status", "operation": "getNumJobs", "times": 1})
    assert planned == {"kind": "status", "operation": "getNumJobs", "times": 1, "id": planned["id"], "fired": 0}
    assert ask.raw("POST", "/user_objects/getNumJobs.php", data="{}").status_code == 503
    assert ask("getNumJobs.php")["OK"] == 1
    assert [fault["fired"] for fault in ask.control("GET", "faults")] == [1]
    assert ask.control("DELETE", "faults") == []
    assert ask.control("GET", "faults") == []


def test_what_is_planned_and_never_met_is_shown(sim, ask):
    ask.control("POST", "faults", {"kind": "reset", "operation": "canceljob"})
    ask("getNumJobs.php")
    assert [fault.operation for fault in sim.controls.never_fired()] == ["canceljob"]


# users -----------------------------------------------------------------------------------------------------------


def test_a_user_is_registered_and_confirmed_at_once(make_sim):
    ask = Asker(make_sim(users="registered"))
    assert ask("getNumJobs.php")["OK"] == 0
    assert ask.control("POST", "users", {"email": ME}) == {"email": ME, "confirmed_at": START}
    assert ask("getNumJobs.php")["OK"] == 1


# journal ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(ask):
    ask.submit()
    ask.submit(UserID=ANOTHER_USER)
    ask("getNumJobs.php")
    ask("checkProductStatus.php", JobID=2, what="image")
    return ask


@pytest.mark.parametrize(
    ("query", "operations"),
    [
        ("", ["run_userobject", "run_userobject", "getNumJobs", "checkProductStatus"]),
        ("?operation=getNumJobs", ["getNumJobs"]),
        ("?operation=GETNUMJOBS", ["getNumJobs"]),
        (f"?user={ME}", ["run_userobject", "getNumJobs", "checkProductStatus"]),
        ("?job=2", ["run_userobject", "checkProductStatus"]),
        (f"?job=2&user={ME}", ["checkProductStatus"]),
        ("?limit=0", []),
        ("?limit=2", ["getNumJobs", "checkProductStatus"]),
        ("?limit=99", ["run_userobject", "run_userobject", "getNumJobs", "checkProductStatus"]),
        (f"?limit=1&user={ANOTHER_USER}", ["run_userobject"]),
        ("?operation=nonsense", []),
    ],
)
def test_the_journal_is_chosen_from(asked, query, operations):
    assert [entry["operation"] for entry in asked.control("GET", f"journal{query}")] == operations


def test_the_control_interface_leaves_no_trace_in_the_journal(sim, ask):
    for path in ("clock", "scenario", "faults", "journal", "report", "health", "state"):
        ask.control("GET", path)
    assert len(sim.journal) == 0


def test_the_journal_counts_what_a_test_asks_for(sim, asked):
    assert sim.journal.count(operation="run_userobject", user=ME.upper()) == 1
    assert sim.journal.count(outcome="refused") == 1
    with pytest.raises(TypeError, match="no field 'operations'; it has at, operation"):
        sim.journal.count(operations="x")


# state -----------------------------------------------------------------------------------------------------------


def test_a_state_is_readable_text_that_can_be_put_back_and_branched_from(make_sim):
    one = Asker(make_sim(settings=EXACT))
    one.submit(POSITIONS)
    one.control("PATCH", "scenario", {"limits.active_jobs": 7})
    one.control("POST", "faults", {"kind": "stuck", "call": 99})
    one.control("POST", "clock/advance", {"seconds": 10})
    saved = json.loads(json.dumps(one.control("GET", "state")))

    branches = [Asker(make_sim(settings=EXACT)) for _ in range(2)]
    for branch in branches:
        assert branch.control("PUT", "state", saved)["now"] == START + 10
        assert branch.control("GET", "scenario")["limits.active_jobs"] == 7
        assert branch.control("GET", "faults") == one.control("GET", "faults")
    branches[0]("canceljob.php", JobID=1, what="psf")
    for asked in (one, *branches):
        asked.control("POST", "clock/advance", {"seconds": 1000})
    found = [asked.codes(1, "psf,enh,xastrom") for asked in (one, *branches)]
    assert found == [[4, 4, 4], [-4, 4, -3], [4, 4, 4]]


def test_a_state_with_every_product_can_be_put_back(make_sim):
    one, other = (Asker(make_sim()) for _ in range(2))
    one.submit(IMAGE | {"image": 0, "spec": 1, "specz": 0, "cent": 1, "poserr": 1, "models": ["powerlaw", "apec"]})
    one.submit(POSITIONS | LIGHT_CURVE | {"spec": 1, "specz": 0, "sourceDet": 1, "detobs": "all"})
    saved = one.control("GET", "state")
    other.control("PUT", "state", saved)
    assert other.control("GET", "state")["tables"]["jobs"] == saved["tables"]["jobs"]


def test_chance_after_a_branch_is_the_same_as_without(make_sim):
    one, other = (Asker(make_sim()) for _ in range(2))
    one.submit()
    other.control("PUT", "state", one.control("GET", "state"))
    for asked in (one, other):
        asked.submit(LIGHT_CURVE)
        asked.control("POST", "clock/advance", {"seconds": 100})
    what: dict[str, Any] = {"JobID": 2, "what": "lc", "whatProg": "lc"}
    assert one("checkProductStatus.php", what) == other("checkProductStatus.php", what)


def test_going_back_to_an_earlier_state_lets_time_stand(ask):
    saved = ask.control("GET", "state")
    ask.submit()
    ask.control("POST", "clock/advance", {"seconds": 50})
    assert ask.control("PUT", "state", saved)["now"] == START + 50
    assert ask("listOldJobs.php")["jobs"] == []


def test_a_reset_forgets_everything_that_happened(sim, ask):
    ask.submit()
    ask.control("PATCH", "scenario", {"limits.active_jobs": 0})
    ask.control("POST", "faults", {"kind": "reset"})
    ask.control("POST", "reset")
    assert ask("listOldJobs.php")["jobs"] == []
    assert ask.control("GET", "faults") == []
    assert len(sim.journal) == 1
    assert ask.submit() == 1


def test_a_reset_brings_back_what_the_scenario_plans(make_sim):
    sim = make_sim("flaky")
    ask = Asker(sim)
    planned = ask.control("GET", "faults")
    ask.control("DELETE", "faults")
    ask.control("POST", "reset")
    assert [{**fault, "id": 0} for fault in ask.control("GET", "faults")] == [{**fault, "id": 0} for fault in planned]


def test_the_report_and_health_are_shown(ask):
    assert ask.control("GET", "report")["scenario"] == "calm"
    assert ask.control("GET", "health") == {"status": "ok"}
