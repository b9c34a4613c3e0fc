# ruff: noqa: N802, N803 - documented names
"""Rates and limits from counts.

They follow Kraft, Burrows & Nousek (1991, ApJ 374, 344): the brightness of the source is unknown, the background is
known, and the interval is the shortest one with the wanted content of the posterior.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from scipy.optimize import brentq
from scipy.special import gammaincc, gammainccinv, gammaln

from ..errors import RequestInvalid

ONE_SIGMA = 0.683
_TINY = 1e-200  # below, a probability is computed by its logarithm


def bayesRate(N: float, B: float, conf: float) -> tuple[float, float, float]:
    """Return lower bound, upper bound and most probable value of the number of source counts.

    Parameters
    ----------
    N
        Counts in the source region.
    B
        Expected background counts in the source region, known exactly.
    conf
        Content of the posterior between the bounds, 0 to 1; above 1 in percent.

    Raises
    ------
    RequestInvalid
        Counts are negative, or `conf` is out of range.

    Notes
    -----
    The posterior of s >= 0 is proportional to (s + B)^N exp(-(s + B)). The bounds enclose the shortest interval, so
    they have equal densities unless the lower one is 0.
    """
    conf = fraction("conf", conf)
    if N < 0 or B < 0:
        raise RequestInvalid(f"counts cannot be negative: N={N}, B={B}")
    mode = max(0.0, float(N - B))
    total = gammaincc(N + 1, B)
    if total < _TINY:  # the background exceeds the counts by far
        # Both tails would underflow. The logarithm of the upper one is concave: Newton's steps close in from above.
        wanted, end = _log_tail(N + 1, B)[0] + math.log1p(-conf), B
        for _ in range(50):
            log_tail, scale = _log_tail(N + 1, end)
            end += (log_tail - wanted) * scale
        return (0.0, end - B, mode)

    def above(s: float) -> float:
        """Content of the posterior above s."""
        return float(gammaincc(N + 1, s + B) / total)

    def upper(low: float) -> float:
        """Upper end of the interval with content `conf` that begins at `low`."""
        return float(gammainccinv(N + 1, max(above(low) - conf, 0.0) * total)) - B

    def log_density(s: float) -> float:
        return float(N * math.log(s + B) - (s + B)) if N else -(s + B)

    def excess(low: float) -> float:
        """Logarithm of the density at the upper end over that at the lower end; 0 for the shortest interval."""
        return log_density(upper(low)) - log_density(low)

    lowest = 0.0 if B > 0 or N == 0 else 1e-12 * N
    if mode == 0.0 or excess(lowest) <= 0.0:
        return (0.0, upper(0.0), mode)
    # the lower end is below the mode, and the content above it is at least `conf`
    last = min(mode, float(gammainccinv(N + 1, total * min(1.0, conf * (1 + 1e-9)))) - B)
    low = float(brentq(excess, lowest, max(last, lowest), xtol=1e-9))
    return (low, upper(low), mode)


def _log_tail(a: float, x: float) -> tuple[float, float]:
    """Return the logarithm of the upper tail of a gamma distribution, and the length over which it falls by e.

    By Legendre's continued fraction (Lentz's method), which converges for `x` above `a` + 1.
    """
    b = x + 1 - a
    c, d = math.inf, 1 / b
    value = d
    for k in range(1, 500):
        step, b = -k * (k - a), b + 2
        d, c = 1 / (step * d + b), b + step / c
        value *= c * d
        if abs(c * d - 1) < 1e-13:
            break
    return a * math.log(x) - x - float(gammaln(a)) + math.log(value), x * value


def fraction(name: str, value: float) -> float:
    """Return a confidence as a number between 0 and 1; it may be given in percent."""
    number = value / 100.0 if value > 1 else float(value)
    if not 0 < number < 1:
        raise RequestInvalid(f"{name} is {value}, but must be between 0 and 1, or a percentage")
    return number


class Counts(NamedTuple):
    """What a bin was made of.

    Parameters
    ----------
    counts, background
        Counts in the source region, and expected background counts there.
    factor
        Correction factor of the rate.
    exposure
        Exposure [s].
    """

    counts: int
    background: float
    factor: float
    exposure: float

    def bounds(self, conf: float) -> tuple[float, float, float]:
        """Return lower bound, upper bound and most probable value of the rate [count/s]."""
        low, high, mode = (s * self.factor / self.exposure for s in bayesRate(self.counts, self.background, conf))
        return low, high, mode

    def one_sigma(self) -> dict[str, float]:
        """Return the rate and its errors [count/s]."""
        low, high, rate = self.bounds(ONE_SIGMA)
        return {"Rate": rate, "RatePos": high - rate, "RateNeg": low - rate}
