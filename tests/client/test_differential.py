"""The same calls on this client and on the official one, against two simulators with the same seed.

Differences that are intended are on the page docs/client-differences.md, with the reasons. In these steps the clients
must differ; in all others they must do the same.
"""

import math
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest

import xrt_client
from mock_server import Simulator

from .conftest import ME

mpl.use("Agg")
PAGE = Path(__file__).parents[2] / "docs" / "client-differences.md"

GLOBALS: dict[str, Any] = {
    "getTargs": True,
    "centroid": True,
    "name": "GRB 200416A",
    "RA": 335.6985,
    "Dec": -7.5179,
    "centMeth": "simple",
    "useSXPS": False,
    "T0": 608713541.952,
    "posErr": 1,
}
COUNTS: dict[str, Any] = {"binMeth": "counts", "pcCounts": 20, "wtCounts": 30, "dynamic": True}
Step = Callable[[Any, Any, Simulator, Path], Any]


def _set(**pars: Any) -> Step:
    return lambda r, ux, sim, out: r.setGlobalPars(**pars)


def _call(method: str, *arguments: Any, **pars: Any) -> Step:
    return lambda r, ux, sim, out: getattr(r, method)(*arguments, **pars)


def _get(name: str) -> Step:
    return lambda r, ux, sim, out: getattr(r, name)


def _later(seconds: float) -> Step:
    def pass_time(r: Any, ux: Any, sim: Simulator, out: Path) -> None:
        sim.clock.advance(seconds)

    return pass_time


def _new(user: str = ME, **options: Any) -> Step:
    return lambda r, ux, sim, out: ux.XRTProductRequest(user, **options)


def _assign(name: str) -> Step:
    def assign(r: Any, ux: Any, sim: Simulator, out: Path) -> Any:
        other = ux.XRTProductRequest(ME)
        setattr(other, name, getattr(r, name))
        return getattr(other, f"get{name}Pars")()

    return assign


def _changed_copy(r: Any, ux: Any, sim: Simulator, out: Path) -> Any:
    one, other = ux.XRTProductRequest(ME), ux.XRTProductRequest(ME)
    one.addLightCurve(**COUNTS)
    other.LightCurve = one.LightCurve
    other.setLightCurvePars(pcCounts=99)
    return one.getLightCurvePars("pcCounts")


def _copied(**options: Any) -> Step:
    def copy(r: Any, ux: Any, sim: Simulator, out: Path) -> Any:
        return ux.XRTProductRequest(ME, JSONVals=r.jobPars, fromServer=True, **options).getAllPars()

    return copy


def _old(becomeThis: bool) -> Step:  # noqa: N803 - documented name
    def copy(r: Any, ux: Any, sim: Simulator, out: Path) -> Any:
        other = ux.XRTProductRequest(ME)
        other.copyOldJob(int(r.JobID), becomeThis=becomeThis)
        return [other.getAllPars(), other.submitted, other.productList, becomeThis and other.complete]

    return copy


def _old_parameters(r: Any, ux: Any, sim: Simulator, out: Path) -> Any:
    other = ux.XRTProductRequest(ME)
    other.copyOldJob(int(r.JobID), becomeThis=True)
    return other.jobPars["name"]


