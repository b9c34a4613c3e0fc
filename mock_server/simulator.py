"""Simulator: the service in this process, on a clock of its own."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .clocks.virtual import parse_clock
from .scenario.files import load_scenario, scenario_from_record
from .scenario.scenario import Scenario
from .scenario.settings import check_settings
from .storage.store import Store
from .web.app import create_app, simulation_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from flask import Flask

    from .clocks.base import Clock
    from .core.journal import Journal
    from .service.jobs import JobService
    from .service.operator import Controls

SERVICE = "https://www.swift.ac.uk"


class Simulator:
    """The product generator, simulated.

    Parameters
    ----------
    scenario
        Name of a scenario, path of a TOML file, or a :class:`~mock_server.Scenario`; default: the one the
        database plays, else ``calm``. A database goes on with its own scenario alone.
    clock
        Service time: ``system``, ``virtual``, or a factor such as ``x60``, kept in the database if that is a file or
        PostgreSQL; or any :class:`~mock_server.clocks.base.Clock`, which the caller moves. Default: the one
        the database keeps, else `new_clock`. A virtual one begins where the scenario says.
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
    token
        What callers of the control interface must show; None: nothing.
    new_clock
        Clock where none is given and none is kept.
    keep_calls
        How many calls the journal, and with it the report, goes back; None: all.

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
        settings: Mapping[str, Any] | None = None,
        db: str = "sqlite://",
        users: str = "open",
        base_url: str = SERVICE,
        token: str | None = None,
        new_clock: str = "virtual",
        keep_calls: int | None = None,
    ) -> None:
        if users not in ("open", "registered"):
            raise ValueError(f"users is {users!r}, but must be open or registered")
        self.store = Store(db, keep_calls)
        try:
            self.scenario = _prepared(self.store, scenario, seed, settings or {})
            self.clock = _clock(self.store, clock, new_clock, self.scenario.start)
            self.app: Flask = create_app(
                self.store, self.clock, self.scenario, base_url=base_url, open_to_all=users == "open", token=token
            )
        except BaseException:
            self.store.close()
            raise

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
        from .transport.intercept import intercept  # noqa: PLC0415 - a server has no use for requests

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


def _prepared(
    store: Store, which: str | Path | Scenario | None, seed: int | None, settings: Mapping[str, Any]
) -> Scenario:
    check_settings(settings)
    with store.reading() as facts:
        kept = facts.meta("scenario") if store.shared else None
    if which is None and kept is not None:
        scenario = scenario_from_record(json.loads(kept))
    else:
        scenario = which if isinstance(which, Scenario) else load_scenario(which or "calm")
    values = {**scenario.values, **settings}
    return replace(scenario, values=values, seed=scenario.seed if seed is None else seed)


def _clock(store: Store, given: Clock | str | None, new: str, start: float) -> Clock:
    if given is not None and not isinstance(given, str):
        return given
    if not store.shared:
        return parse_clock(given or new, start)
    from .clocks.stored import open_clock  # noqa: PLC0415 - a store in memory has no use for it

    return open_clock(store, given, new, start)
