"""Version of the tables in a database.

A new database gets the tables of this version. A database of another version, or of another program, is refused and
left unchanged.
"""

from __future__ import annotations

from functools import cache

import sqlalchemy as sa

from . import rows as t


class SchemaError(ValueError):
    """A database that this version cannot read; the text says what to do."""


def make_or_check(connection: sa.Connection, *, new: bool = False) -> None:
    """Make or check the tables, within the caller's transaction.

    Parameters
    ----------
    connection
        The database, in a transaction that no other writer can be in.
    new
        Whether it is known to be empty.

    Raises
    ------
    SchemaError
        If the database is of another version, or not the simulator's.
    """
    present = set() if new else set(sa.inspect(connection).get_table_names())
    if not present:
        for statement in _definitions(connection.dialect.name):
            connection.exec_driver_sql(statement)
        connection.execute(t.meta.insert(), {"name": "schema", "value": str(t.SCHEMA_VERSION)})
        return
    found = _version(connection, present)
    if found != t.SCHEMA_VERSION:
        raise SchemaError(
            f"the database holds schema {found}, but this version of xrt-mock reads schema {t.SCHEMA_VERSION}: "
            "use the version that wrote it, or start with a new --db file"
        )


@cache
def _definitions(dialect: str) -> tuple[str, ...]:
    """Return the statements that make the tables; SQLAlchemy takes longer to word them than SQLite to obey."""
    words: list[str] = []
    url = {"sqlite": "sqlite://", "postgresql": "postgresql+psycopg://"}[dialect]
    spoken = sa.make_url(url).get_dialect()()
    engine = sa.create_mock_engine(url, lambda sql, *_, **__: words.append(str(sql.compile(dialect=spoken))))
    t.metadata.create_all(engine, checkfirst=False)
    return tuple(words)


def _version(connection: sa.Connection, present: set[str]) -> int:
    text: str | None = None
    if {"meta", "jobs", "builds"} <= present:
        text = connection.execute(sa.select(t.meta.c.value).where(t.meta.c.name == "schema")).scalar_one_or_none()
    if text is None or not text.isdecimal():
        raise SchemaError("the database is not one of xrt-mock's: start with a new --db file")
    return int(text)
