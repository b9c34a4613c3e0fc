"""The marker `xrt_mock_hunt`: a test in many worlds."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mock_server.hunt import inprocess
from mock_server.hunt.marker import HuntReport, hunt_test
from mock_server.hunt.worlds import Stream, streams
from mock_server.scenario.files import read_scenario
from tests.hunt.test_loops import ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from mock_server.hunt.life import Life
    from mock_server.simulator import Simulator

pytest_plugins = ["pytester"]

TESTS = """
import time
import pytest, requests

URL = "https://www.swift.ac.uk/user_objects/"
WANTED = {"name": "GRB 060729", "getCoords": 1, "getTargs": 1, "cent": 0, "useSXPS": 0, "lc": 1, "binMeth": "obsid"}

def submit():
    return requests.post(URL + "run_userobject.php", json={"UserID": "me@example.org", **WANTED}, timeout=60).json()

@pytest.mark.xrt_mock_hunt(worlds=20, off=["polls"])
def test_impatient(xrt_mock, tmp_path):
    for attempt in range(9):
        try:
            (tmp_path / "job.txt").write_text(submit()["JobID"])
            break
        except Exception:
            time.sleep(60)
    else:
        raise RuntimeError("GRB 060729 was not accepted")

def leaves_something(journal, folder):
    if len(journal) > 1 and (folder / "job.txt").exists():
        yield "leaves job.txt"

@pytest.mark.xrt_mock_hunt(worlds=8, off=["twice", "exit", "endless"], oracles=[leaves_something])
def test_own_oracle(xrt_mock, tmp_path):
    test_impatient(xrt_mock, tmp_path)

@pytest.mark.xrt_mock_hunt(worlds=8)
def test_honest(xrt_mock):
    try:
        assert submit()["OK"] == 1
    except Exception as error:
        raise RuntimeError("GRB 060729 was not submitted") from error

@pytest.mark.xrt_mock_hunt(worlds=8)
def test_wrong_in_calm(xrt_mock):
    assert submit()["OK"] == 2
"""


def test_a_failing_test_shows_its_smallest_world_and_a_line_to_paste_under_xdist_too(pytester):
    pytester.makepyfile(TESTS)
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:random_order", "-n", "2")
    done.assert_outcomes(passed=1, failed=3)
    text = done.stdout.str()
    assert "submits GRB 060729 twice, when the answer to its 1st submission is lost after the work was done" in text
    pasted = re.search(r"@pytest\.mark\.xrt_mock\(scenario='(.*\.toml)'\)", text)
    assert pasted is not None, text
    assert 'kind = "lost"' in Path(pasted[1]).read_text(encoding="utf-8")
    assert "leaves job.txt, when " in text
    assert "assert 1 == 2" in text


def test_a_test_without_the_fixture_is_refused(pytester):
    pytester.makepyfile("import pytest\n@pytest.mark.xrt_mock_hunt()\ndef test_it(): pass\n")
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    assert "uses the fixture xrt_mock" in done.stdout.str()


def hunted(call: Callable[..., object], folder: Path, **given: Any) -> HuntReport | None:
    """Hunt a test with a scenario of seed 7, and three fixtures."""
    options = {"scenario": read_scenario({"seed": 7}, "mine")}
    arguments = {"xrt_mock": None, "tmp_path": folder, "answer": "numJobs"}
    return hunt_test(call, arguments, options, {"worlds": 1, **given}, folder, "test_it")


@pytest.fixture
def one_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the worlds, only those with a lost answer, and those with two deviations of which it is one."""

    def few(calm: Life, number: int, *, restart: bool) -> list[Stream]:
        (lost,) = (
            one._replace(most=1) for one in streams(calm, number, restart=restart) if one.name == "lost getNumJobs"
        )
        return [lost, lost._replace(name="two", mixed=True)]

    monkeypatch.setattr(inprocess, "streams", few)


def counts(xrt_mock: Simulator, tmp_path: Path, answer: str) -> None:
    (tmp_path / "count").write_text(str(ask("getNumJobs.php")[answer]))


def says_so(xrt_mock: Simulator, tmp_path: Path, answer: str) -> None:
    try:
        counts(xrt_mock, tmp_path, answer)
    except OSError:
        return


def test_a_test_that_breaks_has_its_worlds_as_files_to_run_it_with(one_kind: None, tmp_path: Path) -> None:
    report = hunted(counts, tmp_path, strict=True)
    assert report is not None
    first, finding = report.summary.splitlines()
    assert re.fullmatch(r"broke in (\d+) of \1 worlds:", first)
    assert finding.startswith("ends with ConnectionError: ")
    assert ", when the answer to its 1st count of active jobs is lost after the work was done (" in finding
    file = tmp_path / "test_it-1.toml"
    assert report.text.splitlines() == [f"1. {finding}", f"   @pytest.mark.xrt_mock(scenario={str(file)!r})"]
    fault = {"kind": "lost", "operation": "getNumJobs", "call": 1}
    assert tomllib.loads(file.read_text()) == {"seed": 7, "description": finding, "faults": [fault]}
    assert not (tmp_path / "count").exists()  # each world has a folder of its own


@pytest.mark.parametrize(("call", "off"), [(says_so, []), (counts, ["exit"])])
def test_a_test_that_breaks_in_no_world_has_no_report(
    call: Callable[..., object], off: list[str], one_kind: None, tmp_path: Path
) -> None:
    assert hunted(call, tmp_path, off=off, strict=True) is None


def test_a_test_is_judged_by_functions_of_its_author_too(one_kind: None, tmp_path: Path) -> None:
    def forgets(journal: Any, folder: Path) -> list[str]:
        return [] if (folder / "count").exists() else [f"{len(journal)} call and no count"]

    report = hunted(says_so, tmp_path, oracles=[forgets])
    assert report is not None
    assert "1 call and no count, when the answer to its 1st" in report.summary


def test_a_failure_that_does_not_repeat_is_marked(one_kind: None, tmp_path: Path) -> None:
    lost = []

    def seldom(xrt_mock: Simulator, tmp_path: Path, answer: str) -> None:
        try:
            counts(xrt_mock, tmp_path, answer)
        except OSError:
            lost.append(1)
            if len(lost) == 1:
                raise

    report = hunted(seldom, tmp_path, strict=True)
    assert report is not None
    assert report.text.splitlines()[-1] == "   not repeatable: the exit code was 1, then 0"


@pytest.mark.parametrize("call", [lambda **_: None, lambda **_: 1 / 0])
def test_a_test_that_fails_in_the_calm_world_or_calls_nothing_is_not_hunted(
    call: Callable[..., object], tmp_path: Path
) -> None:
    assert hunted(call, tmp_path) is None


def test_an_argument_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="xrt_mock_hunt has no argument 'wolds'; it has worlds, seed, at_most"):
        hunted(counts, tmp_path, wolds=3)
