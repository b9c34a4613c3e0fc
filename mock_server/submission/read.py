"""Reads a submission: checks its values, reports every problem at once, fills in defaults, and makes ``jobPars``. Pure.

`table` has the parameters, `values` reads single values, `rules` has the relations between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..core.errors import InputInvalid, ParametersRefused, Refusal
from ..core.model import Product
from ..core.validation import did_you_mean
from .rules import Situation, broken_relations, missing_in
from .table import BY_NAME, TABLE, Group, Kind
from .values import is_missing, read_value, shown, stored

if TYPE_CHECKING:
    from collections.abc import Mapping

OFFICIAL_CLIENT = "xrt_prods"
WORKED_OUT = ("getCoords", "getTargs", "getT0")
"""Flags that ask the service to determine a value, in the order in which it does so (documented)."""

_SPELLINGS = {spelling: parameter for parameter in TABLE for spelling in (parameter.name, *parameter.also)}
_OVERRIDDEN_BY = {"RA": "getCoords", "Dec": "getCoords", "targ": "getTargs", "Tstart": "getT0"}
_WITH_TIMES = 2
_READ_LATE = {p.name: _WITH_TIMES if p.kind in (Kind.DATA, Kind.RANGES) else p.name in _OVERRIDDEN_BY for p in TABLE}
"""Order of reading: what another value overrides comes after that, and times come last: they may count from T0."""
_SERVER_ONLY = frozenset(p.name for p in TABLE if p.server_only)
_SUPER_SOFT = {"wtpuprate": 50.0, "pcpuprate": 0.3}  # that they are lower is documented, the values are assumed
_ALWAYS_SUPER_SOFT = {"grades": "0", "specgrades": "0"}
_BUILT_IN = {p.name: read_value(p, p.default) for p in TABLE if not is_missing(p.default)}
_PLAIN = (str, float, int)
_FLAGS = tuple((product, product.flag) for product in Product)
_COMPUTED = frozenset({"RA", "Dec", "targ", "Tstart", "outdir"})
"""Parameters whose values the service may determine."""
_HIDDEN = (*WORKED_OUT, "outdir")
_REPLAYED_IN_ORDER = ("specz", "zval", "galactic", "doNotFit")
"""The redshift before the absorber: the official client replays them in this order, and each sets others."""


@dataclass(frozen=True)
class Submission:
    """A valid request, complete with the defaults in force.

    Parameters
    ----------
    products
        Requested products, in the order of :class:`~mock_server.core.model.Product`; an astrometric position adds the
        standard one (documented).
    values
        By wire name: given or default, as numbers, texts, booleans and tuples. ``Tstart`` is Swift MET [s], ``targ``
        holds target IDs, ``imen`` pairs [keV].
    given
        Wire names of the parameters that the caller gave, in the caller's order.
    changed
        Defaults in force that are not the built-in ones, by wire name; a given value has priority.
    """

    products: tuple[Product, ...]
    values: Mapping[str, Any]
    given: tuple[str, ...]
    changed: Mapping[str, Any]

    @property
    def user(self) -> str:
        """Address of the caller."""
        return str(self.values["UserID"])

    @property
    def name(self) -> str:
        """Name of the object."""
        return str(self.values["name"])

    @property
    def wants(self) -> frozenset[str]:
        """Those of ``getCoords``, ``getTargs`` and ``getT0`` that are set."""
        return frozenset(flag for flag in WORKED_OUT if self.values[flag])

    def job_pars(self, computed: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``jobPars`` as it is stored: the caller's keys in the caller's order, defaults, determined values.

        Parameters
        ----------
        computed
            Values that the service determined, by wire name: ``RA`` and ``Dec`` [deg], ``targ`` (target IDs),
            ``Tstart`` [s, Swift MET], and ``outdir`` if wanted. They replace given ones.
        """
        values = self.values
        pars = {name: _stored(name, values[name]) for name in self.given if name in values and name not in computed}
        others = dict(_echoed(self.products, tuple(self.changed.items())))
        for name in _COMPUTED.difference(computed).union(pars):
            others.pop(name, None)
        for name, value in computed.items():
            others[name] = _stored_computed(name, value)
        pars |= others
        if "models" in pars:
            pars["models"] = [*pars["models"]]  # all jobs share what is stored for a value
        replayed = [name for name in _REPLAYED_IN_ORDER if name in pars]
        if len(replayed) > 1 and replayed != [name for name in pars if name in _REPLAYED_IN_ORDER]:
            in_order = iter(replayed)
            names = [next(in_order) if name in replayed else name for name in pars]
            pars = {name: pars[name] for name in names}
        return pars


