"""Time that each trick for speed saves: each is switched off, and measured in turns with the program as it is.

    python benchmarks/tricks.py [--rounds 40] [NAME ...]

Figures are processor time, the shortest of the rounds: other programs only ever make it longer. A trick that saves
less than 10 % of its measure is not worth its code; docs/tricks.md holds the table. To add a trick, add a row to TRICKS
with a context manager inside which the trick is off, and the measure that shows what it saves.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import socket
import time
from typing import TYPE_CHECKING, NamedTuple
from unittest import mock
from urllib.parse import urlsplit

from gevent.pywsgi import WSGIHandler

from mock_server import MockServer, Simulator
from mock_server.core import progress
from mock_server.serve import server
from mock_server.service.jobs import JobService
from mock_server.submission import read
from mock_server.transport.wsgi_call import Request, ask
from mock_server.web import app, routes, wire
from mock_server.web.call import KEY, Call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from wsgiref.types import StartResponse, WSGIEnvironment

    from mock_server.scenario.in_force import Moment
    from mock_server.service.jobs import Listed

    Off = Callable[[], AbstractContextManager[object]]
    Pair = tuple[float, float]

WORTH_IT = 1.10
make_app = routes.flask_app.__wrapped__
SERVICE = "https://www.swift.ac.uk/user_objects"
COUNT = {"UserID": "me@example.org", "api_name": "xrt_prods", "api_version": "1.12"}
IMAGE = COUNT | {"name": "GK Per", "RA": 52.8, "Dec": 43.9, "targ": "00030842", "image": 1, "cent": 1, "poserr": 1}


# ---- measures: each returns pairs of processor time [s], with the trick and without ----------------------------------


def in_turns(call: Callable[[], object], off: Off, rounds: int, times: int) -> list[Pair]:
    """Return the time of one call, with the trick and without, in each round."""

    def timed() -> float:
        call()  # what is made once for each side is not measured
        began = time.process_time()
        for _ in range(times):
            call()
        return (time.process_time() - began) / times

    pairs = []
    for _ in range(rounds + 1):
        gc.collect()
        with_it = timed()
        with off():
            pairs.append((with_it, timed()))
    return pairs[1:]  # the first warms up


def post(operation: str) -> Request:
    """Return a call as a program sends it."""
    return Request("POST", f"{SERVICE}/{operation}.php", {"Host": "www.swift.ac.uk"}, json.dumps(COUNT).encode())


def count(off: Off, rounds: int) -> list[Pair]:
    """One ``getNumJobs`` in process."""
    with Simulator() as sim:
        return in_turns(lambda: ask(sim.app, post("getNumJobs")), off, rounds, times=100)


def status(off: Off, rounds: int) -> list[Pair]:
    """One ``checkProductStatus`` of three running products in process."""
    products = dict.fromkeys(("psf", "enhanced", "image"), 1)
    asked = COUNT | {"JobID": 1, "what": ",".join(products), "whatProg": ",".join(products)}
    request = post("checkProductStatus")._replace(body=json.dumps(asked).encode())
    with Simulator(settings={"durations.factor": 13.0}) as sim:
        sim.jobs.submit(IMAGE | products)
        sim.clock.advance(400)
        return in_turns(lambda: ask(sim.app, request), off, rounds, times=100)


def _connected(running: MockServer) -> socket.socket:
    parts = urlsplit(running.url)
    return socket.create_connection((parts.hostname, parts.port))


def over_socket(off: Off, rounds: int) -> list[Pair]:
    """One ``getNumJobs`` over a socket, with the plain client that sends it."""
    body = json.dumps(COUNT).encode()
    head = f"POST /user_objects/getNumJobs.php HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"

    with MockServer() as running, _connected(running) as line:

        def use() -> None:
            line.sendall(head.encode() + body)
            while not line.recv(65536).endswith(b"}"):
                pass

        return in_turns(use, off, rounds, times=100)


def _listing(off: Off, rounds: int, *, anew: bool) -> list[Pair]:
    with Simulator(settings={"limits.active_jobs": 10_000}) as sim:
        for _ in range(1000):
            sim.jobs.submit(IMAGE)
            sim.clock.advance(30)

        def use() -> None:
            if anew:
                sim.jobs.forget_lists()
            ask(sim.app, post("listOldJobs"))

        return in_turns(use, off, rounds, times=2)


def listing(off: Off, rounds: int) -> list[Pair]:
    """One ``listOldJobs`` of 1,000 jobs in process, again and again."""
    return _listing(off, rounds, anew=False)


def new_listing(off: Off, rounds: int) -> list[Pair]:
    """One ``listOldJobs`` of 1,000 jobs in process that has changed since the last one."""
    return _listing(off, rounds, anew=True)


def reading(off: Off, rounds: int) -> list[Pair]:
    """One submission read, and its parameters made."""

    def use() -> None:
        read.read_submission(IMAGE, {}).job_pars({"outdir": "USERPROD_1"})

    return in_turns(use, off, rounds, times=100)


def page(off: Off, rounds: int) -> list[Pair]:
    """A new simulator and its first page, in a process that had others before."""

    def use() -> None:
        with Simulator("calm") as sim:
            ask(sim.app, Request("GET", f"{SERVICE}/register.php", {"Host": "www.swift.ac.uk"}, b""))

    return in_turns(use, off, rounds, times=2)


# ---- tricks -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def without_sharing() -> Iterator[None]:
    """Let each simulator make a Flask app of its own."""

    def answer(self: app.SimulatorApp, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        own = vars(self).setdefault("own", None) or make_app()
        self.own = own  # type: ignore[attr-defined]
        environ[KEY] = Call(self.simulation, self.on_bug)
        return own(environ, start_response)

    with mock.patch.object(app.SimulatorApp, "__call__", answer):
        yield


@contextlib.contextmanager
def without_kept_lists() -> Iterator[None]:
    """Make each list anew."""

    def make(self: JobService, user: str, moment: Moment, form: Callable[[list[Listed]], object]) -> object:
        return form(self.list_jobs(user, moment))

    with mock.patch.object(JobService, "kept_list", make):
        yield


@contextlib.contextmanager
def headers_of_gevent() -> Iterator[None]:
    """Let gevent read headers as it does."""
    with (
        mock.patch.object(server._Handler, "MessageClass", WSGIHandler.MessageClass),
        mock.patch.object(server._Handler, "_headers", WSGIHandler._headers),
    ):
        yield


@contextlib.contextmanager
def values_read_anew() -> Iterator[None]:
    """Read each value of a submission, and word what is stored of it, each time."""
    with uncached(read, "_read")(), uncached(read, "_stored")():
        yield


@contextlib.contextmanager
def steps_made_anew() -> Iterator[None]:
    """List the steps of a running product, and word them as JSON, each time."""
    with uncached(progress, "_listed")(), uncached(wire, "_steps")():
        yield


@contextlib.contextmanager
def bodies_read_anew() -> Iterator[None]:
    """Read the body of each request, and the names in it."""
    with uncached(wire, "_read_short")(), uncached(wire, "_short_names")():
        yield


class Trick(NamedTuple):
    """A trick, what switches it off, and the measure that shows what it saves."""

    about: str
    off: Off
    measure: Callable[..., list[Pair]]


def uncached(owner: object, name: str) -> Off:
    """Return what switches the cache of a function off."""
    return lambda: mock.patch.object(owner, name, getattr(owner, name).__wrapped__)


TRICKS = {
    "direct": Trick(
        "calls of the API answered without Flask: SimulatorApp.answer_without_flask in web/app.py",
        lambda: mock.patch.object(app.SimulatorApp, "answer_without_flask", return_value=None),
        count,
    ),
    "lists": Trick("lists kept as JSON: JobService.kept_list in service/jobs.py", without_kept_lists, listing),
    "steps": Trick("cache of steps: core/progress.py, web/wire.py", steps_made_anew, status),
    "bodies": Trick("caches of short bodies and names in them: web/wire.py", bodies_read_anew, status),
    "dates": Trick("cache of dates: web/wire.py", uncached(wire, "_second_text"), new_listing),
    "sets": Trick("cache of sets of products: web/wire.py", uncached(wire, "_product_switches"), new_listing),
    "echoed": Trick("cache of echoed defaults: submission/read.py", uncached(read, "_echoed"), reading),
    "values": Trick("caches of values read and stored: submission/read.py", values_read_anew, reading),
    "headers": Trick("headers read by llhttp: serve/headers.py", headers_of_gevent, over_socket),
    "packet": Trick(
        "header and body sent at once: _write_with_headers in serve/server.py",
        lambda: mock.patch.object(server._Handler, "_write_with_headers", WSGIHandler._write_with_headers),
        over_socket,
    ),
    "shared": Trick("one Flask app for all simulators: flask_app in web/routes.py", without_sharing, page),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="how often each is measured with and without")
    parser.add_argument("names", nargs="*", help=f"what to measure: {', '.join(TRICKS)}; default: all")
    options = parser.parse_intermixed_args()
    for name in options.names or TRICKS:
        trick = TRICKS[name]
        pairs = trick.measure(trick.off, options.rounds)
        with_it, without = map(min, zip(*pairs, strict=True))
        ratio = without / with_it
        print(
            f"{name:10} {trick.measure.__name__:8} {1e6 * with_it:9.0f} us, without {1e6 * without:9.0f} us: "
            f"x{ratio:.2f} {'' if ratio >= WORTH_IT else 'NOT WORTH IT '}({trick.about})",
            flush=True,
        )


if __name__ == "__main__":
    main()
