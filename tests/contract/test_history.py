"""What a caller remembers of a server, and what contradicts it: one story for each contradiction."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from contracts import documents
from contracts.harness import Exchange, exchange
from contracts.history import History, Known, numbers_by_place

USER, OTHER = "user@example.org", "other@example.org"


def made(operation: str, request: dict[str, Any], answer: dict[str, Any], status: int = 200) -> Exchange:
    """Return a call that was carried out, unless the answer says otherwise."""
    found = documents.operation(operation)
    content = json.dumps({"OK": 1, **answer}).encode()
    return exchange(
        found.method, found.path, json.dumps(request).encode(), status, {"Content-Type": "text/html"}, content
    )


def submitted(job: int = 1, user: str = USER, **pars: Any) -> Exchange:
    """Return the submission of a job, of a light curve and an image unless parameters are given."""
    wanted = {"name": "GK Per", **(pars or {"lc": 1, "image": 1})}
    return made("run_userobject", {"UserID": user, **wanted}, {"JobID": job, "jobPars": wanted})


def status(user: str = USER, job: int = 1, *, progress: dict[str, Any] | None = None, **codes: int | None) -> Exchange:
    """Return the status of products."""
    answer = {
        name: {"statusCode": code, **({} if progress is None else {"progress": progress})}
        for name, code in codes.items()
    }
    request = {"UserID": user, "JobID": job, "what": ",".join(codes)}
    return made("checkProductStatus", request, {"APIVersion": "1.12", "JobID": job, **answer})


def cancelled(user: str = USER, job: int = 1, **codes: int) -> Exchange:
    """Return the cancellation of products."""
    request = {"UserID": user, "JobID": job, "what": ",".join(codes)}
    return made("canceljob", request, {"JobID": job, "statusCodes": codes})


def counted(number: int, user: str = USER) -> Exchange:
    """Return the number of active jobs of a user."""
    return made("getNumJobs", {"UserID": user}, {"numJobs": number})


def entry(job: int = 1, **more: Any) -> dict[str, Any]:
    """Return a line of the list of jobs: the one that `submitted` makes, products kept."""
    keys = ("LightCurve", "Spectrum", "StandardPos", "EnhancedPos", "AstromPos", "Image")
    shown = {key: key in {"LightCurve", "Image"} for key in keys}
    return {"JobID": job, "Name": "GK Per", "hasProd": True, **shown, **more}


def listed(*entries: dict[str, Any], user: str = USER) -> Exchange:
    """Return the list of a user's jobs."""
    return made("listOldJobs", {"UserID": user}, {"jobs": list(entries)})


def old(user: str = USER, job: int = 1, **pars: Any) -> Exchange:
    """Return the parameters of an old job."""
    return made("getOldProduct", {"UserID": user, "oldJob": str(job)}, {"jobPars": pars})


def result(operation: str, answer: dict[str, Any], **request: Any) -> Exchange:
    """Return a result of job 1."""
    return made(operation, {"UserID": USER, "JobID": 1, **request}, answer)


def rebinning(**more: Any) -> Exchange:
    """Return what the other address answers about a rebinning."""
    answer: dict[str, Any] = {key: more.pop(key) for key in ("JobID", "Binning", "TimeFormat") if key in more}
    return made("main", more, answer)


