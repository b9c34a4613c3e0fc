"""Runs an unmodified program in simulated time: `xrt-mock run`.

The simulator lives in this process; the program and its children are started with a start-up hook (``sitecustomize``)
that lets them take part. A run leaves nothing behind: processes that are alive when the program ends are ended, also
if the run itself is killed (`guardian`).
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
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..clocks.virtual import VirtualClock
from ..transport.certificates import kept_certificates
from ..transport.proxy import Proxy
from ..transport.wsgi_call import HOSTS
from . import affinity
from .children import is_python
from .environment import PARTICIPANT, format_participant, prepare
from .guardian import guarding
from .link_server import LinkServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from ..clocks.base import Clock
    from .guardian import Guardian
    from .link_server import Primary

    News = int | Callable[[], None] | None
    """Number of a copy that has ended, what there is to do, or None: a copy is about to call."""

NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""Exit codes of shells: there is no such command; it cannot be executed."""

GRACE_S = 2.0
"""Real time that processes which are left have to end when they are asked to."""


class PendingSimulator:
    """A simulator whose app is loaded when a program is about to call: many programs never do.

    Parameters
    ----------
    clock
        Simulated time, which is there from the beginning.
    load
        Returns the app.
    begun
        Whether the time of the clock is that of the beginning; else :meth:`begin` sets it, and Python programs wait for
        that before their first line.
    prepare
        Called, by the thread that waits, when the only program is about to end: that takes Python a while.

    Attributes
    ----------
    wanted
        Called when a program is about to call. It sees to it that :meth:`load` is called, soon and once.
    primary
        Hands out the facts of the loaded simulator to programs that read often; None: nothing does.
    """

    def __init__(
        self,
        clock: Clock,
        load: Callable[[], WSGIApplication],
        *,
        begun: bool = True,
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        self.clock, self._load, self.prepare = clock, load, prepare
        self._app: WSGIApplication | None = None
        self.primary: Primary | None = None
        self._loaded = threading.Event()
        self.wanted: Callable[[], None] = self.load
        self.begun = threading.Event()
        if begun:
            self.begun.set()

    def begin(self, start: float) -> None:
        """Let simulated time begin at `start` [s], and with it the programs."""
        if isinstance(self.clock, VirtualClock):
            self.clock.begin(start)
        self.begun.set()

    def load(self) -> None:
        """Load the app, and answer with it the requests that wait."""
        if self._app is None:
            self._app = self._load()
            self._loaded.set()

    def app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        while self._app is None:
            self.wanted()
            self._loaded.wait()
        return self._app(environ, start_response)


def run(
    simulator: Any,
    command: Sequence[str],
    *,
    copies: int = 1,
    allow_net: bool = False,
    isolate: bool = False,
    env: Mapping[str, str] | None = None,
) -> int:
    """Run a program against a simulator and return its exit code.

    Parameters
    ----------
    simulator
        Anything with an `app` (WSGI) and a `clock`. A :class:`PendingSimulator` is loaded by this thread.
    command
        The program and its arguments.
    copies
        Number of copies to start. They share the clock, and each has its place in the order of calls.
    allow_net
        Whether programs may reach hosts other than the service's; never the service itself.
    isolate
        Whether programs have a network of their own, from which only the simulator can be reached (Linux).
    env
        The program's environment; default: this process's.

    Returns
    -------
    int
        The program's exit code; 128 + n if signal n ended it; that of the first copy that failed if there are several.
    """
    with running(simulator, command, copies=copies, allow_net=allow_net, isolate=isolate, env=env) as programs:
        return programs.wait()


@contextlib.contextmanager
def running(
    simulator: Any,
    command: Sequence[str],
    *,
    copies: int = 1,
    allow_net: bool = False,
    isolate: bool = False,
    env: Mapping[str, str] | None = None,
) -> Iterator[Programs]:
    """Context manager: start a program against a simulator; at the end, end what is left of it.

    The parameters are those of :func:`run`; the :class:`Programs` have a method `wait` that returns the exit code.
    """
    processor = affinity.current() if copies == 1 else None
    news: queue.SimpleQueue[News] = queue.SimpleQueue()
    load, wanted, ending, begun = None, None, None, None
    if isinstance(simulator, PendingSimulator):
        load, wanted, begun = simulator.load, partial(news.put, None), simulator.begun
        simulator.wanted, ending = wanted, partial(news.put, simulator.prepare)
    server = LinkServer(
        simulator.app,
        simulator.clock,
        HOSTS,
        open_net=allow_net,
        processor=processor,
        wanted=wanted,
        ending=ending,
        begun=begun,
        primary=lambda: getattr(simulator, "primary", None),
    )
    with contextlib.ExitStack() as stack:
        stack.callback(server.close)
        network = None
        if isolate:
            from .isolation import isolated  # noqa: PLC0415 - few runs need it

            network = stack.enter_context(isolated())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="xrt-mock-")))
        listener = network.listener if network else None
        certificates = kept_certificates(HOSTS)
        proxy = stack.enter_context(
            Proxy(simulator.app, simulator.clock, open_net=allow_net, listener=listener, certificates=certificates)
        )
        server.helpers = proxy.threads
        base = prepare(os.environ if env is None else env, folder, server.address, server.key)
        guardian = stack.enter_context(guarding([str(folder), *server.places()]))
        started = network.command(command) if network else command
        programs = Programs(server, guardian, started, base | proxy.environment(folder), copies, news, load)
        try:
            yield programs
        finally:
            programs.end()


