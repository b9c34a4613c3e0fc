"""Inconsiderate pipelines, run unmodified, are named by the report with file and line.

Two of them use the official client, which takes seconds to import; the others `xrt_client`, whose calls are the same.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from mock_server.cli.commands import main

if TYPE_CHECKING:
    from pathlib import Path

PIPELINE = """
import time
import xrt_client as xrt_prods

ME = "me@myinstitute.example.org"

def request(day):
    found = xrt_prods.XRTProductRequest(ME, silent=True)
    found.setGlobalPars(name=f"GRB 2103{day:02d}A", getCoords=True, getTargs=True, getT0=True)
    found.setGlobalPars(centroid=True, posErr=1, useSXPS=False)
    found.addLightCurve(binMeth="obsid")
    return found

"""
THROTTLE_OFF_BY_ONE = """
requests = []
for day in range(1, 9):
    while xrt_prods.countActiveJobs(ME) > 5:
        time.sleep(120)
    requests.append(request(day))
    assert requests[-1].submit()  # here
"""
POLLS_EVERY_SECOND = """
wanted = request(1)
wanted.submit()
while not wanted.complete:  # here
    time.sleep(1)
"""
NEVER_DOWNLOADS = """
wanted = request(1)
wanted.submit()  # here
while not wanted.complete:
    time.sleep(60)
time.sleep(8 * 86400)
"""
RESUBMITS_AFTER_A_LOST_ANSWER = """
import requests
wanted = request(1)
for attempt in range(2):
    try:
        wanted.submit()  # here
    except requests.ConnectionError:
        time.sleep(60)
"""
OFFICIAL = "swifttools.ukssdc.xrt_prods"
LOSES_AN_ANSWER = """
[[faults]]
kind = "lost"
operation = "run_userobject"
call = 1
"""


def run(folder: Path, pipeline: str, *options: str, client: str = "xrt_client") -> tuple[dict[str, Any], str, int]:
    """Run a pipeline; return its report, what was said of it, and the exit code."""
    program = folder / "pipeline.py"
    program.write_text(PIPELINE.replace("xrt_client", client) + pipeline, encoding="utf-8")
    (folder / "data").mkdir()
    command = [sys.executable, "-m", "mock_server.cli", "run", "--report", "json", "report.json", *options]
    command += ["--", sys.executable, "-W", "ignore", "pipeline.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    report = folder / "report.json"
    assert report.exists(), done.stderr
    return json.loads(report.read_text(encoding="utf-8")), done.stderr, done.returncode


def here(pipeline: str) -> str:
    """The line of the program that a reader of the report should be sent to."""
    lines = (PIPELINE + pipeline).splitlines()
    return f"pipeline.py:{next(number for number, line in enumerate(lines, 1) if line.endswith('# here'))}"


def test_a_throttle_that_is_off_by_one_is_named(tmp_path):
    report, said, code = run(tmp_path, THROTTLE_OFF_BY_ONE, "--fail-on", "active>5")
    assert report["active_jobs"]["peak"] == 6
    assert report["active_jobs"]["where"] == here(THROTTLE_OFF_BY_ONE)
    assert f"most jobs active at a time: 6, at {here(THROTTLE_OFF_BY_ONE)} (fails if active>5)" in said
    assert code == 1


def test_polling_every_second_is_named(tmp_path):
    report, said, code = run(tmp_path, POLLS_EVERY_SECOND, "--fail-on", "poll<10s")
    assert report["polling"]["shortest_s"] == 1
    assert report["polling"]["where"] == here(POLLS_EVERY_SECOND)
    assert here(POLLS_EVERY_SECOND) in said
    assert code == 1


def test_products_that_expired_before_download_are_named(tmp_path):
    report, said, code = run(tmp_path, NEVER_DOWNLOADS, "--fail-on", "lost>0")
    assert report["downloads"]["jobs_expired_before_download"] == [1]
    assert report["downloads"]["where"] == [here(NEVER_DOWNLOADS)]
    assert f"never downloaded: 1 job (1), 1 of them expired, submitted at {here(NEVER_DOWNLOADS)}" in said
    assert code == 1


def test_a_submission_repeated_blindly_is_named(tmp_path):
    (tmp_path / "loses.toml").write_text(LOSES_AN_ANSWER, encoding="utf-8")
    options = ("--scenario", "loses.toml", "--fail-on", "duplicates>0")
    report, said, code = run(tmp_path, RESUBMITS_AFTER_A_LOST_ANSWER, *options, client=OFFICIAL)
    assert report["duplicate_submissions"] == [{"jobs": [1, 2], "where": [here(RESUBMITS_AFTER_A_LOST_ANSWER)]}]
    assert f"submitted more than once: 1 request, jobs 1, 2, at {here(RESUBMITS_AFTER_A_LOST_ANSWER)}" in said
    assert code == 1


def test_a_considerate_pipeline_with_the_official_client_keeps_the_contract_and_passes_every_limit(tmp_path):
    considerate = NEVER_DOWNLOADS.replace("time.sleep(8 * 86400)", 'wanted.downloadProducts("data")')
    limits = "active>5,poll<10s,lost>0,undownloaded>0,duplicates>0,refused>0,violations>0"
    report, said, code = run(tmp_path, considerate, "--fail-on", limits, client=OFFICIAL)
    assert report["contract_violations"] == []
    assert code == 0, said


CURL = """
set -e
url=https://www.swift.ac.uk/user_objects
post() { curl --silent --show-error --request POST --data "$2" "$url/$1"; }
post run_userobject.php '{"UserID": "me@myinstitute.example.org", "name": "GRB 060729", "getCoords": 1,
    "getTargs": 1, "getT0": 1, "cent": 0, "lc": 1, "binMeth": "obsid"}' > submitted.json
