"""Refuses what would leave this machine, and every way to the real service but the simulated one."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, Any

from ..transport.guard import RealServiceError, host_name

if TYPE_CHECKING:
    from collections.abc import Collection

_LOCAL_NAMES = {"", "localhost", "localhost.localdomain", "ip6-localhost", "0.0.0.0", "::"}  # noqa: S104 - this machine

_TO_ADDRESSES = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_OF_NAMES = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}


class OutsideRefusedError(ConnectionError):
    """A program in a run tried to reach the network."""

    def __init__(self, host: str) -> None:
        super().__init__(
            errno.EACCES,
            f"{host} is outside this run: a Python program of xrt-mock run reaches no other host; "
            "--allow-net opens the way",
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
        if event in _TO_ADDRESSES:
            address = arguments[1]
            host = address[0] if isinstance(address, tuple) and address else None
        elif event in _OF_NAMES:
            host = arguments[0]
        else:
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
        raise RealServiceError(name, in_run=True)
    if open_net or name in _LOCAL_NAMES:
        return
    # no module is imported here: the program may be importing
    numbers = name.removeprefix("::ffff:").split(".")
    loopback = name.partition("%")[0] in ("::1", "0:0:0:0:0:0:0:1") or (
        len(numbers) == 4 and numbers[0] == "127" and all(number.isdecimal() for number in numbers)
    )
    if not (loopback or (hasattr(os, "uname") and name == os.uname().nodename.lower())):
        raise OutsideRefusedError(name)
