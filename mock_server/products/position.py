"""Positions: standard, enhanced (against UVOT) and astrometric (against 2MASS), with the files of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mock_server.products.archive import gzipped
from mock_server.products.extraction import Scene
from mock_server.products.location import PER_AXIS, Fit
from mock_server.products.skyview import SkyView

from ..core import random
from ..core.model import Product
from ..core.timescales import met_from_mjd
from ..sky import coordinates
from . import detection, images, location, photons, skyview

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mock_server.products.order import Order
    from mock_server.products.skyview import Photons

    from ..sky.archive import Sky

SIGNIFICANT = 3.0
"""Significance from which a source counts as found."""
CATALOGUE = "2SXPS"
CATALOGUE_ENDS = met_from_mjd(58331.0)
"""2018-08-01: later observations are not in the catalogue [s, MET]."""
RADIUS_90 = math.sqrt(2 * math.log(10))
"""90 % radius of a round Gaussian, in standard deviations on one axis."""
PILED_UP = 0.6
"""Count rate above which pile-up is allowed for [count/s]."""
_OVERLAP_S, _OVERLAP_CHANCE, _UVOT_SIGMA, _UVOT_90 = 120.0, 0.85, 0.65, 1.4
_NO_ENHANCED = 0.08  # share of sources without an enhanced position for no reason one could see
_MATCH_SIGMA, _FEWEST_MATCHES, _MATCH_QUALITY = 6.0, 4, 1.8


@dataclass(frozen=True, slots=True)
class Position:
    """A position [deg, J2000] with its 90 % radius [arcsec]; `catalogue` names where it was taken from, if it was."""

    ra: float
    dec: float
    err90: float
    catalogue: str | None = None

    @property
    def texts(self) -> tuple[str, str, str, str]:
        """RA and Dec in degrees, then sexagesimal, as result files have them."""
        return (f"{self.ra:.5f}", f"{self.dec:.5f}", *coordinates.sexagesimal((self.ra, self.dec)))


@dataclass(frozen=True, slots=True)
class Overlaps:
    """What an enhanced position rests on: overlaps used and rejected, and their exposure [s]."""

    used: int
    used_s: float
    rejected: int
    unused_s: float


@dataclass(frozen=True, slots=True)
class Correction:
    """What the match with field stars says: shift east and north [arcsec], roll [arcmin], 90 % radius [arcsec]."""

    east: float
    north: float
    roll: float
    err90: float


def find(order: Order, sky: Sky) -> Position | None:
    """Return the position an order asks for, None if there is none."""
    view = SkyView(Scene.of(order, sky, ""))
    if sky.world.forces("no_position", order.name, view.scene.source.name):
        return None
    match order.product:
        case Product.ENHANCED_POS:
            return _enhanced(order, view)[0]
        case Product.ASTROM_POS:
            return _from_catalogue(order, view) or _astrometric(order, sky, view)[0]
        case _:
            return _from_catalogue(order, view) or _standard(order, view)[0]


def files(order: Order, sky: Sky) -> Mapping[str, bytes]:
    """Return the files of the position an order asks for (names documented)."""
    view = SkyView(Scene.of(order, sky, ""))
    found = find(order, sky)
    match order.product:
        case Product.ENHANCED_POS:
            return _enhanced_files(order, view, found)
        case Product.ASTROM_POS:
            return _astrometric_files(order, sky, view, found)
        case _:
            return _standard_files(order, view, found)


# --- from the catalogue


def _from_catalogue(order: Order, view: SkyView) -> Position | None:
    """Position that the catalogue has of a single old observation, if the order allows to take it."""
    source, observations = view.scene.source, view.scene.observations
    wanted = order.flag("useSXPS") or order.text("useSXPS").endswith("sxps")
    if not wanted or source.sxps_name is None or len(observations) != 1:
        return None
    if observations[0].snapshots[-1].stop >= CATALOGUE_ENDS:
        return None
    key = ("catalogue", observations[0].obsid)
    err90 = 2.0 + random.uniform(view.scene.seed, *key, high=3.0)
    east, north = (random.normal(view.scene.seed, *key, axis, sigma=err90 / RADIUS_90) for axis in "xy")
    ra, dec = coordinates.offset((source.ra, source.dec), math.hypot(east, north) / 3600, math.atan2(east, north))
    return Position(ra, dec, err90, CATALOGUE)


def _catalogue_file(view: SkyView, found: Position) -> bytes:
    """Return ``INSXPS``: one field a line (documented)."""
    ra, dec, ra_text, dec_text = found.texts
    obsid = view.scene.observations[0].obsid
    number = 100000 + random.bits(view.scene.seed, "catalogue ID", view.scene.source.name) % 100000
    return _lines(number, ra, dec, f"{found.err90:.1f}", ra_text, dec_text, obsid, found.catalogue)


# --- standard


def _standard(order: Order, view: SkyView) -> tuple[Position | None, Fit | None]:
    """Detect the brightest source near the position asked for and fit it; or fit only, if that is asked for."""
    found = _in_band(view)
    asked = view.place(view.scene.position)
    radius = order.number("posRadius", 20.0)
    start = location.brightest(found, asked, radius)
    fit = location.fit(found, start, location.background_density(found, start)[0])
    if order.text("detornot", "detect") == "detect":
        near = math.hypot(fit.x - asked[0], fit.y - asked[1]) <= radius
        if not near or location.cell_significance(found, (fit.x, fit.y)) < SIGNIFICANT:
            return None, None
    return Position(*view.position((fit.x, fit.y)), fit.err90), fit


def _in_band(view: SkyView) -> Photons:
    return view.photons.band(*detection.BANDS["Total"])


def _standard_files(order: Order, view: SkyView, found: Position | None) -> Mapping[str, bytes]:
    made = {"summed.gif": images.picture(skyview.image(_in_band(view)), view, _mark(order, found))}
    if found is not None and found.catalogue:
        return made | {"INSXPS": _catalogue_file(view, found)}
    made["results.dat"] = b"NOPOS\n" if found is None else _results(view, found)
    return made | _centroid_files(order, view)


def _mark(order: Order, found: Position | None) -> tuple[float, float] | None:
    return order.position if found is None else (found.ra, found.dec)


def _results(view: SkyView, found: Position) -> bytes:
    """Return ``results.dat``; the four numbers of the pile-up model are placeholders (assumed)."""
    cell = len(_in_band(view).within(view.place((found.ra, found.dec)), location.CELL))
    rate = cell / location.CELL_SHARE / view.exposure
    pile_up = ("1", "1", f"{rate:.4f}", "1", "0.1", "2.5") if rate > PILED_UP else ("0", "1", "0", "0", "0", "0")
    return _row(*found.texts, f"{found.err90:.1f}", *pile_up)


def _centroid_files(order: Order, view: SkyView) -> dict[str, bytes]:
    """Image and exposure map; in a folder if the detection was iterative (documented)."""
    iterative = order.text("detMeth", "simple") == "iterative" and order.text("detornot", "detect") == "detect"
    folder = "centroid/" if iterative else ""
    counts = skyview.image(_in_band(view))
    exposure = skyview.in_full(view.exposure_map(vignetted=True))
    return {
        f"{folder}centroid.img.gz": gzipped(images.counts_file(view, counts, detection.BANDS["Total"])),
        f"{folder}centroid_ex.img.gz": gzipped(images.map_file(view, exposure)),
    }


# --- enhanced


def _enhanced(order: Order, view: SkyView) -> tuple[Position | None, Overlaps]:
    """Weighted mean of the positions in snapshots that UVOT saw too, which are free of the star trackers' error."""
    scene = view.scene
    fits = [(fit, snapshot.exposure) for n, (_, snapshot) in enumerate(view.looks) if (fit := _overlap(order, view, n))]
    kept = _without_outliers([fit for fit, _ in fits])
    used_s = sum(seconds for fit, seconds in fits if fit in kept)
    overlaps = Overlaps(len(kept), used_s, len(fits) - len(kept), view.exposure - used_s)
    if not kept or random.uniform(scene.seed, "no enhanced position", scene.source.name) < _NO_ENHANCED:
        return None, overlaps
    mean = _mean(kept)
    err90 = math.hypot(_UVOT_90, RADIUS_90 * (mean.sigma_x + mean.sigma_y) / 2)
    key, sigma = ("UVOT to sky", scene.source.name), _UVOT_90 / RADIUS_90
    x, y = (random.normal(scene.seed, *key, axis, mean=at, sigma=sigma) for axis, at in (("x", mean.x), ("y", mean.y)))
    return Position(*view.position((x, y)), err90), overlaps


