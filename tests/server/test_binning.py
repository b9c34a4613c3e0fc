"""Bins: where they begin and end, on hand-made snapshots whose every count is known."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mock_server.core.model import Observation, Snapshot
from mock_server.products import binning
from mock_server.products.binning import CountsRule
from mock_server.products.extraction import Counts, Piece, Region, region
from mock_server.products.timeline import Band, Bins, Timeline

FRAME = 2.5073
START = 5e8
END = START + 20 * FRAME
"""Of a snapshot of 20 frames; whole seconds added to it are exact."""


def counts(met: Any, channel: Any) -> Counts:
    """Counts in the middle of a region."""
    return Counts(met, channel, *np.zeros((2, len(met)), np.float32))


def piece(
    frames: int, counts_at: list[int], *, start: float = START, obsid: str = "00099001001", **more: object
) -> Piece:
    """One PC snapshot of whole frames, with counts in the middle of the given ones."""
    snapshot = Snapshot(1, "PC", start, start + frames * FRAME)
    met = start + (np.array(counts_at) + 0.5) * FRAME
    made = Piece(
        observation=Observation(obsid, 10.0, -29.7, 0.0, 1, "20260105", (snapshot,)),
        snapshot=snapshot,
        region=Region("PC", 0.0, 30.0),
        share=0.8,
        kept=1.0,
        vignetting=1.0,
        bad=False,
        centre=(0.0, 0.0),
        source=counts(met, np.full(len(met), 100, np.int16)),
        background=counts(np.empty(0), np.empty(0, np.int16)),
    )
    return replace(made, **more)  # type: ignore[arg-type]


def band(*pieces: Piece) -> Band:
    return Band(Timeline(pieces), 30, 1000)


def edges(bins: Bins) -> list[tuple[int, int, bool]]:
    return list(zip(bins.first.tolist(), bins.beyond.tolist(), bins.full.tolist(), strict=True))


def test_a_bin_ends_with_the_frame_of_the_count_that_fills_it():
    found = binning.by_counts(band(piece(20, [0, 3, 7, 8, 12, 15])), CountsRule(counts=3))
    assert edges(found) == [(0, 8, True), (8, 20, True)]  # the last one reaches to the end of its snapshot


def test_bins_touch_one_another_in_time():
    found = binning.by_counts(band(piece(20, [0, 3, 7, 8, 12, 15])), CountsRule(counts=3))
    assert found.start.tolist() == pytest.approx([START, START + 8 * FRAME])
    assert found.stop.tolist() == pytest.approx([START + 8 * FRAME, START + 20 * FRAME])


def test_a_snapshot_with_a_full_bin_gives_it_what_is_left():
    found = binning.by_counts(band(piece(20, [0, 1, 2, 15])), CountsRule(counts=3))
    assert edges(found) == [(0, 20, True)]


def test_a_snapshot_without_a_full_bin_goes_on_behind_the_gap():
    pieces = piece(20, [0, 1]), piece(20, [4, 9], start=START + 5000)
    found = binning.by_counts(band(*pieces), CountsRule(counts=3))
    assert edges(found) == [(0, 40, True)]
    assert found.stop[0] == pytest.approx(START + 5000 + 20 * FRAME)


def test_a_gap_that_is_too_long_ends_a_bin_with_what_there_is():
    pieces = piece(20, [0, 1]), piece(20, [4, 9], start=START + 5000)
    found = binning.by_counts(band(*pieces), CountsRule(counts=3, longest_gap=1000))
    assert edges(found) == [(0, 20, False), (20, 40, False)]


@pytest.mark.parametrize(("longest", "bins"), [(1024.0, 1), (np.nextafter(1024.0, 0.0), 2)])
def test_a_gap_of_exactly_the_longest_is_spanned(longest, bins):
    pieces = piece(20, [0, 1]), piece(20, [4, 9], start=END + 1024.0)
    found = binning.by_counts(band(*pieces), CountsRule(counts=3, longest_gap=longest))
    assert len(edges(found)) == bins


@pytest.mark.parametrize(("gap", "snapshots"), [(999.9999, 1), (1000.0, 2), (1000.0001, 2)])
def test_a_gap_of_1000_s_separates_snapshots(gap, snapshots):
    timeline = Timeline([piece(20, []), piece(20, [], start=END + gap)])
    assert len(binning.by_runs(timeline, timeline.snapshots).first) == snapshots


def test_a_band_has_its_first_channel_and_not_the_one_beyond_its_last():
    one = piece(4, [0, 1, 2, 3])
    channels = np.array([29, 30, 999, 1000], np.int16)
    found = band(replace(one, source=counts(one.source.met, channels)))
    assert found.frames.tolist() == [1, 2]


def test_what_is_left_at_the_end_makes_a_bin_of_its_own_after_a_gap():
    pieces = piece(20, [0, 1, 2]), piece(20, [4], start=START + 5000)
    assert edges(binning.by_counts(band(*pieces), CountsRule(counts=3))) == [(0, 20, True), (20, 40, False)]


def test_short_interruptions_do_not_end_a_snapshot():
    pieces = piece(20, [0, 1, 2, 19]), piece(20, [4, 5], start=START + 20 * FRAME + 999)
    assert edges(binning.by_counts(band(*pieces), CountsRule(counts=3))) == [(0, 3, True), (3, 40, True)]


def test_counts_in_one_frame_are_never_parted():
    found = binning.by_counts(band(piece(10, [2, 2, 2, 2, 2])), CountsRule(counts=3))
    assert edges(found) == [(0, 10, True)]


def test_a_bin_without_any_count_is_still_a_bin():
    assert edges(binning.by_counts(band(piece(10, [])), CountsRule(counts=3))) == [(0, 10, False)]


def test_a_bin_has_its_least_length():
    found = binning.by_counts(band(piece(20, list(range(20)))), CountsRule(counts=1, shortest=4.5 * FRAME))
    assert (found.beyond - found.first).min() == 5


def test_a_bin_has_its_least_signal_to_noise():
    found = binning.by_counts(band(piece(40, list(range(40)))), CountsRule(counts=1, min_snr=3.0))
    assert (found.beyond - found.first).min() == 9  # nine counts without background: 3 sigma


@pytest.mark.parametrize(
    ("rate", "need"), [(0.05, 15), (0.11, 20), (1.0, 20), (9.9, 20), (10.1, 30), (101.0, 45), (0.0, 15), (-1.0, 15)]
)
def test_the_need_follows_the_rate_in_steps(rate, need):
    rule = CountsRule(counts=20, dynamic=True)
    assert rule.need(np.array([rate])).tolist() == [need]


def test_without_dynamic_binning_the_need_is_fixed():
    assert CountsRule(counts=20).need(np.array([0.01, 100.0])).tolist() == [20, 20]


def test_dynamic_bins_are_full_by_their_own_rate():
    draws = np.random.default_rng(3)
    rising = np.sort((2000 * draws.random(3000) ** 0.3).astype(int)).tolist()
    found = band(piece(2000, rising))
    rule = CountsRule(counts=20, dynamic=True)
    bins = binning.by_counts(found, rule)
    sums = found.add_up(bins)
    rate = sums.counts * sums.by_counts / sums.exposure
    assert (sums.counts >= rule.need(rate))[bins.full].all()
    assert sums.counts.sum() == 3000
    assert sums.exposure.sum() == pytest.approx(2000 * FRAME)


def test_hardness_bins_need_counts_in_both_bands():
    one = piece(20, list(range(20)))
    channels = np.where(np.arange(20) % 5 == 4, 300, 100).astype(np.int16)  # every fifth is hard
    timeline = Timeline([replace(one, source=counts(one.source.met, channels))])
    soft, hard = Band(timeline, 30, 150), Band(timeline, 150, 1000)
    assert edges(binning.by_both(soft, hard, 2, 1e8)) == [(0, 10, True), (10, 20, True)]


def test_hardness_bins_that_never_fill_are_dropped():
    timeline = Timeline([piece(20, list(range(20)))])
    assert edges(binning.by_both(Band(timeline, 30, 150), Band(timeline, 150, 1000), 2, 1e8)) == []


def test_one_bin_for_each_snapshot_and_each_observation():
    pieces = [
        piece(10, []),
        piece(10, [], start=START + 500),
        piece(10, [], start=START + 5000),
        piece(10, [], start=START + 9000, obsid="00099001002"),
    ]
    timeline = Timeline(pieces)
    assert edges(binning.by_runs(timeline, timeline.snapshots)) == [(0, 20, True), (20, 30, True), (30, 40, True)]
    assert edges(binning.by_runs(timeline, timeline.observations)) == [(0, 30, True), (30, 40, True)]


def test_bins_of_fixed_length_touch_and_never_cross_a_gap():
    timeline = Timeline([piece(40, []), piece(40, [], start=START + 1000)])
    bins = binning.by_time(timeline, 30.0, 0.0)
    assert (bins.start[1:] >= bins.stop[:-1] - 1e-6).all()
    assert timeline.exposure_before(bins.beyond).max() == pytest.approx(80 * FRAME)
    assert all(not (first < 40 < beyond) for first, beyond, _ in edges(bins))


@pytest.mark.parametrize(("gap", "nominal"), [(0.0, True), (-0.001, False)])
def test_bins_at_the_ends_keep_their_nominal_bounds_where_they_meet_no_other_snapshot(gap, nominal):
    length = 10 * FRAME
    other = piece(20, [], start=START)
    late = piece(6, [], start=END + 3 * FRAME)
    before = replace(other, snapshot=replace(other.snapshot, stop=END - gap))
    bins = binning.by_time(Timeline([before, late]), length, 0.0)
    assert (bins.start[-1] == pytest.approx(END, abs=1e-6)) == nominal
    assert bins.stop[-1] == pytest.approx(END + length)


def test_bins_of_fixed_length_start_anew_with_each_observation():
    timeline = Timeline([piece(40, []), piece(40, [], start=START + 1017, obsid="00099001002")])
    assert START + 1017 in binning.by_time(timeline, 30.0, 0.0).start.tolist()


def test_bins_with_too_little_good_time_are_dropped():
    timeline = Timeline([piece(40, [])])  # 100.3 s: three bins of 30 s, and a third of one
    assert len(edges(binning.by_time(timeline, 30.0, 0.0))) == 4
    assert len(edges(binning.by_time(timeline, 30.0, 0.5))) == 3


def test_sums_weigh_corrections_by_counts_and_by_exposure():
    pieces = piece(10, [0, 1, 2]), piece(30, [5], start=START + 5000, share=0.4)
    found = band(*pieces)
    sums = found.add_up(found.timeline.bins([(0, 40, True)]))
    assert sums.by_counts[0] == pytest.approx((3 * 1.25 + 2.5) / 4)
    assert sums.by_exposure[0] == pytest.approx((10 * 1.25 + 30 * 2.5) / 40)


def test_a_bin_without_counts_has_its_time_in_the_middle_and_the_correction_of_its_exposure():
    pieces = piece(10, [0], share=0.4), piece(10, [], start=START + 5000)
    found = band(*pieces)
    sums = found.add_up(found.timeline.bins([(10, 20, True)]))
    assert sums.arrival[0] == pytest.approx(START + 5000 + 5 * FRAME)
    assert sums.by_counts[0] == sums.by_exposure[0] == pytest.approx(1.25)


def test_a_bin_is_bad_if_one_of_its_snapshots_is():
    pieces = piece(10, [0]), piece(10, [0], start=START + 5000, bad=True)
    found = band(*pieces)
    assert found.add_up(found.timeline.bins([(0, 10, True), (5, 15, True), (10, 20, True)])).bad.tolist() == [
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("rate", "radius"),
    [(2.0, 30), (0.3, 25), (0.06, 20), (0.02, 15), (0.007, 12), (0.002, 9), (7e-4, 7), (1e-4, 5), (0.0, 5)],
)
def test_brighter_sources_have_larger_regions(rate, radius):
    assert region("PC", rate, 1e9, 30.0) == Region("PC", 0.0, radius)


def test_piled_up_sources_lose_their_core():
    assert region("PC", 0.6, 0.6, 30.0).inner == 0
    assert region("PC", 1.2, 0.6, 30.0).inner == 3.5
    assert region("PC", 300.0, 0.6, 30.0).inner == 12
    assert region("PC", 300.0, 0.6, 15.0).inner == 5
    assert region("PC", 300.0, 1e9, 30.0).inner == 0


def test_an_annulus_is_corrected_as_published():
    assert 1 / Region("PC", 4.0, 30.0).net_share(0.0) == pytest.approx(2.34, abs=0.02)
    assert 1 / Region("PC", 0.0, 30.0).net_share(0.0) == pytest.approx(1.07, abs=0.01)


def test_a_windowed_strip_knows_a_displaced_source():
    strip = Region("WT", 0.0, 20.0)
    assert strip.net_share(5.0) < strip.net_share(0.0)
    assert strip.net_share(5.0) == pytest.approx(strip.net_share(-5.0))
