"""Sources that no catalogue lists: bursts known by name alone, and sources at arbitrary coordinates.

Their properties are drawn, keyed by the name, the lowest target ID or the sky cell, so it never changes (assumed).
"""

from __future__ import annotations

import math
import re
from datetime import date, timedelta
from functools import lru_cache

from ..core import random
from ..core.timescales import DAY, EPOCH_UNIX, met_from_service
from . import coordinates
from .sources import Flare, Plan, Rate, Source, Spectrum

_BURST = re.compile(r"grb(\d{2})(\d{2})(\d{2})([a-z]?)")
_FIRST_DAY = date(2004, 11, 20)  # launch
_EPOCH_DAY = date(2001, 1, 1)
_BURST_BLOCK, _CELL_BLOCK = 2_000_000, 4_000_000  # target IDs 02000000-02999999 and 04000000-04999999
_BLOCK = 1_000_000
_CELL_DEG = 0.1


def burst_from_name(seed: int, key: str) -> Source | None:
    """Return the burst that a name (no blanks, lower case: ``grb230815c``) stands for; None for other names."""
    match = _BURST.fullmatch(key)
    if match is None:
        return None
    try:
        day = date(2000 + int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
    if day < _FIRST_DAY or not (match[4] or day.year < 2010):  # later bursts always have a letter
        return None
    return _named_burst(seed, (day - _EPOCH_DAY).days, match[4] or "a")


def burst_from_target(seed: int, target: str) -> Source | None:
    """Return the burst whose target ID encodes its day and letter; None for any other target."""
    code = int(target) - _BURST_BLOCK if target.isdecimal() else -1
    if not 0 <= code < _BLOCK:
        return None
    days, letter = divmod(code, 26)
    return _named_burst(seed, days, chr(ord("a") + letter))


@lru_cache(maxsize=1024)
def _named_burst(seed: int, days: int, letter: str) -> Source:
    """Return the burst of a day [days since 2001-01-01] and a letter."""
    day = _EPOCH_DAY + timedelta(days=days)
    name = f"GRB {day:%y%m%d}{letter.upper()}"
    time = EPOCH_UNIX + (days + random.uniform(seed, "trigger", name)) * DAY
    target = f"{_BURST_BLOCK + days * 26 + ord(letter) - ord('a'):08d}"
    return burst(seed, name, anywhere(seed, name), (target,), round(met_from_service(time), 3))


def burst(seed: int, name: str, position: tuple[float, float], targets: tuple[str, ...], t0: float) -> Source:
    """Return a burst with slopes, breaks, level and flares drawn for `name`."""

    def draw(what: str, mean: float, sigma: float) -> float:
        return random.normal(seed, what, name, mean=mean, sigma=sigma, clip=2.5)

    breaks = [10 ** draw("break 1", 2.5, 0.2), 10 ** draw("break 2", 4.0, 0.4), 10 ** draw("break 3", 5.6, 0.3)]
    means = ((3.0, 0.5), (0.5, 0.2), (1.25, 0.15), (2.0, 0.2))
    slopes = tuple(draw(f"slope {n}", mean, sigma) for n, (mean, sigma) in enumerate(means, start=1))
    peak = 10 ** random.uniform(seed, "flare", name, low=2.2, high=3.2)
    flare = Flare(peak, 0.15 * peak, random.uniform(seed, "flare factor", name, low=0.5, high=5.0))
    rate = Rate(
        kind="decay",
        rate_at_reference=10 ** draw("rate", -1.7, 0.5),
        reference_s=11 * 3600.0,
        slopes=slopes,
        breaks_s=tuple(sorted(breaks)),
        flares=(flare,) if random.uniform(seed, "flares", name) < 0.4 else (),
    )
    return Source(
        name, *position, cls="grb", targets=targets, t0_met=t0, rate=rate, spectrum=_spectrum(seed, name), plan=Plan()
    )


def anything(seed: int, targets: tuple[str, ...], position: tuple[float, float] | None) -> Source:
    """Return a source at an unknown position, or for unknown targets."""
    key = min(targets) if targets else cell_target(position or (0.0, 0.0), seed)
    targets = tuple(sorted(targets)) or (key,)
    snapped = (round(position[0], 3), round(position[1], 3)) if position else anywhere(seed, key)
    angle = random.uniform(seed, "offset angle", key, high=2 * math.pi)
    ra, dec = coordinates.offset(snapped, random.uniform(seed, "offset", key, high=2.0) / 3600.0, angle)
    plan = Plan()
    if random.uniform(seed, "monitored", key) < 0.15:
        plan = Plan(first_mjd=_first_mjd(seed, key), weekly_from_mjd=_first_mjd(seed, key) + 100.0)
    return Source(
        f"target {key}", ra, dec, targets=targets, rate=_rate(seed, key), spectrum=_spectrum(seed, key), plan=plan
    )


def cell_target(position: tuple[float, float], seed: int) -> str:
    """Target ID that belongs to the sky cell of a position that was never observed."""
    row = math.floor((position[1] + 90.0) / _CELL_DEG)
    width = _CELL_DEG / max(math.cos(math.radians((row + 0.5) * _CELL_DEG - 90.0)), 1e-3)
    number = random.whole(seed, "cell", row, math.floor(position[0] / width), low=0, high=_BLOCK - 1)
    return f"{_CELL_BLOCK + number:08d}"


def _first_mjd(seed: int, key: str) -> float:
    return round(random.uniform(seed, "first", f"target {key}", low=53371.0, high=60371.0), 3)


def anywhere(seed: int, key: str) -> tuple[float, float]:
    """Return a position [deg, J2000] drawn for a key, uniformly over the sky."""
    height = random.uniform(seed, "dec", key, low=-1.0, high=1.0)
    return round(random.uniform(seed, "ra", key, high=360.0), 4), round(math.degrees(math.asin(height)), 4)


def _rate(seed: int, key: str) -> Rate:
    """Half of them persistent, a fifth periodic, a tenth in outburst, 15 % faint, the rest empty."""
    kind = random.uniform(seed, "class", key)
    mean = 10 ** random.normal(seed, "rate", key, mean=-1.0, sigma=0.6, clip=2.5)
    noise = random.uniform(seed, "rms", key, low=0.1, high=0.5)
    if kind < 0.5:
        return Rate(mean_rate=mean, red_noise_rms=noise)
    if kind < 0.7:
        period = 10 ** random.uniform(seed, "period", key, low=2.0, high=4.0)
        share = random.uniform(seed, "pulsed", key, low=0.2, high=0.7)
        return Rate(mean_rate=mean, red_noise_rms=noise, period_s=period, pulsed_fraction=share)
    faint = 10 ** random.uniform(seed, "faint", key, low=-4.0, high=-3.0)
    if kind < 0.8:
        start = _first_mjd(seed, key) + random.uniform(seed, "outburst", key, low=-20.0, high=40.0)
        decay = random.uniform(seed, "decay", key, low=20.0, high=60.0)
        factor = 10 ** random.uniform(seed, "peak", key, low=1.5, high=2.5)
        return Rate("outburst", quiescent_rate=faint, red_noise_rms=noise, outbursts_mjd=((start, decay, factor),))
    return Rate(mean_rate=faint) if kind < 0.95 else Rate("none")


def _spectrum(seed: int, key: str) -> Spectrum:
    return Spectrum(
        nh=10 ** random.normal(seed, "column", key, mean=21.3, sigma=0.4, clip=2.5),
        gamma=random.uniform(seed, "index", key, low=1.6, high=2.3),
    )


def galactic_column(seed: int, position: tuple[float, float]) -> float:
    """Galactic column [cm-2] towards a position: a slab, with scatter keyed by the sky cell."""
    latitude = max(abs(coordinates.galactic(position)[1]), 4.0)
    scatter = random.normal(seed, "galactic", cell_target(position, seed), sigma=0.15, clip=2.5)
    return 2e20 / math.sin(math.radians(latitude)) * 10**scatter
