"""What ends takes with it what it started: connections, processes, programs and folders."""

import http.client
import os
import resource
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

from mock_server import MockServer
from mock_server.serve import server as serving

from .serving import Caller, Served
from .test_makers import alive, children, wait_for

ME = "me@example.org"


def connected(url: str) -> socket.socket:
    address = urlsplit(url)
    return socket.create_connection((address.hostname, address.port), timeout=60)


def test_a_connection_on_which_nothing_happens_is_closed(monkeypatch):
    monkeypatch.setattr(serving, "IDLE_S", 0.05)
    with MockServer() as server, closing(connected(server.url)) as idle, closing(connected(server.url)) as slow:
        slow.sendall(b"POST /user_objects/getNumJobs.php HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
        assert idle.recv(1) == b""
        while slow.recv(4096):
            pass
        with closing(http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)) as caller:
            caller.request("GET", "/_mock/health")
            assert caller.getresponse().status == 200


def test_more_idle_connections_than_descriptors_lock_no_other_out():
    with Served("--clock", "virtual") as server, ExitStack() as stack:
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (120, 120))
        idle = [stack.enter_context(closing(connected(server.url))) for _ in range(400)]
        for _ in range(5):
            caller = Caller(server.url)
            stack.callback(caller.close)
            assert caller("getNumJobs", {"UserID": ME})["numJobs"] == 0
        assert idle[0].recv(1) == b"", "the one that was idle longest keeps its place"


def test_processes_end_with_their_parent_however_it_ends(tmp_path):
    server = Served("--db", f"sqlite:///{tmp_path / 'jobs.sqlite'}", "--processes", "3")
    at_work = children(server.pid)
    assert len(at_work) == 3
    server.kill()
    wait_for(lambda: not any(map(alive, at_work)))


def test_a_killed_run_leaves_neither_programs_nor_files(tmp_path):
    command = [sys.executable, "-m", "mock_server.cli", "run", "--", "sh", "-c"]
    script = "echo $$; while :; do /bin/sleep 60; done"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with (
        open(os.devnull, "r+b") as null,
        subprocess.Popen([*command, script], env=environment, stdin=null, stdout=subprocess.PIPE, stderr=null) as run,
    ):
        try:
            assert run.stdout is not None
            program = int(run.stdout.readline())
            started = [program, *children(program)]
            assert list(tmp_path.iterdir()), "it needs no files"
        finally:
            run.kill()
    assert run.returncode == -signal.SIGKILL
    wait_for(lambda: not any(map(alive, started)))
    wait_for(lambda: not list(tmp_path.iterdir()))


def test_a_run_that_ends_leaves_no_guardian(tmp_path):
    listed = tmp_path / "listed"
    script = f"ps -ww -o ppid=,args= -A > {listed}"
    command = [sys.executable, "-m", "mock_server.cli", "run", "--", "sh", "-c", script]
    assert subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    assert "xrt-mock-guardian" in listed.read_text(), "there was none"
    left = [Path(f"/proc/{pid}/cmdline") for pid in children(1)]
    assert not any(b"xrt-mock-guardian" in place.read_bytes() for place in left if place.exists())
