"""Submitting, following and cancelling, against canned answers."""

import json
from typing import Any

import pytest

from xrt_client import (
    ContractBroken,
    ServiceRejected,
    ServiceUnreachable,
    WaitTimeout,
    XRTProductRequest,
    countActiveJobs,
    jobs,
    listOldJobs,
)

from .conftest import JOB_PARS, ME, accepted, refused, statuses

SUBMIT = "run_userobject.php"
GATEWAY_PAGE = (200, {"Content-Type": "text/html"}, b"<html>gateway</html>")
DOWN: tuple[int, dict[str, str], bytes] = (503, {}, b"<html>down</html>")


@pytest.fixture
def running(canned, grb):
    """A request that has been accepted."""
    canned.will(SUBMIT, accepted())
    canned.will("checkProductStatus.php", statuses(lc=3, spec=2))
    assert grb.submit()
    return grb


# ---- submitting ------------------------------------------------------------------------------------------------


def test_an_accepted_request_knows_its_job(running):
    assert (running.JobID, running.submitted, running.status[0]) == ("951", True, 1)
    assert running.URL == "https://www.swift.ac.uk/user_objects/tprods/USERPROD_951"
    assert running.subRetData == {"submitError": None, "URL": running.URL, "jobPars": JOB_PARS}
    assert running.jobPars is running.subRetData["jobPars"]
    assert running.submitError is None


def test_what_the_service_worked_out_is_taken_over_and_not_asked_for_again(running):
    parameters = running.getAllPars()
    assert (parameters["targ"], parameters["maxCentTries"]) == ("00966554", 10)
    assert not {"getTargs", "getT0", "getCoords"} & set(parameters)
    assert parameters["LightCurve"]["whichData"] == "all"


def test_without_updating_the_request_stays_as_it_was(canned, grb):
    canned.will(SUBMIT, accepted())
    before = grb.getAllPars()
    assert grb.submit(updateProds=False)
    assert grb.getAllPars() == before
    copy = XRTProductRequest(ME, JSONVals=grb.subRetData["jobPars"], fromServer=True)
    assert copy.getGlobalPars("targ") == "00966554"


def test_a_value_that_cannot_be_read_is_named_and_the_others_are_taken_over(canned, grb):
    canned.will(SUBMIT, accepted(timeslice="never", pccounts="many"))
    with pytest.warns(UserWarning, match="pccounts='many', timeslice='never'"):
        assert grb.submit()
    assert grb.getLightCurvePars("wtCounts") == 30
    assert grb.getGlobalPars("targ") == "00966554"


def test_a_submitted_request_cannot_be_changed_or_sent_again(running):
    changes = (
        running.submit,
        running.addImage,
        running.removeSpectrum,
        lambda: running.setLightCurvePars(pcCounts=1),
        lambda: running.removeLightCurvePar("pcCounts"),
        lambda: running.setGlobalPars(name="other"),
        lambda: setattr(running, "UserID", "you@example.org"),
        lambda: setattr(running, "LightCurve", running.LightCurve),
    )
    for change in changes:
        with pytest.raises(RuntimeError, match="submitted"):
            change()


def test_what_needs_a_job_is_refused_without_one(grb):
    for name in ("JobID", "URL", "jobPars", "complete"):
        with pytest.raises(RuntimeError, match="has not been submitted"):
            getattr(grb, name)
    for call in (grb.checkProductStatus, grb.cancelProducts, grb.wait, lambda: grb.downloadProducts("x")):
        with pytest.raises(RuntimeError, match="has not been submitted"):
            call()


def test_an_invalid_request_is_not_sent(canned, service):
    request = XRTProductRequest(ME, service=service)
    assert request.submit() is False
    assert str(request.submitError).startswith(
        "The request is not ready to submit:\n\nThe following problems were found:\n"
    )
    assert request.status[0] == 3
    assert canned.calls == []


def test_a_refusal_uses_python_names(canned, grb):
    complaint = {
        "label": "The following parameters have invalid values:",
        "list": ["poserr is 0.01, but must be between 1 and 6", "pccounts is -1"],
    }
    canned.will(SUBMIT, refused("There were problems with the parameters you supplied.", listErr=[complaint]))
    assert grb.submit() is False
    assert grb.submitError == (
        "There were problems with the parameters you supplied.\n"
        "The following parameters have invalid values:\n"
        "* posErr is 0.01, but must be between 1 and 6\n"
        "* LightCurve: pcCounts is -1\n"
    )
    assert isinstance(grb.failure, ServiceRejected)
    assert len(grb.failure.problems) == 2


