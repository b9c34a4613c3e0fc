"""Facts in and out, one transaction for each call; with `tables` the only importer of SQLAlchemy.

SQLite in memory for tests, a SQLite file for one host, PostgreSQL for several. Writers take turns, so the queue and
the limit are always judged on what is committed. What was acknowledged is committed first.
"""

from __future__ import annotations

import json
import threading
import time
import weakref
from collections import deque
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from ..core.journal import Entry, Journal
from ..core.model import Job, Rebin, User
from . import rows as t
from .schema import SchemaError, make_or_check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

_NEVER = t.NEVER
_JOURNAL_BUFFER = 256
_JOURNAL_WAITS_S = 2.0  # of real time, at most, before entries are written where others look
_BEGIN = {
    "sqlite": ("BEGIN IMMEDIATE",),
    "postgresql": ("BEGIN", "SELECT pg_advisory_xact_lock(7301)"),  # any number that is xrt-mock's alone
}


class StoreError(ValueError):
    """The database cannot be used; the text says why and what to do."""


class KeptClock(NamedTuple):
    """Service time as the database keeps it: `base` [s] at the real time `real_at` [s]; virtual time is `base`."""

    kind: str
    factor: float
    origin: float
    base: float
    real_at: float


class Standing(NamedTuple):
    """Where a submission would stand.

    Parameters
    ----------
    active
        How many jobs of the user have builds that have not ended.
    next_job_id
        Number of the next job; writers take turns, so nobody else gets it.
    last_start
        When the last build of the queue starts [s]; minus infinity if there is none.
    """

    active: int
    next_job_id: int
    last_start: float


