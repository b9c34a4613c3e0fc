"""Plays worlds in this process: the program is a function, such as a test. It cannot be killed and started again."""

from __future__ import annotations

import contextlib
import io
import tomllib
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ..run.patches.time import SimulatedTime
from ..scenario.files import read_scenario
from ..simulator import Simulator
from ..transport.callsite import lines_of, short_words
from ..transport.intercept import Interception
from ..transport.wsgi_call import ask
from .clock import LifeClock
from .deviations import World, scenario_data
from .evidence import Evidence, report
from .recorder import Recorder
from .search import Search, Tally
from .stage import HORIZON_S
from .witness import all_lines
from .worlds import streams

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..scenario.in_force import SkyAndBuilder
    from ..scenario.scenario import Scenario
    from ..sky.world import World as SkyWorld
    from ..transport.wsgi_call import Answer, Request
    from .evidence import OwnOracle
    from .life import Life
    from .oracles import Rules
    from .search import Found


class NeverEnds(BaseException):
    """Ends a function that would go on for ever; no `except Exception` of it holds this up."""


class _Clock(LifeClock):
    def finish(self) -> None:
        super().finish()
        for participant in self._participants.values():
            participant.resume()

    def wait(self, until: float, token: object = None) -> None:
        if not self.ended.is_set():
            super().wait(until, token)
        if self.ended.is_set():
            raise NeverEnds


class Function:
    """A function that is played.

    Parameters
    ----------
    call
        The function; it is given the simulator and the folder of its world.
    scenario
        The calm world.
    options
        Further arguments of each simulator.
    oracles
        See :class:`~mock_server.hunt.stage.Stage`.
    """

    def __init__(
        self,
        call: Callable[[Simulator, Path], object],
        scenario: Scenario,
        options: Mapping[str, Any],
        oracles: Mapping[str, OwnOracle],
    ) -> None:
        self._oracles = oracles
        self._call, self._scenario, self._options = call, scenario, dict(options)
        self._base = tomllib.loads(scenario.text or "")
        self._contents: dict[tuple[int, SkyWorld], SkyAndBuilder] = {}

    def data(self, world: World) -> dict[str, Any]:
        """Return the data of a world's scenario file."""
        return scenario_data(self._base, world) | {"seed": self._scenario.seed}

    def play(self, world: World) -> Life:
        """Call the function in a world, and return what it did.

        Whatever it raises ends it with exit code 1.
        """
        scenario = read_scenario(self.data(world), self._scenario.name)
        scenario = replace(scenario, values={**self._scenario.values, **scenario.values}, start=self._scenario.start)
        clock = _Clock(scenario.start)
        clock.end = max([clock.now(), *(change.at for change in scenario.changes)]) + HORIZON_S
        with TemporaryDirectory() as folder, Simulator(scenario, clock, **self._options) as simulator:
            simulator.jobs.in_force.share_contents(self._contents)
            evidence = Evidence(simulator, Path(folder))
            evidence.recorder = Recorder(simulator, simulator.app, clock, source=Path.cwd())
            error, where, text = self._run(simulator, clock, evidence)
            shown = replace(report(evidence, world, self._oracles), text=text)
            return replace(shown, error=error, where=where or shown.where) if error else shown

    def _run(self, simulator: Simulator, clock: LifeClock, evidence: Evidence) -> tuple[str, tuple[str, ...], str]:
        """Run to the end; return what was raised, where, and what was printed."""
        recorder = evidence.recorder
        said = io.StringIO()

        def carry(request: Request) -> Answer:
            clock.turn()
            if recorder is None or clock.ended.is_set():
                raise NeverEnds
            return ask(recorder, request)

        answering = Interception(carry, clock)
        answering.locate = all_lines
        try:
            with answering, SimulatedTime(clock), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                self._call(simulator, evidence.folder)
        except NeverEnds as end:
            evidence.code, evidence.stands = None, lines_of(end)
            return "", (), said.getvalue()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            evidence.code = 1
            words = short_words(error)
            return words, lines_of(error), f"{said.getvalue()}\n{type(error).__name__}: {error}"
        evidence.code = 0
        return "", (), said.getvalue()


def hunt_function(function: Function, calm: Life, rules: Rules, worlds: int, seed: int) -> tuple[list[Found], Tally]:
    """Search the worlds of a function; return the findings, the smallest worlds first, and the figures."""
    search, tally = Search(function.play, calm, rules, seed), Tally()
    for stream in streams(calm, worlds, restart=False):
        tally.add(search.stream(stream, tally.alone() if stream.mixed else ()))
    ranked = sorted(tally.found.values(), key=lambda found: (len(found.world), found.finding.key))
    return [search.repeat(found) for found in ranked], tally
