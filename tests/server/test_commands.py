"""``xrt-mock``: what it prints, what it says to those who err, and how it steers a running simulator."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner, Result

from mock_server import MockServer
from mock_server.cli.commands import main
from mock_server.scenario.files import scenario_names

from .conftest import IMAGE, ME

ROOT = Path(__file__).parents[2]


def command(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


# words -----------------------------------------------------------------------------------------------------------


def test_a_run_that_cannot_watch_the_contract_says_so_before_the_program_begins(monkeypatch):
    started: list[object] = []
    monkeypatch.setattr("mock_server.run.start.subprocess.Popen", lambda *words, **_: started.append(words))
    monkeypatch.setitem(sys.modules, "contracts.watching", None)  # as if it could not be imported
    for options in (["--contract"], ["--fail-on", "violations>0"]):
        result = command("run", *options, "--", "true")
        assert not started, "what --contract needs is to be loaded before running()"
        assert (result.exit_code, "contracts" in result.output) == (2, True)


@pytest.mark.parametrize(
    "words", [("sh", "-c", 'touch "$0"'), (sys.executable, "-c", "import sys; open(sys.argv[1], 'w')")]
)
def test_a_program_never_begins_if_its_scenario_cannot_be_read(words, tmp_path):
    begun = tmp_path / "begun"
    assert command("run", "--scenario", "clam", "--", *words, begun).exit_code == 2
    assert not begun.exists()


def test_scenarios_are_listed_with_their_stories():
    result = command("scenarios")
    assert result.exit_code == 0
    listed = dict(line.split(maxsplit=1) for line in result.output.splitlines())
    assert sorted(listed) == scenario_names()
    assert all(len(story) > 40 for story in listed.values())


@pytest.mark.parametrize("of", [(), ("serve",), ("run",), ("scenarios",), ("ctl",), ("ctl", "advance")])
def test_every_command_explains_itself(of):
    result = command(*of, "--help")
    assert result.exit_code == 0
    assert "Usage: " in result.output


def test_the_version_is_shown():
    assert re.fullmatch(r"xrt-mock, version \d+\.\d+\.\d+\S*\n", command("--version").output)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("serve", "--scenario", "clam"), "did you mean 'calm'?"),
        (("serve", "--scenario", "no/such.toml"), "cannot read the scenario"),
        (("serve", "--clock", "fast"), "must be system, virtual, or a factor such as x60"),
        (("serve", "--clock", "x0"), "--clock"),
        (("serve", "--clock", "xinf"), "--clock"),
        (("serve", "--users", "all"), "'open', 'registered'"),
        (("serve", "--db", "nonsense"), "--db nonsense"),
        (("serve", "--db", "sqlite:////no/such/directory/x"), "unable to open database file"),
        (("serve", "--host", "0.0.0.0"), "--token"),
        (("serve", "--processes", 2), "--db"),
        (("run", "--scenario", "clam", "--", "true"), "did you mean 'calm'?"),
        (("run", "--scenario", "clam", "--", sys.executable, "-c", "1/0"), "did you mean 'calm'?"),
        (("run",), "Missing argument"),
        (("nonsense",), "No such command 'nonsense'"),
    ],
)  # fmt: skip
def test_anyone_errs_is_shown_in_a_line_what_to_do(words, said):
    result = command(*words, *(("--port", 0) if words[0] == "serve" else ()))
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output


# serve -----------------------------------------------------------------------------------------------------------


@contextmanager
def serving(*words: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start `xrt-mock serve` on a free port; give its address."""
    arguments = [sys.executable, "-m", "mock_server.cli", "serve", "--port", "0", *words]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            found = re.fullmatch(r"listening on (http://\S+)\n", process.stdout.readline())
            assert found, process.communicate()
            yield found[1], process
        finally:
            process.kill()


def test_serve_tells_where_it_listens_answers_there_and_ends_when_interrupted():
    with serving("--clock", "virtual") as (url, process):
        answer = requests.post(f"{url}/user_objects/run_userobject.php", json=IMAGE, timeout=30).json()
        assert answer["URL"] == f"{url}/user_objects/tprods/USERPROD_1"
        moved = command("ctl", "--url", url, "advance", 3600)
        assert json.loads(moved.output)["kind"] == "virtual"
        assert requests.get(f"{answer['URL']}/image.zip", timeout=30).status_code == 200
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, "stopped\n")


