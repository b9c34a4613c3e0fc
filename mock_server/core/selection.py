"""Selection of the observations and times that a product uses: read from `jobPars`, applied to the archive.

Parameters carry their wire names and echoed types: numbers may be numeric strings, enumerations are lower-case text.
No sky and no clock here.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from .model import Product, Snapshot
from .timescales import UseObs, parse_instant, parse_use_obs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .model import Observation

FRAME_S = 2.5073  # length of a PC frame: PC good times are whole frames
SNAPSHOT_GAP_S = 1000.0  # shorter gaps do not separate snapshots (assumed)
_OBSIDS = re.compile(r"(?:^|(?<=[,\s]))\d{11}(?=$|[,\s])")
_ON = ("1", "true", "yes")
_POSITIONS = (Product.STANDARD_POS, Product.ENHANCED_POS, Product.ASTROM_POS)
_KEYS = {  # product: keys for the choice of data, for the user's list, for the hours
    Product.LIGHT_CURVE: ("lcobs", "uselcobs", ""),
    Product.SPECTRUM: ("specobs", "usespecobs", "specobstime"),
    Product.IMAGE: ("imobs", "useimobs", ""),
    Product.SOURCE_DET: ("detobs", "usedetobs", ""),
} | dict.fromkeys(_POSITIONS, ("posobs", "useposobs", "posobstime"))
_LISTS = sorted({(which, use) for which, use, _ in _KEYS.values()})


def number(parameters: Mapping[str, Any], key: str, default: float = 0.0) -> float:
    """Return a parameter as a number, `default` if it is missing or empty."""
    value = parameters.get(key)
    return default if value in (None, "") else float(value)


def text(parameters: Mapping[str, Any], key: str, default: str = "") -> str:
    """Return a parameter as lower-case text, `default` if it is missing or empty."""
    value = parameters.get(key)
    return default if value in (None, "") else str(value).lower()


def flag(parameters: Mapping[str, Any], key: str) -> bool:
    """Whether a parameter is switched on."""
    return text(parameters, key) in _ON


def targets(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Target IDs of a job, eight digits each; they are stored as ``00966554`` or ``{00966554,00966555}``."""
    value = parameters.get("targ")
    parts = value if isinstance(value, list | tuple) else str(value or "").strip("{} ").replace(",", " ").split()
    return tuple(str(part).zfill(8) for part in parts if str(part))


def position(parameters: Mapping[str, Any]) -> tuple[float, float] | None:
    """Position of a job [deg, J2000], None if it has none."""
    if parameters.get("RA") in (None, "") or parameters.get("Dec") in (None, ""):
        return None
    return number(parameters, "RA"), number(parameters, "Dec")


def t0(parameters: Mapping[str, Any]) -> float | None:
    """Zero of time of a job [s, MET], None if it has none."""
    value = parameters.get("Tstart")
    return None if value in (None, "") else _instant(value)


@lru_cache(maxsize=256, typed=True)  # the jobs of a source have the same
def _instant(value: str | float) -> float:
    return parse_instant(value)


def selected(
    product: Product, parameters: Mapping[str, Any], observations: Sequence[Observation]
) -> tuple[Observation, ...]:
    """Return the observations that a product uses, trimmed to the requested times.

    Positions, images and source lists need two-dimensional data, so they use PC snapshots only; observations
    without a snapshot are left out. An empty result means that the product cannot be made.
    """
    if product not in (Product.LIGHT_CURVE, Product.SPECTRUM):
        observations = _in_photon_counting(observations)
    which, use, hours = _KEYS[product]
    if product is Product.ASTROM_POS and flag(parameters, "allxastrom"):
        return tuple(observations)
    match text(parameters, which, "all"):
        case "user":
            return used(_use_obs(parameters, str(parameters.get(use) or "")), observations)
        # the user's own time slices say which data are used, so that the number of hours does not (assumed)
        case "hours" if product is not Product.SPECTRUM or text(parameters, "timeslice") != "user":
            start = min((s.start for o in observations for s in o.snapshots), default=0.0)
            stop = start + number(parameters, hours, 12.0) * 3600.0
            return used(UseObs(ranges=((start, stop),)), observations)
        case _:
            return tuple(observations)


