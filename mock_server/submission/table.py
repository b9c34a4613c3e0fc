"""Table of all parameters of the service: kind, built-in default, stored form, limits.

Written from the published documentation, independently of the client's table and of the contract; the order is
that in which a documented answer lists the parameters that the caller did not give. Ranges other than that of
``poserr`` are assumed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from ..core.model import Product

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

HUGE = 1e9
"""Largest number that the service accepts, except for times."""
LONGEST_STEM = 64
"""Most characters of the name of a spectrum: longer names of files do not fit into archives (assumed)."""


class Kind(Enum):
    """Form of the value of a parameter."""

    FLAG = "0 or 1"
    WHOLE = "a whole number"
    NUMBER = "a number"
    INSTANT = "a time"
    TEXT = "some text"
    VERSION = "a version"
    CHOICE = "one of a few words"
    MODELS = "a list of spectral models"
    TARGETS = "target IDs"
    DATA = "observation IDs or time ranges"
    RANGES = "time ranges"
    ENERGIES = "energy bands"

    __hash__ = object.__hash__  # each is one object; the hash of Enum is a slow Python function


class Group(Enum):
    """Products for which a default is echoed; a default of the empty group is always echoed."""

    ALWAYS = ()
    LIGHT_CURVE = (Product.LIGHT_CURVE,)
    SPECTRUM = (Product.SPECTRUM,)
    POSITION = (Product.STANDARD_POS, Product.ENHANCED_POS, Product.ASTROM_POS)
    IMAGE = (Product.IMAGE,)
    SOURCE_DET = (Product.SOURCE_DET,)
    ASKED = ("echoed only on request",)

    def concerns(self, products: Collection[Product]) -> bool:
        """Whether a job for these products has this group."""
        return self is Group.ALWAYS or any(product in products for product in self.value)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the service.

    Parameters
    ----------
    name
        Wire name; echoes and error messages use it.
    kind
        Form of its value.
    group
        Products for which its default is echoed.
    default
        Built-in value, as a caller could write it; None for no default.
    as_text
        Whether numbers and flags are stored and echoed as JSON strings (documented for each by an example).
    unit
        Unit of a number.
    low, high
        Limits of a number.
    above_low
        Whether `low` itself is excluded.
    choices
        Allowed words.
    codes
        Other words and internal numbers with the same meaning, in lower case; accepted, never echoed.
    also
        Other spellings of the name; accepted, never echoed.
    longest
        Most characters of a text; 0: what its kind allows.
    server_only
        Whether only the service sets it; a value in a request has no effect.
    """

    name: str
    kind: Kind
    group: Group = Group.ALWAYS
    default: Any = None
    as_text: bool = False
    unit: str = ""
    low: float = 0.0
    high: float = HUGE
    above_low: bool = False
    choices: tuple[str, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    longest: int = 0
    server_only: bool = False


def _flag(name: str, group: Group = Group.ALWAYS, default: int | None = 0, **more: Any) -> Parameter:
    return Parameter(name, Kind.FLAG, group, default, **more)


def _positive(name: str, group: Group, default: float | None, unit: str, **more: Any) -> Parameter:
    return Parameter(name, more.pop("kind", Kind.NUMBER), group, default, unit=unit, above_low=True, **more)


def _number(name: str, group: Group, default: float | None, low: float, high: float, **more: Any) -> Parameter:
    return Parameter(name, Kind.NUMBER, group, default, low=low, high=high, **more)


def _energy(name: str, default: float) -> Parameter:
    return _number(name, Group.LIGHT_CURVE, default, 0.3, 10.0, unit="keV", as_text=True)


def _choice(name: str, group: Group, default: str | None, choices: str, **more: Any) -> Parameter:
    return Parameter(name, Kind.CHOICE, group, default, choices=tuple(choices.split()), **more)


def _server(name: str, group: Group, default: Any) -> Parameter:
    kind = Kind.TEXT if isinstance(default, str | None) else Kind.WHOLE
    return Parameter(name, kind, group, default, server_only=True)


_WHICH = "all user hours"
_WHICH_CODES = {"1": "all", "2": "user", "3": "hours"}
_MODES = "no pc wt both"
_LC, _SPEC, _POS = Group.LIGHT_CURVE, Group.SPECTRUM, Group.POSITION

TABLE: tuple[Parameter, ...] = (
    # the caller
    Parameter("UserID", Kind.TEXT),
    Parameter("api_name", Kind.TEXT),
    Parameter("api_version", Kind.VERSION),
    # the request
    Parameter("name", Kind.TEXT),
    _flag("getCoords", Group.ASKED),
    _flag("getTargs", Group.ASKED, also=("getTarg",)),
    _flag("getT0", Group.ASKED),
    _flag("cent", default=None),
    _number("poserr", Group.ALWAYS, None, 1.0, 6.0, unit="arcmin", also=("posErr",)),
    _server("whatSXPS", Group.ALWAYS, "2SXPS"),
    # a documented answer holds the catalogue's name where later ones hold a flag
    _flag("useSXPS", codes={"1sxps": "1", "2sxps": "1"}),
    _flag("notify"),
    _flag("lc"),
    _flag("spec"),
    _flag("image"),
    _flag("sourceDet"),
    _flag("sss", as_text=True),
    _flag("sinceT0", also=("SinceT0",)),
    # documented answers hold 0 here, which no release of the official client takes
    _choice("lcobs", Group.ALWAYS, "all", "all user", codes={"0": "all"}),
    _flag("hrbin"),
    _flag("dopsf"),
    _flag("doenh"),
    _flag("doxastrom"),
    _flag("allxastrom"),
    _server("do3col", Group.ALWAYS, 0),
    _server("enh", Group.ALWAYS, 0),
    _server("outdir", Group.ASKED, None),
    _number("wtpuprate", Group.ALWAYS, 150, 1e-6, HUGE, unit="count/s"),
    _number("pcpuprate", Group.ALWAYS, 0.6, 1e-6, HUGE, unit="count/s"),
    _choice("centMeth", Group.ALWAYS, "simple", "simple iterative", codes={"2": "simple", "3": "iterative"}),
    _positive("maxCentTries", Group.ALWAYS, 10, "observations", kind=Kind.WHOLE, as_text=True),
    # light curve
    _choice("binMeth", _LC, None, "counts time snapshot obsid", codes={"observation": "obsid"}),
    _positive("pccounts", _LC, None, "counts", kind=Kind.WHOLE, as_text=True),
    _positive("wtcounts", _LC, None, "counts", kind=Kind.WHOLE, as_text=True),
    _flag("dynamic", _LC, None),
    _energy("soft1", 0.3),
    _energy("soft2", 1.5),
    _energy("hard1", 1.5),
    _energy("hard2", 10),
    _energy("minen", 0.3),
    _energy("maxen", 10),
    _choice("grades", _LC, "all", "all 0 4"),
    _number("sigmin", _LC, 3, 0.0, HUGE, unit="sigma", as_text=True),
    _choice("allowUL", _LC, "both", _MODES, codes={"3": "both"}),
    _choice("allowB", _LC, "both", _MODES, codes={"3": "both"}, also=("allowBayes",)),
    _positive("bayesCounts", _LC, 15, "counts"),
    _number("bayesSNR", _LC, 2.4, 0.0, HUGE),
    _choice("lctimetype", _LC, "s", "s m sec mjd", codes={"0": "s"}),
    _number("pcbin", _LC, 2.51, 0.1, HUGE, unit="s", as_text=True, also=("pcbintime",)),
    _number("wtbin", _LC, 0.5, 0.1, HUGE, unit="s", as_text=True, also=("wtbintime",)),
    _number("pchrbin", _LC, 2.51, 0.1, HUGE, unit="s", as_text=True),
    _number("wthrbin", _LC, 0.5, 0.1, HUGE, unit="s", as_text=True),
    _positive("ratefact", _LC, 10, "", as_text=True),
    _positive("binfact", _LC, 1.5, "", as_text=True),
    _positive("mincmin", _LC, 15, "counts", kind=Kind.WHOLE, as_text=True),
    _number("minsnr", _LC, 1.5, 0.0, HUGE),
    _server("pcmaxbin", _LC, 100000000),
    _server("wtmaxbin", _LC, 100000000),
    _positive("pcmaxgap", _LC, 100000000, "s", also=("pcmaxGap",)),
    _positive("wtmaxgap", _LC, 100000000, "s", also=("wtmaxGap",)),
    _number("femin", _LC, 0, 0.0, 1.0, as_text=True),
    Parameter("uselcobs", Kind.DATA, _LC),
    # light curve and spectrum alike: one value for both
    _positive("srcrad", Group.ASKED, None, "pixels", kind=Kind.WHOLE),
    # spectrum; the order of these four matters to later releases of the official client
    _flag("specz", _SPEC, None),
    _number("zval", _SPEC, None, 0.0, 20.0),
    _flag("galactic", _SPEC),
    _flag("doNotFit", _SPEC),
    Parameter("models", Kind.MODELS, _SPEC, ["powerlaw"], choices=("powerlaw", "apec", "blackbody")),
    _positive("dchi", _SPEC, 2.706, ""),
    _choice("timeslice", _SPEC, "single", "single user snapshot obsid", codes={"1": "single"}),
    _choice("specobs", _SPEC, "hours", _WHICH, codes=_WHICH_CODES),
    Parameter("usespecobs", Kind.DATA, _SPEC),
    _positive("specobstime", _SPEC, 12, "hours"),
    _choice("specgrades", _SPEC, "all", "all 0 4"),
    Parameter("specstem", Kind.TEXT, _SPEC, longest=LONGEST_STEM),
    *(
        parameter
        for n in (1, 2, 3, 4)
        for parameter in (
            Parameter(f"rname{n}", Kind.TEXT, _SPEC, longest=LONGEST_STEM),
            Parameter(f"gti{n}", Kind.RANGES, _SPEC),
        )
    ),
    # positions, all three alike
    _positive("posRadius", _POS, 20, "arcsec", high=600.0, as_text=True),
    _choice("posobs", _POS, "hours", _WHICH, codes=_WHICH_CODES),
    Parameter("useposobs", Kind.DATA, _POS),
    _positive("posobstime", _POS, 12, "hours"),
    _choice("detornot", _POS, "detect", "detect centroid", codes={"1": "detect"}),
    _choice("detMeth", _POS, "simple", "simple iterative", codes={"0": "simple"}),
    # image
    Parameter("imen", Kind.ENERGIES, Group.IMAGE, "0.3-10,0.3-1.5,1.51-10", unit="keV", low=0.3, high=10.0),
    _choice("imobs", Group.IMAGE, "all", "all user", codes={"1": "all"}),
    Parameter("useimobs", Kind.DATA, Group.IMAGE),
    # source detection
    _choice("detobs", Group.SOURCE_DET, "user", "all user"),
    Parameter("usedetobs", Kind.DATA, Group.SOURCE_DET),
    _choice("detbands", Group.SOURCE_DET, "total", "total all"),
    _flag("fitStrayLight", Group.SOURCE_DET, 1),
    # determined by the service on request, and then echoed last
    _number("RA", Group.ASKED, None, 0.0, 360.0, unit="deg", as_text=True),
    _number("Dec", Group.ASKED, None, -90.0, 90.0, unit="deg", as_text=True),
    Parameter("targ", Kind.TARGETS, Group.ASKED),
    Parameter("Tstart", Kind.INSTANT, Group.ASKED, unit="s, Swift MET"),
)

BY_NAME: dict[str, Parameter] = {parameter.name: parameter for parameter in TABLE}
"""The table by wire name."""
