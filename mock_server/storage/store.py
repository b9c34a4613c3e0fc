"""Connections and transactions; the journal is written in batches.

SQLite in memory for tests, a SQLite file for one host, PostgreSQL for several. Writers take turns, so the queue and
the limit are always judged by what is committed. A call is committed before it is acknowledged.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .connection import MEMORY, database
from .facts import Facts, Shared, StoredClock
from .schema import make_or_check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..core.journal import Entry, Journal

_BATCH = 256
_LONGEST_WAIT_S = 2.0  # of real time, until an entry is written where other processes see it


class StoreError(ValueError):
    """The database cannot be used; the text says why and what to do."""


class Store:
    """The database of a simulator.

    Parameters
    ----------
    url
        ``sqlite://`` (in memory), ``sqlite:///FILE`` or ``postgresql+psycopg://…``.
    keep_calls
        Least number of calls that the journal keeps; it keeps up to a tenth and one batch more. None: all calls.

    Attributes
    ----------
    shared
        Whether other processes may write to the same database.
    """

    def __init__(self, url: str = "sqlite://", keep_calls: int | None = None) -> None:
        self.shared = url not in MEMORY
        self._lock = threading.RLock()  # of the only connection to a database in memory
        self._idle: list[Facts] = []
        self._closed = False
        self._unwritten: deque[tuple[str | None, Entry]] = deque()  # with the era in which the call began
        self._waiting_since = 0.0  # real time at which the oldest unwritten entry came
        self._flusher: threading.Timer | None = None
        self._keep_calls, self._untrimmed = keep_calls, 0
        try:
            self._connect, driver_errors = database(url)
        except ValueError as error:
            raise StoreError(f"--db {url}: {error}") from error
        errors: tuple[type[Exception], ...] = (*driver_errors, ValueError)
        try:
            self._idle.append(Facts(self._connect()))
            with self.transaction() as facts:
                make_or_check(facts.connection)
        except errors as error:
            self.close()
            raise StoreError(f"--db {url}: {error}") from error

    @contextmanager
    def reading(self) -> Iterator[Facts]:
        """Read what is committed. Each question is one statement; `transaction` gives the same answers all the time."""
        if not self.shared:
            with self._lock:
                yield self._idle[0]
            return
        try:
            facts = self._idle.pop()
        except IndexError:
            facts = Facts(self._connect())
        try:
            yield facts
        finally:
            self._idle.append(facts)
            if self._closed:
                self._close_idle()

    @contextmanager
    def transaction(self) -> Iterator[Facts]:
        """Read and write in one transaction; writers take turns. An exception undoes everything."""
        with self.reading() as facts:
            connection = facts.connection
            batch: list[tuple[str | None, Entry]] = []
            try:
                connection.begin()
                yield facts
                while self._unwritten:
                    batch.append(self._unwritten.popleft())
                self._write(facts, batch)
                connection.commit()
            except BaseException:
                self._unwritten.extendleft(reversed(batch))
                connection.rollback()
                raise

    # the journal ---------------------------------------------------------------------------------------------

    def note(self, entry: Entry, era: str | None = None) -> None:
        """Add an entry to the journal; it reaches the database with the next writing call, or in a batch.

        A call that began in an earlier `era` than the database's is left out: there was a reset since. None: any era.
        """
        if not self._unwritten:
            self._waiting_since = time.monotonic()
        self._unwritten.append((era, entry))
        if len(self._unwritten) >= _BATCH:
            self.flush()
        elif self.shared and self._flusher is None:
            self._flush_in(_LONGEST_WAIT_S)

    def _flush_in(self, seconds: float) -> None:
        self._flusher = threading.Timer(seconds, self._flush_old)
        self._flusher.daemon = True
        self._flusher.start()

    def _flush_old(self) -> None:
        """Write what has waited long enough. Under load the calls write the batches: two writers would delay them."""
        self._flusher = None
        left = self._waiting_since + _LONGEST_WAIT_S - time.monotonic()
        if self._unwritten and left > 0:
            self._flush_in(left)
        else:
            self.flush()

    def flush(self) -> None:
        """Write the entries of the journal that are not yet written."""
        if self._unwritten:
            with self.transaction():
                pass

    def _write(self, facts: Facts, batch: list[tuple[str | None, Entry]]) -> None:
        if batch:
            current = (None, facts.era())
            facts.add_entries(entry for era, entry in batch if era in current)
        self._untrimmed += len(batch)
        if self._keep_calls is not None and self._untrimmed > self._keep_calls // 10:
            facts.forget_entries(self._keep_calls)
            self._untrimmed = 0

    def journal(self, newest: int | None = None) -> Journal:
        """Return the journal in the order of the calls, or its `newest` entries."""
        self.flush()
        with self.reading() as facts:
            return facts.entries(newest)

    # what several processes share ----------------------------------------------------------------------------

    def shared_state(self) -> Shared:
        """Return what other processes may have changed; outside a transaction."""
        with self.reading() as facts:
            return facts.shared()

    def begin_clock(self, kind: str, factor: float, start: float) -> StoredClock:
        """Return the stored clock; a database without one gets a clock from `start` [s], or from the last call, on."""
        with self.transaction() as facts:
            clock = facts.clock()
            if clock is None:
                base = max(start, facts.last_call_at() or start)
                clock = StoredClock(kind, factor, start, base, time.time())
                facts.add_clock(clock)
        return clock

    def advance_clock(self, seconds: float) -> None:
        """Move the stored clock forward; a transaction of another process waits until it is done."""
        with self.transaction() as facts:
            facts.advance_clock(seconds)

    def move_clock(self, now: float) -> None:
        """Move the stored clock forward to `now` [s]; a clock that is later stays as it is."""
        with self.transaction() as facts:
            facts.move_clock(now, time.time())

    def close(self) -> None:
        """Write the journal and close all connections."""
        if self._flusher is not None:
            self._flusher.cancel()
        self.flush()
        self._closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().connection.close()
