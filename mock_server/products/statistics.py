"""From counts to rates, errors, limits and significances: the published methods, vectorised. No draws, no files.

Few counts are treated after Kraft, Burrows & Nousek (1991): the density of the source counts S >= 0, given N counts and
a known background B, goes as (S + B)^N exp(-(S + B)).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import erf, erfcinv, gammainc, gammaincc, gammainccinv, gammaln, lambertw

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from .instrument import Floats

ONE_SIGMA = 0.683
"""Content of the intervals that stand for 1-sigma errors (derived from published rows)."""
CERTAIN = 1000.0
"""Written instead of an infinite significance (documented)."""
BAYESIAN_BELOW = 5.0
"""Significance from which a bin with few counts has the Gaussian one instead (field: 818 of 818 published rows)."""
_STEPS = 40
_TINY = 1e-200  # below, a probability is computed by its logarithm


def interval(counts: ArrayLike, background: ArrayLike, confidence: float) -> tuple[Floats, Floats]:
    """Shortest interval of source counts that holds `confidence` of the probability.

    Parameters
    ----------
    counts
        Counts in the source region, shape (n,).
    background
        Background expected among them, shape (n,).

    Returns
    -------
    lower, upper
        Source counts, each of shape (n,).
    """
    n, b = (np.atleast_1d(np.asarray(values, dtype=float)) for values in (counts, background))
    total = gammaincc(n + 1, b)
    upper = gammainccinv(n + 1, (1 - confidence) * total)  # the one-sided interval, which begins at zero
    faint = total < _TINY
    if faint.any():
        # Both tails would underflow. The logarithm of the upper one is concave: Newton's steps close in from above.
        a, end = n[faint] + 1, b[faint]
        wanted = _log_tail(a, end)[0] + np.log1p(-confidence)
        for _ in range(_STEPS):
            log_tail, scale = _log_tail(a, end)
            end = end + (log_tail - wanted) * scale
        upper[faint] = end
    lower = b.copy()
    two_sided = (n > b) & (1 - _beyond_level_of_zero(n, b) > confidence)
    if two_sided.any():
        lower[two_sided], upper[two_sided] = _two_sided(n[two_sided], total[two_sided], confidence)
    return lower - b, upper - b


def significance(counts: ArrayLike, background: ArrayLike) -> Floats:
    """Significance [sigma] at which the interval just touches zero; infinite without background."""
    n, b = (np.atleast_1d(np.asarray(values, dtype=float)) for values in (counts, background))
    return np.asarray(np.where(n > b, np.sqrt(2) * erfcinv(np.where(n > b, _beyond_level_of_zero(n, b), 1.0)), 0.0))


def _beyond_level_of_zero(n: Floats, b: Floats) -> Floats:
    """Probability above the source counts that are as likely as zero source counts.

    It is 0 without background, and 1 where the background alone exceeds the counts.
    """
    excess = n > b
    ratio = np.divide(b, n, out=np.ones_like(b), where=excess)
    upper = np.where(b > 0, -n * _lambert(-ratio * np.exp(-ratio), -1), np.inf)
    return np.asarray(np.divide(gammaincc(n + 1, upper), gammaincc(n + 1, b), out=np.ones_like(b), where=excess))


def _lambert(x: Floats, branch: int) -> Floats:
    return np.asarray(lambertw(np.maximum(x, -np.exp(-1.0)), branch).real)


def _log_tail(a: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Return the logarithm of the upper tail of a gamma distribution, and the length over which it falls by e.

    By Legendre's continued fraction (Lentz's method), which converges for `x` above `a` + 1.
    """
    b = x + 1 - a
    c, d = np.full_like(x, np.inf), 1 / b
    fraction = d
    for k in range(1, 500):
        step, b = -k * (k - a), b + 2
        d, c = 1 / (step * d + b), b + step / c
        fraction = fraction * c * d
        if (np.abs(c * d - 1) < 1e-13).all():
            break
    return a * np.log(x) - x - gammaln(a) + np.log(fraction), x * fraction


