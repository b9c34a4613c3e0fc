"""Fits of spectra: the W-statistic, Fisher scoring, errors from the profile. Arithmetic only.

Counts in the source region go as Poisson(m + a b), those in the background region as Poisson(b), with `a` the ratio of
the areas; b is profiled out group by group. Free are a column, a shape parameter and the logarithm of the norm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import xlogy
from threadpoolctl import ThreadpoolController

from . import emission, instrument

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .instrument import Floats

LEAST_COUNTS = 5
"""Counts in 0.3-10 keV below which no fit is tried (assumed)."""
START = {"powerlaw": 1.7, "apec": 1.0, "blackbody": 0.1}
BOUNDS = {"powerlaw": (-3.0, 9.5), "apec": (0.02, 64.0), "blackbody": (0.02, 64.0)}
_COLUMN = 1e22  # columns are fitted in this unit [cm-2]
_COLUMN_BOUNDS = (0.0, 100.0)
_STEPS = 40
_LONGEST_STEP = instrument.read_only(np.array([5.0, 2.0, 10.0]))
_ERG = 1.602177e-9  # erg in a keV
_LIBRARIES = ThreadpoolController()  # those that run threads, found once: that takes as long as a fit


@dataclass(frozen=True)
class Groups:
    """Counts of groups of channels, each array of shape (n_groups,).

    Parameters
    ----------
    first
        First channel of each group.
    source, background
        Counts in the two regions.
    alpha
        Source area over background area.
    beyond
        First channel behind the last group.
    """

    first: NDArray[np.int64]
    source: Floats
    background: Floats
    alpha: float
    beyond: int

    @classmethod
    def of(cls, source: NDArray[np.int64], background: NDArray[np.int64], alpha: float) -> Groups:
        """Group channels of the nominal band to at least one count in the source region.

        What is left behind the last count is no group: its quality is 2 (field). Both counts are by channel, shape
        (1024,).
        """
        low = instrument.BAND[0]
        edges = np.concatenate([[low], low + np.flatnonzero(source[slice(*instrument.BAND)]) + 1])
        first, beyond = np.asarray(edges[:-1], dtype=np.int64), int(edges[-1])
        inside, outside = (np.add.reduceat(counts[:beyond], first).astype(float) for counts in (source, background))
        return cls(first, inside, outside, alpha, beyond)

    @property
    def edges(self) -> Floats:
        """Edges of the groups [keV], shape (n_groups + 1,)."""
        return np.append(self.first, self.beyond) / 100


@dataclass(frozen=True)
class Estimate:
    """A value with its errors; `below` is negative."""

    value: float
    above: float
    below: float


@dataclass(frozen=True)
class Fit:
    """Result of a fit.

    Parameters
    ----------
    model
        ``powerlaw``, ``apec`` or ``blackbody``.
    column
        Fitted column [cm-2].
    parameter
        Photon index, or kT [keV].
    observed, unabsorbed
        Fluxes in 0.3-10 keV [erg cm-2 s-1].
    norm
        Photons per keV, cm2 and s that multiply the shape.
    statistic
        W at the minimum.
    dof
        Groups less free parameters.
    chi
        Pearson's sum.
    expected
        Source counts expected in each group, without background.
    """

    model: str
    column: Estimate
    parameter: Estimate
    observed: Estimate
    unabsorbed: Estimate
    norm: float
    statistic: float
    dof: int
    chi: float
    expected: Floats


def fit(
    groups: Groups,
    mode: str,
    area: Floats,
    exposure: float,
    model: str,
    galactic: float | None,
    redshift: float,
    delta: float,
) -> Fit | None:
    """Fit an absorbed model to a spectrum.

    Parameters
    ----------
    groups
        The counts.
    mode
        ``PC`` or ``WT``.
    area
        Effective area [cm2], shape (590,).
    exposure
        Good time [s].
    galactic
        Column of an additional absorber that is held fixed [cm-2]; None without one.
    redshift
        Of the free absorber.
    delta
        Change of the statistic that defines the errors (2.706 for 90 %).

    Returns
    -------
    Fit or None
        None if there are too few counts, or the fit did not converge.
    """
    if groups.source.sum() < LEAST_COUNTS:
        return None
    fold = np.add.reduceat(instrument.response(mode)[:, : groups.beyond], groups.first, axis=1)
    fold *= (area * exposure * np.diff(instrument.ENERGIES))[:, np.newaxis]
    with _LIBRARIES.limit(limits=1, user_api="blas"):  # small matrices: more threads make them tens of times slower
        return _Problem(groups, fold, model, galactic, redshift).solve(delta)


class _Problem:
    """One model and the counts; its parameters are column [1e22 cm-2], shape, log norm.

    `fold` turns photons per keV, cm2 and s into counts of the groups, shape (590, n_groups).
    """

    def __init__(self, groups: Groups, fold: Floats, model: str, galactic: float | None, redshift: float) -> None:
        self.groups, self.fold, self.model = groups, fold, model
        self._passed = instrument.transmission(galactic) if galactic else np.ones(len(instrument.MIDDLES))
        self._depth = instrument.optical_depth(redshift) * _COLUMN
        n, back = groups.source, groups.background
        self._saturated = float(np.sum(xlogy(n, n) - n + xlogy(back, back) - back))  # the terms of W without the model
        low, high = BOUNDS[model]
        self._low, self._high = np.array([_COLUMN_BOUNDS[0], low, -80.0]), np.array([_COLUMN_BOUNDS[1], high, 80.0])

    def photons(self, at: Floats) -> Floats:
        """Photons per keV and their derivatives with respect to column and shape, shape (3, 590)."""
        shape, slope = self.shape(float(at[1]))
        scale = np.exp(at[2] - at[0] * self._depth) * self._passed
        value = shape * scale
        return np.stack([value, -self._depth * value, slope * scale])

    def shape(self, parameter: float) -> tuple[Floats, Floats]:
        """Return the emitted photons per keV and their derivative with respect to the parameter."""
        shape = emission.shape(self.model, parameter)
        if self.model == "powerlaw":
            return shape, -np.log(instrument.MIDDLES) * shape
        step = 1e-4 * parameter
        ends = (emission.shape(self.model, parameter + sign * step) for sign in (1, -1))
        return shape, np.subtract(*ends) / (2 * step)

    def evaluate(self, at: Floats) -> tuple[float, Floats, Floats]:
        """Return W, minus half its gradient, and the Fisher matrix at a point."""
        n, back, alpha = self.groups.source, self.groups.background, self.groups.alpha
        folded = self.photons(at) @ self.fold
        m, slopes = np.maximum(folded[0], 1e-30), folded[[1, 2, 0]]  # the slope of the log norm is the model
        b = _background(n, back, alpha, m)
        mu = m + alpha * b
        w = 2 * (np.sum(mu + b) - n @ np.log(mu) - back @ np.log(np.maximum(b, 1e-30)) + self._saturated)
        weighted = slopes / (mu + alpha**2 * b)
        return float(w), slopes @ (n / mu - 1), weighted @ slopes.T

    def minimise(self, start: Floats, fixed: int | None = None, enough: float = 1e-5) -> tuple[Floats, float, bool]:
        """Return the point of least W, the W there, and whether no step promises a gain above `enough`."""
        at = np.clip(start, self._low, self._high)
        w, gradient, fisher = self.evaluate(at)
        for _ in range(_STEPS):
            free = np.array([k != fixed for k in range(3)])
            free &= ~((at <= self._low) & (gradient < 0)) & ~((at >= self._high) & (gradient > 0))
            which = np.flatnonzero(free)
            matrix = fisher[np.ix_(which, which)]
            matrix = matrix + np.diag(1e-9 * np.diag(matrix) + 1e-12)
            step = np.zeros(3)
            step[which] = np.linalg.solve(matrix, gradient[which])
            longest = np.max(np.abs(step) / _LONGEST_STEP)
            step = step / longest if longest > 1 else step
            gain = float(gradient @ step)
            if gain < enough:
                return at, w, True
            for _ in range(12):
                trial = np.clip(at + step, self._low, self._high)
                new = self.evaluate(trial)
                if new[0] <= w:
                    break
                step = step / 3
            else:
                return at, w, gain < 1e-2
            at, (w, gradient, fisher) = trial, new
        return at, w, False

    def start(self) -> Floats:
        """Return where the search begins: standard values, and the norm that gives the net counts."""
        at = np.array([0.1, START[self.model], 0.0])
        net = max(float(np.sum(self.groups.source - self.groups.alpha * self.groups.background)), 1.0)
        at[2] = np.log(net / max(float((self.photons(at)[0] @ self.fold).sum()), 1e-30))
        return at

    def solve(self, delta: float) -> Fit | None:
        """Find the minimum and the errors."""
        best, w, converged = self.minimise(self.start())
        if not converged:
            return None
        _, _, fisher = self.evaluate(best)
        covariance: Floats = np.asarray(np.linalg.pinv(fisher, hermitian=True), dtype=float)
        column, parameter = (
            Estimate(float(best[k]), *(self.error(k, best, w, covariance, delta, sign) for sign in (1, -1)))
            for k in (0, 1)
        )
        observed, unabsorbed = self.fluxes(best, covariance, delta)
        expected = self.photons(best)[0] @ self.fold
        mu = expected + self.groups.alpha * _background(
            self.groups.source, self.groups.background, self.groups.alpha, np.maximum(expected, 1e-30)
        )
        return Fit(
            model=self.model,
            column=Estimate(column.value * _COLUMN, column.above * _COLUMN, column.below * _COLUMN),
            parameter=parameter,
            observed=observed,
            unabsorbed=unabsorbed,
            norm=float(np.exp(best[2])),
            statistic=w,
            dof=len(mu) - 3,
            chi=float(np.sum((self.groups.source - mu) ** 2 / mu)),
            expected=expected,
        )

    def error(self, k: int, best: Floats, w: float, covariance: Floats, delta: float, sign: int) -> float:
        """Return the upper or lower error of a parameter: where the profile of W has risen by `delta`, or the bound."""
        guess = sign * float(np.sqrt(max(delta * covariance[k, k], 1e-12)))
        limit = float((self._high if sign > 0 else self._low)[k] - best[k])
        along = covariance[:, k] / max(covariance[k, k], 1e-12)  # how the others follow
        along[k] = 1.0
        shift = guess
        for _ in range(12):
            shift = limit if abs(shift) > abs(limit) else shift
            _, level, _ = self.minimise(best + shift * along, fixed=k, enough=5e-3)
            rise = level - w
            if abs(rise - delta) < 0.02 or (shift == limit and rise < delta):
                return shift
            if rise <= 0:
                shift *= 2
                continue
            shift *= float(np.clip(np.sqrt(delta / rise), 0.3, 3.0))
        return shift

    def fluxes(self, best: Floats, covariance: Floats, delta: float) -> tuple[Estimate, Estimate]:
        """Return the observed and the unabsorbed flux; errors from the Fisher matrix, in the logarithm."""
        inside = (instrument.MIDDLES > 0.3) & (instrument.MIDDLES < 10.0)
        energy = instrument.MIDDLES * np.diff(instrument.ENERGIES) * inside * _ERG
        observed = (self.photons(best) @ energy)[[0, 1, 2, 0]]
        shape, slope = self.shape(float(best[1]))
        free = np.exp(best[2]) * np.array([shape @ energy, 0.0, slope @ energy, shape @ energy])
        return _flux(observed, covariance, delta), _flux(free, covariance, delta)


def _background(n: Floats, back: Floats, alpha: float, m: Floats) -> Floats:
    """Most likely counts in the background region, given the model `m` of the source."""
    half = alpha * (n + back) - (1 + alpha) * m
    root = np.sqrt(half**2 + 4 * alpha * (1 + alpha) * back * m)
    stable = 2 * back * m / np.maximum(root - half, 1e-300)
    return np.asarray(np.where(half > 0, (half + root) / (2 * alpha * (1 + alpha)), stable))


def _flux(value_and_slopes: Floats, covariance: Floats, delta: float) -> Estimate:
    value = float(value_and_slopes[0])
    slopes = value_and_slopes[1:] / value
    spread = float(np.sqrt(max(delta * float(slopes @ covariance @ slopes), 0.0)))
    return Estimate(value, value * float(np.expm1(spread)), value * float(np.expm1(-spread)))
