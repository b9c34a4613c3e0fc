"""Random lives of jobs in the simulator, checked against a model that was written independently of it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import multiple, run_state_machine_as_test

from contracts import harness, lifecycle
from mock_server import MockServer, Simulator
from tests.contract.breakages import BREAKAGES
from tests.contract.broken import Broken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from contracts.harness import Backend

SERVICE = "https://www.swift.ac.uk"


@contextmanager
def in_process() -> Iterator[Backend]:
    with Simulator() as simulator:
        yield harness.backend(simulator.app)


@contextmanager
def intercepted() -> Iterator[Backend]:
    with Simulator() as simulator, simulator.intercept():
        yield Steered(harness.backend(SERVICE), simulator)


@contextmanager
def over_http() -> Iterator[Backend]:
    with MockServer() as server:
        yield harness.backend(server.url)


class Steered:
    """The intercepted service, with the control interface of its simulator in process."""

    def __init__(self, service: Backend, simulator: Simulator) -> None:
        self._service, self._control = service, harness.backend(simulator.app)

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> harness.Exchange:
        """Send one call."""
        to = self._control if path.startswith("/_mock") else self._service
        return to.call(method, path, body, **more)


WAYS_IN = {"WSGI": in_process, "intercept": intercepted, "HTTP": over_http}
NIGHTLY_LIVES = {"WSGI": 300, "intercept": 100, "HTTP": 100}


def play(backend: Callable[[], Backend], scenarios: int, steps: int, *, contents: bool = True) -> int:
    """Play lives of jobs against the model; returns the number of checked calls."""
    calls = 0

    def count(_exchange: object) -> None:
        nonlocal calls
        calls += 1

    run_state_machine_as_test(
        lifecycle.machine(backend, contents=contents, watch=count),
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
    return calls


@pytest.fixture(scope="module")
def simulator():
    with Simulator() as simulator:
        yield simulator


@pytest.mark.parametrize("way_in", WAYS_IN)
def test_random_lives_of_jobs_agree_with_the_model(way_in):
    with WAYS_IN[way_in]() as backend:
        play(lambda: backend, scenarios=10, steps=30, contents=False)


@pytest.mark.parametrize("way_in", WAYS_IN)
def test_random_results_and_archives_agree_with_the_model(way_in):
    with WAYS_IN[way_in]() as backend:
        play(lambda: backend, scenarios=3, steps=25)


@pytest.mark.nightly
@pytest.mark.parametrize("way_in", WAYS_IN)
def test_many_random_lives_of_jobs_agree_with_the_model(way_in, capsys):
    lives = NIGHTLY_LIVES[way_in]
    with WAYS_IN[way_in]() as backend:
        calls = play(lambda: backend, scenarios=lives, steps=60)
    with capsys.disabled():
        print(f"\n{lives} random lives over {way_in}, {calls} calls: all agree with the model")


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
        play(lambda: harness.backend(Broken(simulator.app, BREAKAGES[words])), scenarios=30, steps=30, contents=False)


def test_every_link_starts_and_ends_at_a_documented_operation():
    pairs = lifecycle.links()
    assert ("run_userobject", "checkProductStatus") in pairs
    assert ("getOldProduct", "run_userobject") in pairs
    assert len(pairs) > 20


@pytest.fixture
def life(simulator: Simulator) -> lifecycle.LivesWithContents:
    """A life whose calls the test chooses."""
    found = lifecycle.machine(lambda: harness.backend(simulator.app))()
    found.begin()
    assert isinstance(found, lifecycle.LivesWithContents)
    return found


ME, STRANGER = lifecycle.USERS[:2]


def test_a_life_in_which_all_is_right_is_no_finding(life: lifecycle.LivesWithContents) -> None:
    job = life.submit(ME, {"psf": {"dopsf": 1}}, {})
    assert job == (ME, 1)
    life.every_status(job)
    life.stranger(job, STRANGER)
    life.result(job, "PSFPos", {})  # it is refused: it comes later
    assert life.history.jobs[1].codes == {"psf": 1}
    assert life.history.jobs[1].results == {}
    life.wait(86400)
    life.every_status(job)
    assert life.history.jobs[1].codes == {"psf": 4}


def test_a_request_without_a_product_and_one_beyond_the_limit_may_be_refused(life: lifecycle.LivesWithContents) -> None:
    assert life.submit(ME, {}, {}) == multiple()
    jobs = [life.submit(ME, {"image": {"image": 1}}, {}) for _ in range(lifecycle.LIMIT + 1)]
    assert jobs == [*((ME, number) for number in range(1, lifecycle.LIMIT + 1)), multiple()]


def test_a_complete_request_that_is_refused_below_the_limit_is_a_finding(life: lifecycle.LivesWithContents) -> None:
    life.backend.call("PATCH", "/_mock/scenario", {"limits.active_jobs": 0})
    with pytest.raises(AssertionError, match="a complete request was refused: POST /user_objects/run_userobject"):
        life.submit(ME, {"image": {"image": 1}}, {})


def test_a_job_that_its_owner_cannot_see_is_a_finding(life: lifecycle.LivesWithContents) -> None:
    job = life.submit(ME, {"image": {"image": 1}}, {})
    life.backend.call("POST", "/_mock/reset")
    with pytest.raises(AssertionError, match=f"{ME} asked for the job of {ME}: POST"):
        life.stranger(job, ME)
