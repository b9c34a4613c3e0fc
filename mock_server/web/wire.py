"""Converts the documents of the contract to facts, and facts to documents, by the caller's `api_version`.

Spellings of the wire (`JobID`, `statusCode`) are in this module only. Order of keys: documented.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from ..core.errors import BodyRefused, ParametersRefused, Refusal
from ..core.model import Caller, CancelCode, Job, Product, StatusCode
from ..core.validation import parse_digits
from ..products import answers_by_version
from ..submission.names import LIGHT_CURVE
from ..submission.read import parameters_for_caller
from ..submission.values import is_missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..core.progress import StepList
    from ..products.position import Position
    from ..service.jobs import Listed, Page, ProductStatus
    from ..service.results import Sights

LIMIT_OF_NAMES = 64
_LONGEST_VERSION = 64
_SHORT = 512
_PLAIN = (str, int, float)
_NEWEST = (1, 12)  # what a caller of unknown version gets (assumed)
_STATUS_TEXTS = {
    StatusCode.CANCELLED: "Cancelled at your request",
    StatusCode.FAILED: "Failed",
    StatusCode.NOT_QUEUED: "Internal error: the job could not be queued",
    StatusCode.NOT_REQUESTED: "Internal error: the job could not be requested",
    StatusCode.REQUESTED: "Requested",
    StatusCode.QUEUED: "Queued",
    StatusCode.RUNNING: "Running",
    StatusCode.COMPLETE: "Complete",
    StatusCode.WAITING: "Waiting for the standard position",
}
"""Documented for -4, 3 and 4; the others are assumed."""

_CANCEL_TEXTS = {
    CancelCode.CANCELLED: "Job cancelled OK",
    CancelCode.NOT_CANCELLED: "Job could not be cancelled - has it already finished?",
    CancelCode.NO_SUCH_PRODUCT: "Job not cancelled: no such product in this job",
    CancelCode.UNKNOWN_REASON: "Job not cancelled: unknown error",
    CancelCode.OUTCOME_UNKNOWN: "Status unknown: an error occurred",
}
"""Documented for 0 and 1; the others are assumed."""

_LISTED = tuple(product for product in Product if product is not Product.SOURCE_DET)  # the list knows six (documented)
_SAME_NAMES = ("binMeth", "dynamic", "grades", "allowUL", "bayesCounts", "bayesSNR", "srcrad")
_REBIN_NAMES = {name: name for name in _SAME_NAMES} | LIGHT_CURVE | {"pcmaxGap": "pcmaxgap", "wtmaxGap": "wtmaxgap"}
"""Parameters of a rebinning: python names of light curve parameters (documented), with their wire names."""

_TIME_TYPES = {"s": "s", "sec": "s", "met": "s", "m": "m", "mjd": "m"}


# reading ---------------------------------------------------------------------------------------------------------


def read_body(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object in a body; its content type is ignored (documented)."""
    return _read_short(body) if len(body) <= _SHORT else _read(body)


def _read(body: bytes) -> Mapping[str, Any]:
    try:
        text = body.decode("utf-8")
        raw = _DECODER.decode(text)
        if "\\u" in text:
            json.dumps(raw, ensure_ascii=False).encode()  # half of a surrogate pair cannot be stored
    except (ValueError, RecursionError):
        raise BodyRefused from None
    if not isinstance(raw, dict):
        raise BodyRefused
    return raw


_read_short = lru_cache(maxsize=256)(_read)
"""A program that polls sends the same few bytes again and again."""


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False)


def read_caller(raw: Mapping[str, Any]) -> Caller:
    """Return name and version of the client; a version that cannot be read is ignored (assumed)."""
    name, version = raw.get("api_name"), raw.get("api_version")
    is_plain = isinstance(version, _PLAIN) and not isinstance(version, bool)
    return Caller(
        name if isinstance(name, str) else None, _version(str(version)[:_LONGEST_VERSION]) if is_plain else None
    )


@lru_cache(maxsize=128)  # all calls of a program send the same
def _version(text: str) -> tuple[int, ...] | None:
    parts = text.strip().split(".")
    readable = len(parts) <= 3 and all(part.isascii() and part.isdigit() and len(part) < 9 for part in parts)
    return tuple(map(int, parts)) if readable else None


