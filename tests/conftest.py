"""Every answer the simulator gives in any test is held against the contract; a bug in a view fails the test.

Flask signals each answer that it has finished, of whatever client and way; those given without it are wrapped.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from flask import got_request_exception, request, request_finished
from hypothesis import HealthCheck, settings

from contracts import documents
from mock_server.web.app import SimulatorApp
from mock_server.web.current import current_call
from mock_server.web.routes import flask_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from wsgiref.types import WSGIEnvironment

    from flask import Flask, Response

    from mock_server.web.call import Answer, Call

# helpers of the tests, too: their assertions are counted
pytest.register_assert_rewrite(*(f"tests.{path.parent.name}" for path in Path(__file__).parent.glob("*/__init__.py")))
pytest_plugins = ["tests.tools.asserting", "tests.tools.descriptors", "tests.tools.selecting"]

# the speed of the machine decides nothing
settings.register_profile("xrt-mock", deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
settings.load_profile("xrt-mock")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "spoils_answers(reason): answers of planned faults are not held against the contract; the others are",
    )


@pytest.fixture(autouse=True)
def answers_keep_the_contract(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collect what breaks the contract, and fail the test for it at its end."""
    marker = request.node.get_closest_marker("spoils_answers")
    if marker is not None and not (marker.args or marker.kwargs.get("reason")):
        pytest.fail("spoils_answers needs a reason: @pytest.mark.spoils_answers('what is spoilt, and why')")
    broken: list[str] = []

    def look(sender: Flask, response: Response, **_rest: Any) -> None:
        if _is_simulator(sender) and (marker is None or current_call().outcome != "fault"):
            as_set = current_call().last_moment().epoch["api.json_label"]
            broken.extend(_violations(_seen(response), as_set))

    def keep(sender: Flask, exception: BaseException, **_rest: Any) -> None:
        if _is_simulator(sender):
            broken.append(f"a view raised {exception!r}: a bug is never an answer")

    answer_without_flask = SimulatorApp.answer_without_flask

    def answering(self: SimulatorApp, call: Call, environ: WSGIEnvironment) -> Answer | None:
        answer = answer_without_flask(self, call, environ)
        if answer is not None:
            as_set = call.last_moment().epoch["api.json_label"]
            seen = _Seen(environ["REQUEST_METHOD"], environ["PATH_INFO"], 200, answer.label, b"".join(answer.chunks))
            broken.extend(_violations(seen, as_set))
        return answer

    monkeypatch.setattr(SimulatorApp, "answer_without_flask", answering)
    with request_finished.connected_to(look), got_request_exception.connected_to(keep):
        yield broken
    if broken:
        pytest.fail("\n".join(broken[:5]), pytrace=False)


@pytest.fixture(scope="session")
def libraries() -> None:
    """Load what cannot be loaded twice: `pytester` forgets modules that were first imported while it was in use."""
    import swifttools.ukssdc.xrt_prods  # noqa: F401 - numpy, pandas, matplotlib, astropy

    import mock_server.products.builder  # noqa: F401 - scipy, PIL


@pytest.fixture
def pytester(libraries: None, pytester: pytest.Pytester) -> pytest.Pytester:
    """Return pytest's own fixture."""
    return pytester


def _is_simulator(app: Flask) -> bool:
    return app is flask_app()


class _Seen(NamedTuple):
    method: str
    path: str
    status: int
    label: str
    body: bytes


def _seen(response: Response) -> _Seen:
    return _Seen(request.method, request.path, response.status_code, response.content_type, response.get_data())


def _violations(seen: _Seen, json_label_is_set: bool) -> Iterator[str]:
    operation = documents.operation_for(seen.method, seen.path)
    if operation is None:
        return
    as_set = json_label_is_set and seen.label == "application/json"
    label = "text/html; charset=UTF-8" if as_set else seen.label
    try:
        documents.check_response(operation, seen.status, _decoded(seen.body), label)
    except documents.ContractViolation as violation:
        yield f"{seen.method} {seen.path}: {violation}\n  answer: {seen.body[:300]!r}"


def _decoded(data: bytes) -> Any:
    if not data.startswith((b"{", b"[")):
        return data.decode("utf-8", "replace")
    return json.loads(data)
