"""Databases that several processes can share: a file, and a PostgreSQL of the tests' own."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


def _binaries() -> Path | None:
    """Return the folder of PostgreSQL's programs; distributions keep them off the search path."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: -float(place.parent.name))
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Address of an empty PostgreSQL, without a database's name."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("NO POSTGRESQL ON THIS MACHINE: several hosts are not tested (apt-get install postgresql)")
    owner = None
    if os.getuid() == 0:  # it refuses to run as root
        owner = next((user for user in pwd.getpwall() if user.pw_name == "postgres"), None)
        if owner is None:
            pytest.skip(
                "POSTGRESQL DOES NOT RUN AS ROOT, and there is no user `postgres`: several hosts are not tested"
            )
    with tempfile.TemporaryDirectory() as folder:
        data, port = Path(folder) / "data", _free_port()
        if owner is not None:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        run = partial(
            subprocess.run, check=True, stdout=subprocess.DEVNULL, cwd=folder, user=owner.pw_uid if owner else None
        )
        run([binaries / "initdb", "-D", data, "-A", "trust", "-U", "xrt", "--no-sync", "-E", "UTF8", "--locale", "C"])
        options = f"-h 127.0.0.1 -p {port} -k {folder} -F"
        run([binaries / "pg_ctl", "-D", data, "-w", "-l", f"{folder}/log", "-o", options, "start"])
        yield f"postgresql+psycopg://xrt@127.0.0.1:{port}"
        run([binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop"])


@pytest.fixture
def new_database(postgresql: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of a new database in PostgreSQL."""
    psycopg = pytest.importorskip("psycopg")
    name = f"jobs_{abs(hash(request.node.nodeid))}"
    with psycopg.connect(f"{postgresql.replace('+psycopg', '')}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{postgresql}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a new database that several processes can share."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    address: str = request.getfixturevalue("new_database")
    return address
