"""SQLite, in memory or in a file."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

_WAIT_TO_OPEN_S = 2.0  # for another program that opens or repairs the file
_WAIT_S = 0.02  # in a statement, which holds all callers of the process up; the store tries again
_CHECKPOINT_PAGES = 4000  # in the log, before it is synced and copied to the file; its index holds them in one table
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_PASSING = _LOCKED | {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}


class SQLite(sqlite3.Connection):
    """A connection to SQLite; :class:`~mock_server.storage.connection.Connection` describes its interface.

    Parameters
    ----------
    path
        The file; ``:memory:`` for a new database in memory.
    """

    errors: ClassVar[tuple[type[Exception], ...]] = (
        sqlite3.Error,
        OverflowError,
    )  # OverflowError: a number of more than 64 bits
    types: Mapping[str, str] = {
        "NUMBER": "INTEGER",
        "SERIAL": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "GROWING": "INTEGER PRIMARY KEY",  # one more than the largest, without a table that remembers it
    }
    clustered = "WITHOUT ROWID"

    def __init__(self, path: str) -> None:
        # threads take turns with a connection, so SQLite need not check that it stays in one
        super().__init__(path, timeout=_WAIT_TO_OPEN_S, isolation_level=None, check_same_thread=False)
        try:
            self.execute("PRAGMA journal_mode = WAL")
            self.execute("PRAGMA synchronous = NORMAL")  # a commit survives kill -9; a power cut may undo the last ones
            self.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            self.execute("PRAGMA foreign_keys = ON")
            self.execute(f"PRAGMA busy_timeout = {_WAIT_S * 1000:.0f}")
        except sqlite3.Error:  # the file is no database, or another program locks it
            self.close()
            raise

    @staticmethod
    def is_locked(error: Exception) -> bool:
        return _code(error) in _LOCKED

    @staticmethod
    def is_passing(error: Exception) -> bool:
        return _code(error) in _PASSING

    def begin(self) -> None:
        self.execute("BEGIN IMMEDIATE")

    def copy_to(self, path: str) -> None:
        self.execute("VACUUM INTO ?", (path,))

    def table_names(self) -> set[str]:
        return {name for (name,) in self.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def restart_serials(self, serials: Mapping[str, str]) -> None:  # noqa: ARG002 - SQLite keeps them in one table
        self.execute("DELETE FROM sqlite_sequence")


def _code(error: Exception) -> int:
    """Return SQLite's primary code of an error; -1 for an error of another kind."""
    return getattr(error, "sqlite_errorcode", -1) & 0xFF if isinstance(error, sqlite3.Error) else -1