class Store:
    """The simulator's memory.

    Parameters
    ----------
    url
        ``sqlite://`` (in memory), ``sqlite:///FILE`` or ``postgresql+psycopg://…``.
    keep_calls
        How many calls the journal keeps, the newest, at least; at most a tenth and one batch more. None: all.

    Attributes
    ----------
    shared
        Whether other processes may write to the same database.
    """

    def __init__(self, url: str = "sqlite://", keep_calls: int | None = None) -> None:
        self._memory = url in ("sqlite://", "sqlite:///:memory:")
        self.shared = not self._memory
        self._engine = _engine(url, self._memory)
        self._lock = threading.RLock() if self._memory else nullcontext()
        self._reading = _Reading(self._lock, self._facts)
        self._kept: Any = _OneConnection() if self._memory else threading.local()
        self._connections: weakref.WeakSet[sa.Connection] = weakref.WeakSet()  # those of threads that ended are gone
        self._unwritten: deque[Entry] = deque()
        self._keep_calls, self._untrimmed = keep_calls, 0
        self._flusher: threading.Timer | None = None
        self._waiting_since = 0.0  # real time at which the oldest of what is unwritten came
        try:
            self._prepare()
        except (sa.exc.DBAPIError, self._engine.dialect.loaded_dbapi.Error, SchemaError) as error:
            self._engine.dispose()
            raise StoreError(f"--db {url}: {getattr(error, 'orig', error)}") from error

    def _prepare(self) -> None:
        with self.transaction() as facts:
            make_or_check(facts.connection, new=self._memory)

    @contextmanager
    def transaction(self) -> Iterator[Facts]:
        """Read and write as one whole; writers take turns. An exception leaves everything as it was."""
        with self._lock:
            facts = self._facts()
            facts.begin()
            try:
                yield facts
                self._write_journal(facts)
            except BaseException:
                facts.end("ROLLBACK")
                raise
            facts.end("COMMIT")

    def reading(self) -> _Reading:
        """Look at what is committed; each question is answered by one statement. Within a transaction, look by it."""
        return self._reading

    def _facts(self) -> Facts:
        """Return the facts as this thread's connection sees them; in memory there is one, and threads take turns."""
        facts: Facts | None = getattr(self._kept, "facts", None)
        if facts is None or facts.lost:
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")  # see Facts.begin
            facts = self._kept.facts = Facts(connection)
            self._connections.add(connection)
        return facts

    def note(self, entry: Entry) -> None:
        """Add an entry to the journal; it reaches the database with the next writing call, or in batches."""
        if not self._unwritten:
            self._waiting_since = time.monotonic()
        self._unwritten.append(entry)
        if len(self._unwritten) >= _JOURNAL_BUFFER:
            self.flush()
        elif self.shared and self._flusher is None:
            self._flush_in(_JOURNAL_WAITS_S)

    def _flush_in(self, seconds: float) -> None:
        self._flusher = threading.Timer(seconds, self._flush_old)
        self._flusher.daemon = True
        self._flusher.start()

    def _flush_old(self) -> None:
        """Write what has waited long enough; while many call, batches are written by those, who would have to wait."""
        self._flusher = None
        left = self._waiting_since + _JOURNAL_WAITS_S - time.monotonic()
        if self._unwritten and left > 0:
            self._flush_in(left)
        else:
            self.flush()

    def flush(self) -> None:
        """Write what is pending in the journal."""
        if self._unwritten:
            with self.transaction():
                pass

    def _write_journal(self, facts: Facts) -> None:
        entries = []
        while self._unwritten:
            entries.append(self._unwritten.popleft())
        if entries:
            facts.add_entries(entries)
        self._untrimmed += len(entries)
        if self._keep_calls is not None and self._untrimmed > self._keep_calls // 10:
            facts.forget_entries(self._keep_calls)
            self._untrimmed = 0

    def journal(self, newest: int | None = None) -> Journal:
        """Return the journal in the order of the calls, or its `newest` entries."""
        with self.transaction() as facts:
            self._write_journal(facts)
            return facts.entries(newest)

    # service time, where several processes share it -----------------------------------------------------------

    def begin_clock(self, kind: str, factor: float, start: float) -> KeptClock:
        """Return the clock that is kept; if there is none, keep one that begins at `start` [s] or the last call."""
        with self.transaction() as facts:
            if facts.connection.execute(t.CLOCK).first() is None:
                last = facts.connection.execute(sa.select(sa.func.max(t.journal.c.at))).scalar_one()
                kept = KeptClock(kind, factor, start, max(start, last or start), time.time())
                facts.connection.execute(t.clock.insert(), {"clock_id": 1, **kept._asdict()})
        return self.clock()

    def clock(self) -> KeptClock:
        """Return the clock as it is kept now."""
        with self.reading() as facts:
            return facts.clock()

    def advance_clock(self, seconds: float) -> float:
        """Move the clock on and return its base [s]; a transaction that is going on keeps its time."""
        with self.transaction() as facts:
            facts.connection.execute(t.clock.update().values(base=t.clock.c.base + seconds))
            return facts.clock().base

    def set_clock(self, now: float) -> None:
        """Move the clock on to `now` [s], if it is not there yet."""
        with self.transaction() as facts:
            facts.connection.execute(t.clock.update().where(t.clock.c.base < now).values(base=now))

    def clear(self) -> None:
        """Forget everything but the schema and the time; job numbers begin anew."""
        self._unwritten.clear()
        with self.transaction() as facts:
            facts.clear()

    def close(self) -> None:
        """Write what is pending and let go of the database."""
        if self._flusher is not None:
            self._flusher.cancel()
        self.flush()
        for connection in list(self._connections):
            connection.close()
        if self.shared:
            self._engine.dispose()


class _Reading:
    """The context in which committed facts are looked at: it has nothing to begin and nothing to end but the lock."""

    def __init__(self, lock: AbstractContextManager[Any], facts: Callable[[], Facts]) -> None:
        self._lock, self._facts = lock, facts

    def __enter__(self) -> Facts:
        self._lock.__enter__()
        return self._facts()

    def __exit__(self, *error: object) -> None:
        self._lock.__exit__(None, None, None)


class _OneConnection:
    """Where a store in memory keeps its only connection; a database file has one for each thread."""

    facts: Facts | None = None


