"""Programs to run, and a service of a few pages that notes who calls."""

import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask, request

from mock_server.clocks.virtual import VirtualClock
from mock_server.transport.header import HEADER

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