def test_a_refused_request_can_be_fixed_and_sent_again(canned, grb):
    canned.will(SUBMIT, refused("No."), accepted())
    assert not grb.submit()
    grb.setGlobalPars(posErr=2)
    assert grb.submit()
    assert grb.submitError is None


# ---- a submission whose answer is lost -------------------------------------------------------------------------


def listed(job_id: int, **changes: Any) -> dict[str, Any]:
    products: dict[str, Any] = dict.fromkeys(("StandardPos", "EnhancedPos", "AstromPos", "Image"), False)
    entry = {"JobID": job_id, "Name": "GRB 200416A", "LightCurve": True, "Spectrum": True, **products, **changes}
    return {**entry, "DateSubmitted": "2020-07-07 14:05:17", "hasProd": False}


def job_list(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"OK": 1, "APIVersion": "1.12", "jobs": list(entries)}


def old_job(job_id: int, **changes: Any) -> dict[str, Any]:
    return {**accepted(str(job_id), **changes), "oldJob": job_id}


LOST = [GATEWAY_PAGE, DOWN, (500, {}, b""), (200, {}, b'{"OK": 1, "JobID"'), {"OK": 1}, {"APIVersion": "1.12"}]


@pytest.mark.parametrize("answer", LOST)
def test_a_job_whose_answer_was_lost_is_found_and_not_made_twice(canned, grb, answer):
    canned.will(SUBMIT, answer)
    canned.will("listOldJobs.php", job_list(listed(900)), job_list(listed(951), listed(900)))
    canned.will("getOldProduct.php", old_job(951))
    assert grb.submit() is True
    assert (grb.JobID, len(canned.asked(SUBMIT))) == (951, 1)
    assert [question["oldJob"] for question in canned.asked("getOldProduct.php")] == [951]
    assert grb.getGlobalPars("targ") == "00966554"


def test_a_job_that_appears_late_is_still_found(canned, grb, clock):
    before = clock.now()
    canned.will(SUBMIT, DOWN)
    canned.will("listOldJobs.php", job_list(), job_list(), job_list(), job_list(listed(951)))
    canned.will("getOldProduct.php", old_job(951))
    assert grb.submit()
    assert clock.now() - before == sum(jobs.LOOKS)


def test_if_no_job_came_of_it_the_submission_is_sent_again(canned, grb):
    canned.will(SUBMIT, DOWN, accepted())
    canned.will("listOldJobs.php", job_list(listed(900)))
    assert grb.submit()
    assert len(canned.asked(SUBMIT)) == 2
    assert len(canned.asked("listOldJobs.php")) == 1 + len(jobs.LOOKS)


@pytest.mark.parametrize(
    "other",
    [
        listed(951, Name="GK Per"),
        listed(951, Image=True),
        listed(951, LightCurve=False),
        listed(899),
    ],
)
def test_other_jobs_are_not_taken_for_the_lost_one(canned, grb, other):
    canned.will(SUBMIT, DOWN, accepted("952"))
    canned.will("listOldJobs.php", job_list(listed(900)), job_list(other, listed(900)))
    canned.will("getOldProduct.php", old_job(951))
    assert grb.submit()
    assert grb.JobID == "952"


def test_a_job_with_other_parameters_is_not_taken_for_the_lost_one(canned, grb):
    canned.will(SUBMIT, DOWN, accepted("952"))
    canned.will("listOldJobs.php", job_list(), job_list(listed(951)))
    canned.will("getOldProduct.php", old_job(951, pccounts="21"))
    assert grb.submit()
    assert grb.JobID == "952"


def test_two_jobs_that_both_fit_end_in_an_error_that_names_them(canned, grb):
    canned.will(SUBMIT, DOWN)
    canned.will("listOldJobs.php", job_list(), job_list(listed(952), listed(951)))
    canned.will("getOldProduct.php", old_job(952), old_job(951))
    assert grb.submit() is False
    assert isinstance(grb.failure, ServiceUnreachable)
    assert "jobs 952, 951 all fit" in grb.submitError
    assert len(canned.asked(SUBMIT)) == 1


def test_without_the_list_nothing_is_sent_again_and_the_next_submit_looks_first(canned, grb):
    canned.will(SUBMIT, DOWN)
    canned.will("listOldJobs.php", job_list(), DOWN)
    assert grb.submit() is False
    assert grb.failure.maybe_done
    assert grb.failure.after == 0
    canned.will("listOldJobs.php", job_list(listed(951)))
    canned.will("getOldProduct.php", old_job(951))
    assert grb.submit() is True
    assert (grb.JobID, len(canned.asked(SUBMIT))) == (951, 1)


