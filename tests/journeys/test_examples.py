"""The examples run as their first lines say: with either client, and twice the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
OURS = "import xrt_client as xrt_prods"
OFFICIAL = "import swifttools.ukssdc.xrt_prods as xrt_prods"


def run(example: str, client: str, folder: Path, name: str) -> tuple[str, bytes]:
    """Run an example with a client under ``xrt-mock run``; return what it printed and its report."""
    source = (EXAMPLES / example).read_text(encoding="utf-8")
    assert source.count(f"\n{OURS}\n") == 1, f"{example} must import its client by the one line that readers replace"
    program = folder / example
    program.write_text(source.replace(f"\n{OURS}\n", f"\n{client}\n"), encoding="utf-8")
    report = folder / f"{name}.json"
    command = [sys.executable, "-m", "mock_server.cli", "run", "--report", "json", str(report), "--"]
    command += [sys.executable, str(program), str(folder / name)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{example} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout, report.read_bytes()


@pytest.mark.parametrize("client", [OURS, OFFICIAL])
def test_the_campaign_never_has_more_than_five_active_jobs_and_gets_everything(client, tmp_path):
    printed, report = run("throttled_campaign.py", client, tmp_path, "data")
    found = json.loads(report)
    assert "50 products downloaded and opened, 0 submissions refused" in printed
    assert found["jobs"] == {
        "submitted": 25,
        "complete": 25,
        "failed": 0,
        "cancelled": 0,
        "unfinished": 0,
        "submissions_refused": 0,
    }
    assert found["active_jobs"]["peak"] == 5
    assert found["active_jobs"]["where"].startswith("throttled_campaign.py:")
    assert found["downloads"]["files"] == 50


@pytest.mark.parametrize("client", [OURS, OFFICIAL])
def test_the_tutorial_runs_twice_with_the_same_output_and_report(client, tmp_path):
    first = run("tutorial.py", client, tmp_path, "first")
    second = run("tutorial.py", client, tmp_path, "second")
    assert first == second
    printed, report = first
    assert "'code': 0" in printed, "the image must be cancelled while it is queued or running"
    assert "archives opened" in printed
    assert json.loads(report)["jobs"]["submitted"] == 1
