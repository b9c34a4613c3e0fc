"""Location of a source: a King profile over a flat background, fitted to single photons by maximum likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import instrument, statistics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from .skyview import Photons

CELL = 13.0
"""Radius of the detection cell [arcsec]: 63 % of the light (derived from the documented source list)."""
CELL_SHARE = instrument.enclosed(CELL / instrument.PIXEL)
FIT_RADIUS = 30.0
"""Photons within this radius are fitted [arcsec]."""
_FIT_SHARE = instrument.enclosed(FIT_RADIUS / instrument.PIXEL)
RING = (80.0, 160.0)
"""Between these radii lies the local background [arcsec]."""
TRACKERS = 3.5
"""90 % radius of the star trackers' error [arcsec] (documented)."""
PER_AXIS = 1.517
"""Standard deviations on each axis that go into a 90 % radius (derived)."""
_CORE2, _BETA = 5.8**2, 1.55  # King profile [arcsec2], slope
_FEW = 15  # counts: below, a significance is Bayesian
_STEP, _FEWEST, _MOST = 1.6, 3, 9


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted place on the plane [arcsec], its error on each axis [arcsec], and its photons within 30 arcsec."""

    x: float
    y: float
    sigma_x: float
    sigma_y: float
    counts: float

    @property
    def err90(self) -> float:
        """90 % radius, star trackers included [arcsec]."""
        return math.sqrt(TRACKERS**2 + (PER_AXIS * self.sigma_x) ** 2 + (PER_AXIS * self.sigma_y) ** 2)


def background_density(photons: Photons, place: tuple[float, float]) -> tuple[float, float]:
    """Background around a place [count/arcsec2], and the area it was taken from [arcsec2]."""
    r2 = (photons.x - place[0]) ** 2 + (photons.y - place[1]) ** 2
    area = math.pi * (RING[1] ** 2 - RING[0] ** 2)
    return float(np.count_nonzero((r2 > RING[0] ** 2) & (r2 <= RING[1] ** 2))) / area, area


def cell_significance(photons: Photons, place: tuple[float, float]) -> float:
    """Significance of the counts in the detection cell at a place [sigma]."""
    density, area = background_density(photons, place)
    cell = math.pi * CELL**2
    counts, background = len(photons.within(place, CELL)), density * cell
    if counts < _FEW:
        return min(float(statistics.significance(counts, background)[0]), statistics.CERTAIN)
    return min((counts - background) / math.sqrt(max(background * cell / area, 1e-9)), statistics.CERTAIN)


def brightest(photons: Photons, around: tuple[float, float], radius: float) -> tuple[float, float]:
    """Return the place with most photons in its detection cell, within `radius` [arcsec] of another place."""
    step = 3.0
    reach = math.ceil((radius + CELL) / step)
    edges = (np.arange(-reach, reach + 2) - 0.5) * step
    near = photons.within(around, (radius + CELL) * 1.5)
    counts, _, _ = np.histogram2d(near.x - around[0], near.y - around[1], bins=(edges, edges))
    axis = np.arange(-reach, reach + 1) * step
    x, y = np.meshgrid(axis, axis, indexing="ij")
    offsets = [(i, j) for i in range(-4, 5) for j in range(-4, 5) if math.hypot(i, j) * step <= CELL]
    held = sum(np.roll(counts, offset, axis=(0, 1)) for offset in offsets)
    best = int(np.argmax(np.where(np.hypot(x, y) <= radius, held, -1.0)))
    return around[0] + float(x.flat[best]), around[1] + float(y.flat[best])


def fit(photons: Photons, start: tuple[float, float], density: float) -> Fit:
    """Fit the place of a source that lies near `start`.

    Parameters
    ----------
    photons
        Around it; those within 30" of the running place are used.
    start
        First guess [arcsec].
    density
        Background [count/arcsec2].
    """
    near = photons.within(start, FIT_RADIUS)
    xs, ys = near.x.astype(np.float64), near.y.astype(np.float64)
    x, y = start
    counts = max(len(near) - density * math.pi * FIT_RADIUS**2, 1.0)
    for turn in range(_MOST):
        member, weight = _weights(xs - x, ys - y, counts, density)
        total = max(float(weight.sum()), 1e-9)
        dx, dy = float((weight * (xs - x)).sum()) / total, float((weight * (ys - y)).sum()) / total
        x, y = x + _STEP * dx, y + _STEP * dy
        counts = max(float(member.sum()), 1e-3)
        if turn + 1 >= _FEWEST and math.hypot(dx, dy) < 0.01:
            break
    member, _ = _weights(xs - x, ys - y, counts, density)
    slope = 2 * _BETA * member / (_CORE2 + (xs - x) ** 2 + (ys - y) ** 2)
    sigma_x, sigma_y = (1 / math.sqrt(max(float(((slope * d) ** 2).sum()), 1e-4)) for d in (xs - x, ys - y))
    return Fit(x, y, sigma_x, sigma_y, counts)


def wings(fits: Iterable[Fit], place: tuple[float, float]) -> float:
    """Density that sources elsewhere have at a place [count/arcsec2]."""
    density = 0.0
    for fit in fits:
        spread = 1 + ((fit.x - place[0]) ** 2 + (fit.y - place[1]) ** 2) / _CORE2
        density += fit.counts / _FIT_SHARE * (_BETA - 1) / (math.pi * _CORE2) / math.pow(spread, _BETA)
    return density


def _weights(
    dx: NDArray[np.float64], dy: NDArray[np.float64], counts: float, density: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Chance that each photon belongs to the source, and its weight in the next step."""
    spread = 1 + (dx**2 + dy**2) / _CORE2
    profile = counts * (_BETA - 1) / (math.pi * _CORE2) * spread**-_BETA
    member = profile / (profile + density + 1e-12)
    return member, member / spread
