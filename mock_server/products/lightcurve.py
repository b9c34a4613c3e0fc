"""Light curves: from counts to bins, files and answers.

File names and columns are documented or seen in real files; digits are those of real files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mock_server.products.curves import RATE_COLUMNS, Axis, Curve, Ratio
from mock_server.products.statistics import Rules, measure
from mock_server.products.timeline import Band, Timeline

from ..core import timescales
from . import binning, extraction, instrument, plots, qdp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mock_server.products.curves import Rows
    from mock_server.products.order import Order
    from mock_server.products.timeline import Bins

    from ..sky.archive import Sky

_FILE_NAMES = {"TimePos": "T_+ve", "TimeNeg": "T_-ve", "RatePos": "Ratepos", "RateNeg": "Rateneg"}
BAND_COLUMNS = ("Time", "TimePos", "TimeNeg", "Rate", "RateErr", "Exposure")
RATIO_COLUMNS = ("Time", "TimePos", "TimeNeg", "HR", "HRErr", "Exposure")
_HR_FILE_COLUMNS = (
    *("Time", "T_+ve", "T_-ve", "HardRate", "Harderr", "HardSig", "SoftRate", "Softerr", "SoftSig"),
    *("HR", "HRerr", "Exposure", "FracExp"),
)
_HARDRAT_COLUMNS = ("Time", "Err (pos)", "Err(neg)", "Rate", "Error")
BINNING_NAMES = {"counts": "Counts", "time": "Time", "snapshot": "Snapshot", "obsid": "Observation"}
SUFFIXES = tuple((nosys, incbad) for nosys in (False, True) for incbad in (False, True))


def _suffix(nosys: bool, incbad: bool) -> str:
    return "_nosys" * nosys + "_incbad" * incbad


def _in_file(columns: Sequence[str]) -> list[str]:
    """Names of columns as files spell them."""
    return [_FILE_NAMES.get(name, name) for name in columns]


@dataclass(frozen=True)
class LightCurveProduct:
    """A light curve.

    Parameters
    ----------
    curves, ratios
        By mode, WT first.
    axis
        Its axis of time.
    binning
        How it was binned, as answers spell it.
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
        ratio = self.ratios.get(mode)
        return bool(self.curves[mode].sums.bad.any()) or (ratio is not None and ratio.has_bad)

    @cached_property
    def files(self) -> dict[str, bytes]:
        """All files by name."""
        found = {"t0.date": _t0_date(self.axis.t0)}
        for name, content in self._whole_files():
            if content:
                found[name] = content
        for mode in self.curves:
            found |= {name: content for name, content in self._mode_files(mode) if content}
        if self.curves:
            found["curve.gif"] = plots.light_curve(self._points(), mjd=self.axis.mjd)
        if any(ratio.rows(incbad=True) for ratio in self.ratios.values()):
            found["hardrat.gif"] = plots.light_curve(self._ratio_points(), mjd=self.axis.mjd, label="Hardness ratio")
        return found

    def _whole_files(self) -> Iterator[tuple[str, bytes]]:
        bad = any(self.has_bad(mode) for mode in self.curves)
        for nosys, incbad in SUFFIXES:
            if bad or not incbad:
                yield f"curve{_suffix(nosys, incbad)}.qdp", self._curve_file(nosys, incbad, list(range(6)), nosys)
        for incbad in (False, True) if bad else (False,):
            suffix = _suffix(False, incbad)
            yield f"curve2{suffix}.qdp", self._curve_file(False, incbad, [*range(6), 7, 8, 6], False)
            yield f"hardrat{suffix}.qdp", self._hardrat_file(incbad)

    def _curve_file(self, nosys: bool, incbad: bool, which: list[int], marked: bool, mode: str = "") -> bytes:
        """Write some of the columns of all sets, of one mode if it is named; `marked` adds the observation."""
        blocks = []
        names = ["MJD" if self.axis.mjd else "Time", *_in_file(RATE_COLUMNS)[1:]]
        for one in [mode] if mode else self.curves:
            for limits in (False, True):
                rows: Any = [[row[k] for k in which] for row in self.curves[one].rows(limits, nosys, incbad)]
                obsids = self.curves[one].observations(limits, incbad)
                if marked and obsids is not None:
                    rows = qdp.with_observation(rows, obsids, comment=True)
                blocks.append((_title(one, limits), [names[k] for k in which], rows))
        return _if_any(qdp.BOTH_ERRORS, blocks)

    def _hardrat_file(self, incbad: bool) -> bytes:
        blocks = []
        names = ["MJD" if self.axis.mjd else "Time", *_HARDRAT_COLUMNS[1:]]
        for mode, ratio in self.ratios.items():
            for words, at in (("hard data", 3), ("soft data", 6), ("hardness ratio", 9)):
                rows: Any = [[*row[:3], *row[at : at + 2]] for row in ratio.rows(incbad)]
                obsids = ratio.observations(incbad)
                if obsids is not None:
                    rows = qdp.with_observation(rows, obsids, comment=True)
                blocks.append((f"{mode} -- {words}", names, rows))
        return _if_any(qdp.SINGLE_ERROR, blocks)

    def _mode_files(self, mode: str) -> Iterator[tuple[str, bytes]]:
        curve, ratio = self.curves[mode], self.ratios.get(mode)
        for nosys, incbad in SUFFIXES:
            if incbad and not self.has_bad(mode):
                continue
            suffix = _suffix(nosys, incbad)
            columns = curve.columns(nosys)
            for kind, limits in (("CURVE", False), ("UL", True)):
                rows = curve.rows(limits, nosys, incbad)
                yield (
                    f"{mode}{kind}{suffix}.qdp",
                    self._detailed(_title(mode, limits), columns, rows, curve.observations(limits, incbad)),
                )
            if ratio is not None:
                title = f"{mode} -- hardness ratio"
                rows, obsids = ratio.rows(incbad), ratio.observations(incbad)
                yield f"{mode}HR{suffix}.qdp", self._detailed(title, _HR_FILE_COLUMNS, rows, obsids)
            if curve.obsids is not None and not nosys:
                yield f"{mode}{suffix}.qdp", self._curve_file(False, incbad, list(range(6)), True, mode)

    def _detailed(self, title: str, columns: Sequence[str], rows: Rows, obsids: list[str] | None) -> bytes:
        names = ["MJD" if self.axis.mjd else "Time", *_in_file(columns)[1:]]
        if obsids is not None:
            rows, names = qdp.with_observation(rows, obsids, comment=False), [*names, "ObsID"]
        return _if_any(qdp.BOTH_ERRORS, [(title, names, rows)])

    def _points(self) -> list[plots.Points]:
        found = []
        for mode, curve in self.curves.items():
            for limits in (False, True):
                which = curve.chosen(limits, incbad=False)
                found.append(_plotted(mode, limits, self.axis, curve, which))
        return found

    def _ratio_points(self) -> list[plots.Points]:
        found = []
        for mode, ratio in self.ratios.items():
            cells = [[float(cell) for cell in row] for row in ratio.rows(incbad=False)]
            time, up, down, *_, value, error, _, _ = np.array(cells).reshape(-1, len(_HR_FILE_COLUMNS)).T
            found.append(plots.Points(mode, False, time, up, down, value, error, -error))
        return found

    def answer(self, nosys: str = "no", incbad: str = "no") -> dict[str, Any]:
        """Return the tables as `getLCData.php` does in its newest form, without OK and APIVersion.

        Parameters
        ----------
        nosys, incbad
            ``yes``, ``no`` or ``both``: with those variants, without them, or either.
        """
        tables: dict[str, Any] = {}
        for mode in self.curves:
            for without, bad in SUFFIXES:
                if nosys in ("both", "yes" if without else "no") and incbad in ("both", "yes" if bad else "no"):
                    tables |= {f"{name}Data": table for name, table in self._tables(mode, without, bad)}
        names = [key.removesuffix("Data") for key in tables]
        if not names and not any(len(curve.bins.first) for curve in self.curves.values()):
            return {"NOLC": 1, "Datasets": []}
        facts = {"Binning": self.binning, "TimeFormat": "MJD" if self.axis.mjd else "MET", "T0": self.axis.t0}
        return {"Datasets": names} | tables | facts

    def _tables(self, mode: str, nosys: bool, incbad: bool) -> Iterator[tuple[str, dict[str, Any]]]:
        suffix = _suffix(nosys, incbad)
        in_file = _suffix(nosys, incbad and self.has_bad(mode))
        curve, ratio = self.curves[mode], self.ratios.get(mode)
        for kind, stem, limits in (("", "CURVE", False), ("UL", "UL", True)):
            rows = curve.rows(limits, nosys, incbad)
            obsids = curve.observations(limits, incbad)
            if rows:
                address = f"{self.url}/{mode}{stem}{in_file}.qdp"
                yield f"{mode}{kind}{suffix}", _table(curve.columns(nosys), rows, obsids, address)
        rows = ratio.rows(incbad) if ratio is not None else []
        if ratio is not None and rows:
            obsids, address = ratio.observations(incbad), f"{self.url}/{mode}HR{in_file}.qdp"
            for kind, at, columns in (("Hard", 3, BAND_COLUMNS), ("Soft", 6, BAND_COLUMNS), ("HR", 9, RATIO_COLUMNS)):
                cells = [[*row[:3], *row[at : at + 2], row[11]] for row in rows]
                yield f"{mode}{kind}{suffix}", _table(columns, cells, obsids, address)


