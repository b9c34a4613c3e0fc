"""Which child processes of a program take part in a run, and how they find it."""

import socket
import subprocess
import sys

import pytest

from mock_server.run.children import is_python, option_without_hook
from mock_server.run.environment import format_participant, parse_participant


@pytest.mark.parametrize("participant", [(0,), (3,), (0, 2, 1000001)])
def test_an_id_survives_the_environment(participant):
    assert parse_participant(format_participant(participant)) == participant


def script(folder, first_line):
    path = folder / "script"
    path.write_text(f"{first_line}\n")
    path.chmod(0o755)
    return [str(path)]


def test_python_is_known_by_its_name():
    assert is_python([sys.executable, "-c", "pass"], {})
    assert is_python(["anything"], {"executable": sys.executable})
    assert not is_python(["sh", "-c", "exit"], {})
    assert not is_python(["no-such-program-anywhere"], {})
    assert not is_python("python script.py", {"shell": True})


@pytest.mark.parametrize(
    ("first_line", "expected"),
    [("#!/usr/bin/env python3", True), (f"#!{sys.executable}", True), ("#!/bin/sh", False), ("print('python')", False)],
)
def test_a_script_is_known_by_its_first_line(tmp_path, first_line, expected):
    assert is_python(script(tmp_path, first_line), {}) is expected


def test_what_cannot_be_read_is_no_script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the address of a socket is short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("script")
        (tmp_path / "script").chmod(0o755)
        assert not is_python(["./script"], {})


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["-I", "x.py"], "-I"),
        (["-uES", "x.py"], "-E"),
        (["-W", "ignore", "-X", "dev", "-S", "x.py"], "-S"),
        (["-c", "-I"], None),
        (["-c", "pass", "-I"], None),
        (["-m", "module", "-E"], None),
        (["-Wignore", "x.py", "-I"], None),
        (["--no-such-option"], None),
        ([], None),
    ],
)
def test_a_python_that_does_not_load_the_hook_is_known_by_its_options(words, option):
    assert option_without_hook(["python", *words]) == option


def test_a_child_that_takes_no_part_is_announced_and_holds_up_nothing(tmp_path):
    program = tmp_path / "pipeline.py"
    program.write_text(
        "import subprocess, sys, time\n"
        "for _ in range(3):\n"
        "    subprocess.run([sys.executable, '-I', '-c', 'pass'], check=True)\n"
        "time.sleep(300)\n"
    )
    command = [sys.executable, "-m", "mock_server.cli", "run", "--", sys.executable, str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stderr.count("a child with `python -I` takes no part in this run") == 1
    assert "stood still" not in done.stderr
    assert "simulated time 00:05:00" in done.stderr
