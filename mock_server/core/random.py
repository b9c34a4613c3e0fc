"""Keyed random values: a draw depends on a seed and on what it decides, never on the order of calls.

BLAKE2b turns the key into bits, so the same key gives the same number on every machine and in every process.
"""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from statistics import NormalDist


def bits(seed: int, *key: object, size: int = 8) -> int:
    """Return an integer of `size` bytes, uniform over all values, for a seed and a key."""
    text = "\x1f".join([str(part) for part in (seed, *key)])
    return int.from_bytes(blake2b(text.encode(), digest_size=size).digest(), "big")


def uniform(seed: int, *key: object, low: float = 0.0, high: float = 1.0) -> float:
    """Return a number of the open interval (`low`, `high`), uniformly distributed."""
    return low + (high - low) * ((bits(seed, *key) >> 12) + 0.5) * 2.0**-52


def normal(seed: int, *key: object, mean: float = 0.0, sigma: float = 1.0, clip: float = 8.0) -> float:
    """Return a normal deviate, clipped at `clip` standard deviations from the mean."""
    deviate = _standard_normal().inv_cdf(uniform(seed, *key))
    return mean + sigma * min(max(deviate, -clip), clip)


@cache
def _standard_normal() -> NormalDist:
    from statistics import NormalDist  # noqa: PLC0415 - a tenth of the start, and not needed before a submission

    return NormalDist()


def whole(seed: int, *key: object, low: int, high: int) -> int:
    """Return an integer from `low` to `high`, both included."""
    return low + bits(seed, *key) % (high - low + 1)
