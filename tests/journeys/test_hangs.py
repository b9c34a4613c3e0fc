"""Programs that hang, each in another way: the run says what every thread waits for, and goes on waiting."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.nightly

HANGS = {
    "lock": (
        "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()",
        "program 0 waits for a lock, a queue or an event of its program",
    ),
    "pipe": ("import os; reader, writer = os.pipe(); os.read(reader, 1)", "program 0 waits for a pipe"),
    "socket": ("import socket; one, other = socket.socketpair(); one.recv(1)", "program 0 waits for a socket"),
    "child": (
        "import subprocess; child = subprocess.Popen(['cat'], stdin=subprocess.PIPE); child.wait()",
        "program 0 waits for the end of process ",
    ),
    "busy loop": ("while True: pass", "program 0 works without sleeping"),
    "select": (
        "import select, socket; one, other = socket.socketpair(); select.select([one], [], [])",
        "program 0 waits for a file or socket, in select or poll",
    ),
    "trio": (
        "import trio\nasync def main():\n    await trio.Event().wait()\ntrio.run(main)",
        "program 0 waits for a file or socket, in select or poll",
    ),
    "thread": (
        "import os, threading; reader, writer = os.pipe()\n"
        "thread = threading.Thread(target=os.read, args=(reader, 1)); thread.start(); thread.join()",
        "program 0 waits for a lock, a queue or an event of its program; program 0, thread or child 1 waits for a pipe",
    ),
    "signal": ("import signal; signal.pause()", "program 0 waits for a signal"),
    "import": (
        "import threading, sys, time\n"
        "open('endless.py', 'w').write('import threading, time; threading.Event().wait()')\n"
        "sys.path.insert(0, '.')\n"
        "threading.Thread(target=__import__, args=('endless',)).start(); time.sleep(1); import endless",
        "program 0 waits for a lock that simulated time does not know; "
        "program 0, thread or child 1 waits for a lock, a queue or an event of its program",
    ),
}
"""A program, and what the run says of it."""
LIMIT_S = 60


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> Iterator[dict[str, str]]:
    """What the run says of each program at last; all run at the same time."""
    folders = {kind: tmp_path_factory.mktemp("hang") for kind in HANGS}
    runs = {kind: start(folders[kind], HANGS[kind][0]) for kind in HANGS}
    found: dict[str, str] = {}

    def listen(kind: str) -> None:
        lines = iter(runs[kind].stderr or ())
        found[kind] = next((line for line in lines if "has stood still for" in line), "")

    listeners = [threading.Thread(target=listen, args=(kind,), daemon=True) for kind in HANGS]
    for listener in listeners:
        listener.start()
    for listener in listeners:
        listener.join(LIMIT_S)
    yield found
    for process in runs.values():
        process.kill()  # what it has started is ended by the guardian
        process.communicate()


def start(folder: Path, program: str) -> subprocess.Popen[str]:
    (folder / "program.py").write_text(program, encoding="utf-8")
    words = [sys.executable, "-m", "mock_server.cli", "run", "--", sys.executable, "program.py"]
    return subprocess.Popen(words, cwd=folder, env=os.environ, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("kind", HANGS)
def test_a_program_that_hangs_is_named_with_what_it_waits_for(said, kind):
    assert HANGS[kind][1] in said[kind]