def _title(mode: str, limits: bool) -> str:
    return f"{mode} upper limits" if limits else f"{mode} data"


def _if_any(head: str, blocks: Sequence[tuple[str, Sequence[str], Any]]) -> bytes:
    return qdp.document(head, blocks) if any(rows for _, _, rows in blocks) else b""


def _table(columns: Sequence[str], rows: Rows, obsids: list[str] | None, address: str) -> dict[str, Any]:
    if obsids is None:
        return {"columns": list(columns), "data": rows, "URL": address}
    data = [[*row, obsid] for row, obsid in zip(rows, obsids, strict=True)]
    return {"columns": [*columns, "ObsID"], "data": data, "URL": address}


def _plotted(mode: str, limits: bool, axis: Axis, curve: Curve, which: NDArray[np.bool_]) -> plots.Points:
    _, span = axis.cells(curve.sums.arrival, curve.bins)
    columns = [*span, curve.rates.rate, curve.rates.above, curve.rates.below]
    return plots.Points(mode, limits, *(column[which] for column in columns))


def _t0_date(t0: float) -> bytes:
    """Zero of time in four notations: MET, date, MJD, JD (seen in real files)."""
    date, mjd = timescales.utc_from_met(t0), timescales.mjd_from_met(t0)
    seconds = f"{date:%Y %b %d at %H:%M:%S}.{date.microsecond // 1000:03d} UT"
    return f"{t0:.3f}\n{seconds}\n{mjd:.8f}\n{mjd + 2400000.5:.8f}\n".encode("ascii")


