"""What a person sees and does, in a real browser: watch a job, cancel it, register, and steer the simulator."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

import pytest
import requests
from PIL import Image, ImageChops, ImageStat

from contracts.coverage import Coverage
from contracts.harness import WsgiBackend
from mock_server import MockServer
from mock_server.reports.files import Material, render_report
from mock_server.reports.limits import Gate, Limit
from tests.server.conftest import ANOTHER_USER, IMAGE, LIGHT_CURVE, ME, POSITIONS
from tests.tools.asserting import no_exception

from .conftest import PHONE, WIDE, axe_script, expect, needed

if TYPE_CHECKING:
    import html5lib
    from playwright.sync_api import ViewportSize
else:
    html5lib = needed("html5lib")

needed("playwright.sync_api").expect.set_options(
    timeout=60_000
)  # contents of products take seconds when they are first made

DAY = 86400.0
POLL_MS = 10_000
"""How often the page of a job looks again, as the browser counts."""


@pytest.fixture
def submit(server):
    def submitted(body):
        answer = requests.post(f"{server.url}/user_objects/run_userobject.php", json=body, timeout=60)
        return answer.json()

    return submitted


@pytest.fixture
def advance(server):
    return server.simulator.controls.advance


# the page of a job -----------------------------------------------------------------------------------------------


@pytest.fixture
def watch(open_page, advance):
    """Open the page of a job with a clock of its own; service time and the page's move on together."""

    def watched(url):
        page = open_page("about:blank", own=True)
        page.clock.install()
        page.goto(url)

        def later(seconds):
            advance(seconds)
            page.clock.run_for(POLL_MS)

        return page, later

    return watched


def test_the_page_of_a_job_follows_the_clock_without_being_loaded_again(submit, watch):
    page, later = watch(submit(IMAGE)["URL"])
    page.evaluate("document.body.dataset.loaded = 'once'")
    expect(page.locator("#status-image")).to_have_text("Requested")
    later(10)
    expect(page.locator("#status-image")).to_have_text("Running")
    later(30)
    expect(page.locator("#progress-image .active")).to_have_text("Merge event lists. active")
    later(40)
    expect(page.locator("#progress-image .active")).to_have_text("Creating images. active")
    expect(page.locator("#progress-image")).to_contain_text("Running for 00:01:15")
    assert page.evaluate("document.body.dataset.loaded") == "once"


def test_files_and_pictures_come_to_the_page_by_themselves_at_the_end(submit, watch):
    page, later = watch(submit(LIGHT_CURVE)["URL"])
    later(3600)
    expect(page).to_have_title("Job 1: COMPLETE")
    expect(page.get_by_role("link", name="lc.tar.gz")).to_be_visible()
    assert page.get_by_role("img").evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 100


def test_an_address_that_is_being_typed_is_not_lost_when_a_product_ends(submit, watch):
    page, later = watch(submit(POSITIONS)["URL"])
    page.get_by_label("To cancel").fill(ME)
    later(80)
    expect(page.locator("#status-psf")).to_have_text("Complete")
    expect(page.locator("#row-psf").get_by_role("button")).to_be_hidden()
    expect(page.get_by_label("To cancel")).to_have_value(ME)


@pytest.mark.parametrize("scripts", [True, False])
def test_cancelling_by_a_click_needs_the_owner_and_shows_on_the_page(submit, open_page, scripts):
    page = open_page(submit(POSITIONS)["URL"], java_script_enabled=scripts)
    page.get_by_label("To cancel").fill(ANOTHER_USER)
    page.get_by_role("button", name="Cancel the enhanced position").click()
    expect(page.get_by_role("alert")).to_contain_text("not owned by user")
    page.get_by_label("To cancel").fill(ME)
    page.get_by_role("button", name="Cancel the enhanced position").click()
    expect(page.locator("#status-enh")).to_have_text("Cancelled at your request")
    expect(page.locator("#status-psf")).to_have_text("Requested")


def test_the_enter_key_alone_cancels_nothing(submit, open_page, server):
    page = open_page(submit(POSITIONS)["URL"])
    page.get_by_label("To cancel").fill(ME)
    page.keyboard.press("Enter")
    assert server.simulator.journal.count(operation="cancelPage") == 0


def test_a_job_can_be_cancelled_by_keys_alone(submit, open_page):
    page = open_page(submit(IMAGE)["URL"])
    for _ in range(3):  # past two links
        page.keyboard.press("Tab")
    page.keyboard.type(ME)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_title("Job 1: COMPLETE")


