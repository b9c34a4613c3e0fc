"""The proxy, for programs that know the service by its address alone."""

import http.client
import socket
import ssl
import threading
import urllib.error
import urllib.request
from typing import Any

import pytest
from flask import Flask, Response, request
from werkzeug.serving import make_server

from mock_server.clocks.virtual import VirtualClock
from mock_server.transport.header import HEADER
from mock_server.transport.proxy import Proxy

START = 1.6e9
SERVICE = "https://www.swift.ac.uk"


def make_app(name: str) -> Flask:
    app = Flask(name)

    @app.route("/echo", methods=["GET", "POST", "PUT"])
    def echo() -> dict[str, str]:
        return {"app": name, "body": request.get_data(as_text=True), "url": request.url}

    @app.get("/fault/<value>")
    def fault(value: str) -> Response:
        return Response("0123456789", headers={HEADER: value})

    @app.get("/bug")
    def bug() -> str:
        raise ZeroDivisionError("a bug")

    return app


@pytest.fixture(scope="module")
def clock():
    return VirtualClock(START)


@pytest.fixture(scope="module")
def proxy(clock):
    with Proxy(make_app("simulator"), clock) as running:
        yield running


def opener(proxy: Proxy) -> urllib.request.OpenerDirector:
    trust = ssl.create_default_context(cadata=proxy.ca_pem.decode())
    handlers = urllib.request.ProxyHandler({"http": proxy.url, "https": proxy.url})
    return urllib.request.build_opener(handlers, urllib.request.HTTPSHandler(context=trust))


def get(proxy: Proxy, url: str, **kwargs: Any) -> str:
    with opener(proxy).open(urllib.request.Request(url, **kwargs), timeout=30) as answer:
        return str(answer.read().decode())


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_the_service_is_answered_for(proxy, scheme):
    answer = get(proxy, f"{scheme}://www.swift.ac.uk/echo?a=1", data=b"body")
    assert '"app":"simulator"' in answer
    assert '"body":"body"' in answer
    assert f'"url":"{scheme}://www.swift.ac.uk/echo?a=1"' in answer


def test_a_connection_is_kept_for_several_requests(proxy):
    host, port = proxy.url.removeprefix("http://").split(":")
    trust = ssl.create_default_context(cadata=proxy.ca_pem.decode())
    connection = http.client.HTTPSConnection(host, int(port), context=trust, timeout=30)
    connection.set_tunnel("www.swift.ac.uk")
    for body in ("one", "two"):
        connection.request("POST", "/echo", body)
        assert f'"body":"{body}"' in connection.getresponse().read().decode()
    connection.request("PUT", "/echo", iter([b"in ", b"chunks"]), encode_chunked=True)
    assert '"body":"in chunks"' in connection.getresponse().read().decode()
    connection.request("HEAD", "/echo")
    assert connection.getresponse().read() == b""
    connection.request("GET", "/echo")
    assert connection.getresponse().status == 200
    connection.close()


def test_a_stranger_to_the_authority_does_not_trust_it(proxy):
    handlers = urllib.request.ProxyHandler({"https": proxy.url})
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.build_opener(handlers).open(f"{SERVICE}/echo", timeout=30)


@pytest.mark.parametrize("url", ["https://example.org/", "http://example.org/"])
def test_other_hosts_are_refused_by_name(proxy, url):
    with pytest.raises(OSError, match=r"example.org is outside this run: --allow-net opens the way"):
        get(proxy, url)


def test_other_hosts_are_passed_through_if_the_net_is_open(clock):
    other = make_server("127.0.0.1", 0, make_app("another host"))
    thread = threading.Thread(target=other.serve_forever, daemon=True)
    thread.start()
    with Proxy(make_app("simulator"), clock, open_net=True) as proxy:
        assert '"app":"another host"' in get(proxy, f"http://127.0.0.1:{other.server_port}/echo")
        host, port = proxy.url.removeprefix("http://").split(":")
        tunnel = http.client.HTTPConnection(host, int(port), timeout=30)
        tunnel.set_tunnel("127.0.0.1", other.server_port)
        tunnel.request("GET", "/echo")
        assert '"app":"another host"' in tunnel.getresponse().read().decode()
        tunnel.close()
    other.shutdown()
    thread.join()
    other.server_close()


def test_a_delay_is_simulated_time(proxy, clock):
    began = clock.now()
    assert get(proxy, f"{SERVICE}/fault/delay:30") == "0123456789"
    assert clock.now() == began + 30


def test_a_body_in_drops_takes_simulated_time(proxy, clock):
    began = clock.now()
    assert get(proxy, f"{SERVICE}/fault/dribble:30") == "0123456789"
    assert clock.now() == pytest.approx(began + 30, abs=0.01)


def test_a_cut_answer_ends_early(proxy):
    with pytest.raises((http.client.IncompleteRead, OSError)):
        get(proxy, f"{SERVICE}/fault/cut:4")


@pytest.mark.parametrize("value", ["reset", "lost"])
def test_a_broken_connection_breaks(proxy, value):
    with pytest.raises(OSError, match=r"reset|EOF|closed|aborted"):
        get(proxy, f"{SERVICE}/fault/{value}")


def test_a_bug_of_the_simulator_is_a_500(proxy):
    with pytest.raises(urllib.error.HTTPError, match="500"):
        get(proxy, f"{SERVICE}/bug")


def test_an_error_that_the_app_lets_out_is_a_500_that_names_it(clock):
    def broken(_environ: Any, _start_response: Any) -> list[bytes]:
        raise ZeroDivisionError("a bug")

    with Proxy(broken, clock) as proxy, pytest.raises(urllib.error.HTTPError, match="500") as failed:
        get(proxy, "http://www.swift.ac.uk/echo")
    assert failed.value.read() == b"ZeroDivisionError('a bug')\n"
    failed.value.close()


def test_the_variables_point_at_it_and_at_its_certificate(proxy, tmp_path):
    variables = proxy.environment(tmp_path)
    assert {variables[name] for name in ("HTTPS_PROXY", "https_proxy", "http_proxy")} == {proxy.url}
    assert (tmp_path / "ca.pem").read_bytes() == proxy.ca_pem
    assert variables["CURL_CA_BUNDLE"] == variables["SSL_CERT_FILE"] == str(tmp_path / "ca.pem")
    assert "127.0.0.1" in variables["NO_PROXY"]


def test_nothing_listens_after_the_end(clock):
    with Proxy(make_app("simulator"), clock) as proxy:
        host, port = proxy.url.removeprefix("http://").split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=30)
