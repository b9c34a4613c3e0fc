"""A program that is no Python program, in its worlds: it calls by the proxy, is killed, and is found to break."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import threading
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from mock_server.cli.commands import main
from mock_server.core.errors import InputInvalid
from mock_server.hunt import hunting
from mock_server.hunt.deviations import Deviation, Kill
from mock_server.hunt.hunting import Hunt, HuntError, Result, available_processors, run_hunt
from mock_server.hunt.oracles import Finding, Rules
from mock_server.hunt.processes import Host, Order
from mock_server.hunt.program import Program, program_of
from mock_server.hunt.search import Found, Tally
from mock_server.hunt.stage import Stage
from mock_server.run.kernel import is_dead
from mock_server.run.link import Link
from mock_server.transport.wsgi_call import Request
from tests.hunt.test_oracles import CALM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


BASH = shutil.which("bash") or "/bin/bash"

COUNT = """
count() {
    address=${http_proxy#http://} body='{"UserID": "me@example.org"}'
    exec 3<>"/dev/tcp/${address%:*}/${address#*:}"
    printf '%s\\r\\n' >&3 'POST http://www.swift.ac.uk/user_objects/getNumJobs.php HTTP/1.1' 'Host: www.swift.ac.uk' \\
        'Content-Type: application/json' "Content-Length: ${#body}" 'Connection: close' ''
    printf '%s' "$body" >&3
    answer=$(cat <&3)
    exec 3>&-
}
"""
"""Asks how many jobs are active; sets `answer`."""
SAVES = COUNT + "echo begins; count; echo \"${answer##*$'\\n'}\" > count\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "p.sh").write_text(SAVES)
    return folder


@pytest.fixture(scope="module", autouse=True)
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("program")
    (folder / "p.sh").write_text(SAVES)
    with Stage(program_of((BASH, "p.sh"), folder), {}, 1) as stage:
        stage.play(())  # loads here what each process of a hunt would load again
        yield stage


def test_it_lives_in_a_copy_of_its_folder_which_can_be_kept(stage: Stage, tmp_path: Path) -> None:
    life = stage.play((), keep=tmp_path / "kept")
    assert (life.code, [call.operation for call in life.calls]) == (0, ["getNumJobs"])
    assert life.text.startswith("begins\n")
    assert json.loads((tmp_path / "kept" / "count").read_text())["numJobs"] == 0
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["count", "p.sh"]


def test_a_late_answer_takes_simulated_time(stage: Stage) -> None:
    fault = {"kind": "latency", "operation": "getNumJobs", "call": 1, "seconds": 4000}
    life = stage.play((Deviation("latency", "getNumJobs", "", {"faults": [fault]}),))
    assert (life.code, life.met, life.simulated_s) == (0, (True,), 4000)


def test_it_is_killed_at_a_call_and_started_again(stage: Stage) -> None:
    life = stage.play((Deviation("restart", "", "", {}, Kill("call", 1)),))
    assert (life.code, life.met, [call.life for call in life.calls]) == (0, (True,), [1])
    assert life.text.count("begins") == 2


def test_one_that_ends_before_it_could_be_killed_is_not_started_again(stage: Stage) -> None:
    life = stage.play((Deviation("restart", "", "", {}, Kill("call", 2)),))
    assert (life.code, life.met, [call.life for call in life.calls]) == (0, (False,), [0])
    assert life.text.count("begins") == 1


def test_a_python_that_cannot_take_part_is_refused_and_leaves_nothing(folder: Path) -> None:
    false = shutil.which("false") or ""
    with Stage(Program(("false",), folder, false, ("p.py",)), {}, 1) as stage:
        for _ in range(2):
            with pytest.raises(InputInvalid, match="the Python of the program cannot take part in a hunt"):
                stage.play(())


HOST = f"""#!{BASH}
set -m  # each child is a group of its own
read -r order <&"$3"
echo '{{"threads": 1}}' >&"$3"
read -r order <&"$3"
tail -f /dev/null &
echo "{{\\"pid\\": $!}}" >&"$3"
wait
"""
"""Does as the process does that programs are forked from, but for the program."""


def test_a_program_is_killed_with_the_process_that_it_was_forked_from(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(HOST)
    python.chmod(0o700)
    host = Host(str(python), {"PATH": os.environ["PATH"]}, tmp_path, 0.0, ["json"])
    assert host.threads == 1
    paths = tmp_path / "notes", tmp_path / "stack", tmp_path / "output"
    process = host.start(["p.py"], Order("", b"", tmp_path, *paths, seed=1, kill=None))
    assert process.ended(0) is None
    assert not is_dead(process.pid)
    host.close()
    assert is_dead(process.pid)
    assert [path.name for path in tmp_path.iterdir()] == ["python"]


ASKS = f"""#!{BASH}
printf '%s\\n' "$XRT_MOCK_LINK" "$XRT_MOCK_KEY" > "$TELL"
read -r go < "$GO"
read -r order <&"$3"
echo '{{"threads": 1}}' >&"$3"
"""


def test_modules_that_call_while_they_are_imported_have_no_answer(tmp_path: Path) -> None:
    python, tell, go = tmp_path / "python", tmp_path / "tell", tmp_path / "go"
    python.write_text(ASKS)
    python.chmod(0o700)
    for pipe in (tell, go):
        os.mkfifo(pipe)
    hosts: list[Host] = []
    env = {"PATH": os.environ["PATH"], "TELL": str(tell), "GO": str(go)}
    thread = threading.Thread(
        target=lambda: hosts.append(Host(str(python), env, tmp_path, 0.0, ["calls"])), daemon=True
    )
    thread.start()
    address, key = tell.read_text().split()
    request = Request("POST", "https://www.swift.ac.uk/user_objects/getNumJobs.php", {})
    link = Link(address, bytes.fromhex(key), (0,))
    answer = link.ask(request)
    link.attach(None)  # hangs up
    go.write_text("go\n")
    thread.join()
    hosts[0].close()
    assert (answer.status, answer.reason) == (503, "Service Unavailable")


def test_a_program_that_fails_in_the_calm_world_is_not_hunted(folder: Path) -> None:
    (folder / "p.sh").write_text("echo no product > log; for n in 1 2 3 4 5 6; do echo line $n; done; exit 3")
    with pytest.raises(HuntError, match=r"ends with exit code 3 in the calm world.*(\nline [2-6]){5}$"):
        run_hunt(Hunt(program_of((BASH, "p.sh"), folder), {}, 1, Rules(), worlds=1))


def test_a_program_that_calls_nothing_is_not_hunted(folder: Path) -> None:
    (folder / "p.sh").write_text("true")
    with pytest.raises(HuntError, match="makes no call to the service in the calm world"):
        run_hunt(Hunt(program_of((BASH, "p.sh"), folder), {}, 1, Rules(), worlds=1))


def test_a_hunt_uses_the_processors_that_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 3, 5}, raising=False)
    assert available_processors() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert available_processors() == 7


ORACLE = """
def answered(journal, folder):
    return [f"has no answer to {call.operation}" for call in journal if call.outcome == "fault"]
number = 7
"""


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the folder of the program the current one."""
    (folder / "mine.py").write_text(ORACLE)
    monkeypatch.chdir(folder)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    return folder


def test_a_hunt_says_why_each_world_has_a_new_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hunting, "streams", lambda _calm, _number: [])  # its worlds are not what this is about
    result = run_hunt(Hunt(program_of((BASH, "p.sh"), folder), {}, 1, Rules(), worlds=1))
    assert (result.fresh, result.found, result.tally.worlds) == ("it is no Python program", (), 0)
    assert [call.operation for call in result.calm.calls] == ["getNumJobs"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


OPTIONS = ["hunt", "--worlds", "12", "--jobs", "1", "--off", "contract"]
PROGRAM = ["--", "bash", "p.sh"]
LOST = Deviation("lost", "getNumJobs", "an answer is lost", {"faults": [{"kind": "lost", "call": 1}]})


def test_the_command_shows_its_progress_and_writes_worlds_and_reports(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Found(Finding("exit", "ends", ("p.sh:3",)), (LOST,), CALM)
    planned: list[Hunt] = []

    def hunted(hunt: Hunt, say: Callable[[str], object]) -> Result:
        planned.append(hunt)
        say("1 of 20 kinds of weather")
        return Result(CALM, (), (found,), Tally(worlds=12), "", 1.0)

    terminal = Terminal()
    monkeypatch.setattr(hunting, "run_hunt", hunted)
    monkeypatch.setattr(sys, "stderr", terminal)
    (here / "reports").mkdir()
    own, form = ["--oracle", "mine:answered", "--keep"], ["--report", "json", "reports/found.json"]
    with pytest.raises(SystemExit) as end:
        main.main([*OPTIONS, *own, *form, *PROGRAM])
    assert (end.value.code, terminal.getvalue()) == (1, "\r1 of 20 kinds of weather ")
    assert [(hunt.worlds, hunt.workers, hunt.keep, hunt.leave_out) for hunt in planned] == [
        (12, 1, Path("hunt"), ("hunt",))
    ]
    assert list(planned[0].oracles) == ["mine:answered"]
    data = json.loads((here / "reports" / "found.json").read_text())
    assert [one["repeat"] for one in data["found"]] == ["xrt-mock run --scenario hunt/1.toml -- bash p.sh"]
    written = tomllib.loads((here / "hunt" / "1.toml").read_text())
    assert written["description"] == "ends, when an answer is lost"
    assert written["faults"] == [{"kind": "lost", "call": 1}]


def test_the_command_writes_no_world_if_nothing_is_found(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hunting, "run_hunt", lambda *_: Result(CALM, (), (), Tally(worlds=12), "", 1.0))
    done = CliRunner().invoke(main, [*OPTIONS, "--report", "text", "-", *PROGRAM])
    assert done.exit_code == 0, done.output
    assert "nothing found in 12 worlds" in done.stdout
    assert not (here / "hunt").exists()


def test_the_command_plays_one_world_with_a_kill_and_ends_as_the_program(here: Path) -> None:
    (here / "p.sh").write_text(COUNT + "echo begins; count; exit 7")
    done = CliRunner().invoke(main, ["hunt", "--off", "contract", "--kill", "call:1", *PROGRAM])
    assert (done.exit_code, done.stdout.count("begins")) == (7, 2)
    assert done.stderr.splitlines() == ["1772442000 getNumJobs  ok "]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("absent:f", "absent:f cannot be imported: No module named 'absent'"),
        ("mine:absent", "mine:absent cannot be imported: module 'mine' has no attribute 'absent'"),
        ("mine:number", "mine:number is no function; write MODULE:FUNCTION"),
    ],
)
def test_the_command_needs_oracles_that_are_functions(name: str, problem: str, here: Path) -> None:
    before = list(sys.path)
    done = CliRunner().invoke(main, [*OPTIONS, "--oracle", name, *PROGRAM])
    assert done.exit_code == 2
    assert problem in " ".join(done.stderr.split())
    assert sys.path == before
