"""Light curves against rows, shares and layouts of real ones; the tables beside the tests name their sources."""

from __future__ import annotations

import csv
import io
import math
import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from astropy.table import Table
from scipy.stats import binomtest, fisher_exact

from mock_server.core.model import Product
from mock_server.core.timescales import utc_from_met
from mock_server.products import curves, lightcurve, systematics
from mock_server.products.statistics import Measured, measure, significance
from mock_server.sky.archive import Sky
from mock_server.sky.world import World
from tests.server.ordering import order_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mock_server.products.lightcurve import LightCurve

DATA = Path(__file__).parent / "data" / "real"
SKY = Sky(3)
Row = dict[str, float]


def table(name: str) -> list[dict[str, str]]:
    lines = (DATA / f"{name}.csv").read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def numbers(name: str) -> list[Row]:
    return [{key: float(text) for key, text in row.items() if key != "name"} for row in table(name)]


def measured(row: Row) -> Measured:
    variance, scale = (row["BGerr"] * row["Exposure"]) ** 2, row["CorrFact"] / row["Exposure"]
    return measure(row["CtsInSrc"], row["BGInSrc"], variance, scale)


@cache
def built(name: str, **parameters: Any) -> LightCurve:
    return lightcurve.build(order_of(SKY, Product.LIGHT_CURVE, name, **parameters), SKY)


@cache
def texts(name: str, **parameters: Any) -> dict[str, str]:
    files = built(name, **parameters).files()
    return {name: data.decode("ascii") for name, data in files.items() if not name.endswith(".gif")}


# Rows


@pytest.mark.parametrize("row", numbers("gauss_rows"), ids=lambda row: f"{row['Time']}")
def test_a_published_gaussian_row_follows_from_its_counts(row):
    found = measured(row)
    assert found.rate[0] == pytest.approx(row["Rate"], rel=1e-3)
    assert found.above[0] == -found.below[0] == pytest.approx(row["RatePos"], rel=1e-3)
    assert found.sigma[0] == pytest.approx(row["Sigma"], rel=2e-3)
    assert found.snr[0] == pytest.approx(row["SNR"], rel=1e-3)


@pytest.mark.parametrize("row", numbers("bayes_sigma"), ids=lambda row: f"{row['Time']}")
def test_a_published_bayesian_row_has_its_significance_by_the_rule_of_5_sigma(row):
    found = measured(row)
    assert found.sigma[0] == pytest.approx(row["Sigma"], rel=2e-3)
    assert significance(row["CtsInSrc"], row["BGInSrc"])[0] == pytest.approx(row["kbn"], rel=1e-3)
    assert (row["kbn"] < 5) == (row["Sigma"] < 5)
    for name, value in (("Rate", found.rate), ("RatePos", found.above), ("RateNeg", found.below), ("SNR", found.snr)):
        assert value[0] == pytest.approx(row[name], rel=2e-3), name


@pytest.mark.parametrize("row", numbers("limits"), ids=lambda row: f"{row['CtsInSrc']}-{row['Exposure']}")
def test_a_published_limit_follows_from_its_counts(row):
    found = measure(row["CtsInSrc"], row["BGInSrc"], 1e-4, row["CorrFact"] / row["Exposure"])
    assert found.limit[0]
    assert found.rate[0] == pytest.approx(row["limit"], rel=1e-3)
    assert found.sigma[0] == pytest.approx(row["Sigma"], rel=1e-3)


@pytest.mark.parametrize("row", numbers("wt_systematics"), ids=lambda row: f"{row['Time']}")
def test_a_published_windowed_row_follows_from_its_counts_and_factors(row):
    factors = np.array([row["SYS_NEG"]]), np.array([row["SYS_POS"]])
    curve = object.__new__(curves.Curve)
    curve.rates, curve.factors = measured(row), factors
    above, below, snr = curve.errors(nosys=False)
    assert curve.rates.rate[0] == pytest.approx(row["Rate"], rel=1e-3)
    assert above[0] == pytest.approx(row["RatePos"], rel=1e-3)
    assert below[0] == pytest.approx(row["RateNeg"], rel=1e-3)
    assert snr[0] == pytest.approx(row["SNR"], rel=1e-3)


