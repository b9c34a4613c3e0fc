"""The `sleep` of shell scripts in a run."""

import pytest

from mock_server.run.sleep_command import seconds


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
