"""What a recording says about the rules of the ledger: seen, contradicted, or not met."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from . import checks, documents
from .differences import ledger
from .history import History
from .protocol import RESOLVING, names_in, succeeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from .checks import Finding
    from .harness import Exchange
    from .recording import Recorded

    Test = Callable[[str, Exchange], bool | None]
    """From operation and exchange to whether a rule holds; None if the exchange says nothing about it."""

SEEN, CONTRADICTED, NOT_MET = "seen", "contradicted", "not met"
_STATUS_TEXTS = {-3: "Failed", 1: "Requested", 2: "Queued", 5: "Waiting for the standard position"}
_POSITIONS = {"getPSFPos", "getEnhPos", "getAstromPos", "getXastromPos"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a recording says about one rule.

    Parameters
    ----------
    id
        Of the rule in the ledger.
    rule
        The rule, in words.
    state
        ``seen``, ``contradicted`` or ``not met``.
    exchange
        The call that shows it, as text.
    at
        When [s since 1970-01-01 UTC]; 0 if it was not met.
    """

    id: str
    rule: str
    state: str
    exchange: str = ""
    at: float = 0.0

    def proposal(self) -> str:
        """Return the lines to write into the ledger for a rule that was seen."""
        day = datetime.fromtimestamp(self.at, UTC).date().isoformat()
        return f'# {self.id}: {self.rule}\nevidence = "observed"\nsource = "a recorded session of {day}"\n'


TESTS: dict[str, Test] = {}
"""How an exchange shows or contradicts a rule, by the rule's id."""


def shows(rule: str, *operations: str, success: bool | None = True) -> Callable[[Any], Any]:
    """Register a test of a rule for JSON answers of some operations (all if none are named).

    Parameters
    ----------
    rule
        Id in the ledger.
    operations
        Operation IDs.
    success
        Whether it is about successes (true), refusals (false), or both (None).
    """

    def register(test: Callable[[Exchange], bool | None]) -> Any:
        def applied(operation: str, exchange: Exchange) -> bool | None:
            if (operations and operation not in operations) or not isinstance(exchange.body, dict):
                return None
            if success is not None and succeeded(exchange) != success:
                return None
            return test(exchange)

        TESTS[rule] = applied
        return test

    return register


def check(recorded: Sequence[Recorded]) -> tuple[list[Finding], list[Verdict]]:
    """Return what breaks the contract in a recording, and for each rule of the ledger what it says about it.

    Parameters
    ----------
    recorded
        The exchanges, in the order of the wire.
    """
    history, findings = History(), []
    states: dict[str, tuple[str, Recorded]] = {}
    for made in recorded:
        exchange = made.exchange
        operation = documents.operation_for(exchange.method, exchange.path)
        has_content = not (isinstance(exchange.body, bytes) and not exchange.body)
        findings += [f for f in checks.findings(exchange) if has_content or f.rule != "archives_unpack"]
        findings += history.observe(exchange) if has_content else []
        for rule, test in TESTS.items():
            holds = test(operation or "nowhere", exchange)
            if holds is not None and states.get(rule, (SEEN,))[0] != CONTRADICTED:
                states[rule] = (SEEN if holds else CONTRADICTED, made)
    verdicts = []
    for entry in ledger():
        if entry.id in states:
            state, made = states[entry.id]
            verdicts.append(Verdict(entry.id, entry.rule, state, str(made.exchange), made.at))
        else:
            verdicts.append(Verdict(entry.id, entry.rule, NOT_MET))
    return findings, verdicts


def _entries(exchange: Exchange) -> list[dict[str, Any]]:
    """Return the statuses of the products that a request asked about."""
    names = names_in(exchange.request.get("what")) if isinstance(exchange.request, dict) else []
    return [exchange.body[name] for name in names if isinstance(exchange.body.get(name), dict)]


def _every(values: Iterable[bool]) -> bool | None:
    """Whether all are true; None if there are no values."""
    found = list(values)
    return all(found) if found else None


@shows("U1", "run_userobject", "getNumJobs", "listOldJobs", "checkProductStatus", success=None)
def version_is_1_12(exchange: Exchange) -> bool:
    return bool(exchange.body.get("APIVersion") == "1.12")


@shows("U2", "checkProductStatus")
def status_texts(exchange: Exchange) -> bool | None:
    codes = [(entry.get("statusCode"), entry.get("statusText")) for entry in _entries(exchange)]
    return _every(text == _STATUS_TEXTS[code] for code, text in codes if code in _STATUS_TEXTS)


@shows("U3", "canceljob")
def cancel_texts(exchange: Exchange) -> bool | None:
    texts, codes = exchange.body.get("status", {}), exchange.body.get("statusCodes", {})
    wanted = "Job not cancelled: no such product in this job"
    return _every(texts.get(name) == wanted for name, code in codes.items() if code == 2)


@shows("U8", *_POSITIONS, success=False)
def too_early(exchange: Exchange) -> bool:
    return exchange.status == 200 and exchange.body.get("OK") == 0


@shows("U17", success=False)
def unknown_job(exchange: Exchange) -> bool | None:
    text = str(exchange.body.get("ERROR"))
    number = str(exchange.request.get("JobID")) if isinstance(exchange.request, dict) else ""
    return text == f"Job {number} does not exist" if "exist" in text or "unknown job" in text.lower() else None


@shows("U18", "checkProductStatus")
def unknown_name(exchange: Exchange) -> bool | None:
    texts = [entry.get("statusText") for entry in _entries(exchange) if entry.get("statusCode") is None]
    return _every(text == "Unknown status" for text in texts)


