"""Rules between calls: a small model of the service that reads exchanges and reports contradictions.

It is written independently of any server. It knows only what a caller can know: submissions, answers and cancellations.
Pure but for its memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import documents
from .checks import Finding
from .protocol import PRODUCTS, RESOLVING, archive_members, asked_products, names_in, succeeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .harness import Exchange

_STAGE = {1: 1, 2: 2, 5: 3, 3: 4, 4: 5, -3: 5, -1: 5, -2: 5, -4: 5}
"""Position of each status code in a product's life; it never decreases."""
PRODUCT_OF_RESULT = {
    "getPSFPos": "psf",
    "getEnhPos": "enh",
    "getXastromPos": "xastrom",
    "getAstromPos": "xastrom",
    "getSourceDetResults": "sourceDet",
    "getLCData": "lc",
    "getSpecData": "spec",
}
"""Short name of the product that each operation is about."""
_PRODUCT_OF_LIST_KEY = {
    "LightCurve": "lc",
    "Spectrum": "spec",
    "StandardPos": "psf",
    "EnhancedPos": "enh",
    "AstromPos": "xastrom",
    "Image": "image",
}


def ended(code: int) -> bool:
    """Whether a status code is final."""
    return code < 0 or code == 4


@dataclass
class Known:
    """What a caller knows of one job.

    Parameters
    ----------
    owner
        Who submitted it, in lower case.
    job_pars
        As answered on submission, without what depends on the caller.
    products
        Short names of its products.
    name
        The object's name.
    codes
        Last status code seen of each product.
    current
        Products whose code was seen at the present simulated time.
    has_products
        Whether its files are kept, as last listed; True is forgotten when time moves.
    results, numbers
        Answers about its results, and the numbers in them by place, whatever the form.
    progress
        Sum of the states of the steps, and the time running, of each product as last seen.
    """

    owner: str
    job_pars: dict[str, Any]
    products: set[str]
    name: str
    codes: dict[str, int] = field(default_factory=dict)
    current: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    has_products: bool | None = None
    results: dict[str, Any] = field(default_factory=dict)
    numbers: dict[tuple[str, ...], list[float]] = field(default_factory=dict)
    progress: dict[str, tuple[int, str]] = field(default_factory=dict)

    def ended(self, product: str) -> bool | None:
        """Whether a product has ended; None if that is not known now."""
        code = self.codes.get(product)
        if code is not None and ended(code):
            return True
        return False if product in self.current else None

    @property
    def any_ended(self) -> bool | None:
        """Whether some product has ended; None if that is not known now."""
        states = [self.ended(product) for product in self.products]
        return True if True in states else None if None in states else False

    @property
    def finished(self) -> bool | None:
        """Whether every product has ended; None if that is not known now."""
        states = [self.ended(product) for product in self.products]
        return False if False in states else None if None in states else True


