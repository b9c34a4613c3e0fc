"""What `xrt-mock run` loads into every Python program of a run, before its first line.

Requests to the service are answered by the run, the program lives in service time, and nothing reaches the network.
Kept light: a program pays for `requests` only if it uses it.
"""

# ruff: noqa: PLC0415 - what is imported when, is what this module is about

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

    from mock_server.clock import Number
    from mock_server.link import Link

LINK, KEY, PARTY = "XRT_MOCK_LINK", "XRT_MOCK_KEY", "XRT_MOCK_PARTY"
"""Environment of a program in a run: where the run listens, the key to it, and the program's place on the clock."""

_LOCAL_NAMES = {"", "localhost", "localhost.localdomain", "ip6-localhost", "0.0.0.0", "::"}  # noqa: S104 - this machine


class OutsideRefusedError(ConnectionError):
    """A program in a run tried to reach the network."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host} is outside this run: xrt-mock run lets nothing reach the network; --allow-net opens the way"
        )


def spell(number: Number) -> str:
    """Return a place on the clock as it stands in the environment, such as ``0.2``."""
    return ".".join(map(str, number))


def read(text: str) -> Number:
    """Read what :func:`spell` wrote."""
    return tuple(map(int, text.split(".")))


def install() -> None:
    """Make this process a program of the run that its environment names."""
    _import_time_machine()
    from mock_server.import_hooks import when_imported
    from mock_server.link import Link, clock_of
    from mock_server.virtual_time import VirtualTime

    link = Link(os.environ[LINK], bytes.fromhex(os.environ[KEY]), read(os.environ[PARTY]))
    clock = clock_of(link)
    life = VirtualTime(clock)
    life.__enter__()
    if link.welcome.number is not None:
        os.environ[PARTY] = spell(link.welcome.number)
        _follow_forks(link, life)

    def answer(_adapters: ModuleType) -> None:
        from mock_server.intercept import Interception

        Interception(link.ask, clock, link.welcome.hosts).__enter__()

    when_imported("requests.adapters", answer)
    _guard(link)


def _import_time_machine() -> None:
    """Import time_machine without pytest, which it would load for its fixture; unless this program is pytest."""
    if "pytest" in sys.modules or any("pytest" in word or "py.test" in word for word in sys.orig_argv):
        return
    sys.modules["pytest"] = None  # type: ignore[assignment]  # makes `import pytest` fail, as if it were not there
    try:
        import time_machine  # noqa: F401
    finally:
        del sys.modules["pytest"]


def _follow_forks(link: Link, life: Any) -> None:
    announced: list[Number] = []

    def before() -> None:
        if link.acting() is not None:
            announced.append(life.next_child())
            link.call("announce", announced[-1])

    def in_child() -> None:
        if announced:
            link.adopt(announced.pop())
            os.environ[PARTY] = spell(link.acting() or ())

    def in_parent() -> None:
        announced.clear()

    os.register_at_fork(before=before, after_in_child=in_child, after_in_parent=in_parent)


def _guard(link: Link) -> None:
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
            _check_host(host.decode("latin-1") if isinstance(host, bytes) else str(host), link)

    sys.addaudithook(hook)


def _check_host(host: str, link: Link) -> None:
    name = host.lower().rstrip(".")
    if name in link.welcome.hosts:
        from mock_server.intercept import RealServiceError

        raise RealServiceError(host)
    if not link.welcome.open_net and name not in _LOCAL_NAMES and not _is_this_machine(name):
        raise OutsideRefusedError(host)


def _is_this_machine(name: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return name == os.uname().nodename.lower() if hasattr(os, "uname") else False
