"""The folders of a hunt: gone when it has ended."""

import sys
import tempfile
from pathlib import Path

from mock_server.hunt import stage
from mock_server.hunt.hunting import Hunt, run_hunt
from mock_server.hunt.oracles import Rules
from mock_server.hunt.program import program_of

PROGRAM = """
import requests

requests.post("https://www.swift.ac.uk/user_objects/getNumJobs.php", json={"UserID": "me@example.org"}, timeout=60)
"""


def test_a_hunt_leaves_no_folder_behind(tmp_path, monkeypatch):
    files, folder = tmp_path / "files", tmp_path / "program"
    files.mkdir()
    folder.mkdir()
    (folder / "p.py").write_text(PROGRAM)

    def here(**options):
        return tempfile.TemporaryDirectory(**options | {"dir": files})

    monkeypatch.setattr(stage, "TemporaryDirectory", here)
    result = run_hunt(Hunt(program_of((sys.executable, "p.py"), folder), {}, 1, Rules(), worlds=1))
    assert result.tally.worlds >= 1
    assert list(Path(files).iterdir()) == []
