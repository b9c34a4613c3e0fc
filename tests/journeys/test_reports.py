"""What the report says of programs like those that astronomers publish: a stranger understands it without the JSON."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from mock_server.cli.commands import main

if TYPE_CHECKING:
    from pathlib import Path

BEGINNING = """
import time
import requests
import swifttools.ukssdc.xrt_prods as xrt_prods

found = xrt_prods.XRTProductRequest("me@example.org", silent=True)
found.setGlobalPars(name="M82", targ="00091489", RA=148.9627, Dec=69.6793, centroid=False, useSXPS=False)
"""
SPECTRA_BY_ADDRESS = """
found.addSpectrum(whichData="user", useObs="00091489001,00091489002", hasRedshift=False, timeslice="obsid")
assert found.submit()
while not found.complete:
    time.sleep(60)
spectra = found.retrieveSpectralFits(returnData=True)
for name in spectra["rnames"]:
    requests.get(spectra[name]["DataFile"]).raise_for_status()
"""
LOOKS_ONCE_A_MINUTE = """
found.addSourceDet(whichData="all", whichBands="total")
assert found.submit()
while not found.complete:
    time.sleep(60)
found.retrieveSourceList(returnData=True)
again = xrt_prods.XRTProductRequest("me@example.org", silent=True)
again.copyOldJob(found.JobID, becomeThis=True)
again.complete
"""
CRASHES = """
found.addLightCurve(binMeth="obsid")
found.submit()
print(found.submitError)  # there was no error
"""
REFUSED_IN_A_HELPER = """
def ask(name):
    wanted = xrt_prods.XRTProductRequest("me@example.org", silent=True)
    wanted.setGlobalPars(name=name, getCoords=True, getTargs=True, centroid=False, useSXPS=False)
    wanted.addLightCurve(binMeth="obsid")
    return wanted.submit()

for number in range(3):
    ask(f"Nowhere {number}")
ask("Elsewhere 1")
"""


LIGHT_BEGINNING = """
import time
import requests
import xrt_client as xrt_prods

def job(name="M82", **more):
    found = xrt_prods.XRTProductRequest("me@example.org", silent=True)
    found.setGlobalPars(name=name, centroid=False, useSXPS=False, **more)
    return found

def finish(found):
    assert found.submit(), found.submitError
    while not found.complete:
        time.sleep(60)

PLACE = {"targ": "00091489", "RA": 148.9627, "Dec": 69.6793}
"""
PROGRAMS = {
    "bands": (
        """
for band in ({"minEnergy": 0.5}, {"minEnergy": 0.5, "maxEnergy": 8.0}, {"minEnergy": 2.0}):
    found = job(**PLACE, getT0=True)
    found.addLightCurve(binMeth="obsid", **band)
    assert found.submit(), found.submitError
""",
        """PASSED
  passed  the program ended with exit code 0
jobs submitted 3, complete 0, failed 0, cancelled 0, unfinished 3; submissions refused 0
most jobs active at a time 3 (limit 100), at pipeline.py:21
files downloaded 0, not found 0
simulated time 00:00:00
""",
    ),
    "observations of a real source": (
        """
for how in ({"getTargs": True}, {"targ": "00016843"}):
    found = job("AT2024wpp", T0=60578.436, RA=40.5224286, Dec=-16.956104, **how)
    found.addLightCurve(binMeth="snapshot", useObs="00016843001")
    finish(found)
    found.retrieveLightCurve(incbad="yes", returnData=True)
""",
        """PASSED
  passed  the program ended with exit code 0
jobs submitted 2, complete 2, failed 0, cancelled 0, unfinished 0; submissions refused 0
most jobs active at a time 1 (limit 100), at pipeline.py:12
polled every 60 s (shortest 60 s, at pipeline.py:13)
files downloaded 0, not found 0
results read without a file: 2 jobs (1, 2)
drawn by the simulator, not real: targets of 04458540 (AT2024wpp)
drawn by the simulator, not real: observations of AT2024wpp
drawn because a job names them: 1 observation of AT2024wpp
simulated time 00:04:00
""",
    ),
    "two binnings": (
        """
for binning in ("snapshot", "obsid"):
    found = job("GRB 060729", getCoords=True, getTargs=True, getT0=True)
    found.addLightCurve(binMeth=binning)
    finish(found)
    requests.get(f"{found.URL}/lc/curve_nosys.qdp").raise_for_status()
""",
        """PASSED
  passed  the program ended with exit code 0
jobs submitted 2, complete 2, failed 0, cancelled 0, unfinished 0; submissions refused 0
most jobs active at a time 1 (limit 100), at pipeline.py:12
polled every 60 s (shortest 60 s, at pipeline.py:13)
files downloaded 2, not found 0
drawn by the simulator, not real: observations of GRB 060729
simulated time 00:10:00
""",
    ),
    "a target of eleven digits": (
        """
for target in ("00032503", "00032503001"):
    found = job(targ=target, getCoords=True)
    found.addSpectrum(hasRedshift=False, whichData="user", useObs="00032503001", timeslice="obsid", doNotFit=True)
    assert found.submit(), found.submitError
""",
        """PASSED
  passed  the program ended with exit code 0
jobs submitted 2, complete 0, failed 0, cancelled 0, unfinished 2; submissions refused 0
most jobs active at a time 2 (limit 100), at pipeline.py:21
files downloaded 0, not found 0
submitted more than once: 1 request, jobs 1, 2, at pipeline.py:21
simulated time 00:00:00
""",
    ),
    "names as people type them": (
        """
for name in ("GRB 230815C", "M82 X-2", "holmberg ii x-1", "AT2018cow", "Swift J1727.8-1613", "No such thing"):
    found = job(name, getCoords=True, getTargs=True)
    found.addLightCurve(binMeth="obsid")
    found.submit()
