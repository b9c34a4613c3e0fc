"""The command on a small program: what it finds, where, and how it is repeated."""

import json
import subprocess
import sys
from xml.etree import ElementTree

import pytest

pytestmark = pytest.mark.slow  # all of them look at one hunt

PROGRAM = """
import os, time, requests

URL = "https://www.swift.ac.uk/user_objects/"
WANTED = {"name": "GRB 060729", "getCoords": 1, "getTargs": 1, "cent": 0, "useSXPS": 0, "lc": 1, "binMeth": "obsid"}

def ask(script, **what):
    return requests.post(URL + script, json={"UserID": "me@example.org", **what}, timeout=60).json()

def submit():
    for _ in range(9):
        try:
            return ask("run_userobject.php", **WANTED)["JobID"]
        except Exception:
            time.sleep(60)
    raise SystemExit("GRB 060729 was not accepted")

job = submit()
with open("job.txt", "w") as file:
    file.write(str(job))
while ask("checkProductStatus.php", JobID=job, what="lc")["lc"]["statusCode"] != 4:
    time.sleep(60)
"""

ORACLE = """
def one_job(journal, folder):
    jobs = {call.job_id for call in journal if call.job_id is not None}
    if len(jobs) > 1:
        yield f"has {len(jobs)} jobs, of which job.txt has {(folder / 'job.txt').read_text()}"
"""


@pytest.fixture(scope="module")
def hunted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hunted")
    (folder / "p.py").write_text(PROGRAM)
    (folder / "mine.py").write_text(ORACLE)
    forms = [part for form in ("json", "text", "html", "junit") for part in ("--report", form, f"found.{form}")]
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "mock_server.cli", "hunt", "--worlds", "12", "--seed", "1", "--jobs", "1", *forms),
            *("--off", "contract", "--oracle", "mine:one_job", "--", sys.executable, "p.py"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    return folder


def test_the_smallest_world_of_each_failure_is_found(hunted):
    found = {one["oracle"]: one for one in json.loads((hunted / "found.json").read_text())["found"]}
    twice = found["twice"]
    assert twice["deviations"] == ["the answer to its 1st submission is lost after the work was done"]
    assert twice["where"] == ["p.py:8", "p.py:13", "p.py:18"]
    assert found["endless"]["waits"].startswith("it waits while ask('checkProductStatus.php'")
    assert found["endless"]["where"][0] == "p.py:21"
    assert "started again" in found["again"]["when"]
    assert all(one["repeatable"] for one in found.values())


def test_the_report_says_what_was_met(hunted):
    data = json.loads((hunted / "found.json").read_text())
    cells = {(cell["operation"], cell["kind"]): cell for cell in data["matrix"]}
    assert cells["run_userobject", "lost"]["broke"] >= 1
    assert cells["checkProductStatus", "status"]["met"] >= 1
    assert ("downloadProduct", "cut") not in cells  # the program downloads nothing


def test_a_world_can_be_played_again_with_run(hunted):
    found = json.loads((hunted / "found.json").read_text())["found"]
    number = next(n for n, one in enumerate(found, 1) if one["oracle"] == "twice")
    run = [sys.executable, "-m", "mock_server.cli", "run", "--scenario", f"hunt/{number}.toml", "--report", "json", "-"]
    script = PROGRAM.partition("with open")[0]
    ended = subprocess.run(
        [*run, "--", sys.executable, "-c", script], cwd=hunted, capture_output=True, text=True, check=False
    )
    assert len(json.loads(ended.stdout)["duplicate_submissions"]) == 1


def test_the_other_forms_have_the_same_findings(hunted):
    found = json.loads((hunted / "found.json").read_text())["found"]
    text, page = (hunted / "found.text").read_text(), (hunted / "found.html").read_text()
    suite = ElementTree.fromstring((hunted / "found.junit").read_text())
    assert suite.get("failures") == str(len(found))
    assert page.count("<svg") == len(found)
    for one in found:
        assert one["words"] in text
    assert "worlds (" in text
