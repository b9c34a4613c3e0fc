"""The field as the telescope saw it: photons and exposure of all PC snapshots on one tangent plane.

Places on the plane are in arcsec, east and north of its middle; pixels count from 1, their middle is 500.5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from ..sky import field
from . import instrument, photons
from .photons import projected, unprojected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from ..sky.archive import Position
    from .extraction import Scene
    from .instrument import Floats

PIXEL_DEG = 0.00065482
"""Size of an image pixel (derived from the documented source list)."""
PIXEL = PIXEL_DEG * 3600
SIDE = 1000
MIDDLE = 500.5
BLOCK = 10  # exposure maps are worked out for blocks of pixels
_REACH_DEG = 0.3  # field sources beyond this cannot be seen
_OWN_DEG = 1 / 60  # no field source is nearer to the target than this


@dataclass(frozen=True, slots=True)
class Photons:
    """Photons on the plane: place east and north [arcsec], PI channel, index of the snapshot."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    channel: NDArray[np.int16]
    snapshot: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.x)

    def take(self, which: NDArray[np.bool_]) -> Photons:
        """Return those that a mask selects."""
        return Photons(self.x[which], self.y[which], self.channel[which], self.snapshot[which])

    def within(self, place: tuple[float, float], radius: float) -> Photons:
        """Return those within `radius` [arcsec] of a place."""
        return self.take((self.x - place[0]) ** 2 + (self.y - place[1]) ** 2 <= radius**2)

    def band(self, low: float, high: float) -> Photons:
        """Return those of an energy band [keV]: lower channel included, upper excluded (assumed)."""
        first, beyond = instrument.energy_to_channel(low), instrument.energy_to_channel(high)
        return self.take((self.channel >= first) & (self.channel < beyond))


