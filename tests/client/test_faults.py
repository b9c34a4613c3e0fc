"""Every fault of the simulator in every operation: the client recovers, or raises the named exception.

There is never a second job, a lost job, or an endless wait.
"""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mock_server import Simulator
from xrt_client import (
    ContractBroken,
    RetryPolicy,
    Service,
    ServiceRejected,
    ServiceUnreachable,
    XRTError,
    XRTProductRequest,
    countActiveJobs,
    jobs,
    listOldJobs,
)

from .conftest import ME

pytestmark = pytest.mark.spoils_answers("every kind of fault is played on purpose")

RECOVERED = "recovered"
ONCE: dict[str, dict[str, Any]] = {
    "unavailable": {"kind": "status", "status": 503},
    "unavailable for a while": {"kind": "status", "status": 503, "retry_after_s": 5},
    "too many questions": {"kind": "status", "status": 429},
    "broken server": {"kind": "status", "status": 500},
    "reset": {"kind": "reset"},
    "lost": {"kind": "lost"},
    "late": {"kind": "latency", "seconds": 30},
    "too late": {"kind": "latency", "seconds": 3600},
    "dribble": {"kind": "dribble", "seconds": 30},
    "cut": {"kind": "cut", "after_bytes": 20},
    "page": {"kind": "not-json"},
    "no version": {"kind": "missing-key", "key": "APIVersion"},
    "newer version": {"kind": "newer-api"},
}
HARMLESS = ("late", "dribble", "no version", "newer version")


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator(seed=3).intercept() as sim:
        yield sim


@pytest.fixture(autouse=True)
def _no_old_faults(sim: Simulator) -> Iterator[None]:
    yield
    sim.controls.clear_faults()


def service_of(sim: Simulator) -> Service:
    """Return a service that makes three attempts: one more than a single fault needs."""
    return Service(policy=RetryPolicy(attempts=3), sleep=sim.clock.sleep, now=sim.clock.now)


