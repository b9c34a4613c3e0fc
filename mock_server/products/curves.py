"""Rates, limits and hardness ratios of one mode: numbers, and the tables of answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..core import timescales
from .statistics import Measured, Rules, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .instrument import Floats
    from .timeline import Bins, Sums

RATE_COLUMNS = (
    *("Time", "TimePos", "TimeNeg", "Rate", "RatePos", "RateNeg", "FracExp", "BGrate", "BGerr", "CorrFact"),
    *("CtsInSrc", "BGInSrc", "Exposure", "Sigma", "SNR"),
)
_RATE_LAYOUT = ["%.7g", "%.7g", "%.7g", "%.6f", "%.7g", "%.7g", "%.6f", "%d", "%.6f", "%.6f", "%.6f", "%.6f"]
SYSTEMATIC_COLUMNS = ("SYS_NEG", "SYS_POS")
"""Factors: by them a rate may be too low and too high (field: released tables)."""
RATIO_COLUMNS = (
    *("Time", "T_+ve", "T_-ve", "HardRate", "Harderr", "HardSig", "SoftRate", "Softerr", "SoftSig"),
    *("HR", "HRerr", "Exposure", "FracExp"),
)
"""As the detailed file spells them."""
RATIO_LAYOUT = ["%.7g", "%.7g", "%.6f", "%.7g", "%.7g", "%.6f", "%.7g", "%.7g", "%.6f", "%.6f"]
_BAND_COLUMNS = ("Time", "TimePos", "TimeNeg", "Rate", "RateErr", "Exposure")
_HARDNESS_COLUMNS = ("Time", "TimePos", "TimeNeg", "HR", "HRErr", "Exposure")
_DAY_S = 86400.0


class Table(NamedTuple):
    """Table of an answer: names of its columns, and its rows as lists of texts."""

    columns: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Axis:
    """The axis of time: seconds since `t0` [s, MET], or MJD (UTC)."""

    t0: float
    mjd: bool

    def columns(self, time: Floats, bins: Bins) -> tuple[Floats, Floats, Floats]:
        """Return times within bins, and the errors that reach to the end and back to the start of their bins."""
        time = np.clip(time, bins.start, bins.stop)
        up, down = bins.stop - time, bins.start - time
        if self.mjd:
            return np.array([timescales.mjd_from_met(t) for t in time.tolist()]), up / _DAY_S, down / _DAY_S
        return time - self.t0, up, down

    def layout(self, decimals: int = 3) -> list[str]:
        """Return the digits of the three columns of time; days have 15 of them (field: MJD files of user objects)."""
        return ["%.15g" if self.mjd else f"%.{decimals}f"] * 3


def written(layout: Sequence[str], columns: Sequence[Any]) -> list[str]:
    """Return rows of text, their cells separated by tabs."""
    form = "\t".join(layout)
    return [form % row for row in zip(*(column.tolist() for column in columns), strict=True)]


class Curve:
    """Rates and limits of one mode.

    Parameters
    ----------
    axis, bins, sums
        The bins, and their sums.
    rates
        Corrected rates and limits.
    correction
        Correction factor of each bin.
    factors
        Systematic factors of each bin, down and up; None in photon counting.
    obsids
        Observation of each bin; None where bins are not tied to one.
    """

    def __init__(
        self,
        axis: Axis,
        bins: Bins,
        sums: Sums,
        rates: Measured,
        correction: Floats,
        factors: tuple[Floats, Floats] | None,
        obsids: list[str] | None,
    ) -> None:
        self.axis, self.bins, self.sums, self.rates = axis, bins, sums, rates
        self.correction = correction
        self.factors, self.obsids = factors, obsids
        self.times = axis.columns(sums.arrival, bins)
        self.background = sums.background / sums.exposure, np.sqrt(sums.variance) / sums.exposure
        self.exposed = sums.exposure / (bins.stop - bins.start)
        self._after = [
            *(self.exposed, *(np.round(values, 10) for values in self.background), correction),
            *(sums.counts, sums.background, sums.exposure, rates.sigma),
        ]

    def errors(self, nosys: bool) -> tuple[Floats, Floats, Floats]:
        """Return the errors up and down [count/s], and the ratio of signal to noise.

        The systematic errors, left out with `nosys`, add in quadrature (field: 131,324 rows of released tables).
        """
        rates = self.rates
        if self.factors is None or nosys:
            return rates.above, rates.below + 0.0, rates.snr
        down, up = (np.where(rates.limit, 0.0, rates.rate * (factor - 1.0)) for factor in self.factors)
        above, below = np.hypot(rates.above, up), np.hypot(rates.below, down)
        snr = np.divide(rates.rate, below, out=rates.snr.copy(), where=~rates.limit & (below > 0))
        return above, -below + 0.0, snr

    def columns(self, nosys: bool) -> list[Any]:
        """Return the columns of a detailed table after those of time."""
        above, below, snr = self.errors(nosys)
        return [self.rates.rate, above, below, *self._after, snr]

    def chosen(self, limits: bool, incbad: bool) -> NDArray[np.bool_]:
        """Return a mask of the bins of a table: rates or `limits`, with or without bins that lack a centroid."""
        return np.asarray((self.rates.limit == limits) & (incbad | ~self.sums.bad))

    def table(self, mode: str, limits: bool, nosys: bool, incbad: bool) -> Table:
        """Return rates or limits as answers have them; with `nosys`, errors are without the systematic ones."""
        which = self.chosen(limits, incbad)
        names, layout = [*RATE_COLUMNS], [*self.axis.layout(4 if mode == "WT" else 3), *_RATE_LAYOUT]
        columns = [*self.times, *self.columns(nosys)]
        if self.factors is not None and not nosys and not limits:
            names += SYSTEMATIC_COLUMNS
            layout += ["%.6f", "%.6f"]
            columns += self.factors
        return _table(names, written(layout, [column[which] for column in columns]), self.obsids, which)


class Ratio:
    """Hardness ratios of one mode: hard over soft, as they come (field: 8275 bins of user objects).

    Ratios keep their sign, and their errors, in quadrature, have the same one. Without counts a ratio is not a number.

    Parameters
    ----------
    axis, bins
        The bins.
    hard, soft
        Their sums in the two bands.
    obsids
        Observation of each bin; None where bins are not tied to one.
    """

    def __init__(self, axis: Axis, bins: Bins, hard: Sums, soft: Sums, obsids: list[str] | None) -> None:
        hard_rate, soft_rate = (
            measure(b.counts, b.background, b.variance, b.by_counts / b.exposure, Rules(bayes=False, limits=False))
            for b in (hard, soft)
        )
        self.value, self.error = ratio_of((hard_rate.rate, hard_rate.above), (soft_rate.rate, soft_rate.above))
        counts = soft.counts + hard.counts
        arrival = soft.arrival * soft.counts + hard.arrival * hard.counts
        arrival = np.where(counts > 0, arrival / np.maximum(counts, 1), soft.arrival)
        self.axis, self.bins, self.bad, self.obsids = axis, bins, hard.bad, obsids
        self.arrival, self.times = arrival, axis.columns(arrival, bins)
        self.columns = [
            *(hard_rate.rate, hard_rate.above, hard_rate.sigma, soft_rate.rate, soft_rate.above, soft_rate.sigma),
            *(self.value, self.error, soft.exposure, soft.exposure / (bins.stop - bins.start)),
        ]

    def chosen(self, incbad: bool) -> NDArray[np.bool_]:
        """Return a mask of the bins with or without those that lack a centroid."""
        return np.asarray(incbad | ~self.bad)

    def tables(self, mode: str, incbad: bool) -> dict[str, Table]:
        """Return hard rates, soft rates and ratios as answers have them, by their keys."""
        which = self.chosen(incbad)
        time = self.axis.layout(4 if mode == "WT" else 3)
        found = {}
        for key, at, names in (("Hard", 0, _BAND_COLUMNS), ("Soft", 3, _BAND_COLUMNS), ("HR", 6, _HARDNESS_COLUMNS)):
            shown = [self.columns[k] for k in (at, at + 1, 8)]
            layout = [*time, *(RATIO_LAYOUT[k] for k in (at, at + 1, 8))]
            rows = written(layout, [column[which] for column in (*self.times, *shown)])
            found[key] = _table([*names], rows, self.obsids, which)
        return found


def ratio_of(hard: tuple[Floats, Floats], soft: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Return hard over soft, and its error with the sign of the ratio; rates with their errors [count/s]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = hard[0] / soft[0]
        return value, value * np.hypot(hard[1] / hard[0], soft[1] / soft[0])


def _table(names: list[str], rows: list[str], obsids: list[str] | None, which: NDArray[np.bool_]) -> Table:
    """Split rows into cells, and add the observation of each, if bins are tied to one."""
    cells = [row.split("\t") for row in rows]
    if obsids is None:
        return Table(names, cells)
    mine = (obsid for obsid, taken in zip(obsids, which.tolist(), strict=True) if taken)
    return Table([*names, "ObsID"], [[*row, obsid] for row, obsid in zip(cells, mine, strict=True)])
