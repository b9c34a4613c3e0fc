"""The service's own operations: read, ask, answer. Always HTTP 200 with JSON labelled as HTML (documented)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Blueprint, Response, current_app, g, request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from ..core.errors import BodyRefused, Refusal
from ..core.model import Caller, Product
from ..submission.names import nearest_misses
from . import faults, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from wsgiref.types import WSGIEnvironment

    from werkzeug.datastructures import Headers

    from ..service.simulation import Simulation

    Raw = Mapping[str, Any]
    Operation = Callable[["Simulation", Raw, Caller], dict[str, Any]]

api = Blueprint("api", __name__)

_NO_DEPRECATION = "getSourceDetResults"  # clients take every further key there for a band
_KNOWS_DEPRECATION = (1, 10)
_NEWEST = (1, 12)


_HEADERS = (("Content-Type", "text/html; charset=UTF-8"),)


class _Whole(Response):
    """An answer whose body and headers are known as they are: nothing is left to be found out when it is sent."""

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:  # noqa: ARG002 - werkzeug's signature
        """Return the headers; that of the length came with the body."""
        return self.headers


class _Path(NamedTuple):
    """Where an operation lives; `main` operations share one address and an envelope of their own."""

    operation: str
    answer: Operation


def _submit(sim: Simulation, raw: Raw, caller: Caller) -> dict[str, Any]:
    noted = vars(g)
    noted["hints"] = nearest_misses(raw)
    job = sim.jobs.submit(raw, noted.get("fault"))
    noted["job_id"] = job.job_id
    return wire.submitted(job, sim.jobs.job_url(job.job_id), caller)


def _cancel(sim: Simulation, raw: Raw, _caller: Caller) -> dict[str, Any]:
    user, job_id, names = wire.read_user(raw), _job_id(raw), wire.read_wanted_names(raw)
    codes = sim.jobs.cancel(user, job_id, names)
    if any(codes.values()):
        g.outcome = "partial"
    return wire.cancelled(job_id, codes)


def _status(sim: Simulation, raw: Raw, _caller: Caller) -> dict[str, Any]:
    user, job_id, names = wire.read_user(raw), _job_id(raw), wire.read_wanted_names(raw)
    return wire.statuses(job_id, sim.jobs.status(user, job_id, names, wire.read_names(raw, "whatProg")))


def _count(sim: Simulation, raw: Raw, _caller: Caller) -> dict[str, Any]:
    return wire.counted(sim.jobs.count(wire.read_user(raw)))


def _list(sim: Simulation, raw: Raw, _caller: Caller) -> dict[str, Any]:
    return wire.listed(sim.jobs.list_jobs(wire.read_user(raw)))


def _old_parameters(sim: Simulation, raw: Raw, caller: Caller) -> dict[str, Any]:
    job = sim.jobs.old_job(wire.read_user(raw), _job_id(raw, "oldJob"))
    return wire.old_parameters(job, sim.jobs.job_url(job.job_id), caller)


def _position_of(product: Product) -> Operation:
    def position(sim: Simulation, raw: Raw, _caller: Caller) -> dict[str, Any]:
        return wire.position(product, sim.contents.position(wire.read_user(raw), _job_id(raw), product))

    return position


def _sources(sim: Simulation, raw: Raw, _caller: Caller) -> dict[str, Any]:
    return wire.sources(sim.contents.sources(wire.read_user(raw), _job_id(raw)))


def _light_curve(sim: Simulation, raw: Raw, caller: Caller) -> dict[str, Any]:
    user, job_id = wire.read_user(raw), _job_id(raw)
    nosys, incbad = wire.read_variant(raw, "nosys", "no"), wire.read_variant(raw, "incbad", "no")
    return wire.light_curve(sim.contents.light_curve(user, job_id, nosys, incbad), caller)


def _spectra(sim: Simulation, raw: Raw, caller: Caller) -> dict[str, Any]:
    return wire.spectra(sim.contents.spectra(wire.read_user(raw), _job_id(raw)), caller)


def _rebin(sim: Simulation, raw: Raw, _caller: Caller) -> dict[str, Any]:
    rebin = sim.contents.rebin(_job_id(raw, "objectID"), wire.read_rebin(raw))
    return {"OK": 1, "JobID": rebin.rebin_id}


def _rebin_status(sim: Simulation, raw: Raw, _caller: Caller) -> dict[str, Any]:
    code = sim.contents.rebin_status(wire.read_number(raw, "JobID"))
    return {"OK": 1, "status": int(code), "text": wire.status_text(code)}


def _cancel_rebin(sim: Simulation, raw: Raw, _caller: Caller) -> dict[str, Any]:
    sim.contents.cancel_rebin(wire.read_number(raw, "JobID"))
    return {"OK": 1}


def _rebinned(sim: Simulation, raw: Raw, _caller: Caller) -> dict[str, Any]:
    nosys, incbad = wire.read_variant(raw, "nosys", "no"), wire.read_variant(raw, "incbad", "yes")
    tables = sim.contents.rebinned_light_curve(wire.read_number(raw, "objectID"), nosys, incbad)
    return wire.tables_first({"OK": 1} | dict(tables))


_PATHS = {
    "run_userobject.php": _Path("run_userobject", _submit),
    "canceljob.php": _Path("canceljob", _cancel),
    "checkProductStatus.php": _Path("checkProductStatus", _status),
    "getNumJobs.php": _Path("getNumJobs", _count),
    "listOldJobs.php": _Path("listOldJobs", _list),
    "getOldProduct.php": _Path("getOldProduct", _old_parameters),
    "tprods/getPSFPos.php": _Path("getPSFPos", _position_of(Product.STANDARD_POS)),
    "tprods/getEnhPos.php": _Path("getEnhPos", _position_of(Product.ENHANCED_POS)),
    "tprods/getXastromPos.php": _Path("getXastromPos", _position_of(Product.ASTROM_POS)),  # documented name
    "tprods/getAstromPos.php": _Path("getAstromPos", _position_of(Product.ASTROM_POS)),  # clients from 3.0.0
    "tprods/getSourceDetResults.php": _Path("getSourceDetResults", _sources),
    "tprods/getLCData.php": _Path("getLCData", _light_curve),
    "tprods/getSpecData.php": _Path("getSpecData", _spectra),
}
_MAIN = {
    "rebinLightCurve": _rebin,
    "checkRebinStatus": _rebin_status,
    "cancelRebin": _cancel_rebin,
    "downloadLightCurve": _rebinned,
}
OPERATIONS = (*(path.operation for path in _PATHS.values()), *_MAIN)
"""Names of the operations, as in the contract, in the journal and in faults."""


def _view(path: _Path) -> Callable[[], Response]:
    def view() -> Response:
        sim: Simulation = current_app.extensions["xrt_mock"]
        noted = vars(g)  # for the journal
        noted["operation"] = path.operation
        caller = Caller()
        try:
            raw = _body()
            caller = wire.read_caller(raw)
            noted["user"] = str(raw.get("UserID") or "")[:320]
            faults.meet(sim, path.operation)
            answer = path.answer(sim, raw, caller)
        except Refusal as refusal:
            answer = wire.refused(_noted(refusal))
        return reply(_with_version(sim, answer, caller, path.operation))

    return view


def _with_version(sim: Simulation, answer: dict[str, Any], caller: Caller, operation: str) -> dict[str, Any]:
    """Add what every answer carries: the version, and a warning while the service has one to give."""
    epoch = sim.jobs.epoch()
    sent = caller.api_version or ()
    mirrored = epoch["api.mirror_caller"] and len(sent) > 1  # no client can read a version of one number
    answer["APIVersion"] = ".".join(map(str, sent)) if mirrored else epoch["api.version"]
    message = epoch["api.deprecation_message"]
    if message and operation != _NO_DEPRECATION and (caller.api_version or _NEWEST) >= _KNOWS_DEPRECATION:
        answer["deprecationWarning"] = {"type": epoch["api.deprecation_type"] or "API", "message": message}
    return answer


def _main() -> Response:
    sim: Simulation = current_app.extensions["xrt_mock"]
    g.operation = "main"
    try:
        raw = _body()
        function = raw.get("APIFunc")
        if not isinstance(function, str) or function not in _MAIN:
            raise Refusal(f"The function {function} is not known here; known: {', '.join(_MAIN)}")
        g.operation = function
        faults.meet(sim, function)
        answer = _MAIN[function](sim, raw, Caller())
    except Refusal as refusal:
        answer = wire.main_refused(_noted(refusal))
    return reply(answer | {"APIVersion": sim.jobs.epoch()["api.component_version"]})


def _body() -> dict[str, Any]:
    try:
        return wire.read_body(_read())
    except RequestEntityTooLarge:
        raise BodyRefused("The data supplied are too long.") from None  # answers are always status 200 (documented)
    except (BadRequest, OSError):
        raise BodyRefused from None  # it ended early, or was no chunk


def _read() -> bytes:
    """Return the body. One whose length was told is read at once; werkzeug's way takes a tenth of a short call."""
    environ = request.environ
    told = environ.get("CONTENT_LENGTH") or ""
    plain = told.isdecimal() and len(told) < 16 and "HTTP_TRANSFER_ENCODING" not in environ
    if not plain or int(told) > current_app.config["MAX_CONTENT_LENGTH"]:
        return request.get_data(cache=False)
    body: bytes = environ["wsgi.input"].read(int(told))
    if len(body) < int(told):
        raise BadRequest
    return body


def _job_id(raw: Raw, key: str = "JobID") -> int:
    job_id = g.job_id = wire.read_number(raw, key)
    return job_id


def _noted(refusal: Refusal) -> Refusal:
    """Put a refusal into words for the journal."""
    missing, invalid = getattr(refusal, "missing", ()), getattr(refusal, "invalid", ())
    needed = [f"needed: {', '.join(missing)}"] if missing else []
    g.outcome, g.detail = "refused", "; ".join([str(refusal), *needed, *invalid])
    return refusal


def reply(answer: Mapping[str, Any]) -> Response:
    """Return the HTTP answer that carries a JSON object."""
    return _Whole(wire.as_text(answer), headers=_HEADERS)


for _address, _path in _PATHS.items():
    api.add_url_rule(f"/user_objects/{_address}", _path.operation, _view(_path), methods=["GET", "POST"])
api.add_url_rule("/API/main.php", "main", _main, methods=["GET", "POST"])
