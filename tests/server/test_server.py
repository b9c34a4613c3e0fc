"""The simulator on a real socket: the same answers, every planned failure as it happens, bugs reported at the end."""

import contextlib
import http.client
import json
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec, module_from_spec
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from flask import request_finished
from werkzeug.exceptions import ImATeapot

from mock_server import MockServer
from mock_server.clocks.base import ScaledClock
from mock_server.serve.server import listen
from tests.tools.asserting import no_exception

from .conftest import EXACT, IMAGE, LIGHT_CURVE, ME

spoils = pytest.mark.spoils_answers("the failures planned here spoil answers")


@pytest.fixture
def server():
    with MockServer(settings=EXACT) as server:
        yield server


def post(server: MockServer, path: str = "getNumJobs.php", **body: Any) -> requests.Response:
    return requests.post(f"{server.url}/user_objects/{path}", json={"UserID": ME, **body}, timeout=20)


def plan(server: MockServer, kind: str, operation: str = "getNumJobs", **rule: object) -> None:
    server.simulator.controls.plan_fault({"kind": kind, "operation": operation, "times": 1, **rule})


# answers ---------------------------------------------------------------------------------------------------------


def test_a_socket_carries_the_same_bytes_as_the_app(server, ask):
    body = json.dumps({"UserID": ME}).encode()
    over_socket = requests.post(f"{server.url}/user_objects/getNumJobs.php", data=body, timeout=20)
    assert over_socket.content == ask.raw("POST", "/user_objects/getNumJobs.php", data=body).data
    assert over_socket.headers["Content-Type"] == "text/html; charset=UTF-8"


def test_an_answer_without_a_body_arrives(server):
    assert requests.head(f"{server.url}/user_objects/register.php", timeout=20).status_code == 200


def test_addresses_in_answers_lead_back_to_the_server(server):
    answer = post(server, "run_userobject.php", **IMAGE).json()
    assert answer["URL"] == f"{server.url}/user_objects/tprods/USERPROD_1"
    server.simulator.clock.advance(3600)
    assert requests.get(f"{answer['URL']}/image.zip", timeout=20).content[:2] == b"PK"


def test_a_wrong_path_is_a_page(server):
    answer = requests.get(f"{server.url}/nothing", timeout=20)
    assert (answer.status_code, "404 page not found" in answer.text) == (404, True)


def test_the_control_interface_is_reached_over_the_socket(server):
    answer = requests.post(f"{server.url}/_mock/clock/advance", json={"seconds": 10}, timeout=20)
    assert answer.json()["now"] == server.simulator.clock.now()


def test_many_callers_at_once_are_all_answered_and_the_limit_holds():
    with MockServer(settings={"limits.active_jobs": 5}) as server, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: post(server, "run_userobject.php", **IMAGE).json(), range(40)))
    assert sum(answer["OK"] for answer in answers) == 5


def test_a_connection_is_kept_for_the_next_call(server):
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    for _ in range(3):
        connection.request("POST", "/user_objects/getNumJobs.php", body=json.dumps({"UserID": ME}))
        assert json.loads(connection.getresponse().read())["OK"] == 1
    connection.close()


def test_a_body_sent_in_chunks_is_read(server):
    chunks = iter([b'{"UserID": ', f'"{ME}"}}'.encode()])
    answer = requests.post(f"{server.url}/user_objects/getNumJobs.php", data=chunks, timeout=20)
    assert answer.json()["OK"] == 1


def test_garbage_on_the_line_harms_no_one(server):
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as line:
        line.sendall(b"\x00\xff garbage\r\n\r\n")
        assert b"400" in line.recv(1000)
    assert post(server).json()["OK"] == 1


# planned failures ------------------------------------------------------------------------------------------------


@spoils
@pytest.mark.parametrize("status", [404, 500, 502, 503, 504, 418])
def test_an_http_error_arrives_as_a_page_with_its_status(server, status):
    plan(server, "status", status=status, retry_after_s=7)
    answer = post(server)
    assert (answer.status_code, answer.headers["Retry-After"]) == (status, "7")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert post(server).json()["OK"] == 1


@spoils
@pytest.mark.parametrize(("kind", "jobs"), [("reset", 0), ("lost", 1)])
def test_a_broken_connection_comes_before_the_work_or_after_it(server, kind, jobs):
    plan(server, kind, "run_userobject")
    with pytest.raises(requests.ConnectionError):
        post(server, "run_userobject.php", **IMAGE)
    assert post(server).json()["numJobs"] == jobs


@spoils
def test_a_refusal_arrives_in_the_envelope(server):
    plan(server, "refuse", text="Not now.")
    assert post(server).json() == {"OK": 0, "ERROR": "Not now.", "APIVersion": "1.12"}


@spoils
@pytest.mark.parametrize("kind", ["latency", "dribble"])
def test_a_slow_answer_takes_service_time_and_arrives_whole(server, kind):
    plan(server, kind, seconds=3600)
    before = server.simulator.clock.now()
    assert post(server).json()["numJobs"] == 0
    assert server.simulator.clock.now() == before + 3600


