"""The courtesy report as a file: JSON, text, Markdown, JUnit, or one self-contained page with pictures.

Like the report they hold simulated time only, so equal runs write equal bytes.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree

from jinja2 import Environment, PackageLoader

from ..core.queue import NEVER
from .courtesy import active_steps
from .text import ending_text, report_text, verdict_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

    from ..core.journal import Journal
    from ..core.model import Job
    from .limits import Gate

FORMATS = ("text", "json", "html", "junit", "markdown")
_MOST_BARS = 200
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
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
            scale = _Scale.of(material)
            active = _picture(lambda axes: _draw_active(axes, scale, material), scale)
            calls = _picture(lambda axes: _draw_calls(axes, scale, material.journal), scale)
            jobs = _picture(lambda axes: _draw_jobs(axes, scale, material.jobs), scale)
            pictures = [
                ("Active jobs against time and limit", active),
                ("Calls per minute, by operation", calls),
                ("Jobs from submission to end", jobs),
            ]
            page = Environment(loader=PackageLoader("mock_server.web"), autoescape=True).get_template("report.html")
            found = page.render(report=material.report, text=text, gates=material.gates, pictures=pictures)
        case "markdown":
            found = _markdown(material, text)
        case _:
            found = text + "\n"
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", found)  # XML and UTF-8 cannot hold every path asked for


def _junit(material: Material, text: str) -> str:
    """Return a test suite with a case for each program and each limit, for the pages of a CI service."""
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
    case = ElementTree.SubElement(suite, "testcase", classname="courtesy", name=name)
    if failure:
        ElementTree.SubElement(case, "failure", message=failure).text = failure


def _markdown(material: Material, text: str) -> str:
    """Return the verdict as a heading with a list, and the report below it, for the summary of a build server."""
    verdict, *judged = verdict_lines(material.report, material.gates) or ["Courtesy report"]
    items = ["- `{}`".format(line.strip().replace("`", "'")) for line in judged]
    fence = "`" * (1 + max(2, *(len(run) for run in re.findall("`+", text)), 0))
    return "\n".join([f"## xrt-mock: {verdict}", "", *items, "", f"{fence}text", text, fence, ""])


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


def _picture(draw: Callable[[Axes], None], scale: _Scale) -> str:
    """Return an SVG drawing, the same for the same data."""
    import matplotlib  # noqa: PLC0415 - takes a second to import, and only pages need it
    from matplotlib.figure import Figure  # noqa: PLC0415

    with matplotlib.rc_context({"svg.hashsalt": "xrt-mock", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(8, 2.8), layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        axes.set_xlabel(f"{scale.unit} since the first call")
        axes.spines[["top", "right"]].set_visible(False)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    return drawn.getvalue()[drawn.getvalue().index("<svg") :]


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
    by_operation: dict[str, Counter[int]] = {}
    for entry in journal or ():
        by_operation.setdefault(entry.operation, Counter())[int((entry.at - scale.start) // _MINUTE)] += 1
    for operation, minutes in sorted(by_operation.items()):
        at = sorted(minutes)
        axes.plot([m * _MINUTE / scale.unit_s for m in at], [minutes[m] for m in at], ".", label=operation)
    axes.set_ylabel("calls per minute")
    _use_integers(axes)
    axes.set_ylim(bottom=0)
    if by_operation:
        _legend(axes)


def _draw_jobs(axes: Axes, scale: _Scale, jobs: Sequence[Job]) -> None:
    shown = [job for job in jobs if job.ended_at < NEVER][:_MOST_BARS]
    for job in shown:
        length = scale(job.ended_at) - scale(job.submitted_at)
        axes.barh(job.job_id, length, left=scale(job.submitted_at), height=0.8, color="tab:blue", alpha=0.5)
    axes.set_ylabel(f"job (first {_MOST_BARS})" if len(jobs) > _MOST_BARS else "job")
    _use_integers(axes)
    axes.invert_yaxis()


def _use_integers(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - as above

    axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _legend(axes: Axes) -> None:
    """Put the legend beside the drawing, where it does not hide data."""
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=8)
