"""What the store needs of a database connection, and which module offers it for a URL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .sqlite import SQLite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

MEMORY = ("sqlite://", "sqlite:///:memory:")
_FILE_ENDINGS = (".sqlite", ".sqlite3", ".db")


class Cursor(Protocol):
    """Rows of an answer, each a tuple."""

    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """A database connection in autocommit mode: outside a transaction, every statement is committed at once."""

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What a statement raises if the database or its driver refuses it."""
        ...

    @property
    def types(self) -> Mapping[str, str]:
        """SQL of the column types NUMBER and SERIAL."""
        ...

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Cursor:
        """Execute portable SQL with ``?`` in the place of each value."""
        ...

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> object: ...

    def begin(self) -> None:
        """Begin a transaction as soon as no other writer is in one."""

    def commit(self) -> None: ...

    def rollback(self) -> None:
        """End the transaction, if one has begun, without a change to the database."""

    def close(self) -> None: ...

    def table_names(self) -> set[str]: ...

    def restart_serials(self, serials: Mapping[str, str]) -> None:
        """Let the numbers of SERIAL columns (table: column) go on after the largest that is stored."""


class Database(NamedTuple):
    """How a connection is opened, and what it raises if the database or its driver refuses a statement."""

    connect: Callable[[], Connection]
    errors: tuple[type[Exception], ...]


def database(url: str) -> Database:
    """Return the database of a URL; nothing is opened yet.

    Raises
    ------
    ValueError
        If the URL has another form, or the driver is not installed.
    """
    if url in MEMORY:
        return Database(lambda: SQLite(":memory:"), SQLite.errors)
    if "://" not in url and url.endswith(_FILE_ENDINGS):
        url = f"sqlite:///{url}"
    if url.startswith("sqlite:///") and "?" not in url and url != "sqlite:///":
        path = str(Path(url.removeprefix("sqlite:///")).absolute())  # the same file after a change of directory
        return Database(lambda: SQLite(path), SQLite.errors)
    if url.startswith(("postgresql+psycopg://", "postgresql://")):
        try:
            from .postgresql import PostgreSQL  # noqa: PLC0415 - the driver is an extra, and slow to import
        except ImportError as error:
            raise ValueError(f"{error}: install the driver by `pip install 'xrt-mock[postgres]'`") from error
        address = url.replace("+psycopg", "", 1)
        return Database(lambda: PostgreSQL(address), PostgreSQL.errors)
    raise ValueError(
        "use sqlite:// (in memory), sqlite:///FILE, a file such as jobs.sqlite, or postgresql+psycopg://USER@HOST/NAME"
    )
