"""The simulated telescope: area, sharpness, resolution, absorption in front of it. Arithmetic only, nothing is drawn.

Energies are in keV, lengths on the detector in pixels, channels are PI channels of 10 eV.
"""

from __future__ import annotations

import math
from functools import cache
from importlib import resources
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtr, stdtrit

Floats: TypeAlias = NDArray[np.float64]
Scalar = TypeVar("Scalar", bound=np.generic)


def read_only(values: NDArray[Scalar]) -> NDArray[Scalar]:
    """Make an array read-only and return it: caches of a module are shared by all simulators."""
    values.setflags(write=False)
    return values


PIXEL = 2.36
"""Side of a detector pixel [arcsec] (documented)."""
DETECTOR = (600, 602)
"""Size of the detector [pixels] (documented)."""
FRAME = {"PC": 2.5073, "WT": 1.78e-3}
"""Time resolution of the two modes [s] (documented)."""
CHANNELS = 1024
BAND = (30, 1000)
"""Channels of the nominal band, 0.3-10 keV: first, and first beyond (documented)."""
ENERGIES = read_only(np.linspace(0.2, 12.0, 591))
"""Edges of the 590 energy bins in which spectra are folded [keV] (assumed)."""
MIDDLES = read_only(0.5 * (ENERGIES[1:] + ENERGIES[:-1]))
GRADE_SHARES = {"PC": (0.80, 0.01), "WT": (0.75, 0.01)}
"""Shares of the events with grade 0 and with grade 4; the rest has others (assumed)."""

ROWS = read_only(np.linspace(0.0, 12.0, 2401, dtype=np.float32))
"""Edges of the 2400 rows of response files [keV]: the first one is exactly 0 (field)."""

_COLUMNS = {"PC": 1, "WT": 6}  # of the table of the response: share, peak, width, tail, area
_SCALES = {"PC": 0.975, "WT": 1.0}  # so that published counts-to-flux factors come out, too
_DEAF = 0.15  # below, nothing is counted [keV] (assumed)
_FIRST_OF_TAIL = 25  # the lowest channel that a tail reaches (assumed)
_LEAST_CHANCE = 3e-5  # smaller elements are zero: files pack as well as real ones
_CORE, _BETA = 5.8, 1.55  # King profile: core radius [arcsec] and slope (documented)
_FREEDOM = 2 * (_BETA - 0.5) - 1  # a King profile seen edge-on is Student's t with this many degrees of freedom
_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
_REACH = 10.0  # of a peak [sigma]: less than 1e-23 of it lies beyond, nothing beside the smallest element
_TOGETHER = 32  # rows made at a time: neighbours reach nearly the same channels, and fit the cache


@cache
def _table(name: str) -> Floats:
    """Return the rows of a file of the folder ``data``."""
    text = (resources.files(__package__) / "data" / name).read_text(encoding="ascii")
    rows = [line for line in text.splitlines() if line and not line.startswith("#")]
    return read_only(np.array([[float(cell) for cell in row.split(",")] for row in rows[1:]]))


def area(mode: str, energies: Floats = MIDDLES) -> Floats:
    """Effective area of a mode [cm2], shape of `energies` [keV]: on axis, whole PSF, all grades.

    That of mirror and filter: the efficiency of the detector belongs to :func:`redistribution` (field).
    """
    table = _table("xrt_response.csv")
    return _SCALES[mode] * np.interp(energies, table[:, 0], table[:, _COLUMNS[mode] + 4])


def optical_depth(redshift: float = 0.0) -> Floats:
    """Optical depth of each folding bin for 1 cm-2 of gas at `redshift`, shape (590,).

    Photoelectric cross-sections per hydrogen atom of Morrison & McCammon (1983), times 0.75, which brings them near
    the abundances that the service's fits use (derived: reproduces published counts-to-flux factors).
    """
    energy = MIDDLES * (1.0 + redshift)
    table = _table("absorption.csv")
    row = table[np.clip(np.searchsorted(table[:, 0], energy, side="right") - 1, 0, len(table) - 1)]
    c0, c1, c2 = row[..., 2], row[..., 3], row[..., 4]
    return np.asarray(0.75e-24 * (c0 + c1 * energy + c2 * energy**2) / energy**3)


def transmission(column: float, redshift: float = 0.0) -> Floats:
    """Share of the photons of each folding bin that pass `column` [cm-2] of gas at `redshift`, shape (590,)."""
    return np.exp(-column * optical_depth(redshift))


