"""Which version of the tables a database holds, and what to do about it.

A new database gets the newest tables; an older one is brought up to date by the steps in :mod:`mock_server.migrations`,
all of them or none; a newer one, or one that is not the simulator's, is refused and left as it is.
"""

from __future__ import annotations

from functools import cache

import sqlalchemy as sa

from . import tables as t


class SchemaError(ValueError):
    """A database that this version cannot read; the text says what to do."""


def bring_up_to_date(connection: sa.Connection, *, new: bool = False) -> None:
    """Make, check or upgrade the tables, within the caller's transaction.

    Parameters
    ----------
    connection
        The database, in a transaction that no other writer can be in.
    new
        Whether it is known to be empty.

    Raises
    ------
    SchemaError
        If the database is a newer version's, or not the simulator's.
    """
    present = set() if new else set(sa.inspect(connection).get_table_names())
    if not present:
        for statement in _definitions(connection.dialect.name):
            connection.exec_driver_sql(statement)
        connection.execute(t.meta.insert(), {"name": "schema", "value": str(t.SCHEMA_VERSION)})
        return
    found = _version(connection, present)
    if found > t.SCHEMA_VERSION:
        raise SchemaError(
            f"the database holds schema {found}, but this version of xrt-mock reads schema {t.SCHEMA_VERSION}: "
            "use the version that wrote it, or start with a new --db file"
        )
    if found < t.SCHEMA_VERSION:
        from .migrations import upgrade  # noqa: PLC0415 - Alembic is loaded for old databases alone

        upgrade(connection, found)
        connection.execute(t.meta.update().where(t.meta.c.name == "schema").values(value=str(t.SCHEMA_VERSION)))


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
