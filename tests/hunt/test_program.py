"""The program that is hunted: which interpreter runs it, and whether its folder can be copied."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from mock_server.core.errors import InputInvalid
from mock_server.hunt import program
from mock_server.hunt.program import Program, check_size, program_of

if TYPE_CHECKING:
    from pathlib import Path


def test_a_python_program_is_its_interpreter_and_what_that_runs(tmp_path: Path) -> None:
    command = [sys.executable, "-u", "-B", str(tmp_path / "p.py"), "--all"]
    found = program_of(command, tmp_path)
    assert found == Program((sys.executable, "-u", "-B", "p.py", "--all"), tmp_path, sys.executable, ("p.py", "--all"))


@pytest.mark.parametrize("rest", [[], ["-i"], ["-u", "-X", "dev", "p.py"]])
def test_an_interpreter_that_cannot_be_forked_for_its_words_is_started_as_a_command(
    rest: list[str], tmp_path: Path
) -> None:
    assert program_of([sys.executable, *rest], tmp_path) == Program((sys.executable, *rest), tmp_path)


@pytest.mark.parametrize(
    ("first", "interpreter"),
    [
        (f"#!{sys.executable}", sys.executable),
        (f"#! {sys.executable}", sys.executable),
        ("#!/usr/bin/env python3", shutil.which("python3")),
        ("#!/usr/bin/env no-such-python", ""),
        (f"#!{sys.executable} -u", ""),
        ("#!/bin/sh", ""),
        ("python", ""),
    ],
)
def test_a_script_is_run_by_the_python_in_its_first_line(first: str, interpreter: str, tmp_path: Path) -> None:
    script = tmp_path / "bin" / "pipeline"
    script.parent.mkdir()
    script.write_text(f"{first}\nprint(1)\n")
    script.chmod(0o700)
    found = program_of([str(script), "--all"], tmp_path)
    assert found.command == (f"bin{os.sep}pipeline", "--all")
    assert (found.python, found.arguments) == (interpreter, (str(script), "--all") if interpreter else ())


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="there is no program no-such-command; check its name"):
        program_of(["no-such-command"], tmp_path)


def test_a_folder_that_is_too_large_to_be_copied_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "LARGEST_FOLDER_BYTES", 2_000_000)
    for name in (".git", "data", "found"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "large").write_bytes(bytes(1_500_000))
    check_size(tmp_path, ["found"])  # neither .git nor what is left out is copied
    with pytest.raises(InputInvalid, match="holds more than 2 MB and is copied for each world"):
        check_size(tmp_path)
