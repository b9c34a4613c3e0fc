"""What is handed to users: the files they install, each extra in an environment of its own, and a first try.

These take minutes and fetch packages; ``tox -e packaging`` runs them.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.test_docs import BLOCK, CODE_BLOCK, page

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NOT_SOURCES = (".git", ".tox", ".venv", ".*_cache", ".hypothesis", "build", "nowhere", "*.egg-info", "__pycache__")
EXTRAS = {
    "": ["import xrt_client, mock_server, contracts"],
    "server": [
        "import mock_server.transport.proxy, mock_server.serve.processes",
        "from mock_server import MockServer, Simulator",
    ],
    "contracts": ["import contracts.cli, contracts.provider, contracts.consumer, contracts.pytest_plugin"],
    "analysis": ["import xrt_client.analysis, matplotlib.figure"],
    "postgres": ["import psycopg"],
    "load": ["import locust"],
    "all": ["import mock_server.serve.processes, contracts.provider, xrt_client.analysis, psycopg", "import locust"],
}
COMMANDS = {
    "": ["xrt-client --help"],
    "server": ["xrt-mock run -- python -c 'import xrt_client; print(xrt_client.countActiveJobs(\"me@example.org\"))'"],
    "contracts": ["xrt-mock contract lint"],
    "load": ["xrt-mock load --help"],
}


def test_the_citation_names_this_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (cited["title"], cited["version"]) == (PROJECT["name"], PROJECT["version"])


def test_every_extra_is_tried():
    assert set(EXTRAS) == {"", *PROJECT["optional-dependencies"]}


def sh(script: str, folder: Path, path: Path | None = None) -> str:
    """Run a script of the shell, in an environment that knows nothing of this one; return what it printed."""
    environment = {name: os.environ[name] for name in os.environ if not name.startswith(("PYTHON", "VIRTUAL", "XRT_"))}
    environment |= {"PATH": f"{path}{os.pathsep}{environment['PATH']}" if path else environment["PATH"]}
    environment |= {"PIPX_HOME": str(folder / "pipx"), "PIPX_BIN_DIR": str(folder / "pipx-bin")}
    done = subprocess.run(
        ["bash", "-ec", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{script}\nended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Build both kinds of files from a copy of the sources: the wheel from what the source archive holds."""
    sources, files = (tmp_path_factory.mktemp(name) for name in ("sources", "files"))
    shutil.copytree(ROOT, sources, ignore=shutil.ignore_patterns(*NOT_SOURCES), dirs_exist_ok=True)
    sh(f"{sys.executable} -m build --outdir {files} .", sources)
    (built,) = files.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def environment(wheel, tmp_path_factory):
    """Make an environment with nothing but the wheel and the packages of an extra; return where its programs are."""

    def made(extra):
        folder = tmp_path_factory.mktemp(f"with-{extra or 'nothing'}")
        sh("python3 -m venv venv", folder)
        sh(f"pip install --quiet {shlex.quote(wanted(wheel, extra))}", folder, folder / "venv/bin")
        return folder / "venv" / "bin"

    return made


def wanted(wheel, extra):
    return f"xrt-mock{f'[{extra}]' if extra else ''} @ {wheel.as_uri()}"


@pytest.mark.nightly
def test_index_and_checkers_find_nothing_to_complain_of(wheel, tmp_path):
    files = f"{wheel.parent}/*"
    bin_folder = Path(sys.executable).parent
    sh(
        f"twine check --strict {files} && check-wheel-contents --config {ROOT}/pyproject.toml {wheel}",
        tmp_path,
        bin_folder,
    )
    sh(f"pipx run cffconvert --validate -i {ROOT}/CITATION.cff", tmp_path, bin_folder)


@pytest.mark.nightly
@pytest.mark.parametrize("extra", EXTRAS, ids=lambda extra: extra or "nothing")
def test_an_extra_brings_what_it_promises(environment, tmp_path, extra):
    programs = environment(extra)
    sh("pip check", tmp_path, programs)
    for line in EXTRAS[extra]:
        sh(f"python -W ignore -c {shlex.quote(line)}", tmp_path, programs)
    for command in COMMANDS.get(extra, ()):
        sh(command, tmp_path, programs)