def test_the_page_of_an_expired_job_says_so(submit, advance, open_page):
    url = submit(IMAGE)["URL"]
    advance(9 * DAY)
    page = open_page(url)
    expect(page.get_by_text("The products of this job are no longer available.")).to_be_visible()
    assert page.get_by_role("link").all_text_contents() == ["Dashboard", "This page as JSON"]


CURVE_AND_SPECTRUM = LIGHT_CURVE | {"spec": 1, "specz": 0}


@pytest.fixture
def results(submit, advance):
    """The address of a finished job with a light curve and spectra."""
    url = submit(CURVE_AND_SPECTRUM)["URL"]
    advance(DAY)
    return url


def test_without_scripts_a_page_shows_pictures_and_offers_nothing_that_needs_them(results, open_page):
    page = open_page(results, java_script_enabled=False)
    assert page.get_by_role("img").count() == 3
    expect(page.get_by_role("button", name="Look closer")).to_have_count(0)


def test_a_light_curve_is_looked_at_by_keys_alone_and_its_numbers_are_those_of_the_file(results, open_page, server):
    page = open_page(results)
    page.get_by_role("button", name="Look closer at the light curve").focus()
    page.keyboard.press("Enter")
    chart = page.get_by_role("group", name="Light curve of GRB 200416A")
    expect(chart).to_be_focused()
    page.keyboard.press("ArrowRight")
    first = requests.get(f"{server.url}/_mock/jobs/1/charts", timeout=60).json()["light_curve"]["points"][0]
    expect(chart.locator(".u-legend")).to_contain_text(f"{first['y'][0]:.4g}")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".chart canvas")).to_have_count(1)
    assert complaints(page) == []


def test_a_chart_is_zoomed_by_its_buttons_and_shown_whole_again(results, open_page):
    page = open_page(results)
    page.get_by_role("button", name="Look closer at the light curve").click()
    drawn = lambda: Image.open(BytesIO(page.locator(".chart canvas").screenshot())).convert("L")  # noqa: E731
    unlike = lambda one, other: sum(ImageStat.Stat(ImageChops.difference(one, other)).mean)  # noqa: E731
    whole = drawn()
    page.get_by_role("button", name="Zoom in").click()
    zoomed = drawn()
    page.get_by_role("button", name="Whole").click()
    assert unlike(whole, zoomed) > 10 * unlike(whole, drawn())


def test_spectra_have_a_chart_of_their_residuals(results, open_page):
    page = open_page(results)
    page.get_by_role("button", name="Look closer at spec/interval0pc_pow_plot.gif").click()
    expect(page.locator(".chart canvas")).to_have_count(2)
    expect(page.locator(".chart .u-legend").last).to_contain_text("Residual")


def test_data_that_cannot_be_read_are_asked_for_again(results, open_page, server):
    page = open_page(results)
    server.simulator.controls.reset()
    page.get_by_role("button", name="Look closer at the light curve").click()
    expect(page.get_by_role("button", name="The data could not be read; try again")).to_be_enabled()


# registration ----------------------------------------------------------------------------------------------------


def test_registering_works_without_scripts(open_page):
    page = open_page("/user_objects/register.php", java_script_enabled=False)
    page.get_by_label("E-mail address").fill(ME)
    page.get_by_role("button", name="Register").click()
    page.get_by_role("link", name=f"Confirm {ME}").click()
    expect(page.get_by_text(f"{ME} is confirmed")).to_be_visible()


# the dashboard ---------------------------------------------------------------------------------------------------


def open_drawer(page, name: str) -> None:
    page.locator(f"#drawer-{name} > summary").click()


def test_a_limit_changed_in_the_dashboard_refuses_the_next_submission(submit, open_page):
    page = open_page("/_mock/")
    expect(page.get_by_label("limits.active_jobs")).to_be_hidden()
    open_drawer(page, "settings")
    page.get_by_label("limits.active_jobs").fill("1")
    page.get_by_role("button", name="Change settings").click()
    expect(page.get_by_label("limits.active_jobs")).to_have_value("1")
    assert [submit(IMAGE)["OK"], submit(IMAGE)["OK"]] == [1, 0]


