"""What a few exchanges say about a rule of the ledger: that it was seen, contradicted, or not met."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from contracts import documents, observed
from contracts.bodies import LIGHT_CURVE
from contracts.observed import CONTRADICTED, NOT_MET, SEEN
from contracts.observed.registry import Session
from contracts.recording import Recorded
from tests.contract.exchanges import ARCHIVES, archive, asked, exchange, tarred, zipped

if TYPE_CHECKING:
    from contracts.harness import Exchange

START = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
HOUR, DAY = 3600.0, 86400.0
PARAMETERS = "There were problems with the parameters you supplied."
NEEDED = "The following parameters are needed, but were not supplied:"
INVALID = "The following parameters have invalid values:"
COLUMNS = ["Rate", "RatePos", "RateNeg", "SNR", "SYS_NEG", "SYS_POS", "CtsInSrc", "BGerr", "CorrFact", "Exposure"]


def submitted(job: int = 7, *, echo: dict[str, Any] | None = None, **request: Any) -> Exchange:
    """Return a submission that was accepted; jobPars are those of the request unless given."""
    pars = {key: value for key, value in request.items() if key != "UserID"} if echo is None else echo
    url = f"https://www.swift.ac.uk{ARCHIVES}/USERPROD_{job}"
    return asked("run_userobject", {"OK": 1, "JobID": job, "URL": url, "jobPars": pars}, **request)


def refused(*sentences: str, label: str = INVALID, **request: Any) -> Exchange:
    """Return a submission that was refused for its parameters."""
    return asked(
        "run_userobject", {"OK": 0, "ERROR": PARAMETERS, "listErr": [{"label": label, "list": [*sentences]}]}, **request
    )


def status(job: int = 7, *, got: int = 0, **codes: int | None) -> Exchange:
    """Return a question after the status of products, and its answer."""
    answer = {name: {"statusCode": code, "progress": {"GotProgress": got}} for name, code in codes.items()}
    names = ",".join(codes)
    return asked("checkProductStatus", {"OK": 1, "JobID": job, **answer}, JobID=job, what=names, whatProg=names)


def listed(**jobs: float) -> Exchange:
    """Return a list of jobs: when each was submitted by the server's clock [s after the start]."""
    dates = {int(name[1:]): datetime.fromtimestamp(START + at, UTC) for name, at in jobs.items()}
    entries = [{"JobID": job, "DateSubmitted": f"{date:%Y-%m-%d %H:%M:%S}"} for job, date in dates.items()]
    return asked("listOldJobs", {"OK": 1, "jobs": entries})


def curve(*rows: list[Any], name: str = "WT", **keys: Any) -> Exchange:
    """Return a light curve with one table."""
    table = {"columns": COLUMNS, "data": [*rows]}
    answer = {"OK": 1, "Binning": "Counts", "Datasets": [name], f"{name}Data": table, **keys}
    return asked("getLCData", answer, JobID=7)


def row(counts: float, up: float, down: float) -> list[str]:
    """Return a row of a light curve with a rate of 1 count/s, without systematic errors."""
    exposure = counts
    return [str(x) for x in (1.0, up, -down, 1 / down, 1.0, 1.0, counts, 0.0, 1.0, exposure)]


def recorded(*made: tuple[float, Exchange]) -> list[Recorded]:
    """Return exchanges as they are recorded, at times after the start [s]."""
    return [Recorded(START + at, 0.1, each) for at, each in made]


def state_of(rule: str, *made: tuple[float, Exchange]) -> str:
    """Return what exchanges say about one rule: the tests of that rule alone are asked, for a check asks all."""
    found, session = [], Session(recorded(*made))
    for each in recorded(*made):
        operation = documents.operation_for(each.exchange.method, each.exchange.path) or "nowhere"
        session.begin(each)
        found += [test(operation, each.exchange, session) for test in observed.TESTS[rule]]
        session.end(operation)
    return CONTRADICTED if False in found else SEEN if True in found else NOT_MET


def states(*made: tuple[float, Exchange]) -> dict[str, str]:
    """Return what a check of exchanges says about each rule."""
    _findings, verdicts = observed.check(recorded(*made))
    return {verdict.id: verdict.state for verdict in verdicts}


