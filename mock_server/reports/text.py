"""A courtesy report in words: the verdict first, then what was used and what went wrong. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.words import counted, duration_text, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .limits import Gate

_MOST = 3  # examples of one kind
_MOST_REASONS = 8


def verdict_lines(report: dict[str, Any], gates: Sequence[Gate] = ()) -> list[str]:
    """Return PASSED or FAILED, and each gate with its value; nothing for a report without program and limits."""
    judged = [(program["exit_code"] == 0, ending_text(program)) for program in report["programs"]]
    judged += [(not gate.broken, str(gate)) for gate in gates]
    if not judged:
        return []
    verdict = "PASSED" if all(passed for passed, _ in judged) else "FAILED"
    return [verdict, *(f"  {'passed' if passed else 'FAILED'}  {words}" for passed, words in judged)]


def ending_text(program: dict[str, Any]) -> str:
    """Return how a program ended: exit code or signal, and the exception that ended it."""
    name = "the program" if program["copy"] is None else f"copy {program['copy']} of the program"
    if program["exit_code"] is None:
        return f"{name} did not end"
    how = f"was ended by {program['signal']}" if program["signal"] else f"ended with exit code {program['exit_code']}"
    why = f": {program['exception']}" if program["exception"] else ""
    return f"{name} {how}{why}{_at(program['where'])}"


def _at(where: str | Sequence[str] | None, words: str = "at") -> str:
    lines = [where] if isinstance(where, str) else where
    return f", {words} {listed(lines, _MOST)}" if lines else ""


def report_text(report: dict[str, Any], gates: Sequence[Gate] = ()) -> str:
    """Return a report in lines for a terminal."""
    jobs, active, downloads = report["jobs"], report["active_jobs"], report["downloads"]
    polling, refused = report["polling"], jobs["submissions_refused"]
    polled = (
        "polled every {median_s:g} s (shortest {shortest_s:g} s".format_map(polling)
        if polling["shortest_s"] is not None
        else ""
    )
    lines = [
        *verdict_lines(report, gates),
        f"jobs submitted {jobs['submitted']}, complete {jobs['complete']}, failed {jobs['failed']}, "
        f"cancelled {jobs['cancelled']}, unfinished {jobs['unfinished']}; submissions refused {refused}",
        *_unsuccessful_lines(report),
        f"most jobs active at a time {active['peak']} (limit {active['limit']}){_at(active['where'])}",
        *([f"{polled}{_at(polling['where'])})"] if polled else []),
        f"files downloaded {downloads['files']}, not found {downloads['missing']}",
        *_wasted_lines(report),
    ]
    lines += [
        f"retried after a failure: {retry['operation']}, {counted(retry['times'], 'time')}{_at(retry['where'])}"
        for retry in report["retries"]
    ]
    lines += [
        f"outside the contract, {counted(bad['times'], 'time')}{_at(bad['where'])}: {bad['operation']}: {bad['words']}"
        for bad in report["contract_violations"] or ()
    ]
    lines += [
        f"planned fault was never triggered: {', '.join(f'{name}={value}' for name, value in fault.items())}"
        for fault in report["planned_failures_not_met"]
    ]
    if report["calls_forgotten"]:
        dropped = counted(report["calls_forgotten"], "older call")
        lines.append(f"this report covers the newest calls only: {dropped} were dropped")
    lines += _drawn_lines(report["drawn"])
    lines.append(f"simulated time {duration_text(report['simulated_s'])}")
    lines += _remedy_lines(report["unresolved_names"])
    return "\n".join(lines)


def _unsuccessful_lines(report: dict[str, Any]) -> Iterator[str]:
    """Yield why calls were refused, the most frequent reasons first, and which products were not made."""
    found = sorted(report["refused"], key=lambda one: -one["times"])
    for one in found[:_MOST_REASONS]:
        yield f"refused {counted(one['times'], 'time')}: {one['operation']}: {one['words']}{_at(one['where'])}"
    if len(found) > _MOST_REASONS:
        times = counted(sum(one["times"] for one in found[_MOST_REASONS:]), "more refusal")
        yield f"{times} for {counted(len(found) - _MOST_REASONS, 'other reason')}: see the report as JSON or HTML"
    words = {"failed": "failed", "not_queued": "could not be queued", "not_requested": "was not requested"}
    for one in report["failed"]:
        of = f"of {counted(len(one['jobs']), 'job')} ({listed(one['jobs'], _MOST)})"
        yield f"{words[one['status']]}: {one['product']} {of}{_at(one['where'], 'submitted at')}"


def _wasted_lines(report: dict[str, Any]) -> Iterator[str]:
    """Yield the complete jobs of which no file was fetched, and how many requests were submitted again."""
    downloads, duplicates = report["downloads"], report["duplicate_submissions"]
    read, left, lost = (
        downloads[name]
        for name in ("jobs_read_without_a_file", "jobs_never_downloaded", "jobs_expired_before_download")
    )
    if read:
        yield f"results read without a file: {counted(len(read), 'job')} ({listed(read, _MOST)})"
    if left:
        expired = f", {len(lost)} of them expired" if lost else ""
        of = f"{counted(len(left), 'job')} ({listed(left, _MOST)})"
        yield f"never downloaded: {of}{expired}{_at(downloads['where'], 'submitted at')}"
    if duplicates:
        groups = "; ".join(listed(twice["jobs"], _MOST) for twice in duplicates[:_MOST])
        lines = sorted({line for twice in duplicates for line in twice["where"]})
        such = "jobs" if len(duplicates) <= _MOST else "such as jobs"
        yield f"submitted more than once: {counted(len(duplicates), 'request')}, {such} {groups}{_at(lines)}"


def _drawn_lines(drawn: Sequence[dict[str, Any]]) -> list[str]:
    """Return what is not real: positions, targets, observations."""
    parts = {
        "positions": [entry["name"] for entry in drawn if entry["position"]],
        "targets": [f"{target} ({entry['name']})" for entry in drawn for target in entry["targets"]],
        "observations": [entry["name"] for entry in drawn if entry["observations"]],
    }
    lines = [f"drawn by the simulator, not real: {what} of {listed(names)}" for what, names in parts.items() if names]
    for entry in drawn:
        if entry["believed"]:
            number = counted(len(entry["believed"]), "observation")
            lines.append(f"drawn because a job names them: {number} of {entry['name']}")
        for reason in sorted(set(entry["no_data"].values())):
            obsids = [obsid for obsid, why in entry["no_data"].items() if why == reason]
            lines.append(f"no data for {entry['name']}: {listed(obsids)}: {reason}")
    return lines


def _remedy_lines(unresolved: Sequence[dict[str, Any]]) -> list[str]:
    """Return the options that would make names resolve, ready to paste."""
    options = [entry["option"] for entry in unresolved if entry["option"]]
    if not options:
        return []
    names = listed([entry["name"] for entry in unresolved])
    return [
        f"names that did not resolve: {names}",
        "to fix it, add --unknown-names draw to `xrt-mock run`, or these options with the right positions:",
        " ".join(options),
    ]