def _overlap(order: Order, view: SkyView, n: int) -> Fit | None:
    """Position in one snapshot, put right by UVOT; None if UVOT did not look or XRT saw nothing."""
    seed = view.scene.seed
    observation, snapshot = view.looks[n]
    key = ("overlap", observation.obsid, snapshot.number)
    if snapshot.exposure < _OVERLAP_S or random.uniform(seed, *key) >= _OVERLAP_CHANCE:
        return None
    found = _in_band(view)
    found = found.take(found.look == n)
    asked = view.place(view.scene.position)
    start = location.brightest(found, asked, order.number("posRadius", 20.0))
    if location.cell_significance(found, start) < SIGNIFICANT:
        return None
    fit = location.fit(found, start, location.background_density(found, start)[0])
    east, north = photons.tracker_offset(seed, observation, snapshot)
    x, y = (random.normal(seed, *key, axis, sigma=_UVOT_SIGMA) for axis in "xy")
    sigma_x, sigma_y = (math.hypot(sigma, _UVOT_SIGMA) for sigma in (fit.sigma_x, fit.sigma_y))
    return Fit(fit.x - east + x, fit.y - north + y, sigma_x, sigma_y, fit.counts)


def _mean(fits: list[Fit]) -> Fit:
    """Mean weighted by the inverse square of the errors."""
    x_weights, y_weights = [fit.sigma_x**-2 for fit in fits], [fit.sigma_y**-2 for fit in fits]
    x = sum(w * fit.x for w, fit in zip(x_weights, fits, strict=True)) / sum(x_weights)
    y = sum(w * fit.y for w, fit in zip(y_weights, fits, strict=True)) / sum(y_weights)
    return Fit(x, y, sum(x_weights) ** -0.5, sum(y_weights) ** -0.5, sum(fit.counts for fit in fits))


