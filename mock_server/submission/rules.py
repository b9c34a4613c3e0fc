"""Relations between parameters: which must be given when, and which values fit together. Pure."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.model import Product
from ..core.selection import letters_and_digits
from .table import Group
from .values import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

_POSITIONS = frozenset(Group.POSITION.value)
_INTERVALS = (1, 2, 3, 4)
_OTHER_KEYS = frozenset(
    ("OK", "T0", "DeltaFitStat", "GalNH", "GalNH_unfitted", "rnames", "APIVersion", "deprecationWarning", "NoSpectrum")
)
"""Keys that stand beside the names of spectra in an answer."""


class Situation(NamedTuple):
    """Input of a rule: values given or defaulted, the requested products, and the defaults."""

    values: Mapping[str, Any]
    products: frozenset[Product]
    defaults: Mapping[str, Any]


def _always(_: Situation) -> bool:
    return True


def _position_needed(s: Situation) -> bool:
    return not s.values["getCoords"] and s.products != {Product.SOURCE_DET}


def _if_requested(product: Product, name: str | None = None, value: Any = True) -> Callable[[Situation], bool]:
    return lambda s: product in s.products and (name is None or s.values.get(name) == value)


def _interval_needed(number: int, partner: str) -> Callable[[Situation], bool]:
    sliced = _if_requested(Product.SPECTRUM, "timeslice", "user")
    return lambda s: sliced(s) and (number == 1 or f"{partner}{number}" in s.values)


_COUNTS = _if_requested(Product.LIGHT_CURVE, "binMeth", "counts")

NEEDED: dict[str, Callable[[Situation], bool]] = {
    "UserID": _always,
    "name": _always,
    "targ": lambda s: not s.values["getTargs"],
    "RA": _position_needed,
    "Dec": _position_needed,
    "cent": lambda s: bool(s.products & {Product.LIGHT_CURVE, Product.SPECTRUM}),
    "poserr": lambda s: bool(s.values.get("cent")),
    "binMeth": _if_requested(Product.LIGHT_CURVE),
    "pccounts": _COUNTS,
    "wtcounts": _COUNTS,
    "dynamic": _COUNTS,
    "uselcobs": _if_requested(Product.LIGHT_CURVE, "lcobs", "user"),
    "specz": _if_requested(Product.SPECTRUM),
    "zval": _if_requested(Product.SPECTRUM, "specz"),
    "usespecobs": _if_requested(Product.SPECTRUM, "specobs", "user"),
    **{f"rname{n}": _interval_needed(n, "gti") for n in _INTERVALS},
    **{f"gti{n}": _interval_needed(n, "rname") for n in _INTERVALS},
    "useposobs": lambda s: bool(s.products & _POSITIONS) and s.values["posobs"] == "user",
    "useimobs": _if_requested(Product.IMAGE, "imobs", "user"),
    "usedetobs": _if_requested(Product.SOURCE_DET, "detobs", "user"),
}
"""Conditions under which a parameter must be given (documented; that later intervals need both parts: assumed)."""

_WITHIN: tuple[tuple[str, Callable[[float, float], bool], str, str], ...] = (
    ("soft1", operator.ge, "at least", "minen"),
    ("hard1", operator.ge, "at least", "minen"),
    ("soft2", operator.le, "at most", "maxen"),
    ("hard2", operator.le, "at most", "maxen"),
)
"""Bands of the hardness ratio lie within that of the curve (documented).

This binds the ends of bands that the caller chose: others have their default (field: a job of 2026).
"""
_ORDERED = (("minen", "maxen"), ("soft1", "soft2"), ("hard1", "hard2"))
"""Low and high ends (assumed)."""


def broken_relations(situation: Situation, unread: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each pair of values that do not fit together; values in `unread` are skipped."""
    values, products, defaults = situation
    if Product.LIGHT_CURVE in products:
        for name, holds, words, other in _WITHIN:
            is_chosen = values[name] != defaults[name]
            if is_chosen and {name, other}.isdisjoint(unread) and not holds(values[name], values[other]):
                yield f"{name} is {values[name]:g}, but must be {words} {other} ({values[other]:g})"
        for low, high in _ORDERED:
            if {low, high}.isdisjoint(unread) and not values[low] < values[high]:
                yield f"{low} is {values[low]:g}, but must be below {high} ({values[high]:g})"
    if Product.SPECTRUM in products:
        seen = {""}
        for name in (f"rname{n}" for n in _INTERVALS if f"rname{n}" in values):
            if values[name] in _OTHER_KEYS:
                yield f"{name} is {shown(values[name])}, which is a key of its own in answers: choose another name"
            word = letters_and_digits(values[name])
            if word in seen:  # files of spectra are named by it
                yield f"{name} is {shown(values[name])}, but must have letters or digits that no interval before it has"
            seen.add(word)
