"""``xrt-mock serve``: one process, or several that share a listening socket and a database."""

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING, Any, NoReturn

from ..simulator import Simulator
from .server import answer_until_stopped, listen

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_IN_MEMORY = ("sqlite://", "sqlite:///:memory:")
_ANY = ("0.0.0.0", "::", "")  # noqa: S104 - recognised, not bound


class ServeError(ValueError):
    """Options that do not go together; the text says what to do."""


def serve(
    host: str, port: int, ready: Callable[[str], object], *, processes: int = 1, token: str | None, **options: Any
) -> None:
    """Answer on an address until interrupted or terminated; then write what is pending.

    Parameters
    ----------
    host, port
        Where to listen; port 0 takes a free one.
    ready
        Called with the server's address once it answers.
    processes
        How many processes answer.
    token
        What callers of the control interface must show; None is possible on loopback alone.
    options
        Further arguments of :class:`~mock_server.simulator.Simulator`.
    """
    if token is None and host not in _LOOPBACK:
        raise ServeError(
            f"on {host or 'every address'} others can reach the control interface: give --token (or XRT_MOCK_TOKEN), "
            "or listen on 127.0.0.1"
        )
    if processes > 1 and options.get("db", _IN_MEMORY[0]) in _IN_MEMORY:
        raise ServeError("several processes need a database they share, such as --db sqlite:///jobs.sqlite")
    try:
        listener = listen(host, port)
    except OSError as error:
        raise ServeError(f"cannot listen on {host}:{port}: {error.strerror}; try --port 0") from error
    address = f"http://{_told(host)}:{listener.getsockname()[1]}"
    options = {"token": token, "new_clock": "system", **options, "base_url": options.get("base_url") or address}
    with listener:
        if processes == 1:
            _answer(listener, options, lambda: ready(address), many=False)
        else:
            Simulator(**options).close()  # prepares the database, and says what is wrong while there is one process
            _answer_together(processes, listener, options, lambda: ready(address))


def _told(host: str) -> str:
    """Return the name by which callers find the server."""
    name = socket.gethostname() if host in _ANY else host
    return f"[{name}]" if ":" in name else name


def _interrupt(_signal: int, _frame: Any) -> NoReturn:
    raise KeyboardInterrupt


def _answer(listener: socket.socket, options: dict[str, Any], ready: Callable[[], object], *, many: bool) -> None:
    with Simulator(**options) as simulator:
        answer_until_stopped(simulator, listener, ready, one_of_many=many)


def _answer_together(
    processes: int, listener: socket.socket, options: dict[str, Any], ready: Callable[[], object]
) -> None:
    children = [_forked(listener, options) for _ in range(processes)]
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        ready()
        os.wait()  # none ends by itself
        raise ServeError("one of the processes ended; all are stopped")
    except KeyboardInterrupt:
        pass
    finally:
        for child in children:
            _end(child)


def _forked(listener: socket.socket, options: dict[str, Any]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        _answer(listener, options, lambda: None, many=True)
        code = 0
    finally:
        os._exit(code)


def _end(child: int) -> None:
    try:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
    except (ProcessLookupError, ChildProcessError):
        pass  # it has ended
