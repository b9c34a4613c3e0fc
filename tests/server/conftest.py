"""A simulator for each test, asked in process."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

import pytest

from mock_server import Simulator
from mock_server.scenario.files import load_scenario
from tests.server.programs import Tiny

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from werkzeug.test import TestResponse

    from mock_server.scenario.scenario import Scenario

ME = "me@example.org"
ANOTHER_USER = "somebody.else@example.org"
IMAGE: dict[str, Any] = {
    "UserID": ME,
    "name": "GRB 200416A",
    "targ": "00966554",
    "RA": 335.6985,
    "Dec": -7.5179,
    "image": 1,
}
"""The smallest submission there is: 9 observations, so 96 s under `EXACT`."""
POSITIONS = IMAGE | {"image": 0, "doxastrom": 1, "doenh": 1, "detMeth": "iterative"}
LIGHT_CURVE = IMAGE | {
    "image": 0,
    "lc": 1,
    "cent": 0,
    "binMeth": "counts",
    "pccounts": 20,
    "wtcounts": 30,
    "dynamic": 1,
}
EXACT = {"durations.scatter": 0.0, "queue.dispatch_every_s": 0, "queue.requested_s": 5}
"""Settings under which durations follow from the data alone."""


class Asker:
    """Asks a simulator as a caller of the raw interface does."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self._client = sim.app.test_client()

    def raw(self, method: str, path: str, **more: Any) -> TestResponse:
        return self._client.open(path, method=method, **more)

    def __call__(self, path: str, body: dict[str, Any] | None = None, /, **more: Any) -> dict[str, Any]:
        """Post a JSON object to an address below ``user_objects``, and return the answer."""
        wanted = {"UserID": ME} | (body or {}) | more
        answer = self.raw("POST", f"/user_objects/{path}", data=json.dumps(wanted))
        assert (answer.status_code, answer.content_type) == (200, "text/html; charset=UTF-8")
        return json.loads(answer.data)  # type: ignore[no-any-return]

    def main(self, function: str, **more: Any) -> dict[str, Any]:
        """Call a function of the shared interface."""
        answer = self.raw("POST", "/API/main.php", data=json.dumps({"APIFunc": function, **more}))
        assert (answer.status_code, answer.content_type) == (200, "text/html; charset=UTF-8")
        return json.loads(answer.data)  # type: ignore[no-any-return]

    def control(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """Ask the control interface, and return the decoded answer."""
        answer = (
            self.raw(method, f"/_mock/{path}", json=body) if body is not None else self.raw(method, f"/_mock/{path}")
        )
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer.get_json()

    def submit(self, body: dict[str, Any] | None = None, /, **more: Any) -> int:
        answer = self("run_userobject.php", IMAGE | (body or {}), **more)
        assert answer["OK"] == 1, answer
        return int(answer["JobID"])

    def codes(self, job_id: int, what: str, **more: Any) -> list[int | None]:
        """Return the status codes of some products."""
        answer = self("checkProductStatus.php", JobID=job_id, what=what, **more)
        return [answer[name]["statusCode"] for name in what.split(",")]


_loaded = functools.cache(load_scenario)  # reading the sky takes longer than all else


@pytest.fixture
def make_sim() -> Iterator[Callable[..., Simulator]]:
    made: list[Simulator] = []

    def make(scenario: str | Scenario = "calm", *args: Any, **options: Any) -> Simulator:
        played = _loaded(scenario) if isinstance(scenario, str) else scenario
        made.append(Simulator(played, *args, **options))
        return made[-1]

    yield make
    for sim in made:
        sim.close()


@pytest.fixture
def sim(make_sim: Callable[..., Simulator]) -> Simulator:
    return make_sim(settings=EXACT)


@pytest.fixture
def ask(sim: Simulator) -> Asker:
    return Asker(sim)


@pytest.fixture
def tiny() -> Tiny:
    return Tiny()
