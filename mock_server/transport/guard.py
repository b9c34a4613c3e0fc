"""Keeps the real service out of reach while it is simulated. Knows sockets, and no HTTP library."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable


class RealServiceError(ConnectionRefusedError):
    """A program tried to connect to the real service while it is simulated, by a way that is not answered.

    Parameters
    ----------
    host
        The host's name.
    in_run
        Whether the program is in a run of ``xrt-mock run``.
    """

    def __init__(self, host: str, *, in_run: bool = False) -> None:
        ways = "requests, urllib, urllib3, httpx and aiohttp are answered"
        more = "; so is a program that uses the proxy of HTTPS_PROXY" if in_run else ", or start it with `xrt-mock run`"
        super().__init__(
            errno.ECONNREFUSED, f"{host} is simulated here, and the real service cannot be reached: {ways}{more}"
        )


def host_name(host: str | bytes) -> str:
    """Return a host as names are compared: text in lower case, without the final dot."""
    return (host.decode("latin-1") if isinstance(host, bytes) else str(host)).lower().rstrip(".")


def guarded_connect(original: Any, is_simulated: Callable[[str], bool]) -> Any:
    """Return what `socket.connect` is replaced by: it refuses addresses of simulated hosts."""

    def connect(self: socket.socket, address: Any) -> Any:
        if isinstance(address, tuple) and is_simulated(host_name(address[0])):
            raise RealServiceError(host_name(address[0]))
        return original(self, address)

    return connect


def guarded_lookup(original: Any, is_simulated: Callable[[str], bool]) -> Any:
    """Return what `socket.getaddrinfo` is replaced by: it refuses to look up simulated hosts."""

    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        if is_simulated(host_name(host)):
            raise RealServiceError(host_name(host))
        return original(host, *args, **kwargs)

    return lookup
