"""Planted faults are found, blamed and shrunk; right pipelines are left alone. The long ones run on demand."""

from pathlib import Path
from typing import Any

import pytest

from tests.hunt.planted import FAULTS, RIGHT, Fault, hunted, lay_out, lines_of


def test_each_fault_has_its_place_in_a_pipeline(tmp_path):
    assert len(FAULTS) == 12
    assert len(RIGHT) == 6
    for fault in FAULTS:
        lay_out(tmp_path, fault)
        compile((tmp_path / f"{fault.pipeline}.py").read_text(), fault.name, "exec")


def found_with(fault: Fault, data: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in data["found"] if one["oracle"] in fault.oracle]


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_found_blamed_and_shrunk(fault, tmp_path):
    lay_out(tmp_path, fault)
    runs = [hunted(tmp_path, f"{fault.pipeline}.py", "--worlds", "400", "--seed", "1") for _ in range(3)]
    found = found_with(fault, runs[0])
    assert found, runs[0]["found"]
    assert all(len(one["deviations"]) <= 2 for one in found)
    assert any(fault.blamed in line for one in found for line in lines_of(tmp_path, one["where"])), found
    assert runs[0]["found"] == runs[1]["found"] == runs[2]["found"]


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", RIGHT)
def test_nothing_is_found_in_a_right_pipeline(name, tmp_path):
    lay_out(tmp_path)
    assert hunted(tmp_path, f"{name}.py", "--worlds", "400", "--seed", "1")["found"] == []


def write_documented(folder: Path, name: str) -> None:
    page = (Path(__file__).parents[2] / "docs/howto/hunting.md").read_text()
    (folder / name).write_text(page.partition(f":caption: {name}\n\n")[2].partition("```")[0])


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_the_faults_of_the_documented_pipeline_are_found(tmp_path):
    write_documented(tmp_path, "survey.py")
    data = hunted(tmp_path, "survey.py", "--worlds", "400", "--seed", "1", "--at-most", "2")
    assert [one["oracle"] for one in data["calm"]["broken"]] == ["active"]
    assert {one["oracle"] for one in data["found"]} >= {"twice", "exit", "endless"}


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_the_faults_of_the_services_own_example_are_found(tmp_path):
    write_documented(tmp_path, "many_jobs.py")
    data = hunted(tmp_path, "many_jobs.py", "--worlds", "400", "--seed", "1", "--at-most", "5")
    assert data["calm"]["broken"] == []
    assert {one["oracle"] for one in data["found"]} == {"again", "file", "endless", "active", "exit"}


CAMPAIGN = """
import sys
import xrt_client

requests = []
for number in range(40):
    request = xrt_client.XRTProductRequest("me@example.org", silent=True)
    request.setGlobalPars(name=f"Field {number}", RA=10.0 + number, Dec=-5.0, targ="00010001")
    request.setGlobalPars(centroid=False, useSXPS=False)
    request.addLightCurve(binMeth="obsid")
    requests.append(request)
campaign = xrt_client.Campaign("me@example.org", requests, out="data", max_active=5)
try:
    print(campaign.run())
except xrt_client.XRTError as error:
    sys.exit(f"stopped, and left {sorted(campaign.ledger.entries)} unfinished: {error}")
failed = [entry.key for entry in campaign.ledger.entries.values() if entry.stage != "done"]
sys.exit(f"failed: {failed}" if failed else 0)
"""


@pytest.mark.nightly
@pytest.mark.timeout(20 * 3600)
def test_a_campaign_of_forty_sources_survives_twenty_thousand_worlds(tmp_path):
    (tmp_path / "campaign.py").write_text(CAMPAIGN)
    data = hunted(tmp_path, "campaign.py", "--worlds", "20000", "--seed", "1", "--at-most", "5")
    assert data["found"] == []
    assert data["calm"]["broken"] == []
