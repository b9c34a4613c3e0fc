"""Unmodified programs in a run: answered by the simulator, in simulated time, cut off from the network."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Client
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
from flask import Flask, request

from mock_server import Simulator
from mock_server.clocks.base import ScaledClock
from mock_server.clocks.virtual import VirtualClock
from mock_server.run import start, watchdog
from mock_server.run.link_server import LinkServer
from mock_server.run.standstill import can_be_proven
from mock_server.run.start import PendingSimulator, run, running
from mock_server.transport.header import HEADER
from mock_server.transport.wsgi_call import HOSTS

START = 1_600_000_000.0


class Tiny:
    """A service of a few pages that notes who called, and when."""

    def __init__(self, clock: Any = None) -> None:
        self.clock = clock or VirtualClock(START)
        self.calls: list[tuple[float, str]] = []
        self.where: list[Any] = []
        self.app = Flask("tiny")
        self.app.add_url_rule("/call", view_func=self.call, methods=["GET", "POST"])
        self.app.add_url_rule("/slow", view_func=lambda: ("slow", {HEADER: "delay:100"}))
        self.app.add_url_rule("/half-a-minute", "half a minute", view_func=lambda: ("slow", {HEADER: "delay:30.5"}))
        self.app.add_url_rule("/bug", view_func=self.bug)

    def call(self) -> dict[str, Any]:
        body = request.get_json(force=True, silent=True) or {}
        self.calls.append((self.clock.now() - START, body.get("who", "")))
        self.where.append((request.environ.get("xrt_mock.where"), request.environ.get("xrt_mock.copy")))
        return {"OK": 1, "calls": len(self.calls)}

    def bug(self) -> str:
        raise ZeroDivisionError("a bug")


PREAMBLE = """
import os, sys, time
def call(who):
    import requests  # takes long, and not every program calls
    return requests.post("https://www.swift.ac.uk/call", json={"who": str(who)}).json()["calls"]
def note(what, file=__file__ + ".notes"):  # for programs that need not call: at what time they come to a line
    with open(file, "a") as notes:
        notes.write(f"{round(time.time() - 1_600_000_000, 3):g} {what}\\n")
def compute(seconds):  # real time, in which simulated time stands still
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass
"""


def program(tmp_path: Any, text: str, name: str = "program.py") -> list[str]:
    path = tmp_path / name
    path.write_text(PREAMBLE + textwrap.dedent(text))
    return [sys.executable, str(path)]


def notes(tmp_path: Path, name: str = "program.py") -> list[str]:
    return tmp_path.joinpath(f"{name}.notes").read_text().splitlines()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], patience: float = 30.0) -> None:
    """Look again and again: this waits for the machine, not for the service."""
    pause, until = threading.Event(), time.monotonic() + patience
    while not condition():
        assert time.monotonic() < until, f"it did not happen within {patience} s"
        pause.wait(0.01)


@pytest.fixture
def tiny():
    return Tiny()


STORY = """
    import datetime, json, socket, urllib.request
    import requests
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    found = {"sitecustomize": MARK, "processors": processors}
    for _ in range(2):
        call(round(time.time(), 3))
        time.sleep(3600)
    found["date"] = datetime.datetime.now(datetime.timezone.utc).isoformat()
    requests.get("https://www.swift.ac.uk/slow")
    call("after the delay")
    try:
        requests.get("https://www.swift.ac.uk/slow", timeout=30)
    except requests.ReadTimeout:
        call("after the timeout")
    urllib.request.urlopen("https://www.swift.ac.uk/call", data=b'{"who": "urllib"}').read()
    attempts = {
        "requests": lambda: requests.get("https://example.org/"),
        "urllib": lambda: urllib.request.urlopen("http://example.org/"),
        "connect": lambda: socket.create_connection(("192.0.2.1", 80)),
        "send": lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53)),
        "bug": lambda: requests.get("https://www.swift.ac.uk/bug"),
    }
    for name, attempt in attempts.items():
        try:
            attempt()
        except Exception as error:
            found[name] = str(error)
    server = socket.create_server(("127.0.0.1", 0))
    socket.create_connection(("localhost", server.getsockname()[1])).close()
    found["within the machine"] = "open"
    json.dump(found, open(sys.argv[1], "w"))
