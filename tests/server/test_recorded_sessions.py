"""``xrt-mock proxy``, ``record`` and ``replay``, in this process: what they answer, write down and refuse."""

from __future__ import annotations

import signal
import socket
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import requests
from click.testing import CliRunner, Result
from werkzeug.test import Client

from contracts import recording
from mock_server import MockServer, Simulator
from mock_server.cli import proxy
from mock_server.cli.commands import main

from .conftest import IMAGE, ME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from contracts.recording import Recorded

STATUS = "/user_objects/checkProductStatus.php"


def command(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


# record and replay -----------------------------------------------------------------------------------------------


@pytest.fixture
def made() -> list[Recorded]:
    """A session in which a job is submitted and its status asked for."""
    with Simulator() as simulator:
        listener = recording.Listener(simulator.app)
        client = Client(listener)
        client.post("/user_objects/run_userobject.php", json=IMAGE)
        client.post(STATUS, json={"UserID": ME, "JobID": 1, "what": "image"})
    return listener.made


def test_a_recording_of_the_simulator_is_answered_alike(tmp_path, made):
    file = tmp_path / "session.jsonl"
    recording.write(file, made)
    done = command("replay", file)
    assert (done.exit_code, done.output) == (0, "the simulator answers all 2 requests alike\n")


def test_an_answer_of_another_kind_than_the_recorded_one_is_listed(tmp_path, made):
    file = tmp_path / "session.jsonl"
    submitted, asked = made
    recording.write(file, [submitted, replace(asked, exchange=replace(asked.exchange, status=503))])
    done = command("replay", file)
    (line,) = done.output.splitlines()
    assert (done.exit_code, line.startswith(f"POST {STATUS}: recorded 503 ")) == (1, True)
    assert ", the simulator answers 200 text/html " in line


def test_a_program_that_is_not_there_is_named(tmp_path):
    done = command("record", "--to", tmp_path / "session.jsonl", "--", "no-such-program", "--help")
    assert (done.exit_code, "no-such-program is no program on the PATH" in done.output) == (2, True)
    assert list(tmp_path.iterdir()) == []


# proxy -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def while_it_waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[], object]], None]]:
    """A function that says what happens while the proxy waits to be ended; then it is terminated."""
    before = signal.getsignal(signal.SIGTERM)

    def set_up(happens: Callable[[], object]) -> None:
        def wait() -> None:
            happens()
            assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler  # else these tests would end
            signal.raise_signal(signal.SIGTERM)

        monkeypatch.setattr(proxy, "threading", SimpleNamespace(Event=lambda: SimpleNamespace(wait=wait)))

    yield set_up
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.mark.parametrize("kept", ["nothing", "the simulator's answers", "the service's answers"])
def test_the_proxy_answers_and_keeps_what_it_is_asked_to_until_it_is_terminated(
    kept, tmp_path, while_it_waits, free_port
):
    file, ca, answers = tmp_path / "session.jsonl", tmp_path / "ca.pem", list[int]()

    def count() -> None:
        answer = requests.post(
            "https://www.swift.ac.uk/user_objects/getNumJobs.php",
            json={"UserID": ME},
            proxies={"https": f"http://127.0.0.1:{free_port}"},
            verify=str(ca),
            timeout=60,
        )
        answers.append(answer.json()["numJobs"])

    while_it_waits(count)
    with MockServer() as service:
        service.jobs.submit(IMAGE)
        options = ["--record", file] if kept != "nothing" else []
        options += ["--service", service.url] if kept == "the service's answers" else []
        done = command("proxy", "--port", free_port, "--ca", ca, *options)
    exchanges = [] if kept == "nothing" else [f"1 exchanges in {file}"]
    address = f"http://127.0.0.1:{free_port}"
    assert done.output.splitlines() == [f"listening on {address}, certificate in {ca}", *exchanges, "stopped"]
    assert (done.exit_code, answers) == (0, [1 if kept == "the service's answers" else 0])
    found = recording.read(file) if file.exists() else []
    assert [one.exchange.body["numJobs"] for one in found] == (answers if exchanges else [])


def test_the_proxy_says_that_its_port_is_taken(tmp_path):
    ca = tmp_path / "ca.pem"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = command("proxy", "--port", port, "--ca", ca)
    assert (done.exit_code, ca.exists()) == (2, False)
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in done.output
    assert "try --port 0" in done.output
