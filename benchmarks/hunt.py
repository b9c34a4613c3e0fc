"""Worlds a minute of `xrt-mock hunt`, beside as many runs of `xrt-mock run` started one after the other.

    python benchmarks/hunt.py [--worlds 100]

Both use the same two processors, and the same programs: one with `swifttools`, one with `requests` alone. Each makes
three light curves and downloads them. The hunt draws worlds and finds nothing in them that ends it early: the programs
are killed in none, and every world is as calm as the others (a newer version number in the answers).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from mock_server.hunt.deviations import Deviation
from mock_server.hunt.program import program_of
from mock_server.hunt.stage import Stage

RUNS = 4
NAMES = ("GRB 060729", "GRB 070616", "GRB 080319B")
SWIFTTOOLS = f"""
import time
import swifttools.ukssdc.xrt_prods as ux
jobs = []
for name in {NAMES}:
    request = ux.XRTProductRequest("me@example.org", silent=True)
    request.setGlobalPars(name=name, getCoords=True, getTargs=True, centroid=False, useSXPS=False)
    request.addLightCurve(binMeth="obsid")
    request.submit()
    jobs.append(request)
for request in jobs:
    while not request.complete:
        time.sleep(60)
    request.downloadProducts(".", stem=f"job{{request.JobID}}", silent=True)
"""
REQUESTS = f"""
import time, requests
URL = "https://www.swift.ac.uk/user_objects/"
def ask(script, **what):
    return requests.post(URL + script, json={{"UserID": "me@example.org", **what}}, timeout=60).json()
def submit(name):
    wanted = dict(name=name, getCoords=1, getTargs=1, cent=0, useSXPS=0, lc=1, binMeth="obsid")
    return ask("run_userobject.php", **wanted)["JobID"]
for job in [submit(name) for name in {NAMES}]:
    while ask("checkProductStatus.php", JobID=job, what="lc")["lc"]["statusCode"] != 4:
        time.sleep(60)
    with open(f"{{job}}.tar.gz", "wb") as file:
        file.write(requests.get(f"{{URL}}tprods/USERPROD_{{job}}/lc.tar.gz", timeout=60).content)
"""


class Speed(NamedTuple):
    """Times of some worlds: rate [per minute], and processor time of each [s]."""

    a_minute: float
    processor_s: float


def processor_s() -> float:
    return sum(os.times()[:4])  # of this process and of its children that have ended


def runs(folder: Path, script: str) -> Speed:
    began, used = time.monotonic(), processor_s()
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as copy:  # files of an earlier run would be in the way
            shutil.copy(folder / script, copy)
            command = [sys.executable, "-m", "mock_server.cli", "run", "--", sys.executable, script]
            subprocess.run(command, cwd=copy, check=True, capture_output=True)
    return Speed(60 * RUNS / (time.monotonic() - began), (processor_s() - used) / RUNS)


def play(folder: Path, script: str, imports: list[str], numbers: range) -> int:
    with Stage(program_of([sys.executable, script], folder), {}, 1, imports=imports) as stage:
        for number in numbers:
            version = {"api": {"component_version": f"1.{number}"}}
            if stage.play((Deviation("deprecation", "", "", version),)).code != 0:
                raise SystemExit("the program failed")
    return len(numbers)


def hunt(folder: Path, script: str, worlds: int) -> Speed:
    """Play worlds on two processes; their start and the calm world count, as they do in a hunt."""
    began, used = time.monotonic(), processor_s()
    with Stage(program_of([sys.executable, script], folder), {}, 1) as stage:
        stage.play(())
        imports = stage.imported
    with ProcessPoolExecutor(2, get_context("fork")) as pool:
        halves = [range(worlds // 2), range(worlds // 2, worlds)]
        played = sum(part.result() for part in [pool.submit(play, folder, script, imports, half) for half in halves])
    return Speed(60 * played / (time.monotonic() - began), (processor_s() - used) / played)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=200)
    worlds = parser.parse_args().worlds
    for name, text in (("swifttools", SWIFTTOOLS), ("requests", REQUESTS)):
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            (folder / "p.py").write_text(text)
            before = runs(folder, "p.py")
            hunted = hunt(folder, "p.py", worlds)
            after = runs(folder, "p.py")
        run = (before.a_minute + after.a_minute) / 2
        each = (before.processor_s + after.processor_s) / 2
        print(
            f"{name}: run {run:.1f} a minute ({each:.2f} s of processor each), hunt {hunted.a_minute:.0f} worlds a "
            f"minute ({hunted.processor_s:.3f} s each): {hunted.a_minute / run:.1f} times"
        )


if __name__ == "__main__":
    main()