# Building


def build(order: Order, sky: Sky) -> LightCurveProduct:
    """Make the light curve of an order."""
    scene = extraction.Scene.of(order, sky, "grades")
    found = extraction.pieces(scene)
    axis = Axis(scene.t0, order.text("lctimetype", "s").startswith("m"))
    curves: dict[str, Curve] = {}
    ratios: dict[str, Ratio] = {}
    for mode, pieces in found.items():
        timeline = Timeline(pieces)
        curves[mode] = _curve(order, axis, timeline, mode)
        ratios[mode] = _ratio(order, axis, timeline, mode, curves[mode].bins)
    method = _method(order)
    name = "ObsID" if method == "obsid" and order.rebin_id is not None else BINNING_NAMES[method]
    url = f"{order.url}/lc" if order.rebin_id is None else f"{order.url}/lc/rebin_{order.rebin_id}"
    return LightCurveProduct(curves, ratios, axis, name, url)


def _method(order: Order) -> str:
    method = order.text("binMeth", "counts")
    return "obsid" if method.startswith("obs") else method


def _band(order: Order, timeline: Timeline, low: str, high: str, defaults: tuple[float, float]) -> Band:
    first, beyond = (
        instrument.energy_to_channel(order.number(key, default))
        for key, default in zip((low, high), defaults, strict=True)
    )
    return Band(timeline, first, beyond)


def _curve(order: Order, axis: Axis, timeline: Timeline, mode: str) -> Curve:
    band = _band(order, timeline, "minen", "maxen", (0.3, 10.0))
    bins = _bins(order, band, mode)
    sums = band.add_up(bins)
    rates = measure(sums.counts, sums.background, sums.variance, 1.0 / sums.exposure, _rules(order, mode))
    correction = np.where(rates.limit, sums.by_exposure, sums.by_counts)
    if _method(order) != "counts":  # then Time is the middle of a bin (derived from published tables)
        sums = sums.at(0.5 * (bins.start + bins.stop))
    return Curve(axis, bins, sums, rates.times(correction), correction, _obsids(order, timeline, bins))


