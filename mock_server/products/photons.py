"""The photons of one snapshot: the only place where they are drawn.

Keyed by seed, target, observation, snapshot and mode, never by job or by the order of calls: all products see the same
ones, and an observation added later leaves older ones untouched. numpy promises the raw output of a bit generator for
good, but not its distributions: so only raw numbers are taken from it.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mock_server.products.memory import Memory

from ..core import random
from ..sky.sources import Source, Spectrum
from . import emission, instrument

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from mock_server.products.instrument import Floats

    from ..core.model import Observation, Snapshot
    from ..sky.field import FieldSource

PC_BACKGROUND = 2.5e-7
"""Background [count/s/pixel], 0.3-10 keV, before the observation's own factor of 0.6 to 1.4 (documented order)."""
WT_BACKGROUND = (0.03, 0.2)
"""Background within the source window of windowed timing [count/s]: from, to."""
WT_SOURCE_WIDTH, WT_WIDTH = 40.0, 200.0
"""Widths in windowed timing [pixels]: the source window, and that with the background on either side."""
TRACKER_SIGMA = 3.5 / math.sqrt(2 * math.log(10))
"""Scatter of the star trackers on each axis [arcsec]: 90 % of the snapshots within 3.5" (documented)."""
REPLACED = 0.005
"""Share of the events that a reprocessing drops, and share that it gains (assumed)."""
BAD_COLUMN_CHANCE = 0.35
"""Share of the observations that lose photons to dead columns (assumed)."""
FIELD_SPECTRUM = Spectrum(nh=2e20, gamma=1.8)
"""Spectrum of all sources around the target (assumed)."""
_STEPS = np.linspace(0.0, 1.0, 257)  # 6 s in a long snapshot, so that the shortest period of 100 s is resolved


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
        return Events(self.met[which], self.channel[which], self.x[which], self.y[which], self.grade[which])

    @property
    def nbytes(self) -> int:
        """Memory they take [bytes]."""
        return len(self) * 19


