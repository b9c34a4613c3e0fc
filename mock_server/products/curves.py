"""Rates, limits and hardness ratios of one mode, as rows of text: the digits of files and answers come from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import timescales
from .qdp import Table
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
_RATE_LAYOUT = "\t%.6g\t%.6g\t%.6g\t%.6f\t%.6g\t%.6g\t%.6f\t%d\t%.6f\t%.6f\t%.6f\t%.6f"
SYSTEMATIC_COLUMNS = ("SYS_NEG", "SYS_POS")
_SYSTEMATIC_LAYOUT = "\t%.6g\t%.6g"
RATIO_COLUMNS = (
    *("Time", "T_+ve", "T_-ve", "HardRate", "Harderr", "HardSig", "SoftRate", "Softerr", "SoftSig"),
    *("HR", "HRerr", "Exposure", "FracExp"),
)
"""As the detailed file spells them."""
_RATIO_LAYOUT = "\t%.6g\t%.6g\t%.6f" * 2 + "\t%.6g\t%.6g\t%.6f\t%.6f"


@dataclass(frozen=True)
class Axis:
    """The axis of time: seconds since `t0` [s, MET], or MJD (UTC)."""

    t0: float
    mjd: bool

    def columns(self, time: Floats, bins: Bins) -> tuple[Floats, Floats, Floats]:
        """Return times within bins, and the errors that reach to the end and back to the start of their bins."""
        instants = (time, bins.start, bins.stop)
        if self.mjd:
            time, start, stop = (np.array([timescales.mjd_from_met(t) for t in met.tolist()]) for met in instants)
        else:
            time, start, stop = (met - self.t0 for met in instants)
        time = np.clip(time, start, stop)
        return time, stop - time, start - time

    def rows(self, layout: str, columns: Sequence[Any]) -> list[str]:
        """Return rows of text: three columns of time, then those that `layout` formats."""
        times = "\t".join(["%.8f" if self.mjd else "%.3f"] * 3)
        return [(times + layout) % row for row in zip(*(column.tolist() for column in columns), strict=True)]


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
    obsids
        Observation of each bin; None where bins are not tied to one.
    """

    def __init__(
        self, axis: Axis, bins: Bins, sums: Sums, rates: Measured, correction: Floats, obsids: list[str] | None
    ) -> None:
        self.bins, self.sums, self.rates, self.correction, self.obsids = bins, sums, rates, correction, obsids
        self.times = axis.columns(sums.arrival, bins)
        size = np.where(rates.limit, 0.0, np.abs(rates.rate))
        down, up = size * sums.systematic[0], size * sums.systematic[1]
        self.has_systematic = bool(down.any() or up.any())
        after = [
            *(sums.exposure / (bins.stop - bins.start), sums.background / sums.exposure),
            *(np.sqrt(sums.variance) / sums.exposure, correction),
            *(sums.counts, sums.background, sums.exposure, rates.sigma, rates.snr),
        ]
        plain = axis.rows(_RATE_LAYOUT, [*self.times, rates.rate, rates.above, rates.below + 0.0, *after])
        self._rows = {True: plain, False: plain}
        if self.has_systematic:
            errors = np.hypot(rates.above, up), -np.hypot(rates.below, down) + 0.0
            layout = _RATE_LAYOUT + _SYSTEMATIC_LAYOUT
            self._rows[False] = axis.rows(layout, [*self.times, rates.rate, *errors, *after, down, up])

    def chosen(self, limits: bool, incbad: bool) -> NDArray[np.bool_]:
        """Return a mask of the bins of a table: rates or `limits`, with or without bins that lack a centroid."""
        return np.asarray((self.rates.limit == limits) & (incbad | ~self.sums.bad))

    def table(self, limits: bool, nosys: bool, incbad: bool) -> Table:
        """Return rates or limits; with `nosys`, errors are without the systematic ones."""
        which = np.flatnonzero(self.chosen(limits, incbad)).tolist()
        columns = RATE_COLUMNS if nosys or not self.has_systematic else RATE_COLUMNS + SYSTEMATIC_COLUMNS
        obsids = None if self.obsids is None else [self.obsids[k] for k in which]
        return Table(columns, [self._rows[nosys][k] for k in which], obsids)


class Ratio:
    """Hardness ratios of one mode: hard over soft, errors in quadrature; bins without a soft excess are left out.

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
        divisor = np.where(soft_rate.rate > 0, soft_rate.rate, 1.0)
        ratio = hard_rate.rate / divisor
        error = np.hypot(hard_rate.above, ratio * soft_rate.above) / divisor
        counts = soft.counts + hard.counts
        arrival = soft.arrival * soft.counts + hard.arrival * hard.counts
        arrival = np.where(counts > 0, arrival / np.maximum(counts, 1), soft.arrival)
        columns = [*axis.columns(arrival, bins), hard_rate.rate, hard_rate.above, hard_rate.sigma]
        columns += [soft_rate.rate, soft_rate.above, soft_rate.sigma, ratio, error, soft.exposure]
        self._rows = axis.rows(_RATIO_LAYOUT, [*columns, soft.exposure / (bins.stop - bins.start)])
        self._good, self._bad, self._obsids = soft_rate.rate > 0, hard.bad, obsids

    @property
    def has_bad(self) -> bool:
        """Whether a row includes a snapshot without a centroid."""
        return bool((self._good & self._bad).any())

    def table(self, incbad: bool) -> Table:
        """Return the rows of the detailed file; with `incbad`, those without a reliable centroid too."""
        which = np.flatnonzero(self._good & (incbad | ~self._bad)).tolist()
        obsids = None if self._obsids is None else [self._obsids[k] for k in which]
        return Table(RATIO_COLUMNS, [self._rows[k] for k in which], obsids)
