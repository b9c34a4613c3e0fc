"""Tables of the parameters and products of a request.

Every parameter has its documented python name, its name on the wire, type, unit, allowed values, and the changes of
other parameters that setting it causes. Names, types and allowed values: documented (page "How to request products").
Number codes that the service returns instead of some texts: observed in documented answers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

ANY = "any value"
REMOVED = "removed"


class Trigger(NamedTuple):
    """When a parameter is set to `value`, another `parameter` is set to `becomes` (None: it is unset)."""

    value: Any
    parameter: str
    becomes: Any


class Parameter(NamedTuple):
    """One parameter of a request.

    Parameters
    ----------
    name, wire
        Its names in python and on the wire.
    types
        Accepted types, the preferred one first.
    about
        Description, with the unit.
    allowed
        Allowed values, in lower case; empty: all.
    codes
        Numbers that the service may return instead of a text.
    aliases
        Further names accepted as keywords.
    triggers
        Changes of other parameters that setting this one causes.
    """

    name: str
    wire: str
    types: tuple[type, ...]
    about: str
    allowed: tuple[str, ...] = ()
    codes: dict[str, str] | None = None
    aliases: tuple[str, ...] = ()
    triggers: tuple[Trigger, ...] = ()

    def help(self) -> str:
        """Return the entry of a numpydoc section."""
        types = " or ".join(kind.__name__ for kind in self.types)
        options = f" One of: {', '.join(self.allowed)}." if self.allowed else ""
        return f"{self.name} : {types}\n    {self.about[0].upper()}{self.about[1:]}.{options}"


class Table(dict[str, Parameter]):
    """Parameters by python name."""

    def __init__(self, *parameters: Parameter) -> None:
        super().__init__((p.name, p) for p in parameters)
        self._other = {spelling: p for p in parameters for spelling in (p.wire, *p.aliases)}

    def find(self, name: str) -> Parameter | None:
        """Return the parameter with this python name, wire name or alias."""
        return self.get(name) or self._other.get(name)

    def on_wire(self, name: str) -> Parameter | None:
        """Return the parameter with this wire name or alias."""
        return self._other.get(name)


TEXT, FLAG, WHOLE, NUMBER = (str,), (bool,), (int,), (float, int)
_METHODS = ("simple", "iterative")
_MODES = ("no", "pc", "wt", "both")
_GRADES = ("all", "0", "4")


def _which_data(wire: str, allowed: tuple[str, ...], codes: dict[str, str] | None = None) -> Parameter:
    return Parameter(
        "whichData", wire, TEXT, "which observations to use", allowed, codes, triggers=(Trigger("all", "useObs", None),)
    )


def _use_obs(wire: str) -> Parameter:
    about = "the observations or time ranges to use"
    return Parameter("useObs", wire, TEXT, about, triggers=(Trigger(ANY, "whichData", "user"),))


GLOBALS = Table(
    Parameter("name", "name", TEXT, "name of the object"),
    Parameter("targ", "targ", TEXT, "target IDs, comma separated", triggers=(Trigger(ANY, "getTargs", False),)),
    Parameter("T0", "Tstart", NUMBER, "reference time [s, Swift MET]", triggers=(Trigger(ANY, "getT0", False),)),
    Parameter("SinceT0", "SinceT0", FLAG, "whether other times count from T0", aliases=("sinceT0",)),
    Parameter("RA", "RA", NUMBER, "right ascension, J2000 [deg]"),
    Parameter("Dec", "Dec", NUMBER, "declination, J2000 [deg]"),
    Parameter("centroid", "cent", FLAG, "whether to centroid"),
    Parameter("centMeth", "centMeth", TEXT, "how to centroid", _METHODS, {"2": "simple", "3": "iterative"}),
    Parameter("maxCentTries", "maxCentTries", WHOLE, "how many observations to try to centroid in"),
    Parameter("posErr", "poserr", NUMBER, "largest distance of the centroid from the position [arcmin]"),
    Parameter("sss", "sss", FLAG, "whether this is a super-soft source"),
    Parameter("useSXPS", "useSXPS", FLAG, "whether to use SXPS source lists"),
    Parameter("wtPupRate", "wtpuprate", NUMBER, "rate above which WT data are tested for pile-up [count/s]"),
    Parameter("pcPupRate", "pcpuprate", NUMBER, "rate above which PC data are tested for pile-up [count/s]"),
    Parameter("notify", "notify", FLAG, "whether to send e-mail when products end"),
    Parameter("getCoords", "getCoords", FLAG, "whether the service resolves the name into RA and Dec"),
    Parameter("getTargs", "getTargs", FLAG, "whether the service finds the target IDs", aliases=("getTarg",)),
    Parameter("getT0", "getT0", FLAG, "whether the service finds T0"),
)

POSITIONS = Table(  # shared by the three positions; also globals, under their wire names
    Parameter("posRadius", "posRadius", NUMBER, "largest distance of the source from the position [arcsec]"),
    _which_data("posobs", ("all", "user", "hours"), {"3": "hours"}),
    _use_obs("useposobs"),
    Parameter("incHours", "posobstime", NUMBER, "how long after the start of the first observation data are used [h]"),
    Parameter("centMeth", "detMeth", TEXT, "how to search", _METHODS, {"0": "simple"}),
    Parameter("detOrCent", "detornot", TEXT, "detect first, or only centroid", ("detect", "centroid"), {"1": "detect"}),
)

LIGHT_CURVE = Table(
    Parameter("binMeth", "binMeth", TEXT, "how to bin", ("counts", "time", "snapshot", "obsid")),
    Parameter("softLo", "soft1", NUMBER, "lower edge of the soft band [keV]"),
    Parameter("softHi", "soft2", NUMBER, "upper edge of the soft band [keV]"),
    Parameter("hardLo", "hard1", NUMBER, "lower edge of the hard band [keV]"),
    Parameter("hardHi", "hard2", NUMBER, "upper edge of the hard band [keV]"),
    Parameter("minSig", "sigmin", NUMBER, "least significance of a detection [sigma]"),
    Parameter("minEnergy", "minen", NUMBER, "lower edge of the band [keV]"),
    Parameter("maxEnergy", "maxen", NUMBER, "upper edge of the band [keV]"),
    Parameter("grades", "grades", TEXT, "event grades", _GRADES),
    Parameter("allowUL", "allowUL", TEXT, "where upper limits are allowed", _MODES, {"3": "both"}),
    Parameter("allowBayes", "allowB", TEXT, "where Bayesian bins are allowed", _MODES, {"3": "both"}),
    Parameter("bayesCounts", "bayesCounts", NUMBER, "counts below which Bayesian statistics are used"),
    Parameter("bayesSNR", "bayesSNR", NUMBER, "signal to noise below which Bayesian statistics are used"),
    Parameter(
        "timeFormat",
        "lctimetype",
        TEXT,
        "seconds or MJD on the time axis",
        ("s", "m", "sec", "mjd"),
        {"0": "s"},
        aliases=("timeType",),
    ),
    _use_obs("uselcobs"),
    Parameter("pcCounts", "pccounts", WHOLE, "counts in a full PC bin"),
    Parameter("wtCounts", "wtcounts", WHOLE, "counts in a full WT bin"),
    Parameter("pcBinTime", "pcbin", NUMBER, "length of PC bins; for counts, the minimum [s]", aliases=("pcbintime",)),
    Parameter("wtBinTime", "wtbin", NUMBER, "length of WT bins; for counts, the minimum [s]", aliases=("wtbintime",)),
    Parameter("dynamic", "dynamic", FLAG, "whether the counts per bin follow the rate"),
    Parameter("rateFact", "ratefact", NUMBER, "rate factor of dynamic binning"),
    Parameter("binFact", "binfact", NUMBER, "bin factor of dynamic binning"),
    Parameter("minCounts", "mincmin", WHOLE, "least counts in a bin of dynamic binning"),
    Parameter("minSNR", "minsnr", NUMBER, "least signal to noise of a full bin"),
    Parameter("wtMaxGap", "wtmaxgap", NUMBER, "longest gap within a WT bin [s]", aliases=("wtmaxGap",)),
    Parameter("pcMaxGap", "pcmaxgap", NUMBER, "longest gap within a PC bin [s]", aliases=("pcmaxGap",)),
    Parameter("matchHR", "hrbin", (float, int, bool), "whether the hardness ratio has the bins of the main curve"),
    Parameter("wtHRBinTime", "wthrbin", NUMBER, "length of WT hardness ratio bins [s]", aliases=("WTHRBinTime",)),
    Parameter("pcHRBinTime", "pchrbin", NUMBER, "length of PC hardness ratio bins [s]"),
    Parameter("minFracExp", "femin", NUMBER, "least fractional exposure of a bin"),
    _which_data("lcobs", ("all", "user"), {"0": "all"}),
    Parameter("srcrad", "srcrad", WHOLE, "largest radius of the source region [pixel of 2.36 arcsec]"),
)

SPECTRUM = Table(
    Parameter(
        "hasRedshift",
        "specz",
        FLAG,
        "whether to fit a redshifted absorber",
        triggers=(Trigger(True, "galactic", True),),
    ),
    Parameter(
        "redshift",
        "zval",
        NUMBER,
        "redshift",
        triggers=(
            Trigger(ANY, "hasRedshift", True),
            Trigger(ANY, "galactic", True),
            Trigger(REMOVED, "hasRedshift", False),
        ),
    ),
    _which_data("specobs", ("all", "user", "hours"), {"1": "all", "3": "hours"}),
    _use_obs("usespecobs"),
    Parameter("incHours", "specobstime", NUMBER, "how long after the start of the first observation data are used [h]"),
    Parameter(
        "timeslice",
        "timeslice",
        TEXT,
        "which spectra to make",
        ("single", "user", "snapshot", "obsid"),
        {"1": "single"},
    ),
    Parameter("grades", "specgrades", TEXT, "event grades", _GRADES),
    *(
        Parameter(f"{what}{n}", f"{what}{n}", TEXT, f"{about} of time slice {n}")
        for n in (1, 2, 3, 4)
        for what, about in (("rname", "name"), ("gti", "time ranges"))
    ),
    Parameter("specStem", "specstem", TEXT, "name of the spectrum of all data"),
    Parameter("doNotFit", "doNotFit", FLAG, "whether to skip the fit", triggers=(Trigger(True, "hasRedshift", False),)),
    Parameter("galactic", "galactic", FLAG, "whether to add an absorber at the Galactic column"),
    Parameter("models", "models", (list, tuple), "models to fit, each on its own: powerlaw, apec, blackbody"),
    Parameter("deltaFitStat", "dchi", (float,), "change of the fit statistic that defines the errors"),
    Parameter("srcrad", "srcrad", WHOLE, "largest radius of the source region [pixel of 2.36 arcsec]"),
)

ASTROM_POS = Table(Parameter("useAllObs", "allxastrom", FLAG, "whether to use all observations for this position"))

IMAGE = Table(
    Parameter("energies", "imen", TEXT, "energy bands, low-high, comma separated [keV]"),
    _which_data("imobs", ("all", "user"), {"1": "all"}),
    _use_obs("useimobs"),
)

SOURCE_DET = Table(
    _use_obs("usedetobs"),
    _which_data("detobs", ("all", "user")),
    Parameter("whichBands", "detbands", TEXT, "energy bands to search", ("total", "all")),
    Parameter("fitStrayLight", "fitStrayLight", FLAG, "whether to model stray light"),
)


class Kind(NamedTuple):
    """One kind of product: its names, and what it needs before it can be sent.

    Parameters
    ----------
    short, long, flag, words
        Its name on the wire and of its archives, in python, as the key that requests it, and in sentences.
    table
        Its own parameters.
    positional
        Whether it uses the parameters that all positions share.
    needs
        Parameters that must be set.
    needs_if
        Parameters that must be set if another has a certain value: (other, value, needed).
    presets
        Values set when it is added.
    """

    short: str
    long: str
    flag: str
    words: str
    table: Table
    positional: bool = False
    needs: tuple[str, ...] = ()
    needs_if: tuple[tuple[str, Any, tuple[str, ...]], ...] = ()
    presets: dict[str, Any] | None = None


_OBSERVATIONS = ("whichData", "user", ("useObs",))

KINDS = {
    kind.short: kind
    for kind in (
        Kind(
            "lc",
            "LightCurve",
            "lc",
            "light curve",
            LIGHT_CURVE,
            needs=("binMeth",),
            needs_if=(("binMeth", "counts", ("pcCounts", "wtCounts", "dynamic")), _OBSERVATIONS),
        ),
        Kind(
            "spec",
            "Spectrum",
            "spec",
            "spectrum",
            SPECTRUM,
            needs=("hasRedshift", "deltaFitStat"),
            needs_if=(_OBSERVATIONS, ("whichData", "hours", ("incHours",)), ("hasRedshift", True, ("redshift",))),
            presets={"deltaFitStat": 2.706},
        ),
        Kind("psf", "StandardPos", "dopsf", "standard position", Table(), positional=True),
        Kind("enh", "EnhancedPos", "doenh", "enhanced position", Table(), positional=True),
        Kind("xastrom", "AstromPos", "doxastrom", "astrometric position", ASTROM_POS, positional=True),
        Kind("image", "Image", "image", "image", IMAGE, needs_if=(_OBSERVATIONS,)),
        Kind(
            "sourceDet",
            "SourceDet",
            "sourceDet",
            "source detection",
            SOURCE_DET,
            needs=("whichData",),
            needs_if=(_OBSERVATIONS,),
        ),
    )
}
SHORT = {**{kind.long: short for short, kind in KINDS.items()}, **{short: short for short in KINDS}}

NEEDED_GLOBALS = ("centroid", "name", "useSXPS", "RA", "Dec", "targ")
ALTERNATIVES = {"targ": "getTargs", "RA": "getCoords", "Dec": "getCoords"}
WORKED_OUT = ("getCoords", "getTargs", "getT0")
NOT_FOR_SOURCES_ALONE = ("RA", "Dec", "centroid", "useSXPS")  # documented: source detection section
NEED_CENTROID = ("lc", "spec")
FORMATS = ("zip", "tar", "tar.gz")
