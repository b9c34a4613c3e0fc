"""How every operation is made to fail on its way, and met by any HTTP client or by ours."""

from __future__ import annotations

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
"""What `requests` makes of a call without a whole answer."""
PATHS = {"JobID": "1", "directory": "lc", "stem": "lc", "format": "zip", "file": "curve.qdp", "RebinID": "1"}
FAULTED = {"main": "rebinLightCurve", "downloadRebinnedFile": "downloadFile"}
"""Operations that have other names in faults."""


def _fault(operation: str, failure: str) -> dict[str, Any]:
    return {**FAULTS[failure], "operation": FAULTED.get(operation, operation)}


def provider(seen: Coverage) -> None:
    """Let the simulator fail in every way, and look whether callers meet just that."""
    for op in documents.operations().values():
        body = {"UserID": OWNER, "APIFunc": "rebinLightCurve", "APIVersion": "1.0.5"} if op.request_content() else None
        for failure in failures(op):
            page = "pages" in op.definition["tags"]
            with Simulator(settings={"service.available": not page}) as simulator, simulator.intercept():
                if not page:
                    simulator.controls.plan_fault(_fault(op.id, failure))
                service = harness.Watched(harness.HttpBackend(REAL), seen.watcher("provider"))
                if failure in RAISED:
                    with pytest.raises(RAISED[failure]):
                        service.call(op.method, op.path.format(**PATHS), body)
                    seen.fail("provider", op.id, failure)
                else:
                    service.call(op.method, op.path.format(**PATHS), body)


def consumer(seen: Coverage, folder: Path) -> None:
    """Let every call of our client meet every failure: it returns, or raises what it documents."""
    calls = {name: call for name, (_variants, call) in CALLS.items()}
    calls["main curve"] = lambda request: request.getRebinnedLightCurve(returnData=True)  # of a rebinning that is there
    for name, call in calls.items():
        operation = name.split(" ", maxsplit=1)[0]
        for failure in failures(documents.operation(operation)):
            _meet(seen, operation, failure, call, faulted=CALLED.get(name, name).removeprefix("main "))
    for operation, path in (("downloadProduct", "lc.zip"), ("downloadFile", "lc/curve.qdp")):
        address = f"{REAL}/user_objects/tprods/USERPROD_1/{path}"

        def fetch(request: Any, address: str = address) -> object:
            return retrieve.download(request.service, address, folder / "file.zip", clobber=True)

        for failure in failures(documents.operation(operation)):
            _meet(seen, operation, failure, fetch, faulted=operation)


def _meet(seen: Coverage, operation: str, failure: str, call: Any, *, faulted: str) -> None:
    with Simulator() as simulator, simulator.intercept():
        mine = Service(sleep=simulator.clock.sleep, now=simulator.clock.now, policy=RetryPolicy(attempts=1))
        request = built(service=mine)
        assert request.submit(), request.submitError
        simulator.clock.advance(2e5)
        request.checkProductStatus()
        if operation == "main":
            request.rebinLightCurve(binMeth="obsid")
            simulator.clock.advance(1e4)
        simulator.controls.plan_fault(_fault(faulted, failure))
        with suppress(XRTError):
            call(request)
        assert simulator.controls.faults()[0]["fired"], f"{operation} was not called, so it did not meet: {failure}"
    seen.fail("consumer", operation, failure)
