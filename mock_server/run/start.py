"""An unmodified program in service time: `xrt-mock run`.

The simulator lives in this process; the program and its children are started with a start-up hook (``sitecustomize``)
that makes them guests. Nothing of a run is left behind: what is still alive when the program ends is ended.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..transport.proxy import Proxy
from ..transport.wsgi_call import HOSTS
from . import affinity
from .guest import KEY, LINK, PARTY, spell
from .link_server import LinkServer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from ..clocks.base import Clock, Number

NOT_FOUND, NOT_EXECUTABLE, CANNOT_TAKE_PART = 127, 126, 125
"""Exit codes, as shells and `env` have them: no such command; it cannot be executed; a Python lacks what it needs."""

_PATIENCE_S = 2.0  # real time that leftovers have to end by themselves
_START_UP = f"""\
# loaded by xrt-mock run into every Python program of the run
import os, sys
sys.path[:] = [path for path in sys.path if path != os.path.dirname(os.path.abspath(__file__))]
try:
    from mock_server.run.guest import install
    install()
except BaseException:  # going on unprepared would let the program reach the real service
    sys.stderr.write("xrt-mock: %s cannot take part in this run: %r\\n" % (sys.executable, sys.exc_info()[1]))
    if isinstance(sys.exc_info()[1], (ImportError, SyntaxError)):
        sys.stderr.write('This mends it: %s -m pip install "xrt-mock[server]"\\n' % sys.executable)
    sys.stderr.flush()
    os._exit({CANNOT_TAKE_PART})
import importlib.machinery, importlib.util
_spec = importlib.machinery.PathFinder.find_spec("sitecustomize")
if _spec is not None:
    _module = importlib.util.module_from_spec(_spec)
    sys.modules["sitecustomize"] = _module
    _spec.loader.exec_module(_module)
"""


class Arriving:
    """A simulator that is still being made: who asks before its app is there waits for it.

    Parameters
    ----------
    clock
        Service time, which is there from the beginning.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._app: WSGIApplication | None = None
        self._there = threading.Event()

    def arrive(self, app: WSGIApplication) -> None:
        """Answer with this app from now on."""
        self._app = app
        self._there.set()

    def app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        while self._app is None:
            self._there.wait()
        return self._app(environ, start_response)


def run(
    simulator: Any,
    command: Sequence[str],
    *,
    copies: int = 1,
    allow_net: bool = False,
    env: Mapping[str, str] | None = None,
) -> int:
    """Run a program against a simulator and return its exit code.

    Parameters
    ----------
    simulator
        Whatever has an `app` (WSGI) and a `clock`.
    command
        The program and its arguments.
    copies
        How many of them share the clock. Each has its place in the order of calls.
    allow_net
        Whether programs may reach hosts other than the service's; never the service itself.
    env
        The program's environment; default: this process's.

    Returns
    -------
    int
        The program's exit code; 128 + n if signal n ended it; that of the first copy that failed if there are several.
    """
    with running(simulator, command, copies=copies, allow_net=allow_net, env=env) as programs:
        return programs.wait()


@contextlib.contextmanager
def running(
    simulator: Any,
    command: Sequence[str],
    *,
    copies: int = 1,
    allow_net: bool = False,
    env: Mapping[str, str] | None = None,
) -> Iterator[_Programs]:
    """Start a program against a simulator; within, it runs, and what is left of it afterwards is ended.

    The parameters are those of :func:`run`; what is given has a method `wait` that returns the exit code.
    """
    numbers: list[Number] = [(n,) for n in range(copies)]
    together = affinity.current() if copies == 1 else None
    server = LinkServer(simulator.app, simulator.clock, HOSTS, open_net=allow_net, processor=together)
    with contextlib.ExitStack() as within:
        within.callback(server.close)
        folder = Path(within.enter_context(tempfile.TemporaryDirectory(prefix="xrt-mock-")))
        proxy = within.enter_context(Proxy(simulator.app, simulator.clock, open_net=allow_net))
        base = _environment(os.environ if env is None else env, folder, server) | proxy.environment(folder)
        for number in numbers:
            server.expect(number)
        programs = _Programs(server, command, base, numbers)
        try:
            yield programs
        finally:
            programs.end()


