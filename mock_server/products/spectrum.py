"""Spectra: time slices, their files, their fits, and the answers about them.

Names of files and keys are documented or seen in real archives; the wording inside README files is ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mock_server import selection
from mock_server.products import archive, extraction, fitting, instrument, ogip, photons, plots
from mock_server.products.statistics import Rules, measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mock_server.products.extraction import Piece, Region, Scene
    from mock_server.products.fitting import Estimate, Fit
    from mock_server.products.instrument import Floats
    from mock_server.products.order import Order
    from mock_server.selection import Slice
    from mock_server.sky import Sky

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
            intervals=[(piece.snapshot.start, piece.snapshot.stop) for piece in self.pieces],
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
        found: dict[str, Any] = {"MeanTime": _rounded(self.mean_time), "Exposure": _rounded(self.seconds)}
        if not self.model.models:
            return found | {"NOFIT": 1}
        found["Models"] = [NAMES[model] for model in self.fits]
        for model, result in self.fits.items():
            image = f"{url}/{stem}{self.mode.lower()}_{SHORT[model]}_plot.gif"
            found[NAMES[model]] = {"NOFIT": 1} if result is None else self._fitted(result) | {"Image": image}
        return found

    def _fitted(self, result: Fit) -> dict[str, Any]:
        found: dict[str, Any] = {"GalacticNH": _rounded(self.model.galactic)} if self.model.fixed else {}
        found |= _with_errors("NH", result.column)
        if self.model.redshift is not None:
            found["Redshift_abs"] = self.model.redshift
        found |= _with_errors(_PARAMETERS[result.model], result.parameter)
        found |= _with_errors("ObsFlux", result.observed) | _with_errors("UnabsFlux", result.unabsorbed)
        return found | {"Cstat": _rounded(result.statistic), "Dof": result.dof, "FitChi": _rounded(result.chi)}


def _by_channel(lists: Sequence[NDArray[np.int16]]) -> NDArray[np.int64]:
    return np.bincount(np.concatenate(lists), minlength=instrument.CHANNELS)


def _bounds(value: Estimate, unit: float, form: str) -> str:
    numbers = (value.value, value.value + value.below, value.value + value.above)
    best, low, high = (format(number / unit, form) for number in numbers)
    return f"{best} ({low}, {high})"


def _with_errors(name: str, value: Estimate) -> dict[str, float]:
    return {name: _rounded(value.value), f"{name}Pos": _rounded(value.above), f"{name}Neg": _rounded(value.below)}


def _rounded(value: float) -> float:
    """Six digits: what lies behind them differs from machine to machine."""
    return float(f"{value:.6g}")


@dataclass(frozen=True)
class Interval:
    """One slice of time: its name, bounds [s since T0], and spectra by mode, WT first."""

    name: str
    start: float
    stop: float
    modes: Mapping[str, Mode]


@dataclass(frozen=True)
class SpectrumProduct:
    """Spectra of an order.

    Parameters
    ----------
    order, scene, model
        What it was made from.
    intervals
        The slices, in order.
    """

    order: Order
    scene: Scene
    model: Model
    intervals: Sequence[Interval]

    @property
    def url(self) -> str:
        """Address of the files."""
        return f"{self.order.url}/spec"

    @cached_property
    def files(self) -> dict[str, bytes]:
        """All files by path."""
        found = dict(_SCRIPTS)
        rows = [f"{one.name} {one.start:.3f} {one.stop:.3f}\n" for one in self.intervals if one.modes]
        found["donereg.txt"] = "".join(rows).encode("ascii")
        for interval in self.intervals:
            if interval.modes:
                members = self._members(interval)
                found[f"{interval.name}.tar.gz"] = archive.gzipped(archive.tarred(members, self.order.ended_at))
            for mode in interval.modes.values():
                for model, result in mode.fits.items():
                    if result is not None:
                        stem = f"{interval.name}{mode.mode.lower()}_{SHORT[model]}"
                        found[f"{stem}_plot.gif"] = mode.plot(stem, result)
        return found

    def _members(self, interval: Interval) -> dict[str, bytes]:
        """Files inside the archive of a slice."""
        name = interval.name
        found = {"README.txt": _readme(interval, self.model), f"{name}.areas": _areas(interval)}
        if self.scene.source.is_burst:
            found["GRB_info.txt"] = self._burst_text()
        for mode in interval.modes.values():
            found |= mode.files(name)
        return found

    def _burst_text(self) -> bytes:
        source = self.scene.source
        redshift = "unknown" if source.redshift is None else f"{source.redshift:g}"
        lines = [f"name {source.name}", f"T0 {self.scene.t0:.3f}", f"trigger {int(source.targets[0])}"]
        lines += [f"redshift {redshift}", f"GalNH {self.model.galactic:.6g}"]
        return ("\n".join(lines) + "\n").encode("ascii")

    def answer(self) -> dict[str, Any]:
        """Return spectra and fits as `getSpecData.php` does in its newest form, without OK and APIVersion."""
        if not any(interval.modes for interval in self.intervals):
            return {"NoSpectrum": 1}
        found: dict[str, Any] = {
            "T0": self.scene.t0,
            "DeltaFitStat": self.model.delta,
            "GalNH_unfitted": _rounded(self.model.galactic),  # always: clients 3.0.0 to 4.0.5 need it
            "rnames": [interval.name for interval in self.intervals],
        }
        return found | {interval.name: self._interval(interval) for interval in self.intervals}

    def _interval(self, interval: Interval) -> dict[str, Any]:
        bounds = {"Start": round(interval.start, 6), "Stop": round(interval.stop, 6)}
        if not interval.modes:
            return bounds | {"NOSPEC": 1}
        found: dict[str, Any] = {"DataFile": f"{self.url}/{interval.name}.tar.gz"} | bounds
        found["Modes"] = list(interval.modes)
        return found | {name: mode.answer(interval.name, self.url) for name, mode in interval.modes.items()}


_SCRIPTS = {
    "scripts/init.xcm": b"abund wilm\nxsect vern\nstatistic cstat\nquery yes\ncosmo 70 0 0.73\n",
    "scripts/plot.xcm": b"setplot energy\nsetplot rebin 3 20\nplot ldata ratio\n",
}


def _readme(interval: Interval, model: Model) -> bytes:
    rows = []
    for stem in (f"{interval.name}{mode.lower()}" for mode in interval.modes):
        rows.append((f"{stem}source.pi, {stem}back.pi", "counts in the source and in the background region"))
        rows.append((f"{stem}.pi", "source counts, grouped to at least one count"))
        rows.append((f"{stem}.arf, {stem}.rmf", "effective area, response"))
    rows += [(f"{interval.name}.areas", "regions"), ("*_fit.fit, models/", "results of fits")]
    width = max(len(name) for name, _ in rows) + 2
    lines = [f"Simulated spectra of the time slice {interval.name}: {', '.join(interval.modes)}.", ""]
    lines += [f"{name:{width}}{words}" for name, words in rows]
    if "apec" in model.models:
        lines += ["", "The thermal model is only apec-like: a continuum with a few lines, not plasma physics."]
    return ("\n".join(lines) + "\n").encode("ascii")


def _areas(interval: Interval) -> bytes:
    """Extraction regions: mode, source radii, background radii [pixels], areas [pixels]."""
    lines = ["# mode  inner  outer  background_inner  background_outer  source_area  background_area"]
    for name, mode in interval.modes.items():
        near, far = extraction.ANNULUS if name == "PC" else (photons.WT_SOURCE_WIDTH / 2, photons.WT_WIDTH / 2)
        region = mode.region
        numbers = (region.inner, region.outer, near, far, region.source_area, region.background_area)
        lines.append(name + "".join(f" {number:.3f}" for number in numbers))
    return ("\n".join(lines) + "\n").encode("ascii")


# Building


def build(order: Order, sky: Sky) -> SpectrumProduct:
    """Make the spectra of an order; fits and files come when they are looked at."""
    scene = extraction.Scene.of(order, sky, "specgrades")
    model = _model(order, sky, scene)
    slices = selection.slices(order.parameters, scene.observations)
    intervals = [_interval(scene, part, model) for part in slices]
    return SpectrumProduct(order, scene, model, intervals)


def _model(order: Order, sky: Sky, scene: Scene) -> Model:
    source = scene.source
    return Model(
        models=() if order.flag("doNotFit") else tuple(_models(order.parameters.get("models"))),
        galactic=float(source.nh_galactic or 0.0),
        fixed=order.flag("galactic"),
        redshift=order.number("zval") if order.flag("specz") else None,
        delta=order.number("dchi", 2.706),
        forced_failure=sky.world.forces("fit_fails", order.name, source.name, *source.aliases),
    )


def _models(value: object) -> Iterator[str]:
    """Emission models: a list, or words in a text; a power law if there are none."""
    words = re.split(r"[^a-z]+", value.lower()) if isinstance(value, str) else [str(v).lower() for v in _listed(value)]
    known = dict.fromkeys(word for word in words if word in NAMES)
    yield from known or ("powerlaw",)


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, (list, tuple)) else ()


def _interval(scene: Scene, part: Slice, model: Model) -> Interval:
    modes: dict[str, Mode] = {}
    for mode in ("WT", "PC"):
        looks = [(o, s) for o in part.observations for s in o.snapshots if s.mode == mode]
        if not looks:
            continue
        rate = scene.mean_rate([snapshot for _, snapshot in looks])
        region = extraction.region(mode, rate, scene.pile_up[mode], scene.radius_limit)
        pieces = [extraction.extract(scene, observation, snapshot, region) for observation, snapshot in looks]
        found = Mode(scene, mode, region, pieces, model)
        if found.detected:
            modes[mode] = found
    return Interval(part.name, part.start - scene.t0, part.stop - scene.t0, modes)


# The older form of the answer

_OLD_NAMES = {"NH": "nh", "Gamma": "gamma", "ObsFlux": "obsFlux", "UnabsFlux": "unabsFlux"}


def as_1_8(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form for clients of API 1.9 and before: power laws only, one flat object for each mode."""
    if "rnames" not in answer:
        return dict(answer)
    found: dict[str, Any] = {"T0": answer["T0"], "GalNH": answer["GalNH_unfitted"], "rnames": answer["rnames"]}
    return found | {name: _old_interval(answer[name]) for name in answer["rnames"]}


def _old_interval(interval: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"start": str(interval["Start"]), "stop": str(interval["Stop"])}
    found |= {"DataFile": interval["DataFile"]} if "DataFile" in interval else {}
    for mode in ("WT", "PC"):
        found[f"Have{mode}"] = int(mode in interval.get("Modes", ()))
        if found[f"Have{mode}"]:
            found[mode] = _old_mode(interval[mode])
    return found


def _old_mode(mode: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"meantime": mode["MeanTime"]}
    fit = mode.get("PowerLaw", {})
    if "NH" in fit:
        for name, old in _OLD_NAMES.items():
            found |= {old: fit[name], f"{old}pos": fit[f"{name}Pos"], f"{old}neg": fit[f"{name}Neg"]}
        found |= {"cstat": fit["Cstat"], "dof": fit["Dof"], "fitChi": fit["FitChi"]}
    return found | {"exposure": mode["Exposure"]}
