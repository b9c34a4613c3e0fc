"""What parameters demand of one another: which must be supplied when, and which values go together. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.model import Product
from .table import Group
from .values import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

_POSITIONS = frozenset(Group.POSITION.value)
_INTERVALS = (1, 2, 3, 4)


class Situation(NamedTuple):
    """What a rule may look at: values given or defaulted, and the products asked for."""

    values: Mapping[str, Any]
    products: frozenset[Product]


def _always(_: Situation) -> bool:
    return True


def _position_needed(s: Situation) -> bool:
    return not s.values["getCoords"] and s.products != {Product.SOURCE_DET}


def _when(product: Product, name: str | None = None, value: Any = True) -> Callable[[Situation], bool]:
    return lambda s: product in s.products and (name is None or s.values.get(name) == value)


def _interval(number: int, partner: str) -> Callable[[Situation], bool]:
    sliced = _when(Product.SPECTRUM, "timeslice", "user")
    return lambda s: sliced(s) and (number == 1 or f"{partner}{number}" in s.values)


_COUNTS = _when(Product.LIGHT_CURVE, "binMeth", "counts")

NEEDED: dict[str, Callable[[Situation], bool]] = {
    "UserID": _always,
    "name": _always,
    "targ": lambda s: not s.values["getTargs"],
    "RA": _position_needed,
    "Dec": _position_needed,
    "cent": lambda s: bool(s.products & {Product.LIGHT_CURVE, Product.SPECTRUM}),
    "poserr": lambda s: bool(s.values.get("cent")),
    "binMeth": _when(Product.LIGHT_CURVE),
    "pccounts": _COUNTS,
    "wtcounts": _COUNTS,
    "dynamic": _COUNTS,
    "uselcobs": _when(Product.LIGHT_CURVE, "lcobs", "user"),
    "specz": _when(Product.SPECTRUM),
    "zval": _when(Product.SPECTRUM, "specz"),
    "usespecobs": _when(Product.SPECTRUM, "specobs", "user"),
    **{f"rname{n}": _interval(n, "gti") for n in _INTERVALS},
    **{f"gti{n}": _interval(n, "rname") for n in _INTERVALS},
    "useposobs": lambda s: bool(s.products & _POSITIONS) and s.values["posobs"] == "user",
    "useimobs": _when(Product.IMAGE, "imobs", "user"),
    "usedetobs": _when(Product.SOURCE_DET, "detobs", "user"),
}
"""When a parameter must be supplied (documented; that each later interval needs both its halves: assumed)."""

_AT_LEAST = (("soft1", "minen"), ("hard1", "minen"))  # documented
_AT_MOST = (("soft2", "maxen"), ("hard2", "maxen"))  # documented
_BELOW = (("minen", "maxen"), ("soft1", "soft2"), ("hard1", "hard2"))  # assumed


def broken_relations(situation: Situation, unread: Collection[str]) -> Iterator[str]:
    """Yield a sentence for every two values that do not go together; those in `unread` are left alone."""
    values, products = situation
    if Product.LIGHT_CURVE in products:
        for name, other in (*_AT_LEAST, *_AT_MOST, *_BELOW):
            if {name, other}.isdisjoint(unread):
                yield from _broken_energies(name, values[name], other, values[other])
    if Product.SPECTRUM in products:
        yield from _broken_names([(f"rname{n}", values[f"rname{n}"]) for n in _INTERVALS if f"rname{n}" in values])


def _broken_energies(name: str, value: float, other: str, limit: float) -> Iterator[str]:
    if (name, other) in _AT_LEAST and value < limit:
        yield f"{name} is {value:g}, but must be at least {other} ({limit:g})"
    elif (name, other) in _AT_MOST and value > limit:
        yield f"{name} is {value:g}, but must be at most {other} ({limit:g})"
    elif (name, other) in _BELOW and value >= limit:
        yield f"{name} is {value:g}, but must be below {other} ({limit:g})"


def _broken_names(names: list[tuple[str, str]]) -> Iterator[str]:
    """Spectra are known, and their files named, by letters and digits of the interval's name (documented)."""
    seen: set[str] = set()
    for name, value in names:
        word = interval_word(value)
        if not word or word in seen:
            yield f"{name} is {shown(value)}, but must have letters or digits, and others than the intervals before it"
        seen.add(word)


def interval_word(name: str) -> str:
    """Return the letters and digits of an interval's name, as its files are called (documented)."""
    return "".join(c for c in name if c.isascii() and c.isalnum())
