"""The photons of one snapshot: the only place where they are drawn.

Keyed by seed, target, observation, snapshot and mode, never by job or by the order of calls: all products see the same
ones, and an observation added later leaves older ones untouched. numpy promises the raw output of a bit generator for
good, but not its distributions: so only raw numbers are taken from it.
"""

from __future__ import annotations

import math
import sys
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from cachetools import LRUCache, cached
from cachetools.keys import hashkey

from ..core import random
from ..sky.sources import Source, Spectrum
from . import emission, instrument

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

    from ..core.model import Observation, Snapshot
    from ..sky.field import FieldSources
    from .instrument import Floats

PC_BACKGROUND = 2.5e-7
"""Background [count/s/pixel], 0.3-10 keV, before the observation's own factor of 0.6 to 1.4 (documented order)."""
WT_BACKGROUND = (0.00075, 0.005)
"""Background of windowed timing for each pixel along the window [count/s/pixel]: from, to."""
WT_SOURCE_WIDTH, WT_BACKGROUND_FROM, WT_WIDTH = 60.0, 55.0, 200.0
"""Windowed timing [pixels]: width of the source region (field), distance from its middle at which the background begins
on either side (assumed: 1.3 to 1.7 times the area of the source region is field), width of the window."""
TRACKER_SIGMA = 3.5 / math.sqrt(2 * math.log(10))
"""Scatter of the star trackers on each axis [arcsec]: 90 % of the snapshots within 3.5" (documented)."""
REPLACED = 0.005
"""Share of the events that a reprocessing drops, and share that it gains (assumed)."""
BAD_COLUMN_CHANCE = 0.35
"""Share of the observations that lose photons to dead columns (assumed)."""
FIELD_SPECTRUM, FIELD_COLUMN = Spectrum(nh=2e20, gamma=1.8), 3e20
"""Spectrum of all sources around the target, and the Galactic column before them [cm-2] (assumed)."""
_STEPS = instrument.read_only(
    np.linspace(0.0, 1.0, 257)
)  # 6 s in a long snapshot, so that the shortest period of 100 s is resolved


_ENERGIES = instrument.read_only((np.arange(instrument.CHANNELS) + 0.5) / 100)
_LEVELS = instrument.read_only(np.where(_ENERGIES > 0.2, 1 / _ENERGIES + 0.15, 0.0))
BACKGROUND_SHARES: Floats = instrument.read_only(_LEVELS / _LEVELS[slice(*instrument.BAND)].sum())
"""Background in each channel for each count in 0.3-10 keV: 1/E + 0.15 above 0.2 keV, shape (1024,) (assumed)."""
_BACKGROUND_CUMULATIVE = instrument.read_only(np.cumsum(BACKGROUND_SHARES))


