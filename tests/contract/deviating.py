"""A session that meets many rules of the ledger, and ways in which a service may deviate from them.

A deviation changes recorded exchanges, or is a setting of the served simulator.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from contracts import documents, harness
from contracts.bodies import BASE, EVERYTHING, IMAGE, LIGHT_CURVE, OWNER, SPECTRUM
from contracts.protocol import official
from contracts.recording import Recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from contracts.harness import Exchange
    from mock_server import Simulator

ROOT = "/user_objects/"
DAY = 86400.0


class Speaker:
    """Asks a simulator and keeps what was said."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator, self.made = simulator, list[Recorded]()
        self._backend = harness.Watched(harness.backend(simulator.app), self._keep)

    def _keep(self, exchange: Exchange) -> None:
        self.made.append(Recorded(self._simulator.clock.now(), 0.1, exchange))

    def ask(self, operation: str, **body: Any) -> Any:
        """Return the answer of an operation of user_objects."""
        return self._backend.call("POST", f"{ROOT}{operation}.php", {"UserID": OWNER, **body}).body

    def main(self, function: str, **body: Any) -> Any:
        """Return the answer of a function of main.php."""
        request = {"APIFunc": function, "APIVersion": "1.0.5", **body}
        return self._backend.call("POST", "/API/main.php", request).body

    def get(self, *paths: str) -> None:
        """Fetch pages or files."""
        for path in paths:
            self._backend.call("GET", path)

    def wait(self, seconds: float) -> None:
        """Let time go on."""
        self._simulator.clock.advance(seconds)


def session(simulator: Simulator) -> list[Recorded]:
    """Return the exchanges of a session that meets many rules of the ledger."""
    one = Speaker(simulator)
    submit_and_look(one)
    one.wait(2e5)
    look_at_results(one)
    one.wait(9 * DAY)
    one.ask("listOldJobs")
    one.get(f"{ROOT}tprods/USERPROD_1/psf.zip")
    one.ask("tprods/getPSFPos", JobID=1)
    return one.made


def submit_and_look(one: Speaker) -> None:
    """Submit jobs of every kind, and calls that are refused; look at them at once."""
    job = int(one.ask("run_userobject", **official({**EVERYTHING, "detMeth": "iterative", "allxastrom": 0}))["JobID"])
    one.ask("checkProductStatus", JobID=job, what="lc,spec,psf,xastrom,nonsense", whatProg="lc,psf")
    one.ask("checkProductStatus", JobID=str(job), what="lc")
    one.ask("tprods/getPSFPos", JobID=job)
    one.get(f"{ROOT}tprods/USERPROD_{job}/psf.zip", f"{ROOT}getNumJobs.php", f"{ROOT}tprods/USERPROD_{job}")
    one.ask("canceljob", JobID=job, what="image,nonsense")
    one.ask("canceljob", JobID=job, what="image")
    one.ask("checkProductStatus", JobID=987654, what="lc")
    one.ask("getNumJobs")
    for _ in range(40):
        one.wait(10)
        one.ask("checkProductStatus", JobID=job, what="lc,spec,psf,enh,xastrom", whatProg="lc,spec,psf,enh,xastrom")
    for request in (
        IMAGE,
        IMAGE,
        {**LIGHT_CURVE, "binMeth": "obsid", "uselcobs": "00966554000", "lctimetype": "m"},
        {k: v for k, v in {**LIGHT_CURVE, "binMeth": "TIME", "sss": 1, "posErr": 2, "new": 1}.items() if k != "poserr"},
        {**LIGHT_CURVE, "targ": "00966554000", "minen": 0.5, "Tstart": 58955},
        {**SPECTRUM, "timeslice": "user", "rname1": "an early part", "gti1": "608713541-608714541"},
        {k: v for k, v in {**LIGHT_CURVE, "getCoords": 1}.items() if k != "RA"},
        {**LIGHT_CURVE, "poserr": 60, "dynamic": ""},
        {**LIGHT_CURVE, "poserr": 60, "UserID": "NO-ONE"},
        {**LIGHT_CURVE, "RA": 400, "Dec": 95},
        {**LIGHT_CURVE, "femin": 7},
        {**BASE, "sourceDet": 1},
        {k: v for k, v in LIGHT_CURVE.items() if k != "dynamic"},
    ):
        one.ask("run_userobject", **request)
    one.ask("getNumJobs")
    one.ask("getNumJobs", UserID="NO-ONE")
    one.ask("listOldJobs")
    one.ask("listOldJobs", UserID="")
    one.ask("checkProductStatus", JobID=job, what="lc,spec,psf,xastrom", whatProg="lc,psf", UserID="else@example.org")


