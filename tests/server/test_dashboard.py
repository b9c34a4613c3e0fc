"""The dashboard without a browser: what it shows, what its forms do, and whom it lets in."""

import re
from dataclasses import replace
from html import unescape

import pytest

from mock_server.core.journal import Entry
from mock_server.core.queue import NEVER
from mock_server.service.overview import overview

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
    assert "Nothing is planned." in text


def test_the_dashboard_shows_jobs_users_and_calls(ask):
    ask.submit(POSITIONS, name="Cyg X-1")
    text = shown(ask)
    for words in ("Cyg X-1", ME, "run_userobject", "of 100 allowed", "USERPROD_1"):
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


def group(sim, name: str):
    return next(group for group in overview(sim.jobs).groups if group.name == name)


def bars(sim) -> dict[str, list[str]]:
    found = overview(sim.jobs).groups
    return {group.name: [bar.kind for row in group.rows for bar in row.bars] for group in found if group.rows}


def test_a_build_is_drawn_as_planned_then_running_then_complete(sim, ask):
    ask.submit()
    drawn = [bars(sim)]
    for seconds in (2, 10, 3600):
        sim.clock.advance(seconds)
        drawn.append(bars(sim))
    assert drawn == [
        {"Waiting": ["planned"]},
        {"Waiting": ["queued", "planned"]},
        {"Running": ["queued", "running", "planned"]},
        {"Ended last": ["queued", "complete"]},
    ]


def test_a_build_cancelled_in_the_queue_is_drawn_as_queued_alone(sim, ask):
    job_id = ask.submit()
    sim.clock.advance(2)
    ask("canceljob.php", JobID=job_id, what="image")
    sim.clock.advance(100)
    assert bars(sim) == {"Ended last": ["queued"]}


def test_everything_drawn_lies_on_the_axis_even_what_never_ends(sim, ask):
    sim.controls.plan_fault({"kind": "stuck"})
    ask.submit()
    sim.clock.advance(600)
    (row,) = group(sim, "Running").rows
    assert all(0 <= bar.left <= bar.left + bar.width <= 100.001 for bar in row.bars)
    assert [group(sim, name).number for name in ("Running", "Waiting")] == ["1", "0"]


def test_what_runs_comes_before_what_waits_and_both_name_user_and_object(sim, ask):
    sim.change({"queue.slots": 1})
    for name in ("Cyg X-1", "GK Per", "Mrk 421"):
        ask.submit(name=name)
    sim.clock.advance(10)
    shown = overview(sim.jobs).groups
    assert [[(row.planned.name, row.planned.user) for row in group.rows] for group in shown] == [
        [("Cyg X-1", ME)], [("GK Per", ME), ("Mrk 421", ME)], [],
    ]  # fmt: skip


def test_what_can_never_start_is_shown_as_waiting(sim, ask):
    sim.change({"queue.slots": 0})
    job_id = ask.submit()
    sim.clock.advance(10)
    assert [row.planned.job_id for row in group(sim, "Waiting").rows] == [job_id]


@pytest.mark.parametrize("seconds", [0, 1, 90, 7200, 86400 * 40])
def test_the_labels_of_the_axis_are_round_moments_upon_it(sim, ask, seconds):
    ask.submit()
    sim.clock.advance(seconds)
    ticks = overview(sim.jobs).ticks
    assert 1 <= len(ticks) <= 7
    assert all(0 <= tick.at <= 100 for tick in ticks)


def test_users_are_counted_without_regard_to_case(sim, ask):
    ask.submit()
    ask.submit(UserID="Me@Example.org")
    (found,) = overview(sim.jobs).users
    assert found.active == 2


def test_the_user_with_most_active_jobs_comes_first(sim, ask):
    for number in (1, 2, 3):
        for _ in range(number):
            ask.submit(UserID=f"u{number}@example.org")
    assert [(user.address, user.active) for user in overview(sim.jobs).users] == [
        (f"u{number}@example.org", number) for number in (3, 2, 1)
    ]