@dataclass(frozen=True, slots=True)
class Events:
    """Photons in order of time.

    Parameters
    ----------
    met
        Arrival: the middle of the frame [s, MET].
    channel
        PI channel, 0 to 1023.
    x, y
        PC: offset from the pointing in the tangent plane, east and north [arcsec]. WT: x runs along the window, from
        the true place of the target [arcsec]; y is 0.
    grade
        0, 4, or 1 for all others.
    """

    met: Floats
    channel: NDArray[np.int16]
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    grade: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.met)

    def take(self, which: Any) -> Events:
        """Return those that a mask or a list of indices selects."""
        return Events(*(values[which] for values in self.arrays))

    def read_only(self) -> Events:
        """Make the arrays read-only and return the events."""
        for values in self.arrays:
            instrument.read_only(values)
        return self

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All arrays, each of shape (n_events,)."""
        return self.met, self.channel, self.x, self.y, self.grade


def joined(parts: Sequence[Events]) -> Events:
    """Put lists together, in order of time."""
    both = Events(*map(np.concatenate, zip(*(part.arrays for part in parts), strict=True)))
    return both.take(np.argsort(both.met, kind="stable"))


kept: LRUCache[Hashable, Events] = LRUCache(64 * 2**20, lambda events: sum(map(sys.getsizeof, events.arrays)) + 500)
"""Photons drawn lately, read-only: all simulators of a process share them."""
_lock = threading.Lock()


def _key(kind: str, seed: int, observation: Observation, snapshot: Snapshot, *more: Hashable) -> Hashable:
    """Return the key of photons; of the observation, it has only parts that do not grow with the archive."""
    place = (observation.obsid, observation.ra, observation.dec, observation.version)
    return hashkey(kind, seed, place, snapshot, *more)


@cached(kept, key=lambda seed, source, *place: _key("source", seed, *place, source), lock=_lock)
def source_events(seed: int, source: Source, observation: Observation, snapshot: Snapshot) -> Events:
    """Photons of a source that reached the archive: after bad columns and by this processing version."""
    draws = _Draws(seed, observation, snapshot, "photons", source.name)
    met, early = _arrivals(draws, source)
    energy, dither, radius, angle, grade, column = draws.uniforms(6 * len(met)).reshape(6, len(met))
    channel = _channels(_cumulative(snapshot.mode, source), energy)
    if early is not None:
        channel = np.where(early, _channels(_cumulative(snapshot.mode, source, early=True), energy), channel)
    if observation.version > 1:
        gain = random.uniform(seed, "gain", observation.obsid, observation.version, low=0.998, high=1.002)
        channel = np.clip((channel + dither) * gain, 0, instrument.CHANNELS - 1)
    east, north = tracker_offset(seed, observation, snapshot)
    away, turn = instrument.radius_holding(radius), 2 * np.pi * angle
    if snapshot.mode == "WT":
        x, y = east + away * np.cos(turn), np.zeros(len(met))
    else:
        true = offset_from_pointing(observation, source.ra, source.dec)
        x, y = true[0] + east + away * np.cos(turn), true[1] + north + away * np.sin(turn)
    events = draws.events(met, channel, x, y, grade)
    lost = lost_to_bad_columns(seed, source, observation)
    return draws.processed(events.take(column >= lost) if lost else events)


@cached(kept, key=lambda *place: _key("background", *place), lock=_lock)
def background_events(seed: int, observation: Observation, snapshot: Snapshot) -> Events:
    """Background photons over the whole field (PC) or window (WT)."""
    draws = _Draws(seed, observation, snapshot, "background")
    pixels = math.prod(instrument.DETECTOR) if snapshot.mode == "PC" else WT_WIDTH
    rate = background_level(seed, observation, snapshot.mode) * pixels * _BACKGROUND_CUMULATIVE[-1]
    met = snapshot.start + draws.arrivals(rate * snapshot.exposure) / rate
    energy, across, along, grade = draws.uniforms(4 * len(met)).reshape(4, len(met))
    across, along = across - 0.5, along - 0.5
    if snapshot.mode == "WT":
        x, y = across * WT_WIDTH * instrument.PIXEL, np.zeros(len(met))
    else:
        width, height = (side * instrument.PIXEL for side in instrument.DETECTOR)
        angle = math.radians(roll(seed, observation.target, snapshot.start))
        x = across * width * math.cos(angle) - along * height * math.sin(angle)
        y = across * width * math.sin(angle) + along * height * math.cos(angle)
    return draws.processed(draws.events(met, _channels(_BACKGROUND_CUMULATIVE, energy), x, y, grade))


@cached(kept, key=lambda *place_and_sources: _key("field", *place_and_sources), lock=_lock)
def field_events(seed: int, observation: Observation, snapshot: Snapshot, sources: FieldSources) -> Events:
    """Photons of the sources around the target that hit the detector (PC).

    They are drawn together: when a photon comes from any of them, then from which.
    """
    draws = _Draws(seed, observation, snapshot, "field")
    places, rates = _in_field(observation.ra, observation.dec, sources)
    cumulative = emission.cumulative_shares("PC", FIELD_SPECTRUM, FIELD_COLUMN)
    before = np.cumsum(rates) * cumulative[-1]
    total = max(float(before[-1]), 1e-12) if len(sources) else 1e-12
    met = snapshot.start + draws.arrivals(total * snapshot.exposure) / total
    which, energy, radius, angle, grade = draws.uniforms(5 * len(met)).reshape(5, len(met))
    mine = np.minimum(np.searchsorted(before, which * total), max(len(sources) - 1, 0))
    away, turn = instrument.radius_holding(radius), 2 * np.pi * angle
    true = (places[mine] + tracker_offset(seed, observation, snapshot)).T
    x, y = true + away * np.array([np.cos(turn), np.sin(turn)])
    events = draws.processed(draws.events(met, _channels(cumulative, energy), x, y, grade))
    hit = on_detector(events.x, events.y, roll(seed, observation.target, snapshot.start))
    return events.take(hit).read_only()


# Keyed facts of an observation or a snapshot


def uniforms(seed: int, observation: Observation, snapshot: Snapshot, count: int) -> Floats:
    """Return `count` numbers strictly between 0 and 1 for the systematic errors in a snapshot, shape (count,)."""
    return _Draws(seed, observation, snapshot, "systematic").uniforms(count)


def tracker_offset(seed: int, observation: Observation, snapshot: Snapshot) -> tuple[float, float]:
    """Error of the star trackers in a snapshot, east and north [arcsec]; a reprocessing changes it by 0.3"."""
    key = ("tracker", observation.obsid, snapshot.number)
    x, y = (random.normal(seed, *key, axis, sigma=TRACKER_SIGMA) for axis in "xy")
    if observation.version > 1:
        x += random.normal(seed, *key, "x", observation.version, sigma=0.3)
        y += random.normal(seed, *key, "y", observation.version, sigma=0.3)
    return x, y


