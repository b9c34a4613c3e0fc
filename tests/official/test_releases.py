"""Every kind of release of the official client, unmodified, goes through tutorial and campaign.

Run by ``tox -e official``, which names in ``XRT_MOCK_RELEASES`` the folder that releases are put in.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.official

HERE = Path(__file__).parent
EXAMPLES = HERE.parent.parent / "examples"
RELEASES = ["1.0", "1.5", "1.8", "2.0", "2.3.2", "2.4.9", "3.0.0", "3.0.22", "4.0.5"]
RENAMED_IN = (3, 0, 0)


@pytest.fixture(scope="module")
def folder() -> Path:
    named = os.environ.get("XRT_MOCK_RELEASES")
    assert named, "set XRT_MOCK_RELEASES to a folder that releases may be put in, or run `tox -e official`"
    return Path(named)


@pytest.fixture(params=RELEASES)
def release(request, folder) -> Path:
    """Folder of one release, without what it depends on: that is installed already."""
    target: Path = folder / request.param
    if not target.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target)]
        subprocess.run([*pip, f"swifttools=={request.param}"], check=True)
    return target


def run(program: Path, argument: Path, release: Path) -> str:
    command = [sys.executable, "-m", "mock_server.cli", "run", "--", sys.executable, str(program), str(argument)]
    environment = {**os.environ, "PYTHONPATH": str(release)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{program.name} failed with swifttools {release.name}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_tutorial_passes(release, tmp_path):
    assert "the tutorial is done" in run(HERE / "any_release.py", tmp_path / "data", release)


def test_the_campaign_passes(release, tmp_path):
    new = tuple(map(int, release.name.split("."))) >= RENAMED_IN
    module = "swifttools.ukssdc.xrt_prods" if new else "swifttools.xrt_prods"
    source = (EXAMPLES / "throttled_campaign.py").read_text(encoding="utf-8")
    program = tmp_path / "throttled_campaign.py"
    program.write_text(source.replace("import xrt_client as", f"import {module} as"), encoding="utf-8")
    assert "50 products downloaded and opened, 0 submissions refused" in run(program, tmp_path / "data", release)