@shows("U20", "getSourceDetResults")
def source_fields(exchange: Exchange) -> bool | None:
    fields = {"B", "SNR", "exposure", "rate", "rate_pos", "rate_neg", "flag"}
    bands = [band for band in exchange.body.values() if isinstance(band, list)]
    return _every(fields <= source.keys() for band in bands for source in band if isinstance(source, dict))


@shows("U23", "getSpecData")
def flags_are_one(exchange: Exchange) -> bool | None:
    flags = [node[key] for node in _nodes(exchange.body) for key in ("NOSPEC", "NOFIT", "NoSpectrum") if key in node]
    return _every(flag == 1 for flag in flags)


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from _nodes(child)


@shows("U28", "checkProductStatus", "canceljob")
def job_id_is_a_number(exchange: Exchange) -> bool:
    return type(exchange.body.get("JobID")) is int


@shows("U36", "getNumJobs", "run_userobject", success=None)
def compact(exchange: Exchange) -> bool | None:
    return None if not exchange.content else not exchange.content[:1].isspace()


@shows("U39", "listOldJobs")
def list_keys(exchange: Exchange) -> bool | None:
    return _every("SourceDet" not in job and "sourceDet" not in job for job in exchange.body.get("jobs", ()))


@shows("U41", "canceljob")
def nothing_cancelled(exchange: Exchange) -> bool | None:
    codes = list(exchange.body.get("statusCodes", {}).values())
    return None if not codes or 0 in codes else exchange.body.get("OK") == 2


@shows("C1", success=None)
def has_version(exchange: Exchange) -> bool | None:
    return None if "ERRORTEXT" in exchange.body or not exchange.path.startswith("/user_o") else (
        "APIVersion" in exchange.body
    )  # fmt: skip


def _pars(exchange: Exchange, key: str) -> Any:
    return exchange.body.get("jobPars", {}).get(key)


@shows("C2", "run_userobject", "getOldProduct")
def lcobs(exchange: Exchange) -> bool | None:
    return None if _pars(exchange, "lcobs") is None else _pars(exchange, "lcobs") in {"all", "user"}


@shows("C3", "run_userobject", "getOldProduct")
def words_not_codes(exchange: Exchange) -> bool | None:
    found = [_pars(exchange, key) for key in ("centMeth", "timeslice", "specobs", "posobs", "binMeth", "allowUL")]
    return _every(isinstance(value, str) and value == value.lower() for value in found if value is not None)


@shows("C4", "run_userobject", "getOldProduct")
def arcmin(exchange: Exchange) -> bool | None:
    value = _pars(exchange, "poserr")
    return None if value is None else isinstance(value, int | float) and 1 <= value <= 6


@shows("C5", "run_userobject", "getOldProduct")
def switches(exchange: Exchange) -> bool | None:
    official = exchange.request.get("api_name") == "xrt_prods"
    return _every(key not in exchange.body.get("jobPars", {}) for key in RESOLVING) if official else None


def _default(rule: str, key: str, expected: Any) -> None:
    """Register the default of a parameter that the caller did not give."""

    def test(exchange: Exchange) -> bool | None:
        value = _pars(exchange, key)
        return None if value is None or key in exchange.request else value == expected

    shows(rule, "run_userobject")(test)


_default("C7", "minsnr", 1.5)
_default("C11", "doNotFit", 0)


@shows("C6", "run_userobject")
def no_catalogue(exchange: Exchange) -> bool | None:
    return None if exchange.request.get("useSXPS") in (1, True, "1") else _pars(exchange, "useSXPS") == 0


@shows("C8", "run_userobject")
def hrbin(exchange: Exchange) -> bool | None:
    if "hrbin" in exchange.request or _pars(exchange, "hrbin") is None:
        return None
    return bool(_pars(exchange, "hrbin") == (exchange.request.get("binMeth") == "time"))


@shows("C18", "getSpecData")
def galactic(exchange: Exchange) -> bool | None:
    return None if "rnames" not in exchange.body or "GalNH" in exchange.body else "GalNH_unfitted" in exchange.body


@shows("C20", *_POSITIONS)
def positions_are_text(exchange: Exchange) -> bool | None:
    return _every(isinstance(exchange.body[key], str) for key in ("RA", "Dec") if key in exchange.body)


@shows("C21", "getSourceDetResults")
def band_names(exchange: Exchange) -> bool | None:
    return _every(key[:1].isupper() for key, value in exchange.body.items() if isinstance(value, list))


@shows("C25", "getLCData")
def file_names(exchange: Exchange) -> bool | None:
    urls = [str(node["URL"]) for node in _nodes(exchange.body) if "URL" in node]
    return _every(url.endswith(".qdp") for url in urls)


@shows("J9", "checkProductStatus")
def null_codes(exchange: Exchange) -> bool | None:
    unknown = [entry for entry in _entries(exchange) if entry.get("statusText") == "Unknown status"]
    return _every(entry.get("statusCode") is None for entry in unknown)


_LABELS = {"zip": "application/zip", "tar": "application/x-tar", "gz": "application/gzip"}


def archive_label(operation: str, exchange: Exchange) -> bool | None:
    if operation != "downloadProduct" or exchange.status != 200:
        return None
    return exchange.label == _LABELS[exchange.path.rsplit(".", 1)[1]]


def no_archive(operation: str, exchange: Exchange) -> bool | None:
    return None if operation != "downloadProduct" or exchange.status == 200 else exchange.status == 404


def title(operation: str, exchange: Exchange) -> bool | None:
    if operation not in {"jobPage", "jobPageIndex"} or exchange.status != 200:
        return None
    return any(f": {state}" in str(exchange.body) for state in ("COMPLETE", "RUNNING"))


TESTS |= {"U42": archive_label, "U9": no_archive, "U26": title}
