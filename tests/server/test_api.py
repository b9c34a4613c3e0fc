"""The documented answers, asked in process: envelopes, refusals, versions, pages instead of answers."""

import json
from typing import Any

import pytest

from mock_server import Simulator
from mock_server.core.faults import OPERATIONS as FAULTABLE
from mock_server.web.api import OPERATIONS
from tests.server.test_statistics import table

from .conftest import ANOTHER_USER, EXACT, IMAGE, LIGHT_CURVE, ME, POSITIONS, Asker

NOT_JSON = "The data supplied were not valid JSON."
PROBLEMS = "There were problems with the parameters you supplied."
NEEDED = "The following parameters are needed, but were not supplied:"
INVALID = "The following parameters have invalid values:"
ADDRESSES = [
    "run_userobject.php",
    "canceljob.php",
    "checkProductStatus.php",
    "getNumJobs.php",
    "listOldJobs.php",
    "getOldProduct.php",
    "tprods/getPSFPos.php",
    "tprods/getEnhPos.php",
    "tprods/getXastromPos.php",
    "tprods/getAstromPos.php",
    "tprods/getSourceDetResults.php",
    "tprods/getLCData.php",
    "tprods/getSpecData.php",
]
ABOUT_A_JOB = [address for address in ADDRESSES if address.startswith(("tprods", "cancel", "check"))]


# whatever is sent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/user_objects/nothing.php", "/nothing", "/user_objects/tprods/getNothing.php", "/"])
def test_a_wrong_path_is_the_documented_page(ask, method, path):
    answer = ask.raw(method, path)
    assert answer.status_code == 404
    assert answer.mimetype == "text/html"
    assert "<title>UKSSDC | 404 page not found</title>" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "body",
    [b"", b"UserID=me", b"[1, 2]", b'"text"', b"3", b"null", b"{", b'{"a": NaN}', b'{"a": Infinity}', b"\xff\xfe",
     b'{"UserID": "\\ud800@example.org"}', b'{"UserID": "\xed\xa0\x80@example.org"}', b"[" * 10**5, b"1" * 10**5],
    ids=lambda body: repr(body[:20]),
)  # fmt: skip
def test_a_body_that_is_no_json_object_is_refused_with_status_200(ask, body):
    for address in ADDRESSES:
        answer = ask.raw("POST", f"/user_objects/{address}", data=body)
        assert (answer.status_code, answer.content_type) == (200, "text/html; charset=UTF-8")
        assert json.loads(answer.data) == {"OK": 0, "ERROR": NOT_JSON, "APIVersion": "1.12"}, address


def test_a_get_counts_as_an_empty_body(ask):
    for address in ADDRESSES:
        answer = ask.raw("GET", f"/user_objects/{address}")
        assert (answer.status_code, json.loads(answer.data)["ERROR"]) == (200, NOT_JSON), address


@pytest.mark.parametrize(
    "label",
    ["application/json", "application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", None],
)
def test_the_label_of_the_body_does_not_matter(ask, label):
    body = json.dumps(IMAGE)  # `curl --data` labels it as a form
    answer = ask.raw("POST", "/user_objects/run_userobject.php", data=body, content_type=label)
    assert json.loads(answer.data)["JobID"] == "1"


def test_an_answer_is_one_line_of_compact_json(ask):
    answer = ask.raw("POST", "/user_objects/getNumJobs.php", data=json.dumps({"UserID": ME}))
    assert answer.data == b'{"OK":1,"numJobs":0,"APIVersion":"1.12"}'


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_get_a_page_that_names_the_right_ones(ask, method):
    answer = ask.raw(method, "/user_objects/getNumJobs.php", data="{}")
    assert answer.status_code == 405
    assert answer.mimetype == "text/html"
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize(("over", "ok"), [(-1, 1), (0, 1), (1, 0)])
def test_a_body_above_1_mib_is_refused_and_one_of_1_mib_answered(ask, over, ok):
    start, end = f'{{"UserID":"{ME}","pad":"', '"}'
    body = start + "x" * ((1 << 20) + over - len(start) - len(end)) + end
    answer = ask.raw("POST", "/user_objects/getNumJobs.php", data=body)
    assert json.loads(answer.data)["OK"] == ok
    assert answer.status_code == 200


