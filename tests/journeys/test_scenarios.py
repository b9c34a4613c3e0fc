"""Each named scenario behaves as its description says, for the official client and for ours."""

from __future__ import annotations

import re
import tarfile
import warnings
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import swifttools.ukssdc.xrt_prods as official

import xrt_client
from mock_server import Simulator
from mock_server.scenario.files import load_scenario, scenario_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

# the official client compares versions with what Python no longer has
pytestmark = pytest.mark.filterwarnings("ignore:distutils Version classes are deprecated:DeprecationWarning")

ME = "me@example.org"
HOUR, DAY = 3600.0, 86400.0
CLIENTS = {"swifttools": official, "xrt_client": xrt_client}
TESTED = {"calm", "busy-week", "tightening-limit", "defaults-change", "maintenance", "flaky", "six-months-later"}
TESTED |= {"reprocessed", "api-upgrade"}


def seconds(iso: str) -> float:
    """Return a date as simulated time [s]."""
    return datetime.fromisoformat(iso).timestamp()


class Observatory(NamedTuple):
    """A simulator, and one of the clients to talk to it."""

    sim: Simulator
    client: ModuleType

    @property
    def ours(self) -> bool:
        return self.client is xrt_client

    @property
    def service(self) -> dict[str, Any]:
        """Our client waits on the simulator's clock; the official one never waits by itself."""
        if not self.ours:
            return {}
        return {"service": xrt_client.Service(sleep=self.sim.clock.sleep, now=self.sim.clock.now)}

    def request(self, name: str = "SIM-CONSTANT", **globals_: Any) -> Any:
        """A request for a light curve of one of the simulator's own sources."""
        request = self.client.XRTProductRequest(ME, silent=True, **self.service)
        resolved = {"getCoords": True, "getTargs": True, "centroid": False, "useSXPS": False}
        request.setGlobalPars(name=name, **resolved | globals_)
        request.addLightCurve(binMeth="obsid")
        return request

    def submitted(self, name: str = "SIM-CONSTANT", **globals_: Any) -> Any:
        request = self.request(name, **globals_)
        assert request.submit(), request.submitError
        return request

    def active(self) -> int:
        return int(self.client.countActiveJobs(ME, **self.service))

    def jobs(self) -> list[dict[str, Any]]:
        return list(self.client.listOldJobs(ME, **self.service))

    def until(self, iso: str) -> None:
        """Let time pass until a moment."""
        self.sim.controls.set_clock(seconds(iso))

    def finish(self, *requests: Any, step: float = 300.0, patience: float = 7 * DAY) -> float:
        """Let time pass until all have ended; return how long that took [s]."""
        began = self.sim.clock.now()
        while not all(request.complete for request in requests):
            self.sim.clock.advance(step)
            assert self.sim.clock.now() - began < patience, "the jobs never end"
        return self.sim.clock.now() - began


@pytest.fixture
def observatory(request: pytest.FixtureRequest) -> Iterator[Observatory]:
    scenario_name, client = request.param
    with Simulator(scenario=scenario_name) as sim, sim.intercept():
        yield Observatory(sim, CLIENTS[client])


def story(scenario_name: str) -> pytest.MarkDecorator:
    """Run a test with a scenario and each client."""
    cases = [(scenario_name, client) for client in CLIENTS]
    return pytest.mark.parametrize("observatory", cases, indirect=True, ids=list(CLIENTS))


flaky = pytest.mark.spoils_answers("the scenario plans invalid answers")


def test_every_scenario_of_the_package_is_tested_and_described():
    assert set(scenario_names()) == TESTED
    assert all(len(load_scenario(name).description) > 40 for name in scenario_names())


@story("calm")
def test_calm_builds_a_light_curve_within_minutes(observatory):
    request = observatory.submitted()
    assert observatory.active() == 1
    assert observatory.finish(request) < HOUR
    assert observatory.active() == 0
    assert request.checkProductStatus()["LightCurve"]["statusText"] == "Complete"


