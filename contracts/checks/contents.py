"""Rules about contents of results: numbers that cannot be, and tables and lists that do not fit their names."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from .registry import rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..harness import Exchange

_RESULTS = ("getLCData", "getSpecData", "getSourceDetResults", "main")
_SIGNS = {"pos": 1, "neg": -1, "+ve": 1, "-ve": -1}
_NEVER_NEGATIVE = {
    *("galnh", "galnh_unfitted", "nh", "obsflux", "unabsflux", "cstat", "dof", "fitchi", "exposure", "meantime"),
    *("t0", "deltafitstat", "err90", "fracexp", "corrfact", "ctsinsrc", "bgerr"),
}
_FLAGS = {"Good", "Reasonable", "Poor"}
_MODES = ("WT", "PC")
_SLACK = 1.001
"""Factor that rounded numbers may differ by."""


@rule(*_RESULTS)
def numbers_have_their_sign(_operation: str, exchange: Exchange) -> Iterator[str]:
    """Lower errors are negative or 0, upper errors positive or 0; exposures, fluxes and columns are no less than 0."""
    seen: set[str] = set()
    for name, value in _numbers(exchange.body):
        sign = 0 if name.startswith("SYS_") else _SIGNS.get(name[-3:].lower(), 0)  # those are factors, not errors
        sign = 1 if name.lower() in _NEVER_NEGATIVE else sign
        if sign * value < 0 and name not in seen:
            seen.add(name)
            yield f"{name} is {value:g}, which must be {'at least' if sign > 0 else 'at most'} 0"


def _numbers(node: Any) -> Iterator[tuple[str, float]]:
    """Yield the numbers inside an answer, also those written as text, with their keys or columns."""
    if isinstance(node, list):
        for item in node:
            yield from _numbers(item)
    elif isinstance(node, dict):
        for columns, row in _rows(node):
            for column, cell in zip(columns, row, strict=False):
                yield from _number(column, cell)
        for key, value in node.items():
            if key != "data" and isinstance(value, dict | list):
                yield from _numbers(value)
            else:
                yield from _number(key, value)


def _number(name: Any, value: Any) -> Iterator[tuple[str, float]]:
    with suppress(TypeError, ValueError):
        yield str(name), float(value)


def _rows(table: dict[str, Any]) -> Iterator[tuple[list[Any], list[Any]]]:
    """Yield columns and row for each row of a table; nothing for any other object."""
    columns, rows = table.get("columns"), table.get("data")
    if isinstance(columns, list) and isinstance(rows, list):
        yield from ((columns, row) for row in rows if isinstance(row, list))


@rule("getLCData", "main")
def tables_go_forward_in_time(_operation: str, exchange: Exchange) -> Iterator[str]:
    """A table that is there has rows, each later than the one before it."""
    tables = exchange.body.items() if isinstance(exchange.body, dict) else ()
    for name, table in tables:
        if isinstance(table, dict) and isinstance(table.get("data"), list):
            times = [float(row[0]) for _columns, row in _rows(table) if row]
            if not times:
                yield f"{name} has no rows"
            elif any(one >= other for one, other in pairwise(times)):
                yield f"the rows of {name} are not in the order of time"


@rule("getSpecData", "main")
def listed_modes_and_models_are_there(_operation: str, exchange: Exchange) -> Iterator[str]:
    """Modes and models that a spectrum lists are keys beside the list, and the other way round."""
    intervals = exchange.body.values() if isinstance(exchange.body, dict) else ()
    for interval in intervals:
        if not isinstance(interval, dict) or "Modes" not in interval:
            continue
        if sorted(interval["Modes"]) != sorted(mode for mode in _MODES if mode in interval):
            yield f"it lists the modes {interval['Modes']}, but holds {[mode for mode in _MODES if mode in interval]}"
        for mode in (interval[name] for name in _MODES if name in interval):
            fits = [name for name, value in mode.items() if isinstance(value, dict)]
            if sorted(mode.get("Models", ())) != sorted(fits):
                yield f"it lists the models {mode.get('Models', [])}, but holds {fits}"


@rule("getSpecData", "main")
def spectra_lie_in_their_intervals(_operation: str, exchange: Exchange) -> Iterator[str]:
    """An interval ends after its start; its modes have their mean time in it, and no more exposure than it is long."""
    intervals = exchange.body.values() if isinstance(exchange.body, dict) else ()
    for interval in intervals:
        found = {key.lower(): value for key, value in interval.items()} if isinstance(interval, dict) else {}
        if "start" not in found or "stop" not in found:
            continue
        start, stop = float(found["start"]), float(found["stop"])
        if start > stop:
            yield f"an interval goes from {start:g} to {stop:g}"
        for mode in (found[name.lower()] for name in _MODES if name.lower() in found):
            numbers = {key.lower(): value for key, value in mode.items()}
            mean, exposure = float(numbers["meantime"]), float(numbers["exposure"])
            if not start - 1 <= mean <= stop + 1:
                yield f"the mean time {mean:g} is outside the interval from {start:g} to {stop:g}"
            if exposure > (stop - start) * _SLACK + 1:
                yield f"the exposure {exposure:g} is longer than the interval from {start:g} to {stop:g}"


@rule("getSourceDetResults")
def sources_are_numbered_and_have_numbers(_operation: str, exchange: Exchange) -> Iterator[str]:
    """Each source of a band has a number of its own, numbers everywhere, and a documented flag."""
    bands = exchange.body.items() if isinstance(exchange.body, dict) else ()
    for name, sources in bands:
        if not isinstance(sources, list):
            continue
        numbers = [source.get("sno") for source in sources]
        if len(set(numbers)) < len(numbers):
            yield f"{name} has two sources with the same number"
        for source in sources:
            empty = [key for key, value in source.items() if value == ""]
            if empty:
                yield f"{', '.join(empty)} of a source of {name} is empty"
            if source.get("flag", "Good") not in _FLAGS:
                yield f"the flag {source['flag']!r} is not one of {', '.join(sorted(_FLAGS))}"


@rule("main")
def positions_have_three_numbers(_operation: str, exchange: Exchange) -> Iterator[str]:
    """A position has right ascension, declination and radius, or none of them; all within their ranges."""
    body = exchange.body if isinstance(exchange.body, dict) else {}
    limits = {"RA": (0.0, 360.0), "Decl": (-90.0, 90.0), "Err90": (0.0, 3600.0)}
    names = {key.split("_")[0] for key in body if key.split("_")[-1] in limits and "_" in key}
    asked = exchange.request.get("posToGet") if isinstance(exchange.request, dict) else None
    if names and isinstance(asked, list) and names != set(asked):
        yield f"the positions {sorted(asked)} were asked for, and {sorted(names)} sent"
    for name in names:
        values = [body.get(f"{name}_{part}") for part in limits]
        if None in values and values != [None] * 3:
            yield f"the position {name} is not complete: {values}"
        for (part, (low, high)), value in zip(limits.items(), values, strict=True):
            if value is not None and not low <= value <= high:
                yield f"{name}_{part} is {value:g}, which must be between {low:g} and {high:g}"