@pytest.mark.parametrize("user", [["a"], {"a": 1}, 7, True, "no address", "a@b", "x" * 1000, "a@b.c@d.e", "", "a@b..c"])
def test_an_unreadable_user_is_no_user(ask, user):
    for address in ADDRESSES:
        answer = ask(address, IMAGE, UserID=user, JobID=1, oldJob=1, what="lc")
        assert answer["OK"] == 0, f"{address} took {user!r} for a user"


def test_falsy_users_are_not_taken_for_missing_ones(ask):
    falsy: list[Any] = [0, False, 0.0, [], {}]
    for user in falsy:
        assert ask("run_userobject.php", IMAGE, UserID=user)["OK"] == 0


# who asks, and about what ----------------------------------------------------------------------------------------


def test_an_unregistered_user_gets_the_documented_sentence(make_sim):
    ask = Asker(make_sim(users="registered"))
    words = "The user `NO-ONE@example.org` is not recognised / validated"
    for address in ADDRESSES:
        answer = ask(address, IMAGE, UserID="NO-ONE@example.org", JobID=1, oldJob=1, what="lc")
        assert answer == {"OK": 0, "ERROR": words, "APIVersion": "1.12"}, address


def test_a_strangers_job_is_refused_with_the_documented_sentence(ask):
    job_id = ask.submit(UserID=ANOTHER_USER)
    for address in (*ABOUT_A_JOB, "getOldProduct.php"):
        answer = ask(address, JobID=job_id, oldJob=job_id, what="image")
        assert answer == {"OK": 0, "ERROR": f"Job {job_id} is not owned by user {ME}", "APIVersion": "1.12"}, address


@pytest.mark.parametrize("number", [0, 99, "99", 10**14])
def test_a_job_that_does_not_exist_is_refused(ask, number):
    for address in (*ABOUT_A_JOB, "getOldProduct.php"):
        answer = ask(address, JobID=number, oldJob=number, what="image")
        assert (answer["OK"], answer["ERROR"]) == (0, f"Job {number} does not exist"), address


@pytest.mark.parametrize("number", [-1, 1.5, "one", "1.0", True, [1], {"a": 1}, 10**30, "9" * 5000, "\u0967"])
def test_a_number_that_is_missing_is_an_invalid_parameter(ask, number):
    for address in ABOUT_A_JOB:
        answer = ask(address, JobID=number, what="image")
        assert answer["ERROR"] == PROBLEMS
        assert answer["listErr"][0]["label"] == INVALID
        assert answer["listErr"][0]["list"][0].startswith("JobID is ")


@pytest.mark.parametrize("number", [None, "", " ", []])
def test_a_missing_number_is_named(ask, number):
    for address in ABOUT_A_JOB:
        assert ask(address, what="image", JobID=number)["listErr"] == [{"label": NEEDED, "list": ["JobID"]}]


def test_a_missing_user_is_named(ask):
    for address in ADDRESSES[1:]:
        answer = ask.raw("POST", f"/user_objects/{address}", data='{"JobID": 1, "oldJob": 1, "what": "lc"}')
        assert json.loads(answer.data)["listErr"] == [{"label": NEEDED, "list": ["UserID"]}]


@pytest.mark.parametrize("number", ["{}", "0{}"])
def test_a_job_number_may_come_as_text(ask, number):
    job_id = ask.submit()
    answer = ask("checkProductStatus.php", JobID=number.format(job_id), what="image")
    assert (answer["OK"], answer["JobID"]) == (1, job_id)


