"""Advice on throttles: found by trying them, and within what the service asks for."""

from __future__ import annotations

import click
import pytest

from mock_server.cli import advise
from mock_server.core.model import Product


@pytest.fixture(scope="module")
def trials() -> list[advise.Trial]:
    return advise.try_throttles(12, [Product.LIGHT_CURVE])


def test_every_throttle_is_tried_and_kept(trials):
    assert [trial.throttle for trial in trials] == list(advise.THROTTLES)
    assert all(trial.peak == min(trial.throttle, 12) for trial in trials)


def test_more_at_a_time_is_never_slower_on_free_slots(trials):
    seconds = [trial.seconds for trial in trials]
    assert seconds == sorted(seconds, reverse=True)


def test_the_recommendation_is_courteous(trials):
    assert advise.recommended(trials).throttle == advise.COURTEOUS


def test_the_table_has_a_line_for_each_and_a_recommendation(trials):
    lines = advise.as_text(trials).splitlines()
    assert len(lines) == len(trials) + 2
    assert lines[-1].startswith("recommended: at most 5 active jobs")


def trial(throttle: int, seconds: float, refused: int = 0) -> advise.Trial:
    return advise.Trial(throttle, seconds, throttle, refused)


@pytest.mark.parametrize(
    ("tried", "throttle", "words"),
    [
        ([trial(1, 900), trial(3, 300), trial(5, 200, 4), trial(50, 190, 60)], 3, "no other throttle without refusals"),
        ([trial(1, 900), trial(5, 200), trial(50, 100)], 5, "50 would be 2.0 times as fast"),
        ([trial(1, 900), trial(5, 200), trial(50, 199)], 5, "no other throttle without refusals is much faster"),
        ([trial(1, 900, 1), trial(5, 200, 4)], 1, "even so 1 submission would be refused"),
        ([trial(1, 900), trial(3, 900), trial(5, 900)], 1, "at most 1 active jobs"),
    ],
)
def test_the_recommendation_is_supported_by_the_numbers_beside_it(tried, throttle, words):
    assert advise.recommended(tried).throttle == throttle
    assert words in advise.as_text(tried).splitlines()[-1]


def test_a_limit_of_the_service_shows_as_refusals():
    (found,) = [t for t in advise.try_throttles(12, [Product.IMAGE], "tightening-limit") if t.throttle == 50]
    assert found.seconds > 0


def test_progress_is_reported_for_each_job():
    reported: list[int] = []
    advise.try_throttles(2, [Product.IMAGE], progress=reported.append)
    assert sum(reported) == 2 * len(advise.THROTTLES)


@pytest.mark.parametrize(
    ("sources", "setting"),
    [(3, "[queue]\nslots = 0"), (3, "[limits]\nactive_jobs = 0"), (1, "[queue]\nslots = 0")],
)
def test_a_scenario_in_which_a_campaign_never_ends_is_refused(tmp_path, sources, setting):
    file = tmp_path / "closed.toml"
    file.write_text(setting)
    with pytest.raises(click.UsageError, match="the campaign never ends"):
        advise.try_throttles(sources, [Product.IMAGE], file)


def test_a_scenario_that_opens_later_is_waited_for(tmp_path):
    file = tmp_path / "later.toml"
    file.write_text("[limits]\nactive_jobs = 0\n[[changes]]\nafter_days = 1\n[changes.limits]\nactive_jobs = 5\n")
    trials = advise.try_throttles(2, [Product.IMAGE], file)
    assert all(trial.seconds > 86400 for trial in trials)
