"""Source detection: the list of sources in the field, band by band.

Places of true sources are tried, and some random ones; whether a source is listed depends on the photons alone.
For isolated sources this has the statistics of a blind search, without its cost (assumed throughout).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..core import random
from ..sky import coordinates
from . import images, location, skyview, statistics
from .extraction import Scene
from .location import CELL, CELL_SHARE, PER_AXIS, Fit
from .skyview import BLOCK, PIXEL, SIDE, SkyView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ..sky.archive import Sky
    from .order import Order
    from .skyview import Photons

BANDS = {"Total": (0.3, 10.0), "Soft": (0.3, 1.0), "Medium": (1.0, 2.0), "Hard": (2.0, 10.0)}
"""Energy bands [keV]; ``Total`` alone unless all are asked for (documented)."""
FLAGS = ((3.5, "Good"), (3.0, "Reasonable"), (2.6, "Poor"))
"""Quality from which a source is flagged so; chosen to give as many sources as the documented field has (assumed)."""
_BLIND = 100  # random places in each field
_FAINTEST = 1e-5  # count/s
_WIDE = 500.0  # arcsec: half the side of the square they lie in
_APART = 20.0  # arcsec: nearer ones are one source
_FEWEST = 3  # counts
_PROMISING = 0.8  # of the quality wanted: worth a fit, which finds a better place
_RULES = statistics.Rules(limits=False)
_BOX = 11  # blocks a side of the box in which the background is averaged


@dataclass(frozen=True, slots=True)
class Detected:
    """A source of the list.

    Parameters
    ----------
    fit
        Its place on the plane, with errors.
    ra, dec
        Position [deg, J2000].
    counts, background
        In the detection cell.
    snr, sigma
        Signal to noise, significance.
    exposure
        Vignetted exposure there [s].
    rate, rate_pos, rate_neg
        Count rate, whole PSF, on axis, with its errors [count/s]; `rate_neg` is negative.
    """

    fit: Fit
    ra: float
    dec: float
    counts: int
    background: float
    snr: float
    sigma: float
    exposure: float
    rate: float
    rate_pos: float
    rate_neg: float

    @property
    def quality(self) -> float:
        """Lesser of significance and signal to noise; decides whether the source is listed."""
        return min(self.sigma, self.snr)

    @property
    def flag(self) -> str:
        """``Good``, ``Reasonable`` or ``Poor``."""
        return next((flag for least, flag in FLAGS if self.quality >= least), FLAGS[-1][1])

    def row(self, number: int) -> dict[str, str]:
        """Return its row of the list: texts alone, a dot in every number that is not whole (client)."""
        x, y = skyview.pixel((self.fit.x, self.fit.y))
        ra_err = PER_AXIS * self.fit.sigma_x / 3600 / math.cos(math.radians(self.dec))
        dec_err = PER_AXIS * self.fit.sigma_y / 3600
        galactic_l, galactic_b = coordinates.galactic((self.ra, self.dec))
        return {
            "sno": str(number),
            "x": f"{x:.10f}",
            "y": f"{y:.10f}",
            "ra": f"{self.ra:.10f}",
            "ra_pos": f"{ra_err:.16f}",
            "ra_neg": f"{-ra_err:.16f}",
            "dec": f"{self.dec:.10f}",
            "dec_pos": f"{dec_err:.16f}",
            "dec_neg": f"{-dec_err:.16f}",
            "err90": f"{self.fit.err90:.13f}",
            "l": f"{galactic_l:.10f}",
            "b": f"{galactic_b:.10f}",
            "C": str(self.counts),
            "B": f"{self.background:.4f}",
            "SNR": f"{self.snr:.4f}",
            "exposure": f"{self.exposure:.1f}",
            "rate": f"{self.rate:.6e}",
            "rate_pos": f"{self.rate_pos:.6e}",
            "rate_neg": f"{self.rate_neg:.6e}",
            "flag": self.flag,
        }


COLUMNS = (
    *("sno", "x", "y", "ra", "ra_pos", "ra_neg", "dec", "dec_pos", "dec_neg", "err90", "l", "b", "C"),
    *("B", "SNR", "exposure", "rate", "rate_pos", "rate_neg", "flag"),
)
"""Fields of a source; those after ``C`` are assumed."""


@dataclass(frozen=True, eq=False)
class Band:
    """The sources of one band, brightest first, and its background map [count/pixel], shape (100, 100)."""

    detected: tuple[Detected, ...]
    background: NDArray[np.float32]

    def rows(self) -> list[dict[str, str]]:
        """Return the source list as clients get it."""
        return [one.row(number) for number, one in enumerate(self.detected, start=1)]

    def table(self) -> bytes:
        """Write the list separated by tabs, below a line of names: also if it is empty."""
        return "".join("\t".join(line) + "\n" for line in [COLUMNS, *(row.values() for row in self.rows())]).encode()

    def regions(self) -> bytes:
        """Write regions that ds9 draws."""
        lines = ["# Region file format: DS9 version 4.1", "fk5"]
        for n, one in enumerate(self.detected, start=1):
            lines.append(f'circle({one.ra:.6f},{one.dec:.6f},{CELL:.1f}") # text={{{n}}}')
        return "\n".join([*lines, ""]).encode()


@dataclass(frozen=True, eq=False)
class SourceLists:
    """The source lists of a field by band."""

    view: SkyView
    bands: Mapping[str, Band]

    def answer(self) -> dict[str, list[dict[str, str]]]:
        """Return the lists by band, every value a text."""
        return {name: band.rows() for name, band in self.bands.items()}

    def files(self) -> dict[str, bytes]:
        """Return tables, regions and maps (names assumed)."""
        counts = skyview.image(self.view.photons.band(*BANDS["Total"]))
        marks = [(one.ra, one.dec) for one in self.bands["Total"].detected]
        found = {
            "summed.img.gz": images.counts_file(self.view, counts, BANDS["Total"]),
            "summed_ex.img.gz": images.map_file(self.view, self.view.exposure_maps()[0]),
            "summed.gif": images.picture(counts, self.view, marks),
        }
        for name, band in self.bands.items():
            found[f"sourceList_{name}.txt"] = band.table()
            found[f"sources_{name}.reg"] = band.regions()
            found[f"bgmap_{name}.img.gz"] = images.map_file(self.view, band.background, "count", BANDS[name])
        return found


def build(order: Order, sky: Sky) -> SourceLists:
    """Detect sources in the bands that an order asks for."""
    view = SkyView(Scene.of(order, sky, ""))
    names = BANDS if order.text("detbands", "total") == "all" else ("Total",)
    maps = view.exposure_maps()
    return SourceLists(view, {name: detect(view, BANDS[name], maps) for name in names})


def detect(
    view: SkyView,
    energies: tuple[float, float],
    maps: tuple[NDArray[np.float32], NDArray[np.float32]],
    least: float = FLAGS[-1][0],
) -> Band:
    """Detect sources in one band.

    Parameters
    ----------
    energies
        Low and high [keV].
    maps
        Exposure maps of the view, without and with vignetting.
    least
        Quality from which a source is listed.
    """
    found = view.photons.band(*energies)
    counts = skyview.image(found)
    plain, vignetted = maps
    places = np.array(places_to_try(view)).reshape(-1, 2)
    background = background_map(counts, plain)
    held, quality = _cells(places, counts, background)
    fitted: list[_Fitted] = []
    worth = _PROMISING * least
    for n in np.argsort(-held, kind="stable"):
        if quality[n] >= worth:
            one = _fitted(found, (float(places[n, 0]), float(places[n, 1])), background, vignetted, fitted, worth)
            if one is not None and all(
                math.hypot(one.fit.x - other.fit.x, one.fit.y - other.fit.y) > _APART for other in fitted
            ):
                fitted.append(one)
    detected = [one for one in _measured(view, fitted) if one.quality >= least]
    return Band(tuple(sorted(detected, key=lambda one: -one.rate)), background)


def places_to_try(view: SkyView) -> list[tuple[float, float]]:
    """Return places on the plane [arcsec]: the target, field sources, and some random ones."""
    scene = view.scene
    found = [view.place((scene.source.ra, scene.source.dec))]
    found += [view.place((one.ra, one.dec)) for one in view.neighbours if one.rate >= _FAINTEST]
    key = ("spurious", scene.source.name, view.snapshots[0][0].obsid)
    for n in range(_BLIND):
        x, y = (random.uniform(scene.seed, *key, n, axis, low=-_WIDE, high=_WIDE) for axis in "xy")
        found.append((x, y))
    return found


def background_map(counts: NDArray[np.int32], exposure: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the background of each block [count/pixel]: the mean around it, without blocks that stand out."""
    edge = SIDE // BLOCK
    blocks = np.asarray(counts.reshape(edge, BLOCK, edge, BLOCK).sum(axis=(1, 3)), dtype=np.float64)
    weight = exposure.astype(np.float64) * BLOCK**2
    for _ in range(2):
        rate = np.where(weight > 0, blocks, 0.0).sum() / max(weight.sum(), 1e-9)
        expected = rate * exposure * BLOCK**2
        weight = np.where(blocks > expected + 4 * np.sqrt(expected) + 3, 0.0, weight)
    kept = np.where(weight > 0, blocks, 0.0)
    local = _boxed(kept) / np.maximum(_boxed(weight), 1e-9)
    return (local * exposure).astype(np.float32)


