"""The proxy's end of one connection: HTTP requests, and tunnels for HTTPS. Loaded when the first program connects."""

# ruff: noqa: PLC0415 - requests takes a tenth of a second to import, and is needed for an open net alone

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from werkzeug.serving import DechunkedInput

from . import header
from .wsgi_call import Answer, Request, ask

if TYPE_CHECKING:
    import ssl
    from collections.abc import Collection
    from wsgiref.types import WSGIApplication

    from ..clocks.base import Clock
    from .header import TransportFault

_HOP_BY_HOP = {"connection", "keep-alive", "proxy-authorization", "proxy-connection", "te", "transfer-encoding"}
_CHUNK = 65536


class Server(ThreadingHTTPServer):
    """Answers the connections of a socket that listens, each on a thread.

    Parameters
    ----------
    listener
        The socket. It is closed with the server.
    app, clock, hosts, open_net
        Those of the proxy.
    tls
        Proves to callers that it is one of the hosts.

    Attributes
    ----------
    threads
        Native ids of the threads that answer.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        listener: socket.socket,
        app: WSGIApplication,
        clock: Clock,
        hosts: Collection[str],
        *,
        open_net: bool,
        tls: ssl.SSLContext,
    ) -> None:
        self.app, self.clock, self.hosts, self.open_net, self.tls = app, clock, hosts, open_net, tls
        self.threads: set[int] = set()
        super().__init__(listener.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one caller."""
        thread = threading.get_native_id()
        self.threads.add(thread)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.threads.discard(thread)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing about callers that disconnect early."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server
    origin = ""
    """Scheme and host inside a tunnel."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parent's name
        """Print nothing: the journal has all calls."""

    def do_CONNECT(self) -> None:
        """Open a tunnel: into the simulator for the service, to the host itself if the net is open."""
        host, _, port = self.path.rpartition(":")
        if host.lower() in self.server.hosts:
            self._accept_tunnel()
            self.origin = f"https://{host}" + (f":{port}" if port != "443" else "")
            plain = (self.rfile, self.wfile)
            self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
            for file in plain:
                file.close()
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
            self.close_connection = False
        elif self.server.open_net:
            self.close_connection = True
            with socket.create_connection((host, int(port))) as other:
                self._accept_tunnel()
                _forward_bytes(self.connection, other)
        else:
            self._refuse(host)

    def finish(self) -> None:
        """Close the socket of a tunnel, too."""
        super().finish()
        self.connection.close()

    def _accept_tunnel(self) -> None:
        self.send_response_only(200, "Connection established")
        self.end_headers()
        self.wfile.flush()

    def _refuse(self, host: str) -> None:
        reason = f"{host} is outside this run: --allow-net opens the way"
        self._write(Answer(403, reason, [("Content-Type", "text/plain")], reason.encode() + b"\n"))

    def do_GET(self) -> None:
        """Answer a request of any method: for the service from the app, else by the host itself if the net is open."""
        url = self.path if "://" in self.path else self.origin + self.path
        parts = urlsplit(url)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = DechunkedInput(self.rfile).read()  # type: ignore[arg-type]  # a file by shape
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, url, headers, body)
        if (parts.hostname or "") in self.server.hosts:
            self._answer(request)
        elif self.server.open_net and parts.scheme:
            self._write(_forwarded(request))
        else:
            self._refuse(parts.hostname or self.path)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_GET  # noqa: N815 - BaseHTTPRequestHandler's names

    def _answer(self, request: Request) -> None:
        try:
            answer = ask(self.server.app, request)
        except Exception as error:  # a bug of the simulator
            self._write(Answer(500, "Internal Server Error", [("Content-Type", "text/plain")], f"{error!r}\n".encode()))
            raise
        headers, fault = header.split(answer.headers)
        fault = fault or header.NO_FAULT
        if fault.delay_s:
            self.server.clock.sleep(fault.delay_s)
        if fault.broken:
            self._reset()
        else:
            self._write(answer._replace(headers=headers), fault)

    def _reset(self) -> None:
        """Close the connection so that the caller sees a reset."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _write(self, answer: Answer, fault: TransportFault = header.NO_FAULT) -> None:
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.headers:
            if name.lower() != "content-length" or self.command == "HEAD":
                self.send_header(name, value)
        if self.command == "HEAD":
            self.end_headers()
            return
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        body = answer.body[: fault.cut_after]
        for drop in header.drops(body) if fault.dribble_s else [body]:
            if fault.dribble_s:
                self.server.clock.sleep(fault.dribble_s / header.DROPS)
            self.wfile.write(drop)
            self.wfile.flush()
        if len(body) < len(answer.body):
            self._reset()


def _forwarded(request: Request) -> Answer:
    """Return the answer of the host itself."""
    import requests

    session = requests.Session()
    session.trust_env = False  # the variables of this process may lead back to us
    found = session.request(
        request.method,
        request.url,
        headers=dict(request.headers),
        data=request.body,
        allow_redirects=False,
        timeout=600,
    )
    gone = {*_HOP_BY_HOP, "content-length", "content-encoding"}
    headers = [(name, value) for name, value in found.headers.items() if name.lower() not in gone]
    return Answer(found.status_code, found.reason, headers, found.content)


def _forward_bytes(one: socket.socket, other: socket.socket) -> None:
    """Send the bytes of each side to the other until one side ends."""
    to: dict[socket.socket, socket.socket] = {one: other, other: one}
    while True:
        for source in select.select([one, other], [], [])[0]:
            data = source.recv(_CHUNK)
            if not data:
                return
            to[source].sendall(data)
