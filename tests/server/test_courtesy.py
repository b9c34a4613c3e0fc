"""The courtesy report: its numbers, its times, and the lines of the program that it names."""

import json
from typing import Any

import pytest

from mock_server import Simulator
from mock_server.core.faults import Fault
from mock_server.core.journal import Entry, Journal
from mock_server.core.model import Build, Job, Product, StatusCode
from mock_server.core.words import duration_text, iso_text
from mock_server.reports.courtesy import courtesy_report
from mock_server.reports.text import report_text
from mock_server.scenario.scenario import Scenario

NOW = 1_772_450_000.0
DAY = 86400.0


def job(number: int, submitted: float, ends: float, *, user: str = "me@example.org", cancelled: float | None = None,
        outcome: StatusCode = StatusCode.COMPLETE, **parameters: object) -> Job:  # fmt: skip
    at = NOW + submitted
    build = Build(Product.IMAGE, at, at, at, at, NOW + ends, ends - submitted, outcome,
                  None if cancelled is None else NOW + cancelled)  # fmt: skip
    return Job(number, user, "x", at, {"outdir": f"USERPROD_{number}", "n": number} | parameters, (build,))


def call(at: float, operation: str = "checkProductStatus", job_id: int | None = 1, **more: object) -> Entry:
    return Entry(at=NOW + at, operation=operation, user="me@example.org", job_id=job_id, **more)  # type: ignore[arg-type]


def reported(jobs: list[Job], entries: list[Entry], at: float = 1000.0) -> dict[str, Any]:
    return courtesy_report(jobs, Journal(entries), Scenario(name="mine"), NOW + at)


def test_jobs_are_counted_by_their_worst_product():
    jobs = [
        job(1, 0, 10), job(2, 0, 10, outcome=StatusCode.FAILED), job(3, 0, 10, cancelled=5), job(4, 0, 2000),
        job(5, 0, 10, outcome=StatusCode.NOT_QUEUED),
    ]  # fmt: skip
    refused = call(5, "run_userobject", None, outcome="refused", detail="no")
    assert reported(jobs, [refused])["jobs"] == {
        "submitted": 5, "complete": 1, "failed": 2, "cancelled": 1, "unfinished": 1, "submissions_refused": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("spans", "peak"),
    [([], 0), ([(0, 10)], 1), ([(0, 10), (10, 20)], 1), ([(0, 10), (9, 20)], 2), ([(0, 10), (0, 10), (5, 6)], 3),
     ([(5, 5)], 0), ([(0, 10), (10, 20), (10, 20)], 2)],
)  # fmt: skip
def test_the_peak_counts_jobs_active_at_one_moment_and_an_end_counts_before_a_submission(spans, peak):
    jobs = [job(n, start, end) for n, (start, end) in enumerate(spans, 1)]
    assert reported(jobs, [])["active_jobs"]["peak"] == peak


def test_the_peak_is_that_of_one_user_and_names_the_line_that_submitted_last():
    jobs = [job(1, 0, 50), job(2, 10, 50), job(3, 10, 50, user="other@example.org")]
    entries = [call(0, "run_userobject", 1, where="a.py:1"), call(10, "run_userobject", 2, where="a.py:7")]
    found = reported(jobs, entries)["active_jobs"]
    assert (found["peak"], found["user"], found["where"]) == (2, "me@example.org", "a.py:7")
    assert found["at"] == iso_text(NOW + 10)


def test_polling_is_measured_between_two_status_calls_for_one_job():
    entries = [call(0), call(5, job_id=2), call(60, where="a.py:3"), call(70, where="a.py:4"), call(100, job_id=2)]
    assert reported([], entries)["polling"] == {"calls": 5, "median_s": 60.0, "shortest_s": 10.0, "where": "a.py:4"}


def test_a_single_status_call_has_no_interval():
    assert reported([], [call(0)])["polling"] == {"calls": 1, "median_s": None, "shortest_s": None, "where": None}


