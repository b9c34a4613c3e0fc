"""The report as a file: complete, equal for equal runs, and readable by other tools."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from mock_server.core.journal import Entry
from mock_server.reports.files import FORMATS, Material, render_report
from mock_server.reports.limits import broken_limits, parse_limits


@pytest.fixture
def material(sim, ask) -> Material:
    for operation in ("getNumJobs", "listOldJobs"):
        ask(f"{operation}.php")
    sim.clock.advance(90)
    ask("getNumJobs.php", UserID="<script>alert(1)</script>")
    limits = parse_limits("refused>0,active>5")
    report = sim.report() | {"jobs": sim.report()["jobs"] | {"submissions_refused": 2}}
    failed = broken_limits(limits, report)
    return Material(report, failed, [str(limit) for limit in limits], sim.controls.jobs(), sim.journal)


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
    assert page.count("<svg") == 3
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert 'src="http' not in page
    assert 'href="http' not in page


def test_text_ends_with_the_broken_limits(material):
    assert render_report("text", material).endswith("submissions refused: 2 (fails if refused>0)\n")


@pytest.mark.parametrize("form", FORMATS)
def test_any_path_that_was_asked_for_can_be_in_a_report(sim, form):
    for path in ("a%00b%01c", "%EF%BF%BF%F0%9F%98%80", "%FF%ED%A0%80", "<x>&amp;%1B[31m"):
        sim.app.test_client().get(f"/nowhere/{path}")
    where = "a\x01.py\ud800:3"
    sim.store.note(Entry(sim.clock.now(), "getNumJobs", where="a\x01.py:3"))
    report = sim.report() | {"duplicated_submissions": [{"name": where, "jobs": [1, 2], "where": where}]}
    material = Material(report, ["\x02 (fails if \x02)"], ["\x02"], [], sim.journal)
    text = render_report(form, material)
    text.encode()
    if form == "junit":
        ElementTree.fromstring(text)
    assert form == "json" or not set(text) & {"\0", "\x01", "\x02", "\ud800"}