status=0
while [ "$status" != 4 ]; do
    sleep 5m
    status=$(post checkProductStatus.php '{"UserID": "me@myinstitute.example.org", "JobID": 1, "what": "lc"}' |
        sed 's/.*"statusCode":\\([-0-9]*\\).*/\\1/')
done
curl --silent --show-error --fail --output lc.tar.gz "$url/tprods/USERPROD_1/lc.tar.gz"
tar tzf lc.tar.gz
"""


def test_a_curl_script_goes_from_submission_to_download_with_no_variable_set_by_hand(tmp_path, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "SSL_CERT_FILE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "fetch.sh").write_text(textwrap.dedent(CURL), encoding="utf-8")
    command = [sys.executable, "-m", "mock_server.cli", "run", "--", "sh", "fetch.sh"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    if "curl: not found" in done.stderr:
        pytest.skip("curl is not installed; this test needs it")
    assert done.returncode == 0, done.stderr
    assert "USERPROD_1/lc/curve.qdp" in done.stdout


def test_a_pipeline_that_leaves_the_contract_is_named_where_it_does(tmp_path):
    script = tmp_path / "pipeline.py"
    script.write_text(
        textwrap.dedent("""
            import requests
            body = {"UserID": "me@example.org", "JobID": ["not", "a", "number"], "what": "lc"}
            for _ in range(2):
                requests.post("https://www.swift.ac.uk/user_objects/checkProductStatus.php", json=body)  # here
            requests.post("https://www.swift.ac.uk/user_objects/getNumJobs.php", json={"UserID": "me@example.org"})
        """)
    )
    line = script.read_text().splitlines().index(next(t for t in script.read_text().splitlines() if "# here" in t)) + 1
    report = tmp_path / "report.json"
    run = [sys.executable, "-m", "mock_server.cli", "run", "--contract", "--report", "json", str(report), "--"]
    done = subprocess.run([*run, sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=True)
    (violation,) = json.loads(report.read_text())["contract_violations"]
    assert (violation["operation"], violation["times"]) == ("checkProductStatus", 2)
    assert violation["where"] == f"pipeline.py:{line}"
    assert "JobID" in violation["words"]
    assert "outside the contract, 2 times" in done.stderr


def test_a_campaign_on_public_sources_shows_its_sixth_active_job(tmp_path):
    """A throttle that tests before it counts its own submission lets one job too many through."""
    program = tmp_path / "campaign.py"
    program.write_text(
        "import time\n"
        "import requests\n"
        "HOST = 'https://www.swift.ac.uk/user_objects/'\n"
        "ME = {'UserID': 'me@example.org'}\n"
        "names = ['M82 X-2', 'Holmberg II X-1', 'NGC 1313 X-1', 'SS 433', 'Cyg X-1', 'Mrk 421', 'SMC X-3', 'M81 X-6']\n"
        "for name in names:\n"
        "    while requests.post(HOST + 'getNumJobs.php', json=ME).json()['numJobs'] > 5:\n"
        "        time.sleep(60)\n"
        "    body = ME | {'name': name, 'getCoords': 1, 'getTargs': 1, 'image': 1}\n"
        "    assert requests.post(HOST + 'run_userobject.php', json=body).json()['OK'] == 1, name\n"
    )
    command = ["run", "--fail-on", "active>5", "--", sys.executable, str(program)]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 1
    assert "most jobs active at a time: 6, at campaign.py:10 (fails if active>5)" in done.output
