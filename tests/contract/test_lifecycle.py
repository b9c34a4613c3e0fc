"""Random lives of jobs against the simulator, judged by a model that was written apart from it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from contracts import harness, lifecycle
from mock_server import Simulator
from tests.contract.broken import BREAKAGES, Broken


def play(app: Any, scenarios: int, steps: int, *, contents: bool = True) -> None:
    machine = lifecycle.machine(lambda: harness.backend(app), contents=contents)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=scenarios,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        ),
    )


@pytest.fixture(scope="module")
def simulator():
    with Simulator() as simulator:
        yield simulator


def test_random_lives_of_jobs_agree_with_the_model(simulator):
    play(simulator.app, scenarios=15, steps=30, contents=False)


def test_random_results_and_archives_agree_with_the_model(simulator):
    play(simulator.app, scenarios=5, steps=25)


@pytest.mark.nightly
def test_many_random_lives_of_jobs_agree_with_the_model(simulator):
    play(simulator.app, scenarios=1500, steps=60)


@pytest.mark.parametrize(
    "words",
    [
        "one job too many is counted",
        "old parameters are not those of the submission",
        "the same request twice is one job",
        "the list goes from the oldest to the newest",
    ],
)
@pytest.mark.spoils_answers("the server is broken on purpose")
def test_the_model_notices_a_broken_server(simulator, words):
    with pytest.raises((AssertionError, BaseExceptionGroup)):
        play(Broken(simulator.app, BREAKAGES[words]), scenarios=30, steps=30, contents=False)


def test_every_link_starts_and_ends_at_a_documented_operation():
    pairs = lifecycle.links()
    assert ("run_userobject", "checkProductStatus") in pairs
    assert ("getOldProduct", "run_userobject") in pairs
    assert len(pairs) > 20
