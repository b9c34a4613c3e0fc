"""Rules about contents: positions, sources, light curves, spectra, files, rebinned curves, known bursts."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from .. import documents
from ..documents import ContractViolation
from .registry import every, nodes, number_in, shows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..harness import Exchange
    from .registry import Session

POSITIONS = ("getPSFPos", "getEnhPos", "getAstromPos", "getXastromPos")
_SIGMA_FLAGS = {"Good": 3.5, "Reasonable": 3.0, "Poor": 2.6}
_PLAIN = re.compile(r"-?[0-9]+([.][0-9]+([eE][+-][0-9]+)?)?")
_FILE = re.compile(r"(WT|PC)(ST|SLEW)?(CURVE|UL|HR)(NOSYS)?(_incbad)?(_MET)?\.qdp")
_ROUNDING = 2e-3
"""Relative difference that the digits of a table leave."""
_REBINNING_S = {1: 5.0, 2: 5.0, 3: 40.0}
"""How long a rebinning has each status code at most, and some seconds for the question [s]."""
_RATE_DIGITS, _TIME_DIGITS, _ENOUGH_ROWS = 7, 15, 5
"""Significant digits of rates and of days; of so many rates one has them all."""
_BAYESIAN_SIGMA, _CERTAIN_SIGMA = 5.0, 1000.0


@shows("C20", *POSITIONS)
def positions_are_text(exchange: Exchange, _session: Session) -> bool | None:
    return every(isinstance(exchange.body[key], str) for key in ("RA", "Dec", "Err90") if key in exchange.body)


@shows("C22", "getAstromPos", "getXastromPos")
def both_addresses_answer_alike(exchange: Exchange, session: Session) -> bool | None:
    operation, number = documents.operation_for(exchange.method, exchange.path), number_in(exchange)
    answers = session.positions.setdefault(number, {})
    answers[operation] = exchange.body
    return None if len(answers) < 2 else every(answer == exchange.body for answer in answers.values())


# sources -------------------------------------------------------------------------------------------------------------


def _sources(exchange: Exchange) -> list[dict[str, Any]]:
    lists = [band for band in exchange.body.values() if isinstance(band, list)]
    return [source for band in lists for source in band if isinstance(source, dict)]


@shows("U20", "getSourceDetResults")
def source_fields(exchange: Exchange, _session: Session) -> bool | None:
    fields = {"B", "SNR", "exposure", "rate", "rate_pos", "rate_neg", "flag"}
    return every(fields <= source.keys() for source in _sources(exchange))


@shows("C21", "getSourceDetResults")
def band_names(exchange: Exchange, _session: Session) -> bool | None:
    return every(key[:1].isupper() for key, value in exchange.body.items() if isinstance(value, list))


@shows("J29", "getSourceDetResults")
def texts_with_digits_are_numbers(exchange: Exchange, _session: Session) -> bool | None:
    texts = [v for source in _sources(exchange) for key, v in source.items() if key != "flag"]
    return every(isinstance(v, str) and bool(_PLAIN.fullmatch(v)) for v in texts)


@shows("S13", "getSourceDetResults")
def flags_have_thresholds(exchange: Exchange, _session: Session) -> bool | None:
    return every(
        source["flag"] in _SIGMA_FLAGS and float(source["SNR"]) >= _SIGMA_FLAGS[source["flag"]] - _ROUNDING
        for source in _sources(exchange)
    )


# spectra -------------------------------------------------------------------------------------------------------------


def _variant(exchange: Exchange) -> str | None:
    operation = documents.operation_for(exchange.method, exchange.path)
    try:
        return documents.check_response(str(operation), exchange.status, exchange.body)
    except ContractViolation:
        return None


@shows("U29", "getLCData", "getSpecData")
def newest_form(exchange: Exchange, _session: Session) -> bool | None:
    if "api_version" in exchange.request or _variant(exchange) is None:
        return None
    return _variant(exchange) in {"LightCurve", "Spectra", "NoSpectra"}


@shows("U22", "getSpecData")
def plots_name_the_model(exchange: Exchange, _session: Session) -> bool | None:
    images = [str(node["Image"]) for node in nodes(exchange.body) if "Image" in node]
    return every(bool(re.search(r"_[a-z]+_plot\.gif$", image)) for image in images)


@shows("P1", "getSpecData")
def keys_of_thermal_fits(exchange: Exchange, _session: Session) -> bool | None:
    fits = [(key, node[name]) for node in nodes(exchange.body) for name, key in (("APEC", "KT"), ("Blackbody", "kT"))
            if isinstance(node.get(name), dict)]  # fmt: skip
    return every(key in fit for key, fit in fits)


@shows("S27", "getSpecData")
def old_modes_without_a_fit(exchange: Exchange, _session: Session) -> bool | None:
    unfitted = [node for node in nodes(exchange.body) if "meantime" in node and "gamma" not in node]
    return every(node.keys() == {"meantime", "exposure"} for node in unfitted)


@shows("C18", "getSpecData")
def galactic(exchange: Exchange, _session: Session) -> bool | None:
    return None if "rnames" not in exchange.body or "GalNH" in exchange.body else "GalNH_unfitted" in exchange.body


@shows("J31", "getSpecData")
def intervals_without_a_spectrum_are_sent(exchange: Exchange, _session: Session) -> bool | None:
    names = exchange.body.get("rnames", ())
    without = [exchange.body[name] for name in names if "NOSPEC" in exchange.body.get(name, {})]
    return every("Start" in interval and "Stop" in interval for interval in without)


@shows("J32", "getSpecData")
def lists_and_tables_agree(exchange: Exchange, _session: Session) -> bool | None:
    return every(isinstance(exchange.body.get(name), dict) for name in exchange.body.get("rnames", ()))


@shows("U31", "getSpecData")
def names_of_snapshots(exchange: Exchange, session: Session) -> bool | None:
    job = session.job_of(exchange)
    if job is None or job.pars.get("timeslice") != "snapshot":
        return None
    return every(bool(re.fullmatch(r"Obs_[0-9]{11}_snap[0-9]+", name)) for name in exchange.body["rnames"])


@shows("S12", "getSpecData")
@shows("L16", "getSpecData")
def names_of_time_slices(exchange: Exchange, session: Session) -> bool | None:
    job = session.job_of(exchange)
    if job is None or job.pars.get("timeslice") != "user" or "rnames" not in exchange.body:
        return None
    asked = {str(value) for key, value in job.request.items() if re.fullmatch("rname[1-4]", key)}
    return set(exchange.body["rnames"]) <= asked


# light curves --------------------------------------------------------------------------------------------------------


def _tables(exchange: Exchange) -> Iterator[tuple[str, list[str], list[dict[str, str]]]]:
    """Yield name, columns and rows of the tables whose cells are text."""
    for key, table in exchange.body.items():
        if not key.endswith("Data") or not isinstance(table, dict) or "columns" not in table:
            continue
        columns = table["columns"]
        rows = [dict(zip(columns, row, strict=False)) for row in table["data"]]
        if all(isinstance(cell, str) for row in rows for cell in row.values()):
            yield key.removesuffix("Data"), columns, rows


def _rows(exchange: Exchange, *columns: str) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield table and numbers of the rows of tables with these columns."""
    for name, known, rows in _tables(exchange):
        if set(columns) <= set(known):
            for row in rows:
                yield name, {key: float(row[key]) for key in known if key != "ObsID"}


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=_ROUNDING, abs_tol=1e-12)


