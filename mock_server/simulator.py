"""Simulator: the service in this process, on a clock of its own. Here the parts meet."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .clocks.virtual import parse_clock
from .core.errors import InputInvalid
from .scenario.files import load_scenario, scenario_from_record
from .scenario.in_force import InForce
from .scenario.scenario import Scenario
from .scenario.settings import check_settings
from .service.bursts import Bursts
from .service.jobs import JobService
from .service.operator import Controls
from .service.results import Contents
from .service.simulation import Simulation
from .storage.store import Store
from .transport.watching import SeenCall, Watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from .clocks.base import Clock
    from .core.journal import Journal
    from .storage.facts import Facts
    from .web.app import SimulatorApp

SERVICE = "https://www.swift.ac.uk"


class Simulator:
    """The product generator, simulated.

    Parameters
    ----------
    scenario
        Name of a scenario, path of a TOML file, or a :class:`~mock_server.Scenario`. Default: the scenario that the
        database holds, else ``calm``. A database that holds a scenario accepts no other.
    clock
        Simulated time: ``system``, ``virtual``, or a factor such as ``x60``, kept in the database if that is a file
        or PostgreSQL; or any :class:`~mock_server.clocks.base.Clock`, which the caller advances. Default: the clock
        that the database holds, else `new_clock`. A virtual clock starts at the start of the scenario.
    seed
        Key of all random values; default: the scenario's.
    sources
        Sources to add: texts ``NAME=RA,DEC[,RATE]`` (degrees, count/s), paths of files (CSV, JSON, or a table that
        astropy reads), or plain data as under ``sky.sources`` in a scenario file.
    settings
        Settings that replace the scenario's, by dotted name: ``{"limits.active_jobs": 10}``.
    db
        Database: ``sqlite://`` (in memory), ``sqlite:///FILE`` or ``postgresql+psycopg://…``.
    users
        ``open``: every well-formed address counts as registered; ``registered``: only those that are.
    base_url
        Where the service's addresses begin, in answers.
    token
        Bearer token required by the control interface; None: no token is required.
    new_clock
        Clock if none is given and the database holds none.
    keep_calls
        Maximum number of calls kept in the journal, and so in the report; None: all.

    Examples
    --------
    >>> from mock_server import Simulator
    >>> with Simulator().intercept() as sim:
    ...     import xrt_client
    ...     xrt_client.countActiveJobs("me@example.org")
    0
    """

    def __init__(
        self,
        scenario: str | Path | Scenario | None = None,
        clock: Clock | str | None = None,
        *,
        seed: int | None = None,
        sources: Iterable[str | Path | Mapping[str, Any]] = (),
        settings: Mapping[str, Any] | None = None,
        db: str = "sqlite://",
        users: str = "open",
        base_url: str = SERVICE,
        token: str | None = None,
        new_clock: str = "virtual",
        keep_calls: int | None = None,
    ) -> None:
        if users not in ("open", "registered"):
            raise InputInvalid(f"users is {users!r}, but must be open or registered")
        if token is not None and not (token.isprintable() and token.strip() == token != ""):
            raise InputInvalid("token is empty or has blanks around it: give a text, or none to require no token")
        check_settings(settings or {})
        given = scenario if scenario is None or isinstance(scenario, Scenario) else load_scenario(scenario or "calm")
        added: Iterable[Mapping[str, Any]] = ()
        if sources:
            from .scenario.source_lists import read_sources  # noqa: PLC0415 - few simulators have any

            added = read_sources(sources)

        def adapt(found: Scenario) -> Scenario:
            values = {**found.values, **(settings or {})}
            return replace(found.with_sources(added), values=values, seed=found.seed if seed is None else seed)

        def begin(store: Store, facts: Facts) -> None:
            """Make the parts in the first transaction: a start that is killed leaves an empty database empty."""
            self.scenario = adapt(given or _kept_scenario(facts))
            if clock is not None and not isinstance(clock, str):
                self.clock = clock
            elif store.shared:
                from .clocks.stored import open_clock  # noqa: PLC0415 - not needed in memory

                self.clock = open_clock(store, facts, clock, new_clock, self.scenario.start)
            else:
                self.clock = parse_clock(clock or new_clock, self.scenario.start)
            in_force = InForce(facts, self.scenario)
            self.jobs = JobService(store, self.clock, in_force, base_url=base_url, open_to_all=users == "open")
            self.controls = Controls(self.jobs, facts)

        self.store = Store(db, keep_calls, begin)
        self.simulation = Simulation(self.jobs, Contents(self.jobs), self.controls, Bursts(self.jobs), token)

    @cached_property
    def app(self) -> SimulatorApp:
        """The WSGI app that answers for the service; Flask is loaded with it."""
        from .web.app import SimulatorApp  # noqa: PLC0415 - callers of the services alone do not need Flask

        return SimulatorApp(self.simulation)

    @property
    def journal(self) -> Journal:
        """All calls so far: ``sim.journal.count(operation="getNumJobs")``."""
        return self.controls.journal()

    def report(self) -> dict[str, Any]:
        """Return the courtesy report."""
        return self.controls.report()

    @property
    def url(self) -> str:
        """Where the service's addresses begin."""
        return self.jobs.base_url

    @cached_property
    def _watching(self) -> Watching:
        watching = Watching()
        self.app.watched = watching.see
        return watching

    def calls(self, operation: str | None = None) -> list[SeenCall]:
        """Return the calls of one operation, or all, since the simulator was first asked for them.

        The fixtures ask at the beginning of each test: ``xrt_mock.calls("run_userobject")[0].json``.
        """
        return [call for call in self._watching.calls if operation in (None, call.operation)]

    def forget_calls(self) -> None:
        """Forget the calls that were seen, and the answers that were planned."""
        self._watching.calls.clear()
        self._watching.answers.clear()

    def answer(self, operation: str, document: Any, *, times: int = 1) -> None:
        """Answer the next `times` calls of an operation with a document of one's own, as JSON."""
        self._watching.answers[operation] += [json.dumps(document).encode()] * times

    def to_next_change(self) -> float:
        """Move a virtual clock to the moment at which the status of some product changes next, and return it [s].

        Raises
        ------
        ValueError
            If no status changes any more.
        """
        change = self.controls.next_change()
        if change is None:
            raise ValueError("no status changes any more: all products have finished")
        return self.clock.advance(max(0.0, change - self.clock.now()))

    def advance_until(self, condition: Callable[[], bool] | int) -> float:
        """Move a virtual clock from change to change until a condition holds, and return the time [s].

        Parameters
        ----------
        condition
            A function without arguments, or the number of a job that shall have finished.
        """
        if isinstance(condition, int):
            job_id = condition

            def finished() -> bool:
                with self.store.reading() as facts:
                    return all(job.job_id != job_id for job in facts.unfinished(self.clock.now()))

            return self.advance_until(finished)
        while not condition():
            self.to_next_change()
        return self.clock.now()

    def change(self, settings: Mapping[str, Any]) -> None:
        """Change settings from now on, by dotted name."""
        self.controls.change(settings)

    @contextmanager
    def intercept(self) -> Iterator[Simulator]:
        """Context manager and decorator: this simulator answers what this process sends to the service."""
        from .transport.intercept import intercept  # noqa: PLC0415 - a server does not need requests

        with intercept(self.app, self.clock):
            yield self

    def close(self) -> None:
        """Close the database."""
        self.store.close()

    def __enter__(self) -> Simulator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _kept_scenario(facts: Facts) -> Scenario:
    """Return the scenario that the database holds, else ``calm``."""
    kept = facts.meta("scenario")
    return load_scenario("calm") if kept is None else scenario_from_record(json.loads(kept))


@contextmanager
def simulated(
    scenario: str | Path | Scenario | None = None, clock: Clock | str | None = None, **options: Any
) -> Iterator[Simulator]:
    """Context manager and decorator: the service is simulated, and this process lives in its time.

    For unittest and scripts; in pytest use the fixture ``xrt_mock``. The arguments are those of :class:`Simulator`,
    which the context manager returns.

    Examples
    --------
    >>> import mock_server, time
    >>> with mock_server.simulated("calm") as sim:
    ...     time.sleep(86400)
    """
    from .run.patches.time import SimulatedTime  # noqa: PLC0415 - it imports time_machine

    with Simulator(scenario, clock, **options) as simulator, simulator.intercept(), SimulatedTime(simulator.clock):
        simulator.calls()
        yield simulator
