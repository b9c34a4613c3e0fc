"""The sky and the archive: documented objects, growth, Sun gaps, reprocessing, unknown places."""

import math
import subprocess
import sys
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.core import timescales
from mock_server.core.model import Observation
from mock_server.core.selection import FRAME_S
from mock_server.sky import coordinates, real, schedule
from mock_server.sky import known as tables
from mock_server.sky.archive import Sky
from mock_server.sky.sources import Plan, Source
from mock_server.sky.world import World

SKY = Sky(1)
T0 = 608713541.952


def day(year: int, month: int, number: int, hour: int = 0) -> float:
    return datetime(year, month, number, hour, tzinfo=UTC).timestamp()


NOW = day(2026, 3, 1)


def known(name: str, sky: Sky = SKY) -> Source:
    source = sky.named(name)
    assert source is not None, f"{name} is not in the catalogue"
    return source


def observed(name: str, now: float = NOW, sky: Sky = SKY) -> tuple[Observation, ...]:
    source = known(name, sky)
    return sky.observations(source.targets, (source.ra, source.dec), now)


def test_importing_the_sky_loads_no_numpy():
    code = "import sys, mock_server.sky.archive, mock_server.products.order; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- who is where


@pytest.mark.parametrize("name", ["GRB 200416A", "grb200416a", " GRB  200416 A", "GRB 200116A"])
def test_names_are_found_whatever_their_case_and_blanks(name):
    assert SKY.resolve(name, NOW) == (335.6993, -7.5183)


def test_the_documented_object_has_its_documented_targets_and_t0():
    position = SKY.resolve("GK Per", NOW)
    targets = SKY.targets("GK Per", position, NOW)
    assert position == (52.8, 43.9043)
    assert (len(targets), targets[0], targets[-1]) == (25, "00010873", "00074701")
    assert SKY.trigger("GK Per", targets, position, NOW) == 124048802.40058


def test_the_t0_of_a_source_without_trigger_is_its_first_good_second():
    position = SKY.resolve("GK Per", NOW)
    assert observed("GK Per")[0].snapshots[0].start == 124048802.40058
    fo_aqr = observed("FO Aqr")
    assert SKY.trigger("FO Aqr", ("00037961",), SKY.resolve("FO Aqr", NOW), NOW) == fo_aqr[0].snapshots[0].start
    assert position is not None


def test_a_misspelt_name_does_not_resolve():
    assert SKY.resolve("GK Pre", NOW) is None


def test_a_name_made_of_coordinates_resolves_to_them():
    assert SKY.resolve("Swift J073006.8-193709", NOW) == pytest.approx((112.528333, -19.619167), abs=1e-6)


def test_a_burst_no_one_listed_follows_the_pattern_of_its_name():
    position = SKY.resolve("GRB 230815C", NOW)
    targets = SKY.targets("GRB 230815C", position, NOW)
    t0 = SKY.trigger("GRB 230815C", targets, position, NOW)
    assert t0 is not None
    assert timescales.utc_from_met(t0).date() == date(2023, 8, 15)
    assert SKY.source(targets, position).t0_met == t0
    assert 60 <= SKY.observations(targets, position, NOW)[0].snapshots[0].start - t0 < 300


@pytest.mark.parametrize("name", ["GRB 230815", "GRB 231315C", "GRB 030101A"])
def test_impossible_bursts_do_not_resolve(name):
    assert SKY.resolve(name, NOW) is None


def test_a_burst_of_the_future_is_not_known_yet():
    assert SKY.resolve("GRB 260815C", NOW) is None
    assert SKY.resolve("GRB 260815C", day(2026, 8, 17)) is not None


def test_a_target_is_known_once_it_has_been_observed():
    assert "00093195" not in SKY.targets("FO Aqr", (334.4808, -8.3511), day(2015, 1, 1))
    assert SKY.targets("FO Aqr", (334.4808, -8.3511), NOW) == ("00037961", "00093195")


def test_targets_are_found_by_position_too():
    assert SKY.targets("my favourite", (335.75, -7.5), NOW) == ("00966554",)
    assert "00966554" not in SKY.targets("my favourite", (336.0, -7.5), NOW)


def test_unknown_coordinates_still_give_data_that_never_change():
    targets = SKY.targets("x", (123.4, 5.6), NOW)
    observations = SKY.observations(targets, (123.4, 5.6), NOW)
    assert len(targets) == 1
    assert observations
    assert observations == Sky(1).observations(targets, (123.4, 5.6), NOW)
    assert SKY.trigger("x", targets, (123.4, 5.6), NOW) == observations[0].snapshots[0].start