@shows("U21", "getLCData", "main")
def columns_of_bands(exchange: Exchange, _session: Session) -> bool | None:
    binning, found = exchange.body.get("Binning"), []
    for _name, columns, _data in _tables(exchange) if binning is not None else ():
        plain = [name for name in columns if name != "ObsID"]
        last = plain[-1] == "Exposure" if {"RateErr", "HRErr"} & set(columns) else True
        by_observation = binning in {"Observation", "ObsID"}
        found.append(last and ("ObsID" in columns) == by_observation and (not by_observation or columns[-1] == "ObsID"))
    return every(found)


@shows("C16", "getLCData", "main")
@shows("L5", "getLCData", "main")
def bad_bins_are_included(exchange: Exchange, _session: Session) -> bool | None:
    tables = {
        name: {(row["Time"], row["Rate"]) for row in rows if "Rate" in row} for name, _c, rows in _tables(exchange)
    }
    pairs = [(rows, tables[f"{name}_incbad"]) for name, rows in tables.items() if f"{name}_incbad" in tables]
    return every(len(rows) <= len(more) for rows, more in pairs)


@shows("C17", "getLCData")
def binning_by_observation(exchange: Exchange, session: Session) -> bool | None:
    job, binning = session.job_of(exchange), exchange.body.get("Binning")
    if job is None or job.pars.get("binMeth") != "obsid" or binning is None:
        return None
    return bool(binning == "Observation")


