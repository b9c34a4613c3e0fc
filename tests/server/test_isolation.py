"""`xrt-mock run --isolate`: a program reaches the simulator, its own loopback, and nothing else, however it tries."""

from __future__ import annotations

import os
import runpy
import shutil
import socket
import subprocess
import sys
import textwrap
import threading
import warnings
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from mock_server.cli.commands import main
from mock_server.core.errors import InputInvalid
from mock_server.run import isolation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")

PLAIN = "import socket; s = socket.create_connection(('127.0.0.1', {port}), 5); s.sendall(b'x'); s.close()"
URLLIB = "import urllib.request as u; u.urlopen('http://127.0.0.1:{port}', timeout=5)"
HTTP_CLIENT = "import http.client as h; c = h.HTTPConnection('127.0.0.1', {port}, timeout=5); c.request('GET', '/')"
URLLIB3 = "import urllib3; urllib3.request('GET', 'http://127.0.0.1:{port}', retries=False)"
C_CALLS = """
import ctypes, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
s = libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
address = struct.pack("=HH4s8x", socket.AF_INET, socket.htons({port}), bytes([127, 0, 0, 1]))
raise SystemExit(1 if libc.connect(s, address, len(address)) else 0)
"""
ASYNC = "import asyncio; asyncio.run(asyncio.wait_for(asyncio.open_connection('127.0.0.1', {port}), 5))"
NEW_PROCESS = """
import multiprocessing, socket, sys
def out():
    socket.create_connection(("127.0.0.1", {port}), 5).close()
if __name__ == "__main__":
    child = multiprocessing.get_context("METHOD").Process(target=out)
    child.start(); child.join(); sys.exit(child.exitcode)
"""
WAYS = {
    "python": ["{python}", "-c", PLAIN],
    "python -I": ["{python}", "-I", "-c", PLAIN],
    "python -E": ["{python}", "-E", "-c", PLAIN],
    "python -S": ["{python}", "-S", "-c", PLAIN],
    "python, empty environment": ["env", "-i", "{python}", "-c", PLAIN],
    "python, ctypes": ["{python}", "-I", "-c", C_CALLS],
    "python, asyncio": ["{python}", "-I", "-c", ASYNC],
    "python, fork": ["{python}", "-I", "-c", NEW_PROCESS.replace("METHOD", "fork")],
    "python, in a shell": ["sh", "-c", '{python} -I -c "' + PLAIN + '"'],
    "python, in the background": ["sh", "-c", '{python} -I -c "' + PLAIN + '" & wait $!'],
    "python, urllib": ["{python}", "-I", "-c", URLLIB],
    "python, http.client": ["{python}", "-I", "-c", HTTP_CLIENT],
    "python, requests": ["{python}", "-E", "-c", "import requests; requests.get('http://127.0.0.1:{port}', timeout=5)"],
    "python, urllib3": ["{python}", "-E", "-c", URLLIB3],
    "python, httpx": ["{python}", "-E", "-c", "import httpx; httpx.get('http://127.0.0.1:{port}', trust_env=False)"],
    "python, raw answer by another name": ["{python}", "-I", "-c", PLAIN.replace("127.0.0.1", "localhost")],
    "python, the machine's address": ["{python}", "-I", "-c", PLAIN.replace("127.0.0.1", "{address}")],
    "curl": ["curl", "-fsS", "-m", "5", "http://127.0.0.1:{port}"],
    "curl --noproxy": ["curl", "-fsS", "-m", "5", "--noproxy", "*", "http://127.0.0.1:{port}"],
    "wget": ["wget", "-q", "-t", "1", "-T", "5", "--no-proxy", "-O", "-", "http://127.0.0.1:{port}"],
    "bash": ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/{port}"],
    "perl": ["perl", "-MIO::Socket::INET", "-e", "IO::Socket::INET->new('127.0.0.1:{port}') or exit 1"],
    "openssl": ["sh", "-c", "openssl s_client -connect 127.0.0.1:{port} </dev/null 2>&1 | grep -q CONNECTED"],
    "git": ["git", "ls-remote", "http://127.0.0.1:{port}/x"],
}  # fmt: skip


