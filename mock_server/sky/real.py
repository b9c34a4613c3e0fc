"""Sources and observations made from the tables of real objects.

Name, position, class, targets, observation IDs, starts and exposures are real where the tables have them. Everything
else, such as rate, variability and spectrum, is drawn, keyed by the name, from what is typical of the class (assumed).
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ..core import random
from ..core.model import Observation, Snapshot
from ..core.selection import FRAME_S
from ..core.timescales import DAY, met_from_mjd, met_from_service, mjd_from_met, service_from_met
from . import coordinates, drawn, known
from .known import Known
from .sources import Plan, Rate, Source, Spectrum

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .known import Visit

_ORBIT_S = 5760.0
_SAME_DEG = 10 / 3600  # positions this near are of one object
_FURTHEST_DEG = 2.1 / 60  # from the centre of a galaxy to a drawn source in it
_NUMBERS = 40
_LONGEST_LOOK_S = 1700.0
_UNKNOWN_EXPOSURE_S = (800.0, 2000.0)
_WT_ABOVE = 5.0  # count/s
_LATENCY_S = 6 * 3600.0


class _Typical(NamedTuple):
    """Typical values of a class: logarithm of the mean rate [count/s] and its scatter, rms of the variability."""

    rate: float
    scatter: float
    rms: tuple[float, float]
    gamma: tuple[float, float]
    monitored: float = 0.0
    """Share of the objects without known observations that are looked at every week."""


_CLASSES = {
    "blazar": _Typical(-0.6, 0.6, (0.3, 0.7), (1.6, 2.6), 0.3),
    "agn": _Typical(-0.7, 0.6, (0.2, 0.5), (1.6, 2.2), 0.15),
    "galaxy": _Typical(-1.8, 0.4, (0.0, 0.02), (2.0, 2.8)),
    "cluster": _Typical(-0.3, 0.3, (0.0, 0.01), (1.8, 2.2)),
    "snr": _Typical(0.0, 0.4, (0.0, 0.01), (2.0, 3.0)),
    "ulx": _Typical(-1.5, 0.3, (0.2, 0.4), (1.6, 2.4), 0.2),
    "hmxb": _Typical(-0.2, 0.6, (0.3, 0.6), (0.8, 1.6), 0.2),
    "lmxb": _Typical(-0.2, 0.6, (0.2, 0.4), (1.5, 2.2), 0.2),
    "xray": _Typical(-0.4, 0.6, (0.2, 0.5), (1.4, 2.2), 0.15),
    "cv": _Typical(-0.8, 0.5, (0.1, 0.3), (1.2, 1.8), 0.1),
    "nova": _Typical(-2.5, 0.4, (0.1, 0.3), (2.5, 4.0)),
    "star": _Typical(-1.3, 0.5, (0.1, 0.4), (2.0, 3.0)),
    "psr": _Typical(-0.8, 0.5, (0.0, 0.02), (1.5, 2.1)),
    "magnetar": _Typical(-0.7, 0.4, (0.0, 0.1), (2.5, 3.8)),
    "tde": _Typical(-3.3, 0.3, (0.0, 0.1), (2.5, 4.0)),
    "sn": _Typical(-2.9, 0.4, (0.0, 0.05), (1.8, 2.4)),
    "fbot": _Typical(-3.5, 0.3, (0.1, 0.3), (1.4, 1.8)),
    "kilonova": _Typical(-3.8, 0.2, (0.0, 0.1), (1.6, 2.2)),
    "transient": _Typical(-3.0, 0.5, (0.1, 0.3), (1.5, 2.2)),
}
_OUTBURSTS = {  # e-folding time [d] and peak over the quiet level, as ranges of logarithms
    "lmxb": ((1.3, 1.8), (1.5, 2.5)),
    "hmxb": ((1.0, 1.5), (0.8, 1.6)),
    "xray": ((1.2, 1.7), (1.2, 2.2)),
    "nova": ((1.3, 1.9), (1.5, 2.8)),
    "tde": ((1.6, 2.0), (1.5, 2.3)),
    "sn": ((1.3, 1.8), (0.3, 1.2)),
    "fbot": ((0.7, 1.2), (1.8, 2.6)),
    "kilonova": ((1.0, 1.5), (0.5, 1.2)),
    "transient": ((1.2, 1.8), (1.0, 2.0)),
    "magnetar": ((1.3, 1.9), (0.6, 1.2)),
}
_PERIODS_S = {"cv": (3.5, 4.3), "psr": (-1.5, 0.5), "magnetar": (0.4, 1.1), "hmxb": (0.5, 3.0)}
_SURELY_PERIODIC = {"cv", "psr", "magnetar"}
_LAUNCH, _PAST = met_from_mjd(53371.0), met_from_mjd(61041.0)  # from 2005 to 2026
_YEAR = re.compile(r"(?:19|20)\d{2}")


@lru_cache(maxsize=1024)
def source(seed: int, found: Known) -> Source:
    """Return the source for a real object or burst."""
    position, t0 = (found.ra, found.dec), found.t0
    if found.cls == "grb":
        targets = found.targets or (drawn.cell_target(position, seed),)
        if t0 is None:  # some time on the day that the name gives
            digits = found.name.removeprefix("GRB ")
            day = datetime(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:6]), tzinfo=UTC)
            t0 = day.timestamp() + random.uniform(seed, "trigger", found.name, high=DAY)
        return drawn.burst(seed, found.name, position, targets, round(met_from_service(t0), 3))
    own = (*known.targets_of(found.name), *known.targets_at(position))
    bursts = (burst for burst in known.near(position, _SAME_DEG) if burst.cls == "grb")  # it may be a counterpart
    targets = tuple(dict.fromkeys((*(one.target for one in own), *(t for burst in bursts for t in burst.targets))))
    return Source(
        name=found.name,
        ra=found.ra,
        dec=found.dec,
        cls=found.cls,
        targets=targets or (drawn.cell_target(position, seed),),
        aliases=found.aliases,
        rate=_rate(seed, found),
        spectrum=_spectrum(seed, found),
        plan=_plan(seed, found),
    )


def numbered(seed: int, position: tuple[float, float]) -> Source | None:
    """Return the source of a galaxy that :func:`source_in` has drawn at a position, None if it drew none there."""
    for galaxy in known.near(position, _FURTHEST_DEG):
        for number in range(1, _NUMBERS + 1):
            found = source_in(seed, galaxy, number)
            if found is not None and coordinates.separation((found.ra, found.dec), position) < _SAME_DEG / 10:
                return found
    return None


def completed(seed: int, given: Source) -> Source:
    """Return a source of the scenario with what it leaves out: rate, spectrum and plan of its class, and a target.

    A source with a rate of its own keeps what it has; one without any photons stays without a target.
    """
    if given.rate == Rate():
        like = Known(given.name, given.aliases, given.ra, given.dec, given.cls, None)
        if given.cls == "grb" and given.t0_met is not None:
            drawn_like = drawn.burst(seed, given.name, (given.ra, given.dec), given.targets, given.t0_met)
            rate, spectrum, plan = drawn_like.rate, drawn_like.spectrum, drawn_like.plan
        else:
            rate, spectrum, plan = _rate(seed, like), _spectrum(seed, like), _plan(seed, like)
        given = replace(
            given,
            rate=rate,
            spectrum=spectrum if given.spectrum == Spectrum() else given.spectrum,
            plan=plan if given.plan == Plan() else given.plan,
        )
    if given.targets or given.rate.kind == "none":
        return given
    return replace(given, targets=(drawn.cell_target((given.ra, given.dec), seed),))


def source_of_target(seed: int, number: str) -> Source | None:
    """Return the source that a real target looks at, None if the tables do not have the target."""
    burst = known.burst_of_target(number)
    if burst is not None:
        return source(seed, burst)
    target = known.target(number)
    if target is None:
        return None
    found = known.find(target.name)
    if found is None and target.pointing is not None:
        found = Known(target.name, (), *target.pointing, "xray", None)
    return None if found is None else source(seed, found)


def source_in(seed: int, galaxy: Known, number: int) -> Source | None:
    """Return a source of a galaxy that no table has: near its centre, drawn."""
    if galaxy.cls not in ("galaxy", "agn", "ulx"):
        return None
    name = f"{galaxy.name} X-{number}"
    distance = random.uniform(seed, "offset", name, low=0.2, high=2.0) / 60.0
    angle = random.uniform(seed, "offset angle", name, high=2 * math.pi)
    position = coordinates.offset((galaxy.ra, galaxy.dec), distance, angle)
    return source(seed, Known(name, (), round(position[0], 4), round(position[1], 4), "ulx", None))


def _plan(seed: int, found: Known) -> Plan:
    """Return the plan of an object for targets without known observations."""
    first = _discovered_mjd(seed, found)
    share = _CLASSES.get(found.cls, _CLASSES["xray"]).monitored
    if random.uniform(seed, "monitored", found.name) < share:
        return Plan(first_mjd=first, weekly_from_mjd=first + 100.0)
    return Plan(first_mjd=first)


def _discovered_mjd(seed: int, found: Known) -> float:
    """Return when something happened there first [MJD]: in the year of a transient's name, or at its first visit."""
    visits = [visit for target in known.targets_of(found.name) for visit in target.visits]
    if visits:
        return round(mjd_from_met(met_from_service(min(visit.start for visit in visits))) - 5.0, 3)
    year = _YEAR.search(found.name) if found.cls in _OUTBURSTS else None
    if year and int(year[0]) >= 2005:
        begin = datetime(int(year[0]), 1, 1, tzinfo=UTC).timestamp()
        return round(mjd_from_met(met_from_service(begin)) + random.uniform(seed, "first", found.name, high=330.0), 3)
    return round(random.uniform(seed, "first", found.name, low=53371.0, high=60371.0), 3)


