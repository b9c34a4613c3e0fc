"""Scenarios as TOML files, and the record of a scenario in a database. Only :func:`load_scenario` reads files."""

from __future__ import annotations

import json
import math
import tomllib
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import InputInvalid
from ..core.faults import Fault
from ..core.validation import ADDRESS, TEXT, check, check_known, instance_of, list_of, number, read_date, shown, whole
from ..sky.world import World
from .scenario import DAY, END_OF_TIME, Change, Scenario
from .settings import SETTINGS, ScenarioError, check_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_START = "2026-03-02T09:00:00Z"
_RULES = {
    "description": TEXT,
    "seed": whole(high=math.inf),
    "users": list_of(str, "a list of addresses"),
    "sky": instance_of(dict, "a table"),
    "changes": list_of(dict, "a list of tables: [[changes]]"),
    "outages": list_of(dict, "a list of tables: [[outages]]"),
    "faults": list_of(dict, "a list of tables: [[faults]]"),
}
"""Keys of a scenario that are neither groups of settings nor ``start``."""

_OF_THE_SKY = tuple(name.removeprefix("sky.") for name in SETTINGS if name.startswith("sky."))
_GROUPS = sorted({name.split(".")[0] for name in SETTINGS} | {"defaults"})
_FOLDER = Path(__file__).with_name("scenarios")


def read_scenario(data: Mapping[str, Any], name: str = "scenario") -> Scenario:
    """Read a scenario from the data of its TOML file.

    Raises
    ------
    ScenarioError
        If it holds what no scenario can hold.
    """
    try:
        for key, value in data.items():
            check_known(key, [*_RULES, "start", *_GROUPS], "there is no table or key")
            if key in _RULES:
                check(key, value, _RULES[key])
        start = read_date("start", data.get("start", _START))
        if not 0 <= start < END_OF_TIME:
            raise ValueError(f"start is {shown(data['start'])}, but must be a date from 1970 to 2099")
        for address in data.get("users", ()):
            check("users", address, ADDRESS)
        changes = [
            Change(
                _moment(entry, "at", "after_days", start),
                _settings({key: value for key, value in entry.items() if key not in ("at", "after_days")}),
            )
            for entry in data.get("changes", ())
        ]
        sky = data.get("sky", {})
        groups: dict[str, Any] = {key: data[key] for key in data if key in _GROUPS}
        if "sky" in groups:
            groups["sky"] = {key: sky[key] for key in sky if key in _OF_THE_SKY}
        return Scenario(
            name=name,
            description=data.get("description", ""),
            seed=data.get("seed", 1),
            start=start,
            values=_settings(groups),
            changes=(*changes, *_outages(data.get("outages", ()), start)),
            users=tuple(data.get("users", ())),
            world=World.from_mapping({key: sky[key] for key in sky if key not in _OF_THE_SKY}),
            faults=tuple(Fault.from_mapping(rule, start) for rule in data.get("faults", ())),
        )
    except ValueError as error:
        raise ScenarioError(f"{name}: {error}") from error


def _settings(groups: Mapping[str, Any]) -> dict[str, Any]:
    """Return checked settings by dotted name."""
    for group, entries in groups.items():
        check(group, entries, instance_of(dict, "a table of settings, such as [limits] active_jobs = 10"))
    values = {f"{group}.{key}": value for group, entries in groups.items() for key, value in entries.items()}
    check_settings(values)
    return values


def _outages(entries: Iterable[Mapping[str, Any]], start: float) -> Iterable[Change]:
    """Turn outages into changes; overlapping outages count as one."""
    spans = []
    for entry in entries:
        for key in entry:
            check_known(key, ("from", "from_day", "until", "until_day"), "an outage has no")
        begin, end = _moment(entry, "from", "from_day", start), _moment(entry, "until", "until_day", start)
        if begin >= end:
            raise InputInvalid("an outage ends before it begins: `until` must be later than `from`")
        spans.append((begin, end))
    spans.sort()
    over_at = -math.inf
    for index, (begin, end) in enumerate(spans):
        if begin > over_at:
            yield Change(begin, {"service.available": False})
        over_at = max(over_at, end)
        if index + 1 == len(spans) or spans[index + 1][0] > over_at:
            yield Change(over_at, {"service.available": True})


def _moment(entry: Mapping[str, Any], dated: str, counted: str, start: float) -> float:
    """Return a moment of simulated time [s] that an entry gives as a date, or in days since the start."""
    if dated in entry:
        return read_date(dated, entry[dated])
    if counted not in entry:
        raise InputInvalid(f"a dated entry needs `{dated}` (a date) or `{counted}` (days since the start)")
    check(counted, entry[counted], number(0, what="a number of days"))
    return start + float(entry[counted]) * DAY


def scenario_names() -> list[str]:
    """Names of the scenarios that come with the package."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_scenario(which: str | Path) -> Scenario:
    """Read a named scenario, or the one in a TOML file.

    Raises
    ------
    ScenarioError
        If there is no scenario of that name, or the file holds what no scenario can hold.
    """
    path = Path(which)
    if path.suffix != ".toml":
        try:
            check_known(str(which), scenario_names(), "there is no scenario")
        except ValueError as error:
            raise ScenarioError(str(error)) from error
        path = _FOLDER / f"{which}.toml"
    try:
        return scenario_from_text(path.read_text(encoding="utf-8"), path.stem)
    except OSError as error:
        raise ScenarioError(f"cannot read the scenario {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: not TOML: {error}") from error


@lru_cache(maxsize=32)
def scenario_from_text(text: str, name: str) -> Scenario:
    """Read a scenario from the text of its TOML file."""
    return replace(read_scenario(tomllib.loads(text), name), text=text)


def scenario_record(scenario: Scenario) -> dict[str, Any]:
    """Return what a database keeps of its scenario, JSON-ready."""
    record = {"name": scenario.name, "seed": scenario.seed, "values": dict(scenario.values), "text": scenario.text}
    return record | {"sources": [dict(source) for source in scenario.added]}


def scenario_from_record(record: Mapping[str, Any]) -> Scenario:
    """Return the scenario that a database keeps.

    Raises
    ------
    ScenarioError
        If it was made in Python, so that it has to be given again.
    """
    if record["text"] is None:
        raise ScenarioError(f"the database holds the scenario {record['name']!r}, which must be given again")
    found = scenario_from_text(record["text"], record["name"])
    found = replace(found, seed=record["seed"], values=record["values"])
    return found.with_sources(record.get("sources", ()))


def check_same_scenario(record: Mapping[str, Any], scenario: Scenario) -> None:
    """Raise :class:`ScenarioError` unless `scenario` is the one that a database keeps; comments do not count."""
    given = scenario_record(scenario)
    keys = ("name", "seed", "values", "text", "sources")
    different = [key for key in keys if record.get(key) != json.loads(json.dumps(given[key]))]
    if different == ["text"] and record["text"] and given["text"]:
        different = [] if tomllib.loads(record["text"]) == tomllib.loads(given["text"]) else different
    if different:
        words = {
            "name": f"the scenario {record['name']!r}",
            "seed": f"the seed {record['seed']}",
            "values": f"other settings of {record['name']!r}",
            "text": f"another text of {record['name']!r}",
            "sources": "other sources",
        }
        raise ScenarioError(
            f"the database holds {words[different[0]]}: leave --scenario and --seed out to continue with it, change "
            "settings with `xrt-mock ctl set`, or start with a new --db file"
        )
