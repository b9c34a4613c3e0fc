"""The observing plan of a source, past and future, as a function of seed and time.

The list of observations up to any moment is a prefix of the list up to a later one: the present time plays no part.
The plan is assumed throughout; it imitates how bursts are followed and variable sources are monitored.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import count, pairwise, takewhile
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
_WT_BELOW, _WT_ABOVE, _WT_AT_LEAST_S = 5.0, 10.0, 8.0  # count/s: leave WT, return to WT; shortest first WT snapshot
_MOST_COUNTS = 5000.0  # bright sources are observed for a short time
_SHORTEST_S = 60.0
_LAST_SEGMENT = 999


@lru_cache(maxsize=256)
def planned(source: Source, seed: int, year: int) -> tuple[Observation, ...]:
    """Return all observations of a source that start before the end of `year`, in order of time, first processing."""
    plan = Schedule(source, seed)
    until = met_from_mjd(51910.0 + 365.25 * (year + 1 - 2001) + 1)
    found = [observation for target in source.targets for observation in plan.of_target(target, until)]
    kept: list[Observation] = []
    for observation in sorted(found, key=lambda o: (o.snapshots[0].start, o.obsid)):
        # the telescope finishes an observation, and rests, before the next one starts
        if not kept or observation.snapshots[0].start >= kept[-1].snapshots[-1].stop + REST_S:
            kept.append(observation)
    return tuple(kept)


def begins_at(source: Source, seed: int, target: str) -> float:
    """Return the start of a target [s, MET]: the trigger, or the first planned observation."""
    return Schedule(source, seed).begins_at(target)


class Schedule:
    """The observing plan of one source under one seed; all instants are [s, MET]."""

    def __init__(self, source: Source, seed: int) -> None:
        self.source, self.seed, self.plan = source, seed, source.plan
        weekly = source.plan.weekly_from_mjd
        self.weekly_from = None if weekly is None else met_from_mjd(weekly)

    def begins_at(self, target: str) -> float:
        """Return the start of a target."""
        source = self.source
        if source.is_burst and source.t0_met is not None:
            return source.t0_met
        for later, since in self.plan.later:
            if later == target:
                return since
        if target == self.plan.weekly_target and self.weekly_from is not None:
            return self.weekly_from
        first = self.first()
        if target == source.targets[0]:
            return first
        last = first + 2000 * DAY if self.weekly_from is None else self.weekly_from
        return random.uniform(self.seed, "target begins", target, low=first, high=max(last, first + DAY))

    def first(self) -> float:
        """First observation; a documented zero of time on the planned day is its first good second."""
        mjd, t0 = self.plan.first_mjd, self.source.t0_met
        if mjd is None:
            mjd = round(random.uniform(self.seed, "first", self.source.name, low=53371.0, high=60371.0), 3)
        first = met_from_mjd(mjd)
        return t0 if t0 is not None and abs(t0 - first) < DAY else first

    def of_target(self, target: str, until: float) -> Iterator[Observation]:
        """Observations of one target that start before `until`."""
        if self.source.is_burst:
            times: Iterable[tuple[int, float]] = self.burst_starts()
        else:
            times = zip(range(1, _LAST_SEGMENT + 1), takewhile(lambda t: t < until, self.starts(target)), strict=False)
        for segment, start in times:
            if start < until:
                yield self.observation(f"{target}{segment:03d}", start)

    def burst_starts(self) -> Iterator[tuple[int, float]]:
        """Segment and start: at once, then on days 2, 3, 4, 6, 8, ... until the source is given up."""
        t0, name, delay = self.source.t0_met or 0.0, self.source.name, self.plan.start_s
        if delay is None:
            delay = max(60.0, 10 ** random.normal(self.seed, "slew", name, mean=1.98, sigma=0.15))
        yield 0, t0 + round(delay, 3)
        day = 2
        for segment in range(1, _LAST_SEGMENT + 1):
            if day >= self.plan.days:
                return
            yield segment, round(t0 + (day + random.uniform(self.seed, "follow-up", name, segment, high=0.3)) * DAY, 3)
            day += day // 4 + 1

    def starts(self, target: str) -> Iterator[float]:
        """Starts of the observations of one target, for ever if it is monitored."""
        weekly, first_target = self.weekly_from, self.source.targets[0]
        monitored = weekly is not None and target == (self.plan.weekly_target or first_target)
        if not monitored or target == first_target:
            yield from (start for start in self.campaign(target) if weekly is None or start < weekly)
        if weekly is not None and monitored:
            yield from self.monitoring(weekly)

    def campaign(self, target: str) -> Iterator[float]:
        """Starts of a limited number of observations."""
        low, high = (3, 40) if len(self.source.targets) == 1 else (1, 6)
        size = self.plan.observations or random.whole(self.seed, "campaign", target, low=low, high=high)
        spacing = 10 ** random.uniform(self.seed, "spacing", target, high=math.log10(20.0))
        start = self.begins_at(target)
        for n in range(size):
            yield round(start, 5)
            start += spacing * random.uniform(self.seed, "interval", target, n, low=1.0, high=1.5) * DAY

    def monitoring(self, begin: float) -> Iterator[float]:
        """Starts of one observation each week, or whatever the plan says, but near the Sun."""
        source, period = self.source, self.plan.every_days
        phase = random.uniform(self.seed, "weekday", source.name, high=period - 0.5 * min(period, 1.0))
        for week in count():
            jitter = random.uniform(self.seed, "hour", source.name, week, high=0.4 * min(period, 1.0))
            start = round(begin + (phase + week * period + jitter) * DAY, 3)
            if coordinates.separation((source.ra, source.dec), coordinates.sun(mjd_from_met(start))) > SUN_LIMIT_DEG:
                yield start

    def observation(self, obsid: str, start: float) -> Observation:
        """Plan one observation: its orbits, cut into snapshots, its pointing, and when the archive has it."""
        first_of_burst = self.source.is_burst and obsid[8:] == "000"
        orbits = self.burst_orbits(obsid, start) if self.source.is_burst else self.orbits(obsid, start)
        parts = [part for n, orbit in enumerate(orbits) for part in self.modes(*orbit, first=first_of_burst and n == 0)]
        snapshots = tuple(Snapshot(n, mode, low, high) for n, (mode, low, high) in enumerate(parts, start=1))
        ra, dec = coordinates.offset(
            (self.source.ra, self.source.dec),
            math.sqrt(random.uniform(self.seed, "pointing", obsid)) / 60.0,
            random.uniform(self.seed, "pointing angle", obsid, high=2 * math.pi),
        )
        latency = random.uniform(self.seed, "latency", obsid, low=LATENCY_S[0], high=LATENCY_S[1])
        return Observation(obsid, ra, dec, service_from_met(snapshots[-1].stop) + latency, 1, "", snapshots)

    def burst_orbits(self, obsid: str, start: float) -> Iterator[tuple[float, float]]:
        """Bounds of the time on target: in twelve orbits at first, three to five later."""
        t0 = self.source.t0_met or 0.0
        first = obsid[8:] == "000"
        number = 12 if first else random.whole(self.seed, "orbits", obsid, low=3, high=5)
        for n in range(number):
            low = start + n * ORBIT_S
            shortest, longest = (1200.0, 2100.0) if first else (900.0, 1800.0)
            length = random.uniform(self.seed, "look", obsid, n, low=shortest, high=longest)
            if first and n == 0:
                end = self.plan.first_end_s or random.uniform(self.seed, "first look", obsid, low=1500.0, high=2200.0)
                length = max(t0 + end - low, _SHORTEST_S * 2)
            yield low, round(low + length, 3)

    def orbits(self, obsid: str, start: float) -> Iterator[tuple[float, float]]:
        """Bounds of the time on target in one to five orbits; monitoring is content with two shorter ones."""
        short = self.weekly_from is not None and start >= self.weekly_from
        number = random.whole(self.seed, "orbits", obsid, low=1, high=2 if short else 5)
        longest = _MOST_COUNTS / max(self.source.mean_rate_at(start), 1e-9) / number
        for n in range(number):
            length = random.uniform(self.seed, "look", obsid, n, low=300.0, high=900.0 if short else 1700.0)
            low = round(start + n * ORBIT_S, 5)
            yield low, low + max(min(length, longest), _SHORTEST_S)

    def modes(self, low: float, high: float, *, first: bool) -> Iterator[tuple[str, float, float]]:
        """Cut the time on target into stretches of one mode; PC stretches are whole frames."""
        changes = [*self.mode_changes(low, high, first=first), ("", high)]
        for (mode, start), (_, stop) in pairwise(changes):
            frames = math.floor((stop - start) / FRAME_S + 1e-6)
            if mode == "WT":
                yield mode, start, round(stop, 5)
            elif frames > 0:
                yield mode, start, start + frames * FRAME_S

    def mode_changes(self, low: float, high: float, *, first: bool) -> Iterator[tuple[str, float]]:
        """Mode and the instant it begins: WT while the true rate is high, with some inertia."""
        source = self.source
        mode = self.plan.modes or ("WT" if source.mean_rate_at(low) > _WT_BELOW or first else "PC")
        yield mode, low
        if self.plan.modes or not source.is_burst:
            return
        time = low + _WT_AT_LEAST_S
        while time < high - _WT_AT_LEAST_S:
            rate = source.mean_rate_at(time)
            if (mode == "WT" and rate < _WT_BELOW) or (mode == "PC" and rate > _WT_ABOVE):
                mode = "PC" if mode == "WT" else "WT"
                yield mode, round(time, 3)
            time += max(2.5, 0.01 * (time - (source.t0_met or 0.0)))