def test_a_t0_makes_an_unknown_target_a_burst_unless_it_is_the_start_of_the_data():
    targets, position = ("01140000",), (123.4, 5.6)
    start = SKY.observations(targets, position, NOW)[0].snapshots[0].start
    assert not SKY.source(targets, position, start).is_burst
    assert SKY.source(targets, position, 7e8).is_burst
    assert SKY.observations(targets, position, NOW, t0=7e8)[0].snapshots[0].start > 7e8


def test_unknown_places_are_of_all_classes():
    kinds = [SKY.source((), (10.0 + k, 5.0)) for k in range(300)]
    shares = {
        "persistent": sum(
            s.rate.kind == "persistent" and not s.rate.period_s and s.rate.mean_rate > 1e-3 for s in kinds
        ),
        "periodic": sum(s.rate.period_s > 0 for s in kinds),
        "outburst": sum(s.rate.kind == "outburst" for s in kinds),
        "none": sum(s.rate.kind == "none" for s in kinds),
    }
    assert 110 < shares["persistent"] < 180
    assert 35 < shares["periodic"] < 85
    assert 12 < shares["outburst"] < 48
    assert 4 < shares["none"] < 30


def test_another_seed_is_another_sky():
    assert SKY.source((), (123.4, 5.6)).rate != Sky(2).source((), (123.4, 5.6)).rate


def test_an_unobserved_source_has_a_target_but_no_observation():
    position = SKY.resolve("SIM-UNOBSERVED", NOW)
    targets = SKY.targets("SIM-UNOBSERVED", position, NOW)
    assert len(targets) == 1
    assert SKY.observations(targets, position, NOW) == ()


def test_a_target_that_looks_elsewhere_gives_no_data():
    assert SKY.observations(("00966554",), (10.0, 10.0), NOW) == ()
    together = SKY.observations(("00966554", "01140000"), (10.0, 10.0), NOW)
    assert together == SKY.observations(("01140000",), (10.0, 10.0), NOW)


@pytest.mark.parametrize("position", [(0.0, 90.0), (359.9999, -90.0), (0.0, 0.0)])
def test_every_place_of_the_sky_has_a_target(position):
    (target,) = SKY.targets("x", position, NOW)
    assert target.isdecimal()
    assert len(target) == 8
    assert SKY.observations((target,), position, NOW) is not None


# --- the observing plan


def test_the_documented_burst_has_nine_observations():
    observations = observed("GRB 200416A")
    first = observations[0]
    assert [o.obsid for o in observations] == [f"00966554{n:03d}" for n in range(9)]
    assert first.snapshots[0].mode == "WT"
    assert first.snapshots[0].start == pytest.approx(T0 + 103.678, abs=1e-3)
    assert [s.mode for s in first.snapshots[1:]] == ["PC"] * 12


@pytest.mark.parametrize("name", [s.name for s in SKY.sources])
def test_snapshots_are_in_order_and_pc_ones_are_whole_frames(name):
    snapshots = [s for o in observed(name) for s in o.snapshots]
    assert all(s.stop > s.start for s in snapshots)
    assert all(a.stop <= b.start + 1e-6 for a, b in pairwise(snapshots))
    for s in snapshots:
        if s.mode == "PC":
            assert math.remainder(s.exposure, FRAME_S) == pytest.approx(0, abs=1e-3)


def test_snapshot_numbers_count_from_one_within_an_observation():
    for observation in observed("GRB 080319B"):
        assert [s.number for s in observation.snapshots] == list(range(1, len(observation.snapshots) + 1))


def test_pointings_hold_the_target():
    for observation in observed("GK Per"):
        assert coordinates.separation((observation.ra, observation.dec), (52.8, 43.9043)) <= 1 / 60


def test_an_observation_arrives_some_hours_after_its_end():
    for observation in observed("GRB 200416A"):
        delay = observation.available_at - timescales.service_from_met(observation.snapshots[-1].stop)
        assert 1.5 * 3600 <= delay <= 6 * 3600