def _saved(method: str, **options: Any) -> Step:
    def save(r: Any, ux: Any, sim: Simulator, out: Path) -> Any:
        folder = {"downloadProducts": "dir", "saveSpectralData": "destDir"}[method]
        returned = getattr(r, method)(**{folder: str(out)}, **options)
        found = {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
        return [returned if method == "downloadProducts" else None, found]

    return save


def _status(field: str) -> Step:
    return lambda r, ux, sim, out: {name: status[field] for name, status in r.checkProductStatus().items()}


def _merged(**options: Any) -> Step:
    def merge(r: Any, ux: Any, sim: Simulator, out: Path) -> Any:
        module = xrt_client.analysis if ux is xrt_client else __import__("swifttools.ukssdc", fromlist=["x"])
        table = r.lcData[next(name for name in r.lcData["Datasets"] if name.startswith("PC"))].copy()
        is_limit, inserted, new = module.mergeLightCurveBins(table, rows=table.index < 2, **options)
        names = ["Time", "TimePos", "TimeNeg", "CtsInSrc", "BGInSrc", "Exposure", "CorrFact", "FracExp"]
        rate = "UpperLimit" if is_limit else "Rate"
        return [is_limit, inserted, [round(float(new[n]), 6) for n in names], round(float(new[rate]), 2)]

    return merge


def _plotted(**options: Any) -> Step:
    def plot(r: Any, ux: Any, sim: Simulator, out: Path) -> Any:
        out.mkdir(exist_ok=True)
        _, axes = r.plotLC(fileName=str(out / "lc.png"), **options)
        return [axes.get_xscale(), axes.get_yscale(), len(axes.containers)]

    return plot


SCRIPT: dict[str, Step] = {
    # building
    "a new request": lambda r, ux, sim, out: [r.UserID, r.productList, r.submitted, r.statusCode, r.globalPars],
    "not valid when empty": _call("isValid"),
    "set globals": _set(**GLOBALS),
    "globals": _call("getGlobalPars"),
    "globals, unset too": _call("getGlobalPars", showUnset=True),
    "globals, shared too": _call("getGlobalPars", omitShared=False, showUnset=True),
    "one global": _call("getGlobalPars", "posErr"),
    "an unset global": _call("getGlobalPars", "detMeth"),
    "an unknown global": _call("getGlobalPars", "nonsense"),
    "set an unknown global": _set(nonsense=1),
    "set a global to a wrong type": _set(RA="12"),
    "set a global to a wrong value": _set(centMeth="guess"),
    "set RA to a whole number": lambda r, ux, sim, out: ux.XRTProductRequest(ME).setGlobalPars(RA=10),
    "not valid without products": _call("isValid"),
    "add a light curve": _call("addLightCurve", binMeth="counts"),
    "add another light curve": _call("addLightCurve"),
    "its parameters": _call("getLightCurvePars"),
    "one of its parameters": _call("getLightCurvePars", "binMeth"),
    "an unset one": _call("getLightCurvePars", "minEnergy"),
    "an unknown one": _call("getLightCurvePars", "nonsense"),
    "not valid yet": _call("isValid"),
    "check single products": _call("isValid", ["LightCurve", "Spectrum"]),
    "check an unknown product": _call("isValid", ["Gravity"]),
    "set its parameters": _call("setLightCurvePars", **{k: v for k, v in COUNTS.items() if k != "binMeth"}),
    "set a wrong type": _call("setLightCurvePars", pcCounts="many"),
    "set a wrong value": _call("setLightCurvePars", binMeth="guess"),
    "set an unknown parameter": _call("setLightCurvePars", nonsense=1),
    "set the longest gap": lambda r, ux, sim, out: (
        r.setLightCurvePars(pcMaxGap=1e8) or r.removeLightCurvePar("pcMaxGap")
    ),
    "add a spectrum with a redshift": _call("addSpectrum", redshift=1.23),
    "what a redshift brings": _call("getSpectrumPars"),
    "remove the redshift": _call("removeSpectrumPar", "redshift"),
    "what it leaves": _call("getSpectrumPars"),
    "galactic switched off": lambda r, ux, sim, out: _fresh_spectrum(ux, galactic=False, redshift=1.0),
    "redshift as a whole number": lambda r, ux, sim, out: _fresh_spectrum(ux, redshift=1),
    "remove the spectrum": _call("removeSpectrum"),
    "remove it again": _call("removeSpectrum"),
    "add a spectrum": _call("addProduct", "Spectrum", hasRedshift=False),
    "add positions": lambda r, ux, sim, out: [r.addStandardPos(), r.addEnhancedPos(), r.addAstromPos(useAllObs=True)],
    "shared parameters": lambda r, ux, sim, out: [r.setStandardPosPars(posRadius=20), r.getAstromPosPars()],
    "shared parameters as globals": lambda r, ux, sim, out: [r.getGlobalPars("posRadius"), r.globalPars["posRadius"]],
    "an unknown product": _call("hasProd", "Gravity"),
    "products": _get("productList"),
    "valid": _call("isValid"),
    "all parameters": _call("getAllPars"),
    "the document": lambda r, ux, sim, out: dict(sorted(r.getJSONDict().items())),
    "from the document": lambda r, ux, sim, out: ux.XRTProductRequest(ME, JSONVals=r.getJSON()).getAllPars(),
    "JSON that is not valid": _new(JSONVals="{"),
    "JSON that is a list": _new(JSONVals="[]"),
    "a copied light curve": _assign("LightCurve"),
    "a copied light curve that is changed": _changed_copy,
    "a copied position": _assign("StandardPos"),
    "a product assigned to another kind": lambda r, ux, sim, out: setattr(r, "Image", r.LightCurve),
    "names": lambda r, ux, sim, out: [str(r).split("\n")[0], r.hasLightCurve, r.hasImage],
    "a switched-off alternative": lambda r, ux, sim, out: _without_targets(ux),
    # before submission
    "JobID too early": _get("JobID"),
    "URL too early": _get("URL"),
    "complete too early": _get("complete"),
    "status too early": _call("checkProductStatus"),
    "cancel too early": _call("cancelProducts"),
    "position too early": _call("retrieveStandardPos"),
    # submission
    "submit out of range": lambda r, ux, sim, out: _refused(ux),
    "submit": _call("submit"),
    "submit again": _call("submit"),
    "job": lambda r, ux, sim, out: [r.JobID, r.URL, r.submitted, r.statusCode],
    "what came back": lambda r, ux, sim, out: [sorted(r.subRetData), sorted(r.jobPars.items())],
    "the error after success": _get("submitError"),
    "parameters of the service": _call("getAllPars"),
    "copy of the job's parameters": _copied(),
    "change after submission": _call("setLightCurvePars", pcCounts=1),
    "add after submission": _call("addImage"),
    # following
    "active jobs": _call("countActiveJobs"),
    "active jobs, function": lambda r, ux, sim, out: ux.countActiveJobs(ME),
    "old jobs": _call("listOldJobs"),
    "status codes": _status("statusCode"),
    "status texts": _status("statusText"),
    "not complete": _get("complete"),
    "start": _later(30),
    "progress": _status("progressText"),
    "progress in detail": _status("progress"),
    "single products": lambda r, ux, sim, out: list(r.checkProductStatus(("LightCurve", "psf"))),
    "products as text": _call("checkProductStatus", "LightCurve"),
    "a product that is not there": _call("checkProductStatus", ["Image"]),
    "cancel one": _call("cancelProducts", ["AstromPos"]),
    "cancel it again": _call("cancelProducts", ["AstromPos"]),
    "download too early": _saved("downloadProducts"),
    "download one too early": _call("downloadProducts", "nowhere", what=["LightCurve"]),
    "time": _later(40_000),
    "complete": _get("complete"),
    "final codes": _status("statusCode"),
    "status at the end": _get("statusCode"),
    "cancel what has ended": _call("cancelProducts", ["LightCurve"]),
    # results
    "archives": _saved("downloadProducts", format="zip", stem="a_"),
    "archives of one": _saved("downloadProducts", what=("LightCurve",)),
    "archives in an unknown format": _call("downloadProducts", "nowhere", format="rar"),
    "enhanced position": _call("retrieveEnhancedPos", returnData=True),
    "astrometric position": _call("retrieveAstromPos", returnData=True),
    "kept positions": lambda r, ux, sim, out: [r.enhancedPos, r.astromPos],
    "position that was not asked for": _call("retrieveSourceList"),
    "light curve": _call("retrieveLightCurve", returnData=True),
    "light curve with everything": _call("retrieveLightCurve", nosys="both", incbad="both", returnData=True),
    "kept light curve": _get("lcData"),
    "plot": _plotted(xlog=True, ylog=True),
    "plot of what is not there": _plotted(nosys=True),
    "merged bins": _merged(),
    "merged bins forced to a limit": _merged(forceUL=True),
    "spectra": _call("retrieveSpectralFits", returnData=True),
    "spectral files": _saved("saveSpectralData"),
    "rebin number before": _get("RebinID"),
    "rebin": lambda r, ux, sim, out: r.rebinLightCurve(binMeth="obsid"),
    "rebin status": lambda r, ux, sim, out: sorted(r.checkRebinStatus()),
    "rebin not complete": _call("rebinComplete"),
    "rebin time": _later(3600),
    "rebin complete": _call("rebinComplete"),
    "rebinned": lambda r, ux, sim, out: r.getRebinnedLightCurve(
        returnData=True, saveData=False, incbad="no", nosys="no"
    ),
    "cancel a rebinning": _call("cancelRebin"),
    "standard position": _call("retrieveStandardPos", returnData=True),
    "complete after a position": lambda r, ux, sim, out: [r.statusCode, r.complete],
    "status after a position": _get("statusCode"),
    # old jobs
    "copy an old job": _old(False),
    "become an old job": _old(True),
    "parameters of an old job": _old_parameters,
    "copy a stranger's job": lambda r, ux, sim, out: ux.XRTProductRequest("you@example.org").copyOldJob(r.JobID),
    "count of an unknown user": lambda r, ux, sim, out: ux.countActiveJobs("no user"),
    "list of an unknown user": lambda r, ux, sim, out: ux.listOldJobs("no user"),
    "clobber": lambda r, ux, sim, out: _clobbered(ux),
    "everything overwritten": lambda r, ux, sim, out: [
        r.setFromJSON({"image": 1, "name": "x"}),
        r.getAllPars(),
        r.submitted,
        r.statusCode,
    ],
}


def _fresh_spectrum(ux: Any, **pars: Any) -> Any:
    request = ux.XRTProductRequest(ME)
    request.addSpectrum(**pars)
    return request.getSpectrumPars()


def _without_targets(ux: Any) -> Any:
    request = ux.XRTProductRequest(ME)
    request.setGlobalPars(**{**GLOBALS, "getTargs": False})
    request.addImage()
    return request.isValid()


def _refused(ux: Any) -> Any:
    request = ux.XRTProductRequest(ME)
    request.setGlobalPars(**{**GLOBALS, "posErr": 0.01})
    request.addLightCurve(**COUNTS)
    return [request.submit(), request.submitError, request.statusCode]


def _clobbered(ux: Any) -> Any:
    request = ux.XRTProductRequest(ME)
    request.addLightCurve(binMeth="counts")
    request.addLightCurve(clobber=True, pcCounts=3)
    return request.getLightCurvePars()


# Intended differences: step -> heading in docs/client-differences.md
DIFFERENT = {
    "set RA to a whole number": "Numbers are numbers",
    "redshift as a whole number": "Numbers are numbers",
    "set the longest gap": "Documented names work",
    "galactic switched off": "What you say is not undone",
    "from the document": "What you say is not undone",
    "a copied light curve that is changed": "Copies are copies",
    "a copied position": "Copies are copies",
    "a switched-off alternative": "Switched off is not given",
    "JSON that is not valid": "JSON that cannot be read",
    "clobber": "clobber replaces",
    "parameters of the service": "What the service says is kept",
    "copy of the job's parameters": "What the service says is kept",
    "copy an old job": "What the service says is kept",
    "become an old job": "What the service says is kept",
    "the error after success": "There may be no error",
    "products as text": "One product is enough",
    "cancel it again": "Partly cancelled is two",
    "cancel what has ended": "Partly cancelled is two",
    "count of an unknown user": "Errors are raised",
    "list of an unknown user": "Errors are raised",
    "parameters of an old job": "An old job is whole",
    "download too early": "Downloads ask first",
    "complete after a position": "Positions leave the rest alone",
    "status after a position": "Positions leave the rest alone",
    "rebin number before": "Rebinning can be followed",
    "rebin": "Rebinning can be followed",
    "cancel a rebinning": "Rebinning can be followed",
}


# ---- playing and comparing -------------------------------------------------------------------------------------


def _plain(value: Any, out: Path) -> Any:
    """Return a value as it can be compared: tables as lists, texts without layout, paths without their folder."""
    if isinstance(value, pd.DataFrame):
        return {str(column): [_plain(cell, out) for cell in value[column].tolist()] for column in value.columns}
    if isinstance(value, dict):
        return {str(key): _plain(inner, out) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner, out) for inner in value]
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    if isinstance(value, str):
        return re.sub(r"\s+", " ", value.replace(str(out), "OUT")).strip()
    if isinstance(value, (xrt_client.XRTProductRequest,)) or type(value).__name__ == "XRTProductRequest":
        return "a request"
    return value