def test_a_fault_is_planned_and_deleted_by_keys_alone(open_page, server):
    page = open_page("/_mock/")
    page.locator("#drawer-faults > summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("refuse")
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#live-faults")).to_contain_text("refuse")
    assert [fault["kind"] for fault in server.simulator.controls.faults()] == ["refuse"]


def test_everything_that_can_be_used_is_reached_by_keys_and_seen(submit, open_page):
    submit(IMAGE)
    page = open_page("/_mock/")
    for drawer in ("settings", "faults", "more"):
        open_drawer(page, drawer)
    usable = page.locator("a, button, input, select, summary").count()
    page.evaluate("document.body.tabIndex = -1; document.body.focus()")
    reached = set()
    for _ in range(usable + 10):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                """() => {
                    const one = document.activeElement, box = one.getBoundingClientRect();
                    const seen = getComputedStyle(one).outlineStyle !== "none" && box.width > 0;
                    const all = [...document.querySelectorAll("a, button, input, select, summary")];
                    return [all.indexOf(one), seen].join(" ");
                }"""
            )
        )
    assert {f"{number} true" for number in range(usable)} <= reached


def test_the_dashboard_moves_time_to_the_next_change(submit, open_page):
    submit(IMAGE)
    page = open_page("/_mock/")
    page.get_by_role("button", name="To the next change").click()
    expect(page.locator(".queue")).to_contain_text("Running")
    page.get_by_role("button", name="+ 1 hour").click()
    expect(page.locator(".queue")).to_contain_text("Complete")


def test_the_dashboard_follows_what_happens_and_leaves_alone_what_is_typed(submit, open_page):
    page = open_page("/_mock/")
    open_drawer(page, "settings")
    expect(page.locator("#live-jobs")).to_have_text("No jobs yet.")
    page.get_by_label("limits.active_jobs").fill("7")
    submit(IMAGE | {"name": "Cyg X-1"})
    expect(page.locator("#live-jobs")).to_contain_text("Cyg X-1")
    expect(page.locator("#live-journal")).to_contain_text("run_userobject")
    expect(page.get_by_label("limits.active_jobs")).to_have_value("7")
    assert page.locator("#drawer-settings").get_attribute("open") is not None


def test_a_link_that_has_the_focus_keeps_it_while_the_dashboard_follows(submit, open_page):
    submit(IMAGE)
    page = open_page("/_mock/")
    page.locator("#job-1").focus()
    submit(IMAGE | {"name": "Cyg X-1"})
    expect(page.locator("#live-jobs")).to_contain_text("Cyg X-1")
    expect(page.locator("#job-1")).to_be_focused()


def test_the_journal_stays_filtered_while_the_dashboard_follows(submit, open_page):
    page = open_page("/_mock/?outcome=refused")
    submit(IMAGE)
    expect(page.locator("#live-jobs")).to_contain_text("GRB 200416A")
    expect(page.locator("#live-journal")).to_contain_text("0 calls")


def test_a_mistake_in_the_dashboard_is_explained_in_its_drawer(open_page):
    page = open_page("/_mock/")
    open_drawer(page, "settings")
    page.get_by_label("queue.slots").fill("-1")
    page.get_by_role("button", name="Change settings").click()
    expect(page.get_by_role("alert")).to_contain_text("queue.slots is -1, but must be a whole number")
    expect(page.get_by_label("queue.slots")).to_be_visible()


def test_time_and_verdict_are_seen_first_and_the_queue_without_scrolling(submit, open_page):
    submit(IMAGE)
    page = open_page("/_mock/")
    tops = [page.locator(part).bounding_box()["y"] for part in ("#live-time", "#live-verdict", ".drawers", "#queue")]
    assert tops == sorted(tops)
    assert tops[-1] < WIDE["height"] / 2


# every page ------------------------------------------------------------------------------------------------------

