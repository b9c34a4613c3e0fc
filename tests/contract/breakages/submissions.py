"""A submission is read, judged or echoed wrongly."""

from __future__ import annotations

from tests.contract.broken import (
    DEFAULTS,
    DEMANDED,
    HTML,
    NEW,
    RANGE,
    REFUSAL,
    RESOLVED,
    breaks,
    echoes,
    gives,
    sets,
)


@breaks(
    "no job is accepted",
    "run_userobject",
    "jobs_are_private",
    "jobs_are_remembered_as_they_were_submitted",
    "what_was_cancelled_stays_cancelled",
    "a_new_job_has_just_begun",
    incoming=True,
)
def _closed(call, _server):
    call.body = {"OK": 0, "ERROR": "Closed for the night", "APIVersion": "1.12"}
    call.headers = {"Content-Type": HTML}


@breaks("JobID of a submission is a number", "run_userobject", *NEW)
def _number(call, _server):
    if call.done:
        call.body["JobID"] = int(call.body["JobID"])


@breaks("URL ends in a slash", "run_userobject", *NEW)
def _slash(call, _server):
    if call.done:
        call.body["URL"] += "/"


@breaks("URL is that of another job", "run_userobject", *NEW)
def _other(call, _server):
    if call.done:
        call.body["URL"] = call.body["URL"].rsplit("_", 1)[0] + "_99"


sets("a submission is answered without jobPars", "run_userobject", *NEW, jobPars=...)
sets("a submission is answered without URL", "run_userobject", *NEW, URL=...)
echoes("lcobs is echoed as 0", *DEFAULTS, lcobs=0)
echoes("centMeth is echoed as a code", *DEFAULTS, centMeth=2)
echoes("product flags are echoed as text", *DEFAULTS, lc="1")
echoes("positions are echoed as numbers", *DEFAULTS, RA=335.6985)
echoes("models are echoed as text", *DEFAULTS, models="powerlaw")
echoes("empty choices are echoed as null", *DEFAULTS, uselcobs=None)
echoes("minsnr has another default", *DEFAULTS, minsnr=2.4)
echoes("lctimetype is not echoed", *DEFAULTS, lctimetype=...)
echoes("hrbin is 1 for every binning", *DEFAULTS, hrbin=1)
echoes("doNotFit is on by default", *DEFAULTS, doNotFit=1)
echoes("the pile-up rates are swapped", *DEFAULTS, wtpuprate=0.6, pcpuprate=150)
echoes("the name is not echoed as given", *DEFAULTS, name="Something else")
echoes("a given value is replaced by the default", "values_that_are_allowed_are_taken_and_echoed", binMeth="counts")
echoes("getTargs is left in for the official client", *RESOLVED, getTargs=1)
echoes("getTargs is taken out for raw callers", *RESOLVED, getTargs=...)
echoes("coordinates are not worked out", *RESOLVED, RA="1.0", Dec="2.0")


@breaks("poserr 6 is refused", "run_userobject", *RANGE, incoming=True)
def _upper(call, _server):
    if isinstance(call.request, dict) and call.request.get("poserr") == 6:
        call.request = {**call.request, "poserr": 7}


@breaks("poserr above 6 is accepted", "run_userobject", *RANGE, incoming=True)
def _above(call, _server):
    if isinstance(call.request, dict) and call.request.get("poserr") in (6.01, 60):
        call.request = {**call.request, "poserr": 6}


@breaks("declination is not checked", "run_userobject", *RANGE, incoming=True)
def _dec(call, _server):
    if isinstance(call.request, dict) and abs(float(call.request.get("Dec") or 0)) > 90:
        call.request = {**call.request, "Dec": 0}


gives("cent has a default", *DEMANDED, cent=1)
gives("poserr has a default", *DEMANDED, poserr=1)
gives("dynamic has a default", *DEMANDED, dynamic=1)
gives("a request without a product gets an image", "a_request_without_a_product_is_refused", image=1)


@breaks("empty text counts as given", "run_userobject", *DEMANDED, incoming=True)
def _empty(call, _server):
    if isinstance(call.request, dict) and call.request.get("binMeth") == "":
        call.request = {**call.request, "binMeth": "obsid"}


@breaks("what is missing is listed, what is invalid is not", "run_userobject", *REFUSAL)
def _first(call, _server):
    if call.refused and "listErr" in call.body:
        call.body["listErr"] = call.body["listErr"][:1]


