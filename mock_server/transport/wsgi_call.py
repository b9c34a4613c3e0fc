"""One HTTP exchange with a WSGI app, without a socket: the request as facts, the answer as facts.

Knows neither `requests` nor Flask. Whoever carries requests (in process, over the link of ``xrt-mock run``, by proxy)
asks through :func:`ask`.
"""

from __future__ import annotations

import io
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import WSGIApplication

WHERE = "xrt_mock.where"
"""Key of the WSGI environ: the line of the program that made the call, ``script.py:12``."""

COPY = "xrt_mock.copy"
"""Key of the WSGI environ: which copy of the program made the call, from 0; absent outside a run."""

HOSTS = ("www.swift.ac.uk",)
"""The host names of the real service."""

_PORTS = {"http": "80", "https": "443"}
_UNPREFIXED = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


class Request(NamedTuple):
    """A request as it would leave the caller's machine."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    where: str | None = None


class Answer(NamedTuple):
    """An answer as the app gave it; `headers` in its order, the private ones included."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes


def environ(request: Request) -> dict[str, Any]:
    """Return the WSGI environ of a request (PEP 3333), as a server on the service's own host would build it."""
    env: dict[str, Any] = {
        **_addressed(request.url),
        "REQUEST_METHOD": request.method,
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
    }
    for name, value in request.headers.items():
        env[_key_of(name)] = value
    env["CONTENT_LENGTH"] = str(len(request.body)) if request.body else ""
    if request.where:
        env[WHERE] = request.where
    return env


@lru_cache(maxsize=256)
def _key_of(header: str) -> str:
    lower = header.lower()
    return _UNPREFIXED.get(lower) or "HTTP_" + lower.replace("-", "_").upper()


@lru_cache(maxsize=256)
def _addressed(url: str) -> dict[str, Any]:
    """Return what is the same in all requests to an address; a program has few, and calls them often."""
    parts = urlsplit(url)
    return {
        "SCRIPT_NAME": "",
        "PATH_INFO": _wsgi_path(parts.path) or "/",
        "QUERY_STRING": parts.query,
        "REQUEST_URI": f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/",
        "SERVER_NAME": parts.hostname or "",
        "SERVER_PORT": str(parts.port) if parts.port else _PORTS.get(parts.scheme, "80"),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": parts.netloc.rpartition("@")[2],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }


def _wsgi_path(path: str) -> str:
    if "%" in path or not path.isascii():
        return unquote_to_bytes(path).decode("latin-1")  # PEP 3333: bytes in the guise of latin-1
    return path


def ask(app: WSGIApplication, request: Request, extra: Mapping[str, Any] | None = None) -> Answer:
    """Let the app answer. What it raises comes through: a bug is never an answer.

    Parameters
    ----------
    extra
        Further keys for the WSGI environ.
    """
    head: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if exc_info and head:
            raise exc_info[1]
        head[:] = [(status, headers)]
        return written.append

    written: list[bytes] = []
    env = environ(request)
    if extra:
        env.update(extra)
    body = _joined(app(env, start_response), written)
    status, headers = head[0]
    code, _, reason = status.partition(" ")
    return Answer(int(code), reason, list(headers), body)


def _joined(chunks: Iterable[bytes], written: list[bytes]) -> bytes:
    try:
        written.extend(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    return written[0] if len(written) == 1 else b"".join(written)