class History:
    """Memory of calls that reports contradictions between them.

    Parameters
    ----------
    complete
        Whether every submission since the server's start is observed; then jobs without a submission are reported.
    still
        Whether simulated time moves only when :meth:`time_moved` says so; then nothing ends between two calls.
    active_limit
        Active jobs that one user may have; not compared if None.
    """

    def __init__(self, *, complete: bool = False, still: bool = False, active_limit: int | None = None) -> None:
        self.jobs: dict[int, Known] = {}
        self._rebinnings: dict[int, dict[str, Any]] = {}
        self._complete = complete
        self._still = still
        self._limit = active_limit
        self._handlers: dict[str, Callable[[Exchange], Iterator[str]]] = {
            "run_userobject": self._submitted,
            "checkProductStatus": self._status,
            "canceljob": self._cancelled,
            "getNumJobs": self._counted,
            "listOldJobs": self._listed,
            "getOldProduct": self._old_parameters,
            "downloadProduct": self._downloaded,
            "main": self._main,
            **dict.fromkeys(PRODUCT_OF_RESULT, self._result),
        }

    def observe(self, exchange: Exchange) -> list[Finding]:
        """Return what contradicts earlier exchanges. Exchanges have to come in the order of the wire."""
        operation = documents.operation_for(exchange.method, exchange.path)
        handler = self._handlers.get(operation or "")
        if operation is None or handler is None:
            return []
        try:
            words = list(handler(exchange))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            lacks = f"lacks {error.args[0]}" if isinstance(error, KeyError) else "has another form than documented"
            words = [f"the answer {lacks}, so it cannot be compared with later ones"]
        return [Finding("history", operation, text, str(exchange)) for text in words]

    def time_moved(self) -> None:
        """Record that simulated time has moved: products that had not ended may have ended."""
        for job in self.jobs.values():
            job.current.clear()
            job.has_products = None if job.has_products else job.has_products

    # writing --------------------------------------------------------------------------------------------------

    def _submitted(self, exchange: Exchange) -> Iterator[str]:
        if not succeeded(exchange):
            return
        number, pars = int(exchange.body["JobID"]), exchange.body["jobPars"]
        if self.jobs and number <= max(self.jobs):
            yield f"job {number} was given a number that is not above the last, {max(self.jobs)}"
        owner = str(exchange.request["UserID"]).casefold()
        if self._limit is not None and self._least_active(owner) >= self._limit:
            yield f"a job was accepted although {owner} had {self._limit} active ones, which is the limit"
        job = Known(owner, _without_caller(pars), asked_products(pars), str(pars.get("name")))
        if self._still:
            job.current |= job.products  # nothing has ended at the instant of submission
        self.jobs[number] = job

    def _least_active(self, owner: str) -> int:
        """Return how many jobs of a user are active for certain."""
        return sum(1 for job in self.jobs.values() if job.owner == owner and job.finished is False)

    def _cancelled(self, exchange: Exchange) -> Iterator[str]:
        job = self._job_of(exchange)
        yield from self._wrong_owner(exchange, job)
        if job is None or not succeeded(exchange):
            return
        for name, code in exchange.body["statusCodes"].items():
            if (code == 2) != (name not in job.products):
                yield f"cancelling {name} was answered with {code}; the job has {sorted(job.products)}"
            if code == 0 and job.ended(name):
                yield f"{name} was cancelled, though its status had been {job.codes[name]}"
            if code == 1 and job.ended(name) is False:
                before = f"its status was {job.codes[name]}" if name in job.codes else "it had not ended"
                yield f"{name} could not be cancelled, though {before}"
            if code == 0:
                job.codes[name] = -4
                job.cancelled.add(name)

    # looking --------------------------------------------------------------------------------------------------

    def _status(self, exchange: Exchange) -> Iterator[str]:
        job = self._job_of(exchange)
        yield from self._wrong_owner(exchange, job)
        if job is None or not succeeded(exchange):
            return
        for name in names_in(exchange.request["what"]):
            code = exchange.body[name]["statusCode"]
            if (code is None) != (name not in job.products):
                yield f"{name} has the status {code}; the job has {sorted(job.products)}"
            if code not in _STAGE:  # the check of the answer names a status that does not exist
                continue
            before = job.codes.get(name)
            if before is not None and (_STAGE[code] < _STAGE[before] or (ended(before) and code != before)):
                yield f"the status of {name} went from {before} to {code}"
            if code == -4 and name not in job.cancelled:
                yield f"{name} is cancelled, though no call cancelled it"
            if code == 5 and name != "xastrom":
                yield f"{name} has the status 5, which only an astrometric position has"
            job.codes[name] = code
            yield from _backwards(job, name, exchange.body[name].get("progress", {}))
            if self._still:
                job.current.add(name)

    def _counted(self, exchange: Exchange) -> Iterator[str]:
        if not succeeded(exchange) or not self._complete:
            return
        owner = str(exchange.request["UserID"]).casefold()
        jobs = [job for job in self.jobs.values() if job.owner == owner]
        number = exchange.body["numJobs"]
        most = sum(1 for job in jobs if job.finished is not True)
        least = self._least_active(owner)
        if not least <= number <= most:
            yield f"{number} active jobs were counted; by their statuses there are {least} to {most}"

    def _listed(self, exchange: Exchange) -> Iterator[str]:
        if not succeeded(exchange):
            return
        owner = str(exchange.request["UserID"]).casefold()
        entries = {entry["JobID"]: entry for entry in exchange.body["jobs"]}
        mine = {number for number, job in self.jobs.items() if job.owner == owner}
        if missing := mine - entries.keys():
            yield f"the list lacks the jobs {sorted(missing)[:5]}"
        for number, entry in entries.items():
            job = self.jobs.get(number)
            if job is None:
                if self._complete:
                    yield f"the list has job {number}, which was never submitted"
                continue
            if job.owner != owner:
                yield f"the list shows job {number}, which belongs to another user"
            flags = {short for key, short in _PRODUCT_OF_LIST_KEY.items() if entry[key]}
            if flags != job.products & set(_PRODUCT_OF_LIST_KEY.values()):
                yield f"job {number} is listed with {sorted(flags)}; it has {sorted(job.products)}"
            if entry["Name"] != job.name:
                yield f"job {number} is listed as {entry['Name']!r}; its name is {job.name!r}"
            if job.has_products is False and entry["hasProd"]:
                yield f"the products of job {number} came back"
            if not entry["hasProd"] and job.finished is False:
                yield f"the products of job {number} are gone, though it has not ended"
            job.has_products = entry["hasProd"] if self._still or not entry["hasProd"] else None

    def _old_parameters(self, exchange: Exchange) -> Iterator[str]:
        job = self._job_of(exchange, "oldJob")
        yield from self._wrong_owner(exchange, job)
        if job is None or not succeeded(exchange):
            return
        now = _without_caller(exchange.body["jobPars"])
        for key in sorted(now.keys() | job.job_pars.keys()):
            if now.get(key) != job.job_pars.get(key):
                yield f"jobPars has {key} {now.get(key)!r}; on submission it was {job.job_pars.get(key)!r}"

    def _result(self, exchange: Exchange) -> Iterator[str]:
        product = PRODUCT_OF_RESULT[str(documents.operation_for(exchange.method, exchange.path))]
        job, request = self._job_of(exchange), exchange.request
        yield from self._wrong_owner(exchange, job)
        if job is None or not succeeded(exchange):
            return
        if product not in job.products:
            yield f"a result was sent for {product}, which the job does not have"
        code = job.codes.get(product)
        if (job.ended(product) and code != 4) or job.ended(product) is False:
            state = "which has not ended" if code is None else f"whose status is {code}"
            yield f"a result was sent for {product}, {state}"
        key = f"{product} {[request.get(switch) for switch in ('api_version', 'nosys', 'incbad')]}"
        if key in job.results and job.results[key] != exchange.body:
            yield f"the result of {product} is not what it was"
        job.results[key] = exchange.body
        yield from _other_settings(exchange.body, job.job_pars)
        found = numbers_by_place(exchange.body)
        for place, values in found.items():
            before = job.numbers.setdefault(place, values)
            same = (math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-9) for a, b in zip(values, before, strict=False))
            if len(values) != len(before) or not all(same):  # but for their digits
                yield f"{'/'.join(place)} is {values[:3]} in one answer and {before[:3]} in another"

    def _main(self, exchange: Exchange) -> Iterator[str]:
        if not succeeded(exchange):
            return
        request, body = exchange.request, exchange.body
        function = request.get("APIFunc")
        if function == "rebinLightCurve":
            number = int(body["JobID"])
            if self._rebinnings and number <= max(self._rebinnings):
                yield f"rebinning {number} was given a number that is not above the last, {max(self._rebinnings)}"
            self._rebinnings[number] = request
        if function == "downloadLightCurve" and request.get("type") == "REBIN_LC":
            asked = self._rebinnings.get(int(request["objectID"]), {})
            binning, form = _REBINNING.get(str(asked.get("binMeth"))), _FORMATS.get(str(asked.get("timeFormat")))
            if binning and body.get("Binning", binning) != binning:
                yield f"Binning is {body['Binning']!r}; binMeth {asked['binMeth']!r} was asked for"
            if form and body.get("TimeFormat", form) != form:
                yield f"TimeFormat is {body['TimeFormat']!r}; timeFormat {asked['timeFormat']!r} was asked for"

    def _downloaded(self, exchange: Exchange) -> Iterator[str]:
        directory, file = exchange.path.rsplit("/", 2)[-2:]
        stem = file.split(".", 1)[0]
        number = directory.rsplit("_", 1)[-1]
        job = self.jobs.get(int(number)) if number.isascii() and number.isdigit() else None
        if job is None:
            if self._complete and exchange.status == 200:
                yield "an archive was sent for a job that was never submitted"
            return
        has_ended = job.any_ended if stem == "all" else job.ended(stem)  # all: everything built (documented), so far
        if exchange.status == 404:
            if has_ended and job.has_products:
                yield f"no archive was sent for {stem}, though it has ended and products are kept"
        elif exchange.status == 200:
            if stem != "all" and stem not in job.products:
                yield f"an archive was sent for {stem}, which the job does not have"
            if has_ended is False:
                yield f"an archive was sent for {stem}, which has not ended"
            if job.has_products is False:
                yield f"an archive was sent for job {directory}, whose products are gone"
            if has_ended:
                members = archive_members(file, exchange.content) or []
                inside = {member.split("/")[1] for member in members if member.count("/")} & set(PRODUCTS)
                built = {name for name in job.products if job.ended(name)} if stem == "all" else {stem}
                unknown = {name for name in job.products if job.ended(name) is None} if stem == "all" else set()
                if not built <= inside <= built | unknown:
                    yield f"the archive holds {sorted(inside)}; it should hold {sorted(built)}"

    # ----------------------------------------------------------------------------------------------------------

    def _job_of(self, exchange: Exchange, key: str = "JobID") -> Known | None:
        text = str(exchange.request.get(key, "")) if isinstance(exchange.request, dict) else ""
        return self.jobs.get(int(text)) if text.isascii() and text.isdigit() else None

    def _wrong_owner(self, exchange: Exchange, job: Known | None) -> Iterator[str]:
        if not succeeded(exchange):
            return
        if job is None:
            if self._complete:
                yield "the answer is about a job that was never submitted"
        elif job.owner != str(exchange.request.get("UserID", "")).casefold():
            yield f"a job of {job.owner} was shown to {exchange.request.get('UserID')}"


