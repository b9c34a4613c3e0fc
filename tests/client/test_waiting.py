"""`wait` ends on the clock, whatever answers and retries take, lives through outages, and says which job it was."""

from typing import Any

import pytest

from mock_server import Simulator
from xrt_client import (
    ContractBroken,
    ProductFailed,
    RequestInvalid,
    Service,
    ServiceRejected,
    ServiceUnreachable,
    WaitTimeout,
    XRTProductRequest,
)

from .conftest import ME, accepted, refused, statuses
from .test_jobs import DOWN, SUBMIT

STATUS = "checkProductStatus.php"


@pytest.fixture
def running(canned, grb):
    canned.will(SUBMIT, accepted())
    assert grb.submit(updateProds=False)
    return grb


@pytest.fixture(scope="module")
def sim():
    with Simulator(seed=3).intercept() as sim:
        yield sim


def stuck_job(sim: Simulator) -> XRTProductRequest:
    """Return the request of a job that never ends."""
    sim.controls.clear_faults()
    sim.controls.plan_fault({"kind": "stuck", "product": "lc"})
    request = XRTProductRequest(ME, service=Service(sleep=sim.clock.sleep, now=sim.clock.now))
    request.setGlobalPars(name="GRB 200416A", RA=335.6985, Dec=-7.5179, targ="00966554", T0=608713541.952)
    request.setGlobalPars(centroid=False, useSXPS=False)
    request.addLightCurve(binMeth="obsid")
    assert request.submit()
    return request


FAULTS: dict[str, dict[str, Any]] = {
    "at once": {},
    "after 50 s": {"kind": "latency", "seconds": 50},
    "never": {"kind": "latency", "seconds": 1e5},
    "drop by drop": {"kind": "dribble", "seconds": 40},
    "drop by drop for hours": {"kind": "dribble", "seconds": 20_000},
    "503": {"kind": "status", "status": 503},
    "503 for an hour": {"kind": "status", "status": 503, "retry_after_s": 3600},
    "503 for 100 s": {"kind": "status", "status": 503, "retry_after_s": 100},
    "reset": {"kind": "reset"},
    "pages": {"kind": "not-json"},
}


@pytest.mark.spoils_answers("the status is delayed or lost on purpose")
@pytest.mark.parametrize(
    ("timeout", "options"), [(3600, {"growth": 1.0}), (600, {"poll": 10.0, "growth": 1.0}), (100, {})]
)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_wait_ends_on_the_clock_however_answers_come(sim, fault, timeout, options):
    request = stuck_job(sim)
    if FAULTS[fault]:
        sim.controls.plan_fault({**FAULTS[fault], "operation": "checkProductStatus"})
    began = sim.clock.now()
    with pytest.raises(WaitTimeout, match=f"^job {request.JobID}: still running after ") as raised:
        request.wait(timeout=timeout, **options)
    took = sim.clock.now() - began
    sim.controls.clear_faults()
    assert timeout <= took <= timeout + 1
    assert raised.value.waited_s == pytest.approx(took, abs=1e-3)
    assert raised.value.job_id == request.JobID
    answered = fault in ("at once", "after 50 s", "drop by drop")
    if not answered:
        assert isinstance(raised.value.__cause__, ServiceUnreachable | ContractBroken)


@pytest.mark.spoils_answers("the service is out on purpose")
@pytest.mark.parametrize("outage_s", [82, 1000, 8 * 3600])
def test_an_outage_is_waited_for(canned, running, clock, outage_s):
    until = clock.now() + 60 + outage_s

    def answer(environ: Any) -> Any:
        return DOWN if clock.now() < until else statuses(lc=4, spec=4)

    canned.will(STATUS, answer)
    assert running.wait()["LightCurve"]["statusCode"] == 4
    assert clock.now() - until < 700


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(DOWN, ServiceUnreachable), ({"OK": 1, "lc": 3}, ContractBroken), ((200, {}, b"<html>"), ContractBroken)],
)
def test_patience_with_a_service_that_gives_no_status_has_an_end(canned, running, clock, answer, kind):
    canned.will(STATUS, answer)
    began = clock.now()
    with pytest.raises(kind, match=r"^job 951: checkProductStatus\.php: ") as raised:
        running.wait(patience=7200)
    assert raised.value.job_id == "951"
    assert 7200 < clock.now() - began < 7200 + 1500


def test_the_service_says_when_to_ask_again(canned, running, clock):
    canned.will(STATUS, (503, {"Retry-After": "5000"}, b""), statuses(lc=4, spec=4))
    began = clock.now()
    running.wait()
    assert clock.now() - began == 60 + 5000


def test_a_code_that_is_not_documented_neither_ends_nor_fails_a_wait(canned, running):
    strange = [statuses(lc=-99, spec=7), statuses(lc=None, spec=-5), statuses(lc=0, spec=10**6)]
    canned.will(STATUS, *strange, statuses(lc=4, spec=4))
    assert running.wait(check=True)["LightCurve"]["statusCode"] == 4
    assert len(canned.asked(STATUS)) == 4


def test_after_a_refused_submission_the_wait_has_its_reason(canned, grb):
    canned.will(SUBMIT, refused("You have too many jobs in the queue."))
    assert grb.submit() is False
    for call in (grb.wait, grb.checkProductStatus, lambda: grb.JobID, lambda: grb.downloadProducts("x")):
        with pytest.raises(RequestInvalid, match="submission of this request failed: You have too many jobs") as raised:
            call()
        assert raised.value.__cause__ is grb.failure


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(refused("No such job"), ServiceRejected), (statuses(lc=-3, spec=4), ProductFailed)],
)
def test_every_error_of_a_wait_has_the_number_of_the_job(canned, running, answer, kind):
    canned.will(STATUS, answer)
    with pytest.raises(kind, match=r"^job 951: ") as raised:
        running.wait(check=True)
    assert raised.value.job_id == "951"


def test_a_wait_of_no_time_asks_once(canned, running, clock):
    canned.will(STATUS, statuses(lc=4, spec=4))
    began = clock.now()
    assert running.wait(timeout=0)["Spectrum"]["statusCode"] == 4
    assert clock.now() == began


@pytest.mark.parametrize("call", ["checkProductStatus", "cancelProducts"])
def test_an_empty_choice_of_products_is_refused_before_anything_is_sent(canned, running, call):
    sent = len(canned.calls)
    with pytest.raises(RequestInvalid, match="there are no products to"):
        getattr(running, call)([])
    assert len(canned.calls) == sent


def test_progress_is_text_even_if_the_service_says_little(canned, running):
    answer = statuses(lc=3, spec=3)
    answer["lc"]["progress"] = {"GotProgress": 1, "ProgressSteps": [{"StepLabel": "Collect data.", "StepStatus": 1}]}
    answer["spec"]["progress"] = []  # as PHP writes an object without keys
    canned.will(STATUS, answer)
    found = running.checkProductStatus()
    assert "** Collect data. - ACTIVE**" in found["LightCurve"]["progressText"]
    assert "running for" not in found["LightCurve"]["progressText"]
    assert found["Spectrum"]["progressText"] == "No progress information available"
