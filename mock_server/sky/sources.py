"""What shines: sources of the synthetic sky and their true count rates.

No clock, no file but the built-in catalogue. Rates are for 0.3-10 keV, whole PSF, on axis. They are written without
branches, so that one formula serves a single instant (`math`) and an array of them (`numpy`).
"""

from __future__ import annotations

import json
import math
import types
import typing
from dataclasses import dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..core import random
from ..core.timescales import met_from_mjd
from .names import key_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

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
    """How the true count rate [count/s] goes with time.

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
            raise ValueError(f"rate.kind is {self.kind!r}, but must be one of {', '.join(KINDS)}")
        if len(self.slopes) != len(self.breaks_s) + 1:
            raise ValueError(f"rate.slopes needs one entry more than breaks_s, not {len(self.slopes)}")


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
            raise ValueError(f"spectrum.model is {self.model!r}, but must be one of {', '.join(MODELS)}")


@dataclass(frozen=True)
class Plan:
    """When the telescope looks; what is not given is drawn.

    Parameters
    ----------
    start_s, first_end_s, days
        Bursts: first look [s since T0], and for how many days they are followed.
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

    def __post_init__(self) -> None:
        if self.modes not in (None, "PC", "WT"):
            raise ValueError(f"plan.modes is {self.modes!r}, but must be PC or WT")
        if not self.every_days > 0:
            raise ValueError(f"plan.every_days is {self.every_days}, but must be positive")


@dataclass(frozen=True)
class Source:
    """A source of the sky: where it is, which targets look at it, and how it shines.

    Parameters
    ----------
    name, aliases
        What it is called; case and blanks do not matter.
    cls
        Kind of object; ``grb`` has a trigger.
    ra, dec
        True position [deg, J2000].
    targets
        Target IDs, eight digits, in the order the service lists them.
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
            return _decay(rate, met - (self.t0_met or 0.0), lib)
        level = smooth_level(rate, met, lib)
        if rate.red_noise_rms > 0:
            waves = _waves(seed, self.name, rate.red_noise_rms, rate.red_noise_slope)
            noise = sum(a * lib.sin(w * met + p) for a, w, p in waves)
            level = level * lib.exp(noise - rate.red_noise_rms**2 / 2)
        if rate.period_s > 0:
            level = level * (1 + rate.pulsed_fraction * lib.sin(2 * math.pi * met / rate.period_s))
        return level

    def mean_rate_at(self, met: float) -> float:
        """Count rate [count/s] without noise and modulation: what an observer would plan with."""
        match self.rate.kind:
            case "none":
                return 0.0
            case "decay":
                return float(_decay(self.rate, met - (self.t0_met or 0.0), math))
            case _:
                return float(smooth_level(self.rate, met, math))


def smooth_level(rate: Rate, met: Any, lib: Any) -> Any:
    """Level of a source with outbursts [count/s]: linear rise in 3 d, exponential decay."""
    level: Any = rate.quiescent_rate if rate.kind == "outburst" else rate.mean_rate
    boost: Any = 1.0 + 0.0 * met
    for start_mjd, decay_d, factor in rate.outbursts_mjd:
        age = met - met_from_mjd(start_mjd)
        rise = (_above(age) - _above(age - _RISE)) / _RISE
        boost = boost + (factor - 1) * rise * lib.exp(-_above(age - _RISE) / (decay_d * _DAY))
    return level * boost


def _above(x: Any) -> Any:
    """Return max(x, 0) without a branch."""
    return (x + abs(x)) / 2


def _decay(rate: Rate, age: Any, lib: Any) -> Any:
    """Broken power law with flares; before one second after T0 it stays level."""
    log_age = lib.log(1.0 + _above(age - 1.0))
    value = rate.rate_at_reference * lib.exp(_fall(rate, math.log(rate.reference_s)) - _fall(rate, log_age))
    for flare in rate.flares:
        value = value * (1 + flare.factor * lib.exp(-(((age - flare.peak_s) / flare.width_s) ** 2) / 2))
    return value - _above(value - rate.cap)


def _fall(rate: Rate, log_age: Any) -> Any:
    """Minus the logarithm of the broken power law, up to a constant."""
    fall = rate.slopes[0] * log_age
    for before, after, at in zip(rate.slopes, rate.slopes[1:], rate.breaks_s, strict=False):
        fall = fall + (after - before) * _above(log_age - math.log(at))
    return fall


@lru_cache(maxsize=512)
def _waves(seed: int, name: str, rms: float, slope: float) -> tuple[tuple[float, float, float], ...]:
    """Amplitude, angular frequency [rad/s] and phase of 120 sinusoids from 1e-8 to 1e-3 Hz."""
    count = 120
    frequencies = [10 ** (-8 + 5 * k / (count - 1)) for k in range(count)]
    weights = [f ** ((1 - slope) / 2) for f in frequencies]
    scale = rms * math.sqrt(2 / sum(w * w for w in weights))
    phases = (random.uniform(seed, "red noise", name, k, high=2 * math.pi) for k in range(count))
    return tuple((scale * w, 2 * math.pi * f, p) for w, f, p in zip(weights, frequencies, phases, strict=True))


@lru_cache(maxsize=1)
def builtin() -> Mapping[str, Mapping[str, Any]]:
    """Return the built-in catalogue as it is written: entries by :func:`key_of` their name."""
    document = json.loads((Path(__file__).with_name("data") / "catalogue.json").read_text("utf-8"))
    return {key_of(entry["name"]): entry for entry in document["sources"]}


def catalogue(overrides: tuple[Mapping[str, Any], ...] = ()) -> tuple[Source, ...]:
    """Return all named sources: the built-in ones, changed or added to by `overrides` (by name, key by key)."""
    entries: dict[str, Mapping[str, Any]] = dict(builtin())
    changed: dict[str, Source] = {}
    for override in overrides:
        name = override.get("name")
        if not isinstance(name, str) or not key_of(name):
            raise ValueError("every source needs a name")
        key = next((k for k, e in entries.items() if key_of(name) in _keys(e)), key_of(name))
        old = entries.get(key, {"name": name})
        entries[key] = _merged(old, override) | {"name": old["name"]}
        changed[key] = from_mapping(Source, entries[key], f"source {old['name']}")
    return tuple((_builtin_sources() | changed).values())


@lru_cache(maxsize=1)
def _builtin_sources() -> dict[str, Source]:
    return {key: from_mapping(Source, entry, f"source {entry['name']}") for key, entry in builtin().items()}


def _keys(entry: Mapping[str, Any]) -> set[str]:
    return {key_of(name) for name in (entry["name"], *entry.get("aliases", ()))}


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `new` over `old`; tables are merged, everything else replaced."""
    both = dict(old)
    for key, value in new.items():
        both[key] = _merged(old.get(key, {}), value) if isinstance(value, dict) else value
    return both