def _backwards(job: Known, product: str, progress: dict[str, Any]) -> Iterator[str]:
    """Yield where the progress of a running product goes back; remember it."""
    if progress.get("GotProgress") != 1:
        return
    now = sum(step["StepStatus"] for step in progress["ProgressSteps"]), str(progress["TimeRunning"])
    before = job.progress.get(product, now)
    if now[0] < before[0]:
        yield f"the progress of {product} went back"
    if (len(now[1]), now[1]) < (len(before[1]), before[1]):
        yield f"the time that {product} has been running went from {before[1]} to {now[1]}"
    job.progress[product] = now


_BINNING = {"counts": "Counts", "time": "Time", "obsid": "Observation", "snapshot": "Snapshot"}
_REBINNING = {**_BINNING, "obsid": "ObsID"}
_FORMATS = {"MJD": "MJD", "mjd": "MJD", "m": "MJD"}
_TIME_FORMATS = {"s": {"MET", "Swift MET"}, "m": {"MJD"}}
_AS_NEW = {"t_+ve": "timepos", "t_-ve": "timeneg"}
"""Columns of old answers, by their new names."""


def _other_settings(body: dict[str, Any], pars: dict[str, Any]) -> Iterator[str]:
    """Yield where a result says that it was made with other settings than the job's."""
    binning, form = _BINNING.get(str(pars.get("binMeth"))), _TIME_FORMATS.get(str(pars.get("lctimetype")))
    if "Binning" in body and binning and body["Binning"] != binning:
        yield f"Binning is {body['Binning']!r}; the job has binMeth {pars['binMeth']!r}"
    if "TimeFormat" in body and form and body["TimeFormat"] not in form:
        yield f"TimeFormat is {body['TimeFormat']!r}; the job has lctimetype {pars['lctimetype']!r}"
    if "Binning" in body and "T0" not in body and pars.get("Tstart") not in (None, ""):
        yield "T0 is not sent, though it is known"
    for key, name in (("T0", "Tstart"), ("DeltaFitStat", "dchi")):
        if key in body and isinstance(pars.get(name), int | float) and abs(body[key] - pars[name]) > 1e-3:
            yield f"{key} is {body[key]}; the job has {name} {pars[name]}"


