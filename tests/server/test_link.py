"""Both ends of the link between a program and its run, in one process."""

from __future__ import annotations

import os
import threading
import warnings
from multiprocessing.connection import Listener
from typing import TYPE_CHECKING, Any

import pytest

from mock_server.clocks.virtual import VirtualClock
from mock_server.run import session
from mock_server.run.channel import Channel
from mock_server.run.children import Children
from mock_server.run.link import Link, LinkedClock, Welcome
from mock_server.run.link_server import LinkServer
from mock_server.run.patches.time import SimulatedTime
from mock_server.transport.wsgi_call import HOSTS, Request
from tests.server.programs import START

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUEST = Request("GET", "https://www.swift.ac.uk/x", {}, where="pipeline.py:7")


def app(_environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"hello"]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run looks more often whether it has ended: the process whose end it waits for is this one."""
    monkeypatch.setattr(session, "_LOOK_S", 0.001)


@pytest.fixture
def server(clock: VirtualClock) -> Iterator[LinkServer]:
    server = LinkServer(app, clock, HOSTS, watch=False)
    yield server
    server.close()


@pytest.fixture
def link(server: LinkServer) -> Iterator[Link]:
    server.join((0,))
    link = Link(server.address, server.key, (0,))
    yield link
    link.attach(None)
    server.closed = True


def test_a_program_whose_run_has_ended_ends_with_a_sentence():
    with Listener(authkey=b"key") as listener:

        def serve() -> None:
            channel = Channel(listener.accept())
            channel.receive()
            channel.send(Welcome(START, START, 1.0, None, HOSTS, False, None, None, False))
            channel.receive()
            channel.close()

        thread = threading.Thread(target=serve)
        thread.start()
        link = Link(listener.address, b"key", (0,))
        with pytest.raises(SystemExit, match="xrt-mock: the run has ended"):
            link.ask(REQUEST)
        thread.join()


def test_an_answer_that_cannot_be_sent_is_an_error_of_the_program(server, link, monkeypatch, capsys):
    class Facts:
        def read(self) -> object:
            return threading.Lock()

        def take_notes(self) -> None: ...

    monkeypatch.setattr(server, "primary", Facts)
    with pytest.raises(RuntimeError, match=r"(?s)xrt-mock itself failed:.*cannot pickle"):
        link.call("read")
    assert "cannot pickle" in capsys.readouterr().err
    assert link.ask(REQUEST).body == b"hello"


def test_a_thread_that_acts_for_no_participant_is_answered_too(link):
    link.attach(None)
    assert link.ask(REQUEST).body == b"hello"
    link.attach(None)
    link.attach(None)  # what is not connected is not disconnected
    assert link.current() is None


def test_the_time_of_a_run_is_moved_by_sleeping_alone(link, clock):
    linked = LinkedClock(link)
    with pytest.raises(NotImplementedError, match="moves time by sleeping, not by advancing it 5 s"):
        linked.advance(5)
    with pytest.raises(NotImplementedError, match="moves time by sleeping, not by advancing it to 7"):
        linked.advance_to(7)
    with pytest.raises(NotImplementedError, match="the run chooses"):
        linked.join_next()
    assert linked.now() == START
    linked.sleep(60)
    assert (linked.now(), clock.now()) == (START + 60, START + 60)


def test_participants_of_a_program_come_and_go(link, clock):
    linked = LinkedClock(link)
    linked.join((0, 1))
    assert clock.running() == [(0,), (0, 1)]
    linked.leave((0, 1))
    assert (clock.running(), linked.current()) == ([(0,)], (0,))
    with linked.handling():  # the thread does not wait: its handler needs no connection of its own
        assert linked.current() == (0,)
        assert link.ask(REQUEST).body == b"hello"
    linked.detach()
    assert linked.current() is None


def test_a_sleep_goes_on_to_its_end_though_something_interrupts_it(link, clock):
    clock.join((1,))  # it runs, and holds time

    def interrupt() -> None:
        while not clock.waits()[0,].blocked:
            pass
        clock.interrupt((0,))
        clock.leave((1,))

    thread = threading.Thread(target=interrupt)
    thread.start()
    LinkedClock(link).sleep(100)
    assert clock.now() == START + 100
    thread.join()


def test_a_parent_goes_on_at_the_end_of_its_child_before_time_does(link, server, clock):
    reading, writing = os.pipe()
    link.call("announce", (0, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads of this process wait, and hold nothing
        child = os.fork()
    if child == 0:
        os.close(writing)
        Link(server.address, server.key, (0, 1))
        os.read(reading, 1)
        os._exit(0)
    while (0, 1) not in server.owners:
        pass
    with LinkedClock(link).away(child=child):
        assert clock.running() == [(0, 1)]
        os.close(writing)
        while clock.waits()[0,].until is not None:
            pass
        assert (0,) in clock.running()  # though it has not been waited for
    os.waitpid(child, 0)
    os.close(reading)


def test_a_program_that_calls_without_end_is_named_once(server, clock, capsys):
    for _ in range(6000):
        server.note_call(clock.now(), REQUEST.where)
    clock.advance(1)
    for _ in range(4999):
        server.note_call(clock.now(), REQUEST.where)
    assert capsys.readouterr().err == (
        "xrt-mock: 5000 calls at one instant of simulated time, the last at pipeline.py:7; it moves on when the "
        "program sleeps\n"
    )


def test_a_connection_that_cannot_be_accepted_ends_no_run(clock, monkeypatch):
    refused: list[OSError] = []
    accept = Listener.accept

    def accepting(self: Listener) -> Any:
        if not refused:
            refused.append(OSError(24, "Too many open files"))
            raise refused[0]
        return accept(self)

    monkeypatch.setattr(Listener, "accept", accepting)
    server = LinkServer(app, clock, HOSTS, watch=False)
    link = Link(server.address, server.key, (0,))
    assert link.ask(REQUEST).body == b"hello"
    assert len(refused) == 1
    link.attach(None)
    server.close()


@pytest.mark.parametrize("exact", [False, True])
def test_a_process_that_takes_no_part_is_looked_at_where_time_needs_a_proof(server, clock, exact):
    server.exact = exact
    server.watch_stranger(os.getpid())
    assert clock.strangers == ({os.getpid()} if exact else set())


class TestChildren:
    @pytest.fixture
    def children(self, link: Link, monkeypatch: pytest.MonkeyPatch) -> Children:
        monkeypatch.setenv("PYTHONPATH", "/hook:/mine")
        monkeypatch.setenv("XRT_MOCK_KEY", "17")
        return Children(link, SimulatedTime(LinkedClock(link)))

    def test_that_cannot_be_started_hold_time_up_for_nothing(self, children, clock):
        def fail(child: tuple[int, ...]) -> int:
            assert clock.running() == [(0,), child]
            raise FileNotFoundError("no such program")

        with pytest.raises(FileNotFoundError):
            children.start(fail)
        assert clock.running() == [(0,)]

    @pytest.mark.parametrize(
        ("given", "path"),
        [({}, "/hook"), ({"PYTHONPATH": "/other"}, "/hook:/other"), ({"PYTHONPATH": "/a:/hook"}, "/a:/hook")],
    )
    def test_find_the_run_whatever_environment_they_are_given(self, children, given, path):
        found = children.environment({"HOME": "/home", **given})
        assert (found["PYTHONPATH"], found["XRT_MOCK_KEY"], found["HOME"]) == (path, "17", "/home")
