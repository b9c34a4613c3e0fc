"""What replaces Python's functions that wait, one by one: what a program sees of each in simulated time."""

from __future__ import annotations

import _thread
import asyncio
import http.cookiejar
import os
import select
import signal
import subprocess
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
import urllib3._collections
from trio._core._entry_queue import EntryQueue
from trio._core._run import SystemClock

from mock_server.clocks.virtual import VirtualClock
from mock_server.run.patches.current import simulated_time
from mock_server.run.patches.foreign import OtherTimeWarning, in_real_time, patch_joblib, patch_nbclient
from mock_server.run.patches.outside import OUTSIDE
from mock_server.run.patches.selecting import patch_select, patch_selectors, patch_signal
from mock_server.run.patches.threads import ClockLock, joining, running, starting
from mock_server.run.patches.time import SimulatedTime

START = 1.6e9


@pytest.fixture
def clock():
    return VirtualClock(START)


@pytest.fixture
def inside(clock):
    with SimulatedTime(clock):
        yield


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


@pytest.mark.usefixtures("inside")
def test_select_looks_at_once_where_no_time_is_asked_for(clock, pipe):
    reading, writing = pipe
    assert select.select([reading], [], [], 0) == ([], [], [])
    os.write(writing, b"x")
    assert select.select([reading], [writing], [], None) == ([reading], [writing], [])
    assert clock.now() == START


@pytest.mark.usefixtures("inside")
def test_an_epoll_is_closed_at_the_end_of_its_block(clock, pipe):
    reading, writing = pipe
    with select.epoll() as found:
        found.register(reading, select.EPOLLIN)
        assert found.poll(0) == []
        os.write(writing, b"x")
        assert found.poll(60) == [(reading, select.EPOLLIN)]
    assert found.closed
    assert clock.now() == START


def test_a_system_without_epoll_alarms_and_timers_is_followed_too():
    replaced: list[str] = []

    def replace(_owner: object, name: str, _ours: object) -> None:
        replaced.append(name)

    plain = SimpleNamespace(select=select.select)
    patch_select(replace, plain)  # type: ignore[arg-type]  # a module by shape
    patch_selectors(replace, SimpleNamespace(select=plain, SelectSelector=object()))  # type: ignore[arg-type]
    names = ("getsignal", "signal", "set_wakeup_fd")
    patch_signal(replace, SimpleNamespace(**{name: getattr(signal, name) for name in names}))  # type: ignore[arg-type]
    assert replaced == ["select", "_select", *names]


@pytest.mark.usefixtures("inside")
def test_jars_of_cookies_and_pools_have_the_plain_lock_and_get_back_what_they_had(clock):
    before = http.cookiejar._threading, urllib3._collections.RLock  # type: ignore[attr-defined]  # private
    with SimulatedTime(clock):
        jar, pools = http.cookiejar.CookieJar(), urllib3._collections.RecentlyUsedContainer[str, str]()
        assert type(jar._cookies_lock) is type(pools.lock) is _thread.RLock  # type: ignore[attr-defined]  # private
        assert type(threading.RLock()) is not _thread.RLock
    assert before == (http.cookiejar._threading, urllib3._collections.RLock)


def test_a_negative_sleep_is_an_error(clock):
    with pytest.raises(ValueError, match="non-negative"):
        time.sleep(-1)
    assert clock.now() == START


@pytest.mark.usefixtures("inside")
def test_time_passes_for_a_loop_that_does_nothing_but_read_clocks(clock):
    for _ in range(9_000):
        time.time_ns()
    assert clock.now() == START
    for _ in range(2_000):
        time.time_ns()
    assert START < clock.now() < START + 1


@pytest.mark.usefixtures("inside")
def test_a_child_that_takes_no_part_has_its_limit_in_real_time(clock):
    with subprocess.Popen(["sleep", "60"]) as child:
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.03)
        assert time.time() >= START + 0.03
        child.kill()
    assert child.returncode == -signal.SIGKILL


class TestLocks:
    def test_refuse_the_limits_that_those_of_python_refuse(self):
        for lock in (_thread.allocate_lock(), ClockLock()):
            for arguments in ((False, 5), (True, -5)):
                with pytest.raises(ValueError, match="timeout"):
                    lock.acquire(*arguments)
            assert not lock.locked()

    @pytest.mark.usefixtures("inside")
    def test_are_waited_for_to_the_end_though_something_interrupts(self, clock):
        lock, me = threading.Lock(), clock.current()
        other = threading.Timer(10, clock.interrupt, [me])
        other.start()
        with lock:
            assert not lock.acquire(timeout=100)
        assert clock.now() == START + 100
        other.join()

    @pytest.mark.usefixtures("inside")
    @pytest.mark.parametrize("releases", [False, True])
    def test_that_an_error_of_a_handler_no_longer_waits_for_go_to_others(self, clock, releases):
        lock, main, handled = threading.Lock(), threading.get_ident(), list[int]()

        def handle(number: int, _frame: Any) -> None:
            handled.append(number)
            if len(handled) == 1:
                if releases:
                    lock.release()
                raise InterruptedError("too long")

        def interrupt() -> None:
            for _ in range(100):  # the other thread may be on its way into the wait
                select.select([], [], [], 0)
            while not handled:  # one that comes before the kernel begins to wait is not seen
                signal.pthread_kill(main, signal.SIGUSR1)
                select.select([], [], [], 0)

        before = signal.signal(signal.SIGUSR1, handle)
        other = threading.Timer(10, interrupt)
        other.start()
        lock.acquire()
        try:
            with pytest.raises(InterruptedError):
                lock.acquire()
            other.join()
        finally:
            signal.signal(signal.SIGUSR1, before)
        assert lock.locked() is not releases
        if not releases:
            lock.release()
        assert lock.acquire(timeout=5)
        assert clock.now() == START + 10