# submitting ------------------------------------------------------------------------------------------------------


def test_poserr_out_of_range_and_a_missing_parameter_are_shown_at_once(ask):
    answer = ask("run_userobject.php", IMAGE, name=None, cent=1, poserr=0.01, lc=1)
    assert answer["OK"] == 0
    assert answer["ERROR"] == PROBLEMS
    assert [entry["label"] for entry in answer["listErr"]] == [NEEDED, INVALID]
    assert "name" in answer["listErr"][0]["list"]
    assert "binMeth" in answer["listErr"][0]["list"]
    assert answer["listErr"][1]["list"] == ["poserr is 0.01, but must be between 1 and 6"]


def test_a_submission_is_answered_in_the_documented_order_with_the_number_as_text(ask):
    answer = ask("run_userobject.php", IMAGE)
    assert list(answer) == ["OK", "URL", "JobID", "APIVersion", "jobPars"]
    assert answer["URL"] == "https://www.swift.ac.uk/user_objects/tprods/USERPROD_1"
    assert answer["JobID"] == "1"
    assert ask("run_userobject.php", IMAGE)["JobID"] == "2"


def test_job_pars_begin_with_the_callers_keys_in_the_callers_order(ask):
    sent = {"image": 1, "Dec": 43.9043, "targ": "00966554", "name": "GK Per", "RA": 52.8}
    assert list(ask("run_userobject.php", sent)["jobPars"])[:6] == ["UserID", *sent]


@pytest.mark.parametrize(("api_name", "shown"), [(None, True), ("xrt_prods", False)])
def test_resolving_switches_are_shown_to_raw_callers_alone(ask, api_name, shown):
    answer = ask("run_userobject.php", IMAGE, getCoords=1, getTargs=1, api_name=api_name)
    assert ("getCoords" in answer["jobPars"], "getTargs" in answer["jobPars"]) == (shown, shown)


@pytest.mark.parametrize(
    ("name", "words"), [("no such thing", "Could not resolve the object name."), ("GK Per", None)]
)  # fmt: skip
def test_a_name_that_cannot_be_resolved_refuses_the_submission(ask, name, words):
    assert ask("run_userobject.php", IMAGE, name=name, getCoords=1).get("ERROR") == words


def test_a_request_without_products_is_refused(ask):
    assert ask("run_userobject.php", IMAGE, image=0)["ERROR"] == "No products were requested."


def test_the_limit_is_shown_in_the_refusal(make_sim):
    ask = Asker(make_sim(settings={"limits.active_jobs": 1}))
    ask.submit()
    answer = ask("run_userobject.php", IMAGE)
    assert answer["ERROR"] == "You have too many jobs in the queue (maximum 1)."
    assert "listErr" not in answer


def test_user_then_parameters_then_limit_are_checked_in_this_order(make_sim):
    ask = Asker(make_sim(settings={"limits.active_jobs": 0}))
    assert "recognised" in ask("run_userobject.php", UserID="no-address")["ERROR"]
    assert ask("run_userobject.php", IMAGE, name="")["ERROR"] == PROBLEMS
    assert "too many" in ask("run_userobject.php", IMAGE, name="no such thing", getCoords=1)["ERROR"]


# status, cancel, count, list, old parameters ---------------------------------------------------------------------


def test_a_status_has_an_entry_for_every_name_in_the_order_asked(ask):
    job_id = ask.submit(POSITIONS)
    answer = ask("checkProductStatus.php", JobID=job_id, what="xastrom,psf,lc,nonsense")
    assert list(answer) == ["xastrom", "psf", "lc", "nonsense", "OK", "JobID", "APIVersion"]
    assert answer["psf"] == {"statusCode": 1, "statusText": "Requested", "progress": {"GotProgress": 0}}
    unknown = {"statusCode": None, "statusText": "Unknown status", "progress": {"GotProgress": 0}}
    assert answer["lc"] == answer["nonsense"] == unknown