class Programs:
    """The started copies of a program.

    Parameters
    ----------
    server
        Answers them.
    guardian
        Ends them if this process is killed.
    command, env, copies
        What to start, in which environment, and how often.
    news
        Gets the number of each copy that has ended, None when one is about to call, and what there is to do meanwhile.
    load
        Called by the thread that waits, when a copy is about to call.
    """

    def __init__(
        self,
        server: LinkServer,
        guardian: Guardian,
        command: Sequence[str],
        env: Mapping[str, str],
        copies: int,
        news: queue.SimpleQueue[News],
        load: Callable[[], None] | None,
    ) -> None:
        self._server, self._guardian, self._news, self._load = server, guardian, news, load
        # in a group of their own their children can be found; at a terminal they stay in its foreground group, which
        # may read from it
        self._own_group = os.name == "posix" and not (sys.stdin is not None and sys.stdin.isatty())
        self._processes: list[subprocess.Popen[bytes]] = []
        self._copies = copies
        self._codes: dict[int, int] = {}
        for copy in range(copies):
            server.join((copy,))  # all of them before the first starts, so that time waits for all
        for copy in range(copies):
            self._start(command, {**env, PARTICIPANT: format_participant((copy,))}, copy)

    def _start(self, command: Sequence[str], env: Mapping[str, str], copy: int) -> None:
        try:
            process = subprocess.Popen(  # noqa: S603 - the user's command
                list(command),
                env=env,
                stdin=subprocess.DEVNULL if self._copies > 1 else None,
                process_group=0 if self._own_group else None,
            )
        except OSError as error:
            sys.stderr.write(f"xrt-mock: cannot run {command[0]}: {error.strerror}\n")
            self._codes[copy] = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
            self._server.leave((copy,))
            return
        self._processes.append(process)
        self._server.programs.add(process.pid)
        if not is_python(command, {}):
            self._server.watch_stranger(process.pid)
        self._guardian.watch(-process.pid if self._own_group else process.pid)

        def watch() -> None:
            code = process.wait()
            self._server.programs.discard(process.pid)
            self._codes[copy] = code
            self._server.leave((copy,))
            self._news.put(copy)

        threading.Thread(target=watch, daemon=True).start()

    def wait(self) -> int:
        """Return the exit code of all when all have ended; pass on signals until then."""
        handles_signals = threading.current_thread() is threading.main_thread()
        if handles_signals:
            before = signal.signal(signal.SIGTERM, lambda *_: self._signal(signal.SIGTERM))
        try:
            while len(self._codes) < self._copies:
                try:
                    what = self._news.get()
                    if what is None:
                        what = self._load
                    if callable(what):
                        what()
                except KeyboardInterrupt:
                    if self._own_group:  # otherwise they have got it from the terminal, too
                        self._signal(signal.SIGINT)
                    self._news.put(None)  # loading may have been cut off, and a program that goes on waits for it
        finally:
            if handles_signals:
                signal.signal(signal.SIGTERM, before)
        codes = (code if code >= 0 else 128 - code for _, code in sorted(self._codes.items()))
        return next(filter(None, codes), 0)

    def endings(self) -> list[dict[str, Any]]:
        """Return how each copy ended: number (None for the only one), exit code or signal, exception and its line.

        The exception is that of the last Python process that one ended; an exit code of None means that it runs.
        """
        found = []
        for copy in range(self._copies):
            code = self._codes.get(copy)
            words, where = self._server.crashes.get(copy, (None, None)) if code else (None, None)
            killed = code is not None and code < 0
            found.append(
                {
                    "copy": copy if self._copies > 1 else None,
                    "exit_code": 128 - code if code is not None and killed else code,
                    "signal": signal.Signals(-code).name if code is not None and killed else None,
                    "exception": words,
                    "where": where,
                }
            )
        return found

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(number)

    def end(self) -> None:
        """End the programs, and the children that they left behind."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in self._server.pids() - {os.getpid()}:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            for process in self._processes if self._own_group else ():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, number)
            self._signal(number)
            until = time.monotonic() + GRACE_S
            while any(map(_exists, self._server.pids())) and time.monotonic() < until:
                time.sleep(0.01)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
