"""Where the processor time of one call goes: client, interception, link, socket, Flask, the simulator's own code, SQL.

    python benchmarks/layers.py [--calls 2000]

The call is `getNumJobs`, in the three ways in: in process, under `xrt-mock run`, and over a socket. Each line is the
difference of two measurements, the shortest of some rounds. Figures: docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from unittest import mock

import requests

from mock_server import Simulator
from mock_server.clocks.virtual import VirtualClock
from mock_server.transport.intercept import intercept
from mock_server.transport.wsgi_call import Request, ask
from mock_server.web.app import SimulatorApp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

ROUNDS = 7
PATH = "/user_objects/getNumJobs.php"
URL = f"https://www.swift.ac.uk{PATH}"
BODY = {"UserID": "me@example.org", "api_name": "xrt_prods", "api_version": "1.12"}
ANSWER = b'{"OK":1,"numJobs":0,"APIVersion":"1.12"}'
GEVENT = """
import socket
from gevent.pywsgi import WSGIServer
def app(environ, start_response):
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/html; charset=UTF-8"), ("Content-Length", "40")])
    return [b'{"OK":1,"numJobs":0,"APIVersion":"1.12"}']
listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
listener.setblocking(False)
print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
WSGIServer(listener, app, log=None, error_log=None).serve_forever()
"""
PROGRAM = """
import sys, time
import requests
URL, calls = sys.argv[1], int(sys.argv[2])
BODY = {"UserID": "me@example.org", "api_name": "xrt_prods", "api_version": "1.12"}
for _ in range(20):
    requests.post(URL, json=BODY, timeout=60)
began = time.process_time()
for _ in range(calls):
    requests.post(URL, json=BODY, timeout=60)
print(1e6 * (time.process_time() - began) / calls)
"""


class Line(NamedTuple):
    """A layer, and the processor time that it takes of a call [us]."""

    way: str
    layer: str
    us: float


def shortest(action: Callable[[], object], calls: int) -> float:
    """Return the processor time of this process for one `action` [us], the shortest of some rounds."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(calls):
            action()
        times.append(1e6 * (time.process_time() - began) / calls)
    return min(times)


def constant(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a constant."""
    start_response("200 OK", [("Content-Type", "text/html; charset=UTF-8"), ("Content-Length", str(len(ANSWER)))])
    return [ANSWER]


def in_process(calls: int) -> list[Line]:
    """Return the layers of a call in process."""
    request = Request("POST", URL, {"Host": "www.swift.ac.uk"}, json.dumps(BODY).encode())

    def post() -> None:
        requests.post(URL, json=BODY, timeout=60)

    with Simulator() as sim:

        def read() -> None:
            with sim.store.reading() as facts:
                facts.count_active(BODY["UserID"], 0.0)

        sql = shortest(read, calls)
        environ = shortest(lambda: ask(constant, request), calls)
        app = shortest(lambda: ask(sim.app, request), calls)
        with mock.patch.object(SimulatorApp, "answer_without_flask", return_value=None):
            flask = shortest(lambda: ask(sim.app, request), calls)
    with intercept(constant, VirtualClock(0.0)):
        client = shortest(post, calls)
    return [
        Line("in process", "requests, and the interception", client - environ),
        Line("in process", "WSGI environ and answer", environ),
        Line("in process", "the simulator's own code", app - environ - sql),
        Line("in process", "SQL, in memory", sql),
        Line("in process", "(Flask, if it answered)", flask - app),
    ]


def under_run(calls: int, client: float) -> list[Line]:
    """Return the layers of a call under `xrt-mock run` that the call in process has not."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "program.py")
        program.write_text(PROGRAM)
        none: list[float] = []
        all_calls: list[float] = []
        of_program = []
        for _ in range(3):
            none.append(_run(program, 1)[0])
            spent, printed = _run(program, calls)
            all_calls.append(spent)
            of_program.append(float(printed))
    total = (min(all_calls) - min(none)) / calls
    return [
        Line("under run", "the program's side: client, interception, link", min(of_program)),
        Line("under run", "of this, the link", min(of_program) - client),
        Line("under run", "the run's side: link, clock, simulator", total - min(of_program)),
    ]


def _run(program: Path, calls: int) -> tuple[float, str]:
    """Return the processor time of a whole run [us], and what its program printed."""
    command = [sys.executable, "-m", "mock_server.cli", "run", "--", sys.executable, str(program), URL, str(calls)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as one:
        assert one.stdout is not None
        printed = one.stdout.read()
        _, status, used = os.wait4(one.pid, 0)
        one.returncode = os.waitstatus_to_exitcode(status)
    return 1e6 * (used.ru_utime + used.ru_stime), printed


def over_socket(calls: int) -> list[Line]:
    """Return the processor time of a server for one call: gevent alone, with Flask, and the simulator."""
    here = Path(__file__).parent
    servers = {
        "gevent with a constant": ["-c", GEVENT],
        "gevent and Flask with a constant": [str(here / "bare.py")],
        "the simulator in memory": ["-m", "mock_server.cli", "serve", "--port", "0"],
    }
    return [Line("over a socket", name, _of_server(command, calls)) for name, command in servers.items()]


def _of_server(command: list[str], calls: int) -> float:
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split()[-1].removeprefix("http://")
        _post_many(address, 200)
        times = []
        for _ in range(ROUNDS):
            began = _spent_us(server.pid)
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda _: _post_many(address, calls // 4), range(4)))
            times.append((_spent_us(server.pid) - began) / (calls // 4 * 4))
        server.terminate()
    return min(times)


def _post_many(address: str, calls: int) -> None:
    connection, body = HTTPConnection(address, timeout=60), json.dumps(BODY)
    for _ in range(calls):
        connection.request("POST", PATH, body, {"Content-Type": "application/json"})
        connection.getresponse().read()
    connection.close()


def _spent_us(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return 1e6 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000)
    calls = parser.parse_args().calls
    lines = in_process(calls)
    lines += under_run(calls, lines[0].us)
    lines += over_socket(calls)
    for line in lines:
        print(f"{line.way:14} {line.layer:50} {line.us:7.0f} us", flush=True)


if __name__ == "__main__":
    main()
