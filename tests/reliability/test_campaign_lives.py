"""Campaigns that live many short lives: crashes, full disks, lost and malformed answers, old files in the folder.

Two campaigns share a folder and the names of their sources. Each rule of the machine is one life. After each life no
file of another job is reported as saved, and nothing that stood in the folder is gone. In the end every source is done,
with one job each.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import tarfile
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.client.conftest import archive, plain_simulator
from xrt_client import LocalFailure, Service, XRTProductRequest, files, ledger, retrieve
from xrt_client.campaign import Campaign
from xrt_client.ledger import DONE
from xrt_client.retry import RetryPolicy

if TYPE_CHECKING:
    from mock_server import Simulator

USERS = ("me@example.org", "you@example.org")
SOURCES = 3
LIVES: Counter[str] = Counter()


class Killed(BaseException):
    """The process is gone: nothing of it catches this."""


class NamedContents:
    """Makes archives that say which job and product they are of."""

    def archive(self, orders: Any, form: str) -> tuple[bytes, ...]:
        order = orders[0]
        return (of_job(order.job_id, order.product.value, form),)

    def forget_expired(self, now: float) -> None:
        """Nothing is kept."""


def of_job(job_id: object, product: str, form: str = "tar.gz") -> bytes:
    return archive(form, **{f"USERPROD_{job_id}/{product}.log": f"{job_id} {product}".encode()})


class Mishap:
    """Something that goes wrong once, at the n-th opportunity."""

    def __init__(self) -> None:
        self.kind, self.left = "", 0

    def plan(self, kind: str, after: int) -> None:
        self.kind, self.left = kind, after

    def comes(self, *kinds: str) -> bool:
        """Count an opportunity for these kinds; return whether it happens now."""
        if self.kind not in kinds:
            return False
        self.left -= 1
        return self.left == 0

    def on_disk(self) -> None:
        """Count an opportunity of the disk."""
        if self.comes("crash on disk"):
            raise Killed
        if self.comes(*ERRNOS):
            raise OSError(ERRNOS[self.kind], os.strerror(ERRNOS[self.kind]))


ERRNOS = {name: getattr(errno, name) for name in ("ENOSPC", "EACCES", "EROFS", "EDQUOT")}
MUTATIONS: dict[str, Any] = {"null": None, "text": "x", "list": [1], "object": {"x": 1}}
KINDS = ["none", "crash", "lost", "crash on disk", *ERRNOS, *MUTATIONS, "missing", "nothing"]
MISHAP = Mishap()


class Fragile(Service):
    """Service to whose answers things happen."""

    def __init__(self, sim: Simulator, place: int) -> None:
        super().__init__(sleep=sim.clock.sleep, now=sim.clock.now, policy=RetryPolicy(first_s=1.0))
        self.place = place

    def post(self, operation: str, document: Any, **options: Any) -> Any:
        answer = super().post(operation, document, **options)
        if MISHAP.comes("crash"):
            raise Killed
        if MISHAP.comes(*MUTATIONS, "missing", "nothing"):
            return self._spoilt(answer)
        return answer

    def _spoilt(self, answer: Any) -> Any:
        if MISHAP.kind == "nothing":
            return None
        holder, key = answer, sorted(answer)[self.place % len(answer)]
        if isinstance(answer[key], dict) and answer[key] and self.place % 2:
            holder = answer[key]
            key = sorted(holder)[self.place % len(holder)]
        kept = {name: value for name, value in holder.items() if name != key}
        spoilt = kept if MISHAP.kind == "missing" else {**kept, key: MUTATIONS[MISHAP.kind]}
        return (
            spoilt
            if holder is answer
            else {name: spoilt if value is holder else value for name, value in answer.items()}
        )


class FullDisk(io.FileIO):
    """File of the ledger: on a full disk a part of a line may still be written."""

    def write(self, data: Any) -> int:
        try:
            MISHAP.on_disk()
        except BaseException:
            super().write(data[: len(data) // 2])
            raise
        return super().write(data)


@pytest.fixture
def fragile(monkeypatch):
    """Let `MISHAP` happen wherever the client writes, renames or reads a file."""

    def wrapped(function: Any, *, after: bool = False) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            MISHAP.on_disk()
            done = function(*args, **options)
            if after:
                MISHAP.on_disk()
            return done

        return call

    monkeypatch.setattr(ledger, "FileIO", FullDisk)
    monkeypatch.setattr(os, "fsync", lambda _: MISHAP.on_disk())
    monkeypatch.setattr(os, "link", wrapped(os.link, after=True))
    monkeypatch.setattr(files, "digest", wrapped(files.digest))
    monkeypatch.setattr(retrieve, "_fetch", wrapped(retrieve._fetch, after=True))
    monkeypatch.setattr(files, "_unpack", wrapped(files._unpack, after=True))
    monkeypatch.setattr(Path, "mkdir", wrapped(Path.mkdir))


def sources(user: str) -> list[XRTProductRequest]:
    requests = []
    for n in range(SOURCES):
        request = XRTProductRequest(user)
        request.setGlobalPars(name=f"Source {n}", RA=10.0 + n, Dec=-5.0, targ="00010001", centroid=False, useSXPS=False)
        request.addProduct("StandardPos")
        if n == 0:
            request.addProduct("Image")
        requests.append(request)
    return requests


class Lives(RuleBasedStateMachine):
    """Two campaigns in one folder, run again and again."""

    @initialize()
    def begin(self) -> None:
        MISHAP.plan("none", 0)
        self.folder = tempfile.TemporaryDirectory()
        self.out = Path(self.folder.name)
        self.sim = plain_simulator()
        self.sim.jobs.in_force._builder = NamedContents()  # type: ignore[assignment] # has all that is used here
        self.intercepted = self.sim.intercept()
        self.intercepted.__enter__()
        self.planted: list[bytes] = []
        self.before = [Counter[str](), Counter[str]()]

    def state(self, who: int) -> Path:
        return self.out / f"{who}.jsonl"

    @rule(
        who=st.integers(0, 1),
        kind=st.sampled_from(KINDS),
        after=st.integers(1, 25),
        place=st.integers(0, 9),
        budget=st.sampled_from([0, 1200, 7200, None]),
    )
    def live(self, who: int, kind: str, after: int, place: int, budget: float | None) -> None:
        if kind == "lost":
            self.sim.controls.plan_fault({"kind": "lost", "operation": "run_userobject", "times": 1})
        MISHAP.plan(kind, after)
        LIVES[kind] += 1
        ends: dict[str, Any] = {"crash": Killed, "crash on disk": Killed, **dict.fromkeys(ERRNOS, LocalFailure)}
        try:
            with contextlib.suppress(ends.get(kind, ())):
                campaign = self.run(who, place, budget)
                MISHAP.plan("none", 0)
                self.look(campaign)
        finally:
            MISHAP.plan("none", 0)
            self.sim.controls.clear_faults()
        for name, number in (self.jobs(who) - self.before[who]).items():
            assert number == 1, f"{number} jobs for {name}"

    def run(self, who: int, place: int, budget: float | None) -> Campaign:
        service = Fragile(self.sim, place)
        campaign = None
        try:
            campaign = Campaign(
                USERS[who],
                sources(USERS[who]),
                out=self.out,
                state=self.state(who),
                extract=bool(who),
                budget_s=budget,
                service=service,
            )
            campaign.run()
        finally:
            if campaign is not None:
                campaign.ledger.close()  # as the end of a process would
        return campaign

    @rule(n=st.integers(0, SOURCES - 1))
    def plant_an_old_file(self, n: int) -> None:
        path = self.out / f"Source_{n}" / "psf.tar.gz"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(of_job(900_000 + len(self.planted), "psf"))
            self.planted.append(path.read_bytes())

    @rule(who=st.integers(0, 1))
    def remove_the_ledger(self, who: int) -> None:
        self.state(who).unlink(missing_ok=True)
        self.before[who] = self.jobs(who)

    def jobs(self, who: int) -> Counter[str]:
        with self.sim.store.reading() as facts:
            return Counter(name for _, name, *_ in facts.list_jobs(USERS[who]))

    def look(self, campaign: Campaign) -> None:
        """What a run that came to its end reports as saved is the product of its job."""
        for entry in campaign.ledger.entries.values():
            for short, saved in entry.saved.items():
                assert str(saved.job_id) in {str(job) for job in entry.jobs}
                with tarfile.open(saved.path) as file:
                    assert file.getnames() == [f"USERPROD_{saved.job_id}/{short}.log"], f"{saved} of {entry.key}"

    @invariant()
    def nothing_that_stood_there_is_gone(self) -> None:
        if self.planted:
            found = {path.read_bytes() for path in self.out.rglob("psf*.tar.gz")}
            assert set(self.planted) <= found

    def teardown(self) -> None:
        try:
            for who in (0, 1, 0, 1):
                campaign = self.run(who, 0, None)
                assert all(entry.stage == DONE for entry in campaign.ledger.entries.values()), campaign.summary()
                self.look(campaign)
                assert self.jobs(who) - self.before[who] == {f"Source {n}": 1 for n in range(SOURCES)}
                known = {str(job) for entry in campaign.ledger.entries.values() for job in entry.jobs}
                assert not [part for part in self.out.rglob("*.part") if part.name.split(".")[-2] in known]
        finally:
            self.intercepted.__exit__(None, None, None)
            self.sim.close()
            shutil.rmtree(self.folder.name, ignore_errors=True)
            self.folder.cleanup()


def play(machines: int, steps: int) -> int:
    """Run so many machines; return the number of lives."""
    LIVES.clear()
    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=machines,
            stateful_step_count=steps,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        ),
    )
    return sum(LIVES.values())


@pytest.mark.spoils_answers("answers get lost on purpose")
def test_campaigns_that_are_disturbed_in_every_way_are_finished_by_running_again(fragile):
    assert play(machines=24, steps=10) >= 50


@pytest.mark.nightly
@pytest.mark.spoils_answers("answers get lost on purpose")
def test_two_thousand_disturbed_lives_of_campaigns_are_finished_by_running_again(fragile, capsys):
    lives = play(machines=500, steps=20)
    with capsys.disabled():
        print(f"\n{lives} lives: {dict(sorted(LIVES.items()))}")
    assert lives >= 2000