def roll(seed: int, target: str, met: float) -> float:
    """Roll angle of the detector [deg]: keyed by target, drifting by a degree a day (assumed)."""
    return (random.uniform(seed, "roll", target, high=360.0) + met / 86400.0) % 360.0


def on_detector(x: NDArray[Any], y: NDArray[Any], roll_deg: float) -> NDArray[np.bool_]:
    """Whether tangent-plane offsets from the pointing [arcsec] fall on the detector."""
    cosine, sine = math.cos(math.radians(roll_deg)), math.sin(math.radians(roll_deg))
    width, height = (0.5 * side * instrument.PIXEL for side in instrument.DETECTOR)
    return np.asarray((np.abs(x * cosine + y * sine) <= width) & (np.abs(y * cosine - x * sine) <= height))


def offset_from_pointing(observation: Observation, ra: float, dec: float) -> tuple[float, float]:
    """Project a position [deg] on the tangent plane of the pointing, east and north [arcsec]."""
    return projected(observation.ra, observation.dec, ra, dec)


def projected(ra0: float, dec0: float, ra: float, dec: float) -> tuple[float, float]:
    """Project a position [deg] on the plane that touches the sky at another, east and north [arcsec]."""
    turn, here, there = (math.radians(angle) for angle in (ra - ra0, dec0, dec))
    depth = math.sin(here) * math.sin(there) + math.cos(here) * math.cos(there) * math.cos(turn)
    x = math.cos(there) * math.sin(turn) / depth
    y = (math.cos(here) * math.sin(there) - math.sin(here) * math.cos(there) * math.cos(turn)) / depth
    return math.degrees(x) * 3600, math.degrees(y) * 3600


def unprojected(centre: tuple[float, float], x: float, y: float) -> tuple[float, float]:
    """Position [deg] of a place [arcsec] on the plane that touches the sky at `centre`."""
    xi, eta, tilt = (math.radians(angle) for angle in (x / 3600, y / 3600, centre[1]))
    depth = math.cos(tilt) - eta * math.sin(tilt)
    ra = centre[0] + math.degrees(math.atan2(xi, depth))
    dec = math.degrees(math.atan2(math.sin(tilt) + eta * math.cos(tilt), math.hypot(depth, xi)))
    return ra % 360.0, dec


def vignetting(observation: Observation, ra: float, dec: float) -> float:
    """Share of the area that is left at a position [deg]."""
    return float(instrument.vignetting(math.hypot(*offset_from_pointing(observation, ra, dec)) / 60))