def _outcome(step: Step, *arguments: Any) -> Any:
    try:
        return _plain(step(*arguments), arguments[-1])
    except Exception as error:
        return error


def _play(ux: Any, folder: Path, sim: Simulator, **options: Any) -> Iterator[tuple[str, Any]]:
    with sim.intercept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        request = ux.XRTProductRequest(ME, **options)
        for number, (name, step) in enumerate(SCRIPT.items()):
            yield name, _outcome(step, request, ux, sim, folder / str(number))
    plt.close("all")


def _same(theirs: Any, ours: Any) -> bool:
    """Whether two outcomes are the same; an error of ours may be caught as theirs is."""
    if isinstance(theirs, Exception) or isinstance(ours, Exception):
        return isinstance(ours, type(theirs))
    return bool(theirs == ours)


def test_both_clients_do_the_same_except_where_the_page_says_so(tmp_path, shared_products):
    official = pytest.importorskip("swifttools.ukssdc.xrt_prods")
    for folder in ("official", "ours"):
        (tmp_path / folder).mkdir()
    theirs = dict(_play(official, tmp_path / "official", shared_products(Simulator(seed=7)), useDeprecate=False))
    ours = dict(_play(xrt_client, tmp_path / "ours", shared_products(Simulator(seed=7))))
    assert list(theirs) == list(ours) == list(SCRIPT)
    same = {name: _same(theirs[name], ours[name]) for name in SCRIPT}
    unintended = [name for name in SCRIPT if not same[name] and name not in DIFFERENT]
    texts = [f"{n}\n  official: {theirs[n]!r:.500}\n  ours: {ours[n]!r:.500}" for n in unintended]
    assert not unintended, "\n".join(texts)
    vanished = [name for name in DIFFERENT if same[name]]
    assert not vanished, "both clients do the same now: take these off the page and off the list"


def test_every_difference_is_on_the_page_with_its_reason():
    headings = set(re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert set(DIFFERENT.values()) == headings
