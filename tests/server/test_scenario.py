"""Scenarios: valid and invalid files, values in force, slots, outages, expiry."""

import math
import tomllib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.scenario.files import load_scenario, read_scenario, scenario_names
from mock_server.scenario.scenario import DAY, HOUR, Change, Scenario
from mock_server.scenario.settings import SETTINGS, ScenarioError, check_settings

START = datetime(2026, 3, 2, 9, tzinfo=UTC).timestamp()


def read(text: str) -> Scenario:
    return read_scenario(tomllib.loads(text), "mine")


# valid and invalid files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", scenario_names())
def test_every_named_scenario_can_be_read_and_has_a_description(name):
    scenario = load_scenario(name)
    assert scenario.name == name
    assert len(scenario.description) > 40


def test_the_scenarios_of_the_documentation_come_with_the_package():
    assert {"calm", "busy-week", "tightening-limit", "defaults-change", "maintenance", "flaky", "six-months-later",
            "reprocessed", "api-upgrade"} <= set(scenario_names())  # fmt: skip


def test_an_empty_scenario_has_the_built_in_values():
    epoch = read("").at(0.0)
    assert {name: epoch[name] for name in SETTINGS} == {name: setting.default for name, setting in SETTINGS.items()}


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_takes_its_default_and_says_what_it_must_be(name):
    setting = SETTINGS[name]
    check_settings({name: setting.default})
    other: Any = 5 if isinstance(setting.default, str) else "text"
    many_wrong: list[Any] = [None, [], {}, other, math.nan, math.inf, -1, 10**400]
    for wrong in many_wrong:
        with pytest.raises(ScenarioError, match=f"{name} is .*, but must be "):
            check_settings({name: wrong})
    assert setting.meaning


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[limitz]\nactive_jobs = 3", "there is no table or key 'limitz'; did you mean 'limits'?"),
        ("sed = 3", "did you mean 'seed'?"),
        ("[limits]\nactive_job = 3", "there is no setting 'limits.active_job'; did you mean 'limits.active_jobs'?"),
        ("[queue]\nslots = 'many'", "queue.slots is 'many', but must be a whole number from 0"),
        ("[queue]\nslots = true", "queue.slots is true"),
        ("[queue]\nslots = -1", "queue.slots is -1"),
        ("limits = 3", "limits is 3, but must be a table of settings"),
        ("seed = 'x'", "seed is 'x', but must be a whole number"),
        ("seed = 1.5", "seed is 1.5"),
        ("users = 'me@example.org'", "users is 'me@example.org', but must be a list"),
        ("users = [1]", "users is [1]"),
        ("description = 3", "description is 3, but must be a text"),
        ("sky = 3", "sky is 3, but must be a table"),
        ("changes = 3", "changes is 3, but must be a list of tables"),
        ("faults = [3]", "faults is [3]"),
        ("start = 3", "start is 3, but must be a date such as"),
        ("start = 'soon'", "start is 'soon', but must be a date"),
        ("[[changes]]\nlimits = {active_jobs = 3}", "needs `at` (a date) or `after_days`"),
        ("[[changes]]\nafter_days = -1", "after_days is -1, but must be a number of days from 0"),
        ("[[changes]]\nat = 2026-01-01\nlimitz = {active_jobs = 3}", "did you mean 'limits.active_jobs'?"),
        ("[[changes]]\nat = 2026-01-01\nfrom = 3", "from is 3, but must be a table of settings"),
        ("[[outages]]\nfrom = 2026-01-01\nuntill = 2026-01-02", "did you mean 'until'?"),
        ("[[outages]]\nfrom = 2026-01-02\nuntil = 2026-01-01", "an outage ends before it begins"),
        ("[[outages]]\nfrom = 2026-01-02", "needs `until`"),
        ("[[faults]]\nkind = 'rest'", "did you mean 'reset'?"),
        ("[defaults]\nminnsnr = 3", "did you mean 'minsnr'?"),
        ("[defaults]\nminsnr = 'high'", "minsnr is high"),
        ("[api]\nversion = '1'", "api.version is '1', but must be two or three numbers"),
        ("[sky]\nsauces = []", "did you mean 'sources'?"),
    ],
)  # fmt: skip
def test_an_invalid_scenario_is_refused_with_what_to_do(text, words):
    with pytest.raises(ScenarioError) as error:
        read(text)
    assert words in str(error.value)
    assert str(error.value).startswith("mine: ")


