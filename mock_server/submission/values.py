"""One value of a submission: from the text of the caller to a Python value, and to the form that is stored and echoed.

Pure. An invalid value raises ValueError, whose text completes "X is ..., but ...".
"""

from __future__ import annotations

import math
import re
import unicodedata
from typing import TYPE_CHECKING, Any

from ..core import validation
from ..core.timescales import parse_instant, parse_use_obs
from .table import HUGE, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from .table import Parameter

_SHELL = frozenset("&;|<>`$\\")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,400}", re.ASCII)
_TARGET = re.compile(r"(\d{8})(\d{3})?", re.ASCII)
_BAND = re.compile(r"(\d*\.?\d+)-(\d*\.?\d+)", re.ASCII)
_FLAGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_LONGEST = {Kind.DATA: 10_000, Kind.RANGES: 10_000, Kind.TARGETS: 10_000}
_LONGEST_TEXT = 200
_LATEST = 3.2e9  # Swift MET of the year 2102
_MOST_BANDS = 20


def clean(text: str) -> str:
    """Return `text` without control characters and those that a shell interprets (documented: ``&`` and ``;``)."""
    if text.isprintable() and _SHELL.isdisjoint(text):  # nearly always
        return text.strip()
    return "".join(c for c in text if c not in _SHELL and not unicodedata.category(c).startswith("C")).strip()


def is_missing(value: Any) -> bool:
    """Whether a value counts as not supplied (assumed: null and empty do)."""
    if isinstance(value, str):
        return not (value[:1].isalnum() or clean(value))
    return value is None or value == []


def shown(value: Any, longest: int = 60) -> str:
    """Return a value as it may stand in a sentence to the caller, in at most `longest` characters."""
    match value:
        case str():
            text = clean(value)
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return validation.shown(value)
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def read_value(parameter: Parameter, value: Any, *, relative: bool = False, t0: float | None = None) -> Any:
    """Return the value of one parameter.

    Parameters
    ----------
    parameter
        Parameter of the value.
    value
        Value from the caller; not missing.
    relative, t0
        Whether times count from T0, and T0 [s, Swift MET].

    Raises
    ------
    ValueError
        If the value is invalid; the text says what it must be.
    """
    match parameter.kind:
        case Kind.FLAG:
            if value in (0, 1):
                return value == 1
            word = (value if isinstance(value, str) else shown(_without_point(value))).casefold()
            flag = _FLAGS.get(parameter.codes.get(word, word))
            if flag is None:
                raise ValueError("must be 0 or 1")
            return flag
        case Kind.WHOLE | Kind.NUMBER:
            return _read_number(parameter, value)
        case Kind.MODELS:
            if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
                raise ValueError(f"must be a list with some of: {', '.join(parameter.choices)}")
            return _offered(parameter, *(clean(word).casefold() for word in value))
        case Kind.CHOICE:
            word = _read_text(parameter, value).casefold()
            return _offered(parameter, parameter.codes.get(word, word))[0]
        case _:
            return _READERS[parameter.kind](parameter, _read_text(parameter, value), relative, t0)


def _read_text(parameter: Parameter, value: Any) -> str:
    if isinstance(value, str):
        text = clean(value)
    elif isinstance(value, bool) or not isinstance(value, int | float) or parameter.kind is Kind.TEXT:
        raise ValueError(f"must be {parameter.kind.value}")
    elif parameter.kind is Kind.TARGETS and isinstance(value, int) and 0 <= value < 10**8:
        return f"{value:08d}"
    else:
        text = shown(value if parameter.kind is Kind.VERSION else _without_point(value))
    longest = parameter.longest or _LONGEST.get(parameter.kind, _LONGEST_TEXT)
    if len(text) > longest:
        raise ValueError(f"must have at most {longest} characters")
    return text