def _boxed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over a square box around each block."""
    half = _BOX // 2
    sums = np.pad(np.pad(values, half).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    return np.asarray(sums[_BOX:, _BOX:] - sums[:-_BOX, _BOX:] - sums[_BOX:, :-_BOX] + sums[:-_BOX, :-_BOX])


def _cells(
    places: NDArray[np.float64], counts: NDArray[np.int32], background: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Counts of the detection cell at each place, and their quality, shape (n,) each; 0 at the rim of the image."""
    x, y = skyview.MIDDLE - places[:, 0] / PIXEL, skyview.MIDDLE + places[:, 1] / PIXEL
    margin = math.ceil(CELL / PIXEL)
    column, row = (np.clip(np.round(axis).astype(int) - 1, margin, SIDE - margin - 1) for axis in (x, y))
    offsets = skyview.area_of(CELL)
    held = counts[row[:, None] + offsets[:, 1], column[:, None] + offsets[:, 0]].sum(axis=1)
    expected = background[row // BLOCK, column // BLOCK] * len(offsets)
    inside = (np.abs(x - 1 - column) < 1) & (np.abs(y - 1 - row) < 1) & (expected > 0)
    variance = expected * len(offsets) / (_BOX * BLOCK) ** 2
    result = statistics.measure(held, np.maximum(expected, 1e-9), np.maximum(variance, 1e-9), 1.0, _RULES)
    return held, np.where(inside, np.minimum(result.sigma, result.snr), 0.0)


class _Fitted(NamedTuple):
    """A fit, and the counts, background [count] and vignetted exposure [s] of the detection cell there."""

    fit: Fit
    counts: int
    background: float
    exposure: float


def _fitted(
    found: Photons,
    place: tuple[float, float],
    background: NDArray[np.float32],
    vignetted: NDArray[np.float32],
    others: list[_Fitted],
    worth: float,
) -> _Fitted | None:
    """Fit a source on top of the wings of others; None if its signal to noise is below `worth`."""
    x, y = skyview.pixel(place)
    row, column = (min(max(int(value - 0.5) // BLOCK, 0), SIDE // BLOCK - 1) for value in (y, x))
    fits, exposure = [other.fit for other in others], float(vignetted[row, column])
    flat = float(background[row, column]) / PIXEL**2
    fit = location.fit(found, place, flat + location.wings(fits, place))
    counts = len(found.within((fit.x, fit.y), CELL))
    expected = (flat + location.wings(fits, (fit.x, fit.y))) * math.pi * CELL**2
    drifted = math.hypot(fit.x - place[0], fit.y - place[1]) > CELL
    if drifted or exposure <= 0 or counts - expected < worth * math.sqrt(counts) or counts < _FEWEST:
        return None
    return _Fitted(fit, counts, expected, exposure)


def _measured(view: SkyView, fitted: list[_Fitted]) -> list[Detected]:
    """Turn the counts of fitted sources into rates, all at once."""
    if not fitted:
        return []
    counts, background, exposure = np.array([one[1:] for one in fitted]).T
    variance = background * math.pi * (CELL / PIXEL / (_BOX * BLOCK)) ** 2
    result = statistics.measure(counts, background, variance, 1 / CELL_SHARE / exposure, _RULES)
    columns = (result.snr, result.sigma, exposure, result.rate, result.above, result.below)
    return [
        Detected(one.fit, *view.position((one.fit.x, one.fit.y)), one.counts, one.background, *map(float, values))
        for one, *values in zip(fitted, *columns, strict=True)
    ]