"""


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """One program that does much, with what it found and how it was seen."""
    tiny, folder = Tiny(), tmp_path_factory.mktemp("story")
    tiny.app.config["PROPAGATE_EXCEPTIONS"] = True
    (folder / "sitecustomize.py").write_text("import builtins; builtins.MARK = 'mine'")
    env = {**os.environ, "PYTHONPATH": str(folder)}
    assert run(tiny, [*program(folder, STORY), str(folder / "found.json")], env=env) == 0
    return SimpleNamespace(calls=tiny.calls, where=tiny.where, found=json.loads((folder / "found.json").read_text()))


class TestOneProgram:
    def test_is_answered_and_sleeps_in_simulated_time(self, story):
        assert story.calls[:2] == [(0, str(START)), (3600, str(START + 3600))]
        assert story.found["date"].startswith("2020-09-13T14:26:40")

    def test_meets_delays_in_simulated_time(self, story):
        assert story.calls[2:4] == [(7300, "after the delay"), (7330, "after the timeout")]

    def test_that_uses_urllib_is_answered_too(self, story):
        assert story.calls[4:] == [(7330, "urllib")]

    def test_is_known_by_the_line_that_called(self, story):
        where, copy = story.where[0]
        assert re.fullmatch(r"program\.py:5, called from program\.py:\d+", where)
        assert copy == 0

    def test_keeps_a_sitecustomize_of_its_own(self, story):
        assert story.found["sitecustomize"] == "mine"

    @pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="processors are chosen on Linux only")
    def test_may_run_on_every_processor(self, story):
        assert story.found["processors"] == len(os.sched_getaffinity(0))

    def test_sees_a_bug_of_the_simulator_as_such(self, story):
        assert "ZeroDivisionError: a bug" in story.found["bug"]

    @pytest.mark.parametrize(("ending", "code"), [("sys.exit(3)", 3), ("1/0", 1), ("os.kill(os.getpid(), 9)", 137)])
    def test_ends_with_its_own_exit_code(self, tiny, tmp_path, ending, code):
        assert run(tiny, program(tmp_path, f"note('before')\n{ending}")) == code
        assert notes(tmp_path) == ["0 before"]

    def test_may_ask_before_the_simulator_is_there(self, tiny, tmp_path):
        text = """
            open(sys.argv[1], "w").close()
            call("early")
        """
        begun = tmp_path / "begun"
        pending = PendingSimulator(tiny.clock, lambda: tiny.app)
        with running(pending, [*program(tmp_path, text), str(begun)]) as programs:
            wait_until(begun.exists)
            assert not tiny.calls
            assert programs.wait() == 0
        assert tiny.calls == [(0, "early")]

    @pytest.mark.parametrize(("text", "loads"), [("pass", 0), ("import http.client", 1), ("call('now')", 1)])
    def test_has_the_simulator_loaded_when_it_is_about_to_call(self, tiny, tmp_path, text, loads):
        loaded = []

        def load() -> Any:
            loaded.append(1)
            return tiny.app

        with running(PendingSimulator(tiny.clock, load), program(tmp_path, text)) as programs:
            assert programs.wait() == 0
        assert len(loaded) == loads

    def test_that_ignores_ctrl_c_is_answered_when_it_came_while_the_simulator_was_loaded(
        self, tiny, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(start.Programs, "_signal", lambda *_: None)  # as if the program ignored it from its start
        tries = []

        def load() -> Any:
            tries.append(1)
            if len(tries) <= 2:  # as often as the program says that it will call
                raise KeyboardInterrupt
            return tiny.app

        with running(PendingSimulator(tiny.clock, load), program(tmp_path, "call('late')")) as programs:
            assert programs.wait() == 0
        assert (len(tries), tiny.calls) == (3, [(0, "late")])

    def test_is_ended_if_the_simulator_never_comes_as_soon_as_it_can_be(self, tiny, tmp_path, monkeypatch):
        monkeypatch.setattr(start, "GRACE_S", 600)
        asked = threading.Event()

        class NeverThere(PendingSimulator):
            def app(self, environ: Any, start_response: Any) -> Any:
                asked.set()
                return super().app(environ, start_response)

        pid = tmp_path / "pid"
        command = program(tmp_path, "open(sys.argv[1], 'w').write(str(os.getpid()))\ncall('early')")
        with running(NeverThere(tiny.clock, lambda: tiny.app), [*command, str(pid)]):
            assert asked.wait(30)
        assert not alive(int(pid.read_text()))

    def test_that_is_not_python_runs_too(self, tiny):
        assert run(tiny, ["sh", "-c", "exit 7"]) == 7

    def test_that_does_not_exist_is_127(self, tiny, capfd):
        assert run(tiny, ["no-such-program-anywhere"]) == 127
        assert "no-such-program-anywhere" in capfd.readouterr().err

    def test_that_cannot_be_executed_is_126(self, tiny, tmp_path, capfd):
        path = tmp_path / "plain.txt"
        path.write_text("not a program")
        assert run(tiny, [str(path)]) == 126

    def test_whose_python_lacks_xrt_mock_says_what_to_install(self, tiny, tmp_path, capfd):
        (tmp_path / "time_machine.py").write_text("raise ImportError('No module named time_machine')")
        env = {**os.environ, "PYTHONPATH": str(tmp_path)}
        assert run(tiny, program(tmp_path, "call(1)"), env=env) == 125
        assert 'pip install "xrt-mock[server]"' in capfd.readouterr().err

    def test_on_a_scaled_clock_sleeps_less(self, tmp_path):
        tiny = Tiny(ScaledClock(10_000, start=START))
        assert run(tiny, program(tmp_path, "time.sleep(1000); call(time.time() - 1_600_000_000 >= 1000)")) == 0
        assert tiny.calls[0][1] == "True"
        assert tiny.calls[0][0] >= 1000


class TestTheNetwork:
    @pytest.mark.parametrize("attempt", ["requests", "urllib", "connect", "send"])
    def test_is_out_of_reach(self, story, attempt):
        assert "is outside this run" in story.found[attempt]

    def test_within_the_machine_stays_open(self, story):
        assert story.found["within the machine"] == "open"

    def test_does_not_open_for_the_real_service(self, tiny, tmp_path, capfd):
        attempt = "import socket; socket.create_connection(('www.swift.ac.uk', 443))"
        assert run(tiny, program(tmp_path, attempt), allow_net=True) == 1
        assert "www.swift.ac.uk is simulated here" in capfd.readouterr().err

    def test_does_not_open_for_curl(self, tiny, capfd):
        assert run(tiny, ["curl", "--silent", "--show-error", "https://example.org/"]) != 0
        assert "403" in capfd.readouterr().err


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


def test_a_shell_script_calls_with_curl_and_sleeps_in_simulated_time(tiny, capfd):
    script = """
        set -e
        for n in 1 2; do
            curl --silent --fail --data "{\\"who\\": \\"curl $n\\"}" https://www.swift.ac.uk/call
            sleep 1m 30
        done
    """
    assert run(tiny, ["sh", "-c", script]) == 0
    assert tiny.calls == [(0, "curl 1"), (90, "curl 2")]
    assert tiny.clock.now() == START + 180
    assert '{"OK":1,"calls":2}' in capfd.readouterr().out


WAYS_IN = {
    "curl": ["curl", "--silent", "--fail", "--data", '{"who": "x"}', "https://www.swift.ac.uk/call"],
    "wget": ["wget", "-q", "-O", "/dev/null", '--post-data={"who": "x"}', "https://www.swift.ac.uk/call"],
}
PYTHON_WAYS_IN = {
    "requests": "import requests; requests.post(URL, data=BODY)",
    "requests without the environment": """