def _engine(url: str, memory: bool) -> sa.Engine:
    try:
        if memory:
            return _memory_engine()
        if url.startswith("sqlite"):
            options = {"check_same_thread": False, "timeout": 60}
            engine = sa.create_engine(url, connect_args=options, max_overflow=-1)  # as many as there are threads
        else:
            engine = sa.create_engine(url)
    except (sa.exc.ArgumentError, ImportError) as error:
        raise StoreError(f"--db {url}: {error}") from error
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _set_up_sqlite)
    return engine


@cache
def _memory_engine() -> sa.Engine:
    """Return the engine of all databases in memory: each connection is one; statements are worded once for all."""
    engine = sa.create_engine("sqlite://", poolclass=NullPool, connect_args={"check_same_thread": False})
    sa.event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):  # survives kill -9, no power cut
        connection.execute(f"PRAGMA {pragma}")


def _without_nul(entry: Entry) -> dict[str, Any]:
    """Return the row of an entry; PostgreSQL has no text with NUL in it."""
    row = entry._asdict()
    if "\0" in entry.user or "\0" in entry.detail:
        row |= {name: row[name].replace("\0", "\N{REPLACEMENT CHARACTER}") for name in ("user", "detail")}
    return row


def _number(inserted: sa.CursorResult[Any]) -> int:
    """Number that the database gave to the one row just inserted."""
    return int(cast("Any", inserted.inserted_primary_key)[0])


