"""A simulated year of many jobs of 20 users, with polls and downloads: time a job, memory, and size of the database.

    python benchmarks/year.py [--jobs 1000000]

One process on a SQLite file, in virtual time. Jobs come evenly over the year. Each is looked at once after its end, its
user's active jobs are counted, and of one in a hundred the products are downloaded. Parts of the run are compared: each
is a hundredth of all. What a job costs at the end is compared with a second year that has begun just then, in turns,
because a shared machine is not as fast now as it was half an hour ago. Processor time is that of calls alone.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mock_server import Simulator
from mock_server.transport.wsgi_call import Answer, Request, ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROUNDS = 15
SERVICE = "https://www.swift.ac.uk/user_objects"
YEAR_S, USERS, PARTS, DOWNLOADED = 365 * 86400.0, 20, 100, 100
LATE_S = 6 * 3600.0  # a job is looked at so long after its submission [simulated s]
IMAGE = {
    "name": "GK Per", "RA": 52.8, "Dec": 43.9, "targ": "00030842", "getT0": 0, "cent": 1, "poserr": 1, "sinceT0": 0,
    "image": 1, "imen": "0.3-10", "api_name": "xrt_prods", "api_version": "1.12",
}  # fmt: skip
SETTINGS = {"limits.active_jobs": 1000, "queue.slots": 200, "retention.days": 28}


class Part(NamedTuple):
    """What a part of the run cost."""

    us_a_job: float
    us_a_download: float
    resident_mib: float
    file_mib: float


def post(sim: Simulator, operation: str, body: dict[str, Any]) -> dict[str, Any]:
    """Make a call, and return its answer."""
    request = Request("POST", f"{SERVICE}/{operation}.php", {"Host": "www.swift.ac.uk"}, json.dumps(body).encode())
    answer: dict[str, Any] = json.loads(ask(sim.app, request).body)
    assert answer["OK"] == 1, answer
    return answer


def download(sim: Simulator, job: int) -> Answer:
    """Fetch the archive of a job."""
    answer = ask(sim.app, Request("GET", f"{SERVICE}/tprods/USERPROD_{job}/image.tar.gz", {}, b""))
    assert answer.status == 200, answer
    return answer


def resident_mib() -> float:
    """Return the memory that this process holds [MiB]."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


class Year:
    """The jobs of a year, one after the other, on a database in a file."""

    def __init__(self, sim: Simulator, jobs: int, file: Path) -> None:
        self.sim, self.step_s, self.file, self.played = sim, YEAR_S / jobs, file, 0
        self.behind = max(1, round(LATE_S / self.step_s))  # so many jobs ago one was submitted that is looked at now
        self.calls_s = self.downloads_s = 0.0
        self.downloads = 0

    def _timed(self, action: Callable[[], object]) -> float:
        began = time.process_time()
        action()
        return time.process_time() - began

    def _play(self) -> None:
        """Submit a job, and look at an earlier one."""
        self.played = number = self.played + 1
        self.sim.clock.advance(self.step_s)
        user = {"UserID": f"user{number % USERS}@example.org", "api_version": "1.12"}
        self.calls_s += self._timed(lambda: post(self.sim, "run_userobject", IMAGE | user))
        self.calls_s += self._timed(lambda: post(self.sim, "getNumJobs", user))
        earlier = number - self.behind
        if earlier < 1:
            return
        owner = {"UserID": f"user{earlier % USERS}@example.org", "JobID": earlier, "what": "image"}
        self.calls_s += self._timed(lambda: self._look(owner))
        if earlier % DOWNLOADED == 0 and self._complete:
            self.downloads += 1
            self.downloads_s += self._timed(lambda: download(self.sim, earlier))

    def _look(self, owner: dict[str, Any]) -> None:
        self._complete = post(self.sim, "checkProductStatus", owner)["image"]["statusCode"] == 4

    def part(self, jobs: int) -> Part:
        """Play some jobs, and return what they cost."""
        self.calls_s = self.downloads_s = 0.0
        self.downloads = 0
        for _ in range(jobs):
            self._play()
        size = sum(found.stat().st_size for found in self.file.parent.iterdir()) / 2**20
        of_download = self.downloads_s / self.downloads if self.downloads else 0.0
        return Part(1e6 * self.calls_s / jobs, 1e6 * of_download, resident_mib(), size)


class Growth(NamedTuple):
    """How the last parts compare with early ones."""

    cost: float
    """A job at the end, by one after the first hundredth: the median of rounds in turns."""
    memory: float
    """The most resident memory after the first tenth, by that at its end."""
    file: float
    """Growth of the file in the second half, by that in the first."""


@contextmanager
def begun(jobs: int) -> Iterator[Year]:
    """Begin a year on a new database."""
    with tempfile.TemporaryDirectory(prefix="xrt-mock-year-") as folder:
        file = Path(folder, "jobs.sqlite")
        with Simulator(db=f"sqlite:///{file}", settings=SETTINGS, new_clock="virtual") as sim:
            yield Year(sim, jobs, file)


def cost_beside_new(old: Year, all_jobs: int) -> float:
    """Return what a job costs in an old year, by what it costs in a new one after its first hundredth."""
    jobs = all_jobs // PARTS
    with begun(all_jobs) as new:
        new.part(jobs)
        rounds = [(old.part(jobs // 10).us_a_job, new.part(jobs // 10).us_a_job) for _ in range(ROUNDS)]
    for_old, for_new = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"in turns: {for_old:.1f} us a job at the end, {for_new:.1f} us a job in a new year", flush=True)
    return statistics.median(old_us / new_us for old_us, new_us in rounds)


def measure(all_jobs: int) -> Growth:
    """Play a year; print its parts as they come."""
    jobs = all_jobs // PARTS
    with begun(all_jobs) as year:
        parts: list[Part] = []
        for index in range(PARTS):
            parts.append(year.part(jobs))
            if index < 2 or index % 10 == 9:
                print(f"{year.played:9} jobs: {' '.join(f'{value:9.1f}' for value in parts[-1])}", flush=True)
        cost = cost_beside_new(year, all_jobs)
    second, tenth = parts[1], parts[PARTS // 10 - 1]
    return Growth(
        cost,
        max(part.resident_mib for part in parts[PARTS // 10 :]) / tenth.resident_mib,
        (parts[-1].file_mib - parts[PARTS // 2].file_mib) / (parts[PARTS // 2].file_mib - second.file_mib),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    found = measure(parser.parse_args().jobs)
    print(f"a job at the end costs {found.cost:.2f} times one after the first hundredth (at most 1.1)")
    print(f"resident memory after the first tenth grows by {found.memory - 1:.0%} (at most 10 %)")
    print(f"the second half of the file is {found.file:.2f} times the first (1: linear)")


if __name__ == "__main__":
    main()