def test_an_unknown_scenario_is_refused_with_the_nearest_name():
    with pytest.raises(ScenarioError, match="there is no scenario 'clam'; did you mean 'calm'"):
        load_scenario("clam")


def test_a_scenario_can_be_a_file(tmp_path):
    (tmp_path / "mine.toml").write_text("seed = 5\n[limits]\nactive_jobs = 2\n")
    scenario = load_scenario(tmp_path / "mine.toml")
    assert (scenario.name, scenario.seed, scenario.at(0.0)["limits.active_jobs"]) == ("mine", 5, 2)


@pytest.mark.parametrize(
    ("text", "words"), [(None, "cannot read the scenario"), ("a = [", "not TOML"), (b"\xff", "not TOML")]
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, text, words):
    path = tmp_path / "mine.toml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ScenarioError, match=words) as error:
        load_scenario(path)
    assert "mine.toml" in str(error.value)


# values in force -------------------------------------------------------------------------------------------


def test_a_dated_change_is_in_force_from_the_exact_second():
    scenario = read("[[changes]]\nat = 2026-03-03T09:00:00Z\nlimits = {active_jobs = 3}")
    at = START + DAY
    assert [scenario.at(now)["limits.active_jobs"] for now in (at - 0.001, at, at + 1e9)] == [100, 3, 3]


def test_days_are_counted_from_the_start():
    scenario = read("start = 2026-03-02T09:00:00Z\n[[changes]]\nafter_days = 1.5\nlimits = {active_jobs = 3}")
    assert scenario.changes[0].at == START + 1.5 * DAY


def test_changes_take_effect_in_order_of_time_and_at_equal_times_the_last_wins():
    scenario = Scenario(changes=(Change(20, {"queue.slots": 2}), Change(10, {"queue.slots": 1})))
    assert [scenario.at(now)["queue.slots"] for now in (5, 10, 20)] == [64, 1, 2]
    later = scenario.changed(Change(20, {"queue.slots": 5}))
    assert later.at(20)["queue.slots"] == 5


def test_a_change_leaves_other_settings_alone():
    scenario = read("[queue]\nslots = 3").changed(Change(10, {"limits.active_jobs": 1}))
    assert (scenario.at(10)["queue.slots"], scenario.at(10)["limits.active_jobs"]) == (3, 1)


def test_defaults_in_force_have_wire_names():
    scenario = read("[[changes]]\nafter_days = 1\ndefaults = {minsnr = 2.4}")
    assert scenario.at(START).defaults == {}
    assert scenario.at(START + DAY).defaults == {"minsnr": 2.4}


# slots -----------------------------------------------------------------------------------------------------------


def outage(*spans: tuple[float, float]) -> Scenario:
    return read_scenario({"outages": [{"from_day": a, "until_day": b} for a, b in spans]})


@pytest.mark.parametrize(
    ("spans", "open_at", "closed_at"),
    [
        ([(1, 2)], [0, 0.999, 2, 3], [1, 1.5, 1.999]),
        ([(1, 3), (2, 4)], [0.999, 4], [1, 2, 3, 3.999]),
        ([(2, 3), (1, 5)], [0.999, 5], [1, 2.5, 3, 4.999]),
        ([(1, 2), (2, 3)], [0.999, 3], [1, 2, 2.999]),
        ([(1, 2), (3, 4)], [2, 2.999, 4], [1.5, 3]),
    ],
)
def test_during_outages_there_are_no_slots_and_those_that_overlap_are_one(spans, open_at, closed_at):
    scenario = outage(*spans)
    assert all(scenario.slots_at(START + day * DAY) == 64 for day in open_at)
    assert all(scenario.slots_at(START + day * DAY) == 0 for day in closed_at)


