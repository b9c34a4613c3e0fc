# ruff: noqa: N802, N803 - documented names
"""Merging rows of a table of catalogue upper limits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..errors import RequestInvalid
from .rates import Counts, fraction

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

BANDS = ("Total", "Soft", "Medium", "Hard")


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
        Which rows: a filter, shape (n_rows,); default: all.
    detectionsAsRates
        Whether to give rates where the source is detected.
    bands
        ``"all"``, or some of Total, Soft, Medium, Hard. Bands without data are skipped.
    conf, detThresh
        Confidence of an upper limit, and confidence at which the source counts as detected; default: `conf`.

    Returns
    -------
    dict
        Exposures [s], and for each band `{band}_UpperLimit` [count/s], `_Counts`, `_BGCounts`, `_CorrectionFactor`;
        with rates also `_Rate`, `_RatePos`, `_RateNeg` [count/s] (NaN if not detected) and `_IsDetected`.

    Raises
    ------
    RequestInvalid
        The table lacks a column, or there is no such band.
    """
    chosen = ulTab if rows is None else ulTab[rows]
    for column in ("SourceExposure", "ImageExposure"):
        if column not in chosen.columns:
            raise RequestInvalid(f"the table lacks the column {column}")
    result: dict[str, Any] = {name: chosen[name].sum() for name in ("SourceExposure", "ImageExposure")}
    conf = fraction("conf", conf)
    threshold = fraction("detThresh", detThresh or conf) if detectionsAsRates else None
    named = BANDS if bands == "all" else [bands] if isinstance(bands, str) else bands
    for band in [name.capitalize() for name in named]:
        if band not in BANDS:
            raise RequestInvalid(f"there is no band {band}; there are {', '.join(BANDS)}")
        if all(f"{band}_{part}" in chosen.columns for part in ("Counts", "BGCounts", "CorrectionFactor")):
            result |= {f"{band}_{key}": value for key, value in _merged_band(chosen, band, conf, threshold).items()}
        elif verbose or not silent:
            print(f"There are no data in the band {band}")
    return result


def _merged_band(table: pd.DataFrame, band: str, conf: float, threshold: float | None) -> dict[str, Any]:
    exposure = float(table["ImageExposure"].sum())
    factor = float((table[f"{band}_CorrectionFactor"] * table["ImageExposure"]).sum() / exposure)
    merged = Counts(int(table[f"{band}_Counts"].sum()), float(table[f"{band}_BGCounts"].sum()), factor, exposure)
    result: dict[str, Any] = {
        "UpperLimit": merged.bounds(conf)[1],
        "Counts": merged.counts,
        "BGCounts": merged.background,
        "CorrectionFactor": factor,
    }
    if threshold is not None:
        detected = merged.bounds(threshold)[0] > 0
        rate = merged.one_sigma() if detected else dict.fromkeys(("Rate", "RatePos", "RateNeg"), math.nan)
        result |= {**rate, "IsDetected": detected}
    return result
