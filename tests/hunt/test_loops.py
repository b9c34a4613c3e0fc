"""Loops that end after a number of rounds, and those that may go on for ever."""

import time
import tomllib

import pytest
import requests

from mock_server.hunt.deviations import Deviation
from mock_server.hunt.inprocess import Function
from mock_server.hunt.loops import all_are_counted, waited_for
from mock_server.scenario.files import read_scenario

STUCK = Deviation("stuck", "run_userobject", "", {"faults": [{"kind": "stuck", "operation": "run_userobject"}]})
WANTED = {"name": "GRB 060729", "getCoords": 1, "getTargs": 1, "cent": 0, "useSXPS": 0, "lc": 1, "binMeth": "obsid"}


@pytest.mark.parametrize(
    ("source", "counted"),
    [
        ("for _ in range(2000):\n    look()", True),
        ("for name in names:\n    while not done(name):\n        look()", False),
        ("for n in itertools.count():\n    look()", False),
        ("while tries < 500:\n    look()\n    tries += 1", True),
        ("while True:\n    waited += 60\n    if waited > week:\n        break\n    look()", True),
        ("while True:\n    looks += 1\n    print(looks)\n    look()", False),
        (
            "while True:\n    try:\n        look()\n    except Exception:\n"
            "        errors += 1\n        if errors > 5:\n            raise",
            False,
        ),
        ("while time.time() < until:\n    look()", False),
        ("look()", False),
    ],
)
def test_a_loop_is_counted_if_a_counter_ends_it(source, counted, tmp_path):
    (tmp_path / "p.py").write_text(source)
    line = next(n for n, text in enumerate(source.splitlines(), 1) if "look()" in text)
    assert all_are_counted(tmp_path, (f"p.py:{line}",)) is counted


def test_a_program_waits_for_the_loop_that_may_go_on_for_ever(tmp_path):
    (tmp_path / "p.py").write_text("while not done():\n    for _ in range(9):\n        look()")
    assert waited_for(tmp_path, ("p.py:3",)) == ("not done()", ("p.py:1", "p.py:3"))


@pytest.mark.parametrize("source", ["look()", "def wait(:\n    look()", None])
def test_a_line_in_no_loop_waits_for_nothing(source, tmp_path):
    if source is not None:
        (tmp_path / "p.py").write_text(source)
    assert waited_for(tmp_path, ("p.py:1",)) == ("", ("p.py:1",))
    assert not all_are_counted(tmp_path, ("p.py:1",))


def ask(script, **what):
    answer = requests.post(
        f"https://www.swift.ac.uk/user_objects/{script}", json={"UserID": "me@example.org", **what}, timeout=60
    )
    return answer.json()


def look_often(_simulator, _folder):
    job = ask("run_userobject.php", **WANTED)["JobID"]
    for _ in range(900):
        if ask("checkProductStatus.php", JobID=job, what="lc")["lc"]["statusCode"] == 4:
            return
        time.sleep(60)
    print("GRB 060729 is stuck")


def look_for_ever(_simulator, _folder):
    job = ask("run_userobject.php", **WANTED)["JobID"]
    while ask("checkProductStatus.php", JobID=job, what="lc")["lc"]["statusCode"] != 4:
        time.sleep(60)


def test_a_program_that_counts_its_looks_ends_when_it_would_with_the_service():
    scenario = read_scenario(tomllib.loads(""))
    life = Function(look_often, scenario, {}, {}).play((STUCK,))
    assert (life.code, life.simulated_s) == (0, 900 * 60)
    endless = Function(look_for_ever, scenario, {}, {}).play((STUCK,))
    assert endless.code is None
    assert "statusCode" in endless.error