def test_a_look_at_a_job_that_was_shown_complete_is_not_impatience():
    entries = [call(0, where="a.py:3"), call(60, where="a.py:3"), call(60.2, where="a.py:9"), call(61, where="a.py:9")]
    found = reported([job(1, 0, 60)], entries)["polling"]
    assert (found["calls"], found["shortest_s"], found["where"]) == (4, 60.0, "a.py:3")


def test_a_second_look_in_one_instant_is_the_clients_own_and_a_third_is_not():
    twice = [call(0), call(0), call(60), call(60.001)]
    assert reported([], twice)["polling"]["shortest_s"] == 60.0
    assert reported([], [*twice, call(60.002)])["polling"]["shortest_s"] == 0.002


@pytest.mark.parametrize("operation", ["downloadProduct", "downloadFile"])
def test_a_file_fetched_by_an_address_that_the_service_gave_is_a_download(operation):
    fetched = reported([job(1, 0, 10)], [call(20, operation, detail="spec/interval0.tar.gz")])["downloads"]
    assert (fetched["files"], fetched["jobs_never_downloaded"]) == (1, [])


def test_a_picture_of_the_job_page_is_not_a_download():
    fetched = reported([job(1, 0, 10)], [call(20, "downloadFile", detail="lc/curve.gif")])["downloads"]
    assert (fetched["files"], fetched["jobs_never_downloaded"]) == (0, [1])


def test_results_that_were_read_without_a_file_are_reported_as_that():
    report = reported(
        [job(1, 0, 10), job(2, 0, 10)], [call(20, "getLCData"), call(20, "getPSFPos", 2, outcome="refused")]
    )
    assert report["downloads"]["jobs_read_without_a_file"] == [1]
    assert report["downloads"]["jobs_never_downloaded"] == [2]
    lines = report_text(report).splitlines()
    assert "results read without a file: 1 job (1)" in lines
    assert "never downloaded: 1 job (2)" in lines


def test_a_helper_is_named_with_its_callers_if_there_are_several():
    one = call(1, "getNumJobs", None, where="a.py:1, called from b.py:9", outcome="refused", detail="no")
    other = call(2, "listOldJobs", None, where="a.py:1, called from b.py:12")
    assert reported([], [one])["refused"][0]["where"] == "a.py:1"
    assert reported([], [one, other])["refused"][0]["where"] == "a.py:1, called from b.py:9"


def test_the_text_says_why_calls_were_refused_and_products_failed():
    entries = [call(n, "run_userobject", None, outcome="refused", detail="no", where="a.py:1") for n in range(38)]
    entries += [call(n, "getNumJobs", None, outcome="refused", detail=f"reason {n}") for n in range(10)]
    entries.append(call(0, "run_userobject", 1, where="a.py:9"))
    lines = report_text(reported([job(1, 0, 10, outcome=StatusCode.FAILED)], entries)).splitlines()
    assert "refused 38 times: run_userobject: no, at a.py:1" in lines
    assert "3 more refusals for 3 other reasons: see the report as JSON or HTML" in lines
    assert "failed: image of 1 job (1), submitted at a.py:9" in lines


def test_duplicates_are_counted_and_three_are_shown():
    jobs = [job(number, 0, 10, n=number % 50) for number in range(200)]
    entries = [call(0, "run_userobject", number, where="a.py:3") for number in range(200)]
    (line,) = [line for line in report_text(reported(jobs, entries)).splitlines() if "more than once" in line]
    assert line == (
        "submitted more than once: 50 requests, such as jobs 0, 50, 100 and 1 more; 1, 51, 101 and 1 more; "
        "2, 52, 102 and 1 more, at a.py:3"
    )


def test_a_program_that_never_called_has_lived_through_simulated_time():
    found = courtesy_report([], Journal(), Scenario(), NOW + 600, began=NOW)
    assert (found["began"], found["simulated_s"]) == (iso_text(NOW), 600.0)


