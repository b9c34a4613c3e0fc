"""The courtesy report as a file: JSON, text, JUnit, or one self-contained page with pictures.

Like the report they hold service time only, so equal runs write equal bytes.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree

from jinja2 import Environment, PackageLoader

from . import report
from .simulation import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

    from .journal import Journal
    from .model import Job

FORMATS = ("text", "json", "html", "junit")
_MOST_BARS = 200
_MINUTE = 60.0


class Material(NamedTuple):
    """What a report is written from.

    Parameters
    ----------
    report
        The courtesy report.
    failures
        A sentence for each gate that was not passed.
    gates
        Every gate, as the user wrote it.
    jobs, journal
        For the pictures.
    """

    report: dict[str, Any]
    failures: Sequence[str] = ()
    gates: Sequence[str] = ()
    jobs: Sequence[Job] = ()
    journal: Journal | None = None


def render(form: str, material: Material) -> str:
    """Return the report in one of :data:`FORMATS`."""
    match form:
        case "json":
            return json.dumps(material.report, indent=2) + "\n"
        case "junit":
            return _junit(material)
        case "html":
            return _html(material)
    return "\n".join([report.as_text(material.report), *material.failures]) + "\n"


def _junit(material: Material) -> str:
    """Return a test suite with a case for each gate, for the pages of a CI service."""
    suite = ElementTree.Element("testsuite", name="xrt-mock", tests=str(len(material.gates)))
    suite.set("failures", str(len(material.failures)))
    for gate in material.gates:
        case = ElementTree.SubElement(suite, "testcase", classname="courtesy", name=gate)
        failed = next((words for words in material.failures if f"(fails if {gate})" in words), None)
        if failed is not None:
            ElementTree.SubElement(case, "failure", message=failed).text = failed
    ElementTree.SubElement(suite, "system-out").text = report.as_text(material.report)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _html(material: Material) -> str:
    templates = Environment(loader=PackageLoader("mock_server"), autoescape=True)
    pictures = [
        ("Active jobs against time and limit", _picture(lambda axes: _draw_active(axes, material))),
        ("Calls a minute, by operation", _picture(lambda axes: _draw_calls(axes, material.journal))),
        ("Jobs from submission to end", _picture(lambda axes: _draw_jobs(axes, material.jobs))),
    ]
    text = report.as_text(material.report)
    page = templates.get_template("report.html")
    return page.render(report=material.report, text=text, failures=material.failures, pictures=pictures)


def _picture(draw: Callable[[Axes], None]) -> str:
    """Return an SVG drawing, the same for the same data."""
    import matplotlib  # noqa: PLC0415 - a second's import, for pages alone
    from matplotlib.figure import Figure  # noqa: PLC0415

    with matplotlib.rc_context({"svg.hashsalt": "xrt-mock", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(8, 2.8), layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        axes.set_xlabel("hours since the first call")
        axes.spines[["top", "right"]].set_visible(False)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return drawn.getvalue()[drawn.getvalue().index("<svg") :]


def _hours(material_start: float, moment: float) -> float:
    return (moment - material_start) / 3600


def _start(journal: Journal | None) -> float:
    return min((entry.at for entry in journal or ()), default=0.0)


def _draw_active(axes: Axes, material: Material) -> None:
    start, limit = _start(material.journal), material.report["active_jobs"]["limit"]
    steps = [step for step in report.active_steps(material.jobs) if step[0] < NEVER]
    axes.step([_hours(start, at) for at, _ in steps], [n for _, n in steps], where="post", label="active jobs")
    peak = material.report["active_jobs"]["peak"]
    if limit <= 3 * max(peak, 1):
        axes.axhline(limit, color="tab:red", label=f"limit {limit}")
    axes.axhline(5, color="tab:orange", linestyle="--", label="courtesy: about 5")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("jobs")
    axes.legend(loc="upper right", frameon=False)


def _draw_calls(axes: Axes, journal: Journal | None) -> None:
    start = _start(journal)
    by_operation: dict[str, Counter[int]] = {}
    for entry in journal or ():
        by_operation.setdefault(entry.operation, Counter())[int((entry.at - start) // _MINUTE)] += 1
    for operation, minutes in sorted(by_operation.items()):
        axes.plot([m / 60 for m in sorted(minutes)], [minutes[m] for m in sorted(minutes)], ".", label=operation)
    axes.set_ylabel("calls a minute")
    axes.set_ylim(bottom=0)
    if by_operation:
        axes.legend(loc="upper right", frameon=False, fontsize=7)


def _draw_jobs(axes: Axes, jobs: Sequence[Job]) -> None:
    shown = [job for job in jobs if job.ended_at < NEVER][:_MOST_BARS]
    start = min((job.submitted_at for job in shown), default=0.0)
    for row, job in enumerate(shown):
        left = [_hours(start, build.requested_at) for build in job.builds]
        width = [_hours(build.requested_at, build.left_at) for build in job.builds]
        axes.barh([row] * len(left), width, left=left, height=0.8, color="tab:blue", alpha=0.4)
    axes.set_ylabel(f"first {_MOST_BARS} jobs" if len(jobs) > _MOST_BARS else "job")
    axes.invert_yaxis()
