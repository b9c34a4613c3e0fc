"""A participant that holds time up is taken for waiting, or named."""

import _thread
import math
import os
import signal
import sys
import threading
from typing import Any

import pytest

from mock_server.clocks.virtual import VirtualClock
from mock_server.run import kernel
from mock_server.run.kernel import asleep, awaited, is_dead, is_ending, processor_time
from mock_server.run.watchdog import Watchdog, warn
from tests.tools.asserting import no_exception

START = 1000.0


def awaited_is_unknown() -> bool:
    """Whether the system does not say what a thread waits for; this one does not wait."""
    return not os.path.exists("/proc/self/wchan")


class Scene:
    """Participant (0,) runs, participant (1,) sleeps for 60 s; the watchdog looks when asked to."""

    def __init__(self) -> None:
        self.clock = VirtualClock(START)
        self.warnings: list[str] = []
        self.used: Any = 7
        self.watchdog = self.watching(lambda _thread: self.used)
        self.clock.join((0,))
        self.clock.join((1,))
        self.sleeper = threading.Thread(target=self._sleep, daemon=True)
        self.sleeper.start()
        while not self.clock.has_waiting():
            pass

    def watching(self, processor_time: Any) -> Watchdog:
        return Watchdog(self.clock, lambda participant: (1, participant[0]), self.warnings.append, processor_time)

    def _sleep(self) -> None:
        self.clock.attach((1,))
        self.clock.sleep(60)
        self.clock.leave((1,))


@pytest.fixture
def scene():
    return Scene()


def test_one_that_uses_no_processor_time_is_taken_for_waiting_and_named(scene):
    for real in (0.0, 0.1, 1.2):
        scene.watchdog.look(real)
    scene.sleeper.join(30)
    assert scene.clock.now() == START + 60
    assert scene.warnings[0].startswith("program 0 waits for something other than simulated time")


def test_time_waits_for_one_that_computes(scene):
    for tick in range(20):
        scene.used = tick
        scene.watchdog.look(tick / 10)
    assert scene.clock.now() == START
    assert scene.warnings == []


def test_one_that_computes_for_long_is_named_once(scene):
    for tick in range(100):
        scene.used = tick
        scene.watchdog.look(float(tick))
    assert scene.warnings == [
        "simulated time has stood still for 30 s: program 0 works without sleeping; program 1 sleeps for another 60 s"
    ]


def test_time_waits_for_one_of_which_nothing_is_known(scene):
    scene.used = None
    for tick in range(20):
        scene.watchdog.look(tick / 10)
    assert scene.clock.now() == START


def test_a_step_of_any_participant_starts_the_count_anew(scene):
    scene.watchdog.look(0.0)
    scene.watchdog.look(0.9)
    scene.clock.join((2,))
    scene.clock.leave((2,))
    scene.watchdog.look(1.2)
    scene.watchdog.look(1.3)
    assert scene.clock.now() == START


def test_one_that_nothing_waits_for_is_left_alone():
    clock = VirtualClock(START)
    warnings: list[str] = []
    clock.join((0,))
    watchdog = Watchdog(clock, lambda _participant: (1, 1), warnings.append, lambda _thread: 7)
    for tick in range(20):
        watchdog.look(tick / 10)
    assert clock.running() == [(0,)]
    assert warnings == []


def test_one_that_is_away_until_an_instant_counts_as_waiting(scene):
    clock, warnings = VirtualClock(START), scene.warnings
    for participant in ((0,), (1,)):
        clock.join(participant)
    clock.attach((1,))
    watchdog = Watchdog(clock, lambda _participant: (1, 1), warnings.append, lambda _thread: 7)
    with clock.away(START + 60):  # as an event loop does, in slices
        for tick in range(13):
            watchdog.look(tick / 10)
    assert clock.now() == START + 60
    assert warnings[0].startswith("program 0 waits for something other than simulated time")


def test_slices_in_which_time_does_not_move_are_no_steps():
    clock = VirtualClock(START)
    for participant in ((0,), (1,)):
        clock.join(participant)
    clock.attach((1,))
    before = clock.steps
    for _ in range(5):
        with clock.away(START + 60):
            pass
    assert clock.steps == before


def test_a_standstill_in_which_all_wait_for_one_another_is_named():
    clock = VirtualClock(START)
    warnings: list[str] = []

    def wait(n: int) -> None:
        clock.attach((n,))
        clock.wait(math.inf, n)

    threads = [threading.Thread(target=wait, args=(n,), daemon=True) for n in range(2)]
    for n, thread in enumerate(threads):
        clock.join((n,))
        thread.start()
    while not all(wait.blocked for wait in clock.waits().values()):
        pass
    watchdog = Watchdog(clock, lambda _participant: (1, 1), warnings.append, lambda _thread: 7)
    for real in (0.0, 29.0, 31.0, 62.0):
        watchdog.look(real)
    assert warnings == [
        "simulated time has stood still for 30 s: program 0 waits for a lock, a queue or an event of its program; "
        "program 1 waits for a lock, a queue or an event of its program"
    ]
    for n, thread in enumerate(threads):
        clock.wake((n,), n)
        thread.join(30)