def test_an_observation_is_there_from_the_second_it_arrives():
    first = observed("GRB 200416A")[0]
    assert observed("GRB 200416A", first.available_at)[0].obsid == first.obsid
    assert observed("GRB 200416A", first.available_at - 1) == ()


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(["GRB 060729", "GK Per", "M82", "SIM-CONSTANT", "LSXPS J073006.8-193709"]),
    moments=st.tuples(st.integers(int(day(2005, 1, 1)), int(day(2030, 1, 1))), st.integers(0, 10**8)),
)
def test_what_is_known_at_one_time_is_a_prefix_of_what_is_known_later(name, moments):
    earlier = [(o.obsid, o.snapshots, o.ra, o.dec) for o in observed(name, moments[0])]
    later = [(o.obsid, o.snapshots, o.ra, o.dec) for o in observed(name, moments[0] + moments[1])]
    assert later[: len(earlier)] == earlier


def test_a_monitored_source_gains_one_observation_in_every_week_outside_sun_gaps():
    source = known("SIM-CONSTANT")
    starts = [timescales.service_from_met(o.snapshots[0].start) for o in observed("SIM-CONSTANT", day(2028, 1, 1))]
    week = 7 * 86400
    phase = starts[0] // week * week
    for k in range(1, 400):
        middle = starts[0] + k * week
        mjd = timescales.mjd_from_met(timescales.met_from_service(middle))
        apart = coordinates.separation((source.ra, source.dec), coordinates.sun(mjd))
        seen = sum(abs(start - middle) < week / 2 for start in starts)
        if apart > 52:
            assert seen == 1, f"week {k} after {phase}, Sun at {apart:.0f} deg"
        elif apart < 40:
            assert seen == 0


def test_the_sun_is_where_it_is_at_equinox():
    ra, dec = coordinates.sun(timescales.mjd_from_met(timescales.met_from_service(day(2024, 3, 20, 3))))
    assert min(ra, 360 - ra) < 0.1
    assert abs(dec) < 0.05


def test_bright_bursts_begin_in_windowed_timing_and_return_to_it_in_flares():
    modes = [s.mode for s in observed("GRB 130925A")[0].snapshots]
    assert modes[0] == "WT"
    assert "PC" in modes
    assert all(s.mode == "WT" for o in observed("SIM-WINDOWED") for s in o.snapshots)
    assert all(s.mode == "PC" for o in observed("SIM-PILEUP") for s in o.snapshots)


def test_segments_end_at_999():
    source = Source(
        "dense",
        10.0,
        80.0,
        targets=("00000001",),
        plan=Plan(first_mjd=53400.0, weekly_from_mjd=53400.0, every_days=1.0),
    )
    assert schedule.planned(source, 1, 2027)[-1].obsid == "00000001999"


# --- reprocessing


def test_the_archive_is_processed_anew_and_each_observation_switches_once():
    world = World.from_mapping({"reprocessings": [date(2026, 4, 1)], "reprocessing_spread_d": 10})
    sky = Sky(1, world)
    before, during, after = (observed("GK Per", day(2026, 4, d), sky) for d in (1, 6, 12))
    old = [o.version for o in after if o.available_at < day(2026, 4, 1)]
    assert {o.version for o in before} == {1}
    assert 0.3 < sum(o.version == 2 for o in during) / len(during) < 0.7
    assert set(old) == {2}
    assert {o.calibration for o in after} == {"20260401"}
    assert {o.calibration for o in before} == {"20251001"}


def test_an_observation_made_after_a_reprocessing_is_in_its_first_version():
    world = World.from_mapping({"reprocessings": ["2026-04-01"], "reprocessing_spread_d": 1})
    newest = observed("SIM-CONSTANT", day(2027, 1, 1), Sky(1, world))[-1]
    assert (newest.version, newest.calibration) == (1, "20260401")


def test_by_default_the_archive_is_processed_anew_every_half_year():
    versions = [observed("GRB 200416A", day(*when))[0].version for when in ((2026, 6, 1), (2026, 8, 1), (2027, 2, 1))]
    assert versions == [1, 2, 3]


# --- the world of a scenario


def test_a_scenario_changes_a_source_key_by_key():
    sky = Sky(1, World.from_mapping({"sources": [{"name": "gk per", "rate": {"mean_rate": 3}}]}))
    source = known("GK Per", sky)
    assert (source.name, source.rate.mean_rate, source.rate.period_s) == ("GK Per", 3.0, 351.33)


def test_a_scenario_adds_a_source():
    added = {"name": "Mine", "ra": 1.0, "dec": 2.0, "targets": ["00012345"], "rate": {"mean_rate": 0.5}}
    sky = Sky(1, World.from_mapping({"sources": [added]}))
    assert sky.resolve("mine", NOW) == (1.0, 2.0)
    assert sky.targets("mine", (1.0, 2.0), NOW) == ("00012345",)
    assert observed("mine", sky=sky)


