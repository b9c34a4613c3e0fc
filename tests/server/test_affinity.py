"""Two who take turns stay on one processor, and only while they do."""

import os
from pathlib import Path

import pytest

from mock_server.run import affinity
from mock_server.run.affinity import Staying


class Machine:
    """Processors on which the calling thread may run."""

    def __init__(self, *numbers: int) -> None:
        self.allowed = set(numbers)

    def get(self, _pid: int) -> set[int]:
        return set(self.allowed)

    def set(self, _pid: int, mask: set[int]) -> None:
        self.allowed = set(mask)


@pytest.fixture
def machine(monkeypatch):
    found = Machine(0, 1, 5)
    monkeypatch.setattr(os, "sched_getaffinity", found.get, raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", found.set, raising=False)
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the processor is read from /proc, which is not here")
def test_this_process_runs_on_a_processor_of_the_machine(machine):
    assert affinity.current() in range(os.cpu_count() or 1)


def test_with_one_processor_there_is_nothing_to_choose(machine):
    machine.allowed = {5}
    assert affinity.current() is None


def test_where_nothing_tells_no_one_is_moved(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert affinity.current() is None
    with Staying(None):
        pass


def test_a_thread_stays_and_may_then_go_where_it_might_before(machine):
    with Staying(1):
        assert machine.allowed == {1}
    assert machine.allowed == {0, 1, 5}


def test_a_thread_that_may_not_go_there_is_left_alone(machine):
    machine.allowed = {0, 5}
    with Staying(1):
        assert machine.allowed == {0, 5}
    assert machine.allowed == {0, 5}


def test_it_is_let_go_after_an_error_too(machine):
    with pytest.raises(KeyboardInterrupt), Staying(1):
        raise KeyboardInterrupt
    assert machine.allowed == {0, 1, 5}
