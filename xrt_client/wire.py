"""Translate between values and answers and the documents of the service. Nothing is sent here.

The names that the service uses are here and in no other module. All of them are documented, unless a comment says
otherwise.
"""

from __future__ import annotations

import json
import math
import operator
import re
from itertools import chain
from typing import TYPE_CHECKING, Any

from . import shapes
from .errors import RequestInvalid, ServiceRejected
from .parameters import GLOBALS, KINDS, POSITIONS
from .shapes import Unlike, unlike, within

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .parameters import Parameter
    from .shapes import Shape

API_NAME, API_VERSION = "xrt_prods", "1.12"  # of the interface that is used: the newest form of every answer
NOT_REPORTED = -10  # documented: the service did not mention the product
ENDED = frozenset((-4, -3, -2, -1, 4))  # documented: cancelled, failed, not queued, not requested, complete
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
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(value)
        return given_value(parameter, int(value) if parameter.types[0] is int and value == int(value) else value)
    return parameter.types[0](value)


def write_value(value: Any) -> Any:
    """Return the value to send for a kept value."""
    return int(value) if isinstance(value, bool) else value


# ---- answers ---------------------------------------------------------------------------------------------------


_FLAG = shapes.one_of(0, 1, "0", "1", True, False)
_COMPLAINTS = shapes.each(shapes.keys(given={"label": shapes.text, "list": shapes.each(shapes.text)}))
_REFUSED = shapes.keys({"ERROR": shapes.scalar}, {"listErr": shapes.maybe(_COMPLAINTS), "ERRORTEXT": shapes.scalar})
_ENVELOPE = shapes.keys({"OK": shapes.one_of(0, 1, 2, "0", "1", "2")})


def read_answer(operation: str, document: Any, shape: Shape = shapes.anything) -> dict[str, Any]:
    """Return an answer without its envelope.

    An answer without `APIVersion` is accepted: documented examples lack it.

    Raises
    ------
    ServiceRejected
        It is a refusal.
    ContractBroken
        It does not have the shape of an answer to this operation.
    """
    shapes.check(operation, document, _ENVELOPE)
    if str(document["OK"]) == "0":
        shapes.check(operation, document, _REFUSED)
        raise rejection(operation, document)
    shapes.check(operation, document, shape)
    return {key: value for key, value in document.items() if key != "APIVersion"}


def rejection(operation: str, document: Mapping[str, Any]) -> ServiceRejected:
    """Return the exception for a refusal, with all complaints and the python names of parameters."""
    lines, problems = [python_names(str(document["ERROR"]))], []
    for group in document.get("listErr") or ():
        lines.append(python_names(group.get("label", "")))
        complaints = [python_names(complaint) for complaint in group.get("list", ())]
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


def _parameter(place: str, value: Any) -> None:
    """Accept the value of a parameter: a single one, or a list of names."""
    (_NAMES if isinstance(value, list) else shapes.scalar)(place, value)


_TABLES = (GLOBALS, POSITIONS, *(kind.table for kind in KINDS.values()))
_WIRE = {parameter.wire: parameter for table in _TABLES for parameter in table.values()}
_NAMES = shapes.each(shapes.text)
_JOB_PARS = shapes.keys(given=dict.fromkeys((*_WIRE, *(kind.flag for kind in KINDS.values())), _parameter))
JOB_NUMBER = shapes.at_least(1)
ACTIVE = shapes.keys({"numJobs": shapes.at_least(0)})
JOBS = shapes.keys({"jobs": shapes.each(shapes.keys({"JobID": JOB_NUMBER}, rest=shapes.scalar))})
ACCEPTED = shapes.keys({"JobID": JOB_NUMBER, "URL": shapes.address, "jobPars": _JOB_PARS})
OLD = shapes.keys({"URL": shapes.address, "jobPars": _JOB_PARS})


def about(key: str, job_id: Any, other: Shape) -> Shape:
    """Return a shape of an answer that concerns this job, if it names one."""

    def shape(place: str, value: Any) -> None:
        other(place, value)
        if key in value and str(value[key]) != str(job_id):
            raise unlike(key, value[key], f"{job_id}, the job that was asked about")

    return shape


