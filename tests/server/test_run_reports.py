"""The report of a run whose program asked nothing: the same as if a simulator had been there."""

import pytest

from mock_server.cli.run import report_of
from mock_server.clocks.virtual import VirtualClock
from mock_server.scenario.files import load_scenario
from mock_server.simulator import Simulator


@pytest.mark.parametrize("name", ["calm", "flaky"])
def test_a_report_without_calls_is_that_of_a_simulator(name):
    played = load_scenario(name)
    with Simulator(played, VirtualClock(played.start)) as sim:
        sim.clock.advance(60)
        with_one, without = (report_of(one, played, sim.clock.now()) for one in (sim, None))
    assert with_one[0] == without[0]
    assert [*with_one[1]] == [*without[1]] == [*with_one[2]] == [*without[2]] == []
