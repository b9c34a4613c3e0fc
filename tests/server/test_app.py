"""Simulators of one process share the Flask app with its routes, and nothing else; calls of the API need no Flask."""

from __future__ import annotations

import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from mock_server import Simulator
from mock_server.clocks.virtual import VirtualClock
from mock_server.core.errors import Unavailable
from mock_server.core.journal import Entry
from mock_server.transport import header
from mock_server.transport.wsgi_call import Answer, Request, ask
from mock_server.web.api import MAX_BODY_BYTES
from mock_server.web.app import SimulatorApp

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


COUNT = b'{"UserID": "me@example.org", "api_version": "1.12"}'
ASKED = {
    "count": ("getNumJobs.php", COUNT),
    "submission": ("run_userobject.php", b'{"UserID": "me@example.org", "name": "GK Per", "image": 1}'),
    "no such job": ("checkProductStatus.php", b'{"UserID": "me@example.org", "JobID": 7, "what": "lc"}'),
    "no user": ("getNumJobs.php", b"{}"),
    "no JSON": ("getNumJobs.php", b"numJobs"),
    "nothing": ("listOldJobs.php", b""),
    "too long": ("getNumJobs.php", COUNT + b" " * MAX_BODY_BYTES),
    "main": ("../API/main.php", b'{"APIFunc": "checkRebinStatus", "JobID": 7}'),
}


def asked(sim: Simulator, case: str, method: str = "POST") -> tuple[Answer, list[Entry]]:
    path, body = ASKED[case]
    address = f"https://www.swift.ac.uk/user_objects/{path}".replace("/user_objects/..", "")
    return ask(sim.app, Request(method, address, {"Host": "www.swift.ac.uk"}, body)), list(sim.journal)


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("case", ASKED)
def test_a_call_of_the_api_is_answered_alike_with_and_without_flask(two, monkeypatch, case, method):
    direct = asked(two[0], case, method)
    monkeypatch.setattr(SimulatorApp, "answer_without_flask", lambda *_: None)
    assert asked(two[1], case, method) == direct
    assert direct[0].status == 200
    assert direct[1][-1].at == two[0].clock.now()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("name", ["image.zip", "image.tar.gz", "all.tar", "lc.zip", "image.rar", "all.gz"])
@pytest.mark.parametrize("wait_s", [0, 3600])
def test_an_archive_is_sent_alike_with_and_without_flask(two, monkeypatch, method, name, wait_s):
    answers = []
    for sim in two:
        job_id = Asker(sim).submit()
        sim.clock.advance(wait_s)
        address = f"https://www.swift.ac.uk/user_objects/tprods/USERPROD_{job_id}/{name}"
        answers.append((ask(sim.app, Request(method, address, {"Host": "www.swift.ac.uk"})), list(sim.journal)))
        monkeypatch.setattr(SimulatorApp, "answer_without_flask", lambda *_: None)
    assert answers[0] == answers[1]
    made = method != "POST" and wait_s and name in ("image.zip", "image.tar.gz", "all.tar")
    assert answers[0][0].status == (405 if method == "POST" else 200 if made else 404)


def test_a_fault_spoils_an_archive_that_was_made_once(make_sim):
    sim = make_sim(settings=EXACT)
    job_id = Asker(sim).submit()
    sim.clock.advance(3600)
    Asker(sim).control("POST", "faults", {"kind": "cut", "operation": "downloadProduct", "times": 1})
    address = f"https://www.swift.ac.uk/user_objects/tprods/USERPROD_{job_id}/image.zip"
    answers = [ask(sim.app, Request("GET", address, {"Host": "www.swift.ac.uk"})) for _ in range(2)]
    assert [header.HEADER in dict(answer.headers) for answer in answers] == [True, False]
    assert [entry.outcome for entry in sim.journal[-2:]] == ["fault", "ok"]


def test_a_call_during_an_outage_is_refused_before_it_has_done_anything(make_sim):
    sim = make_sim(settings={"service.available": False})
    answer, journal = asked(sim, "submission")
    assert (answer.status, [entry.outcome for entry in journal]) == (503, ["outage"])
    assert sim.controls.jobs() == []


def test_a_view_that_fails_has_worked_once_and_the_bug_is_handed_on(make_sim, answers_keep_the_contract):
    sim, worked, bugs = make_sim(), [], []

    def count(*_: object) -> int:
        worked.append(1)
        raise ZeroDivisionError("a bug")

    def note(bug: Exception) -> None:
        bugs.append(bug)
        raise bug

    sim.jobs.count, sim.app.on_bug = count, note
    with pytest.raises(ZeroDivisionError):
        asked(sim, "count")
    assert (worked, len(bugs)) == ([1], 1)
    assert ["ZeroDivisionError" in words for words in answers_keep_the_contract] == [True]
    answers_keep_the_contract.clear()


@pytest.mark.spoils_answers("the planned fault takes a key away")
def test_an_answer_that_a_fault_spoils_is_noted_once(make_sim):
    sim = make_sim()
    Asker(sim).control("POST", "faults", {"kind": "missing-key", "operation": "getNumJobs", "key": "numJobs"})
    answer, journal = asked(sim, "count")
    assert b"numJobs" not in answer.body
    assert [entry.outcome for entry in journal] == ["fault"]


class Broken(io.BytesIO):
    """A body that ends with its connection."""

    def read(self, _size: int | None = -1, /) -> bytes:
        raise ConnectionResetError("the caller is gone")


@pytest.mark.parametrize("body", [io.BytesIO(b'{"UserID": "me@example.org"}'), Broken()])
def test_a_body_that_ends_early_is_refused_as_one_that_is_not_json(sim, body):
    environ = EnvironBuilder("/user_objects/getNumJobs.php", method="POST", input_stream=body).get_environ()
    parts, status, _headers = run_wsgi_app(sim.app, environ | {"CONTENT_LENGTH": "200"})
    assert status.startswith("200")
    assert json.loads(b"".join(parts))["ERROR"] == "The data supplied were not valid JSON."


def test_a_call_that_cannot_read_the_database_is_judged_by_the_settings_known_last(sim, ask, monkeypatch):
    ask.submit()

    def away() -> None:
        raise Unavailable("the database cannot be reached now: it is away")

    monkeypatch.setattr(sim.simulation.jobs, "begin", away)
    answer = ask.raw("POST", "/user_objects/getNumJobs.php", data=json.dumps({"UserID": ME}))
    assert answer.status_code == 503
    monkeypatch.undo()
    assert ask("getNumJobs.php")["numJobs"] == 1
