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
ACTIVE_ENDS = "SELECT active_until FROM jobs WHERE user_key = ? AND active_until > ?"
LIST = "SELECT job_id, name, submitted_at, products, active_until FROM jobs WHERE user_key = ? ORDER BY job_id DESC"
LIST_SIZE = "SELECT count(*), coalesce(max(job_id), 0) FROM jobs WHERE user_key = ?"
# nearly all builds start some time: `+ 0` keeps SQLite from using the index of started_at
STANDING = f"""
    SELECT ({COUNT}), (SELECT max(job_id) FROM jobs), last_start, (
        SELECT count(*) FROM builds
        WHERE left_at > CASE WHEN last_start > ? THEN last_start ELSE ? END AND started_at + 0 < ?
    )
    FROM (SELECT max(started_at) AS last_start FROM builds WHERE started_at < ?) AS queue
"""
SLOTS_HELD = "SELECT left_at FROM builds WHERE left_at > ? AND started_at + 0 < ? ORDER BY left_at"

# what the dashboard shows: each statement reads a bounded number of rows, however many jobs and calls there are
_BUILDS = """
    SELECT jobs.job_id, user_address, name,
        product, requested_at, queued_at, started_at, running_at, ends_at, duration_s, outcome, cancelled_at,
        observations, items
    FROM builds JOIN jobs ON jobs.job_id = builds.job_id
"""
# among those that end first; `+ 0` keeps SQLite from reading all that have started
RUNNING = f"""
    {_BUILDS} WHERE left_at > ? AND started_at + 0 <= ? AND left_at <= coalesce(
        (SELECT left_at FROM builds WHERE left_at > ? AND left_at < ? ORDER BY left_at LIMIT 1 OFFSET ?), ?
    ) ORDER BY left_at LIMIT ?
"""
NEVER_TO_END = f"{_BUILDS} WHERE left_at = ? AND started_at <= ? ORDER BY started_at LIMIT ?"
NEXT_TO_START = f"{_BUILDS} WHERE started_at > ? AND started_at < ? AND left_at + 0 > ? ORDER BY started_at LIMIT ?"
NEVER_TO_START = f"{_BUILDS} WHERE left_at = ? AND started_at = ? ORDER BY builds.job_id LIMIT ?"
LATELY_ENDED = f"{_BUILDS} WHERE left_at <= ? ORDER BY left_at DESC LIMIT ?"
QUEUE_SIZE = """
    SELECT count(*), count(CASE WHEN started_at <= ? THEN 1 END) FROM (
        SELECT started_at FROM (
            SELECT started_at FROM builds WHERE left_at > ? AND left_at < ? ORDER BY left_at LIMIT ?
        ) AS ending
        UNION ALL SELECT started_at FROM (SELECT started_at FROM builds WHERE left_at = ? LIMIT ?) AS never_ending
    ) AS unfinished
"""
NEXT_MOMENTS = """
    SELECT (SELECT min(started_at) FROM builds WHERE started_at > ?),
        (SELECT min(left_at) FROM builds WHERE left_at > ?)
"""
NEWEST_JOBS = f"""
    {_JOBS} WHERE jobs.job_id > (SELECT max(job_id) FROM jobs) - ? ORDER BY jobs.job_id DESC, builds.place
"""
LAST_JOB = "SELECT max(job_id) FROM jobs"
ACTIVE_USERS = """
    SELECT
        (SELECT user_address FROM jobs WHERE jobs.user_key = lately.user_key ORDER BY active_until DESC LIMIT 1),
        (SELECT count(*) FROM (
            SELECT job_id FROM jobs WHERE jobs.user_key = lately.user_key AND active_until > ? LIMIT ?
        ) AS found) AS active
    FROM (
        SELECT user_key FROM (SELECT user_key FROM jobs ORDER BY job_id DESC LIMIT ?) AS newest
        UNION
        SELECT user_key FROM (SELECT user_key FROM jobs WHERE active_until > ? ORDER BY active_until LIMIT ?) AS ending
    ) AS lately
    ORDER BY active DESC, lately.user_key LIMIT ?
"""

ADD_REBIN = _insert("rebins", skipped="rebin_id")
REBIN = f"SELECT {_columns('rebins')} FROM rebins WHERE rebin_id = ?"
LAST_REBIN = "SELECT max(rebin_id) FROM rebins"
CANCEL_REBIN = "UPDATE rebins SET cancelled_at = ? WHERE rebin_id = ?"

_USERS = "SELECT address, token, confirmed_at FROM users"
USER = f"{_USERS} WHERE user_key = ?"
USER_OF_TOKEN = f"{_USERS} WHERE token = ?"
USERS = f"{_USERS} ORDER BY user_key"
FIRST_USERS = f"{USERS} LIMIT ?"
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
JOURNAL_ENDS = "SELECT (SELECT min(seq) FROM journal), (SELECT max(seq) FROM journal)"
_AMONG_NEWEST = f"""
    FROM (SELECT {_columns("journal")} FROM journal ORDER BY seq DESC LIMIT ?) AS newest
    WHERE (? = '' OR operation = ?) AND (? = '' OR lower("user") = ?) AND (? = '' OR outcome = ?)
        AND (? < 0 OR job_id = ?)
"""
FOUND_ENTRIES = f"SELECT {_columns('journal')} {_AMONG_NEWEST} ORDER BY seq DESC LIMIT ?"
COUNT_FOUND = f"SELECT count(*) {_AMONG_NEWEST}"
OUTCOMES = """
    SELECT outcome, count(*) FROM (SELECT outcome FROM journal ORDER BY seq DESC LIMIT ?) AS newest GROUP BY outcome
"""
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