def _rules(order: Order, mode: str) -> Rules:
    def allowed(key: str) -> bool:
        return order.text(key, "both") in ("both", mode.lower())

    return Rules(
        bayes=allowed("allowB"),
        bayes_counts=order.number("bayesCounts", 15.0),
        bayes_snr=order.number("bayesSNR", 2.4),
        limits=allowed("allowUL"),
        min_sigma=order.number("sigmin", 3.0),
    )


def _bins(order: Order, band: Band, mode: str) -> Bins:
    key = mode.lower()
    match _method(order):
        case "time":
            return binning.by_time(band.timeline, _bin_time(order, f"{key}bin", mode), order.number("femin"))
        case "snapshot":
            return binning.by_runs(band.timeline, band.timeline.looks)
        case "obsid":
            return binning.by_runs(band.timeline, band.timeline.observations())
        case _:
            return binning.by_counts(band, _counts_rule(order, mode))


def _bin_time(order: Order, key: str, mode: str) -> float:
    return order.number(key, {"PC": 2.51, "WT": 0.5}[mode])


def _counts_rule(order: Order, mode: str) -> binning.CountsRule:
    key = mode.lower()
    return binning.CountsRule(
        counts=max(1, math.ceil(order.number(f"{key}counts", {"PC": 20, "WT": 30}[mode]))),
        dynamic=order.flag("dynamic"),
        rate_factor=order.number("ratefact", 10.0),
        bin_factor=order.number("binfact", 1.5),
        floor=max(1, math.ceil(order.number("mincmin", 15))),
        shortest=0.99 * _bin_time(order, f"{key}bin", mode),  # so that the documented 2.51 s means one frame
        min_snr=order.number("minsnr", 1.5),
        longest_gap=order.number(f"{key}maxgap", 1e8),
    )


def _obsids(order: Order, timeline: Timeline, bins: Bins) -> list[str] | None:
    """Return the observation of each bin, where bins are tied to one."""
    if _method(order) not in ("obsid", "snapshot"):
        return None
    pieces = np.searchsorted(timeline.first, bins.first, side="right") - 1
    return [timeline.pieces[k].observation.obsid for k in pieces.tolist()]


def _ratio(order: Order, axis: Axis, timeline: Timeline, mode: str, curve_bins: Bins) -> Ratio:
    soft = _band(order, timeline, "soft1", "soft2", (0.3, 1.5))
    hard = _band(order, timeline, "hard1", "hard2", (1.5, 10.0))
    method = _method(order)
    rule = _counts_rule(order, mode)
    bins = curve_bins
    if method == "counts":
        bins = binning.by_both(soft, hard, rule.counts, rule.longest_gap)
    elif method == "time" and not order.flag("hrbin"):
        bins = binning.by_time(timeline, _bin_time(order, f"{mode.lower()}hrbin", mode), order.number("femin"))
    sums = [band.add_up(bins) for band in (hard, soft)]
    if method != "counts":
        sums = [one.at(0.5 * (bins.start + bins.stop)) for one in sums]
    return Ratio(axis, bins, sums[0], sums[1], _obsids(order, timeline, bins))


# Older forms of the answer


def as_1_9(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form for clients of API 1.9: `datasets`, old names of columns, numbers only."""
    names = list(answer.get("Datasets", ()))
    return {"datasets": names} | {f"{name}Data": _old_table(answer[f"{name}Data"]) for name in names}


def as_1_8(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form for clients of API 1.8 and before: switches, and only rates and limits."""
    names = ("WT", "WTUL", "PC", "PCUL")
    present = set(answer.get("Datasets", ()))
    switches = {f"has{name}": int(name in present) for name in names}
    return switches | {f"{name}Data": _old_table(answer[f"{name}Data"]) for name in names if name in present}


def _old_table(table: Mapping[str, Any]) -> dict[str, Any]:
    """Old names, numbers for texts; no observation, which those clients cannot read, and 0 for what is infinite."""
    kept = [k for k, name in enumerate(table["columns"]) if name != "ObsID"]
    numbers = [[float(row[k]) for k in kept] for row in table["data"]]
    finite = [[cell if math.isfinite(cell) else 0.0 for cell in row] for row in numbers]
    return {"columns": _in_file([table["columns"][k] for k in kept]), "data": finite}
