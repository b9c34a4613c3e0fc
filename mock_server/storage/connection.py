"""What the store needs of a database connection, and which module offers it for a URL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from ..core.errors import InputInvalid
from .sqlite import SQLite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

MEMORY = ("sqlite://", "sqlite:///:memory:")
_FILE_ENDINGS = (".sqlite", ".sqlite3", ".db")


class Cursor(Protocol):
    """Rows of an answer, each a tuple."""

    @property
    def rowcount(self) -> int:
        """How many rows a statement changed."""
        ...

    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """A database connection in autocommit mode: outside a transaction, every statement is committed at once."""

    errors: ClassVar[tuple[type[Exception], ...]]
    """What a statement raises if the database or its driver refuses it."""

    @property
    def types(self) -> Mapping[str, str]:
        """SQL of the column types NUMBER, SERIAL and GROWING."""
        ...

    @property
    def clustered(self) -> str:
        """SQL that lets a table with a primary key of several columns be stored in its order; empty if it is anyway."""
        ...

    @staticmethod
    def is_locked(error: Exception) -> bool:
        """Return whether a statement failed because another program holds a lock."""
        ...

    @staticmethod
    def is_passing(error: Exception) -> bool:
        """Return whether a statement failed for a reason that may pass: a lock, a lost server, a full disk."""
        ...

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Cursor:
        """Execute portable SQL with ``?`` in the place of each value."""
        ...

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> object: ...

    def begin(self) -> None:
        """Begin a transaction, or fail after a moment if another writer is in one (see :meth:`is_locked`)."""

    def commit(self) -> None: ...

    def rollback(self) -> None:
        """End the transaction, if one has begun, without a change to the database."""

    def close(self) -> None: ...

    def copy_to(self, path: str) -> None:
        """Write a copy of the database, as it is committed now, to a new SQLite file.

        Raises
        ------
        ValueError
            If the database has tools of its own for this.
        """

    def table_names(self) -> set[str]: ...

    def restart_serials(self, serials: Mapping[str, str]) -> None:
        """Let the numbers of SERIAL and GROWING columns (table: column) go on after the largest that is stored."""


class Database(NamedTuple):
    """How a connection is opened, and its class."""

    connect: Callable[[], Connection]
    kind: type[Connection]


def database(url: str) -> Database:
    """Return the database of a URL; nothing is opened yet.

    Raises
    ------
    ValueError
        If the URL has another form, or the driver is not installed.
    """
    if url in MEMORY:
        return Database(lambda: SQLite(":memory:"), SQLite)
    if "://" not in url and url.endswith(_FILE_ENDINGS):
        url = f"sqlite:///{url}"
    if url.startswith("sqlite:///") and "?" not in url and url != "sqlite:///":
        path = str(Path(url.removeprefix("sqlite:///")).absolute())  # the same file after a change of directory
        return Database(lambda: SQLite(path), SQLite)
    if url.startswith(("postgresql+psycopg://", "postgresql://")):
        try:
            from .postgresql import PostgreSQL  # noqa: PLC0415 - the driver is an extra, and slow to import
        except ImportError as error:
            raise InputInvalid(f"{error}: install the driver by `pip install 'xrt-mock[postgres]'`") from error
        address = url.replace("+psycopg", "", 1)
        return Database(lambda: PostgreSQL(address), PostgreSQL)
    raise InputInvalid(
        "use sqlite:// (in memory), sqlite:///FILE, a file such as jobs.sqlite, or postgresql+psycopg://USER@HOST/NAME"
    )
