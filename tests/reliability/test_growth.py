"""A store that grows does not slow down: what calls ask is found by indexes, and a long life keeps its pace."""

import re
import time

import pytest

from mock_server import Simulator
from mock_server.storage import rows as t
from mock_server.storage.store import Store

from .serving import SUBMISSION

ME = "me@example.org"
ASKED = ("STANDING", "JOB", "UNFINISHED", "COUNT", "LIST", "HELD", "USER", "META")


@pytest.mark.parametrize("name", ASKED)
def test_no_statement_of_a_call_reads_a_whole_table(name):
    store = Store()
    with store.reading() as facts:
        words = t.words(facts.connection.dialect)[getattr(t, name)]
        values = dict.fromkeys(re.findall(r":(\w+)", words), 1)
        plan = facts.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {words}", values).all()
    store.close()
    scans = [step.detail for step in plan if step.detail.startswith("SCAN") and step.detail != "SCAN CONSTANT ROW"]
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