def _rate(seed: int, found: Known) -> Rate:
    typical = _CLASSES.get(found.cls, _CLASSES["xray"])
    rate = found.rate
    if rate is None:
        rate = 10 ** random.normal(seed, "rate", found.name, mean=typical.rate, sigma=typical.scatter, clip=2.0)
    rms = random.uniform(seed, "rms", found.name, low=typical.rms[0], high=typical.rms[1])
    period = pulsed = 0.0  # if there is no pulsation
    if found.cls in _PERIODS_S and (found.cls in _SURELY_PERIODIC or random.uniform(seed, "pulses", found.name) >= 0.5):
        low, high = _PERIODS_S[found.cls]
        period = 10 ** random.uniform(seed, "period", found.name, low=low, high=high)
        pulsed = random.uniform(seed, "pulsed", found.name, low=0.1, high=0.6)
    if found.cls in _OUTBURSTS and found.rate is None:
        (low, high), (least, most) = _OUTBURSTS[found.cls]
        decay_d = 10 ** random.uniform(seed, "decay", found.name, low=low, high=high)
        factor = 10 ** random.uniform(seed, "peak", found.name, low=least, high=most)
        start = _discovered_mjd(seed, found)
        return Rate(
            "outburst",
            quiescent_rate=rate,
            red_noise_rms=rms,
            period_s=period,
            pulsed_fraction=pulsed,
            outbursts_mjd=((start, decay_d, factor),),
        )
    return Rate(mean_rate=rate, red_noise_rms=rms, period_s=period, pulsed_fraction=pulsed)


