"""Requests to the service go straight into the app: no socket, and the program's `requests` unchanged.

`requests` keeps its sessions, adapters, retries, redirects and errors; only the connection pool it asks for is ours
when the host is the service's. So what a program sees is what it would see over a socket. Retries and slow answers wait
on the simulator's clock. While an interception is active the real service cannot be reached from this process.

Which simulator answers: the innermost interception of the calling context; a thread has that of the code that
started it.
"""

from __future__ import annotations

import contextlib
import functools
import io
import socket
import sys
import threading
from contextvars import ContextVar
from http.client import HTTPMessage, RemoteDisconnected
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import requests
from requests import sessions, utils
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError, MaxRetryError, ProtocolError, ReadTimeoutError

from . import header
from .callsite import calling_line
from .wsgi_call import HOSTS, Request, ask

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from types import TracebackType
    from wsgiref.types import WSGIApplication

    from urllib3.util import Retry, Timeout

    from ..clocks.base import Clock
    from .wsgi_call import Answer


class RealServiceError(ConnectionError):
    """Something other than `requests` tried to reach the real service while it is simulated."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host} is simulated here and the real service is kept out of reach; "
            "calls made with requests are answered, other ways in need `xrt-mock run` or `xrt-mock proxy`"
        )


class Interception(contextlib.ContextDecorator):
    """While it is active, requests to `hosts` are carried by `carry`.

    A context manager and a decorator; it can be entered again after it has ended.

    Parameters
    ----------
    carry
        Takes a request and returns the answer.
    clock
        What slow answers and retries wait on.
    hosts
        Host names answered here, for http and https.
    """

    def __init__(self, carry: Callable[[Request], Answer], clock: Clock, hosts: Collection[str] = HOSTS) -> None:
        self.carry = carry
        self.clock = clock
        self.hosts = frozenset(host.lower() for host in hosts)
        self.outer: Interception | None = None
        self.active = False

    def __enter__(self) -> Interception:
        if self.active:
            raise RuntimeError("this interception is active already; nested ones need an object each")
        self.outer, self.active = _innermost(), True
        _current.set(self)
        _Patches.enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.active = False
        _current.set(self.outer)
        _Patches.leave(self)


def intercept(app: WSGIApplication, clock: Clock, hosts: Collection[str] = HOSTS) -> Interception:
    """Let a WSGI app answer requests to `hosts`, as context manager or decorator.

    Parameters
    ----------
    app
        What answers.
    clock
        Service time; slow answers and retries wait on it. If it has a method ``turn``, that is called before each
        exchange, so that callers who share the clock go in a fixed order.
    hosts
        Host names answered by the app, for http and https alike; all others are left alone.
    """
    turn = getattr(clock, "turn", None)
    if turn is None:
        return Interception(functools.partial(ask, app), clock, hosts)

    def carry(request: Request) -> Answer:
        turn()
        return ask(app, request)

    return Interception(carry, clock, hosts)


_current: ContextVar[Interception | None] = ContextVar("xrt_mock_interception", default=None)


def _innermost() -> Interception | None:
    found = _current.get() or getattr(threading.current_thread(), "_xrt_mock_interception", None)
    if found is None and _Patches.active:  # a thread that nobody within started, such as a pool made earlier
        found = _Patches.active[-1]
    return found


def _responsible(host: str) -> Interception | None:
    """Return the innermost interception that answers for `host`, or None if `host` is none of ours."""
    found = _innermost()
    while found is not None and host not in found.hosts:
        found = found.outer
    if found is not None and not found.active:
        raise requests.ConnectionError(RealServiceError(host))  # a thread that outlived its simulator
    return found


class _Pool:
    """What an HTTPAdapter asks for as its connection pool, and sends through."""

    proxy = None

    def __init__(self, interception: Interception, scheme: str, netloc: str) -> None:
        self._interception = interception
        self._origin = f"{scheme}://{netloc}"
        self.host = netloc

    def close(self) -> None:
        """Nothing to close."""

    def urlopen(
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        retries: Retry,
        timeout: Timeout,
        **_rest: Any,
    ) -> HTTPResponse:
        """Send, and send again as `retries` allows, by urllib3's rules."""
        target = url if "://" in url else self._origin + url
        request = Request(method, target, dict(headers or {}), _as_bytes(body), calling_line())
        while True:
            try:
                response = self._once(request, timeout)
            except HTTPError as error:
                retries = retries.increment(method, url, error=error, _stacktrace=sys.exc_info()[2])
                self._wait(retries.get_backoff_time())
                continue
            if not retries.is_retry(method, response.status, "Retry-After" in response.headers):
                return response
            try:
                retries = retries.increment(method, url, response=response)
            except MaxRetryError:
                if retries.raise_on_status:
                    raise
                return response
            wanted = retries.get_retry_after(response) if retries.respect_retry_after_header else None
            self._wait(wanted or retries.get_backoff_time())

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self._interception.clock.sleep(seconds)

    def _once(self, request: Request, timeout: Timeout) -> HTTPResponse:
        answer = self._interception.carry(request)
        headers, fault = header.split(answer.headers)
        if fault is None:
            return _response(request, answer, headers, answer.body)
        self._delay(request, fault.delay_s, timeout)
        match fault.broken:
            case "reset":
                raise ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer"))
            case "lost":
                cause = RemoteDisconnected("Remote end closed connection without response")
                raise ProtocolError("Connection aborted.", cause)
        for _ in header.drops(answer.body) if fault.dribble_s else ():
            self._delay(request, fault.dribble_s / header.DROPS, timeout)
        if fault.cut_after is not None and not any(name.lower() == "content-length" for name, _ in headers):
            headers.append(("Content-Length", str(len(answer.body))))
        return _response(request, answer, headers, answer.body[: fault.cut_after])

    def _delay(self, request: Request, seconds: float, timeout: Timeout) -> None:
        if not seconds:
            return
        timeout = timeout.clone()
        timeout.start_connect()
        patience = timeout.read_timeout
        if isinstance(patience, int | float) and seconds > patience:
            self._wait(patience)
            raise ReadTimeoutError(self, request.url, f"Read timed out. (read timeout={patience})")  # type: ignore[arg-type]  # a pool by shape
        self._wait(seconds)