def read_user(raw: Mapping[str, Any]) -> str:
    """Return the e-mail address that every request to the product generator has."""
    user = raw.get("UserID")
    if is_missing(user):
        raise ParametersRefused(missing=["UserID"])
    return user if isinstance(user, str) else json.dumps(user)[:LIMIT_OF_NAMES]


def read_number(raw: Mapping[str, Any], key: str) -> int:
    """Return a job number, sent as a number or as a text (documented); 3.0 is the number 3 in JSON."""
    value = raw.get(key)
    if is_missing(value):
        raise ParametersRefused(missing=[key])
    number = parse_digits(value) if isinstance(value, str) else value
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 10**15:
        return number
    raise ParametersRefused(invalid=[f"{key} is {_shortened(value)}, but must be a whole number"])


def read_names(raw: Mapping[str, Any], key: str) -> list[str]:
    """Return short names of products, separated by commas, each once."""
    value = raw.get(key)
    if value in (None, ""):
        return []
    if not isinstance(value, str):
        raise ParametersRefused(invalid=[f"{key} is {_shortened(value)}, but must be names separated by commas"])
    names, plain = _short_names(value) if len(value) <= _SHORT else _names(value)
    if not plain:
        raise ParametersRefused(invalid=[f"{key} holds more than {LIMIT_OF_NAMES} names or characters in a name"])
    return list(names)


def _names(text: str) -> tuple[tuple[str, ...], bool]:
    """Return the names in a text, and whether they keep the limit of their number and lengths."""
    names = tuple(dict.fromkeys(filter(None, (name.strip() for name in text.split(",")))))
    return names, len(names) <= LIMIT_OF_NAMES and all(len(name) <= LIMIT_OF_NAMES for name in names)


_short_names = lru_cache(maxsize=64)(_names)


def read_wanted_names(raw: Mapping[str, Any]) -> list[str]:
    """Return the names under the mandatory key `what`."""
    names = read_names(raw, "what")
    if not names:
        raise ParametersRefused(missing=["what"])
    return names


def read_variant(raw: Mapping[str, Any], key: str, default: str) -> str:
    """Return `yes`, `no` or `both`."""
    value = raw.get(key)
    if value in (None, ""):
        return default
    if value in ("yes", "no", "both"):
        return str(value)
    raise ParametersRefused(invalid=[f"{key} is {_shortened(value)}, but must be one of: yes, no, both"])