@shows("C17", "main")
def rebinning_by_observation(exchange: Exchange, session: Session) -> bool | None:
    asked = session.rebinnings.get(_rebinning(exchange), ({}, 0.0))[0].get("binMeth")
    return exchange.body.get("Binning") == "ObsID" if asked == "obsid" and "Binning" in exchange.body else None


def _rebinning(exchange: Exchange) -> int:
    """Return the number of the rebinned curve that a call downloads; 0 for any other call."""
    text = str(exchange.request.get("objectID", ""))
    return int(text) if exchange.request.get("type") == "REBIN_LC" and text.isascii() and text.isdigit() else 0


@shows("C25", "getLCData", "main")
def file_names(exchange: Exchange, _session: Session) -> bool | None:
    urls = [str(node["URL"]).rsplit("/", 1)[-1] for node in nodes(exchange.body) if "URL" in node and "columns" in node]
    return every(bool(_FILE.fullmatch(url)) for url in urls)


@shows("C27", "getLCData")
def t0_is_sent(exchange: Exchange, session: Session) -> bool | None:
    job = session.job_of(exchange)
    if job is None or "Binning" not in exchange.body or job.pars.get("Tstart") in (None, ""):
        return None
    return "T0" in exchange.body


@shows("J34", "main")
def no_light_curve(exchange: Exchange, _session: Session) -> bool | None:
    datasets = exchange.body.get("Datasets")
    return None if datasets or datasets is None else exchange.body.get("NOLC") == 1


@shows("S8", "getLCData", "main")
def systematic_errors(exchange: Exchange, _session: Session) -> bool | None:
    found = []
    for name, columns, rows in _tables(exchange):
        if name.startswith("WT") and "nosys" not in name and "UL" not in name and "CorrFact" in columns:
            found.append("SYS_NEG" in columns and columns.index("SYS_NEG") == columns.index("SNR") + 1)
        if "nosys" in name:
            found.append("SYS_NEG" not in columns)
        for row in rows if "SYS_NEG" in columns else ():
            up, down = float(row["RatePos"]), -float(row["RateNeg"])
            rate, stat = float(row["Rate"]), _statistical(row)
            found.append(_close(float(row["SNR"]), rate / down))
            if stat is not None and float(row["CtsInSrc"]) >= 30:
                found.append(_close(up, math.hypot(stat, rate * (float(row["SYS_POS"]) - 1))))
                found.append(_close(down, math.hypot(stat, rate * (1 - float(row["SYS_NEG"])))))
    return every(found)


def _statistical(row: dict[str, Any]) -> float | None:
    """Return the statistical error of a rate; None without an exposure."""
    exposure, background = float(row["Exposure"]), float(row["BGerr"]) * float(row["Exposure"])
    counts = math.hypot(math.sqrt(max(0.0, float(row["CtsInSrc"]))), background)
    return counts * float(row["CorrFact"]) / exposure if exposure > 0 else None


@shows("L1", "getLCData", "main")
def range_of_systematic_errors(exchange: Exchange, _session: Session) -> bool | None:
    rows = _rows(exchange, "SYS_NEG", "SYS_POS")
    return every(0.559 <= row["SYS_NEG"] <= 1.011 and 0.998 <= row["SYS_POS"] <= 1.995 for _name, row in rows)


def _gaussian(row: dict[str, float]) -> float:
    """Return the Gaussian significance of a rate; 1000 without background counts."""
    error = row["BGerr"] * row["Exposure"]
    return (row["CtsInSrc"] - row["BGInSrc"]) / error if error > 0 else _CERTAIN_SIGMA


