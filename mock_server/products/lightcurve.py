"""Light curves: from counts to bins, files and answers.

File names and columns are documented or seen in real files; digits are those of real files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import timescales
from . import binning, extraction, instrument, plots, qdp
from .curves import RATE_COLUMNS, Axis, Curve, Ratio
from .statistics import Rules, measure
from .timeline import Band, Timeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ..sky.archive import Sky
    from .order import Order
    from .timeline import Bins

_SHORT_COLUMNS = (0, 1, 2, 3, 4, 5)  # of RATE_COLUMNS
_LONGER_COLUMNS = (*_SHORT_COLUMNS, 7, 8, 6)
_PLAIN_COLUMNS = ("Time", "Err (pos)", "Err(neg)", "Rate", "Error")
_BAND_COLUMNS = ("Time", "TimePos", "TimeNeg", "Rate", "RateErr", "Exposure")
_HARDNESS_COLUMNS = ("Time", "TimePos", "TimeNeg", "HR", "HRErr", "Exposure")
_BINNING_NAMES = {"counts": "Counts", "time": "Time", "snapshot": "Snapshot", "obsid": "Observation"}
_VARIANTS = tuple((nosys, incbad) for nosys in (False, True) for incbad in (False, True))


def _suffix(nosys: bool, incbad: bool) -> str:
    return "_nosys" * nosys + "_incbad" * incbad


@dataclass(frozen=True, eq=False)
class LightCurve:
    """A light curve.

    Parameters
    ----------
    curves, ratios
        By mode, WT first.
    axis
        Its axis of time.
    binning
        Method of binning, as answers spell it.
    url
        Address of its files.
    """

    curves: Mapping[str, Curve]
    ratios: Mapping[str, Ratio]
    axis: Axis
    binning: str
    url: str

    def has_bad(self, mode: str) -> bool:
        """Whether a mode has bins without a reliable centroid."""
        return bool(self.curves[mode].sums.bad.any()) or self.ratios[mode].has_bad

    def files(self) -> dict[str, bytes]:
        """Return all files by name."""
        found = {"t0.date": self.zero_of_time(), **dict(self.shared_files())}
        for mode in self.curves:
            found |= dict(self.files_of_mode(mode))
        return {name: content for name, content in found.items() if content}

    def zero_of_time(self) -> bytes:
        """Write T0 in four notations: MET, date, MJD, JD (seen in real files)."""
        t0 = self.axis.t0
        date, mjd = timescales.utc_from_met(t0), timescales.mjd_from_met(t0)
        seconds = f"{date:%Y %b %d at %H:%M:%S}.{date.microsecond // 1000:03d} UT"
        return f"{t0:.3f}\n{seconds}\n{mjd:.8f}\n{mjd + 2400000.5:.8f}\n".encode("ascii")

    def shared_files(self) -> Iterator[tuple[str, bytes]]:
        """Make the files and pictures that hold both modes."""
        bad = any(map(self.has_bad, self.curves))
        for nosys, incbad in _VARIANTS:
            if incbad and not bad:
                continue
            suffix = _suffix(nosys, incbad)
            yield f"curve{suffix}.qdp", self.rates_file(self.curves, _SHORT_COLUMNS, nosys, incbad, marked=nosys)
            if not nosys:
                yield f"curve2{suffix}.qdp", self.rates_file(self.curves, _LONGER_COLUMNS, nosys, incbad, marked=False)
                yield f"hardrat{suffix}.qdp", self.hardness_file(incbad)
        if self.curves:
            yield "curve.gif", self.picture()
        if any(ratio.table(incbad=True).rows for ratio in self.ratios.values()):
            yield "hardrat.gif", self.hardness_picture()

    def files_of_mode(self, mode: str) -> Iterator[tuple[str, bytes]]:
        """Make the files that hold one mode alone."""
        curve, ratio = self.curves[mode], self.ratios[mode]
        for nosys, incbad in _VARIANTS:
            if incbad and not self.has_bad(mode):
                continue
            suffix = _suffix(nosys, incbad)
            for name, title, table in (
                ("CURVE", "data", curve.table(False, nosys, incbad)),
                ("UL", "upper limits", curve.table(True, nosys, incbad)),
                ("HR", "-- hardness ratio", ratio.table(incbad)),
            ):
                detailed = table.marked("::ObsID=")
                columns = [self.time_name, *table.columns[1:]] + ["ObsID"] * (table.obsids is not None)
                blocks = [(f"{mode} {title}", detailed._replace(columns=columns))]
                yield f"{mode}{name}{suffix}.qdp", qdp.document(qdp.BOTH_ERRORS, blocks)
            if curve.obsids is not None and not nosys:
                yield f"{mode}{suffix}.qdp", self.rates_file([mode], _SHORT_COLUMNS, nosys, incbad, marked=True)

    @property
    def time_name(self) -> str:
        """Name of the column of time in files."""
        return "MJD" if self.axis.mjd else "Time"

    def rates_file(
        self, modes: Iterable[str], which: Sequence[int], nosys: bool, incbad: bool, *, marked: bool
    ) -> bytes:
        """Write some columns of the rates and limits of modes; `marked` adds the observation as a comment."""
        blocks = []
        columns = [self.time_name, *(RATE_COLUMNS[k] for k in which[1:])]
        for mode in modes:
            for limits, title in ((False, f"{mode} data"), (True, f"{mode} upper limits")):
                table = self.curves[mode].table(limits, nosys, incbad).pick(which, columns)
                blocks.append((title, table.marked("!::ObsID=") if marked else table))
        return qdp.document(qdp.BOTH_ERRORS, blocks)

    def hardness_file(self, incbad: bool) -> bytes:
        """Write hard rates, soft rates and ratios."""
        columns = [self.time_name, *_PLAIN_COLUMNS[1:]]
        blocks = []
        for mode, ratio in self.ratios.items():
            for words, at in (("hard data", 3), ("soft data", 6), ("hardness ratio", 9)):
                table = ratio.table(incbad).pick((0, 1, 2, at, at + 1), columns)
                blocks.append((f"{mode} -- {words}", table.marked("!::ObsID=")))
        return qdp.document(qdp.SINGLE_ERROR, blocks)

    def picture(self) -> bytes:
        """Draw the rates and limits."""
        found = []
        for mode, curve in self.curves.items():
            for limits in (False, True):
                which = curve.chosen(limits, incbad=False)
                columns = *curve.times, curve.rates.rate, curve.rates.above, curve.rates.below
                found.append(plots.Points(mode, limits, *(column[which] for column in columns)))
        return plots.light_curve(found, mjd=self.axis.mjd)

    def hardness_picture(self) -> bytes:
        """Draw the hardness ratios as the files have them."""
        found = []
        for mode, ratio in self.ratios.items():
            table = ratio.table(incbad=False)
            cells = np.array(table.cells(), dtype=float).reshape(-1, len(table.columns))
            time, up, down, *_, value, error, _, _ = cells.T
            found.append(plots.Points(mode, False, time, up, down, value, error, -error))
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
            for without, bad in _VARIANTS:
                if nosys in ("both", "yes" if without else "no") and incbad in ("both", "yes" if bad else "no"):
                    tables |= dict(self.tables(mode, without, bad))
        if not tables and not any(len(curve.bins.first) for curve in self.curves.values()):
            return {"NOLC": 1, "Datasets": []}
        facts = {"Binning": self.binning, "TimeFormat": "MJD" if self.axis.mjd else "MET", "T0": self.axis.t0}
        return {"Datasets": [key.removesuffix("Data") for key in tables]} | tables | facts

    def tables(self, mode: str, nosys: bool, incbad: bool) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the tables of one mode and variant by their keys; empty ones are left out."""
        curve, hardness = self.curves[mode], self.ratios[mode].table(incbad)
        suffix, suffix_of_file = _suffix(nosys, incbad), _suffix(nosys, incbad and self.has_bad(mode))
        for key, file, table in (
            ("", "CURVE", curve.table(False, nosys, incbad)),
            ("UL", "UL", curve.table(True, nosys, incbad)),
            ("Hard", "HR", hardness.pick((0, 1, 2, 3, 4, 11), _BAND_COLUMNS)),
            ("Soft", "HR", hardness.pick((0, 1, 2, 6, 7, 11), _BAND_COLUMNS)),
            ("HR", "HR", hardness.pick((0, 1, 2, 9, 10, 11), _HARDNESS_COLUMNS)),
        ):
            if table.rows:
                columns, cells = [*table.columns], table.cells()
                if table.obsids is not None:
                    columns.append("ObsID")
                    cells = [[*row, obsid] for row, obsid in zip(cells, table.obsids, strict=True)]
                address = f"{self.url}/{mode}{file}{suffix_of_file}.qdp"
                yield f"{mode}{key}{suffix}Data", {"columns": columns, "data": cells, "URL": address}