POSITIONS = submitted(dopsf=1, doxastrom=1)
ALL_POSITIONS = submitted(dopsf=1, doxastrom=1, allxastrom=1)
CURVE = submitted(lc=1)
SAME_CLOCK = ((0, submitted(6, lc=1)), (100, CURVE), (100, listed(_7=100, _6=0, _5=7000)))
"""Two jobs whose dates agree with the clock of the recording, and one that was submitted before it."""
SLOW_CLOCK = ((0, submitted(6, lc=1)), (100, CURVE), (100, listed(_7=-500, _6=0)))
LATE = 100 + 14 * HOUR
GONE = archive(b"", "lc.zip", status=404)
SENT = archive(zipped("USERPROD_7/lc/", "USERPROD_7/lc/lc.log", "USERPROD_7/lc/progress.json"), "lc.zip")
NO_ONE = asked("getNumJobs", {"OK": 0, "ERROR": "The user `user@example.org` is not recognised / validated"})
WRONG = {**LIGHT_CURVE, "binMeth": "weekly"}
RUNNING = "<html><title>job 7: RUNNING</title></html>"
COMPLETE = "<html><title>job 7: COMPLETE</title></html>"


def page(text: str, code: int = 200) -> Exchange:
    return exchange("jobPage", None, text, path=f"{ARCHIVES}/USERPROD_7", status=code)


def number_of_jobs(number: Any) -> Exchange:
    return asked("getNumJobs", {"OK": 1, "numJobs": number})


