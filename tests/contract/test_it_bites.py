"""Every broken server has findings for its own questions, and the good one has none for all of them."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import requests

from contracts import harness, probes
from mock_server import Simulator
from tests.contract.breakages import BREAKAGES
from tests.contract.broken import Broken


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.CRITICAL, logger="mock_server")  # some breakages make the server fail


@pytest.fixture
def app():  # a new one each: what an earlier question left would decide what a later one sees
    with Simulator() as simulator:
        yield simulator.app


def test_there_are_at_least_sixty_ways_to_be_wrong():
    assert len(BREAKAGES) >= 60


@pytest.mark.parametrize("name", probes.PROBES)
def test_the_simulator_answers_every_question_as_the_contract_demands(app, name):
    exam = probes.examine(app, probes=[name])
    assert not exam.not_seen
    assert not exam.findings, "\n".join(map(str, exam.findings[:5]))


QUICK = (
    "jobs_are_remembered_as_they_were_submitted",
    "a_new_job_has_just_begun",
    "what_was_cancelled_stays_cancelled",
    "jobs_are_private",
    "a_new_job_is_requested_counted_and_listed",
    "cancelling_answers_with_the_documented_codes",
    "a_job_runs_its_course",
    "a_cancelled_standard_position_fails_the_astrometric_one",
    "job_parameters_may_be_sent_back_whole",
)
"""Questions that make no products, so that they are asked in every run of the tests; each has steps of its own."""


@pytest.mark.parametrize("name", QUICK)
def test_a_quick_question_finds_nothing_on_the_simulator(app, name):
    exam = probes.examine(app, probes=[name])
    assert (exam.findings, exam.not_seen, exam.asked.total() > 2) == ([], {}, True)


@pytest.mark.parametrize(
    ("name", "words", "sentences"),
    [
        ("jobs_are_distinct_counted_and_listed", "numJobs is text", []),  # it is the rules that check forms
        (
            "jobs_are_remembered_as_they_were_submitted",
            "old parameters are those of another object",
            [
                "It does not remember parameters: job 1 was submitted for GRB 200416A, and is now for GK Per.",
                "It does not remember parameters: job 2 was submitted for FO Aqr, and is now for GK Per.",
            ],
        ),
        (
            "a_new_job_has_just_begun",
            "one product is left out of the statuses",
            ["It does not answer about the products asked for: lc and image; it answered: lc."],
        ),
        (
            "a_new_job_has_just_begun",
            "a light curve is complete at once",
            [
                "It says of a job submitted a moment ago that it has ended or is running, with the status codes: "
                "lc 4, image 1."
            ],
        ),
        ("a_new_job_has_just_begun", "status codes are text", []),
        (
            "a_new_job_has_just_begun",
            "positions are sent before the end",
            ["It returns the position of a job that has only just been submitted."],
        ),
        (
            "what_was_cancelled_stays_cancelled",
            "there are no statusCodes",
            ["It cannot cancel the image of a new job: it answers with HTTP status 200."],
        ),
        (
            "what_was_cancelled_stays_cancelled",
            "cancelling has no effect",
            ["It does not remember cancellations: after an image was cancelled, its status code is 1, not -4."],
        ),
        (
            "what_was_cancelled_stays_cancelled",
            "one product cancels them all",
            ["It cancels more than was asked: the image of a job was cancelled, and its position is cancelled too."],
        ),
        (
            "jobs_are_private",
            "strangers see a job's status",
            ["It shows the jobs of user.me@example.org to stranger.me@example.org."],
        ),
        (
            "strangers_are_refused_in_the_documented_words",
            "strangers get the answer that the job does not exist",
            [
                "tprods/getPSFPos by a stranger: ERROR is 'There is no such job', "
                "not 'Job 1 is not owned by user stranger.me@example.org'"
            ],
        ),
        (
            "a_new_job_is_requested_counted_and_listed",
            "strangers see a user's jobs",
            ["a stranger's list has the owner's job"],
        ),
        (
            "cancelling_answers_with_the_documented_codes",
            "cancelled jobs are counted",
            ["a cancelled job is still counted"],
        ),
        (
            "products_can_be_cancelled_at_every_stage",
            "there are no statusCodes",
            ["status 1 was not cancelled", "status 2 was not cancelled", "status 3 was not cancelled"],
        ),
        (
            "the_limit_of_active_jobs_holds",
            "the limit of active jobs is one too high",
            ["a fourth active job of three allowed was not refused in JSON", "the count is not at the limit"],
        ),
        (
            "a_cancelled_standard_position_fails_the_astrometric_one",
            "one product cancels them all",
            ["the astrometric position has the status -4 after the standard one was cancelled"],
        ),
        (
            "results_are_refused_before_the_end",
            "results are sent before the end",
            [
                "tprods/getEnhPos before the end was not refused in JSON",
                "tprods/getEnhPos of a product outside the job was not refused in JSON",
            ],
        ),
        (
            "finished_products_have_results_in_every_callers_form",
            "finished products have no results",
            [
                "getPSFPos of a finished product was refused",
                "getEnhPos of a finished product was refused",
                "getXastromPos of a finished product was refused",
                "getAstromPos of a finished product was refused",
                "getSourceDetResults of a finished product was refused",
                "getLCData of a finished product was refused",
                "getSpecData of a finished product was refused",
            ],
        ),
        (
            "files_addressed_inside_answers_are_there",
            "results name files that are not there",
            [
                "https://www.swift.ac.uk/user_objects/tprods/USERPROD_1/getLCData.pha is not there",
                "https://www.swift.ac.uk/user_objects/tprods/USERPROD_1/getSpecData.pha is not there",
            ],
        ),
        (
            "archives_hold_what_was_asked_for_until_they_expire",
            "archives never come",
            [
                f"{stem}.{ending} is missing after the end"
                for stem in ("image", "psf", "spec", "all")
                for ending in ("zip", "tar", "tar.gz")
            ],
        ),
        (
            "light_curves_can_be_rebinned",
            "rebinned curves and products of bursts are not sent",
            ["a rebinned light curve cannot be downloaded"],
        ),
        (
            "known_bursts_have_products",
            "rebinned curves and products of bursts are not sent",
            ["a known burst has no products"],
        ),
        (
            "every_spelling_is_taken_and_echoed_under_the_wire_name",
            "an old spelling is ignored",
            ["allowBayes is echoed as allowB 'both'"],
        ),
        (
            "a_changed_default_holds_for_new_jobs_only",
            "old jobs are shown with the defaults of today",
            ["minsnr of job 1 is 2.4, not 1.5"],
        ),
        (
            "values_are_resolved_when_asked_for",
            "coordinates are not worked out",
            ["getCoords did not override the given position"],
        ),
        (
            "job_parameters_may_be_sent_back_whole",
            "models are echoed as text",
            ["jobPars sent back whole were refused"],
        ),
        (
            "the_list_grows_at_its_head",
            "the list goes from the oldest to the newest",
            ["after [1, 2, 3] the list begins with [1, 2, 3]"],
        ),
        (
            "the_job_page_has_its_state_in_the_title",
            "every job has the page of one that runs",
            [
                "the title of /user_objects/tprods/USERPROD_1 does not say COMPLETE",
                "the title of /user_objects/tprods/USERPROD_1/index.php does not say COMPLETE",
                "an unknown job has a page",
            ],
        ),
    ],
)
def test_a_question_names_what_is_wrong_and_nothing_else(app, name, words, sentences):
    exam = probes.examine(Broken(app, BREAKAGES[words]), probes=[name], mark="me")
    assert exam.findings
    assert list(dict.fromkeys(finding.words for finding in exam.findings if finding.rule == name)) == sentences


def test_a_server_that_accepts_no_job_gets_one_sentence_for_all_questions(app):
    broken = BREAKAGES["no job is accepted"]
    exam = probes.examine(Broken(app, broken), probes=broken.probes)
    assert probes.everyday.in_short(exam.findings) == [
        "It accepts no jobs: a complete request was answered with HTTP status 200 and the words 'Closed for the night'."
    ]
    assert len(exam.findings) == len(broken.probes) == exam.asked["run_userobject"]


def test_a_look_that_stops_early_ends_at_the_first_finding(app):
    broken = BREAKAGES["answers are labelled application/json"]
    exam = probes.examine(Broken(app, broken), probes=broken.probes, stop_early=True)
    assert (len(exam.findings), exam.asked) == (1, {"getNumJobs": 1})


@pytest.mark.parametrize("words", BREAKAGES)
def test_a_broken_server_is_caught(app, words):
    breakage = BREAKAGES[words]
    exam = probes.examine(Broken(app, breakage), probes=breakage.probes, stop_early=True)
    assert exam.findings, f"no finding, although {words}; sharpen {breakage.probes} or a rule in contracts/checks"


class FallsSilent:
    """Server that answers some calls and then keeps connections open without an answer."""

    def __init__(self, app: Any, answers: int) -> None:
        self._inner, self._answers, self.calls = harness.backend(app), answers, 0

    def call(self, *arguments: Any, **named: Any) -> harness.Exchange:
        self.calls += 1
        if self.calls > self._answers:
            raise requests.ReadTimeout("no word for 30 s")
        return self._inner.call(*arguments, **named)


@pytest.mark.parametrize("answers", [0, 10])
def test_a_server_that_falls_silent_is_not_waited_for_again(app, answers):
    server = FallsSilent(app, answers)
    exam = probes.examine(server)
    assert exam.silent
    assert server.calls == answers + 1
    assert "It gives no answer: no word for 30 s" in exam.findings[-1].words


class NeverCancels:
    """Server that gives no answer to cancellations."""

    def __init__(self, app: Any) -> None:
        self._inner = harness.backend(app)

    def call(self, method: str, path: str, *arguments: Any, **named: Any) -> harness.Exchange:
        if path.endswith("canceljob.php"):
            raise requests.ReadTimeout("no word for 30 s")
        return self._inner.call(method, path, *arguments, **named)


def test_a_server_that_falls_silent_when_jobs_are_cleared_away_is_asked_no_further_question(app):
    exam = probes.examine(NeverCancels(app), probes=["jobs_are_private", "every_submission_is_a_new_job"])
    assert [finding.words for finding in exam.findings] == [
        "It gives no answer: no word for 30 s. The remaining questions were skipped."
    ]
    assert (exam.silent, exam.asked["run_userobject"]) == (True, 1)
