"""Which child processes of a program take part in a run, and how they find it."""

import sys

import pytest

from mock_server.run.children import is_python
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
