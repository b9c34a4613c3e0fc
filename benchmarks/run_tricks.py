"""What each trick for speed earns: the same work with the trick and, in a copy of the sources, without it.

    python benchmarks/run_tricks.py [--rounds 7] [NAME ...]

The two programs run in turns, each as a process of its own. Wall time and processor time (that of child processes
included) are compared round by round; the median of the ratios is printed.
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

from run import SCRIPT  # a neighbour of this script

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("mock_server", "xrt_client", "contracts")
XRT_MOCK = (sys.executable, "-m", "mock_server.cli")

PLAIN_CHANNEL = """
class Channel:
    def __init__(self, connection):
        self._connection = connection

    def send(self, thing):
        self._connection.send(thing)

    def receive(self):
        while not self._connection.poll(0.25):  # so that Ctrl-C is seen
            pass
        return self._connection.recv()

    def close(self):
        self._connection.close()
"""

IN_PROCESS = """
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


@dataclass(frozen=True)
class Trick:
    """What to replace in which file to do without it, and the work in which it should show."""

    file: str
    old: str
    new: str
    work: str


TRICKS = {
    "program and run on one processor": Trick(
        "mock_server/run/affinity.py",
        "    try:\n        if len(os.sched_getaffinity(0)) < 2:",
        "    try:\n        if True:",
        "campaign",
    ),
    "own channel instead of multiprocessing's connection": Trick(
        "mock_server/run/channel.py", "", PLAIN_CHANNEL, "campaign"
    ),
    "time_machine without pytest": Trick("mock_server/run/guest.py", "    _import_time_machine()\n", "", "start"),
    "simulator is loaded while the program starts": Trick(
        "mock_server/cli/commands.py",
        "    with contextlib.ExitStack() as kept:\n",
        "    from ..simulator import Simulator\n    from ..reports import courtesy\n"
        "    from ..reports.files import Material, render\n    early = Simulator(played, pending.clock, seed=seed)\n"
        "    with contextlib.ExitStack() as kept:\n",
        "start",
    ),
    "no look-up of proxies for the service": Trick(
        "mock_server/transport/intercept.py", "for module in (sessions, utils):", "for module in ():", "in process"
    ),
    "short name of a source file kept": Trick(
        "mock_server/transport/callsite.py", "@functools.cache\n", "", "in process"
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


def commands(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the work to measure, by name."""
    script, in_process, slow = folder / "script.py", folder / "in_process.py", folder / "slow.toml"
    script.write_text(SCRIPT)
    in_process.write_text(IN_PROCESS)
    slow.write_text("start = 2026-03-02T09:00:00Z\n[durations]\nfactor = 13\n")
    run = (*XRT_MOCK, "run", "--scenario", str(slow), "--", sys.executable)
    return {
        "campaign": (*run, str(script), "60", ""),
        "start": (*run, "-c", "import xrt_client; xrt_client.countActiveJobs('me@example.org')"),
        "in process": (sys.executable, str(in_process)),
    }


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
        with tempfile.TemporaryDirectory() as folder:
            command = commands(Path(folder))[trick.work]
            without = copied_without(trick, Path(folder) / "without")
            for sources in (ROOT, without):
                cost(command, sources)  # compiles
            pairs = [(cost(command, ROOT), cost(command, without)) for _ in range(options.rounds)]
        walls, processors = ([1 - a[i] / b[i] for a, b in pairs] for i in (0, 1))
        print(
            f"{name} | {trick.work} | earns {statistics.median(walls):.0%} of wall time "
            f"({min(walls):.0%} to {max(walls):.0%}), {statistics.median(processors):.0%} of processor time",
            flush=True,
        )


if __name__ == "__main__":
    main()
