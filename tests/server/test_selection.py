"""Selection of data for a product, and the spectra that are made from them."""

import pytest

from mock_server.core import selection
from mock_server.core.model import Observation, Product, Snapshot
from mock_server.core.selection import FRAME_S, selected, slices

T0 = 600000000.0
BASE = {"lcobs": "all", "specobs": "hours", "specobstime": 12, "posobs": "hours", "posobstime": 12, "Tstart": T0}


def observation(obsid: str, *snapshots: tuple[str, float, float]) -> Observation:
    parts = tuple(Snapshot(n, mode, T0 + low, T0 + high) for n, (mode, low, high) in enumerate(snapshots, start=1))
    return Observation(obsid, 20.0, -19.4, 0.0, 1, "20260105", parts)


FIRST = observation(
    "00099002000", ("WT", 100, 150), ("PC", 150, 150 + 400 * FRAME_S), ("PC", 6000, 6000 + 100 * FRAME_S)
)
SECOND = observation("00099002001", ("PC", 200000, 200000 + 300 * FRAME_S))
THIRD = observation("00099002002", ("WT", 300000, 300500))
ALL = (FIRST, SECOND, THIRD)


def ids(observations: tuple[Observation, ...]) -> list[str]:
    return [o.obsid[-3:] for o in observations]


def seconds(observations: tuple[Observation, ...]) -> list[tuple[float, float]]:
    return [(s.start - T0, s.stop - T0) for o in observations for s in o.snapshots]


def test_a_light_curve_uses_everything_by_default():
    assert selected(Product.LIGHT_CURVE, BASE, ALL) == ALL


def test_the_users_observations_are_used_whole():
    parameters = BASE | {"lcobs": "user", "uselcobs": "00099002001,00099002009"}
    assert selected(Product.LIGHT_CURVE, parameters, ALL) == (SECOND,)


def test_the_users_times_trim_snapshots():
    parameters = BASE | {"lcobs": "user", "uselcobs": "120-160", "sinceT0": 1}
    assert seconds(selected(Product.LIGHT_CURVE, parameters, ALL)) == [
        (120, 150),
        pytest.approx((150, 150 + 3 * FRAME_S)),
    ]


def test_pc_snapshots_are_cut_at_whole_frames():
    parameters = BASE | {"lcobs": "user", "uselcobs": "151-156", "sinceT0": "1"}
    ((start, stop),) = seconds(selected(Product.LIGHT_CURVE, parameters, ALL))
    assert (start, stop) == pytest.approx((150 + FRAME_S, 150 + 2 * FRAME_S), abs=1e-6)


def test_a_range_shorter_than_a_frame_leaves_nothing():
    parameters = BASE | {"lcobs": "user", "uselcobs": "151-152", "sinceT0": 1}
    assert selected(Product.LIGHT_CURVE, parameters, ALL) == ()


def test_a_trimmed_snapshot_keeps_its_number():
    parameters = BASE | {"lcobs": "user", "uselcobs": f"{T0 + 6000:.0f}-{T0 + 6010:.0f}"}
    assert [s.number for o in selected(Product.LIGHT_CURVE, parameters, ALL) for s in o.snapshots] == [3]


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ("110-130,120-140", [(110, 140)]),
        ("110-130,130-140", [(110, 140)]),
        ("130-140,110-130", [(110, 140)]),
        ("110-130,131-140", [(110, 130), (131, 140)]),
        ("110-140,120-130", [(110, 140)]),
    ],
)
def test_ranges_that_overlap_or_touch_count_as_one(ranges, expected):
    parameters = BASE | {"lcobs": "user", "uselcobs": ranges, "sinceT0": 1}
    assert seconds(selected(Product.LIGHT_CURVE, parameters, ALL)) == expected


def test_user_data_without_a_list_is_no_data():
    assert selected(Product.LIGHT_CURVE, BASE | {"lcobs": "user"}, ALL) == ()


def test_hours_count_from_the_first_snapshot():
    assert ids(selected(Product.SPECTRUM, BASE, ALL)) == ["000"]
    hours = (200000 + 300 * FRAME_S - 100) / 3600
    assert seconds(selected(Product.SPECTRUM, BASE | {"specobstime": str(hours)}, ALL))[-1] == pytest.approx(
        (200000, 200000 + 300 * FRAME_S)
    )


def test_hours_of_positions_count_from_the_first_pc_snapshot():
    late = observation("00099002000", ("WT", 0, 100), ("PC", 43100, 43100 + 400 * FRAME_S))
    assert seconds(selected(Product.STANDARD_POS, BASE, (late,))) == seconds((late,))[1:]