def refuse_unknown(keys: Iterable[str], names: Sequence[str], where: str) -> None:
    """Raise ValueError for the first key that is none of `names`, with the nearest one that is."""
    for key in keys:
        if key not in names:
            near = get_close_matches(key, names, 1)
            raise ValueError(f"{where}: unknown key {key!r}" + (f", did you mean {near[0]!r}?" if near else ""))


def from_mapping(cls: type[T], mapping: Mapping[str, Any], where: str) -> T:
    """Build a frozen dataclass from plain data.

    Raises
    ------
    ValueError
        A key is unknown (the message names the nearest one), missing, or of the wrong type.
    """
    hints = _hints(typing.cast("Hashable", cls))
    names = [f.name for f in fields(cls)]  # type: ignore[arg-type]  # only dataclasses come here
    refuse_unknown(mapping, names, where)
    values = {key: _coerced(hints[key], value, f"{where}: {key}") for key, value in mapping.items()}
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from error


@lru_cache(maxsize=32)
def _hints(cls: Hashable) -> Mapping[str, Any]:
    return typing.get_type_hints(typing.cast(Any, cls))


def _coerced(hint: Any, value: Any, where: str) -> Any:
    """Turn plain data into what a field is declared to hold."""
    if typing.get_origin(hint) is types.UnionType:
        return None if value is None else _coerced(typing.get_args(hint)[0], value, where)
    if isinstance(hint, type) and is_dataclass(hint) and isinstance(value, dict):
        return from_mapping(hint, value, where)
    if typing.get_origin(hint) is tuple and isinstance(value, dict):
        value = list(value.items())
    if typing.get_origin(hint) is tuple and isinstance(value, (list, tuple)):
        inner = typing.get_args(hint)
        each = (inner[0] for _ in value) if inner[-1] is Ellipsis else iter(inner)
        return tuple(_coerced(h, v, where) for h, v in zip(each, value, strict=True))
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if isinstance(hint, type) and isinstance(value, hint) and isinstance(value, bool) is (hint is bool):
        return value
    raise ValueError(f"{where}: {value!r} is not what belongs here ({getattr(hint, '__name__', hint)})")
