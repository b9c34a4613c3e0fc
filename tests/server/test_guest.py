"""A program becomes part of a run: a copy of the test process does what the start-up hook does in a new Python."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import urllib.request
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from mock_server.clocks.base import ScaledClock
from mock_server.clocks.virtual import VirtualClock
from mock_server.run import guest
from mock_server.run.environment import KEY, LINK, PARTICIPANT
from mock_server.run.link import LinkedClock
from mock_server.run.link_server import LinkServer
from mock_server.run.network import OutsideRefusedError, guard
from mock_server.transport.guard import RealServiceError
from mock_server.transport.wsgi_call import HOSTS
from tests.server.programs import START

if TYPE_CHECKING:
    from collections.abc import Callable

    from mock_server.clocks.base import Clock


def app(_environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]


def in_a_run(clock: Clock, program: Callable[[], Any], *words: str) -> tuple[list[str], LinkServer]:
    """Let a function be a program of a run that was started by `words`; return the lines that it wrote, and the run."""
    come, going = os.pipe()
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads of this process wait, and hold nothing
        child = os.fork()
    if child == 0:
        try:
            os.close(going)
            address, key = os.read(come, 1000).decode().split()
            os.environ |= {LINK: address, KEY: key, PARTICIPANT: "0", "PYTHONPATH": "/hook"}
            sys.orig_argv = ["python", *words]
            with open(writing, "w", buffering=1) as sys.stdout, contextlib.redirect_stderr(sys.stdout):
                try:
                    guest.install()
                    program()
                except BaseException:
                    traceback.print_exc()
        finally:
            os._exit(0)
    os.close(come)
    os.close(writing)
    ends: list[str] = []
    server = LinkServer(app, clock, HOSTS, ending=lambda: ends.append("ends"))
    server.join((0,))
    os.write(going, f"{server.address} {server.key.hex()}".encode())
    os.close(going)
    with open(reading) as file:
        said = file.read().splitlines()
    os.waitpid(child, 0)
    server.close()
    return said + ends, server


def test_a_program_lives_in_simulated_time_is_answered_and_reaches_no_other_host():
    def program() -> None:
        began = time.monotonic()
        time.sleep(100)
        thread = threading.Thread(target=time.sleep, args=(50,))
        thread.start()
        thread.join()
        print(round(time.time() - START, 3), round(time.monotonic() - began, 3))
        print(urllib.request.urlopen("https://www.swift.ac.uk/x").read())
        for host in ("example.org", "www.swift.ac.uk"):
            try:
                socket.create_connection((host, 80))
            except OSError as error:
                print(type(error).__name__)
        print(os.environ[PARTICIPANT])

    said, _ = in_a_run(VirtualClock(START), program)
    assert said == ["150.0 150.0", "b'hello'", "OutsideRefusedError", "RealServiceError", "0"]


def test_an_alarm_is_said_once_to_be_real():
    def program() -> None:
        signal.setitimer(signal.ITIMER_VIRTUAL, 1000)
        signal.alarm(0)
        print("quiet so far")
        signal.setitimer(signal.ITIMER_REAL, 1000)
        signal.alarm(1000)
        print(signal.alarm(0) > 900)

    said, _ = in_a_run(VirtualClock(START), program)
    assert [line.partition(" counts")[0] for line in said] == ["quiet so far", "xrt-mock: signal.setitimer", "True"]


def test_the_exception_that_ends_a_program_is_known_to_the_run():
    def program() -> None:
        try:
            raise ZeroDivisionError("a bug")
        except ZeroDivisionError as error:
            sys.last_value = error
        assert guest.joined is not None
        guest._end(guest.joined.link, os.getpid())

    said, server = in_a_run(VirtualClock(START), program)
    assert said == ["ends"]
    words, where = server.crashes[0]
    assert words == "ZeroDivisionError: a bug"
    assert "test_guest.py:" in str(where)


def test_the_run_knows_when_a_program_that_may_have_called_is_about_to_end():
    def program() -> None:
        assert guest.joined is not None
        link, clock = guest.joined.link, guest.joined.clock
        assert isinstance(clock, LinkedClock)
        sys.modules.pop("http.client", None)
        guest._end(link, os.getpid())
        importlib.import_module("http.client")
        guest._end(link, os.getpid() + 1)  # in a forked child
        clock.join((0, 1))  # there is a second participant
        guest._end(link, os.getpid())
        clock.leave((0, 1))
        guest._end(link, os.getpid())

    assert in_a_run(VirtualClock(START), program)[0] == ["ends"]


def test_a_forked_child_has_a_part_of_its_own_and_its_parent_goes_on_at_its_end():
    def program() -> None:
        child = os.fork()
        if child == 0:
            time.sleep(60)
            print("child", os.environ[PARTICIPANT], round(time.time() - START, 2))
            os._exit(3)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), round(time.time() - START, 2))

    said, _ = in_a_run(VirtualClock(START), program)
    assert said == ["child 0.1 60.0", "3 60.0"]


def test_a_thread_without_a_part_starts_programs_that_the_run_does_not_look_at():
    def program() -> None:
        assert guest.joined is not None
        guest.joined.link.attach(None)
        print(subprocess.run(["true"], check=True).returncode)

    clock = VirtualClock(START)
    assert in_a_run(clock, program)[0] == ["0"]
    assert clock.strangers == set()


@pytest.mark.parametrize(("words", "patched"), [(["program.py"], True), (["jupyter-nbconvert"], False)])
def test_a_program_on_a_scaled_clock_has_no_part_in_it_and_can_be_moved(words, patched):
    other = LinkServer(app, ScaledClock(1.0, start=START + 1e6), HOSTS)
    own_sleep = time.sleep

    def program() -> None:
        assert guest.joined is not None
        print(guest.joined.link.current(), guest.joined.children, time.sleep is not own_sleep)
        guest.joined.move(other.address, other.key, (4,))
        print(guest.joined.link.welcome.now >= START + 1e6, os.environ[LINK] == other.address, os.environ[PARTICIPANT])

    said, _ = in_a_run(ScaledClock(1.0, start=START), program, *words)
    other.close()
    assert said == [f"None None {patched}", "True True 4"]


def test_a_helper_of_python_takes_no_part(monkeypatch):
    monkeypatch.setattr(sys, "orig_argv", ["python", "-c", "from multiprocessing.resource_tracker import main"])
    monkeypatch.delenv(LINK, raising=False)
    guest.install()
    assert guest.joined is None


class TestTheGuard:
    """What it is called with cannot be taken back: here it is called as Python would."""

    @pytest.fixture
    def hook(self, monkeypatch):
        hooks: list[Any] = []
        monkeypatch.setattr(sys, "addaudithook", hooks.append)
        guard(HOSTS, False)
        (hook,) = hooks
        return hook

    @pytest.mark.parametrize("event", ["socket.connect", "socket.sendto", "socket.sendmsg"])
    def test_looks_where_something_is_sent(self, hook, event):
        with pytest.raises(OutsideRefusedError, match=r"192\.0\.2\.1 is outside this run"):
            hook(event, (None, ("192.0.2.1", 80)))
        with pytest.raises(RealServiceError):
            hook(event, (None, ("www.swift.ac.uk", 443)))
        assert [hook(event, (None, address)) for address in ("/a/socket", (), ("127.0.0.1", 80))] == [None] * 3

    @pytest.mark.parametrize("event", ["socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"])
    def test_looks_what_is_looked_up(self, hook, event):
        with pytest.raises(OutsideRefusedError, match=r"example\.org is outside this run"):
            hook(event, ("example.org",))
        assert [hook(event, (host,)) for host in (None, "localhost")] == [None, None]

    @pytest.mark.parametrize("event", ["open", "socket.bind", "subprocess.Popen"])
    def test_leaves_everything_else_alone(self, hook, event):
        assert hook(event, ("example.org", ("example.org", 80))) is None
