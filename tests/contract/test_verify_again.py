"""A right server has no finding, however it was used before and is used meanwhile; no job is left unfinished."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from contracts import harness, probes
from contracts.bodies import EVERYTHING, IMAGE, OWNER
from mock_server import Simulator
from mock_server.clocks.base import ScaledClock
from tests.contract.breakages import BREAKAGES
from tests.contract.broken import Broken

if TYPE_CHECKING:
    from collections.abc import Iterator

SUBMIT = "/user_objects/run_userobject.php"


def active_jobs(app: Any) -> dict[str, int]:
    """Return the unfinished jobs of a simulator, by owner, from its own journal."""
    backend = harness.backend(app)
    calls = backend.call("GET", "/_mock/journal").body
    owners = {call["user"] for call in calls if call["operation"] == "run_userobject" and call["job_id"]}
    count = {o: backend.call("POST", "/user_objects/getNumJobs.php", {"UserID": o}).body["numJobs"] for o in owners}
    return {owner: number for owner, number in count.items() if number}


class Without:
    """Backend of a server without the control interface."""

    def __init__(self, app: Any) -> None:
        self._inner = harness.backend(app)

    def call(self, method: str, path: str, body: Any = None, **named: Any) -> harness.Exchange:
        return self._inner.call(method, "/nowhere" if path.startswith("/_mock") else path, body, **named)


def verified(target: Any) -> probes.Examination:
    exam = probes.examine(target)
    assert not exam.findings, "\n".join(map(str, exam.findings[:5]))
    return exam


def test_a_second_look_at_one_server_finds_nothing_and_no_job_is_left_unfinished():
    with Simulator() as simulator:
        first, second = verified(simulator.app), verified(simulator.app)
        assert not active_jobs(simulator.app)
    assert first.owner != second.owner
    assert set(second.not_seen) <= {"a_job_runs_its_course"}


class Held:
    """Backend whose callers wait for each other before their first submission."""

    def __init__(self, app: Any, barrier: threading.Barrier) -> None:
        self._inner, self._barrier, self._met = harness.backend(app), barrier, False

    def call(self, method: str, path: str, body: Any = None, **named: Any) -> harness.Exchange:
        if path == SUBMIT and not self._met:
            self._met = True
            self._barrier.wait(60)
        return self._inner.call(method, path, body, **named)


def test_two_looks_that_begin_in_the_same_moment_have_users_of_their_own():
    names = ["jobs_are_distinct_counted_and_listed"]
    with Simulator() as simulator, ThreadPoolExecutor(2) as pool:
        barrier = threading.Barrier(2)
        looks = [pool.submit(probes.examine, Held(simulator.app, barrier), probes=names) for _ in range(2)]
        exams = [look.result() for look in looks]
    assert [str(finding) for exam in exams for finding in exam.findings] == []
    assert len({user for exam in exams for user in (exam.owner, exam.stranger)}) == 4


def test_a_seed_decides_the_users_unless_they_have_jobs():
    with Simulator() as simulator:
        names = ["jobs_are_distinct_counted_and_listed"]
        first, second = (probes.examine(simulator.app, probes=names, mark="seed7") for _ in range(2))
    assert first.owner == "user.seed7@example.org" != second.owner
    assert not second.findings


@pytest.mark.nightly
def test_thirty_looks_at_one_server_find_nothing():
    with Simulator() as simulator:
        for _ in range(30):
            verified(simulator.app)


@contextmanager
def busy(app: Any, users: int = 8) -> Iterator[None]:
    """Let users submit, poll and download in threads of their own."""
    stop = threading.Event()

    def work(number: int) -> None:
        backend, user = harness.backend(app), f"busy{number}@example.org"
        while not stop.is_set():
            made = backend.call("POST", SUBMIT, {**IMAGE, "UserID": user}).body
            job = {"UserID": user, "JobID": made.get("JobID", 1), "what": "image"}
            backend.call("POST", "/user_objects/checkProductStatus.php", job)
            backend.call("GET", f"/user_objects/tprods/USERPROD_{job['JobID']}/image.zip")
            stop.wait(0.05)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(users)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_others_who_use_the_server_meanwhile_cause_no_finding():
    with Simulator() as simulator, busy(simulator.app, users=2):
        verified(simulator.app)


@pytest.mark.nightly
def test_ten_looks_while_eight_users_submit_poll_and_download_find_nothing():
    with Simulator() as simulator, busy(simulator.app):
        for _ in range(10):
            verified(simulator.app)


@pytest.mark.parametrize("factor", [1.0, 600.0])
def test_a_clock_that_runs_causes_no_finding(factor):
    with Simulator(clock=ScaledClock(factor)) as simulator:
        verified(simulator.app)


class Pushed:
    """Backend of a server whose clock others move before each of the first looks at a job, by some seconds each."""

    def __init__(self, app: Any, *seconds: float) -> None:
        self._inner, self._seconds = harness.backend(app), list(seconds)

    def call(self, method: str, path: str, body: Any = None, **named: Any) -> harness.Exchange:
        if "checkProductStatus" in path and self._seconds:
            self._inner.call("POST", "/_mock/clock/advance", {"seconds": self._seconds.pop(0)})
        return self._inner.call(method, path, body, **named)


NEW_JOB = "a_new_job_is_requested_counted_and_listed"


@pytest.fixture(params=["stands", "runs"])
def app(request):
    """Return a simulator whose clock stands, or runs so slowly that the speed of the machine does not matter."""
    with Simulator(clock=ScaledClock(1e-6, 1.78e9) if request.param == "runs" else None) as simulator:
        yield simulator.app


def test_a_question_is_asked_again_if_others_moved_the_clock_meanwhile(app):
    exam = probes.examine(Pushed(app, 100), probes=[NEW_JOB])
    assert (exam.findings, exam.not_seen, exam.asked["checkProductStatus"]) == ([], {}, 2)


def test_a_question_during_which_others_move_the_clock_each_time_is_not_seen(app):
    exam = probes.examine(Pushed(app, 100, 100, 100), probes=[NEW_JOB])
    assert (exam.findings, exam.asked["checkProductStatus"]) == ([], 3)
    assert exam.not_seen == {NEW_JOB: "the server's clock moved by 100 s during the question"}


EARLY = BREAKAGES["a light curve is complete at once"]


def test_what_no_clock_explains_is_found_at_once(app):
    exam = probes.examine(Broken(app, EARLY), probes=[NEW_JOB])
    assert [finding.rule for finding in exam.findings] == [NEW_JOB]
    assert (exam.not_seen, exam.asked["checkProductStatus"]) == ({}, 1)


def test_a_clock_that_runs_explains_nothing_by_seconds_or_by_what_passed_before_a_question():
    with Simulator(clock=ScaledClock(1e-6, 1.78e9)) as simulator:
        exam = probes.examine(Pushed(Broken(simulator.app, EARLY), 0, 100, 3), probes=["jobs_are_private", NEW_JOB])
    assert [finding.rule for finding in exam.findings] == [NEW_JOB]
    assert (exam.not_seen, exam.asked["checkProductStatus"]) == ({}, 3)


def test_a_setting_that_a_question_changes_is_set_back():
    with Simulator(settings={"defaults.minsnr": 1.7}) as simulator:
        exam = probes.examine(simulator.app, probes=["a_changed_default_holds_for_new_jobs_only"])
        scenario = harness.backend(simulator.app).call("GET", "/_mock/scenario").body
    assert (exam.findings, scenario["defaults.minsnr"]) == ([], 1.7)


@pytest.mark.parametrize(
    ("settings", "name", "reason"),
    [
        (
            {"limits.active_jobs": 1},
            "every_submission_is_a_new_job",
            "user.me@example.org has 1 active jobs, and no further one is accepted",
        ),
        (
            {"outcomes.failed": 1},
            "files_addressed_inside_answers_are_there",
            "lc, spec of job 1 ended without a result",
        ),
        (
            {"durations.factor": 0.03, "durations.scatter": 0},
            "a_job_runs_its_course",
            "lc, spec, psf, enh, xastrom, image ended before progress was seen",
        ),
    ],
)
def test_what_a_server_in_this_state_cannot_show_is_no_finding_and_has_its_reason(settings, name, reason):
    with Simulator(settings=settings) as simulator:
        exam = probes.examine(simulator.app, probes=[name], mark="me")
        assert not active_jobs(simulator.app)
    assert (exam.findings, exam.not_seen) == ([], {name: reason})


def test_a_full_queue_causes_no_finding():
    with Simulator(settings={"limits.active_jobs": 10_000, "queue.slots": 1}) as simulator:
        for number in range(15):
            harness.backend(simulator.app).call("POST", SUBMIT, {**EVERYTHING, "UserID": f"early{number % 3}@a.org"})
        verified(simulator.app)


@pytest.mark.parametrize("free", [0, 1, 5])
def test_a_limit_that_is_nearly_used_up_is_not_seen_and_no_finding(free):
    with Simulator(settings={"limits.active_jobs": 20}) as simulator:
        for _ in range(20 - free):
            harness.backend(simulator.app).call("POST", SUBMIT, {**IMAGE, "UserID": OWNER})
        exam = verified(Without(simulator.app))
        assert active_jobs(simulator.app) == {OWNER: 20 - free}
    assert any("no further one is accepted" in reason for reason in exam.not_seen.values())


def test_what_needs_the_control_interface_is_not_seen_without_it():
    with Simulator() as simulator:
        exam = verified(Without(simulator.app))
    assert exam.not_seen["a_job_runs_its_course"] == "the server has no control interface to move its clock"
