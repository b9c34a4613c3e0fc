"""A scenario is data: all that can vary, read from one TOML file, and which values are in force at which moment.

Every setting has a dotted name (``limits.active_jobs``) and may change at dated moments; what the control interface
changes while the service runs is one more dated change. Pure but for :func:`load`, which reads the file.
"""

from __future__ import annotations

import difflib
import tomllib
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.faults import Fault
from ..core.random import uniform
from ..sky.archive import World
from ..submission.read import check_defaults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

DAY = 86400.0
HOUR = 3600.0


class ScenarioError(ValueError):
    """A scenario that cannot be used; the text says where and what to do."""


class Setting(NamedTuple):
    """One thing that can vary: its built-in value, what it may be, and what it means."""

    default: Any
    valid: Callable[[Any], bool]
    must_be: str
    meaning: str


def _number(low: float, high: float = 1e9) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _whole(low: int, high: int = 10**9) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kind)


def _version(value: Any) -> bool:
    parts = value.split(".") if isinstance(value, str) else []
    return 2 <= len(parts) <= 3 and all(part.isascii() and part.isdigit() for part in parts)


_SHARE = (_number(0, 1), "a number from 0 to 1")
_FACTOR = (_number(1e-6), "a positive number")

SETTINGS: dict[str, Setting] = {
    "limits.active_jobs": Setting(100, _whole(0), "a whole number", "active jobs a user may have at a time"),
    "queue.slots": Setting(64, _whole(0), "a whole number", "builds that run side by side, of all users together"),
    "queue.requested_s": Setting(5, _number(0), "seconds", "from submission until a build stands in the queue"),
    "queue.dispatch_every_s": Setting(55, _number(0), "seconds", "builds leave the queue on this grid of seconds"),
    "queue.run_limit_s": Setting(43200, _number(0), "seconds", "a longer run is ended and fails (documented: 12 h)"),
    "background.load": Setting(0.0, *_SHARE, "mean share of the slots that other users hold"),
    "background.swing": Setting(0.0, *_SHARE, "how far that share is drawn around its mean, for each hour"),
    "durations.factor": Setting(1.0, *_FACTOR, "all durations times this"),
    "durations.scatter": Setting(0.25, _number(0, 3), "a number from 0 to 3", "sigma of the log-normal durations"),
    "outcomes.failed": Setting(0.0, *_SHARE, "share of the builds that end as failed (-3)"),
    "outcomes.not_queued": Setting(0.0, *_SHARE, "share of the builds that cannot be queued (-2)"),
    "outcomes.not_requested": Setting(0.0, *_SHARE, "share of the builds that cannot be requested (-1)"),
    "retention.days": Setting(7, _number(0), "days", "products are kept so long after the last of the job ended"),
    "api.version": Setting("1.12", _version, "two or three numbers, such as '1.12'", "APIVersion in every answer"),
    "api.component_version": Setting("1.0.5", _version, "two or three numbers", "APIVersion in answers of main.php"),
    "api.mirror_caller": Setting(False, _is(bool), "true or false", "answer with the version that the caller sent"),
    "api.deprecation_type": Setting("", _is(str), "a text", "type of the deprecation warning"),
    "api.deprecation_message": Setting("", _is(str), "a text", "text of the deprecation warning; empty: none"),
    "service.available": Setting(True, _is(bool), "true or false", "false: nothing starts, every call gets a 503 page"),
}
"""Every setting but ``defaults.NAME``, which overrides the service's default of the parameter with that wire name."""


class Change(NamedTuple):
    """Some settings take new values at a moment of service time [s]."""

    at: float
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Epoch:
    """The values in force from one change to the next."""

    start: float
    values: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """Overridden parameter defaults in force, by wire name."""
        return {name.removeprefix("defaults."): v for name, v in self.values.items() if name.startswith("defaults.")}


