"""What each of several racing processes runs; a module of its own, because every process imports it."""

from typing import Any

from mock_server.clocks.virtual import VirtualClock
from mock_server.core.errors import LimitReached
from mock_server.scenario.files import load_scenario
from mock_server.simulator import Simulator


def race(db: str, limit: int, submissions: list[dict[str, Any]], go: Any, results: Any) -> None:
    """Submit at the same time as the others; put the number of accepted jobs and the most active jobs seen."""
    played = load_scenario("calm")
    with Simulator(played, VirtualClock(played.start), db=db, settings={"limits.active_jobs": limit}) as sim:
        go.wait(60)
        taken, most = 0, 0
        for submission in submissions:
            try:
                sim.jobs.submit(submission)
                taken += 1
            except LimitReached:
                most = max(most, sim.jobs.count(submission["UserID"]))
        results.put((taken, most))
