"""Sessions are recorded without what is private, checked against contract and ledger, and replayed."""

from __future__ import annotations

import runpy
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner
from werkzeug.test import Client

from contracts import harness, recording
from contracts.bodies import OWNER
from contracts.cli import main as kit
from contracts.consumer import Recorder
from contracts.recording import Recorded
from mock_server import MockServer, Simulator
from mock_server.cli.commands import main as xrt_mock
from tests.contract.deviating import session

TUTORIAL = Path(__file__).parents[2] / "examples" / "tutorial.py"
ROOT = "/user_objects/"


@pytest.mark.parametrize("client", ["xrt_client", "swifttools.ukssdc.xrt_prods"])
@pytest.mark.filterwarnings("ignore")
def test_the_tutorial_is_recorded_checked_and_replayed(tmp_path, monkeypatch, client):
    made: list[Recorded] = []
    source = TUTORIAL.read_text(encoding="utf-8").replace("import xrt_client as", f"import {client} as")
    script = tmp_path / "tutorial.py"
    script.write_text(source, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["tutorial.py", "results"])
    with Simulator() as simulator, simulator.intercept():
        monkeypatch.setattr("time.sleep", simulator.clock.sleep)

        def watch(exchange: harness.Exchange) -> None:
            made.append(Recorded(simulator.clock.now(), 0.1, exchange))

        with Recorder(watch=watch), suppress(SystemExit):
            runpy.run_path(str(script), run_name="__main__")
    file = tmp_path / "session.jsonl"
    recording.write(file, made)
    text = file.read_text(encoding="utf-8")
    assert "myinstitute" not in text
    assert "user1@example.org" in text
    checked = CliRunner().invoke(kit, ["contract", "check", str(file)])
    assert checked.exit_code == 0, checked.output[-2000:]
    replayed = CliRunner().invoke(xrt_mock, ["replay", str(file)])
    assert replayed.exit_code == 0, replayed.output[-2000:]


def test_a_program_is_recorded_and_answered_from_the_recording(tmp_path):
    program = "import xrt_client; print(xrt_client.countActiveJobs('me@institute.example.org'))"
    file = tmp_path / "session.jsonl"
    command = ["--", sys.executable, "-c", program]
    with MockServer() as server:
        done = CliRunner().invoke(xrt_mock, ["record", "--service", server.url, "--to", str(file), *command])
    assert done.exit_code == 0, done.output
    (made,) = recording.read(file)
    assert made.exchange.request["UserID"] == "user1@example.org"
    assert CliRunner().invoke(xrt_mock, ["replay", str(file), *command]).exit_code == 0
    other = ["--", sys.executable, "-c", "import xrt_client; xrt_client.listOldJobs('me@institute.example.org')"]
    done = CliRunner().invoke(xrt_mock, ["replay", str(file), *other])
    assert done.exit_code == 1
    assert "no answer to POST /user_objects/listOldJobs.php" in done.output


def test_what_passes_through_an_app_is_recorded():
    with Simulator() as simulator:
        listener = recording.Listener(simulator.app)
        answer = Client(listener).post(f"{ROOT}getNumJobs.php", json={"UserID": OWNER})
    (made,) = listener.made
    assert answer.get_json(force=True) == made.exchange.body
    assert made.exchange.request == {"UserID": OWNER}
    assert made.exchange.label == "text/html"


