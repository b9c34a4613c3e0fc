"""Refuses what would leave this machine, and every way to the real service but the simulated one."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from ..transport.guard import RealServiceError, host_name

if TYPE_CHECKING:
    from collections.abc import Collection

_LOCAL_NAMES = {"", "localhost", "localhost.localdomain", "ip6-localhost", "0.0.0.0", "::"}  # noqa: S104 - this machine


class OutsideRefusedError(ConnectionError):
    """A program in a run tried to reach the network."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host} is outside this run: xrt-mock run lets nothing reach the network; --allow-net opens the way"
        )


def guard(simulated: Collection[str], open_net: bool) -> None:
    """Check each host that this process connects to, sends to or looks up, from now on until it ends.

    Parameters
    ----------
    simulated
        Host names that are simulated.
    open_net
        Whether other machines may be reached.
    """

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if not event.startswith("socket."):
            return
        match event:
            case "socket.connect" | "socket.sendto" | "socket.sendmsg":
                address = arguments[1]
                host = address[0] if isinstance(address, tuple) and address else None
            case "socket.getaddrinfo" | "socket.gethostbyname" | "socket.gethostbyaddr":
                host = arguments[0]
            case _:
                return
        if host is not None:
            check_host(host, simulated, open_net)

    sys.addaudithook(hook)


def check_host(host: str | bytes, simulated: Collection[str], open_net: bool) -> None:
    """Raise an error if a program of the run may not reach a host.

    Raises
    ------
    RealServiceError
        If the host is one of the `simulated` names.
    OutsideRefusedError
        If it is another machine and the net is not open.
    """
    name = host_name(host)
    if name in simulated:
        raise RealServiceError(name)
    if open_net or name in _LOCAL_NAMES:
        return
    import ipaddress  # noqa: PLC0415 - most programs need none of it

    try:
        local = ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        local = hasattr(os, "uname") and name == os.uname().nodename.lower()
    if not local:
        raise OutsideRefusedError(name)
