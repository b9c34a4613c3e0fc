"""Limits on the courtesy report."""

from typing import Any

import pytest

from mock_server.reports.limits import QUANTITIES, broken_limits, parse_limits


def report(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "active_jobs": {"peak": 5, "where": "throttle.py:12"},
        "polling": {"shortest_s": 60.0, "where": "poll.py:3"},
        "jobs": {"submissions_refused": 0},
        "downloads": {"jobs_expired_before_download": [], "jobs_never_downloaded": []},
        "duplicate_submissions": [],
    }
    return {**found, **changes}


def judged(limits: str, **changes: Any) -> list[str]:
    return broken_limits(parse_limits(limits), report(**changes))


def test_a_considerate_program_keeps_all_limits():
    assert judged("active>5, poll<60s, refused>0, lost>0, undownloaded>0, duplicates>0") == []


def test_one_active_job_too_many_is_named_with_its_line():
    (failure,) = judged("active>5", active_jobs={"peak": 6, "where": "throttle.py:12"})
    assert failure == "most jobs active at a time: 6, at throttle.py:12 (fails if active>5)"


def test_polling_too_often_is_named_with_its_line():
    (failure,) = judged("poll<10s", polling={"shortest_s": 1.0, "where": "poll.py:3"})
    assert failure == "shortest time between two status calls for a job [s]: 1, at poll.py:3 (fails if poll<10)"


def test_a_program_that_never_polls_keeps_the_limit_on_polling():
    assert judged("poll<10", polling={"shortest_s": None, "where": None}) == []


def test_requests_outside_the_contract_are_counted_and_the_first_line_is_named():
    seen = [{"where": "a.py:1", "times": 2}, {"where": "a.py:9", "times": 1}]
    (failure,) = judged("violations>0", contract_violations=seen)
    assert failure == "requests outside the contract: 3, at a.py:1 (fails if violations>0)"
    assert judged("violations>0", contract_violations=[]) == []


def test_a_limit_on_violations_needs_a_watcher():
    with pytest.raises(ValueError, match="--xrt-contract"):
        judged("violations>0", contract_violations=None)


def test_every_broken_limit_is_reported():
    lost = {"jobs_expired_before_download": [1], "jobs_never_downloaded": [1, 2]}
    assert len(judged("lost>0\nundownloaded>1\nduplicates>0", downloads=lost, duplicate_submissions=[[1, 2]])) == 3


@pytest.mark.parametrize("text", ["active", "active>=5", "speed>3", "active>many", "5<active"])
def test_an_invalid_limit_is_refused_with_the_known_quantities(text):
    with pytest.raises(ValueError, match=", ".join(QUANTITIES)):
        parse_limits(text)


def test_an_empty_text_has_no_limits():
    assert parse_limits(" \n ") == []
