"""Who holds time up is excused or named."""

import os
import threading
from typing import Any

import pytest

from mock_server.clocks.virtual import VirtualClock
from mock_server.run.watchdog import Watchdog, processor_time

START = 1000.0


class Scene:
    """Party (0,) works, party (1,) sleeps for 60 s; the watchdog looks when told to."""

    def __init__(self) -> None:
        self.clock = VirtualClock(START)
        self.told: list[str] = []
        self.used: Any = 7
        self.dog = Watchdog(self.clock, lambda number: (1, number[0]), self.told.append, lambda _place: self.used)
        self.clock.join((0,))
        self.clock.join((1,))
        self.sleeper = threading.Thread(target=self._sleep, daemon=True)
        self.sleeper.start()
        while not self.clock.has_waiting():
            pass

    def _sleep(self) -> None:
        self.clock.attach((1,))
        self.clock.sleep(60)
        self.clock.leave((1,))


@pytest.fixture
def scene():
    return Scene()


def test_one_who_uses_no_processor_time_is_excused_and_named(scene):
    for real in (0.0, 0.1, 1.2):
        scene.dog.look(real)
    scene.sleeper.join(30)
    assert scene.clock.now() == START + 60
    assert scene.told[0].startswith("program 0 waits for something other than simulated time")


def test_one_who_computes_is_waited_for(scene):
    for tick in range(20):
        scene.used = tick
        scene.dog.look(tick / 10)
    assert scene.clock.now() == START
    assert scene.told == []


def test_after_a_while_it_is_said_who_computes_but_once(scene):
    for tick in range(100):
        scene.used = tick
        scene.dog.look(float(tick))
    assert scene.told == ["simulated time has stood still for 30 s while program 0 worked without sleeping"]


def test_one_of_whom_nothing_is_known_is_waited_for(scene):
    scene.used = None
    for tick in range(20):
        scene.dog.look(tick / 10)
    assert scene.clock.now() == START


def test_patience_begins_anew_when_somebody_does_something(scene):
    scene.dog.look(0.0)
    scene.dog.look(0.9)
    scene.clock.join((2,))
    scene.clock.leave((2,))
    scene.dog.look(1.2)
    scene.dog.look(1.3)
    assert scene.clock.now() == START


def test_nobody_is_excused_where_nobody_waits():
    clock = VirtualClock(START)
    told: list[str] = []
    clock.join((0,))
    dog = Watchdog(clock, lambda _number: (1, 1), told.append, lambda _place: 7)
    for tick in range(20):
        dog.look(tick / 10)
    assert clock.running() == [(0,)]
    assert told == []


def test_one_who_was_excused_counts_again_once_it_is_heard_of(scene):
    scene.clock.assume_waiting((0,))
    scene.sleeper.join(30)
    scene.clock.attach((0,))
    scene.clock.turn()
    assert scene.clock.running() == [(0,)]


def test_of_a_sleeping_thread_the_processor_time_is_told():
    gate = threading.Lock()
    gate.acquire()
    sleeper = threading.Thread(target=gate.acquire, daemon=True)
    sleeper.start()
    place = (os.getpid(), sleeper.native_id or 0)
    while processor_time(place) is None:
        pass
    gate.release()
    sleeper.join()


def test_of_a_thread_at_work_it_is_not():
    assert processor_time((os.getpid(), threading.get_native_id())) is None


def test_a_thread_that_does_not_exist_has_no_processor_time():
    with pytest.raises(ProcessLookupError, match="has ended"):
        processor_time((os.getpid(), 1 << 22))


def test_one_who_ended_without_a_word_holds_nobody_up(scene):
    def ended(_place: Any) -> int:
        raise ProcessLookupError

    dog = Watchdog(scene.clock, lambda number: (1, number[0]), scene.told.append, ended)
    dog.look(0.0)
    dog.look(0.1)
    scene.sleeper.join(30)
    assert scene.clock.now() == START + 60
