"""An unmodified program in a run: answered by the simulator, in simulated time, cut off from the network."""

import json
import os
import re
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from mock_server.clocks.base import ScaledClock
from mock_server.clocks.virtual import VirtualClock
from mock_server.run import start
from mock_server.run.start import PendingSimulator, run, running
from tests.server.programs import START, Tiny, alive, notes, program, wait_until

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

    def test_waits_with_its_first_line_until_time_begins(self, tiny, tmp_path):
        clock, first_line = VirtualClock(0.0), tmp_path / "first line"
        pending = PendingSimulator(clock, lambda: pytest.fail("nothing was asked"), begun=False)
        text = "open(sys.argv[1], 'w').write(str(time.time()))"
        with running(pending, [*program(tmp_path, text), str(first_line)]) as programs:
            wait_until(lambda: bool(programs._server.guests))
            assert run(tiny, program(tmp_path, "pass", name="other.py")) == 0  # one that came later would have ended
            assert not first_line.exists()
            pending.begin(1000.0)
            assert programs.wait() == 0
        assert float(first_line.read_text()) == pytest.approx(1000.0, abs=1)

    def test_never_begins_if_time_does_not(self, tiny, tmp_path):
        pending = PendingSimulator(VirtualClock(0.0), lambda: pytest.fail("nothing was asked"), begun=False)
        first_line = tmp_path / "first line"
        with running(pending, [*program(tmp_path, "open(sys.argv[1], 'w')"), str(first_line)]) as programs:
            wait_until(lambda: bool(programs._server.guests))
            assert run(tiny, program(tmp_path, "pass", name="other.py")) == 0
        assert not first_line.exists()

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
