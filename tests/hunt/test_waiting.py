"""The end of a program, and where one stands that never ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mock_server.hunt import waiting
from mock_server.hunt.clock import LifeClock
from mock_server.hunt.processes import Order, Plain, signal_group
from mock_server.hunt.waiting import lines_in_stack, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[..., Plain]

LIBRARY = Path(waiting.__file__)  # no line of it is the user's


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Plain] = []

    def begin(*command: str) -> Plain:
        (tmp_path / "files").mkdir()
        order = Order("", b"", tmp_path, tmp_path / "notes", tmp_path / "stack", tmp_path / "output", 1, None)
        process = Plain(command, {"PATH": os.environ["PATH"]}, order, tmp_path / "files")
        started.append(process)
        return process

    yield begin
    for process in started:
        signal_group(process.pid, signal.SIGKILL)
        assert process.ended(60) is not None


@pytest.fixture
def at_its_end() -> LifeClock:
    clock = LifeClock(0.0)
    clock.finish()
    return clock


def test_a_program_has_the_code_that_it_ends_with(start: Start, tmp_path: Path) -> None:
    assert wait_for(start("sh", "-c", "pwd; echo problem >&2; exit 7"), LifeClock(0.0)) == 7
    assert (tmp_path / "output").read_text() == f"{tmp_path}\nproblem\n"


def test_a_program_that_runs_on_after_the_end_of_time_never_ends(start: Start, at_its_end: LifeClock) -> None:
    process = start("tail", "-f", "/dev/null")
    assert process.ended(0) is None
    assert wait_for(process, at_its_end) is None
    assert process.ended(0) == -signal.SIGUSR1  # it was asked where it stands


def test_a_program_that_does_not_say_where_it_stands_is_killed(
    start: Start, at_its_end: LifeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "STACK_S", 0.0)
    usual = signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # the program does as this process does
    try:
        process = start("tail", "-f", "/dev/null")
    finally:
        signal.signal(signal.SIGUSR1, usual)
    assert wait_for(process, at_its_end) is None
    assert process.ended(0) == -signal.SIGKILL


def stack(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "stack"
    file.write_text(text)
    return file


def test_a_program_stands_where_its_thread_stood_that_got_the_signal(tmp_path: Path) -> None:
    text = f"""Thread 0x01 (most recent call first):
  File "{tmp_path}/workers.py", line 5 in work

Current thread 0x02 (most recent call first):
  File "{LIBRARY}", line 7 in wait
  File "{tmp_path}/tools.py", line 12 in wait
  File "{tmp_path}/pipeline.py", line 40 in <module>
"""
    assert lines_in_stack(stack(tmp_path, text)) == ("tools.py:12", "pipeline.py:40")


def test_it_stands_in_another_thread_if_that_one_is_in_no_line_of_the_user(tmp_path: Path) -> None:
    text = f"""Current thread 0x02 (most recent call first):
  File "{LIBRARY}", line 7 in wait

Thread 0x01 (most recent call first):
  File "{LIBRARY}", line 9 in run
  File "{tmp_path}/workers.py", line 5 in work
"""
    assert lines_in_stack(stack(tmp_path, text)) == ("workers.py:5",)


@pytest.mark.parametrize("text", ["", f'Thread 0x01 (most recent call first):\n  File "{LIBRARY}", line 7 in wait\n'])
def test_a_stack_without_a_line_of_the_user_has_no_place(text: str, tmp_path: Path) -> None:
    assert lines_in_stack(stack(tmp_path, text)) == ()
    assert lines_in_stack(tmp_path / "absent") == ()
