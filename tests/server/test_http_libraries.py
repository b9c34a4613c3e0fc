"""HTTP libraries that are answered in process: what a program sees is what it would see over a socket."""

import array
import asyncio
import http.client
import io
import json
import os
import select
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import httpx
import pandas
import pytest
import requests
import urllib3
from astropy.table import Table
from flask import Flask, Response, request
from werkzeug.serving import make_server

from mock_server.cli.ctl import Remote
from mock_server.clocks.virtual import VirtualClock
from mock_server.run.patches.time import SimulatedTime
from mock_server.serve.server import MockServer
from mock_server.transport.header import HEADER
from mock_server.transport.intercept import intercept

SERVICE = "https://www.swift.ac.uk"
START = 1.6e9
CURVE = b"READ SERR 1\n! a comment\n1 2 3\n4 5 6\n"


def make_app() -> Any:
    app = Flask("service")
    methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"]

    @app.route("/echo", methods=methods)
    def echo() -> Any:
        return {
            "method": request.method,
            "body": request.get_data().hex(),
            "query": request.query_string.decode(),
            "type": request.content_type,
            "mine": request.headers.get("X-Mine"),
        }

    app.add_url_rule("/lines", "lines", lambda: Response("".join(f"line {n}\n" for n in range(2000))))
    app.add_url_rule("/empty", "empty", lambda: Response(b""))
    app.add_url_rule("/nothing", "nothing", lambda: Response(status=204))
    app.add_url_rule("/missing", "missing", lambda: Response("no such file", status=404))
    app.add_url_rule("/curve.qdp", "curve_qdp", lambda: Response(CURVE))
    app.add_url_rule("/fault/<value>", "fault", lambda value: Response("0123456789", headers={HEADER: value}))
    return app


@pytest.fixture
def clock():
    return VirtualClock(START)


@pytest.fixture
def inside(clock):
    with intercept(make_app(), clock), SimulatedTime(clock):
        yield