@shows("L2", "getLCData", "main")
def significance_of_few_counts(exchange: Exchange, _session: Session) -> bool | None:
    few = [row for name, row in _rows(exchange, "Sigma", "BGerr") if "UL" not in name and "SYS_NEG" not in row]
    few = [row for row in few if not _close(row["RatePos"], -row["RateNeg"])]
    return every(row["Sigma"] < _BAYESIAN_SIGMA or _near(row["Sigma"], _gaussian(row)) for row in few)


def _near(one: float, other: float) -> bool:
    """Whether significances agree as far as few digits of a small background allow."""
    return math.isclose(one, other, rel_tol=2e-2) or (one >= _CERTAIN_SIGMA and other >= _CERTAIN_SIGMA)


@shows("L3", "getLCData", "main")
def errors_of_rates(exchange: Exchange, _session: Session) -> bool | None:
    rows = [row for name, row in _rows(exchange, "Sigma", "BGerr") if "UL" not in name and "SYS_NEG" not in row]
    symmetric = [row for row in rows if _close(row["RatePos"], -row["RateNeg"])]
    return every(
        _close(row["RatePos"], _statistical(row) or 0.0) and _near(row["Sigma"], _gaussian(row)) for row in symmetric
    )


@shows("L4", "getLCData", "main")
def limits_have_no_errors(exchange: Exchange, _session: Session) -> bool | None:
    limits = [row for name, row in _rows(exchange, "RatePos", "SNR") if "UL" in name]
    return every(row["RatePos"] == row["RateNeg"] == 0 and math.isinf(row["SNR"]) for row in limits)


@shows("L6", "getLCData", "main")
def sign_of_ratios(exchange: Exchange, _session: Session) -> bool | None:
    ratios = [row for _name, row in _rows(exchange, "HR", "HRErr")]
    finite = [row for row in ratios if math.isfinite(row["HR"]) and math.isfinite(row["HRErr"]) and row["HRErr"]]
    return every((row["HR"] >= 0) == (row["HRErr"] >= 0) for row in finite)


@shows("L11", "getLCData", "main")
def digits(exchange: Exchange, _session: Session) -> bool | None:
    in_days, found = exchange.body.get("TimeFormat") == "MJD", []
    if "Binning" in exchange.body:
        tables = [table.get("data", ()) for table in exchange.body.values() if isinstance(table, dict)]
        if any(not isinstance(cell, str) for rows in tables for row in rows for cell in row):
            return False  # they are numbers instead of text
    for name, columns, rows in _tables(exchange):
        rates = [_digits(row["Rate"]) for row in rows if "Rate" in row]
        found += [max(rates) == _RATE_DIGITS] if len(rates) >= _ENOUGH_ROWS else []
        decimals = r"-?[0-9]+[.][0-9]{4}" if name.startswith("WT") and "CorrFact" in columns else r"-?[0-9]+[.][0-9]{3}"
        for row in rows:
            found += [_digits(row[key]) <= _RATE_DIGITS for key in ("Rate", "RatePos", "RateNeg") if key in row]
            times = [row[key] for key in ("Time", "TimePos", "TimeNeg") if key in row]
            found += [_digits(t) <= _TIME_DIGITS if in_days else bool(re.fullmatch(decimals, t)) for t in times]
    return every(found)


def _digits(text: str) -> int:
    """Return the number of significant digits of a number."""
    mantissa = text.lower().split("e")[0].lstrip("+-").replace(".", "")
    return len(mantissa.lstrip("0"))


# files ---------------------------------------------------------------------------------------------------------------


@shows("L7", "downloadFile", "downloadBurstCurve", pages=True)
def lines_above_tables(exchange: Exchange, _session: Session) -> bool | None:
    if not isinstance(exchange.body, str) or not exchange.path.endswith("/curve.qdp") or exchange.status != 200:
        return None
    lines = exchange.body.splitlines()
    return lines[12].startswith("READ TERR 1 2") and all(not line.startswith("!") for line in lines[:12])


