"""The pictures of the documentation are drawn from downloaded products by an example that anyone can run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")
EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "plot_products.py"


def test_the_example_draws_three_pictures_from_what_it_downloads(tmp_path):
    command = [
        sys.executable,
        "-m",
        "mock_server.cli",
        "run",
        "--",
        sys.executable,
        str(EXAMPLE),
        str(tmp_path / "out"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{EXAMPLE.name} failed:\n{done.stdout}\n{done.stderr}"
    for name in ("light_curve.png", "spectrum.png", "image.png"):
        assert (tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG"), name
