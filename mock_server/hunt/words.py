"""A hunt in words, as JSON-ready data, as JUnit XML; the HTML page is in `page`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from ..core.words import duration_text
from .deviations import kill_of, words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .hunting import Result
    from .search import Found


def to_repeat(number: int, found: Found, folder: str, command: Sequence[str]) -> str:
    """Return the command line that plays the world of a finding again."""
    program = shlex.join(command)
    kill = kill_of(found.world)
    if kill is None:
        return f"xrt-mock run --scenario {folder}/{number}.toml -- {program}"
    return f"xrt-mock hunt --scenario {folder}/{number}.toml --kill {kill} -- {program}"


def place(where: Sequence[str], killed_at: Sequence[str] = ()) -> str:
    """Return lines of the user as ``pipeline.py:41, called from pipeline.py:77``, and where it was killed."""
    killed = "" if set(killed_at) <= set(where) else f"; killed at {place(killed_at)}"
    return (", called from ".join(where) or "(line unknown)") + killed


BY_REAL_TIME = "judged by real time: nothing moved for a minute, and nothing was proven"


def as_text(result: Result, folder: str, command: Sequence[str]) -> str:
    """Return a hunt as lines for a terminal."""
    calm, tally = result.calm, result.tally
    products = len({f.name for f in calm.files if f.state == "whole"})
    lines = [
        f"calm world: exit {calm.code}, {len(calm.calls)} calls, {len(calm.jobs)} jobs, {products} files saved, "
        f"{duration_text(calm.simulated_s)} simulated"
    ]
    lines += [f"in the calm world already: {f.words} ({place(f.where)})" for f in result.in_calm]
    if result.fresh:
        lines.append(f"each world had a new process, which takes longer: {result.fresh}")
    if tally.excused:
        lines.append(f"{tally.excused} worlds were {BY_REAL_TIME}")
    rate = f"{tally.worlds} worlds ({result.real_s:.0f} s, {60 * tally.worlds / max(result.real_s, 0.1):.0f} a minute)"
    lines.append(f"found {len(result.found)} in {rate}:" if result.found else f"nothing found in {rate}")
    for number, found in enumerate(result.found, 1):
        indent = " " * 5
        lines.append(f"  {number}. {found.finding.words}, {words_of(found.world)}")
        lines.append(
            f"{indent}{place(found.finding.where, found.life.killed_at)}"
            + (f"; {found.life.error}" if found.life.code is None else "")
        )
        lines.append(f"{indent}{to_repeat(number, found, folder, command)}")
        if found.differed:
            lines.append(f"{indent}not repeatable: {found.differed}")
        if found.life.excused:
            lines.append(f"{indent}{BY_REAL_TIME}")
    cells = sorted(tally.cells.items())
    lines += ["", "worlds in which it was met / in which something broke, by operation and kind:"]
    for operation in sorted({operation for (operation, _), _ in cells}):
        words = [f"{kind} {cell.met}/{cell.broke}" for (there, kind), cell in cells if there == operation and cell.met]
        if words:
            lines.append(f"  {operation or 'any'}: {', '.join(words)}")
    never = [f"{kind} at {operation}" if operation else kind for (operation, kind), cell in cells if not cell.met]
    if never:
        lines.append(f"not met: {', '.join(never)} (the program was at its end before)")
    return "\n".join(lines) + "\n"


def as_data(result: Result, folder: str, command: Sequence[str]) -> dict[str, Any]:
    """Return a hunt as JSON-ready data."""
    tally = result.tally
    return {
        "calm": {
            "exit": result.calm.code,
            "calls": len(result.calm.calls),
            "jobs": len(result.calm.jobs),
            "simulated_s": result.calm.simulated_s,
            "broken": [{"oracle": f.oracle, "words": f.words, "where": list(f.where)} for f in result.in_calm],
        },
        "worlds": tally.worlds,
        "worlds_broken": tally.broke,
        "worlds_by_real_time": tally.excused,
        "real_s": round(result.real_s, 1),
        "fresh_processes": result.fresh or None,
        "found": [
            {
                "oracle": found.finding.oracle,
                "words": found.finding.words,
                "where": list(dict.fromkeys([*found.finding.where, *found.life.killed_at])),
                "when": words_of(found.world),
                "deviations": [deviation.words for deviation in found.world],
                "waits": found.life.error if found.life.code is None else None,
                "repeat": to_repeat(number, found, folder, command),
                "repeatable": not found.differed,
                "differed": found.differed or None,
                "by_real_time": found.life.excused,
            }
            for number, found in enumerate(result.found, 1)
        ],
        "matrix": [
            {"operation": operation or None, "kind": kind, **cell._asdict()}
            for (operation, kind), cell in sorted(tally.cells.items())
        ],
    }


def as_junit(result: Result, folder: str, command: Sequence[str]) -> str:
    """Return a hunt as JUnit XML: a failed case for each finding, one that passes if nothing was found."""
    suite = ET.Element(
        "testsuite", name="xrt-mock hunt", tests=str(max(1, len(result.found))), failures=str(len(result.found))
    )
    for number, found in enumerate(result.found, 1):
        name = f"{found.finding.words}, {words_of(found.world)}"
        case = ET.SubElement(suite, "testcase", classname="xrt-mock.hunt", name=name)
        failure = ET.SubElement(case, "failure", message=f"{found.finding.words} at {place(found.finding.where)}")
        failure.text = to_repeat(number, found, folder, command)
    if not result.found:
        name = f"nothing found in {result.tally.worlds} worlds"
        ET.SubElement(suite, "testcase", classname="xrt-mock.hunt", name=name)
    return ET.tostring(suite, encoding="unicode") + "\n"
