"""Every block of code in the documentation is run, in the order of its page, and prints what the page says."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from mock_server import Simulator
from mock_server.run.patches.time import SimulatedTime
from mock_server.scenario.files import scenario_names

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RUN_ELSEWHERE = {"client.md": "tests/client/test_page.py"}
PAGES = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))
INCLUDING = {"architecture.md", "contributing.md", "differences.md"}
"""Pages that are files of other folders, where their links lead elsewhere."""
SCENARIO_PAGES = [name for name in PAGES if name.startswith("scenarios/")]
NOT_CODE = ("{toctree}", "{eval-rst}", "{include}", "{literalinclude}")
BLOCK = re.compile(r"^```(?P<kind>\S+)[^\n]*\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE)
PRINTED = re.compile(r"^ *print\(.*\)  # (\S+)", re.MULTILINE)
"""A line that says what it prints: the first word of the comment."""
CODE_BLOCK = re.compile(r"^```\{code-block\} (\w+)\n:caption: (\S+)\n\n(.*?)^```", re.DOTALL | re.MULTILINE)


PLUGINS = "-p no:cacheprovider -p mock_server.pytest_plugin"
"""Options of pytest for the pages: the other installed plugins would take most of the time."""


class File(NamedTuple):
    """Block with a caption, which the reader saves as a file of that name."""

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
            f"{name} has blocks {found - known}: run them in {Path(__file__).name}, or use another kind"
        )
        languages = {file.language for file in files(name)}
        assert languages <= {"python", "toml", "yaml", "text"}, f"{name} has files in {languages}"
        assert len(files(name)) == page(name).count("```{code-block}"), f"a block of {name} has no caption"


@pytest.mark.parametrize("name", with_blocks("python"))
def test_the_python_of_a_page_runs_and_prints_what_the_page_says(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    scene: dict[str, object] = {"__name__": "page"}
    with Simulator() as sim, sim.intercept(), SimulatedTime(sim.clock):
        for block in blocks(name, "python"):
            exec(compile(block, name, "exec"), scene)
    expected = [word for block in blocks(name, "python") for word in PRINTED.findall(block)]
    printed = iter(line.split(" ")[0] for line in capsys.readouterr().out.splitlines())
    assert expected, f"no line of {name} says what it prints: add a comment to one"
    for word in expected:
        assert word in printed, f"{name} says that it prints {word}, but it does not, or not in this order"


@pytest.mark.parametrize("name", with_blocks("console"))
def test_the_commands_of_a_page_work_with_the_files_of_the_page(name, tmp_path):
    save_files(name, tmp_path)
    typed = [line.removeprefix("$ ") for block in blocks(name, "console") for line in block.splitlines()]
    assert all(line.startswith("$ ") for block in blocks(name, "console") for line in block.splitlines())
    for command in typed:
        if command.startswith("pip install"):
            check_install(shlex.split(command)[2:])
    run([command for command in typed if not installs(command)], tmp_path)


def test_every_scenario_has_a_page_and_the_tests_of_those_pages_pass(tmp_path):
    assert [Path(name).stem for name in SCENARIO_PAGES] == scenario_names()
    for name in SCENARIO_PAGES:
        assert len(files(name)) == 1, f"{name} needs one test that tells its story"
        assert f'scenario="{Path(name).stem}"' in files(name)[0].text
        save_files(name, tmp_path)
    run([f"pytest -q {' '.join(sorted(file.name for file in tmp_path.iterdir()))}"], tmp_path)


def test_the_documentation_builds_without_a_warning(tmp_path):
    build = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(DOCS), str(tmp_path)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"install the group `docs`, or fix:\n{done.stderr}"
    tutorial = (tmp_path / "tutorial.html").read_text(encoding="utf-8")
    assert tutorial.count("<img alt=") == 2, "the light curve and the image of the tutorial are not shown"


def test_the_notebook_is_kept_without_results():
    """The build runs it; stored results would become outdated."""
    cells = json.loads((DOCS / "tutorial.ipynb").read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


def save_files(name: str, folder: Path) -> None:
    for file in files(name):
        (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
        (folder / file.name).write_text(file.text, encoding="utf-8")


def installs(command: str) -> bool:
    """Whether a command makes the environment, which the tests already have."""
    return command.startswith(("pip install", "python3 -m venv", ". venv"))


def check_install(wanted: list[str]) -> None:
    """Packages that a page installs have to be dependencies of these tests; extras have to exist."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = document["project"]["optional-dependencies"]
    groups = [*extras.values(), *document["dependency-groups"].values()]
    requirements = [each for group in groups for each in group if isinstance(each, str)]
    tested = {re.split(r"[\[<>=]", each)[0] for each in requirements} | {document["project"]["name"]}
    for requirement in wanted:
        name, _, chosen = requirement.rstrip("]").partition("[")
        assert re.split(r"[<>=]", name)[0] in tested, f"{requirement} is not installed for the tests"
        assert set(filter(None, chosen.split(","))) <= set(extras), f"one of the extras {chosen} does not exist"