@spoils
def test_a_slow_answer_takes_less_real_time_on_a_faster_clock():
    with MockServer(clock=ScaledClock(1e6)) as server:
        plan(server, "latency", seconds=86400)  # a tenth of a second
        before = server.clock.now()
        assert post(server).json()["numJobs"] == 0
        assert server.clock.now() - before >= 86400


@spoils
def test_others_are_answered_while_one_waits_for_a_slow_answer():
    taken = threading.Event()

    def take(*_: object, **__: object) -> None:
        taken.set()

    with MockServer(clock=ScaledClock(100.0)) as server, ThreadPoolExecutor(1) as pool:
        plan(server, "latency", seconds=100)
        with request_finished.connected_to(take):
            slow = pool.submit(post, server)
            assert taken.wait(20)
        assert post(server).json()["OK"] == 1
        assert not slow.done()
        assert slow.result().json()["OK"] == 1


@spoils
@pytest.mark.parametrize("after", [0, 1, 20])
def test_a_body_that_is_cut_is_noticed(server, after):
    plan(server, "cut", after_bytes=after)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        post(server)


@spoils
def test_a_cut_beyond_the_end_cuts_nothing(server):
    plan(server, "cut", after_bytes=10**6)
    assert post(server).json()["OK"] == 1


@spoils
def test_not_json_arrives_as_a_page_with_status_200(server):
    plan(server, "not-json")
    answer = post(server)
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


@spoils
def test_keys_are_taken_away_and_added(server):
    plan(server, "missing-key", key="numJobs")
    assert post(server).json() == {"OK": 1, "APIVersion": "1.12"}
    plan(server, "newer-api", version="99.0")
    assert post(server).json()["APIVersion"] == "99.0"
    plan(server, "deprecation", warning_type="old", text="Will go.")
    assert post(server).json()["deprecationWarning"] == {"type": "old", "message": "Will go."}


@spoils
def test_an_archive_cut_short_arrives_with_a_length_that_fits(server):
    post(server, "run_userobject.php", **IMAGE)
    server.simulator.clock.advance(3600)
    plan(server, "archive-cut", "downloadProduct", after_bytes=100)
    answer = requests.get(f"{server.url}/user_objects/tprods/USERPROD_1/image.zip", timeout=20)
    assert (answer.status_code, len(answer.content), answer.headers["Content-Length"]) == (200, 100, "100")


@spoils
@pytest.mark.parametrize(("kind", "code"), [("stuck", 3), ("product-failed", -3)])
def test_products_fail_as_planned(server, kind, code):
    plan(server, kind, "run_userobject")
    post(server, "run_userobject.php", **LIGHT_CURVE)
    server.simulator.clock.advance(86400)
    assert post(server, "checkProductStatus.php", JobID=1, what="lc").json()["lc"]["statusCode"] == code


@spoils
def test_the_private_header_never_travels(server):
    plan(server, "latency", seconds=1)
    assert not [name for name in post(server).headers if name.lower().startswith("x-mock")]


# beginning and end -----------------------------------------------------------------------------------------------


def with_bug(server: MockServer) -> None:
    def count(*_: object) -> int:
        raise ZeroDivisionError("a bug")

    vars(server.simulator.jobs)["count"] = count


def test_an_unexpected_exception_is_a_500_and_is_raised_again_at_the_end(answers_keep_the_contract):
    def use() -> None:
        with MockServer() as server:
            with_bug(server)
            assert post(server).status_code == 500

    with pytest.raises(ZeroDivisionError, match="a bug"):
        use()
    answers_keep_the_contract.clear()  # this bug was on purpose


def test_an_error_of_the_test_itself_goes_before_one_of_the_server(answers_keep_the_contract):
    def use() -> None:
        with MockServer() as server:
            with_bug(server)
            post(server)
            raise ImATeapot

    with pytest.raises(ImATeapot):
        use()
    answers_keep_the_contract.clear()  # this bug was on purpose


def test_the_port_is_free_again_after_the_end():
    with MockServer() as server:
        port = urlsplit(server.url).port
    with no_exception(), contextlib.closing(listen("127.0.0.1", port or 0)):
        pass


def test_a_server_offers_what_its_simulator_offers_and_nothing_that_is_private(server):
    assert server.jobs is server.simulator.jobs
    assert [hasattr(server, name) for name in ("controls", "_watching", "nonsense")] == [True, False, False]
    assert not hasattr(MockServer.__new__(MockServer), "simulator")  # as a copy is, before it has anything


def test_a_server_answers_where_the_limit_of_descriptors_is_unknown(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)  # as if it could not be imported
    spec = find_spec("mock_server.serve.server")
    assert spec is not None
    assert spec.loader is not None
    elsewhere = module_from_spec(spec)
    spec.loader.exec_module(elsewhere)
    with elsewhere.MockServer() as server:
        assert post(server).json()["OK"] == 1


def test_two_servers_stand_side_by_side():
    with MockServer() as one, MockServer(settings={"limits.active_jobs": 0}) as other:
        assert one.url != other.url
        assert post(one, "run_userobject.php", **IMAGE).json()["OK"] == 1
        assert post(other, "run_userobject.php", **IMAGE).json()["OK"] == 0


def test_no_thread_is_left_behind():
    before = threading.active_count()
    with MockServer() as server:
        post(server)
    assert threading.active_count() == before
