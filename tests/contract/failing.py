"""Every HTTP failure of every operation, met by a plain HTTP client and by ours."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import requests

from contracts import documents, harness
from contracts.bodies import OWNER
from contracts.coverage import BROKEN, CUT, PAGE_INSTEAD, SERVER_FAILED, SILENT, Coverage, failures
from mock_server import Simulator
from tests.contract.clients import CALLED, CALLS, built
from xrt_client import RetryPolicy, Service, XRTError, retrieve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REAL = "https://www.swift.ac.uk"
FAULTS: dict[str, dict[str, Any]] = {
    SERVER_FAILED: {"kind": "status", "status": 503},
    BROKEN: {"kind": "reset"},
    SILENT: {"kind": "latency", "seconds": 1000},
    CUT: {"kind": "cut", "after_bytes": 9},
    PAGE_INSTEAD: {"kind": "not-json"},
}
RAISED: dict[str, type[Exception]] = {
    BROKEN: requests.ConnectionError,
    SILENT: requests.ReadTimeout,
    CUT: requests.exceptions.ChunkedEncodingError,
}
"""Exceptions of `requests` for calls without a complete answer."""
PATHS = {"JobID": "1", "directory": "lc", "stem": "lc", "format": "zip", "file": "curve.qdp", "RebinID": "1"}
PATHS["target"] = "00966554"
FAULTED = {"main": "rebinLightCurve", "downloadRebinnedFile": "downloadFile"}
"""Operations that have other names in faults."""


def provider(seen: Coverage) -> None:
    """Let the simulator fail in every way; a plain client meets exactly that failure."""
    watch = seen.watcher("provider")
    with Simulator() as simulator, simulator.intercept():
        service = harness.Watched(harness.HttpBackend(REAL), watch)
        for op in documents.operations().values():
            if "pages" in op.definition["tags"]:
                continue
            body = {"UserID": OWNER, "APIFunc": "rebinLightCurve", "APIVersion": "1.0.5"} if op.takes_json else None
            for failure in failures(op):
                plan(simulator, FAULTED.get(op.id, op.id), failure)
                if failure in RAISED:
                    with pytest.raises(RAISED[failure]):
                        service.call(op.method, op.path.format(**PATHS), body)
                    seen.fail("provider", op.id, failure)
                else:
                    service.call(op.method, op.path.format(**PATHS), body)
                assert simulator.controls.faults()[0]["fired"], f"{op.id} did not meet: {failure}"
    with Simulator(settings={"service.available": False}) as simulator, simulator.intercept():
        service = harness.Watched(harness.HttpBackend(REAL), watch)
        for op in documents.operations().values():
            if "pages" in op.definition["tags"]:
                assert failures(op) == (SERVER_FAILED,)
                assert service.call(op.method, op.path.format(**PATHS)).status == 503


def plan(simulator: Simulator, operation: str, failure: str) -> None:
    """Let every call of an operation fail in one way."""
    simulator.controls.clear_faults()
    simulator.controls.plan_fault({**FAULTS[failure], "operation": operation})


def consumer(seen: Coverage, folder: Path) -> None:
    """Let every call of our client meet every failure: it returns, or raises what it documents."""
    with Simulator() as simulator, simulator.intercept():
        mine = Service(sleep=simulator.clock.sleep, now=simulator.clock.now, policy=RetryPolicy(attempts=1))
        request = built(service=mine)
        assert request.submit(), request.submitError
        simulator.clock.advance(2e5)
        request.checkProductStatus()
        request.rebinLightCurve(binMeth="obsid")
        simulator.clock.advance(1e4)
        for name, operation, call in _calls(folder):
            for failure in failures(documents.operation(operation)):
                plan(simulator, name, failure)
                with suppress(XRTError):
                    call(copy.deepcopy(request, {id(mine): mine}))
                assert simulator.controls.faults()[0]["fired"], f"{name} did not meet: {failure}"
                seen.fail("consumer", operation, failure)


def _calls(folder: Path) -> list[tuple[str, str, Callable[[Any], object]]]:
    """Return every call of our client: the name of its operation in faults, the operation, and the call."""
    calls = {name: call for name, (_variants, call) in CALLS.items()}
    calls["main curve"] = lambda request: request.getRebinnedLightCurve(returnData=True)  # of the rebinning that exists
    found = [
        (CALLED.get(name, name).removeprefix("main "), name.split(" ", maxsplit=1)[0], call)
        for name, call in calls.items()
    ]
    for operation, path in (("downloadProduct", "lc.zip"), ("downloadFile", "lc/curve.qdp")):
        address = f"{REAL}/user_objects/tprods/USERPROD_1/{path}"

        def fetch(request: Any, address: str = address) -> object:
            return retrieve.download(request.service, address, folder / "file.zip", clobber=True)

        found.append((operation, operation, fetch))
    return found
