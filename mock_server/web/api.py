"""Operations of the service: read, ask, answer. Always HTTP 200 with JSON labelled as HTML (documented)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..core.errors import ParametersRefused, Refusal
from ..core.model import Caller, Product
from ..core.validation import shown
from ..service.bursts import KINDS_OF_POSITIONS, read_slices
from ..submission.names import nearest_misses
from . import wire
from .call import Answer, Call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..scenario.scenario import Epoch

    Raw = Mapping[str, Any]
    Operation = Callable[[Call, Raw, Caller], dict[str, Any]]
    Body = Callable[[], bytes]

_NO_DEPRECATION = "getSourceDetResults"  # clients take every further key there for a band
_KNOWS_DEPRECATION = (1, 10)
_NEWEST = (1, 12)

MAX_BODY_BYTES = 1 << 20
"""Longest request that is read."""

OPERATIONS: list[str] = []
"""Names of the operations, as in the contract, in the journal and in faults."""

ADDRESSES: dict[str, tuple[str, Callable[[Call, Body], Answer]]] = {}
"""What answers at each path, and its name; it takes a function that returns the body of the request or refuses it."""

_MAIN: dict[str, Operation] = {}
"""Functions of ``main.php``, which share one address and an envelope of their own."""


# how calls are answered --------------------------------------------------------------------------------------------


def operation(name: str, path: str) -> Callable[[Operation], Operation]:
    """Decorator that answers calls of an operation at a path below ``user_objects``."""

    def register(answer: Operation) -> Operation:
        OPERATIONS.append(name)
        ADDRESSES[f"/user_objects/{path}"] = name, partial(reply, name, answer)
        return answer

    return register


def main_function(name: str) -> Callable[[Operation], Operation]:
    """Decorator that answers calls of a function of ``main.php``."""

    def register(answer: Operation) -> Operation:
        OPERATIONS.append(name)
        _MAIN[name] = answer
        return answer

    return register


def reply(name: str, answer_to: Operation, call: Call, body: Body) -> Answer:
    """Read a request, let an operation answer it, and add the keys that every answer has."""
    caller = Caller()
    call.operation = name
    try:
        raw = wire.read_body(body())
        caller = wire.read_caller(raw)
        call.user = str(raw.get("UserID") or "")[:320]
        call.meet_fault()
        answer = answer_to(call, raw, caller)
    except Refusal as refusal:
        call.note_refusal(refusal)
        answer = wire.refused(refusal)
    epoch = call.moment.epoch
    sent = caller.api_version or ()
    mirrored = epoch["api.mirror_caller"] and len(sent) > 1  # no client can read a version of one number
    answer["APIVersion"] = ".".join(map(str, sent)) if mirrored else epoch["api.version"]
    message = epoch["api.deprecation_message"]
    if message and name != _NO_DEPRECATION and (caller.api_version or _NEWEST) >= _KNOWS_DEPRECATION:
        answer["deprecationWarning"] = {"type": epoch["api.deprecation_type"] or "API", "message": message}
    return encode(answer, epoch)


def reply_main(call: Call, body: Body) -> Answer:
    """Answer ``main.php``: the function to call is in the body."""
    call.operation = "main"
    try:
        raw = wire.read_body(body())
        function = raw.get("APIFunc")
        if not isinstance(function, str) or function not in _MAIN:
            raise Refusal(f"The function {function} is not known here; known: {', '.join(_MAIN)}")
        call.operation = function
        call.meet_fault()
        answer = _MAIN[function](call, raw, Caller())
    except Refusal as refusal:
        call.note_refusal(refusal)
        answer = wire.main_refused(refusal)
    epoch = call.moment.epoch
    return encode(answer | {"APIVersion": epoch["api.component_version"]}, epoch)


ADDRESSES["/API/main.php"] = "main", reply_main


def encode(answer: Mapping[str, Any], epoch: Epoch) -> Answer:
    """Return an answer as it is sent."""
    label = "application/json" if epoch["api.json_label"] else "text/html; charset=UTF-8"
    return Answer(label, (wire.as_text(answer).encode(),))


def read_job_id(call: Call, raw: Raw, key: str = "JobID") -> int:
    """Return the number of the job that a request is about, and note it for the journal."""
    call.job_id = wire.read_number(raw, key)
    return call.job_id


# jobs --------------------------------------------------------------------------------------------------------------


@operation("run_userobject", "run_userobject.php")
def submit(call: Call, raw: Raw, caller: Caller) -> dict[str, Any]:
    call.hints = nearest_misses(raw)
    jobs = call.simulation.jobs
    job = jobs.submit(raw, call.fault)
    call.job_id = job.job_id
    return wire.submitted(job, jobs.job_url(job.job_id), caller)


@operation("canceljob", "canceljob.php")
def cancel(call: Call, raw: Raw, _caller: Caller) -> dict[str, Any]:
    user, job_id, names = wire.read_user(raw), read_job_id(call, raw), wire.read_wanted_names(raw)
    codes = call.simulation.jobs.cancel(user, job_id, names)
    if any(codes.values()):
        call.outcome = "partial"
    return wire.cancelled(job_id, codes)


@operation("checkProductStatus", "checkProductStatus.php")
def status(call: Call, raw: Raw, _caller: Caller) -> dict[str, Any]:
    user, job_id, names = wire.read_user(raw), read_job_id(call, raw), wire.read_wanted_names(raw)
    found = call.simulation.jobs.status(user, job_id, names, wire.read_names(raw, "whatProg"), call.moment)
    return wire.statuses(job_id, found)


@operation("getNumJobs", "getNumJobs.php")
def count(call: Call, raw: Raw, _caller: Caller) -> dict[str, Any]:
    return wire.counted(call.simulation.jobs.count(wire.read_user(raw), call.moment))


@operation("listOldJobs", "listOldJobs.php")
def list_jobs(call: Call, raw: Raw, _caller: Caller) -> dict[str, Any]:
    return {"OK": 1, "jobs": call.simulation.jobs.kept_list(wire.read_user(raw), call.moment, wire.listed)}


@operation("getOldProduct", "getOldProduct.php")
def old_parameters(call: Call, raw: Raw, caller: Caller) -> dict[str, Any]:
    jobs = call.simulation.jobs
    job = jobs.old_job(wire.read_user(raw), read_job_id(call, raw, "oldJob"))
    return wire.old_parameters(job, jobs.job_url(job.job_id), caller)


# contents of products ----------------------------------------------------------------------------------------------


def contents(call: Call, raw: Raw, product: Product) -> Any:
    return call.simulation.contents.answer(wire.read_user(raw), read_job_id(call, raw), product, moment=call.moment)


def position(product: Product, call: Call, raw: Raw, _caller: Caller) -> dict[str, Any]:
    return wire.position(product, contents(call, raw, product))


for _name, _product in {
    "getPSFPos": Product.STANDARD_POS,
    "getEnhPos": Product.ENHANCED_POS,
    "getXastromPos": Product.ASTROM_POS,  # documented name
    "getAstromPos": Product.ASTROM_POS,  # clients from 3.0.0
}.items():
    operation(_name, f"tprods/{_name}.php")(partial(position, _product))


@operation("getSourceDetResults", "tprods/getSourceDetResults.php")
def sources(call: Call, raw: Raw, _caller: Caller) -> dict[str, Any]:
    return wire.sources(contents(call, raw, Product.SOURCE_DET))


@operation("getLCData", "tprods/getLCData.php")
def light_curve(call: Call, raw: Raw, caller: Caller) -> dict[str, Any]:
    user, job_id = wire.read_user(raw), read_job_id(call, raw)
    variants = (wire.read_variant(raw, "nosys", "no"), wire.read_variant(raw, "incbad", "no"))
    tables = call.simulation.contents.answer(user, job_id, Product.LIGHT_CURVE, *variants, moment=call.moment)
    return wire.light_curve(tables, caller)


@operation("getSpecData", "tprods/getSpecData.php")
def spectra(call: Call, raw: Raw, caller: Caller) -> dict[str, Any]:
    return wire.spectra(contents(call, raw, Product.SPECTRUM), caller)


# light curves binned anew, and the repository of bursts --------------------------------------------------------------


def _refuse_type(raw: Raw, function: str, known: tuple[str, ...]) -> str:
    """Return the type of the object that a function of ``main.php`` is about, or refuse another one."""
    kind = raw.get("type")
    if kind not in known:
        if kind in (None, ""):
            raise ParametersRefused(missing=["type"])
        raise ParametersRefused(invalid=[f"type is {shown(kind)}, but {function} needs one of: {', '.join(known)}"])
    return str(kind)


@main_function("rebinLightCurve")
def rebin(call: Call, raw: Raw, _caller: Caller) -> dict[str, Any]:
    if _refuse_type(raw, "rebinLightCurve", ("UOB_LC", "GRB")) == "GRB":
        started = call.simulation.bursts.rebin(wire.read_number(raw, "objectID"), wire.read_rebin(raw))
    else:
        started = call.simulation.contents.rebin(read_job_id(call, raw, "objectID"), wire.read_rebin(raw))
    return {"OK": 1, "JobID": started.rebin_id}


@main_function("checkRebinStatus")
@main_function("checkSliceStatus")
def rebin_status(call: Call, raw: Raw, _caller: Caller) -> dict[str, Any]:
    code = call.simulation.contents.rebin_status(wire.read_number(raw, "JobID"), call.moment)
    return {"OK": 1, "status": int(code), "text": wire.status_text(code)}


@main_function("cancelRebin")
@main_function("cancelSlice")
def cancel_rebin(call: Call, raw: Raw, _caller: Caller) -> dict[str, Any]:
    call.simulation.contents.cancel_rebin(wire.read_number(raw, "JobID"))
    return {"OK": 1}


@main_function("downloadLightCurve")
def rebinned(call: Call, raw: Raw, _caller: Caller) -> dict[str, Any]:
    kind = _refuse_type(raw, "downloadLightCurve", ("REBIN_LC", "GRB"))
    nosys, incbad = wire.read_variant(raw, "nosys", "no"), wire.read_variant(raw, "incbad", "yes")
    number, bursts = wire.read_number(raw, "objectID"), call.simulation.bursts
    if kind == "GRB":
        tables = bursts.light_curve(number, nosys, incbad, call.moment)
    elif bursts.of_request(number):
        tables = bursts.requested(number, Product.LIGHT_CURVE, call.moment, nosys, incbad)
    else:
        tables = call.simulation.contents.rebinned_light_curve(number, nosys, incbad, call.moment)
    if tables is None:
        return {"OK": 1, "NOLC": 1, "Datasets": []}
    return wire.tables_first({"OK": 1} | dict(tables))


@main_function("GRBNameToTargetID")
def burst_target(call: Call, raw: Raw, _caller: Caller) -> dict[str, Any]:
    target = call.simulation.bursts.target(wire.read_text(raw, "name"), call.moment.now)
    return {"OK": 1, "NOTFOUND": 1} if target is None else {"OK": 1, "targetID": target}


@main_function("downloadSpectrum")
def burst_spectra(call: Call, raw: Raw, caller: Caller) -> dict[str, Any]:
    kind = _refuse_type(raw, "downloadSpectrum", ("GRB", "timeslice"))
    number, bursts = wire.read_number(raw, "objectID"), call.simulation.bursts
    if kind == "GRB":
        found = bursts.spectra(number, call.moment)
    else:
        found = bursts.requested(number, Product.SPECTRUM, call.moment)
    return {"OK": 1, "NoSpectrum": 1} if found is None else wire.spectra(found, caller)


@main_function("getGRBPositions")
def burst_positions(call: Call, raw: Raw, _caller: Caller) -> dict[str, Any]:
    wanted = wire.read_words(raw, "posToGet", KINDS_OF_POSITIONS)
    return {"OK": 1} | call.simulation.bursts.positions(wire.read_number(raw, "targetID"), wanted, call.moment)


@main_function("timesliceSpectrum")
def slice_spectrum(call: Call, raw: Raw, _caller: Caller) -> dict[str, Any]:
    target, slices = wire.read_number(raw, "targetID"), read_slices(raw)
    changed = wire.read_spectrum(raw)
    return {"OK": 1, "JobID": call.simulation.bursts.slice_spectrum(target, slices, changed).rebin_id}