def _progress(place: str, value: Any) -> None:
    if value:  # some versions of PHP write an object without keys as an empty list
        steps = {"GotProgress": shapes.scalar, "PreProgress": shapes.text, "TimeRunning": shapes.text}
        shapes.keys(given={**steps, "ProgressSteps": shapes.each(_step)})(place, value)


def _step(place: str, value: Any) -> None:
    more = {"StepExtra": shapes.text, "SubStep": shapes.each(_step)}
    shapes.keys({"StepLabel": shapes.text, "StepStatus": shapes.whole}, more)(place, value)


_STATUS = shapes.keys({"statusCode": shapes.maybe(shapes.whole), "statusText": shapes.text}, {"progress": _progress})


def statuses_of(shorts: Iterable[str]) -> Shape:
    """Return the shape of the answer about the status of these products, which may lack some of them."""
    return shapes.keys(given=dict.fromkeys(shorts, shapes.maybe(_STATUS)))


def read_statuses(document: Mapping[str, Any], shorts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the status of each product by short name, with the progress as text added."""
    unknown: dict[str, Any] = {"statusCode": None, "statusText": "The service did not report this product"}
    statuses = {}
    for short in shorts:
        status: dict[str, Any] = document.get(short) or unknown
        progress = status.get("progress") or {}
        text = progress_text(progress) if progress.get("GotProgress") == 1 else "No progress information available"
        code = NOT_REPORTED if status["statusCode"] is None else int(status["statusCode"])
        statuses[short] = {**status, "statusCode": code, "progress": progress, "progressText": text}
    return statuses


def ended(status_code: int) -> bool:
    """Return whether a product with this status will not change any more; a code that is not documented may."""
    return status_code in ENDED


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
        if int(step["StepStatus"]) == 1:
            extra = f" -- {step['StepExtra']}" if "StepExtra" in step else ""
            label = f"** {label} - ACTIVE{extra}**"
        elif int(step["StepStatus"]) == 2:
            label = f"{label} - DONE"
        lines += ["  " * depth + label, *_progress_lines(step.get("SubStep", ()), depth + 1)]
    return lines


def cancelled(shorts: Iterable[str]) -> Shape:
    """Return the shape of the answer about the cancellation of these products."""
    names = list(shorts)
    texts, codes = dict.fromkeys(names, shapes.text), dict.fromkeys(names, shapes.whole)
    return shapes.keys({"status": shapes.keys(texts), "statusCodes": shapes.keys(codes)})


def read_cancelled(document: Mapping[str, Any], shorts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return code and text of the cancellation of each product, by short name."""
    return {s: {"code": int(document["statusCodes"][s]), "text": document["status"][s]} for s in shorts}


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
    for name, value in sent.items():
        if name not in _WIRE or name not in echoed or name in changed:
            continue
        pair = [value, echoed[name]]
        try:
            pair = [read_value(_WIRE[name], one) for one in pair]
        except (ValueError, TypeError, OverflowError):
            pair = [str(one) for one in pair]
        if isinstance(pair[0], str):
            pair = [_stripped_name(one) for one in pair]
        if pair[0] != pair[1]:
            return False
    return True


# ---- results ---------------------------------------------------------------------------------------------------

_PLACED = shapes.keys(
    dict.fromkeys(("RA", "Dec", "Err90"), shapes.number), {"FromSXPS": shapes.scalar, "WhichSXPS": shapes.scalar}
)


def position(place: str, value: Any) -> None:
    """Accept a position, or the statement of its absence."""
    shapes.keys({"GotPos": _FLAG}, {"Reason": shapes.text})(place, value)
    if wants(value, "GotPos"):
        _PLACED(place, value)


def read_position(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a position: `GotPos`, and `RA`, `Dec` [deg, J2000] and `Err90` [arcsec] as text, or a `Reason`."""
    position = {key: document[key] for key in document if key != "FromSXPS"}
    position["GotPos"] = wants(document, "GotPos")
    if not position["GotPos"]:
        return {**position, "Reason": "No position could be determined."}
    if "FromSXPS" in document:
        position["FromSXPS"] = wants(document, "FromSXPS")
    return position


_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_BAND = shapes.each(shapes.keys(rest=shapes.scalar))
SOURCES = shapes.keys(given=dict.fromkeys(("Total", "Soft", "Medium", "Hard"), _BAND))


def read_sources(document: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the sources of each band; texts that are numbers are converted."""
    bands = {band: [*map(dict, sources)] for band, sources in document.items() if isinstance(sources, list)}
    for source in chain.from_iterable(bands.values()):
        for key, value in source.items():
            if isinstance(value, str) and _NUMBER.fullmatch(value):
                source[key] = int(value) if _WHOLE.fullmatch(value) else float(value)
    return bands


_CURVE = shapes.keys(given={"Binning": shapes.text, "TimeFormat": shapes.text, "T0": shapes.maybe(shapes.number)})


def curves(place: str, value: Any) -> None:
    """Accept a light curve, with a table of numbers for each of its datasets, of which there may be none."""
    _CURVE(place, value)
    names = value.get("Datasets", [])
    _NAMES("Datasets", names)
    shapes.keys(dict.fromkeys((f"{name}Data" for name in names), _table))(place, value)


def light_curve(place: str, value: Any) -> None:
    """Accept a light curve that lists its datasets."""
    shapes.keys({"Datasets": _NAMES})(place, value)
    curves(place, value)


def _table(place: str, value: Any) -> None:
    """Accept a table: a list of columns, and rows of the same length; as fast as possible, because it may be long."""
    shapes.keys({"columns": _NAMES, "data": shapes.each(lambda *_: None)}, {"URL": shapes.text})(place, value)
    readers = [_CELLS.get(column, shapes.number) for column in value["columns"]]
    for index, row in enumerate(value["data"]):
        if not isinstance(row, list) or len(row) != len(readers):
            raise unlike(f"{place}.data[{index}]", row, f"a row of {len(readers)} cells")
        for cell, column, reader in zip(row, value["columns"], readers, strict=True):
            if cell is not None or reader is not shapes.number:
                reader(f"{place}.data[{index}].{column}", cell)


_CELLS: dict[str, Shape] = {
    # the number of an observation may have a prefix such as "::ObsID="
    "ObsID": lambda place, value: shapes.whole(place, value.rpartition("=")[2] if isinstance(value, str) else value),
    "URL": shapes.text,
}


def spectra(place: str, value: Any) -> None:
    """Accept spectra with each interval, mode and model that they name; or the statement that there are none."""
    if "rnames" not in value and "NoSpectrum" not in value:
        raise unlike(place, value, "an object with rnames or NoSpectrum")
    _spectra(place, value)


def _named(key: str, *others: Shape) -> Shape:
    """Return the shape of an object with a list of names, and beside the list an object for each name."""

    def shape(place: str, value: Any) -> None:
        names = value.get(key, [])
        _NAMES(within(place, key), names)
        for name in names:
            if not isinstance(value.get(name), dict):
                raise Unlike(f"{within(place, key)} names {within(place, name)}, which must be an object")
            for other in others:
                other(within(place, name), value[name])

    return shape


_FIT = shapes.keys(given={"Image": shapes.maybe(shapes.text)}, rest=shapes.scalar)
_INTERVAL = shapes.keys(given={"DataFile": shapes.text})
_spectra = _named("rnames", _INTERVAL, _named("Modes", _named("Models", _FIT)))


def which(name: str, value: str | bool) -> str:
    """Return the value to send for a choice between yes, no and both."""
    text = {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
    if text not in ("yes", "no", "both"):
        raise RequestInvalid(f"{name} is {value!r}, but must be 'yes', 'no' or 'both'")
    return str(text)


def read_shared(operation: str, document: Any, shape: Shape = shapes.anything) -> dict[str, Any]:
    """Return an answer of the shared interface, where success has the key OK and failure the key ERROR."""
    shapes.check(operation, document, shapes.keys())
    if "ERROR" in document or str(document.get("OK")) == "0":
        shapes.check(operation, document, shapes.keys(given=dict.fromkeys(("ERROR", "ERRORTEXT"), shapes.scalar)))
        words = [str(document[key]) for key in ("ERROR", "ERRORTEXT") if document.get(key)]
        raise ServiceRejected(operation, ": ".join(words) or "refused without a reason")
    shapes.check(operation, document, _ENVELOPE)
    shapes.check(operation, document, shape)
    return {key: value for key, value in document.items() if key not in ("OK", "APIVersion")}
