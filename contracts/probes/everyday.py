"""Questions whose answers every user would notice: jobs are accepted, distinct, remembered, counted and private.

Each finding is a whole sentence about the server, for readers who have never seen a request. :func:`in_short` picks
these sentences from all findings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..bodies import EVERYTHING, IMAGE, LIGHT_CURVE, OWNER
from ..harness import FORM
from ..protocol import succeeded
from .asking import PROBES, ROOT, STRANGER, SUBMIT, probe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..checks import Finding
    from ..harness import Exchange
    from .asking import Examination

UNKNOWN_JOB = 987654
"""A JobID that no server has reached."""


def in_short(findings: Iterable[Finding]) -> list[str]:
    """Return what these questions found, as sentences, each once."""
    mine = {name for name, question in PROBES.items() if question.ask.__module__ == __name__}
    return list(dict.fromkeys(finding.words for finding in findings if finding.rule in mine))


def _object(made: Exchange) -> dict[str, Any]:
    """Return the JSON object of an answer; empty if it is something else."""
    return made.body if isinstance(made.body, dict) else {}


def _summary(made: Exchange) -> str:
    """Return the status of an answer, and its error text if there is one."""
    body = _object(made)
    text = body.get("ERROR") or body.get("title") or body.get("detail") or ""
    return f"HTTP status {made.status}" + (f" and the words {str(text)[:80]!r}" if text else "")


def _new_job(exam: Examination, request: dict[str, Any]) -> int | None:
    """Submit a complete request; returns the JobID, or None if the answer has none."""
    made = exam.call(SUBMIT, request)
    if not succeeded(made):
        exam.expect(False, f"It accepts no jobs: a complete request was answered with {_summary(made)}.", made)
        return None
    number = str(_object(made).get("JobID"))
    if not number.isdigit():
        exam.expect(False, f"It gives jobs no number: the JobID of a new job is {number!r}.", made)
        return None
    return int(number)


@probe(instant=True)
def jobs_are_distinct_counted_and_listed(exam: Examination) -> None:
    """Two jobs are two jobs."""
    count = exam.ask("getNumJobs")
    exam.expect(succeeded(count), f"It does not count active jobs: it answers with {_summary(count)}.", count)
    before = _object(count).get("numJobs")
    jobs = [_new_job(exam, request) for request in (LIGHT_CURVE, IMAGE)]
    if None in jobs:
        return
    exam.expect(jobs[0] != jobs[1], f"It does not distinguish jobs: two submissions both became job {jobs[0]}.")
    after = _object(exam.ask("getNumJobs")).get("numJobs")
    if isinstance(before, int):
        words = f"It does not count new jobs: {before} were active before two submissions, {after} after them."
        exam.expect(after == before + 2, words)
    listed = _object(exam.ask("listOldJobs")).get("jobs")
    numbers = [entry.get("JobID") for entry in listed] if isinstance(listed, list) else []
    forgotten = [job for job in dict.fromkeys(jobs) if job not in numbers]
    exam.expect(not forgotten, f"It does not list new jobs: {forgotten} were submitted, the list has {numbers}.")
    if isinstance(after, int):
        words = f"Its count and its list do not agree: {after} active jobs, but {len(numbers)} jobs in all."
        exam.expect(after <= len(numbers), words)


@probe()
def jobs_are_remembered_as_they_were_submitted(exam: Examination) -> None:
    """Old parameters are those of the submission."""
    for name in ("GRB 200416A", "FO Aqr"):
        job = _new_job(exam, {**LIGHT_CURVE, "name": name})
        if job is None:
            return
        made = exam.ask("getOldProduct", oldJob=job)
        kept = (_object(made).get("jobPars") or {}).get("name")
        words = f"It does not remember parameters: job {job} was submitted for {name}, and is now for {kept}."
        exam.expect(kept == name, words, made)


@probe(instant=True)
def a_new_job_has_just_begun(exam: Examination) -> None:
    """It has a status for each product asked about, and no results yet."""
    job = _new_job(exam, EVERYTHING)
    if job is None:
        return
    made = exam.ask("checkProductStatus", JobID=job, what="lc,image")
    codes = {name: (_object(made).get(name) or {}).get("statusCode") for name in ("lc", "image")}
    answered = sorted(key for key, value in _object(made).items() if isinstance(value, dict) and "statusCode" in value)
    words = f"It does not answer about the products asked for: lc and image; it answered: {', '.join(answered) or '-'}."
    exam.expect(answered == ["image", "lc"], words, made)
    if answered == ["image", "lc"]:
        shown = ", ".join(f"{name} {code}" for name, code in codes.items())
        words = (
            f"It says of a job submitted a moment ago that it has ended or is running, with the status codes: {shown}."
        )
        begun = {"1", "2", "-1"}  # codes as text are what the rule about forms finds, and no end of a job
        exam.expect(all(str(code) in begun for code in codes.values()), words, made)
    made = exam.ask("tprods/getPSFPos", JobID=job)
    exam.expect(not succeeded(made), "It returns the position of a job that has only just been submitted.", made)


@probe(instant=True)
def what_was_cancelled_stays_cancelled(exam: Examination) -> None:
    """And the rest of the job goes on."""
    job = _new_job(exam, {**IMAGE, "dopsf": 1})
    if job is None:
        return
    made = exam.ask("canceljob", JobID=job, what="image")
    if (_object(made).get("statusCodes") or {}).get("image") != 0:
        exam.expect(False, f"It cannot cancel the image of a new job: it answers with {_summary(made)}.", made)
        return
    answer = _object(exam.ask("checkProductStatus", JobID=job, what="image,psf"))
    code, other = ((answer.get(name) or {}).get("statusCode") for name in ("image", "psf"))
    words = f"It does not remember cancellations: after an image was cancelled, its status code is {code}, not -4."
    exam.expect(code == -4, words)
    words = "It cancels more than was asked: the image of a job was cancelled, and its position is cancelled too."
    exam.expect(other != -4, words)


@probe()
def jobs_are_private(exam: Examination) -> None:
    """Other users, and guesses of a JobID, get no answer."""
    job = _new_job(exam, IMAGE)
    if job is None:
        return
    made = exam.ask("checkProductStatus", UserID=STRANGER, JobID=job, what="image")
    exam.expect(not succeeded(made), f"It shows the jobs of {exam.owner} to {exam.stranger}.", made)
    made = exam.ask("checkProductStatus", JobID=UNKNOWN_JOB, what="image")
    exam.expect(not succeeded(made), f"It returns a status for job {UNKNOWN_JOB}, which was never submitted.", made)


@probe()
def mistakes_are_refused_as_clients_expect(exam: Examination) -> None:
    """With HTTP status 200, OK 0 and a list of what is wrong."""
    made = exam.call(SUBMIT, {**LIGHT_CURVE, "poserr": 60})
    exam.expect(not succeeded(made), "It accepts a request with an error circle of 60, where 1 to 6 are allowed.", made)
    words = f"It does not say what is wrong with a request in the way clients read: it answers with {_summary(made)}, "
    words += "where the service answers with HTTP status 200, OK 0 and a list of the parameters."
    exam.expect(succeeded(made) or (made.status == 200 and "listErr" in _object(made)), words, made)


@probe()
def the_documented_curl_call_works(exam: Examination) -> None:
    """It labels its JSON as a form, and the answer's label is that of a page."""
    path = f"{ROOT}getNumJobs.php"
    plain, as_form = exam.call(path, {"UserID": OWNER}), exam.call(path, {"UserID": OWNER}, label=FORM)
    words = f"The documented curl call fails because it labels JSON as a form: the answer is {_summary(as_form)}."
    exam.expect(not succeeded(plain) or succeeded(as_form), words, as_form)
    words = f"It labels its answers {plain.label}, where the service labels them text/html."
    exam.expect(plain.label == "text/html", words, plain)
