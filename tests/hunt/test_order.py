"""The clock of a life, and the proof that nothing can go on: the same order on every machine."""

import os
import subprocess
import threading
from pathlib import Path

import pytest

from mock_server.hunt import standstill
from mock_server.hunt.clock import LifeClock
from mock_server.hunt.standstill import Standstill
from mock_server.run.kernel import asleep
from mock_server.run.link import Link
from mock_server.run.link_server import LinkServer
from mock_server.run.standstill import can_be_proven
from mock_server.transport.wsgi_call import HOSTS

START = 1_000_000.0


@pytest.fixture
def clock():
    return LifeClock(START, one_by_one=True)


def in_thread(*steps):
    """Start a thread that takes steps; return it and the list of the steps that it has taken."""
    taken = []

    def run():
        for step in steps:
            taken.append(step())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, taken


def settled(clock, waiting):
    """Wait until so many participants are held by the clock."""
    while sum(wait.blocked for wait in clock.waits().values()) != waiting:
        pass


def test_one_that_is_woken_goes_on_when_the_one_that_woke_it_waits(clock):
    clock.join((0,))
    clock.join((0, 1))
    clock.attach((0,))
    woken, taken = in_thread(
        lambda: clock.attach((0, 1)), lambda: clock.wait(START + 1000, "token"), lambda: clock.leave((0, 1))
    )
    settled(clock, 1)  # it has its turn once this thread waits
    clock.wait(START + 10)  # the other waits, too, and time passes for this thread
    clock.wake((0, 1), "token")
    assert len(taken) == 1
    clock.leave((0,))
    woken.join()
    assert (clock.now(), len(taken)) == (START + 10, 3)


def test_a_wait_that_another_ends_is_announced_to_its_owner(clock):
    said = []
    clock.join((0,))
    clock.attach((0,))
    with clock.away(START + 600, on_end=lambda: said.append(clock.now())):
        clock.wake((0,), "another token")
        clock.wake((7,), "outside")  # there is no such participant
        assert said == []
        clock.wake((0,), "outside")
        clock.wake((0,), "outside")
    assert said == [START]


def test_a_thread_that_is_no_participant_has_its_turn_at_once(clock):
    clock.join((0,))
    steps = clock.steps
    clock.turn()  # it does not wait for the one that runs
    assert clock.steps == steps + 1


def test_on_a_clock_of_plain_programs_one_that_is_woken_goes_on_at_once():
    clock = LifeClock(START)
    clock.join((0,))
    clock.join((0, 1))
    clock.attach((0,))
    woken, taken = in_thread(
        lambda: clock.attach((0, 1)), lambda: clock.wait(START + 1000, "token"), lambda: clock.leave((0, 1))
    )
    settled(clock, 1)
    clock.wake((0, 1), "token")
    woken.join()  # though this thread does not wait
    assert (clock.now(), len(taken)) == (START, 3)


def test_a_program_never_ends_once_all_its_parts_wait_for_one_another(clock):
    assert not clock.all_wait_for_ever()
    clock.join((0,))
    assert not clock.all_wait_for_ever()
    waiting, _ = in_thread(lambda: clock.attach((0,)), lambda: clock.wait(float("inf"), "token"))
    settled(clock, 1)
    assert clock.all_wait_for_ever()
    clock.join((1,))
    assert not clock.all_wait_for_ever()
    clock.proceed(clock.changes)  # it was proven that the other waits for something that cannot come
    assert clock.all_wait_for_ever()
    clock.clear()
    waiting.join()


def test_time_waits_for_a_proof_while_one_waits_for_something_else(clock):
    clock.join((0,))
    clock.join((0, 1))
    with clock._lock:
        clock._participants[(0, 1)].until = float("inf")  # taken for waiting: for a pipe, perhaps
    waiting, _ = in_thread(lambda: clock.attach((0,)), lambda: clock.wait(START + 60))
    assert clock.unproven.wait(60)
    while clock.now() == START:
        clock.unproven.wait(60)
        clock.proceed(clock.changes)
    waiting.join()
    assert clock.now() == START + 60


def test_what_is_proven_of_an_earlier_moment_moves_nothing(clock):
    clock.join((0,))
    clock.proceed(clock.changes - 1)
    assert clock.running() == [(0,)]


def test_it_stands_still_at_its_end(clock):
    clock.end = START + 100
    clock.join((0,))
    _, taken = in_thread(lambda: clock.attach((0,)), lambda: clock.wait(START + 50), lambda: clock.wait(START + 200))
    assert clock.ended.wait(60)
    settled(clock, 1)
    assert (clock.now(), len(taken)) == (START + 50, 2)


def test_threads_that_sleep_are_counted_and_one_that_works_is_seen():
    mine, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(theirs)
        os.read(mine, 1)
        os._exit(0)
    try:
        while (found := asleep([child])) is None:
            pass
        ((thread, (function, switches)),) = found.items()
        assert thread == (child, child)
        assert "pipe" in function
        assert switches >= 1
        assert asleep([os.getpid()]) is None  # this thread
    finally:
        os.close(theirs)
        os.close(mine)
        os.waitpid(child, 0)


def test_a_program_that_waits_for_a_pipe_lets_time_go_on_for_the_other(clock):
    """Two processes: one waits for a byte that the other writes after an hour."""

    def refuse(_environ, start_response):
        start_response("503 Service Unavailable", [])
        return []

    server = LinkServer(refuse, clock, HOSTS, watch=False)
    reading, writing = os.pipe()
    children = []
    for participant in ((0,), (1,)):
        server.join(participant)
        child = os.fork()
        if child == 0:
            link = Link(server.address, server.key, participant)
            if participant == (0,):
                os.read(reading, 1)
            else:
                link.call("wait", START + 3600, None)
                os.write(writing, b"x")
            os._exit(0)
        children.append(child)
    looking = Standstill(clock, server)
    try:
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    finally:
        looking.close()
        clock.clear()
        server.close()
        os.close(reading)
        os.close(writing)
    assert codes == [0, 0]
    assert clock.now() == START + 3600
    assert not clock.excused


def test_a_clock_that_moves_without_a_proof_says_so(clock, monkeypatch):
    monkeypatch.setattr(standstill, "EXCUSE_S", -1.0)
    child = subprocess.Popen(["sleep", "600"])

    class Server(LinkServer):
        def __init__(self):
            pass

        def pids(self):
            return {child.pid}

    looking = Standstill(clock, Server())
    try:
        while not clock.excused:
            clock.unproven.set()
    finally:
        looking.close()
        child.kill()
        child.wait()
    assert clock.now() == START


def test_a_program_that_sleeps_for_a_reason_of_its_own_is_waited_for_and_then_taken_for_waiting(clock, monkeypatch):
    monkeypatch.setattr(standstill, "PATIENCE_S", 0.001)
    child = subprocess.Popen(["sleep", "600"])

    class Server(LinkServer):
        def __init__(self):
            self.accepted, self.greeting, self.asking = set(), set(), set()
            self.threads = {(0,): (child.pid, child.pid)}

        def pids(self):
            return {child.pid}

        def listens_to(self, participants):
            return False

    clock.join((0,))
    with clock._lock:
        clock._participants[(0,)].until = START + 60
    looking = Standstill(clock, Server())
    try:
        while clock.now() == START:
            clock.unproven.set()
    finally:
        looking.close()
        child.kill()
        child.wait()
    assert (clock.now(), clock.excused) == (START + 60, False)


def test_this_machine_says_what_threads_sleep_in():
    assert can_be_proven() == Path("/proc/self/wchan").exists()
