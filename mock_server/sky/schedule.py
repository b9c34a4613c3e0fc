"""When the telescope looked, and looks: the observing plan of a source as a function of seed and time.

The list of observations up to any moment is a prefix of the list up to a later one: nothing here knows what time it is.
The plan is assumed throughout; it imitates how bursts are followed and variable sources are monitored.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import count, takewhile
from typing import TYPE_CHECKING

from ..core import random
from ..core.model import Observation, Snapshot
from ..core.selection import FRAME_S
from ..core.timescales import DAY, met_from_mjd, mjd_from_met, service_from_met
from . import coordinates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .sources import Source

ORBIT_S = 5760.0
SUN_LIMIT_DEG = 46.0
REST_S = 6 * 3600.0  # between observations of one source; keeps them in order of availability
LATENCY_S = (1.5 * 3600.0, REST_S)  # from the end of an observation to its arrival in the archive
_WT_BELOW, _WT_ABOVE, _WT_AT_LEAST_S = 5.0, 10.0, 8.0  # count/s: leave WT, return to WT; shortest first WT look
_MOST_COUNTS = 5000.0  # bright sources get short looks
_SHORTEST_S = 60.0
_LAST_SEGMENT = 999


@lru_cache(maxsize=256)
def planned(source: Source, seed: int, year: int) -> tuple[Observation, ...]:
    """Return all observations of a source that start before the end of `year`, in order of time, first processing."""
    until = met_from_mjd(51910.0 + 365.25 * (year + 1 - 2001) + 1)
    found = [o for target in source.targets for o in _of_target(source, seed, target, until)]
    return tuple(_one_at_a_time(sorted(found, key=lambda o: (o.snapshots[0].start, o.obsid))))


def begins_at(source: Source, seed: int, target: str) -> float:
    """When a target exists from [s, MET]: the trigger, or the first planned observation."""
    if source.is_burst and source.t0_met is not None:
        return source.t0_met
    plan = source.plan
    for later, since in plan.later:
        if later == target:
            return since
    if target == plan.weekly_target and plan.weekly_from_mjd is not None:
        return met_from_mjd(plan.weekly_from_mjd)
    first = _first(source, seed)
    if target == source.targets[0]:
        return first
    last = first + 2000 * DAY if plan.weekly_from_mjd is None else met_from_mjd(plan.weekly_from_mjd)
    return random.uniform(seed, "target begins", target, low=first, high=max(last, first + DAY))


def _first(source: Source, seed: int) -> float:
    """First observation [s, MET]; a documented zero of time on the planned day is its first good second."""
    mjd = source.plan.first_mjd
    if mjd is None:
        mjd = round(random.uniform(seed, "first", source.name, low=53371.0, high=60371.0), 3)
    first = met_from_mjd(mjd)
    if source.t0_met is not None and abs(source.t0_met - first) < DAY:
        return source.t0_met
    return first


def _of_target(source: Source, seed: int, target: str, until: float) -> Iterator[Observation]:
    if source.is_burst:
        times: Iterable[tuple[int, float]] = _burst_times(source, seed)
    else:
        starts = takewhile(lambda t: t < until, _starts(source, seed, target))
        times = zip(range(1, _LAST_SEGMENT + 1), starts, strict=False)
    for segment, start in times:
        if start < until:
            yield _observation(source, seed, f"{target}{segment:03d}", start)


def _burst_times(source: Source, seed: int) -> Iterator[tuple[int, float]]:
    """Segment and start [s, MET]: at once, then on days 2, 3, 4, 6, 8, ... until the source is given up."""
    t0, plan = source.t0_met or 0.0, source.plan
    delay = plan.start_s
    if delay is None:
        delay = max(60.0, 10 ** random.normal(seed, "slew", source.name, mean=1.98, sigma=0.15))
    yield 0, t0 + round(delay, 3)
    day = 2
    for segment in range(1, _LAST_SEGMENT + 1):
        if day >= plan.days:
            return
        yield segment, round(t0 + (day + random.uniform(seed, "follow-up", source.name, segment, high=0.3)) * DAY, 3)
        day += day // 4 + 1


def _starts(source: Source, seed: int, target: str) -> Iterator[float]:
    """Starts of observations of one target [s, MET], for ever if it is monitored."""
    plan = source.plan
    weekly = None if plan.weekly_from_mjd is None else met_from_mjd(plan.weekly_from_mjd)
    monitored = weekly is not None and target == (plan.weekly_target or source.targets[0])
    if not monitored or target == source.targets[0]:
        for start in _campaign(source, seed, target):
            if weekly is None or start < weekly:
                yield start
    if weekly is not None and monitored:
        yield from _weekly(source, seed, weekly)


def _campaign(source: Source, seed: int, target: str) -> Iterator[float]:
    alone = len(source.targets) == 1
    low, high = (3, 40) if alone else (1, 6)
    size = source.plan.observations or random.whole(seed, "campaign", target, low=low, high=high)
    spacing = 10 ** random.uniform(seed, "spacing", target, high=math.log10(20.0))
    start = begins_at(source, seed, target)
    for n in range(size):
        yield round(start, 5)
        start += spacing * random.uniform(seed, "interval", target, n, low=1.0, high=1.5) * DAY


def _weekly(source: Source, seed: int, begin: float) -> Iterator[float]:
    period = source.plan.every_days
    phase = random.uniform(seed, "weekday", source.name, high=period - 0.5 * min(period, 1.0))
    for week in count():
        jitter = random.uniform(seed, "hour", source.name, week, high=0.4 * min(period, 1.0))
        start = round(begin + (phase + week * period + jitter) * DAY, 3)
        if coordinates.separation((source.ra, source.dec), coordinates.sun(mjd_from_met(start))) > SUN_LIMIT_DEG:
            yield start


def _one_at_a_time(observations: Iterable[Observation]) -> Iterator[Observation]:
    """Leave out what would start before the telescope has finished, and rested from, the one before."""
    free = -math.inf
    for observation in observations:
        if observation.snapshots[0].start >= free:
            free = observation.snapshots[-1].stop + REST_S
            yield observation


def _observation(source: Source, seed: int, obsid: str, start: float) -> Observation:
    looks = _burst_looks(source, seed, obsid, start) if source.is_burst else _looks(source, seed, obsid, start)
    parts = [p for n, look in enumerate(looks) for p in _modes(source, *look, first=n == 0 and obsid[8:] == "000")]
    snapshots = tuple(Snapshot(n, mode, low, high) for n, (mode, low, high) in enumerate(parts, start=1))
    ra, dec = coordinates.offset(
        (source.ra, source.dec),
        math.sqrt(random.uniform(seed, "pointing", obsid)) / 60.0,
        random.uniform(seed, "pointing angle", obsid, high=2 * math.pi),
    )
    latency = random.uniform(seed, "latency", obsid, low=LATENCY_S[0], high=LATENCY_S[1])
    return Observation(obsid, ra, dec, service_from_met(snapshots[-1].stop) + latency, 1, "", snapshots)


def _burst_looks(source: Source, seed: int, obsid: str, start: float) -> Iterator[tuple[float, float]]:
    """Bounds [s, MET] of the looks: twelve orbits at first, three to five later."""
    t0 = source.t0_met or 0.0
    first = obsid[8:] == "000"
    number = 12 if first else random.whole(seed, "orbits", obsid, low=3, high=5)
    for n in range(number):
        low = start + n * ORBIT_S
        shortest, longest = (1200.0, 2100.0) if first else (900.0, 1800.0)
        length = random.uniform(seed, "look", obsid, n, low=shortest, high=longest)
        if first and n == 0:
            end = source.plan.first_end_s or random.uniform(seed, "first look", obsid, low=1500.0, high=2200.0)
            length = max(t0 + end - low, _SHORTEST_S * 2)
        yield low, round(low + length, 3)


def _looks(source: Source, seed: int, obsid: str, start: float) -> Iterator[tuple[float, float]]:
    """Bounds [s, MET] of one to five looks; monitoring is content with two shorter ones."""
    weekly = source.plan.weekly_from_mjd
    short = weekly is not None and start >= met_from_mjd(weekly)
    number = random.whole(seed, "orbits", obsid, low=1, high=2 if short else 5)
    longest = _MOST_COUNTS / max(source.mean_rate_at(start), 1e-9) / number
    for n in range(number):
        length = random.uniform(seed, "look", obsid, n, low=300.0, high=900.0 if short else 1700.0)
        low = round(start + n * ORBIT_S, 5)
        yield low, low + max(min(length, longest), _SHORTEST_S)


def _modes(source: Source, low: float, high: float, *, first: bool) -> Iterator[tuple[str, float, float]]:
    """Cut a look into stretches of one mode; PC stretches are whole frames."""
    changes = list(_mode_changes(source, low, high, first=first))
    for (mode, start), (_, stop) in zip(changes, [*changes[1:], ("", high)], strict=True):
        frames = math.floor((stop - start) / FRAME_S + 1e-6)
        if mode == "WT":
            yield mode, start, round(stop, 5)
        elif frames > 0:
            yield mode, start, start + frames * FRAME_S


def _mode_changes(source: Source, low: float, high: float, *, first: bool) -> Iterator[tuple[str, float]]:
    """Mode and the instant it begins [s, MET]: WT while the true rate is high, with some inertia."""
    rate = source.mean_rate_at(low)
    mode = source.plan.modes or ("WT" if rate > _WT_BELOW or (first and source.is_burst) else "PC")
    yield mode, low
    if source.plan.modes or not source.is_burst:
        return
    time = low + _WT_AT_LEAST_S
    while time < high - _WT_AT_LEAST_S:
        rate = source.mean_rate_at(time)
        if (mode == "WT" and rate < _WT_BELOW) or (mode == "PC" and rate > _WT_ABOVE):
            mode = "PC" if mode == "WT" else "WT"
            yield mode, round(time, 3)
        time += max(2.5, 0.01 * (time - (source.t0_met or 0.0)))
