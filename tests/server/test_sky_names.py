"""Names as users type them: which spellings are one, and which names spell out a position."""

import csv
from collections import defaultdict
from importlib.resources import files
from pathlib import Path

import pytest

from mock_server.sky.archive import Sky
from mock_server.sky.coordinates import separation
from mock_server.sky.names import burst_keys, key_of, keys_of, position_in, truncations

COMMON = Path(__file__).with_name("data") / "common_names.txt"
NOW = 1772323200.0  # 2026-03-01
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


def test_common_names_resolve():
    names = COMMON.read_text("utf-8").splitlines()
    sky = Sky(1)
    unknown = [name for name in names if sky.resolve(name, NOW) is None]
    assert len(names) > 720
    assert len(unknown) < len(names) * 10 / 360, unknown


def spellings(name):
    yield name.upper()
    yield name.lower()
    yield name.replace(" ", "")
    yield name.replace(" ", "_")
    yield f"NAME  {name}".replace("-", "\u2212").replace(" ", "\u00a0")


def test_every_name_and_alias_is_known_in_five_spellings():
    sky = Sky(1)
    for row in ROWS:
        owned = {name: sky.named(name) for name in (row["name"], *filter(None, row["aliases"].split("|")))}
        for name, source in owned.items():
            assert source is not None, name
            assert {key_of(other) for other in spellings(name)} == {key_of(name)}


def test_keys_of_many_names_are_those_of_each():
    names = [row["name"] for row in ROWS]
    assert keys_of(names) == [key_of(name) for name in names]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("4C 38.41", "4C +38.41"),
        ("Akn 564", "Arakelian 564"),
        ("A0535+26", "1A 0535+26"),
        ("FRB 20180916B", "FRB 180916B"),
        ("NAMEVela X-1", "Velorum X-1"),
        ("Virgo A", "VirgoA"),
        ("Nova Cygni 1992", "Nova Cyg 1992"),
    ],
)
def test_more_spellings_of_one_object_have_one_key(one, other):
    assert key_of(one) == key_of(other)


def test_a_position_in_a_name_may_have_a_declination_in_whole_degrees():
    assert position_in("Swift J2058+05") == pytest.approx((314.5, 5.0))


def test_a_declination_of_1950_may_have_a_decimal_point():
    with_point, without = position_in("B1234+56.7"), position_in("B1234+567")
    assert with_point is not None
    assert with_point == without
    assert with_point != position_in("B1234+56")
