"""Tools that run pipelines: each takes a campaign of twenty sources through simulated time (`tox -e tools`).

A run is ended when it says that simulated time stands still, unless a program works meanwhile, and when no source was
finished for a minute of real time.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.nightly

SERVICE = '''
import pathlib
import time
import requests

URL = "https://www.swift.ac.uk/user_objects/"
ME = {"UserID": "me@example.org"}


def post(operation, **body):
    return requests.post(f"{URL}{operation}.php", json=ME | body, timeout=100).json()


def campaign(number):
    """Submit one job, wait for it, save its archive; return its number."""
    while post("getNumJobs")["numJobs"] >= 5:
        time.sleep(60)
    job = post("run_userobject", name=f"GRB 2103{number:02d}A", getCoords=1, getTargs=1, image=1)["JobID"]
    while post("checkProductStatus", JobID=job, what="image")["image"]["statusCode"] != 4:
        time.sleep(60)
    requests.get(f"{URL}tprods/USERPROD_{job}/image.tar.gz", timeout=100).raise_for_status()
    pathlib.Path("finished", str(number)).touch()
    return job
'''
POOL = """
from concurrent.futures import ProcessPoolExecutor
from service import campaign
if __name__ == "__main__":
    with ProcessPoolExecutor(4) as pool:
        list(pool.map(campaign, range(1, 21)))
"""
ASYNCIO = """
import asyncio
import sys
from service import campaign

limit = asyncio.Semaphore(4)

async def answer(reader, writer):
    number = int(await reader.readline())
    async with limit:
        writer.write(f"{await asyncio.to_thread(campaign, number)}\\n".encode())
    await writer.drain()
    writer.close()

async def ask(port, number):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{number}\\n".encode())
    await reader.readline()
    writer.close()

async def main():
    if len(sys.argv) > 1:
        await asyncio.gather(*[ask(int(sys.argv[1]), number) for number in range(1, 21)])
        return
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        caller = await asyncio.create_subprocess_exec(sys.executable, "pipeline.py", str(port))
        assert await caller.wait() == 0

asyncio.run(main())
"""
TRIO = """
import trio
from service import campaign

async def one(number, limit):
    await trio.to_thread.run_sync(campaign, number, limiter=limit)

async def main():
    limit = trio.CapacityLimiter(4)
    async with trio.open_nursery() as nursery:
        for number in range(1, 21):
            nursery.start_soon(one, number, limit)

trio.run(main)
"""
NBCLIENT = """
import nbformat
from nbclient import NotebookClient
NotebookClient(nbformat.read("campaign.ipynb", 4), timeout=600).execute()
"""
JOBLIB = """
from joblib import Parallel, delayed
from service import campaign
Parallel(n_jobs=4)(delayed(campaign)(number) for number in range(1, 21))
"""
DASK = """
from distributed import Client
from service import campaign
if __name__ == "__main__":
    with Client(n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None) as client:
        client.gather(client.map(campaign, range(1, 21)))
"""
LUIGI = """
import luigi
from service import campaign

class Source(luigi.Task):
    number = luigi.IntParameter()
    def output(self):
        return luigi.LocalTarget(f"out/{self.number}")
    def run(self):
        job = campaign(self.number)
        with self.output().open("w") as file:
            file.write(str(job))

if __name__ == "__main__":
    assert luigi.build([Source(n) for n in range(1, 21)], workers=4, local_scheduler=True, log_level="WARNING")
"""
APSCHEDULER = """
from apscheduler.schedulers.blocking import BlockingScheduler
from service import campaign

scheduler = BlockingScheduler()
left = list(range(1, 21))

def tick():
    campaign(left.pop(0))
    if not left:
        scheduler.shutdown(wait=False)

scheduler.add_job(tick, "interval", minutes=10, max_instances=1)
scheduler.start()
"""
CELERY = """
from celery import Celery
from celery.contrib.testing.worker import start_worker
import service

app = Celery("tasks", broker="memory://", backend="cache+memory://")

@app.task
def one(number):
    return service.campaign(number)

if __name__ == "__main__":
    with start_worker(app, pool="threads", concurrency=4, perform_ping_check=False, shutdown_timeout=100):
        [result.get() for result in [one.delay(number) for number in range(1, 21)]]
"""
PREFECT = """
from prefect import flow, task
from service import campaign

one = task(campaign)

@flow
def everything():
    [future.result() for future in [one.submit(number) for number in range(1, 21)]]

if __name__ == "__main__":
    everything()
