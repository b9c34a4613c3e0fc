"""Spectra: time slices, their files, their fits, and the answers about them.

Names of files and keys are documented or seen in real archives; the wording inside README files is ours.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core import selection
from . import archive, extraction, instrument, photons
from .spectral import NAMES, Model, ModeSpectrum, rounded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..core.selection import Slice
    from ..sky.archive import Sky
    from .archive import Content, Deflated
    from .extraction import Piece, Scene
    from .order import Order

_SCRIPTS = {
    "scripts/init.xcm": b"ignore bad\nignore **-0.3,10.0-**\nsetplot energy\n",
    "scripts/plot.xcm": b"cpd /xs\nplot ldata\n",
}

SKY_PIXEL = 2.35731204
"""Side of a pixel of the sky image [arcsec]: inner radii are printed in it, outer ones in detector pixels (field)."""
_README = """\
This archive holds the spectra of one slice of time. Files whose names contain
wt are from windowed timing, those with pc from photon counting; a mode without
data has no files.

{stem}wtsource.pi   counts in the source region, WT
{stem}wtback.pi     counts in the background region, WT
{stem}wt.pi         source counts, grouped to at least one count, WT
{stem}wt.arf        effective area, WT
{stem}wt.rmf        response, WT
{stem}pcsource.pi   counts in the source region, PC
{stem}pcback.pi     counts in the background region, PC
{stem}pc.pi         source counts, grouped to at least one count, PC
{stem}pc.arf        effective area, PC
{stem}pc.rmf        response, PC
{stem}.areas        regions of each snapshot
GRB_info.txt   position, zero of time
*_fit.fit      count rate, its correction, and the results of a fit
models/        fitted models, for XSPEC

