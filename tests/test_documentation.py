"""Every block of code in README is run, and every file that the documents of this folder name exists."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
XRT_MOCK = [sys.executable, "-m", "mock_server.cli"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    return [line.split("  #")[0].strip() for block in blocks("console") for line in block.splitlines() if line]


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{shlex.join(command)} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_every_command_of_the_readme_is_known_here():
    known = {
        "make demo": test_the_targets_of_make_exist,
        "make test": test_the_targets_of_make_exist,
        'pip install ".[server]"': test_the_installed_extra_exists,
        **dict.fromkeys(
            [command for command in commands() if command.startswith("docker ")],
            test_the_container_serves_as_the_readme_says,
        ),
        "xrt-mock run -- python my_pipeline.py": test_the_first_program_runs_as_the_readme_says,
        "xrt-mock serve --port 8000 --clock x60": test_the_server_starts_as_the_readme_says,
    }
    assert set(commands()) == set(known), "write a test for each new command of the README and list it here"


def test_the_targets_of_make_exist():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {"demo", "test"} <= set(targets)


def test_the_installed_extra_exists():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == "xrt-mock"
    assert "server" in project["optional-dependencies"]


def test_the_first_program_runs_as_the_readme_says(tmp_path):
    (tmp_path / "my_pipeline.py").write_text(blocks("python")[0], encoding="utf-8")
    printed = run([*XRT_MOCK, "run", "--", sys.executable, "my_pipeline.py"], tmp_path)
    assert "lc.tar.gz" in printed
    assert (tmp_path / "data" / "lc.tar.gz").is_file()


def test_the_test_of_the_readme_passes(tmp_path, monkeypatch):
    (tmp_path / "test_readme.py").write_text(blocks("python")[1], encoding="utf-8")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # the other plugins would take most of the time
    plugins = ["-p", "no:cacheprovider", "-p", "mock_server.pytest_plugin"]
    assert "1 passed" in run([sys.executable, "-m", "pytest", *plugins, "test_readme.py"], tmp_path)


def test_the_server_starts_as_the_readme_says():
    command = next(line for line in commands() if line.startswith("xrt-mock serve"))
    words = shlex.split(command)[1:]
    words[words.index("--port") + 1] = "0"  # the documented port may be taken on this machine
    with subprocess.Popen([*XRT_MOCK, *words], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline().startswith("listening on http://127.0.0.1:")
        finally:
            server.terminate()


def in_container(instruction: str) -> list[str]:
    """Return the words of an instruction of the Containerfile that has them as a list."""
    text = (ROOT / "Containerfile").read_text(encoding="utf-8")
    found = re.search(rf"^{instruction}\b[^\n\[]*(\[.*\])$", text, re.MULTILINE)
    assert found is not None
    return list(json.loads(found[1]))


def test_the_container_serves_as_the_readme_says():
    """What the image runs, here: a server with a token on every address, and its health check."""
    docker = [shlex.split(command) for command in commands() if command.startswith("docker ")]
    assert len(docker) == 4
    run_words = next(words for words in docker if words[1] == "run")
    token = dict(pair.split("=") for pair in run_words if "=" in pair)["XRT_MOCK_TOKEN"]
    serve, check = in_container("CMD"), in_container("HEALTHCHECK")
    assert in_container("ENTRYPOINT") == ["xrt-mock"]
    words = [*XRT_MOCK, *serve, "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=os.environ | {"XRT_MOCK_TOKEN": token}) as one:
        try:
            assert one.stdout is not None
            address = one.stdout.readline().removeprefix("listening on ").strip()
            port = address.rpartition(":")[2]
            run([sys.executable, *(word.replace("8000", port) for word in check[1:])], ROOT)
        finally:
            one.terminate()


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_links_and_named_files_exist(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#:]+)\)", text)
    missing = [target for target in targets if not (ROOT / target).exists()]
    assert not missing, f"{document} has links to files that do not exist: {missing}"