def test_a_service_that_stays_away_ends_in_an_error_and_not_in_a_hang(canned, grb, service):
    canned.will(SUBMIT, DOWN)
    canned.will("listOldJobs.php", job_list())
    assert grb.submit() is False
    assert "no job has come of it so far" in grb.submitError
    assert len(canned.asked(SUBMIT)) == service.policy.attempts


def test_nothing_is_sent_if_the_list_cannot_be_fetched_before(canned, grb):
    canned.will("listOldJobs.php", DOWN)
    assert grb.submit() is False
    assert "nothing was sent" in grb.submitError
    assert not grb.failure.maybe_done
    assert canned.asked(SUBMIT) == []


def test_a_wrong_address_is_not_retried(canned, grb):
    assert grb.submit() is False
    assert isinstance(grb.failure, ContractBroken)
    assert "HTTP 404" in grb.submitError
    assert len(canned.asked(SUBMIT)) == 1


def test_the_list_is_asked_for_before_every_submission_so_that_no_old_job_is_taken_for_a_new_one(canned, service, grb):
    canned.will(SUBMIT, accepted("951"), DOWN)
    canned.will("listOldJobs.php", job_list(), job_list(listed(951)), job_list(listed(952), listed(951)))
    canned.will("getOldProduct.php", old_job(952))
    assert grb.submit(updateProds=False)
    again = XRTProductRequest(ME, JSONVals=grb.getJSONDict(), service=service)
    assert again.submit()
    assert (grb.JobID, again.JobID) == ("951", 952)


# ---- counting, listing, old jobs -------------------------------------------------------------------------------


def test_active_jobs_are_counted(canned, grb, service):
    canned.will("getNumJobs.php", {"OK": 1, "numJobs": 3, "APIVersion": 0.1})
    assert countActiveJobs(ME, service=service) == grb.countActiveJobs() == 3


def test_a_refused_count_is_an_error_and_never_a_number(canned, grb):
    canned.will("getNumJobs.php", refused(f"The user `{ME}` is not recognised / validated"))
    with pytest.raises(ServiceRejected, match="not recognised") as raised:
        grb.countActiveJobs()
    assert raised.value.operation == "getNumJobs.php"


@pytest.mark.parametrize("answer", [{"OK": 1}, {"OK": 1, "numJobs": None}, {"numJobs": 1}, [], "3"])
def test_a_count_that_is_not_a_number_breaks_the_contract(canned, grb, answer):
    canned.will("getNumJobs.php", (200, {}, json.dumps(answer).encode()))
    with pytest.raises(ContractBroken):
        grb.countActiveJobs()


def test_old_jobs_are_listed_as_the_service_has_them(canned, grb, service):
    canned.will("listOldJobs.php", job_list(listed(868), listed(7)))
    assert listOldJobs(ME, service=service) == grb.listOldJobs() == [listed(868), listed(7)]


def test_an_old_job_is_copied_to_be_submitted_again(canned, grb):
    canned.will("getOldProduct.php", old_job(868))
    grb.copyOldJob(868)
    assert not grb.submitted
    assert grb.isValid()[0]
    assert canned.asked("getOldProduct.php") == [
        {"UserID": ME, "oldJob": 868, "api_name": "xrt_prods", "api_version": "1.12"}
    ]


def test_a_request_can_become_an_old_job(canned, grb):
    canned.will("getOldProduct.php", old_job(868))
    canned.will("checkProductStatus.php", {**statuses(lc=4, spec=4), "JobID": 868})
    grb.copyOldJob(868, becomeThis=True)
    assert (grb.JobID, grb.complete, grb.jobPars["name"]) == (868, True, "GRB 200416A")
    with pytest.raises(RuntimeError, match="submitted"):
        grb.submit()


def test_a_strangers_job_leaves_the_request_as_it_was(canned, grb):
    canned.will("getOldProduct.php", refused("Job 147 is not owned by user frodo@mount.doom"))
    before = grb.getAllPars()
    with pytest.raises(ServiceRejected, match="not owned"):
        grb.copyOldJob(147)
    assert grb.getAllPars() == before


# ---- status ----------------------------------------------------------------------------------------------------


def test_status_is_given_by_long_name(canned, running):
    status = running.checkProductStatus()
    assert {name: entry["statusCode"] for name, entry in status.items()} == {"LightCurve": 3, "Spectrum": 2}
    assert status["LightCurve"]["progressText"] == "No progress information available"
    assert canned.asked("checkProductStatus.php")[-1]["what"] == "lc,spec"
    assert canned.asked("checkProductStatus.php")[-1]["whatProg"] == "lc,spec"


