"""Facts as rows of the tables, and rows as facts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..core.model import Build, Job, Product, StatusCode
from .schema import SCHEMA_VERSION, TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..core.journal import Entry

    Row = tuple[Any, ...]

DUMPED = [table for table in TABLES if table != "clock"]
"""Tables that a saved state holds and that a reset empties: all but the clock, because time goes on."""
OF_THE_DATABASE = ("schema", "generation")
"""Names in `meta` that describe the database itself: a reset keeps them, and a saved state does not replace them."""
NEVER = float("inf")

_PRODUCTS = {product.value: product for product in Product}
_OUTCOMES = {code.value: code for code in StatusCode}
_JOB_WIDTH = len(TABLES["jobs"])
_ENCODER = json.JSONEncoder(check_circular=False)  # parameters are flat


def user_key(address: str) -> str:
    """Return the key of a user: different spellings of an address have the same (assumed: case does not matter)."""
    return address.strip().casefold()


def job_row(job: Job) -> Row:
    """Return the row of a job."""
    return (
        job.job_id,
        user_key(job.user),
        job.user,
        job.name,
        job.submitted_at,
        ",".join(build.product.value for build in job.builds),
        job.ended_at,
        _ENCODER.encode(job.parameters),
    )


def build_rows(job: Job) -> list[Row]:
    """Return the rows of a job's builds, in their order."""
    return [
        (
            job.job_id,
            place,
            build.product.value,
            build.requested_at,
            build.queued_at,
            build.started_at,
            build.running_at,
            build.ends_at,
            build.duration_s,
            int(build.outcome),
            build.cancelled_at,
            build.left_at,
            build.observations,
            json.dumps(build.items) if build.items else "[]",
        )
        for place, build in enumerate(job.builds)
    ]


def jobs_from(rows: Iterable[Row]) -> list[Job]:
    """Return the jobs in rows of jobs joined with builds, ordered by job and place."""
    jobs: dict[int, Row] = {}
    builds: dict[int, list[Build]] = {}
    for row in rows:
        jobs[row[0]] = row[:_JOB_WIDTH]
        builds.setdefault(row[0], []).append(_build_from(row[_JOB_WIDTH:]))
    return [
        Job(
            job_id=number,
            user=user,
            name=name,
            submitted_at=submitted_at,
            parameters=json.loads(parameters),
            builds=tuple(builds[number]),
        )
        for number, (_, _, user, name, submitted_at, _, _, parameters) in jobs.items()
    ]


def _build_from(row: Row) -> Build:
    _, _, product, requested, queued, started, running, ends, duration, outcome, cancelled, _, observations, items = row
    return Build(
        product=_PRODUCTS[product],
        requested_at=requested,
        queued_at=queued,
        started_at=started,
        running_at=running,
        ends_at=ends,
        duration_s=duration,
        outcome=_OUTCOMES[outcome],
        cancelled_at=cancelled,
        observations=observations,
        items=tuple(json.loads(items)) if items != "[]" else (),
    )


def entry_row(entry: Entry) -> Row:
    """Return the row of a journal entry, without its number."""
    if "\0" in entry.user or "\0" in entry.detail:  # PostgreSQL stores no NUL
        user, detail = (text.replace("\0", "\N{REPLACEMENT CHARACTER}") for text in (entry.user, entry.detail))
        return entry._replace(user=user, detail=detail)
    return entry


# the whole database as JSON-ready data -----------------------------------------------------------------------

_TYPES: dict[str, tuple[type, ...]] = {"DOUBLE": (int, float), "TEXT": (str,)}


def dumped(table: str, row: Row) -> dict[str, Any]:
    """Return a row of a table as JSON-ready data; a moment that never comes is the text ``never``."""
    return {name: "never" if value == NEVER else value for name, value in zip(TABLES[table], row, strict=True)}


def restored(state: Mapping[str, Any]) -> dict[str, list[Row]]:
    """Return the rows of every table from JSON-ready data.

    Raises
    ------
    ValueError
        If the data are no state of this version; the text says where.
    """
    rows: dict[str, list[Row]] = {}
    for table in DUMPED:
        given = state.get(table)
        if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
            raise ValueError(f"the state has no list of rows for the table {table!r}")
        rows[table] = [_restored_row(table, row) for row in given]
    meta = dict(rows["meta"])
    if meta.get("schema") != str(SCHEMA_VERSION):
        raise ValueError(f"it holds schema {meta.get('schema')}, but this version of xrt-mock reads {SCHEMA_VERSION}")
    rows["meta"] = [row for row in rows["meta"] if row[0] not in OF_THE_DATABASE]
    return rows


def _restored_row(table: str, row: Mapping[str, Any]) -> Row:
    columns = TABLES[table]
    if set(row) != set(columns):
        raise ValueError(f"a row of the table {table!r} does not have the columns {', '.join(columns)}")
    for name, kind in columns.items():
        value, types = row[name], _TYPES.get(kind.split()[0], (int,))
        nullable, never = kind.endswith(" NULL"), kind.startswith("DOUBLE")
        valid = isinstance(value, types) and not isinstance(value, bool)
        if not (valid or (value is None and nullable) or (value == "never" and never)):
            raise ValueError(f"{table}.{name} cannot be {value!r}")
    return tuple(
        NEVER if row[name] == "never" and kind.startswith("DOUBLE") else row[name] for name, kind in columns.items()
    )
