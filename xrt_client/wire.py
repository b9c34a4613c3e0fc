"""Translate between values and answers and the documents of the service. Nothing is sent here.

The names that the service uses are here and in no other module. All of them are documented, unless a comment says
otherwise.
"""

from __future__ import annotations

import json
import operator
import re
from typing import TYPE_CHECKING, Any

from .errors import ContractBroken, RequestInvalid, ServiceRejected
from .parameters import GLOBALS, KINDS, POSITIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .parameters import Parameter

API_NAME, API_VERSION = "xrt_prods", "1.12"  # of the interface that is used: the newest form of every answer
NOT_REPORTED = -10  # documented: the service did not mention the product
_FALSE = frozenset(("", "0", "no", "false", "off", "none"))


def dialect() -> dict[str, Any]:
    """Return the keys that select the form of the answer."""
    return {"api_name": API_NAME, "api_version": API_VERSION}


# ---- single values ---------------------------------------------------------------------------------------------


def given_value(parameter: Parameter, value: Any) -> Any:
    """Return the value to keep for a value of the caller; raise TypeError if it has the wrong type.

    Integers are accepted as floats, and numbers of numpy as those of python.
    """
    if bool in parameter.types and (isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")):
        return bool(value)
    if isinstance(value, bool):
        raise TypeError
    if int in parameter.types and hasattr(value, "__index__"):
        return operator.index(value)
    if float in parameter.types and hasattr(value, "__float__"):
        return float(value)
    if str in parameter.types and isinstance(value, str):
        return value.lower() if parameter.allowed else value
    if list in parameter.types:
        return _list_of_names(value)
    raise TypeError


def _list_of_names(value: Any) -> list[str]:
    """Return names as a list; they may come as a comma-separated text."""
    names = [part.strip() for part in value.split(",")] if isinstance(value, str) else list(value)
    if not all(isinstance(name, str) for name in names):
        raise TypeError
    return names


def read_value(parameter: Parameter, value: Any) -> Any:
    """Return the value to keep for a value of the service, which may send numbers as text, and flags in many forms."""
    if bool in parameter.types and parameter.types[0] is bool:
        return str(value).lower() not in _FALSE
    if str in parameter.types:
        text = str(value)
        text = text.lower() if parameter.allowed else text
        text = text if text in parameter.allowed else (parameter.codes or {}).get(text, text)
        if parameter.allowed and text not in parameter.allowed:
            raise ValueError(text)
        return text
    if list in parameter.types:
        return _list_of_names(value)
    if isinstance(value, (int, float)):
        return given_value(parameter, int(value) if parameter.types[0] is int and value == int(value) else value)
    return parameter.types[0](value)


def write_value(value: Any) -> Any:
    """Return the value to send for a kept value."""
    return int(value) if isinstance(value, bool) else value


# ---- answers ---------------------------------------------------------------------------------------------------


def read_answer(operation: str, document: Any, needed: Iterable[str] = ()) -> dict[str, Any]:
    """Return an answer without its envelope; raise ServiceRejected if it is a refusal.

    An answer without `APIVersion` is accepted: documented examples lack it.
    """
    if not isinstance(document, dict) or "OK" not in document:
        raise ContractBroken(operation, "the answer is not an object with the key OK", document)
    if str(document["OK"]) == "0":
        if "ERROR" not in document:
            raise ContractBroken(operation, "a refusal without its reason", document)
        raise rejection(operation, document)
    if lacking := [key for key in needed if key not in document]:
        raise ContractBroken(operation, f"the answer lacks {', '.join(lacking)}", document)
    return {key: value for key, value in document.items() if key != "APIVersion"}


def rejection(operation: str, document: Mapping[str, Any]) -> ServiceRejected:
    """Return the exception for a refusal, with all complaints and the python names of parameters."""
    lines, problems = [python_names(str(document["ERROR"]))], []
    for group in document.get("listErr") or ():
        lines.append(python_names(str(group.get("label", ""))))
        complaints = [python_names(str(complaint)) for complaint in group.get("list", ())]
        lines += [f"* {complaint}" for complaint in complaints]
        problems += complaints
    return ServiceRejected(operation, "\n".join(lines) + "\n", problems)


_PYTHON_NAMES = {  # if several have the same wire name: global parameters first, then products in their order
    p.wire: f"{prefix}{p.name}"
    for prefix, table in (*((f"{kind.long}: ", kind.table) for kind in reversed(KINDS.values())), ("", GLOBALS))
    for p in table.values()
    if p.wire != p.name
}


def python_names(text: str) -> str:
    """Replace the wire names of parameters in a sentence by python names."""
    return re.sub(r"\w+", lambda word: _PYTHON_NAMES.get(word[0], word[0]), text)


# ---- single operations -----------------------------------------------------------------------------------------


def parse_document(values: str | bytes | Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a document that the caller gave as JSON text or as a dict."""
    try:
        document = json.loads(values) if isinstance(values, (str, bytes)) else values
    except ValueError as error:
        raise RequestInvalid(f"this is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise RequestInvalid(f"parameters must be a JSON object, as text or as a dict, not {type(document).__name__}")
    return document


def wants(document: Mapping[str, Any], flag: str) -> bool:
    """Return whether a document has a flag, in any of the forms that the service uses."""
    return str(document.get(flag, "")).lower() not in _FALSE


def read_statuses(operation: str, document: Mapping[str, Any], shorts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the status of each product by short name, with the progress as text added."""
    statuses = {}
    for short in shorts:
        status = document.get(short)
        if status is None:
            status = {"statusCode": None, "statusText": "The service did not report this product", "progress": {}}
        elif not isinstance(status, dict) or "statusCode" not in status:
            raise ContractBroken(operation, f"no status code for {short}", dict(document))
        code = status["statusCode"]
        progress = status.get("progress") or {}
        text = progress_text(progress) if progress.get("GotProgress") == 1 else "No progress information available"
        code = NOT_REPORTED if code is None else int(code)
        statuses[short] = {**status, "statusCode": code, "progress": progress, "progressText": text}
    return statuses


def ended(status_code: int) -> bool:
    """Return whether a product with this status will not change any more."""
    return (status_code < 0 and status_code != NOT_REPORTED) or status_code == 4


def progress_text(progress: Mapping[str, Any]) -> str:
    """Return the progress as an indented list (form: documented)."""
    text = f"{progress['PreProgress']}\n" if "PreProgress" in progress else ""
    text += "".join(f"{line}\n" for line in _progress_lines(progress.get("ProgressSteps", ()), 1))
    if "TimeRunning" in progress:
        text += f"\nThe job has been running for {progress['TimeRunning']}\n"
    return text


def _progress_lines(steps: Iterable[Mapping[str, Any]], depth: int) -> list[str]:
    lines = []
    for step in steps:
        label = step["StepLabel"]
        if step["StepStatus"] == 1:
            extra = f" -- {step['StepExtra']}" if "StepExtra" in step else ""
            label = f"** {label} - ACTIVE{extra}**"
        elif step["StepStatus"] == 2:
            label = f"{label} - DONE"
        lines += ["  " * depth + label, *_progress_lines(step.get("SubStep", ()), depth + 1)]
    return lines


def read_cancelled(operation: str, document: Mapping[str, Any], shorts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return code and text of the cancellation of each product, by short name."""
    try:
        return {s: {"code": document["statusCodes"][s], "text": document["status"][s]} for s in shorts}
    except (KeyError, TypeError) as error:
        raise ContractBroken(operation, f"no outcome for {error}", dict(document)) from error


# ---- finding a submission whose answer was lost ------------------------------------------------------------------

_OVERRIDDEN = {"getCoords": ("RA", "Dec"), "getTargs": ("targ",), "getT0": ("Tstart",)}
_BY_SSS = ("grades", "specgrades", "wtpuprate", "pcpuprate")


def may_be(sent: Mapping[str, Any], listed: Mapping[str, Any]) -> bool:
    """Return whether an entry in the list of jobs may belong to this submission: it has the same name and products.

    An astrometric position includes a standard position (documented).
    """
    asked = {kind.long: wants(sent, kind.flag) for kind in KINDS.values()}
    asked["StandardPos"] |= asked["AstromPos"]
    same = all(listed[name] == wanted for name, wanted in asked.items() if name in listed)
    return same and _stripped_name(listed.get("Name")) == _stripped_name(sent.get("name"))


def _stripped_name(name: object) -> str:
    """Return a name without what the service removes from it (documented: control characters such as & and ;)."""
    return re.sub(r"[^\w+.-]", "", str(name))


def same_request(sent: Mapping[str, Any], echoed: Mapping[str, Any]) -> bool:
    """Return whether `jobPars` agree with all that was sent, apart from values that the service works out itself."""
    changed = {name for flag, names in _OVERRIDDEN.items() if wants(sent, flag) for name in names}
    changed.update(_BY_SSS if wants(sent, "sss") else ())
    known = {p.wire: p for table in (GLOBALS, POSITIONS, *(k.table for k in KINDS.values())) for p in table.values()}
    return all(
        _same_value(known[name], value, echoed[name])
        for name, value in sent.items()
        if name in known and name in echoed and name not in changed
    )


def _same_value(parameter: Parameter, sent: Any, echoed: Any) -> bool:
    try:
        pair = [read_value(parameter, value) for value in (sent, echoed)]
    except (ValueError, TypeError):
        pair = [str(sent), str(echoed)]
    if isinstance(pair[0], str):
        pair = [_stripped_name(value) for value in pair]
    return bool(pair[0] == pair[1])


# ---- results ---------------------------------------------------------------------------------------------------


def read_position(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a position: `GotPos`, and `RA`, `Dec` [deg, J2000] and `Err90` [arcsec] as text, or a `Reason`."""
    position = {key: document[key] for key in document if key != "FromSXPS"}
    position["GotPos"] = wants(document, "GotPos")
    if not position["GotPos"]:
        return {**position, "Reason": "No position could be determined."}
    if "FromSXPS" in document:
        position["FromSXPS"] = wants(document, "FromSXPS")
    return position


_WHOLE = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def read_sources(document: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the sources of each band; texts that are numbers are converted."""
    bands = {band: sources for band, sources in document.items() if isinstance(sources, list)}
    return {
        band: [{key: _number_if_possible(value) for key, value in source.items()} for source in sources]
        for band, sources in bands.items()
    }


def _number_if_possible(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if _WHOLE.fullmatch(value):
        return int(value)
    return float(value) if _NUMBER.fullmatch(value) else value


def check_curves(operation: str, document: dict[str, Any]) -> dict[str, Any]:
    """Return a light curve answer; raise ContractBroken if one of its datasets is not a table of numbers."""
    for name in document["Datasets"]:
        table = document.get(f"{name}Data")
        if not isinstance(table, dict) or "columns" not in table or "data" not in table:
            raise ContractBroken(operation, f"the dataset {name} is not a table", document)
        if any(len(row) != len(table["columns"]) for row in table["data"]):
            raise ContractBroken(operation, f"a row of {name} does not fit its columns", document)
        numbers = [index for index, column in enumerate(table["columns"]) if column not in ("ObsID", "URL")]
        if not all(_is_number(row[index]) for row in table["data"] for index in numbers):
            raise ContractBroken(operation, f"a cell of {name} is not a number", document)
    return document


def check_spectra(operation: str, document: dict[str, Any]) -> dict[str, Any]:
    """Return a spectra answer; raise ContractBroken if it lacks an interval, mode or model that it names."""
    for interval in _named_tables(operation, document, "rnames"):
        for mode in _named_tables(operation, interval, "Modes"):
            _named_tables(operation, mode, "Models")
    return document


def _named_tables(operation: str, holder: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the tables that a list names, which are in the same table as the list."""
    names = holder.get(key, [])
    if not isinstance(names, list):
        raise ContractBroken(operation, f"{key} is not a list", holder)
    if missing := [name for name in names if not isinstance(holder.get(str(name)), dict)]:
        raise ContractBroken(operation, f"{key} names {missing[0]}, which is missing", holder)
    return [holder[str(name)] for name in names]


def _is_number(cell: Any) -> bool:
    """Return whether a cell of a table can be read as a number; null, ``inf`` and ``nan`` can (client)."""
    try:
        float("nan" if cell is None else cell)
    except (TypeError, ValueError):
        return False
    return True


def which(name: str, value: str | bool) -> str:
    """Return the value to send for a choice between yes, no and both."""
    text = {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
    if text not in ("yes", "no", "both"):
        raise RequestInvalid(f"{name} is {value!r}, but must be 'yes', 'no' or 'both'")
    return str(text)


def read_shared(operation: str, document: Any, needed: Iterable[str] = ()) -> dict[str, Any]:
    """Return an answer of the shared interface, where success has the key OK and failure the key ERROR."""
    if not isinstance(document, dict) or not ("OK" in document or "ERROR" in document):
        raise ContractBroken(operation, "the answer has neither OK nor ERROR", document)
    if "ERROR" in document or str(document["OK"]) == "0":
        words = [str(document[key]) for key in ("ERROR", "ERRORTEXT") if document.get(key)]
        raise ServiceRejected(operation, ": ".join(words) or "refused without a reason")
    if lacking := [key for key in needed if key not in document]:
        raise ContractBroken(operation, f"the answer lacks {', '.join(lacking)}", document)
    return {key: value for key, value in document.items() if key not in ("OK", "APIVersion")}