def _two_sided(n: Floats, total: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Ends of equal density: x exp(-x/n) is the same at both; bisect the level, in the root of its depth."""
    top = n + 12 * np.sqrt(n) + 40
    shallow, deep = np.zeros_like(n), np.sqrt(top / n - np.log(top / n) - 1)
    lower = upper = n
    for _ in range(_STEPS):
        depth = 0.5 * (shallow + deep)
        level = -np.exp(-1 - depth**2)
        lower, upper = -n * _lambert(level, 0), -n * _lambert(level, -1)
        narrow = gammainc(n + 1, upper) - gammainc(n + 1, lower) < confidence * total
        shallow, deep = np.where(narrow, depth, shallow), np.where(narrow, deep, depth)
    return lower, upper


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules of a request for its bins.

    Parameters
    ----------
    bayes
        Whether bins with few counts are treated after Kraft, Burrows & Nousek.
    bayes_counts, bayes_snr
        Counts, and Gaussian signal to noise, below which a bin has few counts.
    limits
        Whether a bin may become an upper limit.
    min_sigma
        Significance below which it becomes one.
    """

    bayes: bool = True
    bayes_counts: float = 15.0
    bayes_snr: float = 2.4
    limits: bool = True
    min_sigma: float = 3.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Rates of bins, each of shape (n_bins,).

    Parameters
    ----------
    rate
        Rate, or the value of the limit [count/s].
    above, below
        Errors; `below` is negative; both 0 for limits [count/s].
    sigma
        Significance; 1000 where there is no background. That of bins with few counts is Bayesian below 5.
    snr
        Rate over error; infinite for limits.
    limit
        Whether it is a limit.
    """

    rate: Floats
    above: Floats
    below: Floats
    sigma: Floats
    snr: Floats
    limit: NDArray[np.bool_]

    def times(self, factor: Floats) -> Measured:
        """Return the same with rates, limits and errors multiplied."""
        scaled = (self.rate * factor, self.above * factor, self.below * factor)
        return Measured(*scaled, sigma=self.sigma, snr=self.snr, limit=self.limit)


def signal_to_noise(counts: Any, background: Any, variance: Any) -> Any:
    """Gaussian signal to noise; 0 where there are no counts at all."""
    noise = np.sqrt(counts + variance)
    return (counts - background) / np.where(noise > 0, noise, 1.0)


def measure(
    counts: ArrayLike, background: ArrayLike, variance: ArrayLike, scale: ArrayLike, rules: Rules | None = None
) -> Measured:
    """Turn counts into rates or limits.

    Parameters
    ----------
    counts, background
        Counts in the source region, and those expected from the background among them, shape (n_bins,).
    variance
        Variance of `background`: counts in the background region times the squared ratio of areas.
    scale
        Correction factor over exposure [1/s].
    """
    rules = rules or Rules()
    c, b, v, f = (np.atleast_1d(np.asarray(values, dtype=float)) for values in (counts, background, variance, scale))
    net, error = c - b, np.sqrt(c + v)
    snr = signal_to_noise(c, b, v)
    sigma = np.divide(net, np.sqrt(v), out=np.full_like(c, CERTAIN), where=v > 0)
    above, below, value = error.copy(), -error, net.copy()
    ceiling = np.maximum(net, 0.0) + rules.min_sigma * error
    few = ((c < rules.bayes_counts) | (snr < rules.bayes_snr)) & rules.bayes
    if few.any():
        value[few] = np.maximum(net[few], 0.0)
        lower, upper = interval(c[few], b[few], ONE_SIGMA)
        above[few], below[few] = upper - value[few], lower - value[few]
        bayesian = significance(c[few], b[few])
        sigma[few] = np.where(bayesian < BAYESIAN_BELOW, bayesian, sigma[few])
        snr[few] = np.divide(value[few], -below[few], out=np.zeros(few.sum()), where=below[few] < 0)
        ceiling[few] = interval(c[few], b[few], float(erf(rules.min_sigma / np.sqrt(2))))[1]
    limit = (sigma < rules.min_sigma) & rules.limits
    rate = np.where(limit, ceiling, value) * f
    above, below = np.where(limit, 0.0, above * f), np.where(limit, 0.0, below * f)
    return Measured(rate, above, below, sigma, np.where(limit, np.inf, snr), limit)