Rates in the fit files are not corrected: multiply them by the factor there.
"""


@dataclass(frozen=True)
class TimeSlice:
    """One slice of time: label, stem of its files, bounds [s since T0], spectra by mode, WT first, and their scene."""

    label: str
    name: str
    start: float
    stop: float
    modes: Mapping[str, ModeSpectrum]
    scene: Scene

    @classmethod
    def of(cls, scene: Scene, part: Slice, model: Model, made_at: float) -> TimeSlice:
        """Make the spectra of one slice: a mode without a source has none."""
        modes: dict[str, ModeSpectrum] = {}
        for mode in ("WT", "PC"):
            taken = [(o, s) for o in part.observations for s in o.snapshots if s.mode == mode]
            if not taken:
                continue
            rate = scene.mean_rate([snapshot for _, snapshot in taken])
            region = extraction.region(mode, rate, scene.pile_up[mode], scene.radius_limit)
            pieces = [extraction.extract(scene, observation, snapshot, region) for observation, snapshot in taken]
            found = ModeSpectrum(scene, pieces, model, made_at)
            if found.detected:
                modes[mode] = found
        return cls(part.name, part.stem, part.start - scene.t0, part.stop - scene.t0, modes, scene)

    def mean_times(self) -> str:
        """Return the mean arrival in WT and in PC [s since T0]; 0 without a spectrum of the mode."""
        times = (self.modes[mode].mean_time if mode in self.modes else 0.0 for mode in ("WT", "PC"))
        return " ".join(f"{time:.3f}" for time in times)

    def answer(self, url: str) -> dict[str, Any]:
        """Return the part of the answer about this slice; its files lie at `url`."""
        bounds = {"Start": round(self.start, 6), "Stop": round(self.stop, 6)}
        if not self.modes:
            return bounds | {"NOSPEC": 1}
        found: dict[str, Any] = {"DataFile": f"{url}/{self.name}.tar.gz"} | bounds
        found["Modes"] = list(self.modes)
        return found | {mode: one.answer(self.name, url) for mode, one in self.modes.items()}

    def files(self, models: Sequence[str]) -> dict[str, bytes | Deflated]:
        """Return the files of this slice in the order of real archives (field); `models` were fitted."""
        made: dict[str, bytes | Deflated] = {}
        for mode in self.modes.values():
            made |= mode.files(self.name)
        first, last = ("source.pi", "back.pi"), ("_fit.fit",)
        texts = {f"{self.name}.areas": self.areas(), "GRB_info.txt": self.burst_info()}
        return {
            "README.txt": self.readme(models),
            **{path: data for path, data in made.items() if path.endswith(first)},
            **{path: data for path, data in made.items() if not path.endswith((*first, *last, ".xcm"))},
            **texts,
            **{path: data for path, data in made.items() if path.endswith(".xcm")},
            **{path: data for path, data in made.items() if path.endswith(last)},
        }

    def readme(self, models: Sequence[str]) -> bytes:
        """Describe the files of this slice; `models` were fitted."""
        lines = ["", f"Simulated Swift-XRT spectra: {self.name}", "", _README.format(stem=self.name)]
        if "apec" in models:
            lines += ["The thermal model is only apec-like: a continuum with a few lines, not plasma physics."]
        return "\n".join(lines).encode("ascii")

    def areas(self) -> bytes:
        """List the regions, in the layout of real archives (field): a block for each snapshot."""
        lines = []
        for mode, one in self.modes.items():
            piled_up = one.region.inner > 0
            for n, (piece, area) in enumerate(zip(one.pieces, one.backscal, strict=True), start=1):
                name = f"{mode.lower()}{'pup' if piled_up else 'allnonpup'}{n}.evt"
                start, stop = (math.trunc(met - self.scene.t0) for met in (piece.snapshot.start, piece.snapshot.stop))
                lines += [f"{piece.observation.obsid}/{name}, {start} -- {stop}"]
                lines += [f"  {self._shape(piece)}", f"  Counts: {len(piece.source.met)}"]
                lines += [f"  BACKSCAL {area:.15g}", ""]
        return ("\n".join(lines) + "\n").encode("ascii")

    def _shape(self, piece: Piece) -> str:
        """Return a source region as regions are written for image viewers."""
        region, pixel = piece.region, instrument.PIXEL
        if region.mode == "WT":
            ra, dec = self.scene.position
            angle = photons.roll(self.scene.seed, piece.observation.target, piece.snapshot.start)
            height, width = (pixel * side for side in (extraction.WT_HEIGHT, 2 * region.outer))
            return f'box({ra:.5f},{dec:.5f},{height:.9g}",{width:.9g}",{angle:.15g})'
        ra, dec = middle_of(piece)
        if region.inner:
            return f'annulus({ra:.10f},{dec:.10f},{region.inner * SKY_PIXEL:.9g}",{region.outer * pixel:.9g}")'
        return f'circle({ra:.10f},{dec:.10f},{region.outer * pixel:.9g}")'

    def burst_info(self) -> bytes:
        """Return ``GRB_info.txt``, which every slice has (field): RA and Dec [deg], T0 [s, MET], and 30, one a line.

        With a centroid, RA and Dec are those of the region, with ten decimals.
        """
        (ra, dec), digits = self.scene.position, 4
        if self.scene.centroid_within is not None and "PC" in self.modes:
            (ra, dec), digits = middle_of(self.modes["PC"].pieces[0]), 10
        return f"{ra:.{digits}f}\n{dec:.{digits}f}\n{self.scene.t0:.6f}\n30\n".encode("ascii")


def middle_of(piece: Piece) -> tuple[float, float]:
    """Return where the middle of the regions lies on the sky [deg]."""
    return photons.unprojected((piece.observation.ra, piece.observation.dec), *piece.centre)


@dataclass(frozen=True, eq=False)
class Spectra:
    """Spectra of an order.

    Parameters
    ----------
    t0, model
        Zero of time [s, MET], and fitted model.
    slices
        The slices, in order.
    ended_at
        Date of the files [simulated time, s].
    url
        Address of the files.
    """

    t0: float
    model: Model
    slices: Sequence[TimeSlice]
    ended_at: float
    url: str

    def files(self) -> dict[str, Content]:
        """Return all files by path."""
        found: dict[str, Content] = {}
        filled = [one for one in self.slices if one.modes]
        for one in filled:
            found[f"{one.name}.tar.gz"] = archive.tarred_and_gzipped(one.files(self.model.models), self.ended_at)
            for mode in one.modes.values():
                found.update(mode.plots(one.name))
        if self.model.models:
            rows = [f"{one.name} {one.start:.3f} {one.stop:.3f} {one.mean_times()}\n" for one in filled]
            found["donereg.txt"] = "".join(rows).encode("ascii")
        found.update(_SCRIPTS)
        return found

    def chart(self) -> list[dict[str, Any]]:
        """Return each spectrum with each folded model, as JSON-ready data; see :class:`plots.Folded`."""
        return [chart for one in self.slices for mode in one.modes.values() for chart in mode.charts(one.name)]

    def answer(self) -> dict[str, Any]:
        """Return spectra and fits as `getSpecData.php` does in its newest form, without OK and APIVersion."""
        if not any(one.modes for one in self.slices):
            return {"NoSpectrum": 1}
        found: dict[str, Any] = {
            "T0": self.t0,
            "DeltaFitStat": self.model.delta,
            "GalNH_unfitted": rounded(self.model.galactic),  # always: clients 3.0.0 to 4.0.5 need it
            "rnames": [one.label for one in self.slices],
        }
        return found | {one.label: one.answer(self.url) for one in self.slices}


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
    parts = selection.slices(order.parameters, scene.observations)
    slices = [TimeSlice.of(scene, part, model, order.ended_at) for part in parts]
    return Spectra(scene.t0, model, slices, order.ended_at, f"{order.url}/spec")


def emission_models(value: object) -> tuple[str, ...]:
    """Read emission models from a list, or from words in a text; a power law if there are none."""
    if isinstance(value, str):
        words = re.split(r"[^a-z]+", value.lower())
    else:
        words = [str(word).lower() for word in value] if isinstance(value, (list, tuple)) else []
    return tuple(dict.fromkeys(word for word in words if word in NAMES)) or ("powerlaw",)