@story("busy-week")
def test_busy_week_makes_jobs_wait_and_a_throttle_gets_all_of_them_done(observatory):
    names = ["SIM-CONSTANT", "FO Aqr", "GK Per"] * 2 + ["SIM-SOFT"]
    waiting, peak, queued = list(names), 0, False
    done: list[Any] = []
    running: list[Any] = []
    while waiting or running:
        while waiting and observatory.active() < 5:
            running.append(observatory.submitted(waiting.pop()))
        peak = max(peak, observatory.active())
        observatory.sim.clock.advance(HOUR)
        queued |= any(r.checkProductStatus()["LightCurve"]["statusText"] == "Queued" for r in running)
        done += [request for request in running if request.complete]
        running = [request for request in running if not request.complete]
    assert len(done) == len(names)
    assert peak == 5
    assert queued, "no job ever had to wait"


@story("busy-week")
def test_busy_week_ends_on_saturday(observatory):
    crowd = [observatory.submitted() for _ in range(8)]
    weekday = observatory.finish(*crowd, step=HOUR / 2)
    observatory.until("2026-03-07T09:00:00Z")
    crowd = [observatory.submitted() for _ in range(8)]
    assert observatory.finish(*crowd, step=HOUR / 2) < weekday / 2


def burst(observatory: Observatory, number: int) -> list[str | None]:
    """Submit many at once, as if there were no limit; return the error of each, None if it was accepted."""
    requests = [observatory.request() for _ in range(number)]
    return [None if request.submit() else str(request.submitError) for request in requests]


@story("tightening-limit")
@pytest.mark.parametrize(("day", "limit"), [("03T08:59:59", 100), ("03T09:00:00", 10), ("05T09:00:00", 3)])
def test_tightening_limit_refuses_callers_who_do_not_count(observatory, day, limit):
    observatory.until(f"2026-03-{day}Z")
    answers = burst(observatory, 12)
    assert answers.count(None) == min(limit, 12)
    assert all(f"too many jobs in the queue (maximum {limit})" in text for text in answers if text)
    assert len(observatory.jobs()) == min(limit, 12)


@story("tightening-limit")
def test_tightening_limit_never_refuses_a_caller_with_two_active_jobs(observatory):
    observatory.until("2026-03-05T08:30:00Z")
    for _ in range(8):
        while observatory.active() >= 2:
            observatory.sim.clock.advance(HOUR / 6)
        observatory.submitted()
    assert observatory.sim.clock.now() > seconds("2026-03-05T09:00:00Z")
    assert observatory.sim.journal.count(operation="run_userobject", outcome="refused") == 0


@story("tightening-limit")
def test_tightening_limit_accepts_jobs_again_once_some_have_ended(observatory):
    observatory.until("2026-03-05T09:00:00Z")
    assert burst(observatory, 4)[3] is not None
    observatory.sim.clock.advance(2 * HOUR)
    assert burst(observatory, 1) == [None]


@story("defaults-change")
def test_defaults_change_for_new_jobs_and_not_for_old_ones_or_their_copies(observatory):
    before = observatory.submitted()
    observatory.until("2026-03-16T08:59:59Z")
    last = observatory.submitted()
    observatory.until("2026-03-16T09:00:00Z")
    after = observatory.submitted()
    assert [job.jobPars["sigmin"] for job in (before, last, after)] == ["3", "3", "4"]
    assert [job.jobPars["minsnr"] for job in (before, last, after)] == [1.5, 1.5, 2.4]
    copy = observatory.request()
    copy.copyOldJob(before.JobID)
    assert copy.submit(), copy.submitError
    assert (copy.jobPars["sigmin"], copy.jobPars["minsnr"]) == ("3", 1.5)
    assert copy.getLightCurvePars()["minSNR"] == 1.5


@story("maintenance")
def test_maintenance_answers_no_call_and_loses_no_job(observatory):
    observatory.until("2026-03-03T07:59:59Z")
    request = observatory.submitted()
    observatory.until("2026-03-03T08:00:00Z")
    with pytest.raises((RuntimeError, xrt_client.ServiceUnreachable), match="503"):
        observatory.active()
    refused = observatory.request()
    assert not refused.submit()
    assert "503" in str(refused.submitError)
    observatory.until("2026-03-03T16:00:00Z")
    assert observatory.active() == 1
    assert [job["JobID"] for job in observatory.jobs()] == [int(request.JobID)]
    assert request.checkProductStatus()["LightCurve"]["statusText"] in ("Queued", "Running")
    assert observatory.finish(request) < 2 * HOUR