class TestThreads:
    @pytest.mark.usefixtures("inside")
    def test_that_cannot_be_started_hold_time_up_for_nothing(self, clock):
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
        with pytest.raises(RuntimeError, match="started once"):
            thread.start()
        time.sleep(60)
        assert clock.now() == START + 60

    def test_run_in_their_turn_and_leave_the_clock_whatever_ends_them(self, clock):
        """What runs in a new thread before tracing begins is called here from one that is there already."""
        go, seen = threading.Event(), []

        def work() -> None:
            seen.append((clock.now() - START, clock.current()))
            time.sleep(100)
            raise ZeroDivisionError

        def outsider() -> None:
            go.wait(30)
            with pytest.raises(ZeroDivisionError):
                running(lambda one: one.run())(thread)

        thread, there = SimpleNamespace(run=work), threading.Thread(target=outsider)
        there.start()
        with SimulatedTime(clock):
            starting(lambda _one: None)(thread)
            assert clock.running() == [(0,), (0, 1)]
            go.set()
            while not clock.waits()[0, 1].blocked:
                pass
            assert seen == []  # this thread has its turn
            joining(lambda _one, *_limit: None)(thread)
            assert clock.now() == START + 100
            assert clock.running() == [(0,)]
        there.join()
        assert seen == [(0, (0, 1))]

    def test_of_another_time_run_as_ever(self):
        seen: list[str] = []
        running(lambda one: one.run())(SimpleNamespace(run=lambda: seen.append("ran")))
        assert seen == ["ran"]


def test_work_for_an_event_loop_from_before_or_that_does_not_wait_is_done(clock):
    done: list[str] = []
    before = asyncio.SelectorEventLoop()
    with SimulatedTime(clock):
        within = asyncio.SelectorEventLoop()
        for loop, name in ((before, "before"), (within, "within")):
            loop.call_soon_threadsafe(done.append, name)
            loop.call_soon_threadsafe(loop.stop)
            loop.run_forever()
            loop.close()
    assert done == ["before", "within"]


class TestLibraries:
    @pytest.mark.usefixtures("inside")
    def test_that_set_the_time_are_named_with_what_to_do_instead(self):
        travel = time_machine.travel(0)
        with pytest.warns(OtherTimeWarning, match=r"time_machine\.travel .* xrt_mock\.clock\.advance"):
            travel.start()
        travel.stop()

    def test_trio_reads_simulated_time_and_is_woken_by_threads(self, clock):
        ran: list[str] = []
        with SimulatedTime(clock):
            before, queue = SystemClock().current_time(), EntryQueue()
            assert isinstance(queue.lock, _thread.RLock)

            def work() -> None:
                time.sleep(60)
                queue.run_sync_soon(ran.append, "from a thread")

            thread = threading.Thread(target=work)
            thread.start()
            clock.wait(float("inf"), OUTSIDE)  # as trio's loop does
            assert SystemClock().current_time() - before == pytest.approx(60, abs=1e-3)
            with in_real_time():
                assert SystemClock(offset=0).current_time() == pytest.approx(time.perf_counter(), abs=60)
                real = EntryQueue()
            real.run_sync_soon(ran.append, "in real time")
            queue.run_sync_soon(ran.append, "from the loop")
            thread.join()
        assert clock.now() == START + 60
        assert [arguments for _function, arguments in queue.queue] == [("from a thread",), ("from the loop",)]
        assert len(real.queue) == 1
        for one in (queue, real):
            one.wakeup.close()

    def test_joblib_looks_for_results_once_a_second(self, clock):
        parallel: Any = SimpleNamespace(time=time)
        patch_joblib(setattr, parallel)
        with SimulatedTime(clock):
            for _ in range(3):
                parallel.time.sleep(0.01)
            parallel.time.sleep(10)
        assert clock.now() == START + 13

    def test_a_notebook_is_executed_in_real_time_which_holds_up_no_other(self, clock):
        class NotebookClient:
            def execute(self, cells: int) -> tuple[int, object]:
                return cells, simulated_time()

        client: Any = SimpleNamespace(NotebookClient=NotebookClient)
        patch_nbclient(setattr, client)
        assert client.NotebookClient().execute(3) == (3, None)
        with SimulatedTime(clock) as simulated:
            assert client.NotebookClient().execute(cells=4) == (4, None)
            assert simulated_time() is simulated
            with in_real_time():
                assert clock.running() == []
            assert clock.running() == [(0,)]