@pytest.fixture(scope="module")
def address():
    """A real server with the same app."""
    server = make_server("127.0.0.1", 0, make_app(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


BODIES: dict[str, Callable[[], dict[str, Any]]] = {
    "none": dict,
    "bytes": lambda: {"data": b"\x00\xff abc"},
    "text": lambda: {"data": "größe"},
    "bytearray": lambda: {"data": bytearray(b"\x01\x02abc")},
    "memoryview": lambda: {"data": memoryview(b"\x01\x02abc")},
    "array": lambda: {"data": array.array("B", [1, 2, 3])},
    "form": lambda: {"data": {"a": "1", "b": ["2", "3"]}},
    "json": lambda: {"json": {"a": [1, None, "ä"]}},
    "file": lambda: {"data": io.BytesIO(b"from a file")},
    "parts": lambda: {"data": iter([b"one ", b"two"])},
    "empty": lambda: {"data": b""},
    "query": lambda: {"params": {"q": "a b&c", "n": 3}, "headers": {"X-Mine": "yes"}},
}
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD")


def copied(raw: Any) -> bytes:
    file = io.BytesIO()
    shutil.copyfileobj(raw, file)
    return file.getvalue()


def beneath(raw: Any) -> tuple[bytes, bytes, bytes]:
    return raw.read(), raw._fp.read(), raw._fp.read1(5)


READERS: dict[str, Callable[[requests.Response], Any]] = {
    "content": lambda r: r.content,
    "text": lambda r: r.text,
    "pieces of 1000": lambda r: list(r.iter_content(1000)),
    "pieces as they come": lambda r: b"".join(r.iter_content(chunk_size=None)),
    "single bytes": lambda r: len(list(r.iter_content(1))),
    "lines": lambda r: list(r.iter_lines()),
    "raw": lambda r: r.raw.read(),
    "raw in pieces": lambda r: [r.raw.read(7), r.raw.read(100_000), r.raw.read(5), r.raw.read()],
    "raw stream": lambda r: b"".join(r.raw.stream(500)),
    "raw stream as it comes": lambda r: b"".join(r.raw.stream(None)),
    "raw data": lambda r: r.raw.data,
    "read1": lambda r: (r.raw.read1(10), r.raw.read()),
    "copied": lambda r: copied(r.raw),
    "the file beneath after its end": lambda r: beneath(r.raw),
    "nothing of it": lambda r: r.close(),
}


def sent(base: str, method: str, body: str) -> Any:
    answer = requests.request(method, f"{base}/echo", timeout=30, **BODIES[body]())
    return answer.status_code, answer.reason, answer.headers["Content-Type"], answer.content


def read(base: str, page: str, reader: str) -> Any:
    with requests.get(f"{base}/{page}", stream=True, timeout=30) as answer:
        try:
            found = READERS[reader](answer)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            found = type(error).__name__
        return answer.status_code, found, answer.raw.closed


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("method", METHODS)
def test_a_request_arrives_as_over_a_socket(clock, address, method, body):
    over_a_socket = sent(address, method, body)
    with intercept(make_app(), clock):
        assert sent(SERVICE, method, body) == over_a_socket


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("page", ["lines", "empty", "nothing", "missing"])
def test_an_answer_is_read_as_over_a_socket(clock, address, page, reader):
    over_a_socket = read(address, page, reader)
    with intercept(make_app(), clock):
        assert read(SERVICE, page, reader) == over_a_socket


@pytest.mark.parametrize("reader", ["content", "pieces as they come", "raw", "raw stream as it comes"])
def test_a_body_that_breaks_off_is_an_error_however_it_is_read(clock, reader):
    with intercept(make_app(), clock):
        status, found, _closed = read(SERVICE, "fault/cut:4", reader)
    assert (status, found) in [(200, "ChunkedEncodingError"), (200, "ProtocolError"), (200, "IncompleteRead")]


@pytest.mark.usefixtures("inside")
class TestAnswered:
    def test_urllib(self):
        asked = urllib.request.Request(f"{SERVICE}/echo?a=1", data=b"body", headers={"X-Mine": "yes"})
        with urllib.request.urlopen(asked) as answer:
            found = json.load(answer)
        assert (found["method"], found["query"], found["mine"]) == ("POST", "a=1", "yes")
        assert bytes.fromhex(found["body"]) == b"body"

    def test_urllib_sees_a_status(self):
        with pytest.raises(urllib.error.HTTPError, match="404") as missing:
            urllib.request.urlopen(f"{SERVICE}/missing")
        missing.value.close()

    def test_urllib_behind_a_proxy(self, monkeypatch):
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setattr(urllib.request, "_opener", None)  # urllib reads them once, and keeps what it read
        for scheme in ("http", "https"):
            with urllib.request.urlopen(f"{scheme}://www.swift.ac.uk/lines") as answer:
                assert answer.read(7) == b"line 0\n"

    def test_urllib3_on_one_connection(self):
        with urllib3.PoolManager() as pool:
            answers = [pool.request("POST", f"{SERVICE}/echo", body=b"abc").json()["body"] for _ in range(3)]
            assert answers == [b"abc".hex()] * 3
            assert pool.connection_from_url(SERVICE).num_connections == 1

    def test_httpx(self):
        with httpx.Client() as client:
            assert client.post(f"{SERVICE}/echo", json={"a": 1}).json()["type"] == "application/json"
            with client.stream("GET", f"{SERVICE}/lines") as answer:
                assert len(list(answer.iter_lines())) == 2000

    def test_httpx_async(self):
        async def main() -> Any:
            async with httpx.AsyncClient() as client:
                return (await client.post(f"{SERVICE}/echo", content=b"abc")).json()["body"]

        assert asyncio.run(main()) == b"abc".hex()

    def test_aiohttp(self):
        async def main() -> list[Any]:
            async with aiohttp.ClientSession() as session:
                found = []
                for _ in range(2):
                    async with session.post(f"{SERVICE}/echo", data=b"abc") as answer:
                        found.append((await answer.json())["body"])
                async with session.get(f"{SERVICE}/missing") as answer:
                    found.append(answer.status)
                return found

        assert asyncio.run(main()) == [b"abc".hex(), b"abc".hex(), 404]

    def test_aiohttp_asks_a_connection_what_asyncio_would_tell(self):
        async def main() -> list[Any]:
            async with aiohttp.ClientSession() as session, session.get(f"{SERVICE}/fault/dribble:9") as answer:
                assert answer.connection is not None
                transport: Any = answer.connection.transport
                found = [transport.is_reading(), transport.can_write_eof(), transport.get_write_buffer_size()]
                transport.close()
                transport.close()
                return [*found, transport.is_reading(), transport.is_closing()]

        assert asyncio.run(main()) == [True, False, 0, False, True]

    def test_pandas_and_astropy_by_address(self):
        frame = pandas.read_csv(f"{SERVICE}/curve.qdp", comment="!", sep=" ", skiprows=1, header=None)
        assert frame.shape == (2, 3)
        table = Table.read(f"{SERVICE}/curve.qdp", format="ascii.qdp", table_id=0, cache=False)
        assert len(table) == 2


BREAKS = {  # what each library raises where a connection is reset, lost, and too slow
    "urllib": (ConnectionResetError, ConnectionResetError, TimeoutError),
    "urllib3": (
        urllib3.exceptions.ProtocolError,
        urllib3.exceptions.ProtocolError,
        urllib3.exceptions.ReadTimeoutError,
    ),
    "httpx": (httpx.ReadError, httpx.RemoteProtocolError, httpx.ReadTimeout),
    "httpx async": (httpx.ReadError, httpx.RemoteProtocolError, httpx.ReadTimeout),
    "aiohttp": (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError, TimeoutError),
}


async def by_httpx(url: str) -> bytes:
    async with httpx.AsyncClient(timeout=20) as client:
        return (await client.get(url)).content


async def by_aiohttp(url: str) -> bytes:
    limit = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(timeout=limit) as session, session.get(url) as answer:
        return await answer.read()


LIBRARIES: dict[str, Callable[[str], bytes]] = {
    "urllib": lambda url: urllib.request.urlopen(url, timeout=20).read(),
    "urllib3": lambda url: urllib3.PoolManager().request("GET", url, timeout=20, retries=False).data,
    "httpx": lambda url: httpx.get(url, timeout=20).content,
    "httpx async": lambda url: asyncio.run(by_httpx(url)),
    "aiohttp": lambda url: asyncio.run(by_aiohttp(url)),
}


CUT = {  # what each library raises where a body breaks off
    "urllib": http.client.IncompleteRead,
    "httpx": httpx.RemoteProtocolError,
    "aiohttp": aiohttp.ClientPayloadError,
}


@pytest.mark.parametrize("library", ["urllib", "httpx", "httpx async", "aiohttp"])
def test_other_hosts_are_left_alone(clock, address, library):
    with intercept(lambda *_: pytest.fail("it was asked for another host"), clock):
        assert LIBRARIES[library](f"{address}/lines").startswith(b"line 0\nline 1\n")


@pytest.mark.parametrize("library", CUT)
def test_a_body_that_breaks_off_is_the_librarys_own_error(clock, library):
    with intercept(make_app(), clock), pytest.raises(CUT[library]):
        LIBRARIES[library](f"{SERVICE}/fault/cut:4")


def test_aiohttp_may_send_in_pieces(clock):
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    async def main() -> Any:
        async with aiohttp.ClientSession() as session, session.post(f"{SERVICE}/echo", data=pieces()) as answer:
            return (await answer.json())["body"]

    with intercept(make_app(), clock):
        assert asyncio.run(main()) == b"one two".hex()


def test_http_client_asks_a_connection_what_a_socket_would_tell(clock):
    connection = http.client.HTTPSConnection("www.swift.ac.uk", timeout=7)
    with intercept(make_app(), clock):
        connection.connect()
    descriptor = connection.sock.fileno()
    assert connection.sock.gettimeout() == 7
    assert select.select([descriptor], [], [], 0) == ([], [], [])
    del connection  # it was not closed
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(descriptor)


@pytest.mark.parametrize("library", ["urllib", "aiohttp"])
def test_a_bug_of_the_simulator_is_raised_where_the_call_is_made(clock, library):
    def broken(_environ, _start_response):
        raise ZeroDivisionError("a bug")

    with intercept(broken, clock), pytest.raises(ZeroDivisionError, match="a bug"):
        LIBRARIES[library](f"{SERVICE}/lines")


def test_a_slow_answer_moves_a_clock_that_the_program_does_not_share(clock):
    with intercept(make_app(), clock):
        assert LIBRARIES["aiohttp"](f"{SERVICE}/fault/delay:15") == b"0123456789"
    assert clock.now() == START + 15


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize("fault", ["delay:30", "delay:30;reset"])
def test_an_answer_that_comes_after_its_caller_has_left_is_dropped(clock, fault, monkeypatch):
    events: list[str] = []
    for name in ("data_received", "connection_lost"):
        monkeypatch.setattr(aiohttp.client_proto.ResponseHandler, name, lambda *_, name=name: events.append(name))

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await by_aiohttp(f"{SERVICE}/fault/{fault}")
        await asyncio.sleep(60)

    asyncio.run(main())
    assert events == ["connection_lost"]
    assert clock.now() > START + 80


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize("library", LIBRARIES)
class TestFaults:
    @pytest.mark.parametrize("fault", [0, 1, 2])
    def test_are_the_librarys_own_errors(self, clock, library, fault):
        with pytest.raises(BREAKS[library][fault]):
            LIBRARIES[library](f"{SERVICE}/fault/{('reset', 'lost', 'delay:30')[fault]}")
        assert 0 <= clock.now() - START - (20 if fault == 2 else 0) <= 1  # aiohttp waits until a whole second

    def test_a_slow_answer_takes_simulated_time(self, clock, library):
        assert LIBRARIES[library](f"{SERVICE}/fault/delay:10") == b"0123456789"
        assert LIBRARIES[library](f"{SERVICE}/fault/dribble:10") == b"0123456789"
        assert clock.now() - START == pytest.approx(20, abs=0.01)


@pytest.mark.usefixtures("inside")
class TestAHeartbeatBesideASlowAnswer:
    @pytest.mark.parametrize("ask", [by_httpx, by_aiohttp])
    def test_beats_each_second_in_an_event_loop(self, ask):
        async def main() -> int:
            beats = 0

            async def beat() -> None:
                nonlocal beats
                while True:
                    await asyncio.sleep(1)
                    beats += 1

            heart = asyncio.create_task(beat())
            await ask(f"{SERVICE}/fault/delay:15.5")
            heart.cancel()
            return beats

        assert asyncio.run(main()) == 15

    def test_beats_each_second_in_a_thread(self):
        beats, answered = [], threading.Event()

        def beat() -> None:
            while not answered.wait(1):
                beats.append(time.time())

        heart = threading.Thread(target=beat)
        heart.start()
        assert requests.get(f"{SERVICE}/fault/delay:30.5", timeout=60).ok
        answered.set()
        heart.join()
        assert len(beats) == 30


class TestThisMachine:
    @pytest.fixture(autouse=True)
    def proxy(self, monkeypatch):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setattr(urllib.request, "_opener", None)  # urllib reads them once, and keeps what it read
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)

    def test_is_not_asked_through_a_proxy(self):
        with MockServer() as server:
            assert requests.get(f"{server.url}/user_objects/register.php", timeout=30).ok
            assert Remote(server.url, None).ask("GET", "clock")["kind"] == "virtual"
        assert "no_proxy" not in os.environ
