"""Photons: keyed, Poissonian, of the right spectrum and place, and slightly other ones after a reprocessing."""

from dataclasses import replace

import numpy as np
import pytest

from mock_server.core.model import Observation, Snapshot
from mock_server.products import instrument, photons
from mock_server.sky.sources import Rate, Source, Spectrum

START = 5.5e8
FRAMES = 600


def observation(number: int = 1, mode: str = "PC", snapshots: int = 1, **changes: object) -> Observation:
    length = FRAMES * instrument.FRAME["PC"]
    looks = tuple(
        Snapshot(n, mode, START + 5760 * (n - 1), START + 5760 * (n - 1) + length) for n in range(1, snapshots + 1)
    )
    made = Observation(f"00099001{number:03d}", 10.02, -29.7, 0.0, 1, "20260105", looks)
    return replace(made, **changes)  # type: ignore[arg-type]


def source(rate: float = 0.2, **changes: object) -> Source:
    made = Source("A", 10.0, -29.7, nh_galactic=3e20, rate=Rate(mean_rate=rate), spectrum=Spectrum())
    return replace(made, **changes)  # type: ignore[arg-type]


def many(rate: float = 0.2, count: int = 40, mode: str = "PC", version: int = 1) -> list[photons.Events]:
    o = observation(mode=mode, snapshots=count, version=version)
    return [photons.source_events(1, source(rate), o, s) for s in o.snapshots]


def test_photons_do_not_depend_on_what_was_drawn_before():
    o = observation(snapshots=3)
    first = [photons.source_events(1, source(), o, s) for s in o.snapshots]
    photons.kept.clear()
    again = [photons.source_events(1, source(), o, s) for s in reversed(o.snapshots)][::-1]
    for a, b in zip(first, again, strict=True):
        assert a.met.tolist() == b.met.tolist()
        assert a.x.tolist() == b.x.tolist()


def test_photons_do_not_depend_on_other_snapshots_of_the_observation():
    short, long = observation(snapshots=1), observation(snapshots=4)
    a, b = (photons.source_events(1, source(), o, short.snapshots[0]) for o in (short, long))
    assert a.channel.tolist() == b.channel.tolist()


@pytest.mark.parametrize("change", ["seed", "observation", "snapshot", "source"])
def test_every_part_of_the_key_matters(change):
    o = observation(snapshots=2)
    same = photons.source_events(1, source(), o, o.snapshots[0])
    other = {
        "seed": lambda: photons.source_events(2, source(), o, o.snapshots[0]),
        "observation": lambda: photons.source_events(1, source(), observation(2, snapshots=2), o.snapshots[0]),
        "snapshot": lambda: photons.source_events(1, source(), o, replace(o.snapshots[0], number=2)),
        "source": lambda: photons.source_events(1, source(name="B"), o, o.snapshots[0]),
    }[change]()
    assert same.met.tolist() != other.met.tolist()


def test_counts_are_poissonian_about_the_true_rate():
    lists = many()
    o = observation()
    kept = 1 - photons.lost_to_bad_columns(1, source(), o)
    expected = 0.2 * o.snapshots[0].exposure * photons.vignetting(o, 10.0, -29.7) * kept
    counts = np.array([np.sum((e.channel >= 30) & (e.channel < 1000)) for e in lists])
    assert counts.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / len(counts)))
    assert counts.var() / expected == pytest.approx(1.0, abs=0.7)


def test_arrivals_are_in_order_and_in_the_middle_of_frames():
    o = observation()
    met = photons.source_events(1, source(5.0), o, o.snapshots[0]).met
    frames = (met - START) / instrument.FRAME["PC"] - 0.5
    assert (np.diff(met) >= 0).all()
    assert frames == pytest.approx(np.round(frames), abs=1e-4)
    assert frames.min() >= -1e-6
    assert frames.max() < FRAMES


def test_windowed_photons_stay_inside_their_snapshot():
    o = observation(mode="WT", snapshots=2)
    for snapshot in o.snapshots:
        for events in (photons.source_events(1, source(20.0), o, snapshot), photons.background_events(1, o, snapshot)):
            assert events.met.min() >= snapshot.start
            assert events.met.max() < snapshot.stop
            assert not events.y.any()


