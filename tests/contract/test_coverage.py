"""Coverage of the contract has no gaps: the fixed questions exercise the server, and answers the client."""

from __future__ import annotations

import copy
import json
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, given, settings

from contracts import coverage, documents, generation, harness, probes
from contracts.bodies import EVERY_PARAMETER, EVERYTHING, LIGHT_CURVE, OWNER
from contracts.consumer import Answering, Recorder
from contracts.coverage import Cell, Coverage
from mock_server import Simulator
from tests.contract import failing
from tests.contract.clients import CALLS, accept, answering, built, pairs, service, submitted
from xrt_client import RetryPolicy, Service, XRTError, XRTProductRequest, retrieve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOT = "/user_objects/"
OUTSIDE = {Cell(*key) for key in coverage.OUTSIDE}


def exercised_by_questions() -> Coverage:
    """Send the fixed questions, and a few more about objects of the simulator's own sky."""
    seen = Coverage()
    watch = seen.watcher("provider")
    with Simulator() as simulator:
        probes.examine(simulator.app, watch=watch)
    with Simulator(settings={"archive.unknown_observations": "refuse"}) as simulator:
        empty_and_catalogued(harness.Watched(harness.backend(simulator.app), watch), simulator)
    with Simulator(settings={"outcomes.failed": 1.0}) as simulator:
        failing_products(harness.Watched(harness.backend(simulator.app), watch), simulator)
    with Simulator(settings={"outcomes.not_queued": 0.5, "outcomes.not_requested": 0.5}) as simulator:
        failing_products(harness.Watched(harness.backend(simulator.app), watch), simulator)
    with Simulator(settings={"api.deprecation_message": "Use the other address."}) as simulator:
        harness.Watched(harness.backend(simulator.app), watch).call("POST", f"{ROOT}getNumJobs.php", {"UserID": OWNER})
    failing.provider(seen)
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
    burst = {"APIVersion": "1.0.5", "APIFunc": "timesliceSpectrum", "targetID": 554620}
    before = {"rnames": ["early"], "times": ["1-2"], "modes": ["BOTH"]}  # XRT was not yet looking
    number = service.call("POST", "/API/main.php", burst | before).body.get("JobID", 0)
    simulator.clock.advance(1e4)
    none = {"APIFunc": "downloadSpectrum", "APIVersion": "1.0.5", "type": "timeslice", "objectID": number}
    service.call("POST", "/API/main.php", none)
    for missing in ("xrt_curves/00554620/nothing.qdp", "xrt_spectra/00554620/nothing.pi"):
        service.call("GET", f"/{missing}")
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


def failing_products(service: Any, simulator: Simulator) -> None:
    made = [service.call("POST", f"{ROOT}run_userobject.php", EVERYTHING) for _ in range(3)]
    for _ in range(2):
        for answer in made:
            job = {"UserID": OWNER, "JobID": answer.body["JobID"], "what": probes.ALL}
            service.call("POST", f"{ROOT}checkProductStatus.php", job)
        simulator.clock.advance(2e5)


def test_the_contract_has_cells_of_every_group():
    assert {cell.group for cell in coverage.cells()} == set(coverage.GROUPS)


@pytest.mark.spoils_answers("planned faults")
def test_every_cell_is_exercised_in_the_providers_direction():
    asked = exercised_by_questions()
    gaps = asked.gaps(["provider"])
    assert not gaps, f"no question is about {gaps}: add one to contracts/probes"
    assert "class=gap" not in asked.as_html()


NOT_THE_CLIENTS = {
    "getXastromPos": "the address of releases before 3.0.0",
    "jobPageIndex": "a page",
    "jobPage": "a page",
    "statusCheck": "a page's script",
    "registerPage": "a page",
    "register": "a page",
    "downloadRebinnedFile": "saving the files of a rebinned curve is left to the caller",
    "LightCurve19": "the form for api_version 1.9",
    "LightCurve18": "the form for api_version 1.8",
    "SpectraOld": "the form for api_version before 1.10",
    "getLCData.ok.api_1_9.derived": "the form for api_version 1.9",
    "getLCData.ok.api_1_8.derived": "the form for api_version 1.8",
    "OtherFunction": "outside the contract",
    **dict.fromkeys(
        (
            "NameBurst",
            "DownloadSpectrum",
            "FindPositions",
            "SliceSpectrum",
            "CheckSliceStatus",
            "CancelSlice",
            "BurstTarget",
            "NoSuchBurst",
            "BurstPositions",
            "BurstSpectra",
            "NoBurstSpectra",
            "downloadBurstCurve",
            "downloadBurstSpectrum",
        ),
        "known bursts have no jobs; the official client has a module of its own for them",
    ),
    "sinceT0": "the client sends SinceT0, as documented",
    "posErr": "a spelling of the documentation; the client sends poserr",
    "allowBayes": "a spelling of the documentation; the client sends allowB",
    "getTarg": "a spelling of the documentation; the client sends getTargs",
    "pcmaxGap": "a spelling of old clients",
    "wtmaxGap": "a spelling of old clients",
    "pcbintime": "a spelling of old clients",
    "wtbintime": "a spelling of old clients",
}
"""Operations, forms and parameters that this client does not use, and why."""