def read_rebin(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the light curve parameters of a rebinning by wire name; other keys are ignored."""
    changed = {_REBIN_NAMES[key]: value for key, value in raw.items() if key in _REBIN_NAMES}
    time_type = changed.get("lctimetype")
    if isinstance(time_type, str):
        changed["lctimetype"] = _TIME_TYPES.get(time_type.lower(), time_type)
    return changed


def read_text(raw: Mapping[str, Any], key: str) -> str:
    """Return a text that must be there."""
    value = raw.get(key)
    if is_missing(value):
        raise ParametersRefused(missing=[key])
    if not isinstance(value, str):
        raise ParametersRefused(invalid=[f"{key} is {_shortened(value)}, but must be a text"])
    return value[:LIMIT_OF_NAMES]


def read_words(raw: Mapping[str, Any], key: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return words of a list, or all that are known for the text ``all`` and for none."""
    value = raw.get(key)
    if is_missing(value) or (isinstance(value, str) and value.lower() == "all"):
        return known
    words = value if isinstance(value, list) else [value]
    if not all(word in known for word in words):
        raise ParametersRefused(invalid=[f"{key} is {_shortened(value)}, but must be all, or of: {', '.join(known)}"])
    return tuple(words)


def read_spectrum(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a sliced spectrum by wire name."""
    found: dict[str, Any] = {}
    if not is_missing(raw.get("grades")):
        found["specgrades"] = str(raw["grades"])
    redshift = raw.get("redshift")
    if not is_missing(redshift) and redshift != "NONE":
        found |= {"specz": 1, "zval": redshift}
    return found


def _shortened(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= LIMIT_OF_NAMES else f"{text[:LIMIT_OF_NAMES]}…"


# answering -------------------------------------------------------------------------------------------------------


def submitted(job: Job, url: str, caller: Caller) -> dict[str, Any]:
    """Answer of a submission; the number is a text here (documented)."""
    job_pars = parameters_for_caller(job.parameters, caller.api_name)
    return {"OK": 1, "URL": url, "JobID": str(job.job_id), "APIVersion": None, "jobPars": job_pars}


def cancelled(job_id: int, codes: Mapping[str, CancelCode]) -> dict[str, Any]:
    """Answer of a cancellation: 1 if everything was cancelled, 2 if not (documented)."""
    return {
        "JobID": job_id,
        "OK": 1 if all(code is CancelCode.CANCELLED for code in codes.values()) else 2,
        "status": {name: _CANCEL_TEXTS[code] for name, code in codes.items()},
        "statusCodes": {name: int(code) for name, code in codes.items()},
    }


def statuses(job_id: int, found: Mapping[str, ProductStatus]) -> dict[str, Any]:
    """Answer of a status call: one object for each name asked about."""
    answer: dict[str, Any] = {name: _status(status.code, status.progress) for name, status in found.items()}
    return answer | {"OK": 1, "JobID": job_id}


def _status(code: StatusCode | None, progress: Mapping[str, Any]) -> JsonText:
    """Return the status of one product as JSON; what looks ask for again and again is made once."""
    if "ProgressSteps" not in progress:
        return JsonText(f'{_status_head(code)}{{"GotProgress":{progress["GotProgress"]}}}}}')
    before = f'"PreProgress":{_ENCODER.encode(progress["PreProgress"])},' if "PreProgress" in progress else ""
    steps, time = _steps(progress["ProgressSteps"]), progress["TimeRunning"]
    return JsonText(f'{_status_head(code)}{{{before}"GotProgress":1,"ProgressSteps":{steps},"TimeRunning":"{time}"}}}}')


@cache
def _status_head(code: StatusCode | None) -> str:
    head = {"statusCode": None if code is None else int(code), "statusText": status_text(code)}
    return f'{_ENCODER.encode(head)[:-1]},"progress":'


@lru_cache(maxsize=1024)
def _steps(steps: StepList) -> str:
    return _ENCODER.encode(steps)


def status_text(code: StatusCode | None) -> str:
    return "Unknown status" if code is None else _STATUS_TEXTS[code]


def counted(number: int) -> dict[str, Any]:
    return {"OK": 1, "numJobs": number}


class JsonText(str):
    """JSON that stands in an answer as it is."""

    __slots__ = ()


def listed(jobs: Iterable[Listed]) -> JsonText:
    """Return the list of a user's jobs as JSON."""
    found = [
        {
            "JobID": job.job_id,
            "Name": job.name,
            "DateSubmitted": date_text(job.submitted_at),
            **_product_switches(job.products),
            "hasProd": job.has_products,
        }
        for job in jobs
    ]
    return JsonText(_ENCODER.encode(found))


@lru_cache(128)  # seven products have 128 subsets; docs/tricks.md says what this saves
def _product_switches(products: frozenset[Product]) -> dict[str, bool]:
    """Return for each product of the list whether a job has it; callers must not change the dictionary."""
    return {product.long_name: product in products for product in _LISTED}


def date_text(instant: float) -> str:
    """Return simulated time as ``YYYY-MM-DD hh:mm:ss`` UTC."""
    return _second_text(math.floor(instant))


@lru_cache(4096)  # callers list the same jobs again and again; docs/tricks.md says what this saves
def _second_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat(" ")[:19]


def old_parameters(job: Job, url: str, caller: Caller) -> dict[str, Any]:
    """Answer with the parameters of an old job."""
    job_pars = parameters_for_caller(job.parameters, caller.api_name)
    return {"OK": 1, "oldJob": job.job_id, "URL": url, "APIVersion": None, "jobPars": job_pars}


def position(product: Product, found: Position | None) -> dict[str, Any]:
    """Answer with a position: numbers as texts, switches as numbers (documented, and needed by clients)."""
    answer: dict[str, Any] = {"OK": 1, "GotPos": 0 if found is None else 1}
    if found is not None:
        answer |= {"RA": f"{found.ra:.5f}", "Dec": f"{found.dec:.5f}", "Err90": f"{found.err90:.1f}"}
    if product is not Product.ENHANCED_POS:
        catalogue = found.catalogue if found is not None else None
        answer["FromSXPS"] = 1 if catalogue else 0  # also without a position: clients 1.0 to 1.3 read it regardless
        answer |= {"WhichSXPS": catalogue} if catalogue else {}
    return answer


def light_curve(tables: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """Answer with light curve tables, in the form the caller's version knows."""
    found = answers_by_version.light_curve(tables, caller.api_version or _NEWEST)
    return tables_first({"OK": 1} | dict(found))


def tables_first(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Put OK after the tables, before the keys about all of them (documented order)."""
    ending = [name for name in ("OK", "Binning", "TimeFormat", "T0") if name in answer]
    return {name: answer[name] for name in (*(n for n in answer if n not in ending), *ending)}


def spectra(found: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """Answer with spectra and fits, in the form the caller's version knows."""
    return {"OK": 1} | dict(answers_by_version.spectra(found, caller.api_version or _NEWEST))


def sources(bands: Mapping[str, Any]) -> dict[str, Any]:
    """Answer with source lists; clients read any key but OK and APIVersion as a band."""
    return dict(bands) | {"OK": 1}


def job_shown(page: Page, sights: Sights, url: str) -> dict[str, Any]:
    """Return what the page of a job shows as JSON-ready data; this is no answer of the service."""
    job = page.job
    products: dict[str, Any] = {}
    for product, status in page.statuses.items():
        has_files = status.code is not None and status.code.ended and not page.expired
        products[product.value] = {
            "statusCode": None if status.code is None else int(status.code),
            "statusText": status_text(status.code),
            "progress": status.progress,
            "archives": [f"{url}/{product.value}.{form}" for form in ("zip", "tar", "tar.gz") if has_files],
            "pictures": [f"{url}/{path}" for path in sights.pictures.get(product, ())],
        }
    for product, found in sights.positions.items():
        products[product.value]["position"] = found and {"ra": found.ra, "dec": found.dec, "err90": found.err90}
    return {
        "JobID": job.job_id,
        "name": job.name,
        "url": url,
        "submitted_at": job.submitted_at,
        "now": page.now,
        "complete": page.now >= job.ended_at,
        "expired": page.expired,
        "parameters": {key: value for key, value in job.parameters.items() if key not in ("UserID", "notify")},
        "products": products,
        "marks": [*sights.marks],
    }


def refused(refusal: Refusal) -> dict[str, Any]:
    """Answer of a refused call, in the documented envelope."""
    answer: dict[str, Any] = {"OK": 0, "ERROR": str(refusal), "APIVersion": None}
    if isinstance(refusal, ParametersRefused):
        answer["listErr"] = [
            {"label": label, "list": list(problems)}
            for label, problems in (
                ("The following parameters are needed, but were not supplied:", refusal.missing),
                ("The following parameters have invalid values:", refusal.invalid),
            )
            if problems
        ]
    return answer


def main_refused(refusal: Refusal) -> dict[str, Any]:
    """Answer of a refused call of ``main.php``: without OK, because clients read its presence as success (client)."""
    words = str(refusal)
    if isinstance(refusal, ParametersRefused):
        words = " ".join([words, *(f"{name} is needed." for name in refusal.missing), *refusal.invalid])
    return {"ERROR": 1, "ERRORTEXT": words}


def as_text(answer: Mapping[str, Any]) -> str:
    """Return the body of an answer: one line of compact JSON (assumed)."""
    parts: list[str] = []  # joined once: a list of a thousand jobs is long
    plain: dict[str, Any] = {}
    for name, value in answer.items():
        if value.__class__ is not JsonText:
            plain[name] = value
            continue
        if plain:
            parts += (",", _ENCODER.encode(plain)[1:-1])
            plain = {}
        parts += (",", _ENCODER.encode(name), ":", value)
    if not parts:
        return _ENCODER.encode(answer)
    if plain:
        parts += (",", _ENCODER.encode(plain)[1:-1])
    return "".join(("{", *parts[1:], "}"))
