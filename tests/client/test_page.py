"""docs/client.md says what is true: its code runs, from the first block to the last."""

import re
from pathlib import Path

from mock_server import Simulator
from xrt_client import errors
from xrt_client.campaign_cli import main

from .conftest import plain_simulator

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_code_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with Simulator().intercept() as sim:
        monkeypatch.setattr("time.sleep", sim.clock.sleep)
        scene: dict[str, object] = {}
        for block in blocks("python"):
            exec(block, scene)
    said = capsys.readouterr().out
    assert "data/lc.zip" in said
    assert "2 sources: 2 done" in said


def test_the_command_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    typed = blocks("console")[0].split("$ ")
    Path("sources.csv").write_text(typed[1].partition("\n")[2])
    with plain_simulator().intercept() as sim:
        monkeypatch.setattr("time.sleep", sim.clock.sleep)
        assert main(typed[2].split()[1:]) == 0
    assert "2 sources: 2 done" in capsys.readouterr().out


def test_the_table_of_errors_is_whole():
    listed = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    kinds = {kind.__name__ for kind in errors.XRTError.__subclasses__()}
    assert listed == kinds