@pytest.mark.parametrize("what", ["LightCurve", "lc", ["LightCurve"], ("lc",)])
def test_single_products_can_be_asked_about(canned, running, what):
    assert list(running.checkProductStatus(what)) == ["LightCurve"]
    assert canned.asked("checkProductStatus.php")[-1]["what"] == "lc"


def test_a_product_that_was_not_requested_is_refused(running):
    with pytest.raises(ValueError, match="this request has no image"):
        running.checkProductStatus(["Image"])


def test_the_job_is_complete_once_every_product_has_ended_and_then_nothing_is_asked(canned, running):
    canned.will("checkProductStatus.php", statuses(lc=4, spec=5), statuses(lc=4, spec=-3))
    assert not running.complete
    assert running.complete
    asked = len(canned.calls)
    assert running.complete
    assert running.status[0] == 2
    assert len(canned.calls) == asked


def test_products_may_be_seen_to_end_one_by_one(canned, running):
    canned.will("checkProductStatus.php", statuses(lc=4), statuses(spec=-4))
    running.checkProductStatus(["lc"])
    assert running.statusCode == 1
    running.checkProductStatus(["spec"])
    assert running.statusCode == 2


@pytest.mark.parametrize("code", [None, -10])
def test_a_product_the_service_does_not_know_has_not_ended(canned, running, code):
    canned.will("checkProductStatus.php", statuses(lc=4, spec=code))
    assert running.checkProductStatus()["Spectrum"]["statusCode"] == -10
    assert not running.complete


def test_a_product_the_service_does_not_mention_has_code_minus_ten(canned, running):
    canned.will("checkProductStatus.php", statuses(lc=4))
    assert running.checkProductStatus()["Spectrum"]["statusCode"] == -10


def test_a_refused_status_is_an_error_so_that_no_loop_runs_for_ever(canned, running):
    canned.will("checkProductStatus.php", refused("Job 951 is not owned by user me@example.org"))
    with pytest.raises(ServiceRejected):
        running.complete  # noqa: B018 - asking is the point


PROGRESS = {
    "PreProgress": "Trying using the <em>v,b,white</em> filters:",
    "GotProgress": 1,
    "ProgressSteps": [
        {"StepLabel": "Prepare data.", "StepStatus": 2},
        {
            "StepLabel": "Build spectra.",
            "StepStatus": 1,
            "StepExtra": "Working on spectrum: interval0 (1/1)",
            "SubStep": [
                {"StepLabel": "Extract data.", "StepStatus": 1},
                {"StepLabel": "Fit spectrum.", "StepStatus": 0},
            ],
        },
    ],
    "TimeRunning": "00:00:08",
}


def test_progress_is_made_readable(canned, running):
    answer = statuses(lc=3, spec=3)
    answer["spec"]["progress"] = PROGRESS
    canned.will("checkProductStatus.php", answer)
    assert running.checkProductStatus()["Spectrum"]["progressText"] == (
        "Trying using the <em>v,b,white</em> filters:\n"
        "  Prepare data. - DONE\n"
        "  ** Build spectra. - ACTIVE -- Working on spectrum: interval0 (1/1)**\n"
        "    ** Extract data. - ACTIVE**\n"
        "    Fit spectrum.\n"
        "\nThe job has been running for 00:00:08\n"
    )


# ---- waiting ---------------------------------------------------------------------------------------------------


def test_waiting_asks_politely_and_returns_the_statuses(canned, running, clock):
    canned.will("checkProductStatus.php", *[statuses(lc=3, spec=3)] * 3, statuses(lc=4, spec=-3))
    began = clock.now()
    ended = running.wait(poll=60, growth=2)
    assert ended["Spectrum"]["statusCode"] == -3
    assert clock.now() - began == 60 + 120 + 240 + 480


def test_the_pauses_of_waiting_stop_growing(canned, running, clock):
    canned.will("checkProductStatus.php", *[statuses(lc=3, spec=3)] * 9, statuses(lc=4, spec=4))
    began = clock.now()
    running.wait(poll=60, growth=2, longest=100)
    assert clock.now() - began == 60 + 9 * 100


def test_patience_ends_at_the_second_and_the_job_lives_on(canned, running, clock):
    began = clock.now()
    with pytest.raises(WaitTimeout) as raised:
        running.wait(timeout=100, poll=60)
    assert clock.now() - began == 100
    assert raised.value.job_id == "951"
    canned.will("checkProductStatus.php", statuses(lc=4, spec=4))
    assert running.wait()
    assert running.complete


