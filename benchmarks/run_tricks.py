"""What each trick of a run and of the way in process earns: the same work with it and, in a copy, without it.

    python benchmarks/run_tricks.py [--rounds 7] [NAME ...]

Both run in turns, as processes of their own. Wall time and processor time (child processes included) are compared
round by round; the median of the ratios is printed.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("mock_server", "xrt_client", "contracts")
PLAIN_CHANNEL = """

class Channel:  # without the look at signals of the other one
    def __init__(self, connection):
        self.send, self.receive, self.close = connection.send, connection.recv, connection.close
"""
CALLS = """
import time, requests
for _ in range(600):
    requests.post("https://www.swift.ac.uk/user_objects/getNumJobs.php", json={"UserID": "me@example.org"}).json()
    time.sleep(60)
"""
CALLS_IN_PROCESS = """
import requests
from flask import Flask
from mock_server.clocks.virtual import VirtualClock
from mock_server.transport.intercept import intercept

app = Flask("constant")
app.add_url_rule("/user_objects/getNumJobs.php", view_func=lambda: {"OK": 1, "numJobs": 3}, methods=["POST"])
with intercept(app, VirtualClock(0.0)):
    for _ in range(3000):
        requests.post("https://www.swift.ac.uk/user_objects/getNumJobs.php", json={"UserID": "me@example.org"}).json()
"""
RUN = (sys.executable, "-m", "mock_server.cli", "run", "--", sys.executable, "-c")
WORK = {
    "600 calls in a run": (*RUN, CALLS),
    "one call in a run": (*RUN, "import xrt_client; xrt_client.countActiveJobs('me@example.org')"),
    "3,000 calls in process": (sys.executable, "-c", CALLS_IN_PROCESS),
}


@dataclass(frozen=True)
class Trick:
    """What to replace in which file to do without it, and the work in which it should show."""

    work: str
    file: str
    old: str
    new: str


TRICKS = {
    "program and run on one processor": Trick(
        "600 calls in a run", "mock_server/run/affinity.py", "if len(os.sched_getaffinity(0)) < 2:", "if True:"
    ),
    "counts and statuses answered by the program": Trick(
        "600 calls in a run", "mock_server/run/reads.py", "_MANY_CALLS = 50", "_MANY_CALLS = 1_000_000"
    ),
    "own channel instead of multiprocessing's connection": Trick(
        "600 calls in a run", "mock_server/run/channel.py", "", PLAIN_CHANNEL
    ),
    "time_machine imported without pytest": Trick(
        "one call in a run", "mock_server/run/guest.py", "    _import_time_machine()\n", ""
    ),
    "simulator loaded while the program starts": Trick(
        "one call in a run",
        "mock_server/cli/run.py",
        "    with contextlib.ExitStack() as kept:\n",
        "    from ..reports import courtesy, files\n    from ..simulator import Simulator\n"
        "    Simulator(played, pending.clock, seed=seed).close()\n    with contextlib.ExitStack() as kept:\n",
    ),
    "no look-up of proxies for the service": Trick(
        "3,000 calls in process",
        "mock_server/transport/intercept.py",
        "for module in (sessions, utils):",
        "for module in ():",
    ),
    "short name of a source file kept": Trick(
        "3,000 calls in process", "mock_server/transport/callsite.py", "@functools.cache\n", ""
    ),
}


def copied_without(trick: Trick, folder: Path) -> Path:
    """Copy the packages into a folder and take one trick out."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / trick.file
    text = file.read_text()
    if trick.old not in text:
        raise SystemExit(f"{trick.file} has changed: {trick.old!r} is not in it")
    file.write_text(text.replace(trick.old, trick.new) if trick.old else text + trick.new)
    return folder


def cost(command: tuple[str, ...], sources: Path) -> tuple[float, float]:
    """Return wall time and processor time of a command with the packages of a folder [s]."""
    env = {**os.environ, "PYTHONPATH": str(sources)}
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="part of a trick's name; default: all")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    for name, trick in TRICKS.items():
        if options.names and not any(part in name for part in options.names):
            continue
        command = WORK[trick.work]
        with tempfile.TemporaryDirectory() as folder:
            without = copied_without(trick, Path(folder))
            for sources in (ROOT, without):
                cost(command, sources)  # compiles
            pairs = [(cost(command, ROOT), cost(command, without)) for _ in range(options.rounds)]
        walls, processors = ([1 - a[i] / b[i] for a, b in pairs] for i in (0, 1))
        print(
            f"{name} | {trick.work} | earns {statistics.median(walls):.0%} of wall time "
            f"({min(walls):.0%} to {max(walls):.0%}), {statistics.median(processors):.0%} of processor time "
            f"({min(processors):.0%} to {max(processors):.0%})",
            flush=True,
        )


if __name__ == "__main__":
    main()