COLOURS: dict[str, Any] = {"runOnly": {"type": "tag", "values": ["cat.color"]}}
LOOKS: dict[str, tuple[Literal["light", "dark"], ViewportSize, dict[str, Any]]] = {
    "light": ("light", WIDE, {}),
    "dark": ("dark", WIDE, COLOURS),
    "phone": ("light", PHONE, {}),
}
"""Colour scheme, window, and which of axe's rules are looked at: another scheme changes nothing but colours."""
AT = {"queued": 10, "running": 90, "complete": DAY, "light curve": DAY, "expired": 9 * DAY}
"""After how many seconds the page of a job shows what a story tells."""
ADDRESSES = {
    "dashboard": "/_mock/",
    "courtesy report": "/_mock/courtesy",
    "registration": "/user_objects/register.php",
    "a link that is not known": "/user_objects/register.php?confirm=x",
    "not found": "/nowhere",
}
ADDED = {"light curve": "/lc/index.php"}
STORIES = ["requested", *AT, *ADDRESSES, "out of service"]
FORMS: dict[str, tuple[str, dict[str, str]]] = {
    "confirmation": ("/user_objects/register.php", {"email": ME}),
    "no address": ("/user_objects/register.php", {"email": "no-address"}),
    "cancelled by another": ("/user_objects/tprods/USERPROD_1/cancel", {"UserID": ANOTHER_USER}),
    "a mistake in the dashboard": ("/_mock/do/settings", {"queue.slots": "-1"}),
    "a wrong token": ("/_mock/do/enter", {"token": "x"}),
}


@pytest.fixture
def stories(submit, advance, server):
    """Bring the simulator to where each page is as full as it gets, and return its address."""

    def begin(story):
        sim = server.simulator
        job = submit(POSITIONS | {"lc": 1, **LIGHT_CURVE, "spec": 1, "specz": 0})["URL"]
        submit(IMAGE)
        sim.controls.plan_fault({"kind": "refuse", "operation": "getNumJobs", "times": 2})
        advance(AT.get(story, 2))
        sim.change({"service.available": story != "out of service"})
        return server.url + ADDRESSES[story] if story in ADDRESSES else job + ADDED.get(story, "")

    return begin


def complaints(page, rules=None):
    """Return what axe finds wrong with a page."""
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=axe_script())
    run = "rules => axe.run(rules).then(result => result.violations.map(v => [v.id, v.help, v.nodes[0].html]))"
    return page.evaluate(run, {"resultTypes": ["violations"], **(rules or {})})


def assert_html(text):
    """Have html5lib read a page; it raises where the HTML standard knows an error."""
    with no_exception():
        html5lib.HTMLParser(strict=True).parse(text)


@pytest.mark.parametrize("story", STORIES)
def test_axe_finds_nothing_to_complain_of_and_nothing_runs_over_the_edge(stories, open_page, story):
    page = open_page(stories(story))
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    for look, (scheme, window, rules) in LOOKS.items():
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(window)
        assert complaints(page, rules) == [], look
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
            f"the page is wider than the window: {look}"
        )


@pytest.mark.parametrize("story", STORIES)
def test_every_page_is_html_without_errors(stories, story):
    assert_html(requests.get(stories(story), timeout=60).text)


@pytest.mark.parametrize("form", FORMS)
def test_what_answers_a_form_is_as_clean(stories, open_page, server, form):
    stories(form)
    path, fields = FORMS[form]
    text = requests.post(server.url + path, data=fields, timeout=60).text
    assert_html(text)
    page = open_page("about:blank")
    page.set_content(text)
    assert complaints(page) == []


def test_the_page_that_asks_for_a_token_is_as_clean(chromium):
    with MockServer(clock="virtual", token="secret") as server:
        assert_html(requests.get(f"{server.url}/_mock/", timeout=60).text)
        page = chromium.new_page(base_url=server.url)
        page.goto("/_mock/")
        assert complaints(page) == []
        page.get_by_label("Token").fill("secret")
        page.get_by_role("button", name="Enter").click()
        expect(page.get_by_text("Settings").first).to_be_visible()
        page.get_by_role("button", name="+ 1 day").click()
        expect(page.locator("#live-time")).to_contain_text("2026-03-03")
        page.close()


def courtesy_report(sim):
    with sim.store.reading() as facts:
        jobs = facts.all_jobs()
    return render_report(
        "html", Material(sim.report(), [Gate(Limit("active", ">", 5), 6, "a.py:1", True)], jobs, sim.journal)
    )


def coverage_matrix(sim):
    seen = Coverage()
    seen.see("service", WsgiBackend(sim.app).call("POST", "/user_objects/getNumJobs.php", {"UserID": ME}))
    return seen.as_html()


@pytest.mark.parametrize("written", [courtesy_report, coverage_matrix])
def test_pages_that_are_written_to_files_are_as_clean(open_page, server, submit, advance, written):
    submit(IMAGE)
    submit({})
    advance(3600)
    text = written(server.simulator)
    assert_html(text)
    page = open_page("about:blank")
    page.set_content(text)
    assert complaints(page) == []
