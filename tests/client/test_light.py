"""The client is light: what it imports, and what it says when an extra is missing."""

import subprocess
import sys

import pytest

HEAVY = ("numpy", "scipy", "pandas", "matplotlib", "astropy", "flask", "mock_server", "contracts")


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_client_imports_nothing_heavy():
    loaded = python("import sys, xrt_client.campaign_cli; print(*sys.modules)").split()
    assert not set(HEAVY) & {name.split(".")[0] for name in loaded}


def test_what_is_imported_on_top_of_requests_is_small():
    count = "import sys, {}; print(len(sys.modules))"
    extra = int(python(count.format("requests, xrt_client"))) - int(python(count.format("requests, tarfile")))
    assert extra < 30, "only modules of our own, and few of the standard library"


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        ("pandas", "import xrt_client.analysis"),
        ("scipy", "import xrt_client.analysis"),
        (
            "matplotlib",
            "from xrt_client.analysis import plotLightCurve; plotLightCurve({'Datasets': [], 'TimeFormat': 'MET'})",
        ),
    ],
)
def test_a_missing_extra_is_named_with_what_mends_it(missing, code):
    hidden = f"import sys; sys.modules[{missing!r}] = None\n"
    caught = f"try:\n    {code}\nexcept ModuleNotFoundError as error:\n    print(error)"
    said = python(hidden + caught)
    assert missing in said
    assert "pip install 'xrt-mock[analysis]'" in said


def test_everything_but_tables_and_plots_works_without_the_extra():
    hidden = (
        "import sys; [sys.modules.__setitem__(name, None) for name in ('pandas', 'numpy', 'scipy', 'matplotlib')]\n"
    )
    assert python(hidden + "import xrt_client, xrt_client.campaign_cli; print(xrt_client.XRTProductRequest('a@b.c'))")
