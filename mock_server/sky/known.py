"""Real objects, Swift bursts and observations, from tables that are read when a name or position is first asked for.

`data/README.md` says where each fact comes from.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib.resources import files
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from .coordinates import separation
from .names import burst_keys, key_of, keys_of, truncations

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_EPOCH_UNIX = 978307200  # 2001-01-01 UTC, from which the table of observations counts
_DAY = 86400
FIELD_DEG = 12 / 60  # a pointing this near holds a position


class Known(NamedTuple):
    """A real object.

    `ra`, `dec` [deg, J2000]; `rate` [count/s, 0.3-10 keV] and `t0` [s since 1970-01-01 UTC; bursts] or None.
    """

    name: str
    aliases: tuple[str, ...]
    ra: float
    dec: float
    cls: str
    rate: float | None
    targets: tuple[str, ...] = ()
    t0: float | None = None


class Visit(NamedTuple):
    """A real observation: `start` [s since 1970-01-01 UTC]; `dated` if only the day is known; `exposure_s` or None."""

    obsid: str
    start: float
    dated: bool
    exposure_s: float | None


class Target(NamedTuple):
    """A real target: the object it is called after, its mean pointing [deg, J2000] if known, and its visits."""

    target: str
    name: str
    pointing: tuple[float, float] | None
    visits: tuple[Visit, ...]


def find(name: str) -> Known | None:
    """Return the object that goes by a name, None if the tables have no such object."""
    return find_key(key_of(name))


def find_key(key: str) -> Known | None:
    """Return the object whose name has a key, as :func:`~mock_server.sky.names.key_of` returns it."""
    for burst in burst_keys(key):
        if burst in _bursts():
            return _burst(_bursts()[burst])
    for shorter in (key, *truncations(key)):
        if shorter in _objects():
            return _object(_objects()[shorter])
    if key[-1:].isdigit() and key[-3:-2] in ("+", "-"):  # a B1950 name that may be cut off, such as ``pks1510-08``
        keys = _sorted_keys()
        longer = keys[bisect_left(keys, key) : bisect_right(keys, f"{key}:")]
        found = {_objects()[k] for k in longer if k[:-1] == key and k[-1].isdigit()}
        if len(found) == 1:  # its name goes on where this one ends
            return _object(found.pop())
    return _observed().get(key)


def near(position: tuple[float, float], radius: float) -> list[Known]:
    """Return the objects and bursts within `radius` of a position [deg], nearest first."""
    rows = _by_declination()
    low, high = bisect_left(rows, (position[1] - radius,)), bisect_left(rows, (position[1] + radius, math.inf))
    east_or_west = _furthest_in_ra(position[1], radius)
    apart = (
        (separation((ra, dec), position), line, is_burst)
        for dec, ra, line, is_burst in rows[low:high]
        if abs((ra - position[0] + 180.0) % 360.0 - 180.0) <= east_or_west
    )
    inside = sorted(found for found in apart if found[0] <= radius)
    return [_burst(line) if is_burst else _object(line) for _, line, is_burst in inside]


def _furthest_in_ra(dec: float, radius: float) -> float:
    """Return a difference in right ascension that no point within `radius` of a declination exceeds [deg]."""
    return 2.0 * radius / max(math.cos(math.radians(abs(dec) + radius)), 1e-9)  # half of it would do but near a pole


def targets_of(name: str) -> tuple[Target, ...]:
    """Return the targets with known observations of an object, by its main name."""
    return tuple(found for number in _by_name().get(name, ()) if (found := target(number)))


def targets_at(position: tuple[float, float]) -> tuple[Target, ...]:
    """Return the targets whose field holds a position [deg, J2000], in the order of their numbers."""
    rows = _by_pointing()
    low, high = bisect_left(rows, (position[1] - FIELD_DEG,)), bisect_left(rows, (position[1] + FIELD_DEG, math.inf))
    inside = sorted(n for dec, ra, n in rows[low:high] if separation((ra, dec), position) <= FIELD_DEG)
    return tuple(found for number in inside if (found := target(number)))


@lru_cache(maxsize=1024)
def target(number: str) -> Target | None:
    """Return a target by its number, if any of its observations are known; some were observed under two names."""
    rows = [line.split(",") for line in _target_rows().get(number, ())]
    if not rows:
        return None
    visits = set()
    for *_, text in rows:
        start = 0.0
        for visit in text.split(";"):
            segment, when, exposure = visit.split("/")
            dated = when.startswith("d")
            counted = int(when.lstrip("d"))
            start = counted * _DAY if dated else start + counted if when.startswith("+") else counted
            seconds = float(exposure) if exposure else None
            visits.add(Visit(f"{number}{segment}", start + _EPOCH_UNIX, dated, seconds))
    pointing = next(((float(ra), float(dec)) for _, _, ra, dec, *_ in rows if ra), None)
    return Target(number, rows[0][1], pointing, tuple(sorted(visits, key=attrgetter("start", "obsid"))))


def numbers() -> Iterable[str]:
    """Return the numbers of all targets with known observations."""
    return _target_rows().keys()


def burst_of_target(number: str) -> Known | None:
    """Return the burst that a target number belongs to."""
    line = _burst_targets().get(number)
    return None if line is None else _burst(line)


def everything() -> Iterator[Known]:
    """Yield all objects, then all bursts."""
    yield from map(_object, _lines("objects.csv"))
    yield from map(_burst, _lines("bursts.csv"))


@cache
def _lines(name: str) -> Sequence[str]:
    """Return the rows of a table; they are split when one is needed, which keeps the first name cheap."""
    return tuple(files(__package__).joinpath(f"data/{name}").read_text("utf-8").splitlines()[1:])


@lru_cache(maxsize=4096)
def _object(line: str) -> Known:
    name, aliases, ra, dec, cls, rate, _source = line.split(",")
    others = tuple(aliases.split("|")) if aliases else ()
    return Known(name, others, float(ra), float(dec), cls, float(rate) if rate else None)


@lru_cache(maxsize=4096)
def _burst(line: str) -> Known:
    name, number, ra, dec, t0_utc, _position_from, _source = line.split(",")
    t0 = datetime.fromisoformat(t0_utc).replace(tzinfo=UTC).timestamp() if t0_utc else None
    return Known(f"GRB {name}", (), float(ra), float(dec), "grb", None, (number,) if number else (), t0)


@cache
def _objects() -> Mapping[str, str]:
    """Return the rows of all objects by the keys of their names."""
    names: list[str] = []
    owners: list[str] = []
    for line in _lines("objects.csv"):
        name, aliases, _rest = line.split(",", 2)
        found = [name, *aliases.split("|")] if aliases else [name]
        names += found
        owners += [line] * len(found)
    return MappingProxyType(dict(zip(keys_of(names), owners, strict=True)))


@cache
def _sorted_keys() -> Sequence[str]:
    return tuple(sorted(_objects()))


@cache
def _bursts() -> Mapping[str, str]:
    return MappingProxyType({f"grb{line.split(',', 1)[0].lower()}": line for line in _lines("bursts.csv")})


@cache
def _burst_targets() -> Mapping[str, str]:
    found = {line.split(",", 2)[1]: line for line in _lines("bursts.csv")}
    return MappingProxyType({number: line for number, line in found.items() if number})


@cache
def _by_declination() -> Sequence[tuple[float, float, str, bool]]:
    """Return declination, right ascension, row, and whether it is a burst, for all objects and bursts."""
    found = []
    for table in ("objects.csv", "bursts.csv"):
        for line in _lines(table):
            _name, _other, ra, dec, _rest = line.split(",", 4)
            found.append((float(dec), float(ra), line, table == "bursts.csv"))
    return tuple(sorted(found))


@cache
def _observed() -> Mapping[str, Known]:
    """Return what no table has, but what was pointed at, by the key of its name."""
    found: dict[str, Known] = {}
    for key, (name, targets) in zip(keys_of(_by_name()), _by_name().items(), strict=True):
        if key not in _objects() and not burst_keys(key):
            one = target(targets[0])
            if one is not None and one.pointing is not None:
                found.setdefault(key, Known(name, (), *one.pointing, "xray", None, targets))
    return MappingProxyType(found)


@cache
def _target_rows() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in _lines("observations.csv"):
        number = line.partition(",")[0]
        found[number] = (*found.get(number, ()), line)
    return MappingProxyType(found)


@cache
def _by_pointing() -> Sequence[tuple[float, float, str]]:
    """Return declination and right ascension of the pointing, and number, for all targets where they are known."""
    found = []
    for number, rows in _target_rows().items():
        for line in rows[:1]:
            _number, _name, ra, dec, _rest = line.split(",", 4)
            if ra:
                found.append((float(dec), float(ra), number))
    return tuple(sorted(found))


@cache
def _by_name() -> Mapping[str, tuple[str, ...]]:
    """Return the numbers of the targets that were called after each object."""
    found: dict[str, tuple[str, ...]] = {}
    for number, rows in _target_rows().items():
        name = rows[0].split(",", 2)[1]
        found[name] = (*found.get(name, ()), number)
    return MappingProxyType(found)
