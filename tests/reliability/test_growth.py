"""A store that grows does not slow down: what calls ask is found by indexes, and a long life keeps its pace."""

import time
from contextlib import closing
from pathlib import Path

import pytest

from mock_server import Simulator
from mock_server.storage import sql
from mock_server.storage.store import Store

from .serving import SUBMISSION, Caller, Served
from .test_makers import children, got

ME = "me@example.org"
ASKED = ("STANDING", "JOB", "UNFINISHED", "COUNT", "LIST", "SLOTS_HELD", "USER", "USER_OF_TOKEN", "META", "SHARED",
         "RUNNING", "NEVER_TO_END", "NEXT_TO_START", "NEVER_TO_START", "LATELY_ENDED", "NEXT_MOMENTS", "NEWEST_JOBS",
         "JOURNAL_ENDS", "LAST_JOB")  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_no_statement_of_a_call_reads_a_whole_table(name):
    statement = getattr(sql, name)
    store = Store()
    with store.reading() as facts:
        plan = facts.connection.execute(f"EXPLAIN QUERY PLAN {statement}", [1] * statement.count("?")).fetchall()
    store.close()
    steps = [detail for *_, detail in plan]
    of_one_row = ("SCAN CONSTANT ROW", "SCAN clock", "SCAN queue")
    scans = [step for step in steps if step.startswith("SCAN") and step not in of_one_row]
    assert not scans, f"{name} reads all rows: {scans}; give the database an index, or keep it from the wrong one"


@pytest.mark.nightly
def test_a_simulated_year_of_a_hundred_thousand_jobs_keeps_its_pace():
    """Every job is submitted, counted, looked at; the processor time of the last tenth is that of the second."""
    batches, jobs = 10, 10_000
    pace: list[float] = []
    with Simulator(settings={"retention.days": 7}) as sim:
        for batch in range(batches):
            began = time.process_time()
            for number in range(jobs):
                user = f"u{number % 50}@example.org"
                job = sim.jobs.submit(SUBMISSION | {"UserID": user, "name": f"{batch} {number}"})
                sim.jobs.count(user)
                sim.jobs.status(user, job.job_id, ["image"], ["image"])
                sim.clock.advance(365 * 86400 / batches / jobs)
            pace.append((time.process_time() - began) / jobs)
        assert sim.jobs.count(ME) == 0
    print(f"ms a job, by tenth of the year: {', '.join(f'{1e3 * each:.2f}' for each in pace)}")
    assert pace[-1] < 1.3 * pace[1]


def resident(pid: int) -> float:
    """Return the resident memory of a process and of those that it has started [MiB]."""
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in (pid, *children(pid)))
    return pages * 4096 / 2**20


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_fifty_thousand_jobs_with_polls_and_downloads_keep_their_memory(tmp_path):
    """A job every 100 s, each polled, every tenth downloaded; contents are kept for seven days of simulated time."""
    jobs, most, after = 50_000, 0.0, 0.0
    db = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    with (
        Served("--db", db, "--clock", "virtual", "--keep-calls", "1000") as server,
        closing(Caller(server.url)) as caller,
    ):
        for number in range(1, jobs + 1):
            body = SUBMISSION | {"UserID": ME, "name": f"N {number}", "targ": f"{30000 + number % 500:08d}"}
            job_id = int(caller("run_userobject", body)["JobID"])
            caller("checkProductStatus", {"UserID": ME, "JobID": job_id, "what": "image"})
            caller.control("POST", "clock/advance", {"seconds": 100})
            if number % 10 == 0:
                got(server.url, f"/user_objects/tprods/USERPROD_{max(1, job_id - 30)}/image.tar.gz")
            if number % 1000 == 0:
                most = max(most, resident(server.pid))
                print(f"{number} jobs: {resident(server.pid):.0f} MiB", flush=True)
            if number == jobs // 5:
                after = most
    assert most <= 1.1 * after, f"{after:.0f} MiB after {jobs // 5} jobs, {most:.0f} MiB at most"
