"""Rules that place bins on a timeline, in frames. A bin never splits a frame."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from .statistics import signal_to_noise
from .timeline import Bins

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .instrument import Floats
    from .timeline import Band, Ints, Timeline

    Fullness = Callable[[Floats], NDArray[np.bool_]]


@dataclass(frozen=True)
class CountsRule:
    """Rule for when a bin is full.

    Parameters
    ----------
    counts
        Counts it needs; at 1 count/s if `dynamic`.
    dynamic
        Whether the need depends on the rate: it changes by a factor `bin_factor` for every `rate_factor` in rate,
        truncated towards zero, and is never below `floor`.
    shortest
        Least good time [s].
    min_snr
        Least Gaussian signal to noise.
    longest_gap
        Longest gap it may span [s].
    """

    counts: int
    dynamic: bool = False
    rate_factor: float = 10.0
    bin_factor: float = 1.5
    floor: int = 15
    shortest: float = 0.0
    min_snr: float = 0.0
    longest_gap: float = 1e8

    def need(self, rate: Floats) -> Floats:
        """Counts needed at a corrected rate [count/s]."""
        if not self.dynamic or self.rate_factor <= 1:
            return np.full_like(rate, self.counts)
        steps = np.trunc(np.log(np.maximum(rate, 1e-12)) / math.log(self.rate_factor))
        with np.errstate(over="ignore"):  # where the need is infinite, no bin is ever full
            return np.maximum(self.floor, self.counts * self.bin_factor**steps)

    def full(self, sums: Floats) -> NDArray[np.bool_]:
        """Return whether bins with these sums are full; rows as in :meth:`Band.before`."""
        counts, background, variance, corrected, exposure = sums
        rate = (counts - background) * corrected / np.maximum(counts, 1) / exposure
        snr = signal_to_noise(counts, background, np.maximum(variance, 0.0))
        return np.asarray((counts >= self.need(rate)) & (exposure >= self.shortest) & (snr >= self.min_snr))


def by_counts(band: Band, rule: CountsRule) -> Bins:
    """Bins that each hold the counts they need; each ends with the frame of a count, or with its snapshot."""
    edges = np.unique(np.concatenate([band.frames + 1, band.timeline.first]))
    least = rule.floor if rule.dynamic and rule.rate_factor > 1 else rule.counts
    sums = band.before(edges)
    return band.timeline.bins(_grown(band.timeline, edges, sums, rule.full, least, rule.longest_gap))


def by_both(soft: Band, hard: Band, counts: int, longest_gap: float) -> Bins:
    """Bins of a hardness ratio: full as soon as both bands have their counts; unfilled bins are dropped."""

    def full(sums: Floats) -> NDArray[np.bool_]:
        return np.asarray((sums[0] >= counts) & (sums[1] >= counts))

    edges = np.unique(np.concatenate([soft.frames + 1, hard.frames + 1, soft.timeline.first]))
    sums = np.stack([soft.before(edges)[0], hard.before(edges)[0]])
    bins = soft.timeline.bins(_grown(soft.timeline, edges, sums, full, counts, longest_gap))
    return bins.take(bins.full)


def _grown(
    timeline: Timeline, edges: Ints, sums: Floats, full: Fullness, least: int, longest_gap: float
) -> list[tuple[int, int, bool]]:
    """Let bins grow from edge to edge until they are full.

    The rest of a snapshot after its last full bin is added to that bin. A bin that is not full at the end of a
    snapshot without one goes on behind the gap, unless that is too long. The first row of `sums` holds counts; no bin
    with less than `least` of them can be full.
    """
    bins: list[tuple[int, int, bool]] = []
    snapshots = timeline.snapshots.tolist()
    for begin, finish in pairwise(timeline.blocks(longest_gap).tolist()):
        last = int(np.searchsorted(edges, finish, side="right"))
        start = begin
        while start < finish:
            end = _first_full(edges, sums, full, least, start, last)
            at = bisect_right(snapshots, start)
            opened, closes = snapshots[at - 1], min(snapshots[at], finish)
            if (end is None or end > closes) and bins and bins[-1][1:] == (start, True) and start > opened:
                bins[-1] = (bins[-1][0], closes, True)
                start = closes
                continue
            bins.append((start, finish if end is None else end, end is not None))
            start = bins[-1][1]
    return bins


def _first_full(edges: Ints, sums: Floats, full: Fullness, least: int, start: int, last: int) -> int | None:
    """Return the first edge at which a bin from `start` on is full, None if it is not before the edge `last`."""
    here = int(np.searchsorted(edges, start))
    base = sums[:, here : here + 1]
    low = max(here + 1, int(np.searchsorted(sums[0], base[0, 0] + least)))
    width = 32
    while low < last:
        found = full(sums[:, low : min(low + width, last)] - base)
        if found.any():
            return int(edges[low + int(np.argmax(found))])
        low, width = low + width, 2 * width
    return None


def by_runs(timeline: Timeline, edges: Ints) -> Bins:
    """One bin for each run of frames: for each snapshot, or each observation."""
    return timeline.bins((a, b, True) for a, b in pairwise(edges.tolist()))


def by_time(timeline: Timeline, length: float, least_exposed: float) -> Bins:
    """Bins of fixed length, counted from the start of each observation and never across a gap.

    The first and the last bin of a snapshot keep their nominal bounds where they meet no other snapshot; edges inside
    are moved to frames. Bins with a smaller share of good time than `least_exposed` are dropped.
    """
    origins = timeline.observations
    length = max(length, timeline.frame)
    found = []
    for k, first in enumerate(timeline.first[:-1]):
        origin = timeline.opening(origins[[np.searchsorted(origins, first, side="right") - 1]])
        found.append(_cells(timeline, k, float(origin[0]), length))
    first, beyond, start, stop = (np.concatenate(column) for column in zip(*found, strict=True))
    bins = Bins(first, beyond, start, stop, np.ones(len(first), bool))
    exposure = timeline.exposure_before(beyond) - timeline.exposure_before(first)
    return bins.take(exposure >= least_exposed * (stop - start))


def _cells(timeline: Timeline, k: int, origin: float, length: float) -> tuple[Ints, Ints, Floats, Floats]:
    """Cut one piece along the grid that begins at `origin`: first frames, first ones beyond, bounds."""
    start, stop = float(timeline.start[k]), float(timeline.stop[k])
    before = float(timeline.stop[k - 1]) if k else -math.inf
    after = float(timeline.start[k + 1]) if k + 1 < len(timeline.pieces) else math.inf
    cells = origin + length * np.arange(
        math.floor((start - origin) / length + 1e-9), math.ceil((stop - origin) / length - 1e-9) + 1
    )
    edge = timeline.first[k] + np.round((np.clip(cells, start, stop) - start) / timeline.frame).astype(np.int64)
    edge[-1] = timeline.first[k + 1]
    some = edge[:-1] < edge[1:]
    first, beyond, low, high = edge[:-1][some], edge[1:][some], cells[:-1][some], cells[1:][some]
    opens = np.where((low <= start) & (before <= low), low, timeline.opening(first))
    closes = np.where((high >= stop) & (after >= high), high, timeline.closing(beyond))
    return first, beyond, opens, closes
