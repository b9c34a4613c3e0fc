"""Processes and threads that race for the last places: limit, slots, order and numbers hold."""

import itertools
import socket
import subprocess
import sys
from contextlib import ExitStack
from functools import partial

import pytest

from mock_server.storage.store import Store

from .serving import SUBMISSION, Caller, Served, at_once

LIMIT, SLOTS = 10, 4
SCENARIO = f"[limits]\nactive_jobs = {LIMIT}\n[queue]\nslots = {SLOTS}\n"


@pytest.fixture
def scenario(tmp_path):
    file = tmp_path / "narrow.toml"
    file.write_text(SCENARIO)
    return str(file)


def race(url: str, user: str, threads: int) -> list[int]:
    """Let threads submit for one user until each is refused; return the numbers of the jobs that were taken."""
    taken: list[int] = []

    def submit(caller: Caller, place: int) -> None:
        for count in itertools.count():
            answer = caller("run_userobject", SUBMISSION | {"UserID": user, "name": f"{place} {count}"})
            if not answer["OK"]:
                assert answer["ERROR"] == f"You have too many jobs in the queue (maximum {LIMIT})."
                return
            taken.append(int(answer["JobID"]))
            assert caller("getNumJobs", {"UserID": user})["numJobs"] <= LIMIT

    with ExitStack() as stack:
        callers = [Caller(url) for _ in range(threads)]
        for caller in callers:
            stack.callback(caller.close)
        at_once([partial(submit, caller, place) for place, caller in enumerate(callers)])
    return taken


def check_queue(db: str) -> None:
    """No job overtook another, and at no moment more builds ran than there are slots."""
    store = Store(db)
    with store.reading() as facts:
        jobs = facts.all_jobs()
    store.close()
    assert [job.job_id for job in jobs] == list(range(1, len(jobs) + 1))
    builds = [build for job in jobs for build in job.builds]
    starts = [build.started_at for build in builds]
    assert starts == sorted(starts), "a job overtook an earlier one"
    for start in starts:
        assert sum(build.started_at <= start < build.left_at for build in builds) <= SLOTS, f"too many run at {start}"


def check_races(url: str, db: str, runs: int, threads: int) -> None:
    numbers: list[int] = []
    for run in range(runs):
        taken = race(url, f"racer{run}@example.org", threads)
        assert len(taken) == LIMIT, f"run {run}: {len(taken)} jobs were taken, but the limit is {LIMIT}"
        numbers += taken
    assert sorted(numbers) == list(range(1, runs * LIMIT + 1)), "a number was given twice, or lost"
    check_queue(db)


SIZES = [pytest.param(2, 16, id="2x16"), pytest.param(20, 64, id="20x64", marks=pytest.mark.nightly)]
NIGHTLY = [pytest.param(20, 64, id="20x64", marks=pytest.mark.nightly)]


@pytest.mark.parametrize(("runs", "threads"), SIZES)
def test_four_processes_never_take_more_than_the_limit(db, scenario, runs, threads):
    with Served("--db", db, "--scenario", scenario, "--clock", "virtual", "--processes", "4") as server:
        check_races(server.url, db, runs, threads)


@pytest.mark.parametrize(("runs", "threads"), NIGHTLY)
def test_four_workers_of_gunicorn_never_take_more_than_the_limit(db, scenario, runs, threads, monkeypatch):
    pytest.importorskip("gunicorn")
    for name, value in {"DB": db, "SCENARIO": scenario, "CLOCK": "virtual", "TOKEN": "t"}.items():
        monkeypatch.setenv(f"XRT_MOCK_{name}", value)
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        listener.set_inheritable(True)
        command = [sys.executable, "-m", "gunicorn", "--workers", "4", "--threads", "4", "--log-level", "error"]
        process = subprocess.Popen(
            [*command, "--bind", f"fd://{listener.fileno()}", "mock_server.wsgi:app"], pass_fds=[listener.fileno()]
        )
        try:
            check_races(f"http://127.0.0.1:{listener.getsockname()[1]}", db, runs, threads)
        finally:
            process.terminate()
            process.wait(60)


def test_processes_see_each_others_changes_at_once(db):
    with Served("--db", db, "--clock", "virtual", "--processes", "3") as server:
        callers = [Caller(server.url) for _ in range(12)]
        for caller, limit in zip(callers, itertools.count(1)):
            caller.control("PATCH", "scenario", {"limits.active_jobs": limit})
            now = caller.control("POST", "clock/advance", {"seconds": 60})["now"]
            for other in callers:
                assert other.control("GET", "scenario")["limits.active_jobs"] == limit
                assert other.control("GET", "clock")["now"] == now
        for caller in callers:
            caller.close()


def test_a_reset_begins_anew_for_all_processes(db):
    with Served("--db", db, "--clock", "virtual", "--processes", "2") as server:
        caller = Caller(server.url)
        for _ in range(2):
            answer = caller("run_userobject", SUBMISSION | {"UserID": "me@example.org", "name": "GK Per"})
            assert answer["JobID"] == "1"
            caller.control("PATCH", "scenario", {"limits.active_jobs": 3})
            caller.control("POST", "reset")
            assert caller.control("GET", "scenario")["limits.active_jobs"] == 100
            assert caller.control("GET", "journal") == []
        caller.close()