def test_a_resolver_may_change_its_mind():
    positions = [{"name": "M82", "ra": 148.97, "dec": 69.68, "since": date(2026, 2, 1)}]
    sky = Sky(1, World.from_mapping({"positions": positions}))
    assert sky.resolve("m82", day(2026, 1, 31)) == (148.9627, 69.6793)
    assert sky.resolve("m82", day(2026, 2, 1)) == (148.97, 69.68)


def test_a_target_may_be_added_at_a_date():
    targets = [{"name": "M82", "target": "00099999", "since": "2026-02-01T00:00:00"}]
    sky = Sky(1, World.from_mapping({"targets": targets}))
    assert "00099999" not in sky.targets("M82", None, day(2026, 1, 31))
    assert "00099999" in sky.targets("M82", None, day(2026, 2, 2))


def test_a_forced_lack_of_data_empties_the_archive_for_that_object():
    sky = Sky(1, World.from_mapping({"no_data": ["GRB 200416A"]}))
    assert observed("GRB 200416A", sky=sky) == ()
    assert observed("GRB 130925A", sky=sky)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"source": []}, "did you mean 'sources'"),
        ({"sources": [{"name": "GK Per", "rat": {}}]}, "did you mean 'rate'"),
        ({"sources": [{"name": "GK Per", "rate": {"mean": 3}}]}, "there is no key 'mean'"),
        ({"sources": [{"name": "GK Per", "rate": {"mean_rate": "high"}}]}, "mean_rate is 'high', but must be a number"),
        ({"sources": [{"ra": 1.0}]}, "needs a name"),
        ({"sources": [{"name": "New"}]}, "ra, dec must be given"),
        ({"sources": [{"name": "M82", "spectrum": {"model": "mekal"}}]}, "must be one of powerlaw"),
        ({"sources": [{"name": "M82", "rate": {"slopes": [1, 2]}}]}, "one entry more"),
        ({"positions": [{"name": "M82", "ra": 1.0, "dec": 2.0, "since": "soon"}]}, "`soon` is not a time"),
        ({"no_data": "M82"}, "no_data is 'M82', but must be a list"),
        ({"sources": [{"name": "M82", "rate": {"kind": "wild"}}]}, "rate.kind is 'wild', but must be one of "),
        ({"sources": [{"name": "M82", "plan": {"modes": "IM"}}]}, "plan.modes is 'IM', but must be PC or WT"),
        ({"sources": [{"name": "M82", "plan": {"every_days": 0}}]}, "every_days is 0.0, but must be positive"),
        ({"sources": [{"name": "M82", "plan": {"later": [["00010001"]]}}]}, "has 1 values, but must have 2"),
    ],
)
def test_a_wrong_world_is_refused_with_the_key_at_fault(mapping, message):
    with pytest.raises(ValueError, match=message):
        World.from_mapping(mapping)


# --- rates


def test_one_formula_serves_an_instant_and_an_array():
    numpy = pytest.importorskip("numpy")
    for source in SKY.sources:
        t = [(source.t0_met or 6e8) + x for x in (100.0, 1e4, 3e6)]
        together = source.rate_at(1, numpy.array(t), numpy)
        assert list(together) == pytest.approx([source.rate_at(1, x) for x in t], rel=1e-9)


def test_a_power_law_falls_with_its_slope():
    source = known("SIM-DECAY")
    rates = [source.rate_at(1, 6e8 + x) for x in (100.0, 1000.0)]
    assert rates[0] == pytest.approx(10.0)
    assert math.log10(rates[0] / rates[1]) == pytest.approx(1.2)


def test_a_rate_never_exceeds_its_cap():
    assert known("GRB 080319B").rate_at(1, 227599971.7 + 61) == pytest.approx(300.0)


def test_red_noise_has_the_rms_asked_for():
    source = known("FO Aqr")
    logs = [math.log(source.rate_at(1, 5e8 + k * 40000.0 + (k * 7919 % 1254))) for k in range(1500)]
    assert 0.2 < (sum(x * x for x in logs) / len(logs) - (sum(logs) / len(logs)) ** 2) ** 0.5 < 0.9


def test_an_outburst_rises_in_three_days_and_decays():
    source = known("LSXPS J073006.8-193709")
    start = timescales.met_from_mjd(59729.0)
    quiet, peak, later = (source.mean_rate_at(start + d * 86400) for d in (-1, 3, 43))
    assert peak / quiet == pytest.approx(60.0, rel=1e-3)
    assert (later - quiet) / (peak - quiet) == pytest.approx(math.exp(-1), rel=1e-3)


