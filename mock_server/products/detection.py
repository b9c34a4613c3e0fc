"""The list of sources in the field: what stands out from the photons, band by band.

Places are tried where something truly is, and at a few where nothing is; what is kept depends on the photons alone.
For isolated sources this has the statistics of a blind search, without its cost (assumed throughout).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mock_server.products.archive import gzipped
from mock_server.products.extraction import Scene
from mock_server.products.location import CELL, CELL_SHARE, PER_AXIS, Fit
from mock_server.products.skyview import BLOCK, PIXEL, SIDE, SkyView

from ..core import random
from ..sky import coordinates
from . import images, location, skyview, statistics

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from mock_server.products.order import Order
    from mock_server.products.skyview import Photons

    from ..sky.archive import Sky

BANDS = {"Total": (0.3, 10.0), "Soft": (0.3, 1.0), "Medium": (1.0, 2.0), "Hard": (2.0, 10.0)}
"""Energy bands [keV]; ``Total`` alone unless all are asked for (documented)."""
FLAGS = ((3.5, "Good"), (3.0, "Reasonable"), (2.6, "Poor"))
"""Quality from which a source is flagged so; chosen to give as many sources as the documented field has (assumed)."""
_BLIND = 100  # places in each field where nothing is
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
        """What decides whether it is listed: the lesser of significance and signal to noise."""
        return min(self.sigma, self.snr)

    @property
    def flag(self) -> str:
        """How trustworthy it is."""
        return next((flag for least, flag in FLAGS if self.quality >= least), FLAGS[-1][1])


def bands_of(order: Order) -> Mapping[str, tuple[float, float]]:
    """Return the bands an order asks for."""
    return BANDS if order.text("detbands", "total") == "all" else {"Total": BANDS["Total"]}


def detect(
    view: SkyView, band: tuple[float, float], least: float = FLAGS[-1][0]
) -> tuple[list[Detected], NDArray[np.float32]]:
    """Return the sources of one band, brightest first, and the background map [count/pixel], shape (100, 100).

    Parameters
    ----------
    least
        Quality from which a source is listed.
    """
    found = view.photons.band(*band)
    counts = skyview.image(found)
    exposure = view.exposure_map(vignetted=False)
    places = np.array(list(_places(view))).reshape(-1, 2)
    background = _background(counts, exposure)
    held, quality = _cells(places, counts, background)
    vignetted = view.exposure_map(vignetted=True)
    fitted: list[_Fitted] = []
    worth = _PROMISING * least
    for n in np.argsort(-held, kind="stable"):
        if quality[n] >= worth:
            one = _fitted(found, (float(places[n, 0]), float(places[n, 1])), background, vignetted, fitted, worth)
            if one is not None and all(_separate(one.fit, other.fit) for other in fitted):
                fitted.append(one)
    detected = [one for one in _measured(view, fitted) if one.quality >= least]
    return sorted(detected, key=lambda one: -one.rate), background


def _separate(one: Fit, other: Fit) -> bool:
    return math.hypot(one.x - other.x, one.y - other.y) > _APART


def _places(view: SkyView) -> Iterator[tuple[float, float]]:
    """Places to try [arcsec]: the target, field sources, and some where nothing is."""
    scene = view.scene
    yield view.place((scene.source.ra, scene.source.dec))
    for neighbour in view.neighbours:
        if neighbour.rate >= _FAINTEST:
            yield view.place((neighbour.ra, neighbour.dec))
    key = ("spurious", scene.source.name, view.looks[0][0].obsid)
    for n in range(_BLIND):
        x, y = (random.uniform(scene.seed, *key, n, axis, low=-_WIDE, high=_WIDE) for axis in "xy")
        yield x, y


def _blocks(values: NDArray[np.int32]) -> NDArray[np.float64]:
    """Sums over blocks of pixels, shape (100, 100)."""
    edge = SIDE // BLOCK
    return np.asarray(values.reshape(edge, BLOCK, edge, BLOCK).sum(axis=(1, 3)), dtype=np.float64)


def _background(counts: NDArray[np.int32], exposure: NDArray[np.float32]) -> NDArray[np.float32]:
    """Background of each block [count/pixel]: the mean around it, without blocks that stand out."""
    blocks, weight = _blocks(counts), exposure.astype(np.float64) * BLOCK**2
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


def _measured(view: SkyView, fitted: list[_Fitted]) -> Iterator[Detected]:
    """Turn the counts of fitted sources into rates, all at once."""
    if not fitted:
        return
    _, counts, background, exposure = (np.array(column) for column in zip(*fitted, strict=True))
    variance = background * math.pi * (CELL / PIXEL / (_BOX * BLOCK)) ** 2
    result = statistics.measure(counts, background, variance, 1 / CELL_SHARE / exposure, _RULES)
    for n, one in enumerate(fitted):
        values = (float(values[n]) for values in (result.snr, result.sigma, exposure))
        rates = (float(values[n]) for values in (result.rate, result.above, result.below))
        yield Detected(one.fit, *view.position((one.fit.x, one.fit.y)), one.counts, one.background, *values, *rates)


def rows(detected: list[Detected]) -> list[dict[str, str]]:
    """Return a source list as clients get it: texts only, a dot in every number that is not whole (client)."""
    return [_row(number, one) for number, one in enumerate(detected, start=1)]


def _row(number: int, one: Detected) -> dict[str, str]:
    x, y = skyview.pixel((one.fit.x, one.fit.y))
    ra_err = PER_AXIS * one.fit.sigma_x / 3600 / math.cos(math.radians(one.dec))
    dec_err = PER_AXIS * one.fit.sigma_y / 3600
    galactic_l, galactic_b = coordinates.galactic((one.ra, one.dec))
    return {
        "sno": str(number),
        "x": f"{x:.10f}",
        "y": f"{y:.10f}",
        "ra": f"{one.ra:.10f}",
        "ra_pos": f"{ra_err:.16f}",
        "ra_neg": f"{-ra_err:.16f}",
        "dec": f"{one.dec:.10f}",
        "dec_pos": f"{dec_err:.16f}",
        "dec_neg": f"{-dec_err:.16f}",
        "err90": f"{one.fit.err90:.13f}",
        "l": f"{galactic_l:.10f}",
        "b": f"{galactic_b:.10f}",
        "C": str(one.counts),
        "B": f"{one.background:.4f}",
        "SNR": f"{one.snr:.4f}",
        "exposure": f"{one.exposure:.1f}",
        "rate": f"{one.rate:.6e}",
        "rate_pos": f"{one.rate_pos:.6e}",
        "rate_neg": f"{one.rate_neg:.6e}",
        "flag": one.flag,
    }


def lists(order: Order, sky: Sky) -> dict[str, list[dict[str, str]]]:
    """Return the source lists of an order by band."""
    view = SkyView(Scene.of(order, sky, ""))
    return {name: rows(detect(view, band)[0]) for name, band in bands_of(order).items()}


def files(order: Order, sky: Sky) -> Mapping[str, bytes]:
    """Return the files of a source list: tables, regions and maps (names assumed)."""
    view = SkyView(Scene.of(order, sky, ""))
    counts = skyview.image(view.photons.band(*BANDS["Total"]))
    exposure = skyview.in_full(view.exposure_map(vignetted=False))
    made = {
        "summed.img.gz": gzipped(images.counts_file(view, counts, BANDS["Total"])),
        "summed_ex.img.gz": gzipped(images.map_file(view, exposure)),
    }
    for name, band in bands_of(order).items():
        detected, background = detect(view, band)
        table = rows(detected)
        made[f"sourceList_{name}.txt"] = _table(table)
        made[f"sources_{name}.reg"] = _regions(detected)
        made[f"bgmap_{name}.img.gz"] = gzipped(images.map_file(view, skyview.in_full(background), "count"))
        if name == "Total":
            marks = [(one.ra, one.dec) for one in detected]
            made["summed.gif"] = images.picture(counts, view, None, marks=marks)
    return made


def _table(table: list[dict[str, str]]) -> bytes:
    """Tab-separated, one line of names first: also of an empty list."""
    return "".join("\t".join(line) + "\n" for line in [COLUMNS, *(row.values() for row in table)]).encode()


def _regions(detected: list[Detected]) -> bytes:
    """Regions that ds9 draws."""
    circles = (
        f'circle({one.ra:.6f},{one.dec:.6f},{CELL:.1f}") # text={{{n}}}' for n, one in enumerate(detected, start=1)
    )
    return "\n".join(["# Region file format: DS9 version 4.1", "fk5", *circles, ""]).encode()


COLUMNS = (
    *("sno", "x", "y", "ra", "ra_pos", "ra_neg", "dec", "dec_pos", "dec_neg", "err90", "l", "b", "C"),
    *("B", "SNR", "exposure", "rate", "rate_pos", "rate_neg", "flag"),
)
"""Fields of a source; those after ``C`` are assumed."""
