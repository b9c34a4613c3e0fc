"""The courtesy report as a file: JSON, text, Markdown, JUnit, or one self-contained page with pictures.

Like the report they hold simulated time only, so equal runs write equal bytes.
"""

# ruff: noqa: PLC0415 - each kind of file needs libraries of its own

from __future__ import annotations

import io
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.queue import NEVER
from .courtesy import active_steps
from .text import ending_text, report_text, verdict_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree import ElementTree

    from matplotlib.axes import Axes

    from ..core.journal import Journal
    from ..core.model import Job
    from .limits import Gate

FORMATS = ("text", "json", "html", "junit", "markdown")
_MOST_BARS, _MOST_STRETCHES = 200, 300
_UNPRINTABLE = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_MINUTE = 60.0
_FAR = 4  # a limit that many times above the jobs needs another scale


class Material(NamedTuple):
    """Content of a report.

    Parameters
    ----------
    report
        The courtesy report.
    gates
        Every limit, and what the report says about it.
    jobs, journal
        For the pictures.
    """

    report: dict[str, Any]
    gates: Sequence[Gate] = ()
    jobs: Sequence[Job] = ()
    journal: Journal | None = None


def render_report(form: str, material: Material) -> str:
    """Return the report in one of :data:`FORMATS`."""
    if form == "json":
        return json.dumps(material.report, indent=2) + "\n"
    text = report_text(material.report, material.gates)
    match form:
        case "junit":
            found = _junit(material, text)
        case "html":
            from jinja2 import Environment, PackageLoader

            page = Environment(loader=PackageLoader("mock_server.web"), autoescape=True).get_template("report.html")
            judged = verdict_lines(material.report, material.gates)
            lines = text.splitlines()[len(judged) :]
            found = page.render(report=material.report, verdict=judged, lines=lines, timeline=_timeline(material))
        case "markdown":  # the verdict as a heading with a list, for the summary of a build server
            verdict, *judged = verdict_lines(material.report, material.gates) or ["Courtesy report"]
            items = ["- `{}`".format(line.strip().replace("`", "'")) for line in judged]
            fence = "`" * (1 + max(2, *(len(run) for run in re.findall("`+", text)), 0))
            found = "\n".join([f"## xrt-mock: {verdict}", "", *items, "", f"{fence}text", text, fence, ""])
        case _:
            found = text + "\n"
    return re.sub(_UNPRINTABLE, "\N{REPLACEMENT CHARACTER}", found)  # XML and UTF-8 cannot hold every path asked for


def _junit(material: Material, text: str) -> str:
    """Return a test suite with a case for each program and each limit, for the pages of a CI service."""
    from xml.etree import ElementTree

    suite = ElementTree.Element("testsuite", name="xrt-mock")
    for program in material.report["programs"]:
        name = "program" if program["copy"] is None else f"program, copy {program['copy']}"
        _add_case(suite, name, "" if program["exit_code"] == 0 else ending_text(program))
    for gate in material.gates:
        _add_case(suite, str(gate.limit), str(gate) if gate.broken else "")
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    ElementTree.SubElement(suite, "system-out").text = text
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _add_case(suite: ElementTree.Element, name: str, failure: str) -> None:
    case = suite.makeelement("testcase", {"classname": "courtesy", "name": name})
    suite.append(case)
    if failure:
        problem = case.makeelement("failure", {"message": failure})
        problem.text = failure
        case.append(problem)


class _Scale(NamedTuple):
    """Time axis of the pictures: its start in simulated time [s], and its unit."""

    start: float
    unit_s: float
    unit: str

    @classmethod
    def of(cls, material: Material) -> _Scale:
        start = min((entry.at for entry in material.journal or ()), default=0.0)
        long = material.report["simulated_s"] > 3 * 3600
        return cls(start, 3600.0, "hours") if long else cls(start, 60.0, "minutes")

    def __call__(self, moment: float) -> float:
        return (moment - self.start) / self.unit_s


