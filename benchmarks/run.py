"""What a long campaign costs under `xrt-mock run`, beside the same calls of the same client against a constant answer.

    python benchmarks/run.py [--objects 500] [--downloads]

The documentation's script for many jobs, with `swifttools`: five jobs at a time, looked at every two minutes, about two
simulated days. The other program makes as many calls of each kind with the same client, in process, against an app
that answers the same few bytes each time. Both are measured as whole processes, in turns; the reports of all
runs must be the same. With ``--downloads`` the products are fetched, too: then the simulator makes 500 light curves.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

ROUNDS = 9
REQUESTS = """
import sys, time
import swifttools.ukssdc.xrt_prods as xrt_prods

MY_EMAIL, MAX_JOBS = "me@example.org", 5

def new_request(n):
    request = xrt_prods.XRTProductRequest(MY_EMAIL, silent=True)
    request.setGlobalPars(name=f"Source {n}", RA=10.0 + n / 10, Dec=-5.0, targ="00010001")
    request.setGlobalPars(centroid=True, posErr=1, useSXPS=False)
    request.addLightCurve(binMeth="counts", pcCounts=20, wtCounts=30, dynamic=True)
    request.addSpectrum(hasRedshift=False)
    request.addStandardPos()
    request.addImage()
    return request
"""
SCRIPT = (
    REQUESTS
    + """
number, folder = int(sys.argv[1]), sys.argv[2]
requests, ix, saved = [], 0, 0
while ix < number or requests:
    for request in list(requests):
        if request.complete:
            if folder:
                request.downloadProducts(folder, stem=f"job{request.JobID}", silent=True)
            requests.remove(request)
    while ix < number and xrt_prods.countActiveJobs(MY_EMAIL) < MAX_JOBS:
        requests.append(new_request(ix))
        if not requests[-1].submit():
            sys.exit(requests[-1].submitError)
        ix += 1
    time.sleep(120)
"""
)
SCENARIO = "start = 2026-03-02T09:00:00Z\n[durations]\nfactor = 13\n"
"""Half an hour a job."""
CONSTANT = (
    REQUESTS
    + """
import io, json, tarfile
PRODUCTS = ("lc", "spec", "psf", "image")
from flask import Flask, Response
from mock_server.clocks.virtual import VirtualClock
from mock_server.transport.intercept import intercept

calls = json.loads(sys.argv[1])
app = Flask("constant")
def answer(path, body, kind="text/html"):
    app.add_url_rule(path, path, lambda **_: Response(body, content_type=kind), methods=["GET", "POST"])

head = {"OK": 1, "APIVersion": "1.12"}
url = "https://www.swift.ac.uk/user_objects/tprods/USERPROD_1"
answer("/user_objects/getNumJobs.php", json.dumps(head | {"numJobs": 3}))
answer("/user_objects/run_userobject.php", json.dumps(head | {"URL": url, "JobID": "1", "jobPars": {"name": "a"}}))
ended = {"statusCode": 4, "statusText": "Complete", "progress": {"GotProgress": 0}}
answer("/user_objects/checkProductStatus.php", json.dumps(head | {"JobID": 1} | dict.fromkeys(PRODUCTS, ended)))
archive = io.BytesIO()
with tarfile.open(fileobj=archive, mode="w:gz") as tar:
    tar.addfile(tarfile.TarInfo("USERPROD_1/lc/curve.qdp"), io.BytesIO())
answer("/user_objects/tprods/USERPROD_1/<path:name>", archive.getvalue(), "application/gzip")

with intercept(app, VirtualClock(0.0)):
    for n in range(calls["run_userobject"]):
        request = new_request(n)
        assert request.submit(), request.submitError
        if n < calls.get("downloadProduct", 0):
            request.downloadProducts(sys.argv[2], stem=f"job{n}", silent=True)
    for _ in range(calls["getNumJobs"]):
        xrt_prods.countActiveJobs(MY_EMAIL)
    for _ in range(calls["checkProductStatus"]):
        request.checkProductStatus()
"""
)


def timed(*command: str) -> float:
    """Return the real time that a program takes from start to end [s]."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


class Campaigns(NamedTuple):
    """Medians of the times of a campaign and of the same calls against a constant [s], and of their ratios."""

    run_s: float
    constant_s: float
    ratio: float
    report: dict[str, Any]
    same: bool
    """Whether the reports of all runs were the same."""


def measure(objects: int, *, downloads: bool = False) -> Campaigns:
    """Measure both in turns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script, constant, slow, report = (folder / n for n in ("script.py", "constant.py", "slow.toml", "report.json"))
        script.write_text(SCRIPT)
        constant.write_text(CONSTANT)
        slow.write_text(SCENARIO)
        saved = str(folder) if downloads else ""
        run = ["-m", "mock_server.cli", "run", "--scenario", str(slow), "--report", "json", str(report), "--"]
        run += [sys.executable, str(script)]
        found: dict[str, list[float]] = {"run": [], "constant": []}
        reports = set()
        for _ in range(ROUNDS):
            found["run"].append(timed(*run, str(objects), saved))
            reports.add(report.read_text())
            calls = json.loads(report.read_text())["calls"]
            found["constant"].append(timed(str(constant), json.dumps(calls), saved))
    ratio = statistics.median(a / b for a, b in zip(*found.values(), strict=True))
    run_s, constant_s = map(statistics.median, found.values())
    return Campaigns(run_s, constant_s, ratio, json.loads(reports.pop()), not reports)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=500)
    parser.add_argument("--downloads", action="store_true", help="fetch the products, too")
    options = parser.parse_args()
    found = measure(options.objects, downloads=options.downloads)
    days, calls = found.report["simulated_s"] / 86400, found.report["calls"]
    print(f"{options.objects} objects, {days:.1f} simulated days, calls: {calls}")
    print(
        f"xrt-mock run {found.run_s:.1f} s, constant answer {found.constant_s:.1f} s: x{found.ratio:.2f} (target 1.3)"
    )
    print(f"reports of {ROUNDS} runs: {'all the same' if found.same else 'NOT THE SAME'}")


if __name__ == "__main__":
    main()
