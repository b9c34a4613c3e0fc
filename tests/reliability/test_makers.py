"""Contents are made in other processes: the same bytes, and no other caller waits."""

import http.client
import os
import signal
import threading
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import gevent
import pytest

from mock_server import Simulator
from mock_server.core.errors import Unavailable
from mock_server.serve import makers
from mock_server.serve.makers import Makers
from mock_server.sky.archive import Sky

from .serving import SUBMISSION, Caller, Served, at_once

ME = "me@example.org"
ALL = SUBMISSION | {
    "UserID": ME, "name": "GK Per", "lc": 1, "spec": 1, "psf": 1, "enh": 1, "xastrom": 1,
    "sourceDet": 1, "detobs": "all",
    "binMeth": "counts", "pccounts": 20, "wtcounts": 30, "dynamic": 1, "specz": 0, "cent": 1, "poserr": 1,
    "centMeth": "simple", "doPSF": 1,
}  # fmt: skip
BRIGHT = {
    "UserID": ME, "name": "Crab", "getCoords": 1, "getTargs": 1, "getT0": 1, "cent": 1, "poserr": 1, "lc": 1,
    "binMeth": "time",
}  # fmt: skip
ANSWERS = ("getLCData", "getSpecData", "getPSFPos", "getEnhPos", "getXastromPos", "getSourceDetResults")
LONG = SUBMISSION | {
    "UserID": ME,
    "name": "GRB 130427A",
    "targ": "",
    "getTargs": 1,
    "getCoords": 1,
    "getT0": 1,
    "lc": 1,
}


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that are alive."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = place.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(place.parent.name))
    return found


def got(url: str, path: str) -> bytes:
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read() if answer.status == 200 else b"%d" % answer.status


def submitted(caller: Caller, body: dict[str, object]) -> int:
    answer = caller("run_userobject", body)
    assert answer["OK"], answer
    caller.control("POST", "clock/advance", {"seconds": 86400 * 2})
    return int(answer["JobID"])


def test_other_processes_make_the_same_answers_and_bytes():
    with Served("--clock", "virtual", "--url", "https://www.swift.ac.uk") as server, ExitStack() as stack:
        sim = stack.enter_context(Simulator())
        here, caller = sim.app.test_client(), Caller(server.url)
        stack.callback(caller.close)
        number = submitted(caller, ALL)
        assert sim.jobs.submit(ALL).job_id == number
        sim.clock.advance(86400 * 2)
        given: list[int] = []
        for name in ANSWERS:
            path, body = f"tprods/{name}", {"UserID": ME, "JobID": number}
            answer = here.post(f"/user_objects/{path}.php", json=body).get_json(force=True)
            assert caller(path, body) == answer
            given.append(answer["OK"])
        assert sum(given) > 2, "hardly any product was made"
        for path in ("lc.tar.gz", "all.zip", "lc/curve.qdp", "image/nothing"):
            at = f"/user_objects/tprods/USERPROD_{number}/{path}"
            kept = here.get(at)
            assert got(server.url, at) == (kept.data if kept.status_code == 200 else b"404")


def test_others_are_answered_while_contents_are_made_and_the_server_stops_at_once():
    with Served("--clock", "virtual") as server, closing(Caller(server.url)) as caller:
        number = submitted(caller, ALL)
        asked = threading.Thread(
            target=asks_in_vain, args=(server.url, f"/user_objects/tprods/USERPROD_{number}/lc.zip")
        )
        asked.start()
        while asked.is_alive() and not (at_work := children(server.pid)):
            caller("getNumJobs", {"UserID": ME})
        os.kill(at_work[0], signal.SIGSTOP)  # it takes as long as this test wants
        for _ in range(20):
            assert caller("getNumJobs", {"UserID": ME})["numJobs"] == 0
        assert asked.is_alive()
        server.end()
        asked.join()
        assert not any(map(alive, at_work))


