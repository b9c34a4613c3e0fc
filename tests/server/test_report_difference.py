"""Two courtesy reports side by side."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from mock_server.cli.commands import main


@pytest.fixture
def files(tmp_path, sim, ask):
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    before.write_text(json.dumps(sim.report()), encoding="utf-8")
    ask("getNumJobs.php")
    changed = sim.report() | {"refused": [{"operation": "canceljob", "words": "no", "where": "a.py:3", "times": 2}]}
    after.write_text(json.dumps(changed), encoding="utf-8")
    return before, after


def test_what_differs_is_printed_and_the_exit_code_is_1(files):
    done = CliRunner().invoke(main, ["report", "diff", *map(str, files)])
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        "calls.getNumJobs: (absent) -> 1",
        'refused, only after: {"operation": "canceljob", "words": "no", "where": "a.py:3", "times": 2}',
    ]
    listed = json.loads(CliRunner().invoke(main, ["report", "diff", "--json", *map(str, files)]).stdout)
    assert listed[0] == {"name": "calls.getNumJobs", "before": "(absent)", "after": 1}


def test_equal_reports_are_equal(files):
    done = CliRunner().invoke(main, ["report", "diff", str(files[0]), str(files[0])])
    assert (done.exit_code, done.stdout) == (0, "the reports are equal\n")


@pytest.mark.parametrize(("text", "words"), [("{", "is not JSON"), ("[]", "is not a courtesy report")])
def test_another_file_is_refused_with_what_to_do(files, tmp_path, text, words):
    other = tmp_path / "other.json"
    other.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(main, ["report", "diff", str(files[0]), str(other)])
    assert done.exit_code == 2
    assert words in done.stderr
    assert "xrt-mock run --report json" in done.stderr
