"""Unmodified programs in a run: answered by the simulator, in simulated time, cut off from the network."""

import os
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from flask import Flask, request

from mock_server import Simulator
from mock_server.clocks.base import ScaledClock
from mock_server.clocks.virtual import VirtualClock
from mock_server.run.start import PendingSimulator, run, running
from mock_server.transport.header import HEADER

START = 1_600_000_000.0


class Tiny:
    """A service of two pages that notes who called, and when."""

    def __init__(self, clock: Any = None) -> None:
        self.clock = clock or VirtualClock(START)
        self.calls: list[tuple[float, str]] = []
        self.where: list[Any] = []
        self.app = Flask("tiny")
        self.app.add_url_rule("/call", view_func=self.call, methods=["GET", "POST"])
        self.app.add_url_rule("/slow", view_func=lambda: ("slow", {HEADER: "delay:100"}))
        self.app.add_url_rule("/bug", view_func=self.bug)

    def call(self) -> dict[str, Any]:
        body = request.get_json(force=True, silent=True) or {}
        self.calls.append((self.clock.now() - START, body.get("who", "")))
        self.where.append((request.environ.get("xrt_mock.where"), request.environ.get("xrt_mock.copy")))
        return {"OK": 1, "calls": len(self.calls)}

    def bug(self) -> str:
        raise ZeroDivisionError("a bug")


PREAMBLE = """
import os, sys, time, requests
def call(who):
    return requests.post("https://www.swift.ac.uk/call", json={"who": str(who)}).json()["calls"]
def compute(seconds):  # real time, in which simulated time stands still
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass
"""


def program(tmp_path: Any, text: str, name: str = "program.py") -> list[str]:
    path = tmp_path / name
    path.write_text(PREAMBLE + textwrap.dedent(text))
    return [sys.executable, str(path)]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], patience: float = 30.0) -> None:
    """Look again and again: what is waited for is the machine, not the service."""
    pause, until = threading.Event(), time.monotonic() + patience
    while not condition():
        assert time.monotonic() < until, f"it did not happen within {patience} s"
        pause.wait(0.01)


@pytest.fixture
def tiny():
    return Tiny()