@story("maintenance")
def test_maintenance_of_twenty_minutes_delays_a_job(observatory):
    observatory.until("2026-03-05T01:59:59Z")
    request = observatory.submitted()
    observatory.until("2026-03-05T02:10:00Z")
    with pytest.raises((RuntimeError, xrt_client.ServiceUnreachable)):
        observatory.active()
    observatory.until("2026-03-05T02:20:00Z")
    observatory.finish(request)
    assert request.checkProductStatus()["LightCurve"]["statusText"] == "Complete"


@story("api-upgrade")
def test_api_upgrade_warns_of_the_end_of_the_old_version_and_then_of_the_newer_one(observatory):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        first = observatory.submitted()
    observatory.until("2026-03-09T09:00:00Z")
    with pytest.warns((UserWarning, FutureWarning), match="withdrawn on 2026-12-31"):
        assert first.checkProductStatus()["LightCurve"]["statusText"] == "Complete"
    observatory.until("2026-03-16T09:00:00Z")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        observatory.finish(observatory.submitted())
        assert len(observatory.jobs()) == 2
    newer = [str(warning.message) for warning in caught if "1.13" in str(warning.message)]
    assert bool(newer) is not observatory.ours  # ours says which version it needs, not which is newest


@flaky
@story("flaky")
def test_flaky_fails_a_product_and_leaves_the_others_of_the_job_alone(observatory):
    request = observatory.request()
    request.addImage()
    assert request.submit()
    observatory.sim.clock.advance(DAY)
    status = request.checkProductStatus()
    assert status["Image"]["statusCode"] == -3
    assert status["LightCurve"]["statusCode"] == 4


@flaky
@story("flaky")
def test_flaky_loses_an_answer_and_a_caller_has_to_look_before_submitting_again(observatory):
    observatory.submitted()
    second = observatory.request()
    if observatory.ours:
        assert second.submit(), second.submitError
        assert int(second.JobID) == 2
    else:
        with pytest.raises(OSError, match="Connection aborted"):
            second.submit()
        assert not second.submitted  # and yet:
    assert [job["JobID"] for job in observatory.jobs()] == [2, 1]


@flaky
@story("flaky")
def test_flaky_ends_a_bare_polling_loop_but_not_one_with_retries(observatory):
    request = observatory.submitted()
    failures: list[str] = []
    for _ in range(5):
        observatory.sim.clock.advance(60)
        try:
            request.checkProductStatus()
        except Exception as error:
            failures.append(type(error).__name__)
    assert failures == ([] if observatory.ours else ["JSONDecodeError", "ConnectionError"])


@flaky
@story("flaky")
def test_flaky_answers_the_second_count_with_503_and_a_time_to_retry(observatory):
    assert observatory.active() == 0
    began = observatory.sim.clock.now()
    if observatory.ours:
        assert observatory.active() == 0
        assert observatory.sim.clock.now() - began >= 120
    else:
        with pytest.raises(RuntimeError, match="503"):
            observatory.active()
        assert observatory.sim.clock.now() == began


@story("six-months-later")
def test_six_months_later_the_products_are_gone_and_the_job_is_still_listed(observatory):
    request = observatory.submitted("FO Aqr")
    observatory.finish(request)
    assert [job["hasProd"] for job in observatory.jobs()] == [True]
    observatory.until("2026-07-13T09:00:00Z")
    assert [job["hasProd"] for job in observatory.jobs()] == [False]
    copy = observatory.request()
    copy.copyOldJob(request.JobID)
    assert copy.getGlobalPars()["RA"] == pytest.approx(334.4808)


@story("six-months-later")
def test_six_months_later_the_service_determines_requested_values_again(observatory):
    first = observatory.request("FO Aqr")
    saved = first.getJSON()  # before submission: it asks the service to determine values
    assert first.submit()
    observatory.until("2026-07-13T09:00:00Z")
    again = observatory.request()
    again.setFromJSON(saved)
    assert again.submit(), again.submitError
    assert "00097531" in again.jobPars["targ"]
    assert "00097531" not in first.jobPars["targ"]
    assert (first.jobPars["RA"], again.jobPars["RA"]) == ("334.4808", "334.4810")
    assert (first.jobPars["minsnr"], again.jobPars["minsnr"]) == (1.5, 2.4)


@story("six-months-later")
def test_six_months_later_a_request_saved_after_submission_repeats_all_but_the_data(observatory):
    first = observatory.submitted("FO Aqr")
    saved = first.getJSON()  # after submission: it holds the determined values
    observatory.until("2026-07-13T09:00:00Z")
    again = observatory.request()
    again.setFromJSON(saved)
    assert again.submit(), again.submitError
    for name in ("RA", "Dec", "targ", "minsnr"):
        assert again.jobPars[name] == first.jobPars[name], name
    assert observations(observatory, again) > observations(observatory, first) + 10


