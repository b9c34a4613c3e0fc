"""``xrt-mock serve``: one process, or several that share a listening socket and a database."""

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING, Any

from ..core.errors import InputInvalid
from ..simulator import Simulator
from ..web.routes import flask_app
from .server import answer_until_stopped, listen

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_IN_MEMORY = ("sqlite://", "sqlite:///:memory:")
_EVERY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104 - recognised, not bound


class ServeError(InputInvalid):
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
        Number of worker processes; more than one need a database that they share.
    token
        Bearer token required by the control interface; None is accepted on loopback only.
    options
        Further arguments of :class:`~mock_server.simulator.Simulator`.

    Raises
    ------
    ServeError
        If the options do not go together, or the address cannot be listened on.
    """
    if token is None and host not in _LOOPBACK:
        raise ServeError(
            f"on {host or 'every address'} others can reach the control interface: give --token (or XRT_MOCK_TOKEN), "
            "or listen on 127.0.0.1"
        )
    if token is not None and not (token and token == token.strip()):
        raise ServeError(
            "--token is empty or has blanks around it: give a text, or leave it out to require no token on 127.0.0.1"
        )
    if processes > 1 and options.get("db", _IN_MEMORY[0]) in _IN_MEMORY:
        raise ServeError("several processes need a database they share, such as --db sqlite:///jobs.sqlite")
    try:
        listener = listen(host, port)
    except OSError as error:
        raise ServeError(f"cannot listen on {host}:{port}: {error.strerror}; try --port 0") from error
    name = socket.gethostname() if host in _EVERY_ADDRESS else host
    address = f"http://{f'[{name}]' if ':' in name else name}:{listener.getsockname()[1]}"
    options = {"token": token, "new_clock": "system", **options, "base_url": options.get("base_url") or address}
    with listener:
        if processes == 1:
            with Simulator(**options) as simulator:
                answer_until_stopped(simulator, listener, lambda: ready(address))
        else:
            Simulator(**options).close()  # reports an error of the options once, and prepares the database
            flask_app()  # loaded once for all processes
            _answer_together(processes, listener, options, lambda: ready(address))


def _answer_together(
    processes: int, listener: socket.socket, options: dict[str, Any], ready: Callable[[], object]
) -> None:
    """Let several processes answer until this one is interrupted or one of them ends."""
    watched, ours = os.pipe()  # closed when this process ends, however it ends: its children watch the other end
    children = [_fork(listener, options, watched, ours) for _ in range(processes)]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        ready()
        os.wait()  # no child ends unless something is wrong
        raise ServeError("one of the processes ended; all are stopped")
    except KeyboardInterrupt:
        pass
    finally:
        for child in children:
            try:
                os.kill(child, signal.SIGTERM)
                os.waitpid(child, 0)
            except (ProcessLookupError, ChildProcessError):
                pass  # it has ended
        os.close(watched)
        os.close(ours)


def _fork(listener: socket.socket, options: dict[str, Any], watched: int, of_the_parent: int) -> int:
    """Start a process that answers until the other end of the pipe `watched` is closed; return its number."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.close(of_the_parent)
        with Simulator(**options) as simulator:
            answer_until_stopped(simulator, listener, lambda: None, watched)
        code = 0
    finally:
        os._exit(code)
