"""How a program lives in a process that was forked for it: as if its interpreter had started it."""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import pytest

from mock_server.clocks.base import ScaledClock
from mock_server.clocks.virtual import VirtualClock
from mock_server.hunt import host
from mock_server.run import guest
from mock_server.run.link import Link
from mock_server.run.link_server import LinkServer
from mock_server.transport.wsgi_call import HOSTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIEnvironment

    Live = Callable[[Path, list[str]], "Ended"]


class Ended(NamedTuple):
    """What a program leaves."""

    code: int
    printed: str
    notes: list[dict[str, Any]]


def be_host(control: socket.socket) -> NoReturn:
    """Be what the parent of the programs is: a process of a run that waits for orders."""
    atexit._clear()  # what this process does at its end is not for its copies to do
    gc.freeze()
    sys.argv = ["host", str(control.detach())]
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    guest.joined = guest.Guest(Link.__new__(Link), ScaledClock(), None)  # each program has a link of its own
    try:
        host.main()
    finally:
        os._exit(70)


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        be_host(theirs)
    theirs.close()
    answers = ours.makefile("r", encoding="utf-8")

    def refuse(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("503 Service Unavailable", [])
        return []

    def run(folder: Path, command: list[str]) -> Ended:
        files = {name: str(folder / name) for name in ("notes", "stack", "output")}
        home = folder / "home"
        home.mkdir(exist_ok=True)
        server = LinkServer(refuse, VirtualClock(0.0), HOSTS)
        server.join((0,))
        order = {"address": server.address, "key": server.key.hex(), "folder": str(home), **files}
        try:
            ours.sendall(json.dumps({**order, "seed": 1, "kill_at_write": 0, "command": command}).encode() + b"\n")
            assert json.loads(answers.readline())["pid"] > 0
            code = json.loads(answers.readline())["code"]
        finally:
            server.close()
        notes = [json.loads(line) for line in (folder / "notes").read_text().splitlines()]
        return Ended(code, (folder / "output").read_text(), notes)

    try:
        yield run
    finally:
        answers.close()
        ours.close()  # it hangs up
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


WHO = "import sys\nprint(__name__, sys.argv[1:], repr(sys.path[0]))\n"


def test_code_is_run_as_by_the_interpreter(live: Live, tmp_path: Path) -> None:
    ended = live(tmp_path, ["-c", WHO, "--all"])
    assert (ended.code, ended.printed) == (0, "__main__ ['--all'] ''\n")


def test_a_module_is_run_as_by_the_interpreter(live: Live, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "pipeline.py").write_text(WHO)
    ended = live(tmp_path, ["-m", "pipeline", "--all"])
    assert (ended.code, ended.printed) == (0, f"__main__ ['--all'] {str(home)!r}\n")


@pytest.mark.parametrize(
    ("said", "code", "printed", "noted"),
    [
        ("", 0, "", []),
        ("0", 0, "", []),
        ("3", 3, "", [""]),
        ("256 + 7", 7, "", [""]),
        ("'no data'", 1, "no data\n", [""]),
    ],
)
def test_a_program_that_ends_itself_has_the_code_that_it_says(
    said: str,
    code: int,
    printed: str,
    noted: list[str],
    live: Live,
    tmp_path: Path,
) -> None:
    ended = live(tmp_path, ["-c", f"import sys\nsys.exit({said})"])
    assert (ended.code, ended.printed) == (code, printed)
    assert [note["error"] for note in ended.notes if "error" in note] == noted


def test_its_threads_end_before_it_and_then_its_files_are_closed(live: Live, tmp_path: Path) -> None:
    program = """
import atexit, sys, threading
file = open("left.txt", "w")
file.write("first")
def late():
    threading.main_thread().join()
    file.write(", second")
threading.Thread(target=late).start()
atexit.register(lambda: file.write(", third"))
sys.exit(2)
"""
    ended = live(tmp_path, ["-c", program])
    assert (ended.code, ended.printed) == (2, "")
    assert (tmp_path / "home" / "left.txt").read_text() == "first, second, third"


def test_a_program_that_is_killed_ends_with_the_signal(live: Live, tmp_path: Path) -> None:
    ended = live(tmp_path, ["-c", "import os, signal\nos.kill(0, signal.SIGKILL)"])
    assert (ended.code, ended.notes) == (-signal.SIGKILL, [])


def test_a_process_that_is_in_no_run_hosts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["host", "0"])
    monkeypatch.setattr(guest, "joined", None)
    with pytest.raises(SystemExit, match="this process is not part of a run"):
        host.main()
