"""A hunt as one HTML page: each finding with its smallest world drawn as a timeline, and the matrix."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from ..core.words import duration_text
from .deviations import words_of
from .oracles import SUBMIT
from .words import BY_REAL_TIME, place, to_repeat

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .hunting import Result
    from .life import Life

_WIDTH, _LEFT, _ROW = 900, 190, 22
_MOST_CALLS = 400
_COLOURS = {"ok": "#2b7a3d", "partial": "#2b7a3d"}
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 960px; padding: 0 1em; color: #222 }
code, pre { background: #f3f3f3; padding: .1em .3em } table { border-collapse: collapse }
td, th { border: 1px solid #ccc; padding: .2em .5em; text-align: right } th:first-child { text-align: left }
.broke { background: #f8d7d7 } svg { max-width: 100%; height: auto } svg text { font-size: 12px; fill: #222 }
"""


def as_html(result: Result, folder: str, command: Sequence[str]) -> str:
    """Return the page."""
    tally = result.tally
    heading = (
        f"found {len(result.found)} in {tally.worlds} worlds"
        if result.found
        else f"nothing found in {tally.worlds} worlds"
    )
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><title>xrt-mock hunt</title>',
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{escape(heading)}</h1>",
        f"<p>Calm world: exit {result.calm.code}, {len(result.calm.calls)} calls, {len(result.calm.jobs)} jobs, "
        f"{duration_text(result.calm.simulated_s)} simulated. Something broke in {tally.broke} worlds.</p>",
        *([f"<p>{tally.excused} worlds were {BY_REAL_TIME}.</p>"] if tally.excused else ()),
        *(f"<p>In the calm world already: {escape(f.words)} ({escape(place(f.where))})</p>" for f in result.in_calm),
    ]
    for number, found in enumerate(result.found, 1):
        parts += [
            f"<h2>{number}. {escape(found.finding.words)}</h2>",
            f"<p>{escape(words_of(found.world))}; "
            f"<code>{escape(place(found.finding.where, found.life.killed_at))}</code></p>",
            *([f"<p>{escape(found.life.error)}</p>"] if found.life.error else ()),
            *([f"<p>Not repeatable: {escape(found.differed)}</p>"] if found.differed else ()),
            *([f"<p>It was {BY_REAL_TIME}.</p>"] if found.life.excused else ()),
            timeline(found.life),
            f"<pre>{escape(to_repeat(number, found, folder, command))}</pre>",
        ]
    return "\n".join([*parts, *matrix(result), "</body></html>"]) + "\n"


def timeline(life: Life) -> str:
    """Return a life as SVG: a row for each operation with its calls, and one for each job from start to end."""
    calls = life.calls[:_MOST_CALLS]
    begin = min((call.at for call in calls), default=0.0)
    end = max([call.at for call in calls] + [begin + 60.0])
    operations = list(dict.fromkeys(call.operation for call in calls))
    jobs = life.jobs[:30]
    height = _ROW * (len(operations) + len(jobs) + 2)

    def x(at: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - 20) * min(1.0, max(0.0, (at - begin) / (end - begin)))

    rows = [f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="Timeline of the calls">']
    for row, operation in enumerate(operations):
        y = _ROW * (row + 1)
        rows.append(f'<text x="4" y="{y + 4}">{escape(operation)}</text>')
        for call in calls:
            if call.operation == operation:
                source = f" ({call.source})" if call.operation == SUBMIT else ""
                title = f"{call.operation} {call.outcome} {call.status}{source} at {place(call.where)}"
                colour = _COLOURS.get(call.outcome, "#b3261e")
                circle = f'<circle cx="{x(call.at):.1f}" cy="{y}" r="4" fill="{colour}">'
                rows.append(f"{circle}<title>{escape(title)}</title></circle>")
    for row, job in enumerate(jobs, len(operations)):
        y, left, right = _ROW * (row + 1), x(job.submitted_at), x(min(job.ended_at, end))
        colour = "#8ab" if job.complete else "#c66"
        rows.append(f'<text x="4" y="{y + 4}">{escape(f"job {job.job_id} {job.source}"[:28])}</text>')
        rows.append(
            f'<rect x="{left:.1f}" y="{y - 6}" width="{max(2.0, right - left):.1f}" height="10" fill="{colour}"/>'
        )
    rows.append(f'<text x="{_LEFT}" y="{height - 6}">0</text>')
    rows.append(f'<text x="{_WIDTH - 20}" y="{height - 6}" text-anchor="end">{duration_text(end - begin)}</text></svg>')
    return "\n".join(rows)


def matrix(result: Result) -> Iterable[str]:
    """Yield the lines of the table of operations and faults."""
    cells = result.tally.cells
    operations, kinds = (sorted({place[index] for place in cells}) for index in (0, 1))
    yield "<h2>What was met</h2><p>Worlds that met it / in which something broke; empty: it never could be.</p><table>"
    yield f"<tr><th></th>{''.join(f'<th>{escape(kind)}</th>' for kind in kinds)}</tr>"
    for operation in operations:
        row = []
        for kind in kinds:
            cell = cells.get((operation, kind))
            row.append(
                "<td></td>" if cell is None else f"<td{' class=broke' * bool(cell.broke)}>{cell.met}/{cell.broke}</td>"
            )
        yield f"<tr><th>{escape(operation or 'any')}</th>{''.join(row)}</tr>"
    yield "</table>"
