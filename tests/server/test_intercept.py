"""Requests made in process: what a program sees is what it would see over a socket."""

import errno
import functools
import importlib
import json
import socket
import sys
import threading
from typing import Any

import pytest
import requests
from flask import Flask, Response, redirect, request
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from mock_server.clocks.base import ScaledClock
from mock_server.clocks.virtual import VirtualClock
from mock_server.transport.header import HEADER
from mock_server.transport.imports import when_imported
from mock_server.transport.intercept import intercept

SERVICE = "https://www.swift.ac.uk"
START = 1.6e9


def make_app(name: str = "calm") -> Any:
    app: Any = Flask(name)
    app.calls = []

    @app.route("/echo", methods=["GET", "POST"])
    def echo():
        app.calls.append(request.environ)
        return {
            "app": name,
            "method": request.method,
            "body": request.get_data(as_text=True),
            "query": request.query_string.decode(),
            "type": request.content_type,
            "url": request.url,
            "cookie": request.cookies.get("PHPSESSID"),
        }

    @app.get("/file")
    def file():
        return Response(iter([b"abc", b"def", b"ghi"]), content_type="application/x-tar")

    @app.get("/moved")
    def moved():
        return redirect("/echo?after=move")

    @app.get("/cookie")
    def cookie():
        response = Response("ok")
        response.set_cookie("PHPSESSID", "17")
        response.set_cookie("second", "2")
        return response

    @app.route("/fault/<value>", methods=["GET", "POST"])
    def fault(value):
        app.calls.append(request.environ)
        return Response("0123456789", headers={HEADER: value})

    @app.route("/busy", methods=["GET", "POST"])
    def busy():
        app.calls.append(request.environ)
        return ("busy", 503, {"Retry-After": "30"}) if len(app.calls) < 3 else "done"

    @app.get("/a%20b/<path:rest>")
    def escaped(rest):
        return rest

    return app


@pytest.fixture
def app():
    return make_app()


@pytest.fixture
def clock():
    return VirtualClock(START)


@pytest.fixture
def inside(app, clock):
    with intercept(app, clock):
        yield


@pytest.mark.usefixtures("inside")
class TestAnAnswer:
    def test_has_the_json_of_the_app(self):
        answer = requests.post(f"{SERVICE}/echo?x=1", json={"UserID": "a@b.c"})
        assert answer.status_code == 200
        assert answer.json()["body"] == '{"UserID": "a@b.c"}'
        assert answer.json()["query"] == "x=1"
        assert answer.json()["type"] == "application/json"
        assert answer.url == f"{SERVICE}/echo?x=1"

    def test_comes_for_http_as_for_https_and_for_any_spelling_of_the_host(self):
        assert requests.get("http://www.swift.ac.uk/echo").json()["url"] == "http://www.swift.ac.uk/echo"
        assert requests.get("https://WWW.Swift.ac.uk/echo").ok

    def test_comes_for_sessions_as_for_plain_functions(self):
        with requests.Session() as session:
            assert session.get(f"{SERVICE}/echo").json()["method"] == "GET"

    def test_takes_a_form_a_file_and_a_generator_as_body(self, tmp_path):
        assert requests.post(f"{SERVICE}/echo", data={"a": "1"}).json()["body"] == "a=1"
        path = tmp_path / "body"
        path.write_bytes(b"from a file")
        with path.open("rb") as body:
            assert requests.post(f"{SERVICE}/echo", data=body).json()["body"] == "from a file"
        assert requests.post(f"{SERVICE}/echo", data=iter([b"in ", b"parts"])).json()["body"] == "in parts"

    def test_is_404_with_html_for_an_unknown_path(self):
        answer = requests.get(f"{SERVICE}/nowhere")
        assert answer.status_code == 404
        assert answer.reason == "NOT FOUND"
        assert "html" in answer.headers["Content-Type"]

    def test_can_be_streamed(self):
        with requests.get(f"{SERVICE}/file", stream=True) as answer:
            assert list(answer.iter_content(4)) == [b"abcd", b"efgh", b"i"]
        with requests.get(f"{SERVICE}/file", stream=True) as answer:
            assert answer.raw.read(5) == b"abcde"
            assert answer.raw.read() == b"fghi"

    def test_is_reached_through_a_redirect(self):
        answer = requests.get(f"{SERVICE}/moved")
        assert [old.status_code for old in answer.history] == [302]
        assert answer.json()["query"] == "after=move"
        assert requests.get(f"{SERVICE}/moved", allow_redirects=False).status_code == 302

    def test_sets_cookies_that_a_session_sends_back(self):
        session = requests.Session()
        assert session.get(f"{SERVICE}/cookie").cookies.get_dict() == {"PHPSESSID": "17", "second": "2"}
        assert session.get(f"{SERVICE}/echo").json()["cookie"] == "17"

    def test_to_head_has_no_body(self):
        answer = requests.head(f"{SERVICE}/echo")
        assert answer.status_code == 200
        assert answer.content == b""

    def test_keeps_the_order_and_the_encoding_of_the_path(self, app):
        requests.get(f"{SERVICE}/echo", params={"b": "ä ö", "a": "1"})
        assert app.calls[-1]["QUERY_STRING"] == "b=%C3%A4+%C3%B6&a=1"

    def test_tells_the_app_which_line_asked(self, app):
        requests.get(f"{SERVICE}/echo")
        assert app.calls[-1]["xrt_mock.where"].startswith("tests/server/test_intercept.py:")


