"""The scenario with all changes made at run time, and the sky and products that follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..core.faults import Fault
from ..sky.archive import Sky
from .scenario import Change, Scenario

if TYPE_CHECKING:
    from ..products.builder import ProductBuilder
    from ..sky.archive import World
    from ..storage.facts import Facts
    from ..storage.store import Store
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
    """

    now: float
    scenario: Scenario
    epoch: Epoch


class InForce:
    """The scenario in force, which any process on the database may change.

    Parameters
    ----------
    store
        Holds the changes that were made at run time.
    scenario
        As it was read.

    Attributes
    ----------
    given
        The scenario as it was read.
    faults
        Planned faults, by number.
    sky
        What can be observed.
    """

    def __init__(self, store: Store, scenario: Scenario) -> None:
        self.given = scenario
        self._scenario = scenario
        self._generation = "0"
        self.faults: dict[int, Fault] = {}
        self.sky = Sky(scenario.seed, scenario.world)
        self._builder: ProductBuilder | None = None
        with store.reading() as facts:
            self.refresh(facts)

    def refresh(self, facts: Facts, generation: str | None = None) -> None:
        """Take over stored changes, if the database has another generation than the one known here."""
        generation = facts.shared().generation if generation is None else generation
        if generation != self._generation:
            changes = tuple(Change(at, values) for at, values in facts.changes())
            faults = {number: Fault.from_mapping(rule) for number, rule, _ in facts.faults()}
            self._scenario = self.given.changed(*changes)  # one assignment: other threads see the old or the new
            self.faults = faults
            self._generation = generation

    def at(self, now: float) -> Moment:
        """Return the moment `now` [s], by the changes known here."""
        scenario = self._scenario
        return Moment(now, scenario, scenario.at(now))

    @property
    def builder(self) -> ProductBuilder:
        """Builder of the contents of products; loaded at first use."""
        if self._builder is None:
            from ..products.builder import ProductBuilder  # noqa: PLC0415 - needs numpy, scipy, astropy and Pillow

            self._builder = ProductBuilder(self.sky)
        return self._builder

    def share_builder(self, builders: dict[tuple[int, World], ProductBuilder]) -> None:
        """Take the builder that another simulator with the same seed and sky has used, or leave it this one's."""
        self._builder = builders.setdefault((self.given.seed, self.given.world), self.builder)

    def forget_expired(self, now: float) -> None:
        """Remove contents that have expired by `now` [s] from the memory, if any were made."""
        if self._builder is not None:
            self._builder.forget_expired(now)
