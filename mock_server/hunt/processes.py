"""The processes of a hunted program: forked from a warm host, or started as a command."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..clocks.virtual import VirtualClock
from ..core.errors import InputInvalid
from ..run.environment import PARTICIPANT, prepare
from ..run.link_server import LinkServer
from ..transport.wsgi_call import HOSTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from wsgiref.types import StartResponse, WSGIEnvironment

    from .deviations import Kill


class Order(NamedTuple):
    """What a program needs to begin a life.

    Parameters
    ----------
    address, key
        Of the link server of the life.
    folder
        Its current folder.
    notes, stack, output
        Files for what the witness notes, where it stands when it is asked, and what it prints.
    seed
        Of its random numbers.
    kill
        When it is to be killed by the witness; None: never.
    """

    address: str
    key: bytes
    folder: Path
    notes: Path
    stack: Path
    output: Path
    seed: int
    kill: Kill | None


class Process(Protocol):
    """A program that runs."""

    pid: int

    def ended(self, within_s: float) -> int | None:
        """Return the exit code, negative for signals, or None if it runs on after so much real time [s]."""


class Host:
    """A warm process that programs are forked from.

    Parameters
    ----------
    python
        The interpreter.
    env
        Its environment.
    folder
        For files that it needs while it lives.
    start
        Simulated time at which it imports modules [s].
    imports
        What it imports.

    Attributes
    ----------
    threads
        Number of threads after the imports; a process with more than one cannot be forked safely.
    """

    def __init__(self, python: str, env: Mapping[str, str], folder: Path, start: float, imports: Sequence[str]) -> None:
        self._files = TemporaryDirectory(dir=folder)

        def refuse(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            start_response("503 Service Unavailable", [])
            return []

        server = LinkServer(refuse, VirtualClock(start), HOSTS)
        server.join((0,))
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter of the user's program
                [python, "-m", "mock_server.hunt.host", str(theirs.fileno())],
                env=prepare(env, Path(self._files.name), server.address, server.key) | {PARTICIPANT: "0"},
                pass_fds=[theirs.fileno()],
                process_group=0,
            )
        self._running = 0
        self._socket = ours
        try:
            self.threads = int(self._ask(imports=list(imports))["threads"])
        except BaseException:
            self.close()
            raise
        finally:
            server.close()

    def _ask(self, **order: Any) -> dict[str, Any]:
        with contextlib.suppress(BrokenPipeError):  # it has ended: there is no answer
            self._socket.sendall((json.dumps(order) + "\n").encode())
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = b""
        with contextlib.suppress(OSError):
            # nothing is read ahead: whether an answer has come is asked of the socket
            while not line.endswith(b"\n") and (byte := self._socket.recv(1)):
                line += byte
        if not line.endswith(b"\n"):
            raise InputInvalid("the Python of the program cannot take part in a hunt; see the lines above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def start(self, arguments: Sequence[str], order: Order) -> Process:
        """Fork a process that runs a script, a module or code."""
        words = {name: str(value) for name, value in order._asdict().items() if isinstance(value, Path | str)}
        kill_at_write = order.kill.number if order.kill and order.kill.at == "write" else 0
        pid = self._ask(
            **words, key=order.key.hex(), seed=order.seed, kill_at_write=kill_at_write, command=list(arguments)
        )["pid"]
        self._running = int(pid)
        return _Forked(self._running, self)

    def code(self, within_s: float) -> int | None:
        """Return the exit code of the program that was started last, if it ends soon."""
        if not select.select([self._socket], [], [], within_s)[0]:
            return None
        self._running = 0
        return int(self._answer()["code"])

    def close(self) -> None:
        """End the host, and the program that it may still wait for."""
        self._socket.close()
        if self._running:
            signal_group(self._running, signal.SIGKILL)
        self._process.wait()
        self._files.cleanup()


class _Forked:
    def __init__(self, pid: int, host: Host) -> None:
        self.pid, self._host = pid, host

    def ended(self, within_s: float) -> int | None:
        return self._host.code(within_s)


class Plain:
    """A program that is no Python program: a new process for each life.

    Parameters
    ----------
    command
        Its words.
    env
        Its environment.
    order
        What else it needs.
    files
        An empty folder for what it needs while it lives.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str], order: Order, files: Path) -> None:
        with open(order.output, "ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - the user's command
                list(command),
                env=prepare(env, files, order.address, order.key) | {PARTICIPANT: "0"},
                cwd=order.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,
            )
        self.pid = self._process.pid

    def ended(self, within_s: float) -> int | None:
        """Return the exit code if it ends soon."""
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return None


def signal_group(pid: int, number: signal.Signals) -> None:
    """Send a signal to a program and its children."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