@pytest.mark.nightly
def test_without_the_simulator_the_command_says_in_a_line_what_to_install(environment, tmp_path):
    said = sh("xrt-mock serve || test $? = 2", tmp_path, environment(""))
    assert len(said.splitlines()) == 1
    assert 'pip install "xrt-mock[server]"' in said


@pytest.mark.nightly
def test_pipx_runs_it_without_an_installation(wheel, tmp_path):
    said = sh(f"pipx run --spec {shlex.quote(wanted(wheel, 'server'))} xrt-mock --version", tmp_path,
              Path(sys.executable).parent)  # fmt: skip
    assert f"xrt-mock, version {PROJECT['version']}" in said


VERSIONS = [re.findall(r"Python :: (3\.\d+)$", line) for line in PROJECT["classifiers"]]
PYTHONS = [version for found in VERSIONS for version in found]
"""Versions that the classifiers name: each is tried where it is installed."""


def interpreter(version: str) -> str | None:
    """Return an interpreter of this version: on the path, or one of pyenv's."""
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for path in (shutil.which(f"python{version}"), *sorted(kept.glob(f"{version}.*/bin/python{version}"))):
        if (
            path
            and subprocess.run([path, "-c", "import venv, ensurepip"], capture_output=True, check=False).returncode == 0
        ):
            return str(path)
    return None


def test_the_classifiers_name_the_versions_from_the_oldest_on():
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"
    assert [f"3.{minor}" for minor in range(int(PYTHONS[0][2:]), int(PYTHONS[-1][2:]) + 1)] == PYTHONS


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("version", PYTHONS)
def test_a_release_runs_from_the_wheel_in_an_empty_environment(wheel, tmp_path, version):
    python = interpreter(version)
    if python is None:
        pytest.skip(f"Python {version} is not installed here")
    sh(f"{python} -m venv venv && venv/bin/pip install --quiet {shlex.quote(wanted(wheel, 'server'))}", tmp_path)
    programs = tmp_path / "venv" / "bin"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    first = re.findall(r"^```python\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)[0]
    (tmp_path / "my_pipeline.py").write_text(first, encoding="utf-8")
    assert f"Python {version}." in sh("python --version && pip check", tmp_path, programs)
    assert PROJECT["version"] in sh("xrt-mock --version", tmp_path, programs)
    assert "lc.tar.gz" in sh("xrt-mock run -- python my_pipeline.py", tmp_path, programs)
    page = """
import urllib.request
from mock_server import MockServer
with MockServer() as server:
    for path in ("", "charts.js", "uplot.js"):
        with urllib.request.urlopen(f"{server.url}/_mock/{path}") as answer:
            print(answer.status, end=" ")
"""
    assert sh(f"python -c {shlex.quote(page)}", tmp_path, programs) == "200 200 200 "  # and nothing on standard error


def first_try():
    """The commands of the quick start's first section, and the files it has the reader save."""
    start = page("quick-start.md").split("\n## ")[0]
    typed = [found["text"] for found in BLOCK.finditer(start) if found["kind"] == "console"]
    lines = [line.removeprefix("$ ") for text in typed for line in text.splitlines()]
    return lines, {name: text for _, name, text in CODE_BLOCK.findall(start)}


def test_the_quick_start_needs_at_most_five_commands():
    commands, files = first_try()
    assert len(commands) <= 5
    assert any("swifttools" in text for text in files.values())


@pytest.mark.nightly
def test_a_new_user_comes_to_a_green_test_by_the_quick_start_alone(wheel, tmp_path):
    commands, files = first_try()
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    script = "\n".join(commands)
    assert script.count("xrt-mock[server]") == 1
    said = sh(script.replace("xrt-mock[server]", wanted(wheel, "server")), tmp_path)
    assert re.search(r"^=+ 1 passed", said, re.MULTILINE)
