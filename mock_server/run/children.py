"""Child processes of a program: each Python child joins the clock before it starts, so that time cannot pass it by."""

from __future__ import annotations

import contextlib
import functools
import os
from typing import TYPE_CHECKING, Any

from ..transport.imports import when_imported
from .environment import PARTICIPANT, format_participant
from .watchdog import warn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..clocks.base import ParticipantId
    from .link import Link
    from .patches.time import SimulatedTime

_OPTIONS = "bBc:dEhiIm:OPqsSuvVW:xX:?"  # of Python
_PROXY_VARIABLES = {
    *("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY"),
    *("WGETRC", "NODE_USE_ENV_PROXY", "PERL_LWP_ENV_PROXY"),
    *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PERL_LWP_SSL_CA_FILE", "NODE_EXTRA_CA_CERTS"),
}


def follow_children(link: Link, simulated: SimulatedTime) -> Children:
    """Let every Python child that this process starts from now on take part in the run."""
    children = Children(link, simulated)
    os.register_at_fork(
        before=children.before_fork, after_in_child=children.in_forked_child, after_in_parent=children.forked.clear
    )
    when_imported("subprocess", children.follow_popen)
    when_imported("multiprocessing.popen_spawn_posix", children.follow_spawn)
    return children


class Children:
    """The children of this process: each is announced to the run, and finds it by its environment."""

    def __init__(self, link: Link, simulated: SimulatedTime) -> None:
        self._link, self._simulated = link, simulated
        self._variables = _variables_of_the_run()
        self._hook_folder = os.environ["PYTHONPATH"].partition(os.pathsep)[0]
        self.forked: list[ParticipantId] = []
        self._strangers: set[str] = set()

    def forget(self) -> None:
        """Begin anew in another run: no child has been started, and the variables are those of this moment."""
        self._variables = _variables_of_the_run()
        self._simulated.begin_anew()

    def before_fork(self) -> None:
        if self._link.current() is not None:
            self.forked.append(self._simulated.next_child())
            self._link.call("announce", self.forked[-1])

    def in_forked_child(self) -> None:
        if self.forked:
            self._link.reconnect_as(self.forked.pop())
            os.environ[PARTICIPANT] = format_participant(self._link.current() or ())

    def environment(self, given: Mapping[str, str] | None) -> dict[str, str]:
        """Return a child's environment, with the variables of the run even if the parent left them out."""
        env = {**self._variables, **(os.environ if given is None else given)}
        path = env.get("PYTHONPATH", "")
        if self._hook_folder not in path.split(os.pathsep):
            env["PYTHONPATH"] = os.pathsep.join(filter(None, (self._hook_folder, path)))
        return env

    def start(self, start: Callable[[ParticipantId], int]) -> None:
        """Announce a child and start it; `start` takes its id on the clock and returns its pid."""
        child = self._simulated.next_child()
        self._link.call("announce", child)
        try:
            pid = start(child)
        except BaseException:
            self._link.call("leave", child)
            raise
        self._link.call("started", child, pid)

    def follow_popen(self, subprocess: Any) -> None:
        original = subprocess.Popen.__init__

        @functools.wraps(original)
        def __init__(popen: Any, args: Any, *rest: Any, **kwargs: Any) -> None:  # noqa: N807
            env = kwargs["env"] = self.environment(kwargs.get("env"))

            def start(child: ParticipantId) -> int:
                env[PARTICIPANT] = format_participant(child)
                original(popen, args, *rest, **kwargs)
                return int(popen.pid)

            if self._link.current() is not None and is_python(args, kwargs):
                if option := option_without_hook(args):
                    if option not in self._strangers:  # it is said once
                        self._strangers.add(option)
                        warn(
                            f"a child with `python {option}` takes no part in this run: it runs in real time, and "
                            f"nothing keeps it from the network; leave out {option}, or use --isolate"
                        )
                    original(popen, args, *rest, **kwargs)
                else:
                    self.start(start)
            else:
                original(popen, args, *rest, **kwargs)
                if self._link.current() is not None:
                    self._link.call("started_stranger", popen.pid)

        subprocess.Popen.__init__ = __init__

    def follow_spawn(self, popen_spawn: Any) -> None:
        original = popen_spawn.Popen._launch

        def _launch(popen: Any, process: Any) -> None:
            parent = os.environ[PARTICIPANT]

            def start(child: ParticipantId) -> int:
                os.environ[PARTICIPANT] = format_participant(child)
                original(popen, process)
                return int(popen.pid)

            try:
                self.start(start)
            finally:
                os.environ[PARTICIPANT] = parent

        popen_spawn.Popen._launch = _launch


def _variables_of_the_run() -> dict[str, str]:
    return {n: value for n, value in os.environ.items() if n.startswith("XRT_MOCK_") or n in _PROXY_VARIABLES}


def option_without_hook(args: Sequence[Any]) -> str | None:
    """Return the option of a Python command with which it does not load the run's hook: -I, -E or -S; else None."""
    import getopt  # noqa: PLC0415 - most programs start no other

    try:
        options, _ = getopt.getopt([os.fsdecode(word) for word in args[1:]], _OPTIONS, ["check-hash-based-pycs="])
    except getopt.GetoptError:
        return None
    for option, _value in options:
        if option in ("-c", "-m"):  # what follows is the program's
            return None
        if option in ("-I", "-E", "-S"):
            return option
    return None


def is_python(args: Any, options: Mapping[str, Any]) -> bool:
    """Whether the arguments of `Popen` start a Python program, by its name or by the first line of its script."""
    if options.get("shell") or isinstance(args, str | bytes | os.PathLike):
        return False
    import shutil  # noqa: PLC0415 - most programs start no other

    command = os.fsdecode(options.get("executable") or next(iter(args), ""))
    found = shutil.which(command)
    if found is None or os.path.basename(command).lower().startswith("python"):
        return found is not None
    with contextlib.suppress(OSError), open(found, "rb") as file:
        first_line = file.readline(200)
        return first_line.startswith(b"#!") and b"python" in first_line
    return False
