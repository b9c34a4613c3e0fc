"""Time that each trick for speed saves: every trick is switched off, and measured side by side with the program as is.

    python benchmarks/tricks.py [--pairs 7] [NAME ...]

Each figure is processor time in fresh processes, on and off in turns; the median of the ratios is printed. A trick
that saves less than 10 % of its measure is not worth its code. docs/tricks.md holds the table.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERVICE = "https://www.swift.ac.uk/user_objects/"
ME = {"UserID": "me@example.org", "api_name": "xrt_prods", "api_version": "1.12"}
IMAGE = ME | {"RA": 52.8, "Dec": 43.9, "targ": "00030842", "image": 1, "imen": "0.3-10", "cent": 0, "getT0": 0}
ENOUGH = 1.10  # what a trick has to earn


# ---- measures: each returns processor time [s]; what is not measured is done before ---------------------------------


def per_call(times: int, call: Callable[[], object]) -> float:
    """Return the time of one call, after a tenth as many that warm up."""
    for _ in range(times // 10):
        call()
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) / times


def count() -> float:
    """One ``getNumJobs`` in process."""
    from mock_server import Simulator
    from mock_server.transport.wsgi_call import Request, ask

    sim = Simulator()
    request = Request("POST", f"{SERVICE}getNumJobs.php", {"Host": "www.swift.ac.uk"}, json.dumps(ME).encode())
    return per_call(2000, lambda: ask(sim.app, request))


def listing() -> float:
    """One ``listOldJobs`` of 1,000 jobs in process."""
    from mock_server import Simulator
    from mock_server.transport.wsgi_call import Request, ask

    sim = Simulator(settings={"limits.active_jobs": 10_000, "queue.slots": 10_000})
    for _ in range(1000):
        sim.jobs.submit(IMAGE)
        sim.clock.advance(30)
    request = Request("POST", f"{SERVICE}listOldJobs.php", {"Host": "www.swift.ac.uk"}, json.dumps(ME).encode())
    return per_call(30, lambda: ask(sim.app, request))


def fresh() -> float:
    """A new simulator and its first answer, where others were before: what a test costs."""
    from mock_server import Simulator
    from mock_server.pytest_plugin import scenario_named
    from mock_server.transport.wsgi_call import Request, ask

    request = Request("POST", f"{SERVICE}getNumJobs.php", {"Host": "www.swift.ac.uk"}, json.dumps(ME).encode())

    def call() -> None:
        with Simulator(scenario_named("calm")) as sim:
            ask(sim.app, request)

    return per_call(50, call)


def served() -> float:
    """One ``getNumJobs`` over a kept connection: processor time of the server."""
    with _server() as (pid, url):
        line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        body = json.dumps(ME)

        def call() -> None:
            line.request("POST", "/user_objects/getNumJobs.php", body)
            line.getresponse().read()

        for _ in range(300):
            call()
        began = _used(pid)
        for _ in range(3000):
            call()
        return (_used(pid) - began) / 3000


def start() -> float:
    """Start of ``xrt-mock serve``, until it listens."""
    with _server() as (pid, _url):
        return _used(pid)


@contextlib.contextmanager
def _server() -> Iterator[tuple[int, str]]:
    """Fork a server of this program, with its tricks switched off here, too; yield its number and address."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.dup2(writing, 1)
        from mock_server.cli.commands import main as command

        command(["serve", "--port", "0"])
    try:
        with os.fdopen(reading) as said:
            yield pid, said.readline().split()[-1]
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        os.close(writing)


def _used(pid: int) -> float:
    """Return the processor time of a process [s] (Linux)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) * 1e-9


# ---- tricks: each function switches one off ---------------------------------------------------------------------


def adapter() -> None:
    from mock_server.web import app

    del app._App.create_url_adapter


def body() -> None:
    from flask import request

    from mock_server.web import api

    api._body = lambda: request.get_data(cache=False)


def one_app() -> None:
    from mock_server.web import app

    setattr(app, "flask_app", app.flask_app.__wrapped__)
    answer = app.SimulatorApp.__call__

    def answer_alone(self, environ, start_response):  # type: ignore[no-untyped-def]
        if not hasattr(self, "own"):
            self.own = app.flask_app()
        shared, app.flask_app = app.flask_app, lambda: self.own  # type: ignore[assignment]
        try:
            return answer(self, environ, start_response)
        finally:
            app.flask_app = shared

    app.SimulatorApp.__call__ = answer_alone  # type: ignore[method-assign]


def read_once() -> None:
    from mock_server import pytest_plugin

    setattr(pytest_plugin, "scenario_named", pytest_plugin.scenario_named.__wrapped__)


def packet() -> None:
    from mock_server.serve import server

    del server._Handler._sendall, server._Handler.process_result


def collector() -> None:
    gc.disable = lambda: None


def freeze() -> None:
    gc.freeze = lambda: None


def dates() -> None:
    from mock_server.web import wire

    setattr(wire, "_second_text", wire._second_text.__wrapped__)


def products() -> None:
    from mock_server.web import wire

    setattr(wire, "_held", wire._held.__wrapped__)


def versions() -> None:
    from mock_server.web import wire

    setattr(wire, "_version_numbers", wire._version_numbers.__wrapped__)


class Trick(NamedTuple):
    """What is switched off by `off`, and the measure that shows its worth."""

    about: str
    off: Callable[[], None]
    measure: Callable[[], float]


TRICKS = (
    Trick("own URL adapter (web/app.py)", adapter, count),
    Trick("own reading of bodies (web/api.py)", body, count),
    Trick("cache of API versions (web/wire.py)", versions, count),
    Trick("cache of dates (web/wire.py)", dates, listing),
    Trick("cache of product sets (web/wire.py)", products, listing),
    Trick("one Flask app for all simulators (web/app.py)", one_app, fresh),
    Trick("scenarios read once (pytest_plugin.py)", read_once, fresh),
    Trick("head and body in one packet (serve/server.py)", packet, served),
    Trick("gc.freeze after the start (serve, cli)", freeze, served),
    Trick("no garbage collection during the start (cli)", collector, start),
)


def child(name: str, switched: str) -> float:
    """Return one measure, taken in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", name, switched],
        capture_output=True, text=True, check=True, env=os.environ | {"PYTHONHASHSEED": "0"},
    )  # fmt: skip
    return float(done.stdout.split()[-1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7, help="how often each is measured with and without")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", help=", ".join(trick.off.__name__ for trick in TRICKS))
    options = parser.parse_args()
    by_name = {trick.off.__name__: trick for trick in TRICKS}
    if options.child:
        name, switched = options.child
        if switched == "off":
            by_name[name].off()
        print(by_name[name].measure())
        return
    for name in options.names or by_name:
        pairs = [(child(name, "on"), child(name, "off")) for _ in range(options.pairs)]
        on, off = map(statistics.median, zip(*pairs, strict=True))
        ratio = statistics.median(without / with_it for with_it, without in pairs)
        verdict = "" if ratio >= ENOUGH else "  NOT WORTH IT"
        trick = by_name[name]
        print(
            f"{name:10} {trick.about:50} {trick.measure.__name__:8} {on * 1e6:9.0f} us, without {off * 1e6:9.0f} us: "
            f"x{ratio:.2f}{verdict}",
            flush=True,
        )


if __name__ == "__main__":
    main()