""",
        """PASSED
  passed  the program ended with exit code 0
jobs submitted 5, complete 0, failed 0, cancelled 0, unfinished 5; submissions refused 1
refused 1 time: run_userobject: Could not resolve the object name.; name: No such thing, at pipeline.py:21
most jobs active at a time 5 (limit 100), at pipeline.py:21
files downloaded 0, not found 0
drawn by the simulator, not real: positions of GRB 230815C
drawn by the simulator, not real: targets of 04212250 (AT2018cow), 02214788 (GRB 230815C)
drawn by the simulator, not real: observations of AT2018cow, GRB 230815C
simulated time 00:00:00
names that did not resolve: No such thing
to fix it, add --unknown-names draw to `xrt-mock run`, or these options with the right positions:
--source 'No such thing=258.2222,-37.2678'
""",
    ),
    "a table read by its address": (
        """
from astropy.table import Table
found = job("GRB 060729", getCoords=True, getTargs=True, getT0=True)
found.addLightCurve(binMeth="obsid")
finish(found)
assert len(Table.read(f"{found.URL}/lc/curve.qdp", format="ascii.qdp", table_id=0))
""",
        """PASSED
  passed  the program ended with exit code 0
jobs submitted 1, complete 1, failed 0, cancelled 0, unfinished 0; submissions refused 0
most jobs active at a time 1 (limit 100), at pipeline.py:12
polled every 60 s (shortest 60 s, at pipeline.py:13)
files downloaded 1, not found 0
drawn by the simulator, not real: observations of GRB 060729
simulated time 00:05:00
""",
    ),
}
"""Programs like those that are public, and the whole report on each."""


def report_of(
    folder: Path, program: str, *options: str, beginning: str = BEGINNING
) -> tuple[list[str], ElementTree.Element]:
    """Run a program; return the report's lines, and its form for build servers."""
    script, junit = folder / "pipeline.py", folder / "junit.xml"
    script.write_text(beginning + program, encoding="utf-8")
    command = ["run", "--report", "junit", str(junit), "--report", "text", "-", *options, "--"]
    done = CliRunner().invoke(main, [*command, sys.executable, "-W", "ignore", str(script)])
    return done.stdout.splitlines(), ElementTree.parse(junit).getroot()


def line_of(program: str, words: str) -> str:
    lines = (BEGINNING + program).splitlines()
    return f"pipeline.py:{next(number for number, line in enumerate(lines, 1) if words in line)}"


def test_spectra_fetched_by_the_address_that_the_service_gave_are_downloads(tmp_path):
    lines, _ = report_of(tmp_path, SPECTRA_BY_ADDRESS, "--fail-on", "undownloaded>0,poll<60")
    assert lines[:2] == ["PASSED", "  passed  the program ended with exit code 0"]
    assert "files downloaded 2, not found 0" in lines
    assert not any(line.startswith("never downloaded") for line in lines)


def test_looks_that_the_official_client_makes_itself_are_not_the_users(tmp_path):
    lines, _ = report_of(tmp_path, LOOKS_ONCE_A_MINUTE, "--fail-on", "poll<60,undownloaded>0")
    assert lines[0] == "PASSED"
    assert f"polled every 60 s (shortest 60 s, at {line_of(LOOKS_ONCE_A_MINUTE, 'not found.complete')})" in lines
    assert "results read without a file: 1 job (1)" in lines


def test_a_crash_is_the_first_thing_that_is_reported(tmp_path):
    lines, suite = report_of(tmp_path, CRASHES)
    assert lines[0] == "FAILED"
    assert lines[1].startswith("  FAILED  the program ended with exit code 1: RuntimeError: ")
    assert lines[1].endswith(f", at {line_of(CRASHES, 'no error')}")
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("1", "1")


def test_refusals_are_reported_with_words_number_and_the_lines_that_called_the_helper(tmp_path):
    lines, _ = report_of(tmp_path, REFUSED_IN_A_HELPER)
    helper = line_of(REFUSED_IN_A_HELPER, "return wanted.submit()")
    loop, last = (line_of(REFUSED_IN_A_HELPER, words) for words in ('ask(f"', 'ask("Elsewhere'))
    refused = [line for line in lines if line.startswith("refused ")]
    assert len(refused) == 4
    assert sum(line.endswith(f"{helper}, called from {loop}") for line in refused) == 3
    assert sum(line.endswith(f"{helper}, called from {last}") for line in refused) == 1
    assert all("run_userobject" in line for line in refused)
    assert any(line.startswith("names that did not resolve: ") for line in lines)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_whole_report_is_understood_without_its_json(name, tmp_path):
    program, report = PROGRAMS[name]
    lines, _ = report_of(tmp_path, program, beginning=LIGHT_BEGINNING)
    assert lines == report.splitlines()


@pytest.mark.skipif(shutil.which("wget") is None, reason="wget is not installed; this test needs it")
def test_a_script_that_fetches_a_page_with_wget_gets_it(tmp_path):
    script = tmp_path / "fetch.sh"
    script.write_text("wget -q -O page.html https://www.swift.ac.uk/user_objects/register.php\n", encoding="utf-8")
    command = [sys.executable, "-m", "mock_server.cli", "run", "--report", "text", "-", "--", "sh", "fetch.sh"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.splitlines()[:2] == ["PASSED", "  passed  the program ended with exit code 0"]
    assert "<form" in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("form", ["text", "html", "junit"])
def test_a_report_without_a_file_is_refused_before_the_program_starts(form):
    done = CliRunner().invoke(main, ["run", "--report", form, "--", sys.executable, "-c", "raise SystemExit(5)"])
    assert done.exit_code == 2
    assert f"--report {form} needs a file before --" in done.stderr