import requests
session = requests.Session()
session.trust_env = False
session.post(URL, data=BODY, verify=False)""",
    "urllib": "import urllib.request; urllib.request.urlopen(URL, data=BODY)",
    "urllib3": "import urllib3; urllib3.PoolManager().request('POST', URL, body=BODY)",
    "httpx": "import httpx; httpx.post(URL, content=BODY, trust_env=False)",
    "aiohttp": """
import aiohttp, asyncio
async def main():
    async with aiohttp.ClientSession() as session, session.post(URL, data=BODY) as answer:
        await answer.read()
asyncio.run(main())""",
    "http.client": """
import http.client
connection = http.client.HTTPSConnection("www.swift.ac.uk")
connection.request("POST", "/call", BODY)
connection.getresponse().read()""",
    "pandas": "import pandas; pandas.read_json(URL, orient='index')",
    "astropy": """
from astropy.utils.data import get_readable_fileobj
with get_readable_fileobj(URL, cache=False) as file:
    file.read()""",
}


@pytest.mark.parametrize("tool", WAYS_IN)
def test_a_command_is_answered(tiny, tool):
    assert run(tiny, WAYS_IN[tool]) == 0
    assert tiny.calls == [(0, "x")]


FETCH = """
fetch("https://www.swift.ac.uk/call", {method: "POST", body: '{"who": "x"}'}).then(
    answer => process.exit(answer.ok ? 0 : 1), error => process.exit(2))
