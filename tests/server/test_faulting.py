"""Every kind of planned failure reaches the caller as what it is; the work behind it is done or not as planned."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import requests

from mock_server import Simulator
from mock_server.core.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.spoils_answers("each test plans a failure")

ROOT = "https://www.swift.ac.uk/user_objects"
ME = {"UserID": "me@example.org"}
JOB = ME | {"name": "SIM-SOFT", "getCoords": 1, "getTargs": 1, "cent": 0, "lc": 1, "binMeth": "obsid", "image": 1}


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator() as simulator, simulator.intercept():
        yield simulator


def plan(sim: Simulator, kind: str, operation: str = "run_userobject", **rule: Any) -> None:
    sim.controls.plan_fault({"kind": kind, "operation": operation} | rule)


def submit(timeout: float | None = None) -> requests.Response:
    return requests.post(f"{ROOT}/run_userobject.php", json=JOB, timeout=timeout)


def listed(sim: Simulator) -> int:
    return len(sim.jobs.list_jobs(ME["UserID"]))


def test_an_http_error_is_a_page_and_no_work_is_done(sim):
    plan(sim, "status", status=503, retry_after_s=120)
    answer = submit()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "120")
    assert answer.text.startswith("<!DOCTYPE html>")
    assert listed(sim) == 0


@pytest.mark.parametrize("status", [404, 500, 502, 503])
def test_an_http_error_has_the_status_that_was_planned(sim, status):
    plan(sim, "status", status=status)
    answer = submit()
    assert answer.status_code == status
    assert "Retry-After" not in answer.headers


def test_a_reset_comes_before_the_work(sim):
    plan(sim, "reset")
    with pytest.raises(requests.ConnectionError):
        submit()
    assert listed(sim) == 0


def test_a_lost_answer_comes_after_the_work(sim):
    plan(sim, "lost")
    with pytest.raises(requests.ConnectionError):
        submit()
    assert listed(sim) == 1


def test_a_refusal_carries_its_text_and_no_work_is_done(sim):
    plan(sim, "refuse", text="Not today.")
    answer = submit().json()
    assert (answer["OK"], answer["ERROR"]) == (0, "Not today.")
    assert listed(sim) == 0


def test_a_late_answer_takes_service_time(sim):
    plan(sim, "latency", seconds=40)
    began = sim.clock.now()
    assert submit().json()["OK"] == 1
    assert sim.clock.now() - began == pytest.approx(40)


def test_a_late_answer_is_not_waited_for_beyond_the_timeout(sim):
    plan(sim, "latency", seconds=40)
    with pytest.raises(requests.ReadTimeout):
        submit(timeout=30)
    assert listed(sim) == 1


def test_a_body_that_comes_drop_by_drop_takes_service_time(sim):
    plan(sim, "dribble", seconds=40)
    began = sim.clock.now()
    assert submit().json()["OK"] == 1
    assert sim.clock.now() - began == pytest.approx(40)


def test_a_cut_body_is_noticed(sim):
    plan(sim, "cut", after_bytes=10)
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        submit()


def test_a_page_may_stand_where_an_answer_should_be(sim):
    plan(sim, "not-json")
    answer = submit()
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_an_answer_may_lack_a_key(sim):
    plan(sim, "missing-key", key="JobID")
    answer = submit().json()
    assert "JobID" not in answer
    assert answer["OK"] == 1


def test_an_answer_may_carry_a_deprecation_warning(sim):
    plan(sim, "deprecation", warning_type="old", text="Will go.")
    assert submit().json()["deprecationWarning"] == {"type": "old", "message": "Will go."}


def test_an_answer_may_tell_a_newer_version(sim):
    plan(sim, "newer-api", version="2.0")
    assert submit().json()["APIVersion"] == "2.0"


def statuses(job_id: str) -> dict[str, int]:
    wanted = ME | {"JobID": job_id, "what": "lc,image"}
    answer = requests.post(f"{ROOT}/checkProductStatus.php", json=wanted, timeout=None).json()
    return {short: answer[short]["statusCode"] for short in ("lc", "image")}


def test_a_stuck_product_never_ends_and_can_be_cancelled(sim):
    plan(sim, "stuck", product="image")
    job_id = submit().json()["JobID"]
    sim.clock.advance(400 * 86400.0)
    assert statuses(job_id) == {"lc": 4, "image": 3}
    assert requests.post(f"{ROOT}/getNumJobs.php", json=ME, timeout=None).json()["numJobs"] == 1
    cancel = ME | {"JobID": job_id, "what": "image"}
    assert requests.post(f"{ROOT}/canceljob.php", json=cancel, timeout=None).json()["OK"] == 1
    assert statuses(job_id) == {"lc": 4, "image": -4}


@pytest.mark.parametrize("code", [-1, -2, -3])
def test_a_product_may_fail_alone(sim, code):
    plan(sim, "product-failed", product="image", code=code)
    job_id = submit().json()["JobID"]
    sim.clock.advance(86400.0)
    assert statuses(job_id) == {"lc": 4, "image": code}


def test_a_failure_without_a_product_befalls_the_whole_job(sim):
    plan(sim, "product-failed", code=-3)
    job_id = submit().json()["JobID"]
    sim.clock.advance(86400.0)
    assert statuses(job_id) == {"lc": -3, "image": -3}


def test_a_planned_failure_happens_as_often_as_planned_and_is_written_down(sim):
    plan(sim, "refuse", "getNumJobs", times=2)
    answers = [requests.post(f"{ROOT}/getNumJobs.php", json=ME, timeout=None).json()["OK"] for _ in range(3)]
    assert answers == [0, 0, 1]
    assert sim.controls.faults()[0]["fired"] == 2
    assert sim.journal.count(operation="getNumJobs", outcome="refused") == 2


def test_a_planned_failure_that_never_happened_is_shown(sim):
    plan(sim, "reset", "canceljob")
    submit()
    assert sim.controls.never_fired() == [Fault("reset", operation="canceljob")]


def test_the_same_seed_meets_the_same_failures():
    def played() -> list[int]:
        with Simulator() as sim, sim.intercept():
            sim.controls.plan_fault({"kind": "status", "operation": "getNumJobs", "probability": 0.5})
            return [requests.post(f"{ROOT}/getNumJobs.php", json=ME, timeout=None).status_code for _ in range(20)]

    first = played()
    assert first == played()
    assert set(first) == {200, 503}


def test_an_archive_cut_short_has_a_length_that_fits_and_cannot_be_unpacked(sim):
    job_id = submit().json()["JobID"]
    sim.clock.advance(86400.0)
    plan(sim, "archive-cut", "downloadProduct", times=1, after_bytes=500)
    cut, whole = (requests.get(f"{ROOT}/tprods/USERPROD_{job_id}/lc.zip", timeout=None) for _ in range(2))
    assert (cut.status_code, len(cut.content), cut.headers["Content-Length"]) == (200, 500, "500")
    assert [zipfile.is_zipfile(io.BytesIO(answer.content)) for answer in (cut, whole)] == [False, True]
