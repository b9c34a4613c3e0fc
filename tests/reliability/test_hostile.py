"""Whatever is sent: a clear answer, no traceback, nothing half done, and the next caller is answered."""

import http.client
import json
import socket
import threading
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from mock_server import MockServer, Simulator

from .serving import SUBMISSION

ME = "me@example.org"
PATHS = ["run_userobject.php", "getNumJobs.php", "checkProductStatus.php", "canceljob.php", "tprods/getLCData.php"]
STRANGE = [
    "\0",
    "a\0b@example.org",
    "\r\nX-Injected: 1",
    "<script>alert(1)</script>",
    "'; DROP TABLE jobs; --",
    "../../etc/passwd",
    "%00",
    "\u202e",
    "\U0001f52d",
    "\ufeff",
    "A" * 100_000,
    "{{7*7}}",
    "${jndi:x}",
    10**400,
    -(10**400),
    1e308,
    -0.0,
    2**63,
    2**31,
    -1,
    999_999_999_999_999,
    True,
    None,
    [],
    {},
    [[[[1]]]],
    {"a": {"b": 1}},
    ["x"] * 1000,
    0.1 + 0.2,
]


@pytest.fixture
def sim(db):
    with Simulator(db=db, settings={"limits.active_jobs": 5}) as sim:
        yield sim


def still_well(sim: Simulator) -> None:
    """The next caller is answered, and what was noted can be read."""
    answer = sim.app.test_client().post("/user_objects/getNumJobs.php", json={"UserID": "next@example.org"})
    assert answer.get_json(force=True)["OK"] == 1
    assert sim.journal.entries[-1].user == "next@example.org"


def test_strange_values_in_every_place_are_answered(sim):
    client = sim.app.test_client()
    for path in PATHS:
        for key in (
            "UserID",
            "JobID",
            "what",
            "whatProg",
            "name",
            "RA",
            "targ",
            "imen",
            "image",
            "api_version",
            "Tstart",
        ):
            for value in STRANGE:
                body = json.dumps(
                    SUBMISSION | {"UserID": ME, "name": "GK Per", "JobID": 1, "what": "lc"} | {key: value}
                )
                answer = client.post(f"/user_objects/{path}", data=body)
                assert answer.status_code == 200, f"{path} {key}={value!r:.40}: {answer.status}"
                assert "Traceback" not in answer.get_data(as_text=True)
                assert json.loads(answer.data)["OK"] in (0, 1, 2)
                assert "X-Injected" not in answer.headers
    assert sim.jobs.count(ME) <= 5
    still_well(sim)


def test_strange_values_in_rebinnings_are_answered(sim):
    client = sim.app.test_client()
    for function in ("rebinLightCurve", "checkRebinStatus", "cancelRebin", "downloadLightCurve"):
        for key in ("objectID", "JobID", "APIFunc", "binMeth", "pcCounts", "nosys"):
            for value in STRANGE:
                body = json.dumps({"APIFunc": function, "JobID": 1, "objectID": 1} | {key: value})
                answer = client.post("/API/main.php", data=body)
                assert answer.status_code == 200
                assert "Traceback" not in answer.get_data(as_text=True)
    still_well(sim)


def test_strange_addresses_lead_nowhere(sim):
    client = sim.app.test_client()
    sim.jobs.submit(SUBMISSION | {"UserID": ME, "name": "GK Per"})
    sim.clock.advance(86400)
    for inner in (
        "../../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "image/../../x",
        "image/%2e%2e/x",
        "%00",
        "image//etc",
        "/etc/passwd",
        "C:\\x",
        "image.zip/..",
        "image.zip%00.tar",
        "A" * 5000,
        "%0d%0aX-Injected:1",
        "%ff%fe",
    ):
        for base in ("/user_objects/tprods/USERPROD_1", "/user_objects/tprods/USERPROD_99999999999999999999", ""):
            answer = client.get(f"{base}/{inner}")
            assert answer.status_code in (404, 308), inner
            assert "root:" not in answer.get_data(as_text=True)
            assert "X-Injected" not in answer.headers
    still_well(sim)