@pytest.mark.parametrize("row", table("clock_points"), ids=lambda row: row["met_s"])
def test_the_text_of_t0_is_corrected_for_the_drift_of_the_clock(row):
    printed = datetime.fromisoformat(row["printed_ut"] + "+00:00")
    rounding = 0.0005 if float(row["met_s"]) % 1 == 0 else 0.05
    gone = (utc_from_met(float(row["met_s"])) - printed).total_seconds()
    assert abs(gone) < rounding + 0.2  # the clock itself is another subject


# Shares


@pytest.mark.parametrize(
    ("column", "quantiles", "ends"),
    [
        (0, {0.01: 0.858, 0.50: 0.9966, 0.99: 0.9998}, (0.559, 1.011)),
        (1, {0.01: 1.0002, 0.50: 1.0028, 0.99: 1.173}, (0.998, 1.995)),
    ],
    ids=["SYS_NEG", "SYS_POS"],
)
def test_systematic_factors_are_spread_as_published_ones(column, quantiles, ends):
    factors = np.concatenate([f for curve in windowed() for f in [(curve.factors or ())[column]]])
    assert len(factors) > 2000
    assert ends[0] <= factors.min() < factors.max() <= ends[1]
    for share, value in quantiles.items():
        below = int((factors < value).sum())
        assert binomtest(below, len(factors), share).pvalue > 0.01, (share, value, below / len(factors))
    assert (np.round(factors, 6) != 1).mean() > 0.9995


def windowed() -> Iterator[curves.Curve]:
    """Light curves in windowed timing with thousands of bins."""
    yield built("SIM-WINDOWED", binMeth="time", wtbin="2", cent=0).curves["WT"]


def test_systematic_factors_come_with_the_moment_not_with_the_binning():
    by_time, again = (built("SIM-WINDOWED", binMeth="time", wtbin=b, cent=0).curves["WT"] for b in ("100", "200"))
    first = {start: k for k, start in enumerate(by_time.bins.start.tolist())}
    shared = [(first[start], k) for k, start in enumerate(again.bins.start.tolist()) if start in first]
    assert len(shared) > 20
    ours, theirs = (np.array(index) for index in zip(*shared, strict=True))
    assert systematics._CELL_S < 100
    for one, other in zip(by_time.factors or (), again.factors or (), strict=True):
        assert one[ours].tolist() == other[theirs].tolist()


def source(k: int, rate: float, modes: str = "PC") -> dict[str, Any]:
    """Return a steady source that is observed every four days."""
    return {
        "name": f"S{k}",
        "ra": 20.0 * k,
        "dec": 30.0,
        "targets": [f"{91000 + k:08d}"],
        "rate": {"kind": "persistent", "mean_rate": rate},
        "plan": {"modes": modes, "every_days": 4.0, "weekly_from_mjd": 60000.0},
    }


@cache
def by_observation(modes: str) -> list[LightCurve]:
    """Light curves of sources from faint to bright, one bin an observation, with centroids."""
    first, last = {"PC": (-3.2, 0.5), "WT": (-2.6, 1.7)}[modes]
    rates = [0.0, *(10.0**k for k in np.arange(first, last, 0.3))]
    sources = [source(k, rate, modes) for k, rate in enumerate(rates)]
    sky = Sky(11, World.from_mapping({"sources": sources}))
    orders = [
        order_of(sky, Product.LIGHT_CURVE, f"S{k}", binMeth="obsid", lcobs="user", uselcobs="2024-03-01-2026-02-01")
        for k in range(len(rates))
    ]
    return [lightcurve.build(order, sky) for order in orders]


EDGES = {"PC": (-2.5, -2.0, -1.5, -1.0, -0.5, 0.0), "WT": (-1.5, -0.5, 0.0)}
"""Least rates of the classes in which shares are compared, log10 of count/s; the first class has all below, too."""


def class_of(mode: str, log_rate: float) -> float:
    """Return the class of a rate, by its least rate."""
    return max((edge for edge in EDGES[mode] if edge <= log_rate), default=EDGES[mode][0])


