"""A small canned service, which records the calls of the client, and simulators that make products cheaply."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import xrt_client
from mock_server import Simulator
from mock_server.clocks.virtual import VirtualClock
from mock_server.transport.intercept import intercept

if TYPE_CHECKING:
    from collections.abc import Callable

ME = "me@example.org"


class Canned:
    """Answers each operation from a list (the last one for ever); an answer is a dict, or (status, headers, body)."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Any]] = {
            "listOldJobs.php": [{"OK": 1, "APIVersion": "1.12", "jobs": []}],
        }
        self.calls: list[tuple[str, Any]] = []

    def will(self, operation: str, *answers: Any) -> None:
        self.answers[operation] = list(answers)

    def asked(self, operation: str) -> list[Any]:
        return [document for name, document in self.calls if name == operation]

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        name = environ["PATH_INFO"].removeprefix("/user_objects/")
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        self.calls.append((name, json.loads(body) if body else dict(environ)))
        waiting = self.answers.get(name, [(404, {}, b"<html><title>UKSSDC | 404 page not found</title></html>")])
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if callable(answer):
            answer = answer(environ)
        if isinstance(answer, dict):
            answer = (200, {"Content-Type": "text/html; charset=UTF-8"}, json.dumps(answer).encode())
        status, headers, content = answer
        start_response(f"{status} X", list(headers.items()))
        return [content]


@pytest.fixture
def clock():
    return VirtualClock(1_600_000_000.0)


@pytest.fixture
def canned(clock, monkeypatch):
    """The canned service, in the place of the real one; pauses pass on a virtual clock."""
    monkeypatch.delenv("XRT_BASE_URL", raising=False)
    service = Canned()
    with intercept(service, clock):
        yield service


@pytest.fixture
def service(clock):
    return xrt_client.Service(sleep=clock.sleep, now=clock.now)


@pytest.fixture
def grb(service):
    """The request of the documentation's tutorial, ready to be submitted."""
    return tutorial(service)


def tutorial(service: xrt_client.Service | None = None) -> xrt_client.XRTProductRequest:
    request = xrt_client.XRTProductRequest(ME, service=service)
    request.setGlobalPars(
        getTargs=True,
        centroid=True,
        name="GRB 200416A",
        RA=335.6985,
        Dec=-7.5179,
        centMeth="simple",
        useSXPS=False,
        T0=608713541.952,
        posErr=1,
    )
    request.addLightCurve(binMeth="counts", pcCounts=20, wtCounts=30, dynamic=True)
    request.addSpectrum(hasRedshift=False)
    return request


# `jobPars` as documented for the tutorial's job, cut to what matters
JOB_PARS = {
    "api_name": "xrt_prods",
    "UserID": ME,
    "cent": 1,
    "name": "GRB 200416A",
    "RA": "335.6985",
    "Dec": "-7.5179",
    "centMeth": "simple",
    "useSXPS": 0,
    "Tstart": 608713541.952,
    "poserr": 1,
    "lc": 1,
    "binMeth": "counts",
    "pccounts": "20",
    "wtcounts": "30",
    "dynamic": 1,
    "spec": 1,
    "specz": 0,
    "dopsf": 0,
    "image": 0,
    "sss": "0",
    "lcobs": 0,
    "hrbin": 0,
    "maxCentTries": "10",
    "soft1": "0.3",
    "sigmin": "3",
    "pcmaxgap": 100000000,
    "timeslice": "single",
    "specobs": "hours",
    "specobstime": 12,
    "targ": "00966554",
}


def accepted(job_id: str = "951", **changes: Any) -> dict[str, Any]:
    return {
        "OK": 1,
        "URL": f"https://www.swift.ac.uk/user_objects/tprods/USERPROD_{job_id}",
        "JobID": job_id,
        "APIVersion": "1.12",
        "jobPars": {**JOB_PARS, **changes},
    }


def refused(text: str, **more: Any) -> dict[str, Any]:
    return {"OK": 0, "ERROR": text, "APIVersion": "1.12", **more}


def statuses(**codes: int | None) -> dict[str, Any]:
    products: dict[str, Any] = {
        short: {"statusCode": code, "statusText": "…", "progress": {"GotProgress": 0}} for short, code in codes.items()
    }
    return {**products, "OK": 1, "JobID": 951, "APIVersion": "1.12"}


# ---- files -----------------------------------------------------------------------------------------------------


def archive(form: str, **members: bytes) -> bytes:
    """Return an archive with one file of 512 kB, or the given members; always the same bytes, whatever the time."""
    buffer = io.BytesIO()
    contents = members or {"USERPROD_951/lc/curve.qdp": bytes(range(256)) * 2000}
    if form == "zip":
        with zipfile.ZipFile(buffer, "w") as packed:
            for name, content in contents.items():
                packed.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        return buffer.getvalue()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0) if form == "tar.gz" else buffer.getvalue()


def served(content: bytes, **headers: str) -> tuple[int, dict[str, str], bytes]:
    return (200, {"Content-Length": str(len(content)), **headers}, content)


# ---- products of simulators ------------------------------------------------------------------------------------


class PlainContents:
    """Makes the same small archive for every product: for tests where the content does not matter."""

    content = random.Random(0).randbytes(2000)
    forms: ClassVar[dict[str, bytes]] = {}

    def archive(self, orders: Any, form: str) -> tuple[bytes, ...]:
        return (self.forms.setdefault(form, archive(form, **{"USERPROD_1/psf.log": self.content})),)

    def forget_expired(self, now: float) -> None:
        """Nothing is kept."""


def plain_simulator(scenario: str = "calm", settings: dict[str, Any] | None = None) -> Simulator:
    """Return a simulator whose products are all the same small archive."""
    sim = Simulator(scenario=scenario, settings=settings)
    sim.jobs.in_force._builder = PlainContents()  # type: ignore[assignment] # has all that is used here
    return sim


@pytest.fixture(scope="session")
def shared_products() -> Callable[[Simulator], Simulator]:
    """Return a function after which simulators of one seed share their products, so that each is made only once."""
    builders: dict[int, Any] = {}

    def share(sim: Simulator) -> Simulator:
        sim.jobs.in_force._builder = builders.setdefault(sim.scenario.seed, sim.jobs.in_force.builder)
        return sim

    return share
