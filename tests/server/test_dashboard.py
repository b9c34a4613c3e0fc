"""The dashboard without a browser: what it shows, what its forms do, and whom it lets in."""

from html import unescape

import pytest

from mock_server.reports.timeline import activity, gantt

from .conftest import IMAGE, ME, POSITIONS, Asker


def shown(ask: Asker, path: str = "", status: int = 200) -> str:
    answer = ask.raw("GET", f"/_mock/{path}")
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    return unescape(answer.get_data(as_text=True))


def do(ask: Asker, what: str, **form: str):
    return ask.raw("POST", f"/_mock/do/{what}", data=form)


def test_the_dashboard_of_an_empty_simulator_says_so(ask):
    text = shown(ask)
    assert "No jobs yet." in text
    assert "no more changes" in text


def test_the_dashboard_shows_jobs_users_and_calls(ask):
    ask.submit(POSITIONS, name="Cyg X-1")
    text = shown(ask)
    for words in ("Cyg X-1", ME, "run_userobject", "1 of 100", "USERPROD_1"):
        assert words in text


def test_names_are_shown_as_text_and_never_as_markup(ask):
    ask.submit(IMAGE, name="<script>alert(1)</script>")
    assert b"<script>alert" not in ask.raw("GET", "/_mock/").data


@pytest.mark.parametrize("seconds", ["60", "3600", "86400"])
def test_a_button_moves_time_on(sim, ask, seconds):
    before = sim.clock.now()
    assert do(ask, "advance", seconds=seconds).status_code == 303
    assert sim.clock.now() == before + int(seconds)


def test_a_button_moves_time_to_each_change_in_turn_and_then_no_further(sim, ask):
    job_id = ask.submit()
    codes = []
    for _ in range(4):
        do(ask, "advance", seconds="next")
        codes += ask.codes(job_id, "image")
    assert codes == [3, 4, 4, 4]


def test_time_that_is_no_number_is_refused_in_words(sim, ask):
    before = sim.clock.now()
    answer = do(ask, "advance", seconds="soon")
    assert (answer.status_code, b"whole number of seconds" in answer.data) == (400, True)
    assert sim.clock.now() == before


def test_only_settings_that_differ_are_changed(sim, ask):
    form = {
        name: str(value).replace("False", "false").replace("True", "true")
        for name, value in sim.controls.scenario().items()
    }
    assert do(ask, "settings", **form | {"limits.active_jobs": "0", "api.version": "1.13"}).status_code == 303
    (change,) = sim.jobs.begin().scenario.changes
    assert change.values == {"limits.active_jobs": 0, "api.version": "1.13"}


def test_a_limit_set_in_the_dashboard_refuses_the_next_submission(ask):
    do(ask, "settings", **{"limits.active_jobs": "0"})
    assert ask("run_userobject.php", IMAGE)["OK"] == 0


def test_the_default_of_a_parameter_can_be_changed(sim, ask):
    do(ask, "settings", **{"default-name": "poserr", "default-value": "3"})
    assert sim.controls.scenario()["defaults.poserr"] == 3


def test_a_setting_that_cannot_be_is_explained_and_changes_nothing(sim, ask):
    answer = do(ask, "settings", **{"limits.active_jobs": "many", "queue.slots": "1"})
    assert (answer.status_code, b"limits.active_jobs is" in answer.data) == (400, True)
    assert sim.controls.scenario()["queue.slots"] == 64


def test_a_fault_is_planned_counted_and_cleared(sim, ask):
    assert do(ask, "fault", kind="refuse", operation="getNumJobs", times="2").status_code == 303
    ask("getNumJobs.php")
    (fault,) = sim.controls.faults()
    assert (fault["kind"], fault["operation"], fault["times"], fault["fired"]) == ("refuse", "getNumJobs", 2, 1)
    assert "refuse" in shown(ask)
    do(ask, "clear-faults")
    assert sim.controls.faults() == []


def test_a_fault_that_cannot_be_is_explained(ask):
    assert do(ask, "fault", kind="nonsense").status_code == 400


