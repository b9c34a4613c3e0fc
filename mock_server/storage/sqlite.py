"""SQLite, in memory or in a file."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_WAIT_S = 60  # for another writer


class SQLite(sqlite3.Connection):
    """A connection to SQLite; :class:`~mock_server.storage.connection.Connection` describes its interface.

    Parameters
    ----------
    path
        The file; ``:memory:`` for a new database in memory.
    """

    errors: tuple[type[Exception], ...] = (sqlite3.Error, OverflowError)  # OverflowError: a number of more than 64 bits
    types: Mapping[str, str] = {"NUMBER": "INTEGER", "SERIAL": "INTEGER PRIMARY KEY AUTOINCREMENT"}

    def __init__(self, path: str) -> None:
        # threads take turns with a connection, so SQLite need not check that it stays in one
        super().__init__(path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
        try:
            self.execute("PRAGMA journal_mode = WAL")
            self.execute("PRAGMA synchronous = NORMAL")  # a commit survives kill -9; a power cut may undo the last ones
            self.execute("PRAGMA foreign_keys = ON")
        except sqlite3.Error:  # the file is no database, or another program locks it
            self.close()
            raise

    def begin(self) -> None:
        self.execute("BEGIN IMMEDIATE")

    def table_names(self) -> set[str]:
        return {name for (name,) in self.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def restart_serials(self, serials: Mapping[str, str]) -> None:  # noqa: ARG002 - SQLite keeps them in one table
        self.execute("DELETE FROM sqlite_sequence")
