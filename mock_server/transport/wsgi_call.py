"""One HTTP exchange with a WSGI app, without a socket: the request as facts, the answer as facts.

Knows neither `requests` nor Flask. Everything that carries requests to the simulator (in process, over the link of
``xrt-mock run``, by proxy) does it through :func:`ask`.
"""

from __future__ import annotations

import io
import pickle
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex
from urllib.parse import unquote_to_bytes, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from wsgiref.types import WSGIApplication

WHERE = "xrt_mock.where"
"""Key of the WSGI environ: the line of the program that made the call, ``script.py:12``."""

COPY = "xrt_mock.copy"
"""Key of the WSGI environ: number of the program's copy that made the call, from 0; absent outside a run."""

HOSTS = ("www.swift.ac.uk",)
"""The host names of the real service."""


_LARGE = 2**20


class Request(NamedTuple):
    """A request as it would leave the caller's machine."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    where: str | None = None


class Answer(NamedTuple):
    """An answer as the app gave it; `headers` in its order, including the private ones."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        """Pickle a large body beside the rest, so that no copy of it is made on the way to another process."""
        is_large = len(self.body) >= _LARGE and protocol.__index__() >= pickle.HIGHEST_PROTOCOL
        body = pickle.PickleBuffer(self.body) if is_large else self.body
        return Answer, (self.status, self.reason, self.headers, body)


def environ(request: Request) -> dict[str, Any]:
    """Return the WSGI environ of a request (PEP 3333), as a server on the service's own host would build it."""
    parts = urlsplit(request.url)
    path = parts.path or "/"
    escaped = "%" in path or not path.isascii()
    env: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1") if escaped else path,  # PEP 3333: bytes as latin-1
        "QUERY_STRING": parts.query,
        "REQUEST_URI": f"{path}?{parts.query}" if parts.query else path,
        "SERVER_NAME": parts.hostname or "",
        "SERVER_PORT": str(parts.port or (443 if parts.scheme == "https" else 80)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": parts.netloc.rpartition("@")[2],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        env[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    env.pop("HTTP_CONTENT_LENGTH", None)
    env["CONTENT_LENGTH"] = str(len(request.body)) if request.body else ""
    if request.where:
        env[WHERE] = request.where
    return env


def ask(app: WSGIApplication, request: Request, extra: Mapping[str, Any] | None = None) -> Answer:
    """Return the app's answer to a request; an exception of the app is raised here.

    Parameters
    ----------
    extra
        Further keys for the WSGI environ.
    """
    started: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if exc_info and started:
            raise exc_info[1]
        started[:] = [(status, headers)]
        return written.append

    chunks = app({**environ(request), **(extra or {})}, start_response)
    try:
        written.extend(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    status, headers = started[0]
    code, _, reason = status.partition(" ")
    return Answer(int(code), reason, list(headers), b"".join(written))
