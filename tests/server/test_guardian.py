"""What a run has started ends with it, also if the run is killed."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from mock_server.run import guardian
from mock_server.run.guardian import guarding


def test_the_programs_and_files_of_a_killed_run_go_and_those_of_another_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(guardian, "_SCRIPT", guardian._SCRIPT.replace("sleep 1", ":"))
    for name in ("ended", "killed"):
        (tmp_path / name).touch()
    with guarding([str(tmp_path / "ended")]):
        pass
    with subprocess.Popen(["sleep", "60"]) as program:
        with guarding([str(tmp_path / "killed")]) as running:
            running.watch(program.pid)
            process = running._process
            assert process is not None
            assert process.stdin is not None
            process.stdin.close()  # as the end of this process would
            process.wait()
            monkeypatch.setattr(running, "_process", None)
        assert program.wait() == -signal.SIGTERM
    assert [path.name for path in tmp_path.iterdir()] == ["ended"]


@pytest.mark.parametrize("system", ["nt", "posix"])
def test_where_there_is_no_shell_a_run_goes_on_unguarded(monkeypatch, tmp_path, system):
    asked: list[str] = []

    def refuse(command: list[str], **_options: object) -> None:
        asked.append(command[0])
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with monkeypatch.context() as other:
        other.setattr(os, "name", system)
        with guarding([str(tmp_path)]) as running:
            running.watch(os.getpid())
    assert asked == ([] if system == "nt" else ["/bin/sh"])
    assert tmp_path.exists()