# the verdict -----------------------------------------------------------------------------------------------------


def verdict(sim):
    found = overview(sim.jobs).verdict
    return found.level, " ".join(found.reasons)


def test_a_quiet_simulator_is_well(sim, ask):
    ask.submit()
    assert verdict(sim)[0] == "good"


@pytest.mark.parametrize(
    ("jobs", "limit", "level", "words"),
    [(5, 100, "good", "no user has more"), (6, 100, "warn", "6 active jobs"), (3, 3, "bad", "at the limit: 3 of 3")],
)
def test_the_verdict_compares_the_worst_user_with_courtesy_and_limit(sim, ask, jobs, limit, level, words):
    sim.change({"limits.active_jobs": limit})
    for _ in range(jobs):
        ask.submit()
    assert (verdict(sim)[0], words in verdict(sim)[1]) == (level, True)


def test_the_verdict_counts_calls_that_were_refused(sim, ask):
    ask("run_userobject.php", IMAGE | {"image": 0})
    ask("getNumJobs.php")
    assert verdict(sim) == ("warn", "Of the newest 2 calls: 1 refused.")


def test_the_verdict_says_that_the_service_is_down(sim):
    sim.change({"service.available": False})
    assert verdict(sim)[0] == "bad"


# its cost --------------------------------------------------------------------------------------------------------


def steps(sim) -> int:
    """Return how many steps SQLite needs for the live parts: the same on every machine."""
    taken = 0

    def count() -> int:
        nonlocal taken
        taken += 1
        return 0

    with sim.store.reading() as facts:
        connection = facts.connection
    connection.set_progress_handler(count, 10)
    try:
        assert sim.app.test_client().get("/_mock/live").status_code == 200
    finally:
        connection.set_progress_handler(None, 10)
    return taken


@pytest.mark.parametrize("passed", [0.0, 0.5, 2.0])
def test_a_refresh_asks_the_database_for_as_much_with_four_times_the_jobs(make_sim, passed):
    needed = []
    for jobs in (3_000, 12_000):
        sim = make_sim(settings={"limits.active_jobs": jobs})
        first = sim.jobs.submit(IMAGE)
        (build,) = first.builds
        now = sim.clock.now()
        with sim.store.transaction() as facts:
            for number in range(2, jobs):
                at = now + number
                cancelled = {"started_at": NEVER, "running_at": NEVER, "ends_at": NEVER, "cancelled_at": at}
                plan = {"requested_at": now, "started_at": at, "running_at": at, "ends_at": at + 99}
                own = build._replace(**(cancelled if number % 7 == 0 else plan))
                facts.add_job(replace(first, job_id=number, user=f"u{number % 4}@example.org", builds=(own,)))
        for number in range(jobs):
            sim.store.note(Entry(now, "getNumJobs", f"u{number % 4}@example.org"))
        sim.clock.advance(passed * jobs)
        needed.append(steps(sim))
    assert needed[1] <= 1.2 * needed[0]


def test_the_live_parts_are_all_parts_of_the_page(ask):
    ask.submit()
    page, parts = shown(ask), shown(ask, "live")
    (wanted,) = re.findall('data-hx-select-oob="([^"]+)"', page)
    for part in wanted.split(","):
        assert all(text.count(f'id="{part[1:]}"') == 1 for text in (page, parts)), part


def test_the_courtesy_report_has_a_page_of_its_own(ask):
    ask.submit()
    assert "jobs submitted 1" in shown(ask, "courtesy")


def test_settings_that_are_sent_as_they_are_change_nothing(sim, ask):
    before = sim.controls.scenario()
    assert do(ask, "settings", **{"limits.active_jobs": str(before["limits.active_jobs"])}).status_code == 303
    assert sim.controls.scenario() == before
    assert sim.controls.save()["tables"]["changes"] == []