def _environment(env: Mapping[str, str], folder: Path, server: LinkServer) -> dict[str, str]:
    """Return the environment in which programs find the run, its start-up hook, and its idea of ``sleep``."""
    folder.joinpath("sitecustomize.py").write_text(_START_UP)
    commands = folder / "bin"
    commands.mkdir()
    commands.joinpath("sleep").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mock_server.run.sleep_command "$@"\n')
    commands.joinpath("sleep").chmod(0o755)
    return {
        "PYTHONHASHSEED": "0",  # sets in one order, unless the user wants otherwise
        **env,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(folder), env.get("PYTHONPATH")))),
        "PATH": os.pathsep.join(filter(None, (str(commands), env.get("PATH", os.defpath)))),
        LINK: str(server.address),
        KEY: server.key.hex(),
    }


class _Programs:
    """The started copies, and whom they leave behind."""

    def __init__(
        self, server: LinkServer, command: Sequence[str], env: Mapping[str, str], numbers: Sequence[Number]
    ) -> None:
        self._server = server
        # a group of their own lets us find leftovers; at a terminal they stay in its foreground group, to read from it
        self._own_group = os.name == "posix" and not (sys.stdin is not None and sys.stdin.isatty())
        self._processes: list[subprocess.Popen[bytes]] = []
        self._copies = len(numbers)
        self._codes: dict[Number, int] = {}
        self._ended: queue.SimpleQueue[Number] = queue.SimpleQueue()
        for number in numbers:
            self._start(command, {**env, PARTY: spell(number)}, number, len(numbers) > 1)

    def _start(self, command: Sequence[str], env: Mapping[str, str], number: Number, one_of_many: bool) -> None:
        try:
            process = subprocess.Popen(  # noqa: S603 - running the user's command is what we are for
                list(command),
                env=env,
                stdin=subprocess.DEVNULL if one_of_many else None,
                process_group=0 if self._own_group else None,
            )
        except OSError as error:
            sys.stderr.write(f"xrt-mock: cannot run {command[0]}: {error.strerror}\n")
            self._codes[number] = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
            self._server.ended(number)
            return
        self._processes.append(process)
        threading.Thread(target=self._watch, args=(process, number), daemon=True).start()

    def _watch(self, process: subprocess.Popen[bytes], number: Number) -> None:
        code = process.wait()
        self._codes[number] = code if code >= 0 else 128 - code
        self._server.ended(number)
        self._ended.put(number)

    def wait(self) -> int:
        """Return the exit code of all when all have ended; pass signals on meanwhile."""
        with self._passing_on(signal.SIGTERM):
            while len(self._codes) < self._copies:
                try:
                    self._ended.get()
                except KeyboardInterrupt:
                    if self._own_group:  # otherwise the terminal has told them too
                        self._tell(signal.SIGINT)
        return next((self._codes[number] for number in sorted(self._codes) if self._codes[number]), 0)

    @contextlib.contextmanager
    def _passing_on(self, number: signal.Signals) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread may handle signals
            return
        before = signal.signal(number, lambda *_: self._tell(number))
        try:
            yield
        finally:
            signal.signal(number, before)

    def _tell(self, number: signal.Signals) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(number)

    def end(self) -> None:
        """End what is left: the programs, and children they left behind."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in self._server.pids() - {os.getpid()}:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            for process in self._processes if self._own_group else ():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, number)
            self._tell(number)
            until = time.monotonic() + _PATIENCE_S
            while self._server.pids() and time.monotonic() < until:
                time.sleep(0.01)
