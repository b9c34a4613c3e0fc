"""The snapshots of one mode laid end to end, and counts added up along them.

Work is done in frames counted through all snapshots, gaps left out; clock time comes back in only at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..core.selection import SNAPSHOT_GAP_S
from . import instrument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from .extraction import Counts, Piece
    from .instrument import Floats

    Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Bins:
    """Bins of one mode, each array of shape (n_bins,).

    Parameters
    ----------
    first, beyond
        First frame, and first one that no longer belongs.
    start, stop
        Bounds [s, MET].
    full
        Whether a bin is full; others hold the rest of their snapshot.
    """

    first: Ints
    beyond: Ints
    start: Floats
    stop: Floats
    full: NDArray[np.bool_]

    def take(self, which: NDArray[np.bool_]) -> Bins:
        """Return some of them."""
        return Bins(self.first[which], self.beyond[which], self.start[which], self.stop[which], self.full[which])


@dataclass(frozen=True)
class Located:
    """Counts and where they lie, arrays of shape (n,) in order of time: arrival [s, MET], channel, piece, frame."""

    met: Floats
    channel: NDArray[np.int16]
    piece: Ints
    frame: Ints

    def within(self, low: int, high: int) -> Located:
        """Return those from channel `low` up to, but not including, `high`."""
        which = (self.channel >= low) & (self.channel < high)
        return Located(self.met[which], self.channel[which], self.piece[which], self.frame[which])


class Timeline:
    """The snapshots of one mode laid end to end.

    Parameters
    ----------
    pieces
        Extracted snapshots; time must not run backwards within an observation.

    Attributes
    ----------
    start, stop, length
        Bounds [s, MET] and lengths [s] of the pieces.
    first
        First frame of each piece, and the number of frames at the end.
    source, background
        Counts of the source and of the background regions.
    snapshots
        First frames of the snapshots, and the number of frames at the end. Gaps below 1000 s do not separate snapshots.
    observations
        First frames of the observations, and the number of frames at the end.
    """

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = tuple(sorted(pieces, key=lambda piece: piece.snapshot.start))
        self.frame = instrument.FRAME[self.pieces[0].snapshot.mode]
        self.start = np.array([piece.snapshot.start for piece in self.pieces])
        self.stop = np.array([piece.snapshot.stop for piece in self.pieces])
        self.length = self.stop - self.start
        frames = np.ceil(self.length / self.frame - 1e-3).astype(np.int64)
        self.first = np.concatenate([[0], np.cumsum(frames)])
        self.source = self._located([piece.source for piece in self.pieces])
        self.background = self._located([piece.background for piece in self.pieces])
        self.snapshots = self._split(lambda a, b: _gap(a, b) >= SNAPSHOT_GAP_S or not _same_observation(a, b))
        self.observations = self._split(lambda a, b: not _same_observation(a, b))

    def _located(self, counts: Sequence[Counts]) -> Located:
        met = np.concatenate([some.met for some in counts])
        channel = np.concatenate([some.channel for some in counts])
        piece = np.repeat(np.arange(len(counts)), [len(some.met) for some in counts])
        number = np.floor((met - self.start[piece]) / self.frame).astype(np.int64)
        last = self.first[piece + 1] - 1
        order = np.argsort(met, kind="stable")  # the lists of one piece come one after the other
        frame = np.minimum(self.first[piece] + np.maximum(number, 0), last)
        return Located(met[order], channel[order], piece[order], frame[order])

    def exposure_before(self, frame: Ints) -> Floats:
        """Good time before each of these frames [s]."""
        return self.integral_before(np.ones(len(self.pieces)), frame)

    def integral_before(self, values: Floats, frame: Ints) -> Floats:
        """Integrate a quantity with one value in each piece over the good time before each of these frames."""
        k = np.clip(np.searchsorted(self.first, frame, side="right") - 1, 0, len(self.pieces) - 1)
        whole = frame >= self.first[k + 1]
        partial = np.where(whole, self.length[k], np.minimum((frame - self.first[k]) * self.frame, self.length[k]))
        return np.asarray(_running(values * self.length)[k] + values[k] * partial)

    def opening(self, frame: Ints) -> Floats:
        """Return the start of each of these frames [s, MET]."""
        k = np.searchsorted(self.first, frame, side="right") - 1
        return np.asarray(self.start[k] + (frame - self.first[k]) * self.frame)

    def closing(self, beyond: Ints) -> Floats:
        """Return the end of the frame before each of these [s, MET]."""
        k = np.searchsorted(self.first, beyond, side="left") - 1
        return np.asarray(np.minimum(self.start[k] + (beyond - self.first[k]) * self.frame, self.stop[k]))

    def blocks(self, longest_gap: float) -> Ints:
        """First frames after gaps that are longer than `longest_gap` [s], and the number of frames at the end."""
        return self._split(lambda a, b: _gap(a, b) > longest_gap)

    def _split(self, parts: Callable[[Piece, Piece], bool]) -> Ints:
        """First frames of the pieces that `parts` from the one before, and the number of frames at the end."""
        between = [k for k, (a, b) in enumerate(pairwise(self.pieces), start=1) if parts(a, b)]
        return np.asarray(self.first[[0, *between, len(self.pieces)]])

    def bins(self, edges: Iterable[tuple[int, int, bool]]) -> Bins:
        """Make bins of frames: first one, first one beyond, whether full."""
        table = np.array([(a, b, full) for a, b, full in edges], dtype=np.int64).reshape(-1, 3)
        first, beyond = table[:, 0], table[:, 1]
        return Bins(first, beyond, self.opening(first), self.closing(beyond), table[:, 2].astype(bool))


def _gap(a: Piece, b: Piece) -> float:
    """Time from the end of a piece to the start of the next one [s]."""
    return b.snapshot.start - a.snapshot.stop


def _same_observation(a: Piece, b: Piece) -> bool:
    return a.observation.obsid == b.observation.obsid


class Band:
    """The counts of one energy band along a timeline, ready to be added up between any two frames.

    Parameters
    ----------
    timeline
        Timeline of the counts.
    low, high
        First channel, and first one beyond.
    """

    def __init__(self, timeline: Timeline, low: int, high: int) -> None:
        self.timeline = timeline
        source, back = (some.within(low, high) for some in (timeline.source, timeline.background))
        self.frames, self._back_frames = source.frame, back.frame
        alpha = np.array([piece.region.alpha for piece in timeline.pieces])
        corrections = np.array([piece.correction for piece in timeline.pieces])
        self._background = _running(alpha[back.piece])
        self._variance = _running(alpha[back.piece] ** 2)
        self._by_counts = _running(corrections[source.piece])
        self._arrivals = _running(source.met - timeline.start[0])
        self._corrections = corrections
        self._bad = np.array([float(piece.bad) for piece in timeline.pieces])

    def before(self, frame: Ints) -> Floats:
        """Add up everything before each of these frames, shape (5, n_frames).

        Rows: counts, background expected among them, its variance, sum of the counts' corrections, good time [s].
        """
        counts, back = np.searchsorted(self.frames, frame), np.searchsorted(self._back_frames, frame)
        exposure = self.timeline.exposure_before(frame)
        return np.stack([counts, self._background[back], self._variance[back], self._by_counts[counts], exposure])

    def add_up(self, bins: Bins) -> Sums:
        """Return sums and means in each bin."""
        low, high = np.searchsorted(self.frames, bins.first), np.searchsorted(self.frames, bins.beyond)
        counts, background, variance, corrected, exposure = self.before(bins.beyond) - self.before(bins.first)

        def mean(values: Floats) -> Floats:
            ends = (self.timeline.integral_before(values, edge) for edge in (bins.first, bins.beyond))
            return np.asarray(-np.subtract(*ends) / exposure)

        by_exposure = mean(self._corrections)
        some = np.maximum(counts, 1)
        by_counts = np.where(counts > 0, corrected / some, by_exposure)
        arrival = self.timeline.start[0] + (self._arrivals[high] - self._arrivals[low]) / some
        return Sums(
            counts=counts.astype(np.int64),
            background=np.where(background > 1e-9, background, 0.0),
            variance=np.where(variance > 1e-9, variance, 0.0),
            exposure=exposure,
            by_counts=by_counts,
            by_exposure=by_exposure,
            arrival=np.where(counts > 0, arrival, 0.5 * (bins.start + bins.stop)),
            bad=mean(self._bad) > 1e-9,
        )


@dataclass(frozen=True)
class Sums:
    """Sums and means in each bin, arrays of shape (n_bins,).

    Parameters
    ----------
    counts
        Counts in the source region.
    background, variance
        Counts expected from the background among them, and the variance of these.
    exposure
        Good time [s].
    by_counts, by_exposure
        Mean correction factor, weighted by counts (by exposure if there are none) and by exposure.
    arrival
        Mean arrival [s, MET]; the middle of the bin if there are no counts.
    bad
        Whether a snapshot without a centroid contributes.
    """

    counts: Ints
    background: Floats
    variance: Floats
    exposure: Floats
    by_counts: Floats
    by_exposure: Floats
    arrival: Floats
    bad: NDArray[np.bool_]

    def at(self, instants: Floats) -> Sums:
        """Return the same with other times [s, MET] in place of the mean arrivals."""
        return replace(self, arrival=instants)


def _running(values: Floats) -> Floats:
    """Running sum that starts with 0."""
    total = np.zeros(len(values) + 1)
    np.cumsum(values, out=total[1:])
    return total