def asked(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the IDs of all observations that the products of a job name, in order."""
    lists = [parameters[use] for which, use in _LISTS if parameters.get(use) and text(parameters, which) == "user"]
    if text(parameters, "timeslice") == "user":
        lists += [parameters.get(f"gti{n}") for n in range(1, 5)]
    return tuple(sorted({part for value in lists for part in _OBSIDS.findall(str(value or ""))})) if lists else ()


def _use_obs(parameters: Mapping[str, Any], value: str) -> UseObs:
    return parse_use_obs(value, relative=flag(parameters, "sinceT0"), t0=t0(parameters)) if value else UseObs()


def used(use: UseObs, observations: Iterable[Observation]) -> tuple[Observation, ...]:
    """Return the observations named in `use` whole, and of the others the parts within its ranges."""
    ranges = _joined(use.ranges)
    found = []
    for observation in observations:
        all_of_it = observation.snapshots
        kept = all_of_it if observation.obsid in use.obsids else tuple(_trimmed(all_of_it, ranges))
        if kept:  # a copy takes time, and most are used whole or not at all
            found.append(observation if kept == all_of_it else replace(observation, snapshots=kept))
    return tuple(found)


def _joined(ranges: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return ranges in order; those that touch or overlap count as one."""
    joined: list[tuple[float, float]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


def _trimmed(snapshots: Iterable[Snapshot], ranges: Sequence[tuple[float, float]]) -> Iterable[Snapshot]:
    """Cut snapshots to `ranges` [s, MET] that are in order and apart, PC ones to whole frames.

    A part keeps the number of its snapshot, which is the key of its photons.
    """
    for snapshot in snapshots:
        for low, high in ranges:
            if snapshot.stop <= low or high <= snapshot.start:
                continue
            if low <= snapshot.start and snapshot.stop <= high:
                yield snapshot
                continue
            start, stop = max(low, snapshot.start), min(high, snapshot.stop)
            if snapshot.mode == "PC":
                first = math.ceil((start - snapshot.start) / FRAME_S - 1e-6)
                last = math.floor((stop - snapshot.start) / FRAME_S + 1e-6)
                start, stop = snapshot.start + first * FRAME_S, snapshot.start + last * FRAME_S
            if start < stop:
                yield replace(snapshot, start=start, stop=stop)


def _in_photon_counting(observations: Iterable[Observation]) -> tuple[Observation, ...]:
    found = []
    for observation in observations:
        kept = [snapshot for snapshot in observation.snapshots if snapshot.mode == "PC"]
        if kept:  # nearly always all of them, and a copy takes time
            is_whole = len(kept) == len(observation.snapshots)
            found.append(observation if is_whole else replace(observation, snapshots=tuple(kept)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Slice:
    """One spectrum: its name, the stem of its files, its bounds [s, MET] and the data inside them."""

    name: str
    stem: str
    start: float
    stop: float
    observations: tuple[Observation, ...]


def slices(parameters: Mapping[str, Any], observations: Sequence[Observation]) -> tuple[Slice, ...]:
    """Return the spectra that are made from the selected observations.

    Names are documented for one spectrum and observations; those of snapshots are assumed. The user's stay as they
    were given (field), and lose all but letters and digits in names of files (documented).
    """
    match text(parameters, "timeslice", "single"):
        case "user":
            found = []
            for n in range(1, 5):
                times = parameters.get(f"gti{n}")
                if not times:
                    continue
                use = _use_obs(parameters, str(times))
                name = str(parameters.get(f"rname{n}") or f"interval{n}")
                part = replace(_slice(name, used(use, observations)), stem=letters_and_digits(name))
                edges = [edge for bounds in use.ranges for edge in bounds]
                found.append(replace(part, start=min(edges), stop=max(edges)) if edges and not use.obsids else part)
            return tuple(found)
        case "obsid":
            return tuple(_slice(f"Obs_{o.obsid}", (o,)) for o in observations)
        case "snapshot":
            return tuple(
                _slice(f"Obs_{o.obsid}_snap{n}", (part,)) for o in observations for n, part in split_at_gaps(o)
            )
        case _:
            return (_slice(letters_and_digits(parameters.get("specstem")) or "interval0", tuple(observations)),)


def split_at_gaps(observation: Observation) -> Iterable[tuple[int, Observation]]:
    """Split an observation at gaps of 1000 s or more; yield the parts with their numbers, from 1."""
    snapshots = sorted(observation.snapshots, key=lambda s: s.start)
    breaks = [k for k, (a, b) in enumerate(pairwise(snapshots), start=1) if b.start - a.stop >= SNAPSHOT_GAP_S]
    edges = [0, *breaks, len(snapshots)]
    for n, (low, high) in enumerate(pairwise(edges), start=1):
        yield n, replace(observation, snapshots=tuple(snapshots[low:high]))


def _slice(name: str, observations: tuple[Observation, ...]) -> Slice:
    snapshots = [s for o in observations for s in o.snapshots]
    start = min((s.start for s in snapshots), default=0.0)
    return Slice(name, name, start, max((s.stop for s in snapshots), default=start), observations)


def letters_and_digits(value: object) -> str:
    """Return the name of a spectrum as the service spells it in names of files (documented)."""
    return re.sub(r"[^A-Za-z0-9]", "", str(value or ""))