def real_bins(mode: str, kind: str) -> dict[float, list[int]]:
    """Real bins of each class: those without a centroid, and all; limits are one class, 0."""
    found: dict[float, list[int]] = {}
    for row in table("centroid_failures"):
        if (row["mode"], row["kind"]) == (mode, kind):
            edge = 0.0 if kind == "limit" else class_of(mode, float(row["log10_rate_from"]))
            counts = found.setdefault(edge, [0, 0])
            counts[0] += int(row["without"])
            counts[1] += int(row["without"]) + int(row["with_centroid"])
    return found


@pytest.mark.parametrize("mode", ["PC", "WT"])
@pytest.mark.parametrize("kind", ["limit", "rate"])
def test_as_many_observations_lack_a_centroid_as_in_real_light_curves(mode, kind):
    curves_of_mode = [found.curves[mode] for found in by_observation(mode)]
    rate, limit, bad = (
        np.concatenate(parts)
        for parts in zip(*((c.rates.rate, c.rates.limit, c.sums.bad) for c in curves_of_mode), strict=True)
    )
    real = real_bins(mode, kind)
    assert len(real) == (1 if kind == "limit" else len(EDGES[mode]))
    with np.errstate(divide="ignore"):
        level = np.array([0.0 if kind == "limit" else class_of(mode, value) for value in np.log10(rate)])
    for edge, theirs in real.items():
        inside = (limit == (kind == "limit")) & (level == edge)
        ours = int(bad[inside].sum()), int(inside.sum())
        assert ours[1] > 60
        odds = [[without, every - without] for without, every in (ours, theirs)]
        assert fisher_exact(odds).pvalue > 0.01, (edge, ours, theirs)


def test_as_many_ratios_lack_an_excess_in_a_band_as_real_ones():
    """18 % of 8,275 bins: 6,833 of observations with a rate, 1,455 of those with a limit."""
    rows = table("hardness_signs")
    every = sum(int(row["bins"]) for row in rows)
    theirs = sum(
        int(row["bins"]) for row in rows if "<0" in (row["soft"], row["hard"]) or "0" in (row["soft"], row["hard"])
    )
    found = [(made.curves["PC"].rates, made.ratios["PC"].columns) for made in by_observation("PC")]
    limit, rate, hard, soft = (
        np.concatenate(parts) for parts in zip(*((r.limit, r.rate, c[0], c[3]) for r, c in found), strict=True)
    )
    lacks = (hard <= 0) | (soft <= 0)
    level = np.array([class_of("PC", value) for value in np.log10(np.maximum(rate, 1e-9))])
    weights = {edge: bins for edge, (_, bins) in real_bins("PC", "rate").items()}
    classes: list[tuple[Any, float]] = [(limit, 1455)]
    classes += [(~limit & (level == edge), 6833 * bins / sum(weights.values())) for edge, bins in weights.items()]
    total = sum(weight for _, weight in classes)
    ours = variance = 0.0
    for inside, weight in classes:
        share, held = lacks[inside].mean(), inside.sum()
        assert held > 100
        ours += share * weight / total
        variance += share * (1 - share) / held * (weight / total) ** 2
    real = theirs / every
    assert abs(ours - real) < 2.576 * math.sqrt(variance + real * (1 - real) / every), (ours, real)


HARDNESS = {"<0": -0.4, "0": 0.0, ">0": 0.7}


@pytest.mark.parametrize("row", table("hardness_signs"), ids=lambda row: f"{row['soft']} {row['hard']}")
def test_a_hardness_ratio_holds_what_real_ones_hold(row):
    soft, hard = (
        (np.array([HARDNESS[row[band]]]), np.array([0.2 if HARDNESS[row[band]] else 0.0])) for band in ("soft", "hard")
    )
    value, error = curves.ratio_of(hard, soft)
    assert bool(np.isnan(value[0])) == (row["ratio"] == "not a number")
    assert bool(np.isnan(error[0])) == (row["error"] == "not a number")
    if row["error"] == "number":
        assert np.sign(error[0]) == np.sign(value[0])
        assert value[0] == hard[0][0] / soft[0][0]


# Layout