def look_at_results(one: Speaker) -> None:
    """Fetch everything of the jobs of :func:`submit_and_look`."""
    for job in range(1, 9):
        one.ask("checkProductStatus", JobID=job, what="lc,spec,psf,enh,xastrom,image,sourceDet")
    one.ask("getNumJobs")
    for name in ("PSFPos", "EnhPos", "AstromPos", "XastromPos", "SourceDetResults", "LCData", "SpecData"):
        one.ask(f"tprods/get{name}", JobID=1)
    one.ask("tprods/getLCData", JobID=1, incbad="both", nosys="both")
    one.ask("tprods/getLCData", JobID=4)
    one.ask("tprods/getSpecData", JobID=7)
    base = f"{ROOT}tprods/USERPROD_1"
    one.get(*(f"{base}/{name}" for name in ("psf.zip", "image.zip", "lc.tar.gz", "spec.tar", "all.zip")), base)
    one.get(f"{base}/lc/curve.qdp", f"{base}/lc/WTCURVE.qdp", f"{base}/spec/interval0.tar.gz", f"{ROOT}register.php")
    one.ask("listOldJobs")
    one.ask("getOldProduct", oldJob=1)
    made = one.main("rebinLightCurve", type="UOB_LC", objectID="1", binMeth="obsid", timeFormat="MJD")
    number = int(made.get("JobID", 1))
    one.wait(60)
    one.main("checkRebinStatus", JobID=number)
    one.main("downloadLightCurve", type="REBIN_LC", objectID=number)
    one.main("downloadLightCurve", type="X", objectID=1)
    one.main("cancelRebin", JobID=number)
    one.main("downloadSpectrum", type="GRB", objectID=554620)


Edit = "Callable[[Exchange], Exchange]"


def body(*operations: str) -> Callable[[Callable[[Any], object]], Callable[[Exchange], Exchange]]:
    """Make an edit of an exchange of a function that changes the JSON answer of some operations in place."""

    def made(change: Callable[[Any], object]) -> Callable[[Exchange], Exchange]:
        def edit(exchange: Exchange) -> Exchange:
            if documents.operation_for(exchange.method, exchange.path) not in operations:
                return exchange
            if not isinstance(exchange.body, dict):
                return exchange
            answer = copy.deepcopy(exchange.body)
            change(answer)
            return replace(exchange, body=answer, content=harness.encoded(answer))

        return edit

    return made


def whole(operation: str, **changes: Any) -> Callable[[Exchange], Exchange]:
    """Make an edit of the parts of an exchange, such as its label."""

    def edit(exchange: Exchange) -> Exchange:
        same = documents.operation_for(exchange.method, exchange.path) == operation
        return replace(exchange, **changes) if same and exchange.status == 200 else exchange

    return edit


def sets(operation: str, **values: Any) -> Callable[[Exchange], Exchange]:
    """Make an edit that sets keys of successes; ``...`` takes a key away."""

    def change(answer: dict[str, Any]) -> None:
        if answer.get("OK"):
            answer.update(values)
            for key in [key for key, value in answer.items() if value is ...]:
                del answer[key]

    return body(operation)(change)


def pars(**values: Any) -> Callable[[Exchange], Exchange]:
    """Make an edit that sets keys of jobPars; ``...`` takes a key away."""

    def change(answer: dict[str, Any]) -> None:
        if "jobPars" in answer:
            answer["jobPars"] = {k: v for k, v in {**answer["jobPars"], **values}.items() if v is not ...}

    return body("run_userobject")(change)


