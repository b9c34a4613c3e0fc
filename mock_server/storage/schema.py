"""Tables of the database, and the check of their version.

A new database gets the tables of this version. A database of another version, or of another program, is refused and
left unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.errors import InputInvalid

if TYPE_CHECKING:
    from .connection import Connection

SCHEMA_VERSION = 3

TABLES: dict[str, dict[str, str]] = {
    "jobs": {
        "job_id": "NUMBER PRIMARY KEY",
        "user_key": "TEXT",
        "user_address": "TEXT",
        "name": "TEXT",
        "submitted_at": "DOUBLE PRECISION",
        "products": "TEXT",
        "active_until": "DOUBLE PRECISION",
        "parameters": "TEXT",
    },
    "builds": {
        "job_id": "NUMBER REFERENCES jobs (job_id)",
        "place": "INTEGER",
        "product": "TEXT",
        "requested_at": "DOUBLE PRECISION",
        "queued_at": "DOUBLE PRECISION",
        "started_at": "DOUBLE PRECISION",
        "running_at": "DOUBLE PRECISION",
        "ends_at": "DOUBLE PRECISION",
        "duration_s": "DOUBLE PRECISION",
        "outcome": "INTEGER",
        "cancelled_at": "DOUBLE PRECISION NULL",
        "left_at": "DOUBLE PRECISION",
        "observations": "INTEGER",
        "items": "TEXT",
    },
    "rebins": {
        "rebin_id": "SERIAL",
        "job_id": "NUMBER",
        "requested_at": "DOUBLE PRECISION",
        "started_at": "DOUBLE PRECISION",
        "ends_at": "DOUBLE PRECISION",
        "cancelled_at": "DOUBLE PRECISION NULL",
        "parameters": "TEXT",
    },
    "users": {
        "user_key": "TEXT PRIMARY KEY",
        "address": "TEXT",
        "token": "TEXT",
        "confirmed_at": "DOUBLE PRECISION NULL",
    },
    "changes": {"change_id": "SERIAL", "at": "DOUBLE PRECISION", "settings": "TEXT"},
    "faults": {"fault_id": "SERIAL", "rule": "TEXT", "fired": "INTEGER"},
    "calls": {"operation": "TEXT PRIMARY KEY", "number": "INTEGER"},
    "journal": {
        "seq": "GROWING",
        "at": "DOUBLE PRECISION",
        "operation": "TEXT",
        "user": "TEXT",
        "job_id": "NUMBER NULL",
        "outcome": "TEXT",
        "status": "INTEGER",
        "detail": "TEXT",
        "where": "TEXT",
    },
    "meta": {"name": "TEXT PRIMARY KEY", "value": "TEXT"},
    "clock": {
        "clock_id": "INTEGER PRIMARY KEY",
        "kind": "TEXT",
        "factor": "DOUBLE PRECISION",
        "origin": "DOUBLE PRECISION",
        "base": "DOUBLE PRECISION",
        "real_at": "DOUBLE PRECISION",
    },
}
"""Columns of every table with their SQL types, the primary key first. NOT NULL unless they say NULL.

Each dialect has its own SQL for NUMBER (of a job: up to fifteen digits), SERIAL (primary key: the next number, never
used twice) and GROWING (the same for a table whose newest row is never deleted: it costs SQLite less).
"""
SERIALS = {
    table: name for table, columns in TABLES.items() for name, kind in columns.items() if kind in ("SERIAL", "GROWING")
}
"""Columns whose numbers the database counts, by table."""
_CONSTRAINTS = {"builds": ["PRIMARY KEY (job_id, place)"]}
_INDEXES = {
    "jobs_by_activity": "jobs (user_key, active_until)",
    "jobs_by_end": "jobs (active_until)",
    "builds_by_start": "builds (started_at)",
    "builds_by_end": "builds (left_at, started_at, job_id)",
    "ix_users_token": "users (token)",
}


class SchemaError(InputInvalid):
    """A database that this version cannot read; the text says what to do."""


def make_or_check(connection: Connection) -> None:
    """Make the tables in an empty database, or check their version, within the caller's transaction.

    Raises
    ------
    SchemaError
        If the database is of another version, or not the simulator's.
    """
    present = connection.table_names()
    if not present:
        for table, columns in TABLES.items():
            lines = _CONSTRAINTS.get(table, [])
            for name, kind in reversed(columns.items()):
                first, _, rest = kind.partition(" ")
                null = "" if kind.endswith(" NULL") else " NOT NULL"
                lines = [f'"{name}" {connection.types.get(first, first)} {rest}{null}', *lines]
            options = connection.clustered if table in _CONSTRAINTS else ""
            connection.execute(f"CREATE TABLE {table} ({', '.join(lines)}) {options}")
        for index, columns_of in _INDEXES.items():
            connection.execute(f"CREATE INDEX {index} ON {columns_of}")
        connection.execute("INSERT INTO meta (name, value) VALUES ('schema', ?)", (str(SCHEMA_VERSION),))
        return
    found = None
    if {"meta", "jobs", "builds"} <= present:
        found = connection.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
    if found is None or not found[0].isdecimal():
        raise SchemaError("the database is not one of xrt-mock's: start with a new --db file")
    if int(found[0]) != SCHEMA_VERSION:
        raise SchemaError(
            f"the database holds schema {found[0]}, but this version of xrt-mock reads schema {SCHEMA_VERSION}: "
            "use the version that wrote it, or start with a new --db file"
        )
