"""Simulated time: system, scaled, virtual, and shared by participants that wait for one another."""

import math
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.clocks.base import ParticipantId, ScaledClock
from mock_server.clocks.virtual import VirtualClock, Wait, parse_clock

START = 1_000_000.0


class TestAVirtualClock:
    def test_stands_still(self):
        clock = VirtualClock(START)
        assert (clock.now(), clock.now()) == (START, START)

    def test_moves_on_by_what_is_slept(self):
        clock = VirtualClock(START)
        clock.sleep(120)
        assert clock.now() == START + 120

    def test_does_not_go_back_when_a_negative_time_is_slept(self):
        clock = VirtualClock(START)
        clock.sleep(-1)
        assert clock.now() == START

    def test_answers_an_advance_with_the_new_time(self):
        assert VirtualClock(START).advance(30) == START + 30

    @pytest.mark.parametrize("seconds", [-1, math.inf, math.nan])
    def test_refuses_to_advance_by_nonsense(self, seconds):
        with pytest.raises(ValueError, match="only moves forward"):
            VirtualClock(START).advance(seconds)


class TestAScaledClock:
    def test_starts_where_asked(self):
        assert ScaledClock(1e-9, start=START).now() == pytest.approx(START)

    def test_jumps_ahead(self):
        clock = ScaledClock(1e-9, start=START)
        assert clock.advance(3600) == pytest.approx(START + 3600)

    @pytest.mark.parametrize("factor", [0, -1, math.nan])
    def test_needs_a_positive_factor(self, factor):
        with pytest.raises(ValueError, match="must be positive"):
            ScaledClock(factor)

    def test_jumps_ahead_to_a_moment_and_never_back(self):
        clock = ScaledClock(1e-9, start=START)
        assert [clock.advance_to(START + wanted) for wanted in (3600, 60)] == pytest.approx([START + 3600] * 2)


@pytest.mark.parametrize(("text", "kind"), [("system", ScaledClock), ("x60", ScaledClock), ("virtual", VirtualClock)])
def test_the_option_names_a_clock(text, kind):
    assert isinstance(parse_clock(text, START), kind)


@pytest.mark.parametrize("text", ["", "x", "xfast", "60", "x0", "x-1"])
def test_any_other_option_is_refused(text):
    with pytest.raises(ValueError, match=r"clock"):
        parse_clock(text, START)


Log = list[tuple[float, ParticipantId, Any]]