@pytest.mark.parametrize("product", [Product.STANDARD_POS, Product.ENHANCED_POS, Product.ASTROM_POS, Product.IMAGE])
def test_positions_and_images_use_pc_only(product):
    modes = {s.mode for o in selected(product, BASE | {"posobs": "all"}, ALL) for s in o.snapshots}
    assert modes == {"PC"}
    assert selected(product, BASE, (THIRD,)) == ()


def test_astrometric_positions_may_use_everything_while_the_others_do_not():
    parameters = BASE | {"allxastrom": 1}
    assert ids(selected(Product.ASTROM_POS, parameters, ALL)) == ["000", "001"]
    assert ids(selected(Product.STANDARD_POS, parameters, ALL)) == ["000"]


@pytest.mark.parametrize(
    ("product", "which", "use"),
    [
        (Product.SPECTRUM, "specobs", "usespecobs"),
        (Product.STANDARD_POS, "posobs", "useposobs"),
        (Product.IMAGE, "imobs", "useimobs"),
        (Product.SOURCE_DET, "detobs", "usedetobs"),
    ],
)
def test_every_product_has_its_own_list(product, which, use):
    assert ids(selected(product, BASE | {which: "user", use: "00099002001"}, ALL)) == ["001"]


def test_without_observations_nothing_is_selected():
    assert all(selected(product, BASE, ()) == () for product in Product)


def test_a_single_spectrum_is_called_interval0():
    (only,) = slices(BASE, ALL)
    assert (only.name, only.start, only.stop, only.observations) == ("interval0", T0 + 100, T0 + 300500, ALL)


def test_a_stem_replaces_the_name_of_a_single_spectrum():
    assert slices(BASE | {"specstem": "my-src_1"}, ALL)[0].name == "mysrc1"


def test_spectra_of_observations():
    assert [s.name for s in slices(BASE | {"timeslice": "obsid"}, ALL)] == [f"Obs_{o.obsid}" for o in ALL]


def test_spectra_of_snapshots_ignore_short_gaps_and_changes_of_mode():
    names = [s.name for s in slices(BASE | {"timeslice": "snapshot"}, ALL)]
    assert names == ["Obs_00099002000_snap1", "Obs_00099002000_snap2", "Obs_00099002001_snap1", "Obs_00099002002_snap1"]


@pytest.mark.parametrize(("gap", "number"), [(999.999, 1), (1000, 2), (1000.001, 2)])
def test_a_gap_of_1000_s_separates_snapshots(gap, number):
    parted = observation("00099002003", ("WT", 100, 200), ("WT", 200 + gap, 300 + gap))
    assert len(slices(BASE | {"timeslice": "snapshot"}, (parted,))) == number


def test_spectra_of_the_users_slices():
    parameters = BASE | {
        "timeslice": "user",
        "sinceT0": 1,
        "rname1": "early!",
        "gti1": "100-200",
        "gti2": "100-120,140-160",
    }
    first, second = slices(parameters, ALL)
    assert (first.name, first.stem, first.start, first.stop) == ("early!", "early", T0 + 100, T0 + 200)
    assert (second.name, second.stop) == ("interval2", T0 + 160)
    assert sum(o.exposure("WT") for o in second.observations) == 30


def test_a_slice_without_data_is_still_a_slice():
    (empty,) = slices(BASE | {"timeslice": "user", "rname1": "gap", "gti1": f"{T0 + 9e4:.0f}-{T0 + 9.1e4:.0f}"}, ALL)
    assert (empty.observations, empty.start) == ((), T0 + 90000)


def test_the_users_slices_reach_beyond_the_first_hours():
    parameters = BASE | {"timeslice": "user", "rname1": "late", "gti1": "200000-300000", "sinceT0": 1}
    chosen = selected(Product.SPECTRUM, parameters, ALL)
    assert ids(slices(parameters, chosen)[0].observations) == ["001"]


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ("00966554", ("00966554",)),
        ("{00010873,00010907}", ("00010873", "00010907")),
        ("966554", ("00966554",)),
        (966554, ("00966554",)),
        ("", ()),
        (None, ()),
    ],
)
def test_targets_as_they_are_stored(stored, expected):
    assert selection.targets({"targ": stored}) == expected


def test_positions_and_t0_as_they_are_stored():
    assert selection.position({"RA": "335.6985", "Dec": "-7.5179"}) == (335.6985, -7.5179)
    assert selection.position({"RA": "335.6985"}) is None
    assert selection.t0({"Tstart": "600000000.5"}) == 600000000.5
    assert selection.t0({}) is None


@pytest.mark.parametrize(
    ("value", "on"), [(1, True), ("1", True), (True, True), ("yes", True), (0, False), ("0", False), (None, False)]
)
def test_switches_as_they_are_stored(value, on):
    assert selection.flag({"x": value}, "x") is on
