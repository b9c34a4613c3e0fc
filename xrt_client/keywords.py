"""The keywords of each product, for editors and type checkers only: nothing imports this at run time.

The same names as in `parameters.py`; a test keeps the two together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence


class GlobalPars(TypedDict, total=False):
    """Keywords of `setGlobalPars`; the last ones are shared by the positions."""

    name: str
    targ: str
    T0: float
    SinceT0: bool
    RA: float
    Dec: float
    centroid: bool
    centMeth: Literal["simple", "iterative"]
    maxCentTries: int
    posErr: float
    sss: bool
    useSXPS: bool
    wtPupRate: float
    pcPupRate: float
    notify: bool
    getCoords: bool
    getTargs: bool
    getT0: bool
    posRadius: float
    posobs: Literal["all", "user", "hours"]
    useposobs: str
    posobstime: float
    detMeth: Literal["simple", "iterative"]
    detornot: Literal["detect", "centroid"]


class LightCurvePars(TypedDict, total=False):
    """Keywords of a light curve."""

    binMeth: Literal["counts", "time", "snapshot", "obsid"]
    softLo: float
    softHi: float
    hardLo: float
    hardHi: float
    minSig: float
    minEnergy: float
    maxEnergy: float
    grades: Literal["all", "0", "4"]
    allowUL: Literal["no", "pc", "wt", "both"]
    allowBayes: Literal["no", "pc", "wt", "both"]
    bayesCounts: float
    bayesSNR: float
    timeFormat: Literal["s", "m", "sec", "mjd"]
    useObs: str
    pcCounts: int
    wtCounts: int
    pcBinTime: float
    wtBinTime: float
    dynamic: bool
    rateFact: float
    binFact: float
    minCounts: int
    minSNR: float
    wtMaxGap: float
    pcMaxGap: float
    matchHR: float | bool
    wtHRBinTime: float
    pcHRBinTime: float
    minFracExp: float
    whichData: Literal["all", "user"]
    srcrad: int


class SpectrumPars(TypedDict, total=False):
    """Keywords of a spectrum."""

    hasRedshift: bool
    redshift: float
    whichData: Literal["all", "user", "hours"]
    useObs: str
    incHours: float
    timeslice: Literal["single", "user", "snapshot", "obsid"]
    grades: Literal["all", "0", "4"]
    rname1: str
    gti1: str
    rname2: str
    gti2: str
    rname3: str
    gti3: str
    rname4: str
    gti4: str
    specStem: str
    doNotFit: bool
    galactic: bool
    models: Sequence[str] | str
    deltaFitStat: float
    srcrad: int


class PositionPars(TypedDict, total=False):
    """Keywords that all positions share."""

    posRadius: float
    whichData: Literal["all", "user", "hours"]
    useObs: str
    incHours: float
    centMeth: Literal["simple", "iterative"]
    detOrCent: Literal["detect", "centroid"]


class AstromPosPars(PositionPars, total=False):
    """Keywords of an astrometric position."""

    useAllObs: bool


class ImagePars(TypedDict, total=False):
    """Keywords of images."""

    energies: str
    whichData: Literal["all", "user"]
    useObs: str


class SourceDetPars(TypedDict, total=False):
    """Keywords of a source detection."""

    useObs: str
    whichData: Literal["all", "user"]
    whichBands: Literal["total", "all"]
    fitStrayLight: bool
