# ruff: noqa: N802, N803 - documented names
"""Tables, plots and merged bins of light curves. Needs the `analysis` extra; nothing is sent here.

Merged bins follow Kraft, Burrows & Nousek (1991, ApJ 374, 344): a source of unknown brightness above a known
background, and the shortest interval that holds the wanted share of the posterior.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

try:
    import numpy as np
    import pandas as pd
    from scipy.optimize import brentq
    from scipy.special import gammaincc, gammainccinv
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"tables and plots need {error.name}: pip install 'xrt-mock[analysis]'", name=error.name
    ) from error

from .errors import RequestInvalid

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

ONE_SIGMA = 0.683
BANDS = ("Total", "Soft", "Medium", "Hard")
_TEXT_COLUMNS = ("ObsID", "URL")


# ---- tables ----------------------------------------------------------------------------------------------------


def light_curve_tables(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a light curve dict (documented, page "structures") from the answer of the service.

    One table for each of `Datasets`, in numbers; times in the unit of `TimeFormat`, rates in count/s; the column of
    upper limits is called ``UpperLimit``; `URLs` says where each came from.
    """
    tables = {name: _table(name, document[f"{name}Data"]) for name in document["Datasets"]}
    urls = {name: document[f"{name}Data"]["URL"] for name in document["Datasets"] if "URL" in document[f"{name}Data"]}
    rest = {key: value for key, value in document.items() if not (key.endswith("Data") and key[:-4] in tables)}
    return {**tables, **rest, **({"URLs": urls} if urls else {})}


def _table(name: str, table: Mapping[str, Any]) -> pd.DataFrame:
    limits = "UL" in name
    columns = ["UpperLimit" if limits and column == "Rate" else column for column in table["columns"]]
    frame = pd.DataFrame(table["data"], columns=columns, dtype=object)
    for column in columns:
        if column == "ObsID":
            frame[column] = frame[column].map(_obsid)
        elif column not in _TEXT_COLUMNS:
            frame[column] = frame[column].astype(float)
    return frame


def _obsid(cell: object) -> str:
    """Return an observation ID as eleven digits; cells may carry a mark before it."""
    return f"{int(float(str(cell).rpartition('=')[2])):011d}"


# ---- rates from counts -----------------------------------------------------------------------------------------


def bayesRate(N: float, B: float, conf: float) -> tuple[float, float, float]:
    """Return lower and upper bound and most probable value of the source counts.

    Parameters
    ----------
    N
        Counts in the source region.
    B
        Expected background counts there, known exactly.
    conf
        Share of the posterior inside the bounds, 0 to 1; above 1 in percent.

    Notes
    -----
    The posterior of s >= 0 is proportional to (s + B)^N exp(-(s + B)); the bounds enclose the shortest interval, so
    they have equal densities unless the lower one is 0.
    """
    conf = _fraction("conf", conf)
    if N < 0 or B < 0:
        raise RequestInvalid(f"counts cannot be negative: N={N}, B={B}")
    mode = max(0.0, float(N - B))
    total = gammaincc(N + 1, B)

    def above(s: float) -> float:
        """Share of the posterior above s."""
        return float(gammaincc(N + 1, s + B) / total)

    def upper(low: float) -> float:
        """Upper end of the interval of content `conf` that begins at `low`."""
        return float(gammainccinv(N + 1, max(above(low) - conf, 0.0) * total)) - B

    def log_density(s: float) -> float:
        return float(N * math.log(s + B) - (s + B)) if N else -(s + B)

    def excess(low: float) -> float:
        """Log of the density at the upper end over that at the lower one; zero at the shortest interval."""
        return log_density(upper(low)) - log_density(low)

    lowest = 0.0 if B > 0 or N == 0 else 1e-12 * N
    if mode == 0.0 or excess(lowest) <= 0.0:
        return (0.0, upper(0.0), mode)
    # the lower end lies below the mode, and leaves enough of the posterior above it
    last = min(mode, float(gammainccinv(N + 1, total * min(1.0, conf * (1 + 1e-9)))) - B)
    low = float(brentq(excess, lowest, max(last, lowest), xtol=1e-9))
    return (low, upper(low), mode)


def _fraction(name: str, value: float) -> float:
    fraction = value / 100.0 if value > 1 else float(value)
    if not 0 < fraction < 1:
        raise RequestInvalid(f"{name} is {value}, but must be between 0 and 1, or a percentage")
    return fraction


