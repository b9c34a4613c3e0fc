"""Functions that are played in this process: how each ends, and what it leaves."""

from __future__ import annotations

import threading
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mock_server.hunt import evidence, recorder
from mock_server.hunt.deviations import Deviation
from mock_server.hunt.inprocess import Function
from mock_server.hunt.stage import HORIZON_S
from mock_server.scenario.files import read_scenario
from tests.hunt.test_loops import ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from mock_server.hunt.life import Life
    from mock_server.simulator import Simulator

    Played = Callable[[Simulator, Path], object]

REFUSED = Deviation("refuse", "getNumJobs", "", {"faults": [{"kind": "refuse", "operation": "getNumJobs", "call": 1}]})


def function_of(call: Played, base: str = "") -> Function:
    return Function(call, read_scenario(tomllib.loads(base), "mine"), {}, {})


def play(call: Played, *world: Deviation) -> Life:
    return function_of(call).play(world)


def count(_simulator: Simulator, _folder: Path) -> None:
    print("there are", ask("getNumJobs.php")["numJobs"])


def test_a_function_that_returns_ends_with_code_0() -> None:
    life = play(count)
    assert (life.code, life.error, life.text) == (0, "", "there are 0\n")
    assert [call.operation for call in life.calls] == ["getNumJobs"]
    assert life.calls[0].where[0].rpartition(":")[0].endswith("test_loops.py")


def test_a_function_that_raises_ends_with_code_1_where_it_did() -> None:
    life = play(count, REFUSED)
    assert (life.code, life.met) == (1, (True,))
    assert life.error == "KeyError: 'numJobs'"
    assert life.where[0].rpartition(":")[0].endswith("test_inprocess.py")
    assert life.text == "\nKeyError: 'numJobs'"


def test_ctrl_c_ends_the_hunt_and_not_only_a_function() -> None:
    def interrupted(_simulator: Simulator, _folder: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play(interrupted)


def test_a_function_that_waits_for_ever_is_left_where_it_waits() -> None:
    def wait(_simulator: Simulator, _folder: Path) -> None:
        while True:
            try:
                time.sleep(30 * 86400)
            except Exception:  # as careless programs do
                continue

    life = play(wait)
    assert (life.code, life.error, life.calls) == (None, "it waits while True", ())
    line = Path(__file__).read_text().splitlines()[int(life.where[1].rpartition(":")[2]) - 1]
    assert line.strip() == "time.sleep(30 * 86400)"
    assert HORIZON_S - 30 * 86400 <= life.simulated_s <= HORIZON_S


def test_a_thread_of_a_function_that_waits_for_ever_is_ended_too() -> None:
    raised: list[str] = []

    def idle() -> None:
        try:
            while True:
                time.sleep(20 * 86400)
        except BaseException as error:  # else it would be printed
            raised.append(type(error).__name__)

    def wait(simulator: Simulator, folder: Path) -> None:
        thread.start()
        while True:
            time.sleep(30 * 86400)
            count(simulator, folder)

    thread = threading.Thread(target=idle)
    life = play(wait)
    assert life.code is None
    assert len(life.calls) <= HORIZON_S / (30 * 86400)
    thread.join()
    assert raised == ["NeverEnds"]


def test_a_function_that_asks_for_ever_is_left_at_its_last_call(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (recorder, evidence):
        monkeypatch.setattr(module, "STANDSTILL_CALLS", 4)
    monkeypatch.setattr(recorder, "STANDSTILL_S", 9 * 86400)

    def look(simulator: Simulator, folder: Path) -> None:
        while folder.exists():
            count(simulator, folder)
            time.sleep(86400)

    life = play(look)
    assert (life.code, life.error) == (None, "it waits while folder.exists()")
    assert (len(life.calls), life.simulated_s) == (10, 10.25 * 86400)  # 6 h more each, from the fifth call on


def test_a_function_that_calls_after_the_end_of_time_is_left_there() -> None:
    def busy(simulator: Simulator, folder: Path) -> None:
        try:
            while True:
                time.sleep(30 * 86400)
        except BaseException:
            count(simulator, folder)  # goes on all the same

    life = play(busy)
    assert (life.code, life.calls) == (None, ())
