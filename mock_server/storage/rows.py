"""Facts as rows of the tables, and rows as facts."""

from __future__ import annotations

import json
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..core.model import Build, Job, Product, StatusCode
from ..core.validation import shown
from .schema import SCHEMA_VERSION, TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..core.journal import Entry

    Row = tuple[Any, ...]

DUMPED = [table for table in TABLES if table != "clock"]
"""Tables that a saved state holds and that a reset empties: all but the clock, because time goes on."""
OF_THE_DATABASE = ("schema", "generation", "era")
"""Names in `meta` that describe the database itself: a reset keeps them, and a saved state does not replace them."""
NEVER = float("inf")
_LARGE = 1e15

_PRODUCTS = {product.value: product for product in Product}
_OUTCOMES = {code.value: code for code in StatusCode}
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


@lru_cache(maxsize=256)
def job_from(rows: tuple[Row, ...]) -> Job:
    """Return the job in these rows; callers poll the same jobs again and again. All simulators share the result."""
    return jobs_from(rows)[0]


def jobs_from(rows: Iterable[Row]) -> list[Job]:
    """Return the jobs in rows of jobs joined with builds, ordered by job and place; nothing in them can be changed."""
    jobs: list[Job] = []
    for head, of_job in groupby(rows, key=itemgetter(slice(5))):
        job_id, user, name, submitted_at, parameters = head
        builds = tuple(build_from(row[5:]) for row in of_job)
        jobs.append(Job(job_id, user, name, submitted_at, MappingProxyType(json.loads(parameters)), builds))
    return jobs


def build_from(row: Row) -> Build:
    """Return the build in the columns of a row from `product` on."""
    product, requested, queued, started, running, ends, duration, outcome, cancelled, observations, items = row
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
        entry = entry._replace(user=user, detail=detail)
    return entry[:-1]


# the whole database as JSON-ready data -----------------------------------------------------------------------


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
            raise ValueError(f"the table {table!r} must be a list of objects")
        if any(row.keys() != TABLES[table].keys() for row in given):
            raise ValueError(f"each row of the table {table!r} must have the columns {', '.join(TABLES[table])}")
        rows[table] = [tuple(_restored(table, name, row[name]) for name in TABLES[table]) for row in given]
    schema = next((value for name, value in rows["meta"] if name == "schema"), None)
    if schema != str(SCHEMA_VERSION):
        raise ValueError(f"it holds schema {schema}, but this version of xrt-mock reads {SCHEMA_VERSION}")
    rows["meta"] = [row for row in rows["meta"] if row[0] not in OF_THE_DATABASE]
    return rows


def _restored(table: str, column: str, value: Any) -> Any:
    kind = TABLES[table][column]
    if value is None and kind.endswith(" NULL"):
        return None
    if kind.startswith("DOUBLE"):
        value = NEVER if value == "never" else value
        valid = isinstance(value, int | float) and (value == NEVER or abs(value) < _LARGE)  # NaN is not less
    else:
        valid = isinstance(value, str if kind.startswith("TEXT") else int)
    if not valid or isinstance(value, bool):
        raise ValueError(f"{table}.{column} cannot be {shown(value)}")
    return value
