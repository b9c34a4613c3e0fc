"""The matrix of who exercised what has no gaps: the server by questions, the client by answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contracts import coverage, documents, harness, probes
from contracts.bodies import EVERYTHING, LIGHT_CURVE, OWNER
from contracts.coverage import Cell, Coverage
from mock_server import Simulator

ROOT = "/user_objects/"


@pytest.fixture(scope="module")
def asked() -> Coverage:
    """What the fixed questions exercise, with a few more about objects of the simulator's own sky."""
    seen = Coverage()
    watch = seen.watcher("provider")
    with Simulator() as simulator:
        probes.examine(simulator.app, watch=watch)
    with Simulator() as simulator:
        empty_and_catalogued(harness.Watched(harness.backend(simulator.app), watch), simulator)
    with Simulator(settings={"outcomes.failed": 1.0}) as simulator:
        failing(harness.Watched(harness.backend(simulator.app), watch), simulator)
    with Simulator(settings={"outcomes.not_queued": 0.5, "outcomes.not_requested": 0.5}) as simulator:
        failing(harness.Watched(harness.backend(simulator.app), watch), simulator)
    return seen


def results(service: Any, simulator: Simulator, request: dict[str, Any], *names: str) -> None:
    made = service.call("POST", f"{ROOT}run_userobject.php", request)
    assert made.body["OK"] == 1, made
    simulator.clock.advance(2e5)
    for name in names:
        service.call("POST", f"{ROOT}tprods/get{name}.php", {"UserID": OWNER, "JobID": made.body["JobID"]})


def empty_and_catalogued(service: Any, simulator: Simulator) -> None:
    """A field without a source, then one position that the catalogue already has."""
    nothing = {k: v for k, v in EVERYTHING.items() if k not in {"RA", "Dec", "targ", "Tstart"}}
    nothing |= {"name": "SIM-NOTHING", "getCoords": 1, "getTargs": 1}
    results(service, simulator, nothing, "PSFPos", "EnhPos", "XastromPos", "AstromPos", "SpecData", "LCData")
    rebin = {"APIFunc": "rebinLightCurve", "APIVersion": "1.0.5", "type": "UOB_LC", "objectID": "1", "binMeth": "obsid"}
    rebin |= {"whichData": "user", "useObs": "00099005099"}  # no such observation: nothing to bin
    number = service.call("POST", "/API/main.php", rebin).body.get("JobID", 0)
    simulator.clock.advance(1e4)
    curve = {"APIFunc": "downloadLightCurve", "APIVersion": "1.0.5", "type": "REBIN_LC", "objectID": number}
    service.call("POST", "/API/main.php", curve)
    known = {
        "UserID": OWNER,
        "name": "FO Aqr",
        "getCoords": 1,
        "targ": "00037961",
        "cent": 0,
        "doxastrom": 1,
        "useSXPS": 1,
    }
    known |= {"posobs": "user", "useposobs": "00037961001"}
    results(service, simulator, known, "PSFPos", "XastromPos", "AstromPos")


def failing(service: Any, simulator: Simulator) -> None:
    made = [service.call("POST", f"{ROOT}run_userobject.php", EVERYTHING) for _ in range(3)]
    for _ in range(2):
        for answer in made:
            job = {"UserID": OWNER, "JobID": answer.body["JobID"], "what": probes.ALL}
            service.call("POST", f"{ROOT}checkProductStatus.php", job)
        simulator.clock.advance(2e5)


def test_the_contract_has_cells_of_every_group():
    assert {cell.group for cell in coverage.cells()} == set(coverage.GROUPS)


@pytest.mark.parametrize("group", coverage.GROUPS)
def test_every_cell_is_exercised_in_the_providers_direction(asked, group):
    gaps = [cell.name for cell in asked.gaps(["provider"]) if cell.group == group]
    assert not gaps, f"nobody asks the server about {gaps}: add a question to contracts/probes.py"


def test_the_matrix_is_written_as_text_json_and_page(asked):
    rows = json.loads(asked.as_json())
    assert len(rows) == len(coverage.cells())
    assert all(row["provider"] >= 0 for row in rows)
    assert asked.as_text().splitlines()[0].split() == ["cells", "provider"]
    page = asked.as_html()
    assert page.count("<tr>") == len(rows) + 1
    assert "class=gap" not in page.replace("<td class=gap>0</td>", "", len(coverage.OUTSIDE))


def test_what_nobody_did_is_a_gap():
    everything = set(coverage.cells())
    outside = {Cell(*key) for key in coverage.OUTSIDE}
    assert set(Coverage().gaps(["provider"])) == everything - outside
    assert set(Coverage().gaps([])) == everything - outside


def test_one_call_fills_the_cells_it_touches():
    seen = Coverage()
    body = documents.example("run_userobject.error.missing_and_invalid.response.json")
    data = harness.encoded(LIGHT_CURVE)
    headers = {"Content-Type": "text/html"}
    seen.see("me", harness.exchange("POST", f"{ROOT}run_userobject.php", data, 200, headers, harness.encoded(body)))
    counts = seen.counts["me"]
    assert counts[Cell("operation", "run_userobject")] == 1
    assert counts[Cell("answer", "run_userobject: Refusal")] == 1
    assert counts[Cell("parameter", "pccounts")] == 1
    assert counts[Cell("answer", "run_userobject: SubmissionAccepted")] == 0
