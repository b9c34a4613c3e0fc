"""Time goes on at once when no process of a run can, and waits for one that computes or is answered from outside."""

import _thread
import math
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from mock_server.clocks.virtual import VirtualClock
from mock_server.run import standstill, watchdog
from mock_server.run.kernel import NativeThread
from mock_server.run.peers import Peers
from mock_server.run.standstill import Doing, Processes, Standstill, can_be_proven
from mock_server.run.start import run
from tests.server.programs import notes, program

if TYPE_CHECKING:
    from mock_server.run.link_server import LinkServer

pytestmark = pytest.mark.skipif(not can_be_proven(), reason="the operating system does not say what threads sleep in")

CONNECTED = "import socket, sys; one = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); one.recv(1)"
ACCEPTING = """
import socket, sys
server = socket.create_server(('127.0.0.1', 0))
print(server.getsockname()[1], flush=True)
connection, _ = server.accept()
print('accepted', flush=True)
sys.stdin.read(1)
"""


@pytest.fixture
def accepting():
    """A process that has accepted a connection of another one."""
    with subprocess.Popen([sys.executable, "-c", ACCEPTING], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        port = server.stdout.readline().decode().strip()
        with subprocess.Popen([sys.executable, "-c", CONNECTED, port]) as client:
            server.stdout.readline()
            yield server, client
            server.kill()


def test_a_process_talks_to_an_outsider_unless_both_are_inside(accepting):
    server, client = accepting
    assert Peers().outsiders({client.pid: 1}) == {client.pid}
    assert Peers().outsiders({client.pid: 1, server.pid: 1}) == frozenset()


def test_two_ends_in_one_process_are_inside():
    one, other = socket.socketpair()
    waiting = f"import os; os.read({one.fileno()}, 1)"
    # not forked: it would have the connections of this process, too
    with one, other, subprocess.Popen([sys.executable, "-c", waiting], pass_fds=[one.fileno()]) as child:
        assert Peers().outsiders({child.pid: 1}) == frozenset()
        other.send(b"x")


def test_two_looks_are_the_same_while_a_process_sleeps():
    mine, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(mine, 1)
        os._exit(0)
    processes, first = Processes(), dict[NativeThread, Doing]()
    while not first or b"pipe" not in first[child, child][0]:
        first = processes.look([child])
    assert processes.look([child]) == first
    processes.close()
    os.write(theirs, b"x")
    os.waitpid(child, 0)
    assert processes.look([child]) == {}


def sleeper(*closed: socket.socket) -> int:
    """Start a process that does nothing, without some of our sockets."""
    child = os.fork()
    if child == 0:
        for one in closed:
            one.close()
        signal.pause()
        os._exit(0)
    return child


@pytest.fixture
def sleepers():
    """Two processes that do nothing, one with each end of a connection."""
    one, other = socket.socketpair()
    found = [sleeper(other), sleeper(one)]
    one.close()
    other.close()
    yield found
    for child in found:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_connection_that_the_kernel_does_not_tell_of_is_no_reason_to_wait(sleepers, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError

    child, _ = sleepers
    while Peers().outsiders({child: 1}) != {child}:  # it has not closed the other end yet
        pass
    monkeypatch.setattr(socket, "socket", refuse)
    assert Peers().outsiders({child: 1}) == frozenset()


def test_files_of_many_threads_are_not_all_kept_open(sleepers, monkeypatch):
    def kept(child: int) -> int:
        """Return how many files of a process this one has open."""
        files = Path("/proc/self/fd")
        return sum(os.path.realpath(files / name).startswith(f"/proc/{child}/") for name in os.listdir(files))

    monkeypatch.setattr(standstill, "_MOST_OPEN", 1)
    processes = Processes()
    for _ in range(2):
        assert all(processes.doing((child, child)) for child in sleepers)
    assert [kept(child) for child in sleepers] == [0, 2]
    processes.close()
    assert [kept(child) for child in sleepers] == [0, 0]


@pytest.mark.parametrize(("patience", "tells", "known"), [(5.0, True, True), (5.0, False, False), (-1.0, True, False)])
def test_what_threads_sleep_in_is_known_where_the_kernel_tells_in_time(monkeypatch, patience, tells, known):
    def start(run: Any, arguments: tuple[Any, ...]) -> None:
        threading.Thread(target=run, args=arguments, daemon=True).start()

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(standstill, "_PATIENCE_S", patience)
    monkeypatch.setattr(_thread, "start_new_thread", start)
    if not tells:
        monkeypatch.setattr(Processes, "look", refuse)
    assert can_be_proven.__wrapped__() is known


def test_it_looks_three_times_in_a_row_at_the_most(monkeypatch):
    looks, clock = list[str](), VirtualClock(0.0)

    def look(_self: Standstill) -> bool:
        looks.append("something has changed")
        return True

    monkeypatch.setattr(Standstill, "_look", look)
    looking = Standstill(clock, cast("LinkServer", SimpleNamespace()), lambda _words: None)
    assert clock.unproven is not None
    clock.unproven.set()
    while len(looks) < 3:
        pass
    looking.close()
    assert len(looks) % 3 == 0


class TestOneThatMayGoOn:
    """A participant whose process sleeps, beside one that sleeps in simulated time."""

    @pytest.fixture
    def clock(self):
        clock = VirtualClock(0.0)
        for participant in ((0,), (1,)):
            clock.join(participant)

        def sleep() -> None:
            clock.attach((1,))
            clock.sleep(60)
            clock.leave((1,))

        thread = threading.Thread(target=sleep)
        thread.start()
        while not clock.has_waiting():
            pass
        yield clock
        clock.leave((0,))
        thread.join()

    @pytest.fixture
    def child(self):
        child = sleeper()
        yield child
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    @pytest.fixture
    def said(self):
        return []

    @pytest.fixture
    def looking(self, child, said):
        server = SimpleNamespace(
            threads={(0,): (child, child)}, accepted={"a connection"}
        )  # so it does not look itself
        found = Standstill(VirtualClock(0.0), cast("LinkServer", server), said.append)
        yield found
        found.close()

    def may_wake(self, looking: Standstill, clock: VirtualClock, child: int, function: bytes) -> bool:
        return looking._may_wake({(child, child): function}, {(0,): clock.waits()[0,]})

    def test_is_waited_for_a_while_and_then_named_once(self, clock, child, said, looking, monkeypatch):
        looking._clock = clock
        assert self.may_wake(looking, clock, child, b"hrtimer_nanosleep")
        assert (clock.now(), said) == (0.0, [])
        monkeypatch.setattr(watchdog, "IDLE_S", -1)
        assert self.may_wake(looking, clock, child, b"hrtimer_nanosleep")
        assert not self.may_wake(looking, clock, child, b"hrtimer_nanosleep")  # time goes on without it
        while clock.now() < 60:
            pass
        clock.attach((0,))
        clock.turn()  # it goes on after all
        assert self.may_wake(looking, clock, child, b"hrtimer_nanosleep")
        assert len(said) == 1
        assert said[0].startswith("program 0 waits for ")

    def test_is_waited_for_while_it_waits_for_a_disk(self, clock, child, looking, monkeypatch):
        monkeypatch.setattr(watchdog, "IDLE_S", -1)
        monkeypatch.setattr(standstill, "state_of", lambda _thread: "D")
        assert self.may_wake(looking, clock, child, b"io_schedule")

    def test_is_left_behind_if_it_takes_no_part_and_works_for_long(self, child, said, looking, monkeypatch):
        name = Path(f"/proc/{child}/comm").read_text().strip()
        monkeypatch.setattr(standstill, "EXCUSE_S", -1.0)
        assert looking._works((child, child), b"0")
        assert said == []  # it takes part
        looking._server.threads.clear()
        assert looking._works((child, child), b"0")
        assert said == [
            f"process {child} ({name}) takes no part in simulated time and has worked for -1 s; time goes on without "
            "it, and the order of events may differ from run to run"
        ]


BUSY = "print('on', flush=True)\nwhile True: pass"


def test_a_thread_works_until_it_is_dead():
    clock, server = VirtualClock(0.0), SimpleNamespace(threads={})
    looking = Standstill(clock, cast("LinkServer", server), lambda _words: None)
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        alive = looking._works((child.pid, child.pid), b"0")
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it is dead, and its parent has not waited for it
        dead = looking._works((child.pid, child.pid), b"0")
    looking.close()
    assert (alive, dead) == (True, False)


def test_time_goes_on_while_a_program_waits_for_a_pipe_without_a_limit_of_real_time(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(watchdog, "IDLE_S", math.inf)
    text = """
        import multiprocessing
        def echo(inbox, outbox):
            for n in iter(inbox.recv, None):
                time.sleep(60)
                outbox.send(n)
        if __name__ == "__main__":
            (theirs, mine), (back, there) = multiprocessing.Pipe(False), multiprocessing.Pipe(False)
            process = multiprocessing.Process(target=echo, args=(theirs, there))
            process.start()
            for n in range(100):
                mine.send(n)
                assert back.recv() == n
            mine.send(None)
            process.join()
            note("end")
    """
    assert run(tiny, program(tmp_path, text)) == 0
    assert notes(tmp_path) == ["6000 end"]


def test_time_waits_for_a_process_that_works_though_it_takes_no_part(tiny, tmp_path):
    text = """
        import subprocess, threading
        def nap():
            time.sleep(600)
            note("slept")
        threading.Thread(target=nap).start()
        busy = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo end"
        with subprocess.Popen(["sh", "-c", busy], stdout=subprocess.PIPE) as child:
            child.stdout.read()
        note("read")
    """
    assert run(tiny, program(tmp_path, text)) == 0
    assert notes(tmp_path) == ["0 read", "600 slept"]


def test_time_waits_a_moment_for_an_answer_from_outside(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(watchdog, "IDLE_S", 20)
    server = "import socket\ns = socket.create_server(('127.0.0.1', 0))\nprint(s.getsockname()[1], flush=True)\n"
    server += "c, _ = s.accept()\nc.recv(1)\nsum(range(1_000_000))\nc.send(b'x')"
    with subprocess.Popen([sys.executable, "-c", server], stdout=subprocess.PIPE) as outside:
        assert outside.stdout is not None
        port = int(outside.stdout.readline())
        text = f"""
            import socket, threading
            def nap():
                time.sleep(600)
                note("slept")
            connection = socket.create_connection(("127.0.0.1", {port}))
            threading.Thread(target=nap).start()
            connection.send(b"x")
            connection.recv(1)
            note("answered")
        """
        assert run(tiny, program(tmp_path, text)) == 0
    assert notes(tmp_path) == ["0 answered", "600 slept"]
