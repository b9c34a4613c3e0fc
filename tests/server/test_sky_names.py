"""Names as users type them: which spellings are one, and which names spell out a position."""

import csv
from collections import defaultdict
from importlib.resources import files

import pytest

from mock_server.sky.coordinates import separation
from mock_server.sky.names import burst_keys, key_of, position_in, truncations

ROWS = list(csv.DictReader(files("mock_server.sky").joinpath("data/objects.csv").read_text("utf-8").splitlines()))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Cygnus X-1", "cyg x1"),
        ("Cygni X-1", "Cyg X-1"),
        ("V404 Cygni", "v404cyg"),
        ("V* GK Persei", "GK Per"),
        ("eta Carinae", "Eta Car"),
        ("NAME Vela X-1", "Vel X1"),
        ("AM Canum Venaticorum", "AM CVn"),
        ("Markarian 421", "mkn421"),
        ("Mrk 0335", "MRK_335"),
        ("NGC 0253", "ngc253"),
        ("Messier 82 X-2", "M82 X2"),
        ("Holmberg 2 X-1", "Ho II X-1"),
        ("ESO 424-G012", "ESO 424-12"),
        ("MCG -05-14-012", "MCG-5-14-12"),
        ("MCG +08-11-011", "MCG 8-11-11"),
        ("AT 2018cow", "SN2018cow"),
        ("TDE 2019qiz", "AT2019qiz"),
        ("GX 339\u20134", "GX339-4"),
        ("3U 1956+35", "4U 1956+35"),
        ("OJ-287", "OJ 287"),
    ],
)
def test_two_spellings_of_one_object_have_one_key(one, other):
    assert key_of(one) == key_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("MCG -05-14-012", "MCG +05-14-012"),
        ("GX 339-4", "GX 3394"),
        ("NGC 1068", "NGC 168"),
        ("4U 1957+11", "4U 1957-11"),
    ],
)
def test_different_objects_have_different_keys(one, other):
    assert key_of(one) != key_of(other)


def test_no_two_objects_of_the_table_share_a_key():
    owners = defaultdict(set)
    for row in ROWS:
        for name in (row["name"], *filter(None, row["aliases"].split("|"))):
            owners[key_of(name)].add(row["name"])
    assert len(owners) > 7000
    assert {key: names for key, names in owners.items() if len(names) > 1} == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GRB 060729", ("grb060729", "grb060729a")),
        ("GRB060729A", ("grb060729a", "grb060729")),
        ("GRB 060729B", ("grb060729b",)),
        ("GRB 130427A", ("grb130427a",)),
        ("GRB 130427", ("grb130427",)),
        ("M82", ()),
    ],
)
def test_a_bare_day_and_the_letter_a_stand_for_each_other_before_2010(name, expected):
    assert burst_keys(key_of(name)) == expected


@pytest.mark.parametrize(
    ("name", "position"),
    [
        ("Swift J1727.8-1613", (261.95, -16.21667)),
        ("1RXS J162848.1-415241", (247.20042, -41.87806)),
        ("SDSS J092855.00+182930.4", (142.22917, 18.49178)),
        ("2MASX J05580206-3820043", (89.50858, -38.33453)),
        ("XTE J1550-564", (237.5, -56.4)),
        ("83.63 +22.01", (83.63, 22.01)),
        ("83.63,22.01", (83.63, 22.01)),
        ("83.63-22.01", (83.63, -22.01)),
        ("05:34:31.9 +22:00:52", (83.63292, 22.01444)),
        ("05h34m31.9s -22d00m52s", (83.63292, -22.01444)),
        ("05 34 31.9 +22 00 52", (83.63292, 22.01444)),
    ],
)
def test_a_name_with_coordinates_is_read(name, position):
    found = position_in(name)
    assert found is not None
    assert found == pytest.approx(position, abs=1e-5)


@pytest.mark.parametrize(
    "name", ["M82", "GRB 060729", "3C 273", "Swift J9999.9-1613", "05:61:31 +22:00:52", "370.0 10.0"]
)
def test_other_names_spell_out_no_position(name):
    assert position_in(name) is None


def test_coordinates_of_1950_are_precessed():
    found = position_in("PKS B1510-089")
    assert found is not None
    assert separation(found, (228.2106, -9.0999)) < 0.1


def test_the_declination_of_a_name_may_be_cut_off():
    assert list(truncations("pks1510-089")) == ["pks1510-08"]
    assert list(truncations("grb060729")) == []
