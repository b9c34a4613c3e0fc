"""The simulated telescope: area, sharpness, resolution, absorption in front of it. Arithmetic only, nothing is drawn.

Energies are in keV, lengths on the detector in pixels, channels are PI channels of 10 eV.
"""

from __future__ import annotations

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

_CORE, _BETA = 5.8, 1.55  # King profile: core radius [arcsec] and slope (documented)
_FREEDOM = 2 * (_BETA - 0.5) - 1  # a King profile seen edge-on is Student's t with this many degrees of freedom
_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))


@cache
def _table(name: str) -> Floats:
    """Return the rows of a file of the folder ``data``."""
    text = (resources.files(__package__) / "data" / name).read_text(encoding="ascii")
    rows = [line for line in text.splitlines() if line and not line.startswith("#")]
    return read_only(np.array([[float(cell) for cell in row.split(",")] for row in rows[1:]]))


def effective_area() -> Floats:
    """Effective area of the folding bins [cm2], shape (590,): on axis, whole PSF, all grades."""
    table = _table("xrt_area.csv")
    area: Floats = np.interp(MIDDLES, table[:, 0], table[:, 1])
    return area


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


@cache
def response() -> Floats:
    """Chance that a photon of a folding bin lands in a channel, shape (590, 1024); FWHM^2 = 0.0049 + 0.0025 E keV^2.

    Rows sum to the share that lands within the 1024 channels at all.
    """
    width = np.sqrt(0.0049 + 0.0025 * MIDDLES)[:, None] / _SIGMA
    first = np.floor(MIDDLES * 100).astype(int)[:, None] - 50  # beyond 50 channels, six widths, nothing arrives
    channels = first + np.arange(102)
    shares = np.diff(ndtr((channels / 100.0 - MIDDLES[:, None]) / width), axis=1)
    shares[shares < 1e-5] = 0.0  # the threshold that the response file announces
    shares /= shares.sum(axis=1, keepdims=True)
    rows, columns = np.nonzero((channels[:, :-1] >= 0) & (channels[:, :-1] < CHANNELS))
    matrix = np.zeros((len(MIDDLES), CHANNELS))
    matrix[rows, channels[rows, columns]] = shares[rows, columns]
    return read_only(matrix)


@cache
def response_by_channel() -> Floats:
    """Return :func:`response` with a row for each channel, contiguous in memory, shape (1024, 590)."""
    return read_only(np.ascontiguousarray(response().T))


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
