"""HTTP as bytes: requests in any pieces, heads of answers, and what a test sees of both."""

from typing import Any

import pytest

from mock_server.transport.raw import RequestReader, answer_head
from mock_server.transport.watching import SeenCall, Watching
from mock_server.transport.wsgi_call import Answer, Request, ask, environ

ORIGIN = "https://www.swift.ac.uk"
HEAD = b"POST /a?b=1 HTTP/1.1\r\nHost: www.swift.ac.uk\r\n"
BODIES = {
    "none": (b"\r\n", b""),
    "of a length": (b"Content-Length: 7\r\n\r\none two", b"one two"),
    "in chunks": (b"Transfer-Encoding: chunked\r\n\r\n4\r\none \r\n3;why=not\r\ntwo\r\n0\r\n\r\n", b"one two"),
    "in chunks, empty": (b"Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", b""),
}


@pytest.mark.parametrize("body", BODIES)
def test_a_request_is_complete_with_its_last_byte_and_not_before(body):
    reader, (rest, wanted) = RequestReader(ORIGIN), BODIES[body]
    data = HEAD + rest
    for _ in range(2):  # one after the other on the same connection
        *before, last = [reader.feed(data[at : at + 1], f"script.py:{at}") for at in range(len(data))]
        assert set(before) == {None}
        assert last is not None
        assert (last.method, last.url, last.body) == ("POST", f"{ORIGIN}/a?b=1", wanted)
        assert (last.headers["Host"], last.where) == ("www.swift.ac.uk", f"script.py:{len(data) - 1}")


def test_a_whole_address_is_kept_as_a_proxy_gets_it():
    request = RequestReader(ORIGIN).feed(b"GET http://mirror.example/x HTTP/1.1\r\n\r\n", None)
    assert request is not None
    assert request.url == "http://mirror.example/x"


@pytest.mark.parametrize(
    ("status", "headers", "method", "length"),
    [
        (200, [], "GET", "Content-Length: 3"),
        (200, [("content-length", "3")], "GET", "content-length: 3"),
        (200, [], "HEAD", None),
        (204, [], "GET", None),
        (304, [], "GET", None),
    ],
)
def test_an_answer_with_a_body_says_how_long_it_is(status, headers, method, length):
    first, *lines = answer_head(Answer(status, "Fine", headers, b"abc"), headers, method).decode().split("\r\n")
    assert first == f"HTTP/1.1 {status} Fine"
    assert lines == [*([length] if length else []), "", ""]


def test_an_app_that_fails_after_it_began_to_answer_raises_its_error():
    def app(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        error = ZeroDivisionError("a bug")
        start_response("500 Sorry", [], (type(error), error, None))
        return []

    with pytest.raises(ZeroDivisionError, match="a bug"):
        ask(app, Request("GET", ORIGIN, {}))


def test_an_app_may_change_its_mind_before_the_first_byte():
    def app(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("A", "1")])
        start_response("503 Busy", [("B", "2")])(b"written ")
        return [b"and returned"]

    assert ask(app, Request("GET", ORIGIN, {})) == Answer(503, "Busy", [("B", "2")], b"written and returned")


def test_a_test_sees_the_calls_of_the_service_and_not_those_of_the_control():
    watching = Watching()
    watching.answers["run_userobject"].append(b"planned")
    calls = [
        Request("POST", f"{ORIGIN}/user_objects/run_userobject.php", {}, b'{"a": 1}'),
        Request("GET", f"{ORIGIN}/_mock/clock", {}),
        Request("POST", f"{ORIGIN}/user_objects/run_userobject.php", {}),
    ]
    assert [watching.see(environ(call)) for call in calls] == [b"planned", None, None]
    path = "/user_objects/run_userobject.php"
    assert watching.calls == [SeenCall("run_userobject", "POST", path, body) for body in (b'{"a": 1}', b"")]
    assert watching.calls[0].json == {"a": 1}