"""
JAVA = """
import java.net.*;
public class Call {
    public static void main(String[] words) throws Exception {
        var connection = (HttpURLConnection) new URL("https://www.swift.ac.uk/call").openConnection();
        System.exit(connection.getResponseCode() == 200 ? 0 : 1);
    }
}
"""
GO = """
package main

import ("net/http"; "os"; "strings")

func main() {
    answer, err := http.Post("https://www.swift.ac.uk/call", "application/json", strings.NewReader(`{"who": "x"}`))
    if err != nil || answer.StatusCode != 200 { os.Exit(1) }
}
"""
PERL = """
use LWP::UserAgent;
my $answer = LWP::UserAgent->new->post("https://www.swift.ac.uk/call", Content => '{"who": "x"}');
exit($answer->is_success ? 0 : 1);
"""
R = """
answer <- download.file("https://www.swift.ac.uk/call", tempfile(), method = "libcurl", quiet = TRUE)
quit(status = answer)
"""


LANGUAGES = {"go": (GO, ["go", "run"], "x"), "pl": (PERL, ["perl"], "x"), "R": (R, ["Rscript"], "")}


@pytest.mark.nightly
@pytest.mark.parametrize("suffix", LANGUAGES)
def test_another_language_is_answered(tiny, tmp_path, suffix):
    """These need Go, Perl with libwww-perl and liblwp-protocol-https-perl, and R."""
    text, command, who = LANGUAGES[suffix]
    (tmp_path / f"call.{suffix}").write_text(text)
    assert run(tiny, [*command, str(tmp_path / f"call.{suffix}")], isolate=True) == 0
    assert tiny.calls == [(0, who)]


@pytest.mark.nightly
def test_node_is_answered_if_it_reads_the_variables_of_a_proxy(tiny):
    """It does from 22.21 on. This needs `node`."""
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    reads = tuple(map(int, version.strip().lstrip("v").split("."))) >= (22, 21)
    assert (run(tiny, ["node", "-e", FETCH], isolate=True), tiny.calls) == ((0, [(0, "x")]) if reads else (2, []))


@pytest.mark.nightly
def test_java_is_not_answered(tiny, tmp_path):
    """It reads no variable of a proxy. This needs `java`, of a JDK."""
    (tmp_path / "Call.java").write_text(JAVA)
    assert (run(tiny, ["java", str(tmp_path / "Call.java")], isolate=True), tiny.calls) == (1, [])


@pytest.mark.parametrize("library", PYTHON_WAYS_IN)
def test_a_library_is_answered(tiny, tmp_path, library):
    text = "URL, BODY = 'https://www.swift.ac.uk/call', b'{}'\n" + PYTHON_WAYS_IN[library]
    (tmp_path / "program.py").write_text(text)
    assert run(tiny, [sys.executable, str(tmp_path / "program.py")]) == 0
    assert len(tiny.calls) == 1


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


def test_wget_keeps_the_users_own_settings(tiny, tmp_path, monkeypatch):
    (tmp_path / "mine").write_text("user_agent = mine")
    monkeypatch.setenv("WGETRC", str(tmp_path / "mine"))
    agents: list[Any] = []

    @tiny.app.get("/agent")
    def agent() -> str:
        agents.append(request.headers["User-Agent"])
        return ""

    assert run(tiny, ["wget", "-q", "-O", "/dev/null", "https://www.swift.ac.uk/agent"]) == 0
    assert agents == ["mine"]


@pytest.mark.parametrize("ahead", ["", "import requests\n"])
def test_a_plain_socket_is_refused_with_what_helps(tiny, tmp_path, capfd, ahead):
    (tmp_path / "program.py").write_text(f"{ahead}import socket; socket.create_connection(('www.swift.ac.uk', 443))")
    assert run(tiny, [sys.executable, str(tmp_path / "program.py")]) == 1
    words = capfd.readouterr().err
    assert "RealServiceError: [Errno" in words
    assert "httpx and aiohttp are answered" in words
    assert "xrt-mock run`" not in words


class TestTheEnd:
    @pytest.fixture(autouse=True)
    def heard(self):
        """In a shell's background Ctrl-C is ignored, and all programs started there inherit that."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    def test_leaves_no_process_behind(self, tiny, tmp_path):
        pid_file = tmp_path / "pid"
        text = f"open({str(pid_file)!r}, 'w').write(str(os.getpid())); import signal; signal.pause()"
        child = program(tmp_path, text, "child.py")
        text = f"""
            import select, subprocess
            subprocess.Popen({child!r})
            while not (os.path.exists({str(pid_file)!r}) and open({str(pid_file)!r}).read()):
                select.select([], [], [], 0.01)
            os._exit(0)
        """
        assert run(tiny, program(tmp_path, text)) == 0
        wait_until(lambda: not alive(int(pid_file.read_text())))

    def test_does_not_wait_for_a_stranger_on_the_link(self, tiny):
        server = LinkServer(tiny.app, tiny.clock, HOSTS)
        stranger = Client(server.address)  # without the key: it is waited for by the thread that accepts
        closing = threading.Thread(target=server.close, daemon=True)
        closing.start()
        closing.join(30)
        assert not closing.is_alive()
        stranger.close()

    def test_a_signal_is_passed_on(self, tiny, tmp_path):
        text = """
            import signal, select
            def stop(*_):
                call("asked to stop")
                sys.exit(5)
            signal.signal(signal.SIGTERM, stop)
            call("ready")
            note("ready")
            select.select([], [], [])
        """

        def stop() -> None:
            wait_until((tmp_path / "program.py.notes").exists)
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=stop, daemon=True).start()
        assert run(tiny, program(tmp_path, text)) == 5
        assert tiny.calls == [(0, "ready"), (0, "asked to stop")]

    def test_ctrl_c_during_a_sleep_lets_the_program_clean_up(self, tiny, tmp_path):
        text = """
            import threading
            def hold():  # keeps time still: the watchdog lets a thread that computes go on
                compute(25)
            threading.Thread(target=hold, daemon=True).start()
            try:
                call("ready")
                time.sleep(3600)
            except KeyboardInterrupt:
                call("clean up")
                sys.exit(6)
        """

        def press() -> None:
            wait_until(lambda: bool(tiny.calls))
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=press, daemon=True).start()
        assert run(tiny, program(tmp_path, text)) == 6
        assert tiny.calls == [(0, "ready"), (0, "clean up")]

    def test_a_signal_that_the_kernel_gave_to_another_thread_ends_a_sleep_too(self, tiny, tmp_path):
        # So does one that comes just before the main thread blocks: nothing interrupts its wait either
        text = """
            import signal, threading
            def press():
                compute(0.3)
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
                compute(0.3)
                signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
            async def main():
                called = asyncio.Event()
                asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, called.set)
                threading.Thread(target=press, daemon=True).start()
                time.sleep(60)  # blocks the loop, as careless programs do
                await asyncio.wait_for(called.wait(), 60)
                note("called")
            asyncio.run(main())
        """
        assert run(tiny, program(tmp_path, text)) == 0
        assert notes(tmp_path) == ["60 called"]


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


