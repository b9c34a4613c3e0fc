"""Relations between parameters: which must be given when, and which values fit together. Pure."""

from __future__ import annotations

import operator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.model import Product
from ..core.selection import letters_and_digits
from .table import TABLE, Group
from .values import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

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


class Need(NamedTuple):
    """When a parameter must be given: for any of these products, and under this condition."""

    products: frozenset[Product]
    condition: Callable[[Situation], bool] = lambda _: True


def _for(*products: Product, **values: Any) -> Need:
    """Need of these products, if parameters have these values."""
    return Need(frozenset(products), lambda s: all(s.values.get(name) == value for name, value in values.items()))


def _interval(number: int, partner: str) -> Need:
    both = f"{partner}{number}"
    return Need(
        frozenset({Product.SPECTRUM}),
        lambda s: s.values.get("timeslice") == "user" and (number == 1 or both in s.values),
    )


_ANY = frozenset(Product)
_POSITION = Need(_ANY, lambda s: not s.values["getCoords"] and s.products != {Product.SOURCE_DET})
_COUNTS = _for(Product.LIGHT_CURVE, binMeth="counts")

NEEDED: dict[str, Need] = {
    "UserID": Need(_ANY),
    "name": Need(_ANY),
    "targ": Need(_ANY, lambda s: not s.values["getTargs"]),
    "RA": _POSITION,
    "Dec": _POSITION,
    "cent": _for(Product.LIGHT_CURVE, Product.SPECTRUM),
    "poserr": Need(_ANY, lambda s: bool(s.values.get("cent"))),
    "binMeth": _for(Product.LIGHT_CURVE),
    "pccounts": _COUNTS,
    "wtcounts": _COUNTS,
    "dynamic": _COUNTS,
    "uselcobs": _for(Product.LIGHT_CURVE, lcobs="user"),
    "specz": _for(Product.SPECTRUM),
    "zval": _for(Product.SPECTRUM, specz=True),
    "usespecobs": _for(Product.SPECTRUM, specobs="user"),
    **{f"rname{n}": _interval(n, "gti") for n in _INTERVALS},
    **{f"gti{n}": _interval(n, "rname") for n in _INTERVALS},
    "useposobs": _for(*Group.POSITION.value, posobs="user"),
    "useimobs": _for(Product.IMAGE, imobs="user"),
    "usedetobs": _for(Product.SOURCE_DET, detobs="user"),
}
"""Conditions under which a parameter must be given (documented; that later intervals need both parts: assumed)."""


def missing_in(situation: Situation, given: Collection[str]) -> list[str]:
    """Return the parameters that must be given and are not, in the order of the table."""
    unknown = [name for name in _needed_by(situation.products) if name not in situation.values and name not in given]
    return sorted((name for name in unknown if NEEDED[name].condition(situation)), key=_PLACES.__getitem__)


@lru_cache(maxsize=128)  # seven products have 128 subsets
def _needed_by(products: frozenset[Product]) -> frozenset[str]:
    # what any product needs is needed by a submission without one, too, whose flags could not be read
    return frozenset(name for name, need in NEEDED.items() if need.products is _ANY or need.products & products)


_PLACES = {parameter.name: place for place, parameter in enumerate(TABLE)}

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
