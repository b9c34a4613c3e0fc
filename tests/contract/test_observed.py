"""A recording says of every rule of the ledger whether it was seen, contradicted, not met, or cannot be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contracts import observed, probes, recording
from contracts.differences import ledger
from contracts.recording import Recorded
from mock_server import Simulator
from tests.contract.deviating import DEVIATIONS, SETTINGS, deviate, session

if TYPE_CHECKING:
    from collections.abc import Sequence

CHANGES_A_RULE = {"the_limit_of_active_jobs_holds", "a_changed_default_holds_for_new_jobs_only"}
"""Questions that set a rule of the ledger otherwise, and look whether the server follows."""


@pytest.fixture(scope="module")
def right(tmp_path_factory) -> list[Recorded]:
    file = tmp_path_factory.mktemp("recorded") / "session.jsonl"
    with Simulator() as simulator:
        recording.write(file, session(simulator))
    return recording.read(file)


def by_state(made: Sequence[Recorded]) -> dict[str, set[str]]:
    _findings, verdicts = observed.check(made)
    found: dict[str, set[str]] = {}
    for verdict in verdicts:
        found.setdefault(verdict.state, set()).add(verdict.id)
    return found


def test_a_right_server_contradicts_no_rule_and_shows_most(right):
    findings, _verdicts = observed.check(right)
    found = by_state(right)
    assert not findings
    assert "contradicted" not in found
    assert found["seen"] >= {rule for rule, _edit in DEVIATIONS.values()} - {"U6"}
    assert len(found["seen"]) >= 90


def test_every_rule_has_a_test_or_a_reason_and_none_has_both():
    rules = {entry.id for entry in ledger()}
    assert observed.TESTS.keys() | observed.UNSEEN.keys() == rules
    assert not observed.TESTS.keys() & observed.UNSEEN.keys()


@pytest.mark.parametrize("words", DEVIATIONS)
def test_a_deviation_is_named(right, words):
    rule, edit = DEVIATIONS[words]
    assert rule in by_state(deviate(right, edit))["contradicted"]


@pytest.mark.parametrize("words", SETTINGS)
def test_a_simulator_that_is_set_otherwise_is_named(words):
    rule, settings = SETTINGS[words]
    with Simulator(settings=settings) as simulator:
        found = by_state(session(simulator))
    assert rule in found["contradicted"]


def test_no_rule_is_contradicted_by_any_question_to_a_right_server():
    made: list[Recorded] = []
    with Simulator() as simulator:
        names = [name for name in probes.PROBES if name not in CHANGES_A_RULE]
        probes.examine(
            simulator.app,
            probes=names,
            watch=lambda exchange: made.append(Recorded(simulator.clock.now(), 0.1, exchange)),
        )
    assert "contradicted" not in by_state(made)
