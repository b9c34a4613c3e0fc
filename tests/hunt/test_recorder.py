"""What is noted of each call of a program, and how time passes when nothing happens any more."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from mock_server.hunt import recorder as module
from mock_server.hunt.clock import LifeClock
from mock_server.hunt.recorder import Recorder
from mock_server.simulator import Simulator
from mock_server.transport.wsgi_call import Answer, Request, ask
from tests.hunt.test_loops import WANTED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = 1_772_442_000.0
ADDRESS = "https://www.swift.ac.uk/user_objects/"


class Life:
    """A recorder that is called as a program would."""

    def __init__(self, simulator: Simulator, clock: LifeClock, source: Path, *, holds: bool = False) -> None:
        self.clock = clock
        self.recorder = Recorder(simulator, simulator.app, clock, holds=holds, source=source)

    def call(self, script: str, body: object, where: str = "p.py:2") -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        return ask(self.recorder, Request("POST", ADDRESS + script, headers, data, where))

    def count(self) -> Answer:
        return self.call("getNumJobs.php", {"UserID": "me@example.org"})


@pytest.fixture
def clock() -> LifeClock:
    return LifeClock(START)


@pytest.fixture
def simulator(clock: LifeClock) -> Iterator[Simulator]:
    with Simulator(clock=clock) as simulator:
        yield simulator


def test_a_submission_is_known_by_what_it_submits(simulator: Simulator, clock: LifeClock, tmp_path: Path) -> None:
    life = Life(simulator, clock, tmp_path)
    wanted = {"UserID": "me@example.org", **WANTED}
    life.call("run_userobject.php", wanted, "tools.py:3, called from p.py:2")
    (call,) = life.recorder.calls
    assert (call.operation, call.job_id, call.source) == ("run_userobject", 1, "GRB 060729")
    assert (json.loads(call.key), call.where) == (wanted, ("tools.py:3", "p.py:2"))


@pytest.mark.parametrize(
    ("wanted", "source"), [({"targ": "00012345"}, "00012345"), ({"RA": 20.5, "Dec": -3.25}, "20.5 -3.25")]
)
def test_a_submission_without_a_name_is_known_by_its_target_or_place(
    wanted: dict[str, object], source: str, simulator: Simulator, clock: LifeClock, tmp_path: Path
) -> None:
    life = Life(simulator, clock, tmp_path)
    life.call("run_userobject.php", {"UserID": "me@example.org", **wanted})
    assert [call.source for call in life.recorder.calls] == [source]


@pytest.mark.parametrize("body", [b"{broken", b"[]", b"\xff"])
def test_a_submission_that_cannot_be_read_is_known_by_its_text(
    body: bytes, simulator: Simulator, clock: LifeClock, tmp_path: Path
) -> None:
    life = Life(simulator, clock, tmp_path)
    life.call("run_userobject.php", body)
    (call,) = life.recorder.calls
    assert (call.operation, call.source, call.key) == ("run_userobject", "", body.decode("utf-8", "replace"))


def test_an_answer_that_is_no_product_is_remembered_as_none(
    simulator: Simulator, clock: LifeClock, tmp_path: Path
) -> None:
    life = Life(simulator, clock, tmp_path)
    life.call("run_userobject.php", {"UserID": "me@example.org", **WANTED})
    address = f"{ADDRESS}tprods/USERPROD_1/lc.tar.gz"
    page = ask(life.recorder, Request("GET", address, {})).body  # it is not made yet
    assert list(life.recorder.sent.values()) == [(1, False, page)]
    assert [call.received for call in life.recorder.calls] == [True, False]


def test_what_is_no_call_of_the_service_is_answered_and_not_noted(
    simulator: Simulator, clock: LifeClock, tmp_path: Path
) -> None:
    life = Life(simulator, clock, tmp_path)
    assert ask(life.recorder, Request("GET", "https://www.swift.ac.uk/_mock/clock", {})).status == 200
    assert life.recorder.calls == []


def test_calls_of_a_dead_program_are_neither_answered_nor_noted(
    simulator: Simulator, clock: LifeClock, tmp_path: Path
) -> None:
    life = Life(simulator, clock, tmp_path, holds=True)
    life.recorder.begin(0)
    assert life.count().status == 200
    life.recorder.close()
    assert life.count().status == 503
    assert len(life.recorder.calls) == 1
    life.recorder.begin(1)
    assert life.count().status == 200
    assert [call.life for call in life.recorder.calls] == [0, 1]


def test_the_call_at_the_end_of_time_has_no_answer_before_the_program_is_dead(
    simulator: Simulator, clock: LifeClock, tmp_path: Path
) -> None:
    life = Life(simulator, clock, tmp_path, holds=True)
    life.recorder.begin(0)
    clock.finish()
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(life.count()))
    thread.start()
    while not life.recorder.calls:
        pass
    assert answers == []
    life.recorder.close()
    thread.join()
    assert len(answers) == 1


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STANDSTILL_CALLS", 2)
    monkeypatch.setattr(module, "COUNTED_CALLS", 5)
    monkeypatch.setattr(module, "STANDSTILL_S", 2 * module.STANDSTILL_STEP_S)


def test_time_passes_faster_for_a_program_that_asks_for_ever_and_then_ends(
    quick: None, simulator: Simulator, clock: LifeClock, tmp_path: Path
) -> None:
    (tmp_path / "p.py").write_text("while True:\n    look()\n")
    life, step = Life(simulator, clock, tmp_path), module.STANDSTILL_STEP_S
    seen = []
    while not clock.ended.is_set():
        life.count()
        seen.append((clock.now() - START) / step)
    assert seen == [0, 0, 1, 2, 3, 3]


def test_a_program_that_counts_its_rounds_has_its_time_and_more_of_them(
    quick: None, simulator: Simulator, clock: LifeClock, tmp_path: Path
) -> None:
    (tmp_path / "p.py").write_text("for _ in range(99):\n    look()\n")
    life = Life(simulator, clock, tmp_path)
    while not clock.ended.is_set():
        life.count()
    assert (len(life.recorder.calls), clock.now()) == (6, START)


def test_time_does_not_pass_faster_while_something_is_about_to_happen(
    quick: None, simulator: Simulator, clock: LifeClock, tmp_path: Path
) -> None:
    life = Life(simulator, clock, tmp_path)
    life.call("run_userobject.php", {"UserID": "me@example.org", **WANTED})
    for _ in range(9):
        life.count()
    assert (clock.now(), clock.ended.is_set()) == (START, False)
