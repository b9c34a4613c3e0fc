"""Processes that answer together, and the one that makes contents, in forks of this one: what each ends with."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import sys
import threading
import traceback
from dataclasses import asdict
from functools import partial
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import requests

from mock_server.products.builder import ProductBuilder
from mock_server.products.position import Position
from mock_server.products.worker import MEMORY_BYTES, Made, Task, first_message, main, pickled
from mock_server.serve.processes import ServeError, serve
from mock_server.sky.archive import Sky
from mock_server.web.routes import flask_app

from .test_makers import children

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
ME = "me@example.org"


def forked(act: Callable[[], object], beside: Callable[[], object] = lambda: None) -> int:
    """Call a function in a fork of this process, another one beside it, and return the fork's exit code.

    It is made from a new thread, which is the fork's main one and has no event loop of an earlier test.
    """
    codes: list[int] = []

    def fork() -> None:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                act()
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    thread = threading.Thread(target=fork)
    thread.start()
    beside()
    thread.join()
    return codes[0]


# answering -------------------------------------------------------------------------------------------------------


def served(db: Path, until: Callable[[list[int]], object]) -> dict[str, Any]:
    """Let two processes answer one call; `until` is then called with their numbers. Return what was seen."""
    file = db.with_suffix(".json")
    flask_app()  # loaded before the fork, not in each

    def act() -> None:
        found: dict[str, Any] = {"error": ""}

        def ready(address: str) -> None:
            answer = requests.post(f"{address}/user_objects/getNumJobs.php", json={"UserID": ME}, timeout=60)
            at_work = children(os.getpid())
            found.update(jobs=answer.json()["numJobs"], processes=len(at_work))
            until(at_work)

        try:
            serve("127.0.0.1", 0, ready, processes=2, token=None, db=f"sqlite:///{db}")
        except ServeError as error:
            found["error"] = str(error)
        try:
            os.wait()
        except ChildProcessError:
            found["left"] = 0
        file.write_text(json.dumps(found), encoding="utf-8")

    assert forked(act) == 0
    seen: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return seen


def test_processes_answer_together_until_the_first_is_terminated(tmp_path):
    seen = served(tmp_path / "jobs.sqlite", lambda _children: signal.raise_signal(signal.SIGTERM))
    assert seen == {"error": "", "jobs": 0, "processes": 2, "left": 0}


def test_all_are_stopped_if_one_of_them_ends(tmp_path):
    seen = served(tmp_path / "jobs.sqlite", lambda children: os.kill(children[0], signal.SIGKILL))
    assert seen == {"error": "one of the processes ended; all are stopped", "jobs": 0, "processes": 2, "left": 0}


# making contents -------------------------------------------------------------------------------------------------


def made(tasks: list[Task], before: Callable[[], object] = lambda: None) -> tuple[list[Made], int]:
    """Return what a process that makes contents answers to tasks, and its exit code once it is left alone."""
    ours, theirs = socket.socketpair()
    stream, found = ours.makefile("rwb"), list[Made]()

    def act() -> None:
        ours.close()
        stream.close()
        before()
        main(theirs.detach())

    def ask() -> None:
        stream.write(first_message(1, Sky(1).world))
        for task in tasks:
            stream.write(pickled(task))
            stream.flush()
            found.append(pickle.load(stream))
        stream.close()
        ours.close()

    code = forked(act, ask)
    theirs.close()
    return found, code


def test_a_task_that_fails_costs_no_more_than_itself():
    (failed, done), code = made([Task(0.0, "files", (7,)), Task(0.0, "forget", ())])
    assert "AttributeError: 'int' object has no attribute" in failed.failure
    assert (failed.too_large, done, code) == (False, Made(), 0)


def test_a_process_that_needs_too_much_memory_says_so_and_ends(monkeypatch):
    monkeypatch.setattr(ProductBuilder, "files", lambda _self, size: bytes(size))
    (small, large), code = made([Task(0.0, "files", (3,)), Task(0.0, "files", (2 * MEMORY_BYTES,))])
    assert small == Made(bytes(3))
    assert (large, code) == (Made(failure="it needs more than 2048 MiB", too_large=True), 0)


def test_contents_are_made_where_memory_cannot_be_bounded(monkeypatch):
    monkeypatch.setattr(ProductBuilder, "files", lambda _self: os.nice(0))
    before = partial(monkeypatch.setitem, sys.modules, "resource", None)  # as if it could not be imported
    assert made([Task(0.0, "files", ())], before) == ([Made(os.nice(0))], 0)


def test_what_travels_needs_no_module_that_makes_contents():
    place = Position(10.0, -20.0, 3.5)
    sent = {
        "rate": np.float64(1.5),
        "counts": np.int32(3),
        "at": place,
        "fixed": MappingProxyType({"a": np.bool_(True)}),
    }
    came = pickle.loads(pickled(sent))
    assert came == {"rate": 1.5, "counts": 3, "at": SimpleNamespace(**asdict(place)), "fixed": {"a": True}}
    assert [type(came[name]) for name in ("rate", "counts", "fixed")] == [float, int, MappingProxyType]
