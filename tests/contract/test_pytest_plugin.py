"""The plugin for the tests of other programs, run in processes of their own."""

from __future__ import annotations

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

def test_refused():
    assert ask({"User": "me@example.org"})["OK"] == 0
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
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_program.py", *options]
    if "contracts.pytest_plugin" not in loaded_plugins():
        command += ["-p", "contracts.pytest_plugin"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def loaded_plugins() -> set[str]:
    return {point.value for point in entry_points(group="pytest11")}


def test_a_program_within_the_contract_passes_and_is_told_how_much_was_checked(tmp_path):
    done = run(tmp_path, PROGRAM, "--xrt-contract")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        "2 calls checked against the XRT contract, 0 findings, 1 requests outside it that were refused" in done.stdout
    )


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
