"""Duration of a run, from the data it uses. Pure; the numbers are assumed, tuned to published examples.

A burst with nine observations has all products in about five minutes; 14 of 156 spectra take 20 minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .model import Product
from .selection import flag, number, text

if TYPE_CHECKING:
    from collections.abc import Mapping

SPECTRA_PREPARED_S = 30.0
SPECTRUM_S = 85.0
_CENTROID_S = 3.0
_FURTHER_BAND_S = 15.0
_BANDS_INCLUDED = 3
_DETECTION_BANDS = {"total": 1, "all": 4}
_LONGEST_REBIN_S = 30.0
_COSTS = {  # fixed cost, and cost of each observation [s]
    Product.LIGHT_CURVE: (40.0, 6.0),
    Product.SPECTRUM: (SPECTRA_PREPARED_S, 0.0),
    Product.STANDARD_POS: (30.0, 5.0),
    Product.ENHANCED_POS: (60.0, 5.0),
    Product.ASTROM_POS: (90.0, 6.0),
    Product.IMAGE: (60.0, 4.0),
    Product.SOURCE_DET: (120.0, 10.0),
}
_ITERATIVE = (60.0, 8.0)


def duration(
    product: Product, parameters: Mapping[str, Any], *, observations: int, spectra: int, bands: int, noise: float
) -> float:
    """Return the duration of a run [s]; the limit of the service on a run is not applied.

    Parameters
    ----------
    product
        Product that is built.
    parameters
        The job's parameters as stored.
    observations
        Number of observations that are selected for this product.
    spectra
        Number of spectra that are made.
    bands
        Number of energy bands of the images.
    noise
        Positive factor for everything else.
    """
    base, each = _ITERATIVE if product is Product.STANDARD_POS and is_iterative(parameters) else _COSTS[product]
    seconds = base + each * observations
    match product:
        case Product.LIGHT_CURVE if flag(parameters, "cent"):
            seconds += _CENTROID_S * min(observations, number(parameters, "maxCentTries", 10))
        case Product.SPECTRUM:
            seconds += SPECTRUM_S * spectra
        case Product.IMAGE:
            seconds += _FURTHER_BAND_S * max(0, bands - _BANDS_INCLUDED)
        case Product.SOURCE_DET:
            seconds += each * observations * (_DETECTION_BANDS.get(text(parameters, "detbands"), 1) - 1)
    return noise * seconds


def is_iterative(parameters: Mapping[str, Any]) -> bool:
    """Whether the standard position comes from the iterative source detection."""
    return text(parameters, "detornot") != "centroid" and text(parameters, "detMeth") == "iterative"


def corrects_standard(parameters: Mapping[str, Any]) -> bool:
    """Whether an astrometric position corrects the standard one; else it detects the sources itself.

    A standard position by the simple method has no source list to match (field: a printed answer shows both running).
    """
    return is_iterative(parameters) and not flag(parameters, "allxastrom")


def rebin_duration(observations: int) -> float:
    """Return the duration of a new binning of a light curve [s]: seconds to half a minute (documented)."""
    return min(_LONGEST_REBIN_S, 4 + 0.5 * observations)
