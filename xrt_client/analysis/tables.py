"""Light curves as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT_COLUMNS = ("ObsID", "URL")


def light_curve_tables(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a light curve dict (documented, page "structures") from the answer of the service.

    Returns
    -------
    dict
        A table for each of `Datasets`, with one row for each bin: times in the unit of `TimeFormat`, rates in count/s.
        The column of upper limits is called ``UpperLimit``. `URLs` has the address of the file of each dataset.
    """
    tables = {name: _table(name, document[f"{name}Data"]) for name in document["Datasets"]}
    urls = {name: document[f"{name}Data"]["URL"] for name in document["Datasets"] if "URL" in document[f"{name}Data"]}
    rest = {key: value for key, value in document.items() if not (key.endswith("Data") and key[:-4] in tables)}
    return {**tables, **rest, **({"URLs": urls} if urls else {})}


def _table(name: str, table: Mapping[str, Any]) -> pd.DataFrame:
    columns: dict[str, Any] = {}
    for index, column in enumerate(table["columns"]):
        cells = np.array([row[index] for row in table["data"]], dtype=object)
        if column == "ObsID":  # as eleven digits; cells may have a prefix such as "::ObsID="
            digits = [f"{int(float(str(cell).rpartition('=')[2])):011d}" for cell in cells]
            columns[column] = np.array(digits, dtype=object)
        elif column in TEXT_COLUMNS:
            columns[column] = cells
        else:
            columns["UpperLimit" if column == "Rate" and "UL" in name else column] = cells.astype(float)
    return pd.DataFrame(columns)