@breaks("problems are listed under the wrong label", "run_userobject", *REFUSAL)
def _labels(call, _server):
    for problems in call.body.get("listErr", []) if call.refused else []:
        problems["label"] = "The following parameters have invalid values:"


@breaks("problems are a text instead of a list", "run_userobject", *REFUSAL)
def _text(call, _server):
    for problems in call.body.get("listErr", []) if call.refused else []:
        problems["list"] = ", ".join(problems["list"])


@breaks("problems do not name the parameter", "run_userobject", *RANGE)
def _unnamed(call, _server):
    for problems in call.body.get("listErr", []) if call.refused else []:
        problems["list"] = ["One of your parameters is wrong"]


@breaks(
    "unknown words fall back to the default",
    "run_userobject",
    "values_that_are_not_allowed_are_refused_and_named",
    incoming=True,
)
def _tolerant(call, _server):
    if isinstance(call.request, dict):
        call.request = {k: v for k, v in call.request.items() if v != "nonsense" or k in {"binMeth", "UserID"}}


@breaks("codes are not understood", "run_userobject", "values_that_are_allowed_are_taken_and_echoed", incoming=True)
def _codes(call, _server):
    if isinstance(call.request, dict) and call.request.get("centMeth") == "3":
        call.request = {**call.request, "centMeth": "code"}


@breaks(
    "an old spelling is ignored",
    "run_userobject",
    "every_spelling_is_taken_and_echoed_under_the_wire_name",
    incoming=True,
)
def _spelling(call, _server):
    if isinstance(call.request, dict):
        call.request = {k: v for k, v in call.request.items() if k != "allowBayes"}


@breaks(
    "numbers as text are refused", "run_userobject", "numbers_may_be_text_and_switches_may_be_booleans", incoming=True
)
def _numeric(call, _server):
    if isinstance(call.request, dict) and isinstance(call.request.get("RA"), str):
        call.request = {**call.request, "RA": "north"}


@breaks("unknown keys are refused", "run_userobject", "unknown_keys_are_ignored")
def _strict(call, _server):
    if isinstance(call.request, dict) and "unknown_key" in call.request:
        call.body = {"OK": 0, "ERROR": "Unknown key", "APIVersion": "1.12"}


@breaks("targets in braces are refused", "run_userobject", "job_parameters_may_be_sent_back_whole", incoming=True)
def _braces(call, _server):
    if isinstance(call.request, dict) and "{" in str(call.request.get("targ")):
        call.request = {**call.request, "targ": "nonsense"}


@breaks("an astrometric position comes without the standard one", "run_userobject", *DEFAULTS)
def _alone(call, _server):
    if call.done:
        call.body["jobPars"]["dopsf"] = 0


@breaks("the same request twice is one job", "run_userobject", "every_submission_is_a_new_job")
def _same(call, server):
    if call.done:
        call.body = server.memory.setdefault("first", call.body)


@breaks("unknown object names are accepted", "run_userobject", *RESOLVED, incoming=True)
def _anybody(call, _server):
    if isinstance(call.request, dict) and "no such" in str(call.request.get("name")):
        call.request = {**call.request, "name": "GK Per"}


@breaks("the limit of active jobs is one too high", "changeScenario", "the_limit_of_active_jobs_holds", incoming=True)
def _limit(call, _server):
    call.request = {key: value + 1 for key, value in call.request.items()}


@breaks("the limit of active jobs is one too low", "changeScenario", "the_limit_of_active_jobs_holds", incoming=True)
def _tight(call, _server):
    call.request = {key: value - 1 for key, value in call.request.items()}


@breaks("a changed default also changes old jobs", "getOldProduct", "a_changed_default_holds_for_new_jobs_only")
def _retroactive(call, _server):
    if call.done:
        call.body["jobPars"]["minsnr"] = 2.4


@breaks("old jobs are shown with the defaults of today", "*", "a_changed_default_holds_for_new_jobs_only")
def _of_today(call, server):
    if call.done and call.operation == "run_userobject":
        server.memory["minsnr"] = call.body["jobPars"]["minsnr"]
    elif call.done and call.operation == "getOldProduct":
        call.body["jobPars"]["minsnr"] = server.memory["minsnr"]