def lost_to_bad_columns(seed: int, source: Source, observation: Observation) -> float:
    """Share of a source's photons that dead columns take in an observation: 0 for most, else 7 to 60 % (assumed)."""
    key = ("bad columns", observation.obsid, source.name)
    if not source.plan.near_bad_column and random.uniform(seed, *key) >= BAD_COLUMN_CHANCE:
        return 0.0
    return 0.07 * float((0.60 / 0.07) ** random.uniform(seed, *key, "share"))


def background_level(seed: int, observation: Observation, mode: str) -> float:
    """Background in 0.3-10 keV: of each pixel of the field (PC), or of each along the window (WT) [count/s/pixel]."""
    u = random.uniform(seed, "background", observation.obsid, mode)
    if mode == "PC":
        return PC_BACKGROUND * (0.6 + 0.8 * u)
    low, high = WT_BACKGROUND
    return low * float((high / low) ** u)


def area_factor(seed: int, observation: Observation) -> float:
    """Change of the calibrated area by this processing: up to 1.5 % either way, none for the first version."""
    if observation.version <= 1:
        return 1.0
    return random.uniform(seed, "area", observation.obsid, observation.version, low=0.985, high=1.015)


def mean_rate(seed: int, source: Source, start: float, stop: float) -> float:
    """True mean count rate between two moments [s, MET], 0.3-10 keV, whole PSF, on axis [count/s]."""
    times, rates = _rates(seed, source, start, stop)
    return float(np.sum(0.5 * (rates[1:] + rates[:-1]) * np.diff(times)) / (stop - start))


@lru_cache(maxsize=256)
def _rates(seed: int, source: Source, start: float, stop: float) -> tuple[Floats, Floats]:
    """Moments [s, MET] and the true rates at them [count/s].

    The moments are evenly spread; those of bursts, in the logarithm of the time since T0.
    """
    times = start + (stop - start) * _STEPS
    if source.is_burst and source.t0_met is not None and start > source.t0_met:
        first, last = math.log(start - source.t0_met), math.log(stop - source.t0_met)
        times = source.t0_met + np.exp(first + (last - first) * _STEPS)
        times[0], times[-1] = start, stop
    return instrument.read_only(times), instrument.read_only(np.asarray(source.rate_at(seed, times, np)))


@lru_cache(maxsize=64)
def _in_field(ra: float, dec: float, sources: FieldSources) -> tuple[Floats, Floats]:
    """Places relative to a pointing [arcsec], shape (n, 2), and rates behind the vignetting [count/s], read-only."""
    theirs = np.radians(np.array([(s.ra, s.dec) for s in sources]).reshape(-1, 2))
    turn, there, here = theirs[:, 0] - math.radians(ra), theirs[:, 1], math.radians(dec)
    depth = math.sin(here) * np.sin(there) + math.cos(here) * np.cos(there) * np.cos(turn)
    x = np.cos(there) * np.sin(turn) / depth
    y = (math.cos(here) * np.sin(there) - math.sin(here) * np.cos(there) * np.cos(turn)) / depth
    places = np.degrees(np.stack([x, y], axis=1)) * 3600
    rates = np.array([s.rate for s in sources]) * instrument.vignetting(np.hypot(*places.T) / 60)
    return instrument.read_only(places), instrument.read_only(rates)


def _cumulative(mode: str, source: Source, early: bool = False) -> Floats:
    """Cumulative counts by channel for each count in 0.3-10 keV, shape (1024,)."""
    galactic, redshift = source.nh_galactic or 0.0, source.redshift or 0.0
    return emission.cumulative_shares(mode, source.spectrum, galactic, redshift, early)


def _channels(cumulative: Floats, u: Floats) -> Floats:
    """Channels from uniforms, by the inverse of a cumulative spectrum."""
    return np.asarray(np.minimum(np.searchsorted(cumulative, u * cumulative[-1]), instrument.CHANNELS - 1.0))


