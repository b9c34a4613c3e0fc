"""Pages for people, and for programs that read them: a job, its light curve, registration, errors."""

import re
from html.parser import HTMLParser

import pytest

from mock_server.core.errors import Unavailable
from mock_server.service.results import Contents

from .conftest import ANOTHER_USER, IMAGE, LIGHT_CURVE, ME, POSITIONS, Asker

DAY = 86400.0


class Page(HTMLParser):
    """Title, links and cells of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.title, self.links, self.cells = "", list[str](), dict[str, str]()
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self._in = attributes.get("id", "") if tag == "td" else tag
        if tag == "a" and not attributes["href"].startswith("/_mock/"):
            self.links.append(attributes["href"])

    def handle_data(self, data):
        if self._in == "title":
            self.title += data
        elif self._in.startswith("status-"):
            self.cells[self._in.removeprefix("status-")] = data.strip()

    def handle_endtag(self, tag):
        self._in = ""


def page(ask: Asker, path: str, status: int = 200) -> Page:
    answer = ask.raw("GET", path)
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    return Page(answer.get_data(as_text=True))


ADDRESSES = ["", "/", "/index.php"]


@pytest.mark.parametrize("ending", ADDRESSES)
def test_the_title_of_a_job_says_running_until_all_has_ended_and_then_complete(sim, ask, ending):
    address = f"/user_objects/tprods/USERPROD_{ask.submit(POSITIONS)}{ending}"
    ends_at = sim.jobs.old_job(ME, 1).ended_at
    assert page(ask, address).title == "Job 1: RUNNING"
    sim.clock.advance(ends_at - sim.clock.now() - 0.5)
    assert page(ask, address).title == "Job 1: RUNNING"
    sim.clock.advance(0.5)
    assert page(ask, address).title == "Job 1: COMPLETE"


def test_the_page_shows_the_status_of_each_product(sim, ask):
    job_id = ask.submit(POSITIONS)
    ask("canceljob.php", JobID=job_id, what="enh")
    sim.clock.advance(10)
    words = {"psf": "Running", "enh": "Cancelled at your request", "xastrom": "Waiting for the standard position"}
    assert page(ask, f"/user_objects/tprods/USERPROD_{job_id}").cells == words


def test_a_job_that_never_ends_has_a_page(sim, ask):
    sim.controls.plan_fault({"kind": "stuck"})
    job_id = ask.submit()
    sim.clock.advance(DAY)
    assert page(ask, f"/user_objects/tprods/USERPROD_{job_id}").title == "Job 1: RUNNING"


def test_links_lead_to_archives_of_what_has_ended_and_are_gone_with_them(sim, ask):
    job_id = ask.submit()
    address = f"/user_objects/tprods/USERPROD_{job_id}"
    assert page(ask, address).links == []
    sim.clock.advance(3600)
    links = page(ask, address).links
    assert [link.rpartition("/")[2] for link in links] == [
        *(f"{stem}.{form}" for stem in ("all", "image") for form in ("zip", "tar", "tar.gz")), "image1.gif",
    ]  # fmt: skip
    assert all(ask.raw("GET", link).status_code == 200 for link in links)
    sim.clock.advance(8 * DAY)
    assert page(ask, address).links == []
    assert b"no longer available" in ask.raw("GET", address).data


def test_the_page_of_a_light_curve_links_to_its_archives(sim, ask):
    job_id = ask.submit(LIGHT_CURVE)
    sim.clock.advance(3600)
    links = page(ask, f"/user_objects/tprods/USERPROD_{job_id}/lc/index.php").links
    assert {link.rpartition("/")[2] for link in links} == {"lc.tar", "lc.tar.gz", "lc.zip"}
    assert all(ask.raw("GET", link).status_code == 200 for link in links)


def test_a_job_without_light_curve_or_with_an_expired_one_has_no_such_page(sim, ask):
    ask.submit()
    ask.submit(LIGHT_CURVE)
    page(ask, "/user_objects/tprods/USERPROD_1/lc/index.php", 404)
    sim.clock.advance(9 * DAY)
    page(ask, "/user_objects/tprods/USERPROD_2/lc/index.php", 404)


@pytest.mark.parametrize("ending", [*ADDRESSES, "/lc/index.php"])
def test_a_job_that_does_not_exist_has_no_page(ask, ending):
    assert page(ask, f"/user_objects/tprods/USERPROD_99{ending}", 404).title == "UKSSDC | 404 page not found"


def test_names_are_shown_as_text_and_never_as_markup(ask):
    name = "<script>alert(1)</script>\"'{{ 7 * 7 }}"
    job_id = ask.submit(IMAGE, name=name)
    text = ask.raw("GET", f"/user_objects/tprods/USERPROD_{job_id}").get_data(as_text=True)
    assert "alert(1)" in text
    assert "<script>alert" not in text
    assert "49" not in re.findall(r"<h1>(.*)</h1>", text)[0]


def test_the_page_keeps_itself_up_to_date_by_a_script(ask):
    job_id = ask.submit()
    assert b"statusCheck.js" in ask.raw("GET", f"/user_objects/tprods/USERPROD_{job_id}").data
    answer = ask.raw("GET", "/user_objects/tprods/statusCheck.js")
    assert (answer.status_code, answer.mimetype) == (200, "application/javascript")
    assert b"checkProductStatus.php" in answer.data


def cancel(ask: Asker, job_id: int, **form: str):
    return ask.raw("POST", f"/user_objects/tprods/USERPROD_{job_id}/cancel", data=form)


def test_a_button_of_the_page_cancels_for_the_owner_and_leads_back_to_the_page(ask):
    job_id = ask.submit(POSITIONS)
    answer = cancel(ask, job_id, UserID=ME, what="enh")
    assert (answer.status_code, answer.location) == (303, f"/user_objects/tprods/USERPROD_{job_id}")
    assert page(ask, answer.location).cells["enh"] == "Cancelled at your request"
    assert ask.codes(job_id, "psf") == [1]


def test_all_that_is_unfinished_can_be_cancelled_at_once(ask):
    job_id = ask.submit(POSITIONS)
    form = ask.raw("GET", f"/user_objects/tprods/USERPROD_{job_id}").get_data(as_text=True)
    (everything,) = re.findall(r'value="([^"]*)">Cancel all', form)
    cancel(ask, job_id, UserID=ME, what=everything)
    assert ask.codes(job_id, "psf,enh,xastrom") == [-4, -4, -4]


def test_no_one_but_the_owner_cancels_and_the_page_says_so(ask):
    job_id = ask.submit()
    answer = cancel(ask, job_id, UserID=ANOTHER_USER, what="image")
    assert f"Job {job_id} is not owned by user {ANOTHER_USER}" in answer.get_data(as_text=True)
    assert ask.codes(job_id, "image") == [1]


def test_a_job_that_does_not_exist_cannot_be_cancelled(ask):
    assert cancel(ask, 99, UserID=ME, what="image").status_code == 404


def test_the_buttons_are_gone_once_all_has_ended(sim, ask):
    job_id = ask.submit()
    address = f"/user_objects/tprods/USERPROD_{job_id}"
    assert b"<button" in ask.raw("GET", address).data
    sim.clock.advance(3600)
    assert b"<button" not in ask.raw("GET", address).data


def test_the_page_shows_steps_done_active_and_to_come(sim, ask):
    job_id = ask.submit()
    sim.clock.advance(60)
    text = ask.raw("GET", f"/user_objects/tprods/USERPROD_{job_id}").get_data(as_text=True)
    assert re.findall(r'<li class="(\w+)">', text) == ["done", "done", "active", "later"]
    assert "Running for 00:00:55" in text


def test_pictures_of_light_curve_and_spectrum_are_shown_while_they_are_kept(sim, ask):
    job_id = ask.submit(LIGHT_CURVE | {"spec": 1, "specz": 0})
    address = f"/user_objects/tprods/USERPROD_{job_id}"
    pictures = r'<img src="([^"]+)"'
    assert re.findall(pictures, ask.raw("GET", address).get_data(as_text=True)) == []
    sim.clock.advance(12 * 3600)
    found = re.findall(pictures, ask.raw("GET", address).get_data(as_text=True))
    assert {path.split("/")[4] for path in found} == {"lc", "spec"}
    assert all(ask.raw("GET", path).mimetype == "image/gif" for path in found)
    sim.clock.advance(8 * DAY)
    assert re.findall(pictures, ask.raw("GET", address).get_data(as_text=True)) == []


# registration ----------------------------------------------------------------------------------------------------


def test_registration_goes_from_form_to_link_to_confirmed(make_sim):
    ask = Asker(make_sim(users="registered"))
    assert b'name="email"' in ask.raw("GET", "/user_objects/register.php").data
    answer = ask.raw("POST", "/user_objects/register.php", data={"email": ME})
    (link,) = Page(answer.get_data(as_text=True)).links
    assert ask("getNumJobs.php")["OK"] == 0
    assert b"is confirmed" in ask.raw("GET", link).data
    assert ask("getNumJobs.php")["OK"] == 1


@pytest.mark.parametrize(
    "address", ["", "no-address", "a@b", "a@b.c d", "x" * 300 + "@example.org", "<b>@example", "\ud800"]
)
def test_what_is_no_address_is_asked_for_again(ask, address):
    answer = ask.raw("POST", "/user_objects/register.php", data={"email": address.encode("utf-8", "surrogatepass")})
    assert answer.status_code == 200
    assert b"Please give a valid e-mail address" in answer.data


@pytest.mark.parametrize("link", ["", "nonsense", "%00", "%ff"])
def test_a_link_no_one_was_sent_confirms_no_one(make_sim, link):
    ask = Asker(make_sim(users="registered"))
    ask.raw("POST", "/user_objects/register.php", data={"email": ME})
    answer = ask.raw("GET", f"/user_objects/register.php?confirm={link}")
    assert (answer.status_code, b"not known" in answer.data) == (200, True)
    assert ask("getNumJobs.php")["OK"] == 0


def test_the_registration_form_does_not_mind_other_bodies(ask):
    for label in ("application/json", "text/plain", "multipart/form-data; boundary=x"):
        answer = ask.raw("POST", "/user_objects/register.php", data=b'{"email": 1}', content_type=label)
        assert answer.status_code == 200


def test_visits_are_in_the_journal_under_their_names(sim, ask):
    for path in ("register.php", "tprods/USERPROD_1", "tprods/USERPROD_1/index.php", "tprods/statusCheck.js"):
        ask.raw("GET", f"/user_objects/{path}")
    ask.raw("POST", "/user_objects/register.php", data={"email": ME})
    found = [(entry.operation, entry.outcome) for entry in sim.journal]
    assert found == [("registerPage", "ok"), ("jobPage", "missing"), ("jobPage", "missing"), ("statusCheck", "ok"),
                     ("register", "ok")]  # fmt: skip


# what the page shows of results, and the same as JSON ---------------------------------------------------------------

FULL = LIGHT_CURVE | POSITIONS | {"lc": 1, "image": 1, "spec": 1, "specz": 0}


@pytest.fixture
def done(sim, ask):
    """The number of a job with all kinds of results that a page shows."""
    job_id = ask.submit(FULL)
    sim.clock.advance(DAY)
    return job_id


def test_a_page_names_object_position_and_results(ask, done):
    text = ask.raw("GET", f"/user_objects/tprods/USERPROD_{done}").get_data(as_text=True)
    position = ask("tprods/getEnhPos.php", JobID=done)
    for words in ("GRB 200416A", "335.6985, -7.5179", "lc/curve.gif", "interval0pc_pow_plot.gif", "image/image1.gif",
                  f"{position['RA']}, {position['Dec']}", '<circle class="enh"', f"/_mock/jobs/{done}"):  # fmt: skip
        assert words in text


def test_the_page_as_json_says_the_same(sim, ask, done):
    found = ask.control("GET", f"jobs/{done}")
    assert (found["JobID"], found["name"], found["complete"], found["expired"]) == (done, "GRB 200416A", True, False)
    assert {product: one["statusCode"] for product, one in found["products"].items()} == dict.fromkeys(
        ["lc", "spec", "psf", "enh", "xastrom", "image"], 4
    )
    wire = ask("tprods/getEnhPos.php", JobID=done)
    assert f"{found['products']['enh']['position']['ra']:.5f}" == wire["RA"]
    for product in found["products"].values():
        for address in (*product["archives"], *product["pictures"]):
            assert ask.raw("GET", address).status_code == 200
    assert [mark["name"] for mark in found["marks"]] == ["psf", "enh", "xastrom"]


def test_charts_hold_the_numbers_of_the_light_curve_and_the_spectra(ask, done):
    charts = ask.control("GET", f"jobs/{done}/charts")
    table = ask("tprods/getLCData.php", JobID=done)
    for points in charts["light_curve"]["points"]:
        rows = table[f"{points['mode']}{'UL' * points['limits']}Data"]["data"]
        assert points["x"] == pytest.approx([float(row[0]) for row in rows], rel=1e-5)
    fits = ask("tprods/getSpecData.php", JobID=done)
    assert [chart["mode"] for chart in charts["spectra"]] == fits["interval0"]["Modes"]
    for chart in charts["spectra"]:
        bins = len(chart["value"])
        assert [len(chart[name]) for name in ("bounds", "error", "model")] == [bins + 1, bins, bins]
        residuals = [(v - m) / e for v, m, e in zip(chart["value"], chart["model"], chart["error"], strict=True)]
        assert sum(r * r for r in residuals) / bins < 3  # the model is that of the fit


def test_a_job_without_results_has_no_charts_and_one_that_does_not_exist_is_not_found(sim, ask):
    job_id = ask.submit()
    assert ask.control("GET", f"jobs/{job_id}/charts") == {"light_curve": None, "spectra": []}
    assert ask.control("GET", f"jobs/{job_id}")["complete"] is False
    for path in ("jobs/99", "jobs/99/charts"):
        assert "does not exist" in ask.control("GET", path, status=404)["error"]
    sim.clock.advance(9 * DAY)
    assert ask.control("GET", f"jobs/{job_id}")["expired"] is True
    assert "no longer available" in ask.control("GET", f"jobs/{job_id}/charts", status=404)["error"]


def test_a_page_as_json_needs_no_token_as_the_page_needs_none(make_sim):
    ask = Asker(make_sim(token="secret"))
    job_id = ask.submit()
    assert ask.control("GET", f"jobs/{job_id}")["JobID"] == job_id
    assert "@" not in ask.raw("GET", f"/_mock/jobs/{job_id}").get_data(as_text=True)
    ask.control("GET", "journal", status=401)


def test_a_page_whose_results_cannot_be_made_now_is_shown_without_them(sim, ask, done, monkeypatch):
    def late(*_arguments: object) -> None:
        raise Unavailable("the product takes longer than 120 s")

    monkeypatch.setattr(Contents, "sights", late)
    text = ask.raw("GET", f"/user_objects/tprods/USERPROD_{done}").get_data(as_text=True)
    assert "takes longer than 120 s. Load this page again." in text
    assert "lc.tar.gz" in text
