# ruff: noqa: N802, N803 - documented names
"""Plots of light curves, and of the active jobs of a campaign."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import RequestInvalid

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    import pandas as pd

_COLOURS = {"WT": "blue", "PC": "red", "other": "black"}


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
        File to save the plot in; None: show it, if there is a screen.
    T0
        Zero point of the time axis, for its label [s, Swift MET].
    xlabel, ylabel
        Labels; default: according to the data.
    cols
        Colours, by dataset, by mode (``WT``, ``PC``), or ``other``.
    clobber
        Whether to replace an existing file.
    fig, ax
        Figure and axes to plot on; default: new ones.

    Returns
    -------
    tuple
        Figure and axes of matplotlib.

    Raises
    ------
    RequestInvalid
        The file exists, and `clobber` is False.
    """
    if fileName is not None and Path(fileName).exists() and not clobber:
        raise RequestInvalid(f"{fileName} exists and clobber is False")
    names = list(lcData["Datasets"] if whichCurves is None else whichCurves)
    try:
        import matplotlib.pyplot as plt  # noqa: PLC0415 - tables do not need it
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("plots need matplotlib: pip install 'xrt-mock[analysis]'", name=error.name) from error
    if fig is None or ax is None:
        fig, ax = plt.subplots()
    for name in names:
        if verbose or not silent:
            print(f"Plotting {name}")
        _plot_dataset(ax, name, lcData[name], cols or {})
    ax.set(xscale="log" if xlog else "linear", yscale="log" if ylog else "linear")
    times = str(lcData.get("TimeFormat", "MET"))
    if "met" in times.lower():
        times = "Time (s)" if T0 is None else f"Time since MET={T0} (s)"
    ratios = ["HR" in name for name in names]
    values = "Count rate" if not any(ratios) else "Hardness ratio" if all(ratios) else "Count rate or HR"
    ax.set(xlabel=xlabel or times, ylabel=ylabel or values)
    if fileName is not None:
        fig.savefig(fileName)
    elif getattr(fig.canvas, "required_interactive_framework", None):
        plt.show()
    return fig, ax


def _plot_dataset(ax: Any, name: str, table: pd.DataFrame, colours: Mapping[str, str]) -> None:
    """Plot one dataset. Its errors have signs; matplotlib expects sizes."""
    mode = name[:2] if name[:2] in ("WT", "PC") else "other"
    colour = colours.get(name) or colours.get(mode) or _COLOURS[mode]
    style: dict[str, Any] = {"color": colour, "label": name, "elinewidth": 1.0, "fmt": ".", "zorder": 5}
    value = next(column for column in ("UpperLimit", "HR", "Rate") if column in table.columns)
    if value == "UpperLimit":
        errors = [0.2 * table[value], 0.0 * table[value]]
        style |= {"uplims": True, "fmt": "none"}
    else:
        columns = [f"{value}{side}" for side in ("Neg", "Pos")]
        errors = [table[column if column in table.columns else f"{value}Err"].abs() for column in columns]
    times = [table["TimeNeg"].abs(), table["TimePos"].abs()]
    ax.errorbar(table["Time"], table[value], xerr=np.array(times), yerr=np.array(errors), **style)


def plot_active(active: Sequence[tuple[float, int]], fileName: str | os.PathLike[str]) -> None:
    """Save a plot of active jobs against time.

    Parameters
    ----------
    active
        (time [s], number of active jobs) after each change.
    fileName
        File to save the plot in.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - tables do not need it

    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    begin = active[0][0] if active else 0.0
    axes.step([(time - begin) / 3600 for time, _ in active], [number for _, number in active], where="post")
    axes.set(xlabel="Time since the first submission (h)", ylabel="Active jobs")
    axes.set_ylim(bottom=0)
    figure.savefig(fileName)