def test_a_program_that_executes_a_notebook_waits_for_its_kernel_in_real_time(tiny, tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import time; time.sleep(3600)")])
    nbformat.write(notebook, tmp_path / "campaign.ipynb")
    text = f"""
        import nbformat
        from nbclient import NotebookClient
        NotebookClient(nbformat.read({str(tmp_path / "campaign.ipynb")!r}, 4), timeout=600).execute()
        time.sleep(60)
        note("executed")
    """
    assert run(tiny, program(tmp_path, text)) == 0
    assert notes(tmp_path) == ["3660 executed"]


@pytest.mark.nightly
def test_sphinx_executes_a_notebook_in_simulated_time(tiny, tmp_path):
    pytest.importorskip("myst_nb")
    cells = ["import time\nbegan = time.time()", "time.sleep(3600)\nassert round(time.time() - began) == 3600"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Page")])
    notebook.cells += [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(notebook, tmp_path / "index.ipynb")
    settings = ["extensions = ['myst_nb']", "nb_execution_mode = 'force'", "nb_execution_raise_on_error = True"]
    (tmp_path / "conf.py").write_text("\n".join([*settings, "nb_execution_timeout = 600"]))
    assert run(tiny, [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(tmp_path), str(tmp_path / "out")]) == 0
    assert tiny.clock.now() >= START + 3600


def test_a_notebook_is_executed_in_simulated_time(tiny, tmp_path):
    cells = [
        "import time, requests\nbegan = time.time()",
        "def call():\n    requests.post('https://www.swift.ac.uk/call', json={'who': 'cell'})",
        "for _ in range(3):\n    call()\n    time.sleep(3600)",
        "assert round(time.time() - began) == 3 * 3600, time.time() - began",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(notebook, tmp_path / "campaign.ipynb")
    assert run(tiny, [sys.executable, "-m", "jupyter", "execute", str(tmp_path / "campaign.ipynb")]) == 0
    assert [(round(at), who) for at, who in tiny.calls] == [(0, "cell"), (3600, "cell"), (7200, "cell")]
