"""Connections and transactions; the journal is written in batches.

SQLite in memory for tests, a SQLite file for one host, PostgreSQL for several. Writers take turns, so the queue and
the limit are always judged by what is committed. A call is committed before it is acknowledged.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

from ..core.errors import InputInvalid, Unavailable
from .connection import MEMORY, database
from .facts import Facts, Shared
from .schema import SchemaError, make_or_check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from ..core.journal import Entry, Journal

_PATIENCE_S = 3.0
"""Real time that a call waits for the database before it is refused as :class:`Unavailable` [s]."""
_PAUSE_S, _LONGEST_PAUSE_S = 0.01, 0.2
_CONNECTIONS = 12  # open at the same time; more callers take turns
_BATCH = 256
_LONGEST_WAIT_S = 2.0  # of real time, until an entry is written where other processes see it


class StoreError(InputInvalid):
    """The database cannot be used; the text says why and what to do."""


class Store:
    """The database of a simulator.

    Parameters
    ----------
    url
        ``sqlite://`` (in memory), ``sqlite:///FILE`` or ``postgresql+psycopg://…``.
    keep_calls
        Least number of calls that the journal keeps; it keeps up to a tenth and one batch more. None: all calls.
    first
        What is done in the transaction that makes the tables, or checks them: a start happens as a whole or not at all.

    Attributes
    ----------
    shared
        Whether other processes may write to the same database.
    pause
        Waits a number of real seconds until the database is tried again; a server lets other callers go on meanwhile.
    on_change
        Called after each transaction that did more than write the journal, with whether it only added a job.
    others
        Returns what others have noted for the journal since it was last called; they noted it before what comes now.

    Notes
    -----
    What is asked of a database that is locked, lost or full raises :class:`~mock_server.core.errors.Unavailable`.
    """

    def __init__(
        self,
        url: str = "sqlite://",
        keep_calls: int | None = None,
        first: Callable[[Store, Facts], object] = lambda _store, _facts: None,
    ) -> None:
        self.shared = url not in MEMORY
        self._lock = threading.RLock()  # of the only connection to a database in memory
        self.pause: Callable[[float], object] = sleep
        self.on_change: Callable[[bool], object] = bool  # it does nothing
        self.others: Callable[[], Iterable[tuple[str | None, Entry]]] = tuple
        self._idle: list[Facts] = []
        self._opened, self._opening = 0, threading.Lock()
        self._closed = False
        self._locked_until = 0.0  # real time before which the lock is not tried again, because another caller just did
        self._locked_by: BaseException = Unavailable()
        self._unwritten: deque[tuple[str | None, Entry]] = deque()  # with the era in which the call began
        self._waiting_since = 0.0  # real time at which the oldest unwritten entry came
        self._retry_at = 0.0  # real time before which a batch that could not be written is not tried again
        self._flusher: threading.Timer | None = None
        self._keep_calls, self._untrimmed = keep_calls, 0
        try:
            self._connect, self._kind = database(url)
        except ValueError as error:
            raise StoreError(f"--db {url}: {error}") from error
        self._not_written: tuple[type[Exception], ...] = (*self._kind.errors, Unavailable)
        not_opened: tuple[type[Exception], ...] = (*self._not_written, SchemaError)
        try:
            self._idle.append(self._take())
            with self.transaction() as facts:
                make_or_check(facts.connection)
                first(self, facts)
        except not_opened as error:
            self.close()
            raise StoreError(f"--db {url}: {error}") from error
        except BaseException:
            self.close()
            raise

    def reading(self, patience_s: float = _PATIENCE_S) -> AbstractContextManager[Facts]:
        """Read what is committed. Each question is one statement; `transaction` gives the same answers all the time."""
        return self._connected(self._take, patience_s)

    @contextmanager
    def _connected(self, take: Callable[[float], Facts], patience_s: float) -> Iterator[Facts]:
        if not self.shared:
            with self._lock:
                yield self._idle[0]
            return
        try:
            facts = take(patience_s)
            try:
                yield facts
            finally:
                self._give_back(facts)
        except self._kind.errors as error:
            if not self._kind.is_passing(error):
                raise
            raise Unavailable(f"the database cannot be used now: {_first_line(error)}") from error

    def _give_back(self, facts: Facts) -> None:
        self._idle.append(facts)
        if self._closed:
            self._close_idle()

    def _take(self, patience_s: float = _PATIENCE_S) -> Facts:
        """Return a connection that is not in use, or a new one; wait for one if too many are open."""
        until = monotonic() + patience_s
        refused: Exception | None = None
        while True:
            try:
                return self._idle.pop()
            except IndexError:
                pass
            with self._opening:
                if self._opened < _CONNECTIONS:
                    try:
                        facts = Facts(self._connect())
                    except self._kind.errors as error:
                        if not self._opened or not self._kind.is_passing(error):
                            raise
                        refused = error  # the server may have no more: one that is open will do
                    else:
                        self._opened += 1
                        return facts
            if monotonic() >= until:
                words = _first_line(refused) if refused else f"all {_CONNECTIONS} connections are in use"
                raise Unavailable(f"the database cannot be reached now: {words}") from refused
            self.pause(_PAUSE_S)

    def _take_turn(self, patience_s: float) -> Facts:
        """Return a connection in whose transaction no other caller writes.

        While another program holds the lock, other callers use the connections, and one attempt at a time is made.
        """
        until, pause_s = monotonic() + patience_s, _PAUSE_S
        while True:
            if patience_s == 0 or monotonic() >= self._locked_until:
                facts = self._take(max(0.0, until - monotonic()))
                try:
                    facts.connection.begin()
                except BaseException as error:
                    facts.connection.rollback()
                    self._give_back(facts)
                    if not (isinstance(error, self._kind.errors) and self._kind.is_locked(error)):
                        raise
                    self._locked_until, self._locked_by = monotonic() + pause_s, error
                else:
                    self._locked_until = 0.0
                    return facts
            if monotonic() >= until:
                raise Unavailable(f"the database cannot be used now: {_first_line(self._locked_by)}")
            self.pause(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    @contextmanager
    def transaction(
        self, patience_s: float = _PATIENCE_S, *, journal: bool = False, adds_job: bool = False
    ) -> Iterator[Facts]:
        """Read and write in one transaction; writers take turns. An exception undoes everything.

        Another program's lock is waited for during `patience_s` of real time. The entries of the journal that wait are
        written, too, if the database outlives this process, or with `journal`. With `adds_job` nothing but a new job is
        written otherwise.
        """
        with self._connected(self._take_turn, patience_s) as facts:
            connection = facts.connection
            batch: list[tuple[str | None, Entry]] = []
            try:
                if not self.shared:
                    connection.begin()
                yield facts
                if self._unwritten and (journal or self.shared):
                    self._write_entries(facts, batch)
                connection.commit()
            except BaseException:
                self._unwritten.extendleft(reversed(batch))
                connection.rollback()
                raise
            if not journal:
                self.on_change(adds_job)

    # the journal ---------------------------------------------------------------------------------------------

    def note(self, entry: Entry, era: str | None = None) -> None:
        """Add an entry to the journal; it reaches the database in a batch, or with the next call that writes to a file.

        A call that began in an earlier `era` than the database's is left out: there was a reset since. None: any era.
        """
        self.take_others()
        self._add(era, entry)

    def take_others(self) -> None:
        """Add what others have noted to the journal."""
        for era, entry in self.others():
            self._add(era, entry)

    def _add(self, era: str | None, entry: Entry) -> None:
        if not self._unwritten:
            self._waiting_since = time.monotonic()
        self._unwritten.append((era, entry))
        if len(self._unwritten) >= _BATCH and self._retry_at <= time.monotonic():
            self._try_to_flush()
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
            self._try_to_flush()

    def _try_to_flush(self) -> None:
        """Write the journal without waiting; if it cannot be written, keep the entries and try again later."""
        try:
            self.flush(patience_s=0)
        except self._not_written:
            self._retry_at = time.monotonic() + _LONGEST_WAIT_S
            if self.shared and self._flusher is None and not self._closed:
                self._flush_in(_LONGEST_WAIT_S)

    def flush(self, patience_s: float = _PATIENCE_S) -> None:
        """Write the entries of the journal that are not yet written."""
        self.take_others()
        if self._unwritten:
            with self.transaction(patience_s, journal=True):
                pass

    def _write_entries(self, facts: Facts, batch: list[tuple[str | None, Entry]]) -> None:
        """Move the entries that wait to `batch`, and write those of the era in force."""
        while self._unwritten:
            batch.append(self._unwritten.popleft())
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

    def backup(self) -> bytes:
        """Return the whole database as a SQLite file, as it is committed now.

        Raises
        ------
        ValueError
            If the database has tools of its own for this.
        """
        self.flush()
        with tempfile.TemporaryDirectory(prefix="xrt-mock-") as folder, self.reading() as facts:
            file = Path(folder) / "copy.sqlite"
            facts.connection.copy_to(str(file))
            return file.read_bytes()

    # what several processes share ----------------------------------------------------------------------------

    def shared_state(self) -> Shared:
        """Return what other processes may have changed; outside a transaction."""
        with self.reading() as facts:
            return facts.shared()

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
        try:
            self.flush()
        finally:
            self._closed = True
            self._close_idle()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().connection.close()


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
