"""The started copies of a program: their signals and exit codes, without the rest of a run."""

from __future__ import annotations

import os
import queue
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from mock_server.clocks.base import ScaledClock
from mock_server.run.guardian import Guardian
from mock_server.run.link_server import LinkServer
from mock_server.run.start import PendingSimulator, Programs
from mock_server.transport.wsgi_call import HOSTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mock_server.run.start import News

READS = 'read line < "$0"; exit 5'


class CtrlC(queue.SimpleQueue["News"]):
    """News of which the first is Ctrl-C; with the second the program may go on."""

    def __init__(self, go_on: Callable[[], object]) -> None:
        self._left: list[Callable[[], object]] = [go_on, self._press]

    def _press(self) -> None:
        raise KeyboardInterrupt

    def get(self, block: bool = True, timeout: float | None = None) -> News:
        if self._left:
            self._left.pop()()
        return super().get(block, timeout)


@pytest.fixture
def server(tiny) -> Iterator[LinkServer]:
    server = LinkServer(tiny.app, tiny.clock, HOSTS, watch=False)
    yield server
    server.close()


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """A named pipe, and what writes a line to it."""
    place = str(tmp_path / "pipe")
    os.mkfifo(place)
    descriptor = os.open(place, os.O_RDWR)
    yield place, lambda: os.write(descriptor, b"go on\n")
    os.close(descriptor)


@pytest.mark.parametrize(("own_group", "code"), [(True, 128 + signal.SIGINT), (False, 5)])
def test_ctrl_c_is_passed_on_unless_the_terminal_has_done_so(server, pipe, monkeypatch, own_group, code):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a program started in the background ignores it
    loaded: list[str] = []
    place, go_on = pipe
    try:
        programs = Programs(
            server,
            Guardian(None),
            ["sh", "-c", READS, place],
            dict(os.environ),
            1,
            CtrlC(go_on),
            lambda: loaded.append("again"),
        )
        monkeypatch.setattr(programs, "_own_group", own_group)
        assert programs.wait() == code
    finally:
        signal.signal(signal.SIGINT, before)
    assert loaded == ["again"]  # Ctrl-C may have cut off the first time
    (ending,) = programs.endings()
    assert (ending["exit_code"], ending["signal"]) == (code, "SIGINT" if own_group else None)


def test_another_thread_may_wait_and_leaves_signals_alone(server, pipe):
    place, go_on = pipe
    news: queue.SimpleQueue[News] = queue.SimpleQueue()
    programs = Programs(server, Guardian(None), ["sh", "-c", READS, place], dict(os.environ), 1, news, None)
    before, codes = signal.getsignal(signal.SIGTERM), list[int]()
    thread = threading.Thread(target=lambda: codes.append(programs.wait()))
    thread.start()
    assert signal.getsignal(signal.SIGTERM) == before
    go_on()
    thread.join()
    assert codes == [5]


def test_a_clock_that_goes_by_itself_begins_by_itself():
    pending = PendingSimulator(ScaledClock(1.0, start=1000.0), lambda: pytest.fail("nothing was asked"), begun=False)
    assert not pending.begun.is_set()
    pending.begin(5.0)
    assert pending.begun.is_set()
    assert pending.clock.now() >= 1000