class Facts:
    """The facts as one connection sees them.

    What is asked often goes straight to the driver, in the words that SQLAlchemy finds for it once: the way through
    its layers would take longer than the database takes to answer.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self._words = t.words(connection.dialect)
        self._driver: Any = connection.connection.driver_connection
        self._begin = _BEGIN[connection.dialect.name]

    @property
    def lost(self) -> bool:
        """Whether the connection is of no use any more."""
        return self.connection.closed or bool(getattr(self._driver, "closed", False))

    def begin(self) -> None:
        """Begin a transaction once no other writer is in one; the driver is in autocommit mode, and begins none."""
        for statement in self._begin:
            self._driver.execute(statement)

    def end(self, how: str) -> None:
        """End the transaction by ``COMMIT`` or ``ROLLBACK``."""
        self._driver.execute(how)

    def _ask(self, statement: t.Statement, **values: Any) -> Any:
        """Return the driver's cursor on the answer to one of the statements of `tables`."""
        return self._driver.execute(self._words[statement], values)

    def _tell(self, statement: t.Statement, rows: list[dict[str, Any]]) -> None:
        self._driver.cursor().executemany(self._words[statement], rows)

    # jobs ------------------------------------------------------------------------------------------------

    def add_job(self, job: Job) -> None:
        """Store a new job."""
        self._ask(t.INSERT_JOB, **t.job_row(job))
        self._tell(t.INSERT_BUILDS, t.build_rows(job))

    def save_jobs(self, jobs: Iterable[Job]) -> None:
        """Replace the plans of jobs that are stored already."""
        for job in jobs:
            self._ask(t.UPDATE_JOB, which=job.job_id, active_until=job.ended_at)
            self._ask(t.DELETE_BUILDS, which=job.job_id)
            self._tell(t.INSERT_BUILDS, t.build_rows(job))

    def job(self, job_id: int) -> Job | None:
        """Return a job, or None if there is none of that number."""
        rows = self._ask(t.JOB, which=job_id).fetchall()
        return t.job_from(tuple(rows)) if rows else None

    def unfinished(self, now: float) -> list[Job]:
        """Return the jobs with builds that have not ended by `now`, by job number."""
        return t.jobs_from(self._ask(t.UNFINISHED, now=now).fetchall())

    def all_jobs(self) -> list[Job]:
        """Return every job, by job number."""
        return t.jobs_from(self._ask(t.ALL_JOBS).fetchall())

    def count_active(self, user: str, now: float) -> int:
        """Return the number of a user's jobs with builds that have not ended by `now`."""
        return int(self._ask(t.COUNT, user_key=t.user_key(user), now=now).fetchone()[0])

    def list_jobs(self, user: str) -> Sequence[tuple[int, str, float, str, float]]:
        """Return number, name, submission, products and end of all jobs of a user, most recent first."""
        return cast("list[tuple[int, str, float, str, float]]", self._ask(t.LIST, user_key=t.user_key(user)).fetchall())

    def standing(self, user: str, now: float) -> Standing:
        """Return where a user's submission at `now` [s] would stand."""
        active, newest, last_start = self._ask(t.STANDING, user_key=t.user_key(user), now=now, never=_NEVER).fetchone()
        return Standing(active, (newest or 0) + 1, -_NEVER if last_start is None else last_start)

    def slots_held_after(self, moment: float) -> list[float]:
        """Ends of the builds that hold a slot after `moment`, at which the last of the queue has started [s]."""
        return [end for (end,) in self._ask(t.HELD, moment=moment, never=_NEVER)]

    # rebins ----------------------------------------------------------------------------------------------

    def add_rebin(self, rebin: Rebin) -> Rebin:
        """Store a rebinning under the next number of its own series."""
        row = {name: getattr(rebin, name) for name in ("job_id", "requested_at", "started_at", "ends_at")}
        row |= {"cancelled_at": rebin.cancelled_at, "parameters": json.dumps(dict(rebin.parameters))}
        return replace(rebin, rebin_id=_number(self.connection.execute(t.rebins.insert(), row)))

    def rebin(self, rebin_id: int) -> Rebin | None:
        """Return a rebinning, or None."""
        row = self.connection.execute(sa.select(t.rebins).where(t.rebins.c.rebin_id == rebin_id)).one_or_none()
        return None if row is None else Rebin(**row._asdict() | {"parameters": json.loads(row.parameters)})

    def cancel_rebin(self, rebin_id: int, now: float) -> None:
        """Remember that a rebinning was cancelled at `now` [s]."""
        self.connection.execute(t.rebins.update().where(t.rebins.c.rebin_id == rebin_id).values(cancelled_at=now))

    # users -----------------------------------------------------------------------------------------------

    def user(self, address: str) -> User | None:
        """Return who registered with an address, or None."""
        row = self._ask(t.USER, which=t.user_key(address)).fetchone()
        return None if row is None else User(*row)

    def user_of_token(self, token: str) -> User | None:
        """Return whom a confirmation link belongs to, or None."""
        row = self.connection.execute(sa.select(t.users).where(t.users.c.token == token)).one_or_none()
        return None if row is None else User(row.address, row.token, row.confirmed_at)

    def save_user(self, user: User) -> None:
        """Store a user, or replace what is known of one."""
        key = t.user_key(user.address)
        self.connection.execute(t.users.delete().where(t.users.c.user_key == key))
        row = {"user_key": key, "address": user.address, "token": user.token, "confirmed_at": user.confirmed_at}
        self.connection.execute(t.users.insert(), row)

    def users(self) -> list[User]:
        """Return all users by address."""
        rows = self.connection.execute(sa.select(t.users).order_by(t.users.c.user_key))
        return [User(row.address, row.token, row.confirmed_at) for row in rows]

    # scenario, faults, journal ---------------------------------------------------------------------------

    def add_change(self, at: float, settings: Mapping[str, Any]) -> None:
        """Remember that settings were changed at a moment of service time [s]."""
        self.connection.execute(t.changes.insert(), {"at": at, "settings": json.dumps(dict(settings))})
        self._changed()

    def changes(self) -> list[tuple[float, dict[str, Any]]]:
        """Return all changes made so far, oldest first."""
        rows = self.connection.execute(sa.select(t.changes).order_by(t.changes.c.change_id))
        return [(row.at, json.loads(row.settings)) for row in rows]

    def add_fault(self, rule: Mapping[str, Any]) -> int:
        """Store a planned failure and return its number."""
        self._changed()
        return _number(self.connection.execute(t.faults.insert(), {"rule": json.dumps(dict(rule)), "fired": 0}))

    def faults(self) -> list[tuple[int, dict[str, Any], int]]:
        """Return number, rule and count of firings of every planned failure."""
        rows = self.connection.execute(sa.select(t.faults).order_by(t.faults.c.fault_id))
        return [(row.fault_id, json.loads(row.rule), row.fired) for row in rows]

    def fired(self, fault_id: int) -> None:
        """Count one more firing of a planned failure."""
        of_it = t.faults.c.fault_id == fault_id
        self.connection.execute(t.faults.update().where(of_it).values(fired=t.faults.c.fired + 1))

    def delete_faults(self) -> None:
        """Forget all planned failures; calls are counted from 1 again."""
        self._changed()
        self.connection.execute(t.faults.delete())
        self.connection.execute(t.calls.delete())

    def count_call(self, operation: str) -> int:
        """Count one more call of an operation and return its number, from 1."""
        row = self.connection.execute(sa.select(t.calls.c.number).where(t.calls.c.operation == operation)).one_or_none()
        number = 1 if row is None else row.number + 1
        self.connection.execute(t.calls.delete().where(t.calls.c.operation == operation))
        self.connection.execute(t.calls.insert(), {"operation": operation, "number": number})
        return int(number)

    def add_entries(self, entries: Iterable[Entry]) -> None:
        """Append to the journal."""
        self._tell(t.INSERT_ENTRY, [_without_nul(entry) for entry in entries])

    def forget_entries(self, keep: int) -> None:
        """Remove all of the journal but its `keep` newest entries."""
        newest = sa.select(sa.func.max(t.journal.c.seq)).scalar_subquery()
        self.connection.execute(t.journal.delete().where(t.journal.c.seq <= newest - keep))

    def entries(self, newest: int | None = None) -> Journal:
        """Return the journal, or its `newest` entries, in the order of the calls."""
        rows = self.connection.execute(sa.select(t.journal).order_by(t.journal.c.seq.desc()).limit(newest)).all()
        return Journal((Entry(*row[1:]) for row in reversed(rows)), forgotten=rows[-1].seq - 1 if rows else 0)

    def meta(self, name: str) -> str | None:
        """Return one remembered text, or None."""
        row = self._ask(t.META, which=name).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, name: str, value: str) -> None:
        """Remember a text under a name."""
        self.connection.execute(t.meta.delete().where(t.meta.c.name == name))
        self.connection.execute(t.meta.insert(), {"name": name, "value": value})

    def clock(self) -> KeptClock:
        """Return the clock that several processes share."""
        return KeptClock(*self._ask(t.CLOCK).fetchone())

    def dump(self) -> dict[str, list[dict[str, Any]]]:
        """Return every row of every table as JSON-ready data; a moment that never comes is the text ``never``."""
        return {
            table.name: [
                {name: "never" if value == _NEVER else value for name, value in row._asdict().items()}
                for row in self.connection.execute(table.select().order_by(*table.primary_key))
            ]
            for table in t.TABLES
        }

    def restore(self, dumped: Mapping[str, Any]) -> None:
        """Put back what :meth:`dump` returned, in place of all there is.

        Raises
        ------
        ValueError
            If it is none; the transaction is to be given up then.
        """
        rows = t.dumped_rows(dumped)
        self.clear()
        try:
            for table in reversed(t.TABLES):
                if rows[table.name]:
                    self.connection.execute(table.insert(), rows[table.name])
            self.all_jobs()
        except (sa.exc.SQLAlchemyError, OverflowError, LookupError) as error:
            raise ValueError(str(error).splitlines()[0]) from error
        self._changed()

    def _changed(self) -> None:
        """Let every process notice that scenario or faults are no longer what they were."""
        self.set_meta("generation", str(int(self.meta("generation") or 0) + 1))

    def clear(self) -> None:
        """Empty every table; numbers begin at 1 again."""
        for table in t.TABLES:
            kept = t.meta.c.name.in_(t.OF_THE_DATABASE) if table is t.meta else sa.false()
            self.connection.execute(table.delete().where(~kept))
        self._changed()
        if self.connection.dialect.name == "sqlite":
            self.connection.exec_driver_sql("DELETE FROM sqlite_sequence")
        else:
            for column in (t.rebins.c.rebin_id, t.changes.c.change_id, t.faults.c.fault_id, t.journal.c.seq):
                self.connection.exec_driver_sql(f"ALTER SEQUENCE {column.table.name}_{column.name}_seq RESTART")
