"""The spectrum of one slice of time in one mode: its counts, files and fits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from . import extraction, fitting, instrument, ogip, photons, plots
from .archive import Deflated
from .statistics import Rules, measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from .extraction import Piece, Scene
    from .fitting import Estimate, Fit
    from .instrument import Floats
    from .plots import Folded

SHORT = {"powerlaw": "pow", "apec": "apec", "blackbody": "bb"}
NAMES = {"powerlaw": "PowerLaw", "apec": "APEC", "blackbody": "Blackbody"}
_PARAMETERS = {"powerlaw": "Gamma", "apec": "kT", "blackbody": "kT"}
_KEYS = _PARAMETERS | {"apec": "KT"}  # in answers (field: two printed answers)
_IN_XSPEC = {"powerlaw": "powerlaw", "apec": "apec", "blackbody": "bbody"}
_LEAST_SIGMA = 3.0  # less is no source, and no spectrum (assumed)


@dataclass(frozen=True)
class Model:
    """Model to fit: emission models, each behind the same absorbers.

    Parameters
    ----------
    models
        ``powerlaw``, ``apec``, ``blackbody``; empty if no fit is wanted.
    galactic
        Column of the Galactic absorber [cm-2].
    fixed
        Whether it is part of the model.
    redshift
        Of the free absorber; None without one.
    delta
        Change of the statistic that defines the errors.
    forced_failure
        Whether fits shall fail.
    """

    models: tuple[str, ...]
    galactic: float
    fixed: bool
    redshift: float | None
    delta: float
    forced_failure: bool


class ModeSpectrum:
    """The spectrum of one slice in one mode.

    Parameters
    ----------
    scene, pieces
        Origin of the counts: at least one piece, all of one mode and with one region.
    model
        Model to fit.

    Attributes
    ----------
    source, background
        Counts in the two regions by channel, each of shape (1024,).
    backscal
        Size of the source region in each snapshot [10^6 pixels].
    areas, alpha
        Size of the source and of the background region [10^6 pixels], and their ratio. That of the source is the mean
        over its snapshots, weighted with source counts (field).
    detected
        Whether there is a source at all; else nothing is fitted.
    mean_time
        Mean arrival [s since T0]; nan without counts.
    correction
        Factor from counts in the region to those of a source on axis.
    caught
        Share of the effective area that the source region catches, weighted by exposure.
    exposure
        Facts about the data for the files.
    groups, fits
        Counts of the groups that are fitted, and the fits by model; None where one failed.
    """

    def __init__(self, scene: Scene, pieces: Sequence[Piece], model: Model, made_at: float) -> None:
        first = pieces[0]
        self.mode, self.region, self.model, self.pieces = first.snapshot.mode, first.region, model, pieces
        self.backscal = [extraction.backscal(scene.seed, piece) for piece in pieces]
        weights = [len(piece.source.met) + 1e-9 for piece in pieces]
        self.areas = float(np.average(self.backscal, weights=weights)), self.region.background_area / 1e6
        self.alpha = alpha = self.areas[0] / self.areas[1]
        self.source = _by_channel([piece.source.channel for piece in pieces])
        self.background = _by_channel([piece.background.channel for piece in pieces])
        inside, outside = (counts[slice(*instrument.BAND)].sum() for counts in (self.source, self.background))
        rules = Rules(min_sigma=_LEAST_SIGMA)
        self.detected = not measure(inside, outside * alpha, outside * alpha**2, 1.0, rules).limit[0]
        met = np.concatenate([piece.source.met for piece in pieces])
        self.mean_time = float(np.mean(met - scene.t0)) if len(met) else math.nan
        self.exposure = ogip.Exposure(
            mode=self.mode,
            intervals=tuple((piece.snapshot.start, piece.snapshot.stop) for piece in pieces),
            source=(scene.source.name, scene.source.ra, scene.source.dec),
            obsid=first.observation.obsid,
            pointing=(first.observation.ra, first.observation.dec),
            roll=photons.roll(scene.seed, first.observation.target, first.snapshot.start),
            version=first.observation.version,
            calibration=first.observation.calibration,
            trigger=scene.source.t0_met if scene.source.is_burst else None,
            made_at=made_at,
        )
        on_time = self.exposure.on_time
        self.correction = on_time / sum(piece.snapshot.exposure / piece.correction for piece in pieces)
        caught = sum(
            photons.area_factor(scene.seed, piece.observation) * piece.snapshot.exposure / piece.correction
            for piece in pieces
        )
        self.caught = caught / on_time * instrument.graded_share(self.mode, scene.grades)
        self.groups = fitting.Groups.of(self.source, self.background, alpha)
        self.fits: dict[str, Fit | None] = dict.fromkeys(model.models)
        if self.detected and not model.forced_failure:
            absorbers = (model.galactic if model.fixed else None, model.redshift or 0.0)
            for name in model.models:
                self.fits[name] = fitting.fit(
                    self.groups, self.mode, self.area(), self.exposure.seconds, name, *absorbers, model.delta
                )

    def area(self, energies: Floats = instrument.MIDDLES) -> Floats:
        """Effective area at each energy [cm2], shape of `energies` [keV]."""
        return instrument.area(self.mode, energies) * self.caught

    @property
    def file_rate(self) -> float:
        """Count rate in the text of a fit [count/s]: net, not corrected, from 0.3 keV to the last count (field)."""
        band = slice(instrument.BAND[0], 1 + int(np.flatnonzero(self.source)[-1]))
        net = self.source[band].sum() - self.alpha * self.background[band].sum()
        return float(net / self.exposure.seconds)

    def files(self, name: str) -> dict[str, bytes | Deflated]:
        """Return the files of this mode, as they lie in the archive of the slice called `name`."""
        stem = f"{name}{self.mode.lower()}"
        links = (f"{stem}back.pi", f"{stem}.rmf", f"{stem}.arf")
        exposure = self.exposure
        source, background = (self._region(which) for which in ("source", "background"))
        rows = instrument.ROWS.astype(np.float64)
        found: dict[str, bytes | Deflated] = {
            f"{stem}source.pi": ogip.spectrum(exposure, source),
            f"{stem}back.pi": ogip.spectrum(exposure, background),
            f"{stem}.pi": ogip.spectrum(exposure, source, links),
            f"{stem}.arf": ogip.area_file(exposure, self.area(0.5 * (rows[1:] + rows[:-1]))),
            f"{stem}.rmf": _packed_response(self.mode),
        }
        if not self.model.models:
            found[f"{stem}_nofit_fit.fit"] = self._fit_text(None)
        for model, result in self.fits.items():
            found[f"{stem}_{SHORT[model]}_fit.fit"] = self._fit_text(result)
            if result is not None:
                found[f"models/{stem}_{SHORT[model]}.xcm"] = self.xspec_commands(stem, result)
        return found

    def _fit_text(self, result: Fit | None) -> bytes:
        """Return the text of a fit, with the labels and the order that readers of real files expect."""
        lines: list[str] = []
        if result is not None:
            lines.append(f"GalNH {self.model.galactic / 1e22:.6f}")  # also where it is not fitted: readers count lines
            lines.append(f"NH {_bounds(result.column, 1e22, '.4g')}")
            lines += [] if self.model.redshift is None else [f"z {self.model.redshift:.6g}"]
            lines.append(f"{_PARAMETERS[result.model]} {_bounds(result.parameter, 1.0, '.4g')}")
            lines.append(f"Obs flux {_bounds(result.observed, 1.0, '.3e')}")
            lines.append(f"Unabs flux {_bounds(result.unabsorbed, 1.0, '.3e')}")
            lines.append(f"C-stat {result.statistic:.1f} (dof {result.dof})")
        chi = [] if result is None else [f"Chi-squared of best fit {result.chi:.1f}"]
        rates = [
            f"File count rate: {self.file_rate:.10g}",
            f"Corr factor:\t{self.correction:.15g}",
            f"Ontime:\t{self.exposure.on_time:.15g}",
        ]
        lines += rates + chi if self.model.redshift is None else chi + rates
        return ("\n".join(lines) + "\n").encode("ascii")

    def _region(self, which: str) -> ogip.RegionCounts:
        """Return counts, area and picture of the source or of the background region."""
        wide = self.mode == "WT"
        source = which == "source"
        half = math.ceil(self.region.outer if source else self.region.background[1])
        height = extraction.WT_HEIGHT if wide else 2 * half
        lists = [piece.source if source else piece.background for piece in self.pieces]
        column = np.floor(half - np.concatenate([counts.x for counts in lists])).astype(np.int64)
        row = np.floor(height / 2 + np.concatenate([counts.y for counts in lists])).astype(np.int64)
        pixel = np.clip(row, 0, height - 1) * 2 * half + np.clip(column, 0, 2 * half - 1)
        image = np.bincount(pixel, minlength=height * 2 * half)
        east, north = self.pieces[0].centre
        return ogip.RegionCounts(
            channels=self.source if source else self.background,
            area=self.areas[not source],
            image=image.reshape(height, 2 * half).astype(np.float32),
            corner=(round(501 - east / instrument.PIXEL) - half, round(501 + north / instrument.PIXEL) - height // 2),
        )

    def xspec_commands(self, stem: str, result: Fit) -> bytes:
        """Commands that load the data with the best model; the norm is that of our own shapes."""
        redshift = self.model.redshift
        absorbers = ["TBabs"] * self.model.fixed + ["TBabs" if redshift is None else "zTBabs"]
        values = [f"{self.model.galactic / 1e22:.6g} -1"] * self.model.fixed
        values.append(f"{result.column.value / 1e22:.6g}")
        values += [] if redshift is None else [f"{redshift:.6g} -1"]
        values.append(f"{result.parameter.value:.6g}")
        values += ["1.0 -1", "0 -1"] if result.model == "apec" else []
        values.append(f"{result.norm:.6g}")
        lines = ["statistic cstat", f"data 1:1 {stem}.pi", "ignore bad", "ignore 1:**-0.3 10.0-**"]
        lines += ["abund wilm", f"model {'*'.join(absorbers)}*{_IN_XSPEC[result.model]}", *values]
        return ("\n".join(lines) + "\n").encode("ascii")

    def plots(self, name: str) -> dict[str, bytes]:
        """Draw the data with each folded model that was fitted, for the slice called `name`."""
        stem = f"{name}{self.mode.lower()}"
        return {
            f"{stem}_{short}_plot.gif": plots.spectrum(f"{stem}_{short}", self.mode, folded, self.exposure.seconds)
            for short, folded in self._folded()
        }

    def charts(self, name: str) -> list[dict[str, Any]]:
        """Return the data with each folded model that was fitted, as JSON-ready data."""
        stem = f"{name}{self.mode.lower()}"
        return [
            {"title": f"{stem}_{short}", "mode": self.mode}
            | {key: plots.numbers(values) for key, values in folded._asdict().items()}
            for short, folded in self._folded()
        ]

    def _folded(self) -> Iterator[tuple[str, Folded]]:
        """Yield the short name of each model that was fitted, with data and model as they are drawn."""
        for model, result in self.fits.items():
            if result is not None:
                yield SHORT[model], plots.folded(self.groups, result.expected, self.exposure.seconds)

    def answer(self, name: str, url: str) -> dict[str, Any]:
        """Return the part of the answer about this mode of the slice called `name`; its plots lie at `url`."""
        found: dict[str, Any] = {"MeanTime": rounded(self.mean_time), "Exposure": rounded(self.exposure.seconds)}
        if not self.model.models:
            return found | {"NOFIT": 1}
        found["Models"] = [NAMES[model] for model in self.fits]
        for model, result in self.fits.items():
            if result is None:
                found[NAMES[model]] = {"NOFIT": 1}
                continue
            fitted: dict[str, Any] = {"GalacticNH": rounded(self.model.galactic)} if self.model.fixed else {}
            fitted |= _with_errors("NH", result.column)
            if self.model.redshift is not None:
                fitted["Redshift_abs"] = self.model.redshift
            fitted |= _with_errors(_KEYS[model], result.parameter)
            fitted |= _with_errors("ObsFlux", result.observed) | _with_errors("UnabsFlux", result.unabsorbed)
            fitted |= {"Cstat": rounded(result.statistic), "Dof": result.dof, "FitChi": rounded(result.chi)}
            found[NAMES[model]] = fitted | {"Image": f"{url}/{name}{self.mode.lower()}_{SHORT[model]}_plot.gif"}
        return found


@cache
def _packed_response(mode: str) -> Deflated:
    return Deflated.of(ogip.response_file(mode), level=4)  # a level that makes archives as large as real ones


def _by_channel(lists: Sequence[NDArray[np.int16]]) -> NDArray[np.int64]:
    return np.bincount(np.concatenate(lists), minlength=instrument.CHANNELS)


def _bounds(value: Estimate, unit: float, form: str) -> str:
    numbers = (value.value, value.value + value.below, value.value + value.above)
    best, low, high = (format(number / unit, form) for number in numbers)
    return f"{best} ({low}, {high})"


def _with_errors(name: str, value: Estimate) -> dict[str, float]:
    return {name: rounded(value.value), f"{name}Pos": rounded(value.above), f"{name}Neg": rounded(value.below)}


def rounded(value: float) -> float:
    """Round to six digits: further ones differ from machine to machine."""
    return float(f"{value:.6g}")
