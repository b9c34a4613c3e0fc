"""Sources of the synthetic sky and their true count rates.

No clock, no file but the built-in catalogue. Rates are for 0.3-10 keV, whole PSF, on axis. They are written without
branches, so that one formula serves a single instant (`math`) and an array of them (`numpy`).
"""

from __future__ import annotations

import json
import math
import typing
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import TYPE_CHECKING, Any, TypeVar

from ..core import random
from ..core.errors import InputInvalid
from ..core.timescales import met_from_mjd
from ..core.validation import check_known, shown
from .names import key_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

T = TypeVar("T")
KINDS = ("decay", "persistent", "outburst", "none")
MODELS = ("powerlaw", "apec", "blackbody")
_DAY = 86400.0
_RISE = 3 * _DAY


@dataclass(frozen=True)
class Flare:
    """A Gaussian flare: the rate is multiplied by 1 + `factor` at `peak_s` after T0; `width_s` is its sigma [s]."""

    peak_s: float
    width_s: float
    factor: float


@dataclass(frozen=True)
class Rate:
    """True count rate [count/s] as a function of time.

    Parameters
    ----------
    kind
        ``decay`` (time counts from T0), ``persistent``, ``outburst`` or ``none``.
    rate_at_reference, reference_s, slopes, breaks_s, flares, cap
        Broken power law, rate ~ t^-slope between `breaks_s` [s since T0]; never above `cap`.
    mean_rate, quiescent_rate
        Level of a persistent source and of one between its outbursts.
    red_noise_rms, red_noise_slope
        Variability: rms of the logarithm, and slope of its power spectrum.
    period_s, pulsed_fraction
        Modulation 1 + f sin(2 pi MET / P).
    outbursts_mjd
        Start [MJD], e-folding time [d], peak as a multiple of the quiet level.
    """

    kind: str = "persistent"
    rate_at_reference: float = 0.0
    reference_s: float = 1.0
    slopes: tuple[float, ...] = (1.0,)
    breaks_s: tuple[float, ...] = ()
    flares: tuple[Flare, ...] = ()
    cap: float = 300.0
    mean_rate: float = 0.0
    quiescent_rate: float = 0.0
    red_noise_rms: float = 0.0
    red_noise_slope: float = 1.0
    period_s: float = 0.0
    pulsed_fraction: float = 0.0
    outbursts_mjd: tuple[tuple[float, float, float], ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputInvalid(f"rate.kind is {self.kind!r}, but must be one of {', '.join(KINDS)}")
        if len(self.slopes) != len(self.breaks_s) + 1:
            raise InputInvalid(f"rate.slopes needs one entry more than breaks_s, not {len(self.slopes)}")

    def level(self, met: Any, lib: Any) -> Any:
        """Level of a source with outbursts at `met` [s]: linear rise in 3 d, exponential decay [count/s]."""
        level: Any = self.quiescent_rate if self.kind == "outburst" else self.mean_rate
        boost: Any = 1.0 + 0.0 * met
        for start_mjd, decay_d, factor in self.outbursts_mjd:
            age = met - met_from_mjd(start_mjd)
            rise = (_above(age) - _above(age - _RISE)) / _RISE
            boost = boost + (factor - 1) * rise * lib.exp(-_above(age - _RISE) / (decay_d * _DAY))
        return level * boost

    def decayed(self, age: Any, lib: Any) -> Any:
        """Broken power law with flares at `age` [s since T0]; before one second it stays level [count/s]."""
        log_age = lib.log(1.0 + _above(age - 1.0))
        value = self.rate_at_reference * lib.exp(self._fall(math.log(self.reference_s)) - self._fall(log_age))
        for flare in self.flares:
            value = value * (1 + flare.factor * lib.exp(-(((age - flare.peak_s) / flare.width_s) ** 2) / 2))
        return value - _above(value - self.cap)

    def _fall(self, log_age: Any) -> Any:
        """Minus the logarithm of the broken power law, up to a constant."""
        fall = self.slopes[0] * log_age
        for before, after, at in zip(self.slopes, self.slopes[1:], self.breaks_s, strict=False):
            fall = fall + (after - before) * _above(log_age - math.log(at))
        return fall


@dataclass(frozen=True)
class Spectrum:
    """The photon spectrum: `model`, column in excess of the Galactic one [cm-2], index or temperature [keV].

    `early_gamma` holds until `early_until_s` after T0; `covering` is the share of the source behind the column.
    """

    model: str = "powerlaw"
    nh: float = 1e21
    gamma: float = 2.0
    kt: float = 1.0
    early_gamma: float | None = None
    early_until_s: float = 0.0
    covering: float = 1.0

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise InputInvalid(f"spectrum.model is {self.model!r}, but must be one of {', '.join(MODELS)}")


@dataclass(frozen=True)
class Plan:
    """Observing plan; values that are not given are drawn.

    Parameters
    ----------
    start_s, first_end_s, days
        Bursts: bounds of the first snapshot [s since T0], and number of days that they are followed.
    first_mjd
        Others: first observation.
    weekly_from_mjd, weekly_target, every_days
        Monitoring: one observation every `every_days` (a week) from then on, for ever, but near the Sun.
    observations
        Others: size of the campaign.
    modes
        ``PC`` or ``WT`` if the mode does not follow the rate.
    later
        Targets that exist from a later date [s, MET].
    near_bad_column
        Whether every observation lies beside a bad column.
    archived
        Whether its targets have the real observations of the tables.
    """

    start_s: float | None = None
    first_end_s: float | None = None
    days: float = 20.0
    first_mjd: float | None = None
    weekly_from_mjd: float | None = None
    weekly_target: str | None = None
    every_days: float = 7.0
    observations: int | None = None
    modes: str | None = None
    later: tuple[tuple[str, float], ...] = ()
    near_bad_column: bool = False
    archived: bool = False

    def __post_init__(self) -> None:
        if self.modes not in (None, "PC", "WT"):
            raise InputInvalid(f"plan.modes is {self.modes!r}, but must be PC or WT")
        if not self.every_days > 0:
            raise InputInvalid(f"plan.every_days is {self.every_days}, but must be positive")


@dataclass(frozen=True)
class Source:
    """A source of the sky: position, targets, rate and spectrum.

    Parameters
    ----------
    name, aliases
        Its names; case and blanks do not matter.
    cls
        Kind of object; ``grb`` has a trigger.
    ra, dec
        True position [deg, J2000].
    targets
        Target IDs, eight digits, in the order of the service.
    t0_met
        Trigger or documented zero of time [s, MET].
    nh_galactic
        Galactic column [cm-2]; None: from the position.
    redshift, sxps_name
        If known.
    resolves
        Whether the name resolver knows it.
    """

    name: str
    ra: float
    dec: float
    cls: str = "persistent"
    targets: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    t0_met: float | None = None
    nh_galactic: float | None = None
    redshift: float | None = None
    sxps_name: str | None = None
    resolves: bool = True
    rate: Rate = field(default_factory=Rate)
    spectrum: Spectrum = field(default_factory=Spectrum)
    plan: Plan = field(default_factory=Plan)
    evidence: tuple[tuple[str, str], ...] = ()
    note: str = ""

    def __hash__(self) -> int:
        return hash((self.name, self.ra, self.dec))  # a source is looked up often, and has many parts

    @property
    def is_burst(self) -> bool:
        """Whether its time counts from a trigger."""
        return self.rate.kind == "decay" and self.t0_met is not None

    def rate_at(self, seed: int, met: Any, lib: Any = math) -> Any:
        """True count rate [count/s] at `met` [s]; with ``lib=numpy`` for an array of instants."""
        rate = self.rate
        if rate.kind == "none":
            return 0.0 * met
        if rate.kind == "decay":
            return rate.decayed(met - (self.t0_met or 0.0), lib)
        level = rate.level(met, lib)
        if rate.red_noise_rms > 0:
            waves = _waves(seed, self.name, rate.red_noise_rms, rate.red_noise_slope)
            noise = sum(a * lib.sin(w * met + p) for a, w, p in waves)
            level = level * lib.exp(noise - rate.red_noise_rms**2 / 2)
        if rate.period_s > 0:
            level = level * (1 + rate.pulsed_fraction * lib.sin(2 * math.pi * met / rate.period_s))
        return level

    def mean_rate_at(self, met: float) -> float:
        """Count rate [count/s] without noise and modulation, as an observer would plan with."""
        match self.rate.kind:
            case "none":
                return 0.0
            case "decay":
                return float(self.rate.decayed(met - (self.t0_met or 0.0), math))
            case _:
                return float(self.rate.level(met, math))


def _above(x: Any) -> Any:
    """Return max(x, 0) without a branch."""
    return (x + abs(x)) / 2


@lru_cache(maxsize=512)
def _waves(seed: int, name: str, rms: float, slope: float) -> tuple[tuple[float, float, float], ...]:
    """Amplitude, angular frequency [rad/s] and phase of 120 sinusoids from 1e-8 to 1e-3 Hz."""
    count = 120
    frequencies = [10 ** (-8 + 5 * k / (count - 1)) for k in range(count)]
    weights = [f ** ((1 - slope) / 2) for f in frequencies]
    scale = rms * math.sqrt(2 / sum(w * w for w in weights))
    phases = (random.uniform(seed, "red noise", name, k, high=2 * math.pi) for k in range(count))
    return tuple((scale * w, 2 * math.pi * f, p) for w, f, p in zip(weights, frequencies, phases, strict=True))


def catalogue(
    overrides: tuple[Mapping[str, Any], ...] = (), base: tuple[Source, ...] | None = None
) -> tuple[Source, ...]:
    """Return all named sources: `base`, else the built-in ones, with `overrides` laid over them by name, key by key.

    Raises
    ------
    ValueError
        A source has no name; a key is unknown, missing, or of the wrong type.
    """
    sources = dict(_builtin()) if base is None else {key_of(source.name): source for source in base}
    for override in overrides:
        name = override.get("name")
        if not isinstance(name, str) or not key_of(name):
            raise InputInvalid("every source needs a name")
        key = next((k for k, s in sources.items() if key_of(name) in map(key_of, (s.name, *s.aliases))), key_of(name))
        old = asdict(sources[key]) if key in sources else {"name": name}
        sources[key] = from_mapping(Source, _merged(old, override) | {"name": old["name"]}, f"source {old['name']}")
    return tuple(sources.values())


@cache
def _builtin() -> Mapping[str, Source]:
    """Return the sources of the built-in catalogue by :func:`key_of` their names; the file is read once."""
    document = json.loads((Path(__file__).with_name("data") / "catalogue.json").read_text("utf-8"))
    found = (from_mapping(Source, entry, f"source {entry['name']}") for entry in document["sources"])
    return MappingProxyType({key_of(source.name): source for source in found})


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `new` over `old`; tables are merged, everything else replaced."""
    both = dict(old)
    for key, value in new.items():
        both[key] = _merged(old.get(key, {}), value) if isinstance(value, dict) else value
    return both


def from_mapping(cls: type[T], mapping: Mapping[str, Any], where: str) -> T:
    """Build a frozen dataclass from plain data; `where` begins the messages.

    Raises
    ------
    ValueError
        A key is unknown (the message names the nearest one), missing, or of the wrong type.
    """
    kinds = _types_of_fields(typing.cast("Hashable", cls))
    for key in mapping:
        check_known(key, kinds, f"{where}: there is no key")
    values = {key: _coerced(kinds[key], value, f"{where}: {key}") for key, value in mapping.items()}
    needed = [f.name for f in fields(typing.cast(Any, cls)) if f.default is MISSING and f.default_factory is MISSING]
    if missing := [name for name in needed if name not in values]:
        raise InputInvalid(f"{where}: {', '.join(missing)} must be given")
    try:
        return cls(**values)
    except ValueError as error:
        raise InputInvalid(f"{where}: {error}") from error


@cache
def _types_of_fields(cls: Hashable) -> Mapping[str, Any]:
    return MappingProxyType(typing.get_type_hints(typing.cast(Any, cls)))


_MUST_BE = {str: "a text", float: "a number", int: "a whole number", bool: "true or false"}


def _coerced(kind: Any, value: Any, name: str) -> Any:
    """Convert plain data to the declared type of a field; messages call the value `name`."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is UnionType:
        return None if value is None else _coerced(inner[0], value, name)
    if is_dataclass(kind) and isinstance(value, dict):
        return from_mapping(typing.cast(type, kind), value, name)
    if origin is tuple and isinstance(value, (list, tuple, dict)):
        values = list(value.items()) if isinstance(value, dict) else value
        kinds = [inner[0]] * len(values) if inner[-1] is Ellipsis else inner
        if len(kinds) != len(values):
            raise InputInvalid(f"{name} has {len(values)} values, but must have {len(kinds)}")
        return tuple(_coerced(one, part, name) for one, part in zip(kinds, values, strict=True))
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if isinstance(kind, type) and isinstance(value, kind) and isinstance(value, bool) is (kind is bool):
        return value
    must_be = "a list" if origin is tuple else _MUST_BE.get(kind, "a table")
    raise InputInvalid(f"{name} is {shown(value)}, but must be {must_be}")