def _read_number(parameter: Parameter, value: Any) -> float | int:
    low, high = parameter.low, parameter.high
    whole = parameter.kind is Kind.WHOLE
    if isinstance(value, str):
        number = float(value) if (_WHOLE if whole else _NUMBER).fullmatch(value) else math.nan
    elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= HUGE:
        number = float(value)
    else:
        number = math.nan
    above = number > low if parameter.above_low else number >= low
    if not (above and number <= high) or (whole and not number.is_integer()):
        kind = "a whole number " if whole else ""
        limits = f"above {low:g} and at most {high:.0f}" if parameter.above_low else f"between {low:g} and {high:.10g}"
        raise ValueError(f"must be {kind}{limits}")
    return int(number) if whole else number


def _offered(parameter: Parameter, *words: str) -> tuple[str, ...]:
    """Return each word once; raise ValueError unless the parameter offers all of them."""
    if not set(words) <= set(parameter.choices):
        raise ValueError(f"must be one of: {', '.join(parameter.choices)}")
    return tuple(dict.fromkeys(words))


def _as_written(_parameter: Parameter, text: str, *_: object) -> str:
    return text


def _read_targets(_parameter: Parameter, text: str, *_: object) -> tuple[str, ...]:
    inner = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    targets = [_TARGET.fullmatch(target.strip()) for target in inner.split(",")]
    if not all(targets):
        raise ValueError("must be target IDs of eight digits, separated by commas")
    return tuple(dict.fromkeys(target[1] for target in targets if target))  # of an observation, its target (field)


def _read_energies(parameter: Parameter, text: str, *_: object) -> tuple[tuple[float, float], ...]:
    bands = [_BAND.fullmatch(band.strip()) for band in text.split(",")]
    pairs = tuple((float(band[1]), float(band[2])) for band in bands if band)
    inside = all(parameter.low <= low < high <= parameter.high for low, high in pairs)
    if len(pairs) < len(bands) or not inside or len(pairs) > _MOST_BANDS:
        raise ValueError(f"must be bands between {parameter.low:g} and {parameter.high:g} keV, such as 0.3-1.5,1.5-10")
    return pairs


def _read_instant(_parameter: Parameter, text: str, *_: object) -> float:
    try:
        met = parse_instant(text)
    except (ValueError, OverflowError) as error:
        raise ValueError("must be a time: Swift MET, MJD, or a date") from error
    if not 0 <= met <= _LATEST:
        raise ValueError("must be a time between 2001 and 2102")
    return met


def _read_data(parameter: Parameter, text: str, relative: bool, t0: float | None) -> str:
    try:
        if not text.isascii():
            raise ValueError("only ASCII characters are allowed")
        use = parse_use_obs(text, relative=relative, t0=t0)
        if parameter.kind is Kind.RANGES and use.obsids:
            raise ValueError("observation IDs are not allowed here")
    except (ValueError, OverflowError) as error:
        raise ValueError(f"must be {parameter.kind.value}: {shown(str(error), 120)}") from error
    return text


_READERS: dict[Kind, Callable[..., Any]] = {
    Kind.TEXT: _as_written,
    Kind.VERSION: _as_written,
    Kind.TARGETS: _read_targets,
    Kind.ENERGIES: _read_energies,
    Kind.INSTANT: _read_instant,
    Kind.DATA: _read_data,
    Kind.RANGES: _read_data,
}


def _without_point(value: Any) -> Any:
    """Return a number without a needless decimal point, anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


_STORED: dict[Kind, Callable[[Any], Any]] = {
    Kind.FLAG: int,
    Kind.TARGETS: lambda targets: targets[0] if len(targets) == 1 else "{" + ",".join(targets) + "}",
    Kind.ENERGIES: lambda bands: ",".join(f"{_without_point(low)}-{_without_point(high)}" for low, high in bands),
    Kind.MODELS: list,
}


def stored(parameter: Parameter, value: Any) -> Any:
    """Return the JSON value that stands for `value` in ``jobPars``: the documented type, whatever the caller sent."""
    plain = _STORED.get(parameter.kind, _without_point)(value)
    return str(plain) if parameter.as_text else plain
