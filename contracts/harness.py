"""Backends, so that one suite tests a WSGI app or a server at a URL. Nothing here depends on the service.

>>> from contracts.harness import backend
>>> service = backend(app)                       # a WSGI app, in process
>>> service = backend("http://127.0.0.1:8808")   # or a server, over HTTP
>>> service.call("POST", "/user_objects/getNumJobs.php", {"UserID": "me@example.org"}).body
{'OK': 1, 'numJobs': 0, 'APIVersion': '1.12'}
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import requests
from werkzeug.test import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and its answer, as sent on the wire.

    Parameters
    ----------
    method, path
        In capitals; without query.
    request
        Decoded JSON where the body is JSON, else the text.
    status
        HTTP status code.
    label
        Media type of the answer, without parameters.
    body
        Decoded JSON where the answer is a JSON object or list, else the text; bytes where it is not labelled as text.
    content
        Body of the answer.
    query
        Of the request.
    headers
        Of the answer, names in lower case.
    request_is_json
        Whether the body of the request could be decoded.
    """

    method: str
    path: str
    request: Any
    status: int
    label: str
    body: Any
    content: bytes = field(repr=False)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    request_is_json: bool = True

    def __str__(self) -> str:
        request = json.dumps(self.request, default=repr)
        return f"{self.method} {self.path} {_short(request)} -> {self.status} {_short(repr(self.body))}"


class Backend(Protocol):
    """Server that answers calls."""

    def call(
        self, method: str, path: str, body: Any = None, *, label: str = JSON, query: Mapping[str, str] | None = None
    ) -> Exchange:
        """Send one call: a dictionary or list as JSON text under any `label`, text and bytes as they are."""
        ...


class WsgiBackend:
    """A WSGI app, called in process."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self._client = Client(app)

    def call(
        self, method: str, path: str, body: Any = None, *, label: str = JSON, query: Mapping[str, str] | None = None
    ) -> Exchange:
        """Send one call."""
        data = encoded(body)
        answer = self._client.open(
            path, method=method, data=data, content_type=label if data else None, query_string=dict(query or {})
        )
        content = answer.get_data()
        answer.close()
        return exchange(method, path, data, answer.status_code, dict(answer.headers), content, query)


class HttpBackend:
    """A server at a base URL.

    Parameters
    ----------
    base_url
        Without trailing slash.
    timeout_s
        Longest wait for an answer [s]. Then :class:`OSError` is raised, as it is without a connection.
    before
        Called before each request, for example to limit their rate.
    """

    def __init__(self, base_url: str, timeout_s: float = 30.0, before: Callable[[], None] | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._before = before
        self._session = requests.Session()
        host = urlsplit(base_url).hostname or ""
        if host in ("localhost", "::1") or host.startswith("127."):
            self._session.trust_env = False  # this machine is never behind a proxy

    def call(
        self, method: str, path: str, body: Any = None, *, label: str = JSON, query: Mapping[str, str] | None = None
    ) -> Exchange:
        """Send one call."""
        if self._before is not None:
            self._before()
        data = encoded(body)
        answer = self._session.request(
            method,
            self.base_url + path,
            data=data,
            headers={"Content-Type": label} if data else {},
            params=dict(query or {}),
            timeout=self._timeout_s,
        )
        return exchange(method, path, data, answer.status_code, dict(answer.headers), answer.content, query)


class Watched:
    """Backend that passes each exchange to a function.

    Parameters
    ----------
    inner
        The backend that answers.
    watcher
        Called with each exchange.
    """

    def __init__(self, inner: Backend, watcher: Callable[[Exchange], object]) -> None:
        self.inner = inner
        self._watcher = watcher

    def call(
        self, method: str, path: str, body: Any = None, *, label: str = JSON, query: Mapping[str, str] | None = None
    ) -> Exchange:
        """Send one call and pass the exchange to the watcher."""
        made = self.inner.call(method, path, body, label=label, query=query)
        self._watcher(made)
        return made


def backend(target: Any) -> Backend:
    """Return the backend for a URL, a WSGI app, or the text ``module:name`` of one (called if it is a factory)."""
    if not isinstance(target, str):
        return WsgiBackend(target)
    if target.startswith(("http://", "https://")):
        return HttpBackend(target)
    module, _, name = target.partition(":")
    if not name:
        raise ValueError(f"{target!r} is neither a URL nor of the form module:name")
    found = getattr(import_module(module), name)
    return WsgiBackend(found() if isinstance(found, type) or not hasattr(found, "wsgi_app") else found)


def encoded(body: Any) -> bytes:
    """Return the bytes of a body: JSON text for anything but text and bytes."""
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def decoded(data: bytes) -> tuple[Any, bool]:
    """Return the body of a request, and whether it is JSON; if not, it is the text."""
    try:
        return json.loads(data), True
    except (ValueError, RecursionError):
        return data.decode("utf-8", errors="replace"), False


def exchange(
    method: str,
    path: str,
    data: bytes,
    status: int,
    headers: Mapping[str, str],
    content: bytes,
    query: Mapping[str, str] | None = None,
) -> Exchange:
    """Return an exchange, its bodies decoded."""
    lowered = {name.lower(): value for name, value in headers.items()}
    label = lowered.get("content-type", "").split(";")[0].strip().lower()
    request, is_json = decoded(data)
    return Exchange(
        method=method.upper(),
        path=path,
        request=request,
        status=status,
        label=label,
        body=answer_of(content, label),
        content=content,
        query=dict(query or {}),
        headers=lowered,
        request_is_json=is_json,
    )


def exchange_of(request: requests.PreparedRequest, status: int, headers: Mapping[str, str], content: bytes) -> Exchange:
    """Return the exchange of a request that `requests` sent, and its answer."""
    data = request.body or b""
    path, query = split_url(request.url or "")
    sent = data.encode() if isinstance(data, str) else bytes(data)
    return exchange(request.method or "", path, sent, status, headers, content, query)


def answer_of(content: bytes, label: str) -> Any:
    """Decode an answer as a client does: JSON under any label of text, else the text; bytes under other labels."""
    is_json = label == JSON or label.endswith("+json")
    if not label.startswith("text/") and label != "application/javascript" and not is_json:
        return content
    text = content.decode("utf-8", errors="replace")
    if text.lstrip()[:1] in {"{", "["} or is_json:
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def path_of(url: str) -> str:
    """Return the path of an address inside an answer."""
    return urlsplit(url).path


def split_url(url: str) -> tuple[str, dict[str, str]]:
    """Return path and query of an address."""
    parts = urlsplit(url)
    return parts.path, dict(parse_qsl(parts.query))


def first_lines(items: Iterable[object], most: int = 20) -> str:
    """Return a list as text, cut after `most` lines."""
    lines = [f"- {item}" for item in items]
    return "\n".join(lines[:most] + ([f"- and {len(lines) - most} more"] if len(lines) > most else []))


def _short(text: str, most: int = 160) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
