"""Names of parameters in the official client that differ from their wire names (documented). Pure.

``main.php`` accepts light curve parameters by these names; elsewhere they are a mistake of the caller, which the
journal notes.
"""

from __future__ import annotations

import difflib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .table import TABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

LIGHT_CURVE = {
    "minEnergy": "minen",
    "maxEnergy": "maxen",
    "softLo": "soft1",
    "softHi": "soft2",
    "hardLo": "hard1",
    "hardHi": "hard2",
    "minSig": "sigmin",
    "allowBayes": "allowB",
    "timeFormat": "lctimetype",
    "timeType": "lctimetype",
    "whichData": "lcobs",
    "useObs": "uselcobs",
    "pcCounts": "pccounts",
    "wtCounts": "wtcounts",
    "rateFact": "ratefact",
    "binFact": "binfact",
    "minCounts": "mincmin",
    "minSNR": "minsnr",
    "pcBinTime": "pcbin",
    "wtBinTime": "wtbin",
    "pcMaxGap": "pcmaxgap",
    "wtMaxGap": "wtmaxgap",
    "matchHR": "hrbin",
    "pcHRBinTime": "pchrbin",
    "wtHRBinTime": "wthrbin",
    "minFracExp": "femin",
}
"""Parameters of a light curve."""

_OTHERS = {
    "T0": "Tstart",
    "centroid": "cent",
    "wtPupRate": "wtpuprate",
    "pcPupRate": "pcpuprate",
    "hasRedshift": "specz",
    "redshift": "zval",
    "specStem": "specstem",
    "deltaFitStat": "dchi",
    "incHours": "specobstime or posobstime",
    "detOrCent": "detornot",
    "useAllObs": "allxastrom",
    "energies": "imen",
    "whichBands": "detbands",
    "whichData": "lcobs, specobs, posobs, imobs or detobs",
    "useObs": "uselcobs, usespecobs, useposobs, useimobs or usedetobs",
}
_KNOWN = {spelling for parameter in TABLE for spelling in (parameter.name, *parameter.also)}
_WIRE_NAMES = LIGHT_CURVE | _OTHERS


def nearest_misses(raw: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each key of a submission that looks like a parameter but that the service ignores."""
    return [sentence for key in raw if key not in _KNOWN and (sentence := _nearest_miss(key))]


@lru_cache(1024)  # callers send the same few keys in every submission
def _nearest_miss(key: str) -> str | None:
    if key in _WIRE_NAMES:
        return f"`{key}` is a python name; the service calls it `{_WIRE_NAMES[key]}`"
    near = difflib.get_close_matches(key[:40], sorted(_KNOWN), n=1, cutoff=0.75)
    return f"`{key[:40]}` is not a parameter; the nearest is `{near[0]}`" if near else None
