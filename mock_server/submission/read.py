"""The service's own rules for a submission: every problem at once, defaults, and what ``jobPars`` holds. Pure.

The parameters are in `parameter_table`, single values in `parameter_values`, what they demand of one another in
`parameter_rules`; here they come together.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..core.errors import ParametersRefused, Refusal
from ..core.model import Product
from .rules import NEEDED, Situation, broken_relations
from .table import BY_NAME, TABLE, Kind
from .values import is_missing, read_value, shown, stored

if TYPE_CHECKING:
    from collections.abc import Mapping

OFFICIAL_CLIENT = "xrt_prods"
WORKED_OUT = ("getCoords", "getTargs", "getT0")
"""Flags that ask the service to work a value out, in the order in which it does so (documented)."""

_SPELLINGS = {spelling: parameter for parameter in TABLE for spelling in (parameter.name, *parameter.also)}
_TIMES = frozenset(p.name for p in TABLE if p.kind in (Kind.DATA, Kind.RANGES))
_SERVER_ONLY = frozenset(p.name for p in TABLE if p.server_only)
_SUPER_SOFT = {"wtpuprate": 50.0, "pcpuprate": 0.3}  # that they are lower is documented, the values are assumed
_GRADE_0 = ("grades", "specgrades")
_NEEDED = tuple(p.name for p in TABLE if p.name in NEEDED)
_BUILT_IN = {p.name: read_value(p, p.default) for p in TABLE if not is_missing(p.default)}
_REPLAYED_IN_ORDER = ("specz", "zval", "galactic", "doNotFit")


@dataclass(frozen=True)
class Submission:
    """A request that the service takes, complete with the defaults in force.

    Parameters
    ----------
    products
        What is asked for, in the order of :class:`~mock_server.core.model.Product`; an astrometric position brings the
        standard one with it (documented).
    values
        By wire name: given or default, as numbers, texts, booleans and lists. ``Tstart`` is Swift MET [s], ``targ`` a
        list of target IDs, ``imen`` a list of pairs [keV].
    given
        Wire names of what the caller supplied, in the caller's order.
    """

    products: tuple[Product, ...]
    values: Mapping[str, Any]
    given: tuple[str, ...]

    @property
    def user(self) -> str:
        """The address the caller gave."""
        return str(self.values["UserID"])

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.values["name"])

    @property
    def wants(self) -> frozenset[str]:
        """Which of ``getCoords``, ``getTargs`` and ``getT0`` are set."""
        return frozenset(flag for flag in WORKED_OUT if self.values[flag])

    def job_pars(self, computed: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``jobPars`` as it is stored: the caller's keys in the caller's order, defaults, worked-out values.

        Parameters
        ----------
        computed
            What the service worked out, by wire name: ``RA`` and ``Dec`` [deg], ``targ`` (target IDs), ``Tstart``
            [s, Swift MET], and ``outdir`` if wanted. They take the place of given ones.
        """
        values, given = self.values, set(self.given)
        names = [name for name in self.given if name in values and name not in computed]
        names += [
            name
            for name in _told(self.products, tuple(computed))
            if name in computed or (name in values and name not in given)
        ]
        return {
            name: _worked_out(name, computed[name]) if name in computed else _stored(name, self.values[name])
            for name in _in_replay_order(names)
        }