# ---- cancelling ------------------------------------------------------------------------------------------------


def cancelled(**codes: int) -> dict[str, Any]:
    ok = 1 if not any(codes.values()) else 2
    texts = {short: "Job cancelled OK" if code == 0 else "Job could not be cancelled" for short, code in codes.items()}
    return {"JobID": 951, "OK": ok, "APIVersion": "1.12", "status": texts, "statusCodes": codes}


def test_cancelled_products_are_returned_by_long_name(canned, running):
    canned.will("canceljob.php", cancelled(lc=0))
    assert running.cancelProducts(["LightCurve"]) == (1, {"LightCurve": {"code": 0, "text": "Job cancelled OK"}})


def test_cancelling_in_part_is_two(canned, running):
    canned.will("canceljob.php", cancelled(lc=1, spec=0))
    ok, outcome = running.cancelProducts()
    assert (ok, outcome["LightCurve"]["code"], outcome["Spectrum"]["code"]) == (2, 1, 0)


def test_cancelling_after_the_end_is_answered_by_the_service(canned, running):
    canned.will("checkProductStatus.php", statuses(lc=4, spec=4))
    assert running.complete
    canned.will("canceljob.php", cancelled(lc=1, spec=1))
    assert running.cancelProducts()[0] == 2


def test_a_refused_cancel_is_zero(canned, running):
    canned.will("canceljob.php", refused("Job 147 is not owned by user frodo@mount.doom"))
    assert running.cancelProducts() == (0, {"ERROR": "Job 147 is not owned by user frodo@mount.doom\n"})


def test_a_cancel_without_a_usable_answer_is_minus_one(canned, running):
    canned.will("canceljob.php", DOWN)
    ok, outcome = running.cancelProducts()
    assert ok == -1
    assert "HTTP 503" in outcome["ERROR"]


def test_a_cancel_whose_answer_was_lost_still_counts(canned, running):
    canned.will("canceljob.php", DOWN, cancelled(lc=1, spec=1))
    canned.will("checkProductStatus.php", statuses(lc=-4, spec=4))
    ok, outcome = running.cancelProducts()
    assert (ok, outcome["LightCurve"]["code"], outcome["Spectrum"]["code"]) == (2, 0, 1)


# ---- repeating -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [GATEWAY_PAGE, DOWN, (429, {}, b""), (502, {}, b""), (200, {}, b'{"OK": 1')])
def test_a_question_is_repeated_when_no_answer_comes(canned, grb, answer):
    canned.will("getNumJobs.php", answer, answer, {"OK": 1, "numJobs": 2})
    assert grb.countActiveJobs() == 2
    assert len(canned.asked("getNumJobs.php")) == 3


def test_a_refusal_is_not_repeated(canned, grb):
    canned.will("getNumJobs.php", refused("No."))
    with pytest.raises(ServiceRejected):
        grb.countActiveJobs()
    assert len(canned.asked("getNumJobs.php")) == 1


@pytest.mark.parametrize("after", ["100", "Sun, 13 Sep 2020 12:28:20 GMT"])
def test_the_service_says_when_to_come_back(canned, grb, clock, after):
    headers = {"Retry-After": after, "Date": "Sun, 13 Sep 2020 12:26:40 GMT"}
    canned.will("getNumJobs.php", (503, headers, b""), {"OK": 1, "numJobs": 2})
    began = clock.now()
    assert grb.countActiveJobs() == 2
    assert clock.now() - began == 100


def test_a_service_that_is_gone_for_hours_is_not_waited_for(canned, grb, clock):
    canned.will("getNumJobs.php", (503, {"Retry-After": "86400"}, b""))
    began = clock.now()
    with pytest.raises(ServiceUnreachable) as raised:
        grb.countActiveJobs()
    assert raised.value.retry_after == 86400
    assert clock.now() == began


def test_an_answer_without_a_version_is_an_answer(canned, grb):
    canned.will("getNumJobs.php", {"OK": 1, "numJobs": 0})
    assert grb.countActiveJobs() == 0


def test_a_notice_of_the_service_is_shown_once(canned, grb, monkeypatch):
    monkeypatch.setattr(jobs, "_warned", set())
    notice = {"type": "old", "message": "Please use another call"}
    canned.will("getNumJobs.php", {"OK": 1, "numJobs": 0, "deprecationWarning": notice})
    with pytest.warns(FutureWarning, match="Please use another call"):
        grb.countActiveJobs()
    assert grb.countActiveJobs() == 0
