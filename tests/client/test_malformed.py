"""Answers outside the contract: each ends in ContractBroken that names place and value, and no job is forgotten."""

import json
from typing import Any

import pytest

from xrt_client import ContractBroken, XRTProductRequest

from .conftest import ME, accepted, refused, statuses
from .test_jobs import SUBMIT, job_list, listed, old_job

STATUS, LIST, OLD, CANCEL = "checkProductStatus.php", "listOldJobs.php", "getOldProduct.php", "canceljob.php"
PSF, SOURCES = "tprods/getPSFPos.php", "tprods/getSourceDetResults.php"
CURVE, SPECTRA = "tprods/getLCData.php", "tprods/getSpecData.php"
GOOD: dict[str, dict[str, Any]] = {
    LIST: job_list(listed(868)),
    "getNumJobs.php": {"OK": 1, "numJobs": 2},
    OLD: old_job(868),
    STATUS: statuses(lc=3, spec=3),
    CANCEL: {"OK": 1, "status": {"lc": "x", "spec": "x"}, "statusCodes": {"lc": 0, "spec": 0}},
    PSF: {"OK": 1, "GotPos": 1, "RA": "1.5", "Dec": "2.5", "Err90": "3.5", "FromSXPS": 0},
    SOURCES: {"OK": 1, "Total": [{"sno": "1"}]},
    CURVE: {
        "OK": 1,
        "Binning": "Counts",
        "TimeFormat": "MET",
        "T0": 0.0,
        "Datasets": ["PC"],
        "PCData": {"columns": ["Time", "ObsID"], "data": [[1.0, "::ObsID=00966554000"]]},
    },
    SPECTRA: {
        "OK": 1,
        "rnames": ["a"],
        "a": {"DataFile": "https://x.org/a", "Modes": ["PC"], "PC": {"Models": ["APEC"], "APEC": {"Image": "x"}}},
    },
}
CALLS: dict[str, Any] = {
    LIST: lambda request: request.listOldJobs(),
    "getNumJobs.php": lambda request: request.countActiveJobs(),
    OLD: lambda request: XRTProductRequest(ME, service=request.service).copyOldJob(868),
    STATUS: lambda request: request.checkProductStatus(),
    CANCEL: lambda request: request.cancelProducts(),
    PSF: lambda request: request.retrieveStandardPos(),
    SOURCES: lambda request: request.retrieveSourceList(),
    CURVE: lambda request: request.retrieveLightCurve(),
    SPECTRA: lambda request: request.retrieveSpectralFits(),
}
MISSING = object()
BROKEN: list[tuple[str, str, Any]] = [  # operation, place, what stands there
    (LIST, "OK", None),
    (LIST, "OK", "x"),
    (LIST, "OK", [1]),
    (LIST, "jobs", {"a": 1}),
    (LIST, "jobs.0", 3),
    (LIST, "jobs.0.JobID", None),
    (LIST, "jobs.0.JobID", "x"),
    (LIST, "jobs.0.JobID", 1.5),
    (LIST, "jobs.0.JobID", True),
    (LIST, "jobs.0.JobID", 1e308),
    (LIST, "jobs.0.JobID", "9" * 5000),
    (LIST, "jobs.0.JobID", MISSING),
    (LIST, "jobs.0.Name", ["a"]),
    ("getNumJobs.php", "numJobs", "many"),
    ("getNumJobs.php", "numJobs", [1]),
    ("getNumJobs.php", "numJobs", -1),
    ("getNumJobs.php", "numJobs", "²"),
    (OLD, "jobPars", [1]),
    (OLD, "jobPars.name", {"a": 1}),
    (OLD, "URL", None),
    (OLD, "URL", "file:///etc/passwd"),
    (OLD, "oldJob", 4),
    (STATUS, "lc", "3"),
    (STATUS, "lc.statusCode", "x"),
    (STATUS, "lc.statusCode", [3]),
    (STATUS, "lc.statusCode", MISSING),
    (STATUS, "lc.statusText", MISSING),
    (STATUS, "lc.progress", "half"),
    (STATUS, "lc.progress", {"GotProgress": 1, "ProgressSteps": [3]}),
    (STATUS, "lc.progress", {"GotProgress": 1, "ProgressSteps": [{"StepLabel": "a", "StepStatus": "x"}]}),
    (STATUS, "JobID", 4),
    (PSF, "GotPos", [1]),
    (PSF, "RA", {"deg": 1}),
    (PSF, "RA", MISSING),
    (SOURCES, "Total", {"sno": 1}),
    (SOURCES, "Total.0", "x"),
    (SOURCES, "Total.0.sno", [1]),
    (CURVE, "Datasets", "PC"),
    (CURVE, "Datasets.0", {"a": 1}),
    (CURVE, "PCData", None),
    (CURVE, "PCData.columns", "Time"),
    (CURVE, "PCData.data", {"a": 1}),
    (CURVE, "PCData.data.0", "12"),
    (CURVE, "PCData.data.0", [1.0]),
    (CURVE, "PCData.data.0.0", 10**400),
    (CURVE, "PCData.data.0.1", "many"),
    (CURVE, "T0", [1]),
    (CURVE, "TimeFormat", 3),
    (SPECTRA, "rnames", "a"),
    (SPECTRA, "a", [1]),
    (SPECTRA, "a.DataFile", 3),
    (SPECTRA, "a.Modes", {"PC": 1}),
    (SPECTRA, "a.PC", None),
    (SPECTRA, "a.PC.APEC.Image", ["x"]),
]


