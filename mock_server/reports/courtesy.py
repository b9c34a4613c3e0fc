"""The courtesy report: how callers used the service, from jobs and journal.

It holds simulated time only, so equal runs have equal reports. A report is JSON-ready data; `text` makes lines for a
terminal from it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ..core.journal import CALLED_FROM, Journal
from ..core.model import StatusCode
from ..core.queue import NEVER, status_at
from ..core.words import iso_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..core.faults import Fault
    from ..core.journal import Entry
    from ..core.model import Job
    from ..scenario.scenario import Scenario

_CREATED = "run_userobject"
_POLLED = "checkProductStatus"
_FETCHED = ("downloadProduct", "downloadFile")
_PICTURES = (".gif", ".png", ".ps")  # of a job's page: to have seen one is not to have saved a product
_RESULTS = (
    "getLCData",
    "getSpecData",
    "getPSFPos",
    "getEnhPos",
    "getXastromPos",
    "getAstromPos",
    "getSourceDetResults",
)
_ONE_INSTANT_S = 0.01


def courtesy_report(
    jobs: Sequence[Job],
    journal: Journal,
    scenario: Scenario,
    now: float,
    never_fired: Iterable[Fault] = (),
    began: float | None = None,
) -> dict[str, Any]:
    """Return the courtesy report as JSON-ready data.

    Contract violations are None here: the watcher of the calls adds them. The ends of programs, what was drawn, and
    names that did not resolve are empty here: others add them.

    A line of a program is ``file:line``. If it is called from several places, each of them is named:
    ``file:line, called from file:line``.

    Parameters
    ----------
    jobs
        All jobs.
    journal
        All calls.
    scenario
        Scenario of the simulation.
    now
        Simulated time at the end [s].
    never_fired
        Planned faults that no call triggered.
    began
        Simulated time at which the program began [s]; default: at the first call.
    """
    journal = _with_short_lines(journal)
    first = min((entry.at for entry in journal), default=now) if began is None else began
    states = Counter(_state(job, now) for job in jobs)
    refused = Counter((entry.operation, entry.detail, entry.where) for entry in journal.where(outcome="refused"))
    return {
        "scenario": scenario.name,
        "seed": scenario.seed,
        "began": iso_text(first),
        "ended": iso_text(now),
        "simulated_s": int(round(now - first, 3)),  # whole: how often programs read the clock shows in microseconds
        "programs": [],
        "calls_forgotten": journal.forgotten,
        "calls": dict(sorted(Counter(entry.operation for entry in journal).items())),
        "jobs": {
            "submitted": len(jobs),
            **{state: states[state] for state in ("complete", "failed", "cancelled", "unfinished")},
            "submissions_refused": journal.count(operation=_CREATED, outcome="refused"),
        },
        "active_jobs": _peak(jobs, journal) | {"limit": scenario.at(now)["limits.active_jobs"]},
        "failed": _failed(jobs, journal, now),
        "polling": _polling(jobs, journal),
        "downloads": _downloads(jobs, journal, scenario, now),
        "refused": [
            {"operation": operation, "words": words, "where": where or None, "times": times}
            for (operation, words, where), times in sorted(refused.items())
        ],
        "duplicate_submissions": _duplicates(jobs, journal),
        "retries": _retries(journal),
        "drawn": [],
        "contract_violations": None,
        "planned_failures_not_met": [fault.as_mapping() for fault in never_fired],
        "unresolved_names": [],
    }


def _state(job: Job, now: float) -> str:
    """Return one word for a job: failed if any product failed, cancelled if every product was."""
    codes = {status_at(build, now) for build in job.builds}
    if not all(code.ended for code in codes):
        return "unfinished"
    if codes & {StatusCode.FAILED, StatusCode.NOT_QUEUED, StatusCode.NOT_REQUESTED}:
        return "failed"
    return "cancelled" if codes == {StatusCode.CANCELLED} else "complete"


def active_steps(jobs: Sequence[Job]) -> list[tuple[float, int]]:
    """Return times [s] and the number of active jobs from each on; at equal times, ends count before submissions."""
    moments = sorted([(job.submitted_at, 1) for job in jobs] + [(job.ended_at, -1) for job in jobs])
    steps: list[tuple[float, int]] = []
    active = 0
    for at, change in moments:
        active += change
        if steps and steps[-1][0] == at:
            steps.pop()
        steps.append((at, active))
    return steps


def _peak(jobs: Sequence[Job], journal: Journal) -> dict[str, Any]:
    """Return the most jobs that one user had active at a time, when, and the line that submitted the last of them."""
    best: dict[str, Any] = {"peak": 0, "at": None, "user": None, "where": None}
    for user in sorted({job.user.casefold() for job in jobs}):
        for at, active in active_steps([job for job in jobs if job.user.casefold() == user]):
            if active > best["peak"]:
                best = {"peak": active, "at": at, "user": user, "where": None}
    if best["at"] is None:
        return best
    submissions = journal.where(operation=_CREATED, outcome="ok", user=best["user"], at=best["at"])
    where = next((entry.where for entry in reversed(submissions.entries) if entry.where), None)
    return best | {"at": iso_text(best["at"]), "where": where}


def _with_short_lines(journal: Journal) -> Journal:
    """Return the journal without the callers of lines that are called from one place only."""
    full = {entry.where for entry in journal if CALLED_FROM in entry.where}
    if not full:
        return journal
    called_from = Counter(where.partition(CALLED_FROM)[0] for where in full)
    alone = {where: line for where in full if called_from[line := where.partition(CALLED_FROM)[0]] == 1}
    entries = (e._replace(where=alone[e.where]) if e.where in alone else e for e in journal)
    return Journal(entries, journal.forgotten)


def _failed(jobs: Sequence[Job], journal: Journal, now: float) -> list[dict[str, Any]]:
    """Return products that were not made, grouped by product and status, with the lines that submitted them."""
    found: dict[tuple[str, StatusCode], list[int]] = {}
    for job in jobs:
        for build in job.builds:
            code = status_at(build, now)
            if code < 0 and code is not StatusCode.CANCELLED:
                found.setdefault((build.product.value, code), []).append(job.job_id)
    lines = _submitting_lines(journal)
    return [
        {
            "product": product,
            "status": code.name.lower(),
            "jobs": numbers,
            "where": sorted({lines[number] for number in numbers if number in lines}),
        }
        for (product, code), numbers in sorted(found.items())
    ]


def _polling(jobs: Sequence[Job], journal: Journal) -> dict[str, Any]:
    """Return the intervals between two status calls for one job [s], and the line of the shortest.

    Looks at a job that the last look has shown ended do not count. Two looks in one instant count as one: the official
    client looks by itself before it fetches results.
    """
    ended = {job.job_id: job.ended_at for job in jobs}
    last: dict[int | None, tuple[Entry, bool]] = {}
    intervals: list[tuple[float, str]] = []
    for entry in journal.where(operation=_POLLED):
        before, second = last.get(entry.job_id, (None, False))
        if before is not None and before.at < ended.get(entry.job_id or 0, NEVER):
            if entry.at - before.at < _ONE_INSTANT_S and not second:
                last[entry.job_id] = (before, True)
                continue
            intervals.append((entry.at - before.at, entry.where))
        last[entry.job_id] = (entry, False)
    shortest, where = min(intervals, key=lambda interval: interval[0], default=(None, ""))
    median_s = None
    if intervals:
        from statistics import median  # noqa: PLC0415 - takes a tenth of the start

        median_s = round(median(interval for interval, _ in intervals), 3)
    return {
        "calls": journal.count(operation=_POLLED),
        "median_s": median_s,
        "shortest_s": None if shortest is None else round(shortest, 3),
        "where": where or None,
    }


def _downloads(jobs: Sequence[Job], journal: Journal, scenario: Scenario, now: float) -> dict[str, Any]:
    """Return files that were fetched, and complete jobs of which no file was, or not even a result was read."""
    fetched = [e for e in journal if e.operation in _FETCHED and not e.detail.endswith(_PICTURES)]
    saved = {entry.job_id for entry in fetched if entry.outcome == "ok"}
    read = {entry.job_id for entry in journal if entry.operation in _RESULTS and entry.outcome == "ok"} - saved
    submitted = _submitting_lines(journal)
    complete = [job for job in jobs if any(status_at(build, now) is StatusCode.COMPLETE for build in job.builds)]
    left = [job for job in complete if job.job_id not in saved | read]
    lost = [job for job in left if now >= scenario.expires_at(job.ended_at)]
    return {
        "files": sum(entry.outcome == "ok" for entry in fetched),
        "missing": sum(entry.outcome == "missing" for entry in fetched),
        "jobs_read_without_a_file": [job.job_id for job in complete if job.job_id in read],
        "jobs_never_downloaded": [job.job_id for job in left],
        "jobs_expired_before_download": [job.job_id for job in lost],
        "where": sorted({submitted[job.job_id] for job in left if job.job_id in submitted}),
    }


def _submitting_lines(journal: Journal) -> dict[int, str]:
    """Return the line of the program that submitted each job, by job number, if it is known."""
    return {e.job_id: e.where for e in journal.where(operation=_CREATED) if e.job_id is not None and e.where}


def _duplicates(jobs: Sequence[Job], journal: Journal) -> list[dict[str, Any]]:
    """Return groups of jobs that one user submitted with equal parameters, and the lines that submitted them."""
    alike: dict[tuple[str, str], list[int]] = {}
    often = {name for name, times in Counter(job.name for job in jobs).items() if times > 1}
    for job in jobs:
        if job.name in often:
            parameters = sorted(item for item in job.parameters.items() if item[0] not in ("outdir", "UserID"))
            alike.setdefault((job.user.casefold(), repr(parameters)), []).append(job.job_id)
    lines = _submitting_lines(journal)
    return [
        {"jobs": numbers, "where": sorted({lines[number] for number in numbers if number in lines})}
        for numbers in alike.values()
        if len(numbers) > 1
    ]


def _retries(journal: Journal) -> list[dict[str, Any]]:
    """Return how often each line repeated a call that had failed, and the shortest wait before it did [s]."""
    failed: dict[tuple[str, str, int | None], float] = {}
    found: dict[tuple[str, str], list[float]] = {}
    for entry in journal:
        key = (entry.operation, entry.user.casefold(), entry.job_id if entry.operation != _CREATED else None)
        if key in failed:
            found.setdefault((entry.operation, entry.where), []).append(entry.at - failed.pop(key))
        if entry.outcome in ("fault", "outage", "unavailable"):
            failed[key] = entry.at
    return [
        {"operation": operation, "where": where or None, "times": len(waits), "shortest_s": round(min(waits), 3)}
        for (operation, where), waits in sorted(found.items())
    ]
