"""A process in simulated time: sleeps, clocks, threads, queues and event loops on one virtual clock."""

import asyncio
import concurrent.futures
import datetime
import queue
import socket
import subprocess
import sys
import threading
import time
from time import monotonic as monotonic_by_name
from time import sleep as sleep_by_name
from typing import Any

import freezegun
import pytest
import time_machine

from mock_server.clocks.base import ScaledClock
from mock_server.clocks.virtual import VirtualClock
from mock_server.run import watchdog
from mock_server.run.patches.foreign import OtherTimeWarning
from mock_server.run.patches.time import SimulatedTime

START = datetime.datetime(2021, 3, 4, 5, 6, 7, tzinfo=datetime.UTC).timestamp()


@pytest.fixture
def clock():
    return VirtualClock(START)


@pytest.fixture
def inside(clock):
    with SimulatedTime(clock):
        yield


@pytest.mark.usefixtures("inside")
class TestOneThread:
    def test_sleep_moves_simulated_time(self, clock):
        time.sleep(3600)
        assert clock.now() == START + 3600

    def test_functions_imported_by_name_follow(self, clock):
        before = monotonic_by_name()
        sleep_by_name(3600)
        assert monotonic_by_name() - before == pytest.approx(3600, abs=1e-3)
        assert clock.now() == START + 3600

    def test_every_clock_shows_simulated_time(self):
        before = time.monotonic(), time.monotonic_ns()
        time.sleep(0.5)
        assert time.time() == pytest.approx(START + 0.5, abs=1e-3)
        assert time.time_ns() // 1_000_000 == round((START + 0.5) * 1e3)
        assert time.monotonic() - before[0] == pytest.approx(0.5, abs=1e-3)
        assert (time.monotonic_ns() - before[1]) // 1_000_000 == 500
        assert datetime.datetime.now(datetime.UTC).isoformat().startswith("2021-03-04T05:06:07.500")
        assert time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()) == "2021-03-04 05:06:07"
        assert datetime.date.today() == datetime.datetime.fromtimestamp(START).date()
        assert time.ctime().endswith("2021")
        assert time.asctime().endswith("2021")

    def test_time_moved_by_another_thread_is_seen(self, clock):
        clock.advance(60)
        assert time.time() == START + 60

    def test_a_negative_sleep_is_an_error(self):
        with pytest.raises(ValueError, match="non-negative"):
            time.sleep(-1)

    def test_no_two_readings_are_equal_and_all_increase(self):
        readings: list[list[Any]] = [
            [time.time_ns() for _ in range(1000)],
            [time.monotonic_ns() for _ in range(1000)],
            [time.time() for _ in range(1000)],
            [time.monotonic() for _ in range(1000)],
            [datetime.datetime.now() for _ in range(1000)],
        ]
        for several in readings:
            assert sorted(set(several)) == several

    def test_readings_do_not_move_the_times_that_the_service_sees(self, clock):
        for _ in range(50):
            [time.time() for _ in range(500)]
            deadline = time.monotonic() + 60
            while (left := deadline - time.monotonic()) > 0:
                time.sleep(left)
        assert clock.now() == START + 50 * 60

    def test_a_wait_is_as_long_as_readings_say(self):
        for seconds in (60, 0.25, 0.000_3, 0.001_7):
            before = time.monotonic_ns()
            time.sleep(seconds)
            assert time.monotonic_ns() - before >= seconds * 1e9

    @pytest.mark.parametrize("seconds", [1, 3600])
    def test_a_loop_that_only_reads_a_clock_ends(self, clock, seconds):
        until = time.time() + seconds
        while time.time() < until:
            pass
        assert seconds * 0.99 < clock.now() - START < seconds * 1.05

    def test_an_event_that_is_never_set_times_out(self, clock):
        assert not threading.Event().wait(600)
        assert clock.now() == START + 600

    def test_a_queue_that_stays_empty_times_out(self, clock):
        with pytest.raises(queue.Empty):
            queue.Queue().get(timeout=600)
        assert clock.now() == START + 600

    def test_a_lock_that_is_taken_times_out(self, clock):
        lock = threading.Lock()
        with lock:
            assert not lock.acquire(timeout=600)
            assert not lock.acquire(blocking=False)
        assert clock.now() == START + 600
        assert not lock.locked()

    def test_a_lock_is_not_released_twice(self):
        with pytest.raises(RuntimeError, match="unlocked"):
            threading.Lock().release()

    def test_nested_within_itself_it_is_still_one_participant(self, clock):
        with SimulatedTime(clock):
            time.sleep(5)
        time.sleep(5)
        assert clock.now() == START + 10


