"""Commands of the kit."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from flask import Flask

from contracts import documents
from contracts.cli import _pacer, main


def run(*arguments: str, answer: str = ""):
    return CliRunner().invoke(main, arguments, input=answer)


def silent(_environ, start_response):
    """Server with the same wrong answer to every call."""
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b'{"OK":1}']


silent.wsgi_app = None  # type: ignore[attr-defined]  # apps have this name, factories do not


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
