"""Carries requests of this process straight to the app: no socket, and the program's HTTP library unchanged.

Only what connects is replaced, and only for the service's hosts: the pool of `requests`, the connections of
`http.client` (urllib, urllib3, pandas, astropy) and aiohttp, the transports of httpx; each library when it is imported.
While an interception is active the real service cannot be reached from this process.

Which simulator answers: the innermost interception of the calling context; a thread has that of the code that
started it.
"""

# ruff: noqa: PLC0415 - a program waits only for the libraries that it uses

from __future__ import annotations

import contextlib
import functools
import socket
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar

from .guard import RealServiceError, guarded_connect, guarded_lookup
from .imports import forget, when_imported
from .wsgi_call import HOSTS, Request, ask

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import ModuleType, TracebackType
    from wsgiref.types import WSGIApplication

    from ..clocks.base import Clock
    from .wsgi_call import Answer


class Interception(contextlib.ContextDecorator):
    """Carries requests to `hosts` with `carry` while it is active.

    A context manager and a decorator; it can be entered again after it has ended.

    Parameters
    ----------
    carry
        Takes a request and returns the answer.
    clock
        Slow answers and retries wait on it.
    hosts
        Host names answered here, for http and https.
    guarded
        Whether other ways to the hosts are refused; not if something else does it.
    """

    _active: ClassVar[list[Interception]] = []
    _lock: ClassVar = threading.Lock()
    _undo: ClassVar = contextlib.ExitStack()

    def __init__(
        self,
        carry: Callable[[Request], Answer],
        clock: Clock,
        hosts: Collection[str] = HOSTS,
        *,
        guarded: bool = True,
    ) -> None:
        self.carry, self._guarded = carry, guarded
        self.clock = clock
        self.hosts = frozenset(host.lower() for host in hosts)
        self.outer: Interception | None = None
        self.active = False

    @functools.cached_property
    def locate(self) -> Callable[[], str | None]:
        """What returns the line of the program that makes a call, while it makes it; it can be replaced."""
        from .callsite import calling_line

        return calling_line

    def __enter__(self) -> Interception:
        if self.active:
            raise RuntimeError("this interception is active already; nested ones need an object each")
        self.outer, self.active = Interception.innermost(), True
        _current.set(self)
        with Interception._lock:
            Interception._active.append(self)
            if len(Interception._active) == 1:
                _patch(Interception._undo, guarded=self._guarded)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.active = False
        _current.set(self.outer)
        with Interception._lock:
            Interception._active.remove(self)
            if not Interception._active:
                Interception._undo.close()

    @staticmethod
    def innermost() -> Interception | None:
        """Return the interception that the calling thread is in."""
        found = _current.get() or getattr(threading.current_thread(), "_xrt_mock_interception", None)
        if found is None and Interception._active:  # a thread from outside, such as one of a pool made earlier
            found = Interception._active[-1]
        return found

    @staticmethod
    def answering(host: str) -> Interception | None:
        """Return the innermost interception that answers for `host`, or None."""
        found = Interception.innermost()
        while found is not None and host not in found.hosts:
            found = found.outer
        if found is not None and not found.active:
            raise RealServiceError(host)  # a thread that outlived its simulator
        return found

    @staticmethod
    def is_simulated(host: str) -> bool:
        """Whether any active interception answers for `host`."""
        return any(host in interception.hosts for interception in Interception._active)


_current: ContextVar[Interception | None] = ContextVar("xrt_mock_interception", default=None)


def intercept(app: WSGIApplication, clock: Clock, hosts: Collection[str] = HOSTS) -> Interception:
    """Let a WSGI app answer requests to `hosts`, as context manager or decorator.

    Parameters
    ----------
    app
        The simulator's app.
    clock
        Simulated time; slow answers and retries wait on it. If it has a method ``turn``, that is called before each
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


def _patch(undo: contextlib.ExitStack, *, guarded: bool) -> None:
    """Replace the attributes that lead to the network; `undo` puts back those that are still ours."""

    def replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        original, own = getattr(owner, name), name in vars(owner)
        ours = functools.wraps(original)(make(original))
        setattr(owner, name, ours)

        def put_back() -> None:
            if vars(owner).get(name) is not ours:
                return  # another tool has replaced it since, and will put back what it found
            if own:
                setattr(owner, name, original)
            else:
                delattr(owner, name)

        undo.callback(put_back)

    def starting(original: Any) -> Any:
        def start(self: threading.Thread) -> None:
            self._xrt_mock_interception = Interception.innermost()  # type: ignore[attr-defined]  # used in that thread
            original(self)

        return start

    def refusing(make: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
        return lambda original: make(original, Interception.is_simulated)

    replace(threading.Thread, "start", starting)
    if guarded:
        for name in ("connect", "connect_ex"):
            replace(socket.socket, name, refusing(guarded_connect))
        for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
            if getattr(socket, name).__module__ != "pytest_socket":  # it refuses all, and takes back only its own
                replace(socket, name, refusing(guarded_lookup))
    for module, patch in _LIBRARIES.items():
        hook = functools.partial(patch, replace)
        when_imported(module, hook)
        undo.callback(forget, module, hook)


Replace = Callable[[Any, str, Callable[[Any], Any]], None]
"""Replaces an attribute of an owner by what a function makes of it."""


def _patch_requests(replace: Replace, adapters: ModuleType) -> None:
    from .requests_pool import pooled_connection

    name = "get_connection_with_tls_context"
    replace(adapters.HTTPAdapter, name, lambda original: pooled_connection(original, Interception.answering))


def _patch_proxies(replace: Replace, module: ModuleType) -> None:
    from .requests_pool import without_proxies

    replace(module, "get_environ_proxies", lambda original: without_proxies(original, Interception.is_simulated))


def _patch_connections(replace: Replace, module: ModuleType) -> None:
    from .http_client import in_process_connect

    for name, scheme in (("HTTPConnection", "http"), ("HTTPSConnection", "https")):
        connect = functools.partial(in_process_connect, answering=Interception.answering, scheme=scheme)
        replace(getattr(module, name), "connect", connect)


def _patch_urllib(replace: Replace, module: ModuleType) -> None:
    from .http_client import without_proxy

    replace(module, "proxy_bypass", lambda original: without_proxy(original, Interception.is_simulated))


def _patch_httpx(replace: Replace, module: ModuleType) -> None:
    from .httpx_transport import handle_async_request, handle_request

    replace(module.HTTPTransport, "handle_request", lambda original: handle_request(original, Interception.answering))
    name = "handle_async_request"
    replace(module.AsyncHTTPTransport, name, lambda original: handle_async_request(original, Interception.answering))


def _patch_aiohttp(replace: Replace, module: ModuleType) -> None:
    from .aiohttp_connection import create_connection

    name = "_create_connection"
    replace(module.TCPConnector, name, lambda original: create_connection(original, Interception.answering))


_LIBRARIES: dict[str, Callable[..., None]] = {
    "requests.adapters": _patch_requests,
    "requests.sessions": _patch_proxies,
    "requests.utils": _patch_proxies,
    "http.client": _patch_connections,
    "urllib3.connection": _patch_connections,
    "urllib.request": _patch_urllib,
    "httpx._transports.default": _patch_httpx,
    "aiohttp.connector": _patch_aiohttp,
}
"""What is replaced in which module, once it has been imported."""
