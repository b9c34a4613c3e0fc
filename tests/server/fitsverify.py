"""What NASA's fitsverify says about files."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def verified(paths: Sequence[Path]) -> list[str]:
    """Return the lines of fitsverify about files that it finds errors or warnings in."""
    program = shutil.which("fitsverify")
    if program is None and "CI" not in os.environ:
        pytest.skip("fitsverify is missing: apt-get install fitsverify")
    assert program, "fitsverify is missing: apt-get install fitsverify"
    done = subprocess.run([program, "-q", *map(str, paths)], capture_output=True, text=True, check=False)
    said = done.stdout.splitlines()
    assert len(said) == len(paths) > 0
    return [line for line in said if not line.startswith("verification OK: ")]