def run_participants(
    clock: VirtualClock, programs: dict[ParticipantId, Callable[[Callable[[Any], None]], None]]
) -> Log:
    """Run one thread for each participant; each program is given `say`, which takes its turn and notes a word."""
    log: Log = []

    def body(participant: ParticipantId) -> None:
        def say(word: Any) -> None:
            clock.turn()
            log.append((clock.now() - START, participant, word))

        clock.attach(participant)
        try:
            programs[participant](say)
        finally:
            clock.leave(participant)

    for participant in programs:
        clock.join(participant)
    threads = [threading.Thread(target=body, args=(one,), daemon=True) for one in reversed(programs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads), "the participants wait for one another"
    return log


def sleeper(clock: VirtualClock, *naps: float) -> Callable[[Callable[[Any], None]], None]:
    def program(say: Callable[[Any], None]) -> None:
        for nap in naps:
            clock.sleep(nap)
            say(nap)

    return program


class TestParticipants:
    def test_time_moves_to_the_earliest_wake_up_once_all_wait(self):
        clock = VirtualClock(START)
        log = run_participants(clock, {(0,): sleeper(clock, 10, 10), (1,): sleeper(clock, 4, 4, 4)})
        assert [(at, who) for at, who, _ in log] == [(4, (1,)), (8, (1,)), (10, (0,)), (12, (1,)), (20, (0,))]

    def test_those_who_wake_together_go_in_the_order_of_their_ids_children_first(self):
        clock = VirtualClock(START)
        ids: list[ParticipantId] = [(3,), (0,), (1, 5), (1,), (1, 5, 0)]
        log = run_participants(clock, {one: sleeper(clock, 5, 5) for one in ids})
        assert [who for at, who, _ in log if at == 5] == sorted(ids, key=lambda who: (*who, math.inf))
        assert [who for at, who, _ in log if at == 10] == sorted(ids, key=lambda who: (*who, math.inf))

    def test_one_says_all_it_has_to_say_before_the_next_begins(self):
        clock = VirtualClock(START)

        def program(say: Callable[[Any], None]) -> None:
            say("a")
            say("b")
            clock.sleep(1)

        log = run_participants(clock, {(0,): program, (1,): program, (2,): program})
        assert [(who[0], word) for _, who, word in log] == [(n, word) for n in range(3) for word in "ab"]

    def test_a_sleep_of_nothing_lets_the_others_go_first(self):
        clock = VirtualClock(START)
        log = run_participants(clock, {(0,): sleeper(clock, 0), (1,): lambda say: say("first")})
        assert [word for _, _, word in log] == ["first", 0]
        assert clock.now() == START

    def test_participants_that_sleep_for_nothing_take_turns(self):
        clock = VirtualClock(START)
        log = run_participants(clock, {(n,): sleeper(clock, 0, 0, 0) for n in range(2)})
        assert [who for _, who, _ in log] == [(0,), (1,)] * 3

    def test_time_does_not_wait_for_one_that_has_left(self):
        clock = VirtualClock(START)
        run_participants(clock, {(0,): lambda _say: None, (1,): sleeper(clock, 7)})
        assert clock.now() == START + 7

    def test_time_does_not_wait_for_one_that_is_away(self):
        clock = VirtualClock(START)
        gone = threading.Event()

        def elsewhere(_say: Callable[[Any], None]) -> None:
            with clock.away():
                gone.wait(30)

        def other(say: Callable[[Any], None]) -> None:
            clock.sleep(60)
            say("awake")
            gone.set()

        assert run_participants(clock, {(0,): elsewhere, (1,): other}) == [(60, (1,), "awake")]

    def test_one_is_woken_before_its_time_by_its_token(self):
        clock = VirtualClock(START)

        def waits(say: Callable[[Any], None]) -> None:
            clock.wait(START + 100, "token")
            say("woken")

        def wakes(_say: Callable[[Any], None]) -> None:
            clock.sleep(3)
            clock.wake((0,), "token")

        assert run_participants(clock, {(0,): waits, (1,): wakes}) == [(3, (0,), "woken")]

    def test_a_wake_that_comes_before_the_wait_is_not_lost(self):
        clock = VirtualClock(START)

        def waits(say: Callable[[Any], None]) -> None:
            clock.wake((0,), "token")
            clock.wait(START + 100, "token")
            say("woken")

        assert run_participants(clock, {(0,): waits}) == [(0, (0,), "woken")]

    def test_a_wake_meant_for_another_wait_disturbs_no_sleep(self):
        clock = VirtualClock(START)

        def sleeps(say: Callable[[Any], None]) -> None:
            clock.wake((0,), "old")
            clock.sleep(5)
            say("awake")

        assert run_participants(clock, {(0,): sleeps}) == [(5, (0,), "awake")]

    def test_an_advance_wakes_those_who_are_due(self):
        clock = VirtualClock(START)

        def waits(say: Callable[[Any], None]) -> None:
            clock.sleep(60)
            say("awake")

        def advances(say: Callable[[Any], None]) -> None:
            say("all others wait")
            clock.advance(90)

        log = run_participants(clock, {(0,): waits, (1,): advances})
        assert log == [(0, (1,), "all others wait"), (90, (0,), "awake")]

    def test_a_participant_joins_once(self):
        clock = VirtualClock(START)
        clock.join((0,))
        with pytest.raises(ValueError, match="already"):
            clock.join((0,))

    def test_a_thread_that_is_no_participant_takes_no_turn(self):
        clock = VirtualClock(START)
        clock.join((0,))
        clock.turn()
        assert clock.current() is None


class TestOneParticipant:
    """What can be seen of a participant from outside, without a second thread."""

    @pytest.fixture
    def clock(self) -> VirtualClock:
        clock = VirtualClock(START)
        clock.join((1,))
        clock.attach((1,))
        return clock

    def test_begins_at_a_time_that_becomes_known_later(self, clock):
        clock.begin(START + 5)
        assert (clock.origin, clock.now()) == (START + 5, START + 5)
        place = SimpleNamespace(now=0.0)
        clock.keep_in(place)
        assert (place.now, clock.now()) == (START + 5, START + 5)
        clock.begin(START + 7)
        assert (place.now, clock.now()) == (START + 7, START + 7)

    def test_shows_the_time_of_the_place_that_it_is_kept_in(self, clock):
        place = SimpleNamespace(now=0.0)
        clock.keep_in(place)
        place.now += 60
        assert clock.now() == START + 60
        clock.wait(START + 90)
        assert place.now == START + 90
        clock.advance_to(START + 100)
        assert place.now == START + 100

    def test_goes_on_when_its_patience_ends_before_its_turn_comes(self, clock):
        clock.join((0,))  # which runs
        changes = clock.changes
        clock.turn(patience=0)
        assert clock.running() == [(0,), (1,)]
        assert clock.changes > changes

    def test_goes_on_if_an_error_ends_its_wait(self, clock):
        class Place:
            fails = False

            @property
            def now(self) -> float:
                return START

            @now.setter
            def now(self, _now: float) -> None:
                if self.fails:
                    raise KeyboardInterrupt

        place = Place()
        clock.keep_in(place)
        place.fails = True
        with pytest.raises(KeyboardInterrupt):
            clock.wait(START + 5)
        assert (clock.running(), clock.has_waiting()) == ([(1,)], False)

    def test_may_go_on_from_outside_only_where_that_can_be_proven(self, clock):
        assert clock.outside() == []
        with clock.away():
            assert clock.outside() == []
            clock.unproven = threading.Event()
            assert clock.outside() == [(1,)]
        with clock.away(surely=True):
            assert (clock.outside(), clock.unproven.is_set()) == ([], False)
        with clock.away():
            assert clock.unproven.is_set()

    def test_is_left_behind_if_it_is_taken_for_waiting(self, clock):
        clock.join((0,))  # which runs: time stands still
        clock.assume_waiting((1,))
        assert clock.waits()[(1,)] == Wait(math.inf, False, None, excused=True)
        with clock.away(START + 60):
            assert not clock.waits()[(1,)].excused
            clock.assume_waiting((1,))
            assert clock.waits()[(1,)] == Wait(START + 60, False, "outside", excused=True)
        assert clock.now() == START

    def test_is_taken_for_waiting_only_if_nothing_has_changed(self, clock):
        assert (clock.proceed(clock.changes - 1), clock.running()) == (False, [(1,)])
        assert (clock.proceed(clock.changes), clock.running()) == (True, [])

    def test_that_is_not_there_is_neither_woken_nor_waited_for(self, clock):
        clock.wake((7,), "token")
        clock.interrupt((7,))
        clock.assume_waiting((7,))
        clock.leave((7,))
        assert list(clock.waits()) == clock.running() == [(1,)]


@settings(max_examples=40)
@given(naps=st.lists(st.lists(st.integers(0, 50), max_size=5), min_size=1, max_size=4))
def test_whatever_the_naps_all_wake_on_time_and_in_order(naps):
    clock = VirtualClock(START)
    log = run_participants(clock, {(n,): sleeper(clock, *its) for n, its in enumerate(naps)})
    for n, its in enumerate(naps):
        assert [at for at, who, _ in log if who == (n,)] == [sum(its[: i + 1]) for i in range(len(its))]
    assert [at for at, _, _ in log] == sorted(at for at, _, _ in log)
    assert clock.now() == START + max(map(sum, naps))
