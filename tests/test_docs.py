"""The documentation's pages say what is true: every block of code in them is run, in the order of the page."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from matplotlib import pyplot

from mock_server import Simulator
from mock_server.run.patches.time import SimulatedTime
from mock_server.scenario.files import scenario_names
from tests.tools.asserting import no_exception
from xrt_client import jobs

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))  # no package: Sphinx reads it
tables = importlib.import_module("tables")

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[1]
HOME = str(Path.home())  # of the caches that matplotlib and others keep: `pytester` hides it
DOCS = ROOT / "docs"
RUN_ELSEWHERE = {"client.md": "tests/client/test_page.py"}
PAGES = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))
SCENARIO_PAGES = [name for name in PAGES if name.startswith("scenarios/")]
NOT_CODE = ("text", "toml", "py")  # what docs/tables.py writes
UNKNOWN_TO_CODE_HOSTS = ("{eval-rst}", "{include}", "{literalinclude}", "{toctree}", "{{ ")
BLOCK = re.compile(r"^```(?P<kind>\S+)[^\n]*\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE)
CODE_BLOCK = re.compile(r"^```\{code-block\} (\w+)\n:caption: (\S+)\n\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.fixture(autouse=True)
def _first_use(monkeypatch):
    """Let pages see what a program sees at its first call: the client warns of each deprecation once."""
    monkeypatch.setattr(jobs, "_warned", set())


class File(NamedTuple):
    """A block with a caption: a file the reader saves under that name."""

    language: str
    name: str
    text: str


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def files(name: str) -> list[File]:
    return [File(*found) for found in CODE_BLOCK.findall(page(name))]


def blocks(name: str, language: str) -> list[str]:
    return [found["text"] for found in BLOCK.finditer(page(name)) if found["kind"] == language]


def with_blocks(language: str) -> list[str]:
    return [name for name in PAGES if blocks(name, language) and name not in RUN_ELSEWHERE]


def test_every_block_is_of_a_kind_that_is_run():
    for name in PAGES:
        known = {"python", "console", "{code-block}", *NOT_CODE}
        found = {block["kind"] for block in BLOCK.finditer(page(name))}
        assert found <= known, (
            f"{name} has blocks {found - known}: run them in {Path(__file__).name}, or say it otherwise"
        )
        languages = {file.language for file in files(name)}
        assert languages <= {"python", "toml", "yaml", "text"}, f"{name} has files in {languages}"
        assert len(files(name)) == page(name).count("```{code-block}"), f"a block of {name} has no caption"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_nothing_that_a_code_host_cannot_show(name):
    assert [words for words in UNKNOWN_TO_CODE_HOSTS if words in page(name)] == []


@pytest.mark.parametrize("name", PAGES)
def test_the_tables_of_a_page_are_what_the_code_says(name):
    assert page(name) == tables.filled(page(name)), "python docs/tables.py writes the tables anew"


def test_every_table_stands_on_a_page():
    placed = {place["name"] for name in PAGES for place in tables.PLACE.finditer(page(name))}
    assert placed == set(tables.TABLES)


@pytest.mark.parametrize("name", with_blocks("python"))
def test_the_python_of_a_page_runs_from_its_first_block_to_its_last(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scene: dict[str, object] = {"__name__": "page"}
    with no_exception(), Simulator() as sim, sim.intercept(), SimulatedTime(sim.clock):
        for block in blocks(name, "python"):
            exec(compile(block, name, "exec"), scene)


def with_commands() -> list[Any]:
    """Return the pages with commands; the hunt of a page plans faults."""
    hunting = {"howto/hunting.md": [pytest.mark.spoils_answers("a hunt plans faults")]}
    return [pytest.param(name, marks=hunting.get(name, [])) for name in with_blocks("console")]


@pytest.mark.parametrize("name", with_commands())
def test_the_commands_of_a_page_work_with_the_files_of_the_page(name, pytester):
    save_files(name, pytester.path)
    lines = [line for block in blocks(name, "console") for line in block.splitlines()]
    assert all(line.startswith("$ ") for line in lines)
    run([line.removeprefix("$ ") for line in lines], pytester)


def test_every_scenario_has_a_page_and_the_tests_of_those_pages_pass(pytester):
    assert [Path(name).stem for name in SCENARIO_PAGES] == scenario_names()
    for name in SCENARIO_PAGES:
        assert len(files(name)) == 1, f"{name} needs one test that tells its story"
        assert f'scenario="{Path(name).stem}"' in files(name)[0].text
        save_files(name, pytester.path)
    run_tests([file.name for file in pytester.path.glob("*.py")], pytester)


def test_the_documentation_builds_without_a_warning(tmp_path):
    # all but the tutorial's cells, which the test below runs: an IPython kernel takes as long as everything else
    options = ["-W", "--keep-going", "-q", "-b", "html", "-D", "nb_execution_mode=off"]
    build = [sys.executable, "-m", "sphinx", *options, str(DOCS), str(tmp_path)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"the documentation does not build (pip install --group docs):\n{done.stderr}"


def notebook_cells(kind: str) -> list[dict[str, Any]]:
    cells = json.loads((DOCS / "tutorial.ipynb").read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == kind]


def test_the_notebook_is_kept_without_results():
    """The build runs it; what is kept would sooner or later be something else."""
    assert not any(cell["outputs"] or cell["execution_count"] for cell in notebook_cells("code"))


def test_the_cells_of_the_notebook_run_and_draw_two_pictures(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pyplot.close("all")  # those of other tests
    scene: dict[str, object] = {}
    try:
        for number, cell in enumerate(notebook_cells("code"), 1):
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), scene)
        assert len(pyplot.get_fignums()) == 2
    finally:
        pyplot.close("all")
        stack = scene["stack"]
        assert isinstance(stack, contextlib.ExitStack)
        stack.close()
    assert "jobs" in capsys.readouterr().out


def save_files(name: str, folder: Path) -> None:
    for file in files(name):
        (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
        (folder / file.name).write_text(file.text, encoding="utf-8")


def check_install(wanted: list[str]) -> None:
    """What a page installs beside the project has to be a dependency of these tests; extras have to exist."""
    found = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project, extras = found["project"], found["project"]["optional-dependencies"]
    listed = [*itertools.chain(*extras.values(), *found["dependency-groups"].values())]
    there = {re.split(r"[\[<>=]", requirement)[0] for requirement in listed if isinstance(requirement, str)}
    for requirement in wanted:
        name, _, chosen = requirement.rstrip("]").partition("[")
        assert re.split(r"[<>=]", name)[0] in there | {project["name"]}, f"nothing here tries {requirement}"
        assert set(filter(None, chosen.split(","))) <= set(extras), f"there is no such extra as one of {chosen}"


def run(commands: list[str], pytester: pytest.Pytester) -> None:
    """Run the commands of a page: pytest, which takes seconds to load, in this process, the rest in a shell."""
    rest = []
    for command in commands:
        if command.startswith("pip install"):
            check_install(shlex.split(command)[2:])
        elif command.startswith("pytest"):
            run_tests(shlex.split(command)[1:], pytester)
        elif not command.startswith(("python3 -m venv", ". venv")):  # the tests have their environment
            rest.append(command)
    if rest:
        run_shell(rest, pytester.path)


def run_tests(arguments: list[str], pytester: pytest.Pytester) -> None:
    """Run ``pytest`` as a reader does: with none of this project's settings."""
    with warnings.catch_warnings():
        warnings.resetwarnings()
        assert pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments).ret == 0


