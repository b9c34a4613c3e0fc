"""Commands of the kit."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from flask import Flask
from werkzeug.test import Client

from contracts import documents, harness, probes, provider, recording
from contracts.bodies import LIGHT_CURVE, OWNER
from contracts.cli import _calling, _pacer, main
from contracts.consumer import Answering
from mock_server import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def run(*arguments: str, answer: str = ""):
    return CliRunner().invoke(main, arguments, input=answer)


def silent(_environ, start_response):
    """Server with the same wrong answer to every call."""
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b'{"OK":1}']


silent.wsgi_app = None  # type: ignore[attr-defined]  # apps have this name, factories do not


def served(environ, start_response):
    """Server of the test that runs."""
    return SERVED[0](environ, start_response)


served.wsgi_app = None  # type: ignore[attr-defined]
SERVED: list[Any] = []


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A simulator that `served` passes calls on to."""
    with Simulator() as simulator:
        SERVED[:] = [simulator.app]
        yield simulator


@pytest.fixture
def one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every command ask one question only."""
    name = "the_documented_curl_call_works"
    for module in ("contracts.probes", "contracts.probes.asking"):
        monkeypatch.setattr(f"{module}.PROBES", {name: probes.PROBES[name]})


fake = Flask("fake")
"""Server with one operation, as somebody may write it in five minutes."""


@fake.post("/user_objects/getNumJobs.php")
def _count():
    return {"OK": 1, "numJobs": "0", "APIVersion": "1.12"}


def test_lint_finds_the_documents_in_order():
    done = run("contract", "lint")
    assert done.exit_code == 0, done.output
    assert "in order" in done.output


def test_diff_names_the_side_that_a_change_breaks(tmp_path):
    text = documents.source("openapi/jobs.yaml")
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(text, encoding="utf-8")
    changed = documents.parse_yaml(text)
    changed["components"]["schemas"]["UserQuery"]["required"].append("token")
    new.write_text(json.dumps(changed), encoding="utf-8")
    assert run("contract", "diff", str(old), str(old)).output == "nothing changed\n"
    done = run("contract", "diff", str(old), str(new))
    assert done.exit_code == 1
    assert "breaks clients   getNumJobs request token: is mandatory now" in done.output


def test_verify_reports_in_words_what_is_wrong_with_a_server():
    done = run("verify", "tests.contract.test_cli:silent", "--questions-only")
    assert done.exit_code == 1
    assert '"numJobs" is a required property' in done.output
    assert "It gives jobs no number" in done.output
    assert "not seen, because the server has no control interface to move its clock: a_" in done.output
    assert "to do: change the answer at this place" in done.output
    assert "Error(" not in done.output


def test_verify_says_what_is_absent_and_names_a_wrong_body_behind_a_wrong_label():
    done = run("verify", "tests.contract.test_cli:fake", "--questions-only")
    assert done.exit_code == 1
    first = done.output.partition("findings\n")[2].splitlines()[0]
    assert first.endswith("the server does not have it: every call was answered with HTTP 404 [absent]")
    assert 'numJobs: "0" is not of type "integer"' in done.output
    assert "it is labelled application/json, not text/html" in done.output
    assert "Error(" not in done.output


def test_verify_asks_only_what_it_is_asked_to_and_writes_a_report_for_continuous_integration(tmp_path):
    report = tmp_path / "report.xml"
    done = run("verify", "tests.contract.test_cli:fake", "--only", "*curl*", "--junit", str(report), "--json")
    assert done.exit_code == 1
    assert {cause["rule"] for cause in json.loads(done.stdout)["findings"]} >= {"answer_is_documented"}
    suite = ElementTree.fromstring(report.read_text(encoding="utf-8"))
    assert "the_documented_curl_call_works" in [case.get("name") for case in suite]
    assert suite.find("testcase/failure") is not None


def test_verify_says_what_was_not_met_and_how_long_it_takes():
    done = run("verify", "tests.contract.test_cli:fake", "--only", "*curl*", "--json")
    found = json.loads(done.stdout)
    assert "answer getPSFPos: PositionFound" in found["not_met"]
    assert "request getNumJobs: UserQuery" not in found["not_met"]
    assert all(not name.startswith("HTTP failure") for name in found["not_met"])
    done = run("verify", "tests.contract.test_cli:fake", "--only", "*curl*")
    assert "about 14 calls, about 1 s" in done.stderr
    assert "not met, because no call led to it (answer): " in done.stdout


def test_verify_names_similar_questions():
    done = run("verify", "tests.contract.test_cli:fake", "--only", "the_documented_curl_cal")
    assert done.exit_code == 2
    assert "similar names: the_documented_curl_call_works" in done.output


def test_coverage_lists_what_was_not_exercised_and_writes_both_forms(tmp_path):
    page, data = tmp_path / "matrix.html", tmp_path / "matrix.json"
    done = run("contract", "coverage", "tests.contract.test_cli:silent", "--html", str(page), "--json", str(data))
    assert done.exit_code == 0, done.output
    assert "not exercised: answer getNumJobs: ActiveJobs" in done.output
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert json.loads(data.read_text(encoding="utf-8"))


@pytest.mark.parametrize("arguments", [(), ("--live",), ("--user", "me@example.org")])
def test_the_real_service_is_not_called_without_both_consent_and_address(arguments):
    done = run("verify", "https://www.swift.ac.uk", *arguments)
    assert done.exit_code == 2
    assert "is the real service" in done.output


def test_the_real_service_is_not_called_without_a_yes():
    done = run("verify", "https://www.swift.ac.uk", "--live", "--user", "me@example.org", answer="n\n")
    assert done.exit_code == 1
    assert "This will send 2 requests" in done.output
    assert "getNumJobs.php" in done.output


def test_calls_to_the_real_service_keep_their_distance():
    slept: list[float] = []
    wait = _pacer(12.0, slept.append)
    for _ in range(3):
        wait()
    assert slept == [12.0, 12.0]


def test_colours_are_left_out_where_they_are_not_wanted() -> None:
    colours = CliRunner(env={"NO_COLOR": ""}).invoke(main, ["contract", "lint"], color=True)
    assert colours.output == "\x1b[32mThe documents are in order.\x1b[0m\n"
    plain = CliRunner(env={"NO_COLOR": "1"}).invoke(main, ["contract", "lint"], color=True)
    assert plain.output == "The documents are in order.\n"


def test_calls_are_counted_where_somebody_looks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    exchange = harness.exchange("GET", "/x", b"", 200, {}, b"")
    seen: list[harness.Exchange] = []
    for looks in (False, True):
        monkeypatch.setattr(sys.stderr, "isatty", lambda looks=looks: looks)
        with _calling("here", "questions", seen.append) as count:
            count(exchange)
            count(exchange)
        assert capsys.readouterr().err == ("\rquestions: 1 calls\rquestions: 2 calls\n" if looks else "")
    assert seen == [exchange] * 4


@pytest.mark.usefixtures("one_question")
def test_generated_calls_are_reported_and_their_jobs_cancelled(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    active: list[int] = []

    def run(app: Any, *, url: str | None, examples: int, watch: Any, history: Any, tick: Any, **_more: Any) -> Any:
        """Submit jobs as generated calls do; many thousand of those would take minutes."""
        assert (url, examples) == (None, 2)
        backend = harness.backend(app)
        for _ in range(22):
            made = backend.call("POST", "/user_objects/run_userobject.php", LIGHT_CURVE)
            watch(made)
            history.observe(made)
            if not active:
                job = {"UserID": OWNER, "JobID": 1, "what": probes.ALL}
                history.observe(backend.call("POST", "/user_objects/canceljob.php", job))
            tick()
            active.append(backend.call("POST", "/user_objects/getNumJobs.php", {"UserID": OWNER}).body["numJobs"])
        return provider.Verdict(cases=Counter(coverage=22), warnings=["getNumJobs: no body was made"])

    monkeypatch.setattr(provider, "run", run)
    done = CliRunner().invoke(main, ["verify", "tests.contract.test_cli:served", "--examples", "2"])
    assert done.exit_code == 1, done.output
    assert active == [*range(21), 20]
    cancelled = [call.job_id for call in simulator.journal if call.operation == "canceljob"]
    assert cancelled == list(range(1, 23))
    answer = harness.backend(simulator.app).call("POST", "/user_objects/getNumJobs.php", {"UserID": OWNER})
    assert answer.body["numJobs"] == 0
    assert "2 questions to 1 operations and 22 generated calls: 0 kinds of findings" in done.output
    assert "could not be checked: getNumJobs: no body was made" in done.output


def test_two_calls_to_the_real_service_are_checked(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contracts.cli.LIVE_PAUSE_S", 0.0)
    arguments = ("verify", "https://www.swift.ac.uk", "--live", "--user", OWNER)
    with simulator.intercept():
        done = run(*arguments, answer="y\n")
    assert done.exit_code == 0, done.output
    assert done.output.endswith("Both answers keep the contract.\n")
    assert [call.operation for call in simulator.journal] == ["getNumJobs", "listOldJobs"]
    with Answering(body={"OK": 1, "APIVersion": "1.12"}):
        done = run(*arguments, answer="y\n")
    assert done.exit_code == 1
    for name in ("numJobs", "jobs"):
        assert f'"{name}" is a required property' in done.output


def test_diff_lists_changes_that_break_no_side_with_success(tmp_path: Path) -> None:
    body = {"required": True, "content": {"application/json": {"schema": {"type": ["string", "null"]}}}}
    document: dict[str, Any] = {"paths": {"/x": {"post": {"operationId": "op", "requestBody": body, "responses": {}}}}}
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(document), encoding="utf-8")
    new.write_text(json.dumps(document).replace('["string", "null"]', '["null", "string"]'), encoding="utf-8")
    done = run("contract", "diff", str(old), str(new))
    assert done.exit_code == 0
    words = 'type was ["string", "null"], is ["null", "string"]'
    assert done.output == f"breaks nothing   op request: {words}\n"
    assert json.loads(run("contract", "diff", str(old), str(new), "--json").output) == {
        "breaks": [],
        "changes": [{"breaks": "nothing", "where": "op request", "what": words, "examples": []}],
    }


@pytest.fixture
def recorded(simulator: Simulator, tmp_path: Path) -> Path:
    """Record two calls; the second has an answer that breaks the contract."""
    listener = recording.Listener(simulator.app)
    Client(listener).post("/user_objects/getNumJobs.php", json={"UserID": OWNER})
    wrong = recording.Listener(silent)
    Client(wrong).post("/user_objects/getNumJobs.php", json={"UserID": OWNER})
    file = tmp_path / "session.jsonl"
    recording.write(file, [*listener.made, *wrong.made])
    return file


def test_a_recording_is_checked_in_three_forms(recorded: Path) -> None:
    done = run("contract", "check", str(recorded))
    assert done.exit_code == 1
    assert '"numJobs" is a required property' in done.output
    assert done.output.endswith(", 1 findings\n")
    as_json = run("contract", "check", str(recorded), "--json")
    assert as_json.exit_code == 1
    found = json.loads(as_json.output)
    assert [cause["rule"] for cause in found["findings"]] == ["answer_is_documented"]
    seen = [verdict["id"] for verdict in found["rules"] if verdict["state"] == "seen"]
    proposals = run("contract", "check", str(recorded), "--to-ledger").output
    assert [line.split(":")[0] for line in proposals.splitlines() if line.startswith("#")] == [
        f"# {rule}" for rule in seen
    ]
    assert proposals.count('evidence = "observed"') == len(seen)


def test_the_exported_document_may_name_another_server(tmp_path: Path) -> None:
    file = tmp_path / "document.json"
    assert run("contract", "export", "--server", "http://127.0.0.1:8000", str(file)).exit_code == 0
    document = json.loads(file.read_text(encoding="utf-8"))
    assert document.pop("servers") == [{"url": "http://127.0.0.1:8000"}]
    assert document == {key: value for key, value in documents.load().items() if key != "servers"}


@pytest.mark.usefixtures("one_question", "simulator")
def test_coverage_prints_the_matrix_in_short_or_as_json() -> None:
    short = run("contract", "coverage", "tests.contract.test_cli:served")
    assert short.output.splitlines()[0].split() == ["cells", "provider"]
    assert "not exercised: operation canceljob" in short.output
    assert "not exercised: operation getNumJobs" not in short.output
    rows = json.loads(run("contract", "coverage", "tests.contract.test_cli:served", "--json", "-").stdout)
    assert [row["name"] for row in rows if row["group"] == "operation" and row["provider"]] == ["getNumJobs"]