CASES: list[tuple[str, str, str, tuple[tuple[float, Exchange], ...]]] = [
    # positions
    ("U11", SEEN, "corrected waits for standard", ((0, POSITIONS), (1, status(psf=3, xastrom=5)))),
    ("U11", CONTRADICTED, "corrected waits for nothing", ((0, POSITIONS), (1, status(psf=4, xastrom=5)))),
    ("U11", SEEN, "corrected runs after standard", ((0, POSITIONS), (1, status(psf=4, xastrom=3)))),
    ("U11", CONTRADICTED, "corrected runs beside standard", ((0, POSITIONS), (1, status(psf=3, xastrom=3)))),
    ("U11", NOT_MET, "corrected is queued", ((0, POSITIONS), (1, status(psf=4, xastrom=2)))),
    ("U11", CONTRADICTED, "one of all sources waits", ((0, ALL_POSITIONS), (1, status(psf=3, xastrom=5)))),
    ("U11", SEEN, "one of all sources runs beside standard", ((0, ALL_POSITIONS), (1, status(psf=3, xastrom=3)))),
    ("U11", NOT_MET, "one of all sources runs last", ((0, ALL_POSITIONS), (1, status(psf=4, xastrom=3)))),
    # statuses in time
    ("U13", SEEN, "no progress at first", (*SAME_CLOCK, (150, status(lc=3)), (154, status(got=2, lc=3)))),
    ("U13", CONTRADICTED, "no progress later", (*SAME_CLOCK, (150, status(lc=3)), (156, status(got=2, lc=3)))),
    ("U13", NOT_MET, "no progress by a slow clock", (*SLOW_CLOCK, (150, status(lc=3)), (156, status(got=2, lc=3)))),
    ("U35", NOT_MET, "a run of an unknown job", ((100, status(lc=3)), (LATE, status(lc=3)))),
    ("U35", CONTRADICTED, "a run of 14 h", (*SAME_CLOCK, (100, status(lc=3)), (LATE, status(lc=3)))),
    ("U35", SEEN, "a run that was ended", (*SAME_CLOCK, (100, status(lc=3)), (LATE, status(lc=-3)))),
    ("S1", NOT_MET, "requested in an unknown job", (*SAME_CLOCK, (101, status(8, lc=1)))),
    ("S1", SEEN, "requested at first", (*SAME_CLOCK, (101, status(lc=1)))),
    ("S1", CONTRADICTED, "queued at first", (*SAME_CLOCK, (101, status(lc=2)))),
    ("S1", NOT_MET, "queued after four seconds", (*SAME_CLOCK, (104, status(lc=2)))),
    ("S1", CONTRADICTED, "requested later", (*SAME_CLOCK, (110, status(lc=1)))),
    ("S1", NOT_MET, "requested later by a slow clock", (*SLOW_CLOCK, (110, status(lc=1)))),
    # archives and pages
    ("U7", NOT_MET, "no archive of an unknown job", ((0, status(lc=4)), (8 * DAY, GONE))),
    ("U7", CONTRADICTED, "gone after an hour", (*SAME_CLOCK, (100, status(lc=3)), (200, status(lc=4)), (HOUR, GONE))),
    (
        "U7",
        NOT_MET,
        "gone early by a slow clock",
        (*SLOW_CLOCK, (100, status(lc=3)), (200, status(lc=4)), (HOUR, GONE)),
    ),
    ("U7", SEEN, "gone after eight days", (*SAME_CLOCK, (200, status(lc=4)), (8 * DAY, GONE))),
    ("U7", CONTRADICTED, "kept for eight days", (*SAME_CLOCK, (200, status(lc=4)), (8 * DAY, SENT))),
    ("U10", SEEN, "logs of what was cancelled", ((0, CURVE), (1, status(lc=-4)), (2, SENT))),
    (
        "U10",
        CONTRADICTED,
        "files of what was cancelled",
        ((0, CURVE), (1, status(lc=-4)), (2, archive(tarred("USERPROD_7/lc/curve.qdp"), "lc.tar"))),
    ),
    ("U10", CONTRADICTED, "no archive, although sent later", ((0, CURVE), (1, status(lc=-4)), (2, GONE), (3, SENT))),
    ("U10", NOT_MET, "no archive of what was cancelled", ((0, CURVE), (1, status(lc=-4)), (2, GONE))),
    ("U26", SEEN, "a page that says running", ((0, CURVE), (1, page(RUNNING)))),
    ("U26", CONTRADICTED, "a page that says running at the end", ((0, CURVE), (1, status(lc=4)), (2, page(RUNNING)))),
    ("U26", SEEN, "a page that says complete", ((0, CURVE), (1, status(lc=4)), (2, page(COMPLETE)))),
    ("U26", NOT_MET, "no page", ((0, CURVE), (1, page(COMPLETE, 404)))),
    # results
    ("U29", NOT_MET, "an undocumented light curve", ((0, asked("getLCData", {"OK": 1, "rows": []}, JobID=7)),)),
    (
        "U31",
        SEEN,
        "names of snapshots",
        (
            (0, submitted(spec=1, timeslice="snapshot")),
            (1, asked("getSpecData", {"OK": 1, "rnames": ["Obs_00966554000_snap2"]}, JobID=7)),
        ),
    ),
    (
        "U31",
        CONTRADICTED,
        "other names of snapshots",
        (
            (0, submitted(spec=1, timeslice="snapshot")),
            (1, asked("getSpecData", {"OK": 1, "rnames": ["snapshot 2"]}, JobID=7)),
        ),
    ),
    ("C27", NOT_MET, "no T0 of an unknown job", ((0, curve()),)),
    ("C27", CONTRADICTED, "no T0 of a job with one", ((0, submitted(lc=1, Tstart=6e8)), (1, curve()))),
    ("C27", SEEN, "T0 of a job with one", ((0, submitted(lc=1, Tstart=6e8)), (1, curve(T0=6e8)))),
    ("L11", CONTRADICTED, "cells are numbers", ((0, curve([1.0] * 10)),)),
    ("S8", NOT_MET, "errors that are numbers", ((0, curve([1.0] * 10)),)),
    ("S8", SEEN, "the errors of 100 counts", ((0, curve(row(100, 0.1, 0.1))),)),
    ("S8", CONTRADICTED, "other errors of 100 counts", ((0, curve(row(100, 0.2, 0.1))),)),
    ("S8", SEEN, "errors of few counts are not symmetric", ((0, curve(row(9, 0.5, 0.3))),)),
    # submissions
    ("C4", NOT_MET, "no centroid", ((0, submitted(lc=1)),)),
    ("C4", CONTRADICTED, "a centroid in arcsec", ((0, submitted(lc=1, poserr=2, echo={"poserr": 120})),)),
    ("C8", NOT_MET, "hrbin was given", ((0, submitted(lc=1, hrbin=1)),)),
    ("C8", CONTRADICTED, "hrbin of bins of counts", ((0, submitted(lc=1, binMeth="counts", echo={"hrbin": 1})),)),
    ("C9", CONTRADICTED, "lengths are missing", ((0, refused("pcbin", label=NEEDED, lc=1, binMeth="time")),)),
    ("C9", NOT_MET, "lengths are not missing", ((0, refused("RA is 400", lc=1, binMeth="time", RA=400)),)),
    ("C9", CONTRADICTED, "another length", ((0, submitted(lc=1, binMeth="TIME", wtbin=1, echo={"pcbin": 2.5})),)),
    ("C9", SEEN, "the length", ((0, submitted(lc=1, binMeth="TIME", wtbin=1, echo={"pcbin": "2.51"})),)),
    ("C10", CONTRADICTED, "dynamic may be left out", ((0, submitted(lc=1, binMeth="counts")),)),
    ("C10", SEEN, "dynamic is missing", ((0, refused("dynamic", label=NEEDED, lc=1, binMeth="counts")),)),
    ("C10", NOT_MET, "dynamic was given", ((0, submitted(lc=1, binMeth="counts", dynamic=0)),)),
    ("U6", CONTRADICTED, "101 active jobs", ((0, number_of_jobs(101)),)),
    ("U6", NOT_MET, "100 active jobs", ((0, number_of_jobs(100)),)),
    ("U15", CONTRADICTED, "a range was not refused", ((0, submitted(lc=1, minen=0.1)),)),
    ("U15", CONTRADICTED, "another range", ((0, refused("poserr is 9, but must be between 0 and 8", lc=1, poserr=9)),)),
    ("U15", SEEN, "the range", ((0, refused("poserr is 9, but must be between 1 and 6", lc=1, poserr=9)),)),
    ("U16", CONTRADICTED, "days are refused", ((0, refused("Tstart is 58955, but must be a time", Tstart=58955)),)),
    ("U16", NOT_MET, "days beside something else", ((0, refused("RA is 400", Tstart=58955, RA=400)),)),
    ("U16", CONTRADICTED, "days are echoed", ((0, submitted(Tstart="2020-04-16")),)),
    ("U16", SEEN, "days are seconds", ((0, submitted(Tstart="2020-04-16", echo={"Tstart": 608713541.0})),)),
    ("S6", SEEN, "capitals are taken", ((0, submitted(binMeth="Counts", echo={"binMeth": "counts"})),)),
    ("S6", CONTRADICTED, "capitals are refused", ((0, refused("binMeth is Counts", binMeth="Counts")),)),
    ("S6", NOT_MET, "capitals beside something else", ((0, refused("RA is 400", binMeth="Counts", RA=400)),)),
    ("U32", NOT_MET, "the number is text", ((0, CURVE), (1, status(lc=2)), (2, number_of_jobs("1")))),
    ("U32", SEEN, "one job runs", ((0, CURVE), (1, number_of_jobs(1)), (2, status(lc=2)))),
    ("U32", CONTRADICTED, "a job that runs is not counted", ((0, CURVE), (1, number_of_jobs(0)), (2, status(lc=2)))),
    (
        "U32",
        CONTRADICTED,
        "more than were listed",
        ((0, listed()), (1, CURVE), (2, number_of_jobs(2)), (3, status(lc=2))),
    ),
    (
        "U32",
        SEEN,
        "as many as were listed",
        ((0, listed()), (1, CURVE), (2, number_of_jobs(1)), (3, status(lc=2))),
    ),
    (
        "U32",
        CONTRADICTED,
        "one that ended is counted",
        ((0, listed()), (1, CURVE), (2, status(lc=4)), (3, number_of_jobs(1))),
    ),
    ("U34", SEEN, "twice the same", ((0, submitted(7, lc=1)), (1, submitted(8, lc=1)))),
    ("U34", CONTRADICTED, "the old job again", ((0, submitted(7, lc=1)), (1, submitted(7, lc=1)))),
    (
        "U34",
        NOT_MET,
        "a JobID in words",
        ((0, submitted(lc=1, echo={"lc": 1})), (1, asked("run_userobject", {"OK": 1, "JobID": "x"}))),
    ),
    ("U34", NOT_MET, "a body that is a list", ((0, exchange("run_userobject", [1], CURVE.body)), (1, CURVE))),
    ("C5", NOT_MET, "nothing to resolve", ((0, submitted(lc=1, getCoords=0)),)),
    (
        "C23",
        CONTRADICTED,
        "progress without a wish",
        (
            (
                0,
                asked(
                    "checkProductStatus", {"OK": 1, "lc": {"statusCode": 3, "progress": {"GotProgress": 1}}}, what="lc"
                ),
            ),
        ),
    ),
    ("C23", SEEN, "progress of what runs", ((0, status(got=1, lc=3)),)),
    ("C23", CONTRADICTED, "no progress of what runs", ((0, status(got=0, lc=3)),)),
    # all answers
    ("U5", CONTRADICTED, "parameters before the user", ((0, NO_ONE), (1, refused("binMeth is weekly", **WRONG)))),
    ("U5", NOT_MET, "parameters of a known user", ((0, refused("binMeth is weekly", **WRONG)),)),
    ("U5", SEEN, "the user before parameters", ((0, asked("run_userobject", NO_ONE.body, **WRONG)),)),
    (
        "U5",
        CONTRADICTED,
        "the limit before parameters",
        (
            (
                0,
                asked(
                    "run_userobject", {"OK": 0, "ERROR": "You have too many jobs in the queue (maximum 100)."}, **WRONG
                ),
            ),
        ),
    ),
    (
        "U5",
        NOT_MET,
        "the limit for right parameters",
        (
            (
                0,
                asked(
                    "run_userobject",
                    {"OK": 0, "ERROR": "You have too many jobs in the queue (maximum 100)."},
                    **LIGHT_CURVE,
                ),
            ),
        ),
    ),
    ("U8", NOT_MET, "a body that is not JSON", ((0, exchange("getPSFPos", "JobID=7", {"OK": 0})),)),
    ("U27", CONTRADICTED, "polls are limited", ((0, exchange("checkProductStatus", {}, "<html></html>", status=429)),)),
    ("U27", SEEN, "two polls in a second", ((0, status(lc=3)), (1, status(lc=3)))),
    ("U27", NOT_MET, "two polls in a minute", ((0, status(lc=3)), (60, status(lc=3)))),
    ("U38", CONTRADICTED, "empty text is invalid", ((0, refused("minen is ''", minen="")),)),
    ("U38", SEEN, "empty text is missing", ((0, refused("dynamic", label=NEEDED, dynamic="")),)),
    (
        "U40",
        NOT_MET,
        "an unknown address",
        ((0, exchange("getNumJobs", {}, {"OK": 1}, path="/user_objects/other.php")),),
    ),
    ("U40", CONTRADICTED, "a further key", ((0, asked("getNumJobs", {"OK": 1, "numJobs": 1, "more": 1})),)),
    ("U40", NOT_MET, "a key less", ((0, asked("getNumJobs", {"OK": 1})),)),
    ("U40", SEEN, "the keys", ((0, number_of_jobs(1)),)),
    ("J35", NOT_MET, "no version", ((0, asked("getNumJobs", {"OK": 1, "APIVersion": None})),)),
    ("J35", CONTRADICTED, "a version in words", ((0, asked("getNumJobs", {"OK": 1, "APIVersion": "latest"})),)),
]