def _without_outliers(fits: list[Fit]) -> list[Fit]:
    """Leave out what lies more than three standard deviations from the mean of all."""
    if len(fits) < 3:
        return fits
    mean = _mean(fits)
    return [f for f in fits if abs(f.x - mean.x) <= 3 * f.sigma_x and abs(f.y - mean.y) <= 3 * f.sigma_y] or fits


def _enhanced_files(order: Order, view: SkyView, found: Position | None) -> Mapping[str, bytes]:
    mark = _mark(order, found)
    made = {
        "field.gif": images.picture(skyview.image(_in_band(view)), view, mark),
        "field.ps": _postscript(view, found),
    }
    if found is not None:
        overlaps = _enhanced(order, view)[1]
        ra, dec, ra_text, dec_text = found.texts
        targets = ",".join(order.targets)
        counts = (overlaps.used, f"{overlaps.used_s:.1f}", overlaps.rejected, f"{overlaps.unused_s:.1f}")
        made["success.txt"] = _lines(order.name, targets, *counts, ra, dec, ra_text, dec_text, f"{found.err90:.1f}")
    return made


def _postscript(view: SkyView, found: Position | None) -> bytes:
    """Draw the field as vectors: photons near the target as dots, the error circle."""
    centre = view.place(view.scene.position if found is None else (found.ra, found.dec))
    near = _in_band(view).within(centre, 60.0)
    dots = [
        f"{306 - 4 * (x - centre[0]):.1f} {396 + 4 * (y - centre[1]):.1f} 1 0 360 arc fill"
        for x, y in zip(near.x[:2000].tolist(), near.y[:2000].tolist(), strict=True)
    ]
    ring = [] if found is None else [f"1 0 0 setrgbcolor 306 396 {4 * found.err90:.1f} 0 360 arc stroke"]
    head = ["%!PS-Adobe-3.0 EPSF-3.0", "%%BoundingBox: 66 156 546 636", "%%Title: photons within 60 arcsec", "newpath"]
    return "\n".join([*head, *dots, *ring, "showpage", "%%EOF", ""]).encode()