def exercised_by_the_client(folder: Path) -> Coverage:
    """Feed answers to the client, and let it use a simulator."""
    seen = Coverage()
    watch = seen.watcher("consumer")
    with Recorder(watch=watch):
        request = submitted()
        for name, variant in pairs():
            feed_one(request, name, variant)
        for name, body in documented_answers():
            feed(request, name, body)
        cancelled = {"OK": 2, "JobID": 803, "APIVersion": "1.12", "status": {"lc": "x"}, "statusCodes": {"lc": 2}}
        feed(request, "canceljob", cancelled)
        everything = XRTProductRequest(OWNER, EVERY_PARAMETER, service=service())
        with Answering(choose=accept):
            assert everything.submit(updateProds=False), everything.submitError
    with Simulator() as simulator, simulator.intercept(), Recorder(watch=watch):
        live(simulator, folder)
    with Simulator(settings={"outcomes.failed": 1.0}) as simulator, simulator.intercept(), Recorder(watch=watch):
        request = built(service=Service(sleep=simulator.clock.sleep))
        request.submit()
        simulator.clock.advance(2e5)
        assert request.complete
    failing.consumer(seen, folder)
    return seen


def documented_answers() -> Iterator[tuple[str, Any]]:
    """Yield each documented answer with the client's call that gets it."""
    functions = {"rebinLightCurve": "main rebin", "checkRebinStatus": "main status", "error": "main status"}
    for op in documents.operations().values():
        for content in (op.response_for(200) or {}).get("content", {}).values():
            for name, example in content.get("examples", {}).items():
                call = functions[name.split(".")[1]] if op.id == "main" else op.id
                if call in CALLS:
                    yield call, example["value"]


def feed_one(request: XRTProductRequest, name: str, variant: str) -> None:
    @settings(max_examples=1, database=None, deadline=None, derandomize=True, phases=[Phase.generate])
    @given(generation.answers_of([variant]))
    def generated(body: Any) -> None:
        feed(request, name, body)

    generated()


def feed(request: XRTProductRequest, name: str, body: Any) -> None:
    with warnings.catch_warnings(), answering(name, body), suppress(XRTError):
        warnings.simplefilter("ignore")
        CALLS[name][1](copy.deepcopy(request, {id(request.service): request.service}))


def live(simulator: Simulator, folder: Path) -> None:
    """Follow jobs closely, cancel at every stage, fetch and miss files."""
    mine = Service(sleep=simulator.clock.sleep, now=simulator.clock.now, policy=RetryPolicy(attempts=1))
    request = built(service=mine)
    request.setStandardPosPars(detOrCent="detect", centMeth="iterative")  # the astrometric position waits for it
    assert request.submit(), request.submitError
    stages = {1: "Image", 2: "SourceDet", 3: "Spectrum"}
    for _ in range(400):
        codes = {name: entry["statusCode"] for name, entry in request.checkProductStatus().items()}
        for stage, product in list(stages.items()):
            if codes.get(product) == stage:
                request.cancelProducts([product])
                del stages[stage]
        if request.complete:
            break
        simulator.clock.advance(5)
    with suppress(XRTError):
        request.cancelProducts(["LightCurve"])
    request.downloadProducts(str(folder), format="zip")
    request.retrieveSpectralFits()
    curve = request.retrieveLightCurve(returnData=True)
    retrieve.download(mine, next(iter(curve["URLs"].values())), folder / "curve.qdp")
    for missing in (f"{request.URL}/lc/nothing.qdp", f"{request.URL}9/lc.zip"):
        with suppress(XRTError):
            retrieve.download(mine, missing, folder / "missing")


@pytest.mark.spoils_answers("planned faults")
def test_every_cell_is_exercised_in_the_consumers_direction(tmp_path):
    gaps = exercised_by_the_client(tmp_path).gaps(["consumer"])
    gaps = [cell for cell in gaps if not set(cell.name.replace(":", "").split()) & set(NOT_THE_CLIENTS)]
    assert not gaps, f"the client never meets {gaps}: add a call to tests/contract/clients.py, or a reason above"


def test_everything_that_the_client_does_not_use_is_in_the_contract():
    names = " ".join(cell.name for cell in coverage.cells())
    assert not [name for name in NOT_THE_CLIENTS if name not in names]


