"""Light curves: from counts to bins, files and answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import timescales
from . import binning, curve_files, extraction, instrument, plots, systematics
from .curve_files import VARIANTS, ModeFiles, Title
from .curves import Axis, Curve, Ratio, Table
from .statistics import Rules, measure
from .timeline import Band, Timeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..sky.archive import Sky
    from .extraction import Scene
    from .order import Order
    from .timeline import Bins

BAND = (0.3, 10.0)
"""Energies of a light curve unless others are asked for [keV] (documented)."""
_BINNING_NAMES = {"counts": "Counts", "time": "Time", "snapshot": "Snapshot", "obsid": "Observation"}


@dataclass(frozen=True, eq=False)
class LightCurve:
    """A light curve.

    Parameters
    ----------
    curves, ratios
        By mode, WT first.
    axis
        Its axis of time.
    title
        Facts that stand above its tables.
    method
        Method of binning: ``counts``, ``time``, ``snapshot`` or ``obsid``.
    binning
        The same as answers spell it.
    url
        Address of its files.
    log
        Centroids that were found, observation by observation.
    """

    curves: Mapping[str, Curve]
    ratios: Mapping[str, Ratio]
    axis: Axis
    title: Title
    method: str
    binning: str
    url: str
    log: bytes

    def has_bad(self, mode: str) -> bool:
        """Whether a mode has bins without a reliable centroid."""
        return bool(self.curves[mode].sums.bad.any() or self.ratios[mode].bad.any())

    def files(self) -> dict[str, bytes]:
        """Return all files by name."""
        by_parts = self.method in ("obsid", "snapshot")
        modes = {mode: ModeFiles(mode, curve, self.ratios[mode], by_parts) for mode, curve in self.curves.items()}
        found = {"t0.date": self.zero_of_time(), "lcgen.log": self.log, **curve_files.all_files(modes, self.title)}
        if modes:
            found["curve.gif"] = self.picture()
        if "hardrat.qdp" in found:
            found["hardrat.gif"] = self.hardness_picture()
        return found

    def zero_of_time(self) -> bytes:
        """Write T0 in four notations: MET, date, MJD, JD (seen in real files)."""
        mjd = timescales.mjd_from_met(self.axis.t0)
        return f"{self.axis.t0:.3f}\n{self.title.zero}\n{mjd:.8f}\n{mjd + 2400000.5:.8f}\n".encode("ascii")

    def picture(self) -> bytes:
        """Draw the rates and limits."""
        return plots.light_curve([*self.points()], mjd=self.axis.mjd)

    def chart(self) -> dict[str, Any]:
        """Return the rates and limits as JSON-ready data: times [s since T0, or MJD], rates [count/s]."""
        return {"mjd": self.axis.mjd, "points": [points.as_dict() for points in self.points() if len(points.x)]}

    def points(self) -> Iterator[plots.Points]:
        """Yield the rates and the limits of each mode."""
        for mode, curve in self.curves.items():
            for limits in (False, True):
                which = curve.chosen(limits, incbad=False)
                columns = *curve.times, curve.rates.rate, curve.rates.above, curve.rates.below
                yield plots.Points(mode, limits, *(column[which] for column in columns))

    def hardness_picture(self) -> bytes:
        """Draw the hardness ratios."""
        found = []
        for mode, ratio in self.ratios.items():
            error = np.abs(ratio.error)
            columns = *ratio.times, ratio.value, error, -error
            found.append(plots.Points(mode, False, *(column[ratio.chosen(incbad=False)] for column in columns)))
        return plots.light_curve(found, mjd=self.axis.mjd, label="Hardness ratio")

    def answer(self, nosys: str = "no", incbad: str = "no") -> dict[str, Any]:
        """Return the tables as `getLCData.php` does in its newest form, without OK and APIVersion.

        Parameters
        ----------
        nosys, incbad
            ``yes``, ``no`` or ``both``: with those variants, without them, or either.
        """
        tables: dict[str, Any] = {}
        for mode in self.curves:
            for without, bad in VARIANTS:
                if nosys in ("both", "yes" if without else "no") and incbad in ("both", "yes" if bad else "no"):
                    tables |= dict(self.tables(mode, without, bad))
        if not tables and not any(len(curve.bins.first) for curve in self.curves.values()):
            return {"NOLC": 1, "Datasets": []}
        facts = {"Binning": self.binning, "TimeFormat": "MJD" if self.axis.mjd else "MET", "T0": self.axis.t0}
        return {"Datasets": [key.removesuffix("Data") for key in tables]} | tables | facts

    def tables(self, mode: str, nosys: bool, incbad: bool) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the tables of one mode and variant by their keys; empty ones are left out."""
        curve, ratio = self.curves[mode], self.ratios[mode]
        found: dict[str, tuple[str, Table]] = {
            "": ("CURVE", curve.table(mode, False, nosys, incbad)),
            "UL": ("UL", curve.table(mode, True, nosys, incbad)),
        }
        found |= {key: ("HR", table) for key, table in ratio.tables(mode, incbad).items()}
        suffix = "_nosys" * nosys + "_incbad" * incbad
        suffix_of_file = "NOSYS" * nosys + "_incbad" * (incbad and self.has_bad(mode))
        for key, (file, table) in found.items():
            if table.rows:
                address = f"{self.url}/{mode}{file}{suffix_of_file}.qdp"
                yield f"{mode}{key}{suffix}Data", {"columns": table.columns, "data": table.rows, "URL": address}


def method_of(order: Order) -> str:
    """Return the method of binning: ``counts``, ``time``, ``snapshot`` or ``obsid``."""
    method = order.text("binMeth", "counts")
    return "obsid" if method.startswith("obs") else method


