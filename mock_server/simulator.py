"""Simulator: the service in this process, on a clock of its own."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .app import create_app, simulation_of
from .clock import VirtualClock
from .scenario import Scenario, check_values, load
from .store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from flask import Flask

    from .clock import Clock
    from .controls import Controls
    from .journal import Journal
    from .service import JobService

SERVICE = "https://www.swift.ac.uk"


class Simulator:
    """The product generator, simulated.

    Parameters
    ----------
    scenario
        Name of a scenario, path of a TOML file, or a :class:`~mock_server.scenario.Scenario`.
    clock
        Service time; default: virtual, beginning where the scenario says.
    seed
        Key of all chance; default: the scenario's.
    settings
        Settings that take the place of the scenario's, by dotted name: ``{"limits.active_jobs": 10}``.
    db
        Database: ``sqlite://`` (in memory), ``sqlite:///FILE`` or ``postgresql+psycopg://…``.
    users
        ``open``: every well-formed address counts as registered; ``registered``: only those that are.
    base_url
        Where the service's addresses begin, as told to callers.

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
        scenario: str | Path | Scenario = "calm",
        clock: Clock | None = None,
        *,
        seed: int | None = None,
        settings: Mapping[str, Any] | None = None,
        db: str = "sqlite://",
        users: str = "open",
        base_url: str = SERVICE,
    ) -> None:
        if users not in ("open", "registered"):
            raise ValueError(f"users is {users!r}, but must be open or registered")
        self.scenario = _prepared(scenario, seed, settings or {})
        self.clock = clock or VirtualClock(self.scenario.start)
        self.store = Store(db)
        self.app: Flask = create_app(
            self.store, self.clock, self.scenario, base_url=base_url, open_to_all=users == "open"
        )

    @property
    def jobs(self) -> JobService:
        """The job service, for tests that look behind the wire."""
        return simulation_of(self.app).jobs

    @property
    def controls(self) -> Controls:
        """What the control interface offers, without HTTP."""
        return simulation_of(self.app).controls

    @property
    def journal(self) -> Journal:
        """All calls so far: ``sim.journal.count(operation="getNumJobs")``."""
        return self.controls.journal()

    def report(self) -> dict[str, Any]:
        """Return the courtesy report."""
        return self.controls.report()

    def change(self, settings: Mapping[str, Any]) -> None:
        """Change settings from now on, by dotted name."""
        self.controls.change(settings)

    @contextmanager
    def intercept(self) -> Iterator[Simulator]:
        """Let this simulator answer what `requests` sends to the service: a context manager and a decorator."""
        from .intercept import intercept  # noqa: PLC0415 - a server has no use for requests

        with intercept(self.app, self.clock):
            yield self

    def close(self) -> None:
        """Let go of the database."""
        self.store.close()

    def __enter__(self) -> Simulator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _prepared(which: str | Path | Scenario, seed: int | None, settings: Mapping[str, Any]) -> Scenario:
    check_values(settings)
    scenario = which if isinstance(which, Scenario) else load(which)
    values = {**scenario.values, **settings}
    return replace(scenario, values=values, seed=scenario.seed if seed is None else seed)