def numbers_by_place(body: dict[str, Any]) -> dict[tuple[str, ...], list[float]]:
    """Return the numbers of light curves and spectra by place, the same in the forms for old and new callers."""
    found: dict[tuple[str, ...], list[float]] = {}
    for name, value in body.items():
        if not isinstance(value, dict):
            continue
        if isinstance(value.get("columns"), list):
            for at, column in enumerate(value["columns"]):
                new = _AS_NEW.get(column.lower(), column.lower())
                if column != "ObsID":
                    found[name, new] = [_number(row[at]) for row in value["data"]]
            continue
        for mode in ("WT", "PC"):
            numbers = value.get(mode)
            for key, number in {**numbers, **numbers.get("PowerLaw", {})}.items() if isinstance(numbers, dict) else ():
                if isinstance(number, int | float):
                    found[name, mode, key.lower()] = [float(number)]
        for key in ("Start", "start", "Stop", "stop"):
            if key in value:
                found[name, key.lower()] = [_number(value[key])]
    return found


def _number(value: Any) -> float:
    """Return a number, also one that is written as text; -1 for what is no number or infinite, so that it is equal."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return -1.0
    return number if math.isfinite(number) else -1.0


def _without_caller(job_pars: dict[str, Any]) -> dict[str, Any]:
    """Return jobPars without the keys that depend on the caller."""
    return {key: value for key, value in job_pars.items() if key not in {*RESOLVING, "outdir"}}