def _arrivals(draws: _Draws, source: Source) -> tuple[Floats, NDArray[np.bool_] | None]:
    """Draw arrival times, and which of them are of the early spectrum (None: the snapshot lies behind its end)."""
    snapshot = draws.snapshot
    times, rates = _rates(draws.seed, source, snapshot.start, snapshot.stop)
    change = (source.t0_met or 0.0) + source.spectrum.early_until_s
    changes = source.spectrum.early_gamma is not None and snapshot.start < change
    per_count: Any = _cumulative(snapshot.mode, source)[-1]
    if changes:
        per_count = np.where(times >= change, per_count, _cumulative(snapshot.mode, source, early=True)[-1])
    rates = rates * (per_count * vignetting(draws.observation, source.ra, source.dec))
    expected = np.zeros(len(times))
    np.cumsum(0.5 * (rates[1:] + rates[:-1]) * np.diff(times), out=expected[1:])
    met = np.interp(draws.arrivals(float(expected[-1])), expected, times)
    return met, met < change if changes else None


_thread = threading.local()


class _Draws:
    """Chance about one snapshot: uniform numbers strictly between 0 and 1.

    They depend on the seed, the snapshot and `part`, which names their use, and on nothing else.
    """

    def __init__(self, seed: int, observation: Observation, snapshot: Snapshot, *part: object) -> None:
        self.seed, self.observation, self.snapshot, self._part = seed, observation, snapshot, part
        place = (observation.target, observation.obsid, snapshot.number, snapshot.mode)
        bits = random.bits(seed, *part, *place, size=16)
        self._key = np.array([bits & (2**64 - 1), bits >> 64], dtype=np.uint64)
        self._blocks = 0

    def uniforms(self, count: int) -> Floats:
        """Return the next `count` numbers.

        One generator a thread is set to the place wanted: that takes 4 microseconds, to make one takes 60.
        """
        if not hasattr(_thread, "generator"):
            _thread.generator = np.random.Philox(key=0)
        counter = np.array([self._blocks, 0, 0, 0], dtype=np.uint64)
        _thread.generator.state = {
            "bit_generator": "Philox",
            "state": {"counter": counter, "key": self._key},
            "buffer": np.zeros(4, dtype=np.uint64),
            "buffer_pos": 4,
            "has_uint32": 0,
            "uinteger": 0,
        }
        self._blocks += -(-count // 4)
        return np.asarray(((_thread.generator.random_raw(count) >> np.uint64(11)) + 0.5) * 2.0**-53)

    def arrivals(self, expected: float) -> Floats:
        """Return where a Poisson process of unit density has its points between 0 and `expected`, in order."""
        enough = math.ceil(expected + 10 * math.sqrt(expected) + 30)
        points = np.cumsum(-np.log(self.uniforms(enough)))
        return points[: int(np.searchsorted(points, expected))]

    def events(self, met: Floats, channel: Floats, x: Floats, y: Floats, grade: Floats) -> Events:
        """Make events: arrivals move to the middle of their frame, `grade` is uniform between 0 and 1."""
        mode, start, stop = self.snapshot.mode, self.snapshot.start, self.snapshot.stop
        frame = instrument.FRAME[mode]
        middle = start + (np.floor((met - start) / frame) + 0.5) * frame
        zero, four = instrument.GRADE_SHARES[mode]
        return Events(
            met=np.minimum(middle, stop - 1e-5),  # the last frame of windowed timing may be cut short
            channel=channel.astype(np.int16),
            x=x.astype(np.float32),
            y=y.astype(np.float32),
            grade=np.where(grade < zero, 0, np.where(grade < zero + four, 4, 1)).astype(np.int8),
        )

    def processed(self, events: Events) -> Events:
        """Return events as the observation's processing has them, read-only.

        A later processing drops a few events of the first one, and adds a few that mix properties of the others.
        """
        version = self.observation.version
        if version == 1 or not len(events):
            return events.read_only()
        fate = _Draws(self.seed, self.observation, self.snapshot, *self._part, version).uniforms(len(events))
        more = np.flatnonzero(fate > 1 - REPLACED)
        left = events.take(fate >= REPLACED)
        if len(more):
            energy, place = (events.take((more + shift) % len(events)) for shift in (1, 2))
            met = events.met[more] + instrument.FRAME[self.snapshot.mode]
            met = np.where(met < self.snapshot.stop, met, events.met[more])
            left = joined([left, Events(met, energy.channel, place.x, place.y, place.grade)])
        return left.read_only()
