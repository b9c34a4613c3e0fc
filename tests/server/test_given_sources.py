"""Sources that users give, names that are drawn, and observations that are believed."""

import json
import sys
from itertools import pairwise

import pytest
from astropy.table import Table
from click.testing import CliRunner

from mock_server import Simulator
from mock_server.cli.commands import main
from mock_server.core.errors import InputInvalid, NotResolved
from mock_server.core.model import Product, StatusCode
from mock_server.scenario.source_lists import read_sources, source_from_text
from mock_server.sky import known
from tests.server.conftest import EXACT, ME

CURVE = {"UserID": ME, "getCoords": 1, "getTargs": 1, "cent": 0, "useSXPS": 0, "lc": 1, "binMeth": "obsid"}


def submit(sim, **more):
    job = sim.jobs.submit(CURVE | more)
    sim.clock.advance(86400)
    return job


def used(sim, job, what="lc"):
    """Return the lines of the log about observations: ID and whether it was used."""
    lines = sim.simulation.contents.file(job.job_id, f"{what}/{what}.log").decode().splitlines()
    return {line.split()[0]: line.split()[6] for line in lines if line[:1].isdigit()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My Source=83.63,22.01", {"name": "My Source", "ra": 83.63, "dec": 22.01}),
        ("a=b=10:00:00,-20:30:00,0.5", {"name": "a=b", "ra": 150.0, "dec": -20.5, "rate": {"mean_rate": 0.5}}),
    ],
)
def test_a_source_can_be_one_text(text, expected):
    assert source_from_text(text) == expected


@pytest.mark.parametrize("text", ["x", "x=1", "=1,2", "x=1,2,3,4", "x=400,2", "x=1,2,much"])
def test_another_text_is_refused(text):
    with pytest.raises(ValueError, match=r"write|number|position"):
        source_from_text(text)


TABLE = "# mine\nObject,RAJ2000,DEJ2000,rate,remark\nOne,10.5,-20.25,,x\nTwo,01:00:00,+30:00:00,0.25,\n"
BOTH = [
    {"name": "One", "ra": 10.5, "dec": -20.25},
    {"name": "Two", "ra": 15.0, "dec": 30.0, "rate": {"mean_rate": 0.25}},
]


def test_a_file_may_be_csv_json_or_a_table_of_astropy(tmp_path):
    (tmp_path / "list.csv").write_text(TABLE)
    (tmp_path / "list.json").write_text(
        json.dumps({"One": {"ra": 10.5, "dec": -20.25}, "Two": {"ra": 15, "dec": 30, "rate": 0.25}})
    )
    Table({"name": ["One"], "ra": [10.5], "dec": [-20.25]}).write(tmp_path / "list.ecsv")
    assert read_sources([tmp_path / "list.csv"]) == BOTH
    assert read_sources([tmp_path / "list.json"]) == BOTH
    assert read_sources([tmp_path / "list.ecsv"]) == BOTH[:1]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "name,ra,dec\nOne,1,2\nTwo,1,\n", "a.csv, line 3: dec missing"),
        ("a.csv", "# note\nname,ra,dec\n,1,2\n", "a.csv, line 3: name missing"),
        ("a.csv", "name,ra,dec\n\n,1,2\n# note\n# another\nA,1,2\n", "a.csv, line 3: name missing"),
        ("a.csv", "name,ra,dec,class\nB,1,2,grb\n", "a.csv, line 2: t0_met missing"),
        ("a.csv", "name,ra,dec,rate\nB,1,2,bright\n", "a.csv, line 2: rate is 'bright'"),
        ("a.csv", "name,ra,dec\n", "holds no sources"),
        ("a.json", '[{"name": "A", "ra": 1}]', "a.json, entry 1: dec missing"),
        ("a.json", "[", "is not JSON"),
        ("a.json", '[{"name": "A", "ra": 1, "dec": 2, "rate": {"mean": 1}}]', "a.json, entry 1: source A: rate"),
    ],
)  # fmt: skip
def test_what_a_file_lacks_is_named_with_its_line(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=words):
        read_sources([tmp_path / name])


