"""Every broken server has findings for its own questions, and the good one has none for all of them."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import requests

from contracts import harness, probes
from mock_server import Simulator
from tests.contract.breakages import BREAKAGES
from tests.contract.broken import Broken


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.CRITICAL, logger="mock_server")  # some breakages make the server fail


@pytest.fixture
def app():  # a new one each: what an earlier question left would decide what a later one sees
    with Simulator() as simulator:
        yield simulator.app


def test_there_are_at_least_sixty_ways_to_be_wrong():
    assert len(BREAKAGES) >= 60


@pytest.mark.parametrize("name", probes.PROBES)
def test_the_simulator_answers_every_question_as_the_contract_demands(app, name):
    exam = probes.examine(app, probes=[name])
    assert not exam.not_seen
    assert not exam.findings, "\n".join(map(str, exam.findings[:5]))


@pytest.mark.parametrize("words", BREAKAGES)
def test_a_broken_server_is_caught(app, words):
    breakage = BREAKAGES[words]
    exam = probes.examine(Broken(app, breakage), probes=breakage.probes, stop_early=True)
    assert exam.findings, f"no finding, although {words}; sharpen {breakage.probes} or a rule in contracts/checks"


class FallsSilent:
    """Server that answers some calls and then keeps connections open without an answer."""

    def __init__(self, app: Any, answers: int) -> None:
        self._inner, self._answers, self.calls = harness.backend(app), answers, 0

    def call(self, *arguments: Any, **named: Any) -> harness.Exchange:
        self.calls += 1
        if self.calls > self._answers:
            raise requests.ReadTimeout("no word for 30 s")
        return self._inner.call(*arguments, **named)


@pytest.mark.parametrize("answers", [0, 10])
def test_a_server_that_falls_silent_is_not_waited_for_again(app, answers):
    server = FallsSilent(app, answers)
    exam = probes.examine(server)
    assert exam.silent
    assert server.calls == answers + 1
    assert "It gives no answer: no word for 30 s" in exam.findings[-1].words
