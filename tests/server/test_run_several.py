"""Several programs, processes and threads of a run share simulated time."""

import sys
from typing import Any

import pytest
from flask import request

from mock_server import Simulator
from mock_server.run import watchdog
from mock_server.run.standstill import can_be_proven
from mock_server.run.start import run, running
from tests.server.programs import PREAMBLE, notes, program


class TestSeveralAtOnce:
    def test_threads_event_loops_and_pools_share_the_clock(self, tiny, tmp_path):
        text = """
            import asyncio, concurrent.futures, threading
            def worker(nap):
                for _ in range(2):
                    time.sleep(nap)
                    call(nap)
            threads = [threading.Thread(target=worker, args=(nap,)) for nap in (10, 4, 4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            call("end of the threads")

            async def job(nap):
                for _ in range(2):
                    await asyncio.sleep(nap)
                    await asyncio.to_thread(call, nap)
            async def main():
                await asyncio.gather(job(10), job(4))
            asyncio.run(main())

            pool = concurrent.futures.ThreadPoolExecutor(2)  # left to the interpreter's exit
            for n in range(4):
                pool.submit(lambda: (time.sleep(10), call("done")))
        """
        assert run(tiny, program(tmp_path, text)) == 0
        threads = [(4, "4"), (4, "4"), (8, "4"), (8, "4"), (10, "10"), (20, "10"), (20, "end of the threads")]
        loop = [(24, "4"), (28, "4"), (30, "10"), (40, "10")]
        pool = [(50, "done"), (50, "done"), (60, "done"), (60, "done")]
        assert tiny.calls == threads + loop + pool

    def test_forked_and_spawned_processes_share_the_clock(self, tiny, tmp_path):
        text = """
            import multiprocessing
            def worker(nap):
                for _ in range(2):
                    time.sleep(nap)
                    note(nap)
            def work(n):
                time.sleep(10)
                call("work")
                return n
            if __name__ == "__main__":
                import requests
                for method in ("fork", "spawn"):
                    context = multiprocessing.get_context(method)
                    processes = [context.Process(target=worker, args=(nap,)) for nap in (10, 4)]
                    for process in processes: process.start()
                    time.sleep(7)
                    note("parent")
                    for process in processes: process.join()
                    note(method)
                with multiprocessing.Pool(2) as pool:
                    assert pool.map(work, range(4), chunksize=1) == [0, 1, 2, 3]
                call("end")
        """
        assert run(tiny, program(tmp_path, text)) == 0
        forked = ["4 4", "7 parent", "8 4", "10 10", "20 10", "20 fork"]
        spawned = ["24 4", "27 parent", "28 4", "30 10", "40 10", "40 spawn"]
        assert notes(tmp_path) == forked + spawned
        assert tiny.calls == [(50, "work"), (50, "work"), (60, "work"), (60, "work"), (60, "end")]

    def test_a_parent_goes_on_when_its_child_ends(self, tiny, tmp_path):
        inner = program(tmp_path, "time.sleep(50); note('inner')", "inner.py")
        middle = program(
            tmp_path, f"import subprocess; subprocess.run({inner!r}, check=True); note('middle')", "middle.py"
        )
        text = f"""
            import subprocess, threading
            threading.Thread(target=time.sleep, args=(51,)).start()
            subprocess.run({middle!r}, check=True)
            note("outer")
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert [notes(tmp_path, f"{name}.py") for name in ("inner", "middle", "program")] == [
            ["50 inner"],
            ["50 middle"],
            ["50 outer"],
        ]

    def test_children_start_at_the_time_they_are_started(self, tiny, tmp_path):
        child = tmp_path / "child.py"
        child.write_text(f"#!{sys.executable}\n{PREAMBLE}\nnote('start'); time.sleep(50); note('end')\n")
        child.chmod(0o755)
        text = f"""
            import subprocess
            path = {str(child)!r}
            children = [subprocess.Popen([sys.executable, path]), subprocess.Popen([path], env={{}})]
            time.sleep(1000)
            note("parent")
            assert [child.wait() for child in children] == [0, 0]
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert notes(tmp_path, "child.py") == ["0 start", "0 start", "50 end", "50 end"]
        assert notes(tmp_path) == ["1000 parent"]

    def test_a_polled_child_is_seen_to_end_at_its_end(self, tiny, tmp_path):
        child = program(tmp_path, "time.sleep(300)", "child.py")
        text = f"""
            import multiprocessing, subprocess
            def polled(name, ended):
                began, polls = round(time.time()), 0
                while not ended():
                    time.sleep(30)
                    polls += 1
                note(f"{{name}} {{polls}} polls, {{round(time.time()) - began}} s")
            if __name__ == "__main__":
                popen = subprocess.Popen({child!r})
                polled("poll", lambda: popen.poll() is not None)
                popen = subprocess.Popen({child!r})
                polled("waitpid", lambda: os.waitpid(popen.pid, os.WNOHANG)[0])
                popen.returncode = 0
                for method in ("fork", "spawn"):
                    process = multiprocessing.get_context(method).Process(target=time.sleep, args=(300,))
                    process.start()
                    polled(method, lambda: not process.is_alive())
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert [note.partition(" ")[2] for note in notes(tmp_path)] == [
            f"{name} 10 polls, 300 s" for name in ("poll", "waitpid", "fork", "spawn")
        ]

    def test_a_program_that_was_taken_for_waiting_knows_the_time_when_it_goes_on(
        self, tiny, tmp_path, monkeypatch, capfd
    ):
        monkeypatch.setattr(watchdog, "IDLE_S", 0.3)
        child = program(tmp_path, "time.sleep(300); print(time.time_ns(), flush=True)", "child.py")
        text = f"""
            import multiprocessing, subprocess
            def later(queue):
                time.sleep(300)
                queue.put(time.time_ns())
            if __name__ == "__main__":
                child = subprocess.Popen({child!r}, stdout=subprocess.PIPE)
                written = int(child.stdout.readline())
                assert time.time_ns() > written
                child.wait()
                queue = multiprocessing.Queue()
                process = multiprocessing.Process(target=later, args=(queue,))
                process.start()
                written = queue.get()
                assert time.time_ns() > written
                process.join()
                note("")
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert notes(tmp_path) == ["600 "]
        assert ("program 0 waits for a pipe" in capfd.readouterr().err) is not can_be_proven()

    def test_a_loop_with_a_socket_does_not_hide_a_thread_that_waits_for_a_pipe(self, tiny, tmp_path, monkeypatch):
        monkeypatch.setattr(watchdog, "IDLE_S", 0.3)
        text = """
            import asyncio, threading
            reader, writer = os.pipe()
            threading.Thread(target=lambda: os.read(reader, 1), daemon=True).start()
            async def main():
                async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0):
                    await asyncio.sleep(60)
            asyncio.run(main())
            note("a minute has passed")
            os._exit(0)
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert notes(tmp_path) == ["60 a minute has passed"]

    def test_time_limits_of_files_and_children_are_simulated(self, tiny, tmp_path):
        text = """
            import multiprocessing, queue, select, selectors, socket, subprocess
            def expires(wait):
                try:
                    wait()
                except subprocess.TimeoutExpired:
                    return True
            if __name__ == "__main__":
                one, other = socket.socketpair()
                select.select([], [], [], 5)
                note("select")
                select.select([one], [], [], 5)
                note("select with a socket")
                poll = select.poll()
                poll.register(one, select.POLLIN)
                poll.poll(5000)
                note("poll")
                selector = selectors.DefaultSelector()
                selector.register(one, selectors.EVENT_READ)
                selector.select(5)
                note("selectors")
                assert expires(lambda: subprocess.run(["sleep", "3600"], timeout=60))
                note("run")
                sleeper = [sys.executable, "-c", "import time; time.sleep(3600)"]
                with subprocess.Popen(sleeper, stdout=subprocess.PIPE) as child:
                    assert expires(lambda: child.wait(timeout=60))
                    note("wait")
                    assert expires(lambda: child.communicate(timeout=60))
                    note("communicate")
                    child.kill()
                busy = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo end"
                assert subprocess.run(["sh", "-c", busy], timeout=60, capture_output=True).stdout == b"end\\n"
                note("a child that takes no part")
                process = multiprocessing.Process(target=time.sleep, args=(3600,))
                process.start()
                process.join(60)
                note("join")
                process.kill()
                try:
                    multiprocessing.Queue().get(timeout=60)
                except queue.Empty:
                    note("queue")
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert notes(tmp_path) == [
            "5 select",
            "10 select with a socket",
            "15 poll",
            "20 selectors",
            "80 run",
            "140 wait",
            "200 communicate",
            "200 a child that takes no part",
            "260 join",
            "320 queue",
        ]

    def test_a_shell_script_may_run_several_programs(self, tiny, tmp_path):
        first = program(tmp_path, "time.sleep(5); note('first')", "first.py")
        second = program(tmp_path, "time.sleep(5); note('second')", "second.py")
        assert run(tiny, ["sh", "-c", f"{' '.join(first)} && {' '.join(second)}"]) == 0
        assert (notes(tmp_path, "first.py"), notes(tmp_path, "second.py")) == (["5 first"], ["10 second"])

    def test_time_does_not_wait_for_one_that_waits_for_a_socket(self, tiny, tmp_path, capfd, monkeypatch):
        monkeypatch.setattr(watchdog, "IDLE_S", 0.3)
        text = """
            import socket, threading
            one, other = socket.socketpair()
            def nap():
                time.sleep(600)
                note("slept")
                other.send(b"x")
            threading.Thread(target=nap).start()
            one.recv(1)
            time.sleep(1)
            note("received")
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert notes(tmp_path) == ["600 slept", "601 received"]
        assert ("program 0 waits for a socket" in capfd.readouterr().err) is not can_be_proven()

    def test_copies_call_in_the_order_of_their_numbers_with_a_user_each(self, tiny, tmp_path):
        text = """
            import requests
            for _ in range(2):
                call("")
                answer = requests.post("https://www.swift.ac.uk/user", json={"UserID": "me@x.org"})
                assert answer.json()["ERROR"] == "The user me@x.org is unknown", answer.text
                time.sleep(30)
        """
        users = []

        def user() -> dict[str, str]:
            users.append(request.json["UserID"] if request.json else "")
            return {"ERROR": f"The user {users[-1]} is unknown"}

        tiny.app.add_url_rule("/user", view_func=user, methods=["POST"])
        assert run(tiny, program(tmp_path, text), copies=3) == 0
        assert [copy for _, copy in tiny.where] == [0, 1, 2, 0, 1, 2]
        assert [at for at, _ in tiny.calls] == [0] * 3 + [30] * 3
        assert users == ["me@x.org", "me+1@x.org", "me+2@x.org"] * 2

    def test_copies_of_a_throttled_program_have_the_same_story_every_time(self, tmp_path):
        text = """
            import requests
            def ask(operation, **body):
                url = f"https://www.swift.ac.uk/user_objects/{operation}.php"
                return requests.post(url, json={"UserID": "me@example.org", **body}).json()
            for n in range(2):
                while ask("getNumJobs")["numJobs"] > 0:
                    time.sleep(30)
                answer = ask("run_userobject", name="GRB 060729", image=1, getCoords=1, getTargs=1, getT0=1, cent=0)
                assert answer["OK"] == 1, answer
        """

        def throttled() -> tuple[str, dict[str, Any]]:
            with Simulator() as simulator:
                assert run(simulator, program(tmp_path, text), copies=3) == 0
                return str(simulator.journal), simulator.report()

        first = throttled()
        assert first[1]["jobs"]["submitted"] == 6
        assert first == throttled()

    def test_time_does_not_wait_for_one_that_was_killed(self, tiny, tmp_path):
        text = """
            if os.environ["XRT_MOCK_PARTICIPANT"] == "1":
                os.kill(os.getpid(), 9)
            time.sleep(30)
            note("")
        """
        assert run(tiny, program(tmp_path, text), copies=3) == 137
        assert notes(tmp_path) == ["30 ", "30 "]


def test_threads_that_have_ended_are_forgotten(tiny, tmp_path):
    text = """
        import threading
        for number in range(50):
            thread = threading.Thread(target=time.sleep, args=(60,))
            thread.start()
            thread.join()
    """
    with running(tiny, program(tmp_path, text)) as programs:
        assert programs.wait() == 0
        assert len(programs._server.threads) < 10


HEARTS = {
    "threads": """