def test_a_mark_at_the_beginning_of_a_file_is_no_part_of_it(tmp_path):
    (tmp_path / "a.csv").write_text("name,ra,dec\nOne,1,2\n", "utf-8-sig")
    (tmp_path / "a.json").write_text('[{"name": "One", "ra": 1, "dec": 2}]', "utf-8-sig")
    assert read_sources([tmp_path / "a.csv"]) == read_sources([tmp_path / "a.json"]) != []


@pytest.mark.parametrize("name", ["a.csv", "a.json"])
def test_a_file_in_another_encoding_is_refused_in_a_sentence(tmp_path, name):
    (tmp_path / name).write_text("name,ra,dec\nOne,1,2\n", "utf-16")
    with pytest.raises(InputInvalid, match=rf"{name} is not in UTF-8: save it as UTF-8"):
        read_sources([tmp_path / name])


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"cannot read the sources in .*none\.csv"):
        read_sources([tmp_path / "none.csv"])


@pytest.mark.parametrize("more", [{}, {"cls": "blazar"}, {"cls": "grb", "t0_met": 7e8}, {"rate": {"mean_rate": 0.3}}])
def test_a_source_with_name_and_position_alone_has_data(more):
    with Simulator(sources=[{"name": "Mine", "ra": 150.0, "dec": -20.5} | more], settings=EXACT) as sim:
        job = submit(sim, name="mine")
        assert (job.parameters["RA"], job.parameters["Dec"]) == ("150.0000", "-20.5000")
        assert [build.outcome for build in job.builds] == [StatusCode.COMPLETE]
        assert used(sim, job)


def test_a_given_source_is_kept_with_the_database(tmp_path):
    db = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    with Simulator(sources=["Mine=150,-20"], db=db) as sim:
        assert sim.jobs.in_force.sky.resolve("Mine", sim.clock.now()) == (150.0, -20.0)
    with Simulator(db=db) as sim:
        assert sim.jobs.in_force.sky.resolve("Mine", sim.clock.now()) == (150.0, -20.0)
    with pytest.raises(ValueError, match="the database holds other sources"):
        Simulator("calm", sources=["Mine=150,-21"], db=db)


def test_an_unknown_name_is_refused_or_drawn():
    with Simulator(settings=EXACT) as sim:
        with pytest.raises(NotResolved):
            submit(sim, name="Unheard of")
        sim.change({"sky.unknown_names": "draw"})
        first, again = (submit(sim, name=name) for name in ("Unheard of", "UNHEARD OF"))
        assert first.parameters["RA"] == again.parameters["RA"]
        with pytest.raises(NotResolved):
            submit(sim, name="GRB 390101A")  # known, but not yet