def says(old: str, new: str, *operations: str) -> Callable[[Exchange], Exchange]:
    """Make an edit that words refusals otherwise."""
    every = operations or tuple(documents.operations())

    def change(answer: dict[str, Any]) -> None:
        if isinstance(answer.get("ERROR"), str):
            answer["ERROR"] = answer["ERROR"].replace(old, new)
        for problem in answer.get("listErr", ()):
            problem["label"] = problem["label"].replace(old, new)
            problem["list"] = [sentence.replace(old, new) for sentence in problem["list"]]

    return body(*every)(change)


def status(code: int | None, **values: Any) -> Callable[[Exchange], Exchange]:
    """Make an edit of the statuses with a code."""

    def change(answer: dict[str, Any]) -> None:
        for entry in answer.values():
            if isinstance(entry, dict) and entry.get("statusCode", 0) == code:
                entry.update(values)

    return body("checkProductStatus")(change)


def cells(column: str, change: Callable[[str], str], *operations: str) -> Callable[[Exchange], Exchange]:
    """Make an edit of a column of tables."""

    def edit(answer: dict[str, Any]) -> None:
        for table in answer.values():
            if isinstance(table, dict) and column in table.get("columns", ()):
                at = table["columns"].index(column)
                for row in table["data"]:
                    row[at] = change(row[at])

    return body(*(operations or ("getLCData",)))(edit)


def sources(change: Callable[[dict[str, Any]], object]) -> Callable[[Exchange], Exchange]:
    """Make an edit of the sources of a list."""

    def edit(answer: dict[str, Any]) -> None:
        for band in answer.values():
            for source in band if isinstance(band, list) else ():
                change(source)

    return body("getSourceDetResults")(edit)


def _bands_in_lower_case(answer: dict[str, Any]) -> None:
    for key in [key for key, value in answer.items() if isinstance(value, list)]:
        answer[key.lower()] = answer.pop(key)


def _as_numbers(answer: dict[str, Any]) -> None:
    answer.update({key: float(answer[key]) for key in ("RA", "Dec") if key in answer})


def _no_text_of_cancel(answer: dict[str, Any]) -> None:
    for name, code in answer.get("statusCodes", {}).items():
        if code == 2:
            answer["status"][name] = "no"


def _other_files(answer: dict[str, Any]) -> None:
    for table in answer.values():
        if isinstance(table, dict) and "URL" in table:
            table["URL"] = table["URL"].replace(".qdp", ".pl")


def _one_column_fewer(answer: dict[str, Any]) -> None:
    for table in answer.values():
        if isinstance(table, dict) and table.get("columns", [""])[-1] == "Exposure":
            table["columns"].pop()
            for row in table["data"]:
                row.pop()


def _no_incbad(answer: dict[str, Any]) -> None:
    for key, table in answer.items():
        if "_incbad" in key and isinstance(table, dict):
            table["data"] = table["data"][:3]


def _kept(exchange: Exchange) -> Exchange:
    """Send an archive that was refused."""
    if exchange.path.endswith("USERPROD_1/psf.zip") and exchange.status == 404:
        return replace(exchange, status=200, label="application/zip", body=b"", content=b"")
    return exchange


def _other_length(answer: dict[str, Any]) -> None:
    if str(answer.get("jobPars", {}).get("binMeth")) == "time":
        answer["jobPars"]["pcbin"] = "5"


def _steps(answer: dict[str, Any]) -> None:
    for step in answer.get("psf", {}).get("progress", {}).get("ProgressSteps", ()):
        step["StepLabel"] = "Working"


def _all_active(answer: dict[str, Any]) -> None:
    answer["numJobs"] = 8 if "numJobs" in answer else answer.get("numJobs")