@lru_cache(1024)
def _told(products: tuple[Product, ...], computed: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a job for these products is told beside what was given: worked-out values, and defaults."""
    wanted = frozenset(products)
    return tuple(p.name for p in TABLE if p.name in computed or p.group.concerns(wanted))


def read(raw: Mapping[str, Any], defaults: Mapping[str, Any]) -> Submission:
    """Check a request and complete it.

    Parameters
    ----------
    raw
        The JSON object the caller sent. Unknown keys are ignored.
    defaults
        Defaults now in force that differ from the built-in ones, by wire name.

    Raises
    ------
    ParametersRefused
        With all that is missing or invalid, by wire name.
    Refusal
        If no product is asked for.
    """
    given = _given(raw)
    values, unread = _read_all(given)
    products = _products(values)
    if not products and not unread:
        raise Refusal("No products were requested.")
    values = _completed(values, defaults)
    situation = Situation(values, frozenset(products))
    unknown = NEEDED.keys() - given.keys() - values.keys()
    missing = sorted((name for name in unknown if NEEDED[name](situation)), key=_NEEDED.index)
    invalid = [*unread.values(), *broken_relations(situation, unread)]
    if missing or invalid:
        raise ParametersRefused(missing, invalid)
    return Submission(products, values, tuple(given))


def _given(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the caller supplied, under its wire name; the wire name itself goes before other spellings."""
    given: dict[str, Any] = {}
    for spelling, value in raw.items():
        parameter = _SPELLINGS.get(spelling)
        if parameter and not is_missing(value) and (spelling == parameter.name or parameter.name not in given):
            given[parameter.name] = value
    return given


def _read_all(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values, and by wire name a sentence for each that cannot be read. Times come last: T0 moves them."""
    values: dict[str, Any] = {}
    unread: dict[str, str] = {}
    for name in sorted(given, key=_TIMES.__contains__):
        if name in _SERVER_ONLY:
            continue
        relative, t0 = values.get("sinceT0", False), values.get("Tstart")
        if t0 is None and values.get("getT0"):
            t0 = 0.0  # to be worked out; until then any will do to check how ranges are written
        try:
            values[name] = _read(name, given[name], relative, t0)
        except ValueError as problem:
            unread[name] = f"{name} is {shown(given[name])}, but {problem}"
    return values, unread


_SHORT = 64
_PLAIN_TYPES = frozenset((str, int, float, bool))


def _read(name: str, value: Any, relative: bool, t0: float | None) -> Any:
    """Read a value; most of those in a submission were in others before."""
    if type(value) in _PLAIN_TYPES and (type(value) is not str or len(value) <= _SHORT):
        return _read_plain(name, value, relative, t0)
    return read_value(BY_NAME[name], value, relative=relative, t0=t0)


@lru_cache(4096, typed=True)
def _read_plain(name: str, value: str | float, relative: bool, t0: float | None) -> Any:
    return read_value(BY_NAME[name], value, relative=relative, t0=t0)


def _stored(name: str, value: Any) -> Any:
    """Return the stored form of a value; most are the same in all submissions."""
    if type(value) in _PLAIN_TYPES and (type(value) is not str or len(value) <= _SHORT):
        return _stored_plain(name, value)
    return stored(BY_NAME[name], value)


@lru_cache(4096, typed=True)
def _stored_plain(name: str, value: str | float) -> Any:
    return stored(BY_NAME[name], value)


def _products(values: dict[str, Any]) -> tuple[Product, ...]:
    if values.get(Product.ASTROM_POS.flag):
        values[Product.STANDARD_POS.flag] = True  # the standard position is what it corrects
    return tuple(product for product in Product if values.get(product.flag))


def _completed(values: dict[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with the defaults in force, and what the switches set."""
    in_force = dict(_BUILT_IN)
    if values.get("binMeth") == "time":
        in_force["hrbin"] = True  # documented answers without time binning hold 0, the reference page says 1
    in_force |= {name: read_value(BY_NAME[name], default) for name, default in defaults.items()}
    if values.get("sss"):
        in_force |= _SUPER_SOFT
        values |= dict.fromkeys(_GRADE_0, "0")
    return in_force | values


def _in_replay_order(names: list[str]) -> list[str]:
    """Put the redshift before the absorber: the official client replays them in this order, and each sets others."""
    found = [name for name in _REPLAYED_IN_ORDER if name in names]
    if len(found) < 2:
        return names
    replayed = iter(found)
    return [next(replayed) if name in _REPLAYED_IN_ORDER else name for name in names]


def _worked_out(name: str, value: Any) -> Any:
    """Return the stored form of a value that the service worked out; positions have four decimals (documented)."""
    if name in ("RA", "Dec"):
        return f"{float(value):.4f}"
    if name == "targ" and not isinstance(value, str):
        return stored(BY_NAME[name], list(value))
    return value


def read_stored(job_pars: Mapping[str, Any]) -> dict[str, Any]:
    """Return typed values, as in :attr:`Submission.values`, of a stored ``jobPars``."""
    return _read_all({name: value for name, value in job_pars.items() if name in BY_NAME})[0]


def for_caller(job_pars: Mapping[str, Any], api_name: str | None) -> dict[str, Any]:
    """Return ``jobPars`` as one caller sees it.

    The official client is not told which values it had asked the service to work out, nor the directory of the job; a
    caller of the raw interface is (documented examples of both).
    """
    hidden = (*WORKED_OUT, "outdir") if api_name == OFFICIAL_CLIENT else ()
    return {name: value for name, value in job_pars.items() if name not in hidden}


def check_defaults(defaults: Mapping[str, Any]) -> None:
    """Raise ValueError unless each entry can be the default of a parameter that exists."""
    for name, value in defaults.items():
        if name not in BY_NAME:
            near = difflib.get_close_matches(name, list(_SPELLINGS), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"defaults: the service has no parameter {name!r}{hint}")
        try:
            read_value(BY_NAME[name], value)
        except ValueError as problem:
            raise ValueError(f"defaults: {name} is {shown(value)}, but {problem}") from problem