@pytest.mark.usefixtures("inside")
class TestOnTheWay:
    @pytest.mark.parametrize("value", ["reset", "lost"])
    def test_a_broken_connection_is_a_connection_error(self, app, value):
        with pytest.raises(requests.ConnectionError, match="Connection aborted"):
            requests.get(f"{SERVICE}/fault/{value}")
        assert len(app.calls) == 1

    def test_a_body_cut_short_is_noticed(self):
        with pytest.raises(requests.exceptions.ChunkedEncodingError, match="4 bytes read, 6 more expected"):
            requests.get(f"{SERVICE}/fault/cut:4")

    def test_what_arrived_before_the_cut_can_be_read(self):
        with requests.get(f"{SERVICE}/fault/cut:4", stream=True) as answer:
            assert answer.raw.read(4) == b"0123"

    def test_a_slow_answer_takes_simulated_time(self, clock):
        answer = requests.get(f"{SERVICE}/fault/delay:30", timeout=30)
        assert answer.text == "0123456789"
        assert clock.now() == START + 30

    def test_a_body_in_drops_takes_its_time_though_no_single_wait_is_long(self, clock):
        began = clock.now()
        answer = requests.get(f"{SERVICE}/fault/dribble:30", timeout=5)
        assert answer.ok
        assert clock.now() - began == pytest.approx(30, abs=3.1)

    def test_a_drop_that_comes_too_late_is_a_read_timeout(self):
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{SERVICE}/fault/dribble:300", timeout=5)

    @pytest.mark.parametrize("timeout", [29.5, (3, 29.5)])
    def test_a_delay_past_the_timeout_is_a_read_timeout_after_the_timeout(self, clock, timeout):
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{SERVICE}/fault/delay:30", timeout=timeout)
        assert clock.now() == START + 29.5

    def test_the_private_header_does_not_arrive(self):
        assert HEADER not in requests.get(f"{SERVICE}/fault/delay:1").headers

    def test_retries_of_a_mounted_adapter_wait_in_simulated_time(self, app, clock):
        session = requests.Session()
        retry = Retry(total=5, status_forcelist=[503], allowed_methods=None, backoff_factor=1)
        session.mount("https://", HTTPAdapter(max_retries=retry))
        assert session.post(f"{SERVICE}/busy").text == "done"
        assert len(app.calls) == 3
        assert clock.now() == START + 60

    def test_retries_end_as_they_do_over_a_socket(self, app, clock):
        session = requests.Session()
        retry = Retry(total=2, allowed_methods=None, backoff_factor=4)
        session.mount("https://", HTTPAdapter(max_retries=retry))
        with pytest.raises(requests.ConnectionError, match="Max retries exceeded"):
            session.get(f"{SERVICE}/fault/reset")
        assert len(app.calls) == 3
        assert clock.now() == START + 8

    def test_retries_after_an_error_end_with_an_exception_unless_the_answer_is_wanted(self):
        session = requests.Session()
        session.mount("https://", HTTPAdapter(max_retries=Retry(total=1, status_forcelist=[503])))
        with pytest.raises(requests.exceptions.RetryError, match="too many 503 error responses"):
            session.get(f"{SERVICE}/busy")
        session.mount(
            "https://", HTTPAdapter(max_retries=Retry(total=0, status_forcelist=[503], raise_on_status=False))
        )
        with intercept(make_app(), VirtualClock(START)):
            assert session.get(f"{SERVICE}/busy").status_code == 503

    def test_retries_need_not_wait_as_long_as_the_service_asks(self, clock):
        session = requests.Session()
        retry = Retry(total=5, status_forcelist=[503], backoff_factor=1, respect_retry_after_header=False)
        session.mount("https://", HTTPAdapter(max_retries=retry))
        assert session.get(f"{SERVICE}/busy").text == "done"
        assert 0 < clock.now() - START < 30

    def test_a_body_without_a_length_that_breaks_off_is_an_error_too(self, clock):
        def app(_environ, start_response):
            start_response("200 OK", [(HEADER, "cut:4")])
            return [b"0123456789"]

        with (
            intercept(app, clock),
            pytest.raises(requests.exceptions.ChunkedEncodingError, match="4 bytes read, 6 more"),
        ):
            requests.get(f"{SERVICE}/")


