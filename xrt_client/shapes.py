"""Shapes of answers: what this client relies on is checked before it is read, and a deviation names place and value.

A shape is a function of place and value. It raises `Unlike` if the value is something else. Values may be written as
numbers or as text, because the service does both.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from .errors import ContractBroken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Shape = Callable[[str, Any], None]

DEEPEST = 40  # levels of lists and objects; documented answers have at most nine
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_LARGEST = 10**18


class Unlike(Exception):  # noqa: N818 - named as it is read: "this is unlike that"
    """A value does not have its shape; the message says where, what it is, and what it should be."""


def unlike(place: str, value: Any, expected: str) -> Unlike:
    """Return the exception for a value that is there but is not as expected."""
    return Unlike(f"{place or 'the answer'} is {shown(value)}, but must be {expected}")


def within(place: str, key: str) -> str:
    """Return the place of a key, on one line whatever the key is."""
    name = key if key.isprintable() else shown(key)
    return f"{place}.{name}" if place else name


def shown(value: Any) -> str:
    """Return the beginning of a value as JSON, for messages."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def check(operation: str, document: Any, shape: Shape) -> None:
    """Raise ContractBroken if a document does not have a shape."""
    try:
        shape("", document)
    except Unlike as error:
        raise ContractBroken(operation, str(error), document) from error


def depth(document: Any) -> int:
    """Return how many levels of lists and objects are within each other."""
    level, levels = [document], 0
    while level := [node for node in level if isinstance(node, (dict, list))]:
        level = [child for node in level for child in (node.values() if isinstance(node, dict) else node)]
        levels += 1
    return levels


# ---- single values ---------------------------------------------------------------------------------------------


def anything(place: str, value: Any) -> None:
    """Accept every value."""


def text(place: str, value: Any) -> None:
    """Accept text."""
    if not isinstance(value, str):
        raise unlike(place, value, "text")


def scalar(place: str, value: Any) -> None:
    """Accept what a parameter may be: text, a finite number, a flag, or null."""
    if isinstance(value, (list, dict)) or (isinstance(value, float) and not math.isfinite(value)):
        raise unlike(place, value, "text, a number, a flag or null")


def whole(place: str, value: Any) -> None:
    """Accept a whole number of at most 18 digits."""
    written = isinstance(value, str) and _WHOLE.fullmatch(value)
    counted = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _LARGEST
    if not written and not (counted and value == int(value)):
        raise unlike(place, value, "a whole number")


def at_least(least: int) -> Shape:
    """Return the shape of a whole number that is not smaller than `least`."""

    def shape(place: str, value: Any) -> None:
        whole(place, value)
        if int(value) < least:
            raise unlike(place, value, f"{least} or more")

    return shape


def number(place: str, value: Any) -> None:
    """Accept a number, also ``inf`` and ``nan`` as text (client)."""
    try:
        if isinstance(value, bool):
            raise TypeError
        float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise unlike(place, value, "a number") from error


def address(place: str, value: Any) -> None:
    """Accept the address of a page or file."""
    if not (isinstance(value, str) and re.match(r"https?://[^/\s]", value, re.IGNORECASE)):
        raise unlike(place, value, "an address (http or https)")


# ---- made of others --------------------------------------------------------------------------------------------


def one_of(*values: Any) -> Shape:
    """Return the shape of some values; True is not 1 here."""
    allowed = [(type(value), value) for value in values]

    def shape(place: str, value: Any) -> None:
        if isinstance(value, (list, dict)) or (type(value), value) not in allowed:
            raise unlike(place, value, f"one of {', '.join(json.dumps(v) for v in values)}")

    return shape


def maybe(other: Shape) -> Shape:
    """Return a shape that null has as well."""
    return lambda place, value: None if value is None else other(place, value)


def each(other: Shape) -> Shape:
    """Return the shape of a list."""

    def shape(place: str, value: Any) -> None:
        if not isinstance(value, list):
            raise unlike(place, value, "a list")
        for index, item in enumerate(value):
            other(f"{place}[{index}]", item)

    return shape


def keys(
    needed: Mapping[str, Shape] | None = None, given: Mapping[str, Shape] | None = None, rest: Shape = anything
) -> Shape:
    """Return the shape of an object.

    Parameters
    ----------
    needed, given
        Shapes of keys that must be present, and of keys that may be.
    rest
        Shape of all other keys.
    """
    needed, named = needed or {}, {**(needed or {}), **(given or {})}

    def shape(place: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise unlike(place, value, "an object")
        for key in needed:
            if key not in value:
                raise Unlike(f"{within(place, key)} is missing")
        for key, item in value.items():
            named.get(key, rest)(within(place, key), item)

    return shape
