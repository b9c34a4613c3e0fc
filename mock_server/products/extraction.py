"""Extraction: from photons to counts in a source and a background region, with the share of the light they catch."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import random, selection
from ..sky.sources import Rate
from . import instrument, photons

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ..core.model import Observation, Snapshot
    from ..sky.archive import Position, Sky
    from ..sky.sources import Source
    from .instrument import Floats
    from .order import Order

WT_HEIGHT = 5
"""Rows of pixels that a region of windowed timing counts as (field)."""
RADII = ((0.5, 30.0), (0.1, 25.0), (0.05, 20.0), (0.01, 15.0), (0.005, 12.0), (0.001, 9.0), (0.0005, 7.0), (-1.0, 5.0))
"""Count rate above which a radius [pixels] is used in PC (Evans et al. 2007)."""
ANNULUS, WIDE_ANNULUS = (60.0, 110.0), (40.0, 165.0)
"""Background region in PC [pixels] (Evans et al. 2007), and that of a piled-up source: its area is field, its radii are
assumed."""
PILE_UP_INNER, PILE_UP_GROWTH = 2.2, 1.5
"""Inner radius at the rate above which pile-up counts, and what each doubling of the rate adds [pixels] (field: 5.5 at
2.8 count/s, 10 at 22.8, both corrected)."""
CENTROID_FAILS = {
    "PC": ((1.0, 0.0), (10**-0.5, 0.014), (0.1, 0.035), (10**-1.5, 0.056), (0.01, 0.40), (0.0, 0.87)),
    "WT": ((1.0, 0.07), (10**-0.5, 0.13), (0.0, 0.71)),
}
"""Chance that the centroid of an observation cannot be found at or above a count rate (field: 38 user objects)."""
CENTROID_OF_LIMIT_FAILS = {"PC": 0.91, "WT": 0.77}
"""The same for observations that show no source (field: 38 user objects)."""
BESIDE_BAD_COLUMN = 0.3
"""Least such chance of sources that are planned beside a bad column (assumed)."""
DEAD_PIXELS = 0.012
"""Largest share of a source region that dead pixels take from its area (field: 0.4 to 0.8 %)."""
_CELL = {"PC": math.pi * 15**2, "WT": 40.0}  # pixels in which a source must show


def target_source(order: Order, sky: Sky) -> Source:
    """Return the source that an order looks at, its Galactic column filled in; dark where the scenario says so."""
    source = sky.source(order.targets, order.position, order.t0)
    if sky.world.forces("no_source", order.name, source.name, *source.aliases):
        source = replace(source, rate=Rate(kind="none"))
    return replace(source, nh_galactic=sky.galactic_column(source))


@dataclass(frozen=True)
class Scene:
    """Selection of photons for an order.

    Parameters
    ----------
    seed, source
        Seed of the sky, and the source that is observed.
    position
        Position asked for [deg].
    observations
        Selected observations, trimmed to the times asked for.
    whole
        The untrimmed snapshots, by observation, number and mode: photons are keyed by them.
    centroid_within
        Radius around `position` in which the centroid is searched [arcsec]; None without centroiding.
    pile_up
        Count rate above which a mode's inner region is left out [count/s].
    radius_limit
        Largest radius of the source region [pixels].
    grades
        ``all``, ``0`` or ``4``.
    t0
        Zero of time [s, MET]: the job's, else the first good second.
    """

    seed: int
    source: Source
    position: Position
    observations: tuple[Observation, ...]
    whole: Mapping[tuple[str, int, str], Snapshot]
    centroid_within: float | None
    pile_up: Mapping[str, float]
    radius_limit: float
    grades: str
    t0: float

    @classmethod
    def of(cls, order: Order, sky: Sky, grades_key: str) -> Scene:
        """Read an order; `grades_key` names its parameter for grades."""
        source = target_source(order, sky)
        archive = sky.observations(order.targets, order.position, order.built_at, order.t0, order.asked)
        chosen = selection.selected(order.product, order.parameters, archive)
        starts = [snapshot.start for observation in chosen for snapshot in observation.snapshots]
        return cls(
            seed=sky.seed,
            source=source,
            position=order.position or (source.ra, source.dec),
            observations=chosen,
            whole={(o.obsid, s.number, s.mode): s for o in archive for s in o.snapshots},
            centroid_within=60.0 * order.number("poserr", 1.0) if order.flag("cent") else None,
            pile_up={"PC": order.number("pcpuprate", 0.6), "WT": order.number("wtpuprate", 150.0)},
            radius_limit=order.number("srcrad", 30.0) or 30.0,
            grades="0" if order.flag("sss") else order.text(grades_key, "all"),
            t0=order.t0 if order.t0 is not None else min(starts, default=0.0),
        )

    @cached_property
    def _by_observation(self) -> dict[tuple[str, str], list[Snapshot]]:
        """Snapshots of each observation and mode."""
        found: dict[tuple[str, str], list[Snapshot]] = {}
        for (obsid, _, mode), snapshot in self.whole.items():
            found.setdefault((obsid, mode), []).append(snapshot)
        return found

    @cached_property
    def _events(self) -> dict[tuple[str, int, str], photons.Events]:
        """Photons of the source that were drawn before: their key here is short."""
        return {}

    def source_events(self, observation: Observation, whole: Snapshot) -> photons.Events:
        """Return the photons of the source in an untrimmed snapshot."""
        key = observation.obsid, whole.number, whole.mode
        if key not in self._events:
            self._events[key] = photons.source_events(self.seed, self.source, observation, whole)
        return self._events[key]

    @cached_property
    def _decided(self) -> dict[tuple[str, str], bool]:
        """Observations and modes of which it is known whether they lack a centroid."""
        return {}

    def lacks_centroid(self, observation: Observation, mode: str) -> bool:
        """Whether the centroid is wanted and cannot be found in an observation, whatever part of it is used.

        The photons of the source decide, and how many the background would hide.
        """
        if self.centroid_within is None:
            return False
        key = observation.obsid, mode
        if key in self._decided:
            return self._decided[key]
        snapshots = self._by_observation[observation.obsid, mode]
        seconds = sum(s.exposure for s in snapshots)
        counts = sum(len(self.source_events(observation, s)) for s in snapshots)
        background = seconds * photons.background_level(self.seed, observation, mode) * _CELL[mode]
        chance = CENTROID_OF_LIMIT_FAILS[mode]
        if counts >= 3 + 3 * math.sqrt(background):
            seen = photons.vignetting(observation, self.source.ra, self.source.dec)
            seen *= 1 - photons.lost_to_bad_columns(self.seed, self.source, observation)
            chance = next(share for above, share in CENTROID_FAILS[mode] if counts >= above * seconds * seen)
        if self.source.plan.near_bad_column:
            chance = max(chance, BESIDE_BAD_COLUMN)
        self._decided[key] = random.uniform(self.seed, "centroid lost", observation.obsid, mode) < chance
        return self._decided[key]

    def mean_rate(self, snapshots: Sequence[Snapshot]) -> float:
        """True mean count rate over snapshots [count/s]: stands in for the estimate that the service iterates."""
        seconds = sum(s.exposure for s in snapshots)
        counts = sum(photons.mean_rate(self.seed, self.source, s.start, s.stop) * s.exposure for s in snapshots)
        return counts / seconds if seconds else 0.0


@dataclass(frozen=True, slots=True)
class Region:
    """Source region [pixels]: PC, between two radii; WT, between two distances to either side.

    `inner` is above 0 where the core is left out for pile-up.
    """

    mode: str
    inner: float
    outer: float

    @property
    def source_area(self) -> float:
        """Size of the source region [pixels]."""
        if self.mode == "PC":
            return math.pi * (self.outer**2 - self.inner**2)
        return 2 * (self.outer - self.inner) * WT_HEIGHT

    @property
    def background(self) -> tuple[float, float]:
        """Between these radii, or distances to either side, lies the background region [pixels]."""
        if self.mode == "WT":
            return photons.WT_BACKGROUND_FROM, photons.WT_WIDTH / 2
        return WIDE_ANNULUS if self.inner else ANNULUS

    @property
    def background_area(self) -> float:
        """Size of the background region [pixels]."""
        near, far = self.background
        return math.pi * (far**2 - near**2) if self.mode == "PC" else 2 * (far - near) * WT_HEIGHT

    @property
    def alpha(self) -> float:
        """Source area over background area."""
        return self.source_area / self.background_area

    def net_share(self, displaced: float) -> float:
        """Share of a point source's light, less the share that is subtracted with the background.

        `displaced` [pixels] is the distance of the source from the middle. It shrinks a circle by d^2/2r. A circle that
        misses the source is corrected as if it did not, as the service cannot know (assumed).
        """
        near, far = self.background
        if self.mode == "WT":
            off = 0.0 if abs(displaced) > self.outer else displaced
            low, high = (
                instrument.share_left_of(edge - off) - instrument.share_left_of(-edge - off)
                for edge in (self.inner, self.outer)
            )
            lost = instrument.within_strip(far) - instrument.within_strip(near)
        else:
            shrunk = self.outer - displaced**2 / (2 * self.outer)
            low = instrument.enclosed(self.inner)
            high = instrument.enclosed(shrunk if shrunk > max(self.inner, self.outer / 2) else self.outer)
            lost = instrument.enclosed(far) - instrument.enclosed(near)
        return high - low - self.alpha * lost


def region(mode: str, rate: float, threshold: float, radius_limit: float) -> Region:
    """Choose the region for a count rate; above `threshold` the piled-up core is left out."""
    doublings = math.log2(rate / threshold) if threshold > 0 and rate > threshold else None
    if mode == "WT":
        outer = min(photons.WT_SOURCE_WIDTH / 2, radius_limit)
        inner = 0.0 if doublings is None else min((1 + round(2 * doublings)) / 2, 6.0, max(outer - 2, 0.0))
    else:
        outer = min(next(radius for above, radius in RADII if rate > above), radius_limit)
        left_out = 0.0 if doublings is None else round(2 * (PILE_UP_INNER + PILE_UP_GROWTH * doublings)) / 2
        inner = min(left_out, 12.0, max(outer - 10, 0.0))
    return Region(mode, inner, outer)


@dataclass(frozen=True)
class Counts:
    """Events of one region: arrival [s, MET], channel, and offset from its middle, east and north [pixels]."""

    met: Floats
    channel: NDArray[np.int16]
    x: NDArray[np.floating[Any]]
    y: NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Piece:
    """The counts of one snapshot in its regions.

    Parameters
    ----------
    observation, snapshot
        Origin of the counts; the snapshot is trimmed to the times asked for.
    region
        The regions.
    share
        Net share of the light the region catches.
    kept
        Share of the photons that bad columns spare.
    vignetting
        Share of the area that is left off axis.
    bad
        Whether the centroid was wanted and could not be found.
    centre
        Middle of the region: offset from the pointing, east and north [arcsec].
    source, background
        Counts.
    """

    observation: Observation
    snapshot: Snapshot
    region: Region
    share: float
    kept: float
    vignetting: float
    bad: bool
    centre: tuple[float, float]
    source: Counts
    background: Counts

    @property
    def correction(self) -> float:
        """Factor from the counts in the region to those of a source on axis."""
        return 1.0 / (self.share * self.kept * self.vignetting)


def backscal(seed: int, piece: Piece) -> float:
    """Size of the source region of a snapshot without its dead pixels [10^6 pixels]."""
    key = piece.observation.obsid, piece.snapshot.number, piece.snapshot.mode
    return piece.region.source_area / 1e6 * (1 - random.uniform(seed, "dead pixels", *key, high=DEAD_PIXELS))


def pieces(scene: Scene) -> dict[str, list[Piece]]:
    """Extract all of an order's snapshots, each in the region for its own mean rate, by mode."""
    found: dict[str, list[Piece]] = {}
    for observation in scene.observations:
        for snapshot in observation.snapshots:
            whole = scene.whole[observation.obsid, snapshot.number, snapshot.mode]
            mode, rate = snapshot.mode, scene.mean_rate([whole])
            chosen = region(mode, rate, scene.pile_up[mode], scene.radius_limit)
            found.setdefault(mode, []).append(extract(scene, observation, snapshot, chosen))
    return {mode: found[mode] for mode in ("WT", "PC") if mode in found}


