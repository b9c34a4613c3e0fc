"""The tables of real objects, bursts and observations, as they are read."""

import pytest

from mock_server.core.timescales import service_from_met
from mock_server.sky import known
from mock_server.sky.archive import Sky
from mock_server.sky.coordinates import separation


def test_every_object_is_found_by_its_name_and_aliases():
    listed = list(known.everything())
    assert (sum(k.cls != "grb" for k in listed), sum(k.cls == "grb" for k in listed)) == (4662, 1603)
    for expected in listed:
        for name in (expected.name, *expected.aliases):
            found = known.find(name)
            assert found is not None, name
            assert found.name == expected.name or name.startswith("GRB"), name  # the table of bursts decides


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("pks 1510-089", "PKS 1510-08"),
        ("PKS 1510-08", "PKS 1510-08"),
        ("GRB060729A", "GRB 060729"),
        ("GRB 130427A", "GRB 130427A"),
    ],
)
def test_other_spellings_find_the_object(name, meant):
    found = known.find(name)
    assert found is not None
    assert found.name == meant


@pytest.mark.parametrize("name", ["", "GRB 130427", "GRB 060729B", "no such object", "3C", "-"])
def test_what_is_in_no_table_is_not_found(name):
    assert known.find(name) is None


def test_the_nearest_object_comes_first():
    found = known.near((148.9627, 69.6793), 0.2)
    apart = [separation((k.ra, k.dec), (148.9627, 69.6793)) for k in found]
    assert found[0].name.startswith("M82")
    assert apart == sorted(apart)
    assert apart[-1] <= 0.2


def test_every_observation_is_read():
    targets = {number: found for number in known.numbers() if (found := known.target(number)) is not None}
    assert sum(len(t.visits) for t in targets.values()) == 12078
    for number, target in targets.items():
        assert all(visit.obsid[:8] == number and len(visit.obsid) == 11 for visit in target.visits)
        assert list(target.visits) == sorted(target.visits, key=lambda visit: (visit.start, visit.obsid))


def test_times_and_exposures_are_those_of_the_archive():
    target = known.target("00034588")
    assert target is not None
    visit = next(v for v in target.visits if v.obsid == "00034588107")
    assert (visit.start, visit.exposure_s, visit.dated) == (1509928382.0, 985.0, False)  # 2017-11-06T00:33:02 UTC


def test_every_burst_has_the_position_target_and_trigger_of_the_table():
    sky, now = Sky(1), 1772323200.0
    bursts = [k for k in known.everything() if k.cls == "grb"]
    assert len(bursts) == 1603
    for burst in bursts:
        position = sky.resolve(burst.name, now)
        assert position is not None, burst.name
        assert separation(position, (burst.ra, burst.dec)) < 1 / 3600
        targets = sky.targets(burst.name, position, now)
        assert set(burst.targets) <= set(targets), burst.name
        trigger = sky.trigger(burst.name, targets, position, now)
        assert trigger is not None
        assert burst.t0 is None or abs(service_from_met(trigger) - burst.t0) < 0.01, burst.name
        assert burst.t0 is None or sky.resolve(burst.name, burst.t0 - 1) is None


def test_a_name_of_an_observed_field_resolves_to_its_pointing():
    found = known.find("ASASSN-17HB")
    assert found is not None
    assert (found.ra, found.dec) == (18.1496, 0.2878)