MJD: dict[str, Any] = {"binMeth": "obsid", "lctimetype": "m"}
WITH_LIMITS = {"pcmaxgap": 20000, "cent": 0}
BURST = "GRB 200416A"


def test_the_lines_above_a_light_curve_are_those_of_real_files():
    for name in ("curve.qdp", "curve2.qdp", "curve_nosys.qdp"):
        lines = texts(BURST, **WITH_LIMITS)[name].splitlines()
        above = lines[: lines.index("READ TERR 1 2")]
        assert len(above) == 12
        assert all(line.startswith(" ! ") for line in above if line)
        assert [k for k, line in enumerate(above) if not line] == [2, 11]
        assert above[0].endswith("trigger: 966554, name: GRB 200416A")
        assert re.search(r"Swift MET=608713541\.9520 s, = 2020 Apr 16 at 07:05:17\.\d{3} UT$", above[1])
        assert above[10] == " ! BINMODE: "
        assert sum("SIMULATED" in line for line in above) == 1
        assert sum("http://" in line for line in above) == 2


def test_two_lines_stand_above_hardness_ratios():
    lines = texts(BURST)["hardrat.qdp"].splitlines()
    assert lines[2:4] == ["READ TERR 1", "READ SERR 2"]
    assert lines[0].endswith("hardness ratio of trigger: 966554, name: GRB 200416A")
    assert "SIMULATED" in lines[1]


@pytest.mark.parametrize(("parameters", "time"), [(WITH_LIMITS, "Time"), ({**WITH_LIMITS, "lctimetype": "m"}, "MJD")])
def test_names_are_padded_and_limits_have_none(parameters, time):
    lines = texts(BURST, **parameters)["curve.qdp"].splitlines()
    names = f"!{time:8}\tT_+ve   \tT_-ve   \tRate    \tRatepos \tRateneg"
    at = {line: k for k, line in enumerate(lines)}
    assert lines[at["! PC data"] + 1] == names
    assert lines[at["! PC upper limits"] - 1] == "\t".join(["NO"] * 5)
    assert lines[at["! PC upper limits"] + 1][0].isdigit()


def test_digits_are_those_of_real_files():
    seconds, days = texts(BURST, **WITH_LIMITS), texts(BURST, **WITH_LIMITS, lctimetype="m")
    assert all(len(row[0].split(".")[1]) == 3 for row in rows(seconds["curve.qdp"]))
    digits = [len(row[0].replace(".", "")) for row in rows(days["curve.qdp"])]
    assert max(digits) == 15
    small = [row[1] for row in rows(days["curve.qdp"]) if 0 < float(row[1]) < 1e-4]
    assert small
    assert all("e-05" in text or "e-06" in text for text in small)
    for row in rows(seconds["curve.qdp"]):
        limit = row[4] == "0.0000e+00"
        assert re.fullmatch(r"-?\d\.\d{4}e[+-]\d\d" if limit else r"-?\d\.\d{6}e[+-]\d\d", row[3])
    assert all(re.fullmatch(r"-?\d+\.\d{6}", cell) for row in rows(seconds["hardrat.qdp"]) for cell in row[3:5])
    answer = built(BURST, **WITH_LIMITS).answer()
    assert {len(row[0].split(".")[1]) for row in answer["WTData"]["data"]} == {4}
    assert {len(row[0].split(".")[1]) for row in answer["PCData"]["data"]} == {3}
    assert max(len(row[3].replace(".", "").lstrip("0")) for row in answer["PCData"]["data"]) == 7


def rows(text: str) -> list[list[str]]:
    """Return the cells of the rows of numbers."""
    return [line.split("\t") for line in text.splitlines() if re.match(r"-?\d", line)]


def test_observations_stand_where_real_files_have_them():
    found = texts(BURST, **MJD, cent=0)
    limits = texts("SIM-FAINT", binMeth="obsid", cent=0)["PCUL.qdp"].splitlines()
    assert "ObsID" not in found["curve.qdp"]
    assert [len(row) for row in rows(found["curve_nosys.qdp"])] == [7] * len(rows(found["curve.qdp"]))
    assert limits[:2] == ["READ TERR 1 2", "READ SERR 4"]
    assert len(limits[2].split("\t")) == 15
    assert re.fullmatch(r"::ObsID=\d{11}", limits[3].split("\t")[15])
    assert found["PCHR.qdp"].splitlines()[2].split("\t")[-1] == "Obsid"
    assert found["PCCURVE.qdp"].splitlines()[2].split("\t")[-1] == "ObsID"
    by_snapshot = texts(BURST, binMeth="snapshot")
    assert not any("ObsID" in text or "Obsid" in text for text in by_snapshot.values())
    assert "PC.qdp" in by_snapshot