class TestOneProgram:
    def test_is_answered_and_sleeps_in_simulated_time(self, tiny, tmp_path, capfd):
        text = """
            import datetime
            for _ in range(3):
                call(time.time())
                time.sleep(3600)
            print(datetime.datetime.now(datetime.timezone.utc).isoformat())
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert tiny.calls == [(0, str(START)), (3600, str(START + 3600)), (7200, str(START + 7200))]
        assert "2020-09-13T15:26:40+00:00" in capfd.readouterr().out

    @pytest.mark.parametrize(("ending", "code"), [("sys.exit(3)", 3), ("1/0", 1), ("os.kill(os.getpid(), 9)", 137)])
    def test_ends_with_its_own_exit_code(self, tiny, tmp_path, ending, code, capfd):
        assert run(tiny, program(tmp_path, f"call('before')\n{ending}")) == code
        assert tiny.calls == [(0, "before")]

    def test_may_ask_before_the_simulator_is_there(self, tiny, tmp_path):
        text = """
            open(sys.argv[1], "w").close()
            call("early")
        """
        begun = tmp_path / "begun"
        pending = PendingSimulator(tiny.clock)
        with running(pending, [*program(tmp_path, text), str(begun)]) as programs:
            wait_until(begun.exists)
            assert not tiny.calls
            pending.set_app(tiny.app)
            assert programs.wait() == 0
        assert tiny.calls == [(0, "early")]

    def test_is_ended_if_the_simulator_never_comes(self, tiny, tmp_path):
        pid = tmp_path / "pid"
        command = program(tmp_path, "open(sys.argv[1], 'w').write(str(os.getpid()))\ncall('early')")
        with running(PendingSimulator(tiny.clock), [*command, str(pid)]):
            wait_until(lambda: pid.exists() and bool(pid.read_text()))
        wait_until(lambda: not alive(int(pid.read_text())))

    @pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="processors are chosen on Linux only")
    def test_may_run_where_it_likes_between_calls(self, tiny, tmp_path):
        text = """
            for _ in range(3):
                call(len(os.sched_getaffinity(0)))
                time.sleep(60)
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert {who for _, who in tiny.calls} == {str(len(os.sched_getaffinity(0)))}

    def test_that_is_not_python_runs_too(self, tiny):
        assert run(tiny, ["sh", "-c", "exit 7"]) == 7

    def test_that_does_not_exist_is_127(self, tiny, capfd):
        assert run(tiny, ["no-such-program-anywhere"]) == 127
        assert "no-such-program-anywhere" in capfd.readouterr().err

    def test_that_cannot_be_executed_is_126(self, tiny, tmp_path, capfd):
        path = tmp_path / "plain.txt"
        path.write_text("not a program")
        assert run(tiny, [str(path)]) == 126

    def test_tells_which_line_called(self, tiny, tmp_path):
        run(tiny, program(tmp_path, "call(1)"))
        assert tiny.where == [("program.py:4", 0)]

    def test_meets_delays_in_simulated_time(self, tiny, tmp_path):
        text = """
            requests.get("https://www.swift.ac.uk/slow")
            call("after the delay")
            try:
                requests.get("https://www.swift.ac.uk/slow", timeout=30)
            except requests.ReadTimeout:
                call("after the timeout")
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert tiny.calls == [(100, "after the delay"), (130, "after the timeout")]

    def test_keeps_a_sitecustomize_of_its_own(self, tiny, tmp_path):
        (tmp_path / "sitecustomize.py").write_text("import builtins; builtins.MARK = 'mine'")
        env = {**os.environ, "PYTHONPATH": str(tmp_path)}
        assert run(tiny, program(tmp_path, "call(MARK)"), env=env) == 0
        assert tiny.calls == [(0, "mine")]

    def test_whose_python_lacks_xrt_mock_is_told_what_to_install(self, tiny, tmp_path, capfd):
        (tmp_path / "time_machine.py").write_text("raise ImportError('No module named time_machine')")
        env = {**os.environ, "PYTHONPATH": str(tmp_path)}
        assert run(tiny, program(tmp_path, "call(1)"), env=env) == 125
        assert 'pip install "xrt-mock[server]"' in capfd.readouterr().err

    def test_on_a_scaled_clock_sleeps_less(self, tmp_path):
        tiny = Tiny(ScaledClock(10_000, start=START))
        assert run(tiny, program(tmp_path, "time.sleep(1000); call(time.time() - 1_600_000_000 >= 1000)")) == 0
        assert tiny.calls[0][1] == "True"
        assert tiny.calls[0][0] >= 1000

    def test_sees_a_bug_of_the_simulator_as_such(self, tiny, tmp_path, capfd):
        tiny.app.config["PROPAGATE_EXCEPTIONS"] = True
        assert run(tiny, program(tmp_path, "requests.get('https://www.swift.ac.uk/bug')")) == 1
        assert "ZeroDivisionError: a bug" in capfd.readouterr().err


class TestTheNetwork:
    @pytest.mark.parametrize(
        "attempt",
        [
            "requests.get('https://example.org/')",
            "import urllib.request; urllib.request.urlopen('http://example.org/')",
            "import socket; socket.create_connection(('192.0.2.1', 80))",
            "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
        ],
    )
    def test_is_out_of_reach(self, tiny, tmp_path, capfd, attempt):
        assert run(tiny, program(tmp_path, attempt)) == 1
        assert "is outside this run" in capfd.readouterr().err

    def test_does_not_open_for_the_real_service(self, tiny, tmp_path, capfd):
        attempt = "import socket; socket.create_connection(('www.swift.ac.uk', 443))"
        assert run(tiny, program(tmp_path, attempt), allow_net=True) == 1
        assert "www.swift.ac.uk is simulated here" in capfd.readouterr().err

    def test_within_the_machine_stays_open(self, tiny, tmp_path):
        text = """
            import socket
            server = socket.create_server(("127.0.0.1", 0))
            socket.create_connection(("localhost", server.getsockname()[1])).close()
        """
        assert run(tiny, program(tmp_path, text)) == 0


class TestSeveralAtOnce:
    def test_threads_share_the_clock(self, tiny, tmp_path):
        text = """
            import threading
            def worker(nap):
                for _ in range(2):
                    time.sleep(nap)
                    call(nap)
            threads = [threading.Thread(target=worker, args=(nap,)) for nap in (10, 4, 4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            call("end")
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert tiny.calls == [(4, "4"), (4, "4"), (8, "4"), (8, "4"), (10, "10"), (20, "10"), (20, "end")]

    def test_a_pool_left_to_the_interpreter_s_exit_is_finished(self, tiny, tmp_path):
        text = """
            import concurrent.futures
            pool = concurrent.futures.ThreadPoolExecutor(2)
            for n in range(4):
                pool.submit(lambda: (time.sleep(10), call("done")))
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert tiny.calls == [(10, "done"), (10, "done"), (20, "done"), (20, "done")]

    def test_forked_processes_share_the_clock(self, tiny, tmp_path):
        text = """
            import multiprocessing
            def worker(nap):
                for _ in range(2):
                    time.sleep(nap)
                    call(nap)
            context = multiprocessing.get_context("fork")
            processes = [context.Process(target=worker, args=(nap,)) for nap in (10, 4)]
            for process in processes: process.start()
            for process in processes: process.join()
            call("end")
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert tiny.calls == [(4, "4"), (8, "4"), (10, "10"), (20, "10"), (20, "end")]

    def test_a_child_and_its_child_are_waited_for(self, tiny, tmp_path):
        inner = program(tmp_path, "time.sleep(50); call('inner')", "inner.py")
        middle = program(
            tmp_path, f"import subprocess; subprocess.run({inner!r}, check=True); call('middle')", "middle.py"
        )
        text = f"import subprocess; subprocess.run({middle!r}, check=True); call('outer')"
        assert run(tiny, program(tmp_path, text)) == 0
        assert tiny.calls == [(50, "inner"), (50, "middle"), (50, "outer")]

    @pytest.mark.parametrize(
        "how", ["subprocess.Popen([sys.executable, *word])", "subprocess.Popen([word[0]], env={})"]
    )
    def test_children_start_at_the_time_they_are_started(self, tiny, tmp_path, how):
        child = tmp_path / "child.py"
        child.write_text(f"#!{sys.executable}\n{PREAMBLE}\ncall('start'); time.sleep(50); call('end')\n")
        child.chmod(0o755)
        text = f"""
            import subprocess
            word = [{str(child)!r}]
            children = [{how} for _ in range(2)]
            time.sleep(1000)
            call("parent")
            assert [child.wait() for child in children] == [0, 0]
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert tiny.calls == [(0, "start"), (0, "start"), (50, "end"), (50, "end"), (1000, "parent")]

    def test_a_pool_of_processes_takes_its_time(self, tiny, tmp_path):
        text = """
            import multiprocessing
            def work(n):
                time.sleep(10)
                call("work")
                return n
            with multiprocessing.Pool(2) as pool:
                assert pool.map(work, range(4), chunksize=1) == [0, 1, 2, 3]
            call("end")
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert tiny.calls == [(10, "work"), (10, "work"), (20, "work"), (20, "work"), (20, "end")]

    def test_an_event_loop_sleeps_on_the_shared_clock(self, tiny, tmp_path):
        text = """
            import asyncio
            async def job(nap):
                for _ in range(2):
                    await asyncio.sleep(nap)
                    await asyncio.to_thread(call, nap)
            async def main():
                await asyncio.gather(job(10), job(4))
            asyncio.run(main())
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert tiny.calls == [(4, "4"), (8, "4"), (10, "10"), (20, "10")]

    def test_spawned_processes_share_the_clock(self, tiny, tmp_path):
        text = """
            import multiprocessing
            def worker(nap):
                time.sleep(nap)
                call(nap)
            if __name__ == "__main__":
                context = multiprocessing.get_context("spawn")
                processes = [context.Process(target=worker, args=(nap,)) for nap in (10, 4)]
                for process in processes: process.start()
                time.sleep(7)
                call("main")
                for process in processes: process.join()
                call("end")
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert tiny.calls == [(4, "4"), (7, "main"), (10, "10"), (10, "end")]

    def test_who_waits_for_a_child_goes_on_when_it_ends(self, tiny, tmp_path):
        child = program(tmp_path, "time.sleep(50)", "child.py")
        text = f"""
            import subprocess, threading
            threading.Thread(target=time.sleep, args=(51,)).start()
            subprocess.run({child!r}, check=True)
            call("after the child")
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert tiny.calls == [(50, "after the child")]

    def test_a_shell_script_may_run_several_programs(self, tiny, tmp_path):
        first = program(tmp_path, "time.sleep(5); call('first')", "first.py")
        second = program(tmp_path, "time.sleep(5); call('second')", "second.py")
        assert run(tiny, ["sh", "-c", f"{' '.join(first)} && {' '.join(second)}"]) == 0
        assert tiny.calls == [(5, "first"), (10, "second")]

    def test_one_that_waits_for_a_socket_holds_nobody_up(self, tiny, tmp_path, capfd):
        text = """
            import socket, threading
            one, other = socket.socketpair()
            def nap():
                time.sleep(600)
                call("slept")
                other.send(b"x")
            threading.Thread(target=nap).start()
            one.recv(1)
            call("received")
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert tiny.calls == [(600, "slept"), (600, "received")]
        assert "program 0 waits for something other than simulated time" in capfd.readouterr().err

    def test_copies_go_in_the_order_of_their_numbers(self, tiny, tmp_path):
        text = """
            for _ in range(2):
                call("")
                time.sleep(30)
        """
        assert run(tiny, program(tmp_path, text), copies=4) == 0
        assert [copy for _, copy in tiny.where] == [0, 1, 2, 3, 0, 1, 2, 3]
        assert [at for at, _ in tiny.calls] == [0] * 4 + [30] * 4

    def test_copies_have_a_user_each(self, tiny, tmp_path):
        text = """
            answer = requests.post("https://www.swift.ac.uk/user", json={"UserID": "me@x.org"})
            assert answer.json()["ERROR"] == "The user me@x.org is unknown", answer.text
        """
        users = []

        def user() -> dict[str, str]:
            users.append(request.json["UserID"] if request.json else "")
            return {"ERROR": f"The user {users[-1]} is unknown"}

        tiny.app.add_url_rule("/user", view_func=user, methods=["POST"])
        assert run(tiny, program(tmp_path, text), copies=3) == 0
        assert users == ["me@x.org", "me+1@x.org", "me+2@x.org"]

    def test_copies_of_a_throttled_program_give_the_same_story_every_time(self, tmp_path):
        text = """
            def ask(operation, **body):
                url = f"https://www.swift.ac.uk/user_objects/{operation}.php"
                return requests.post(url, json={"UserID": "me@example.org", **body}).json()
            for n in range(2):
                while ask("getNumJobs")["numJobs"] > 0:
                    time.sleep(30)
                answer = ask("run_userobject", name="GRB 060729", image=1, getCoords=1, getTargs=1, getT0=1, cent=0)
                assert answer["OK"] == 1, answer
        """

        def story() -> tuple[str, dict[str, Any]]:
            with Simulator() as simulator:
                assert run(simulator, program(tmp_path, text), copies=6) == 0
                return str(simulator.journal), simulator.report()

        first = story()
        assert first[1]["jobs"]["submitted"] == 12
        assert first == story() == story()

    def test_one_that_is_killed_holds_nobody_up(self, tiny, tmp_path, capfd):
        text = """
            if os.environ["XRT_MOCK_PARTICIPANT"] == "1":
                os.kill(os.getpid(), 9)
            time.sleep(30)
            call("")
        """
        assert run(tiny, program(tmp_path, text), copies=3) == 137
        assert [at for at, _ in tiny.calls] == [30, 30]


class TestOtherPrograms:
    def test_a_shell_script_calls_with_curl_and_sleeps_in_simulated_time(self, tiny, capfd):
        script = """
            set -e
            for n in 1 2 3; do
                curl --silent --fail --data "{\\"who\\": \\"curl $n\\"}" https://www.swift.ac.uk/call
                sleep 1m 30
            done
        """
        assert run(tiny, ["sh", "-c", script]) == 0
        assert tiny.calls == [(0, "curl 1"), (90, "curl 2"), (180, "curl 3")]
        assert '{"OK":1,"calls":3}' in capfd.readouterr().out

    def test_a_program_that_knows_urllib_alone_is_answered_too(self, tiny, tmp_path):
        text = """
            import urllib.request
            urllib.request.urlopen("https://www.swift.ac.uk/call", data=b'{"who": "urllib"}').read()
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert tiny.calls == [(0, "urllib")]

    def test_curl_does_not_get_out_either(self, tiny, capfd):
        assert run(tiny, ["curl", "--silent", "--show-error", "https://example.org/"]) != 0
        assert "403" in capfd.readouterr().err


class TestTheEnd:
    @pytest.fixture(autouse=True)
    def heard(self):
        """In a shell's background Ctrl-C is ignored, and all programs started there inherit that."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    def test_leaves_no_process_behind(self, tiny, tmp_path):
        note = tmp_path / "pid"
        text = f"open({str(note)!r}, 'w').write(str(os.getpid())); import signal; signal.pause()"
        child = program(tmp_path, text, "child.py")
        text = f"""
            import select, subprocess
            subprocess.Popen({child!r})
            while not (os.path.exists({str(note)!r}) and open({str(note)!r}).read()):
                select.select([], [], [], 0.01)
            os._exit(0)
        """
        assert run(tiny, program(tmp_path, text)) == 0
        wait_until(lambda: not alive(int(note.read_text())))

    def test_a_signal_is_passed_on(self, tiny, tmp_path):
        text = """
            import signal, select
            def stop(*_):
                call("told to stop")
                sys.exit(5)
            signal.signal(signal.SIGTERM, stop)
            call("ready")
            select.select([], [], [])
        """

        def tell() -> None:
            wait_until(lambda: bool(tiny.calls))
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=tell, daemon=True).start()
        assert run(tiny, program(tmp_path, text)) == 5
        assert tiny.calls == [(0, "ready"), (0, "told to stop")]

    def test_ctrl_c_during_a_sleep_lets_the_program_clean_up(self, tiny, tmp_path):
        text = """
            import threading
            def hold():  # keeps time still: a thread that computes is not excused, as one in a socket is
                compute(25)
            threading.Thread(target=hold, daemon=True).start()
            try:
                call("ready")
                time.sleep(3600)
            except KeyboardInterrupt:
                call("clean up")
                sys.exit(6)
        """

        def tell() -> None:
            wait_until(lambda: bool(tiny.calls))
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=tell, daemon=True).start()
        assert run(tiny, program(tmp_path, text)) == 6
        assert tiny.calls == [(0, "ready"), (0, "clean up")]

    def test_a_signal_that_the_kernel_gave_to_another_thread_ends_a_sleep_too(self, tiny, tmp_path):
        # So does one that comes just before the main thread blocks: nothing interrupts its wait either
        text = """
            import signal, threading
            def press():
                compute(0.5)
                signal.pthread_kill(threading.get_ident(), signal.SIGINT)
                compute(25)
                os._exit(7)  # the signal was not seen
            threading.Thread(target=press, daemon=True).start()
            try:
                time.sleep(3600)
            except KeyboardInterrupt:
                sys.exit(6)
        """
        assert run(tiny, program(tmp_path, text)) == 6, "see mock_server/run/channel.py"

    def test_a_signal_during_a_sleep_reaches_the_event_loop_that_asked_for_it(self, tiny, tmp_path):
        text = """
            import asyncio, signal, threading
            def press():
                compute(0.5)
                signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
            async def main():
                called = asyncio.Event()
                asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, called.set)
                threading.Thread(target=press, daemon=True).start()
                time.sleep(60)  # blocks the loop, as careless programs do
                await asyncio.wait_for(called.wait(), 60)
                call("called")
            asyncio.run(main())
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert tiny.calls == [(60, "called")]


class TestNotebooks:
    def test_a_notebook_is_executed_in_simulated_time(self, tmp_path):
        cells = [
            "import time, requests\nbegan = time.time()",
            "def call():\n    requests.post('https://www.swift.ac.uk/call', json={'who': 'cell'})",
            "for _ in range(3):\n    call()\n    time.sleep(3600)",
            "assert round(time.time() - began) == 3 * 3600, time.time() - began",
        ]
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        nbformat.write(notebook, tmp_path / "campaign.ipynb")
        tiny = Tiny()
        assert run(tiny, [sys.executable, "-m", "jupyter", "execute", str(tmp_path / "campaign.ipynb")]) == 0
        assert [(round(at), who) for at, who in tiny.calls] == [(0, "cell"), (3600, "cell"), (7200, "cell")]
