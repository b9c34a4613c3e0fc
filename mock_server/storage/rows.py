"""The tables of the store, the statements asked most, and how facts become rows and rows facts."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ..core.model import Build, Job, Product, StatusCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SCHEMA_VERSION = 3

NUMBER = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
"""Of a job or rebinning: callers may ask for fifteen digits."""

metadata = sa.MetaData()
jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("job_id", NUMBER, primary_key=True, autoincrement=False),
    sa.Column("user_key", sa.String(320), nullable=False),
    sa.Column("user_address", sa.String(320), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("submitted_at", sa.Double, nullable=False),
    sa.Column("products", sa.String(64), nullable=False),
    sa.Column("active_until", sa.Double, nullable=False),
    sa.Column("parameters", sa.Text, nullable=False),
    sa.Index("jobs_by_activity", "user_key", "active_until"),
    sa.Index("jobs_by_end", "active_until"),
)
builds = sa.Table(
    "builds",
    metadata,
    sa.Column("job_id", NUMBER, sa.ForeignKey("jobs.job_id"), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True),
    sa.Column("product", sa.String(12), nullable=False),
    sa.Column("requested_at", sa.Double, nullable=False),
    sa.Column("queued_at", sa.Double, nullable=False),
    sa.Column("started_at", sa.Double, nullable=False),
    sa.Column("running_at", sa.Double, nullable=False),
    sa.Column("ends_at", sa.Double, nullable=False),
    sa.Column("duration_s", sa.Double, nullable=False),
    sa.Column("outcome", sa.Integer, nullable=False),
    sa.Column("cancelled_at", sa.Double),
    sa.Column("left_at", sa.Double, nullable=False),
    sa.Column("observations", sa.Integer, nullable=False),
    sa.Column("items", sa.Text, nullable=False),
    sa.Index("builds_by_start", "started_at"),
    sa.Index("builds_by_end", "left_at"),
)
rebins = sa.Table(
    "rebins",
    metadata,
    sa.Column("rebin_id", NUMBER, primary_key=True, autoincrement=True),
    sa.Column("job_id", NUMBER, nullable=False),
    sa.Column("requested_at", sa.Double, nullable=False),
    sa.Column("started_at", sa.Double, nullable=False),
    sa.Column("ends_at", sa.Double, nullable=False),
    sa.Column("cancelled_at", sa.Double),
    sa.Column("parameters", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)
users = sa.Table(
    "users",
    metadata,
    sa.Column("user_key", sa.String(320), primary_key=True),
    sa.Column("address", sa.String(320), nullable=False),
    sa.Column("token", sa.String(64), nullable=False, index=True),
    sa.Column("confirmed_at", sa.Double),
)
changes = sa.Table(
    "changes",
    metadata,
    sa.Column("change_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
)
faults = sa.Table(
    "faults",
    metadata,
    sa.Column("fault_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("fired", sa.Integer, nullable=False),
)
calls = sa.Table(
    "calls",
    metadata,
    sa.Column("operation", sa.String(64), primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
)
journal = sa.Table(
    "journal",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("operation", sa.String(64), nullable=False),
    sa.Column("user", sa.String(320), nullable=False),
    sa.Column("job_id", NUMBER),
    sa.Column("outcome", sa.String(32), nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("where", sa.Text, nullable=False),
)
meta = sa.Table(
    "meta", metadata, sa.Column("name", sa.String(64), primary_key=True), sa.Column("value", sa.Text, nullable=False)
)
clock = sa.Table(
    "clock",
    metadata,
    sa.Column("clock_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("factor", sa.Double, nullable=False),
    sa.Column("origin", sa.Double, nullable=False),
    sa.Column("base", sa.Double, nullable=False),
    sa.Column("real_at", sa.Double, nullable=False),
)
TABLES = (builds, jobs, rebins, users, changes, faults, calls, journal, meta)
"""What a saved state holds and a reset empties: all but the clock, for time goes on."""

OF_THE_DATABASE = ("schema", "generation")
"""What `meta` says about the database itself: it outlives a reset and is not taken from elsewhere."""

NEVER = float("inf")


def user_key(address: str) -> str:
    """Return what two spellings of one address have in common (assumed: case does not matter)."""
    return address.strip().casefold()


INSERT_JOB = jobs.insert()
INSERT_BUILDS = builds.insert()
UPDATE_JOB = (
    jobs.update().where(jobs.c.job_id == sa.bindparam("which")).values(active_until=sa.bindparam("active_until"))
)
DELETE_BUILDS = builds.delete().where(builds.c.job_id == sa.bindparam("which"))
_WITH_BUILDS = sa.select(jobs, builds).join(builds, jobs.c.job_id == builds.c.job_id)
_IN_ORDER = _WITH_BUILDS.order_by(jobs.c.job_id, builds.c.place)
JOB = _WITH_BUILDS.where(jobs.c.job_id == sa.bindparam("which")).order_by(builds.c.place)
UNFINISHED = _WITH_BUILDS.where(jobs.c.active_until > sa.bindparam("now")).order_by(
    jobs.c.job_id
    + sa.literal_column("0"),  # sorted afterwards, for few are unfinished: their order is no index to walk
    builds.c.place,
)
ALL_JOBS = _IN_ORDER
OF_USER = jobs.c.user_key == sa.bindparam("user_key")
COUNT = sa.select(sa.func.count()).select_from(jobs).where(OF_USER, jobs.c.active_until > sa.bindparam("now"))
LIST = (
    sa.select(jobs.c.job_id, jobs.c.name, jobs.c.submitted_at, jobs.c.products, jobs.c.active_until)
    .where(OF_USER)
    .order_by(jobs.c.job_id.desc())
)
STANDING = sa.select(
    COUNT.scalar_subquery(),
    sa.select(sa.func.max(jobs.c.job_id)).scalar_subquery(),
    sa.select(sa.func.max(builds.c.started_at)).where(builds.c.started_at < sa.bindparam("never")).scalar_subquery(),
)
HELD = sa.select(builds.c.left_at).where(
    builds.c.left_at > sa.bindparam("moment"),
    builds.c.started_at + sa.literal_column("0") < sa.bindparam("never"),  # nearly all: no index is to be used for it
)
CLOCK = sa.select(clock.c.kind, clock.c.factor, clock.c.origin, clock.c.base, clock.c.real_at)
USER = sa.select(users.c.address, users.c.token, users.c.confirmed_at).where(users.c.user_key == sa.bindparam("which"))
META = sa.select(meta.c.value).where(meta.c.name == sa.bindparam("which"))
INSERT_ENTRY = (
    journal.insert().values({c.name: sa.bindparam(c.name, type_=c.type) for c in journal.c if c.name != "seq"}).inline()
)

Statement = sa.Executable


class Words(dict[Statement, str]):
    """What statements are called by one kind of database, with named parameters; found when first asked for."""

    def __init__(self, dialect: sa.Dialect) -> None:
        super().__init__()
        self._dialect = type(dialect)(paramstyle="named" if dialect.name == "sqlite" else "pyformat")  # type: ignore[call-arg]

    def __missing__(self, statement: Any) -> str:
        words = self[statement] = str(statement.compile(dialect=self._dialect))
        return words


_WORDS: dict[str, Words] = {}


def words(dialect: sa.Dialect) -> Words:
    """Return the words of a kind of database."""
    return _WORDS.setdefault(dialect.name, Words(dialect))


_ENCODER = json.JSONEncoder(check_circular=False)  # parameters are flat


def job_row(job: Job) -> dict[str, Any]:
    """Return the row of a job."""
    return {
        "job_id": job.job_id,
        "user_key": user_key(job.user),
        "user_address": job.user,
        "name": job.name,
        "submitted_at": job.submitted_at,
        "products": ",".join(build.product.value for build in job.builds),
        "active_until": job.ended_at,
        "parameters": _ENCODER.encode(job.parameters),
    }


_PLAIN = ("requested_at", "queued_at", "started_at", "running_at", "ends_at", "duration_s", "cancelled_at", "left_at")


def build_rows(job: Job) -> list[dict[str, Any]]:
    """Return the rows of a job's builds, in their order."""
    return [
        {name: getattr(build, name) for name in _PLAIN}
        | {"job_id": job.job_id, "place": place, "product": build.product.value, "outcome": int(build.outcome)}
        | {"observations": build.observations, "items": json.dumps(build.items) if build.items else "[]"}
        for place, build in enumerate(job.builds)
    ]


