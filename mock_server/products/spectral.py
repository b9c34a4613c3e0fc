"""The spectrum of one slice of time in one mode: its counts, files and fits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mock_server.products.statistics import Rules, measure

from . import fitting, instrument, ogip, photons, plots

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mock_server.products.extraction import Piece, Region, Scene
    from mock_server.products.fitting import Estimate, Fit
    from mock_server.products.instrument import Floats

SHORT = {"powerlaw": "pow", "apec": "apec", "blackbody": "bb"}
NAMES = {"powerlaw": "PowerLaw", "apec": "APEC", "blackbody": "Blackbody"}
_PARAMETERS = {"powerlaw": "Gamma", "apec": "kT", "blackbody": "kT"}
_IN_XSPEC = {"powerlaw": "powerlaw", "apec": "apec", "blackbody": "bbody"}
_LEAST_SIGMA = 3.0  # less is no source, and no spectrum (assumed)


@dataclass(frozen=True)
class Model:
    """What is fitted: the emission models, each behind the same absorbers.

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


@dataclass(frozen=True)
class Mode:
    """The spectrum of one slice in one mode.

    Parameters
    ----------
    scene, region, pieces
        Where it comes from; one region for all snapshots.
    model
        What is fitted.
    """

    scene: Scene
    mode: str
    region: Region
    pieces: Sequence[Piece]
    model: Model

    @cached_property
    def source(self) -> NDArray[np.int64]:
        """Counts in the source region by channel, shape (1024,)."""
        return _by_channel([piece.source.channel for piece in self.pieces])

    @cached_property
    def background(self) -> NDArray[np.int64]:
        """Counts in the background region by channel, shape (1024,)."""
        return _by_channel([piece.background.channel for piece in self.pieces])

    @property
    def seconds(self) -> float:
        """Good time [s]."""
        return sum(piece.snapshot.exposure for piece in self.pieces)

    @cached_property
    def mean_time(self) -> float:
        """Mean arrival [s since T0]."""
        met = np.concatenate([piece.source.met for piece in self.pieces])
        return float(np.mean(met - self.scene.t0))

    @cached_property
    def detected(self) -> bool:
        """Whether there is a source at all."""
        low, high = instrument.BAND
        counts, back = self.source[low:high].sum(), self.background[low:high].sum()
        alpha = self.region.alpha
        return not measure(counts, back * alpha, back * alpha**2, 1.0, Rules(min_sigma=_LEAST_SIGMA)).limit[0]

    @cached_property
    def correction(self) -> float:
        """Factor from counts in the region to those of a source on axis."""
        caught = sum(piece.snapshot.exposure / piece.correction for piece in self.pieces)
        return self.seconds / caught

    @cached_property
    def area(self) -> Floats:
        """Effective area [cm2], weighted by exposure, shape (590,)."""
        seed = self.scene.seed
        caught = sum(
            photons.area_factor(seed, piece.observation) * piece.snapshot.exposure / piece.correction
            for piece in self.pieces
        )
        graded = instrument.graded_share(self.mode, self.scene.grades)
        return instrument.effective_area() * (caught / self.seconds * graded)

    @cached_property
    def data(self) -> fitting.Data:
        """What fits work on."""
        return fitting.data(self.source, self.background, self.region.alpha, self.area, self.seconds)

    @cached_property
    def fits(self) -> dict[str, Fit | None]:
        """Fits by model; None where one failed."""
        model = self.model
        fixed = model.galactic if model.fixed else None
        return {
            name: None
            if model.forced_failure
            else fitting.fit(self.data, name, fixed, model.redshift or 0.0, model.delta)
            for name in model.models
        }

    @cached_property
    def exposure(self) -> ogip.Exposure:
        """What files say about the data."""
        first = self.pieces[0].observation
        source = self.scene.source
        start = self.pieces[0].snapshot.start
        return ogip.Exposure(
            mode=self.mode,
            intervals=tuple((piece.snapshot.start, piece.snapshot.stop) for piece in self.pieces),
            source=(source.name, *self.scene.position),
            obsid=first.obsid,
            pointing=(first.ra, first.dec),
            roll=photons.roll(self.scene.seed, first.target, start),
            calibration=first.calibration,
        )

    def files(self, name: str) -> dict[str, bytes]:
        """Return the files of this mode, as they lie in the archive of the slice called `name`."""
        stem = f"{name}{self.mode.lower()}"
        links = (f"{stem}back.pi", f"{stem}.rmf", f"{stem}.arf")
        exposure, (inside, outside) = self.exposure, (self.region.source_area, self.region.background_area)
        found = {
            f"{stem}source.pi": ogip.spectrum(exposure, self.source, inside, links=links),
            f"{stem}back.pi": ogip.spectrum(exposure, self.background, outside, total=False),
            f"{stem}.pi": ogip.spectrum(exposure, self.source, inside, links=links, grouped=True),
            f"{stem}.arf": ogip.area_file(exposure, self.area),
            f"{stem}.rmf": ogip.response_file(),
        }
        if not self.model.models:
            found[f"{stem}_nofit_fit.fit"] = self._fit_text(None)
        for model, result in self.fits.items():
            found[f"{stem}_{SHORT[model]}_fit.fit"] = self._fit_text(result)
            if result is not None:
                found[f"models/{stem}_{SHORT[model]}.xcm"] = self._xcm(stem, result)
        return found

    def _fit_text(self, result: Fit | None) -> bytes:
        """Text of a fit: labels and order are what readers of real files expect."""
        lines = [f"GalNH {self.model.galactic / 1e22:.6f}"] if self.model.fixed else []
        if result is not None:
            lines.append(f"NH {_bounds(result.column, 1e22, '.4g')}")
            lines += [] if self.model.redshift is None else [f"z {self.model.redshift:.6g}"]
            lines.append(f"{_PARAMETERS[result.model]} {_bounds(result.parameter, 1.0, '.4g')}")
            lines.append(f"Obs flux {_bounds(result.observed, 1.0, '.3e')}")
            lines.append(f"Unabs flux {_bounds(result.unabsorbed, 1.0, '.3e')}")
            lines.append(f"C-stat {result.statistic:.1f} (dof {result.dof})")
        lines += [
            f"Corrected count rate: {self._net * self.correction / self.seconds:.4g}",
            f"Correction factor: {self.correction:.3f}",
            f"Exposure: {self.seconds:.1f}",
        ]
        lines += [] if result is None else [f"Chi-squared of best fit: {result.chi:.1f}"]
        return ("\n".join(lines) + "\n").encode("ascii")

    @property
    def _net(self) -> float:
        low, high = instrument.BAND
        return float(self.source[low:high].sum() - self.region.alpha * self.background[low:high].sum())

    def _xcm(self, stem: str, result: Fit) -> bytes:
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

    def plot(self, name: str, result: Fit) -> bytes:
        """Draw the data with the folded model."""
        edges = fitting.groups(self.source, *instrument.BAND)
        return plots.spectrum(
            name, self.mode, np.append(edges, instrument.BAND[1]) / 100, self.data, result.expected, self.seconds
        )

    def answer(self, stem: str, url: str) -> dict[str, Any]:
        """Return what the answer says about this mode; `stem` begins the names of the plots."""
        found: dict[str, Any] = {"MeanTime": rounded(self.mean_time), "Exposure": rounded(self.seconds)}
        if not self.model.models:
            return found | {"NOFIT": 1}
        found["Models"] = [NAMES[model] for model in self.fits]
        for model, result in self.fits.items():
            image = f"{url}/{stem}{self.mode.lower()}_{SHORT[model]}_plot.gif"
            found[NAMES[model]] = {"NOFIT": 1} if result is None else self._fitted(result) | {"Image": image}
        return found

    def _fitted(self, result: Fit) -> dict[str, Any]:
        found: dict[str, Any] = {"GalacticNH": rounded(self.model.galactic)} if self.model.fixed else {}
        found |= _with_errors("NH", result.column)
        if self.model.redshift is not None:
            found["Redshift_abs"] = self.model.redshift
        found |= _with_errors(_PARAMETERS[result.model], result.parameter)
        found |= _with_errors("ObsFlux", result.observed) | _with_errors("UnabsFlux", result.unabsorbed)
        return found | {"Cstat": rounded(result.statistic), "Dof": result.dof, "FitChi": rounded(result.chi)}


def _by_channel(lists: Sequence[NDArray[np.int16]]) -> NDArray[np.int64]:
    return np.bincount(np.concatenate(lists), minlength=instrument.CHANNELS)


def _bounds(value: Estimate, unit: float, form: str) -> str:
    numbers = (value.value, value.value + value.below, value.value + value.above)
    best, low, high = (format(number / unit, form) for number in numbers)
    return f"{best} ({low}, {high})"


def _with_errors(name: str, value: Estimate) -> dict[str, float]:
    return {name: rounded(value.value), f"{name}Pos": rounded(value.above), f"{name}Neg": rounded(value.below)}


def rounded(value: float) -> float:
    """Six digits: what lies behind them differs from machine to machine."""
    return float(f"{value:.6g}")
