"""The report of a run: without calls it is that of a simulator, and what was made ahead counts only if it is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mock_server.cli.run import _Reporter, report_of
from mock_server.clocks.virtual import VirtualClock
from mock_server.scenario.files import load_scenario
from mock_server.simulator import Simulator

if TYPE_CHECKING:
    from mock_server.cli.run import Reported


@pytest.mark.parametrize("name", ["calm", "flaky"])
def test_a_report_without_calls_is_that_of_a_simulator(name):
    played = load_scenario(name)
    with Simulator(played, VirtualClock(played.start)) as sim:
        sim.clock.advance(60)
        with_one, without = (report_of(one, played, sim.clock.now()) for one in (sim, None))
    assert with_one[0] == without[0]
    assert [*with_one[1]] == [*without[1]] == [*with_one[2]] == [*without[2]] == []


def test_a_report_that_was_made_ahead_counts_if_nothing_has_happened_since():
    played = load_scenario("calm")
    with Simulator(played, VirtualClock(played.start)) as sim:

        def made() -> Reported:
            return reporter.report(sim, played, sim.clock.now())

        def call() -> None:
            sim.app.test_client().post("/user_objects/getNumJobs.php", json={"UserID": "me@example.org"})

        reporter = _Reporter()
        call()
        reporter.prepare(sim, played)
        ahead = made()
        assert ahead is made()
        assert ahead[0]["calls"] == {"getNumJobs": 1}
        call()
        assert made()[0]["calls"] == {"getNumJobs": 2}
        reporter.prepare(sim, played)
        assert made()[0]["simulated_s"] == 0
        sim.clock.advance(60)
        assert made()[0]["simulated_s"] == 60
        reporter.prepare(sim, played)
        sim.change({"limits.active_jobs": 3})
        assert made()[0]["active_jobs"]["limit"] == 3
