"""The search and its figures, with a program that is a function of the world."""

from dataclasses import replace

import pytest
from hypothesis import strategies as st

from mock_server.hunt.deviations import Deviation, World
from mock_server.hunt.life import Life
from mock_server.hunt.oracles import Finding, Rules
from mock_server.hunt.search import Search, Tally
from mock_server.hunt.waiting import processor_s
from mock_server.hunt.worlds import Stream
from mock_server.run import kernel
from tests.hunt.test_oracles import CALM

LOST, STUCK = Deviation("lost", "run_userobject", "it is lost", {}), Deviation("stuck", "run_userobject", "", {"a": 1})
BOTH = st.lists(st.sampled_from([LOST, STUCK]), min_size=1, max_size=2, unique_by=lambda one: one.kind)
STREAM = Stream("both", BOTH.map(tuple), 20)


def endless_when_lost(world: World) -> Life:
    return replace(CALM, world=world, met=(True,) * len(world), code=None if LOST in world else 0)


def test_a_failure_is_shrunk_to_the_deviation_that_makes_it():
    tally = Search(endless_when_lost, CALM, Rules(), 1).stream(STREAM)
    assert [(found.finding.oracle, found.world) for found in tally.found.values()] == [("endless", (LOST,))]


def test_what_one_deviation_shows_is_not_shrunk_again_among_two():
    played = []

    def play(world: World) -> Life:
        played.append(world)
        return endless_when_lost(world)

    alone = Search(play, CALM, Rules(), 1).stream(Stream("lost", st.just((LOST,)), 1))
    played.clear()
    tally = Search(play, CALM, Rules(), 1).stream(Stream("two", st.just((STUCK, LOST)), 1), alone.alone())
    assert played == [(STUCK, LOST)]
    assert tally.broke == 1
    alone.add(tally)
    assert [found.world for found in alone.found.values()] == [(LOST,)]


def test_an_error_of_the_hunt_itself_is_no_finding_and_ends_it():
    def wrong(_world: World) -> Life:
        raise ProcessLookupError("a fault of the hunt")

    with pytest.raises(ProcessLookupError, match="a fault of the hunt"):
        Search(wrong, CALM, Rules(), 1).stream(STREAM)


def test_a_deviation_that_was_not_met_breaks_nothing():
    tally = Tally()
    tally.note((LOST, STUCK), replace(CALM, met=(True, False)), [Finding("endless", "never ends", ())])
    assert tally.cells == {("run_userobject", "lost"): (1, 1, 1), ("run_userobject", "stuck"): (1, 0, 0)}


def test_a_failure_that_does_not_repeat_says_what_differed():
    lives = iter([None, 0, None])

    def play(world: World) -> Life:
        return replace(CALM, world=world, met=(True,), code=next(lives))

    search = Search(play, CALM, Rules(), 1)
    tally = search.stream(Stream("lost", st.just((LOST,)), 1))
    (found,) = tally.found.values()
    assert search.repeat(found).differed == "the exit code was None, then 0"


@pytest.mark.parametrize(
    ("again", "differed"),
    [
        ({"calls": CALM.calls[:1]}, "it made 2 calls, then 1"),
        (
            {"calls": (CALM.calls[0], CALM.calls[1]._replace(operation="downloadFile", at=430.0))},
            "call 2 was downloadProduct at 400, then downloadFile at 430",
        ),
        ({}, "the calls were the same, but what it printed or saved was not"),
    ],
)
def test_a_failure_that_does_not_repeat_is_compared_call_by_call(again, differed):
    named = replace(CALM, world=(LOST,), met=(True,), code=1, text="GRB 060729 failed", files=())
    unnamed = replace(named, text="")
    lives = iter([unnamed, replace(named, **again)])
    search = Search(lambda _world: next(lives), CALM, Rules(), 1)
    tally = search.stream(Stream("lost", st.just((LOST,)), 1))
    found = min(tally.found.values(), key=lambda one: one.finding.oracle)
    assert search.repeat(found).differed == differed


def test_a_failure_that_repeats_differs_in_nothing():
    search = Search(endless_when_lost, CALM, Rules(), 1)
    (found,) = search.stream(Stream("lost", st.just((LOST,)), 1)).found.values()
    assert search.repeat(found) == found


def test_the_processor_time_of_a_program_that_has_just_ended_is_nothing(monkeypatch):
    def gone(_path: str) -> bytes:
        raise ProcessLookupError  # between opening and reading the file

    with monkeypatch.context() as patched:
        patched.setattr(kernel, "_read", gone)
        assert processor_s(1) == 0