@pytest.mark.parametrize(
    ("rule", "state", "made"),
    [(rule, state, made) for rule, state, _words, made in CASES],
    ids=[f"{rule}-{words}" for rule, _state, words, _made in CASES],
)
def test_a_session_shows_or_contradicts_a_rule_or_says_nothing(rule, state, made):
    assert state_of(rule, *made) == state


def test_a_job_beyond_the_hundredth_contradicts_the_limit():
    made = [Recorded(START, 0.1, submitted(number, lc=1)) for number in range(1, 102)]
    made += [Recorded(START + 1, 0.1, status(number, lc=2)) for number in range(1, 102)]
    session, found = Session(made), []
    for each in made[:101]:
        session.begin(each)
        found.append(observed.submissions.limit_is_100(each.exchange, session))
        session.end("run_userobject")
    assert found == [None] * 100 + [False]


def test_a_rule_that_was_contradicted_once_stays_so():
    right, wrong = number_of_jobs(1), asked("getNumJobs", {"OK": 1, "numJobs": 1, "APIVersion": "1.13"})
    assert states((0, right))["U1"] == SEEN
    assert states((0, wrong), (1, right))["U1"] == CONTRADICTED


@pytest.mark.parametrize(
    "made",
    [exchange("run_userobject", [1], submitted(lc=1).body), submitted(lc=1, echo=["lc"])],  # type: ignore[arg-type]
)
def test_a_submission_of_another_form_is_a_finding_and_no_end_of_the_check(made):
    findings, verdicts = observed.check(recorded((0, made)))
    assert {finding.operation for finding in findings} == {"run_userobject"}
    assert next(verdict for verdict in verdicts if verdict.id == "C6").state == NOT_MET


def test_an_answer_of_another_form_shows_nothing_about_a_rule():
    made = (0, asked("canceljob", {"OK": 1, "JobID": 7, "status": "done"}, JobID=7, what="lc"))
    assert states(made)["U3"] == NOT_MET


def test_a_rule_that_was_seen_is_proposed_as_observed_on_its_day():
    _findings, verdicts = observed.check([Recorded(START + HOUR, 0.1, number_of_jobs(1))])
    seen = next(verdict for verdict in verdicts if verdict.id == "U1")
    lines = seen.proposal().splitlines()
    assert lines == [f"# U1: {seen.rule}", 'evidence = "observed"', 'source = "a recorded session of 2026-03-01"']
