"""Rules about an answer and its request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import documents
from ..documents import ContractViolation
from ..protocol import asked_products, names_in, succeeded, version_of
from .registry import rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ..harness import Exchange

_PRODUCTS_OF_GROUP = {
    "LightCurve": {"lc"},
    "Spectrum": {"spec"},
    "positions": {"psf", "enh", "xastrom"},
    "AstromPos": {"xastrom"},
    "Image": {"image"},
    "SourceDet": {"sourceDet"},
}
"""Short names of the products that a parameter of each ``x-product`` is about."""
_MAIN_ANSWERS = {
    "RebinLightCurve": {"RebinAccepted"},
    "CheckRebinStatus": {"RebinStatus"},
    "CancelRebin": {"RebinCancelled"},
    "DownloadLightCurve": {"RebinnedLightCurve", "NoLightCurve"},
    "NameBurst": {"BurstTarget", "NoSuchBurst"},
    "DownloadSpectrum": {"BurstSpectra", "NoBurstSpectra"},
    "FindPositions": {"BurstPositions"},
    "SliceSpectrum": {"RebinAccepted"},
    "CheckSliceStatus": {"RebinStatus"},
    "CancelSlice": {"RebinCancelled"},
    "OtherFunction": set(),
}


@rule()
def wrong_requests_are_refused(operation: str, exchange: Exchange) -> Iterator[str]:
    """A request outside the contract is not carried out."""
    if not documents.operation(operation).takes_json or not succeeded(exchange):
        return
    if not exchange.request_is_json:
        yield "a body that is not JSON was not refused"
    elif problem := clearly_wrong(operation, exchange.request):
        yield f"a request outside the contract was carried out: {problem}"


def clearly_wrong(operation: str, request: Any) -> str | None:
    """Return what is wrong with a request under every reading of its values, or None.

    A server may read text as a number, a number as text, other case, and blanks around a value. It may ignore
    parameters of products that the request does not ask for, and what a caller says about itself.
    """
    if not isinstance(request, dict):
        return "the body is not an object"
    request = {key: value for key, value in request.items() if key not in {"api_name", "api_version"}}
    if operation == "main":  # a server may also ignore what the caller says about itself
        request = {**request, "APIVersion": "1.0.5"}
    violation = _violation(operation, request)
    if violation is None:
        return None
    key = violation.where.split("/")[0]
    if not key:
        return str(violation.reason)
    if operation == "run_userobject" and not _is_read(key, request):
        return clearly_wrong(operation, {k: v for k, v in request.items() if k != key})
    for reading in _readings(request[key]):
        changed = {**request, key: reading}
        left = _violation(operation, changed)
        if left is None or left.where.split("/")[0] not in {"", key}:  # whatever is wrong elsewhere
            return clearly_wrong(operation, changed)
    return f"{key}: {violation.reason}"


def _violation(operation: str, request: Mapping[str, Any]) -> ContractViolation | None:
    """Return the first thing that is wrong with a request, or None."""
    try:
        documents.check_request(operation, request)
    except ContractViolation as violation:
        return violation
    return None


def _is_read(key: str, request: Mapping[str, Any]) -> bool:
    """Whether a submission's parameter is about one of the products that it asks for."""
    parameters = documents.submission_parameters()
    name = parameters.get(key, {}).get("x-spelling-of", key)
    if name != key and name in request:
        return False  # the wire name goes before other spellings
    groups = parameters.get(name, {}).get("x-product", [])
    return "server" not in groups and ("global" in groups or concerns(groups, asked_products(request)))


def concerns(groups: Iterable[str], products: set[str]) -> bool:
    """Whether a parameter with these ``x-product`` groups is about one of the products."""
    return any(products & _PRODUCTS_OF_GROUP.get(group, set()) for group in groups)


def _readings(value: Any) -> Iterator[Any]:
    """Yield other values that a tolerant server may take a value for."""
    if isinstance(value, str):
        plain = "".join(c for c in value if c.isprintable()).strip()
        yield from (plain, plain.casefold(), value.split(","))
    elif isinstance(value, int | float):
        yield str(value)
        yield int(value) if abs(value) < 1e15 else str(value)