"""
SNAKEFILE = """
rule all:
    input: expand("out/{n}", n=range(1, 21))
rule one:
    output: "out/{n}"
    shell: "python -c 'import service; service.campaign({wildcards.n})' > {output}"
"""
NOTEBOOK = "from service import campaign\nfor number in range(1, 21):\n    campaign(number)"
LIMIT_S = 60
"""Real time without a finished source after which a run is ended."""
RUNS = 3


def hangs(folder: Path, since: float) -> bool:
    finished = max((file.stat().st_mtime for file in (folder / "finished").iterdir()), default=since)
    still = "simulated time has stood still"
    said = (folder / "stderr").read_text(encoding="utf-8").splitlines()
    return time.time() - finished > LIMIT_S or any(still in s and "works without sleeping" not in s for s in said)


def environment(home: Path) -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": path, "PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "0"}


def run(folder: Path, command: list[str]) -> dict[str, Any]:
    """Run a command; return the report."""
    report = folder / "report.json"
    words = [sys.executable, "-m", "mock_server.cli", "run", "--report", "json", str(report), "--", *command]
    (folder / "finished").mkdir()
    with (folder / "stdout").open("w") as output, (folder / "stderr").open("w") as errors:
        since = time.time()
        running = subprocess.Popen(
            words, cwd=folder, env=environment(folder.parent), stdout=output, stderr=errors, start_new_session=True
        )
        while running.returncode is None:
            try:
                running.wait(1)
            except subprocess.TimeoutExpired:
                if hangs(folder, since):
                    os.killpg(running.pid, signal.SIGKILL)
    assert running.returncode == 0, (folder / "stderr").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return found


def write_notebook(file: Path) -> None:
    import nbformat

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(NOTEBOOK)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, file)


TOOLS: dict[str, tuple[str, str, list[str]]] = {
    "concurrent": ("pipeline.py", POOL, ["python", "pipeline.py"]),
    "asyncio": ("pipeline.py", ASYNCIO, ["python", "pipeline.py"]),
    "trio": ("pipeline.py", TRIO, ["python", "pipeline.py"]),
    "joblib": ("pipeline.py", JOBLIB, ["python", "pipeline.py"]),
    "luigi": ("pipeline.py", LUIGI, ["python", "pipeline.py"]),
    "apscheduler": ("pipeline.py", APSCHEDULER, ["python", "pipeline.py"]),
    "celery": ("pipeline.py", CELERY, ["python", "pipeline.py"]),
    "distributed": ("pipeline.py", DASK, ["python", "pipeline.py"]),
    "prefect": ("pipeline.py", PREFECT, ["python", "pipeline.py"]),
    # by default its scheduler starts a timer each second of the run, which takes three times as long
    "snakemake": ("Snakefile", SNAKEFILE, ["snakemake", "-q", "-c4", "--max-jobs-per-timespan", "100/10s"]),
    "nbclient": ("pipeline.py", NBCLIENT, ["python", "pipeline.py"]),
    "nbconvert": ("", "", ["jupyter", "nbconvert", "--to", "notebook", "--execute", "campaign.ipynb"]),
    "papermill": ("", "", ["papermill", "campaign.ipynb", "done.ipynb"]),
    "nbmake": ("", "", ["python", "-m", "pytest", "--nbmake", "--nbmake-timeout=600", "campaign.ipynb"]),
}
"""The package, the file that it runs, and the command."""
BEFORE = {"prefect": ["prefect", "server", "database", "upgrade", "-y"]}  # its first server works half a minute for it


@pytest.mark.timeout(600)
@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_takes_a_campaign_through_simulated_time(tool, tmp_path):
    if find_spec(tool) is None:
        pytest.skip(f"{tool} is not installed; run this with `tox -e tools`")
    name, text, command = TOOLS[tool]
    if tool in BEFORE:
        subprocess.run(BEFORE[tool], env=environment(tmp_path), check=True)
    reports = []
    for number in range(RUNS):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "service.py").write_text(SERVICE, encoding="utf-8")
        if name:
            (folder / name).write_text(text, encoding="utf-8")
        if "campaign.ipynb" in (text or command):
            write_notebook(folder / "campaign.ipynb")
        reports.append(run(folder, command))
    assert reports[0]["jobs"]["complete"] == reports[0]["downloads"]["files"] == 20
    assert reports[0]["active_jobs"]["peak"] <= 5
    assert reports[0]["simulated_s"] > 600
    assert all(report == reports[0] for report in reports)
