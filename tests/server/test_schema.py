"""A database of another version, or of another program, is refused and left unchanged."""

import sqlite3

import pytest

from mock_server.storage.schema import SCHEMA_VERSION
from mock_server.storage.store import Store, StoreError


@pytest.mark.parametrize("version", [SCHEMA_VERSION - 1, SCHEMA_VERSION + 1])
def test_a_database_of_another_version_is_refused_in_a_sentence_and_left_unchanged(tmp_path, version):
    file = tmp_path / "jobs.sqlite"
    Store(f"sqlite:///{file}").close()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE meta SET value = ? WHERE name = 'schema'", (str(version),))
    before = list(connection.iterdump())
    with pytest.raises(StoreError, match=f"holds schema {version}, .* reads schema {SCHEMA_VERSION}: .* new --db file"):
        Store(f"sqlite:///{file}")
    assert list(connection.iterdump()) == before
    connection.close()


@pytest.mark.parametrize(
    "contents",
    ["CREATE TABLE notes (text)", "CREATE TABLE meta (name, value); CREATE TABLE jobs (a); CREATE TABLE builds (b)"],
)
def test_a_database_of_another_program_is_refused_and_left_unchanged(tmp_path, contents):
    file = tmp_path / "notes.sqlite"
    with sqlite3.connect(file) as connection:
        connection.executescript(contents)
        before = list(connection.iterdump())
    with pytest.raises(StoreError, match=r"not one of xrt-mock's: start with a new --db file"):
        Store(f"sqlite:///{file}")
    assert list(connection.iterdump()) == before
    connection.close()
