"""Spectra: time slices, their files, their fits, and the answers about them.

Names of files and keys are documented or seen in real archives; the wording inside README files is ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mock_server.products.spectral import NAMES, SHORT, Mode, Model, rounded

from ..core import selection
from . import archive, extraction, photons

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mock_server.products.extraction import Scene
    from mock_server.products.order import Order

    from ..core.selection import Slice
    from ..sky.archive import Sky


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
            "GalNH_unfitted": rounded(self.model.galactic),  # always: clients 3.0.0 to 4.0.5 need it
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
