"""The scenario with all changes made at run time, and the sky and products that follow from it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..core.faults import Fault
from ..sky.archive import Sky
from .scenario import Change, Scenario

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..products.archive import Content
    from ..products.order import Order
    from ..sky.world import World
    from ..storage.facts import Facts
    from .scenario import Epoch


class Moment(NamedTuple):
    """Simulated time of one call, and what is in force then.

    Parameters
    ----------
    now
        Simulated time [s].
    scenario
        The scenario with all changes made so far.
    epoch
        The settings in force at `now`.
    era
        Grows, as text, with every reset; it keeps a call that began before a reset out of the journal after it.
    """

    now: float
    scenario: Scenario
    epoch: Epoch
    era: str


class Builder(Protocol):
    """What makes contents: :class:`~mock_server.products.builder.ProductBuilder`, or other processes that have one."""

    def files(self, order: Order) -> Mapping[str, Content]: ...
    def archive(self, orders: Iterable[Order], form: str) -> tuple[bytes, ...]: ...
    def answer(self, order: Order, *options: str) -> Any: ...
    def chart(self, order: Order, *arguments: Any) -> Any: ...
    def forget_expired(self, now: float) -> None: ...


class SkyAndBuilder(NamedTuple):
    """What follows from a seed and a world alone: both keep what they were asked for."""

    sky: Sky
    builder: Builder


class InForce:
    """The scenario in force, which any process on the database may change.

    Parameters
    ----------
    facts
        Hold the changes that were made at run time.
    scenario
        As it was read.

    Attributes
    ----------
    given
        The scenario as it was read.
    generation
        That of the stored changes that are known here.
    faults
        Planned faults, by number.
    sky
        What can be observed.
    latest
        The last moment that was asked for; it dates the journal entry of a call that could not read its own.
    """

    def __init__(self, facts: Facts, scenario: Scenario) -> None:
        self.given = scenario
        self._scenario = scenario
        self.generation = self._era = "0"
        self.faults: dict[int, Fault] = {}
        self.sky = Sky(scenario.seed, scenario.world)
        self._builder: Builder | None = None
        self.refresh(facts)
        self.latest = self.at(scenario.start)

    def refresh(self, facts: Facts, generation: str | None = None) -> None:
        """Take over stored changes, if the database has another generation than the one known here."""
        generation = facts.shared().generation if generation is None else generation
        if generation != self.generation:
            changes = tuple(Change(at, values) for at, values in facts.changes())
            faults = {number: replace(Fault.from_mapping(rule), number=number) for number, rule, _ in facts.faults()}
            self._scenario = self.given.changed(*changes)  # one assignment: other threads see the old or the new
            self.faults, self._era = faults, facts.era()
            self.generation = generation

    def at(self, now: float) -> Moment:
        """Return the moment `now` [s], by the changes known here."""
        scenario = self._scenario
        self.latest = moment = Moment(now, scenario, scenario.at(now), self._era)
        return moment

    @property
    def builder(self) -> Builder:
        """Builder of the contents of products, in this process if no other was set; loaded at first use."""
        if self._builder is None:
            from ..products.builder import ProductBuilder  # noqa: PLC0415 - needs numpy, scipy, astropy and Pillow

            self._builder = ProductBuilder(self.sky)
        return self._builder

    @builder.setter
    def builder(self, builder: Builder) -> None:
        self._builder = builder

    def share_contents(self, used: dict[tuple[int, World], SkyAndBuilder]) -> None:
        """Take sky and builder that another simulator with the same seed and world has used, or leave it this one's."""
        mine = SkyAndBuilder(self.sky, self.builder)
        self.sky, self._builder = used.setdefault((self.given.seed, self.given.world), mine)

    def forget_expired(self, now: float) -> None:
        """Remove contents that have expired by `now` [s] from the memory, if any were made."""
        if self._builder is not None:
            self._builder.forget_expired(now)
