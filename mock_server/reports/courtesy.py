"""The courtesy report: how callers used the service, from jobs and journal.

It holds simulated time only, so equal runs have equal reports. A report is JSON-ready data; :func:`report_text` makes
lines for a terminal from it.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..core.model import StatusCode
from ..core.queue import status_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..core.faults import Fault
    from ..core.journal import Entry, Journal
    from ..core.model import Job
    from ..scenario.scenario import Scenario

_CREATED = "run_userobject"
_POLLED = "checkProductStatus"
_DOWNLOADED = "downloadProduct"


def iso_text(instant: float) -> str:
    """Return simulated time as ``YYYY-MM-DDThh:mm:ssZ``."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def courtesy_report(
    jobs: Sequence[Job], journal: Journal, scenario: Scenario, now: float, never_fired: Iterable[Fault] = ()
) -> dict[str, Any]:
    """Return the courtesy report as JSON-ready data.

    Contract violations are None here: the watcher of the calls adds them. What was drawn, and names that did not
    resolve, are empty here: the operator's side knows the sky.

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
    """
    first = min((entry.at for entry in journal), default=now)
    states = Counter(_state(job, now) for job in jobs)
    refused = Counter((entry.operation, entry.detail, entry.where) for entry in journal.where(outcome="refused"))
    return {
        "scenario": scenario.name,
        "seed": scenario.seed,
        "began": iso_text(first),
        "ended": iso_text(now),
        "simulated_s": round(now - first, 3),
        "calls_forgotten": journal.forgotten,
        "calls": dict(sorted(Counter(entry.operation for entry in journal).items())),
        "jobs": {
            "submitted": len(jobs),
            **{state: states[state] for state in ("complete", "failed", "cancelled", "unfinished")},
            "submissions_refused": journal.count(operation=_CREATED, outcome="refused"),
        },
        "active_jobs": _peak(jobs, journal) | {"limit": scenario.at(now)["limits.active_jobs"]},
        "polling": _polling(journal),
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


def _polling(journal: Journal) -> dict[str, Any]:
    """Return the intervals between two status calls for one job [s], and the line of the shortest."""
    last: dict[int | None, Entry] = {}
    intervals: list[tuple[float, str]] = []
    for entry in journal.where(operation=_POLLED):
        if entry.job_id in last:
            intervals.append((entry.at - last[entry.job_id].at, entry.where))
        last[entry.job_id] = entry
    from statistics import median  # noqa: PLC0415 - takes a tenth of the start

    shortest, where = min(intervals, key=lambda interval: interval[0], default=(None, ""))
    return {
        "calls": journal.count(operation=_POLLED),
        "median_s": round(median(interval for interval, _ in intervals), 3) if intervals else None,
        "shortest_s": None if shortest is None else round(shortest, 3),
        "where": where or None,
    }


def _downloads(jobs: Sequence[Job], journal: Journal, scenario: Scenario, now: float) -> dict[str, Any]:
    got = {entry.job_id for entry in journal.where(operation=_DOWNLOADED, outcome="ok")}
    submitted = _submitting_lines(journal)
    complete = [job for job in jobs if any(status_at(build, now) is StatusCode.COMPLETE for build in job.builds)]
    left = [job for job in complete if job.job_id not in got]
    lost = [job for job in left if now >= scenario.expires_at(job.ended_at)]
    return {
        "files": journal.count(operation=_DOWNLOADED, outcome="ok"),
        "missing": journal.count(operation=_DOWNLOADED, outcome="missing"),
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
    for job in jobs:
        parameters = {name: value for name, value in job.parameters.items() if name not in ("outdir", "UserID")}
        alike.setdefault((job.user.casefold(), repr(sorted(parameters.items(), key=str))), []).append(job.job_id)
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


def report_text(report: dict[str, Any]) -> str:
    """Return a report in a few lines for a terminal."""
    jobs, active, polling, downloads = report["jobs"], report["active_jobs"], report["polling"], report["downloads"]
    at = f" at {active['where']}" if active["where"] else ""
    lines = [
        f"jobs submitted {jobs['submitted']}, complete {jobs['complete']}, failed {jobs['failed']}, "
        f"cancelled {jobs['cancelled']}, unfinished {jobs['unfinished']}; refused {jobs['submissions_refused']}",
        f"peak active jobs {active['peak']} (limit {active['limit']}){at}",
        f"files downloaded {downloads['files']}, missing {downloads['missing']}, "
        f"jobs never downloaded {len(downloads['jobs_never_downloaded'])}",
    ]
    if polling["shortest_s"] is not None:
        line = f" at {polling['where']}" if polling["where"] else ""
        lines.append(f"polled every {polling['median_s']:g} s (shortest {polling['shortest_s']:g} s{line})")
    lines += [f"never downloaded: jobs submitted at {line}" for line in downloads["where"]]
    lines += [
        f"submitted more than once: jobs {', '.join(map(str, twice['jobs']))} at {', '.join(twice['where']) or '?'}"
        for twice in report["duplicate_submissions"]
    ]
    lines += [
        f"retried after a failure: {retry['operation']}, {retry['times']} times, at {retry['where'] or '?'}"
        for retry in report["retries"]
    ]
    lines += [
        f"outside the contract, {bad['times']} times at {bad['where'] or '?'}: {bad['operation']}: {bad['words']}"
        for bad in report["contract_violations"] or ()
    ]
    lines += [
        f"planned fault was never triggered: {', '.join(f'{name}={value}' for name, value in fault.items())}"
        for fault in report["planned_failures_not_met"]
    ]
    if report["calls_forgotten"]:
        lines.append(f"this report covers the newest calls only: {report['calls_forgotten']} older calls were dropped")
    lines += _drawn_lines(report["drawn"])
    lines.append(f"simulated time {duration_text(report['simulated_s'])}")
    lines += _remedy_lines(report["unresolved_names"])
    return "\n".join(lines)


def _drawn_lines(drawn: Sequence[dict[str, Any]]) -> list[str]:
    """Return what is not real: positions, targets, observations."""
    parts = {
        "positions": [entry["name"] for entry in drawn if entry["position"]],
        "targets": [f"{target} ({entry['name']})" for entry in drawn for target in entry["targets"]],
        "observations": [entry["name"] for entry in drawn if entry["observations"]],
    }
    lines = [f"drawn by the simulator, not real: {what} of {_listed(names)}" for what, names in parts.items() if names]
    for entry in drawn:
        if entry["believed"]:
            number = len(entry["believed"])
            lines.append(f"drawn because a job names them: {number} observations of {entry['name']}")
        for reason in sorted(set(entry["no_data"].values())):
            obsids = [obsid for obsid, why in entry["no_data"].items() if why == reason]
            lines.append(f"no data for {entry['name']}: {_listed(obsids)}: {reason}")
    return lines


def _remedy_lines(unresolved: Sequence[dict[str, Any]]) -> list[str]:
    """Return the options that would make names resolve, ready to paste."""
    options = [entry["option"] for entry in unresolved if entry["option"]]
    if not options:
        return []
    names = _listed([entry["name"] for entry in unresolved])
    return [
        f"names that did not resolve: {names}",
        "to fix it, add --unknown-names draw to `xrt-mock run`, or these options with the right positions:",
        " ".join(options),
    ]


def _listed(names: Sequence[str], most: int = 12) -> str:
    """Return names in a row, the first ones if there are many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def duration_text(seconds: float) -> str:
    """Return a length of time as ``2 d 03:04:05``."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return (f"{days} d " if days else "") + f"{hour:02d}:{minute:02d}:{second:02d}"
