"""The simulator under generated calls, in process and over HTTP."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from contracts import documents, harness, provider
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
    with over_http() as (target, clock):
        verdict = provider.run(**target, examples=6, phases=["examples", "stateful"], tick=every_few_calls(clock))
    assert verdict.ok, str(verdict)
    assert sum(verdict.cases.values()) >= 50


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