def asks_in_vain(url: str, path: str) -> None:
    with suppress(OSError, http.client.HTTPException):
        got(url, path)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_maker_that_is_killed_costs_its_caller_a_503_and_the_next_succeeds():
    with Served("--clock", "virtual") as server, closing(Caller(server.url)) as caller:
        number = submitted(caller, ALL)
        path, found = f"/user_objects/tprods/USERPROD_{number}/lc.tar.gz", []
        asked = threading.Thread(target=lambda: found.append(got(server.url, path)))
        asked.start()
        while asked.is_alive() and not (at_work := children(server.pid)):
            caller("getNumJobs", {"UserID": ME})
        os.kill(at_work[0], signal.SIGKILL)
        asked.join()
        assert found == [b"503"]
        assert got(server.url, path)[:2] == b"\x1f\x8b"


def test_makers_end_with_a_server_that_is_killed():
    server = Served("--clock", "virtual")
    with closing(Caller(server.url)) as caller:
        number = submitted(caller, ALL)
        assert got(server.url, f"/user_objects/tprods/USERPROD_{number}/lc.tar.gz")
        at_work = children(server.pid)
        assert at_work
    server.kill()
    wait_for(lambda: not any(map(alive, at_work)))


def wait_for(condition, seconds: float = 20.0) -> None:
    """Return once a condition of the machine holds, which nothing announces."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"


@pytest.fixture
def order():
    with Simulator() as sim:
        sim.jobs.submit(ALL)
        sim.clock.advance(86400 * 2)
        yield sim.simulation.contents._ended_orders(1, None)[0]


def test_contents_that_take_too_long_are_refused_and_their_process_ends(order, monkeypatch):
    monkeypatch.setattr(makers, "TIME_S", 0.05)  # shorter than a process needs to start
    slow = Makers(Sky(1), most=1)
    with pytest.raises(Unavailable, match="the product takes longer than"):
        slow.files(order)
    assert not slow._started
    slow.end()


def test_contents_that_need_too_much_memory_are_refused(order, monkeypatch):
    monkeypatch.setattr(makers, "_MODULE", "tests.reliability.narrow_worker")
    narrow = Makers(Sky(1), most=1)
    with pytest.raises(Unavailable, match="the product cannot be made: it needs more than 512 MiB"):
        narrow.files(order)
    narrow.end()


def test_those_who_ask_for_the_same_are_answered_by_one_build(order):
    shared = Makers(Sky(1), most=2)
    asked = [gevent.spawn(shared.files, order) for _ in range(5)]
    first, *others = [one.get(timeout=120) for one in asked]
    assert all(files is first for files in others)
    assert len(shared._started) == 1
    shared.end()


CALLS = 400


def latencies(url: str) -> list[float]:
    """Let eight connections count side by side; return how long each call took [s], sorted."""
    found: list[float] = []

    def count() -> None:
        with closing(Caller(url)) as caller:
            for _ in range(CALLS):
                began = time.perf_counter()
                caller("getNumJobs", {"UserID": ME})
                found.append(time.perf_counter() - began)

    at_once([count] * 8)
    return sorted(found)


@pytest.mark.nightly
def test_counts_hardly_wait_for_long_builds():
    """Long light curves of a bright source are made all the time: p99 of eight counting connections is at most x3."""
    with Served("--clock", "virtual") as server, closing(Caller(server.url)) as caller:
        answers = [caller("run_userobject", BRIGHT | {"pcbin": 6 + n, "wtbin": 6 + n}) for n in range(40)]
        numbers = [int(answer["JobID"]) for answer in answers]
        caller.control("POST", "clock/advance", {"seconds": 86400 * 2})
        alone, over, made = latencies(server.url), threading.Event(), []

        def build() -> None:
            for number in numbers:
                if not over.is_set():
                    made.append(got(server.url, f"/user_objects/tprods/USERPROD_{number}/lc.tar.gz")[:2])

        building = threading.Thread(target=build)
        building.start()
        while not children(server.pid):
            caller("getNumJobs", {"UserID": ME})
        beside = latencies(server.url)
        assert building.is_alive(), "the builds were over too early"
        over.set()
        building.join()
    assert set(made) == {b"\x1f\x8b"}
    p99, p99_beside = (each[len(each) * 99 // 100] for each in (alone, beside))
    print(f"p99 of counts: {1e3 * p99:.1f} ms alone, {1e3 * p99_beside:.1f} ms beside {len(made)} builds")
    print(f"rate: x{sum(alone) / sum(beside):.2f}")
    assert p99_beside <= 3 * p99