def test_names_are_text_on_every_page(sim):
    client, name = sim.app.test_client(), '"><img src=x onerror=alert(1)>{{7*7}}'
    number = sim.jobs.submit(SUBMISSION | {"UserID": ME, "name": name}).job_id
    for path in ("", "/", "/index.php", "/lc/index.php"):
        page = client.get(f"/user_objects/tprods/USERPROD_{number}{path}").get_data(as_text=True)
        assert "<img src=x" not in page
    page = client.post("/user_objects/register.php", data={"email": "<script>x</script>@example.org"}).get_data(
        as_text=True
    )
    assert "<script>x" not in page


def test_a_bug_is_a_page_without_a_traceback(answers_keep_the_contract):
    with Simulator() as sim:

        def broken(*_args: object) -> None:
            raise RuntimeError("secret detail")

        sim.jobs.count = broken  # type: ignore[assignment, method-assign]
        sim.app.on_bug = lambda _bug: None
        answer = sim.app.test_client().post("/user_objects/getNumJobs.php", json={"UserID": ME})
        assert answer.status_code == 500
        assert "secret" not in answer.get_data(as_text=True)
        assert "Traceback" not in answer.get_data(as_text=True)
    assert "secret detail" in answers_keep_the_contract.pop()  # in every other test it is a failure


# over a socket ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server():
    with MockServer() as server:
        yield server


def count(server: MockServer) -> Any:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=20)
    with closing(connection):
        connection.request("POST", "/user_objects/getNumJobs.php", json.dumps({"UserID": ME}))
        return json.loads(connection.getresponse().read())


def sent(server: MockServer, data: bytes) -> bytes:
    """Send bytes as they are, and return what comes back until the server ends it."""
    port = urlsplit(server.url).port
    with socket.create_connection(("127.0.0.1", port or 0), timeout=20) as connection:
        answer = b""
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                answer += chunk
        except OSError:
            pass  # the server had enough, and ended the connection
        return answer


HEAD = b"POST /user_objects/getNumJobs.php HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0\0\0",
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"G" * 20_000 + b" / HTTP/1.1\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        HEAD + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
        HEAD + b"Content-Length: -5\r\n\r\n{}",
        HEAD + b"Content-Length: many\r\n\r\n{}",
        HEAD + b"Content-Length: 99999999999999999999\r\n\r\n{}",
        HEAD + b"Content-Length: 50\r\n\r\n{}",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}",
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
        HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    ],
    ids=lambda data: repr(data[-24:]),
)
def test_broken_http_gets_an_answer_or_none_and_does_no_harm(server, data):
    answer = sent(server, data)
    assert b"Traceback" not in answer
    assert b" 500 " not in answer.partition(b"\r\n")[0]
    assert count(server)["OK"] == 1


def test_slow_callers_do_not_delay_others(server):
    port = urlsplit(server.url).port or 0
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
    for number, connection in enumerate(slow):
        connection.sendall((HEAD + b"Content-Length: 100\r\n\r\n{")[: 5 + number % 70])
    assert count(server)["OK"] == 1
    for connection in slow:
        connection.close()
    assert count(server)["OK"] == 1


def test_a_caller_who_does_not_read_does_not_delay_others(server):
    port = urlsplit(server.url).port or 0
    with socket.create_connection(("127.0.0.1", port)) as deaf:
        deaf.settimeout(1)
        sender = threading.Thread(target=_send_much, args=(deaf,))
        sender.start()
        assert count(server)["OK"] == 1
        sender.join()
    assert count(server)["OK"] == 1


def _send_much(connection: socket.socket) -> None:
    body = b'{"UserID": "me@example.org"}'
    try:
        for _ in range(2000):
            connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    except OSError:
        pass  # its answers fill up, and the server stops reading