@pytest.mark.parametrize(
    ("text", "met"),
    [("The user `SOMEBODY` is not recognised / validated", 1), ("Job 3 is not owned by user a@b.org", 0)],
)
def test_an_example_is_met_by_an_answer_like_it_not_by_the_same_request(text, met):
    seen = Coverage()
    body = harness.encoded({"OK": 0, "ERROR": text, "APIVersion": "1.12"})
    request, headers = harness.encoded({"UserID": "NO-ONE"}), {"Content-Type": "text/html"}
    seen.see("me", harness.exchange("POST", f"{ROOT}getNumJobs.php", request, 200, headers, body))
    assert seen.counts["me"][Cell("example", "getNumJobs: getNumJobs.error.unknown_user")] == met
    assert seen.counts["me"][Cell("example", "getNumJobs: getNumJobs.ok")] == 0


def test_every_cell_without_a_call_is_a_gap():
    everything = set(coverage.cells())
    assert set(Coverage().gaps(["provider"])) == everything - OUTSIDE
    assert set(Coverage().gaps([])) == everything - OUTSIDE


def test_one_call_fills_the_cells_it_touches_in_every_form_of_the_matrix():
    seen = Coverage()
    body = documents.example("run_userobject.error.missing_and_invalid.response.json")
    data = harness.encoded(LIGHT_CURVE)
    headers = {"Content-Type": "text/html"}
    seen.see("me", harness.exchange("POST", f"{ROOT}run_userobject.php", data, 200, headers, harness.encoded(body)))
    counts = seen.counts["me"]
    assert counts[Cell("operation", "run_userobject")] == 1
    assert counts[Cell("answer", "run_userobject: Refusal")] == 1
    assert counts[Cell("parameter", "poserr")] == 1
    assert counts[Cell("parameter", "pccounts")] == 0  # the request has it; the refusal names other parameters
    assert counts[Cell("example", "run_userobject: run_userobject.error.missing_and_invalid")] == 1
    assert counts[Cell("answer", "run_userobject: SubmissionAccepted")] == 0
    rows = json.loads(seen.as_json())
    assert len(rows) == len(coverage.cells())
    touched = {(row["group"], row["name"]) for row in rows if row["me"]}
    assert touched == {(cell.group, cell.name) for cell in counts} & {
        (cell.group, cell.name) for cell in coverage.cells()
    }
    assert seen.as_text().splitlines()[0].split() == ["cells", "me"]
    page = seen.as_html()
    assert page.count("<tr>") == len(rows) + 1
    assert page.count("<td class=gap>0</td>") == len(rows) - len(touched) - len(OUTSIDE)


def answered(status: int, body: bytes) -> harness.Exchange:
    """Return an exchange in which a page is answered, whatever was asked."""
    request, headers = harness.encoded({"UserID": OWNER}), {"Content-Type": "text/html"}
    return harness.exchange("POST", f"{ROOT}getNumJobs.php", request, status, headers, body)


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [(500, b"<html>", coverage.SERVER_FAILED), (200, b"\n<html>", coverage.PAGE_INSTEAD), (200, b'{"OK":0}', None)],
)
def test_a_page_in_place_of_an_answer_is_a_failure(status: int, body: bytes, failure: str | None) -> None:
    seen = Coverage()
    seen.see("me", answered(status, body))
    met = [cell.name for cell in seen.counts["me"] if cell.group == "HTTP failure"]
    assert met == ([] if failure is None else [f"getNumJobs: {failure}"])


def test_a_call_without_an_answer_is_a_failure_of_its_side_alone() -> None:
    seen = Coverage()
    seen.fail("me", "getNumJobs", coverage.SILENT)
    assert Cell("HTTP failure", f"getNumJobs: {coverage.SILENT}") not in seen.gaps(["me"])
    assert Cell("HTTP failure", f"getNumJobs: {coverage.SILENT}") in seen.gaps(["you"])


def test_changes_of_status_are_counted_for_each_job_from_its_submission_on() -> None:
    seen = Coverage()
    job = {"UserID": OWNER, "JobID": 1, "what": "lc,spec"}
    with Simulator() as simulator:
        service = harness.Watched(harness.backend(simulator.app), seen.watcher("me"))
        for _ in range(2):
            service.call("POST", f"{ROOT}run_userobject.php", LIGHT_CURVE)
            service.call("POST", f"{ROOT}checkProductStatus.php", job)
            service.call("POST", f"{ROOT}checkProductStatus.php", job)
            service.call("POST", f"{ROOT}canceljob.php", job)
            service.call("POST", f"{ROOT}checkProductStatus.php", job)
            service.call("POST", "/_mock/reset")
    by_group = {
        group: {cell.name: times for cell, times in seen.counts["me"].items() if cell.group == group}
        for group in ("status code", "change of status", "cancel code")
    }
    assert by_group == {
        "status code": {"1": 4, "-4": 2, "null": 6},
        "change of status": {"1>-4": 2},
        "cancel code": {"0": 2, "2": 2},
    }
