"""Carries requests of this process straight to the app: no socket, and the program's `requests` unchanged.

Only the connection pool that `requests` asks for is replaced, and only for the service's hosts. While an interception
is active the real service cannot be reached from this process.

Which simulator answers: the innermost interception of the calling context; a thread has that of the code that
started it.
"""

from __future__ import annotations

import contextlib
import functools
import socket
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar

import requests
from requests import sessions, utils
from requests.adapters import HTTPAdapter

from .guard import RealServiceError, guarded_connect, guarded_lookup
from .requests_pool import pooled_connection, without_proxies
from .wsgi_call import HOSTS, Request, ask

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from types import TracebackType
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
    """

    _active: ClassVar[list[Interception]] = []
    _lock: ClassVar = threading.Lock()
    _undo: ClassVar = contextlib.ExitStack()

    def __init__(self, carry: Callable[[Request], Answer], clock: Clock, hosts: Collection[str] = HOSTS) -> None:
        self.carry = carry
        self.clock = clock
        self.hosts = frozenset(host.lower() for host in hosts)
        self.outer: Interception | None = None
        self.active = False

    def __enter__(self) -> Interception:
        if self.active:
            raise RuntimeError("this interception is active already; nested ones need an object each")
        self.outer, self.active = Interception.innermost(), True
        _current.set(self)
        with Interception._lock:
            Interception._active.append(self)
            if len(Interception._active) == 1:
                _patch(Interception._undo)
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
            raise requests.ConnectionError(RealServiceError(host))  # a thread that outlived its simulator
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


def _patch(undo: contextlib.ExitStack) -> None:
    """Replace the attributes that lead to the network; `undo` puts them back."""

    def replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        original, own = getattr(owner, name), name in vars(owner)
        setattr(owner, name, functools.wraps(original)(make(original)))
        undo.callback(setattr, owner, name, original) if own else undo.callback(delattr, owner, name)

    def pooled(original: Any) -> Any:
        return pooled_connection(original, Interception.answering)

    def starting(original: Any) -> Any:
        def start(self: threading.Thread) -> None:
            self._xrt_mock_interception = Interception.innermost()  # type: ignore[attr-defined]  # used in that thread
            original(self)

        return start

    def guarded(make: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
        return lambda original: make(original, Interception.is_simulated)

    replace(HTTPAdapter, "get_connection_with_tls_context", pooled)
    for module in (sessions, utils):
        replace(module, "get_environ_proxies", guarded(without_proxies))
    replace(threading.Thread, "start", starting)
    for name in ("connect", "connect_ex"):
        replace(socket.socket, name, guarded(guarded_connect))
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        replace(socket, name, guarded(guarded_lookup))