@pytest.mark.usefixtures("inside")
class TestTheRealService:
    def test_is_out_of_reach_for_a_plain_socket(self):
        with socket.socket() as plain, pytest.raises(ConnectionError, match="xrt-mock run") as refused:
            plain.connect(("WWW.swift.ac.uk", 443))
        assert refused.value.errno == errno.ECONNREFUSED
        assert "None" not in str(refused.value)


def served(app: Any) -> Any:
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, app)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    return server, thread


def test_other_hosts_are_left_alone(app, clock):
    server, thread = served(make_app("another host"))
    with intercept(app, clock):
        answer = requests.get(f"http://127.0.0.1:{server.server_port}/echo", timeout=10).json()
    server.shutdown()
    thread.join()
    server.server_close()
    assert answer["app"] == "another host"


def test_proxies_are_asked_for_where_a_host_is_not_ours(app, clock, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    with intercept(app, clock):
        for module in (requests.sessions, requests.utils):
            assert module.get_environ_proxies(f"{SERVICE}/echo") == {}
            assert module.get_environ_proxies("https://example.org/")["https"] == "http://proxy.example:3128"
    assert requests.utils.get_environ_proxies(f"{SERVICE}/echo")["https"] == "http://proxy.example:3128"


def who_answers(host: str = "www.swift.ac.uk") -> Any:
    return requests.get(f"https://{host}/echo").json()["app"]


def test_the_innermost_simulator_answers(clock):
    with intercept(make_app("outer"), clock):
        with intercept(make_app("inner"), clock):
            assert who_answers() == "inner"
        assert who_answers() == "outer"


def test_a_simulator_within_leaves_the_hosts_of_the_one_around_it(clock):
    with intercept(make_app("outer"), clock), intercept(make_app("inner"), clock, hosts=["mirror.example"]):
        assert (who_answers(), who_answers("mirror.example")) == ("outer", "inner")


def test_parallel_simulators_do_not_mix(clock):
    answers: dict[str, Any] = {}
    everyone_inside = threading.Barrier(3)

    def user(name):
        with intercept(make_app(name), clock):
            everyone_inside.wait()
            started = threading.Thread(target=lambda: answers.setdefault(name, (who_answers(), who_answers())))
            started.start()
            started.join()
            everyone_inside.wait()

    users = [threading.Thread(target=user, args=(name,)) for name in ("a", "b", "c")]
    for thread in users:
        thread.start()
    for thread in users:
        thread.join()
    assert answers == {name: (name, name) for name in ("a", "b", "c")}


def test_a_thread_that_outlives_its_simulator_is_not_let_through(clock):
    ended, failures = threading.Event(), []

    def straggler():
        ended.wait()
        try:
            who_answers()
        except requests.ConnectionError as error:
            failures.append(str(error))

    with intercept(make_app("around"), clock):
        with intercept(make_app("its own"), clock):
            thread = threading.Thread(target=straggler)
            thread.start()
        ended.set()
        thread.join()
    assert "simulated here" in failures[0]


def test_one_that_is_active_is_not_entered_again(app, clock):
    with intercept(app, clock) as active:
        with pytest.raises(RuntimeError, match="active already; nested ones need an object each"):
            active.__enter__()
        assert who_answers() == "calm"


def test_the_service_is_not_looked_up_and_other_hosts_are_as_ever(app, clock):
    before = socket.getaddrinfo("127.0.0.1", 80)
    with intercept(app, clock):
        assert socket.getaddrinfo("127.0.0.1", 80) == before
        with pytest.raises(ConnectionError, match=r"www\.swift\.ac\.uk is simulated here"):
            socket.getaddrinfo("WWW.swift.ac.uk.", 443)


def test_a_clock_that_is_not_shared_is_enough():
    with intercept(make_app(), ScaledClock(1e6, start=START)):
        assert who_answers() == "calm"


def test_a_module_that_is_not_there_yet_is_followed_once_it_is(tmp_path, monkeypatch):
    seen: list[Any] = []
    when_imported("a_library_of_this_test", seen.append)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("a_library_of_this_test")
    (tmp_path / "a_library_of_this_test.py").write_text("here = True")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("a_library_of_this_test")
    del sys.modules["a_library_of_this_test"]
    assert seen == [module]


def test_it_is_a_decorator_too(app, clock):
    @intercept(app, clock)
    def program() -> Any:
        return who_answers()

    assert [program(), program()] == ["calm", "calm"]


def test_everything_is_as_before_when_the_last_one_ends(app, clock):
    def attributes() -> Any:
        return (
            HTTPAdapter.get_connection_with_tls_context,
            threading.Thread.start,
            socket.getaddrinfo,
            socket.socket.connect,
            "connect" in vars(socket.socket),
        )

    before = attributes()
    with intercept(app, clock), intercept(app, clock):
        assert attributes() != before
    assert attributes() == before


def test_what_another_tool_has_put_back_meanwhile_stays(app, clock, monkeypatch):
    real = socket.getaddrinfo
    with intercept(app, clock):
        monkeypatch.setattr(socket, "getaddrinfo", real)  # as pytest-socket does after a test that it guarded
    assert socket.getaddrinfo is real
    with intercept(app, clock):
        theirs = functools.partial(real)  # a guard of another tool
        monkeypatch.setattr(socket, "getaddrinfo", theirs)
    assert socket.getaddrinfo is theirs


def test_look_ups_that_pytest_socket_refuses_are_left_to_it(app, clock, monkeypatch):
    """Since 0.8 it takes its guard back only if nothing was put around it."""

    def refuse(*_arguments):
        raise RuntimeError("refused")

    refuse.__module__ = "pytest_socket"
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with intercept(app, clock):
        assert socket.getaddrinfo is refuse
        assert requests.get(f"{SERVICE}/echo", timeout=5).ok


def test_a_bug_in_the_app_is_raised_in_the_test(clock):
    def broken(_environ, _start_response):
        raise ZeroDivisionError("a bug")

    with intercept(broken, clock), pytest.raises(ZeroDivisionError, match="a bug"):
        requests.get(f"{SERVICE}/")


def test_json_survives_unchanged(app, clock):
    body = {"name": "GRB 060729 ä", "poserr": 1, "list": [1.5, None, True]}
    with intercept(app, clock):
        assert json.loads(requests.post(f"{SERVICE}/echo", json=body).json()["body"]) == body