def observations(observatory: Observatory, request: Any) -> int:
    """Number of observations of the light curve of a job."""
    job = observatory.sim.jobs.old_job(ME, int(request.JobID))
    return int(job.builds[0].observations)


def archive(request: Any, folder: Path, **options: Any) -> dict[str, str]:
    """Download the light curve of a finished job and return its texts by file name."""
    folder.mkdir(exist_ok=True)
    saved = request.downloadProducts(str(folder), **options)["LightCurve"]
    with tarfile.open(saved) as files:
        return {
            Path(member.name).name: files.extractfile(member).read().decode("utf-8", "replace")  # type: ignore[union-attr]
            for member in files
            if member.isfile()
        }


def calibration(files: dict[str, str]) -> str:
    return str(re.findall(r"calibration (\d{8})", files["lc.log"])[0])


def used(files: dict[str, str]) -> list[str]:
    """Observations that the log lists."""
    return sorted(set(re.findall(r"^\d{11}", files["lc.log"], flags=re.MULTILINE)))


def rates(files: dict[str, str]) -> list[str]:
    """Rows of the curve."""
    return [line for line in files["curve.qdp"].splitlines() if re.match(r"-?\d", line)]


@story("reprocessed")
def test_reprocessed_data_give_other_numbers_for_the_same_request_and_the_log_says_why(observatory, tmp_path):
    before = observatory.submitted("SIM-PERIOD")
    observatory.finish(before)
    old = archive(before, tmp_path / "before")
    observatory.until("2026-03-20T09:00:00Z")
    after = observatory.submitted("SIM-PERIOD")
    observatory.finish(after)
    new = archive(after, tmp_path / "after")
    assert before.jobPars | {"JobID": 0} == after.jobPars | {"JobID": 0}
    assert used(old) == used(new)
    assert calibration(old) < calibration(new) == "20260316"
    assert len(rates(old)) == len(rates(new))
    assert rates(old) != rates(new)


@story("reprocessed")
def test_reprocessing_does_not_change_finished_products(observatory, tmp_path):
    observatory.until("2026-03-15T09:00:00Z")
    request = observatory.submitted("SIM-PERIOD")
    observatory.finish(request)
    then = archive(request, tmp_path / "then")
    observatory.until("2026-03-20T09:00:00Z")
    assert archive(request, tmp_path / "now") == then


@story("six-months-later")
def test_six_months_later_there_are_more_observations_in_the_log_and_more_rows_in_the_curve(observatory, tmp_path):
    first = observatory.submitted("SIM-MONITORED")
    saved = first.getJSON()
    observatory.finish(first)
    old = archive(first, tmp_path / "first")
    observatory.until("2026-07-13T09:00:00Z")
    again = observatory.request()
    again.setFromJSON(saved)
    assert again.submit(), again.submitError
    observatory.finish(again)
    new = archive(again, tmp_path / "again")
    assert set(used(old)) < set(used(new))
    assert len(rates(new)) > len(rates(old))
    assert calibration(new) > calibration(old)


@story("six-months-later")
def test_six_months_later_a_download_of_the_old_job_fails_clearly(observatory, tmp_path):
    request = observatory.submitted("SIM-SOFT")
    observatory.finish(request)
    observatory.until("2026-07-13T09:00:00Z")
    if observatory.ours:
        assert "have expired" in request.downloadProducts(str(tmp_path))["LightCurve"]
    else:
        with pytest.raises(RuntimeError, match="404"):
            request.downloadProducts(str(tmp_path))
    assert not list(tmp_path.iterdir())


@flaky
@story("flaky")
def test_flaky_cuts_the_first_download_and_the_second_is_whole(observatory, tmp_path):
    request = observatory.submitted("SIM-SOFT")
    observatory.sim.clock.advance(DAY)
    assert request.complete
    if not observatory.ours:
        with pytest.raises(OSError, match=r"IncompleteRead|Connection broken"):
            request.downloadProducts(str(tmp_path))
    files = archive(request, tmp_path, clobber=True)
    assert files["lc.log"]
    assert observatory.sim.journal.count(operation="downloadProduct", outcome="fault") == 1
