"""The simulator on a real socket: for ``xrt-mock serve``, and on a thread for tests.

One thread answers, one call at a time, and keeps many connections open: a pool of threads would halve Flask's speed.
Under ``xrt-mock serve`` other processes make the contents of products, so that a long one delays no other call.
The app asks for slow answers and broken connections in a private header; they are played here, as they are in process.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import math
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

import gevent
from gevent.pywsgi import WSGIHandler, WSGIServer
from gevent.socket import wait_read

from ..clocks.base import ScaledClock
from ..simulator import Simulator
from ..transport.header import DROPS, TransportFault, drops, split
from .headers import Headers
from .makers import Makers, number_of_makers

try:
    import resource
except ImportError:  # not on every system
    resource = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from io import BufferedReader
    from pathlib import Path
    from types import TracebackType
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from ..clocks.base import Clock
    from ..scenario.scenario import Scenario


IDLE_S = 75.0
"""Real time after which a connection is closed on which nothing happens [s]."""
_KEPT_DESCRIPTORS = 64  # for databases, files and the processes that make contents


class ConnectionBrokenError(ConnectionResetError):
    """The connection ends here, without another byte; gevent handles it as if the caller had closed it."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "broken on purpose")


class TransportPlayer:
    """WSGI middleware that plays the faults named in the private header.

    Parameters
    ----------
    app
        The simulator's app.
    clock
        Clock on which slow answers wait; other callers are answered meanwhile.
    """

    def __init__(self, app: WSGIApplication, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], _error: Any = None) -> Callable[[bytes], object]:
            started.append((status, headers))
            return lambda _data: None  # WSGI's `write`, which Flask does not use

        body = self._app(environ, start)
        headers, fault = split(started[-1][1])
        if fault is None:
            start_response(started[-1][0], headers)
            return body
        return self._played(body, fault, lambda: start_response(started[-1][0], headers))

    def _played(self, body: Iterable[bytes], fault: TransportFault, start: Callable[[], object]) -> Iterable[bytes]:
        self._wait(fault.delay_s)
        if fault.broken:
            raise ConnectionBrokenError
        start()
        data = b"".join(body)
        for drop in drops(data[: fault.cut_after]) if fault.dribble_s else [data[: fault.cut_after]]:
            self._wait(fault.dribble_s / DROPS)
            yield drop
        if fault.cut_after is not None and fault.cut_after < len(data):
            raise ConnectionBrokenError

    def _wait(self, seconds: float) -> None:
        if isinstance(self._clock, ScaledClock):
            gevent.sleep(seconds / self._clock.factor)
        else:
            self._clock.sleep(seconds)


