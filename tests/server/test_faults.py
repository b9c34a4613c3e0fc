"""Planned faults: read and checked, and triggered by the calls that they are planned for."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.core.faults import ANY, KINDS, OPERATIONS, Fault, find_fault, never_fired
from mock_server.web import api

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def triggered(
    fault: Fault, operation: str = "getNumJobs", call: int = 1, now: float = 0.0, fired: int = 0, seed: int = 1
) -> bool:
    return find_fault({7: fault}, operation, call, now, seed=seed, fired={7: fired}) == 7


def complaint(**rule: object) -> str:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the text is what the tests look at
        Fault.from_mapping(rule)
    return str(refusal.value)


def test_every_operation_of_the_service_can_fail():
    assert set(api.OPERATIONS) <= set(OPERATIONS)


def test_a_fault_without_conditions_is_triggered_by_every_call():
    assert triggered(Fault("reset"), "canceljob", 12)


def test_a_fault_is_triggered_by_its_own_operation_only():
    fault = Fault("reset", operation="canceljob")
    assert triggered(fault, "canceljob")
    assert not triggered(fault, "getNumJobs")


def test_a_fault_of_the_third_call_is_triggered_by_the_third_call_only():
    assert [triggered(Fault("reset", call=3), call=n) for n in (2, 3, 4)] == [False, True, False]


def test_a_fault_that_may_happen_twice_does_not_happen_again():
    assert [triggered(Fault("reset", times=2), fired=n) for n in (0, 1, 2)] == [True, True, False]


def test_a_time_window_includes_its_first_second_and_excludes_its_last():
    window = Fault("reset", from_at=100.0, until_at=200.0)
    assert [triggered(window, now=now) for now in (99.9, 100.0, 199.9, 200.0)] == [False, True, True, False]


def test_probability_0_never_happens_and_probability_1_always_does():
    assert not any(triggered(Fault("reset", probability=0.0), call=n) for n in range(200))
    assert all(triggered(Fault("reset", probability=1.0), call=n) for n in range(200))


def test_probability_is_a_share_of_the_calls_and_belongs_to_the_seed():
    third = Fault("reset", probability=0.3)
    calls = [triggered(third, call=n) for n in range(1000)]
    assert 250 < sum(calls) < 350
    assert calls == [triggered(third, call=n) for n in range(1000)]
    assert calls != [triggered(third, call=n, seed=2) for n in range(1000)]


def test_of_several_faults_the_one_planned_first_happens():
    planned = {3: Fault("cut", call=2), 1: Fault("reset", call=1), 2: Fault("lost")}
    found = [find_fault(planned, "canceljob", n, 0.0, seed=1, fired={}) for n in (1, 2)]
    assert found == [1, 2]


def test_no_fault_is_found_when_none_fits():
    assert find_fault({}, "canceljob", 1, 0.0, seed=1, fired={}) is None


def test_faults_that_never_happened_are_listed():
    planned = {1: Fault("reset"), 2: Fault("lost"), 3: Fault("cut")}
    assert never_fired(planned, {1: 2, 3: 0}) == [Fault("lost"), Fault("cut")]


def test_work_is_done_before_an_answer_is_lost_and_not_before_a_reset():
    assert {kind for kind in KINDS if not Fault(kind).work_done} == {"status", "reset", "refuse"}
    assert Fault("lost").work_done


def test_only_product_failures_are_decided_at_submission():
    assert {kind for kind in KINDS if Fault(kind).of_the_plan} == {"stuck", "product-failed"}
    assert Fault.from_mapping({"kind": "stuck", "product": "spec"}).operation == "run_userobject"


@pytest.mark.parametrize("written", ["2026-05-01T12:00:00Z", "2026-05-01T12:00:00", NOON, NOON.timestamp()])
def test_moments_may_be_dates_or_simulated_time(written):
    assert Fault.from_mapping({"kind": "reset", "from": written}).from_at == NOON.timestamp()


def test_a_date_without_a_time_is_its_midnight():
    assert Fault.from_mapping({"kind": "reset", "until": date(2026, 5, 1)}).until_at == NOON.timestamp() - 43200


def test_days_count_from_the_start_of_the_scenario():
    fault = Fault.from_mapping({"kind": "reset", "from_day": 1, "until_day": 2.5}, start=1000.0)
    assert (fault.from_at, fault.until_at) == (87400.0, 217000.0)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({}, "kind is '', but must be one of: status"),
        ({"kind": "statsu"}, "did you mean 'status'?"),
        ({"kind": ["status"]}, "kind is ['status']"),
        ({"kind": "reset", "opration": "canceljob"}, "did you mean 'operation'?"),
        ({"kind": "reset", "status": 500}, "a fault of kind 'reset' has no 'status'"),
        ({"kind": "reset", "operation": "cancelJob"}, "did you mean 'canceljob'?"),
        ({"kind": "reset", "operation": ["canceljob"]}, "operation is ['canceljob']"),
        ({"kind": "reset", "call": 0}, "call is 0, but must be a whole number from 1"),
        ({"kind": "reset", "times": 1.5}, "times is 1.5"),
        ({"kind": "reset", "probability": 1.1}, "probability is 1.1, but must be a number from 0 to 1"),
        ({"kind": "reset", "probability": True}, "probability is true"),
        ({"kind": "status", "status": 200}, "status is 200, but must be an HTTP status from 400 to 599"),
        ({"kind": "latency", "seconds": -1}, "seconds is -1"),
        ({"kind": "latency", "seconds": float("nan")}, "seconds is nan"),
        ({"kind": "reset", "from": "tomorrow"}, "from is 'tomorrow', but must be a date"),
        ({"kind": "reset", "from": True}, "from is true"),
        (
            {"kind": "reset", "from_day": 1},
            "'from_day' counts days from the start of a scenario: write a date after 'from' instead",
        ),
        ({"kind": "reset", "from": 1, "from_at": 2}, "has 'from_at' in two forms; leave 'from_at' out"),
        ({"kind": "reset", "from": 5, "until": 5}, "ends before it begins"),
        ({"kind": "stuck", "product": "specs"}, "did you mean 'spec'?"),
        ({"kind": "stuck", "operation": "canceljob"}, "operation must be 'run_userobject'"),
        ({"kind": "product-failed", "code": 4}, "code is 4, but must be a status code from -3 to -1"),
    ],
)
def test_an_invalid_fault_is_refused_with_what_to_write(rule, words):
    assert words in complaint(**rule)


def test_a_fault_that_is_not_a_table_is_refused():
    sent: Any = ["reset"]
    with pytest.raises(ValueError, match=r"a fault is \['reset'\], but must be a table"):
        Fault.from_mapping(sent)


_RULES = st.fixed_dictionaries(
    {"kind": st.sampled_from(sorted(KINDS))},
    optional={
        "call": st.integers(1, 100),
        "times": st.integers(1, 100),
        "probability": st.floats(0, 1),
        "from_at": st.floats(0, 1e9),
        "until_at": st.floats(1e9 + 1, 2e9),
    },
)


@settings(max_examples=30, deadline=None)
@given(_RULES)
def test_a_fault_survives_being_written_and_read(rule):
    fault = Fault.from_mapping(rule)
    assert Fault.from_mapping(fault.as_mapping()) == fault


@settings(max_examples=40, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=3))
def test_any_value_is_accepted_or_refused_by_name(odd):
    names = ("kind", "operation", "call", "times", "probability", "from", "until", "seconds", "nonsense")
    refused = []
    for name in names:
        try:
            Fault.from_mapping({"kind": "latency", "operation": ANY} | {name: odd})
        except ValueError as error:
            refused.append((name, str(error)))
    assert [name for name, words in refused if name not in words] == []
    assert "nonsense" in dict(refused)
