"""Rates, limits and hardness ratios of one mode, as rows of text: the digits of files and answers come from here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mock_server.products.statistics import Measured, Rules, measure

from ..core import timescales

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mock_server.products.instrument import Floats
    from mock_server.products.timeline import Bins, Sums

    Rows = list[list[str]]

RATE_COLUMNS = (
    *("Time", "TimePos", "TimeNeg", "Rate", "RatePos", "RateNeg", "FracExp", "BGrate", "BGerr", "CorrFact"),
    *("CtsInSrc", "BGInSrc", "Exposure", "Sigma", "SNR"),
)
SYSTEMATIC_COLUMNS = ("SYS_NEG", "SYS_POS")
_PLAIN = Rules(bayes=False, limits=False)


@dataclass(frozen=True)
class Axis:
    """The axis of time: seconds since `t0` [s, MET], or MJD (UTC)."""

    t0: float
    mjd: bool

    def cells(self, time: Floats, bins: Bins) -> tuple[str, list[Floats]]:
        """Return the format of the three columns of time, and their values: time, error up, error down."""
        time, start, stop = (self._scale(instants) for instants in (time, bins.start, bins.stop))
        time = np.clip(time, start, stop)
        return "\t".join(["%.8f" if self.mjd else "%.3f"] * 3), [time, stop - time, start - time]

    def _scale(self, met: Floats) -> Floats:
        if not self.mjd:
            return met - self.t0
        return np.array([timescales.mjd_from_met(instant) for instant in met.tolist()])


def _formatted(layout: str, columns: Sequence[Any]) -> Rows:
    """Return rows of cells: each column formatted by its part of `layout`."""
    lists = [column.tolist() for column in columns]
    return [(layout % row).split("\t") for row in zip(*lists, strict=True)]


@dataclass(frozen=True)
class Curve:
    """Rates and limits of one mode.

    Parameters
    ----------
    axis, bins, sums
        The bins, and what was added up in them.
    rates
        What that makes.
    correction
        Correction factor of each bin.
    obsids
        Observation of each bin; None where bins are not tied to one.
    """

    axis: Axis
    bins: Bins
    sums: Sums
    rates: Measured
    correction: Floats
    obsids: list[str] | None

    @cached_property
    def systematic(self) -> tuple[Floats, Floats]:
        """Systematic errors, down (negative) and up [count/s]; 0 for limits."""
        value = np.where(self.rates.limit, 0.0, np.abs(self.rates.rate))
        return value * self.sums.systematic[0], value * self.sums.systematic[1]

    @cached_property
    def has_systematic(self) -> bool:
        """Whether any bin has a systematic error."""
        return bool(self.systematic[0].any() or self.systematic[1].any())

    def columns(self, nosys: bool) -> tuple[str, ...]:
        """Names of the columns of :meth:`rows`."""
        return RATE_COLUMNS if nosys or not self.has_systematic else RATE_COLUMNS + SYSTEMATIC_COLUMNS

    def chosen(self, limits: bool, incbad: bool) -> NDArray[np.bool_]:
        """Which bins belong to a set."""
        return np.asarray((self.rates.limit == limits) & (incbad | ~self.sums.bad))

    def rows(self, limits: bool, nosys: bool, incbad: bool) -> Rows:
        """Return the rows of a set."""
        return [self._cells[nosys][k] for k in np.flatnonzero(self.chosen(limits, incbad)).tolist()]

    def observations(self, limits: bool, incbad: bool) -> list[str] | None:
        """Return the observation of each row of a set."""
        if self.obsids is None:
            return None
        return [self.obsids[k] for k in np.flatnonzero(self.chosen(limits, incbad)).tolist()]

    @cached_property
    def _cells(self) -> dict[bool, Rows]:
        return {nosys: self._all_rows(nosys) for nosys in (False, True)}

    def _all_rows(self, nosys: bool) -> Rows:
        sums, rates = self.sums, self.rates
        layout, times_of = self.axis.cells(sums.arrival, self.bins)
        columns: list[Any] = [*times_of]
        down, up = self.systematic
        above = rates.above if nosys else np.hypot(rates.above, up)
        below = rates.below if nosys else -np.hypot(rates.below, down)
        columns += [rates.rate, above, below + 0.0, sums.exposure / (self.bins.stop - self.bins.start)]
        columns += [sums.background / sums.exposure, np.sqrt(sums.variance) / sums.exposure, self.correction]
        columns += [sums.counts, sums.background, sums.exposure, rates.sigma, rates.snr]
        layout += "\t%.6g\t%.6g\t%.6g\t%.6f\t%.6g\t%.6g\t%.6f\t%d\t%.6f\t%.6f\t%.6f\t%.6f"
        if len(self.columns(nosys)) > len(RATE_COLUMNS):
            layout, columns = layout + "\t%.6g\t%.6g", [*columns, down, up]
        return _formatted(layout, columns)


@dataclass(frozen=True)
class Ratio:
    """Hardness ratios of one mode: hard over soft, errors in quadrature; bins without a soft excess are left out."""

    axis: Axis
    bins: Bins
    hard: Sums
    soft: Sums
    obsids: list[str] | None

    @cached_property
    def _bands(self) -> list[tuple[Floats, Floats, Floats]]:
        """Rate, error, significance of the hard and of the soft band."""
        found = []
        for sums in (self.hard, self.soft):
            rates = measure(sums.counts, sums.background, sums.variance, sums.by_counts / sums.exposure, _PLAIN)
            found.append((rates.rate, rates.above, rates.sigma))
        return found

    def rows(self, incbad: bool) -> Rows:
        """Return rows as in the detailed file: times, hard, soft, ratio, exposure, share of good time."""
        return [self._cells[k] for k in self._chosen(incbad)]

    def observations(self, incbad: bool) -> list[str] | None:
        """Return the observation of each row."""
        return None if self.obsids is None else [self.obsids[k] for k in self._chosen(incbad)]

    @property
    def has_bad(self) -> bool:
        """Whether a row rests on a snapshot without a centroid."""
        return len(self._chosen(True)) > len(self._chosen(False))

    def _chosen(self, incbad: bool) -> list[int]:
        return np.flatnonzero((self._bands[1][0] > 0) & (incbad | ~self.hard.bad)).tolist()

    @cached_property
    def _cells(self) -> Rows:
        (hard, hard_error, hard_sigma), (soft, soft_error, soft_sigma) = self._bands
        divisor = np.where(soft > 0, soft, 1.0)
        ratio = hard / divisor
        error = np.hypot(hard_error, ratio * soft_error) / divisor
        total = self.soft.counts + self.hard.counts
        arrival = self.soft.arrival * self.soft.counts + self.hard.arrival * self.hard.counts
        arrival = np.where(total > 0, arrival / np.maximum(total, 1), self.soft.arrival)
        layout, columns = self.axis.cells(arrival, self.bins)
        columns += [hard, hard_error, hard_sigma, soft, soft_error, soft_sigma, ratio, error, self.soft.exposure]
        columns.append(self.soft.exposure / (self.bins.stop - self.bins.start))
        return _formatted(layout + "\t%.6g\t%.6g\t%.6f" * 2 + "\t%.6g\t%.6g\t%.6f\t%.6f", columns)
