"""The small pipelines: six right ones, and twelve faults that are planted in them one by one."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

PIPELINES = Path(__file__).with_name("pipelines")
RIGHT = sorted(path.stem for path in PIPELINES.glob("*.py"))


class Fault(NamedTuple):
    """One planted fault."""

    name: str
    pipeline: str
    old: str
    new: str
    oracle: list[str]
    blamed: str


FAULTS = [Fault(**one) for one in tomllib.loads(Path(__file__).with_name("faults.toml").read_text())["faults"]]


def lay_out(folder: Path, fault: Fault | None = None) -> None:
    """Copy the pipelines, with a fault if one is given."""
    for path in PIPELINES.glob("*.py"):
        shutil.copy(path, folder)
    if fault is not None:
        file = folder / f"{fault.pipeline}.py"
        text = file.read_text()
        assert text.count(fault.old) == 1, f"{fault.name}: its place is not in {file.name}"
        file.write_text(text.replace(fault.old, fault.new))


def hunted(folder: Path, script: str, *options: str) -> dict[str, Any]:
    """Hunt a script and return the JSON report."""
    command = [sys.executable, "-m", "mock_server.cli", "hunt", *options, "--report", "json", "found.json"]
    ended = subprocess.run(
        [*command, "--", sys.executable, script], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ended.returncode in (0, 1), ended.stderr
    data: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return data


def lines_of(folder: Path, where: list[str]) -> list[str]:
    """Return the text of lines such as ``loop.py:12``."""
    texts = []
    for place in where:
        name, _, number = place.rpartition(":")
        texts.append((folder / name).read_text().splitlines()[int(number) - 1])
    return texts