class SkyView:
    """The field of a scene.

    Parameters
    ----------
    scene
        Selection of observations: PC snapshots only, at least one.

    Attributes
    ----------
    snapshots
        Observation and snapshot, trimmed, in order of time.
    exposure
        Good time of all snapshots [s].
    centre
        Middle of the field [deg]: the pointings' mean, weighted by exposure.
    neighbours
        Field sources that can be seen, brightest first.
    photons
        All photons: of the target, the field sources and the background; none where the image has no exposure.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.snapshots = tuple((o, s) for o in scene.observations for s in o.snapshots)
        self.exposure = sum(snapshot.exposure for _, snapshot in self.snapshots)
        first = self.snapshots[0][0]
        x = y = 0.0
        for observation, snapshot in self.snapshots:
            dx, dy = projected(first.ra, first.dec, observation.ra, observation.dec)
            x, y = x + dx * snapshot.exposure, y + dy * snapshot.exposure
        self.centre = unprojected((first.ra, first.dec), x / self.exposure, y / self.exposure)
        source = scene.source
        self.neighbours = field.around(scene.seed, self.centre, _REACH_DEG, (source.ra, source.dec), _OWN_DEG)
        parts = [part for n in range(len(self.snapshots)) for part in self._photons_of(n)]
        names = ("x", "y", "channel", "snapshot")
        found = Photons(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
        self._maps = self._exposure_maps()
        row, column = _pixels(found)
        inside = (column >= 0) & (column < SIDE) & (row >= 0) & (row < SIDE)
        blocks = (np.where(inside, axis, 0) // BLOCK for axis in (row, column))
        self.photons = found.take(np.asarray(~inside | (self._maps[0][tuple(blocks)] > 0)))

    def place(self, position: Position) -> tuple[float, float]:
        """Return the place of a position [deg] on the plane [arcsec]."""
        return projected(*self.centre, *position)

    def position(self, place: tuple[float, float]) -> Position:
        """Return the position [deg] of a place on the plane [arcsec]."""
        return unprojected(self.centre, *place)

    def _photons_of(self, n: int) -> Iterator[Photons]:
        """Bring the photons of a snapshot onto the plane, by a linear map that is exact at three points."""
        seed = self.scene.seed
        observation, snapshot = self.snapshots[n]
        pointing, arm = (observation.ra, observation.dec), 600.0
        here, east, north = (
            np.array(self.place(unprojected(pointing, *p))) for p in ((0.0, 0.0), (arm, 0.0), (0.0, arm))
        )
        matrix = (np.array([east - here, north - here]).T / arm).astype(np.float32)
        shift = here.astype(np.float32)
        whole = self.scene.whole[observation.obsid, snapshot.number, snapshot.mode]
        for events in (
            photons.source_events(seed, self.scene.source, observation, whole),
            photons.field_events(seed, observation, whole, self.neighbours),
            photons.background_events(seed, observation, whole),
        ):
            inside = events
            if snapshot is not whole:
                inside = events.take((events.met >= snapshot.start) & (events.met < snapshot.stop))
            x = shift[0] + matrix[0, 0] * inside.x + matrix[0, 1] * inside.y
            y = shift[1] + matrix[1, 0] * inside.x + matrix[1, 1] * inside.y
            yield Photons(x, y, inside.channel, np.full(len(inside), n, np.int32))

    def tracker_offset(self, weights: Sequence[float]) -> tuple[float, float]:
        """Return the mean error of the star trackers, with a weight for each snapshot [arcsec]."""
        offsets = [photons.tracker_offset(self.scene.seed, o, s) for o, s in self.snapshots]
        total = max(sum(weights), 1e-9)
        x, y = (sum(w * offset[axis] for w, offset in zip(weights, offsets, strict=True)) / total for axis in (0, 1))
        return x, y

    def exposure_maps(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the good time of each block of pixels [s], and the same times the area that is left there.

        Each map is of shape (100, 100), read-only.
        """
        return self._maps

    def _exposure_maps(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        edge = (np.arange(SIDE // BLOCK) + 0.5) * BLOCK + 0.5
        x, y = np.meshgrid((MIDDLE - edge) * PIXEL, (edge - MIDDLE) * PIXEL)
        plain, vignetted = np.zeros(x.shape), np.zeros(x.shape)
        for observation, snapshots in groupby(self.snapshots, key=lambda pair: pair[0]):
            dx, dy = self.place((observation.ra, observation.dec))
            seen = np.zeros(x.shape)
            for _, snapshot in snapshots:
                roll = photons.roll(self.scene.seed, observation.target, snapshot.start)
                seen += np.where(photons.on_detector(x - dx, y - dy, roll), snapshot.exposure, 0.0)
            plain += seen
            vignetted += seen * instrument.vignetting(np.hypot(x - dx, y - dy) / 60)
        # even numbers compress better
        rounded = ((np.round(values * 4) / 4).astype(np.float32) for values in (plain, vignetted))
        exposed, effective = map(instrument.read_only, rounded)
        return exposed, effective


def image(found: Photons) -> NDArray[np.int32]:
    """Count photons in pixels, shape (1000, 1000): rows go north, columns west."""
    row, column = _pixels(found)
    inside = (column >= 0) & (column < SIDE) & (row >= 0) & (row < SIDE)
    flat = np.bincount(row[inside] * SIDE + column[inside], minlength=SIDE * SIDE)
    return flat.reshape(SIDE, SIDE).astype(np.int32)


def _pixels(found: Photons) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows and columns of photons in the image, from 0; some may lie outside."""
    column = np.floor(MIDDLE - found.x / PIXEL + 0.5).astype(np.int64) - 1
    row = np.floor(MIDDLE + found.y / PIXEL + 0.5).astype(np.int64) - 1
    return row, column


def in_full(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Repeat each block for its pixels: shape (1000, 1000), in the same byte order."""
    return np.repeat(np.repeat(blocks, BLOCK, axis=1), BLOCK, axis=0)


def pixel(place: tuple[float, float]) -> tuple[float, float]:
    """Image coordinates of a place on the plane [pixels, from 1]."""
    return MIDDLE - place[0] / PIXEL, MIDDLE + place[1] / PIXEL


def area_of(radius: float) -> Floats:
    """Offsets of the pixels within `radius` [arcsec] of a pixel's middle, shape (n, 2): column, row."""
    reach = math.ceil(radius / PIXEL)
    column, row = np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1))
    inside = np.hypot(column, row) * PIXEL <= radius
    return np.stack([column[inside], row[inside]], axis=1)