UNIGNORED = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_proxy_passes_calls_on_to_a_service_and_records_them(ending, tmp_path):
    file, ca = tmp_path / "session.jsonl", tmp_path / "ca.pem"
    options = ["--port", "0", "--ca", str(ca), "--record", str(file)]
    with MockServer() as server:
        command = [sys.executable, "-m", "mock_server.cli", "proxy", *options, "--service", server.url]
        # where this suite runs in the background, programs ignore SIGINT, and so would the proxy
        program = [sys.executable, "-c", UNIGNORED, *command]
        with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as proxy:
            try:
                assert proxy.stdout is not None
                address = proxy.stdout.readline().split()[2].rstrip(",")
                answer = requests.post(
                    f"https://www.swift.ac.uk{ROOT}getNumJobs.php",
                    json={"UserID": "me@institute.example.org"},
                    proxies={"https": address},
                    verify=str(ca),
                    timeout=60,
                )
            finally:
                proxy.send_signal(ending)
                said = proxy.communicate(timeout=60)[1]
        asked = [call["operation"] for call in requests.get(f"{server.url}/_mock/journal", timeout=60).json()]
    assert answer.json()["numJobs"] == 0
    assert asked == ["getNumJobs"]
    assert f"1 exchanges in {file}" in said
    (made,) = recording.read(file)
    assert made.exchange.request == {"UserID": "user1@example.org"}
    assert CliRunner().invoke(kit, ["contract", "check", str(file)]).exit_code == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--service", "http://127.0.0.1:1"], "needs --record"),
        (["--service", "https://www.swift.ac.uk"], "--i-know-this-is-the-real-service"),
    ],
)
def test_the_proxy_passes_calls_on_only_with_consent_and_a_recording(tmp_path, options, words):
    done = CliRunner().invoke(xrt_mock, ["proxy", "--ca", str(tmp_path / "ca.pem"), *options])
    assert done.exit_code == 2
    assert words in done.output


def test_the_real_service_is_recorded_only_with_consent(tmp_path):
    command = ["record", "--service", "https://www.swift.ac.uk", "--to", str(tmp_path / "f"), "--", "true"]
    done = CliRunner().invoke(xrt_mock, command)
    assert done.exit_code == 2
    assert "--i-know-this-is-the-real-service" in done.output


def test_entries_for_the_ledger_are_proposed(tmp_path):
    file = tmp_path / "session.jsonl"
    with Simulator() as simulator:
        recording.write(file, session(simulator))
    done = CliRunner().invoke(kit, ["contract", "check", str(file), "--to-ledger"])
    assert 'evidence = "observed"' in done.output
    assert "U28" in done.output


def test_what_is_no_recording_is_an_error(tmp_path):
    file = tmp_path / "session.jsonl"
    file.write_text("{}\n", encoding="utf-8")
    done = CliRunner().invoke(kit, ["contract", "check", str(file)])
    assert done.exit_code == 2
    assert "is no recording" in done.output


def test_stand_ins_are_the_same_for_the_same_person_and_hide_tokens():
    known = recording.StandIns()
    assert known.text("a@b.org, c@d.org, A@b.org") == "user1@example.org, user2@example.org, user1@example.org"
    assert known.text("register.php?confirm=s3cret") == "register.php?confirm=token1"


def test_a_server_that_answers_otherwise_than_a_recording_is_named() -> None:
    waited: list[float] = []
    user = {"UserID": OWNER}
    with Simulator() as simulator:
        listener = recording.Listener(simulator.app)
        client = Client(listener)
        client.post(f"{ROOT}getNumJobs.php", json=user)
        client.post(f"{ROOT}listOldJobs.php", json=user)
        client.get(f"{ROOT}register.php")
        made = [replace(each, at=at) for each, at in zip(listener.made, (100.0, 130.5, 120.0), strict=True)]
        assert recording.differences(made, harness.backend(simulator.app), waited.append) == []
    assert waited == [0.0, 30.5, 0.0]

    def other(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/html")])
        return [b'{"OK":0,"ERROR":"no","APIVersion":"1.12"}' if "getNum" in environ["PATH_INFO"] else b'{"jobs":3}']

    found = recording.differences(made, harness.backend(other), waited.append)
    assert found[0] == (
        "POST /user_objects/getNumJobs.php: recorded 200 text/html ActiveJobs, "
        "the simulator answers 200 text/html Refusal"
    )
    assert found[1].endswith("recorded 200 text/html OldJobs, the simulator answers 200 text/html outside the contract")
    assert found[2].endswith("recorded 200 text/html, the simulator answers 200 text/html outside the contract")


def test_a_recording_may_hold_requests_that_are_no_object() -> None:
    calls = [("POST", b"[1]"), ("POST", b"no JSON"), ("GET", b"")]
    headers = {"Content-Type": "text/plain"}
    made = [harness.exchange(method, "/x", data, 200, headers, data or b"none") for method, data in calls]
    replayed = Client(recording.Replayed([Recorded(0.0, 0.1, each) for each in made]))
    assert [replayed.open("/x", method=method, data=data).text for method, data in calls] == ["[1]", "no JSON", "none"]