def method_of(order: Order) -> str:
    """Return the method of binning: ``counts``, ``time``, ``snapshot`` or ``obsid``."""
    method = order.text("binMeth", "counts")
    return "obsid" if method.startswith("obs") else method


@dataclass(frozen=True)
class ModeOrder:
    """Parameters of an order for the light curve of one mode."""

    order: Order
    mode: str

    def curve(self, axis: Axis, timeline: Timeline) -> Curve:
        """Bin the counts of the whole band and turn them into rates."""
        band = self.band(timeline, "minen", "maxen", (0.3, 10.0))
        bins = self.bins(band)
        sums = band.add_up(bins)
        rates = measure(sums.counts, sums.background, sums.variance, 1.0 / sums.exposure, self.rules())
        correction = np.where(rates.limit, sums.by_exposure, sums.by_counts)
        if method_of(self.order) != "counts":  # then Time is the middle of a bin (derived from published tables)
            sums = sums.at(0.5 * (bins.start + bins.stop))
        return Curve(axis, bins, sums, rates.times(correction), correction, self.obsids(timeline, bins))

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
        """Return the observation of each bin, None where bins are not tied to one."""
        if method_of(self.order) not in ("obsid", "snapshot"):
            return None
        pieces = np.searchsorted(timeline.first, bins.first, side="right") - 1
        return [timeline.pieces[k].observation.obsid for k in pieces.tolist()]


def build(order: Order, sky: Sky) -> LightCurve:
    """Make the light curve of an order."""
    scene = extraction.Scene.of(order, sky, "grades")
    axis = Axis(scene.t0, order.text("lctimetype", "s").startswith("m"))
    curves: dict[str, Curve] = {}
    ratios: dict[str, Ratio] = {}
    for mode, pieces in extraction.pieces(scene).items():
        wanted, timeline = ModeOrder(order, mode), Timeline(pieces)
        curves[mode] = wanted.curve(axis, timeline)
        ratios[mode] = wanted.ratio(axis, timeline, curves[mode].bins)
    name = _BINNING_NAMES[method_of(order)]
    if order.rebin_id is None:
        return LightCurve(curves, ratios, axis, name, f"{order.url}/lc")
    name = "ObsID" if name == "Observation" else name
    return LightCurve(curves, ratios, axis, name, f"{order.url}/lc/rebin_{order.rebin_id}")