def test_progress_comes_for_running_products_named_in_what_prog(sim, ask):
    job_id = ask.submit(POSITIONS)
    sim.clock.advance(20)
    answer = ask("checkProductStatus.php", JobID=job_id, what="psf,enh", whatProg="enh")
    assert answer["psf"]["progress"] == {"GotProgress": 0}
    assert answer["enh"]["progress"]["GotProgress"] == 1
    assert answer["enh"]["progress"]["TimeRunning"] == "00:00:15"
    assert [step["StepStatus"] for step in answer["enh"]["progress"]["ProgressSteps"]] == [2, 1, 0]


def test_status_and_cancel_need_names(ask):
    job_id = ask.submit()
    for address in ("checkProductStatus.php", "canceljob.php"):
        for what in (None, "", ",", " , "):
            assert ask(address, JobID=job_id, what=what)["listErr"] == [{"label": NEEDED, "list": ["what"]}]
        assert ask(address, JobID=job_id, what=["image"])["listErr"][0]["label"] == INVALID
        assert ask(address, JobID=job_id, what=",".join(f"n{i}" for i in range(65)))["OK"] == 0


def test_cancelling_everything_is_shown_as_done(ask):
    job_id = ask.submit(LIGHT_CURVE, image=1)
    assert ask("canceljob.php", JobID=job_id, what="lc,image") == {
        "JobID": job_id,
        "OK": 1,
        "status": {"lc": "Job cancelled OK", "image": "Job cancelled OK"},
        "statusCodes": {"lc": 0, "image": 0},
        "APIVersion": "1.12",
    }
    assert ask.codes(job_id, "lc,image") == [-4, -4]


def test_cancelling_in_part_is_shown_as_partly_done(ask):
    job_id = ask.submit(LIGHT_CURVE, image=1)
    ask("canceljob.php", JobID=job_id, what="lc")
    answer = ask("canceljob.php", JobID=job_id, what="image,lc,spec,nonsense")
    assert answer["OK"] == 2
    assert answer["statusCodes"] == {"image": 0, "lc": 1, "spec": 2, "nonsense": 2}
    assert answer["status"]["lc"] == "Job could not be cancelled - has it already finished?"


def test_a_count_follows_the_statuses(sim, ask):
    job_id = ask.submit()
    assert ask("getNumJobs.php")["numJobs"] == 1
    while ask.codes(job_id, "image") != [4]:
        assert ask("getNumJobs.php")["numJobs"] == 1
        sim.clock.advance(5)
    assert ask("getNumJobs.php")["numJobs"] == 0


def test_the_list_has_the_documented_keys_newest_first(ask):
    first, second = ask.submit(LIGHT_CURVE), ask.submit(POSITIONS, name="FO Aqr")
    answer = ask("listOldJobs.php")
    assert [job["JobID"] for job in answer["jobs"]] == [second, first]
    assert answer["jobs"][1] == {
        "JobID": first,
        "Name": "GRB 200416A",
        "DateSubmitted": "2026-03-02 09:00:00",
        "LightCurve": True,
        "Spectrum": False,
        "StandardPos": False,
        "EnhancedPos": False,
        "AstromPos": False,
        "Image": False,
        "hasProd": True,
    }


def test_a_user_without_jobs_has_an_empty_list(ask):
    assert ask("listOldJobs.php")["jobs"] == []


@pytest.mark.parametrize("form", [int, str])
def test_old_parameters_are_those_answered_at_submission(ask, form):
    submitted = ask("run_userobject.php", LIGHT_CURVE)
    answer = ask("getOldProduct.php", oldJob=form(submitted["JobID"]))
    assert answer["oldJob"] == 1
    assert (answer["jobPars"], answer["URL"]) == (submitted["jobPars"], submitted["URL"])


def test_addresses_are_compared_without_case(ask):
    job_id = ask.submit()
    assert ask("getNumJobs.php", UserID=ME.upper())["numJobs"] == 1
    assert ask.codes(job_id, "image", UserID=ME.title()) == [1]