def changed(answer: Any, place: str, value: Any) -> Any:
    """Return a copy of an answer with another value at a place."""
    copy = json.loads(json.dumps(answer))
    *holders, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    holder = copy
    for part in holders:
        holder = holder[part]
    if value is MISSING:
        del holder[last]
    else:
        holder[last] = value
    return copy


@pytest.fixture
def done(canned, grb):
    """Return a request of all products that has been accepted."""
    for operation, answer in GOOD.items():
        canned.will(operation, answer)
    canned.will(LIST, job_list())
    canned.will(SUBMIT, accepted("951"))
    grb.addProduct("StandardPos")
    grb.addSourceDet(whichData="all")
    assert grb.submit(updateProds=False)
    return grb


@pytest.mark.parametrize("operation", CALLS)
def test_the_answers_are_good_before_they_are_broken(canned, done, operation):
    canned.will(operation, GOOD[operation])
    CALLS[operation](done)
    assert canned.asked(operation)


@pytest.mark.parametrize(
    ("operation", "place", "value"), BROKEN, ids=lambda value: str(value)[:20] if value is not MISSING else "missing"
)
def test_an_answer_outside_the_contract_names_place_and_value(canned, done, operation, place, value):
    broken = changed(GOOD[operation], place, value)
    canned.will(operation, broken)
    with pytest.raises(ContractBroken) as raised:
        CALLS[operation](done)
    words = str(raised.value)
    assert words.startswith(operation)
    assert place.split(".")[0] in words
    assert "missing" in words if value is MISSING else " is " in words or "names" in words
    assert len(words) < 250
    assert raised.value.document is not None


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"OK":1,"numJobs":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"OK":1,"numJobs":2,"more":' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"OK":1,"numJobs":Infinity}',
        b'{"OK":1,"numJobs":NaN}',
        b'{"OK":1,"numJobs":1e999}',
        b'{"OK":1,"numJobs":' + b"9" * 5000 + b"}",
        b'{"OK":1,"numJobs":2',
        b"\xff\xfe\x00",
        b"",
        b"null",
        b"3",
    ],
    ids=lambda body: str(body[:24]),
)
@pytest.mark.parametrize("label", ["text/html; charset=nonsense", "application/json"])
def test_text_that_is_no_answer_breaks_the_contract(canned, grb, body, label):
    canned.will("getNumJobs.php", (200, {"Content-Type": label}, body))
    with pytest.raises(ContractBroken, match=r"^getNumJobs.php: "):
        grb.countActiveJobs()


@pytest.mark.parametrize("wait", ["²", "٣", "9" * 400, "-5", "1.5", "soon", "Sun, 13 Sep 99999 12:28:20 GMT"])
def test_a_pause_that_cannot_be_read_is_no_pause(canned, grb, clock, wait):
    began = clock.now()
    canned.will("getNumJobs.php", (503, {"Retry-After": wait.encode().decode("latin-1")}, b""), {"OK": 1, "numJobs": 2})
    if wait.startswith("9"):
        with pytest.raises(RuntimeError, match="503"):
            grb.countActiveJobs()
    else:
        assert grb.countActiveJobs() == 2
    assert clock.now() - began < 60


@pytest.mark.parametrize(
    "listed_errors", [3, {"a": 1}, ["x"], [{"label": 3, "list": []}], [{"label": "x", "list": 3}], [{"list": [3]}]]
)
def test_a_refusal_with_complaints_in_another_form_breaks_the_contract(canned, grb, listed_errors):
    canned.will("getNumJobs.php", refused("No.", listErr=listed_errors))
    with pytest.raises(ContractBroken, match="listErr"):
        grb.countActiveJobs()


# ---- a job once accepted ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [("JobID", None), ("JobID", [1]), ("JobID", MISSING), ("URL", 3), ("jobPars", [1]), ("jobPars", None), ("OK", 7)],
)
def test_a_job_whose_acceptance_cannot_be_read_is_found_in_the_list(canned, grb, key, value):
    canned.will(LIST, job_list(), job_list(listed(951)))
    canned.will(SUBMIT, changed(accepted("951"), key, value))
    canned.will(OLD, old_job(951))
    assert grb.submit()
    assert (grb.JobID, len(canned.asked(SUBMIT))) == (951, 1)


def test_a_job_that_cannot_be_found_because_of_another_malformed_answer_is_looked_for_by_the_next_submit(canned, grb):
    canned.will(LIST, job_list(), changed(job_list(listed(951)), "jobs.0.JobID", None), job_list(listed(951)))
    canned.will(SUBMIT, changed(accepted("951"), "JobID", None))
    canned.will(OLD, old_job(951))
    assert grb.submit() is False
    assert grb.failure.maybe_done
    assert grb.submit()
    assert (grb.JobID, len(canned.asked(SUBMIT))) == (951, 1)
