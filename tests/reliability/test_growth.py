"""A store that grows does not slow down: what calls ask is found by indexes, and a long life keeps its pace."""

import time

import pytest

from mock_server import Simulator
from mock_server.storage import sql
from mock_server.storage.store import Store

from .serving import SUBMISSION

ME = "me@example.org"
ASKED = ("STANDING", "JOB", "UNFINISHED", "COUNT", "LIST", "SLOTS_HELD", "USER", "USER_OF_TOKEN", "META", "SHARED")


@pytest.mark.parametrize("name", ASKED)
def test_no_statement_of_a_call_reads_a_whole_table(name):
    statement = getattr(sql, name)
    store = Store()
    with store.reading() as facts:
        plan = facts.connection.execute(f"EXPLAIN QUERY PLAN {statement}", [1] * statement.count("?")).fetchall()
    store.close()
    steps = [detail for *_, detail in plan]
    scans = [step for step in steps if step.startswith("SCAN") and step not in ("SCAN CONSTANT ROW", "SCAN clock")]
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