class Listener:
    """Answers anything that connects, and counts it."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("0.0.0.0", 0))
        self.port: int = self.socket.getsockname()[1]
        self._seen = threading.Semaphore(0)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self._seen.release()
            connection.settimeout(5)
            try:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            except OSError:
                pass
            connection.close()

    def was_reached(self, within_s: float) -> bool:
        """Whether something has connected since this was asked last, or does so within some real time."""
        reached = self._seen.acquire(timeout=within_s)
        while self._seen.acquire(blocking=False):
            pass
        return reached


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.socket.close()


def machine_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.2"
        return str(probe.getsockname()[0])


def way_out(name: str, port: int) -> list[str]:
    words = {"{python}": sys.executable, "{port}": str(port), "{address}": machine_address()}
    command = WAYS[name]
    for placeholder, value in words.items():
        command = [word.replace(placeholder, value) for word in command]
    if shutil.which(command[0]) is None or (command[0] == "sh" and shutil.which(command[2].split()[0]) is None):
        pytest.skip(f"{name} is not installed; this test needs it")
    return command


@pytest.mark.parametrize("name", WAYS)
def test_a_way_out_is_closed(name, listener, tmp_path):
    command = way_out(name, listener.port)
    open_run = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=60)
    assert listener.was_reached(10), f"without isolation it gets out: {open_run.stderr!r}"
    with isolation.isolated() as network:
        done = subprocess.run(network.command(command), cwd=tmp_path, capture_output=True, check=False, timeout=60)
    assert done.returncode != 0
    assert not listener.was_reached(0.1)


def run(folder: Path, program: str) -> tuple[int, str]:
    script = folder / "pipeline.py"
    script.write_text(textwrap.dedent(program), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mock_server.cli", "run", "--isolate", "--", sys.executable, str(script)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_pipeline_runs_as_before_and_its_programs_reach_each_other(tmp_path):
    program = """
        import socket, subprocess, time
        import xrt_client

        request = xrt_client.XRTProductRequest("me@example.org", silent=True)
        request.setGlobalPars(name="GRB 060729", getCoords=True, getTargs=True, centroid=False, useSXPS=False)
        request.addImage(energies="0.3-10")
        assert request.submit(), request.submitError
        request.wait()
        print(request.downloadProducts("data"))
        with socket.create_server(("127.0.0.1", 0)) as server:
            child = "import socket; socket.create_connection(('127.0.0.1', %d)).close()" % server.getsockname()[1]
            subprocess.run([__import__("sys").executable, "-c", child], check=True)
    """
    code, said = run(tmp_path, program)
    assert code == 0, said
    assert (tmp_path / "data" / "image.tar.gz").stat().st_size > 0
    assert "files downloaded 1" in said


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed; this test needs it")
def test_the_proxy_can_be_reached_and_nothing_else(tmp_path):
    program = """
        import subprocess
        body = '{"UserID": "me@example.org"}'
        url = "https://www.swift.ac.uk/user_objects/getNumJobs.php"
        print(subprocess.run(["curl", "-fsS", "-d", body, url], capture_output=True, text=True, check=True).stdout)
    """
    code, said = run(tmp_path, program)
    assert code == 0, said
    assert '"numJobs":0' in said


def test_exit_codes_are_those_of_a_shell():
    with isolation.isolated() as network:
        codes = [
            subprocess.run(network.command(command), capture_output=True, check=False).returncode
            for command in (["sh", "-c", "exit 7"], ["no-such-command-here"], ["/"])
        ]
    assert codes == [7, 127, 126]


class Forked:
    """A copy of this process that becomes what a command of the isolation starts, at a fraction of a new Python's cost.

    Its standard input is a pipe that ends with :meth:`wait`.
    """

    def __init__(self, command: list[str], error: Path, *, threads: int = 0) -> None:
        reading, self._writing = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # other threads of this process wait, and hold nothing
            self.pid = os.fork()
        if self.pid:
            os.close(reading)
            return
        os.close(self._writing)
        code: object = 99
        try:
            with open(reading) as sys.stdin, open(error, "w", buffering=1) as sys.stderr:
                sys.argv = command[command.index(isolation.__file__) :]
                for _ in range(threads):
                    threading.Thread(target=threading.Event().wait, daemon=True).start()
                runpy.run_path(isolation.__file__, run_name="__main__")
                code = 0
        except SystemExit as end:
            code = end.code
        finally:
            os._exit(code if isinstance(code, int) else 1)

    def wait(self) -> int:
        """Return its exit code."""
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_a_socket_of_the_network_is_handed_out_and_programs_are_started_there(tmp_path):
    ours, its = socket.socketpair()
    with ours, its:
        holder = Forked([isolation.__file__, "hold", str(its.fileno())], tmp_path / "holder")
        its.close()
        said, descriptors, _, _ = socket.recv_fds(ours, 1000, 1)
    assert (said, len(descriptors)) == (b"ready", 1)
    with socket.socket(fileno=descriptors[0]) as listener:
        address, port = listener.getsockname()
        network = isolation.Isolation(holder.pid, listener)
        assert (address, network.listener) == ("127.0.0.1", listener)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, port), 5)  # it listens in the other network
        connect = f"exec 3<>/dev/tcp/127.0.0.1/{port}"
        commands = (["bash", "-c", connect], ["/"], ["no-such-command-here"])
        codes = [Forked(network.command(command), tmp_path / "said").wait() for command in commands]
    assert codes == [0, 126, 127]
    assert (tmp_path / "said").read_text() == ("xrt-mock: cannot run no-such-command-here: No such file or directory\n")
    assert holder.wait() == 0


def test_a_holder_that_may_not_make_a_network_says_why(tmp_path):
    ours, its = socket.socketpair()
    with ours, its:
        # a process with threads may not, whatever the system
        holder = Forked([isolation.__file__, "hold", str(its.fileno())], tmp_path / "holder", threads=1)
        its.close()
        said, descriptors, _, _ = socket.recv_fds(ours, 1000, 1)
    assert (said, descriptors) == (b"Invalid argument", [])
    assert holder.wait() == 3


def test_a_holder_that_ends_at_once_is_said(monkeypatch):
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(InputInvalid, match="not available here: its process ended"):
        isolation.isolated().__enter__()


def test_a_system_that_refuses_says_why_and_what_to_do(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(InputInvalid, match=r"--isolate needs Linux .*: this is darwin\. Run without it"):
        isolation.isolated().__enter__()


def test_isolation_and_an_open_net_exclude_each_other():
    done = CliRunner().invoke(main, ["run", "--isolate", "--allow-net", "--", "true"])
    assert done.exit_code == 2
    assert "use one of them" in done.stderr
