"""Spacecraft time against published pairs, and every format of a time."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mock_server.core import timescales
from mock_server.core.timescales import UseObs, parse_instant, parse_use_obs

BURST = 608713541.952


def service(year: int, month: int, day: int) -> float:
    return datetime(year, month, day, tzinfo=UTC).timestamp()


def test_the_burst_happens_at_its_published_time():
    published = datetime(2020, 4, 16, 7, 5, 17, 171000, tzinfo=UTC)  # NASA's table of bursts
    assert abs((timescales.utc_from_met(BURST) - published).total_seconds()) < 0.01


def test_the_published_mjd_of_a_met_is_met_to_some_milliseconds():
    assert timescales.mjd_from_met(682063677.8792) == pytest.approx(59804.25518596, abs=5e-8)


@pytest.mark.parametrize(
    ("met", "offset"),
    [(126760698.7, 0.66), (227659607, -2.655), (247239487, -3.221), (517954326, -19.146), (682063677.9, -29.81)],
)
def test_the_clock_correction_is_the_published_one(met, offset):
    assert timescales.utc_offset(met) == pytest.approx(offset, abs=4e-3)


def test_the_clock_is_right_to_ten_milliseconds_at_every_published_trigger():
    lines = (Path(__file__).parent / "data" / "clock_pairs.csv").read_text("utf-8").splitlines()
    pairs = [(float(row["met_s"]), float(row["utcf_s"])) for row in csv.DictReader(lines[1:])]
    wrong = {met: utcf for met, utcf in pairs if abs(timescales.utc_offset(met) - utcf) > 0.01}
    assert len(pairs) == 212
    assert wrong == {}


@pytest.mark.parametrize("met", [100000.0, 124048802.40058, BURST, 795000000.123456])
def test_met_survives_conversion_to_simulated_time_and_back(met):
    assert timescales.met_from_service(timescales.service_from_met(met)) == pytest.approx(met, abs=1e-6)


def test_met_survives_conversion_to_mjd_and_back():
    assert timescales.met_from_mjd(timescales.mjd_from_met(BURST)) == pytest.approx(BURST, abs=1e-6)


def test_a_leap_second_shifts_utc_by_one_second():
    before, after = (timescales.met_from_service(service(2016, 12, 31) + x) for x in (0, 2 * 86400))
    assert after - before == pytest.approx(2 * 86400 + 1, abs=1e-2)


def test_utc_of_simulated_time_is_the_calendar():
    assert timescales.utc_from_service(service(2026, 7, 6)) == datetime(2026, 7, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["608713541.952", 608713541.952, " 608713541.952 ", "58955.29533761", "2458955.79533761",
     "2020-04-16T07:05:17.170", "2020-04-16 07:05:17.170", "2020-04-16T07:05:17.170Z", "2020-107-07:05:17.170"],
)  # fmt: skip
def test_one_instant_in_all_its_formats(text):
    assert parse_instant(text) == pytest.approx(BURST, abs=2e-3)


def test_a_date_alone_is_its_midnight():
    assert parse_instant("2020-04-16") == parse_instant("2020-107") == parse_instant("2020-04-16T00:00")


@pytest.mark.parametrize(("number", "is_mjd"), [("15000", True), ("99999.9", True), ("100000", False)])
def test_numbers_below_100000_are_mjd(number, is_mjd):
    assert (parse_instant(number) != float(number)) is is_mjd


def test_relative_numbers_count_from_t0_and_dates_stay_dates():
    assert parse_instant("-10.5", relative=True, t0=BURST) == BURST - 10.5
    assert parse_instant("2020-04-16", relative=True, t0=BURST) == parse_instant("2020-04-16")


@pytest.mark.parametrize(
    "text", ["", "soon", "2020-02-30", "2020-400", "14999", "-5", "1e12", "2020-04-16T25:00", "nan"]
)
def test_an_invalid_time_is_refused_with_its_value(text):
    with pytest.raises(ValueError, match=f"`{text}`"):
        parse_instant(text)


def test_a_relative_time_needs_a_t0():
    with pytest.raises(ValueError, match="there is no T0"):
        parse_instant("10", relative=True)


def test_observations_and_ranges_may_be_mixed():
    use = parse_use_obs("00091489001, 00091489002 ,608713541-608714541,")
    assert use == UseObs(("00091489001", "00091489002"), ((608713541.0, 608714541.0),))


def test_ranges_relative_to_t0():
    assert parse_use_obs("100-400,500-700,-5-10", relative=True, t0=1e8).ranges == (
        (100000100.0, 100000400.0),
        (100000500.0, 100000700.0),
        (99999995.0, 100000010.0),
    )


@pytest.mark.parametrize(
    "text",
    ["2020-04-16-2020-04-17", "2020-107-2020-108", "58955-58956", "2020-04-16T00:00:00-2020-108-00:00:00",
     "2020-04-16 - 58956.0"],
)  # fmt: skip
def test_a_day_as_a_range_in_several_formats(text):
    ((start, stop),) = parse_use_obs(text).ranges
    assert (start, stop) == (parse_instant("2020-04-16"), parse_instant("2020-04-17"))


@pytest.mark.parametrize(
    "text",
    ["", " , ", "0009148900", "00091489001-00091489005", "608714541-608713541", "608713541-608713541", "now-then"],
)
def test_a_list_that_cannot_be_read_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse_use_obs(text)