@shows("L8", "downloadFile", "downloadRebinnedFile", "downloadBurstCurve", pages=True)
def layout_of_detailed_tables(exchange: Exchange, _session: Session) -> bool | None:
    if not isinstance(exchange.body, str) or not re.search(r"/(WT|PC)CURVE[^/]*\.qdp$", exchange.path):
        return None
    lines = exchange.body.splitlines()
    heads = [line.split("\t") for line in lines if line.startswith("!")]
    rows = [line.split("\t") for line in lines if line[:1].isdigit()]
    padded = all(len(name) >= 8 for head in heads for name in head[1:-1])
    return padded and every(bool(re.fullmatch(r"-?[0-9][.][0-9]{6}e[+-][0-9]{2}", row[3])) for row in rows)


@shows("L9", "downloadProduct", pages=True)
def files_of_light_curves(_exchange: Exchange, session: Session) -> bool | None:
    names = [name.split("/", 1)[1] for name in session.members or () if name.count("/") > 1 and "/lc/" in name]
    curves = {name.rsplit("/", 1)[1] for name in names if name.endswith(".qdp")}
    return {"curve.qdp", "curve_nosys.qdp"} <= curves if curves else None


@shows("L10", "downloadFile", "downloadRebinnedFile", "downloadBurstCurve", pages=True)
def observations_in_files(exchange: Exchange, _session: Session) -> bool | None:
    if not isinstance(exchange.body, str) or not exchange.path.endswith(".qdp") or exchange.status != 200:
        return None
    if exchange.path.endswith("/curve.qdp"):
        return "ObsID=" not in exchange.body
    cells = re.findall(r"[^\t\n]*[Oo]bs[iI][dD]=[^\t\n]*", exchange.body)
    return every(bool(re.fullmatch(r"!?::ObsID=[0-9]{11}", cell.strip())) for cell in cells)


@shows("P12", "downloadFile", "downloadBurstSpectrum", pages=True)
def members_of_spectra(exchange: Exchange, session: Session) -> bool | None:
    members = session.members
    if not members or ("/spec" not in exchange.path and "xrt_spectra" not in exchange.path):
        return None
    plain = [name.rsplit("/", 1)[-1] for name in members]
    modes = [mode for name in plain for mode in ("wt", "pc") if name.endswith(f"{mode}source.pi")]
    return plain[0].startswith("README") and "GRB_info.txt" in plain and modes == sorted(modes, reverse=True)


# rebinned curves and known bursts ------------------------------------------------------------------------------------


@shows("U24", "main")
def addresses_of_rebinned_curves(exchange: Exchange, _session: Session) -> bool | None:
    number = _rebinning(exchange)
    urls = [str(node["URL"]) for node in nodes(exchange.body) if "URL" in node]
    return every(f"/lc/rebin_{number}/" in url for url in urls) if number else None


@shows("U25", "main")
def anyone_may_rebin(exchange: Exchange, _session: Session) -> bool | None:
    asks = exchange.request.get("APIFunc") == "rebinLightCurve" and exchange.request.get("type") == "UOB_LC"
    return True if asks and "UserID" not in exchange.request else None


@shows("S9", "main")
def a_rebinning_does_not_queue(exchange: Exchange, session: Session) -> bool | None:
    text = str(exchange.request.get("JobID", ""))
    if exchange.request.get("APIFunc") != "checkRebinStatus" or not text.isdigit():
        return None
    status, began = int(exchange.body["status"]), session.rebinnings.get(int(text), ({}, session.at))[1]
    longest_s = _REBINNING_S.get(status, math.inf)
    return not (session.not_slower and session.at - began > longest_s)


@shows("S24", "main", success=None)
def known_bursts_are_answered(exchange: Exchange, _session: Session) -> bool | None:
    if exchange.request.get("type") != "GRB" or "ERROR" in exchange.body:
        return None
    addresses = [str(node[key]) for node in nodes(exchange.body) for key in ("URL", "DataFile") if key in node]
    return every("/xrt_curves/" in url or "/xrt_spectra/" in url for url in addresses)


@shows("S25", "main")
def spectra_of_bursts(exchange: Exchange, _session: Session) -> bool | None:
    if exchange.request.get("APIFunc") != "downloadSpectrum" or exchange.request.get("type") != "GRB":
        return None
    late = exchange.body.get("late_time")
    return set(exchange.body["rnames"]) <= {"interval0", "late_time"} and (late is None or late["Start"] >= 4000)