@dataclass(frozen=True)
class Scenario:
    """One story the simulator can play.

    Parameters
    ----------
    name, description
        For people.
    seed
        Key of all chance.
    start
        Service time at which a virtual clock begins [s].
    values
        Settings that differ from the built-in ones from the beginning.
    changes
        Dated changes, in order of time.
    users
        Addresses registered from the beginning.
    world
        What the sky and the archive hold.
    faults
        Failures that are planned.
    text
        The TOML file it was read from; None if it was not.
    """

    name: str = "calm"
    description: str = ""
    seed: int = 1
    start: float = 0.0
    values: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    users: tuple[str, ...] = ()
    world: World = field(default_factory=World)
    faults: tuple[Fault, ...] = ()
    text: str | None = field(default=None, compare=False, repr=False)

    @cached_property
    def epochs(self) -> tuple[Epoch, ...]:
        """All epochs in order of time; the first reaches back for ever."""
        current = {name: setting.default for name, setting in SETTINGS.items()} | dict(self.values)
        found = [Epoch(float("-inf"), current)]
        for change in sorted(self.changes, key=lambda c: c.at):
            current = current | dict(change.values)
            found.append(Epoch(change.at, current))
        return tuple(found)

    @cached_property
    def _starts(self) -> list[float]:
        return [epoch.start for epoch in self.epochs]

    def at(self, now: float) -> Epoch:
        """Return the values in force at `now` [s]."""
        return self.epochs[bisect_right(self._starts, now) - 1]

    def changed(self, *changes: Change) -> Scenario:
        """Return this scenario with more dated changes."""
        for change in changes:
            check_values(change.values)
        return replace(self, changes=(*self.changes, *changes))

    def slots_at(self, now: float) -> int:
        """Slots that builds of the simulator's users may hold at `now`: all, less what other users hold."""
        epoch = self.at(now)
        if not epoch["service.available"]:
            return 0
        slots, load, swing = epoch["queue.slots"], epoch["background.load"], epoch["background.swing"]
        if load == 0:
            return int(slots)
        drawn: float = load + swing * (2 * uniform(self.seed, "background", int(now // HOUR)) - 1)
        return max(0, int(slots) - round(int(slots) * min(1.0, max(0.0, drawn))))

    def slots_change_after(self, now: float) -> float:
        """First moment after `now` at which the number of slots may change [s]; infinite if it never does."""
        index = bisect_right(self._starts, now)
        epoch_end = self._starts[index] if index < len(self._starts) else float("inf")
        if self.epochs[index - 1]["background.load"] and self.epochs[index - 1]["background.swing"]:
            return min(epoch_end, (now // HOUR + 1) * HOUR)
        return epoch_end

    def expires_at(self, ended_at: float) -> float:
        """When products of a job that ended at `ended_at` are removed [s].

        The retention in force counts at every moment: a shorter one removes old products at once, a longer one does
        not bring back what is gone (assumed).
        """
        for index, epoch in enumerate(self.epochs):
            end = self._starts[index + 1] if index + 1 < len(self._starts) else float("inf")
            gone_at = max(epoch.start, ended_at + epoch["retention.days"] * DAY)
            if end > ended_at and gone_at < end:
                return float(gone_at)
        return float("inf")


def check_values(values: Mapping[str, Any]) -> None:
    """Raise :class:`ScenarioError` unless every setting exists and may have its value."""
    defaults = {name: value for name, value in values.items() if name.startswith("defaults.")}
    try:
        check_defaults({name.removeprefix("defaults."): value for name, value in defaults.items()})
    except ValueError as error:
        raise ScenarioError(str(error)) from error
    for name, value in values.items():
        if name in defaults:
            continue
        setting = SETTINGS.get(name)
        if setting is None:
            raise ScenarioError(_unknown("setting", name, SETTINGS))
        if not setting.valid(value):
            raise ScenarioError(f"{name} is {value!r}, but must be {setting.must_be}")


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"there is no {kind} {name!r}" + (f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}")


def instant(value: Any) -> float:
    """Return a TOML date, or an ISO text, as service time [s]; without a zone it is UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ScenarioError(f"{value!r} is not a date such as 2026-05-01 or 2026-05-01T12:00:00Z") from None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC).timestamp()
    raise ScenarioError(f"{value!r} is not a date such as 2026-05-01 or 2026-05-01T12:00:00Z")


def _tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


_OUTAGE = ("from", "from_day", "until", "until_day")
_SHAPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "description": (_is(str), "a text"),
    "seed": (lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number"),
    "users": (lambda value: isinstance(value, list) and all(isinstance(u, str) for u in value), "a list of addresses"),
    "sky": (_is(dict), "a table"),
    "changes": (_tables, "a list of tables: [[changes]]"),
    "outages": (_tables, "a list of tables: [[outages]]"),
    "faults": (_tables, "a list of tables: [[faults]]"),
}


def from_mapping(data: Mapping[str, Any], name: str = "scenario") -> Scenario:
    """Read a scenario from what its TOML file holds; every problem is a :class:`ScenarioError`."""
    try:
        return _scenario(data, name)
    except ValueError as error:
        raise ScenarioError(f"{name}: {error}") from error


def _scenario(data: Mapping[str, Any], name: str) -> Scenario:
    groups = {setting.split(".")[0] for setting in SETTINGS} | {"defaults"}
    for key, value in data.items():
        if key not in groups | _SHAPES.keys() | {"start"}:
            raise ScenarioError(_unknown("table or key", key, sorted(groups | _SHAPES.keys() | {"start"})))
        if key in _SHAPES and not _SHAPES[key][0](value):
            raise ScenarioError(f"{key} is {value!r}, but must be {_SHAPES[key][1]}")
    start = instant(data.get("start", "2026-03-02T09:00:00Z"))
    values = _flatten({key: data[key] for key in data if key in groups})
    check_values(values)
    return Scenario(
        name=name,
        description=data.get("description", ""),
        seed=data.get("seed", 1),
        start=start,
        values=values,
        changes=(*_changes(data.get("changes", ()), start), *_outages(data.get("outages", ()), start)),
        users=tuple(data.get("users", ())),
        world=World.from_mapping(data.get("sky", {})),
        faults=tuple(Fault.from_mapping(rule, start) for rule in data.get("faults", ())),
    )


def _changes(entries: Iterable[Mapping[str, Any]], start: float) -> Iterable[Change]:
    for entry in entries:
        values = _flatten({key: value for key, value in entry.items() if key not in ("at", "after_days")})
        check_values(values)
        yield Change(_moment(entry, "at", "after_days", start), values)


def _outages(entries: Iterable[Mapping[str, Any]], start: float) -> Iterable[Change]:
    """Turn outages into changes; those that overlap are one."""
    over_at = float("-inf")
    spans = sorted(_span(entry, start) for entry in entries)
    for index, (begin, end) in enumerate(spans):
        if begin > over_at:
            yield Change(begin, {"service.available": False})
        over_at = max(over_at, end)
        if index + 1 == len(spans) or spans[index + 1][0] > over_at:
            yield Change(over_at, {"service.available": True})


def _span(entry: Mapping[str, Any], start: float) -> tuple[float, float]:
    for key in entry:
        if key not in _OUTAGE:
            raise ScenarioError(_unknown("key of an outage", key, _OUTAGE))
    begin, end = _moment(entry, "from", "from_day", start), _moment(entry, "until", "until_day", start)
    if begin >= end:
        raise ScenarioError(f"an outage must begin before it ends: {dict(entry)}")
    return begin, end


def _moment(entry: Mapping[str, Any], dated: str, counted: str, start: float) -> float:
    if dated in entry:
        return instant(entry[dated])
    if _number(0)(entry.get(counted)):
        return start + float(entry[counted]) * DAY
    raise ScenarioError(f"a dated entry needs `{dated}` (a date) or `{counted}` (days since the start): {dict(entry)}")


def _flatten(groups: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for group, entries in groups.items():
        if not isinstance(entries, dict):
            raise ScenarioError(f"{group!r} must be a table of settings, such as [limits] active_jobs = 10")
        flat |= {f"{group}.{key}": value for key, value in entries.items()}
    return flat


def names() -> list[str]:
    """Names of the scenarios that come with the package."""
    return sorted(Path(entry.name).stem for entry in _folder().iterdir() if entry.name.endswith(".toml"))


def load(which: str | Path) -> Scenario:
    """Read a named scenario, or the one in a TOML file.

    Raises
    ------
    ScenarioError
        If there is none of that name, or the file holds what no scenario can.
    """
    path = Path(which)
    if path.suffix == ".toml":
        source, name = path, path.stem
    elif str(which) in names():
        source, name = _folder() / f"{which}.toml", str(which)
    else:
        raise ScenarioError(_unknown("scenario", str(which), names()))
    try:
        return from_text(source.read_text(encoding="utf-8"), name)
    except OSError as error:
        raise ScenarioError(f"cannot read the scenario {source}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{source}: not TOML: {error}") from error


@lru_cache(maxsize=32)
def from_text(text: str, name: str) -> Scenario:
    """Read a scenario from the text of its TOML file."""
    return replace(from_mapping(tomllib.loads(text), name), text=text)


def as_record(scenario: Scenario) -> dict[str, Any]:
    """Return what a database keeps of the scenario that is played on it, JSON-ready."""
    return {"name": scenario.name, "seed": scenario.seed, "values": dict(scenario.values), "text": scenario.text}


def from_record(record: Mapping[str, Any]) -> Scenario:
    """Return the scenario that a database keeps.

    Raises
    ------
    ScenarioError
        If it was not read from a file, so that it has to be given again.
    """
    if "text" not in record:  # version 1 kept the name alone
        return load(record["name"])
    if record["text"] is None:
        raise ScenarioError(f"the database plays the scenario {record['name']!r}, which must be given again")
    found = from_text(record["text"], record["name"])
    return replace(found, seed=record["seed"], values=record["values"])


def check_same(record: Mapping[str, Any], scenario: Scenario) -> None:
    """Raise :class:`ScenarioError` unless `scenario` is the one a database keeps; comments in its file do not count."""
    given = as_record(scenario)
    for key, words in (("name", "scenario"), ("seed", "seed"), ("values", "settings"), ("text", "text")):
        kept = record.get(key, given[key])  # a database of version 1 knows the name alone
        if key == "text" and kept and given["text"]:
            same = tomllib.loads(kept) == tomllib.loads(given["text"])
        else:
            same = kept == given[key]
        if not same:
            told = f"the {words} {kept!r}" if key in ("name", "seed") else f"other {words} of {record['name']!r}"
            raise ScenarioError(
                f"the database plays {told}: leave --scenario and --seed out to go on with it, change settings with "
                "`xrt-mock ctl set`, or start with a new --db file"
            )


def _folder() -> Path:
    return Path(__file__).with_name("scenarios")