def test_the_names_of_files_are_those_of_a_real_folder():
    """It has rates, limits and bad bins in photon counting; in windowed timing only limits, all of them bad."""
    listed = (DATA / "lc_directory_2022.txt").read_text(encoding="utf-8").splitlines()
    real = {line for line in listed if line.endswith(".qdp")}
    of_wt = {name for name in real if re.match(r"WT|wt_sys|PLOT2?WT", name)}
    assert (len(real), len(of_wt)) == (61, 11)
    sky = Sky(11, World.from_mapping({"sources": [source(1, 0.01), source(2, 0.001, "WT")]}))
    ours = []
    for name in ("S1", "S2"):
        order = order_of(sky, Product.LIGHT_CURVE, name, **MJD)
        ours.append({name for name in lightcurve.build(order, sky).files() if name.endswith(".qdp")})
    assert ours[0] == real - of_wt
    assert of_wt <= ours[1]


# Reading patterns of published programs


def test_pattern_the_second_line_holds_t0():
    second = texts(BURST)["curve.qdp"].splitlines()[1]
    met = float(second.split("MET=")[1].split()[0])
    when = datetime.strptime(second.split("= ")[1], "%Y %b %d at %H:%M:%S.%f UT")
    assert met == pytest.approx(608713541.952)
    assert (when.year, when.month, when.day) == (2020, 4, 16)


def test_pattern_curve2_is_read_line_by_line_by_its_titles():
    blocks: dict[str, list[list[str]]] = {}
    here = ""
    for line in texts(BURST, **WITH_LIMITS)["curve2.qdp"].splitlines():
        title = next((t for t in ("! WT data", "! PC data", "upper limits") if t in line), "")
        here = title or here
        if here and not title:
            blocks.setdefault(here, []).append(line.split())
    for title, found in blocks.items():
        numbers = [row for row in found if len(row) == 9 and not row[0].startswith("!")]
        assert numbers, title
        assert all(0 < float(row[8]) <= 1.001 for row in numbers)


def test_pattern_groups_of_lines_that_begin_with_a_digit_are_tables():
    text = texts(BURST, **WITH_LIMITS)["curve.qdp"]
    begins = [line[:1].isnumeric() for line in text.splitlines()]
    groups = sum(now and not before for before, now in zip([False, *begins], begins, strict=False))
    assert groups == text.count("\n! ")
    pandas = pytest.importorskip("pandas")
    first = begins.index(True)
    count = begins[first:].index(False)
    frame = pandas.read_csv(io.StringIO(text), skiprows=first, nrows=count, sep="\t", index_col=False, header=None)
    assert frame.shape == (count, 6)
    assert {str(kind) for kind in frame.dtypes} == {"float64"}


def genfromtxt(text: str, formats: str) -> Any:
    """Read a detailed file by the names in its third line, with the type of each column."""
    stream = io.StringIO(text)
    return np.atleast_1d(np.genfromtxt(stream, names=True, delimiter="\t", skip_header=2, comments="!", dtype=formats))


def test_pattern_detailed_rates_with_observations_by_name():
    found = genfromtxt(
        texts(BURST, binMeth="obsid", cent=0)["PCCURVE.qdp"], ", ".join(["f8"] * 10 + ["i8"] + ["f8"] * 4 + ["U30"])
    )
    assert found.dtype.names[:4] == ("Time", "T_ve", "T_ve_1", "Rate")
    assert {"Ratepos", "Rateneg", "Exposure", "SNR", "Sigma", "CtsInSrc"} <= set(found.dtype.names)
    assert (found["CtsInSrc"] > 0).all()
    assert all(text.startswith("::ObsID=") for text in found[found.dtype.names[15]])


