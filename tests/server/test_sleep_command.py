"""The `sleep` of shell scripts in a run."""

import sys

import pytest

from mock_server.clocks.virtual import VirtualClock
from mock_server.run.patches.time import SimulatedTime
from mock_server.run.sleep_command import main, seconds


@pytest.mark.parametrize(
    ("words", "length"),
    [(["90"], 90), (["0.5"], 0.5), (["1.5m"], 90), (["2h", "1d", "3s"], 7200 + 86400 + 3), ([], 0)],
)
def test_intervals_are_added_up(words, length):
    assert seconds(words) == length


@pytest.mark.parametrize("word", ["soon", "5w", "m", ""])
def test_what_is_no_interval_is_refused(word):
    with pytest.raises(ValueError, match="could not convert"):
        seconds([word])


@pytest.mark.parametrize(
    ("words", "code", "passed", "said"),
    [(["1m", "30"], 0, 90, ""), (["soon"], 1, 0, "sleep: could not convert string to float: 'soon'\n")],
)
def test_the_command_sleeps_in_simulated_time_or_says_why_not(monkeypatch, capsys, words, code, passed, said):
    clock = VirtualClock(0.0)
    monkeypatch.setattr(sys, "argv", ["sleep", *words])
    with SimulatedTime(clock):
        assert main() == code
    assert clock.now() == passed
    assert capsys.readouterr().err == said
