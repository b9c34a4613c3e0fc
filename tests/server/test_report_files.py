"""The report as a file: complete, equal for equal runs, and readable by other tools."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from mock_server.core.journal import Entry, Journal
from mock_server.reports.files import FORMATS, Material, render_report
from mock_server.reports.limits import Gate, Limit, parse_limits


@pytest.fixture
def material(sim, ask) -> Material:
    for operation in ("getNumJobs", "listOldJobs"):
        ask(f"{operation}.php")
    sim.clock.advance(90)
    ask("getNumJobs.php", UserID="<script>alert(1)</script>")
    limits = parse_limits("refused>0,active>5")
    report = sim.report() | {"jobs": sim.report()["jobs"] | {"submissions_refused": 2}}
    return Material(report, [limit.judge(report) for limit in limits], sim.controls.jobs(), sim.journal)


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "html"])  # a page has a test of its own
def test_the_same_material_gives_the_same_bytes(material, form):
    assert render_report(form, material) == render_report(form, material)


def test_json_is_the_report_itself(material):
    assert json.loads(render_report("json", material)) == material.report


def test_junit_has_a_case_for_each_limit_and_a_failure_for_each_broken_one(material):
    suite = ElementTree.fromstring(render_report("junit", material))
    assert suite.attrib["tests"] == "2"
    failed = {case.attrib["name"] for case in suite.iter("testcase") if case.find("failure") is not None}
    assert failed == {"refused>0"}


def test_the_page_is_self_contained_escapes_input_and_is_the_same_for_the_same_material(material):
    page = render_report("html", material)
    assert render_report("html", material) == page
    assert page.count("<svg") == 1
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert 'src="http' not in page
    assert 'href="http' not in page


def test_the_page_of_many_calls_stays_small(material):
    operations = ("checkProductStatus", "getNumJobs", "run_userobject", "downloadProduct", "listOldJobs")
    calls = Journal(Entry(18.0 * k, operations[k % 5], f"u{k % 50}@example.org") for k in range(100_000))
    assert len(render_report("html", material._replace(journal=calls))) < 2_000_000


def shades(material: Material, *outcomes: str) -> int:
    calls = [Entry(60.0 * k, "getNumJobs", outcome=outcome) for k, outcome in enumerate(outcomes)]
    return render_report("html", material._replace(journal=Journal(calls))).count("opacity: 0.2")


def test_each_outage_is_drawn_on_the_axis_of_calls_and_jobs(material):
    without = shades(material, "ok", "ok")
    assert shades(material, "ok", "outage", "outage", "ok", "outage") - without == 2 * 3  # on each of three drawings


def test_text_begins_with_the_verdict_and_every_limit(material):
    assert render_report("text", material).splitlines()[:3] == [
        "FAILED",
        "  FAILED  submissions refused: 2 (fails if refused>0)",
        "  passed  most jobs active at a time: 0 (fails if active>5)",
    ]


def ended(code: int | None = 1, **more: object) -> dict[str, object]:
    return {"copy": None, "exit_code": code, "signal": None, "exception": None, "where": None} | more


CRASHED = ended(exception="KeyError: 'x'", where="a.py:7")


@pytest.mark.parametrize(
    ("programs", "lines"),
    [
        ([ended(0)], ["PASSED", "  passed  the program ended with exit code 0"]),
        ([CRASHED], ["FAILED", "  FAILED  the program ended with exit code 1: KeyError: 'x', at a.py:7"]),
        ([ended(137, signal="SIGKILL")], ["FAILED", "  FAILED  the program was ended by SIGKILL"]),
        ([ended(None)], ["FAILED", "  FAILED  the program did not end"]),
        (
            [ended(0, copy=0), ended(3, copy=1)],
            [
                "FAILED",
                "  passed  copy 0 of the program ended with exit code 0",
                "  FAILED  copy 1 of the program ended with exit code 3",
            ],
        ),
    ],
)
def test_the_verdict_says_how_the_program_ended(material, programs, lines):
    found = material._replace(report=material.report | {"programs": programs}, gates=[])
    text = render_report("text", found).splitlines()
    assert text[: len(lines)] == lines
    assert text[len(lines)].startswith("jobs submitted")
    markdown = render_report("markdown", found).splitlines()
    assert markdown[0] == f"## xrt-mock: {lines[0]}"
    assert markdown[2] == f"- `{lines[1].strip()}`"


def test_a_run_that_crashed_is_a_failed_case_for_a_build_server(material):
    found = material._replace(report=material.report | {"programs": [CRASHED]}, gates=[])
    suite = ElementTree.fromstring(render_report("junit", found))
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("1", "1")
    (case,) = suite.iter("testcase")
    assert case.attrib["name"] == "program"
    failure = case.find("failure")
    assert failure is not None
    assert failure.attrib["message"] == "the program ended with exit code 1: KeyError: 'x', at a.py:7"


def test_markdown_shows_any_text_as_it_is(material):
    crash = ended(exception="ValueError: a ``` and <b>", where="a.py:7")
    text = render_report("markdown", material._replace(report=material.report | {"programs": [crash]}))
    assert "````text\n" in text
    assert text.endswith("````\n")


@pytest.mark.parametrize("form", FORMATS)
def test_any_path_that_was_asked_for_can_be_in_a_report(sim, form):
    for path in ("a%00b%01c", "%EF%BF%BF%F0%9F%98%80", "%FF%ED%A0%80", "<x>&amp;%1B[31m"):
        sim.app.test_client().get(f"/nowhere/{path}")
    where = "a\x01.py\ud800:3"
    sim.store.note(Entry(sim.clock.now(), "getNumJobs", where="a\x01.py:3"))
    report = sim.report() | {"duplicated_submissions": [{"name": where, "jobs": [1, 2], "where": where}]}
    gate = Gate(Limit("active", ">", 5), 6, "\x02.py:1", True)
    material = Material(report, [gate], [], sim.journal)
    text = render_report(form, material)
    text.encode()
    if form == "junit":
        ElementTree.fromstring(text)
    assert form == "json" or not set(text) & {"\0", "\x01", "\x02", "\ud800"}