@pytest.mark.usefixtures("inside")
class TestThreads:
    def test_wait_for_one_another(self, clock):
        log: list[Any] = []

        def worker(name: str, nap: float) -> None:
            for _ in range(3):
                time.sleep(nap)
                log.append((clock.now() - START, name))

        threads = [threading.Thread(target=worker, args=args) for args in (("a", 10), ("b", 4))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert log == [(4, "b"), (8, "b"), (10, "a"), (12, "b"), (20, "a"), (30, "a")]

    def test_an_event_set_by_another_thread_ends_the_wait_then(self, clock):
        event = threading.Event()
        thread = threading.Timer(50, event.set)
        thread.start()
        assert event.wait(600)
        assert clock.now() == START + 50
        thread.join()

    def test_join_times_out_in_simulated_time(self, clock):
        thread = threading.Thread(target=lambda: time.sleep(100))
        thread.start()
        thread.join(30)
        assert (clock.now(), thread.is_alive()) == (START + 30, True)
        thread.join()
        assert (clock.now(), thread.is_alive()) == (START + 100, False)

    @pytest.mark.parametrize("kind", ["Lock", "RLock", "Condition", "Semaphore"])
    def test_a_lock_held_during_a_sleep_is_waited_for(self, clock, kind):
        lock = getattr(threading, kind)()
        woken = []

        def worker(n: int) -> None:
            with lock:
                time.sleep(10)
                woken.append((clock.now() - START, n))

        threads = [threading.Thread(target=worker, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert woken == [(10, 0), (20, 1), (30, 2)]

    def test_producer_and_consumer_meet_in_a_queue(self, clock):
        box: queue.Queue[int | None] = queue.Queue(maxsize=1)

        def produce() -> None:
            for n in range(3):
                time.sleep(7)
                box.put(n)
            box.put(None)

        thread = threading.Thread(target=produce)
        thread.start()
        assert [(n, clock.now() - START) for n in iter(box.get, None)] == [(0, 7), (1, 14), (2, 21)]
        thread.join()

    def test_a_pool_of_two_takes_its_time(self, clock):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(time.sleep, [10, 10, 10, 10]))
        assert clock.now() == START + 20

    def test_a_future_times_out_in_simulated_time(self, clock):
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            future = pool.submit(time.sleep, 100)
            with pytest.raises(TimeoutError):
                future.result(timeout=40)
            assert clock.now() == START + 40
        assert clock.now() == START + 100

    def test_the_end_of_as_completed_is_reached(self, clock):
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            future = pool.submit(time.sleep, 100)
            with pytest.raises(TimeoutError):
                list(concurrent.futures.as_completed([future], timeout=40))
            assert clock.now() == START + 40

    def test_a_timer_fires_at_its_time(self, clock):
        fired = []
        timer = threading.Timer(90, lambda: fired.append(clock.now() - START))
        timer.start()
        timer.join()
        assert fired == [90]

    def test_a_semaphore_and_a_barrier_follow(self, clock):
        assert not threading.Semaphore(0).acquire(timeout=5)
        with pytest.raises(threading.BrokenBarrierError):
            threading.Barrier(2).wait(timeout=5)
        assert clock.now() == START + 10

    def test_many_threads_give_the_same_story_every_time(self):
        def story() -> list[Any]:
            clock, log = VirtualClock(START), []

            def worker(n: int) -> None:
                for step in range(4):
                    time.sleep(1 + (n * step) % 3)
                    clock.turn()
                    log.append((clock.now(), n))

            with SimulatedTime(clock):
                threads = [threading.Thread(target=worker, args=(n,)) for n in range(20)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            return log

        first = story()
        assert len(first) == 80
        assert first == story() == story()

    def test_time_goes_on_without_one_that_waits_for_a_socket(self, clock, capfd, monkeypatch):
        monkeypatch.setattr(watchdog, "IDLE_S", 0.1)
        one, other = socket.socketpair()
        thread = threading.Timer(600, other.send, [b"x"])
        thread.start()
        with one, other:
            assert one.recv(1) == b"x"
            thread.join()
        assert clock.now() == START + 600
        assert "program 0 waits for a socket; time goes on without it" in capfd.readouterr().err


@pytest.mark.usefixtures("inside")
class TestEventLoops:
    def test_asyncio_sleeps_in_simulated_time(self, clock):
        async def main() -> tuple[str, str]:
            async def nap(name: str, seconds: float) -> str:
                await asyncio.sleep(seconds)
                return f"{name} {clock.now() - START:g}"

            first, second = await asyncio.gather(nap("a", 3600), nap("b", 60))
            return first, second

        assert asyncio.run(main()) == ("a 3600", "b 60")

    def test_a_timeout_ends_a_task(self, clock):
        async def main() -> None:
            async with asyncio.timeout(45):
                await asyncio.sleep(3600)

        with pytest.raises(TimeoutError):
            asyncio.run(main())
        assert clock.now() == START + 45

    def test_work_in_threads_is_waited_for(self, clock):
        async def main() -> Any:
            await asyncio.gather(asyncio.to_thread(time.sleep, 100), asyncio.sleep(30))
            return clock.now() - START

        assert asyncio.run(main()) == 100

    def test_a_loop_with_sockets_still_sleeps(self, clock):
        async def main() -> bytes:
            async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await asyncio.sleep(600)
                writer.write(await reader.read(5))
                writer.close()
                await writer.wait_closed()

            server = await asyncio.start_server(handle, "127.0.0.1", 0)
            async with server:
                reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
                writer.write(b"hello")
                said = await reader.read()
                writer.close()
                await writer.wait_closed()
            return said

        assert asyncio.run(main()) == b"hello"
        assert clock.now() == START + 600


@pytest.mark.usefixtures("inside")
def test_a_child_process_is_waited_for_without_holding_time_up(clock):
    thread = threading.Thread(target=lambda: time.sleep(100))
    thread.start()
    subprocess.run([sys.executable, "-S", "-c", "pass"], check=True, timeout=60)
    thread.join()
    assert clock.now() == START + 100


def test_threads_from_before_live_in_real_time(clock):
    go, done = threading.Event(), threading.Event()

    def outsider() -> None:
        go.wait(30)
        time.sleep(0.001)
        done.set()

    thread = threading.Thread(target=outsider)
    thread.start()
    with SimulatedTime(clock):
        go.set()
        assert done.wait()
        thread.join()
    assert clock.now() == START


def test_on_a_scaled_clock_waits_are_shorter(clock):
    fast = ScaledClock(1e6, start=START)
    with SimulatedTime(fast):
        time.sleep(3600)
        threading.Event().wait(3600)
        asyncio.run(asyncio.sleep(3600))
        assert time.time() >= START + 3 * 3600


def test_everything_is_as_before_afterwards(clock):
    def attributes() -> tuple[Any, ...]:
        return time.sleep, time.monotonic, sleep_by_name, threading.Lock, threading.RLock, threading.Thread.start

    before = attributes()
    real = time.time()
    with SimulatedTime(clock):
        assert attributes() != before
    assert attributes() == before
    assert time.time() >= real


def test_a_function_kept_from_within_works_as_ever_afterwards(clock):
    with SimulatedTime(clock):
        from time import monotonic, sleep
    sleep(0)
    assert monotonic() <= time.monotonic()


def test_another_library_that_sets_the_time_is_named_with_what_to_do_instead(clock):
    with SimulatedTime(clock):
        travel = time_machine.travel(0)
        with pytest.warns(OtherTimeWarning, match=r"time_machine\.travel .* xrt_mock\.clock\.advance"):
            travel.start()
        travel.stop()
        frozen = freezegun.freeze_time("2001-01-01")
        with pytest.warns(OtherTimeWarning, match=r"freezegun\.freeze_time .* xrt_mock\.clock\.advance"):
            frozen.start()
        frozen.stop()
        with SimulatedTime(VirtualClock(START + 100)):  # a simulator within another one is no other library
            assert time.time() >= START + 100
    with time_machine.travel(START, tick=False):
        assert time.time() == START