@pytest.mark.parametrize("method", ["snapshot", "counts"])
def test_pattern_detailed_rates_of_snapshots_have_15_columns(method):
    text = texts(BURST, binMeth=method)["PCCURVE.qdp"]
    found = genfromtxt(text, ", ".join(["f8"] * 10 + ["i8"] + ["f8"] * 4))
    assert (found["Exposure"] > 0).all()
    with pytest.raises(ValueError, match="tuple of length 15"):
        genfromtxt(text, ", ".join(["f8"] * 10 + ["i8"] + ["f8"] * 4 + ["U30"]))


def test_pattern_detailed_ratios_with_observations_by_name():
    found = genfromtxt(texts(BURST, binMeth="obsid", cent=0)["PCHR.qdp"], ", ".join(["f8"] * 13 + ["U22"]))
    assert {"HR", "HRerr", "SoftSig", "HardSig", "Exposure", "HardRate", "Obsid"} <= set(found.dtype.names)
    assert len(found) == len(rows(texts(BURST, binMeth="obsid", cent=0)["PCHR.qdp"]))


@pytest.mark.parametrize("name", ["PC.qdp", "PC_incbad.qdp"])
def test_pattern_short_tables_are_cut_at_the_mark(name):
    text = texts("SIM-FAINT", **MJD)[name]
    kept = [line for line in text.splitlines() if not line.startswith(("READ", "!", "NO"))]
    assert kept
    for line in kept:
        cells = line.split("::")[0].split()
        assert 50000 < float(cells[0]) < 70000
        assert float(cells[5]) <= 0
        assert re.fullmatch(r"\d{11}", line.partition("ObsID=")[2].strip())


@pytest.mark.parametrize("name", ["curve.qdp", "curve2.qdp", "curve_plot.qdp", "PCCURVE.qdp", "WTCURVE.qdp"])
def test_pattern_astropy_reads_tables_by_their_number(name, tmp_path):
    path = tmp_path / name
    path.write_text(texts(BURST, **WITH_LIMITS)[name], encoding="ascii")
    tables = path.read_text(encoding="ascii").count("\nNO") + 1
    lengths = [len(Table.read(path, format="ascii.qdp", table_id=k)) for k in range(tables)]
    assert sum(lengths) == len(rows(path.read_text(encoding="ascii")))
    with pytest.raises(IndexError):
        Table.read(path, format="ascii.qdp", table_id=tables)


def test_pattern_every_third_table_is_the_ratio_once_the_marks_are_gone(tmp_path):
    path = tmp_path / "hardrat.qdp"
    path.write_text(re.sub(r"\s*!::.*", "", texts(BURST, **MJD)["hardrat.qdp"]), encoding="ascii")
    hard, soft, ratio = (Table.read(path, format="ascii.qdp", table_id=k) for k in (3, 4, 5))
    assert np.array(ratio["col2"]) == pytest.approx(np.array(hard["col2"] / soft["col2"]), rel=0.01)
    assert (np.sign(ratio["col2_err"]) == np.sign(ratio["col2"])).all()


def test_pattern_the_log_names_centroids_and_observations():
    log = texts(BURST)["lcgen.log"].splitlines()
    results, files = [], []
    for k, line in enumerate(log):
        if "Centroid output" in line:
            results.append(log[k + 2])
        if "Running 'xrtinstrmap_0.3.5'" in line:
            files.append(re.findall(r"\d{11}", log[k + 5])[0])
    assert len(results) == len(files) == len(set(files)) + len(set(files) & {"00966554000"})
    found = [re.findall(r"[-+]?\d*\.?\d+|\d+", line) for line in results if "No source centroid found" not in line]
    assert found
    assert all(math.hypot(float(ra) - 335.6985, float(dec) + 7.5179) < 0.01 for ra, dec in found)
    assert "Centroid output" not in texts(BURST, **WITH_LIMITS)["lcgen.log"]


def test_pattern_the_date_of_t0_is_cut_at_its_at():
    date, clock = texts(BURST)["t0.date"].splitlines()[1].split("at")
    assert (date.strip(), clock.split()[1]) == ("2020 Apr 16", "UT")
