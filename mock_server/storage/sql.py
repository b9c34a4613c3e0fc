"""Statements of the store: portable SQL with ``?`` in the place of each value."""

from __future__ import annotations

from .schema import TABLES


def _columns(table: str, prefix: str = "") -> str:
    return ", ".join(f'{prefix}"{name}"' for name in TABLES[table])


def _insert(table: str, skipped: str = "") -> str:
    names = [name for name in TABLES[table] if name != skipped]
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"INSERT INTO {table} ({quoted}) VALUES ({', '.join('?' * len(names))})"


INSERT = {table: _insert(table) for table in TABLES}
SELECT = {table: f"SELECT {_columns(table)} FROM {table} ORDER BY 1, 2" for table in TABLES}
"""All rows in the order of the primary key."""

_JOBS = """
    SELECT jobs.job_id, user_address, name, submitted_at, parameters,
        product, requested_at, queued_at, started_at, running_at, ends_at, duration_s, outcome, cancelled_at,
        observations, items
    FROM jobs JOIN builds ON jobs.job_id = builds.job_id
"""
ALL_JOBS = f"{_JOBS} ORDER BY jobs.job_id, builds.place"
JOB = f"{_JOBS} WHERE jobs.job_id = ? ORDER BY builds.place"
# few jobs are unfinished: `+ 0` lets SQLite sort those instead of walking through all jobs by the index of job_id
UNFINISHED = f"{_JOBS} WHERE jobs.active_until > ? ORDER BY jobs.job_id + 0, builds.place"
UPDATE_JOB = "UPDATE jobs SET active_until = ? WHERE job_id = ?"
DELETE_BUILDS = "DELETE FROM builds WHERE job_id = ?"
COUNT = "SELECT count(*) FROM jobs WHERE user_key = ? AND active_until > ?"
LIST = "SELECT job_id, name, submitted_at, products, active_until FROM jobs WHERE user_key = ? ORDER BY job_id DESC"
STANDING = f"""
    SELECT ({COUNT}), (SELECT max(job_id) FROM jobs), (SELECT max(started_at) FROM builds WHERE started_at < ?)
"""
# nearly all builds start some time: `+ 0` keeps SQLite from using the index of started_at
SLOTS_HELD = "SELECT left_at FROM builds WHERE left_at > ? AND started_at + 0 < ?"

ADD_REBIN = _insert("rebins", skipped="rebin_id")
REBIN = f"SELECT {_columns('rebins')} FROM rebins WHERE rebin_id = ?"
LAST_REBIN = "SELECT max(rebin_id) FROM rebins"
CANCEL_REBIN = "UPDATE rebins SET cancelled_at = ? WHERE rebin_id = ?"

_USERS = "SELECT address, token, confirmed_at FROM users"
USER = f"{_USERS} WHERE user_key = ?"
USER_OF_TOKEN = f"{_USERS} WHERE token = ?"
USERS = f"{_USERS} ORDER BY user_key"
SAVE_USER = f"""
    {INSERT["users"]} ON CONFLICT (user_key)
    DO UPDATE SET address = excluded.address, token = excluded.token, confirmed_at = excluded.confirmed_at
"""

ADD_CHANGE = _insert("changes", skipped="change_id")
CHANGES = "SELECT at, settings FROM changes ORDER BY change_id"
ADD_FAULT = _insert("faults", skipped="fault_id")
LAST_FAULT = "SELECT max(fault_id) FROM faults"
FAULTS = "SELECT fault_id, rule, fired FROM faults ORDER BY fault_id"
FIRED = "UPDATE faults SET fired = fired + 1 WHERE fault_id = ? AND fired < ?"
COUNT_CALL = (
    "INSERT INTO calls (operation, number) VALUES (?, 1) "
    "ON CONFLICT (operation) DO UPDATE SET number = calls.number + 1"
)
CALL_NUMBER = "SELECT number FROM calls WHERE operation = ?"

ADD_ENTRY = _insert("journal", skipped="seq")
ENTRIES = f"SELECT {_columns('journal')} FROM journal ORDER BY seq DESC LIMIT ?"
FORGET_ENTRIES = "DELETE FROM journal WHERE seq <= (SELECT max(seq) FROM journal) - ?"
LATEST = """
    SELECT max(moments.at) FROM (
        SELECT max(at) AS at FROM journal UNION ALL SELECT max(at) FROM changes
        UNION ALL SELECT max(submitted_at) FROM jobs UNION ALL SELECT max(cancelled_at) FROM builds
        UNION ALL SELECT max(requested_at) FROM rebins UNION ALL SELECT max(cancelled_at) FROM rebins
        UNION ALL SELECT max(confirmed_at) FROM users
    ) AS moments
"""

META = "SELECT value FROM meta WHERE name = ?"
SET_META = f"{INSERT['meta']} ON CONFLICT (name) DO UPDATE SET value = excluded.value"
NEXT_GENERATION, NEXT_ERA = (
    f"INSERT INTO meta (name, value) VALUES ('{name}', '1') "
    "ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(meta.value AS INTEGER) + 1 AS TEXT)"
    for name in ("generation", "era")
)

CLOCK = "SELECT kind, factor, origin, base, real_at FROM clock"
ADVANCE_CLOCK = "UPDATE clock SET base = base + ?"
_RUN = "CASE kind WHEN 'virtual' THEN 0 ELSE (? - real_at) * factor END"
MOVE_CLOCK = f"UPDATE clock SET base = ?, real_at = ? WHERE base + {_RUN} < ?"
SHARED = """
    SELECT (SELECT value FROM meta WHERE name = 'generation'),
        coalesce((SELECT base FROM clock), 0), coalesce((SELECT real_at FROM clock), 0)
"""