@lru_cache(maxsize=256)
def job_from(rows: tuple[Any, ...]) -> Job:
    """Return the job of these rows; a job that is looked at again and again is gathered once, while it is the same."""
    return jobs_from(rows)[0]


def jobs_from(rows: Iterable[Any]) -> list[Job]:
    """Gather rows of jobs joined with builds, ordered by job, into jobs."""
    heads: dict[int, Any] = {}
    builds: dict[int, list[Build]] = {}
    for row in rows:
        heads[row[0]] = row[:_JOB_WIDTH]
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
        for number, (_, _, user, name, submitted_at, _, _, parameters) in heads.items()
    ]


_JOB_WIDTH = len(jobs.c)
_PRODUCTS = {product.value: product for product in Product}
_OUTCOMES = {code.value: code for code in StatusCode}


def _build_from(row: Any) -> Build:
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


_TYPES: tuple[tuple[type[sa.types.TypeEngine[Any]], tuple[type, ...]], ...] = (
    (sa.Integer, (int,)),
    (sa.Double, (int, float)),
    (sa.String, (str,)),
)


def dumped_rows(dumped: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of every table from JSON-ready data; a ValueError says what is wrong with them."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for table in TABLES:
        given = dumped.get(table.name)
        if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
            raise ValueError(f"there are no rows of the table {table.name!r}")
        rows[table.name] = [_dumped_row(table, row) for row in given]
    found = {row["name"]: row["value"] for row in rows["meta"]}
    if found.get("schema") != str(SCHEMA_VERSION):
        raise ValueError(f"it holds schema {found.get('schema')}, but this version of xrt-mock reads {SCHEMA_VERSION}")
    rows["meta"] = [row for row in rows["meta"] if row["name"] not in OF_THE_DATABASE]
    return rows


def _dumped_row(table: sa.Table, row: Mapping[str, Any]) -> dict[str, Any]:
    if set(row) != set(table.c.keys()):
        raise ValueError(f"a row of the table {table.name!r} has not the columns {', '.join(table.c.keys())}")
    return {column.name: _dumped_value(column, row[column.name]) for column in table.c}


def _dumped_value(column: sa.Column[Any], value: Any) -> Any:
    if value == "never" and isinstance(column.type, sa.Double):
        return NEVER
    types = next(types for kind, types in _TYPES if isinstance(column.type, kind))
    if (value is None and column.nullable) or (isinstance(value, types) and not isinstance(value, bool)):
        return value
    raise ValueError(f"{column} cannot be {value!r}")