def _as_bytes(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    chunks: Iterable[Any] = [body.read()] if hasattr(body, "read") else body
    return b"".join(_as_bytes(chunk) if isinstance(chunk, str) else bytes(chunk) for chunk in chunks)


def _response(request: Request, answer: Answer, headers: list[tuple[str, str]], body: bytes) -> HTTPResponse:
    response = HTTPResponse(
        body=io.BytesIO(b"" if request.method == "HEAD" else body),
        headers=headers,  # type: ignore[arg-type]  # pairs are taken, to keep repeated names apart
        status=answer.status,
        version=11,
        reason=answer.reason,
        preload_content=False,
        decode_content=False,
        request_method=request.method,
    )
    if "Set-Cookie" in response.headers:
        message = HTTPMessage()
        for name, value in headers:
            message.add_header(name, value)
        # requests reads cookies from the message that http.client would have kept
        response._original_response = SimpleNamespace(msg=message, close=lambda: None, isclosed=lambda: True)  # type: ignore[assignment]
    return response


class _Patches:
    """The few attributes replaced while any interception is active."""

    active: ClassVar[list[Interception]] = []
    _lock = threading.Lock()
    _undo = contextlib.ExitStack()

    @classmethod
    def enter(cls, interception: Interception) -> None:
        with cls._lock:
            cls.active.append(interception)
            if len(cls.active) == 1:
                cls._install()

    @classmethod
    def leave(cls, interception: Interception) -> None:
        with cls._lock:
            cls.active.remove(interception)
            if not cls.active:
                cls._undo.close()

    @classmethod
    def _install(cls) -> None:
        cls._replace(HTTPAdapter, "get_connection_with_tls_context", _connection)
        for module in (sessions, utils):
            cls._replace(module, "get_environ_proxies", _proxies)
        cls._replace(threading.Thread, "start", _start)
        cls._replace(socket.socket, "connect", _guarded_connect)
        cls._replace(socket.socket, "connect_ex", _guarded_connect)
        for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
            cls._replace(socket, name, _guarded_lookup)

    @classmethod
    def _replace(cls, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        original = getattr(owner, name)
        own = name in vars(owner)
        setattr(owner, name, functools.wraps(original)(make(original)))
        cls._undo.callback(setattr, owner, name, original) if own else cls._undo.callback(delattr, owner, name)


def _connection(original: Any) -> Any:
    def get_connection_with_tls_context(self: HTTPAdapter, request: Any, *args: Any, **kwargs: Any) -> Any:
        parts = urlsplit(request.url)
        interception = _responsible(parts.hostname or "") if parts.scheme in ("http", "https") else None
        if interception is None:
            return original(self, request, *args, **kwargs)
        return _Pool(interception, parts.scheme, parts.netloc)

    return get_connection_with_tls_context


def _proxies(original: Any) -> Any:
    def get_environ_proxies(url: str, *args: Any, **kwargs: Any) -> dict[str, str]:
        """Answer for our hosts that there are none: `requests` reads the whole environment twice for each call."""
        found: dict[str, str] = {} if _is_ours(urlsplit(url).hostname or "") else original(url, *args, **kwargs)
        return found

    return get_environ_proxies


def _start(original: Any) -> Any:
    def start(self: threading.Thread) -> None:
        self._xrt_mock_interception = _innermost()  # type: ignore[attr-defined]  # read by _innermost() in that thread
        original(self)

    return start


def _guarded_connect(original: Any) -> Any:
    def connect(self: socket.socket, address: Any) -> Any:
        if isinstance(address, tuple):
            _refuse_service(address[0])
        return original(self, address)

    return connect


def _guarded_lookup(original: Any) -> Any:
    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_service(host)
        return original(host, *args, **kwargs)

    return lookup


def _refuse_service(host: Any) -> None:
    name = host.decode("latin-1") if isinstance(host, bytes) else str(host)
    if _is_ours(name.lower().rstrip(".")):
        raise RealServiceError(name)


def _is_ours(host: str) -> bool:
    return any(host in interception.hosts for interception in _Patches.active)
