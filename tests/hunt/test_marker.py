"""The marker `xrt_mock_hunt`: a test in many worlds."""

import re
from pathlib import Path

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
