"""Light curves as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    limits = "UL" in name
    columns = ["UpperLimit" if limits and column == "Rate" else column for column in table["columns"]]
    frame = pd.DataFrame(table["data"], columns=columns, dtype=object)
    for column in columns:
        if column == "ObsID":
            # as eleven digits; cells may have a prefix such as "::ObsID="
            frame[column] = frame[column].map(lambda cell: f"{int(float(str(cell).rpartition('=')[2])):011d}")
        elif column not in TEXT_COLUMNS:
            frame[column] = frame[column].astype(float)
    return frame