class _Counts(NamedTuple):
    """Counts, expected background counts, correction factor and exposure [s] of a merged bin."""

    counts: int
    background: float
    factor: float
    exposure: float

    def bounds(self, conf: float) -> tuple[float, float, float]:
        """Bounds and most probable value as rates [count/s]."""
        low, high, mode = (s * self.factor / self.exposure for s in bayesRate(self.counts, self.background, conf))
        return low, high, mode


def mergeLightCurveBins(
    lc: pd.DataFrame,
    rows: pd.Series | None = None,
    remove: bool = False,
    insert: bool | str = False,
    forceRate: bool = False,
    forceUL: bool = False,
    ulConf: float = 0.997,
    detThresh: float | None = None,
    silent: bool = True,
    verbose: bool = False,
) -> tuple[bool, bool, pd.Series]:
    """Merge bins of one dataset of a light curve.

    Parameters
    ----------
    lc
        The dataset; changed in place if bins are removed or inserted.
    rows
        Which bins (a filter, as ``lc["Time"] > 100``); default: all.
    remove
        Whether the merged bins are taken out.
    insert
        Whether the new bin is put in, and so made of the dataset's kind; ``"match"``: only if it is of that kind.
    forceRate, forceUL
        Whether the new bin is a rate, or an upper limit, whatever it looks like; ignored if `insert` is True.
    ulConf
        Confidence of an upper limit.
    detThresh
        Confidence at which the source must be there to be called detected; default: `ulConf`.

    Returns
    -------
    tuple
        Whether the new bin is an upper limit, whether it was inserted, and the new bin. Errors are 1 sigma; `Sigma`
        is unknown, for it needs the regions.
    """
    if forceRate and forceUL:
        raise RequestInvalid("a bin cannot be forced to be both a rate and an upper limit")
    insert = insert.lower() if isinstance(insert, str) else insert
    if insert not in (True, False, "match"):
        raise RequestInvalid("insert must be True, False or 'match'")
    limits = "UpperLimit" in lc.columns
    chosen = lc if rows is None else lc[rows]
    if chosen.empty:
        raise RequestInvalid("there are no bins to merge")
    merged = _merged_counts(chosen, limits)
    forced = limits if insert is True else True if forceUL else False if forceRate else None
    is_limit = merged.bounds(_fraction("detThresh", detThresh or ulConf))[0] <= 0 if forced is None else forced
    new = pd.Series({**_merged_times(chosen), **_merged_rate(merged, is_limit, _fraction("ulConf", ulConf))})
    new = new.reindex([_renamed(column, is_limit) for column in lc.columns if column not in _TEXT_COLUMNS])
    inserted = insert is True or (insert == "match" and is_limit == limits)
    _change(lc, chosen.index if remove else None, new if inserted else None)
    if verbose or not silent:
        print(f"The new bin is {'an upper limit' if is_limit else 'a rate'}")
    return (is_limit, inserted, new)


def _renamed(column: str, is_limit: bool) -> str:
    return ("UpperLimit" if is_limit else "Rate") if column in ("Rate", "UpperLimit") else str(column)


def _merged_counts(bins: pd.DataFrame, limits: bool) -> _Counts:
    """Add up; the correction factor is weighted by the counts it corrects, for limits by exposure."""
    weight = bins["Exposure"] if limits or not bins["CtsInSrc"].sum() else bins["CtsInSrc"]
    factor = float((bins["CorrFact"] * weight).sum() / weight.sum())
    return _Counts(int(bins["CtsInSrc"].sum()), float(bins["BGInSrc"].sum()), factor, float(bins["Exposure"].sum()))


def _merged_times(bins: pd.DataFrame) -> dict[str, float]:
    """Return time, exposure fraction and background of a merged bin."""
    exposure = bins["Exposure"].sum()
    time = bins["Time"].mean()
    start, stop = (bins["Time"] + bins["TimeNeg"]).min(), (bins["Time"] + bins["TimePos"]).max()
    return {
        "Time": time,
        "TimePos": stop - time,
        "TimeNeg": start - time,
        "FracExp": exposure / (stop - start),
        "BGrate": (bins["BGrate"] * bins["Exposure"]).sum() / exposure,
        "BGerr": math.sqrt(((bins["BGerr"] * bins["Exposure"]) ** 2).sum()) / exposure,
    }


def _merged_rate(merged: _Counts, is_limit: bool, conf: float) -> dict[str, float]:
    """Return the rate or the limit of a merged bin, with what it is made of."""
    made_of = {
        "CorrFact": merged.factor,
        "CtsInSrc": merged.counts,
        "BGInSrc": merged.background,
        "Exposure": merged.exposure,
        "Sigma": math.nan,
    }
    if is_limit:
        return {**made_of, "UpperLimit": merged.bounds(conf)[1], "RatePos": 0.0, "RateNeg": 0.0, "SNR": 0.0}
    low, high, rate = merged.bounds(ONE_SIGMA)
    snr = rate / (rate - low) if rate > low else 0.0
    return {**made_of, "Rate": rate, "RatePos": high - rate, "RateNeg": low - rate, "SNR": snr}


