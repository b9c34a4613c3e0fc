"""Real objects, Swift bursts and observations, from tables that are read when a name or position is first asked for.

`data/README.md` says where each fact comes from.
"""

from __future__ import annotations

import csv
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from .coordinates import separation
from .names import burst_keys, key_of, truncations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_EPOCH_UNIX = 978307200  # 2001-01-01 UTC, from which the table of observations counts
_DAY = 86400


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
    key = key_of(name)
    for burst in burst_keys(key):
        if burst in _bursts():
            return _bursts()[burst]
    if found := _objects().get(key):
        return found
    for shorter in truncations(key):
        if found := _objects().get(shorter):
            return found
    return _completed(key)


def _completed(key: str) -> Known | None:
    """Return the one object whose B1950 name goes on where this one is cut off, such as ``pks1510-08``."""
    if not key[-1:].isdigit() or key[-3:-2] not in ("+", "-"):
        return None
    keys = _sorted_keys()
    found = {
        _objects()[longer].name: _objects()[longer]
        for longer in keys[bisect_left(keys, key) : bisect_right(keys, f"{key}:")]
        if longer[:-1] == key and longer[-1].isdigit()
    }
    return next(iter(found.values())) if len(found) == 1 else None


def near(position: tuple[float, float], radius: float) -> list[Known]:
    """Return the objects and bursts within `radius` of a position [deg], nearest first."""
    declinations, known = _by_declination()
    low, high = bisect_left(declinations, position[1] - radius), bisect_right(declinations, position[1] + radius)
    apart = ((separation((k.ra, k.dec), position), k.name, k) for k in known[low:high])
    return [k for distance, _, k in sorted(a for a in apart if a[0] <= radius)]


def targets_of(name: str) -> tuple[Target, ...]:
    """Return the targets with known observations of an object, by its main name."""
    return _by_name().get(name, ())


def target(number: str) -> Target | None:
    """Return a target by its number, if any of its observations are known."""
    return _targets().get(number)


def burst_of_target(number: str) -> Known | None:
    """Return the burst that a target number belongs to."""
    return _burst_targets().get(number)


def everything() -> Iterator[Known]:
    """Yield all objects, then all bursts."""
    seen = set()
    for known in _objects().values():
        if known.name not in seen:
            seen.add(known.name)
            yield known
    yield from _bursts().values()


def _rows(name: str) -> Iterator[Sequence[str]]:
    text = files(__package__).joinpath(f"data/{name}").read_text("utf-8")
    rows = csv.reader(text.splitlines())
    next(rows)
    return rows


@cache
def _objects() -> Mapping[str, Known]:
    found: dict[str, Known] = {}
    for name, aliases, ra, dec, cls, rate, _source in _rows("objects.csv"):
        others = tuple(aliases.split("|")) if aliases else ()
        known = Known(name, others, float(ra), float(dec), cls, float(rate) if rate else None)
        found[key_of(name)] = known
        for other in others:
            found.setdefault(key_of(other), known)
    return MappingProxyType(found)


@cache
def _sorted_keys() -> Sequence[str]:
    return tuple(sorted(_objects()))


@cache
def _bursts() -> Mapping[str, Known]:
    found = {}
    for name, number, ra, dec, t0_utc, _position_from, _source in _rows("bursts.csv"):
        t0 = datetime.fromisoformat(t0_utc).replace(tzinfo=UTC).timestamp() if t0_utc else None
        targets = (number,) if number else ()
        found[f"grb{name.lower()}"] = Known(f"GRB {name}", (), float(ra), float(dec), "grb", None, targets, t0)
    return MappingProxyType(found)


@cache
def _burst_targets() -> Mapping[str, Known]:
    return MappingProxyType({number: burst for burst in _bursts().values() for number in burst.targets})


@cache
def _by_declination() -> tuple[Sequence[float], Sequence[Known]]:
    known = sorted(everything(), key=lambda k: k.dec)
    return tuple(k.dec for k in known), tuple(known)


@cache
def _targets() -> Mapping[str, Target]:
    found: dict[str, Target] = {}
    for number, name, ra, dec, _source, visits in _rows("observations.csv"):
        pointing = (float(ra), float(dec)) if ra else None
        new = Target(number, name, pointing, tuple(_visits(number, visits)))
        found[number] = _both(found[number], new) if number in found else new
    return MappingProxyType(found)


def _both(first: Target, second: Target) -> Target:
    """Return one target for two rows of the table: some were observed under two names."""
    visits = sorted({*first.visits, *second.visits}, key=lambda visit: (visit.start, visit.obsid))
    return first._replace(pointing=first.pointing or second.pointing, visits=tuple(visits))


@cache
def _by_name() -> Mapping[str, tuple[Target, ...]]:
    found: dict[str, tuple[Target, ...]] = {}
    for known in _targets().values():
        found[known.name] = (*found.get(known.name, ()), known)
    return MappingProxyType(found)


def _visits(number: str, text: str) -> Iterator[Visit]:
    start = 0.0
    for visit in text.split(";"):
        segment, when, exposure = visit.split("/")
        dated = when.startswith("d")
        counted = int(when.lstrip("d"))
        start = counted * _DAY if dated else start + counted if when.startswith("+") else counted
        yield Visit(f"{number}{segment}", start + _EPOCH_UNIX, dated, float(exposure) if exposure else None)