def test_an_address_added_in_the_dashboard_may_submit(make_sim):
    ask = Asker(make_sim(users="registered"))
    assert ask("getNumJobs.php")["OK"] == 0
    do(ask, "user", email=ME)
    assert ask("getNumJobs.php")["OK"] == 1
    assert "confirmed" in shown(ask)


def test_an_address_that_is_missing_is_explained(ask):
    assert do(ask, "user", email="no-address").status_code == 400


@pytest.mark.parametrize(
    ("query", "calls"),
    [("", 3), ("operation=getNumJobs", 1), ("job=1", 2), ("job=2", 0), ("user=ME@example.org", 3),
     ("outcome=refused", 0), ("operation=checkProductStatus&job=1", 1), ("job=one", 3)],
)  # fmt: skip
def test_the_journal_can_be_filtered(ask, query, calls):
    ask.codes(ask.submit(), "image")
    ask("getNumJobs.php")
    assert f"<p>{calls} calls" in shown(ask, f"?{query}")


def test_looking_at_the_dashboard_leaves_no_trace(sim, ask):
    shown(ask)
    do(ask, "advance", seconds="60")
    assert len(sim.journal) == 0


# who is let in ---------------------------------------------------------------------------------------------------


def test_a_token_is_asked_for_once_and_kept(make_sim):
    ask = Asker(make_sim(token="secret"))
    assert "requires its token" in shown(ask, status=401)
    assert do(ask, "advance", seconds="60").status_code == 401
    assert do(ask, "enter", token="wrong").status_code == 401
    assert do(ask, "enter", token="secret").status_code == 303
    assert "Settings" in shown(ask)


def test_forms_of_other_sites_do_nothing(sim, ask):
    before = sim.clock.now()
    answer = ask.raw("POST", "/_mock/do/advance", data={"seconds": "60"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, sim.clock.now()) == (401, before)


@pytest.mark.parametrize("path", ["", "htmx.js"])
def test_no_other_page_may_frame_the_dashboard_and_no_cache_keeps_it(ask, path):
    headers = ask.raw("GET", f"/_mock/{path}").headers
    assert headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert headers["Cache-Control"] == "no-store"


# what is drawn ---------------------------------------------------------------------------------------------------


def bars(sim) -> list[list[str]]:
    jobs = [sim.jobs.old_job(ME, 1)]
    return [[bar.kind for bar in row.bars] for row in gantt(jobs, sim.scenario, sim.clock.now()).rows]


def test_a_build_is_drawn_as_planned_then_running_then_done(sim, ask):
    ask.submit()
    drawn = [bars(sim)]
    for seconds in (2, 10, 3600):
        sim.clock.advance(seconds)
        drawn.append(bars(sim))
    assert drawn == [
        [["planned"]],
        [["queued", "planned"]],
        [["queued", "running", "planned"]],
        [["queued", "running"]],
    ]


def test_a_build_cancelled_in_the_queue_is_drawn_as_queued_alone(sim, ask):
    job_id = ask.submit()
    sim.clock.advance(2)
    ask("canceljob.php", JobID=job_id, what="image")
    sim.clock.advance(100)
    assert bars(sim) == [["queued"]]


def test_everything_drawn_lies_on_the_axis_even_what_never_ends(sim, ask):
    sim.controls.plan_fault({"kind": "stuck"})
    ask.submit()
    sim.clock.advance(600)
    drawn = gantt([sim.jobs.old_job(ME, 1)], sim.scenario, sim.clock.now())
    assert all(0 <= bar.left <= bar.left + bar.width <= 100.001 for row in drawn.rows for bar in row.bars)
    assert (drawn.running, drawn.queued) == (1, 0)


def test_users_are_counted_without_regard_to_case(sim, ask):
    ask.submit()
    ask.submit(UserID="Me@Example.org")
    (found,) = activity([sim.jobs.old_job(ME, 1), sim.jobs.old_job(ME, 2)], [], sim.clock.now())
    assert (found.jobs, found.active) == (2, 2)
