"""What the one who runs the simulator may do: move time, change values, plan failures, look at the journal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..clocks.base import ScaledClock
from ..clocks.virtual import VirtualClock
from ..core.errors import Refusal
from ..core.faults import ANY, Fault, find_fault, never_fired
from ..core.model import User
from ..reports.courtesy import courtesy_report, iso_text
from ..scenario.files import check_same_scenario, scenario_record
from ..scenario.settings import ScenarioError, check_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..core.journal import Journal
    from ..core.model import Job
    from .jobs import JobService


END_OF_TIME = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
"""Service time does not go further [s]: the observing plan of the sky is made year by year."""


class ControlError(ValueError):
    """A wish of the operator that cannot be granted; the text says why. Nothing was changed."""


class Controls:
    """The operator's side of the job service.

    Parameters
    ----------
    jobs
        The job service that is controlled.
    """

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs
        self._store, self._clock, self._stage = jobs.store, jobs.clock, jobs.stage
        self._register_scenario()

    def _register_scenario(self) -> None:
        """Put users and planned failures of the scenario where the service looks for them, once."""
        given = self._stage.given
        with self._store.transaction() as facts:
            kept = facts.meta("scenario")
            facts.set_meta("scenario", json.dumps(scenario_record(given)))
            if kept is not None:
                check_same_scenario(json.loads(kept), given)
                return
            for address in self._stage.given.users:
                facts.save_user(User(address, self._jobs.link_token(address), self._clock.now()))
            for fault in self._stage.given.faults:
                facts.add_fault(fault.as_mapping())
            self._stage.refresh(facts)

    # time ---------------------------------------------------------------------------------------------------

    def clock(self) -> dict[str, Any]:
        """Return service time [s] and what kind of clock it is."""
        now = self._clock.now()
        kind = "virtual"
        factor: dict[str, float] = {}
        if isinstance(self._clock, ScaledClock):
            kind = "system" if self._clock.factor == 1 else "scaled"
            factor = {"factor": self._clock.factor}
        return {"now": now, "kind": kind, "iso": iso_text(now)} | factor

    def advance(self, seconds: float) -> dict[str, Any]:
        """Move time on by `seconds` and return the clock."""
        if self._clock.now() + seconds > END_OF_TIME:
            raise ControlError(f"service time ends at {iso_text(END_OF_TIME)}")
        try:
            self._clock.advance(seconds)
        except ValueError as error:
            raise ControlError(str(error)) from error
        return self.clock()

    def set_clock(self, now: float) -> dict[str, Any]:
        """Move time on to `now` [s]; it never goes back."""
        step = now - self._clock.now()
        if step < 0:
            raise ControlError(f"service time is {iso_text(self._clock.now())} and never goes back")
        return self.advance(step)

    # what is in force ---------------------------------------------------------------------------------------

    def scenario(self) -> dict[str, Any]:
        """Return every setting in force now, by dotted name."""
        return dict(self._jobs.epoch().values)

    def change(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Change settings from now on and return all in force."""
        try:
            check_settings(values)
        except ScenarioError as error:
            raise ControlError(str(error)) from error
        with self._store.transaction() as facts:
            facts.add_change(self._clock.now(), values)
            self._stage.refresh(facts)
        if any(name.startswith(("queue.", "background.", "service.")) for name in values):
            self._jobs.replan()
        return self.scenario()

    def add_user(self, address: str) -> dict[str, Any]:
        """Register and confirm an address at once."""
        try:
            user = self._jobs.confirm(self._jobs.register(address).token)
        except Refusal as error:
            raise ControlError(str(error)) from error
        return {"email": user.address, "confirmed_at": user.confirmed_at}

    # failures -----------------------------------------------------------------------------------------------

    def faults(self) -> list[dict[str, Any]]:
        """Return the planned failures, with how often each fired."""
        with self._store.reading() as facts:
            return [_told(rule, number, fired) for number, rule, fired in facts.faults()]

    def plan_fault(self, rule: Mapping[str, Any]) -> dict[str, Any]:
        """Plan a failure."""
        try:
            kept = Fault.from_mapping(rule, self._stage.given.start).as_mapping()
        except ValueError as error:
            raise ControlError(str(error)) from error
        with self._store.transaction() as facts:
            number = facts.add_fault(kept)
            self._stage.refresh(facts)
        return _told(kept, number, 0)

    def clear_faults(self) -> list[dict[str, Any]]:
        """Forget all planned failures."""
        with self._store.transaction() as facts:
            facts.delete_faults()
            self._stage.refresh(facts)
        return []

    def meet(self, operation: str) -> Fault | None:
        """Return the planned failure that a call of `operation` meets, and count it.

        Calls are counted from the moment the first failure was planned.
        """
        if not self._stage.faults:
            return None
        with self._store.transaction() as facts:
            planned, fired = self._stage.faults, {number: count for number, _, count in facts.faults()}
            call = facts.count_call(operation)
            met = find_fault(planned, operation, call, self._clock.now(), seed=self._stage.given.seed, fired=fired)
            if met is not None:
                facts.fired(met)
        return None if met is None else planned[met]

    def never_fired(self) -> list[Fault]:
        """Return the planned failures that no call has met."""
        with self._store.reading() as facts:
            fired = {number: count for number, _, count in facts.faults()}
        return never_fired(self._stage.faults, fired)

    # what happened ------------------------------------------------------------------------------------------

    def journal(self, newest: int | None = None, **wanted: Any) -> Journal:
        """Return the entries that match, in the order of the calls; the `newest` of them if a number is given."""
        found = self._store.journal().where(**wanted)
        return found if newest is None else type(found)(found.entries[-newest:] if newest else ())

    def jobs(self) -> list[Job]:
        """Return every job there is, by number."""
        with self._store.reading() as facts:
            return facts.all_jobs()

    def report(self) -> dict[str, Any]:
        """Return how considerate the callers were, in service time alone."""
        now, scenario = self._clock.now(), self._stage.scenario()
        return courtesy_report(self.jobs(), self._store.journal(), scenario, now, self.never_fired())

    # the whole state ----------------------------------------------------------------------------------------

    def save(self) -> dict[str, Any]:
        """Return all there is as JSON-ready data."""
        self._store.journal()
        with self._store.reading() as facts:
            return {"now": self._clock.now(), "tables": facts.dump()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Put back a state that was saved; time moves on to it if it is later."""
        tables, now = state.get("tables"), state.get("now")
        if not isinstance(tables, dict) or not isinstance(now, int | float) or not 0 <= now <= END_OF_TIME:
            raise ControlError("a state has `now` and `tables`; use one that was saved here")
        try:
            with self._store.transaction() as facts:
                facts.restore(tables)
                facts.set_meta("scenario", json.dumps(scenario_record(self._stage.given)))
                self._stage.refresh(facts)
        except ValueError as error:
            raise ControlError(f"this is not a state that was saved here: {error}") from error
        if now > self._clock.now():
            self._clock.advance(now - self._clock.now())

    def reset(self) -> dict[str, Any]:
        """Forget all jobs, changes, calls and users; the scenario begins anew. Time goes on."""
        self._store.clear()
        with self._store.reading() as facts:
            self._stage.refresh(facts)
        self._register_scenario()
        return self.clock()

    def last_calls(self, number: int = 10) -> Sequence[str]:
        """Return the last calls, a line each."""
        return str(self.journal(newest=number)).splitlines()

    def is_virtual(self) -> bool:
        """Whether time stands still until somebody moves it."""
        return isinstance(self._clock, VirtualClock)


def _told(rule: Mapping[str, Any], number: int, fired: int) -> dict[str, Any]:
    """Return a planned failure as the operator sees it: always with its operation."""
    return {"id": number, "operation": ANY} | dict(rule) | {"fired": fired}