def redistribution(mode: str, energies: Floats) -> Floats:
    """Chance that a photon of each energy [keV] lands in each channel, shape (n_energies, 1024).

    Rows sum to the share of the photons that are counted at all (field). A row is a Gaussian peak, and a tail towards
    lower channels with the share of real rows; its exponential form is assumed.
    """
    table, column = _table("xrt_response.csv"), _COLUMNS[mode]
    share, peak, width, tail = (np.interp(energies, table[:, 0], table[:, column + k]) for k in range(4))
    share *= np.clip((energies - _DEAF) / (table[0, 0] - _DEAF), 0.0, 1.0)
    sigma = width / _SIGMA
    inside = ndtr(
        (CHANNELS - peak - 0.5) / sigma
    )  # of the peak; beyond 10 keV it leaves the channels, and counts with it
    at_ten = np.interp(10.0, energies, inside)
    share *= np.minimum(inside / at_ten, 1.0)
    top = peak - 1.5 * width
    matrix = np.zeros((len(energies), CHANNELS))
    for begin in range(0, len(energies), _TOGETHER):
        some = slice(begin, begin + _TOGETHER)
        rows = matrix[some]
        _add_shelf(rows, top[some], (tail * inside)[some])
        _add_peak(rows, peak[some], sigma[some], (1.0 - tail)[some])
        rows *= rows >= _LEAST_CHANCE
        rows *= (share[some] / np.maximum(rows.sum(axis=1), 1e-30))[:, None]
    return matrix


def _add_shelf(rows: Floats, top: Floats, weight: Floats) -> None:
    """Fill empty rows of channels, shape (n, 1024), with tails that end at `top` [channels] and sum to `weight`."""
    beyond = min(max(math.ceil(top.max()), _FIRST_OF_TAIL), CHANNELS)
    below = np.arange(_FIRST_OF_TAIL, beyond) - top[:, None]
    length = 0.35 * np.maximum(top, 1.0)[:, None]
    rows[:, _FIRST_OF_TAIL:beyond] = np.where(below < 0, np.exp(below / length), 0.0)
    rows *= (weight / np.maximum(rows.sum(axis=1), 1e-30))[:, None]


def _add_peak(rows: Floats, peak: Floats, sigma: Floats, weight: Floats) -> None:
    """Add Gaussian peaks, middles and widths in channels, to rows of channels, shape (n, 1024).

    The channels that no peak of these rows reaches are left alone.
    """
    first = max(math.floor((peak - _REACH * sigma).min()), 0)
    beyond = min(math.ceil((peak + _REACH * sigma).max()), CHANNELS)
    edges = np.arange(first, beyond + 1)
    rows[:, first:beyond] += weight[:, None] * np.diff(ndtr((edges - peak[:, None] - 0.5) / sigma[:, None]), axis=1)


@cache
def response(mode: str) -> Floats:
    """Chance that a photon of a folding bin lands in a channel, shape (590, 1024), read-only."""
    return read_only(redistribution(mode, MIDDLES))


def energy_to_channel(energy: float) -> int:
    """First channel at or above `energy` [keV]; channel n covers 10n to 10n+10 eV."""
    return round(min(max(energy, 0.0), CHANNELS / 100) * 100)


def enclosed(radius: float) -> float:
    """Share of a point source's light within `radius` [pixels] (documented King profile)."""
    return float(1.0 - (1.0 + (max(radius, 0.0) * PIXEL / _CORE) ** 2) ** (1.0 - _BETA))


def radius_holding(share: Floats) -> Floats:
    """Radii [arcsec] that hold these shares of a point source's light: the inverse of :func:`enclosed`."""
    return _CORE * np.sqrt((1.0 - share) ** (1.0 / (1.0 - _BETA)) - 1.0)


def share_left_of(position: float) -> float:
    """Share of a point source's light left of a line `position` pixels to the right of its centre."""
    return float(stdtr(_FREEDOM, position * PIXEL / _CORE * np.sqrt(_FREEDOM)))


def line_that_cuts(share: float) -> float:
    """Return the position of a line with `share` of the light on its left [pixels]: inverts :func:`share_left_of`."""
    return float(stdtrit(_FREEDOM, share)) * _CORE / PIXEL / float(np.sqrt(_FREEDOM))


def within_strip(half_width: float) -> float:
    """Share of a point source's light within a strip of this half width [pixels], as windowed timing sees it."""
    return 2.0 * share_left_of(half_width) - 1.0


def vignetting(offset: ArrayLike) -> Floats:
    """Share of the area left `offset` arcmin off axis: 0.6 at 12' (derived), energy-independent (assumed)."""
    return np.maximum(1.0 - 0.0028 * np.asarray(offset, dtype=float) ** 2, 0.0)


def graded_share(mode: str, grades: str) -> float:
    """Share of the events of a mode that the request's `grades` (``all``, ``0``, ``4``) leaves."""
    zero, four = GRADE_SHARES[mode]
    return {"0": zero, "4": four}.get(str(grades), 1.0)