def run(commands: list[str], folder: Path) -> None:
    """Run commands in one shell; wait until a server in the background listens, and end it at the end."""
    port = str(free_port())  # the documented one may be taken on this machine
    lines = ["set -e", f"xrt-mock() {{ {shlex.quote(sys.executable)} -m mock_server.cli \"$@\"; }}",
             f"python() {{ {shlex.quote(sys.executable)} \"$@\"; }}",
             f"pytest() {{ {shlex.quote(sys.executable)} -m pytest {PLUGINS} \"$@\"; }}"]  # fmt: skip
    for command in commands:
        if command.endswith("&"):
            lines += [f"{command[:-1]} > server.log &", "until grep -q listening server.log; do kill -0 $!; done"]
        else:
            lines.append(command)
    script = "\n".join(lines).replace("8000", port)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("XRT_")}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    with subprocess.Popen(
        ["bash", "-c", script], cwd=folder, env=environment | {"PATH": path}, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as shell:  # fmt: skip
        try:
            status = shell.wait(300)
        finally:
            with contextlib.suppress(ProcessLookupError):  # nothing may be left in the background
                os.killpg(shell.pid, signal.SIGTERM)
        output = shell.communicate()[0]
    assert status == 0, f"{script}\nended with {status}:\n{output}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def test_the_pipelines_of_the_page_run_the_same_steps_and_these_work(tmp_path):
    save_files("ci.md", tmp_path)
    pipelines = []
    for name in (".github/workflows/test.yml", ".gitlab-ci.yml"):
        found = yaml.safe_load((tmp_path / name).read_text(encoding="utf-8"))
        (job,) = (found.get("jobs") or found).values()
        pipelines.append(job.get("script") or [step["run"] for step in job["steps"] if "run" in step])
    install, *steps = pipelines[0]
    assert pipelines[1] == pipelines[0]
    assert install == "pip install -r requirements-test.txt"
    check_install((tmp_path / "requirements-test.txt").read_text(encoding="utf-8").split())
    run(steps, tmp_path)


def test_pages_that_include_a_file_are_listed():
    assert {name for name in PAGES if "{include}" in page(name)} == INCLUDING


@pytest.mark.parametrize("name", [name for name in PAGES if name not in INCLUDING])
def test_links_lead_to_files_that_exist(name):
    targets = re.findall(r"\]\(([^)#:]+)\)", page(name))
    missing = [
        target for target in targets if not any(((DOCS / name).parent / f"{target}{e}").exists() for e in ("", ".md"))
    ]
    assert not missing, f"{name} has links to files that do not exist: {missing}"


def test_every_page_is_in_the_table_of_contents():
    entries = re.findall(r"^(?:.* <)?([\w/-]+)>?$", page("index.md"), re.MULTILINE)
    listed = {f"{entry}.md" for entry in entries if (DOCS / f"{entry}.md").is_file()}
    assert listed == set(PAGES) - {"index.md"}