# --- astrometric


def _astrometric(order: Order, sky: Sky, view: SkyView) -> tuple[Position | None, Correction | None]:
    """Standard position of these data, shifted by what field sources say about the pointing."""
    standard, fit = _standard(order, view)
    correction = _correction(order, sky, view)
    if standard is None or fit is None or correction is None:
        return None, correction
    ra, dec = view.position((fit.x + correction.east, fit.y + correction.north))
    statistical = math.hypot(PER_AXIS * fit.sigma_x, PER_AXIS * fit.sigma_y)
    return Position(ra, dec, math.hypot(statistical, correction.err90)), correction


def _correction(order: Order, sky: Sky, view: SkyView) -> Correction | None:
    """Match field sources with 2MASS; None with fewer than four of them."""
    scene = view.scene
    if sky.world.forces("no_correction", order.name, scene.source.name):
        return None
    target = view.place((scene.source.ra, scene.source.dec))
    listed, _ = detection.detect(view, detection.BANDS["Total"], _MATCH_QUALITY)
    others = [one for one in listed if math.hypot(one.fit.x - target[0], one.fit.y - target[1]) > 60.0]
    if len(others) < _FEWEST_MATCHES:
        return None
    quality = sum(one.snr for one in others) / len(others) / SIGNIFICANT
    sigma = _MATCH_SIGMA / math.sqrt(len(others) * quality)
    key = ("astrometry", *(f"{o.obsid}{o.version}" for o in scene.observations))
    near = _in_band(view).within(target, location.FIT_RADIUS)
    east, north = view.tracker_offset([int((near.look == n).sum()) for n in range(len(view.looks))])
    return Correction(
        east=random.normal(scene.seed, *key, "x", sigma=sigma) - east,
        north=random.normal(scene.seed, *key, "y", sigma=sigma) - north,
        roll=random.normal(scene.seed, *key, "roll", sigma=sigma / 3),
        err90=RADIUS_90 * sigma,
    )


def _astrometric_files(order: Order, sky: Sky, view: SkyView, found: Position | None) -> Mapping[str, bytes]:
    counts = skyview.image(_in_band(view))
    made = {
        "orig.gif": images.picture(counts, view, order.position),
        "corrected.gif": images.picture(counts, view, _mark(order, found)),
    }
    if found is not None and found.catalogue:
        return made | {"INSXPS": _catalogue_file(view, found)}
    if order.flag("allxastrom"):  # else the standard position has them
        made |= {f"centroid/{path.rpartition('/')[2]}": data for path, data in _centroid_files(order, view).items()}
    correction = _astrometric(order, sky, view)[1]
    if found is None or correction is None:
        return made | {"NOCORR": b""}
    shift = (f"{correction.east:.3f}", f"{correction.north:.3f}", f"{correction.roll:.3f}", f"{correction.err90:.3f}")
    return made | {"corrpos.dat": _row(*found.texts, f"{found.err90:.1f}"), "xastrom_corr.dat": _row(*shift)}


def _row(*cells: str) -> bytes:
    return ("\t".join(cells) + "\n").encode()


def _lines(*cells: object) -> bytes:
    return "".join(f"{cell}\n" for cell in cells).encode()