def extract(scene: Scene, observation: Observation, snapshot: Snapshot, chosen: Region) -> Piece:
    """Take the counts of one snapshot in a region."""
    seed, source = scene.seed, scene.source
    whole = scene.whole[observation.obsid, snapshot.number, snapshot.mode]
    bad = scene.lacks_centroid(observation, whole.mode)
    centre, displaced = _aim(scene, observation, whole, bad)
    lost = photons.lost_to_bad_columns(seed, source, observation)
    events = (
        scene.source_events(observation, whole),
        photons.background_events(seed, observation, whole),
    )
    inside, outside = _split(events, chosen, centre, scene.grades, snapshot)
    return Piece(
        observation=observation,
        snapshot=snapshot,
        region=chosen,
        share=max(chosen.net_share(displaced), 0.02),
        kept=1.0 - lost,
        vignetting=photons.vignetting(observation, source.ra, source.dec),
        bad=bad,
        centre=centre,
        source=inside,
        background=outside,
    )


def _aim(scene: Scene, observation: Observation, whole: Snapshot, bad: bool) -> tuple[tuple[float, float], float]:
    """Return the middle of the regions in the coordinates of the events [arcsec], and the source's distance [pixels].

    A found centroid is taken as exact.
    """
    east, north = photons.tracker_offset(scene.seed, observation, whole)
    true = photons.offset_from_pointing(observation, scene.source.ra, scene.source.dec)
    wanted = photons.offset_from_pointing(observation, *scene.position)
    dx, dy = wanted[0] - true[0], wanted[1] - true[1]
    found = scene.centroid_within is not None and not bad and math.hypot(dx, dy) <= scene.centroid_within
    if found:
        dx, dy = east, north
    if whole.mode == "WT":
        return (dx, 0.0), (east - dx) / instrument.PIXEL
    return (true[0] + dx, true[1] + dy), math.hypot(dx - east, dy - north) / instrument.PIXEL


def _split(
    lists: Sequence[photons.Events], chosen: Region, centre: tuple[float, float], grades: str, snapshot: Snapshot
) -> tuple[Counts, Counts]:
    """Sort events into the source and the background region; those of one list come after those of the other."""
    near, far = chosen.background
    x, y, met = (np.concatenate([getattr(events, name) for events in lists]) for name in ("x", "y", "met"))
    x, y = (x - centre[0]) / instrument.PIXEL, (y - centre[1]) / instrument.PIXEL
    distance = np.hypot(x, y)
    wanted = (met >= snapshot.start) & (met < snapshot.stop)
    if grades in ("0", "4"):
        wanted &= np.concatenate([events.grade for events in lists]) == int(grades)
    channel = np.concatenate([events.channel for events in lists])
    inside = wanted & (distance >= chosen.inner) & (distance < chosen.outer)
    outside = wanted & (distance >= near) & (distance < far)
    within, around = (Counts(met[which], channel[which], x[which], y[which]) for which in (inside, outside))
    return within, around