def test_half_of_the_photons_lie_within_9_arcsec_of_the_misplaced_source():
    o = observation()
    events = photons.source_events(1, source(5.0), o, o.snapshots[0])
    x, y = photons.offset_from_pointing(o, 10.0, -29.7)
    east, north = photons.tracker_offset(1, o, o.snapshots[0])
    assert np.median(np.hypot(events.x - x - east, events.y - y - north)) == pytest.approx(9.2, abs=0.4)


def test_star_trackers_keep_nine_tenths_within_three_and_a_half_arcsec():
    offsets = [photons.tracker_offset(seed, observation(), observation().snapshots[0]) for seed in range(400)]
    assert np.mean(np.hypot(*np.transpose(offsets)) < 3.5) == pytest.approx(0.9, abs=0.04)


def test_the_background_fills_the_detector_evenly():
    o = observation(snapshots=30)
    lists = [photons.background_events(1, o, s) for s in o.snapshots]
    x, y = (np.concatenate([getattr(e, name) for e in lists]) for name in "xy")
    for events, snapshot in zip(lists, o.snapshots, strict=True):
        angle = photons.roll(1, o.target, snapshot.start)
        assert photons.on_detector(events.x * 0.9999, events.y * 0.9999, angle).all()
    assert np.hypot(x, y).max() == pytest.approx(0.5 * np.hypot(600, 602) * instrument.PIXEL, rel=0.05)
    rate = len(x) / sum(s.exposure for s in o.snapshots) / (600 * 602)
    total = photons.BACKGROUND_SHARES.sum()
    assert rate == pytest.approx(photons.background_level(1, o, "PC") * total, rel=0.1)


def test_background_levels_scatter_by_two_fifths():
    levels = [photons.background_level(seed, observation(), "PC") / photons.PC_BACKGROUND for seed in range(300)]
    assert 0.6 <= min(levels) < 0.65 < 1.35 < max(levels) <= 1.4


def test_an_early_spectrum_ends_when_it_is_said_to():
    steep = Spectrum(gamma=0.5, early_gamma=4.0, early_until_s=600.0)
    burst = source(5.0, t0_met=START - 100, spectrum=steep)
    o = observation()
    events = photons.source_events(1, burst, o, o.snapshots[0])
    early = events.met < START + 500
    assert np.median(events.channel[early]) < 130 < 200 < np.median(events.channel[~early])


def test_a_reprocessing_changes_about_one_count_in_a_hundred():
    old, new = many(5.0, 10, mode="WT"), many(5.0, 10, mode="WT", version=2)
    total = sum(len(events) for events in old)
    changed = sum(len(np.setxor1d(a.met, b.met)) for a, b in zip(old, new, strict=True))
    assert 0.005 * total < changed < 0.02 * total


def test_a_reprocessing_moves_the_pointing_by_a_fraction_of_an_arcsec():
    old, new = observation(), observation(version=2)
    places = [[photons.tracker_offset(seed, o, o.snapshots[0]) for o in (old, new)] for seed in range(200)]
    shifts = np.diff(np.array(places), axis=1)
    assert np.std(shifts) == pytest.approx(0.3, abs=0.05)


def test_a_reprocessing_moves_the_area_by_less_than_two_percent():
    assert photons.area_factor(1, observation()) == 1.0
    factors = [photons.area_factor(seed, observation(version=2)) for seed in range(200)]
    assert 0.985 <= min(factors) < 0.99 < 1.01 < max(factors) <= 1.015


def test_bad_columns_hit_a_third_of_the_observations():
    lost = np.array([photons.lost_to_bad_columns(seed, source(), observation()) for seed in range(600)])
    assert np.mean(lost > 0) == pytest.approx(photons.BAD_COLUMN_CHANCE, abs=0.06)
    assert lost[lost > 0].min() >= 0.07
    assert lost.max() <= 0.60
