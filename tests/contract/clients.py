"""Every call of both clients, to feed them answers and to check what they send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from contracts import documents
from contracts.consumer import Answering
from contracts.protocol import PRODUCTS
from xrt_client import RetryPolicy, Service, XRTProductRequest, retrieve

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
    """Return a service without retries by default, whose sleep returns at once."""
    return Service("https://www.swift.ac.uk", policy=RetryPolicy(attempts=attempts), sleep=lambda _seconds: None)


def built(kind: Any = XRTProductRequest, **more: Any) -> Any:
    """Return a complete request before its submission."""
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
    """Return a request that believes it was submitted."""
    request: XRTProductRequest = built(service=service())
    with Answering(choose=accept):
        assert request.submit(updateProds=False), request.submitError
    return request


COMPLETE = {"statusCode": 4, "statusText": "Complete", "progress": {"GotProgress": 0}}
USUAL: dict[str, Any] = {
    "run_userobject": ACCEPTED,
    "listOldJobs": {"OK": 1, "APIVersion": "1.12", "jobs": []},
    "checkProductStatus": {**dict.fromkeys(PRODUCTS, COMPLETE), "OK": 1, "JobID": 803, "APIVersion": "1.12"},
    "main checkRebinStatus": {"OK": 1, "status": 4, "text": "Complete"},
}
"""Usual answers to the calls that a client makes besides the one under test."""


def accept(request: Any) -> tuple[int, str, Any]:
    """Return the usual answer to a call."""
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


def another(request: Any) -> Any:
    """Return an empty request of the same client."""
    if isinstance(request, XRTProductRequest):
        return XRTProductRequest(USER, service=request.service)
    return type(request)(USER, silent=True)


def _built_alike(request: Any) -> Any:
    more: dict[str, Any] = {"service": request.service} if isinstance(request, XRTProductRequest) else {"silent": True}
    return built(type(request), **more)


def _rebinned(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def later(request: Any) -> Any:
        if isinstance(request, XRTProductRequest):
            request._results.rebin_id = 1518
        else:
            request._rebinID = 1518
        return call(request)

    return later


def _read_spectra(request: Any) -> Any:
    """Retrieve spectra and the addresses of their files, without writing files."""
    found = request.retrieveSpectralFits(returnData=True)
    if isinstance(request, XRTProductRequest):
        list(retrieve.spectrum_files(found, Path(), "", "all", own_folders=True))
    return found


CALLED = {
    "main rebin": "main rebinLightCurve",
    "main status": "main checkRebinStatus",
    "main cancel": "main cancelRebin",
    "main curve": "main downloadLightCurve",
}
CALLS: dict[str, tuple[tuple[str, ...] | None, Callable[[Any], Any]]] = {
    "run_userobject": (None, lambda request: _built_alike(request).submit()),
    "canceljob": (None, lambda request: request.cancelProducts()),
    "checkProductStatus": (None, lambda request: (request.checkProductStatus(), request.complete)),
    "getNumJobs": (None, lambda request: request.countActiveJobs()),
    "listOldJobs": (None, lambda request: request.listOldJobs()),
    "getOldProduct": (None, lambda request: another(request).copyOldJob(803)),
    "getPSFPos": (None, lambda request: request.retrieveStandardPos()),
    "getEnhPos": (None, lambda request: request.retrieveEnhancedPos()),
    "getAstromPos": (None, lambda request: request.retrieveAstromPos()),
    "getSourceDetResults": (None, lambda request: request.retrieveSourceList()),
    "getLCData": (("LightCurve", "Refusal"), lambda request: request.retrieveLightCurve(returnData=True)),
    "getSpecData": (("Spectra", "NoSpectra", "Refusal"), _read_spectra),
    "main rebin": (("RebinAccepted", "SharedFailure"), lambda request: request.rebinLightCurve(binMeth="snapshot")),
    "main status": (("RebinStatus", "SharedFailure"), _rebinned(lambda request: request.checkRebinStatus())),
    "main cancel": (("RebinCancelled", "SharedFailure"), _rebinned(lambda request: request.cancelRebin())),
    "main curve": (
        ("RebinnedLightCurve", "NoLightCurve", "SharedFailure"),
        _rebinned(lambda request: request.getRebinnedLightCurve(returnData=True)),
    ),
}
"""By operation (and function of main.php): the kinds of answer that its callers may get (None: all), and the call, the
same for both clients."""


def pairs() -> list[tuple[str, str]]:
    """Return every call with every kind of answer it may get."""
    found = []
    for name, (variants, _call) in CALLS.items():
        operation = documents.operation(name.split(" ", maxsplit=1)[0])
        found += [(name, variant) for variant in variants or operation.variants("response")]
    return found
