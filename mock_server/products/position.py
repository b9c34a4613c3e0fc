"""Positions: standard, enhanced (against UVOT) and astrometric (against 2MASS), with the files of each."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..core import random
from ..core.durations import corrects_standard
from ..core.model import Product
from ..core.timescales import met_from_mjd
from ..sky import coordinates
from . import detection, images, location, photons, skyview
from .extraction import Scene
from .location import PER_AXIS, Fit
from .skyview import SkyView

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..sky.archive import Sky
    from .order import Order

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
    """A position [deg, J2000] with its 90 % radius [arcsec]; `catalogue` names its catalogue, if it is from one."""

    ra: float
    dec: float
    err90: float
    catalogue: str | None = None

    @property
    def texts(self) -> tuple[str, str, str, str]:
        """RA and Dec in degrees, then sexagesimal, as result files have them."""
        return (f"{self.ra:.5f}", f"{self.dec:.5f}", *coordinates.sexagesimal((self.ra, self.dec)))


@dataclass(frozen=True, slots=True)
class Correction:
    """Result of the match with field stars: shift east and north [arcsec], roll [arcmin], 90 % radius [arcsec]."""

    east: float
    north: float
    roll: float
    err90: float


class PositionProduct(ABC):
    """A position of an order; a subclass finds it and makes its files.

    Parameters
    ----------
    order, sky
        Product to build, and its sky.

    Attributes
    ----------
    found
        The position; None without one.
    """

    def __init__(self, order: Order, sky: Sky) -> None:
        self.order = order
        self.view = SkyView(Scene.of(order, sky, ""))
        self.photons = self.view.photons.band(*detection.BANDS["Total"])
        self.asked = self.view.place(self.view.scene.position)
        self.found: Position | None = None
        self.forced_failure = sky.world.forces("no_position", order.name, self.view.scene.source.name)

    def answer(self) -> Position | None:
        """Return the position; None without one."""
        return self.found

    @abstractmethod
    def files(self) -> dict[str, bytes]:
        """Return the files by name."""

    def standard(self) -> tuple[Position | None, Fit | None]:
        """Detect the brightest source near the position asked for and fit it; or fit only, if that is asked for."""
        radius = self.order.number("posRadius", 20.0)
        start = location.brightest(self.photons, self.asked, radius)
        fit = location.fit(self.photons, start, location.background_density(self.photons, start)[0])
        if self.order.text("detornot", "detect") == "detect":
            near = math.hypot(fit.x - self.asked[0], fit.y - self.asked[1]) <= radius
            if not near or location.cell_significance(self.photons, (fit.x, fit.y)) < SIGNIFICANT:
                return None, None
        return Position(*self.view.position((fit.x, fit.y)), fit.err90), fit

    def from_catalogue(self) -> Position | None:
        """Position that the catalogue has of a single old observation, if the order allows to take it."""
        source, observations = self.view.scene.source, self.view.scene.observations
        wanted = self.order.flag("useSXPS") or self.order.text("useSXPS").endswith("sxps")
        if not wanted or source.sxps_name is None or len(observations) != 1:
            return None
        if observations[0].snapshots[-1].stop >= CATALOGUE_ENDS:
            return None
        seed, key = self.view.scene.seed, ("catalogue", observations[0].obsid)
        err90 = 2.0 + random.uniform(seed, *key, high=3.0)
        east, north = (random.normal(seed, *key, axis, sigma=err90 / RADIUS_90) for axis in "xy")
        ra, dec = coordinates.offset((source.ra, source.dec), math.hypot(east, north) / 3600, math.atan2(east, north))
        return Position(ra, dec, err90, CATALOGUE)

    def catalogue_file(self, found: Position) -> bytes:
        """Return ``INSXPS``: one field a line (documented)."""
        ra, dec, ra_text, dec_text = found.texts
        scene = self.view.scene
        number = 100000 + random.bits(scene.seed, "catalogue ID", scene.source.name) % 100000
        fields = (number, ra, dec, f"{found.err90:.1f}", ra_text, dec_text)
        return _lines(*fields, scene.observations[0].obsid, found.catalogue)

    def picture(self, image: NDArray[np.int32], mark: Position | None = None) -> bytes:
        """Draw the field with a circle around a position, else around the one asked for."""
        marks = [] if self.order.position is None else [self.order.position]
        if mark is not None:
            marks = [(mark.ra, mark.dec)]
        return images.picture(image, self.view, marks)

    def centroid_files(self, image: NDArray[np.int32], folder: str) -> dict[str, bytes]:
        """Return image and exposure map; `folder` begins their paths."""
        return {
            f"{folder}centroid.img.gz": images.counts_file(self.view, image, detection.BANDS["Total"]),
            f"{folder}centroid_ex.img.gz": images.map_file(self.view, self.view.exposure_maps()[1]),
        }


class StandardPosition(PositionProduct):
    """Position of the brightest source, or of the catalogue."""

    def __init__(self, order: Order, sky: Sky) -> None:
        super().__init__(order, sky)
        if not self.forced_failure:
            self.found = self.from_catalogue() or self.standard()[0]

    def files(self) -> dict[str, bytes]:
        """Return the files (names documented)."""
        image = skyview.image(self.photons)
        files = {"summed.gif": self.picture(image, self.found)}
        if self.found is not None and self.found.catalogue:
            return files | {"INSXPS": self.catalogue_file(self.found)}
        detected = self.order.text("detornot", "detect") == "detect"
        iterative = detected and self.order.text("detMeth", "simple") == "iterative"
        files["results.dat"] = b"NOPOS\n" if self.found is None else self.results(self.found)
        return files | self.centroid_files(image, "centroid/" if iterative else "")

    def results(self, found: Position) -> bytes:
        """Return ``results.dat``; the four numbers of the pile-up model are placeholders (assumed)."""
        cell = len(self.photons.within(self.view.place((found.ra, found.dec)), location.CELL))
        rate = cell / location.CELL_SHARE / self.view.exposure
        pile_up = ("1", "1", f"{rate:.4f}", "1", "0.1", "2.5") if rate > PILED_UP else ("0", "1", "0", "0", "0", "0")
        return _row(*found.texts, f"{found.err90:.1f}", *pile_up)


class EnhancedPosition(PositionProduct):
    """Weighted mean of the positions in snapshots that UVOT saw too, which are free of the star trackers' error.

    Attributes
    ----------
    overlaps
        Fits in these snapshots, and their exposures [s].
    used
        The fits that agree with one another.
    """

    def __init__(self, order: Order, sky: Sky) -> None:
        super().__init__(order, sky)
        snapshots = [snapshot for _, snapshot in self.view.snapshots]
        self.overlaps = [(fit, s.exposure) for n, s in enumerate(snapshots) if (fit := self.overlap(n))]
        self.used = fits = [fit for fit, _ in self.overlaps]
        if len(fits) > 2:  # leave out those more than three standard deviations from the mean of all
            mean = _mean(fits)
            near = [f for f in fits if abs(f.x - mean.x) <= 3 * f.sigma_x and abs(f.y - mean.y) <= 3 * f.sigma_y]
            self.used = near or fits
        seed, name = self.view.scene.seed, self.view.scene.source.name
        lacking = not self.used or random.uniform(seed, "no enhanced position", name) < _NO_ENHANCED
        if self.forced_failure or lacking:
            return
        mean = _mean(self.used)
        err90 = math.hypot(_UVOT_90, RADIUS_90 * (mean.sigma_x + mean.sigma_y) / 2)
        x, y = (
            random.normal(seed, "UVOT to sky", name, axis, mean=at, sigma=_UVOT_90 / RADIUS_90)
            for axis, at in (("x", mean.x), ("y", mean.y))
        )
        self.found = Position(*self.view.position((x, y)), err90)

    def overlap(self, n: int) -> Fit | None:
        """Position in one snapshot, corrected by UVOT; None if UVOT did not look or XRT saw nothing."""
        seed = self.view.scene.seed
        observation, snapshot = self.view.snapshots[n]
        key = ("overlap", observation.obsid, snapshot.number)
        if snapshot.exposure < _OVERLAP_S or random.uniform(seed, *key) >= _OVERLAP_CHANCE:
            return None
        seen = self.photons.take(self.photons.snapshot == n)
        start = location.brightest(seen, self.asked, self.order.number("posRadius", 20.0))
        if location.cell_significance(seen, start) < SIGNIFICANT:
            return None
        fit = location.fit(seen, start, location.background_density(seen, start)[0])
        east, north = photons.tracker_offset(seed, observation, snapshot)
        x, y = (random.normal(seed, *key, axis, sigma=_UVOT_SIGMA) for axis in "xy")
        sigma_x, sigma_y = (math.hypot(sigma, _UVOT_SIGMA) for sigma in (fit.sigma_x, fit.sigma_y))
        return Fit(fit.x - east + x, fit.y - north + y, sigma_x, sigma_y, fit.counts)

    def files(self) -> dict[str, bytes]:
        """Return the files (names documented); ``success.txt`` if there is a position."""
        files = {"field.gif": self.picture(skyview.image(self.photons), self.found), "field.ps": self.postscript()}
        if self.found is not None:
            seconds = sum(exposure for fit, exposure in self.overlaps if fit in self.used)
            rejected = len(self.overlaps) - len(self.used)
            counts = (len(self.used), f"{seconds:.1f}", rejected, f"{self.view.exposure - seconds:.1f}")
            names = (self.order.name, ",".join(self.order.targets))
            files["success.txt"] = _lines(*names, *counts, *self.found.texts, f"{self.found.err90:.1f}")
        return files

    def postscript(self) -> bytes:
        """Draw the field as vectors: photons near the target as dots, the error circle."""
        found = self.found
        centre = self.asked if found is None else self.view.place((found.ra, found.dec))
        near = self.photons.within(centre, 60.0)
        dots = [
            f"{306 - 4 * (x - centre[0]):.1f} {396 + 4 * (y - centre[1]):.1f} 1 0 360 arc fill"
            for x, y in zip(near.x[:2000].tolist(), near.y[:2000].tolist(), strict=True)
        ]
        ring = [] if found is None else [f"1 0 0 setrgbcolor 306 396 {4 * found.err90:.1f} 0 360 arc stroke"]
        head = ["%!PS-Adobe-3.0 EPSF-3.0", "%%BoundingBox: 66 156 546 636", "%%Title: photons within 60 arcsec"]
        return "\n".join([*head, "newpath", *dots, *ring, "showpage", "%%EOF", ""]).encode()


class AstrometricPosition(PositionProduct):
    """Standard position of these data, shifted by the pointing error that field sources show; or the catalogue's.

    Attributes
    ----------
    correction
        The shift; None without one.
    """

    def __init__(self, order: Order, sky: Sky) -> None:
        super().__init__(order, sky)
        self.correction: Correction | None = None
        in_catalogue = None if self.forced_failure else self.from_catalogue()
        if self.forced_failure or in_catalogue:
            self.found = in_catalogue
            return
        position, fit = self.standard()
        if not sky.world.forces("no_correction", order.name, self.view.scene.source.name):
            self.correction = self.match()
        if position is None or fit is None or self.correction is None:
            return
        ra, dec = self.view.position((fit.x + self.correction.east, fit.y + self.correction.north))
        statistical = math.hypot(PER_AXIS * fit.sigma_x, PER_AXIS * fit.sigma_y)
        self.found = Position(ra, dec, math.hypot(statistical, self.correction.err90))

    def match(self) -> Correction | None:
        """Match field sources with 2MASS; None with fewer than four of them."""
        view, scene = self.view, self.view.scene
        target = view.place((scene.source.ra, scene.source.dec))
        listed = detection.detect(view, detection.BANDS["Total"], view.exposure_maps(), _MATCH_QUALITY).detected
        others = [one for one in listed if math.hypot(one.fit.x - target[0], one.fit.y - target[1]) > 60.0]
        if len(others) < _FEWEST_MATCHES:
            return None
        quality = sum(one.snr for one in others) / len(others) / SIGNIFICANT
        sigma = _MATCH_SIGMA / math.sqrt(len(others) * quality)
        key = ("astrometry", *(f"{o.obsid}{o.version}" for o in scene.observations))
        near = self.photons.within(target, location.FIT_RADIUS)
        east, north = view.tracker_offset([int((near.snapshot == n).sum()) for n in range(len(view.snapshots))])
        return Correction(
            east=random.normal(scene.seed, *key, "x", sigma=sigma) - east,
            north=random.normal(scene.seed, *key, "y", sigma=sigma) - north,
            roll=random.normal(scene.seed, *key, "roll", sigma=sigma / 3),
            err90=RADIUS_90 * sigma,
        )

    def files(self) -> dict[str, bytes]:
        """Return the files (names documented); ``NOCORR`` if there is no correction."""
        found, correction, image = self.found, self.correction, skyview.image(self.photons)
        files = {"orig.gif": self.picture(image), "corrected.gif": self.picture(image, found)}
        if found is not None and found.catalogue:
            return files | {"INSXPS": self.catalogue_file(found)}
        if not corrects_standard(self.order.parameters):  # else the standard position has them
            files |= self.centroid_files(image, "centroid/")
        if found is None or correction is None:
            return files | {"NOCORR": b""}
        shift = (correction.east, correction.north, correction.roll, correction.err90)
        files["corrpos.dat"] = _row(*found.texts, f"{found.err90:.1f}")
        files["xastrom_corr.dat"] = _row(*(f"{number:.3f}" for number in shift))
        return files


def build(order: Order, sky: Sky) -> StandardPosition | EnhancedPosition | AstrometricPosition:
    """Find the position that an order asks for."""
    match order.product:
        case Product.ENHANCED_POS:
            return EnhancedPosition(order, sky)
        case Product.ASTROM_POS:
            return AstrometricPosition(order, sky)
        case _:
            return StandardPosition(order, sky)


def _mean(fits: list[Fit]) -> Fit:
    """Mean weighted by the inverse square of the errors."""
    x_weights, y_weights = [fit.sigma_x**-2 for fit in fits], [fit.sigma_y**-2 for fit in fits]
    x = sum(w * fit.x for w, fit in zip(x_weights, fits, strict=True)) / sum(x_weights)
    y = sum(w * fit.y for w, fit in zip(y_weights, fits, strict=True)) / sum(y_weights)
    return Fit(x, y, sum(x_weights) ** -0.5, sum(y_weights) ** -0.5, sum(fit.counts for fit in fits))


def _row(*cells: str) -> bytes:
    return ("\t".join(cells) + "\n").encode()


def _lines(*cells: object) -> bytes:
    return "".join(f"{cell}\n" for cell in cells).encode()
