"""Whatever was acknowledged survives `kill -9` at any moment, once."""

import http.client
import itertools
import random
import threading
from collections import Counter

import pytest

from mock_server.storage.store import Store

from .serving import SUBMISSION, Caller, Served

SUBMITTERS = 16
SCENARIO = "[limits]\nactive_jobs = 1000000\n"


def user_of(place: int) -> str:
    return f"submitter{place}@example.org"


class Submitters:
    """Sixteen users who submit until the server is gone; each submission has a name of its own and is sent once."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, int] = {}
        self.sent: set[str] = set()
        self._counts = [itertools.count() for _ in range(SUBMITTERS)]

    def until_killed(self, server: Served, acknowledgements: int) -> None:
        """Submit side by side; kill the server when so many more have been acknowledged."""
        enough = threading.Semaphore(0)

        def submit(place: int) -> None:
            caller = Caller(server.url)
            try:
                for count in self._counts[place]:
                    name = f"{place} {count}"
                    self.sent.add(name)
                    answer = caller("run_userobject", SUBMISSION | {"UserID": user_of(place), "name": name})
                    self.acknowledged[name] = int(answer["JobID"])
                    enough.release()
            except (OSError, http.client.HTTPException):
                return  # killed, before or after the work
            finally:
                caller.close()

        threads = [threading.Thread(target=submit, args=(place,)) for place in range(SUBMITTERS)]
        for thread in threads:
            thread.start()
        for _ in range(acknowledgements):
            assert enough.acquire(timeout=60), "nothing is acknowledged any more"
        server.kill()
        for thread in threads:
            thread.join()


def stored(server: Served) -> dict[int, str]:
    caller, found = Caller(server.url), []
    for place in range(SUBMITTERS):
        found += caller("listOldJobs", {"UserID": user_of(place)})["jobs"]
    caller.close()
    names = Counter(job["Name"] for job in found)
    assert not [name for name, times in names.items() if times > 1], "a submission is there twice"
    assert len({job["JobID"] for job in found}) == len(found), "a number was given twice"
    return {job["JobID"]: job["Name"] for job in found}


@pytest.mark.parametrize("kills", [3, pytest.param(200, marks=pytest.mark.nightly)])
def test_kills_lose_no_acknowledged_job_and_double_none(tmp_path, kills):
    (tmp_path / "roomy.toml").write_text(SCENARIO)
    db, submitters, chance = f"sqlite:///{tmp_path / 'jobs.sqlite'}", Submitters(), random.Random(kills)
    options = ["--db", db, "--scenario", str(tmp_path / "roomy.toml"), "--clock", "x60"]
    for _ in range(kills):
        submitters.until_killed(Served(*options), acknowledgements=chance.randint(1, 100))
    with Served("--db", db) as server:
        found = stored(server)
    lost = {name: number for name, number in submitters.acknowledged.items() if found.get(number) != name}
    assert not lost, f"{len(lost)} of {len(submitters.acknowledged)} acknowledged jobs are lost"
    assert set(found.values()) <= submitters.sent
    print(f"{kills} kills, {len(submitters.acknowledged)} acknowledged, {len(found)} stored")


def test_time_and_journal_go_on_after_a_kill(tmp_path):
    db = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    server = Served("--db", db, "--clock", "virtual", "--scenario", "busy-week")
    caller = Caller(server.url)
    now = caller.control("POST", "clock/advance", {"seconds": 3600})["now"]
    caller("run_userobject", SUBMISSION | {"UserID": "me@example.org", "name": "GK Per"})
    caller("getNumJobs", {"UserID": "me@example.org"})
    caller("run_userobject", SUBMISSION | {"UserID": "me@example.org", "name": "GK Per"})  # writes what was pending
    caller.close()
    server.kill()
    with Served("--db", db) as server:
        caller = Caller(server.url)
        assert caller.control("GET", "clock")["now"] == now
        assert [call["operation"] for call in caller.control("GET", "journal")][:2] == ["run_userobject", "getNumJobs"]
        caller.close()


def test_a_server_that_is_asked_to_stop_writes_its_journal(tmp_path):
    db = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    with Served("--db", db, "--clock", "virtual") as server:
        caller = Caller(server.url)
        caller("getNumJobs", {"UserID": "me@example.org"})
        caller.close()
    store = Store(db)
    assert [entry.operation for entry in store.journal()] == ["getNumJobs"]
    store.close()