def _spectrum(seed: int, found: Known) -> Spectrum:
    low, high = _CLASSES.get(found.cls, _CLASSES["xray"]).gamma
    return Spectrum(
        nh=10 ** random.normal(seed, "column", found.name, mean=21.2, sigma=0.4, clip=2.0),
        gamma=random.uniform(seed, "index", found.name, low=low, high=high),
    )


@lru_cache(maxsize=256)
def observations(seed: int, shown: Source) -> tuple[Observation, ...]:
    """Return the known observations of a source in order of time, in their first processing."""
    visits = sorted((_start(seed, visit), visit, pointing) for visit, pointing in _visits(shown.targets))
    ends = [start for start, _, _ in visits[1:]]
    made = (
        _observation(seed, shown, visit, pointing, end - start)
        for (start, visit, pointing), end in zip(visits, [*ends, math.inf], strict=False)
    )
    return tuple(sorted(made, key=lambda observation: (observation.snapshots[0].start, observation.obsid)))


def asked(
    seed: int, shown: Source, obsids: tuple[str, ...], planned: Sequence[Observation], begin: float
) -> tuple[Observation, ...]:
    """Return observations by their IDs: real ones, planned ones, and others on the word of the caller.

    The caller's are in the past: between those of their target in the order of the segments, else a day apart from
    `begin` [s, MET] on. Their starts and lengths are drawn, whatever the present time.
    """
    visits = {visit.obsid: (visit, pointing) for visit, pointing in _visits({obsid[:8] for obsid in obsids})}
    listed = {o.obsid: o for o in planned if o.snapshots[0].start < _PAST}
    listed |= {obsid: _observation(seed, shown, *visits[obsid]) for obsid in obsids if obsid in visits}
    anchors: dict[str, list[Observation]] = {}
    for observation in sorted(listed.values(), key=lambda o: o.obsid):
        anchors.setdefault(observation.target, []).append(observation)
    taken = [(o.snapshots[0].start, o.snapshots[-1].stop) for o in listed.values()]
    for obsid in obsids:
        if obsid not in listed:
            start, room = _place(seed, obsid, anchors.get(obsid[:8], ()), begin)
            exposure = min(random.uniform(seed, "exposure", obsid, low=800.0, high=2000.0), room)
            while clash := [stop for low, stop in taken if low - _ORBIT_S < start < stop + _ORBIT_S / 2]:
                start = max(clash) + _ORBIT_S / 2
            visit = known.Visit(obsid, service_from_met(start), dated=False, exposure_s=exposure)
            listed[obsid] = _observation(seed, shown, visit, None)
            taken.append((start, listed[obsid].snapshots[-1].stop))
    return tuple(listed[obsid] for obsid in obsids)