DEVIATIONS: dict[str, tuple[str, Callable[[Exchange], Exchange]]] = {
    "another version": ("U1", sets("getNumJobs", APIVersion="1.13")),
    "another text of a status": ("U2", status(1, statusText="Waiting")),
    "another text of a failed status": ("U18", status(None, statusText="?")),
    "another text of a cancellation": ("U3", body("canceljob")(_no_text_of_cancel)),
    "another text about a job of another user": ("U4", says("is not owned by user", "does not belong to")),
    "another text about an unknown job": ("U17", says("does not exist", "is not known to exist")),
    "another text about an unknown user": ("U4", says("is not recognised / validated", "is unknown")),
    "another text about parameters": ("U4", says("There were problems", "There was a problem")),
    "another label of missing parameters": ("U4", says("are needed, but were not supplied", "are missing")),
    "another text about results too early": ("U4", says("is not complete", "is still being built")),
    "refusals have a further key": ("U4", body("getPSFPos")(lambda b: b.update(Code=7) if "ERROR" in b else None)),
    "the range of poserr is another": ("U15", says("between 1 and 6", "between 1 and 10")),
    "the range of RA is another": ("U15", says("between 0 and 360", "between -180 and 180")),
    "archives that do not exist yet are an error": (
        "U9",
        lambda e: replace(e, status=500) if e.path.endswith("psf.zip") and e.status == 404 else e,
    ),
    "archives are labelled otherwise": ("U42", whole("downloadProduct", label="application/octet-stream")),
    "JobID is text": ("U28", body("checkProductStatus")(lambda b: b.update(JobID=str(b.get("JobID"))))),
    "the list has source detections": (
        "U39",
        body("listOldJobs")(lambda b: [job.update(SourceDet=True) for job in b.get("jobs", ())]),
    ),
    "cancelling nothing is a success": ("U41", sets("canceljob", OK=1)),
    "a position has no version": ("C1", sets("getPSFPos", APIVersion=...)),
    "answers have a further key": ("U40", sets("getNumJobs", maxJobs=100)),
    "lcobs is 0": ("C2", pars(lcobs=0)),
    "centMeth is a code": ("C3", pars(centMeth=2)),
    "poserr is in arcsec": ("C4", pars(poserr=60)),
    "poserr is doubled": ("C4", pars(poserr=2)),
    "getTargs is kept for the client": ("C5", pars(getTargs=0)),
    "useSXPS is on": ("C6", pars(useSXPS="2SXPS")),
    "minsnr is 2.4": ("C7", pars(minsnr=2.4)),
    "hrbin is 1": ("C8", pars(hrbin=1)),
    "bins in time have another length": ("C9", body("run_userobject")(_other_length)),
    "fits are off": ("C11", pars(doNotFit=1)),
    "old spellings are echoed": ("C28", pars(posErr=2)),
    "soft sources have the usual pile-up rates": ("U14", pars(wtpuprate=150, pcpuprate=0.6)),
    "soft sources keep their grades": ("S7", pars(grades="all")),
    "lcobs follows uselcobs": ("U30", pars(lcobs="user")),
    "targets have eleven digits": ("L14", pars(targ="00966554000")),
    "dchi has another default": ("S3", pars(dchi=1.0)),
    "outdir is for all callers": ("S3", pars(outdir="USERPROD_1")),
    "products are elsewhere": ("C24", sets("run_userobject", URL="https://www.swift.ac.uk/products/USERPROD_1")),
    "submissions are the same job": ("U34", sets("run_userobject", JobID="1")),
    "ended jobs are counted": ("U32", body("getNumJobs")(_all_active)),
    "active jobs are not counted": ("U32", sets("getNumJobs", numJobs=0)),
    "more than 100 jobs are active": ("U6", sets("getNumJobs", numJobs=101)),
    "expired archives are sent": ("U7", _kept),
    "the form has another field": (
        "U26",
        lambda e: replace(e, body=str(e.body).replace('name="email"', 'name="mail"')) if "register" in e.path else e,
    ),
    "the page says Finished": (
        "U26",
        lambda e: (
            replace(e, body=str(e.body).replace(": COMPLETE", ": Finished").replace(": RUNNING", ": Working"))
            if e.path.endswith("USERPROD_1")
            else e
        ),
    ),
    "steps have other labels": ("U12", body("checkProductStatus")(_steps)),
    "no progress is sent": ("C23", status(3, progress={"GotProgress": 0})),
    "new jobs are queued at once": ("S1", status(1, statusCode=2, statusText="Queued")),
    "positions are numbers": ("C20", body("getAstromPos")(_as_numbers)),
    "both addresses of a position differ": ("C22", sets("getXastromPos", RA="1.00000")),
    "sources have no SNR": ("U20", sources(lambda source: source.pop("SNR"))),
    "every source is good": ("S13", sources(lambda source: source.update(flag="Good"))),
    "sources have names": ("J29", sources(lambda source: source.update(sno="J1234"))),
    "bands are in lower case": ("C21", body("getSourceDetResults")(_bands_in_lower_case)),
    "GalNH_unfitted is left out": ("C18", sets("getSpecData", GalNH_unfitted=...)),
    "intervals have other names": ("L16", sets("getSpecData", rnames=["interval1"], interval1={})),
    "curves are in other files": ("C25", body("getLCData")(_other_files)),
    "T0 is not sent": ("C27", sets("getLCData", T0=...)),
    "the binning has another name": ("C17", sets("getLCData", Binning="ObsID")),
    "bands have no exposure": ("U21", body("getLCData")(_one_column_fewer)),
    "incbad leaves bins out": ("C16", body("getLCData")(_no_incbad)),
    "rates have few digits": ("L11", cells("Rate", lambda text: f"{float(text):.2g}")),
    "times have one decimal": ("L11", cells("Time", lambda text: f"{float(text):.1f}")),
    "rates have many digits": ("L11", cells("Rate", lambda text: f"{float(text):.12f}")),
    "limits have errors": ("L4", cells("SNR", lambda text: text.replace("inf", "3.0"))),
    "systematic errors are shares": ("L1", cells("SYS_POS", lambda text: f"{float(text) - 1:.6f}")),
    "significances are doubled": ("L3", cells("Sigma", lambda text: f"{2 * float(text):.6f}")),
    "ratios have positive errors": ("L6", cells("HRErr", lambda text: text.lstrip("-"), "getLCData", "main")),
    "rebinned curves are elsewhere": (
        "U24",
        body("main")(lambda b: b.get("WT_incbadData", {}).update(URL="https://www.swift.ac.uk/lc/WTCURVE.qdp")),
    ),
    "unknown types are taken": (
        "S26",
        body("main")(lambda b: (b.pop("ERROR"), b.update(OK=1)) if "type" in str(b.get("ERRORTEXT")) else None),
    ),
    "spectra of bursts have other names": (
        "S25",
        body("main")(lambda b: b.update(rnames=["WT", "PC"]) if "rnames" in b else None),
    ),
    "GET on an application address is a page": (
        "U19",
        lambda e: replace(e, body="<html></html>") if e.path.endswith("getNumJobs.php") and e.method == "GET" else e,
    ),
    "a page comes with 200": ("J11", whole("getNumJobs", body="<html>sorry</html>")),
    "polls are limited": ("U27", whole("checkProductStatus", status=429)),
}
"""Deviations in words: the rule that each contradicts, and how it changes an exchange."""

SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "five jobs may be active": ("U6", {"limits.active_jobs": 5}),
    "products are kept for a month": ("U7", {"retention.days": 30}),
    "products are kept for an hour": ("U7", {"retention.days": 1 / 24}),
    "builds are requested for a minute": ("S1", {"queue.requested_s": 200}),
    "minsnr has another default": ("C7", {"defaults.minsnr": 2.0}),
    "the version is another": ("U1", {"api.version": "1.13"}),
    "builds cannot be requested": ("C15", {"outcomes.not_requested": 1.0}),
}
"""Deviations of a served simulator in words: the rule, and its settings."""


def deviate(made: Iterable[Recorded], edit: Callable[[Exchange], Exchange]) -> list[Recorded]:
    """Return a recording with every exchange edited."""
    return [replace(each, exchange=edit(each.exchange)) for each in made]
