"""Sources around the target: drawn by sky cell, so that neighbouring pointings agree. Standard library only.

N(> R) = 2.5 (R / 1e-3 count/s)^-1.3 in each field of view on average, down to 3e-5 count/s (assumed).
"""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from typing import NamedTuple

from ..core import random
from . import coordinates

CELL_DEG = 0.2
FAINTEST, BRIGHTEST = 3e-5, 0.05  # count/s
_SLOPE = 1.3
_FIELD_AREA = (600 * 2.36 / 3600) * (602 * 2.36 / 3600)  # deg2
_PER_AREA = 2.5 * (FAINTEST / 1e-3) ** -_SLOPE / _FIELD_AREA


class FieldSource(NamedTuple):
    """A constant source that happens to be in the field: position [deg, J2000], `rate` [count/s, 0.3-10 keV]."""

    name: str
    ra: float
    dec: float
    rate: float


class FieldSources(tuple[FieldSource, ...]):
    """Field sources as a key of caches: hundreds of numbers, whose hash is worked out once."""

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return super().__hash__()


def around(
    seed: int, position: tuple[float, float], radius: float, but: tuple[float, float], apart: float
) -> FieldSources:
    """Return the field sources within `radius` [deg] of a position, brightest first.

    Those within `apart` [deg] of `but`, the target, are left out: the target's photons stay its own.
    """
    found = []
    for row, column in _cells(position, radius):
        for source in _in_cell(seed, row, column):
            here = (source.ra, source.dec)
            if abs(source.dec - position[1]) > radius or coordinates.separation(here, position) > radius:
                continue
            if abs(source.dec - but[1]) > apart or coordinates.separation(here, but) > apart:
                found.append(source)
    return FieldSources(sorted(found, key=lambda source: (-source.rate, source.name)))


def _cells(position: tuple[float, float], radius: float) -> list[tuple[int, int]]:
    """Cells that may hold something within `radius`: rows of declination, cut into columns of equal width."""
    ra, dec = position
    cells = []
    for row in range(_row(dec - radius), _row(min(dec + radius, 89.999)) + 1):
        columns = _columns(row)
        reach = min(180.0, radius / max(math.cos(math.radians(min(abs(dec) + radius, 89.9))), 1e-3))
        low, high = (math.floor((ra + side) / 360.0 * columns) for side in (-reach, reach))
        cells += [(row, column) for column in {c % columns for c in range(low, high + 1)}]
    return sorted(set(cells))


def _row(dec: float) -> int:
    return math.floor((max(dec, -90.0) + 90.0) / CELL_DEG)


def _columns(row: int) -> int:
    """Cells in a row, at least one."""
    return max(1, round(360.0 * math.cos(math.radians((row + 0.5) * CELL_DEG - 90.0)) / CELL_DEG))


@lru_cache(maxsize=2048)
def _in_cell(seed: int, row: int, column: int) -> tuple[FieldSource, ...]:
    """Draw the sources of one cell; gaps between them are exponential, so that their number is Poissonian."""
    low, high = (math.sin(math.radians((row + k) * CELL_DEG - 90.0)) for k in (0, 1))
    width = 360.0 / _columns(row)
    expected = math.degrees(high - low) * width * _PER_AREA
    sources: list[FieldSource] = []
    gaps = 0.0
    while True:
        n = len(sources)
        gaps -= math.log(random.uniform(seed, "field sources", row, column, n))
        if gaps > expected:
            return tuple(sources)
        key = ("field source", row, column, n)
        rate = FAINTEST * random.uniform(seed, *key, "rate") ** (-1 / _SLOPE)
        ra = (column + random.uniform(seed, *key, "ra")) * width
        dec = math.degrees(math.asin(random.uniform(seed, *key, "dec", low=low, high=high)))
        sources.append(FieldSource(f"field {row} {column} {n}", ra, dec, min(rate, BRIGHTEST)))
