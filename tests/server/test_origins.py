"""What is drawn is said: in logs, reports, pages and with --verbose."""

import re
import shlex
import sys
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from mock_server import Simulator
from mock_server.cli.commands import main
from mock_server.reports.text import report_text
from mock_server.scenario.source_lists import source_from_text
from mock_server.sky import known
from mock_server.sky.archive import Sky
from mock_server.sky.origins import Origin, origins
from mock_server.sky.world import World
from tests.server.conftest import EXACT, IMAGE, ME

CURVE = {"UserID": ME, "getCoords": 1, "getTargs": 1, "cent": 0, "useSXPS": 0, "lc": 1, "binMeth": "obsid"}
NAMES = (
    "GRB 060729",
    "GRB 250815C",
    "Mrk 421",
    "NGC 1313 X-1",
    "NGC 1313 X-7",
    "Unheard of",
    "Mine",
    "AT2024wpp",
    "SIM-DECAY",
)


@pytest.fixture(scope="module")
def sim():
    with Simulator(sources=["Mine=10,20,0.3"], settings=EXACT | {"sky.unknown_names": "draw"}) as made:
        for name in NAMES:
            made.jobs.submit(CURVE | {"name": name})
        made.jobs.submit(CURVE | {"name": "M82", "lcobs": "user", "uselcobs": "00032503800,00221755000"})
        made.clock.advance(86400)
        yield made


def real_observations():
    targets = [known.target(number) for number in known.numbers()]
    return {visit.obsid for target in targets if target is not None for visit in target.visits}


def test_nothing_drawn_is_unmarked_in_a_log(sim):
    real = real_observations()
    targets = {*known.numbers(), *(target for k in known.everything() for target in k.targets)}
    targets |= {
        target
        for source in sim.scenario.world.sources
        if dict(source.evidence).get("targets", "invented") != "invented"
        for target in source.targets
    }
    counted = 0
    for job in sim.controls.jobs():
        log = sim.simulation.contents.file(job.job_id, "lc/lc.log").decode()
        assert re.search(r"^# position: (real|given|drawn)$", log, re.MULTILINE)
        assert re.search(r"^# name .+: sees .+, (real|given|drawn)$", log, re.MULTILINE)
        for target, mark in re.findall(r"^# target (\d{8}): (.+)$", log, re.MULTILINE):
            assert mark == ("real" if target in targets else "drawn"), (job.name, target)
            counted += mark == "drawn"
        for row in (line.split() for line in log.splitlines() if line[:1].isdigit()):
            assert row[5] == ("real" if row[0] in real else "drawn"), (job.name, row)
            counted += row[5] == "drawn"
    assert counted > 50


@pytest.mark.parametrize(
    ("name", "source", "position"),
    [
        ("GRB 060729", "real", "real"),
        ("GRB 250815C", "drawn", "drawn"),
        ("Mrk 421", "real", "real"),
        ("NGC 1313 X-7", "drawn", "drawn"),
        ("Unheard of", "drawn", "drawn"),
        ("Mine", "given", "given"),
        ("SIM-DECAY", "drawn", "drawn"),
    ],
)
def test_names_and_positions_are_marked(sim, name, source, position):
    job = next(job for job in sim.controls.jobs() if job.name == name)
    found = sim.jobs.origins(job)
    assert (found.source, found.position) == (source, position)


def test_a_position_of_the_user_is_given():
    with Simulator(settings=EXACT) as sim:
        found = sim.jobs.origins(sim.jobs.submit(IMAGE))
        assert (found.position, dict(found.targets)) == (Origin.GIVEN, {"00966554": Origin.REAL})


def test_what_is_not_known_of_a_real_observation_is_marked(sim):
    job = next(job for job in sim.controls.jobs() if job.name == "AT2024wpp")
    sky = sim.jobs.in_force.sky
    found = sky.named("ASASSN-17hb")
    with Simulator(settings=EXACT) as other:
        dated = other.jobs.submit(CURVE | {"name": found.name, "getT0": 0})
        assert "observation 00010152001: real, but hour drawn" in other.jobs.origins(dated).observation_lines()
    assert job.parameters["RA"]


def test_the_report_says_what_was_drawn_and_what_had_no_data(sim):
    text = report_text(sim.report())
    (positions,) = (line for line in text.splitlines() if "not real: positions" in line)
    assert all(name in positions for name in ("GRB 250815C", "NGC 1313 X-7", "Unheard of", "SIM-DECAY"))
    assert "Mrk 421" not in positions
    assert "drawn because a job names them: 1 observation of M82" in text
    assert "no data for M82: 00221755000: its target looks at another part of the sky" in text


