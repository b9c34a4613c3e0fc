"""Checks of values that people write in scenarios, in submissions and on the control interface.

A message says what is wrong, the value, and what to write instead. Every start loads this module, so it imports little.
"""

from __future__ import annotations

import difflib
import math
import re
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import InputInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LARGE = 1e9
"""Default upper limit of a number."""


class Rule(NamedTuple):
    """What a value may be.

    Parameters
    ----------
    accepts
        Test of a value of any type.
    must_be
        Words that complete "X is 3, but must be ...".
    names
        Known words, if there are some; a message suggests the nearest one.
    """

    accepts: Callable[[Any], bool]
    must_be: str
    names: tuple[str, ...] = ()


def number(low: float, high: float = LARGE, what: str = "a number") -> Rule:
    """Return the rule for a number from `low` to `high`, both included; ``true`` and NaN are not numbers."""
    return Rule(
        lambda value: isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high,
        what + _limits(low, high),
    )


def whole(low: float = -math.inf, high: float = LARGE, what: str = "a whole number") -> Rule:
    """Return the rule for an integer from `low` to `high`, both included; ``3.0`` and ``true`` are not integers."""
    return Rule(
        lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high,
        what + _limits(low, high),
    )


def _limits(low: float, high: float) -> str:
    return ("" if low == -math.inf else f" from {low:.10g}") + ("" if high == math.inf else f" to {high:.10g}")


def one_of(*names: str) -> Rule:
    """Return the rule for one word of several."""
    return Rule(lambda value: isinstance(value, str) and value in names, f"one of: {', '.join(names)}", names)


def instance_of(kind: type, must_be: str) -> Rule:
    """Return the rule for any value of a type."""
    return Rule(lambda value: isinstance(value, kind), must_be)


def list_of(kind: type, must_be: str) -> Rule:
    """Return the rule for a list whose entries have one type."""
    return Rule(lambda value: isinstance(value, list) and all(isinstance(entry, kind) for entry in value), must_be)


TEXT = instance_of(str, "a text")
ADDRESS = Rule(
    lambda value: isinstance(value, str) and re.fullmatch(r"\s*[^@\s\0]{1,64}@[^@\s\0]{1,253}\s*", value) is not None,
    "an address such as name@institute.org",
)
FLAG = instance_of(bool, "true or false")


def check(name: str, value: Any, rule: Rule) -> None:
    """Raise ValueError unless `value`, which the user knows as `name`, follows a rule."""
    if not rule.accepts(value):
        raise InputInvalid(f"{name} is {shown(value)}, but must be {rule.must_be}{did_you_mean(value, rule.names)}")


def check_known(name: str, known: Iterable[str], problem: str) -> None:
    """Raise ValueError unless `name` is `known`; `problem` starts the message, such as "there is no setting"."""
    names = list(known)
    if name not in names:
        raise InputInvalid(f"{problem} {name!r}" + (did_you_mean(name, names) or f"; known: {', '.join(names)}"))


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return the end of a message that suggests the nearest of the `known` names; empty if none is near."""
    near = difflib.get_close_matches(str(name), list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def parse_digits(text: str) -> int | None:
    """Return the integer that a text of 1 to 15 ASCII digits holds; None for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def read_date(name: str, value: Any) -> float:
    """Return a date, or an ISO text, as simulated time [s since 1970-01-01 UTC]; without a zone it is UTC.

    Raises
    ------
    ValueError
        If the value, which the user knows as `name`, is not a date.
    """
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(found, date) and not isinstance(found, datetime):
            found = datetime.combine(found, time())
        if isinstance(found, datetime):
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        pass  # not in the calendar
    raise InputInvalid(f"{name} is {shown(value)}, but must be a date such as 2026-05-01 or 2026-05-01T12:00:00Z")


def shown(value: object, longest: int = 60) -> str:
    """Return a value as it may stand in a message, in at most `longest` characters; never a Python dict."""
    match value:
        case None:
            text = "null"
        case bool():
            text = "true" if value else "false"
        case int() if abs(value) >= 10**30:
            text = "a very large number"
        case list():
            text = f"[{', '.join(map(shown, value[:longest]))}]"
        case dict():
            text = "a table"
        case date():
            text = value.isoformat()
        case _:
            text = repr(value)
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
