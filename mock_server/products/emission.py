"""Spectra: emission of sources, absorption on the way, counts in the detector. Nothing is drawn."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from . import instrument

if TYPE_CHECKING:
    from ..sky.sources import Spectrum
    from .instrument import Floats

LINES = ((0.65, 0.06), (0.9, 0.10), (1.02, 0.08), (1.35, 0.05), (1.86, 0.07), (2.46, 0.05), (6.7, 1.6))
"""Lines of the thermal stand-in: energy, and equivalent width at kT = 1 keV [keV]; widths go as 1/kT (assumed)."""
_STEP = float(instrument.ENERGIES[1] - instrument.ENERGIES[0])


def shape(model: str, parameter: float) -> Floats:
    """Emitted photons per keV in each folding bin, arbitrary scale, shape (590,).

    Parameters
    ----------
    model
        ``powerlaw``, ``apec`` or ``blackbody``. The thermal one is a stand-in of our own: a continuum with a few
        lines, to exercise a pipeline, not to do plasma physics.
    parameter
        Photon index, or kT [keV].
    """
    energy = instrument.MIDDLES
    match model:
        case "powerlaw":
            return np.asarray(energy**-parameter)
        case "blackbody":
            return energy**2 / np.expm1(np.minimum(energy / parameter, 600.0))
        case "apec":
            continuum = energy**-1.4 * np.exp(-np.minimum(energy / parameter, 600.0))
            total = continuum.copy()
            for line, width in LINES:
                at = int((line - instrument.ENERGIES[0]) / _STEP)
                total[at] += continuum[at] * width / parameter / _STEP
            return total
        case _:
            raise ValueError(f"unknown spectral model {model!r}: powerlaw, apec or blackbody")


def arriving(spectrum: Spectrum, galactic: float, redshift: float = 0.0, early: bool = False) -> Floats:
    """Photons per keV in each folding bin that reach the telescope, arbitrary scale, shape (590,).

    Parameters
    ----------
    galactic
        Column in our galaxy [cm-2]; the spectrum's own one lies at `redshift`.
    early
        The spectrum before its change.
    """
    parameter = spectrum.gamma if spectrum.model == "powerlaw" else spectrum.kt
    if early and spectrum.early_gamma is not None:
        parameter = spectrum.early_gamma
    passed = 1.0 - spectrum.covering + spectrum.covering * instrument.transmission(spectrum.nh, redshift)
    return shape(spectrum.model, parameter) * instrument.transmission(galactic) * passed


def counted(photons: Floats, mode: str) -> Floats:
    """Fold photons per keV with the area and the response of a mode: counts/s in each channel, shape (1024,).

    Not by ``@``: that wakes the threads of BLAS, which takes longer than the sum, and its digits depend on the machine.
    """
    return np.asarray(np.einsum("i,ij->j", photons * instrument.area(mode) * _STEP, instrument.response(mode)))


def channel_shares(
    mode: str, spectrum: Spectrum, galactic: float, redshift: float = 0.0, early: bool = False
) -> Floats:
    """Counts in each channel for each count in 0.3-10 keV, shape (1024,)."""
    channels = counted(arriving(spectrum, galactic, redshift, early), mode)
    return np.asarray(channels / channels[slice(*instrument.BAND)].sum())


@lru_cache(maxsize=256)
def cumulative_shares(
    mode: str, spectrum: Spectrum, galactic: float, redshift: float = 0.0, early: bool = False
) -> Floats:
    """Return the running sum of :func:`channel_shares`, shape (1024,), read-only."""
    return instrument.read_only(np.cumsum(channel_shares(mode, spectrum, galactic, redshift, early)))