def _change(lc: pd.DataFrame, dropped: pd.Index | None, new: pd.Series | None) -> None:
    """Take bins out of a dataset and put one in, in place and in order of time."""
    if dropped is None and new is None:
        return
    changed = lc if dropped is None else lc.drop(index=dropped)
    if new is not None:
        changed = pd.concat([changed, new.reindex(lc.columns).to_frame().T.astype(_float_types(lc))])
    pd.DataFrame.__init__(lc, changed.sort_values("Time", ignore_index=True))  # `inplace` is on its way out of pandas


def _float_types(lc: pd.DataFrame) -> dict[str, type]:
    """Return the types of a merged bin's columns: it has fractions where single ones had none."""
    return {column: object if column in _TEXT_COLUMNS else float for column in lc.columns}


def mergeUpperLimits(
    ulTab: pd.DataFrame,
    rows: pd.Series | None = None,
    detectionsAsRates: bool = True,
    bands: str | Iterable[str] = "all",
    conf: float = 0.997,
    detThresh: float | None = None,
    silent: bool = True,
    verbose: bool = False,
) -> dict[str, Any]:
    """Merge rows of a table of catalogue upper limits.

    Parameters
    ----------
    ulTab
        Columns `SourceExposure`, `ImageExposure` [s], and for each band `{band}_Counts`, `{band}_BGCounts`,
        `{band}_CorrectionFactor`.
    rows
        Which rows; default: all.
    detectionsAsRates
        Whether rates are given where the source is detected.
    bands
        ``"all"``, or some of Total, Soft, Medium, Hard; those without data are left out.
    conf, detThresh
        As for :func:`mergeLightCurveBins`.

    Returns
    -------
    dict
        Exposures [s], and for each band `{band}_UpperLimit` [count/s], `_Counts`, `_BGCounts`, `_CorrectionFactor`,
        and with rates `_Rate`, `_RatePos`, `_RateNeg` (NaN if not detected) and `_IsDetected`.
    """
    chosen = ulTab if rows is None else ulTab[rows]
    for column in ("SourceExposure", "ImageExposure"):
        if column not in chosen.columns:
            raise RequestInvalid(f"the table lacks the column {column}")
    result: dict[str, Any] = {name: chosen[name].sum() for name in ("SourceExposure", "ImageExposure")}
    conf = _fraction("conf", conf)
    threshold = _fraction("detThresh", detThresh or conf) if detectionsAsRates else None
    for band in _bands(bands):
        if all(f"{band}_{part}" in chosen.columns for part in ("Counts", "BGCounts", "CorrectionFactor")):
            result |= {f"{band}_{key}": value for key, value in _merged_band(chosen, band, conf, threshold).items()}
        elif verbose or not silent:
            print(f"There are no data in the band {band}")
    return result


def _bands(bands: str | Iterable[str]) -> list[str]:
    named = list(BANDS) if bands == "all" else [bands] if isinstance(bands, str) else list(bands)
    named = [band.capitalize() for band in named]
    if unknown := set(named) - set(BANDS):
        raise RequestInvalid(f"there is no band {', '.join(sorted(unknown))}; there are {', '.join(BANDS)}")
    return named


def _merged_band(table: pd.DataFrame, band: str, conf: float, threshold: float | None) -> dict[str, Any]:
    exposure = float(table["ImageExposure"].sum())
    factor = float((table[f"{band}_CorrectionFactor"] * table["ImageExposure"]).sum() / exposure)
    merged = _Counts(int(table[f"{band}_Counts"].sum()), float(table[f"{band}_BGCounts"].sum()), factor, exposure)
    result: dict[str, Any] = {
        "UpperLimit": merged.bounds(conf)[1],
        "Counts": merged.counts,
        "BGCounts": merged.background,
        "CorrectionFactor": factor,
    }
    if threshold is not None:
        detected = merged.bounds(threshold)[0] > 0
        low, high, rate = merged.bounds(ONE_SIGMA) if detected else (math.nan,) * 3
        result |= {"Rate": rate, "RatePos": high - rate, "RateNeg": low - rate, "IsDetected": detected}
    return result


# ---- plots -----------------------------------------------------------------------------------------------------


