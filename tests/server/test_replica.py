"""Counts and statuses that a program under `xrt-mock run` answers itself: the same answers, the same journal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server import Simulator
from mock_server.core.journal import Entry
from mock_server.run.page import Page
from mock_server.service.replica import News, Primary
from mock_server.transport.wsgi_call import Request, ask
from mock_server.web.replica import Replica

if TYPE_CHECKING:
    from collections.abc import Iterator

USER, OTHER = "me@example.org", "you@example.org"
OBJECTS = "https://www.swift.ac.uk/user_objects"
JOB = {"name": "GK Per", "RA": 52.8, "Dec": 43.9, "targ": "00030842", "getT0": 0, "cent": 1, "poserr": 1, "sinceT0": 0}
JOB |= {"image": 1, "imen": "0.3-10", "psf": 1}
VERSION = {"api_name": "xrt_prods", "api_version": "1.12"}


def request(operation: str, **body: Any) -> Request:
    return Request("POST", f"{OBJECTS}/{operation}.php", {}, json.dumps(body | VERSION).encode(), "pipeline.py:7")


def count(user: str = USER) -> Request:
    return request("getNumJobs", UserID=user)


def status(job_id: Any, user: str = USER, what: str = "image,psf", progress: str = "image,psf") -> Request:
    return request("checkProductStatus", UserID=user, JobID=job_id, what=what, whatProg=progress)


class Both:
    """A simulator, and a replica of its facts that asks it only for what it does not know."""

    def __init__(self, **options: Any) -> None:
        self.simulator = Simulator(**options)
        self.clock = self.simulator.clock
        self.primary = Primary(self.simulator.jobs, Replica)
        self._changes, self.reads = (0, 0), 0
        self.notes: list[Any] = []
        self.primary.connect(self.change, self.others)
        self.replica = Replica(self)

    def change(self, adds_job: bool) -> None:
        self._changes = self._changes[0] + 1, self._changes[1] + adds_job

    def others(self) -> list[tuple[str | None, Entry]]:
        taken, self.notes = self.notes, []
        return [(era, Entry(*fields)) for era, *fields in taken]

    def changes(self) -> tuple[int, int]:
        return self._changes

    def read(self, *wanted: Any) -> News:
        self.reads += 1
        return self.primary.read(*wanted)

    def note(self, note: tuple[Any, ...]) -> None:
        self.notes.append(note)

    def submit(self, **more: Any) -> int:
        answer = json.loads(ask(self.simulator.app, request("run_userobject", UserID=USER, **(JOB | more))).body)
        assert answer["OK"] == 1, answer
        return int(answer["JobID"])

    def check(self, asked: Request) -> dict[str, Any]:
        """Ask both; answers and entries of the journal must be the same."""
        by_replica = self.replica.answer(asked)
        assert by_replica == ask(self.simulator.app, asked)
        first, second = self.simulator.journal.entries[-2:]
        assert first._replace(seq=0) == second._replace(seq=0)
        answer: dict[str, Any] = json.loads(by_replica.body)
        return answer


@pytest.fixture
def both() -> Iterator[Both]:
    found = Both()
    with found.simulator:
        yield found


def test_a_replica_answers_as_its_simulator_through_the_life_of_jobs(both):
    assert both.check(count())["numJobs"] == 0
    first = both.submit()
    both.clock.advance(30)
    second = both.submit(name="Source 2")
    assert both.check(count())["numJobs"] == 2
    seen = set()
    for _ in range(40):
        for job_id in (first, second):
            answer = both.check(status(job_id))
            seen |= {answer[name]["statusCode"] for name in ("image", "psf")}
        both.check(count())
        both.clock.advance(60)
    assert {1, 3, 4} <= seen
    assert both.check(count())["numJobs"] == 0


@pytest.mark.parametrize(
    "asked",
    [
        status(99),
        status(1, user=OTHER),
        status(1, user="nonsense"),
        status(1, what=""),
        status(1, what="image,unheard,lc"),
        status("x"),
        status(1, progress=""),
        status("1", user=USER.upper()),
        count("nonsense"),
        count(OTHER),
        count(f" {USER.upper()} "),
        count()._replace(body=b"{"),
        count()._replace(body=b""),
        count()._replace(where=None),
        request("getNumJobs", UserID=USER, api_version="1.4"),
    ],
)
def test_a_replica_refuses_what_its_simulator_refuses(both, asked):
    both.submit()
    both.clock.advance(100)
    both.check(asked)


def test_what_is_known_is_not_read_again(both):
    job_id = both.submit()
    both.check(count())
    before = both.reads
    for _ in range(5):
        both.clock.advance(60)
        both.check(count())
        both.check(status(job_id))
    assert both.reads == before


def test_a_new_job_leaves_the_others_known(both):
    first = both.submit()
    both.check(count())
    both.check(status(first))
    second = both.submit(name="Source 2")
    before = both.reads
    assert both.check(count())["numJobs"] == 2
    both.check(status(second))  # the newest comes with the count
    both.check(status(first))
    assert both.reads == before + 1


def test_a_job_that_was_not_there_is_found_once_it_is(both):
    assert both.check(status(1))["OK"] == 0
    both.submit()
    assert both.check(status(1))["image"]["statusCode"] == 1


def test_a_cancellation_is_seen(both):
    first, second = both.submit(), both.submit(name="Source 2")
    both.check(count())
    both.check(status(first))
    both.check(status(second))
    ask(both.simulator.app, request("canceljob", UserID=USER, JobID=first, what="image,psf"))
    assert both.check(status(first))["image"]["statusCode"] == -4
    both.check(status(second))
    assert both.check(count())["numJobs"] == 1


def test_changed_settings_are_seen(both):
    both.check(count())
    both.simulator.change({"api.deprecation_message": "gone soon", "api.version": "1.13"})
    assert both.check(count())["deprecationWarning"]["message"] == "gone soon"


def test_settings_that_are_read_while_they_change_are_the_new_ones(both):
    def change(adds_job: bool) -> None:
        both.change(adds_job)
        both.replica.answer(count())  # by a program, which goes on meanwhile

    both.primary.connect(change, both.others)
    both.simulator.change({"api.version": "1.13"})
    assert both.check(count())["APIVersion"] == "1.13"


def test_only_users_that_were_counted_since_are_read_after_a_change(both):
    both.check(count())
    both.check(count(OTHER))
    assert sorted(both.replica.wanted()[2]) == [USER, OTHER]
    both.submit()
    assert both.check(count())["numJobs"] == 1
    assert both.replica.wanted()[2] == (USER,)
    assert both.check(count(OTHER))["numJobs"] == 0
    both.submit(name="Source 2")
    assert both.check(count())["numJobs"] == 2


def test_settings_that_change_at_a_time_are_in_force_from_then_on(both):
    both.simulator.change({"api.version": "1.10"})
    both.check(count())
    both.clock.advance(3600)
    both.check(count())


def test_a_reset_is_seen(both):
    job_id = both.submit()
    both.check(status(job_id))
    both.simulator.controls.reset()
    assert both.check(status(job_id))["OK"] == 0
    assert both.check(count())["numJobs"] == 0


def test_the_run_answers_while_faults_are_planned(both):
    both.check(count())
    both.simulator.controls.plan_fault({"kind": "refuse", "operation": "getNumJobs", "text": "not now", "call": 1})
    assert both.replica.answer(count()) is None
    both.simulator.controls.clear_faults()
    both.check(count())


def test_the_run_answers_during_an_outage(both):
    both.check(count())
    both.simulator.change({"service.available": False})
    assert both.replica.answer(count()) is None
    both.simulator.change({"service.available": True})
    both.check(count())


@pytest.mark.parametrize(
    "asked",
    [
        request("listOldJobs", UserID=USER),
        count()._replace(method="GET"),
        count()._replace(url=f"{OBJECTS}/getNumJobs.php?x=1"),
        count()._replace(url=f"{OBJECTS}/tprods/USERPROD_1/lc.tar.gz", method="GET"),
        count()._replace(body=b" " * (1 << 20) + b"{}"),
    ],
)
def test_the_run_answers_what_is_unusual(both, asked):
    assert both.replica.answer(asked) is None
    assert both.notes == []


def test_what_the_run_wanted_to_know_comes_with_its_answer(both):
    both.check(count())
    known, *wanted = both.replica.wanted()
    job_id = both.submit()
    assert known != both.changes()
    both.replica.take(both.changes(), both.primary.read(*wanted))
    before = both.reads
    assert both.check(count())["numJobs"] == 1
    both.check(status(job_id))
    assert both.reads == before


def test_notes_are_in_the_journal_before_what_came_later(both):
    both.replica.answer(count())
    both.submit()
    assert [entry.operation for entry in both.simulator.journal.entries] == ["getNumJobs", "run_userobject"]
    both.replica.answer(count())
    assert both.simulator.report()["calls"] == {"getNumJobs": 2, "run_userobject": 1}


def test_a_replica_is_given_nothing_of_the_sky(both):
    settings = both.primary.read((), (), None).settings
    assert settings is not None
    assert settings.scenario.world.sources == ()
    assert both.primary.read((), (), settings.generation).settings is None


@given(st.lists(st.one_of(st.binary(max_size=30_000), st.none()), max_size=30))
def test_a_page_keeps_notes_in_order_while_there_is_room(steps):
    page, expected = Page(), list[Any]()
    try:
        reader = Page(page.path)
        room = 1 << 17
        for step in steps:
            if step is None:
                assert reader.take() == expected
                expected = []
            elif page.add((step, 1)):
                expected.append((step, 1))
            else:
                assert sum(len(note[0]) for note in expected) + len(step) > room - 200 * (len(expected) + 1)
        assert reader.take() == expected
        assert reader.take() == []
    finally:
        page.close()


def test_what_a_page_shows_is_shared():
    page = Page()
    try:
        other = Page(page.path)
        page.now, page.shown, page.changes, page.alone = 12.5, 7, (3, 2), True
        assert (other.now, other.shown, other.changes, other.alone) == (12.5, 7, (3, 2), True)
    finally:
        page.close()
