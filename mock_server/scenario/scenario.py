"""A scenario: all that can vary in a simulation, and the values in force at a moment of simulated time."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.random import uniform
from ..sky.world import World
from .settings import SETTINGS, check_settings, defaults_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..core.faults import Fault

DAY = 86400.0
HOUR = 3600.0
END_OF_TIME = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
"""Simulated time ends here [s]: the observing schedule of the sky is made year by year."""


class Change(NamedTuple):
    """New values of some settings, from a moment of simulated time [s] on."""

    at: float
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Epoch:
    """The values in force from one change to the next."""

    start: float
    values: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """Overridden parameter defaults in force, by wire name."""
        return defaults_in(self.values)


@dataclass(frozen=True)
class Scenario:
    """All that can vary in a simulation.

    Parameters
    ----------
    name, description
        For people.
    seed
        Key of all random values.
    start
        Simulated time at which a virtual clock starts [s].
    values
        Settings that differ from the built-in ones from the start.
    changes
        Dated changes.
    users
        Addresses that are registered from the start.
    world
        Sky and archive.
    faults
        Planned faults.
    added
        Sources that were added to those of the file, as plain data.
    text
        Text of the TOML file that it was read from; None if it was made in Python.
    """

    name: str = "calm"
    description: str = ""
    seed: int = 1
    start: float = 0.0
    values: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    users: tuple[str, ...] = ()
    world: World = field(default_factory=World)
    faults: tuple[Fault, ...] = ()
    added: tuple[Mapping[str, Any], ...] = ()
    text: str | None = field(default=None, compare=False, repr=False)

    @cached_property
    def epochs(self) -> tuple[Epoch, ...]:
        """All epochs in order of time; the first has no beginning."""
        current = {name: setting.default for name, setting in SETTINGS.items()} | dict(self.values)
        found = [Epoch(-math.inf, current)]
        for change in sorted(self.changes, key=lambda c: c.at):
            current = current | dict(change.values)
            found.append(Epoch(change.at, current))
        return tuple(found)

    @cached_property
    def _starts(self) -> list[float]:
        return [epoch.start for epoch in self.epochs]

    def at(self, now: float) -> Epoch:
        """Return the values in force at `now` [s]."""
        return self.epochs[bisect_right(self._starts, now) - 1]

    def changed(self, *changes: Change) -> Scenario:
        """Return this scenario with more dated changes."""
        for change in changes:
            check_settings(change.values)
        return replace(self, changes=(*self.changes, *changes))

    def with_sources(self, added: Iterable[Mapping[str, Any]]) -> Scenario:
        """Return this scenario with more sources, as a scenario file has them under ``sky.sources``.

        Raises
        ------
        ValueError
            A key is unknown, missing, or of the wrong type.
        """
        more = tuple(added)
        if not more:
            return self
        return replace(self, world=self.world.with_sources(more), added=(*self.added, *more))

    def slots_at(self, now: float) -> int:
        """Slots that builds of the simulator's users may occupy at `now`: all but those of other users."""
        epoch = self.at(now)
        if not epoch["service.available"]:
            return 0
        slots, load, swing = epoch["queue.slots"], epoch["background.load"], epoch["background.swing"]
        if load == 0:
            return int(slots)
        drawn: float = load + swing * (2 * uniform(self.seed, "background", int(now // HOUR)) - 1)
        return max(0, int(slots) - round(int(slots) * min(1.0, max(0.0, drawn))))

    def slots_change_after(self, now: float) -> float:
        """First moment after `now` at which the number of slots may change [s]; infinite if it never does."""
        index = bisect_right(self._starts, now)
        epoch_end = self._starts[index] if index < len(self._starts) else math.inf
        if self.epochs[index - 1]["background.load"] and self.epochs[index - 1]["background.swing"]:
            return min(epoch_end, (now // HOUR + 1) * HOUR)
        return epoch_end

    def expires_at(self, ended_at: float) -> float:
        """When products of a job that ended at `ended_at` are removed [s].

        The retention in force counts at every moment: a shorter one removes old products at once, a longer one does
        not restore removed products (assumed).
        """
        for epoch, end in zip(self.epochs, [*self._starts[1:], math.inf], strict=True):
            gone_at = max(epoch.start, ended_at + epoch["retention.days"] * DAY)
            if end > ended_at and gone_at < end:
                return float(gone_at)
        return math.inf
