"""Rules about answers of every operation: versions, refusals, labels, pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .. import documents
from ..checks.requests import clearly_wrong
from ..documents import ContractViolation
from ..history import PRODUCT_OF_RESULT
from ..protocol import succeeded
from .registry import every, nodes, number_in, problems, shows, user_of

if TYPE_CHECKING:
    from ..harness import Exchange
    from .registry import Session

MISSING = "not supplied"
"""Part of the label of the list of missing parameters."""
_PARAMETERS = "There were problems with the parameters you supplied."
_LABELS = (
    "The following parameters are needed, but were not supplied:",
    "The following parameters have invalid values:",
)
_UNKNOWN_USER = r"The user `.*` is not recognised / validated"
_SENTENCES = re.compile(
    "|".join(
        (
            re.escape(_PARAMETERS),
            _UNKNOWN_USER,
            r"Job \d+ (?:is not owned by user .*|does not exist)",
            r"You have too many jobs in the queue \(maximum \d+\)\.",
            r"Could not resolve the object name\.|No observations found\.|Could not determine T0\.",
            r"No products were requested\.|The data supplied (?:were not valid JSON|are too long)\.",
            r"The [a-z ]+ is not complete|The products of job \d+ are no longer available",
            r"Job \d+ could not be cancelled - has it already finished\?",
        )
    ),
    re.DOTALL,
)
"""Texts of refusals: the four documented ones, and the project's own."""
_POLLED_FAST_S = 10.0
"""The service asks for at most one status call in so long [s] (documented)."""


@shows("U1", "run_userobject", "getNumJobs", "listOldJobs", "checkProductStatus", success=None)
def version_is_1_12(exchange: Exchange, _session: Session) -> bool:
    return bool(exchange.body.get("APIVersion") == "1.12")


@shows("U4", success=False)
def sentences(exchange: Exchange, _session: Session) -> bool | None:
    body, text = exchange.body, str(exchange.body.get("ERROR"))
    if not exchange.path.startswith("/user_objects") or "ERROR" not in body:
        return None
    labels = [entry.get("label") for entry in body.get("listErr", ())]
    in_order = labels and labels == [label for label in _LABELS if label in labels]
    listed = bool(in_order) if text == _PARAMETERS else "listErr" not in body
    envelope = body.get("OK") == 0 and body.keys() <= {"OK", "ERROR", "listErr", "APIVersion", "deprecationWarning"}
    return bool(listed and envelope and _SENTENCES.fullmatch(text))


@shows("U4", success=False)
def owner_is_named(exchange: Exchange, session: Session) -> bool | None:
    job = session.job_of(exchange)
    user = user_of(exchange)
    if job is None or not user or user == job.owner or user in session.unknown:
        return None
    number = exchange.request.get("JobID", exchange.request.get("oldJob"))
    return bool(exchange.body.get("ERROR") == f"Job {number} is not owned by user {exchange.request.get('UserID')}")


@shows("U5", "run_userobject", success=False)
def order_of_checks(exchange: Exchange, session: Session) -> bool | None:
    text, user = str(exchange.body.get("ERROR")), user_of(exchange)
    if "listErr" in exchange.body:
        return False if user and user in session.unknown else None
    if clearly_wrong("run_userobject", exchange.request) is None:
        return None
    if re.fullmatch(_UNKNOWN_USER, text):
        return True
    return False if "too many jobs" in text or "resolve" in text else None


@shows("U8", *PRODUCT_OF_RESULT, pages=True)
def too_early(exchange: Exchange, session: Session) -> bool | None:
    if not isinstance(exchange.request, dict):
        return None
    if succeeded(exchange):
        operation = documents.operation_for(exchange.method, exchange.path)
        return False if session.runs(number_in(exchange), PRODUCT_OF_RESULT[str(operation)]) else None
    return exchange.status == 200 and isinstance(exchange.body, dict) and exchange.body.get("OK") == 0


@shows("U17", success=False)
def unknown_job(exchange: Exchange, _session: Session) -> bool | None:
    text = str(exchange.body.get("ERROR"))
    number = exchange.request.get("JobID", exchange.request.get("oldJob"))
    about = "exist" in text or "no such job" in text.lower() or "unknown job" in text.lower()
    return text == f"Job {number} does not exist" if about and not exchange.path.startswith("/API") else None