@lru_cache(maxsize=128)  # seven products have 128 subsets; docs/tricks.md says what this saves
def _echoed(products: tuple[Product, ...], changed: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """Return the stored defaults that an echo for these products may hold, and None for what is computed, in order."""
    groups, defaults = [group for group in Group if group.concerns(products)], _BUILT_IN | dict(changed)
    return {
        p.name: None if p.name in _COMPUTED else _stored(p.name, defaults[p.name])
        for p in TABLE
        if p.name in _COMPUTED or (p.group in groups and p.name in defaults)
    }


@lru_cache(maxsize=1024, typed=True)  # callers send the same values again and again; so in `_read`
def _stored(name: str, value: Any) -> Any:
    return stored(BY_NAME[name], value)


@lru_cache(maxsize=1024, typed=True)
def _read(name: str, value: Any) -> Any:
    return read_value(BY_NAME[name], value)


def _stored_computed(name: str, value: Any) -> Any:
    """Return a value that the service determined as it is stored."""
    if name in ("RA", "Dec"):
        return f"{float(value):.4f}"  # documented
    if name == "targ" and not isinstance(value, str):
        return stored(BY_NAME[name], tuple(value))
    return value


def read_submission(raw: Mapping[str, Any], defaults: Mapping[str, Any]) -> Submission:
    """Check a request and fill in defaults.

    Parameters
    ----------
    raw
        JSON object that the caller sent. Unknown keys are ignored.
    defaults
        Defaults in force that differ from the built-in ones, by wire name.

    Raises
    ------
    ParametersRefused
        With all that is missing or invalid, by wire name.
    Refusal
        If no product is requested.
    """
    given: dict[str, Any] = {}
    for spelling, value in raw.items():
        parameter = _SPELLINGS.get(spelling)
        # the wire name has priority over other spellings
        if parameter and not is_missing(value) and (spelling == parameter.name or parameter.name not in given):
            given[parameter.name] = value
    values, unread = _read_given(given)
    changed: dict[str, Any] = {}
    if values.get(Product.ASTROM_POS.flag):  # it corrects the standard position
        changed[Product.STANDARD_POS.flag] = values[Product.STANDARD_POS.flag] = True
    products = tuple(product for product, flag in _FLAGS if values.get(flag))
    if not products and not unread:
        raise Refusal("No products were requested.")
    if values.get("binMeth") == "time":
        changed["hrbin"] = True  # documented answers without time binning hold 0, the reference page says 1
    changed |= {name: read_value(BY_NAME[name], default) for name, default in defaults.items()}
    if values.get("sss"):
        changed |= _SUPER_SOFT | _ALWAYS_SUPER_SOFT
        values |= _ALWAYS_SUPER_SOFT
    in_force = _BUILT_IN | changed
    values = in_force | values
    situation = Situation(values, frozenset(products), in_force)
    missing = missing_in(situation, given)
    invalid = [*unread.values(), *broken_relations(situation, unread)]
    if missing or invalid:
        raise ParametersRefused(missing, invalid)
    return Submission(products, values, tuple(given), changed)


def _read_given(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values, and for each invalid one a sentence, by wire name. Times come last: they depend on T0.

    A value that the service determines instead is not read (documented: it overrides given ones).
    """
    values: dict[str, Any] = {}
    unread: dict[str, str] = {}
    for name in sorted(given, key=_READ_LATE.__getitem__):
        if name in _SERVER_ONLY or values.get(_OVERRIDDEN_BY.get(name, "")):
            continue
        try:
            if _READ_LATE[name] < _WITH_TIMES:
                value = given[name]
                values[name] = _read(name, value) if isinstance(value, _PLAIN) else read_value(BY_NAME[name], value)
                continue
            t0 = values.get("Tstart")
            if t0 is None and values.get("getT0"):
                t0 = 0.0  # not determined yet; any number will do to check the form of ranges
            values[name] = read_value(BY_NAME[name], given[name], relative=values.get("sinceT0", False), t0=t0)
        except ValueError as problem:
            unread[name] = f"{name} is {shown(given[name])}, but {problem}"
    return values, unread


def parameters_for_caller(job_pars: Mapping[str, Any], api_name: str | None) -> dict[str, Any]:
    """Return ``jobPars`` as one caller sees it.

    The official client does not see which values it had asked the service to determine, nor the directory of the job;
    a caller of the raw interface does (documented examples of both).
    """
    shown = dict(job_pars)
    if api_name == OFFICIAL_CLIENT:
        for name in _HIDDEN:
            shown.pop(name, None)
    return shown


def check_defaults(defaults: Mapping[str, Any]) -> None:
    """Raise ValueError unless each entry is a valid default of a known parameter."""
    for name, value in defaults.items():
        if name not in BY_NAME:
            raise InputInvalid(f"defaults: the service has no parameter {name!r}{did_you_mean(name, _SPELLINGS)}")
        try:
            read_value(BY_NAME[name], value)
        except ValueError as problem:
            raise InputInvalid(f"defaults: {name} is {shown(value)}, but {problem}") from problem