def test_jobs_never_downloaded_are_listed_with_the_line_that_submitted_them():
    jobs = [job(1, 0, 10), job(2, 0, 10), job(3, 0, 9 * DAY)]
    entries = [
        call(0, "run_userobject", 2, where="a.py:2"),
        call(20, "downloadProduct", 1),
        call(21, "downloadProduct", 9, outcome="missing"),
    ]
    assert reported(jobs, entries, at=8 * DAY)["downloads"] == {
        "files": 1,
        "missing": 1,
        "jobs_read_without_a_file": [],
        "jobs_never_downloaded": [2],
        "jobs_expired_before_download": [2],
        "where": ["a.py:2"],
    }


def test_equal_submissions_of_one_user_are_duplicates_with_their_lines():
    jobs = [job(1, 0, 10, n=5), job(2, 0, 10, n=5), job(3, 0, 10, n=6), job(4, 0, 10, n=5, user="o@example.org")]
    entries = [call(0, "run_userobject", number, where=f"a.py:{number}") for number in (2, 3)]
    assert reported(jobs, entries)["duplicate_submissions"] == [{"jobs": [1, 2], "where": ["a.py:2"]}]


def test_refusals_are_grouped_by_words_and_line():
    entries = [call(n, "getNumJobs", None, outcome="refused", detail="no", where="a.py:1") for n in range(3)]
    assert reported([], entries)["refused"] == [
        {"operation": "getNumJobs", "words": "no", "where": "a.py:1", "times": 3}
    ]


def test_a_call_after_a_failure_of_the_same_kind_is_a_retry_with_its_line_and_wait():
    entries = [
        call(0, outcome="fault", where="a.py:1"),
        call(5, "getNumJobs", None, where="a.py:2"),
        call(10, outcome="outage", where="a.py:3"),
        call(70, where="a.py:3"),
        call(80, where="a.py:3"),
    ]
    assert reported([], entries)["retries"] == [
        {"operation": "checkProductStatus", "where": "a.py:3", "times": 2, "shortest_s": 10.0}
    ]


def test_the_text_names_retries_and_planned_faults_that_were_never_triggered():
    found = courtesy_report(
        [],
        Journal([call(0, outcome="fault"), call(10, where="a.py:3")]),
        Scenario(),
        NOW,
        [Fault("status", operation="canceljob", status=500)],
    )
    lines = report_text(found).splitlines()
    assert "retried after a failure: checkProductStatus, 1 time, at a.py:3" in lines
    assert "planned fault was never triggered: kind=status, operation=canceljob, status=500" in lines


def test_time_is_simulated_time_from_the_first_call():
    found = reported([], [call(10), call(70)], at=3670)
    assert (found["began"], found["ended"], found["simulated_s"]) == (
        iso_text(NOW + 10),
        iso_text(NOW + 3670),
        3660.0,
    )
    assert reported([], [])["simulated_s"] == 0


@pytest.mark.parametrize("readings_s", [0.000_004, 0.072_1, 0.999])
def test_readings_of_the_clock_do_not_show_in_the_time_of_a_report(readings_s):
    assert reported([], [call(0)], at=900 + readings_s) == reported([], [call(0)], at=900)


def test_a_report_is_json_and_a_few_lines_of_text():
    found = reported([job(1, 0, 10), job(2, 0, float("inf"))], [call(0), call(60)])
    json.dumps(found, allow_nan=False)
    lines = report_text(found).splitlines()
    assert lines[0].startswith("jobs submitted 2, complete 1")
    assert lines[-1] == "simulated time 00:16:40"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00:00"), (59.6, "00:01:00"), (3661, "01:01:01"), (DAY - 0.4, "1 d 00:00:00"), (9e5, "10 d 10:00:00")],
)
def test_lengths_of_time_are_rounded_to_the_second(seconds, text):
    assert duration_text(seconds) == text


def test_calls_that_the_journal_dropped_are_reported():
    with Simulator(keep_calls=100) as sim:
        for at in range(600):
            sim.store.note(Entry(at=sim.clock.now() + at, operation="getNumJobs"))
        found = sim.report()
    assert found["calls_forgotten"] == 600 - found["calls"]["getNumJobs"] > 0
    assert f"{found['calls_forgotten']} older calls were dropped" in report_text(found)
