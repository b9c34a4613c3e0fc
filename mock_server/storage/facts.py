"""What one transaction can read and write."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.journal import Entry, Journal
from ..core.model import Job, Rebin, User
from . import rows, sql
from .rows import NEVER, user_key
from .schema import SERIALS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .connection import Connection

_ALL = 2**62  # as a limit


class StoredClock(NamedTuple):
    """A clock in the database: simulated time is `base` [s] at the real time `real_at` [s]; if virtual, always."""

    kind: str
    factor: float
    origin: float
    base: float
    real_at: float


class Shared(NamedTuple):
    """What other processes may have changed since the last call.

    Parameters
    ----------
    generation
        Grows with every change of settings and planned faults.
    base, real_at
        As in :class:`StoredClock`; 0 if the database has no clock.
    """

    generation: str
    base: float
    real_at: float


class Standing(NamedTuple):
    """The queue as a submission meets it.

    Parameters
    ----------
    active
        How many jobs of the user have builds that have not ended.
    next_job_id
        Number of the next job; it stays free until the transaction ends, because writers take turns.
    last_start
        When the last build of the queue starts [s]; minus infinity if there is no build.
    held
        How many builds hold a slot after `last_start`, or after the submission if that is later.
    """

    active: int
    next_job_id: int
    last_start: float
    held: int


class Facts:
    """The facts in the database, as one connection sees them."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    # jobs ------------------------------------------------------------------------------------------------

    def add_job(self, job: Job) -> None:
        """Store a new job."""
        self.connection.execute(sql.INSERT["jobs"], rows.job_row(job))
        self.connection.executemany(sql.INSERT["builds"], rows.build_rows(job))

    def save_jobs(self, jobs: Iterable[Job]) -> None:
        """Replace the plans of jobs that are stored already."""
        for job in jobs:
            self.connection.execute(sql.UPDATE_JOB, (job.ended_at, job.job_id))
            self.connection.execute(sql.DELETE_BUILDS, (job.job_id,))
            self.connection.executemany(sql.INSERT["builds"], rows.build_rows(job))

    def job(self, job_id: int) -> Job | None:
        """Return a job, or None if no job has this number."""
        found = self.rows_of(job_id)
        return rows.job_from(found) if found else None

    def rows_of(self, job_id: int) -> tuple[rows.Row, ...]:
        """Return a job as :func:`~mock_server.storage.rows.job_from` reads it; nothing if no job has this number."""
        return tuple(self.connection.execute(sql.JOB, (job_id,)))

    def unfinished(self, now: float) -> list[Job]:
        """Return the jobs with builds that have not ended by `now` [s], by job number."""
        return rows.jobs_from(self.connection.execute(sql.UNFINISHED, (now,)))

    def all_jobs(self) -> list[Job]:
        """Return every job, by job number."""
        return rows.jobs_from(self.connection.execute(sql.ALL_JOBS))

    def count_active(self, user: str, now: float) -> int:
        """Return the number of a user's jobs with builds that have not ended by `now` [s]."""
        (number,) = self.connection.execute(sql.COUNT, (user_key(user), now)).fetchone()
        return int(number)

    def active_ends(self, user: str, now: float) -> list[float]:
        """Return when a user's jobs end [s], of those that have not ended by `now` [s]."""
        return [end for (end,) in self.connection.execute(sql.ACTIVE_ENDS, (user_key(user), now))]

    def list_jobs(self, user: str) -> Sequence[tuple[int, str, float, str, float]]:
        """Return number, name, submission, products and end of all jobs of a user, most recent first."""
        return self.connection.execute(sql.LIST, (user_key(user),)).fetchall()

    def list_size(self, user: str) -> tuple[int, int]:
        """Return the number of a user's jobs, and the number of the most recent one; 0 without one."""
        number, newest = self.connection.execute(sql.LIST_SIZE, (user_key(user),)).fetchone()
        return number, newest

    def standing(self, user: str, now: float) -> Standing:
        """Return the queue as a submission of `user` at `now` [s] meets it."""
        values = (user_key(user), now, now, now, NEVER, NEVER)
        active, last, last_start, held = self.connection.execute(sql.STANDING, values).fetchone()
        return Standing(active, (last or 0) + 1, -NEVER if last_start is None else last_start, held)

    def slots_held_after(self, moment: float) -> list[float]:
        """Return the ends of the builds that hold a slot after `moment`, when the last has started, in order [s]."""
        return [end for (end,) in self.connection.execute(sql.SLOTS_HELD, (moment, NEVER)).fetchall()]

    # rebinnings ------------------------------------------------------------------------------------------

    def add_rebin(self, rebin: Rebin) -> Rebin:
        """Store a rebinning, and return it with its number."""
        plan = (rebin.job_id, rebin.requested_at, rebin.started_at, rebin.ends_at, rebin.cancelled_at)
        self.connection.execute(sql.ADD_REBIN, (*plan, json.dumps(dict(rebin.parameters))))
        (number,) = self.connection.execute(sql.LAST_REBIN).fetchone()
        return replace(rebin, rebin_id=number)

    def rebin(self, rebin_id: int) -> Rebin | None:
        """Return a rebinning, or None if none has this number."""
        row = self.connection.execute(sql.REBIN, (rebin_id,)).fetchone()
        if row is None:
            return None
        number, job_id, requested_at, started_at, ends_at, cancelled_at, parameters = row
        return Rebin(number, job_id, requested_at, started_at, ends_at, json.loads(parameters), cancelled_at)

    def cancel_rebin(self, rebin_id: int, now: float) -> None:
        """Store that a rebinning was cancelled at `now` [s]."""
        self.connection.execute(sql.CANCEL_REBIN, (now, rebin_id))

    # users -----------------------------------------------------------------------------------------------

    def user(self, address: str) -> User | None:
        """Return the user who registered with an address, or None."""
        row = self.connection.execute(sql.USER, (user_key(address),)).fetchone()
        return None if row is None else User(*row)

    def user_of_token(self, token: str) -> User | None:
        """Return the user to whom a confirmation link belongs, or None."""
        row = self.connection.execute(sql.USER_OF_TOKEN, (token,)).fetchone()
        return None if row is None else User(*row)

    def save_user(self, user: User) -> None:
        """Store a user, in place of an earlier entry for the same address."""
        row = (user_key(user.address), user.address, user.token, user.confirmed_at)
        self.connection.execute(sql.SAVE_USER, row)

    def users(self) -> list[User]:
        """Return all users by address."""
        return [User(*row) for row in self.connection.execute(sql.USERS)]

    # settings and faults ---------------------------------------------------------------------------------

    def add_change(self, at: float, settings: Mapping[str, Any]) -> None:
        """Store that settings change at a moment of simulated time [s]."""
        self.connection.execute(sql.ADD_CHANGE, (at, json.dumps(dict(settings))))
        self.connection.execute(sql.NEXT_GENERATION)

    def changes(self) -> list[tuple[float, dict[str, Any]]]:
        """Return all changes made so far, oldest first."""
        return [(at, json.loads(settings)) for at, settings in self.connection.execute(sql.CHANGES)]

    def add_fault(self, rule: Mapping[str, Any]) -> int:
        """Store a planned fault and return its number."""
        self.connection.execute(sql.NEXT_GENERATION)
        self.connection.execute(sql.ADD_FAULT, (json.dumps(dict(rule)), 0))
        (number,) = self.connection.execute(sql.LAST_FAULT).fetchone()
        return int(number)

    def faults(self) -> list[tuple[int, dict[str, Any], int]]:
        """Return number, rule and count of firings of every planned fault."""
        return [(number, json.loads(rule), fired) for number, rule, fired in self.connection.execute(sql.FAULTS)]

    def fire(self, fault_id: int, times: int | None = None) -> bool:
        """Count one more firing of a planned fault; return False if it has fired `times` times already."""
        return self.connection.execute(sql.FIRED, (fault_id, _ALL if times is None else times)).rowcount > 0

    def delete_faults(self) -> None:
        """Remove all planned faults; calls are counted from 1 again."""
        self.connection.execute(sql.NEXT_GENERATION)
        self.connection.execute("DELETE FROM faults")
        self.connection.execute("DELETE FROM calls")

    def count_call(self, operation: str) -> int:
        """Count one more call of an operation and return its number, from 1."""
        self.connection.execute(sql.COUNT_CALL, (operation,))
        (number,) = self.connection.execute(sql.CALL_NUMBER, (operation,)).fetchone()
        return int(number)

    # the journal -----------------------------------------------------------------------------------------

    def add_entries(self, entries: Iterable[Entry]) -> None:
        """Append to the journal."""
        self.connection.executemany(sql.ADD_ENTRY, map(rows.entry_row, entries))

    def forget_entries(self, keep: int) -> None:
        """Remove all of the journal but its `keep` newest entries, at least one: the next number follows from it."""
        self.connection.execute(sql.FORGET_ENTRIES, (max(1, keep),))

    def entries(self, newest: int | None = None) -> Journal:
        """Return the journal, or its `newest` entries, in the order of the calls."""
        found = self.connection.execute(sql.ENTRIES, (_ALL if newest is None else newest,)).fetchall()
        entries = (Entry._make((*row[1:], row[0])) for row in reversed(found))
        return Journal(entries, forgotten=found[-1][0] - 1 if found else 0)

    # what is true of the database as a whole -------------------------------------------------------------

    def meta(self, name: str) -> str | None:
        """Return the text stored under a name, or None."""
        row = self.connection.execute(sql.META, (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, name: str, value: str) -> None:
        """Store a text under a name."""
        self.connection.execute(sql.SET_META, (name, value))

    def era(self) -> str:
        """Return the number of times that everything was removed or replaced, as text."""
        return self.meta("era") or "0"

    def shared(self) -> Shared:
        """Return what other processes may have changed, in one statement."""
        generation, base, real_at = self.connection.execute(sql.SHARED).fetchone()
        return Shared(generation or "0", base, real_at)

    def clock(self) -> StoredClock | None:
        """Return the clock that several processes share, or None."""
        row = self.connection.execute(sql.CLOCK).fetchone()
        return None if row is None else StoredClock(*row)

    def begin_clock(self, kind: str, factor: float, start: float, real: float) -> StoredClock:
        """Return the stored clock at the real time `real` [s]; a database without one gets a clock from `start` [s] on.

        Its time is never before the last thing that happened, also if the machine's clock was set back meanwhile.
        """
        found, latest = self.clock(), self.latest()
        if found is not None:
            self.move_clock(max(found.base, latest or found.base), real)
            return found
        clock = StoredClock(kind, factor, start, max(start, latest or start), real)
        self.connection.execute(sql.INSERT["clock"], (1, *clock))
        return clock

    def advance_clock(self, seconds: float) -> None:
        """Move the clock forward by a number of seconds."""
        self.connection.execute(sql.ADVANCE_CLOCK, (seconds,))

    def move_clock(self, now: float, real: float) -> None:
        """Move the clock forward, so that at the real time `real` [s] it is `now` [s]; a later clock stays as it is."""
        self.connection.execute(sql.MOVE_CLOCK, (now, real, real, now))

    def latest(self) -> float | None:
        """Return the simulated time of the last thing that happened [s], or None; it reads whole tables."""
        (at,) = self.connection.execute(sql.LATEST).fetchone()
        return at if at is None else float(at)

    def dump(self) -> dict[str, list[dict[str, Any]]]:
        """Return every row of every table as JSON-ready data; a moment that never comes is the text ``never``."""
        return {
            table: [rows.dumped(table, row) for row in self.connection.execute(sql.SELECT[table])]
            for table in rows.DUMPED
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Replace everything by what :meth:`dump` returned.

        Raises
        ------
        ValueError
            If it is something else. The caller must leave the transaction by an exception then.
        """
        tables = rows.restored(state)
        self.clear()
        try:
            for table in rows.DUMPED:  # jobs before builds
                self.connection.executemany(sql.INSERT[table], tables[table])
            self.all_jobs()
        except self.connection.errors as error:
            raise ValueError(str(error).splitlines()[0]) from error
        except LookupError as error:
            raise ValueError(f"no product or status code is {error}") from error
        except TypeError as error:
            raise ValueError("parameters must be a JSON object, and items a JSON list") from error
        self.connection.restart_serials(SERIALS)
        self.connection.execute(sql.NEXT_GENERATION)

    def clear(self) -> None:
        """Empty every table; numbers begin at 1 again, and calls that began before are not written any more."""
        for table in reversed(rows.DUMPED):  # builds before jobs
            if table != "meta":
                self.connection.execute(f"DELETE FROM {table}")
        self.connection.execute("DELETE FROM meta WHERE name NOT IN (?, ?, ?)", rows.OF_THE_DATABASE)
        self.connection.execute(sql.NEXT_ERA)
        self.connection.restart_serials(SERIALS)
        self.connection.execute(sql.NEXT_GENERATION)