class _Handler(WSGIHandler):  # type: ignore[misc]  # gevent's has no types
    """One connection; it is closed when nothing happens on it for a while, or when others need its place."""

    server: _Server

    def __init__(self, sock: Any, *rest: Any) -> None:
        sock.settimeout(IDLE_S)
        super().__init__(sock, *rest)

    def read_requestline(self) -> str:
        """Wait for the next request; others come first, else one that asks without a pause keeps the turn."""
        gevent.sleep(0)
        waiting = self.server.waiting
        waiting[self] = None
        try:
            line: str = super().read_requestline()
        finally:
            del waiting[self]
        return line

    def MessageClass(self, file: BufferedReader, _seekable: int) -> Headers:  # noqa: N802 - gevent's name
        """Read the headers of a request."""
        return Headers(file)

    def _headers(self) -> Iterator[tuple[str, str]]:
        return self.headers.variables()  # type: ignore[no-any-return]

    def log_request(self) -> None:
        """Write nothing: the journal has the calls, and gevent words a line even for a log that is not there."""

    def _write_with_headers(self, data: bytes) -> None:
        """Send header and body at once, where gevent sends one after the other."""
        parts: list[bytes] = []
        self._sendall = parts.append
        try:
            super()._write_with_headers(data)
        finally:
            del self._sendall
        self._sendall(b"".join(parts))

    def give_way(self) -> None:
        """Close the connection, which waits for a request."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)


class _Server(WSGIServer):  # type: ignore[misc]  # gevent's has no types
    """Server whose connections leave enough file descriptors: the one that is idle longest gives way to a new one."""

    handler_class = _Handler

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.waiting: dict[_Handler, None] = {}
        self._open = 0
        super().__init__(*arguments, **options)

    def handle(self, sock: Any, address: Any) -> None:
        """Answer the requests of one connection."""
        self._open += 1
        try:
            # read each time, because the limit of file descriptors can be changed
            most = math.inf if resource is None else resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _KEPT_DESCRIPTORS
            if self._open > max(1.0, most) and self.waiting:
                next(iter(self.waiting)).give_way()
            super().handle(sock, address)
        finally:
            self._open -= 1


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=1024)
    listener.setblocking(False)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each answer on a kept connection waits 40 ms
    return listener


def wsgi_server(simulator: Simulator, listener: socket.socket, *, one_of_many: bool = False) -> WSGIServer:
    """Return a server for a listening socket; `one_of_many`: other processes accept connections from it, too."""
    player = TransportPlayer(simulator.app, simulator.clock)
    environ = {"wsgi.multiprocess": True} if one_of_many else {}
    return _Server(listener, player, log=None, error_log=None, environ=environ)


def answer_until_stopped(
    simulator: Simulator, listener: socket.socket, ready: Callable[[], object], parent: int | None = None
) -> None:
    """Answer until the process is interrupted or terminated; unfinished calls then get one second to end.

    One of several processes also stops when `parent`, a pipe whose other end its parent has, is closed.
    """
    one_of_many = parent is not None
    in_force = simulator.jobs.in_force
    simulator.store.pause = gevent.sleep
    in_force.builder = makers = Makers(in_force.sky, number_of_makers(one_of_many=one_of_many))
    server = wsgi_server(simulator, listener, one_of_many=one_of_many)
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, server.stop, 1)
    if parent is not None:
        gevent.spawn(wait_read, parent).link(lambda _ended: server.stop(1))
    server.start()
    ready()
    try:
        server.serve_forever()
    finally:
        makers.end()


class MockServer:
    """The simulator on a thread and a port of its own, for programs that need a real address.

    Parameters
    ----------
    scenario, clock
        As for :class:`~mock_server.simulator.Simulator`.
    port
        Port on 127.0.0.1; 0 takes a free one.
    options
        Further arguments of :class:`~mock_server.simulator.Simulator`.

    Attributes
    ----------
    url
        The server's address; addresses inside answers begin with it.
    simulator
        The simulator that answers.

    Notes
    -----
    Until the server stops, ``NO_PROXY`` names this machine: a proxy could not reach the server.

    An unexpected exception in a view is a 500 for the caller and is raised again when the server stops.

    Examples
    --------
    >>> from mock_server import MockServer
    >>> with MockServer() as server:
    ...     server.url.startswith("http://127.0.0.1:")
    True
    """

    def __init__(
        self,
        scenario: str | Path | Scenario | None = None,
        clock: Clock | str | None = None,
        *,
        port: int = 0,
        **options: Any,
    ) -> None:
        self._listener = listen("127.0.0.1", port)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.simulator = Simulator(scenario, clock, **{"base_url": self.url, **options})
        self._bugs: list[Exception] = []
        self.simulator.app.on_bug = self._bugs.append
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="xrt-mock server", daemon=True)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the simulator: `clock`, `report`, `controls`, `journal`, `calls`, ..."""
        if name.startswith("_") or name == "simulator":
            raise AttributeError(name)
        return getattr(self.simulator, name)

    def __enter__(self) -> MockServer:
        self._thread.start()
        self._ready.wait()
        self._proxies = {name: os.environ.get(name) for name in ("no_proxy", "NO_PROXY")}
        for name, hosts in self._proxies.items():
            os.environ[name] = ",".join(filter(None, (hosts, "127.0.0.1,localhost")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for name, hosts in self._proxies.items():
            if hosts is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = hosts
        self._loop.run_callback_threadsafe(gevent.spawn, self._server.stop)
        self._thread.join()
        self.simulator.close()
        if self._bugs and error is None:
            raise self._bugs[0]

    def _serve(self) -> None:
        hub = gevent.get_hub()
        self._loop = hub.loop
        self._server = wsgi_server(self.simulator, self._listener)
        self._server.start()
        gevent.spawn(self._ready.set)
        self._server.serve_forever()
        if sys.version_info >= (3, 13):
            gc.collect()  # connections that were open: closing them later would need the loop
        hub.destroy(destroy_loop=True)