def run_shell(commands: list[str], folder: Path) -> None:
    """Run commands as one shell does; the first line of a server in the background is waited for."""
    port = str(free_port())  # the documented one may be taken on this machine
    lines = ["set -e", f"xrt-mock() {{ {shlex.quote(sys.executable)} -m mock_server.cli \"$@\"; }}",
             f"python() {{ {shlex.quote(sys.executable)} \"$@\"; }}"]  # fmt: skip
    for command in commands:
        if command.endswith("&"):
            lines += ["mkfifo says", f"{command[:-1]} > says &", "exec 3< says", "read -r line <&3"]
        else:
            lines.append(command)
    script = "\n".join(lines).replace("8000", port)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("XRT_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    with subprocess.Popen(
        ["bash", "-c", script], cwd=folder, env=environment | {"PATH": path, "HOME": HOME}, text=True,
        start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as shell:  # fmt: skip
        try:
            status = shell.wait(300)
        finally:
            with contextlib.suppress(ProcessLookupError):  # nothing may be left in the background
                os.killpg(shell.pid, signal.SIGTERM)
        said = shell.communicate()[0]
    assert status == 0, f"{script}\nended with {status}:\n{said}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def test_the_pipelines_of_the_page_do_what_can_be_done_here(pytester):
    save_files("ci.md", pytester.path)
    done = set()
    for pipeline in (".github/workflows/test.yml", ".gitlab-ci.yml"):
        found = yaml.safe_load((pytester.path / pipeline).read_text(encoding="utf-8"))
        (job,) = (found.get("jobs") or found).values()
        steps = job.get("script") or [step["run"] for step in job["steps"] if "run" in step]
        assert steps[0] == "pip install -r requirements-test.txt"
        done.add(tuple(steps[1:]))
    check_install((pytester.path / "requirements-test.txt").read_text(encoding="utf-8").split())
    for commands in done:  # the same in both, so that they are run once
        run(list(commands), pytester)


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_files_that_exist(name):
    targets = re.findall(r"\]\(([^)#:]+)\)", page(name))
    missing = [
        target for target in targets if not any(((DOCS / name).parent / f"{target}{e}").exists() for e in ("", ".md"))
    ]
    assert not missing, f"{name} points at {missing}, which are not there"


def test_every_page_is_in_the_table_of_contents():
    trees = (DOCS / "toctrees.txt").read_text(encoding="utf-8")
    entries = re.findall(r"^(?:.* <)?([\w/-]+)>?$", trees, re.MULTILINE)
    listed = {f"{entry}.md" for entry in entries if (DOCS / f"{entry}.md").is_file()}
    assert listed == set(PAGES) - {"index.md"}
    linked = set(re.findall(r"\]\(([\w/-]+\.md)\)", page("index.md")))
    assert linked == listed, "a code host has no table of contents: the index links to every page"
