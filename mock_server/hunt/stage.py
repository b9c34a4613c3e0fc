"""Plays worlds: a simulator, a clock and a copy of the folder for each, and the program in a process of its own."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..run.kernel import is_dead
from ..run.link_server import LinkServer
from ..run.standstill import can_be_proven
from ..scenario.files import read_scenario
from ..simulator import Simulator
from ..transport.proxy import Proxy
from ..transport.wsgi_call import HOSTS
from .clock import LifeClock
from .deviations import Kill, World, kill_of, scenario_data
from .evidence import Evidence, report
from .processes import Host, Order, Plain
from .program import copy_folder
from .recorder import Recorder
from .standstill import Standstill
from .waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from ..scenario.in_force import SkyAndBuilder
    from ..sky.world import World as SkyWorld
    from .evidence import OwnOracle
    from .life import Life
    from .processes import Process
    from .program import Program

_SAME_EVERYWHERE = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}  # the order of a set of texts, too
HORIZON_S = 120 * 86400.0
"""Simulated time after the last change of a world after which a program that has not ended never ends [s]."""


class _Current:
    """The recorder and the clock of the present life, for the proxy, which lives longer."""

    recorder: Recorder
    clock: LifeClock

    def app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self.recorder(environ, start_response)

    def sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)


class Stage:
    """Plays one program in one world after the other.

    Parameters
    ----------
    program
        The program.
    base
        Data of the calm world's scenario file.
    seed
        Key of all random values.
    imports
        Modules that are imported before the program is forked.
    fresh
        Whether each life begins with a new interpreter.
    watch
        Wraps an app so that it checks requests against the contract; None: nothing checks them.
    leave_out
        Names that are not copied with the folder.
    oracles
        The user's own oracles by name: each is given the journal and the folder, and returns what is broken, in words.

    Attributes
    ----------
    imported
        Modules that the last life imported.
    threads
        Number of threads that the imports have started, with the main one.
    """

    def __init__(
        self,
        program: Program,
        base: Mapping[str, Any],
        seed: int,
        *,
        imports: Sequence[str] = (),
        fresh: bool = False,
        watch: Callable[[WSGIApplication], Any] | None = None,
        leave_out: Sequence[str] = (),
        oracles: Mapping[str, OwnOracle] = MappingProxyType({}),
    ) -> None:
        self._program, self._base, self._seed, self._watch, self._fresh = program, base, seed, watch, fresh
        self._imports, self._leave_out, self._oracles = list(imports), leave_out, oracles
        self._kept = contextlib.ExitStack()
        # in memory, where that is possible: folders are copied and removed all the time
        root = TemporaryDirectory(
            prefix="xrt-mock-hunt-",
            dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None,  # noqa: S108
        )
        self._root = Path(self._kept.enter_context(root)).resolve()
        self._current = _Current()
        proxy = self._kept.enter_context(Proxy(self._current.app, self._current))  # type: ignore[arg-type]  # it sleeps
        self._env = {**os.environ, **_SAME_EVERYWHERE, **proxy.environment(self._root)}
        self._contents: dict[tuple[int, SkyWorld], SkyAndBuilder] = {}
        self._host: Host | None = None
        self.imported: list[str] = []
        self.threads = 1

    def play(self, world: World, keep: Path | None = None) -> Life:
        """Let the program live in a world and return what it did.

        Parameters
        ----------
        keep
            Where the program's folder is copied to afterwards; None: it is thrown away.
        """
        scenario = replace(read_scenario(scenario_data(self._base, world), "hunt"), seed=self._seed)
        clock = LifeClock(scenario.start, one_by_one=bool(self._program.python) and can_be_proven())
        clock.end = max([clock.now(), *(change.at for change in scenario.changes)]) + HORIZON_S
        folder = self._root / "copy" / self._program.folder.resolve().name
        copy_folder(self._program.folder, folder, self._leave_out)
        with Simulator(scenario, clock) as simulator:
            simulator.jobs.in_force.share_contents(self._contents)
            evidence = Evidence(simulator, folder)
            try:
                self._live(simulator, clock, evidence, kill_of(world))
            except BaseException:
                self._leave_host()  # it may still say how this life ended, and the next must not take that for its own
                raise
            life = report(evidence, world, self._oracles)
        self.imported = evidence.notes().modules
        if keep is not None:
            copy_folder(folder, keep)
        return life

    def _live(self, simulator: Simulator, clock: LifeClock, evidence: Evidence, kill: Kill | None) -> None:
        """Let the program run to its end; once more if it is killed."""
        watcher = self._watch(simulator.app) if self._watch else None
        recorder = Recorder(
            simulator,
            watcher or simulator.app,
            clock,
            kill if kill and kill.at == "call" else None,
            holds=True,
            source=evidence.folder,
        )
        evidence.recorder, evidence.watcher = recorder, watcher
        self._current.recorder, self._current.clock = recorder, clock
        paths = evidence.paths = self._root / "notes", self._root / "stack", self._root / "output"
        for path in paths:
            path.unlink(missing_ok=True)
        for life, planned in enumerate([kill, None] if kill else [None]):
            recorder.begin(life)
            server = LinkServer(recorder, clock, HOSTS, watch=not clock.one_by_one)
            standstill = Standstill(clock, server) if clock.one_by_one else None
            try:
                server.join((0,))
                notes, stack, output = paths
                order = Order(server.address, server.key, evidence.folder, notes, stack, output, self._seed, planned)
                with TemporaryDirectory(dir=self._root) as files:
                    process = self._start(order, clock.now(), Path(files))
                    recorder.started(process.pid)
                    if clock.one_by_one:
                        clock.is_over = partial(is_dead, process.pid)
                    evidence.code = wait_for(process, clock)
            finally:
                recorder.close()
                if standstill is not None:
                    standstill.close()
                evidence.excused = clock.excused
                clock.clear()
                clock.is_over = lambda: False
                server.close()
            if planned and evidence.code != -9:
                return  # it ended before it could be killed
            evidence.killed = evidence.killed or planned is not None

    def _start(self, order: Order, now: float, files: Path) -> Process:
        if not self._program.python:
            return Plain(self._program.command, self._env, order, files)
        if self._host is None or self._fresh:
            self._leave_host()
            self._host = Host(self._program.python, self._env, self._root, now, () if self._fresh else self._imports)
            self.threads = self._host.threads
        return self._host.start(self._program.arguments, order)

    def _leave_host(self) -> None:
        if self._host is not None:
            self._host.close()
            self._host = None

    def close(self) -> None:
        """End the warm process and remove the folders."""
        self._leave_host()
        self._kept.close()

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
