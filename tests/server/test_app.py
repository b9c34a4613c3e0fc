"""Simulators of one process share the Flask app with its routes, and nothing else."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mock_server import Simulator
from mock_server.clocks.virtual import VirtualClock
from mock_server.core.journal import Entry

from .conftest import EXACT, IMAGE, ME, Asker


@pytest.fixture
def two(make_sim):
    return make_sim(settings=EXACT), make_sim(settings=EXACT)


def names_of(ask: Asker) -> list[str]:
    return [job["Name"] for job in ask("listOldJobs.php")["jobs"]]


def test_what_one_simulator_was_asked_the_other_does_not_know(two):
    one, other = map(Asker, two)
    one.submit(name="Cyg X-1")
    assert (names_of(one), names_of(other)) == (["Cyg X-1"], [])
    assert [len(sim.journal) for sim in two] == [2, 1]


def test_settings_faults_and_token_hold_for_their_own_simulator(make_sim):
    ask_open, ask_locked = Asker(make_sim()), Asker(make_sim(token="secret", settings={"limits.active_jobs": 0}))
    ask_open.control("POST", "faults", {"kind": "refuse", "operation": "listOldJobs", "text": "Not now."})
    assert ask_locked.raw("GET", "/_mock/clock").status_code == 401
    assert ask_locked("listOldJobs.php")["OK"] == 1
    assert ask_locked("run_userobject.php", IMAGE)["OK"] == 0
    ask_open.submit()


def test_an_outage_of_one_leaves_the_other_in_service(two):
    one, other = two
    one.change({"service.available": False})
    paths = ("/user_objects/register.php", "/user_objects/nothing")
    assert [Asker(one).raw("GET", path).status_code for path in paths] == [503, 503]
    assert [Asker(other).raw("GET", path).status_code for path in paths] == [200, 404]


def test_simulators_in_threads_never_mix(make_sim):
    number, calls = 4, 12
    sims = [make_sim(settings={"limits.active_jobs": calls - index}) for index in range(number)]
    together = threading.Barrier(number)

    def use(index: int) -> tuple[list[str], int, list[str]]:
        ask, refused = Asker(sims[index]), 0
        for turn in range(calls):
            together.wait(30)
            answer = ask("run_userobject.php", IMAGE, UserID=f"{index}@example.org", name=f"{index}-{turn}")
            refused += 1 - answer["OK"]
        jobs = ask("listOldJobs.php", UserID=f"{index}@example.org")["jobs"]
        return [job["Name"] for job in jobs], refused, [entry.user for entry in sims[index].journal]

    with ThreadPoolExecutor(number) as pool:
        found = list(pool.map(use, range(number)))
    for index, (names, refused, users) in enumerate(found):
        assert names == [f"{index}-{turn}" for turn in reversed(range(calls - index))]
        assert refused == index
        assert users == [f"{index}@example.org"] * (calls + 1)


def test_a_view_may_call_another_simulator_in_the_middle_of_its_own_call(two):
    one, other = two

    def count(*_: object) -> int:
        Asker(other).submit()
        return 7

    one.jobs.count = count
    assert Asker(one)("getNumJobs.php")["numJobs"] == 7
    assert [(entry.operation, entry.job_id) for entry in one.journal] == [("getNumJobs", None)]
    assert [(entry.operation, entry.job_id) for entry in other.journal] == [("run_userobject", 1)]


def test_a_bug_is_reported_to_the_simulator_that_was_called(two, answers_keep_the_contract):
    one, other = two
    bugs: tuple[list[Exception], list[Exception]] = ([], [])
    for sim, found in zip(two, bugs, strict=True):
        sim.app.on_bug = found.append
    one.jobs.count = lambda *_: 1 / 0
    for sim, status in ((one, 500), (other, 200)):
        assert Asker(sim).raw("POST", "/user_objects/getNumJobs.php", json={"UserID": ME}).status_code == status
    assert [len(found) for found in bugs] == [1, 0]
    assert isinstance(bugs[0][0], ZeroDivisionError)
    entry = Entry(one.clock.now(), "getNumJobs", ME, None, "refused", 500, one.journal[0].detail, seq=1)
    assert (list(one.journal), [noted.seq for noted in other.journal]) == ([entry], [1])
    answers_keep_the_contract.clear()  # this bug was on purpose


def test_what_is_raised_for_a_bug_reaches_the_caller(sim, answers_keep_the_contract):
    def raise_again(bug: Exception) -> None:
        raise bug

    sim.app.on_bug = raise_again
    sim.jobs.count = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        Asker(sim)("getNumJobs.php")
    answers_keep_the_contract.clear()  # this bug was on purpose


def test_a_bug_without_a_listener_is_logged(sim, answers_keep_the_contract, caplog):
    sim.jobs.count = lambda *_: 1 / 0
    with caplog.at_level("ERROR", logger="mock_server"):
        assert Asker(sim).raw("POST", "/user_objects/getNumJobs.php", json={"UserID": ME}).status_code == 500
    answers_keep_the_contract.clear()  # this bug was on purpose
    assert "ZeroDivisionError" in caplog.text


def test_services_without_http_load_no_flask():
    with Simulator() as sim:
        assert "app" not in vars(sim)
        assert sim.jobs.count(ME) == 0
        assert sim.app is sim.app


class CountingClock(VirtualClock):
    """Clock that counts how often it is read, and moves on each time."""

    readings = 0

    def now(self) -> float:
        self.readings += 1
        return super().now() + self.readings


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/user_objects/getNumJobs.php", {}),
        ("POST", "/user_objects/getNumJobs.php", {"UserID": None}),
        ("POST", "/user_objects/listOldJobs.php", {}),
        ("POST", "/user_objects/checkProductStatus.php", {"JobID": 1, "what": "image"}),
        ("POST", "/user_objects/getOldProduct.php", {"oldJob": 1}),
        ("GET", "/user_objects/tprods/USERPROD_1", {}),
        ("GET", "/user_objects/tprods/USERPROD_1/image.zip", {}),
        ("GET", "/nowhere", {}),
    ],
)
def test_a_call_that_only_reads_reads_the_clock_once(make_sim, method, path, body):
    clock = CountingClock(1.7e9)
    sim = make_sim(settings=EXACT, clock=clock)
    ask = Asker(sim)
    ask.submit()
    before = clock.readings
    ask.raw(method, path, json={"UserID": ME} | body)
    assert clock.readings == before + 1
    assert sim.journal[-1].at == 1.7e9 + clock.readings