@pytest.mark.parametrize("address", [a for a in ABOUT_A_JOB if a.startswith("tprods")])
def test_what_is_not_ready_is_refused(ask, address):
    job_id = ask.submit(POSITIONS | {"lc": 1} | {k: v for k, v in LIGHT_CURVE.items() if k not in POSITIONS})
    answer = ask(address, JobID=job_id)
    assert answer["OK"] == 0
    assert answer["ERROR"].startswith("The ")
    assert answer["ERROR"].endswith(" is not complete")


# main.php --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["getObsByTarg", "", "rebinlightcurve", None, 3, ["a"]])
def test_functions_of_main_that_are_none_fail_without_ok(ask, function):
    answer = ask.main(function)
    assert "OK" not in answer
    assert (answer["ERROR"], answer["APIVersion"]) == (1, "1.0.5")
    assert "not known here" in answer["ERRORTEXT"]


@pytest.mark.parametrize(
    ("function", "key"),
    [("rebinLightCurve", "objectID"), ("checkRebinStatus", "JobID"), ("cancelRebin", "JobID"),
     ("downloadLightCurve", "objectID")],
)  # fmt: skip
def test_failures_of_main_have_no_ok(ask, function, key):
    for number, words in ((None, f"{key} is needed"), ("x", f"{key} is"), (99, "Job 99 does not exist")):
        kind = {"rebinLightCurve": "UOB_LC", "downloadLightCurve": "REBIN_LC"}.get(function)
        answer = ask.main(function, **{key: number, "type": kind})
        assert "OK" not in answer
        assert words in answer["ERRORTEXT"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{"])
def test_a_body_of_main_that_is_no_json_object_fails_in_its_envelope(ask, body):
    answer = json.loads(ask.raw("POST", "/API/main.php", data=body).data)
    assert answer == {"ERROR": 1, "ERRORTEXT": NOT_JSON, "APIVersion": "1.0.5"}


def test_a_light_curve_that_is_not_complete_cannot_be_binned_anew(ask):
    answer = ask.main("rebinLightCurve", type="UOB_LC", objectID=ask.submit(LIGHT_CURVE), binMeth="obsid")
    assert "is not complete" in answer["ERRORTEXT"]


# versions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [1.0, 1.5, "1.6", "1.10", "1.12", "2.3", None])
def test_the_version_can_mirror_the_caller(make_sim, sent):
    ask = Asker(make_sim(settings={"api.mirror_caller": True}))
    answer = ask("getNumJobs.php", api_name="xrt_prods", api_version=sent)
    assert answer["APIVersion"] == str(sent or "1.12")


@pytest.mark.parametrize("sent", [1, "1", True, "one", "1.2.3.4", "-1.0", [1, 2], "", " ", "1." * 99, "\u0663.\u0661"])
def test_a_version_no_client_could_read_is_never_mirrored(make_sim, sent):
    ask = Asker(make_sim(settings={"api.mirror_caller": True}))
    assert ask("getNumJobs.php", api_version=sent)["APIVersion"] == "1.12"


def test_the_version_changes_at_the_exact_second(make_sim):
    sim = make_sim("api-upgrade")
    ask, days = Asker(sim), 86400.0
    sim.clock.advance(14 * days - 0.5)
    assert ask("getNumJobs.php")["APIVersion"] == "1.12"
    sim.clock.advance(0.5)
    assert ask("getNumJobs.php")["APIVersion"] == "1.13"


DEPRECATION = {"api.deprecation_message": "It will go.", "api.deprecation_type": "light curves"}


@pytest.mark.parametrize(
    ("version", "warned"), [("1.9", False), (1.5, False), ("1.10", True), ("1.12", True), (None, True)]
)
def test_deprecation_is_shown_to_versions_from_1_10(make_sim, version, warned):
    ask = Asker(make_sim(settings=DEPRECATION))
    shown = ask("getNumJobs.php", api_version=version).get("deprecationWarning")
    assert shown == ({"type": "light curves", "message": "It will go."} if warned else None)


def test_deprecation_is_never_shown_with_source_lists(make_sim):
    ask = Asker(make_sim(settings=DEPRECATION))
    assert "deprecationWarning" not in ask("tprods/getSourceDetResults.php", JobID=1)


def test_deprecation_is_shown_with_refusals(make_sim):
    ask = Asker(make_sim(settings=DEPRECATION))
    assert "deprecationWarning" in ask("getNumJobs.php", UserID="no-address")


# outages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/user_objects/getNumJobs.php", "/API/main.php", "/user_objects/register.php", "/nothing"]
)
def test_during_an_outage_every_call_gets_a_page(make_sim, path):
    ask = Asker(make_sim(settings={"service.available": False}))
    answer = ask.raw("POST", path, data="{}")
    assert (answer.status_code, answer.mimetype) == (503, "text/html")


def test_during_an_outage_the_controls_answer(make_sim):
    assert Asker(make_sim(settings={"service.available": False})).control("GET", "health") == {"status": "ok"}


def test_calls_during_an_outage_are_in_the_journal_under_their_names(make_sim):
    sim = make_sim(settings={"service.available": False})
    Asker(sim).raw("POST", "/user_objects/getNumJobs.php", data="{}")
    Asker(sim).raw("GET", "/user_objects/tprods/USERPROD_1/lc.zip")
    assert [(e.operation, e.outcome) for e in sim.journal] == [("getNumJobs", "outage"), ("downloadProduct", "outage")]


# the journal -----------------------------------------------------------------------------------------------------


def test_each_call_leaves_an_entry(sim, ask):
    job_id = ask.submit()
    ask("canceljob.php", JobID=job_id, what="nonsense")
    ask("getNumJobs.php", UserID="no-address")
    ask.raw("GET", "/nothing")
    assert [(e.operation, e.user, e.job_id, e.outcome, e.status) for e in sim.journal] == [
        ("run_userobject", ME, 1, "ok", 200),
        ("canceljob", ME, 1, "partial", 200),
        ("getNumJobs", "no-address", None, "refused", 200),
        ("unknown", "", None, "missing", 404),
    ]


def test_a_refusal_is_explained_in_the_journal(sim, ask):
    ask("run_userobject.php", IMAGE, cent=1, poserr=0.01)
    assert "poserr is 0.01, but must be between 1 and 6" in sim.journal[0].detail


def test_the_journal_names_the_wire_name_of_what_was_ignored(sim, ask):
    ask("run_userobject.php", LIGHT_CURVE | {"pccounts": None, "pcCounts": 20})
    assert "`pcCounts` is a python name; the service calls it `pccounts`" in sim.journal[0].detail


def test_every_operation_can_be_made_to_fail():
    assert set(OPERATIONS) <= set(FAULTABLE)


def test_two_simulators_of_one_seed_answer_alike():
    def answers() -> list[object]:
        with Simulator(settings=EXACT | {"durations.scatter": 0.5}, seed=7) as sim:
            ask = Asker(sim)
            return [ask("run_userobject.php", LIGHT_CURVE), sim.clock.advance(60), ask.codes(1, "lc")]

    assert answers() == answers()


@pytest.mark.parametrize("row", table("real/job_numbers.csv"), ids=lambda row: row["job"])
def test_real_job_numbers_are_job_numbers_here(ask, row):
    """The service had some 320,000 jobs by 2026; programs keep their numbers."""
    for sent in (row["job"], int(row["job"])):
        answer = ask("checkProductStatus.php", JobID=sent, what="lc")
        assert answer["OK"] == 0
        assert row["job"] in answer["ERROR"]
        assert INVALID not in answer["ERROR"]