def test_settings_of_the_sky_stand_beside_its_sources(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('[sky]\nunknown_names = "draw"\n[archive]\nunknown_observations = "refuse"\n')
    with Simulator(file) as sim:
        assert sim.controls.scenario()["sky.unknown_names"] == "draw"
        assert sim.controls.scenario()["archive.unknown_observations"] == "refuse"


def test_options_of_the_command_line_reach_the_simulator(tmp_path):
    (tmp_path / "list.csv").write_text("name,ra,dec\nTwo,20,30\n")
    program = tmp_path / "program.py"
    program.write_text(
        "import requests\n"
        "for name in ('One', 'Two', 'Three'):\n"
        "    body = {'UserID': 'me@example.org', 'name': name, 'getCoords': 1, 'getTargs': 1, 'image': 1}\n"
        "    answer = requests.post('https://www.swift.ac.uk/user_objects/run_userobject.php', json=body).json()\n"
        "    assert answer['OK'] == 1, answer\n"
    )
    options = ["--source", "One=10,20,0.5", "--sources", str(tmp_path / "list.csv"), "--unknown-names", "draw"]
    done = CliRunner().invoke(main, ["run", *options, "--", sys.executable, str(program)])
    assert done.exit_code == 0, done.output


def test_a_wrong_source_ends_the_command_before_anything_runs(tmp_path):
    done = CliRunner().invoke(main, ["run", "--source", "One", "--", sys.executable, "-c", "raise SystemExit(3)"])
    assert (done.exit_code, "write NAME=RA,DEC[,RATE]" in done.output) == (2, True)


# believed observations -----------------------------------------------------------------------------------------------

AT_M82 = {"name": "M82", "RA": 148.9627, "Dec": 69.6793, "getCoords": 0, "getTargs": 0}


def test_a_plan_of_288_observations_gives_288_spectra():
    plan = [
        f"{target}{n:03d}"
        for target, most in (("00032503", 140), ("00091489", 50), ("00092202", 98))
        for n in range(1, most + 1)
    ]
    with Simulator(settings=EXACT) as sim:
        job = submit(
            sim,
            **AT_M82,
            targ="00032503",
            lc=0,
            spec=1,
            specz=0,
            specobs="user",
            usespecobs=",".join(plan),
            timeslice="obsid",
        )
        (build,) = job.builds
        assert (build.outcome, build.observations, len(build.items)) == (StatusCode.COMPLETE, 288, 288)
        observed = sim.jobs.in_force.sky.observations(
            ("00032503",), (148.9627, 69.6793), sim.clock.now(), None, tuple(plan)
        )
        edges = sorted((o.snapshots[0].start, o.snapshots[-1].stop) for o in observed)
        assert all(stop < start for (_, stop), (start, _) in pairwise(edges))


def test_an_observation_of_the_tables_has_its_real_start():
    target = known.target("00035336")
    assert target is not None
    visit, position = target.visits[4], target.pointing
    with Simulator(settings=EXACT) as sim:
        (found,) = (
            o
            for o in sim.jobs.in_force.sky.observations(("00099999",), position, sim.clock.now(), None, (visit.obsid,))
            if o.obsid == visit.obsid
        )
        assert abs(found.snapshots[0].start + 978307200 - visit.start) < 60


def test_a_believed_observation_does_not_move_with_time():
    with Simulator(settings=EXACT) as sim:
        sky, asked = sim.jobs.in_force.sky, ("00032503900",)
        first, later = (
            next(
                o for o in sky.observations(("00032503",), (148.9627, 69.6793), now, None, asked) if o.obsid == asked[0]
            )
            for now in (1.77e9, 1.9e9)
        )
        assert first.snapshots == later.snapshots


def test_an_observation_elsewhere_is_not_believed():
    with Simulator(settings=EXACT) as sim:
        job = submit(sim, **AT_M82, targ="00032503", lcobs="user", uselcobs="00221755000")
        assert [build.outcome for build in job.builds] == [StatusCode.FAILED]


def test_believing_can_be_switched_off():
    for setting, outcome in (("believe", StatusCode.COMPLETE), ("refuse", StatusCode.FAILED)):
        with Simulator(settings=EXACT | {"archive.unknown_observations": setting}) as sim:
            job = submit(sim, **AT_M82, targ="00032503", lcobs="user", uselcobs="00077777003")
            assert [build.outcome for build in job.builds] == [outcome]
            assert job.build(Product.LIGHT_CURVE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('["A"]', "must hold a list of objects with name, ra and dec"),
        ('[{"name": "A", "ra": "east", "dec": 2}]', "ra east and dec 2 are no position"),
        ('[{"name": "A", "ra": 1, "dec": 2, "rate": -1}]', "rate is -1, but must be a number from 0 to 1e9"),
        ('[{"name": "A", "ra": 1, "dec": 2, "cls": "grb"}]', "t0_met missing; a source of class grb needs"),
    ],
)
def test_a_source_that_cannot_be_is_refused_in_words(tmp_path, text, words):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputInvalid, match=words):
        read_sources([tmp_path / "a.json"])


def test_targets_and_aliases_may_be_one_text_and_sources_stand_by_name(tmp_path):
    (tmp_path / "a.json").write_text('{"A": {"ra": 1, "dec": 2, "targets": "10001; 10002", "aliases": "B|C"}}')
    (source,) = read_sources([tmp_path / "a.json"])
    assert (source["name"], source["targets"], source["aliases"]) == ("A", ["00010001", "00010002"], ["B", "C"])


def test_a_table_of_bytes_is_read_as_text(tmp_path):
    Table({"name": [b"One", b"Two"], "ra": [1.0, 2.0], "dec": [3.0, 4.0]}).write(tmp_path / "a.fits")
    assert [source["name"] for source in read_sources([tmp_path / "a.fits"])] == ["One", "Two"]


def test_a_file_that_is_no_table_is_refused_in_words(tmp_path):
    (tmp_path / "a.fits").write_bytes(b"\x00\x01 no table \xff")
    with pytest.raises(ValueError, match=r"a\.fits is no table that astropy reads: "):
        read_sources([tmp_path / "a.fits"])