def test_a_database_outlives_the_server(tmp_path):
    db = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    for number in (1, 2):
        with serving("--db", db) as (url, process):
            answer = requests.post(f"{url}/user_objects/run_userobject.php", json=IMAGE, timeout=30).json()
            assert answer["JobID"] == str(number)
            os.kill(process.pid, signal.SIGKILL)  # what was answered is stored


# ctl -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[MockServer]:
    with MockServer() as server:
        yield server


def ctl(server: MockServer, *words: object) -> Result:
    return command("ctl", "--url", server.url, *words)


def test_every_subcommand_of_ctl_prints_json(server, tmp_path):
    state = tmp_path / "state.json"
    requests.post(f"{server.url}/user_objects/run_userobject.php", json=IMAGE, timeout=30)
    for words in (("clock",), ("advance", 10), ("scenario",), ("set", "limits.active_jobs=3", "api.version=2.0"),
                  ("fault", "kind=reset", "operation=canceljob"), ("faults",), ("faults", "--clear"),
                  ("journal", "--user", ME, "--limit", 1), ("report",), ("user", ME), ("health",),
                  ("reset",)):  # fmt: skip
        result = ctl(server, *words)
        assert (result.exit_code, json.loads(result.output) is not None) == (0, True), words
    assert ctl(server, "save", state).exit_code == 0
    assert json.loads(ctl(server, "load", state).output)["now"] == server.simulator.clock.now()


def test_settings_are_read_as_json_where_they_are_and_as_text_elsewhere(server):
    ctl(server, "set", "limits.active_jobs=3", "api.version=1.10", "api.mirror_caller=true", "api.deprecation_type=API")
    found = server.simulator.jobs.begin().epoch
    assert (found["limits.active_jobs"], found["api.mirror_caller"], found["api.version"]) == (3, True, "1.10")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("set", "limits.active_job=3"), "did you mean 'limits.active_jobs'?"),
        (("set", "limits.active_jobs"), "write NAME=VALUE"),
        (("fault", "kind=rest"), "did you mean 'reset'?"),
        (("advance", "--", "-1"), "only moves forward"),
        (("user", "no-address"), "valid e-mail address"),
        (("load", __file__), "is not JSON"),
    ],
)
def test_a_wrong_wish_is_shown_in_a_line(server, words, said):
    result = ctl(server, *words)
    assert result.exit_code != 0
    assert said in result.output
    assert "Traceback" not in result.output


def test_where_no_one_answers_ctl_says_how_to_start_a_simulator():
    result = command("ctl", "--url", "http://127.0.0.1:1", "health")
    assert (result.exit_code, "xrt-mock serve" in result.output) == (1, True)


class TestSky:
    def test_an_object_is_described_with_what_is_real(self):
        done = CliRunner().invoke(main, ["sky", "--json", "Cygnus X-1"])
        found = json.loads(done.stdout)
        assert (found["object"]["name"], found["object"]["origin"]) == ("Cyg X-1", "real")
        assert (found["position"]["ra"], found["position"]["origin"]) == (299.5903, "real")
        assert all(one["origin"] in ("real", "drawn") for one in (*found["targets"], *found["observations"]))

    def test_a_given_source_is_said_to_be_given(self):
        done = CliRunner().invoke(main, ["sky", "--source", "Mine=10,20,0.5", "mine"])
        assert "object: Mine persistent given" in done.stdout
        assert "rate: 0.5 given" in done.stdout

    def test_without_a_name_it_counts_what_is_known(self):
        found = json.loads(CliRunner().invoke(main, ["sky", "--json"]).stdout)
        assert (found["real_bursts"], found["real_observations"]) == (1603, 12078)

    def test_an_unknown_name_is_an_error_or_drawn(self):
        done = CliRunner().invoke(main, ["sky", "Unheard of"])
        assert (done.exit_code, "--source 'Unheard of=RA,DEC'" in done.output) == (2, True)
        done = CliRunner().invoke(main, ["sky", "--unknown-names", "draw", "Unheard of"])
        assert "drawn" in done.stdout.splitlines()[2]
