"""Spectra: time slices, their files, their fits, and the answers about them.

Names of files and keys are documented or seen in real archives; the wording inside README files is ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core import selection
from . import archive, extraction, photons
from .spectral import NAMES, Model, ModeSpectrum, rounded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..core.selection import Slice
    from ..sky.archive import Sky
    from ..sky.sources import Source
    from .extraction import Scene
    from .order import Order

_SCRIPTS = {
    "scripts/init.xcm": b"abund wilm\nxsect vern\nstatistic cstat\nquery yes\ncosmo 70 0 0.73\n",
    "scripts/plot.xcm": b"setplot energy\nsetplot rebin 3 20\nplot ldata ratio\n",
}


@dataclass(frozen=True)
class TimeSlice:
    """One slice of time: its name, bounds [s since T0], and spectra by mode, WT first."""

    name: str
    start: float
    stop: float
    modes: Mapping[str, ModeSpectrum]

    @classmethod
    def of(cls, scene: Scene, part: Slice, model: Model) -> TimeSlice:
        """Make the spectra of one slice: a mode without a source has none."""
        modes: dict[str, ModeSpectrum] = {}
        for mode in ("WT", "PC"):
            taken = [(o, s) for o in part.observations for s in o.snapshots if s.mode == mode]
            if not taken:
                continue
            rate = scene.mean_rate([snapshot for _, snapshot in taken])
            region = extraction.region(mode, rate, scene.pile_up[mode], scene.radius_limit)
            pieces = [extraction.extract(scene, observation, snapshot, region) for observation, snapshot in taken]
            found = ModeSpectrum(scene, pieces, model)
            if found.detected:
                modes[mode] = found
        return cls(part.name, part.start - scene.t0, part.stop - scene.t0, modes)

    def answer(self, url: str) -> dict[str, Any]:
        """Return the part of the answer about this slice; its files lie at `url`."""
        bounds = {"Start": round(self.start, 6), "Stop": round(self.stop, 6)}
        if not self.modes:
            return bounds | {"NOSPEC": 1}
        found: dict[str, Any] = {"DataFile": f"{url}/{self.name}.tar.gz"} | bounds
        found["Modes"] = list(self.modes)
        return found | {mode: one.answer(self.name, url) for mode, one in self.modes.items()}

    def readme(self, models: Sequence[str]) -> bytes:
        """Describe the files of this slice; `models` were fitted."""
        rows = []
        for stem in (f"{self.name}{mode.lower()}" for mode in self.modes):
            rows.append((f"{stem}source.pi, {stem}back.pi", "counts in the source and in the background region"))
            rows.append((f"{stem}.pi", "source counts, grouped to at least one count"))
            rows.append((f"{stem}.arf, {stem}.rmf", "effective area, response"))
        rows += [(f"{self.name}.areas", "regions"), ("*_fit.fit, models/", "results of fits")]
        width = max(len(name) for name, _ in rows) + 2
        lines = [f"Simulated spectra of the time slice {self.name}: {', '.join(self.modes)}.", ""]
        lines += [f"{name:{width}}{words}" for name, words in rows]
        if "apec" in models:
            lines += ["", "The thermal model is only apec-like: a continuum with a few lines, not plasma physics."]
        return ("\n".join(lines) + "\n").encode("ascii")

    def areas(self) -> bytes:
        """List the extraction regions: mode, source radii, background radii [pixels], areas [pixels]."""
        lines = ["# mode  inner  outer  background_inner  background_outer  source_area  background_area"]
        for mode, one in self.modes.items():
            near, far = extraction.ANNULUS if mode == "PC" else (photons.WT_SOURCE_WIDTH / 2, photons.WT_WIDTH / 2)
            region = one.region
            numbers = (region.inner, region.outer, near, far, region.source_area, region.background_area)
            lines.append(mode + "".join(f" {number:.3f}" for number in numbers))
        return ("\n".join(lines) + "\n").encode("ascii")


@dataclass(frozen=True, eq=False)
class Spectra:
    """Spectra of an order.

    Parameters
    ----------
    source, t0, model
        Source, zero of time [s, MET], and fitted model.
    slices
        The slices, in order.
    ended_at
        Date of the files [simulated time, s].
    url
        Address of the files.
    """

    source: Source
    t0: float
    model: Model
    slices: Sequence[TimeSlice]
    ended_at: float
    url: str

    def files(self) -> dict[str, bytes]:
        """Return all files by path."""
        found = dict(_SCRIPTS)
        filled = [one for one in self.slices if one.modes]
        rows = [f"{one.name} {one.start:.3f} {one.stop:.3f}\n" for one in filled]
        found["donereg.txt"] = "".join(rows).encode("ascii")
        for one in filled:
            inside = {"README.txt": one.readme(self.model.models), f"{one.name}.areas": one.areas()}
            if self.source.is_burst:
                inside["GRB_info.txt"] = self.burst_text()
            for mode in one.modes.values():
                inside |= mode.files(one.name)
                found |= mode.plots(one.name)
            found[f"{one.name}.tar.gz"] = archive.gzipped(archive.tarred(inside, self.ended_at))
        return found

    def burst_text(self) -> bytes:
        """Return ``GRB_info.txt``."""
        source = self.source
        redshift = "unknown" if source.redshift is None else f"{source.redshift:g}"
        lines = [f"name {source.name}", f"T0 {self.t0:.3f}", f"trigger {int(source.targets[0])}"]
        lines += [f"redshift {redshift}", f"GalNH {self.model.galactic:.6g}"]
        return ("\n".join(lines) + "\n").encode("ascii")

    def answer(self) -> dict[str, Any]:
        """Return spectra and fits as `getSpecData.php` does in its newest form, without OK and APIVersion."""
        if not any(one.modes for one in self.slices):
            return {"NoSpectrum": 1}
        found: dict[str, Any] = {
            "T0": self.t0,
            "DeltaFitStat": self.model.delta,
            "GalNH_unfitted": rounded(self.model.galactic),  # always: clients 3.0.0 to 4.0.5 need it
            "rnames": [one.name for one in self.slices],
        }
        return found | {one.name: one.answer(self.url) for one in self.slices}


def build(order: Order, sky: Sky) -> Spectra:
    """Make the spectra of an order and fit them."""
    scene = extraction.Scene.of(order, sky, "specgrades")
    source = scene.source
    model = Model(
        models=() if order.flag("doNotFit") else emission_models(order.parameters.get("models")),
        galactic=float(source.nh_galactic or 0.0),
        fixed=order.flag("galactic"),
        redshift=order.number("zval") if order.flag("specz") else None,
        delta=order.number("dchi", 2.706),
        forced_failure=sky.world.forces("fit_fails", order.name, source.name, *source.aliases),
    )
    slices = [TimeSlice.of(scene, part, model) for part in selection.slices(order.parameters, scene.observations)]
    return Spectra(source, scene.t0, model, slices, order.ended_at, f"{order.url}/spec")


def emission_models(value: object) -> tuple[str, ...]:
    """Read emission models from a list, or from words in a text; a power law if there are none."""
    if isinstance(value, str):
        words = re.split(r"[^a-z]+", value.lower())
    else:
        words = [str(word).lower() for word in value] if isinstance(value, (list, tuple)) else []
    return tuple(dict.fromkeys(word for word in words if word in NAMES)) or ("powerlaw",)
