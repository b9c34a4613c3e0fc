"""Steps from each version of the tables to the next, written with Alembic's operations.

A step speaks of the tables as they were then, never of :mod:`mock_server.tables`, which is what they are now. A new
one: change the tables, raise ``SCHEMA_VERSION``, add the step here and a database of the version before to the tests.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

if TYPE_CHECKING:
    from collections.abc import Callable


def upgrade(connection: sa.Connection, found: int) -> None:
    """Take every step from version `found` to the newest, within the caller's transaction."""
    op = Operations(MigrationContext.configure(connection))
    for version in sorted(_STEPS):
        if version > found:
            _STEPS[version](op)


def _to_2(op: Operations) -> None:
    """Service time lives in the database; of the scenario more than its name is kept.

    Version 1 did not keep the time: a virtual clock goes on from the last call that was noted.
    """
    op.create_table(
        "clock",
        sa.Column("clock_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("factor", sa.Double, nullable=False),
        sa.Column("origin", sa.Double, nullable=False),
        sa.Column("base", sa.Double, nullable=False),
        sa.Column("real_at", sa.Double, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":  # elsewhere an integer has room for any number
        for table, column in (("journal", "job_id"), ("builds", "job_id"), ("jobs", "job_id"), ("rebins", "job_id")):
            op.alter_column(table, column, type_=sa.BigInteger())
        op.alter_column("rebins", "rebin_id", type_=sa.BigInteger())
    meta = sa.table("meta", sa.column("name"), sa.column("value"))
    name = op.get_bind().execute(sa.select(meta.c.value).where(meta.c.name == "scenario")).scalar_one_or_none()
    if name is not None:
        op.execute(meta.update().where(meta.c.name == "scenario").values(value=json.dumps({"name": name})))


def _to_3(op: Operations) -> None:
    """A user's jobs are found by another index; this one made submissions to a large database slower."""
    op.drop_index("jobs_by_user", "jobs")


_STEPS: dict[int, Callable[[Operations], None]] = {2: _to_2, 3: _to_3}