def test_one_that_is_taken_for_waiting_again_is_not_named_again(scene):
    for real in (0.0, 0.1, 1.2):
        scene.watchdog.look(real)
    scene.sleeper.join(30)
    scene.clock.join((1,))
    scene.clock.attach((0,))
    scene.clock.turn()
    scene.sleeper = threading.Thread(target=scene._sleep, daemon=True)
    scene.sleeper.start()
    while not scene.clock.has_waiting():
        pass
    for real in (2.0, 2.1, 3.2):
        scene.watchdog.look(real)
    scene.sleeper.join(30)
    assert scene.clock.now() == START + 120
    assert len(scene.warnings) == 1


@pytest.mark.skipif(awaited_is_unknown(), reason="the operating system does not say what threads sleep in")
def test_a_standstill_names_what_each_waits_for():
    """One for a pipe, one for the end of a process, one for its turn."""
    clock, warnings = VirtualClock(START), list[str]()
    reading, writing = os.pipe()
    thread = threading.Thread(target=os.read, args=(reading, 1), daemon=True)
    thread.start()

    def turn() -> None:
        clock.attach((2,))
        clock.turn()

    for number in range(3):
        clock.join((number,))
    waiting = threading.Thread(target=turn, daemon=True)
    waiting.start()
    pid = os.getpid()
    while not (clock.waits()[2,].blocked and awaited((pid, thread.native_id or 0)) == "a pipe"):
        pass
    watchdog = Watchdog(
        clock,
        lambda one: (pid, thread.native_id or 0) if one == (0,) else None,
        warnings.append,
        child_of=lambda one: 17 if one == (1,) else None,
    )
    for real in (0.0, 31.0):
        watchdog.look(real)
    assert warnings == [
        "simulated time has stood still for 30 s: program 0 waits for a pipe; program 1 waits for the end of process "
        "17; program 2 waits for its turn"
    ]
    os.write(writing, b"x")
    thread.join(30)
    for number in range(2):
        clock.leave((number,))
    waiting.join(30)
    os.close(reading)
    os.close(writing)


def test_it_looks_until_it_is_closed(monkeypatch):
    clock, looks = VirtualClock(START), list[float]()
    monkeypatch.setattr("mock_server.run.watchdog.LOOK_EVERY_S", 0)
    monkeypatch.setattr(_thread, "start_new_thread", lambda run, arguments: run(*arguments))  # here, to its end

    def running() -> list[Any]:
        looks.append(clock.now())
        if len(looks) == 3:
            watchdog.close()
        return []

    monkeypatch.setattr(clock, "running", running)
    watchdog = Watchdog(clock, lambda _participant: None, lambda _words: None)
    watchdog.start()
    assert looks == [START] * 3


def test_one_that_was_taken_for_waiting_counts_again_once_it_uses_the_clock(scene):
    scene.clock.assume_waiting((0,))
    scene.sleeper.join(30)
    scene.clock.attach((0,))
    scene.clock.turn()
    assert scene.clock.running() == [(0,)]


def test_one_that_has_ended_leaves_the_clock(scene):
    def ended(_thread: Any) -> int:
        raise ProcessLookupError

    watchdog = scene.watching(ended)
    watchdog.look(0.0)
    watchdog.look(0.1)
    scene.sleeper.join(30)
    assert scene.clock.now() == START + 60


@pytest.mark.parametrize("closed", [False, True])
def test_a_warning_that_cannot_be_printed_is_dropped(monkeypatch, tmp_path, closed):
    file = (tmp_path / "stderr").open("w")
    file.close()
    monkeypatch.setattr(sys, "stderr", file if closed else None)  # as in a daemon
    with no_exception():
        warn("simulated time stands still")


def test_a_sleeping_thread_has_a_processor_time():
    lock = threading.Lock()
    lock.acquire()
    sleeper = threading.Thread(target=lock.acquire, daemon=True)
    sleeper.start()
    thread = (os.getpid(), sleeper.native_id or 0)
    while (used := processor_time(thread)) is None:
        pass
    lock.release()
    sleeper.join()
    assert used >= 0


def test_a_thread_at_work_has_none():
    assert processor_time((os.getpid(), threading.get_native_id())) is None


def test_a_thread_that_does_not_exist_is_an_error():
    with pytest.raises(ProcessLookupError, match="has ended"):
        processor_time((os.getpid(), 1 << 22))


def test_where_the_system_tells_nothing_nothing_is_concluded(monkeypatch, tmp_path):
    monkeypatch.setattr(kernel, "Path", lambda place: tmp_path / place.lstrip("/"))
    thread = (os.getpid(), threading.get_native_id())
    assert (processor_time(thread), awaited(thread), asleep([os.getpid()])) == (None, None, None)
    assert not is_ending(os.getpid())


def test_a_process_that_has_ended_is_ending_and_none_of_its_threads_sleeps():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert is_ending(child)
    assert asleep([child]) == {}
    os.waitpid(child, 0)


def test_a_killed_process_is_dead_at_once_and_a_living_one_is_not():
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)
    try:
        assert not is_dead(child)
    finally:
        os.kill(child, signal.SIGKILL)
    assert is_dead(child)
    os.waitpid(child, 0)
    assert is_dead(child)
