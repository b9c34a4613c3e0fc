"""The simulator under generated calls, in process and over HTTP."""

from __future__ import annotations

import itertools
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.serving import make_server

from contracts import harness, provider
from mock_server import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def simulator():
    with Simulator() as simulator:
        yield simulator


def every_few_calls(clock: Any, seconds: float = 120.0) -> Callable[[], object]:
    """Move service time on at every fifth call, so that jobs get on."""
    calls = itertools.count(1)
    return lambda: clock.advance(seconds) if next(calls) % 5 == 0 else None


def test_the_simulator_passes_more_than_a_thousand_generated_calls(simulator):
    verdict = provider.run(simulator.app, examples=3, tick=every_few_calls(simulator.clock))
    assert verdict.ok, str(verdict)
    assert sum(verdict.cases.values()) >= 1000
    assert set(verdict.cases) == {"examples", "coverage", "fuzzing", "stateful"}


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(1, 6))
def test_the_simulator_passes_thousands_of_generated_calls(simulator, seed):
    verdict = provider.run(simulator.app, seed=seed, examples=100, tick=every_few_calls(simulator.clock))
    assert verdict.ok, str(verdict)
    assert sum(verdict.cases.values()) >= 4000


def test_the_simulator_passes_generated_calls_over_http(simulator):
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, simulator.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.port}"
        verdict = provider.run(url=url, examples=3, phases=["examples", "fuzzing"])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert verdict.ok, str(verdict)
    assert sum(verdict.cases.values()) >= 50


def test_generated_calls_notice_a_server_that_always_answers_the_same():
    def app(_environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html; charset=UTF-8")])
        return [b'{"OK":1,"APIVersion":"1.12","numJobs":0}']

    verdict = provider.run(app, examples=2, phases=["examples", "fuzzing"])
    assert {"getPSFPos", "run_userobject", "canceljob"} <= {operation for _rule, operation, _words in verdict.findings}
    assert not [key for key in verdict.findings if key[1] == "getNumJobs" and key[0] == "answer_is_documented"]


def test_a_backend_is_told_by_what_it_is(simulator):
    assert isinstance(harness.backend("http://127.0.0.1:1"), harness.HttpBackend)
    assert isinstance(harness.backend(simulator.app), harness.WsgiBackend)
    with pytest.raises(ValueError, match="neither a URL nor"):
        harness.backend("nonsense")
