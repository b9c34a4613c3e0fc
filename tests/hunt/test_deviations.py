"""Worlds: what they are made of, how they are written, and which are drawn."""

import tomllib
from dataclasses import replace

import pytest
from hypothesis import find

from mock_server.hunt.deviations import Deviation, Kill, as_toml, key_of, scenario_data, words_of
from mock_server.hunt.weather import settings
from mock_server.hunt.worlds import ordinal, streams
from mock_server.scenario.files import read_scenario
from tests.hunt.test_oracles import CALM

LOST = Deviation("lost", "run_userobject", "an answer is lost", {"faults": [{"kind": "lost", "call": 1}]})
LIMIT = Deviation("limit", "", "the limit is 4", {"limits": {"active_jobs": 4}})


def test_a_world_is_the_calm_one_with_its_deviations():
    base = {"seed": 7, "limits": {"active_jobs": 9}, "faults": [{"kind": "reset"}]}
    assert scenario_data(base, (LOST, LIMIT)) == {
        "seed": 7,
        "limits": {"active_jobs": 4},
        "faults": [{"kind": "reset"}, {"kind": "lost", "call": 1}],
    }
    assert base["limits"] == {"active_jobs": 9}


def test_a_world_is_written_as_the_scenario_file_that_makes_it():
    data = {
        "description": 'a "quoted" one',
        "limits": {"active_jobs": 4},
        "changes": [{"after_days": 0.5, "limits": {"active_jobs": 2}}],
        "sky": {"no_data": ["GRB 060729"]},
        "api": {"mirror_caller": True},
    }
    assert tomllib.loads(as_toml(data)) == data
    assert read_scenario(data).values["limits.active_jobs"] == 4


def test_the_words_of_a_world_are_a_sentence():
    assert words_of((LOST, LIMIT)) == "when an answer is lost, and the limit is 4"
    assert words_of(()) == "in the calm world"
    assert key_of((LOST,)) != key_of((LIMIT,))


@pytest.mark.parametrize("text", ["call", "call:0", "read:1", "write:x"])
def test_a_kill_has_a_place_and_a_number(text):
    assert str(Kill.from_text("write:2")) == "write:2"
    with pytest.raises(ValueError, match="such as call:3"):
        Kill.from_text(text)


@pytest.mark.parametrize(("number", "words"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (22, "22nd")])
def test_numbers_are_counted_in_words(number, words):
    assert ordinal(number) == words


def test_worlds_are_drawn_for_the_operations_that_the_program_uses():
    planned = streams(CALM, 400)
    names = {stream.name for stream in planned}
    assert {"lost run_userobject", "archive-cut downloadProduct", "outage", "restart at a call"} <= names
    assert not any("canceljob" in name for name in names)
    assert not any("restart" in stream.name for stream in streams(CALM, 400, restart=False))
    assert sum(stream.most for stream in planned) == pytest.approx(400, rel=0.25)


def test_worlds_of_two_deviations_are_shared_among_processes():
    mixed = [stream for stream in streams(CALM, 400) if stream.mixed]
    assert len(mixed) > 1
    assert len({stream.name for stream in mixed}) == len(mixed)
    assert max(stream.most for stream in mixed) <= 50


@pytest.mark.parametrize(("most", "limits"), [(1, []), (2, [1]), (3, [2, 1]), (9, [8, 4, 2, 1])])
def test_limits_are_drawn_below_what_the_program_needs(most, limits):
    choices = dict(settings(replace(CALM, peak_active=(most, ("p.py:10",)))))
    from_start = [one.scenario["limits"]["active_jobs"] for one in choices.get("limit", ())]
    later = {change["limits"]["active_jobs"] for one in choices.get("limit falls", ()) for change in changes(one)}
    assert (from_start, later) == (limits, set(limits))
    for deviation in choices.get("limit", ()):
        assert deviation.words == f"the limit is {deviation.scenario['limits']['active_jobs']} active jobs"


def changes(deviation):
    return deviation.scenario["changes"]


def test_the_simplest_world_of_each_stream_is_a_scenario_that_can_be_read():
    for stream in streams(CALM, 400):
        world = find(stream.worlds, lambda _world: True)
        data = scenario_data({}, world)
        assert read_scenario(data).seed == 1, stream.name
        assert tomllib.loads(as_toml(data)) == data
        assert key_of(world) == key_of(tuple(world))
