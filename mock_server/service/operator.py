"""Use cases of the operator: move time, change settings, plan faults, read the journal, save and load the state."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..clocks.base import ScaledClock
from ..clocks.virtual import VirtualClock
from ..core.errors import InputInvalid, Refusal
from ..core.faults import ANY, Fault, find_fault, never_fired
from ..core.model import User
from ..core.queue import next_change
from ..core.validation import shown
from ..core.words import iso_text
from ..reports.courtesy import courtesy_report
from ..scenario.files import check_same_scenario, scenario_record
from ..scenario.scenario import END_OF_TIME
from ..scenario.settings import ScenarioError, check_settings
from .objects import drawn_objects, unresolved_names
from .state import check_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..core.journal import Journal
    from ..core.model import Job
    from ..scenario.in_force import Moment
    from ..storage.facts import Facts
    from .jobs import JobService


class ControlError(InputInvalid):
    """A request of the operator that is refused; the text says why. Nothing was changed."""


class Controls:
    """The operator's side of the job service.

    Parameters
    ----------
    jobs
        The job service that is controlled.
    facts
        The first transaction: the scenario is stored in it, or compared with the one that the database holds.
    """

    def __init__(self, jobs: JobService, facts: Facts) -> None:
        self._jobs = jobs
        self._store, self._clock, self._in_force = jobs.store, jobs.clock, jobs.in_force
        self._register_scenario(facts)
        self._in_force.refresh(facts)

    @contextmanager
    def _changing(self) -> Iterator[Facts]:
        """Transaction that changes settings or planned faults; at its end, what is committed is in force."""
        try:
            with self._store.transaction() as facts:
                yield facts
        finally:
            with self._store.reading() as facts:
                self._in_force.refresh(facts)

    def _register_scenario(self, facts: Facts) -> None:
        """Store the scenario with its users and planned faults, or check that the database holds this scenario."""
        given = self._in_force.given
        stored = facts.meta("scenario")
        facts.set_meta("scenario", json.dumps(scenario_record(given)))
        if stored is not None:
            check_same_scenario(json.loads(stored), given)
            return
        for address in given.users:
            facts.save_user(User(address, self._jobs.link_token(address), self._jobs.begin(facts).now))
        for fault in given.faults:
            facts.add_fault(fault.as_mapping())

    # time ---------------------------------------------------------------------------------------------------

    def clock(self) -> dict[str, Any]:
        """Return simulated time [s] and the kind of clock."""
        now = self._clock.now()
        kind = "virtual"
        factor: dict[str, float] = {}
        if isinstance(self._clock, ScaledClock):
            kind = "system" if self._clock.factor == 1 else "scaled"
            factor = {"factor": self._clock.factor}
        return {"now": now, "kind": kind, "iso": iso_text(now)} | factor

    def advance(self, seconds: float) -> dict[str, Any]:
        """Move time forward by `seconds` and return the clock."""
        if self._clock.now() + seconds > END_OF_TIME:
            raise ControlError(f"simulated time ends at {iso_text(END_OF_TIME)}")
        try:
            self._clock.advance(seconds)
        except ValueError as error:
            raise ControlError(str(error)) from error
        return self.clock()

    def set_clock(self, now: float) -> dict[str, Any]:
        """Move time forward to `now` [s]; it never goes back."""
        before = self._clock.now()
        if now < before:
            raise ControlError(f"simulated time is {iso_text(before)} and never goes back")
        if now > END_OF_TIME:
            raise ControlError(f"simulated time ends at {iso_text(END_OF_TIME)}")
        self._clock.advance_to(now)
        return self.clock()

    def is_virtual(self) -> bool:
        """Return whether time stands still until someone sleeps or moves it."""
        return isinstance(self._clock, VirtualClock)

    # settings and users -------------------------------------------------------------------------------------

    def scenario(self) -> dict[str, Any]:
        """Return every setting in force now, by dotted name."""
        return dict(self._jobs.begin().epoch.values)

    def change(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Change settings from now on, and return all in force."""
        try:
            check_settings(values)
        except ScenarioError as error:
            raise ControlError(str(error)) from error
        with self._changing() as facts:
            facts.add_change(self._jobs.begin(facts).now, values)
            if any(name.startswith(("queue.", "background.", "service.")) for name in values):
                self._in_force.refresh(facts)
                self._jobs.replan(facts, self._jobs.begin(facts), earlier_only=False)
        return self.scenario()

    def add_user(self, address: str) -> dict[str, Any]:
        """Register and confirm an address at once."""
        try:
            with self._store.transaction() as facts:
                user = self._jobs.confirm(self._jobs.register(address, facts).token, facts)
        except Refusal as error:
            raise ControlError(str(error)) from error
        return {"email": user.address, "confirmed_at": user.confirmed_at}

    def users(self) -> list[User]:
        """Return all registered users, by address."""
        with self._store.reading() as facts:
            return facts.users()

    # faults -------------------------------------------------------------------------------------------------

    def faults(self) -> list[dict[str, Any]]:
        """Return the planned faults with their numbers, and how often each was triggered."""
        with self._store.reading() as facts:
            return [_listed(rule, number, fired) for number, rule, fired in facts.faults()]

    def plan_fault(self, rule: Mapping[str, Any]) -> dict[str, Any]:
        """Plan a fault."""
        try:
            checked = Fault.from_mapping(rule, self._in_force.given.start).as_mapping()
        except ValueError as error:
            raise ControlError(str(error)) from error
        with self._changing() as facts:
            number = facts.add_fault(checked)
        return _listed(checked, number, 0)

    def clear_faults(self) -> list[dict[str, Any]]:
        """Remove all planned faults."""
        with self._changing() as facts:
            facts.delete_faults()
        return []

    def meet(self, operation: str, moment: Moment | None = None) -> Fault | None:
        """Return the planned fault that a call of `operation` triggers, if any, and count the call.

        Calls are counted from the first planned fault on. A fault of a submission's plan counts as triggered once
        :meth:`JobService.submit` has accepted a product that it concerns.
        """
        if not self._in_force.faults:
            return None
        with self._store.transaction() as facts:
            now = (moment or self._jobs.begin(facts)).now
            planned, fired = self._in_force.faults, {number: count for number, _, count in facts.faults()}
            call = facts.count_call(operation)
            triggered = find_fault(planned, operation, call, now, seed=self._in_force.given.seed, fired=fired)
            if triggered is not None and not planned[triggered].of_the_plan:
                facts.fire(triggered)
        return None if triggered is None else planned[triggered]

    def never_fired(self) -> list[Fault]:
        """Return the planned faults that no call has triggered."""
        with self._store.reading() as facts:
            fired = {number: count for number, _, count in facts.faults()}
        return never_fired(self._in_force.faults, fired)

    def check_database(self) -> None:
        """Raise :class:`~mock_server.core.errors.Unavailable` unless a call that writes could be answered now."""
        with self._store.transaction() as facts:
            self._jobs.begin(facts)

    # calls and jobs -----------------------------------------------------------------------------------------

    def journal(self, newest: int | None = None, **wanted: Any) -> Journal:
        """Return the matching entries in the order of the calls, or the `newest` of them."""
        found = self._store.journal().where(**wanted)
        return found if newest is None else type(found)(found.entries[-newest:] if newest else ())

    def last_calls(self, number: int = 10) -> Sequence[str]:
        """Return the last calls, a line each."""
        return str(self.journal(newest=number)).splitlines()

    def jobs(self) -> list[Job]:
        """Return every job, by number."""
        with self._store.reading() as facts:
            return facts.all_jobs()

    def next_change(self) -> float | None:
        """Return when the status of some product changes next [s]; None if no status changes any more."""
        with self._store.reading() as facts:
            now = self._jobs.begin(facts).now
            return next_change(facts.unfinished(now), now)

    def mark(self) -> tuple[float, int, str]:
        """Return what the report follows from: simulated time [s], the last call and the settings, by their numbers."""
        self._store.flush()
        with self._store.reading() as facts:
            last_call = max((entry.seq for entry in facts.entries(newest=1)), default=0)
            return self._clock.now(), last_call, facts.shared().generation

    def report(self, began: float | None = None) -> dict[str, Any]:
        """Return the courtesy report from simulated time `began` [s] on; default: from the first call."""
        return self.report_on(began)[0]

    def report_on(self, began: float | None = None) -> tuple[dict[str, Any], Sequence[Job], Journal]:
        """Return the courtesy report, and the jobs and the calls that it is about."""
        now, scenario, *_ = self._jobs.begin()
        jobs, journal, sky = self.jobs(), self._store.journal(), self._in_force.sky
        report = courtesy_report(jobs, journal, scenario, now, self.never_fired(), began)
        report["drawn"] = drawn_objects(sky, jobs, scenario)
        return report | {"unresolved_names": unresolved_names(sky, journal, now)}, jobs, journal

    # the whole state ----------------------------------------------------------------------------------------

    def save(self) -> dict[str, Any]:
        """Return the whole state as JSON-ready data."""
        self._store.flush()
        with self._store.transaction() as facts:  # no other process writes meanwhile
            return {"now": self._jobs.begin(facts).now, "tables": facts.dump()}

    def backup(self) -> bytes:
        """Return the whole database as a SQLite file, with what no saved state holds: its clock."""
        try:
            return self._store.backup()
        except ValueError as error:
            raise ControlError(str(error)) from error

    def load(self, state: Mapping[str, Any]) -> None:
        """Replace everything by a saved state; time moves forward to it if it is later."""
        tables, now = state.get("tables"), state.get("now")
        if not isinstance(tables, dict) or isinstance(now, bool) or not isinstance(now, int | float):
            raise ControlError("a state has `now` and `tables`; use one that was saved here")
        if not 0 <= now <= END_OF_TIME:
            raise ControlError(f"the state's `now` is {shown(now)}, but simulated time ends at {iso_text(END_OF_TIME)}")
        try:
            with self._changing() as facts:
                facts.restore(tables)
                check_state(facts, tables)
                facts.set_meta("scenario", json.dumps(scenario_record(self._in_force.given)))
                facts.move_clock(now, time.time())  # in this transaction: a kill leaves no state without its time
        except ValueError as error:
            raise ControlError(f"this is not a state that was saved here: {error}") from error
        self._clock.advance_to(now)

    def reset(self) -> dict[str, Any]:
        """Remove all jobs, changes, calls and users; the scenario begins again. Time goes on."""
        with self._changing() as facts:
            facts.clear()
            self._register_scenario(facts)
        return self.clock()


def _listed(rule: Mapping[str, Any], number: int, fired: int) -> dict[str, Any]:
    """Return a planned fault as the operator sees it, always with its operation."""
    return {"id": number, "operation": ANY} | dict(rule) | {"fired": fired}
