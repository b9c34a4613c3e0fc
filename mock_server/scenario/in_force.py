"""What is in force: the scenario with all changes made so far, and the sky and products that follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.faults import Fault
from ..sky.archive import Sky
from .scenario import Change, Scenario

if TYPE_CHECKING:
    from ..products.builder import ProductBuilder
    from ..storage.store import Facts, Store


class Stage:
    """Hands out the scenario in force.

    Parameters
    ----------
    store
        Holds the changes that were made while the service ran; another process may have made them.
    scenario
        As it was read.

    Attributes
    ----------
    faults
        Planned failures, by number.
    """

    def __init__(self, store: Store, scenario: Scenario) -> None:
        self._store = store
        self._given = scenario
        self._now = scenario
        self._generation = ""
        self.faults: dict[int, Fault] = {}
        self.sky = Sky(scenario.seed, scenario.world)
        self._builder: ProductBuilder | None = None
        with store.reading() as facts:
            self.refresh(facts)

    @property
    def given(self) -> Scenario:
        """The scenario as it was read."""
        return self._given

    def scenario(self, facts: Facts | None = None) -> Scenario:
        """Return the scenario in force, with what other processes changed; a transaction gives its `facts`."""
        if self._store.shared:
            if facts is None:
                with self._store.reading() as committed:
                    self.refresh(committed)
            else:
                self.refresh(facts)
        return self._now

    def refresh(self, facts: Facts) -> None:
        """Take over changes that are stored."""
        generation = facts.meta("generation") or "0"
        if generation != self._generation:
            changes = tuple(Change(at, values) for at, values in facts.changes())
            faults = {number: Fault.from_mapping(rule) for number, rule, _ in facts.faults()}
            self._now = self._given.changed(*changes)  # other threads see the old or the new, nothing between
            self.faults = faults
            self._generation = generation

    @property
    def builder(self) -> ProductBuilder:
        """What makes the contents of products; loaded when first asked for."""
        if self._builder is None:
            from ..products.builder import ProductBuilder  # noqa: PLC0415 - needs numpy, scipy, astropy and Pillow

            self._builder = ProductBuilder(self.sky)
        return self._builder

    def forget_expired(self, now: float) -> None:
        """Forget contents that have expired by `now` [s], if any were made."""
        if self._builder is not None:
            self._builder.forget_expired(now)