@rule("checkProductStatus", "canceljob", "getOldProduct", successes_only=True)
def answers_name_what_was_asked(operation: str, exchange: Exchange) -> Iterator[str]:
    """Status and cancel answers have one entry for each name in what, and the JobID of the request."""
    body, request = exchange.body, exchange.request
    asked = names_in(request.get("what"))
    if operation == "checkProductStatus":
        answered = [key for key in body if key not in {"OK", "JobID", "APIVersion", "deprecationWarning"}]
        if sorted(answered) != sorted(asked):
            yield f"asked about {asked}, answered about {answered}"
    if operation == "canceljob" and sorted(body.get("statusCodes", {})) != sorted(asked):
        yield f"asked to cancel {asked}, answered about {list(body.get('statusCodes', {}))}"
    key = "oldJob" if operation == "getOldProduct" else "JobID"
    if str(request.get(key)).isdigit() and body.get(key) != int(request[key]):
        yield f"asked about job {request[key]}, answered about job {body.get(key)}"


@rule("checkProductStatus", successes_only=True)
def progress_comes_only_when_asked_for(_operation: str, exchange: Exchange) -> Iterator[str]:
    """GotProgress is 0 for products that are not in whatProg."""
    wanted = names_in(exchange.request.get("whatProg"))
    for name in names_in(exchange.request.get("what")):
        got = exchange.body.get(name, {}).get("progress", {}).get("GotProgress")
        if got and name not in wanted:
            yield f"progress of {name} was sent, but whatProg does not name it"


@rule("run_userobject", "getOldProduct", successes_only=True)
def addresses_belong_to_the_job(_operation: str, exchange: Exchange) -> Iterator[str]:
    """The URL of an answer ends in the directory of its own job."""
    number = exchange.body.get("JobID", exchange.body.get("oldJob"))
    if not str(exchange.body.get("URL")).endswith(f"/USERPROD_{number}"):
        yield f"the URL {exchange.body.get('URL')} is not that of job {number}"
    outdir = exchange.body["jobPars"].get("outdir")
    if outdir is not None and outdir != f"USERPROD_{number}":
        yield f"outdir is {outdir!r}; the files of job {number} are in 'USERPROD_{number}'"


@rule("getLCData", "getSpecData")
def form_follows_the_callers_version(operation: str, exchange: Exchange) -> Iterator[str]:
    """Light curves and spectra come in the form that the caller's api_version can read."""
    variant = _variant_of(operation, exchange)
    if variant is None or not succeeded(exchange):
        return
    version = version_of(exchange.request) or (1, 12)
    if operation == "getLCData":
        expected = {"LightCurve18"} if version < (1, 9) else {"LightCurve19"} if version < (1, 10) else {"LightCurve"}
    else:
        expected = {"SpectraOld", "NoSpectra"} if version < (1, 10) else {"Spectra", "NoSpectra"}
    if variant not in expected:
        shown = ".".join(map(str, version))
        yield f"a caller of version {shown} was answered with {variant}, not {' or '.join(sorted(expected))}"


def _variant_of(operation: str, exchange: Exchange) -> str | None:
    """Return the documented kind of an answer, or None if it is undocumented."""
    try:
        return documents.check_response(operation, exchange.status, exchange.body)
    except ContractViolation:
        return None


@rule("getLCData", "main")
def datasets_follow_the_switches(operation: str, exchange: Exchange) -> Iterator[str]:
    """Switches nosys and incbad say whether names have _nosys and _incbad: no, only those, or both."""
    body = exchange.body
    if not isinstance(body, dict) or not isinstance(body.get("Datasets"), list):
        return
    request = exchange.request if isinstance(exchange.request, dict) else {}
    for key, default in (("nosys", "no"), ("incbad", "yes" if operation == "main" else "no")):
        wish = request.get(key) or default
        for name in body["Datasets"]:
            if wish in {"yes", "no"} and (f"_{key}" in name) != (wish == "yes"):
                yield f"{key} is {wish}, but {name} was sent"


@rule("main")
def shared_functions_answer_in_kind(_operation: str, exchange: Exchange) -> Iterator[str]:
    """Each function of main.php has its own success; a failure has no key OK."""
    if not isinstance(exchange.body, dict) or "OK" not in exchange.body:
        return
    try:
        asked = documents.check_request("main", exchange.request)
    except ContractViolation:
        return
    answered = _variant_of("main", exchange)
    if answered is not None and answered not in _MAIN_ANSWERS[asked]:
        yield f"{asked} was answered with {answered}"
