"""Sources around the target: as many as published counts say, the same ones from wherever they are seen."""

import math

import pytest

from mock_server.sky import coordinates, field

NOWHERE = (0.0, -89.0)


def around(position: tuple[float, float], radius: float, seed: int = 1):
    return field.around(seed, position, radius, NOWHERE, 0.0)


@pytest.mark.parametrize("dec", [0.0, 45.0, -85.0, 89.9])
def test_a_field_holds_as_many_as_the_counts_say(dec):
    found = [len(around((ra * 32.0, dec), 0.2)) for ra in range(11)]  # 2200 sources, known to 2 %
    expected = math.pi * 0.04 * 2.5 * 0.03**-1.3 / 0.1548
    assert sum(found) / 11 == pytest.approx(expected, rel=0.08)


def test_bright_ones_are_rarer_by_the_published_slope():
    rates = [s.rate for ra in range(11) for s in around((ra * 32.0, 0.0), 0.2)]
    ratio = sum(r > 1.5e-4 for r in rates) / sum(r > 3e-5 for r in rates)
    assert ratio == pytest.approx(5**-1.3, rel=0.15)


def test_neighbouring_fields_agree_where_they_overlap():
    here, there = around((100.0, 30.0), 0.2), around((100.1, 30.05), 0.2)
    shared = [s for s in here if coordinates.separation((s.ra, s.dec), (100.1, 30.05)) <= 0.2]
    assert shared
    assert set(shared) <= set(there)


def test_a_field_across_right_ascension_zero_is_whole():
    assert {s.ra > 180 for s in around((0.01, 10.0), 0.2)} == {True, False}


def test_nothing_lies_too_near_the_target():
    found = field.around(1, (100.0, 30.0), 0.2, (100.0, 30.0), 1 / 60)
    assert min(coordinates.separation((s.ra, s.dec), (100.0, 30.0)) for s in found) > 1 / 60


def test_brightest_come_first():
    rates = [s.rate for s in around((100.0, 30.0), 0.2)]
    assert rates == sorted(rates, reverse=True)