# --- places


def test_galactic_coordinates_agree_with_the_documented_source_list():
    assert coordinates.galactic((32.1512078019, 56.9457088209)) == pytest.approx(
        (133.343722698, -4.357940751), abs=2e-5
    )


def test_positions_are_written_as_in_the_documented_result_file():
    assert coordinates.sexagesimal((335.69850, -7.51788)) == ("22 22 47.64", "-07 31 04.4")


def test_rounding_up_to_a_full_turn_is_written_as_zero():
    assert coordinates.sexagesimal((359.9999999, 0.0)) == ("00 00 00.00", "+00 00 00.0")


def test_a_date_without_a_time_is_its_first_instant():
    reprocessed = World.from_mapping(
        {"reprocessings": ["2026-03-03 00:00:00", datetime(2026, 3, 2), date(2026, 3, 1)]}
    ).reprocessings
    assert reprocessed == pytest.approx([datetime(2026, 3, day, tzinfo=UTC).timestamp() for day in (1, 2, 3)], abs=1e-3)


def test_a_burst_of_a_scenario_without_a_rate_decays_from_its_trigger():
    added = {"name": "Mine", "cls": "grb", "ra": 10.0, "dec": 5.0, "t0_met": 6e8}
    source = Sky(1, World.from_mapping({"sources": [added]})).named("Mine")
    assert source is not None
    assert source.rate.kind == "decay"
    assert source.mean_rate_at(6e8 + 200) > source.mean_rate_at(6e8 + 2e5) > 0
    assert len(source.targets) == 1


def test_a_target_that_no_table_has_looks_at_nothing_known():
    assert real.source_of_target(1, "99999999") is None


def test_a_position_without_a_galaxy_has_no_source_of_one():
    assert real.numbered(1, (335.7, -7.5)) is None


def test_observations_that_a_job_names_lie_among_those_of_their_target_in_the_order_of_the_segments():
    sky, target = Sky(1, World()), "00966554"
    source = sky.named("GRB 200416A")
    assert source is not None
    planned = sky.observations((target,), (source.ra, source.dec), NOW)
    names = tuple(f"{target}{segment:03d}" for segment in (7, 50, 51, 52, 53, 500, 999))
    found = real.asked(1, source, names, planned, 6.1e8)
    starts = [o.snapshots[0].start for o in found]
    assert [o.obsid for o in found] == list(names)
    assert starts == sorted(starts)
    assert starts[-1] + 86400 * 3 < timescales.met_from_service(NOW)
    spans = sorted((o.snapshots[0].start, o.snapshots[-1].stop) for o in (*found, *planned))
    assert all(stop < start for (_, stop), (start, _) in pairwise(dict(spans).items()))


def test_a_pointing_without_an_object_in_the_tables_looks_at_its_middle():
    targets = (target for number in tables.numbers() if (target := tables.target(number)) is not None)
    lone = next(target for target in targets if target.pointing is not None and tables.find(target.name) is None)
    seen = real.source_of_target(1, lone.target)
    assert seen is not None
    assert (seen.ra, seen.dec) == lone.pointing


def test_observations_of_many_targets_that_a_job_names_do_not_overlap():
    source = Sky(1, World()).named("GRB 200416A")
    assert source is not None
    found = real.asked(1, source, tuple(f"000990{number:02d}001" for number in range(12)), (), 6.1e8)
    spans = sorted((o.snapshots[0].start, o.snapshots[-1].stop) for o in found)
    assert len(spans) == 12
    assert all(stop < start for (_, stop), (start, _) in pairwise(spans))


def test_an_observation_that_a_job_names_is_neither_in_the_future_nor_before_the_launch():
    sky = Sky(1, World())
    source = sky.named("GRB 200416A")
    assert source is not None
    last = sky.observations(("00966554",), (source.ra, source.dec), NOW)[-1]
    late, early = (real.asked(1, source, (obsid,), [last], 7.5e8) for obsid in ("00099001999", "00966554001"))
    launch, past = datetime(2005, 1, 1, tzinfo=UTC).timestamp(), datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    for (observation,) in (late, early):
        assert launch < timescales.service_from_met(observation.snapshots[0].start) < past
    days = (last.snapshots[0].start - early[0].snapshots[0].start) / 86400
    assert days == pytest.approx(int(last.obsid[8:]) - 1, abs=0.5)
