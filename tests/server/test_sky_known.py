"""The tables of real objects, bursts and observations, as they are read."""

import subprocess
import sys

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
        ("PKS 2145+067", "4C +06.69"),  # the tables have PKS 2145+06 alone
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


def observed_objects(number):
    """Return objects with observations of their own, far from others that have any."""
    names = dict.fromkeys(found.name for n in known.numbers() if (found := known.target(n)) is not None)
    objects = [one for name in names if (one := known.find(name)) is not None and known.targets_of(one.name)]
    alone = [one for one in objects if len(known.near((one.ra, one.dec), 0.05)) == 1 and not one.targets]
    return alone[:: max(1, len(alone) // number)][:number]


def test_coordinates_alone_give_the_data_of_the_object():
    sky, now = Sky(1), 1772323200.0
    objects = observed_objects(20)
    assert len(objects) == 20
    for one in objects:
        position = (round(one.ra + 0.0005, 4), one.dec)
        assert sky.source((), position).name in (one.name, *(s.name for s in sky.sources)), one.name
        seen = {observation.obsid for observation in sky.observations((), position, now)}
        real = {visit.obsid for target in known.targets_of(one.name) for visit in target.visits}
        assert real <= seen, one.name


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("NGC 1313 X-2", "NGC 1313 X-2"),  # in the field of targets called after X-1
        ("NGC 1313 X-7", "NGC 1313 X-7"),  # drawn
        ("M81 X-6", "M81 X-6"),
        ("SN 2006aj", "GRB 060218"),  # the burst, not its supernova
        ("GRB 060729", "GRB 060729"),
    ],
)
def test_the_nearest_object_is_seen_also_with_targets_of_another(name, seen):
    sky, now = Sky(1), 1772323200.0
    position = sky.resolve(name, now)
    targets = sky.targets(name, position, now)
    assert sky.source(targets, position).name == seen
    assert sky.observations(targets, position, now)


def test_an_observed_object_has_real_observations_alone():
    sky, now = Sky(1), 1772323200.0
    targets = [known.target(number) for number in known.numbers()]
    real = {visit.obsid for target in targets if target is not None for visit in target.visits}
    for name in ("NGC 1313 X-1", "SMC X-3", "Aql X-1", "M82"):
        position = sky.resolve(name, now)
        observed = sky.observations(sky.targets(name, position, now), position, now)
        assert observed
        assert {observation.obsid for observation in observed} <= real, name


def test_nothing_is_read_for_a_job_that_gives_position_and_targets_of_the_catalogue():
    program = (
        "from mock_server import Simulator\n"
        "from mock_server.sky import known\n"
        "with Simulator() as sim:\n"
        "    sim.jobs.submit({'UserID': 'me@example.org', 'name': 'GRB 200416A', 'targ': '00966554', 'RA': 335.6985,\n"
        "                     'Dec': -7.5179, 'image': 1})\n"
        "    sim.report()\n"
        "    assert known._lines.cache_info().currsize == 0, 'a table was read'\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
