"""Cost of the dashboard for the server, by the number of jobs.

    python benchmarks/dashboard.py [--jobs 100 5000 50000] [--against CHECKOUT]

One refresh is what an open page asks for every few seconds. Each figure is the least processor time of several, in a
process of its own, and the processes are asked in turns. Half of the jobs have ended, the others wait. With
`--against`, a folder with another checkout is measured in the same way, up to 5,000 jobs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
MEASURE = """
import html, json, re, sys, time
from dataclasses import replace
from mock_server import Simulator
from mock_server.core.journal import Entry

jobs, users = int(sys.argv[1]), 50
body = {"name": "GRB 200416A", "targ": "00966554", "RA": 335.6985, "Dec": -7.5179, "image": 1,
        "UserID": "u@example.org"}
calm = {"limits.active_jobs": jobs, "durations.scatter": 0.0}
with Simulator(settings=calm) as sim:
    client = sim.app.test_client()
    first = sim.jobs.submit(body)
    now = sim.clock.now()
    with sim.store.transaction() as facts:
        for number in range(2, jobs + 1):
            # one start every ten seconds: half of them lie in the past
            at = now + 10 * number
            builds = tuple(b._replace(requested_at=at - 300, queued_at=at - 295, started_at=at, running_at=at,
                                      ends_at=at + 100) for b in first.builds)
            facts.add_job(replace(first, job_id=number, user=f"u{number % users}@example.org", submitted_at=at - 300,
                                  builds=builds))
    for number in range(jobs):
        sim.store.note(Entry(now, "getNumJobs", f"u{number % users}@example.org"))
    sim.clock.advance(5 * jobs)
    sim.store.flush()
    page = client.get("/_mock/").get_data(as_text=True)
    address = html.unescape(re.search('data-hx-get="([^"]+)"', page)[1])
    paths = {"page": "/_mock/", "refresh": address}
    print("ready", flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(5):
            began = time.process_time()
            answer = client.get(paths[line.strip()])
            times.append(time.process_time() - began)
            assert answer.status_code == 200 and "USERPROD_" in answer.get_data(as_text=True)
        print(json.dumps([min(times), len(answer.data)]), flush=True)
"""


class Measured:
    """A simulator with a number of jobs in a process of its own, measured whenever it is asked."""

    def __init__(self, checkout: Path, jobs: int) -> None:
        self.jobs = jobs
        self.least = {"page": float("inf"), "refresh": float("inf")}
        self.bytes = 0
        environment = os.environ | {"PYTHONPATH": str(checkout), "PYTHONSAFEPATH": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", MEASURE, str(jobs)], env=environment, cwd=checkout, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._read()

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a process ended early; its words are above")
        return line

    def measure(self) -> None:
        """Measure page and refresh a few times more."""
        assert self._process.stdin is not None
        for name in self.least:
            self._process.stdin.write(f"{name}\n")
            self._process.stdin.flush()
            seconds, self.bytes = json.loads(self._read())
            self.least[name] = min(self.least[name], seconds)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def refresh_ratios(jobs: list[int], rounds: int, against: Path | None = None) -> list[tuple[str, Measured, float]]:
    """Return what was measured: the name of the checkout, the figures, and the ratio of refreshes to the first."""
    here = [Measured(ROOT, number) for number in jobs]
    before = [Measured(against, number) for number in jobs if number <= 5_000] if against else []
    for turn in range(rounds):
        for each in here:
            each.measure()
        for each in before if turn < 3 else ():
            each.measure()
    for each in (*here, *before):
        each.close()
    rows = [("here", each, each.least["refresh"] / here[0].least["refresh"]) for each in here]
    by_number = {each.jobs: each for each in here}
    return rows + [("against", old, by_number[old.jobs].least["refresh"] / old.least["refresh"]) for old in before]


def main() -> None:
    """Print the figures and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, nargs="+", default=[100, 5_000, 50_000])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--against", type=Path)
    given = parser.parse_args()
    for where, found, ratio in refresh_ratios(sorted(given.jobs), given.rounds, given.against):
        page, refresh = (1e3 * found.least[name] for name in ("page", "refresh"))
        if where == "here":
            words = f"{ratio:.2f} times that with fewest jobs"
        else:
            words = f"the other checkout; this one needs {ratio:.3f} of its refresh"
        print(f"{found.jobs:7,} jobs: refresh {refresh:6.1f} ms, page {page:6.1f} ms, {found.bytes:7,} bytes; {words}")


if __name__ == "__main__":
    main()
