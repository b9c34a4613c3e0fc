"""Results are wrong."""

from __future__ import annotations

from contracts.history import PRODUCT_OF_RESULT
from tests.contract.broken import (
    HTML,
    RESULTS,
    Broken,
    Call,
    breaks,
    sets,
)

sets("GotPos is text", "getPSFPos", *RESULTS, GotPos="1")
sets("positions are numbers", "getPSFPos", *RESULTS, RA=335.6985)
sets("FromSXPS is left out", "getPSFPos", *RESULTS, FromSXPS=...)
sets("enhanced positions have FromSXPS", "getEnhPos", *RESULTS, FromSXPS=0)
sets("source lists have a JobID", "getSourceDetResults", *RESULTS, JobID=1)
sets(
    "source lists carry a deprecation warning",
    "getSourceDetResults",
    *RESULTS,
    deprecationWarning={"type": "a", "message": "b"},
)
sets("GalNH_unfitted is left out", "getSpecData", *RESULTS, GalNH_unfitted=...)
sets("the intervals are not listed", "getSpecData", *RESULTS, rnames=["interval7"])
sets("there is a data set without a table", "getLCData", *RESULTS, Datasets=["WTST"])
sets("a light curve says nothing about its binning", "getLCData", *RESULTS, Binning=...)


@breaks("values of source lists are numbers", "getSourceDetResults", *RESULTS)
def _floats(call, _server):
    if call.done:
        for source in call.body["Total"]:
            source["ra"] = float(source["ra"])
        call.body["Total"] = call.body["Total"] or [{"sno": 1}]


@breaks("the new address of the astrometric position is missing", "getAstromPos", *RESULTS)
def _moved(call, _server):
    call.status, call.body = 404, b"<html>UKSSDC | 404 page not found</html>"


@breaks("both addresses of the astrometric position answer differently", "getXastromPos", *RESULTS)
def _differs(call, _server):
    if call.done:
        call.body = {
            "OK": 1,
            "APIVersion": "1.12",
            "GotPos": 1,
            "RA": "1.00000",
            "Dec": "1.00000",
            "Err90": "1.0",
            "FromSXPS": 0,
        }


def ignores(words: str, operation: str, key: str, *probes: str) -> None:
    """Register a breakage that ignores a key of the request."""

    def change(call: Call, _server: Broken) -> None:
        if isinstance(call.request, dict):
            call.request = {k: v for k, v in call.request.items() if k != key}

    breaks(words, operation, *probes, incoming=True)(change)


ignores("old clients get light curves in the newest form", "getLCData", "api_version", *RESULTS)
ignores("old clients get spectra in the newest form", "getSpecData", "api_version", *RESULTS)
ignores("nosys is ignored", "getLCData", "nosys", *RESULTS)
ignores("incbad is ignored", "getLCData", "incbad", *RESULTS)


@breaks("a result is another at every call", "getEnhPos", *RESULTS)
def _wobbles(call, server):
    if call.done and call.body.get("GotPos"):
        server.memory["n"] = server.memory.get("n", 0) + 1
        call.body["Err90"] = f"{server.memory['n']}.0"


@breaks("results are sent before the end", "getEnhPos", "results_are_refused_before_the_end")
def _too_early(call, _server):
    if call.refused:
        call.body = {"OK": 1, "APIVersion": "1.12", "GotPos": 0}


@breaks("finished products have no results", "*", *RESULTS, incoming=True)
def _no_results(call, _server):
    if call.operation in PRODUCT_OF_RESULT:
        call.body = {"OK": 0, "ERROR": "The results are not to be found", "APIVersion": "1.12"}
        call.headers = {"Content-Type": HTML}


@breaks("results name files that are not there", "*", "files_addressed_inside_answers_are_there", incoming=True)
def _no_files(call, _server):
    if call.operation in {"getLCData", "getSpecData"}:
        place = "https://www.swift.ac.uk/user_objects/tprods"
        files = [{"Image": f"{place}/statusCheck.js"}, {"DataFile": f"{place}/USERPROD_1/{call.operation}.pha"}]
        call.body, call.headers = {"OK": 1, "APIVersion": "1.12", "files": files}, {"Content-Type": HTML}
    elif call.path.endswith((".qdp", ".pha")):
        call.status, call.body, call.headers = 404, b"<html>UKSSDC | 404 page not found</html>", {"Content-Type": HTML}


@breaks("positions are sent before the end", "getPSFPos", "a_new_job_has_just_begun")
def _position_too_early(call, _server):
    if call.refused:
        call.body = {"OK": 1, "APIVersion": "1.12", "GotPos": 0, "FromSXPS": 0}
