"""The simulator under generated calls, in process and over HTTP."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from schemathesis.engine import events

from contracts import documents, harness, provider
from contracts.checks import Finding
from mock_server import MockServer, Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PHASES = ("examples", "coverage", "fuzzing", "stateful")
NIGHTLY_CALLS = 20_000
"""Least number of generated calls in a night, for each way in."""


@pytest.fixture
def simulator():
    with Simulator() as simulator:
        yield simulator


@contextmanager
def in_process() -> Iterator[tuple[dict[str, Any], Any]]:
    with Simulator() as simulator:
        yield {"app": simulator.app}, simulator.clock


@contextmanager
def over_http() -> Iterator[tuple[dict[str, Any], Any]]:
    with MockServer() as server:
        yield {"url": server.url}, server.simulator.clock


WAYS_IN = {"WSGI": in_process, "HTTP": over_http}


def every_few_calls(clock: Any, seconds: float = 120.0) -> Callable[[], object]:
    """Move simulated time at every fifth call, so that jobs progress."""
    calls = itertools.count(1)
    return lambda: clock.advance(seconds) if next(calls) % 5 == 0 else None


def test_the_simulator_passes_more_than_a_thousand_generated_calls(simulator):
    made = 0
    for seed in (1, 2):
        verdict = provider.run(simulator.app, seed=seed, examples=3, tick=every_few_calls(simulator.clock))
        assert verdict.ok, str(verdict)
        assert set(verdict.cases) == set(PHASES)
        made += sum(verdict.cases.values())
    assert made >= 1000


def test_the_simulator_passes_generated_calls_over_http():
    seen: list[harness.Exchange] = []
    with over_http() as (target, clock):
        tick = every_few_calls(clock)
        verdict = provider.run(**target, examples=6, phases=["examples", "stateful"], watch=seen.append, tick=tick)
    assert verdict.ok, str(verdict)
    assert len(seen) == sum(verdict.cases.values()) >= 50


@pytest.mark.nightly
@pytest.mark.parametrize("way_in", WAYS_IN)
def test_the_simulator_passes_many_thousands_of_generated_calls(way_in, capsys):
    made, seed = 0, 0
    while made < NIGHTLY_CALLS:
        seed += 1
        with WAYS_IN[way_in]() as (target, clock):
            verdict = provider.run(**target, seed=seed, examples=100, tick=every_few_calls(clock))
        assert verdict.ok, f"seed {seed}: {verdict}"
        assert set(verdict.cases) == set(PHASES)
        made += sum(verdict.cases.values())
    with capsys.disabled():
        print(f"\n{made} generated calls over {way_in}, {seed} seeds: nothing found, nothing left unchecked")


def test_every_documented_request_is_sent_among_the_generated_calls(simulator):
    sent: dict[str, list[Any]] = {}

    def watch(exchange: harness.Exchange) -> None:
        sent.setdefault(exchange.path, []).append(exchange.request)

    provider.run(simulator.app, examples=1, phases=["coverage"], watch=watch)
    unsent = [
        (op.id, name)
        for op in documents.operations().values()
        for content in op.request_content().values()
        for name, example in content.get("examples", {}).items()
        if example["value"] not in sent.get(op.path, [])
    ]
    assert unsent == []


def test_generated_calls_notice_a_server_that_always_answers_the_same():
    def app(_environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html; charset=UTF-8")])
        return [b'{"OK":1,"APIVersion":"1.12","numJobs":0}']

    verdict = provider.run(app, examples=2, phases=["examples", "fuzzing"])
    assert {"getPSFPos", "run_userobject", "canceljob"} <= {operation for _rule, operation, _words in verdict.findings}
    assert not [key for key in verdict.findings if key[1] == "getNumJobs" and key[0] == "answer_is_documented"]


def test_a_backend_is_chosen_by_the_target(simulator):
    assert isinstance(harness.backend("http://127.0.0.1:1"), harness.HttpBackend)
    assert isinstance(harness.backend(simulator.app), harness.WsgiBackend)
    with pytest.raises(ValueError, match="neither a URL nor"):
        harness.backend("nonsense")


def test_a_verdict_has_each_mistake_once_and_what_could_not_be_checked() -> None:
    verdict = provider.Verdict()
    assert verdict.ok
    assert str(verdict) == "0 calls () over 0 operations\n0 findings, 0 warnings"
    for job in (1, 2):
        verdict.add(Finding("answer_is_documented", "getNumJobs", "numJobs is missing", f"call {job}"))
    assert not verdict.ok
    verdict.cases.update(coverage=3, stateful=2)
    verdict.operations.update(getNumJobs=5)
    error = ValueError("the pattern cannot be read")
    verdict.record(events.NonFatalError(error=error, phase=None, label="POST /x", related_to_operation=True))
    lines = str(verdict).splitlines()
    assert lines[:2] == ["5 calls (coverage 3, stateful 2) over 1 operations", "1 findings, 1 warnings"]
    assert "getNumJobs: numJobs is missing [answer_is_documented]" in lines[2]
    assert "call 1" in lines[3]
    assert lines[-1].startswith("POST /x: ")
    assert "the pattern cannot be read" in lines[-1]


def test_an_error_of_the_tool_itself_ends_a_run() -> None:
    with pytest.raises(ZeroDivisionError):
        provider.Verdict().record(events.FatalError(exception=ZeroDivisionError()))