@pytest.mark.parametrize(("load_", "free"), [(0, 8), (0.25, 6), (0.75, 2), (1, 0)])
def test_other_users_hold_their_share_of_the_slots(load_, free):
    assert read(f"[queue]\nslots = 8\n[background]\nload = {load_}").slots_at(START) == free


def test_the_share_swings_from_hour_to_hour_and_not_within():
    scenario = read("[queue]\nslots = 100\n[background]\nload = 0.5\nswing = 0.4")
    first = math.ceil(START / HOUR) * HOUR
    hours = [scenario.slots_at(first + n * HOUR) for n in range(100)]
    assert len(set(hours)) > 20
    assert all(10 <= slots <= 90 for slots in hours)
    assert abs(sum(hours) / 100 - 50) < 10
    assert hours[0] == scenario.slots_at(first + HOUR - 0.001)


SCENARIOS = st.builds(
    lambda values, changes: Scenario(
        start=START, values=values, changes=tuple(Change(START + at, dict(c)) for at, c in changes)
    ),
    st.fixed_dictionaries({"queue.slots": st.integers(0, 9), "background.load": st.sampled_from([0.0, 0.5, 1.0]),
                           "background.swing": st.sampled_from([0.0, 0.3])}),
    st.lists(st.tuples(st.integers(0, 20000), st.dictionaries(
        st.sampled_from(["queue.slots", "background.load", "service.available"]),
        st.sampled_from([0, 1]), max_size=2)), max_size=4),
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(SCENARIOS, st.integers(0, 20000), st.integers(0, 10**6))
def test_slots_do_not_change_before_the_announced_moment(scenario, after, millionths):
    now = START + after
    until = scenario.slots_change_after(now)
    assert until > now
    between = now + (min(until, now + 1e5) - now) * millionths / 10**6
    if between < until:
        assert scenario.slots_at(between) == scenario.slots_at(now)


# expiry ----------------------------------------------------------------------------------------------------------


def retained(days: float, *changes: tuple[float, float]) -> Scenario:
    return Scenario(
        values={"retention.days": days}, changes=tuple(Change(at * DAY, {"retention.days": d}) for at, d in changes)
    )


@pytest.mark.parametrize(
    ("scenario", "ended_day", "gone_day"),
    [
        (retained(7), 10, 17),
        (retained(0), 10, 10),
        (retained(7, (12, 3)), 10, 13),  # shortened: three days from the end
        (retained(7, (15, 3)), 10, 15),  # shortened when three days are over: gone at once
        (retained(7, (17, 3)), 10, 17),
        (retained(7, (17, 30)), 10, 40),  # lengthened at the very second of the expiry: in time
        (retained(7, (12, 30)), 10, 40),  # lengthened in time
        (retained(7, (18, 30)), 10, 17),  # lengthened too late: what is gone stays gone
        (retained(7, (12, 3), (12.5, 30)), 10, 40),
        (retained(7, (15, 3), (16, 30)), 10, 15),
        (retained(7, (5, 1)), 10, 11),
        (retained(7, (5, 1), (5, 2)), 10, 12),  # two changes at one moment: the last one counts
    ],
)
def test_products_expire_by_the_retention_in_force_at_each_moment(scenario, ended_day, gone_day):
    assert scenario.expires_at(ended_day * DAY) == gone_day * DAY


def test_a_job_that_never_ends_never_expires():
    assert retained(7, (1, 2)).expires_at(math.inf) == math.inf


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 20),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 20)), max_size=4),
    st.integers(0, 40),
    st.data(),
)
def test_expiry_is_the_first_day_on_which_a_daily_check_finds_it(days, changes, ended_day, data: Any):
    scenario = retained(days, *changes)
    look = next(
        day for day in range(ended_day, 200) if day >= ended_day + scenario.at(day * DAY)["retention.days"]
    )  # fmt: skip
    assert scenario.expires_at(ended_day * DAY) == look * DAY