import threading, requests
def beat():
    while not done:
        time.sleep(1)
        beats.append(1)
done, beats = [], []
threading.Thread(target=beat).start()
requests.get(URL)
done.append(1)
note(len(beats))""",
    "asyncio": """
import asyncio, requests
async def main():
    call = asyncio.create_task(asyncio.to_thread(requests.get, URL))
    beats = 0
    while not call.done():
        await asyncio.sleep(1)
        beats += not call.done()
    note(beats)
asyncio.run(main())""",
    "asyncio with a server": """
import asyncio, requests
async def main():
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0):
        call = asyncio.create_task(asyncio.to_thread(requests.get, URL))
        beats = 0
        while not call.done():
            await asyncio.sleep(1)
            beats += not call.done()
        note(beats)
asyncio.run(main())""",
    "aiohttp": """
import aiohttp, asyncio
async def main():
    async with aiohttp.ClientSession() as session:
        call = asyncio.create_task(session.get(URL))
        beats = 0
        while not call.done():
            await asyncio.sleep(1)
            beats += not call.done()
        note(beats)
asyncio.run(main())""",
}


@pytest.mark.parametrize("kind", HEARTS)
def test_a_heart_beats_each_second_while_a_call_waits_for_its_answer(tiny, tmp_path, kind):
    text = "URL = 'https://www.swift.ac.uk/half-a-minute'\n" + HEARTS[kind]
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert run(tiny, program(folder, text)) == 0
        assert notes(folder)[0].endswith(" 30")


@pytest.mark.parametrize("begin", ["alarm(3)", "setitimer(signal.ITIMER_REAL, 3)"])
def test_an_alarm_is_said_once_to_be_real(tiny, tmp_path, capfd, begin):
    text = f"""
        import signal
        for _ in range(2):
            signal.{begin}
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 1000)
        time.sleep(60)
        note("end")
    """
    assert run(tiny, program(tmp_path, text)) == 0
    assert notes(tmp_path) == ["60 end"]
    assert capfd.readouterr().err.count("counts seconds of real time") == 1


def test_trio_runs_in_simulated_time(tiny, tmp_path):
    text = """
        import trio
        async def main():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep, 60)
                nursery.start_soon(trio.to_thread.run_sync, time.sleep, 100)
            note("nursery")
            one, other = trio.socket.socketpair()
            with trio.move_on_after(30):
                await one.recv(1)
            note("move on")
        trio.run(main)
    """
    assert run(tiny, program(tmp_path, text)) == 0
    assert notes(tmp_path) == ["100 nursery", "130 move on"]