def number_of_jobs(sim: Simulator) -> int:
    with sim.store.reading() as facts:
        return len(facts.list_jobs(ME))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Names of new folders below one: making and removing a tmp_path for each case takes longer than the case."""
    base = tmp_path_factory.mktemp("faults")
    return (base / str(number) for number in itertools.count())


@pytest.fixture
def out(folders: Iterator[Path]) -> Path:
    """Return the path of a folder that does not exist yet."""
    return next(folders)


def files_in(out: Path) -> list[Path]:
    return [path for path in out.rglob("*") if path.is_file()]


def new_request(sim: Simulator) -> XRTProductRequest:
    request = XRTProductRequest(ME, service=service_of(sim))
    request.setGlobalPars(name="GRB 200416A", RA=335.6985, Dec=-7.5179, targ="00966554", T0=608713541.952)
    request.setGlobalPars(centroid=False, useSXPS=False)
    request.addLightCurve(binMeth="obsid")
    return request


@pytest.fixture
def fresh(sim: Simulator) -> XRTProductRequest:
    return new_request(sim)


@pytest.fixture(scope="module")
def ended(sim: Simulator) -> XRTProductRequest:
    """Return the request of a complete job with all products that can be retrieved."""
    request = new_request(sim)
    request.addSpectrum(hasRedshift=False)
    for product in ("StandardPos", "EnhancedPos", "AstromPos"):
        request.addProduct(product)
    request.addSourceDet(whichData="all")
    assert request.submit()
    request.wait()
    request.rebinLightCurve(binMeth="obsid")
    while not request.rebinComplete():
        sim.clock.advance(60)
    request.retrieveSpectralFits()
    return request


Act = Callable[[XRTProductRequest, XRTProductRequest, Path], Any]


def _submit(fresh: XRTProductRequest, ended: XRTProductRequest, out: Path) -> Any:
    if not fresh.submit():
        assert isinstance(fresh.failure, XRTError)
        assert fresh.submitError == str(fresh.failure)
        raise fresh.failure
    return fresh.JobID


def _download(fresh: XRTProductRequest, ended: XRTProductRequest, out: Path) -> Any:
    path = str(ended.downloadProducts(out, what=["lc"])["LightCurve"])
    assert path.startswith("ERROR") or Path(path).stat().st_size > 100
    if path.startswith("ERROR"):
        assert not files_in(out)
        raise ContractBroken("downloadProduct", path)
    return path


def _cancel(fresh: XRTProductRequest, ended: XRTProductRequest, out: Path) -> Any:
    assert fresh.submit()
    code, outcome = fresh.cancelProducts()
    if code <= 0:
        raise (ServiceRejected if code == 0 else ServiceUnreachable)("canceljob", outcome["ERROR"])
    assert code == 1, "it was cancelled, also if the answer was lost"
    return code


def _rebin(fresh: XRTProductRequest, ended: XRTProductRequest, out: Path) -> Any:
    return ended.rebinLightCurve(binMeth="obsid")


def _cancel_rebin(fresh: XRTProductRequest, ended: XRTProductRequest, out: Path) -> Any:
    ended.rebinLightCurve(binMeth="obsid")
    return ended.cancelRebin()


def _refused_position(method: str) -> Act:
    def fetch(fresh: XRTProductRequest, ended: XRTProductRequest, out: Path) -> Any:
        got = getattr(ended, method)()
        if "Reason" in got:
            raise ServiceRejected(method, got["Reason"])
        return got

    return fetch


OPERATIONS: dict[str, Act] = {
    "run_userobject": _submit,
    "canceljob": _cancel,
    "checkProductStatus": lambda fresh, ended, out: ended.checkProductStatus(),
    "getNumJobs": lambda fresh, ended, out: countActiveJobs(ME, service=fresh.service),
    "listOldJobs": lambda fresh, ended, out: listOldJobs(ME, service=fresh.service),
    "getOldProduct": lambda fresh, ended, out: fresh.copyOldJob(ended.JobID),
    "getPSFPos": _refused_position("retrieveStandardPos"),
    "getEnhPos": _refused_position("retrieveEnhancedPos"),
    "getAstromPos": _refused_position("retrieveAstromPos"),
    "getSourceDetResults": _refused_position("retrieveSourceList"),
    "getLCData": _refused_position("retrieveLightCurve"),
    "getSpecData": _refused_position("retrieveSpectralFits"),
    "rebinLightCurve": _rebin,
    "checkRebinStatus": lambda fresh, ended, out: ended.checkRebinStatus(),
    "cancelRebin": _cancel_rebin,
    "downloadLightCurve": lambda fresh, ended, out: ended.getRebinnedLightCurve(),
    "downloadProduct": _download,
    "downloadFile": lambda fresh, ended, out: ended.saveSpectralData(out, saveImages=False),
}


def outcome(act: Act, fresh: XRTProductRequest, ended: XRTProductRequest, out: Path) -> Any:
    try:
        done = act(fresh, ended, out)
    except XRTError as error:
        return type(error)
    return "not done" if done is False else RECOVERED


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fault", ONCE)
def test_a_single_fault_is_recovered_from(sim, fresh, ended, out, operation, fault):
    rebin_id = ended.RebinID
    began, submitted = sim.clock.now(), number_of_jobs(sim)
    sim.controls.plan_fault({**ONCE[fault], "operation": operation, "times": 1})
    got = outcome(OPERATIONS[operation], fresh, ended, out)
    if operation == "rebinLightCurve" and fault not in HARMLESS:
        assert got in (ServiceUnreachable, ContractBroken), "not repeated, because no list says if it was accepted"
    else:
        assert got == RECOVERED
    ended._results.rebin_id = rebin_id
    assert sim.clock.now() - began < 2 * 3600
    made = number_of_jobs(sim) - submitted
    assert made == (1 if operation in ("run_userobject", "canceljob") else 0)
    if made:
        assert jobs.old_parameters(fresh.service, ME, fresh.JobID).parameters["name"] == "GRB 200416A"


LASTING: dict[str, tuple[dict[str, Any], Any]] = {
    "unavailable": ({"kind": "status", "status": 503}, ServiceUnreachable),
    "gone for a day": ({"kind": "status", "status": 503, "retry_after_s": 86_400}, ServiceUnreachable),
    "reset": ({"kind": "reset"}, ServiceUnreachable),
    "lost": ({"kind": "lost"}, ServiceUnreachable),
    "too late": ({"kind": "latency", "seconds": 3600}, ServiceUnreachable),
    "page": ({"kind": "not-json"}, ContractBroken),
    "no OK": ({"kind": "missing-key", "key": "OK"}, ContractBroken),
    "refused": ({"kind": "refuse", "text": "Not now."}, ServiceRejected),
}
OF_FILES = ("downloadProduct", "downloadFile")


@pytest.mark.parametrize("operation", [name for name in OPERATIONS if name not in OF_FILES])
@pytest.mark.parametrize("fault", LASTING)
def test_a_lasting_fault_ends_in_the_named_exception(sim, fresh, ended, out, operation, fault):
    rebin_id = ended.RebinID
    rule, expected = LASTING[fault]
    began, submitted = sim.clock.now(), number_of_jobs(sim)
    sim.controls.plan_fault({**rule, "operation": operation})
    got = outcome(OPERATIONS[operation], fresh, ended, out)
    ended._results.rebin_id = rebin_id
    made = number_of_jobs(sim) - submitted
    if operation == "run_userobject" and fault not in ("unavailable", "gone for a day", "reset", "refused"):
        assert (got, made) == (RECOVERED, 1), "the job was made, and found in the list"
    elif operation == "run_userobject":
        assert (got, made) == (expected, 0)
    elif operation == "canceljob" and expected is ContractBroken:
        assert got is ServiceUnreachable, "documented as -1, whatever was wrong with the answer"
    elif operation == "cancelRebin" and fault == "refused":
        assert got == "not done"
    else:
        assert got is expected
    assert sim.clock.now() - began < 4 * 3600


@pytest.mark.parametrize("operation", OF_FILES)
@pytest.mark.parametrize(
    "rule", [LASTING["unavailable"][0], {"kind": "cut", "after_bytes": 50}, {"kind": "archive-cut"}]
)
def test_a_file_that_never_comes_whole_is_not_kept(sim, fresh, ended, out, operation, rule):
    sim.controls.plan_fault({**rule, "operation": operation})
    assert outcome(OPERATIONS[operation], fresh, ended, out) in (ServiceUnreachable, ContractBroken)
    assert not files_in(out)


@pytest.mark.parametrize("operation", OF_FILES)
def test_a_file_that_is_cut_once_is_fetched_again(sim, fresh, ended, out, operation):
    sim.controls.plan_fault({"kind": "archive-cut", "operation": operation, "times": 1, "after_bytes": 50})
    assert outcome(OPERATIONS[operation], fresh, ended, out) == RECOVERED


def test_a_product_that_failed_is_in_the_statuses_and_raised_on_request(sim, fresh):
    sim.controls.plan_fault({"kind": "product-failed", "product": "lc", "code": -3})
    assert fresh.submit()
    assert fresh.wait()["LightCurve"]["statusCode"] == -3
    with pytest.raises(XRTError, match="LightCurve ended with status -3"):
        fresh.wait(check=True)


def test_a_product_that_is_stuck_ends_patience_and_not_the_job(sim, fresh):
    sim.controls.plan_fault({"kind": "stuck", "product": "lc"})
    assert fresh.submit()
    with pytest.raises(XRTError, match="still running after 86400 s"):
        fresh.wait(timeout=86_400, poll=14_400, longest=14_400)
    assert fresh.cancelProducts()[0] == 1


def test_a_deprecation_warning_is_shown(sim, fresh, monkeypatch):
    monkeypatch.setattr(jobs, "_warned", set())
    sim.controls.plan_fault({"kind": "deprecation", "operation": "getNumJobs", "text": "Use another call"})
    with pytest.warns(FutureWarning, match="Use another call"):
        fresh.countActiveJobs()
