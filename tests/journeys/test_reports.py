"""What the report says of programs like those that astronomers publish: a stranger understands it without the JSON."""

from __future__ import annotations

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


def report_of(folder: Path, program: str, *options: str) -> tuple[list[str], ElementTree.Element]:
    """Run a program; return the report's lines, and its form for build servers."""
    script, junit = folder / "pipeline.py", folder / "junit.xml"
    script.write_text(BEGINNING + program, encoding="utf-8")
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


@pytest.mark.parametrize("form", ["text", "html", "junit"])
def test_a_report_without_a_file_is_refused_before_the_program_starts(form):
    done = CliRunner().invoke(main, ["run", "--report", form, "--", sys.executable, "-c", "raise SystemExit(5)"])
    assert done.exit_code == 2
    assert f"--report {form} needs a file before --" in done.stderr
