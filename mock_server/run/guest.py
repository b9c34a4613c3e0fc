"""What `xrt-mock run` loads into every Python program of a run, before its first line.

Requests to the service are answered by the run, the program lives in service time, and nothing reaches the network.
Kept light: a program pays for `requests` only if it uses it.
"""

# ruff: noqa: PLC0415 - what is imported when, is what this module is about

from __future__ import annotations

import contextlib
import functools
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType

    from ..clocks.base import Number
    from .link import Link

LINK, KEY, PARTY = "XRT_MOCK_LINK", "XRT_MOCK_KEY", "XRT_MOCK_PARTY"
"""Environment of a program in a run: where the run listens, the key to it, and the program's place on the clock."""

_WAYS = {
    *("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY"),
    *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PERL_LWP_SSL_CA_FILE", "NODE_EXTRA_CA_CERTS"),
}
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
    if any("multiprocessing.resource_tracker" in word for word in sys.orig_argv):
        return  # a helper of Python's own, that neither asks nor sleeps
    _import_time_machine()
    from .link import Link, LinkedClock, clock_of
    from .patches.imports import when_imported
    from .patches.time import VirtualTime

    link = Link(os.environ[LINK], bytes.fromhex(os.environ[KEY]), read(os.environ[PARTY]))
    clock = clock_of(link)
    front, kernel = _runs_notebooks(sys.orig_argv), any("ipykernel" in word for word in sys.orig_argv[:3])
    if front and isinstance(clock, LinkedClock) and link.welcome.number is not None:
        clock.leave(link.welcome.number)  # it talks to kernels and has nothing to wait for: they hold their own places
    if not front:
        life = VirtualTime(clock, threads=not kernel)
        life.__enter__()
    if link.welcome.number is not None and not front:
        os.environ[PARTY] = spell(link.welcome.number)
        _follow_forks(link, life)
        _follow_children(link, life)

    def answer(_sessions: ModuleType) -> None:
        from ..transport.intercept import Interception

        Interception(link.ask, clock, link.welcome.hosts).__enter__()

    when_imported("requests.sessions", answer)
    _guard(link)


def _runs_notebooks(command: Sequence[str]) -> bool:
    """Whether a program executes notebooks: cells run in a kernel, a program of its own."""
    names = {os.path.basename(word) for word in command[:3]}
    return any(name.startswith("jupyter") or name in ("nbconvert", "papermill") for name in names)


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


def _follow_children(link: Link, life: Any) -> None:
    """Keep a place on the clock for each Python program that this one starts, so that time cannot pass it by."""
    from .patches.imports import when_imported

    places = _Places(link, life)
    when_imported("subprocess", places.follow_popen)
    when_imported("multiprocessing.popen_spawn_posix", places.follow_spawn)


class _Places:
    """Places for children, and the environment they need to take them."""

    def __init__(self, link: Link, life: Any) -> None:
        self._link, self._life = link, life
        self._ours = {name: os.environ[name] for name in os.environ if name.startswith("XRT_MOCK_") or name in _WAYS}
        self._start_up = os.environ["PYTHONPATH"].partition(os.pathsep)[0]

    def environment(self, given: Mapping[str, str] | None) -> dict[str, str]:
        """Return a child's environment, with what makes it a program of the run even if the parent left that out."""
        env = {**self._ours, **(os.environ if given is None else given)}
        path = env.get("PYTHONPATH", "")
        if self._start_up not in path.split(os.pathsep):
            env["PYTHONPATH"] = os.pathsep.join(filter(None, (self._start_up, path)))
        return env

    def start(self, start: Callable[[Number], int]) -> None:
        """Announce a child and start it; `start` is given its place and returns its pid."""
        number = self._life.next_child()
        self._link.call("announce", number)
        try:
            pid = start(number)
        except BaseException:
            self._link.call("leave", number)
            raise
        self._link.call("born", number, pid)

    def follow_popen(self, subprocess: Any) -> None:
        """Announce what `subprocess` starts, if it is Python."""
        original = subprocess.Popen.__init__

        @functools.wraps(original)
        def __init__(popen: Any, args: Any, *rest: Any, **kwargs: Any) -> None:  # noqa: N807
            env = kwargs["env"] = self.environment(kwargs.get("env"))

            def start(number: Number) -> int:
                env[PARTY] = spell(number)
                original(popen, args, *rest, **kwargs)
                return int(popen.pid)

            if self._link.acting() is not None and _is_python(args, kwargs):
                self.start(start)
            else:
                original(popen, args, *rest, **kwargs)

        subprocess.Popen.__init__ = __init__

    def follow_spawn(self, popen_spawn: Any) -> None:
        """Announce what `multiprocessing` starts anew."""
        original = popen_spawn.Popen._launch

        def _launch(popen: Any, process: Any) -> None:
            mine = os.environ[PARTY]

            def start(number: Number) -> int:
                os.environ[PARTY] = spell(number)
                original(popen, process)
                return int(popen.pid)

            try:
                self.start(start)
            finally:
                os.environ[PARTY] = mine

        popen_spawn.Popen._launch = _launch


def _is_python(args: Any, options: Mapping[str, Any]) -> bool:
    """Whether a child is a Python program, by its name or by the first line of its script."""
    if options.get("shell") or isinstance(args, str | bytes | os.PathLike):
        return False
    import shutil

    command = os.fsdecode(options.get("executable") or next(iter(args), ""))
    found = shutil.which(command)
    if found is None or os.path.basename(command).lower().startswith("python"):
        return found is not None
    with contextlib.suppress(OSError), open(found, "rb") as file:
        first = file.readline(200)
        return first.startswith(b"#!") and b"python" in first
    return False


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
        from ..transport.intercept import RealServiceError

        raise RealServiceError(host)
    if not link.welcome.open_net and name not in _LOCAL_NAMES and not _is_this_machine(name):
        raise OutsideRefusedError(host)


def _is_this_machine(name: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return name == os.uname().nodename.lower() if hasattr(os, "uname") else False
