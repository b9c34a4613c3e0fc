"""The plugin for the tests of other programs, run in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import requests
from mock_server import Simulator

def ask(body):
    with Simulator().intercept():
        return requests.post("https://www.swift.ac.uk/user_objects/getNumJobs.php", json=body, timeout=9).json()

def test_good():
    assert ask({"UserID": "me@example.org"})["numJobs"] == 0
"""
LEAVING = """
import requests
from mock_server import Simulator

SERVICE = "https://www.swift.ac.uk/user_objects/"

def send(name, **what):
    with Simulator().intercept():
        return requests.post(SERVICE + name, timeout=9, **what)

def test_misspelt_key():
    assert send("getNumJobs.php", json={"User": "me@example.org"}).json()["OK"] == 0

def test_form():
    assert send("getNumJobs.php", data={"UserID": "me@example.org"}).json()["OK"] == 0

def test_bad_parameter():
    assert send("run_userobject.php", json={"UserID": "me@example.org", "name": "x", "poserr": 60}).json()["OK"] == 0

def test_misspelt_path():
    assert send("getNumberOfJobs.php", json={"UserID": "me@example.org"}).status_code == 404
"""
PORTS = """
import requests
from contracts.consumer import Answering

def test_ports():
    with Answering(body={"OK": 1, "numJobs": "3", "APIVersion": "1.12"}):
        requests.post("http://localhost:8000/user_objects/getNumJobs.php", json={"UserID": "me"}, timeout=9)

def test_other_port():
    with Answering(body={}):
        requests.post("http://localhost:9000/user_objects/getNumJobs.php", json=[], timeout=9)
"""
WRONG = """
import requests
from contracts.consumer import Answering

def test_wrong():
    with Answering(body={"OK": 1, "numJobs": "3", "APIVersion": "1.12"}):
        requests.post("https://www.swift.ac.uk/user_objects/getNumJobs.php", json={"UserID": "me"}, timeout=9)

def test_elsewhere():
    with Answering(body={}):
        requests.post("https://example.org/user_objects/getNumJobs.php", json=[], timeout=9)
"""


def run(folder: Path, program: str, *options: str) -> subprocess.CompletedProcess[str]:
    folder.joinpath("test_program.py").write_text(program, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "contracts.pytest_plugin"]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # other plugins take most of the time
    command += ["test_program.py", *options]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_an_installed_kit_is_a_plugin():
    assert "contracts.pytest_plugin" in {point.value for point in entry_points(group="pytest11")}


def test_a_program_within_the_contract_passes_and_the_number_of_calls_is_printed(tmp_path):
    done = run(tmp_path, PROGRAM, "--xrt-contract")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        "1 calls checked against the XRT contract, 0 findings, 0 requests outside it that were refused" in done.stdout
    )


def test_requests_outside_the_contract_fail_their_tests_also_if_they_were_refused(tmp_path):
    done = run(tmp_path, LEAVING, "--xrt-contract")
    assert "4 failed" in done.stdout, done.stdout + done.stderr
    for words in ('"UserID" is a required property', "poserr", "getNumberOfJobs.php is not in the contract"):
        assert words in done.stdout
    assert "4 requests outside it that were refused" in done.stdout


def test_a_host_may_have_a_port(tmp_path):
    done = run(tmp_path, PORTS, "--xrt-contract", "--xrt-contract-host", "localhost:8000")
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr


def test_a_host_that_was_never_called_is_an_error(tmp_path):
    done = run(tmp_path, PROGRAM, "--xrt-contract", "--xrt-contract-host", "localhost:8000")
    assert done.returncode == 1
    assert "no call was made to localhost:8000; check the value of --xrt-contract-host" in done.stdout


def test_a_program_outside_the_contract_fails_with_the_reason(tmp_path):
    done = run(tmp_path, WRONG, "--xrt-contract")
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    assert "traffic outside the contract" in done.stdout
    assert "numJobs" in done.stdout


def test_nothing_is_checked_without_the_option(tmp_path):
    done = run(tmp_path, WRONG, "--xrt-contract-host", "example.org")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "XRT contract" not in done.stdout
