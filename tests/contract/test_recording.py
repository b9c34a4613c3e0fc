"""Sessions are recorded without what is private, checked against contract and ledger, and replayed."""

from __future__ import annotations

import json
import runpy
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from contracts import documents, harness, observed, recording
from contracts.bodies import EVERYTHING, IMAGE, OWNER
from contracts.cli import main as kit
from contracts.consumer import Recorder
from contracts.recording import Recorded
from mock_server import MockServer, Simulator
from mock_server.cli.commands import main as xrt_mock

if TYPE_CHECKING:
    from collections.abc import Callable

TUTORIAL = Path(__file__).parents[2] / "examples" / "tutorial.py"
ROOT = "/user_objects/"


def session(app: Any, advance: Callable[[float], object], now: Callable[[], float]) -> list[Recorded]:
    """Return the exchanges of a session that meets many rules of the ledger."""
    made: list[Recorded] = []
    backend = harness.Watched(harness.backend(app), lambda exchange: made.append(Recorded(now(), 0.1, exchange)))

    def ask(operation: str, **body: Any) -> Any:
        return backend.call("POST", f"{ROOT}{operation}.php", {"UserID": OWNER, **body}).body

    job = ask("run_userobject", **EVERYTHING, api_name="xrt_prods", api_version="1.12")["JobID"]
    ask("run_userobject", **IMAGE)
    ask("getNumJobs")
    ask("checkProductStatus", JobID=job, what="lc,spec,psf,nonsense")
    ask("tprods/getPSFPos", JobID=job)
    backend.call("GET", f"{ROOT}tprods/USERPROD_{job}/psf.zip")
    ask("canceljob", JobID=job, what="image,nonsense")
    ask("canceljob", JobID=job, what="image")
    ask("checkProductStatus", JobID=987654, what="lc")
    advance(2e5)
    ask("checkProductStatus", JobID=job, what="lc,spec,psf")
    for name in ("PSFPos", "AstromPos", "SourceDetResults", "LCData", "SpecData"):
        ask(f"tprods/get{name}", JobID=job)
    backend.call("GET", f"{ROOT}tprods/USERPROD_{job}/psf.zip")
    backend.call("GET", f"{ROOT}tprods/USERPROD_{job}")
    ask("listOldJobs")
    return made


def change_pars(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda body: body["jobPars"].update(values) if "jobPars" in body else None


def change(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda body: body.update(values)


def each_status(code: int | None, text: str) -> Callable[[dict[str, Any]], None]:
    def edit(body: dict[str, Any]) -> None:
        for entry in body.values():
            if isinstance(entry, dict) and entry.get("statusCode", 0) == code:
                entry["statusText"] = text

    return edit


def texts_of_cancel(body: dict[str, Any]) -> None:
    for name, code in body.get("statusCodes", {}).items():
        if code == 2:
            body["status"][name] = "no"


def fields_of_sources(body: dict[str, Any]) -> None:
    for band in body.values():
        for source in band if isinstance(band, list) else ():
            source.pop("SNR", None)


def bands_in_lower_case(body: dict[str, Any]) -> None:
    for key in [key for key, value in body.items() if isinstance(value, list)]:
        body[key.lower()] = body.pop(key)


def numbers_for_text(body: dict[str, Any]) -> None:
    body.update({key: float(body[key]) for key in ("RA", "Dec") if key in body})


def other_files(body: dict[str, Any]) -> None:
    for table in body.values():
        if isinstance(table, dict) and "URL" in table:
            table["URL"] = table["URL"].replace(".qdp", ".pl")


def no_key_in(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda body: body.pop(key, None) and None


DEVIATIONS: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "U1": ("getNumJobs", change(APIVersion="1.13")),
    "U2": ("checkProductStatus", each_status(1, "Waiting")),
    "U3": ("canceljob", texts_of_cancel),
    "U17": ("checkProductStatus", lambda b: b.update(ERROR="No such job exists") if b.get("OK") == 0 else None),
    "U18": ("checkProductStatus", each_status(None, "?")),
    "U20": ("getSourceDetResults", fields_of_sources),
    "U28": ("checkProductStatus", lambda b: b.update(JobID=str(b["JobID"])) if b.get("OK") else None),
    "U39": ("listOldJobs", lambda b: [job.update(SourceDet=True) for job in b["jobs"]]),
    "U41": ("canceljob", lambda b: b.update(OK=1)),
    "C1": ("getPSFPos", no_key_in("APIVersion")),
    "C2": ("run_userobject", change_pars(lcobs=0)),
    "C3": ("run_userobject", change_pars(centMeth=2)),
    "C4": ("run_userobject", change_pars(poserr=60)),
    "C5": ("run_userobject", change_pars(getTargs=0)),
    "C6": ("run_userobject", change_pars(useSXPS="2SXPS")),
    "C7": ("run_userobject", change_pars(minsnr=2.4)),
    "C8": ("run_userobject", change_pars(hrbin=1)),
    "C11": ("run_userobject", change_pars(doNotFit=1)),
    "C18": ("getSpecData", no_key_in("GalNH_unfitted")),
    "C20": ("getAstromPos", numbers_for_text),
    "C21": ("getSourceDetResults", bands_in_lower_case),
    "C25": ("getLCData", other_files),
}
"""Deviations from the ledger: the operation, and what changes in its answer."""


class Deviating:
    """WSGI app that passes calls to another and applies all deviations to the answers."""

    def __init__(self, app: Any) -> None:
        self._client = Client(app)

    def wsgi_app(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        answer = self._client.open(request.path, method=request.method, data=request.get_data())
        operation = documents.operation_for(request.method, request.path)
        data = answer.get_data()
        label = answer.headers["Content-Type"]
        answer.close()
        if data[:1] == b"{":
            body = json.loads(data)
            for where, edit in DEVIATIONS.values():
                if where == operation:
                    edit(body)
            data = json.dumps(body).encode()
        return Response(data, answer.status_code, content_type=label)(environ, start_response)

    __call__ = wsgi_app


def states(made: list[Recorded]) -> dict[str, set[str]]:
    _findings, verdicts = observed.check(made)
    return {state: {v.id for v in verdicts if v.state == state} for state in ("seen", "contradicted", "not met")}


def test_a_right_server_contradicts_no_rule_and_shows_many():
    with Simulator() as simulator:
        made = session(simulator.app, simulator.clock.advance, simulator.clock.now)
    findings, _verdicts = observed.check(made)
    found = states(made)
    assert not findings
    assert not found["contradicted"]
    assert found["seen"] >= DEVIATIONS.keys()


def test_every_planted_deviation_is_named_and_no_other():
    assert len(DEVIATIONS) >= 20
    with Simulator() as simulator:
        made = session(Deviating(simulator.app), simulator.clock.advance, simulator.clock.now)
    assert states(made)["contradicted"] == set(DEVIATIONS)


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
        recording.write(file, session(simulator.app, simulator.clock.advance, simulator.clock.now))
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