@dataclass(frozen=True)
class ModeOrder:
    """Parameters of an order for the light curve of one mode."""

    order: Order
    mode: str

    def curve(self, scene: Scene, axis: Axis, timeline: Timeline) -> Curve:
        """Bin the counts of the whole band and turn them into rates."""
        band = self.band(timeline, "minen", "maxen", BAND)
        bins = self.bins(band)
        sums = band.add_up(bins)
        rates = measure(sums.counts, sums.background, sums.variance, 1.0 / sums.exposure, self.rules())
        correction = np.where(rates.limit, sums.by_exposure, sums.by_counts)
        if method_of(self.order) != "counts":  # then Time is the middle of a bin (derived from published tables)
            sums = sums.at(0.5 * (bins.start + bins.stop))
        factors = systematics.factors(scene, timeline, bins) if self.mode == "WT" else None
        return Curve(axis, bins, sums, rates.times(correction), correction, factors, self.obsids(timeline, bins))

    def ratio(self, axis: Axis, timeline: Timeline, curve_bins: Bins) -> Ratio:
        """Bin the counts of the soft and the hard band; bins by time, snapshot or observation may be the curve's."""
        soft = self.band(timeline, "soft1", "soft2", (0.3, 1.5))
        hard = self.band(timeline, "hard1", "hard2", (1.5, 10.0))
        rule = self.counts_rule()
        bins = curve_bins
        if method_of(self.order) == "counts":
            bins = binning.by_both(soft, hard, rule.counts, rule.longest_gap)
        elif method_of(self.order) == "time" and not self.order.flag("hrbin"):
            bins = binning.by_time(timeline, self.bin_length("hrbin"), self.order.number("femin"))
        above, below = hard.add_up(bins), soft.add_up(bins)
        if method_of(self.order) != "counts":
            middle = 0.5 * (bins.start + bins.stop)
            above, below = above.at(middle), below.at(middle)
        return Ratio(axis, bins, above, below, self.obsids(timeline, bins))

    def band(self, timeline: Timeline, low: str, high: str, defaults: tuple[float, float]) -> Band:
        """Return the counts between two energies, given by the names and defaults [keV] of their parameters."""
        energies = (self.order.number(key, default) for key, default in zip((low, high), defaults, strict=True))
        return Band(timeline, *map(instrument.energy_to_channel, energies))

    def bins(self, band: Band) -> Bins:
        """Return the bins of a band."""
        match method_of(self.order):
            case "time":
                return binning.by_time(band.timeline, self.bin_length("bin"), self.order.number("femin"))
            case "snapshot":
                return binning.by_runs(band.timeline, band.timeline.snapshots)
            case "obsid":
                return binning.by_runs(band.timeline, band.timeline.observations)
            case _:
                return binning.by_counts(band, self.counts_rule())

    def bin_length(self, key: str) -> float:
        """Return a length of bins [s]; the parameter's name begins with the mode."""
        return self.order.number(f"{self.mode.lower()}{key}", {"PC": 2.51, "WT": 0.5}[self.mode])

    def counts_rule(self) -> binning.CountsRule:
        """Return the rule for bins made by counts."""
        key = self.mode.lower()
        return binning.CountsRule(
            counts=max(1, math.ceil(self.order.number(f"{key}counts", {"PC": 20, "WT": 30}[self.mode]))),
            dynamic=self.order.flag("dynamic"),
            rate_factor=self.order.number("ratefact", 10.0),
            bin_factor=self.order.number("binfact", 1.5),
            floor=max(1, math.ceil(self.order.number("mincmin", 15))),
            shortest=0.99 * self.bin_length("bin"),  # so that the documented 2.51 s means one frame
            min_snr=self.order.number("minsnr", 1.5),
            longest_gap=self.order.number(f"{key}maxgap", 1e8),
        )

    def rules(self) -> Rules:
        """Return the rules that turn counts into rates or limits."""
        modes = ("both", self.mode.lower())
        return Rules(
            bayes=self.order.text("allowB", "both") in modes,
            bayes_counts=self.order.number("bayesCounts", 15.0),
            bayes_snr=self.order.number("bayesSNR", 2.4),
            limits=self.order.text("allowUL", "both") in modes,
            min_sigma=self.order.number("sigmin", 3.0),
        )

    def obsids(self, timeline: Timeline, bins: Bins) -> list[str] | None:
        """Return the observation of each bin; None unless they are observations (field: not for snapshots)."""
        if method_of(self.order) != "obsid":
            return None
        pieces = np.searchsorted(timeline.first, bins.first, side="right") - 1
        return [timeline.pieces[k].observation.obsid for k in pieces.tolist()]


def build(order: Order, sky: Sky) -> LightCurve:
    """Make the light curve of an order."""
    scene = extraction.Scene.of(order, sky, "grades")
    axis = Axis(scene.t0, order.text("lctimetype", "s").startswith("m"))
    curves: dict[str, Curve] = {}
    ratios: dict[str, Ratio] = {}
    extracted = extraction.pieces(scene)
    for mode, pieces in extracted.items():
        wanted, timeline = ModeOrder(order, mode), Timeline(pieces)
        curves[mode] = wanted.curve(scene, axis, timeline)
        ratios[mode] = wanted.ratio(axis, timeline, curves[mode].bins)
    method = method_of(order)
    url, name = f"{order.url}/lc", _BINNING_NAMES[method]
    if order.rebin_id is not None:
        url, name = f"{url}/rebin_{order.rebin_id}", "ObsID" if method == "obsid" else name
    low, high = (order.number(key, default) for key, default in zip(("minen", "maxen"), BAND, strict=True))
    title = Title(min(order.targets, default="00000000"), order.name, scene.t0, (low, high))
    log = curve_files.centroids(scene, extracted)
    return LightCurve(curves, ratios, axis, title, method, name, url, log)
