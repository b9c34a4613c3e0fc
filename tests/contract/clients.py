"""How each call of a client is made, for feeding it answers and for watching what it sends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from contracts import checks, documents
from contracts.consumer import Answering
from xrt_client import RetryPolicy, Service, XRTProductRequest

if TYPE_CHECKING:
    from collections.abc import Callable

JOB_PARS = documents.example("run_userobject.ok.grb_200416A.jobPars.client_safe.json")
ACCEPTED = {
    "OK": 1,
    "URL": "https://www.swift.ac.uk/user_objects/tprods/USERPROD_803",
    "JobID": "803",
    "APIVersion": "1.12",
    "jobPars": JOB_PARS,
}
USER = "user@example.org"


def service(attempts: int = 1) -> Service:
    """Return a service that is asked once and waits for nothing."""
    return Service("https://www.swift.ac.uk", policy=RetryPolicy(attempts=attempts), sleep=lambda _seconds: None)


def built(kind: Any = XRTProductRequest, **more: Any) -> Any:
    """Return a complete request, not submitted."""
    request = kind(USER, **more)
    request.setGlobalPars(name="GRB 200416A", targ="00966554", T0=608713541, RA=335.6985, Dec=-7.5179)
    request.setGlobalPars(centroid=True, posErr=1.0, useSXPS=False)
    request.addLightCurve(binMeth="counts", pcCounts=20, wtCounts=30, dynamic=True)
    request.addSpectrum(hasRedshift=False)
    request.addStandardPos()
    request.addEnhancedPos()
    request.addAstromPos(useAllObs=False)
    request.addImage()
    request.addSourceDet(whichData="all")
    return request


def submitted() -> XRTProductRequest:
    """Return a request that was submitted, as far as it knows."""
    request: XRTProductRequest = built(service=service())
    with Answering(choose=accept):
        assert request.submit(updateProds=False), request.submitError
    return request


COMPLETE = {"statusCode": 4, "statusText": "Complete", "progress": {"GotProgress": 0}}
USUAL: dict[str, Any] = {
    "run_userobject": ACCEPTED,
    "listOldJobs": {"OK": 1, "APIVersion": "1.12", "jobs": []},
    "checkProductStatus": {**dict.fromkeys(checks.PRODUCTS, COMPLETE), "OK": 1, "JobID": 803, "APIVersion": "1.12"},
    "main checkRebinStatus": {"OK": 1, "status": 4, "text": "Complete"},
}
"""What a client asks by the way, and a usual answer."""


def accept(request: Any) -> tuple[int, str, Any]:
    """Answer what leads to a submission."""
    return 200, "text/html", USUAL[asked(request)]


def asked(request: Any) -> str:
    """Return the operation that a client calls, with the function of main.php."""
    parts = urlsplit(request.url)
    operation = documents.operation_for(request.method, parts.path) or ""
    return f"main {json.loads(request.body)['APIFunc']}" if operation == "main" else operation


def answering(name: str, body: Any = None, status: int = 200, label: str = "text/html") -> Answering:
    """Answer one kind of call with `body`, the others as usual."""
    concerned = {CALLED.get(name, name)}

    def choose(request: Any) -> tuple[int, str, Any]:
        call = asked(request)
        return (status, label, body) if call in concerned or call not in USUAL else (200, "text/html", USUAL[call])

    return Answering(choose=choose)


def _rebinned(call: Callable[[XRTProductRequest], Any]) -> Callable[[XRTProductRequest], Any]:
    def later(request: XRTProductRequest) -> Any:
        request._rebin_id = 1518
        return call(request)

    return later


CALLED = {
    "main rebin": "main rebinLightCurve",
    "main status": "main checkRebinStatus",
    "main cancel": "main cancelRebin",
    "main curve": "main downloadLightCurve",
}
CALLS: dict[str, tuple[tuple[str, ...] | None, Callable[[Any], Any]]] = {
    "run_userobject": (None, lambda _request: built(service=service()).submit()),
    "canceljob": (None, lambda request: request.cancelProducts()),
    "checkProductStatus": (None, lambda request: (request.checkProductStatus(), request.complete)),
    "getNumJobs": (None, lambda request: request.countActiveJobs()),
    "listOldJobs": (None, lambda request: request.listOldJobs()),
    "getOldProduct": (None, lambda request: XRTProductRequest(USER, service=request.service).copyOldJob(803)),
    "getPSFPos": (None, lambda request: request.retrieveStandardPos()),
    "getEnhPos": (None, lambda request: request.retrieveEnhancedPos()),
    "getAstromPos": (None, lambda request: request.retrieveAstromPos()),
    "getSourceDetResults": (None, lambda request: request.retrieveSourceList()),
    "getLCData": (("LightCurve", "Refusal"), lambda request: request.retrieveLightCurve(returnData=True)),
    "getSpecData": (("Spectra", "NoSpectra", "Refusal"), lambda request: request.retrieveSpectralFits()),
    "main rebin": (("RebinAccepted", "SharedFailure"), lambda request: request.rebinLightCurve(binMeth="snapshot")),
    "main status": (("RebinStatus", "SharedFailure"), _rebinned(lambda request: request.checkRebinStatus())),
    "main cancel": (("RebinCancelled", "SharedFailure"), _rebinned(lambda request: request.cancelRebin())),
    "main curve": (
        ("RebinnedLightCurve", "NoLightCurve", "SharedFailure"),
        _rebinned(lambda request: request.getRebinnedLightCurve(returnData=True)),
    ),
}
"""By operation (and function of main.php): the answers its callers may get, None for all; and the call."""


def pairs() -> list[tuple[str, str]]:
    """Return every call with every kind of answer it may get."""
    found = []
    for name, (variants, _call) in CALLS.items():
        operation = documents.operation(name.split(" ", maxsplit=1)[0])
        found += [(name, variant) for variant in variants or operation.variants("response")]
    return found
