"""Questions about jobs from submission to their end: statuses, cancelling, counting, listing, access."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..bodies import BASE, EVERYTHING, IMAGE, LIGHT_CURVE
from ..protocol import PRODUCTS, succeeded
from .asking import ALL, STRANGER, SUBMIT, NotSeen, probe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .asking import Examination


@probe(instant=True)
def a_new_job_is_requested_counted_and_listed(exam: Examination) -> None:
    """At the instant of submission."""
    before = exam.ask("getNumJobs").body["numJobs"]
    job = exam.submit(EVERYTHING)
    codes = exam.statuses(job)
    exam.expect(all(code in {1, 2, -1} for code in codes.values()), f"the statuses of a new job are {codes}")
    exam.expect(exam.ask("getNumJobs").body["numJobs"] == before + 1, "a new job was not counted")
    listed = exam.ask("listOldJobs").body["jobs"]
    exam.expect(listed and listed[0]["JobID"] == job, "a new job is not the first in the list")
    theirs = exam.ask("listOldJobs", UserID=STRANGER).body["jobs"]
    exam.expect(job not in [entry["JobID"] for entry in theirs], "a stranger's list has the owner's job")
    count = exam.ask("getNumJobs", UserID=STRANGER).body["numJobs"]
    exam.expect(count <= len(theirs), f"a stranger's count is {count}, and the list has {len(theirs)} jobs")
    exam.ask("getOldProduct", oldJob=str(job))


@probe()
def strangers_are_refused_in_the_documented_words(exam: Examination) -> None:
    """On every operation that names a job."""
    job = exam.submit(EVERYTHING)
    text = f"Job {job} is not owned by user {exam.stranger}"
    for name, body in naming(job):
        exam.refusal(exam.ask(name, body, UserID=STRANGER), f"{name} by a stranger", text)


@probe()
def jobs_that_do_not_exist_are_refused(exam: Examination) -> None:
    """On every operation that names a job; and so are requests that name none."""
    for name, body in naming(987654):
        exam.refusal(exam.ask(name, body), f"{name} of an unknown job")
        exam.refusal(exam.ask(name, {k: v for k, v in body.items() if k == "what"}), f"{name} without a job")
        exam.refusal(exam.ask(name, {**body, "JobID": "abc", "oldJob": "abc"}), f"{name} of job 'abc'")


def naming(job: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every operation that names a job, with a request that does; the first three are not about results."""
    yield "checkProductStatus", {"JobID": job, "what": "lc"}
    yield "canceljob", {"JobID": job, "what": "lc"}
    yield "getOldProduct", {"oldJob": job}
    for name in ("PSFPos", "EnhPos", "XastromPos", "AstromPos", "SourceDetResults", "LCData", "SpecData"):
        yield f"tprods/get{name}", {"JobID": job}


@probe()
def status_answers_for_every_name_asked(exam: Examination) -> None:
    """Products outside the job, unknown names, JobIDs as text, and no names at all."""
    job = exam.submit(LIGHT_CURVE)
    made = exam.ask("checkProductStatus", JobID=str(job), what="lc,spec,nonsense", whatProg="lc")
    for name in ("spec", "nonsense"):
        entry = made.body.get(name, {}) if isinstance(made.body, dict) else {}
        exam.expect(
            entry.get("statusText") == "Unknown status", f"{name} has the text {entry.get('statusText')!r}", made
        )
    exam.refusal(exam.ask("checkProductStatus", JobID=job), "a status request without what")
    exam.refusal(exam.ask("checkProductStatus", JobID=job, what=""), "a status request with an empty what")


@probe(instant=True)
def cancelling_answers_with_the_documented_codes(exam: Examination) -> None:
    """Cancelled, cancelled before, not in the job; and the count follows at once."""
    before = exam.ask("getNumJobs").body["numJobs"]
    job = exam.submit({**LIGHT_CURVE, "spec": 1, "specz": 0})
    first = exam.ask("canceljob", JobID=job, what="lc")
    exam.expect(first.body.get("OK") == 1, "cancelling a waiting product did not succeed", first)
    exam.expect(first.body.get("status", {}).get("lc") == "Job cancelled OK", "the text of code 0 differs", first)
    exam.expect(exam.statuses(job, "lc") == {"lc": -4}, "the status after cancelling is not -4")
    exam.expect(exam.ask("getNumJobs").body["numJobs"] == before + 1, "a job with one product left is not counted")
    again = exam.ask("canceljob", JobID=str(job), what="lc,spec,image,nonsense")
    expected = {"lc": 1, "spec": 0, "image": 2, "nonsense": 2}
    exam.expect(again.body.get("statusCodes") == expected, f"the codes are not {expected}", again)
    text = again.body.get("status", {}).get("lc")
    documented = "Job could not be cancelled - has it already finished?"
    exam.expect(text == documented, f"the text of code 1 is {text!r}, not {documented!r}", again)
    exam.expect(exam.ask("getNumJobs").body["numJobs"] == before, "a cancelled job is still counted")
    nothing = exam.ask("canceljob", JobID=job, what="lc")
    exam.expect(nothing.body.get("OK") == 2, "cancelling nothing did not answer 2", nothing)
    exam.refusal(exam.ask("canceljob", JobID=job), "a cancellation without what")
    exam.refusal(exam.ask("canceljob", JobID=job, what=""), "a cancellation with an empty what")


