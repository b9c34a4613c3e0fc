"""Locust users of the product generator: how the documentation asks callers to behave, and how some do.

``xrt-mock load`` starts these; Locust's own options (master and workers on several machines, rates, reports) apply.
"""

from __future__ import annotations

import itertools
import os
from typing import Any

from locust import HttpUser, constant_pacing, events, task

_IMAGE = {"RA": 52.8, "Dec": 43.9, "targ": "00030842", "image": 1, "imen": "0.3-10", "cent": 0, "getT0": 0}
_POLITE = 5  # active jobs (documented courtesy)
_numbers = itertools.count(1)


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def spare_the_real_service(environment: Any, **_more: Any) -> None:
    """Stop before the first call that would go to the real service."""
    if "swift.ac.uk" in (environment.host or ""):
        environment.runner.quit()
        raise SystemExit("xrt-mock load never loads the real service; give the address of a simulator")


class _User(HttpUser):
    """Somebody with an address and jobs of their own."""

    abstract = True
    wait_time = constant_pacing(1)

    def on_start(self) -> None:
        """Take an address that no other user has, on whichever machine."""
        self.address = f"load{os.uname().nodename}-{os.getpid()}-{next(_numbers)}@example.org"
        self.jobs: list[str] = []

    def ask(self, operation: str, **body: Any) -> dict[str, Any]:
        """Call an operation; an answer that says no counts as a failure, unless it is the limit."""
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
        """Submit one more job and tell whether it was taken."""
        found = self.ask("run_userobject", name=f"source {len(self.jobs) + 1}", **_IMAGE)
        if found["OK"]:
            self.jobs.append(found["JobID"])
        return bool(found["OK"])

    def status(self, job: str) -> None:
        """Look at one job."""
        self.ask("checkProductStatus", JobID=job, what="image", whatProg="image")


class Throttled(_User):
    """The documentation's throttle: count, and submit only below five active jobs."""

    @task
    def turn(self) -> None:
        """Count once, and fill up."""
        active = self.ask("getNumJobs").get("numJobs", _POLITE)
        for _ in range(_POLITE - active):
            self.submit()


class ManyJobs(_User):
    """The documentation's loop over many sources: submit until told that there are too many, then wait."""

    wait_time = constant_pacing(5)

    @task
    def turn(self) -> None:
        """Submit until refused, at most ten."""
        for _ in range(10):
            if not self.submit():
                return


class Impatient(_User):
    """Submits one job and asks for it ten times a second."""

    wait_time = constant_pacing(0.1)

    @task
    def turn(self) -> None:
        """Ask, and ask again."""
        if not self.jobs:
            self.submit()
        else:
            self.status(self.jobs[-1])


class Campaign(_User):
    """A well-behaved campaign: few jobs, seldom polled, listed and looked up now and then."""

    wait_time = constant_pacing(2)

    @task(6)
    def look(self) -> None:
        """Look at the newest job, or submit the first."""
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
        """List all jobs, and read the parameters of the first."""
        self.ask("listOldJobs")
        if self.jobs:
            self.ask("getOldProduct", oldJob=self.jobs[0])
