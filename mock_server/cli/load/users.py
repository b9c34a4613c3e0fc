"""Locust users of the product generator: some behave as the documentation asks, some do not.

``xrt-mock load`` starts them; Locust's own options (rates, reports, several machines) apply.
"""

from __future__ import annotations

import itertools
import os
from typing import Any

from locust import HttpUser, constant_pacing, events, task

from mock_server.cli.load.guard import is_real

_IMAGE = {"RA": 52.8, "Dec": 43.9, "targ": "00030842", "image": 1, "imen": "0.3-10", "cent": 0, "getT0": 0}
_POLITE = 5  # active jobs (documented courtesy)
_numbers = itertools.count(1)


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def refuse_the_real_service(environment: Any, **_more: Any) -> None:
    """Stop before the first user if it would call the real service."""
    if is_real(environment.host or ""):
        environment.runner.quit()
        raise SystemExit(f"{environment.host} is the real service, which must not be put under load; use a simulator")


class _User(HttpUser):
    """User with an address and jobs."""

    abstract = True
    wait_time = constant_pacing(1)

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)  # type: ignore[no-untyped-call]
        if is_real(self.client.base_url):  # whichever option, variable or page it came from
            raise SystemExit(f"{self.client.base_url} is the real service, which must not be put under load")

    def on_start(self) -> None:
        """Choose an address that no other user has on any machine."""
        self.address = f"load{os.uname().nodename}-{os.getpid()}-{next(_numbers)}@example.org"
        self.jobs: list[str] = []

    def ask(self, operation: str, **body: Any) -> dict[str, Any]:
        """Call an operation; a refusal counts as a failure, unless the limit is the reason."""
        path, sent = f"/user_objects/{operation}.php", {"UserID": self.address, **body}
        with self.client.post(path, json=sent, catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"HTTP status {answer.status_code}")
                return {"OK": 0}
            found: dict[str, Any] = answer.json()
            if not found["OK"] and "too many jobs" not in found["ERROR"]:
                answer.failure(found["ERROR"])
            return found

    def submit(self) -> bool:
        """Submit one more job; return whether it was accepted."""
        found = self.ask("run_userobject", name=f"source {len(self.jobs) + 1}", **_IMAGE)
        if found["OK"]:
            self.jobs.append(found["JobID"])
        return bool(found["OK"])

    def status(self, job: str) -> None:
        """Ask for the status of one job."""
        self.ask("checkProductStatus", JobID=job, what="image", whatProg="image")


class Throttled(_User):
    """The documentation's throttle: count, and submit only below five active jobs."""

    @task
    def turn(self) -> None:
        """Count the active jobs once, and submit up to five."""
        active = self.ask("getNumJobs").get("numJobs", _POLITE)
        for _ in range(_POLITE - active):
            self.submit()


class ManyJobs(_User):
    """The documentation's loop over many sources: submit until there are too many jobs, then wait."""

    wait_time = constant_pacing(5)

    @task
    def turn(self) -> None:
        """Submit until refused, at most ten jobs."""
        for _ in range(10):
            if not self.submit():
                return


class Impatient(_User):
    """Submits one job and asks for its status ten times a second."""

    wait_time = constant_pacing(0.1)

    @task
    def turn(self) -> None:
        if not self.jobs:
            self.submit()
        else:
            self.status(self.jobs[-1])


class Campaign(_User):
    """A well-behaved campaign: few jobs, polled seldom, sometimes listed."""

    wait_time = constant_pacing(2)

    @task(6)
    def look(self) -> None:
        """Ask for the status of the newest job, or submit the first."""
        if self.jobs:
            self.status(self.jobs[-1])
        else:
            self.submit()

    @task(2)
    def go_on(self) -> None:
        """Submit the next job if there is room."""
        if self.ask("getNumJobs").get("numJobs", _POLITE) < _POLITE:
            self.submit()

    @task
    def look_back(self) -> None:
        """List all jobs, and get the parameters of the first."""
        self.ask("listOldJobs")
        if self.jobs:
            self.ask("getOldProduct", oldJob=self.jobs[0])
