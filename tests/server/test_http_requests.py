"""Requests as they arrive on a socket: their headers, and the turns of connections that ask at the same time."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest
from gevent.pywsgi import WSGIHandler

from mock_server import MockServer

from .conftest import ME

BODY = json.dumps({"UserID": ME}).encode()
COUNT = "POST /user_objects/getNumJobs.php HTTP/1.1"


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer() as server:
        yield server


def connected(server: MockServer) -> socket.socket:
    parts = urlsplit(server.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=20)


def request(*headers: str, body: bytes = BODY, line: str = COUNT) -> bytes:
    return "\r\n".join((line, "Host: x", *headers, "", "")).encode("latin-1") + body


def length(body: bytes = BODY) -> str:
    return f"Content-Length: {len(body)}"


def answer(server: MockServer, sent: bytes) -> tuple[str, bytes]:
    """Return status line and body of the answer to the last request on a connection."""
    with connected(server) as line, line.makefile("rb") as file:
        line.sendall(sent)
        head, _, body = file.read().rpartition(b"\r\n\r\n")
    return head.rpartition(b"HTTP/1.1 ")[2].partition(b"\r\n")[0].decode(), body


def test_names_of_headers_have_no_case_and_values_no_blanks_around(server):
    for given in (length(), f"content-length:{len(BODY)}", f"CONTENT-LENGTH: \t{len(BODY)} \t"):
        status, body = answer(server, request(given, "connection: close"))
        assert (status, json.loads(body)["numJobs"]) == ("200 OK", 0), given


def test_headers_reach_the_app_as_the_standard_says():
    seen: list[dict[str, Any]] = []
    named = ("X-One: 1", "x-one: 2", "X_One: 3", "Cookie: a", "Cookie: b", "Content-Type: text/x", "X-E: \xe9")
    with MockServer() as server:
        server.simulator.app.watched = seen.append
        answer(server, request(length(), *named, "Connection: close"))
    kept = {name: value for name, value in seen[0].items() if name.startswith(("HTTP_", "CONTENT_"))}
    assert kept == {
        "CONTENT_LENGTH": str(len(BODY)),
        "CONTENT_TYPE": "text/x",
        "HTTP_HOST": "x",
        "HTTP_X_ONE": "1,2",  # a name with an underscore could pass for this one
        "HTTP_COOKIE": "a; b",
        "HTTP_X_E": "\xe9",
        "HTTP_CONNECTION": "close",
    }


@pytest.mark.parametrize(
    "headers",
    [
        ("no colon",),
        ("X-One : 1",),
        ("X-One: 1", " 2"),
        ("X-One: \0",),
        ("\xe9: 1",),
        (length(), length()),
        (length(), "Transfer-Encoding: chunked"),
        ("X-Long: " + "x" * 70_000,),
        ("Content-Length: -1",),
        ("Content-Length: one",),
    ],
)
def test_headers_that_could_mean_two_things_are_refused(server, headers):
    assert answer(server, request(*headers))[0] == "400 Bad Request"


def test_a_body_in_chunks_is_read(server):
    chunks = f"{len(BODY):x}\r\n".encode() + BODY + b"\r\n0\r\n\r\n"
    status, body = answer(server, request("Transfer-Encoding: chunked", "Connection: close", body=chunks))
    assert (status, json.loads(body)["numJobs"]) == ("200 OK", 0)


def test_an_offer_of_another_protocol_is_answered_in_this_one(server):
    offered = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQ", length())
    status, body = answer(server, request(*offered) + request(length(), "Connection: close"))
    assert (status, json.loads(body)["numJobs"]) == ("200 OK", 0)


def test_an_answer_is_sent_at_once(server, monkeypatch):
    sent: list[bytes] = []
    send = WSGIHandler._sendall

    def note(handler: Any, data: bytes) -> None:
        sent.append(bytes(data))
        send(handler, data)

    monkeypatch.setattr(WSGIHandler, "_sendall", note)
    body = answer(server, request(length(), "Connection: close"))[1]
    assert len(sent) == 1
    assert sent[0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert sent[0].endswith(body)


def test_connections_that_ask_at_the_same_time_take_turns():
    held, all_sent = threading.Event(), threading.Event()

    def hold(_environ: object) -> None:
        if not held.is_set():
            held.set()
            all_sent.wait(20)

    with MockServer() as server, ExitStack() as stack:
        server.simulator.app.watched = hold
        first, *others = (stack.enter_context(connected(server)) for _ in range(4))
        first.sendall(request(length(), "Connection: close"))
        held.wait(20)
        for name, line in zip("abc", others, strict=True):
            body = json.dumps({"UserID": f"{name}@example.org"}).encode()
            line.sendall(200 * request(length(body), body=body))
        all_sent.set()
        for line in others:
            with line.makefile("rb") as file:
                for _ in range(200):
                    while (header := file.readline()) != b"\r\n":
                        if header.startswith(b"Content-Length"):
                            size = int(header.split()[1])
                    file.read(size)
        users = [entry.user for entry in server.journal if entry.user != ME]
    last_begins = max(users.index(user) for user in {*users})
    first_ends = min(len(users) - users[::-1].index(user) for user in {*users})
    assert last_begins < first_ends, users