_ENOUGH_LOOKS = 30
"""Looks at running products, 10 s apart, of which one has to show progress; it may be unavailable for a while."""


@probe(control=True, instant=True)
def a_job_runs_its_course(exam: Examination) -> None:
    """Through every stage, forwards only, with progress where it is asked for."""
    exam.finish(exam.submit(IMAGE))  # the builds before it have left the queue now
    job = exam.submit({**EVERYTHING, "detMeth": "iterative", "allxastrom": 0})
    seen: dict[str, list[Any]] = {name: [] for name in PRODUCTS}
    progress: set[str] = set()
    for _ in range(600):
        made = exam.ask("checkProductStatus", JobID=job, what=ALL, whatProg=ALL)
        for name in PRODUCTS:
            seen[name].append(made.body[name]["statusCode"])
            if made.body[name]["progress"]["GotProgress"] == 1:
                progress.add(name)
        if all(codes[-1] in {4, -3} for codes in seen.values()):
            break
        exam.ask("checkProductStatus", JobID=job, what="lc,spec", whatProg="lc")
        exam.ask("getNumJobs")
        exam.advance(10)
    else:
        exam.finish(job)
    running = {name: codes.count(3) for name, codes in seen.items()}
    exam.expect(any(running.values()), f"no product was ever seen running: {seen}")
    exam.expect(progress or sum(running.values()) < _ENOUGH_LOOKS, "no product ever had progress")
    for name, looks in running.items():
        exam.expect(name in progress or looks < _ENOUGH_LOOKS, f"{name} never had progress")
    exam.expect(exam.ask("getNumJobs").body["numJobs"] == 0, "a job that has ended is still counted")
    late = exam.ask("canceljob", JobID=job, what="lc")
    exam.expect(late.body.get("statusCodes") == {"lc": 1}, "a finished product could be cancelled", late)
    exam.expect(late.body.get("OK") == 2, "cancelling a finished product did not answer 2", late)
    unseen = [name for name in PRODUCTS if name not in progress]
    if unseen:
        raise NotSeen(f"{', '.join(unseen)} ended before progress was seen")


@probe(control=True, instant=True)
def products_can_be_cancelled_at_every_stage(exam: Examination) -> None:
    """Requested, queued and running."""
    exam.finish(exam.submit(IMAGE))
    job = exam.submit({**EVERYTHING, "allxastrom": 1})
    stages = {1: "image", 2: "sourceDet", 3: "spec"}
    for _ in range(200):
        codes = exam.statuses(job)
        for stage, product in list(stages.items()):
            if codes.get(product) == stage:
                made = exam.ask("canceljob", JobID=job, what=product)
                exam.expect(made.body.get("statusCodes") == {product: 0}, f"status {stage} was not cancelled", made)
                exam.expect(exam.statuses(job, product) == {product: -4}, f"{product} is not cancelled at once")
                del stages[stage]
        if not stages:
            break
        exam.advance(5)
    if stages:
        raise NotSeen(f"products never had the statuses {sorted(stages)} when they were looked at")


@probe(control=True, instant=True)
def the_limit_of_active_jobs_holds(exam: Examination) -> None:
    """The limit itself is allowed, one more is not; a job that has ended makes room."""
    with exam.changed("limits.active_jobs", 3, otherwise=100):
        jobs = [exam.submit(LIGHT_CURVE) for _ in range(3)]
        exam.refusal(exam.call(SUBMIT, LIGHT_CURVE), "a fourth active job of three allowed")
        exam.expect(exam.ask("getNumJobs").body["numJobs"] == 3, "the count is not at the limit")
        other = exam.call(SUBMIT, {**LIGHT_CURVE, "UserID": STRANGER})
        exam.expect(succeeded(other), "the limit of one user was applied to another", other)
        exam.ask("canceljob", JobID=jobs[0], what="lc")
        exam.submit(LIGHT_CURVE)
        exam.refusal(exam.call(SUBMIT, LIGHT_CURVE), "a fourth active job after one was cancelled and replaced")
        exam.finish(max(exam.history.jobs))
        exam.submit(LIGHT_CURVE)


@probe(control=True, instant=True)
def a_cancelled_standard_position_fails_the_astrometric_one(exam: Examination) -> None:
    """It waits for an iterative standard position on the same observations (assumed)."""
    job = exam.submit({**BASE, "doxastrom": 1, "detMeth": "iterative", "allxastrom": 0})
    exam.expect(set(exam.statuses(job, "psf,xastrom")) == {"psf", "xastrom"}, "the standard position is not in the job")
    exam.ask("canceljob", JobID=job, what="psf")
    exam.finish(job)
    code = exam.statuses(job, "xastrom").get("xastrom")
    exam.expect(code == -3, f"the astrometric position has the status {code} after the standard one was cancelled")