def _timeline(material: Material) -> str:
    """Return an SVG drawing of active jobs, calls and jobs on one time axis, the same for the same data.

    It is narrow, so that its letters can be read on a phone. The page sets the colours of what is black here.
    """
    import matplotlib  # takes a second
    from matplotlib.figure import Figure

    scale = _Scale.of(material)
    with matplotlib.rc_context({"svg.hashsalt": "xrt-mock", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(5.2, 7.5), layout="constrained")
        active, calls, jobs = figure.subplots(3, 1, sharex=True)
        _draw_active(active, scale, material)
        _draw_calls(calls, scale, material.journal)
        _draw_jobs(jobs, scale, material.jobs)
        for axes in (active, calls, jobs):
            axes.spines[["top", "right"]].set_visible(False)
            for begin, end in _outages(material.journal):
                axes.axvspan(scale(begin), scale(end), color="tab:red", alpha=0.2, linewidth=0)
        jobs.set_xlabel(f"{scale.unit} since the first call; red: the service was down")
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return drawn.getvalue()[drawn.getvalue().index("<svg") :]


def _outages(journal: Journal | None) -> list[tuple[float, float]]:
    """Return from when to when calls met an outage: from its first call to the next call that was answered [s]."""
    spans: list[tuple[float, float]] = []
    begin: float | None = None
    last = 0.0
    for entry in journal or ():
        last = entry.at
        if entry.outcome == "outage":
            begin = entry.at if begin is None else begin
        elif begin is not None:
            spans.append((begin, entry.at))
            begin = None
    return spans if begin is None else [*spans, (begin, last)]


def _draw_active(axes: Axes, scale: _Scale, material: Material) -> None:
    """Draw the user with the most active jobs against the limit and the courtesy; all users together, faint."""
    limit, worst = material.report["active_jobs"]["limit"], material.report["active_jobs"]["user"]
    users = {job.user.casefold() for job in material.jobs}
    if len(users) > 1:
        _draw_steps(axes, scale, material.jobs, f"{len(users)} users together", color="tab:gray", alpha=0.4)
    jobs = [job for job in material.jobs if job.user.casefold() == worst]
    _draw_steps(axes, scale, jobs, "the user with the most" if len(users) > 1 else "active jobs", color="tab:blue")
    axes.axhline(5, color="tab:orange", linestyle="--", label="courtesy: about 5")
    axes.axhline(limit, color="tab:red", label=f"limit for each user: {limit}")
    axes.set_ylim(bottom=0)
    if limit > _FAR * max(5, material.report["active_jobs"]["peak"]):
        axes.set_yscale("symlog", linthresh=10)  # a far limit is drawn, too, without hiding what is below it
    axes.set_ylabel("jobs")
    _legend(axes)


def _draw_steps(axes: Axes, scale: _Scale, jobs: Sequence[Job], label: str, **style: Any) -> None:
    steps = [step for step in active_steps(jobs) if step[0] < NEVER]
    axes.step([scale(at) for at, _ in steps], [n for _, n in steps], where="post", label=label, **style)


def _draw_calls(axes: Axes, scale: _Scale, journal: Journal | None) -> None:
    """Draw the calls of each operation by minute, or by longer stretches if there would be too many."""
    entries = [*(journal or ())]
    stretch_s = max(_MINUTE, (entries[-1].at - scale.start) / _MOST_STRETCHES) if entries else _MINUTE
    by_operation: dict[str, Counter[int]] = {}
    for entry in entries:
        by_operation.setdefault(entry.operation, Counter())[int((entry.at - scale.start) // stretch_s)] += 1
    for operation, counts in sorted(by_operation.items()):
        at = sorted(counts)
        rates = [counts[k] * _MINUTE / stretch_s for k in at]
        axes.plot([k * stretch_s / scale.unit_s for k in at], rates, ".", label=operation)
    axes.set_ylabel("calls per minute")
    if stretch_s == _MINUTE:
        _use_integers(axes)
    axes.set_ylim(bottom=0)
    if by_operation:
        _legend(axes)


def _draw_jobs(axes: Axes, scale: _Scale, jobs: Sequence[Job]) -> None:
    shown = [job for job in jobs if job.ended_at < NEVER][:_MOST_BARS]
    last = max((scale(job.ended_at) for job in shown), default=0.0)
    for job in shown:
        length = max(scale(job.ended_at) - scale(job.submitted_at), last / _MOST_STRETCHES)  # seen, however short
        axes.barh(job.job_id, length, left=scale(job.submitted_at), height=0.8, color="tab:blue", alpha=0.8)
    axes.set_ylabel(f"job (first {_MOST_BARS})" if len(jobs) > _MOST_BARS else "job")
    _use_integers(axes)
    axes.invert_yaxis()


def _use_integers(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _legend(axes: Axes) -> None:
    """Put the legend above the drawing, where it does not hide data."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, fontsize=8)