def test_the_job_page_says_what_was_drawn(sim):
    job = next(job for job in sim.controls.jobs() if job.name == "Unheard of")
    page = sim.app.test_client().get(f"/user_objects/tprods/USERPROD_{job.job_id}").text
    assert "position: drawn" in page
    assert re.search(r"observation \d{11}: drawn", page)


def test_names_that_did_not_resolve_end_the_report_with_a_remedy(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import requests\n"
        "body = {'UserID': 'me@example.org', 'name': 'Unheard of', 'getCoords': 1, 'getTargs': 1, 'image': 1}\n"
        "answer = requests.post('https://www.swift.ac.uk/user_objects/run_userobject.php', json=body).json()\n"
        "raise SystemExit(0 if answer['OK'] else 3)\n"
    )

    def run(*options):
        report = tmp_path / "report.txt"
        done = CliRunner().invoke(
            main, ["run", "--verbose", "--report", "text", str(report), *options, "--", sys.executable, str(program)]
        )
        return done.exit_code, report.read_text().splitlines(), done.output

    code, lines, _ = run()
    assert code == 3
    assert re.fullmatch(r"--source 'Unheard of=[\d.]+,-?[\d.]+'", lines[-1])
    code, lines, printed = run(*shlex.split(lines[-1]))
    assert code == 0
    assert not lines[-1].startswith("--source")
    assert "job 1: position: given" in printed


def refused(sim, name):
    """Submit an object that does not resolve; return what the report says about it."""
    body = CURVE | {"name": name}
    assert sim.app.test_client().post("/user_objects/run_userobject.php", json=body).get_json(force=True)["OK"] == 0
    (unresolved,) = sim.report()["unresolved_names"]
    assert unresolved["name"] == name
    return unresolved


def test_a_report_lists_objects_by_name_in_whatever_order_they_came():
    def objects(names):
        with Simulator() as sim:
            for name in names:
                sim.app.test_client().post("/user_objects/run_userobject.php", json=CURVE | {"name": name})
            report = sim.report()
        return [entry["name"] for entry in report["drawn"]], [entry["name"] for entry in report["unresolved_names"]]

    names = ["GRB 210302A", "Second", "GRB 210301A", "First"]
    assert objects(names) == objects(sorted(names)) == (["GRB 210301A", "GRB 210302A"], ["First", "Second"])


def test_a_remedy_can_be_pasted_whatever_the_name_holds():
    name = 'Barnard\'s "other" star'
    with Simulator(settings=EXACT) as sim:
        option, value = shlex.split(refused(sim, name)["option"])
    assert (option, source_from_text(value)["name"]) == ("--source", name)


def test_a_remedy_is_not_given_for_what_is_known_but_hidden():
    with Simulator(settings=EXACT) as sim:
        assert refused(sim, "GRB 390101A")["option"] is None


JOB = {
    "name": "GRB 200416A", "targ": "00966554", "RA": 335.6985, "Dec": -7.5179, "getCoords": 1,
    "lc": 1, "lcobs": "user", "uselcobs": "00966554900",
}  # fmt: skip
NAMED = "00966554900"
"""An observation that no table has."""
BEFORE, NOW = (datetime(year, 4, 17, tzinfo=UTC).timestamp() for year in (2020, 2026))


@pytest.mark.parametrize(
    ("now", "asked", "line"),
    [
        (NOW, (), f"no data of {NAMED}: the archive does not have it, and archive.unknown_observations is refuse"),
        (BEFORE, (NAMED,), f"no data of {NAMED}: it was not in the archive yet"),
        (NOW, (NAMED,), "believed because the job names them: 1 observation, drawn"),
    ],
)
def test_an_observation_that_a_job_names_is_believed_or_has_a_reason(now, asked, line):
    assert origins(Sky(1, World()), JOB, now, asked).lines()[-1] == line


def test_a_position_that_the_scenario_dates_is_given():
    dated = World.from_mapping({"positions": [{"name": "GRB 200416A", "ra": 10.0, "dec": 20.0, "since": "2026-01-01"}]})
    assert origins(Sky(1, dated), JOB, NOW).position is Origin.GIVEN
    assert origins(Sky(1, World()), JOB, NOW).position is Origin.REAL
