"""What a scenario says about the sky: its own sources, later dates, reprocessings, and forced outcomes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from ..core.timescales import parse_instant, service_from_met
from .names import key_of
from .sources import Source, catalogue, from_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

OUTCOMES = ("no_data", "no_source", "fit_fails", "no_position", "no_correction")


@dataclass(frozen=True)
class DatedPosition:
    """From `since` on [simulated time, s], the name resolver says something else about `name`."""

    name: str
    ra: float
    dec: float
    since: float


@dataclass(frozen=True)
class DatedTarget:
    """From `since` on [simulated time, s], one more target looks at the source `name`."""

    name: str
    target: str
    since: float


@dataclass(frozen=True)
class World:
    """The part of a scenario that is about the sky.

    Parameters
    ----------
    sources
        All named sources.
    positions, targets
        Positions and targets that exist from a later date on.
    reprocessings
        Dates of reprocessings of the archive [simulated time, s]; None: every 26 weeks, from July 2026.
    reprocessing_spread_d
        Days until the last observation has been switched over.
    no_data, no_source, fit_fails, no_position, no_correction
        Names of objects for which this outcome is forced.
    """

    sources: tuple[Source, ...] = field(default_factory=catalogue)
    positions: tuple[DatedPosition, ...] = ()
    targets: tuple[DatedTarget, ...] = ()
    reprocessings: tuple[float, ...] | None = None
    reprocessing_spread_d: float = 10.0
    no_data: tuple[str, ...] = ()
    no_source: tuple[str, ...] = ()
    fit_fails: tuple[str, ...] = ()
    no_position: tuple[str, ...] = ()
    no_correction: tuple[str, ...] = ()

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> World:
        """Read the sky of a scenario; `sources` change or add to the built-in catalogue, key by key.

        Raises
        ------
        ValueError
            A key is unknown, or a value is of the wrong type; the message says which.
        """
        values = dict(mapping) | {"sources": catalogue(tuple(mapping.get("sources", ())))}
        for key, kind in (("positions", DatedPosition), ("targets", DatedTarget)):
            rows = ({**row, "since": _instant(row["since"])} if "since" in row else row for row in mapping.get(key, ()))
            values[key] = tuple(from_mapping(kind, row, f"sky.{key}") for row in rows)
        if "reprocessings" in mapping:
            values["reprocessings"] = tuple(sorted(_instant(date) for date in mapping["reprocessings"]))
        return from_mapping(cls, values, "sky")

    def with_sources(self, added: tuple[Mapping[str, Any], ...]) -> World:
        """Return this world with more sources; one of a known name changes that source, key by key."""
        return replace(self, sources=catalogue(added, self.sources))

    def forces(self, outcome: str, *names: str) -> bool:
        """Whether the scenario forces an outcome (one of ``OUTCOMES``) on any of these objects."""
        forced = {key_of(name) for name in getattr(self, outcome)}
        return bool(forced) and any(key_of(name) in forced for name in names)


def _instant(value: object) -> float:
    """Simulated time [s] of a date as TOML gives it, or of a text in any of the accepted formats."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC).timestamp()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()
    return service_from_met(parse_instant(str(value)))
