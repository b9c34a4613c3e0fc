"""The client is light: what it imports, and what it says when an extra is missing."""

import importlib
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from xrt_client import analysis

HEAVY = ("numpy", "scipy", "pandas", "matplotlib", "astropy", "flask", "mock_server", "contracts")
IMPORTS = f"""
import json, sys
sys.modules.update(dict.fromkeys({HEAVY}))  # as if none of them were installed
import requests, tarfile
before = set(sys.modules)
import xrt_client
added = sorted(set(sys.modules) - before)
import xrt_client.campaign_cli
print(json.dumps([added, str(xrt_client.XRTProductRequest("a@b.c"))]))
"""


def test_the_client_needs_requests_alone_and_little_of_the_standard_library():
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    added, request = json.loads(done.stdout)
    assert request.startswith("XRTProductRequest object for user `a@b.c`")
    assert len(added) < 30, f"only modules of our own, and few of the standard library: {added}"


@pytest.fixture
def without(monkeypatch):
    """Return a function that makes a package look as if it were not installed."""

    def hide(package: str) -> None:
        def find_spec(name: str, *_: object) -> None:
            if name.partition(".")[0] == package:
                raise ModuleNotFoundError(f"No module named '{package}'", name=package)

        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setattr(sys, "meta_path", [SimpleNamespace(find_spec=find_spec), *sys.meta_path])

    return hide


@pytest.mark.parametrize("missing", ["pandas", "scipy"])
def test_analysis_names_a_package_that_is_missing_and_how_to_install_it(missing, without, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("xrt_client.analysis")]:
        monkeypatch.delitem(sys.modules, name)
    without(missing)
    with pytest.raises(ModuleNotFoundError, match=rf"need {missing}: pip install 'xrt-mock\[analysis\]'") as raised:
        importlib.import_module("xrt_client.analysis")
    assert raised.value.name == missing


def test_plots_say_that_matplotlib_is_missing_and_how_to_install_it(without):
    without("matplotlib")
    with pytest.raises(ModuleNotFoundError, match=r"need matplotlib: pip install 'xrt-mock\[analysis\]'"):
        analysis.plotLightCurve({"Datasets": [], "TimeFormat": "MET"})
