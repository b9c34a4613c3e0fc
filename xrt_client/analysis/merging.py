# ruff: noqa: N802, N803 - documented names
"""Merging bins of a light curve."""

from __future__ import annotations

import math

import pandas as pd

from ..errors import RequestInvalid
from .rates import Counts, fraction
from .tables import TEXT_COLUMNS


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
        The dataset. It is changed in place if bins are removed or inserted.
    rows
        Which bins: a filter such as ``lc["Time"] > 100``, shape (n_bins,); default: all.
    remove
        Whether to remove the merged bins.
    insert
        Whether to insert the new bin, which then has the kind of the dataset. ``"match"``: insert it only if it has
        the kind of the dataset.
    forceRate, forceUL
        Whether to make the new bin a rate, or an upper limit, in any case; ignored if `insert` is True.
    ulConf
        Confidence of an upper limit.
    detThresh
        Confidence at which the source counts as detected; default: `ulConf`.

    Returns
    -------
    tuple
        Whether the new bin is an upper limit, whether it was inserted, and the new bin. Errors are 1 sigma. `Sigma` is
        NaN, because it cannot be computed without the regions.

    Raises
    ------
    RequestInvalid
        There are no bins to merge, or arguments contradict each other.
    """
    if forceRate and forceUL:
        raise RequestInvalid("a bin cannot be forced to be both a rate and an upper limit")
    insert = insert.lower() if isinstance(insert, str) else insert
    if insert not in (True, False, "match"):
        raise RequestInvalid(f"insert is {insert!r}, but must be True, False or 'match'")
    chosen = lc if rows is None else lc[rows]
    if chosen.empty:
        raise RequestInvalid("there are no bins to merge")
    limits = "UpperLimit" in lc.columns
    as_limit = limits if insert is True else True if forceUL else False if forceRate else None
    is_limit, new = _merged_bin(
        chosen, as_limit, fraction("ulConf", ulConf), fraction("detThresh", detThresh or ulConf)
    )
    inserted = insert is True or (insert == "match" and is_limit == limits)
    if remove or inserted:
        changed = lc.drop(index=chosen.index) if remove else lc
        if inserted:  # a merged bin has fractions in columns that were integers
            types = {column: object if column in TEXT_COLUMNS else float for column in lc.columns}
            changed = pd.concat([changed, new.reindex(lc.columns).to_frame().T.astype(types)])
        pd.DataFrame.__init__(lc, changed.sort_values("Time", ignore_index=True))  # pandas is going to drop `inplace`
    if verbose or not silent:
        print(f"The new bin is {'an upper limit' if is_limit else 'a rate'}")
    return (is_limit, inserted, new)


def _merged_bin(
    bins: pd.DataFrame, as_limit: bool | None, limit_conf: float, threshold: float
) -> tuple[bool, pd.Series]:
    """Return whether the merged bin is an upper limit (None: if the source is not detected), and the bin."""
    # the correction factor is weighted by the counts that it corrects, that of limits by exposure
    weight = bins["Exposure"] if "UpperLimit" in bins or not bins["CtsInSrc"].sum() else bins["CtsInSrc"]
    factor = float((bins["CorrFact"] * weight).sum() / weight.sum())
    merged = Counts(int(bins["CtsInSrc"].sum()), float(bins["BGInSrc"].sum()), factor, float(bins["Exposure"].sum()))
    is_limit = merged.bounds(threshold)[0] <= 0 if as_limit is None else as_limit
    time = bins["Time"].mean()
    start, stop = (bins["Time"] + bins["TimeNeg"]).min(), (bins["Time"] + bins["TimePos"]).max()
    cells = {
        "Time": time,
        "TimePos": stop - time,
        "TimeNeg": start - time,
        "FracExp": bins["Exposure"].sum() / (stop - start),
        "BGrate": (bins["BGrate"] * bins["Exposure"]).sum() / bins["Exposure"].sum(),
        "BGerr": math.sqrt(((bins["BGerr"] * bins["Exposure"]) ** 2).sum()) / bins["Exposure"].sum(),
        "CorrFact": merged.factor,
        "CtsInSrc": merged.counts,
        "BGInSrc": merged.background,
        "Exposure": merged.exposure,
        "Sigma": math.nan,
    }
    if is_limit:
        cells |= {"UpperLimit": merged.bounds(limit_conf)[1], "RatePos": 0.0, "RateNeg": 0.0, "SNR": 0.0}
    else:
        rate = merged.one_sigma()
        cells |= {**rate, "SNR": rate["Rate"] / -rate["RateNeg"] if rate["RateNeg"] else 0.0}
    value = "UpperLimit" if is_limit else "Rate"
    columns = [value if column in ("Rate", "UpperLimit") else column for column in bins.columns]
    return is_limit, pd.Series(cells).reindex([column for column in columns if column not in TEXT_COLUMNS])