def plotLightCurve(
    lcData: Mapping[str, Any],
    xlog: bool = False,
    ylog: bool = False,
    whichCurves: Sequence[str] | None = None,
    fileName: str | os.PathLike[str] | None = None,
    T0: float | None = None,
    xlabel: str | None = None,
    ylabel: str | None = None,
    cols: Mapping[str, str] | None = None,
    clobber: bool = False,
    fig: Any = None,
    ax: Any = None,
    silent: bool = True,
    verbose: bool = False,
) -> tuple[Any, Any]:
    """Plot datasets of a light curve dict: rates, upper limits, bands or ratios.

    Parameters
    ----------
    lcData
        See :func:`light_curve_tables`.
    xlog, ylog
        Whether an axis is logarithmic.
    whichCurves
        Which datasets; default: all.
    fileName
        Where the plot is saved; None: it is shown, if there is a screen.
    T0
        Zero point of the time axis, for its label [s, Swift MET].
    xlabel, ylabel
        Labels in place of those that follow from the data.
    cols
        Colours, by dataset, by mode (``WT``, ``PC``), or ``other``.
    clobber
        Whether an existing file is replaced.
    fig, ax
        What to plot on; default: a new figure.

    Returns
    -------
    tuple
        Figure and axes of matplotlib.
    """
    try:
        import matplotlib.pyplot as plt  # noqa: PLC0415 - tables do without it
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("plots need matplotlib: pip install 'xrt-mock[analysis]'", name=error.name) from error
    if fileName is not None and Path(fileName).exists() and not clobber:
        raise RequestInvalid(f"{fileName} exists and clobber is False")
    names = list(lcData["Datasets"] if whichCurves is None else whichCurves)
    if fig is None or ax is None:
        fig, ax = plt.subplots()
    for name in names:
        if verbose or not silent:
            print(f"Plotting {name}")
        _plot_one(ax, name, lcData[name], _colour(name, cols or {}))
    ax.set(xscale="log" if xlog else "linear", yscale="log" if ylog else "linear")
    ax.set_xlabel(xlabel or _time_label(lcData, T0))
    ax.set_ylabel(ylabel or _value_label(names))
    if fileName is not None:
        fig.savefig(fileName)
    elif getattr(fig.canvas, "required_interactive_framework", None):
        plt.show()
    return fig, ax


_COLOURS = {"WT": "blue", "PC": "red", "other": "black"}


def _colour(name: str, chosen: Mapping[str, str]) -> str:
    mode = name[:2] if name[:2] in ("WT", "PC") else "other"
    return chosen.get(name) or chosen.get(mode) or _COLOURS[mode]


def _plot_one(ax: Any, name: str, table: pd.DataFrame, colour: str) -> None:
    """Draw one dataset; errors come with either sign, matplotlib wants their sizes."""
    value = next(column for column in ("UpperLimit", "HR", "Rate") if column in table.columns)
    style: dict[str, Any] = {"color": colour, "label": name, "elinewidth": 1.0, "fmt": ".", "zorder": 5}
    if value == "UpperLimit":
        errors = [0.2 * table[value], 0.0 * table[value]]
        style |= {"uplims": True, "fmt": "none"}
    else:
        errors = [_errors(table, value, "Neg"), _errors(table, value, "Pos")]
    times = [table["TimeNeg"].abs(), table["TimePos"].abs()]
    ax.errorbar(table["Time"], table[value], xerr=np.array(times), yerr=np.array(errors), **style)


def _errors(table: pd.DataFrame, value: str, side: str) -> pd.Series:
    column = f"{value}{side}" if f"{value}{side}" in table.columns else f"{value}Err"
    return table[column].abs()


def _time_label(lcData: Mapping[str, Any], T0: float | None) -> str:
    form = str(lcData.get("TimeFormat", "MET"))
    if "met" not in form.lower():
        return form
    return "Time (s)" if T0 is None else f"Time since MET={T0} (s)"


def _value_label(names: Sequence[str]) -> str:
    ratios = ["HR" in name for name in names]
    return "Count rate" if not any(ratios) else "Hardness ratio" if all(ratios) else "Count rate or HR"


def plot_active(active: Sequence[tuple[float, int]], fileName: str | os.PathLike[str]) -> None:
    """Save a picture of active jobs against time.

    Parameters
    ----------
    active
        (time [s], number) after each change.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - tables do without it

    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    begin = active[0][0] if active else 0.0
    axes.step([(time - begin) / 3600 for time, _ in active], [number for _, number in active], where="post")
    axes.set(xlabel="Time since the first submission (h)", ylabel="Active jobs")
    axes.set_ylim(bottom=0)
    figure.savefig(fileName)
