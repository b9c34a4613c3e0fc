"""Fifty copies of the documentation's throttle share one clock, and tell the same story every time."""

import subprocess
import sys

import pytest

SNIPPET = """
import sys, time
{imported}

for n in range(2):
    myReq = xrt_prods.XRTProductRequest("me@example.org", silent=True)
    myReq.setGlobalPars(name=f"Source {{n}}", RA=10.0 + n, Dec=-5.0, targ="00010001", centroid=False, useSXPS=False)
    myReq.addImage(energies="0.3-10")
    waited = 0
    while myReq.countActiveJobs() > 0:
        time.sleep(30)
        waited += 30
        if waited > 36000:
            sys.exit(1)
    if not myReq.submit():
        sys.exit(myReq.submitError)
"""
CLIENTS = {
    "xrt_client": "import xrt_client as xrt_prods",
    "swifttools": "import swifttools.ukssdc.xrt_prods as xrt_prods",
}


@pytest.mark.nightly
@pytest.mark.parametrize("client", CLIENTS)
def test_fifty_copies_of_the_throttle_give_the_same_report_in_three_runs(tmp_path, client):
    script = tmp_path / "throttle.py"
    script.write_text(SNIPPET.format(imported=CLIENTS[client]))
    reports = []
    for n in range(3):
        file = tmp_path / f"{n}.json"
        run = [sys.executable, "-m", "mock_server.cli", "run", "--copies", "50", "--report", "json", str(file), "--"]
        subprocess.run([*run, sys.executable, str(script)], check=True, cwd=tmp_path)
        reports.append(file.read_text())
    assert '"submitted": 100' in reports[0]
    assert reports[0] == reports[1] == reports[2], "the copies were not answered in the same order: see clock.py"
