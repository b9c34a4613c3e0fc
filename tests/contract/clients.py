"""How each call of a client is made, for feeding it answers and for watching what it sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contracts import documents
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
    request.addAstromPos(useAllObs=True)
    request.addImage()
    request.addSourceDet(whichData="all")
    return request


def submitted() -> XRTProductRequest:
    """Return a request that was submitted, as far as it knows."""
    request: XRTProductRequest = built(service=service())
    with Answering(choose=accept):
        assert request.submit(updateProds=False), request.submitError
    return request


def accept(request: Any) -> tuple[int, str, Any]:
    """Answer a list of jobs and a submission."""
    if request.url.endswith("listOldJobs.php"):
        return 200, "text/html", {"OK": 1, "APIVersion": "1.12", "jobs": []}
    return 200, "text/html", ACCEPTED


def _rebinned(call: Callable[[XRTProductRequest], Any]) -> Callable[[XRTProductRequest], Any]:
    def later(request: XRTProductRequest) -> Any:
        request._rebin_id = 1518
        return call(request)

    return later


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
