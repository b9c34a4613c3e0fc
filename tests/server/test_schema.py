"""An older database is upgraded, a newer or foreign one refused and left alone; nothing is ever misread."""

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from mock_server import Simulator
from mock_server.store import Store, StoreError
from mock_server.tables import SCHEMA_VERSION, metadata

OLD = Path(__file__).parent / "data"
LAST_CALL_AT = {1: 1772445600.0, 2: 1772442120.0}


def old_database(tmp_path: Path, version: int = 1) -> str:
    with sqlite3.connect(tmp_path / "jobs.sqlite") as connection:
        connection.executescript((OLD / f"schema_{version}.sql").read_text("utf-8"))
    connection.close()
    return f"sqlite:///{tmp_path / 'jobs.sqlite'}"


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_every_older_database_becomes_what_a_new_one_is(tmp_path, version):
    store = Store(old_database(tmp_path, version))
    with store.reading() as facts:
        context = MigrationContext.configure(facts.connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert facts.meta("schema") == str(SCHEMA_VERSION)
    store.close()


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_an_upgraded_database_goes_on_where_it_was(tmp_path, version):
    with Simulator(db=old_database(tmp_path, version), clock="virtual" if version == 1 else None) as sim:
        assert sim.scenario.name == "tightening-limit"
        assert sim.clock.now() == LAST_CALL_AT[version]
        assert [job.job_id for job in sim.jobs.list_jobs("a@b.org")] == [2, 1]
        assert sim.controls.scenario()["limits.active_jobs"] == 7
        assert sim.journal.count(operation="run_userobject") == 2


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_an_upgraded_database_is_opened_again_without_another_upgrade(tmp_path, version):
    url = old_database(tmp_path, version)
    for _ in range(2):
        with Simulator(db=url) as sim:
            assert len(sim.jobs.list_jobs("a@b.org")) == 2


@pytest.mark.parametrize(
    "contents",
    ["CREATE TABLE notes (text)", "CREATE TABLE meta (name, value); CREATE TABLE jobs (a); CREATE TABLE builds (b)"],
)
def test_somebody_elses_database_is_refused_and_left_alone(tmp_path, contents):
    file = tmp_path / "notes.sqlite"
    with sqlite3.connect(file) as connection:
        connection.executescript(contents)
        before = list(connection.iterdump())
    with pytest.raises(StoreError, match=r"not one of xrt-mock's: start with a new --db file"):
        Store(f"sqlite:///{file}")
    assert list(connection.iterdump()) == before
    connection.close()


def test_a_failed_upgrade_leaves_the_old_database(tmp_path):
    url = old_database(tmp_path)
    with sqlite3.connect(tmp_path / "jobs.sqlite") as connection:
        connection.execute("CREATE TABLE clock (of_somebody_else)")  # in the way of the first step
    with pytest.raises(StoreError, match="clock"):
        Store(url)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert "jobs" in tables
    assert connection.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone() == ("1",)
    connection.close()