@shows("U19", pages=True)
def get_is_an_empty_body(exchange: Exchange, _session: Session) -> bool | None:
    posted = documents.operation_for("POST", exchange.path)
    if exchange.method != "GET" or posted is None or not documents.operation(posted).takes_json:
        return None
    body = exchange.body
    return exchange.status == 200 and isinstance(body, dict) and (body.get("OK") == 0 or "ERROR" in body)


@shows("U27", "checkProductStatus", pages=True)
def polling_is_not_limited(exchange: Exchange, session: Session) -> bool | None:
    if exchange.status in {429, 503}:
        return False
    last = session.polled.get(user_of(exchange)) if isinstance(exchange.request, dict) else None
    return True if last is not None and session.at - last < _POLLED_FAST_S else None


@shows("U28", "checkProductStatus", "canceljob")
def job_id_is_a_number(exchange: Exchange, _session: Session) -> bool:
    return type(exchange.body.get("JobID")) is int


@shows("U37", "run_userobject", success=None)
def unknown_keys(exchange: Exchange, _session: Session) -> bool | None:
    known = {*documents.submission_parameters(), "api_name", "api_version"}
    strange = exchange.request.keys() - known
    if not strange:
        return None
    return True if succeeded(exchange) else False if _named(exchange, strange) else None


@shows("U38", success=False)
def empty_is_not_given(exchange: Exchange, _session: Session) -> bool | None:
    empty = {key for key, value in exchange.request.items() if value in (None, "")}
    missing = {sentence.split(" ")[0] for sentence in problems(exchange, MISSING)}
    if _named(exchange, empty - missing):
        return False
    return True if empty & missing else None


def _named(exchange: Exchange, names: set[str]) -> bool:
    return any(sentence.split(" ")[0] in names for sentence in problems(exchange))


@shows("U40", success=None)
def no_further_keys(exchange: Exchange, _session: Session) -> bool | None:
    operation = documents.operation_for(exchange.method, exchange.path)
    if operation is None:
        return None
    try:
        documents.check_response(operation, exchange.status, exchange.body)
    except ContractViolation as violation:
        return False if "dditional" in violation.reason or "nevaluated" in violation.reason else None
    return True


@shows("C1", success=None)
@shows("J12", success=None)
def has_version(exchange: Exchange, _session: Session) -> bool | None:
    return None if not exchange.path.startswith("/user_o") else "APIVersion" in exchange.body


@shows("J1", "getNumJobs", success=False)
@shows("J3", "listOldJobs", success=False)
@shows("J4", "checkProductStatus", success=False)
@shows("J25", "getSpecData", success=False)
def refused_as_documented(exchange: Exchange, _session: Session) -> bool:
    return exchange.status == 200 and exchange.body.get("OK") == 0 and isinstance(exchange.body.get("ERROR"), str)


@shows("J11", pages=True)
def no_page_with_200(exchange: Exchange, _session: Session) -> bool | None:
    operation = documents.operation_for(exchange.method, exchange.path)
    if operation is None or not documents.operation(operation).takes_json or exchange.status != 200:
        return None
    return isinstance(exchange.body, dict)


@shows("J33", "main", success=None)
def cancelling_a_rebinning(exchange: Exchange, _session: Session) -> bool | None:
    return None if exchange.request.get("APIFunc") != "cancelRebin" else {"OK", "ERROR"} & exchange.body.keys() != set()


@shows("J35", success=None)
def version_is_readable(exchange: Exchange, _session: Session) -> bool | None:
    version: Any = exchange.body.get("APIVersion")
    if version is None:
        return None
    return bool(re.fullmatch(r"\d+([.]\d+)*", version) if isinstance(version, str) else 1e-3 <= version <= 1e3)


@shows("S26", "main", success=None)
def type_is_checked(exchange: Exchange, _session: Session) -> bool | None:
    kind = exchange.request.get("type")
    if kind in {"UOB_LC", "REBIN_LC", "GRB", "timeslice", None, ""}:
        return None
    return "ERROR" in exchange.body


@shows("U23", success=None)
def flags_are_one(exchange: Exchange, _session: Session) -> bool | None:
    flags = {"NOSPEC", "NOFIT", "NoSpectrum", "NOLC"}
    return every(node[key] == 1 for node in nodes(exchange.body) for key in flags & node.keys())