def archive(stem: str, *names: str, job: int | str = 1, code: int = 200) -> Exchange:
    """Return the download of an archive that holds folders of products."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name in names:
            file.writestr(f"USERPROD_1/{name}/one.txt", "text")
    path = f"/user_objects/tprods/USERPROD_{job}/{stem}.zip"
    return exchange("GET", path, b"", code, {"Content-Type": "application/zip"}, packed.getvalue())


def step(*states: int, running: str = "00:01:00", got: int = 1) -> dict[str, Any]:
    """Return the progress of a product: the states of its steps, and the time running."""
    return {"GotProgress": got, "ProgressSteps": [{"StepStatus": each} for each in states], "TimeRunning": running}


def last_words(calls: tuple[Exchange, ...], **settings: Any) -> list[str]:
    """Return what is said of the last call; nothing may be said of those before it."""
    history = History(**settings)
    for call in calls[:-1]:
        assert history.observe(call) == []
    return [finding.words for finding in history.observe(calls[-1])]


CURVE: dict[str, Any] = {"lc": 1, "binMeth": "counts", "lctimetype": "s", "Tstart": 100.0}
TABLE = {"columns": ["Time", "ObsID", "t_+ve", "Rate"], "data": [[1, "00030", 0.5, "0.25"], [2, "00030", 0.5, None]]}
JOB = submitted()

CONTRADICTIONS: dict[str, tuple[tuple[Exchange, ...], str]] = {
    "a number is given twice": ((submitted(3), submitted(3)), "job 3 was given a number that is not above the last, 3"),
    "a cancellation names a product that the job lacks": (
        (JOB, cancelled(spec=1)),
        "cancelling spec was answered with 1; the job has ['image', 'lc']",
    ),
    "a product of the job is said to be none": (
        (JOB, cancelled(lc=2)),
        "cancelling lc was answered with 2; the job has ['image', 'lc']",
    ),
    "an ended product is cancelled": (
        (JOB, status(lc=4), cancelled(lc=0)),
        "lc was cancelled, though its status had been 4",
    ),
    "a product has a status that the job lacks": (
        (JOB, status(spec=1)),
        "spec has the status 1; the job has ['image', 'lc']",
    ),
    "a product of the job has no status": (
        (JOB, status(lc=None)),
        "lc has the status None; the job has ['image', 'lc']",
    ),
    "a status goes back": ((JOB, status(lc=3), status(lc=2)), "the status of lc went from 3 to 2"),
    "an end is followed by another end": ((JOB, status(lc=4), status(lc=-1)), "the status of lc went from 4 to -1"),
    "a product is cancelled by itself": ((JOB, status(lc=-4)), "lc is cancelled, though no call cancelled it"),
    "a light curve waits for a position": (
        (JOB, status(lc=5)),
        "lc has the status 5, which only an astrometric position has",
    ),
    "steps are undone": (
        (JOB, status(lc=3, progress=step(2, 1)), status(lc=3, progress=step(1, 1))),
        "the progress of lc went back",
    ),
    "time runs backwards": (
        (JOB, status(lc=3, progress=step(1)), status(lc=3, progress=step(1, running="00:00:59"))),
        "the time that lc has been running went from 00:01:00 to 00:00:59",
    ),
    "the list lacks a job": ((JOB, submitted(2), listed(entry(2))), "the list lacks the jobs [1]"),
    "the list shows a stranger's job": (
        (JOB, listed(entry(), user=OTHER)),
        "the list shows job 1, which belongs to another user",
    ),
    "the list names other products": (
        (JOB, listed(entry(Spectrum=True))),
        "job 1 is listed with ['image', 'lc', 'spec']; it has ['image', 'lc']",
    ),
    "the list has another name": (
        (JOB, listed(entry(Name="FO Aqr"))),
        "job 1 is listed as 'FO Aqr'; its name is 'GK Per'",
    ),
    "deleted products return": (
        (JOB, listed(entry(hasProd=False)), listed(entry())),
        "the products of job 1 came back",
    ),
    "old parameters differ": (
        (submitted(lc=1, minsnr=2), old(name="GK Per", lc=1, minsnr=3)),
        "jobPars has minsnr 3; on submission it was 2",
    ),
    "a parameter appears": (
        (JOB, old(name="GK Per", lc=1, image=1, minsnr=3)),
        "jobPars has minsnr 3; on submission it was None",
    ),
    "a result is not of the job": (
        (JOB, result("getPSFPos", {"RA": 1.5})),
        "a result was sent for psf, which the job does not have",
    ),
    "a result is of a failed product": (
        (submitted(dopsf=1), status(psf=-1), result("getPSFPos", {"RA": 1.5})),
        "a result was sent for psf, whose status is -1",
    ),
    "a result changes": (
        (submitted(dopsf=1), result("getPSFPos", {"RA": 1.5}), result("getPSFPos", {"RA": 1.6})),
        "the result of psf is not what it was",
    ),
    "a number depends on who asks": (
        (
            submitted(lc=1),
            result("getLCData", {"PC": TABLE}, api_version="1.12"),
            result("getLCData", {"PC": {**TABLE, "data": [[1, "x", 0.5, 0.25], [2.1, "x", 0.5, "-"]]}}),
        ),
        "PC/time is [1.0, 2.1] in one answer and [1.0, 2.0] in another",
    ),
    "a table is longer for some": (
        (
            submitted(spec=1),
            result("getSpecData", {"PC": {"columns": ["Rate"], "data": [[1]]}}, api_version="1.12"),
            result("getSpecData", {"PC": {"columns": ["Rate"], "data": [[1], [2]]}}),
        ),
        "PC/rate is [1.0, 2.0] in one answer and [1.0] in another",
    ),
    "a light curve is binned otherwise": (
        (submitted(**CURVE), result("getLCData", {"Binning": "Time", "T0": 100.0})),
        "Binning is 'Time'; the job has binMeth 'counts'",
    ),
    "a light curve counts time otherwise": (
        (submitted(**CURVE), result("getLCData", {"TimeFormat": "MJD"})),
        "TimeFormat is 'MJD'; the job has lctimetype 's'",
    ),
    "a light curve hides its beginning": (
        (submitted(**CURVE), result("getLCData", {"Binning": "Counts"})),
        "T0 is not sent, though it is known",
    ),
    "a light curve begins elsewhere": (
        (submitted(**CURVE), result("getLCData", {"T0": 100.5})),
        "T0 is 100.5; the job has Tstart 100.0",
    ),
    "a rebinning has an old number": (
        (rebinning(APIFunc="rebinLightCurve", JobID=7), rebinning(APIFunc="rebinLightCurve", JobID="7")),
        "rebinning 7 was given a number that is not above the last, 7",
    ),
    "a rebinning has other bins": (
        (
            rebinning(APIFunc="rebinLightCurve", JobID=7, binMeth="obsid"),
            rebinning(APIFunc="downloadLightCurve", type="REBIN_LC", objectID=7, Binning="Snapshot"),
        ),
        "Binning is 'Snapshot'; binMeth 'obsid' was asked for",
    ),
    "a rebinning has other times": (
        (
            rebinning(APIFunc="rebinLightCurve", JobID=7, timeFormat="m"),
            rebinning(APIFunc="downloadLightCurve", type="REBIN_LC", objectID="7", TimeFormat="MET"),
        ),
        "TimeFormat is 'MET'; timeFormat 'm' was asked for",
    ),
    "an archive is not of the job": (
        (JOB, archive("spec", "spec")),
        "an archive was sent for spec, which the job does not have",
    ),
    "an archive is of deleted products": (
        (JOB, listed(entry(hasProd=False)), archive("lc", "lc")),
        "an archive was sent for job USERPROD_1, whose products are gone",
    ),
    "an archive holds another product": (
        (JOB, status(lc=4), archive("lc", "image")),
        "the archive holds ['image']; it should hold ['lc']",
    ),
    "the archive of all lacks a product": (
        (JOB, status(lc=4, image=4), archive("all", "lc")),
        "the archive holds ['lc']; it should hold ['image', 'lc']",
    ),
    "a stranger sees a job": ((JOB, status(OTHER, lc=1)), f"a job of {USER} was shown to {OTHER}"),
    "a stranger cancels a job": ((JOB, cancelled(OTHER, lc=0)), f"a job of {USER} was shown to {OTHER}"),
}

KNOWN_TIME: dict[str, tuple[tuple[Exchange, ...], str]] = {
    "a running product cannot be cancelled": (
        (JOB, status(lc=3), cancelled(lc=1)),
        "lc could not be cancelled, though its status was 3",
    ),
    "a new product cannot be cancelled": ((JOB, cancelled(lc=1)), "lc could not be cancelled, though it had not ended"),
    "too few are counted": (
        (JOB, submitted(2), status(lc=4), counted(1)),
        "1 active jobs were counted; by their statuses there are 2 to 2",
    ),
    "too many are counted": (
        (JOB, status(lc=4), status(image=4), counted(1)),
        "1 active jobs were counted; by their statuses there are 0 to 0",
    ),
    "a job was never submitted": ((JOB, status(job=9, lc=1)), "the answer is about a job that was never submitted"),
    "the list has a job that was never submitted": (
        (JOB, listed(entry(), entry(9))),
        "the list has job 9, which was never submitted",
    ),
    "an archive was never asked for": (
        (JOB, archive("lc", "lc", job=9)),
        "an archive was sent for a job that was never submitted",
    ),
    "a folder has no number": (
        (JOB, archive("lc", "lc", job="x")),
        "an archive was sent for a job that was never submitted",
    ),
    "products are gone before they are made": (
        (JOB, listed(entry(hasProd=False))),
        "the products of job 1 are gone, though it has not ended",
    ),
    "a result comes early": (
        (submitted(dopsf=1), status(psf=3), result("getPSFPos", {"RA": 1.5})),
        "a result was sent for psf, whose status is 3",
    ),
    "a result comes at once": (
        (submitted(dopsf=1), result("getPSFPos", {"RA": 1.5})),
        "a result was sent for psf, which has not ended",
    ),
    "an archive comes early": ((JOB, archive("lc")), "an archive was sent for lc, which has not ended"),
    "the archive of all comes early": ((JOB, archive("all")), "an archive was sent for all, which has not ended"),
    "an archive is missing": (
        (JOB, status(lc=4), listed(entry()), archive("lc", code=404)),
        "no archive was sent for lc, though it has ended and products are kept",
    ),
    "a job too many is accepted": (
        (JOB, submitted(2), submitted(3)),
        f"a job was accepted although {USER} had 2 active ones, which is the limit",
    ),
}


@pytest.mark.parametrize("story", CONTRADICTIONS)
def test_a_contradiction_is_named(story: str) -> None:
    calls, words = CONTRADICTIONS[story]
    assert last_words(calls) == [words]


@pytest.mark.parametrize("story", KNOWN_TIME)
def test_a_contradiction_is_named_if_every_call_is_seen_and_time_stands(story: str) -> None:
    calls, words = KNOWN_TIME[story]
    assert last_words(calls, complete=True, still=True, active_limit=2) == [words]


@pytest.mark.parametrize(
    "calls",
    [
        (JOB, cancelled(lc=1)),
        (JOB, counted(7)),
        (JOB, listed(entry(), entry(9))),
        (JOB, archive("lc", job=9)),
        (JOB, archive("lc")),
        (JOB, status(lc=4), archive("all", "lc", "image")),
        (JOB, status(job=9, lc=1)),
        (submitted(1), submitted(2), submitted(3)),
        (submitted(dopsf=1), result("getPSFPos", {"RA": 1.5})),
    ],
    ids=["cancel", "count", "list", "folder", "archive", "all", "status", "limit", "result"],
)
def test_what_may_have_happened_unseen_is_no_contradiction(calls: tuple[Exchange, ...]) -> None:
    assert last_words(calls) == []


@pytest.mark.parametrize(
    "calls",
    [
        (JOB, cancelled(lc=0, spec=2), status(lc=-4, spec=None, image=1), counted(1)),
        (JOB, status(lc=4), status(lc=4), archive("lc", "lc"), archive("all", "lc"), counted(1)),
        (JOB, status(lc=4), cancelled(lc=1)),
        (JOB, submitted(2, OTHER), submitted(3, OTHER), counted(1), counted(2, OTHER)),
        (JOB, archive("lc", code=404), archive("lc", code=503)),
        (JOB, status(lc=3, progress=step(9)), status(lc=3, progress=step(1, got=0))),
        (JOB, status(lc=3, progress=step(1)), status(lc=3, progress=step(2, running="00:01:30"))),
        (JOB, listed(entry()), old(name="GK Per", lc=1, image=1, getCoords=1)),
        (submitted(**CURVE), status(lc=4), result("getLCData", {"Binning": "Counts", "TimeFormat": "MET", "T0": 100})),
        (rebinning(APIFunc="cancelRebin", JobID=3), rebinning(APIFunc="downloadLightCurve", type="other")),
    ],
    ids=["cancel", "end", "late", "users", "missing", "unknown", "progress", "old", "curve", "others"],
)
def test_a_server_that_is_right_is_not_blamed(calls: tuple[Exchange, ...]) -> None:
    assert last_words(calls, complete=True, still=True, active_limit=2) == []


@pytest.mark.parametrize(
    "refused",
    [
        made("run_userobject", {"UserID": USER}, {"OK": 0, "ERROR": "no"}),
        made("checkProductStatus", {"UserID": OTHER, "JobID": 1, "what": "lc"}, {"OK": 0, "ERROR": "no"}),
        made("canceljob", {"UserID": OTHER, "JobID": 1, "what": "lc"}, {"OK": 0, "ERROR": "no"}),
        made("getNumJobs", {"UserID": USER}, {"OK": 0, "ERROR": "no"}),
        made("listOldJobs", {"UserID": USER}, {"OK": 0, "ERROR": "no"}),
        made("getOldProduct", {"UserID": OTHER, "oldJob": 1}, {"OK": 0, "ERROR": "no"}),
        made("getPSFPos", {"UserID": OTHER, "JobID": 1}, {"OK": 0, "ERROR": "no"}),
        made("main", {"APIFunc": "rebinLightCurve"}, {"OK": 0, "ERROR": "no"}),
        made("checkProductStatus", {"UserID": OTHER, "JobID": 1, "what": "lc"}, {}, 500),
    ],
    ids=lambda call: call.path.rsplit("/", 1)[-1],
)
def test_a_refusal_says_nothing_about_a_job(refused: Exchange) -> None:
    assert last_words((JOB, refused), complete=True, still=True) == []


def test_an_answer_that_cannot_be_read_is_reported_as_one() -> None:
    lacks = made("run_userobject", {"UserID": USER}, {"JobID": 1})
    assert last_words((lacks,)) == ["the answer lacks jobPars, so it cannot be compared with later ones"]
    other = made("canceljob", {"UserID": USER, "JobID": 1, "what": "lc"}, {"statusCodes": [0]})
    words = "the answer has another form than documented, so it cannot be compared with later ones"
    assert last_words((JOB, other)) == [words]


def test_a_status_that_no_product_has_is_left_to_the_check_of_the_answer() -> None:
    unknown = status(lc=7)
    with pytest.raises(documents.ContractViolation, match="breaks the contract at lc"):
        documents.check_response("checkProductStatus", 200, unknown.body)
    assert last_words((JOB, status(lc=1), unknown, status(lc=2))) == []


def test_products_may_have_ended_once_time_has_moved() -> None:
    history = History(complete=True, still=True)
    assert history.observe(JOB) == []
    assert history.observe(listed(entry())) == []
    assert (history.jobs[1].finished, history.jobs[1].any_ended, history.jobs[1].has_products) == (False, False, True)
    history.time_moved()
    assert (history.jobs[1].finished, history.jobs[1].any_ended, history.jobs[1].has_products) == (None, None, None)
    assert history.observe(archive("lc", "lc")) == []
    assert history.observe(counted(0)) == []


@pytest.mark.parametrize(
    ("codes", "current", "any_ended", "finished"),
    [
        ({"lc": 4, "image": -1}, set(), True, True),
        ({"lc": 4, "image": 3}, {"image"}, True, False),
        ({"lc": 4, "image": 3}, set(), True, None),
        ({"lc": 3, "image": 3}, {"lc"}, None, False),
        ({"lc": 3, "image": 1}, {"lc", "image"}, False, False),
    ],
)
def test_a_job_has_ended_when_all_its_products_have(
    codes: dict[str, int], current: set[str], any_ended: bool | None, finished: bool | None
) -> None:
    job = Known(USER, {}, {"lc", "image"}, "GK Per", codes=codes, current=current)
    assert (job.any_ended, job.finished) == (any_ended, finished)


def test_numbers_have_the_same_place_in_both_forms() -> None:
    assert numbers_by_place({"PC": TABLE, "Time": "x"}) == {
        ("PC", "time"): [1.0, 2.0],
        ("PC", "timepos"): [0.5, 0.5],
        ("PC", "rate"): [0.25, -1.0],
    }
    new = {"interval0": {"Start": "100", "stop": 250.5, "PC": {"NH": 2, "Unit": "x", "PowerLaw": {"Gamma": 1.7}}}}
    assert numbers_by_place(new) == {
        ("interval0", "PC", "nh"): [2.0],
        ("interval0", "PC", "gamma"): [1.7],
        ("interval0", "start"): [100.0],
        ("interval0", "stop"): [250.5],
    }
    assert numbers_by_place({"late": {"Start": float("inf")}}) == {("late", "start"): [-1.0]}
