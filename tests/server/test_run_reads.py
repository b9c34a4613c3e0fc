"""Programs in a run that look so often that they answer themselves: what the run sees is the same."""

from __future__ import annotations

from textwrap import dedent
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from mock_server import Simulator
from mock_server.run.page import Page
from mock_server.run.reads import Reads
from mock_server.run.start import run
from mock_server.service.replica import Primary
from mock_server.transport.wsgi_call import Answer, Request
from mock_server.web.replica import Replica
from tests.server.programs import program

if TYPE_CHECKING:
    from pathlib import Path

CALLS = """
    import multiprocessing, signal, threading
    import requests
    def ask(operation, **body):
        body |= {"UserID": "me@example.org", "api_name": "xrt_prods", "api_version": "1.12"}
        return requests.post(f"https://www.swift.ac.uk/user_objects/{operation}.php", json=body).json()
    def submit(name):
        position = {"name": name, "RA": 52.8, "Dec": 43.9, "targ": "00030842", "getT0": 0, "cent": 1, "poserr": 1}
        return ask("run_userobject", **position, sinceT0=0, image=1, imen="0.3-10", psf=1)["JobID"]
    def look(job):
        return ask("checkProductStatus", JobID=job, what="image,psf", whatProg="image,psf")
    def poll(times, pause, *jobs):
        for _ in range(times):
            ask("getNumJobs")
            for job in jobs:
                look(job)
            time.sleep(pause)
"""
PROGRAMS = {
    "polls": """
        first = submit("a")
        poll(40, 60, first)
        second = submit("b")
        poll(10, 60, first, second)
        ask("canceljob", JobID=second, what="psf")
        poll(10, 60, first, second)
    """,
    "is killed": """
        first = submit("a")
        poll(60, 60, first)
        ask("getNumJobs")
        look(first)
        os.kill(os.getpid(), signal.SIGKILL)
    """,
    "never sleeps": """
        first = submit("a")
        poll(700, 0, first)
    """,
    "starts a process": """
        first = submit("a")
        poll(40, 60, first)
        def other():
            second = submit("b")
            poll(10, 45, second)
        child = multiprocessing.get_context("fork").Process(target=other)
        child.start()
        poll(10, 60, first)
        child.join()
        poll(40, 60, first)
        if os.fork() == 0:
            poll(40, 60, first)
            os._exit(0)
        os.wait()
        look(first)
    """,
    "starts a thread": """
        first = submit("a")
        poll(40, 60, first)
        thread = threading.Thread(target=poll, args=(10, 45, submit("b")))
        thread.start()
        poll(10, 60, first)
        thread.join()
        poll(10, 60, first)
    """,
    "is interrupted": """
        first = submit("a")
        poll(40, 60, first)
        signal.signal(signal.SIGUSR1, lambda *_: look(first))
        for n in range(20):
            os.kill(os.getpid(), signal.SIGUSR1)
            ask("getNumJobs")
            time.sleep(60)
    """,
}


def lived(folder: Path, text: str, *, replica: bool) -> list[Any]:
    """Return what the run has seen of a program, its exit code, and how many calls the run itself answered."""
    answered = 0
    with Simulator() as simulator:

        def app(environ: Any, start_response: Any) -> Any:
            nonlocal answered
            answered += 1
            return simulator.app(environ, start_response)

        primary = Primary(simulator.jobs, Replica) if replica else None
        code = run(
            SimpleNamespace(app=app, clock=simulator.clock, primary=primary),
            program(folder, dedent(CALLS) + dedent(text)),
        )
        found = [simulator.journal.entries, simulator.controls.jobs(), simulator.clock.now(), simulator.report()]
    return [*found, code, answered]


@pytest.mark.parametrize("text", PROGRAMS.values(), ids=PROGRAMS)
def test_what_a_run_sees_is_the_same_if_the_program_answers_itself(tmp_path, text):
    *plain, code, all_calls = lived(tmp_path, text, replica=False)
    *ours, our_code, of_run = lived(tmp_path, text, replica=True)
    assert ours == plain
    assert code == our_code == (137 if "SIGKILL" in text else 0)
    assert len(plain[0]) == all_calls
    assert of_run < all_calls - 20


class FakeLink:
    """A run that answers at once."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.refuses = False

    def acts(self) -> bool:
        return True

    def ask(self, _request: Request) -> Answer:
        self.calls.append("ask")
        return Answer(200, "OK", [], b"by the run")

    def call(self, operation: str, *_arguments: Any) -> Any:
        self.calls.append(operation)
        if operation == "replica":
            if self.refuses:
                raise ModuleNotFoundError("mock_server.web")
            return self.replica
        return Answer(200, "OK", [], b"by the run"), (0, 0), None

    def replica(self, source: Reads) -> Any:
        """Answer by asking once more, as a signal's handler may do in the middle."""

        def answer(request: Request) -> Answer:
            inner = source.ask(request)
            return inner._replace(body=b"by the program, " + inner.body)

        return SimpleNamespace(answer=answer)


@pytest.fixture
def clock():
    page = Page()
    page.alone = True
    yield SimpleNamespace(page=page)
    page.close()


def test_a_program_answers_itself_after_many_calls_while_it_is_alone(clock):
    link, request = FakeLink(), Request("POST", "https://www.swift.ac.uk/", {})
    reads: Any = Reads(link, clock)  # type: ignore[arg-type]  # as far as it is used
    for _ in range(50):
        reads.ask(request)
    assert link.calls == ["ask"] * 50
    reads.ask(request)
    assert link.calls[50:] == ["replica", "ask"]
    assert reads.ask(request).body == b"by the program, by the run"  # which was asked in the middle
    clock.page.alone = False
    assert reads.ask(request).body == b"by the run"
    reads.forget()
    clock.page.alone = True
    assert reads.ask(request).body == b"by the run"


def test_a_program_whose_python_cannot_load_what_answers_asks_the_run(clock):
    link, request = FakeLink(), Request("POST", "https://www.swift.ac.uk/", {})
    link.refuses = True
    reads: Any = Reads(link, clock)  # type: ignore[arg-type]
    for _ in range(60):
        assert reads.ask(request).body == b"by the run"
    assert link.calls.count("replica") == 1
