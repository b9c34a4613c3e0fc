"""Light curves and spectra in the forms of older versions of the API. Loads no numpy: the web edge imports this."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from . import qdp

if TYPE_CHECKING:
    from collections.abc import Mapping

    Version = tuple[int, ...]

_RATES_AND_LIMITS = ("WT", "WTUL", "PC", "PCUL")
_NEW_COLUMNS = ("SYS_NEG", "SYS_POS", "ObsID")
_FIT_NAMES = {"NH": "nh", "Gamma": "gamma", "ObsFlux": "obsFlux", "UnabsFlux": "unabsFlux"}


def light_curve(answer: Mapping[str, Any], version: Version) -> Mapping[str, Any]:
    """Return the answer about a light curve, made in the newest form, as clients of a version read it.

    Below 1.9: switches, and the tables of rates and limits alone. 1.9: ``datasets`` and all tables. Both have the
    names of columns that files have, and numbers instead of texts.
    """
    names = [*answer.get("Datasets", ())]
    if version >= (1, 10):
        return answer
    if version >= (1, 9):
        return {"datasets": names} | {f"{name}Data": _table_of_numbers(answer[f"{name}Data"]) for name in names}
    switches = {f"has{name}": int(name in names) for name in _RATES_AND_LIMITS}
    tables = {f"{name}Data": answer[f"{name}Data"] for name in _RATES_AND_LIMITS if name in names}
    return switches | {key: _table_of_numbers(table) for key, table in tables.items()}


def _table_of_numbers(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table for old clients: without newer columns, and with 0 for numbers that are not finite."""
    kept = [k for k, name in enumerate(table["columns"]) if name not in _NEW_COLUMNS]
    numbers = [[float(row[k]) for k in kept] for row in table["data"]]
    finite = [[cell if math.isfinite(cell) else 0.0 for cell in row] for row in numbers]
    return {"columns": qdp.column_names([table["columns"][k] for k in kept]), "data": finite}


def spectra(answer: Mapping[str, Any], version: Version) -> Mapping[str, Any]:
    """Return the answer about spectra, made in the newest form, as clients of a version read it.

    Below 1.10: power laws alone, and one flat object for each mode.
    """
    if version >= (1, 10) or "rnames" not in answer:
        return answer
    found: dict[str, Any] = {"T0": answer["T0"], "GalNH": answer["GalNH_unfitted"], "rnames": answer["rnames"]}
    for name in answer["rnames"]:
        new = answer[name]
        old: dict[str, Any] = {"start": str(new["Start"]), "stop": str(new["Stop"])}
        if "DataFile" in new:
            old["DataFile"] = new["DataFile"]
        for mode in ("WT", "PC"):
            old[f"Have{mode}"] = int(mode in new.get("Modes", ()))
            if old[f"Have{mode}"]:
                fit = new[mode].get("PowerLaw", {})
                old[mode] = flat = {"meantime": new[mode]["MeanTime"]}
                if "NH" in fit:
                    for key, stem in _FIT_NAMES.items():
                        flat |= {stem: fit[key], f"{stem}pos": fit[f"{key}Pos"], f"{stem}neg": fit[f"{key}Neg"]}
                    flat |= {"cstat": fit["Cstat"], "dof": fit["Dof"], "fitChi": fit["FitChi"]}
                flat["exposure"] = new[mode]["Exposure"]
        found[name] = old
    return found