def _place(seed: int, obsid: str, anchors: Sequence[Observation], begin: float) -> tuple[float, float]:
    """Return the start [s, MET] of an observation among others of its target, and the time it may take [s]."""
    segment = int(obsid[8:])
    shift = random.uniform(seed, "hour", obsid, high=0.3)
    before = [o for o in anchors if int(o.obsid[8:]) < segment]
    after = [o for o in anchors if int(o.obsid[8:]) > segment]
    if before and after:
        first = int(before[-1].obsid[8:])
        low, high = before[-1].snapshots[-1].stop, after[0].snapshots[0].start
        step = (high - low) / (int(after[0].obsid[8:]) - first)
        if step > 4 * _ORBIT_S:
            return low + (segment - first - 0.5 + shift) * step, step / 4
    if before:
        start = before[-1].snapshots[-1].stop + (segment - int(before[-1].obsid[8:]) + shift) * DAY
    elif after:
        start = after[0].snapshots[0].start - (int(after[0].obsid[8:]) - segment - shift) * DAY
    else:
        start = begin + (segment + shift) * DAY
    if start > _PAST > begin or start < _LAUNCH:  # else it would be in the future, or before there were any
        low = max(begin, _LAUNCH)
        start = low + (_PAST - low) * (segment + shift) / 1000
    return start, DAY / 2


def _visits(numbers: Iterable[str]) -> Iterator[tuple[Visit, tuple[float, float] | None]]:
    """Yield the known visits of targets, with the mean pointing of the target."""
    for number in numbers:
        target = known.target(number)
        if target is not None:
            yield from ((visit, target.pointing) for visit in target.visits)


def _start(seed: int, visit: Visit) -> float:
    """Return the start of a visit [s, MET]; the hour is drawn where the day alone is known."""
    hour = random.uniform(seed, "hour", visit.obsid, high=DAY) if visit.dated else 0.0
    return met_from_service(visit.start + hour)


def _observation(
    seed: int, shown: Source, visit: Visit, pointing: tuple[float, float] | None, room: float = math.inf
) -> Observation:
    """Return the observation of a visit that ends before `room` [s] is over."""
    obsid, start = visit.obsid, _start(seed, visit)
    exposure = visit.exposure_s or random.uniform(
        seed, "exposure", obsid, low=_UNKNOWN_EXPOSURE_S[0], high=_UNKNOWN_EXPOSURE_S[1]
    )
    mode = shown.plan.modes or ("WT" if shown.mean_rate_at(start) > _WT_ABOVE else "PC")
    # looks that add up to the exposure, one an orbit; where there is no room for that, they are nearer, and shorter
    number = max(1, min(math.ceil(exposure / _LONGEST_LOOK_S), int(room / (2 * FRAME_S)) if room < DAY else 1000))
    apart = min(_ORBIT_S, room / number)
    length = max(min(exposure / number, 0.95 * apart), FRAME_S)
    if mode == "PC":
        length = max(1, math.floor(length / FRAME_S + 1e-6)) * FRAME_S  # whole frames
    begins = [round(start + n * apart, 5) for n in range(number)]
    snapshots = tuple(Snapshot(n, mode, begin, begin + length) for n, begin in enumerate(begins, start=1))
    if pointing is None or coordinates.separation(pointing, (shown.ra, shown.dec)) > 0.15:
        distance = math.sqrt(random.uniform(seed, "pointing", obsid)) / 60.0
        angle = random.uniform(seed, "pointing angle", obsid, high=2 * math.pi)
        pointing = coordinates.offset((shown.ra, shown.dec), distance, angle)
    return Observation(obsid, *pointing, service_from_met(snapshots[-1].stop) + _LATENCY_S, 1, "", snapshots)