def joined(parts: list[Events]) -> Events:
    """Put lists together, in order of time."""
    names = ("met", "channel", "x", "y", "grade")
    both = Events(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
    return both.take(np.argsort(both.met, kind="stable"))


memory: Memory[Events] = Memory(64 * 2**20, lambda events: events.nbytes + 500)
"""Photons drawn lately; `memory.made` counts the lists drawn since the process began."""


def source_events(seed: int, source: Source, observation: Observation, snapshot: Snapshot) -> Events:
    """Photons of a source that reached the archive: after bad columns and by this processing version."""
    key = ("source", seed, source, _place(observation), snapshot)
    return memory.get(key, lambda: _source_events(_Look(seed, observation, snapshot), source))


def background_events(seed: int, observation: Observation, snapshot: Snapshot) -> Events:
    """Background photons over the whole field (PC) or window (WT)."""
    key = ("background", seed, _place(observation), snapshot)
    return memory.get(key, lambda: _background_events(_Look(seed, observation, snapshot)))


def field_events(seed: int, observation: Observation, snapshot: Snapshot, sources: tuple[FieldSource, ...]) -> Events:
    """Photons of the sources around the target, drawn together; only those that hit the detector (PC)."""
    key = ("field", seed, _place(observation), snapshot, sources)
    return memory.get(key, lambda: _field_events(_Look(seed, observation, snapshot), sources))


def _place(observation: Observation) -> tuple[object, ...]:
    return observation.obsid, observation.ra, observation.dec, observation.version


# Keyed facts of an observation or a snapshot


def tracker_offset(seed: int, observation: Observation, snapshot: Snapshot) -> tuple[float, float]:
    """How far the star trackers misplace a snapshot, east and north [arcsec]; a reprocessing moves it by 0.3"."""
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
    """Where a position [deg] lies in the tangent plane of the pointing, east and north [arcsec]."""
    return projected(observation.ra, observation.dec, ra, dec)


def projected(ra0: float, dec0: float, ra: float, dec: float) -> tuple[float, float]:
    """Project a position [deg] on the plane that touches the sky at another, east and north [arcsec]."""
    turn, here, there = (math.radians(angle) for angle in (ra - ra0, dec0, dec))
    depth = math.sin(here) * math.sin(there) + math.cos(here) * math.cos(there) * math.cos(turn)
    x = math.cos(there) * math.sin(turn) / depth
    y = (math.cos(here) * math.sin(there) - math.sin(here) * math.cos(there) * math.cos(turn)) / depth
    return math.degrees(x) * 3600, math.degrees(y) * 3600


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
    return low * float((high / low) ** u) / WT_SOURCE_WIDTH


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
    """Moments [s, MET] and the true rates at them [count/s]."""
    times = _grid(source, start, stop)
    return times, np.asarray(source.rate_at(seed, times, np))


def _grid(source: Source, start: float, stop: float) -> Floats:
    """Moments at which the rate is evaluated: evenly spread, for bursts in the logarithm of the time since T0."""
    if source.is_burst and source.t0_met is not None and start > source.t0_met:
        first, last = math.log(start - source.t0_met), math.log(stop - source.t0_met)
        times = source.t0_met + np.exp(first + (last - first) * _STEPS)
        times[0], times[-1] = start, stop
        return np.asarray(times)
    return np.asarray(start + (stop - start) * _STEPS)


# The draws


_thread = threading.local()


class _Stream:
    """Uniform numbers strictly between 0 and 1 that depend on their key alone."""

    def __init__(self, seed: int, *key: object) -> None:
        bits = random.bits(seed, *key, size=16)
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
        """Where a Poisson process of unit density has its points between 0 and `expected`, in order."""
        enough = math.ceil(expected + 10 * math.sqrt(expected) + 30)
        points = np.cumsum(-np.log(self.uniforms(enough)))
        return points[: int(np.searchsorted(points, expected))]


class _Look(NamedTuple):
    """What keys the photons of a snapshot."""

    seed: int
    observation: Observation
    snapshot: Snapshot

    def stream(self, *part: object) -> _Stream:
        target, obsid = self.observation.target, self.observation.obsid
        return _Stream(self.seed, *part, target, obsid, self.snapshot.number, self.snapshot.mode)

    def processed(self, draw: Callable[[_Stream], Events], *part: object) -> Events:
        """Draw events; a later processing drops a few of them and gains a few, mixed from what the others are like."""
        events = draw(self.stream(*part))
        if self.observation.version == 1 or not len(events):
            return events
        fate = self.stream(*part, self.observation.version).uniforms(len(events))
        more = np.flatnonzero(fate > 1 - REPLACED)
        kept = events.take(fate >= REPLACED)
        if not len(more):
            return kept
        energy, place = (events.take((more + shift) % len(events)) for shift in (1, 2))
        met = events.met[more] + instrument.FRAME[self.snapshot.mode]
        met = np.where(met < self.snapshot.stop, met, events.met[more])
        return joined([kept, Events(met, energy.channel, place.x, place.y, place.grade)])


def _source_events(look: _Look, source: Source) -> Events:
    return look.processed(lambda stream: _drawn(look, source, stream), "photons", source.name)


def _drawn(look: _Look, source: Source, stream: _Stream) -> Events:
    seed, observation, snapshot = look
    met, late = _arrival_times(look, source, stream)
    energy, dither, radius, angle, grade, column = stream.uniforms(6 * len(met)).reshape(6, len(met))
    channel = _channels(source, energy, late)
    if observation.version > 1:
        gain = random.uniform(seed, "gain", observation.obsid, observation.version, low=0.998, high=1.002)
        channel = np.asarray(np.clip((channel + dither) * gain, 0, instrument.CHANNELS - 1))
    x, y = _on_sky(look, source, instrument.radius_holding(radius), 2 * np.pi * angle)
    events = Events(_in_frames(met, snapshot), channel.astype(np.int16), x, y, _grades(snapshot.mode, grade))
    lost = lost_to_bad_columns(seed, source, observation)
    return events.take(column >= lost) if lost else events


def _arrival_times(look: _Look, source: Source, stream: _Stream) -> tuple[Floats, NDArray[np.bool_] | bool]:
    """Draw arrival times, and whether they belong to the late spectrum."""
    seed, observation, snapshot = look
    times, rates = _rates(seed, source, snapshot.start, snapshot.stop)
    late: NDArray[np.bool_] | bool = True
    change = (source.t0_met or 0.0) + source.spectrum.early_until_s
    per_count: Any = _cumulative(source.spectrum, source.nh_galactic, source.redshift)[-1]
    if source.spectrum.early_gamma is not None and snapshot.start < change:
        early = _cumulative(source.spectrum, source.nh_galactic, source.redshift, early=True)[-1]
        per_count = np.where(times >= change, per_count, early)
        late = False
    rates = rates * (per_count * vignetting(observation, source.ra, source.dec))
    expected = np.zeros(len(times))
    np.cumsum(0.5 * (rates[1:] + rates[:-1]) * np.diff(times), out=expected[1:])
    met = np.interp(stream.arrivals(float(expected[-1])), expected, times)
    return met, (late or met >= change)


@lru_cache(maxsize=256)
def _cumulative(spectrum: Spectrum, galactic: float | None, redshift: float | None, early: bool = False) -> Floats:
    """Cumulative counts by channel for each count in 0.3-10 keV, shape (1024,)."""
    return np.cumsum(emission.channel_shares(spectrum, galactic or 0.0, redshift or 0.0, early))


def _channels(source: Source, u: Floats, late: NDArray[np.bool_] | bool) -> Floats:
    """Channels from uniforms, by the inverse of the cumulative folded spectrum."""
    channel = _drawn_channels(_cumulative(source.spectrum, source.nh_galactic, source.redshift), u)
    if late is True:
        return channel
    early = _drawn_channels(_cumulative(source.spectrum, source.nh_galactic, source.redshift, early=True), u)
    return np.asarray(np.where(late, channel, early))


def _drawn_channels(cumulative: Floats, u: Floats) -> Floats:
    return np.asarray(np.minimum(np.searchsorted(cumulative, u * cumulative[-1]), instrument.CHANNELS - 1.0))


def _on_sky(
    look: _Look, source: Source, radius: Floats, angle: Floats
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Places of a source's photons, misplaced by the star trackers."""
    east, north = tracker_offset(*look)
    if look.snapshot.mode == "WT":
        return (east + radius * np.cos(angle)).astype(np.float32), np.zeros(len(radius), np.float32)
    x, y = offset_from_pointing(look.observation, source.ra, source.dec)
    at_x, at_y = x + east + radius * np.cos(angle), y + north + radius * np.sin(angle)
    return at_x.astype(np.float32), at_y.astype(np.float32)


def _in_frames(met: Floats, snapshot: Snapshot) -> Floats:
    """Move arrivals to the middle of their frame; the last one of windowed timing may be cut short."""
    frame = instrument.FRAME[snapshot.mode]
    middle = snapshot.start + (np.floor((met - snapshot.start) / frame) + 0.5) * frame
    return np.asarray(np.minimum(middle, snapshot.stop - 1e-5))


def _grades(mode: str, u: Floats) -> NDArray[np.int8]:
    zero, four = instrument.GRADE_SHARES[mode]
    return np.where(u < zero, 0, np.where(u < zero + four, 4, 1)).astype(np.int8)


@lru_cache(maxsize=1)
def background_shares() -> Floats:
    """Background in each channel for each count in 0.3-10 keV: 1/E + 0.15 above 0.2 keV, shape (1024,)."""
    energy = (np.arange(instrument.CHANNELS) + 0.5) / 100
    shares = np.where(energy > 0.2, 1 / energy + 0.15, 0.0)
    return np.asarray(shares / shares[slice(*instrument.BAND)].sum())


@lru_cache(maxsize=1)
def _background_cumulative() -> Floats:
    return np.cumsum(background_shares())


def _background_events(look: _Look) -> Events:
    return look.processed(lambda stream: _drawn_background(look, stream), "background")


def _drawn_background(look: _Look, stream: _Stream) -> Events:
    mode, start = look.snapshot.mode, look.snapshot.start
    pixels = math.prod(instrument.DETECTOR) if mode == "PC" else WT_WIDTH
    cumulative = _background_cumulative()
    rate = background_level(look.seed, look.observation, mode) * pixels * cumulative[-1]
    met = start + stream.arrivals(rate * look.snapshot.exposure) / rate
    energy, across, along, grade = stream.uniforms(4 * len(met)).reshape(4, len(met))
    x, y = _over_field(look, across - 0.5, along - 0.5)
    channel = _drawn_channels(cumulative, energy).astype(np.int16)
    return Events(_in_frames(met, look.snapshot), channel, x, y, _grades(mode, grade))


def _field_events(look: _Look, sources: tuple[FieldSource, ...]) -> Events:
    events = look.processed(lambda stream: _drawn_field(look, sources, stream), "field")
    return events.take(on_detector(events.x, events.y, roll(look.seed, look.observation.target, look.snapshot.start)))


@lru_cache(maxsize=64)
def _in_field(ra: float, dec: float, sources: tuple[FieldSource, ...]) -> tuple[Floats, Floats]:
    """Places relative to a pointing [arcsec], shape (n, 2), and rates behind the vignetting [count/s]."""
    theirs = np.radians(np.array([(s.ra, s.dec) for s in sources]).reshape(-1, 2))
    turn, there, here = theirs[:, 0] - math.radians(ra), theirs[:, 1], math.radians(dec)
    depth = math.sin(here) * np.sin(there) + math.cos(here) * np.cos(there) * np.cos(turn)
    x = np.cos(there) * np.sin(turn) / depth
    y = (math.cos(here) * np.sin(there) - math.sin(here) * np.cos(there) * np.cos(turn)) / depth
    places = np.degrees(np.stack([x, y], axis=1)) * 3600
    return places, np.array([s.rate for s in sources]) * instrument.vignetting(np.hypot(*places.T) / 60)


def _drawn_field(look: _Look, sources: tuple[FieldSource, ...], stream: _Stream) -> Events:
    """Draw when a photon comes from anywhere, then from which source."""
    places, rates = _in_field(look.observation.ra, look.observation.dec, sources)
    cumulative = _cumulative(FIELD_SPECTRUM, 3e20, None)
    before = np.cumsum(rates) * cumulative[-1]
    total = max(float(before[-1]), 1e-12) if len(sources) else 1e-12
    met = look.snapshot.start + stream.arrivals(total * look.snapshot.exposure) / total
    which, energy, radius, angle, grade = stream.uniforms(5 * len(met)).reshape(5, len(met))
    mine = np.minimum(np.searchsorted(before, which * total), max(len(sources) - 1, 0))
    r, turn = instrument.radius_holding(radius), 2 * np.pi * angle
    x, y = (places[mine] + tracker_offset(*look)).T + r * np.array([np.cos(turn), np.sin(turn)])
    channel = _drawn_channels(cumulative, energy).astype(np.int16)
    frames = _in_frames(met, look.snapshot)
    return Events(frames, channel, x.astype(np.float32), y.astype(np.float32), _grades(look.snapshot.mode, grade))


def _over_field(look: _Look, across: Floats, along: Floats) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Spread numbers from -1/2 to 1/2 over the detector (PC) or the window (WT)."""
    if look.snapshot.mode == "WT":
        return (across * WT_WIDTH * instrument.PIXEL).astype(np.float32), np.zeros(len(across), np.float32)
    width, height = (side * instrument.PIXEL for side in instrument.DETECTOR)
    angle = math.radians(roll(look.seed, look.observation.target, look.snapshot.start))
    x = across * width * math.cos(angle) - along * height * math.sin(angle)
    y = across * width * math.sin(angle) + along * height * math.cos(angle)
    return x.astype(np.float32), y.astype(np.float32)
