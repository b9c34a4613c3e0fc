"""Light curves: files, answers and readers, and that they all say the same."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from mock_server.core.model import Product
from mock_server.products import answers_by_version, extraction, lightcurve
from mock_server.products.lightcurve import LightCurve, ModeOrder
from mock_server.sky.archive import Sky
from tests.server.ordering import order_of, single

SKY = Sky(3)
FRAME = 2.5073
LAST_WEEKS = {"lcobs": "user", "uselcobs": "2025-09-01-2025-12-01"}


@cache
def built(name: str = "GRB 200416A", seed: int = 3, **parameters: Any) -> LightCurve:
    sky = SKY if seed == 3 else Sky(seed)
    return lightcurve.build(order_of(sky, Product.LIGHT_CURVE, name, **parameters), sky)


files = cache(LightCurve.files)


def with_limits(**parameters: Any) -> LightCurve:
    """A burst whose late bins may not span the days between observations, so that some are limits.

    Without a centroid: else nearly all limits would lack one.
    """
    return built(pcmaxgap=20000, cent=0, **parameters)


def windowed(**parameters: Any) -> LightCurve:
    """A few observations of a source beside a bad column: bad bins and systematic errors."""
    chosen = ",".join(single(SKY, "SIM-WINDOWED", k) for k in range(5))
    return built("SIM-WINDOWED", lcobs="user", uselcobs=chosen, **parameters)


def rows(answer: dict[str, Any], name: str) -> dict[str, np.ndarray[Any, Any]]:
    table = answer[f"{name}Data"]
    cells = zip(*table["data"], strict=True)
    return {c: np.array([float(v) for v in column]) for c, column in zip(table["columns"], cells, strict=True)}


def blocks(data: bytes) -> dict[str, list[list[str]]]:
    """Rows of a QDP file by the title of their block; that of a file with one table is empty."""
    found: dict[str, list[list[str]]] = {}
    title = ""
    for line in data.decode().splitlines():
        if line.startswith("! "):
            title = line[2:]
        elif line[:1].isdigit() or line[:1] == "-":
            found.setdefault(title, []).append(line.split("\t"))
    return found


# Exact


@pytest.mark.parametrize("method", ["snapshot", "obsid", "counts"])
def test_no_count_and_no_second_is_lost(method):
    order = order_of(SKY, Product.LIGHT_CURVE, "GRB 200416A", binMeth=method)
    pieces = extraction.pieces(extraction.Scene.of(order, SKY, "grades"))
    answer = built(binMeth=method).answer("no", "yes")
    for mode, some in pieces.items():
        sets = [rows(answer, n) for n in (f"{mode}_incbad", f"{mode}UL_incbad") if n in answer["Datasets"]]
        events = sum(np.sum((p.source.channel >= 30) & (p.source.channel < 1000)) for p in some)
        assert sum(s["CtsInSrc"].sum() for s in sets) == events
        good = sum(p.snapshot.exposure for p in some)
        assert sum(s["Exposure"].sum() for s in sets) == pytest.approx(good, abs=1e-6 * len(some) * 5)


def test_full_bins_have_the_counts_they_need():
    curve = built().curves["PC"]
    order = order_of(SKY, Product.LIGHT_CURVE, "GRB 200416A")
    need = ModeOrder(order, "PC").counts_rule().need(curve.rates.rate)
    assert (curve.sums.counts >= need)[curve.bins.full].all()
    assert (~curve.bins.full).sum() <= 1


def test_exposures_in_photon_counting_are_whole_frames():
    frames = rows(built().answer(), "PC")["Exposure"] / FRAME
    assert frames == pytest.approx(np.round(frames), abs=1e-3 / FRAME)


@pytest.mark.parametrize("method", ["counts", "time", "snapshot", "obsid"])
def test_bins_do_not_overlap_and_hold_their_time(method):
    answer = built(binMeth=method, pcbin="100").answer("no", "yes")
    for mode in ("WT", "PC"):
        sets = [rows(answer, n) for n in (f"{mode}_incbad", f"{mode}UL_incbad") if n in answer["Datasets"]]
        time, up, down = (np.concatenate([s[k] for s in sets]) for k in ("Time", "TimePos", "TimeNeg"))
        assert (up >= 0).all()
        assert (down <= 0).all()
        order = np.argsort(time)
        assert ((time + down)[order][1:] >= (time + up)[order][:-1] - 0.0021).all()  # three decimals are printed
        assert all((s["RateNeg"] <= 0).all() and (s["RatePos"] >= 0).all() for s in sets)
        assert all((s["FracExp"] <= 1.001).all() for s in sets)


def test_times_are_the_middle_of_a_bin_unless_it_is_made_by_counts():
    fixed = rows(built(binMeth="snapshot").answer(), "PC")
    assert fixed["TimePos"] == pytest.approx(-fixed["TimeNeg"], abs=2e-3)
    counted = rows(built().answer(), "PC")
    assert np.abs(counted["TimePos"] + counted["TimeNeg"]).max() > 1


def test_rates_follow_from_their_own_columns():
    table = rows(built(allowB="no").answer(), "PC")
    rate = (table["CtsInSrc"] - table["BGInSrc"]) * table["CorrFact"] / table["Exposure"]
    assert table["Rate"] == pytest.approx(rate, rel=1e-4)
    assert table["SNR"] == pytest.approx(table["Rate"] / table["RatePos"], rel=1e-3)


def test_files_and_answer_agree_to_the_printed_digits():
    product = with_limits()
    for mode, kind, stem, digits in (("WT", "", "CURVE", 6), ("PC", "", "CURVE", 6), ("PC", "UL", "UL", 4)):
        table = product.answer()[f"{mode}{kind}Data"]
        cells, shown = (
            np.array([row[:15] for row in found], dtype=float)
            for found in (blocks(files(product)[f"{mode}{stem}.qdp"])[""], table["data"])
        )
        assert cells[:, :3] == pytest.approx(shown[:, :3], abs=0.0006)
        assert cells[:, 3:] == pytest.approx(shown[:, 3:], rel=10.0**-digits, abs=0.6 * 10.0**-digits)
        assert table["URL"].endswith(f"/USERPROD_7/lc/{mode}{stem}.qdp")


def test_the_curve_has_all_rows_of_the_tables():
    product = with_limits()
    answer = product.answer()
    found = blocks(files(product)["curve.qdp"])
    assert list(found) == [t for t in ("WT data", "WT upper limits", "PC data", "PC upper limits") if t in found]
    assert len(found["PC data"]) == len(answer["PCData"]["data"])
    assert len(found["PC upper limits"]) == len(answer["PCULData"]["data"])
    assert all(row[4:] == ["0.0000e+00", "0.0000e+00"] for row in found["PC upper limits"])


def test_a_rebinning_has_the_counts_of_its_parent():
    order = order_of(SKY, Product.LIGHT_CURVE, "GRB 200416A", binMeth="obsid")
    rebinned = lightcurve.build(replace(order, rebin_id=12), SKY)
    answer = rebinned.answer("no", "yes")
    assert answer["Binning"] == "ObsID"
    assert answer["PC_incbadData"]["URL"].endswith(("/lc/rebin_12/PCCURVE_incbad.qdp", "/lc/rebin_12/PCCURVE.qdp"))
    total = sum(rebinned.curves[m].sums.counts.sum() for m in rebinned.curves)
    assert total == sum(c.sums.counts.sum() for c in built().curves.values())


def test_the_zero_of_time_stands_in_four_notations():
    lines = files(built())["t0.date"].decode().splitlines()
    assert lines[:2] == ["608713541.952", "2020 Apr 16 at 07:05:17.169 UT"]
    assert float(lines[2]) == pytest.approx(58955.29533761, abs=2e-8)
    assert float(lines[3]) - 2400000.5 == pytest.approx(float(lines[2]), abs=1e-8)


def test_times_may_be_modified_julian_days():
    product = built(lctimetype="m")
    assert product.answer()["TimeFormat"] == "MJD"
    assert b"!MJD     \tT_+ve   \t" in files(product)["curve.qdp"]
    seconds = rows(built().answer(), "PC")
    days = rows(product.answer(), "PC")
    assert days["Time"] == pytest.approx(58955.29533568 + seconds["Time"] / 86400, abs=2e-6)
    assert days["Rate"].tolist() == seconds["Rate"].tolist()


def test_without_a_zero_of_time_the_first_good_second_is_one():
    product = built("SIM-CONSTANT", binMeth="obsid", **LAST_WEEKS)
    table = rows({"PCData": {**product.answer()["PCData"], "columns": product.answer()["PCData"]["columns"][:-1],
                             "data": [row[:-1] for row in product.answer()["PCData"]["data"]]}}, "PC")  # fmt: skip
    assert table["Time"][0] + table["TimeNeg"][0] == pytest.approx(0, abs=1e-3)


# Sets and names


def test_systematic_errors_widen_windowed_rates_and_nothing_else():
    answer = windowed(binMeth="obsid").answer("both", "no")
    with_it, without = answer["WTData"], answer["WT_nosysData"]
    assert with_it["columns"][15:] == ["SYS_NEG", "SYS_POS", "ObsID"]
    assert without["columns"][15:] == ["ObsID"]
    a, b = (np.array([[float(c) for c in row[3:6]] for row in table["data"]]) for table in (with_it, without))
    down, up = np.array([[float(c) for c in row[15:17]] for row in with_it["data"]]).T
    assert a[:, 0].tolist() == b[:, 0].tolist()
    assert a[:, 1] == pytest.approx(np.hypot(b[:, 1], a[:, 0] * (up - 1)), rel=1e-4)
    assert a[:, 2] == pytest.approx(-np.hypot(b[:, 2], a[:, 0] * (1 - down)), rel=1e-4)
    snr = [float(row[14]) for row in with_it["data"]]
    assert snr == pytest.approx(a[:, 0] / -a[:, 2], rel=1e-5)


def test_systematic_errors_never_touch_photon_counting():
    answer = built().answer("both", "no")
    assert answer["PCData"]["data"] == answer["PC_nosysData"]["data"]
    assert answer["PC_nosysData"]["URL"].endswith("PCCURVENOSYS.qdp")


def test_bad_bins_appear_only_where_they_are_asked_for():
    product = windowed(binMeth="snapshot")
    plain, all_of_them = (
        product.answer("no", flag)[f"WT{suffix}Data"] for flag, suffix in (("no", ""), ("yes", "_incbad"))
    )
    assert 0 < len(plain["data"]) < len(all_of_them["data"])
    assert [row for row in all_of_them["data"] if row in plain["data"]] == plain["data"]
    assert all_of_them["URL"].endswith("WTCURVE_incbad.qdp")
    assert {"curve_incbad.qdp", "curve2_incbad.qdp", "curve_nosys_incbad.qdp", "WTCURVE_incbad.qdp"} <= set(
        files(product)
    )


def test_without_bad_bins_the_address_is_that_of_the_plain_file():
    product = windowed(cent=0)
    assert product.answer("no", "yes")["WT_incbadData"]["URL"].endswith("/WTCURVE.qdp")
    assert not [name for name in files(product) if "incbad" in name]


def test_sets_come_in_the_documented_order():
    names = with_limits().answer("both", "both")["Datasets"]
    suffixes = ["", "_incbad", "_nosys", "_nosys_incbad"]
    kinds = ["", "UL", "Hard", "Soft", "HR"]
    every = [f"{mode}{kind}{suffix}" for mode in ("WT", "PC") for suffix in suffixes for kind in kinds]
    assert names == [name for name in every if name in names]
    assert {"PC", "PCUL", "PCHard", "PCSoft", "PCHR"} <= set(names)


@pytest.mark.parametrize(("flag", "allowed"), [("no", [False]), ("yes", [True]), ("both", [False, True])])
def test_flags_choose_the_variants(flag, allowed):
    names = built().answer(flag, "both")["Datasets"]
    assert sorted({"_nosys" in name for name in names}) == allowed
    names = built().answer("both", flag)["Datasets"]
    assert sorted({"_incbad" in name for name in names}) == allowed


def test_all_files_of_a_curve_are_there():
    names = set(files(with_limits()))
    assert {
        *("curve.qdp", "curve2.qdp", "curve_nosys.qdp", "hardrat.qdp", "WTCURVE.qdp", "PCCURVE.qdp", "PCUL.qdp"),
        *("PCHR.qdp", "WTCURVENOSYS.qdp", "t0.date", "curve.gif", "hardrat.gif", "lcgen.log", "wt_sys_plot.qdp"),
    } <= names
    assert not names & {"WT.qdp", "PC.qdp"}  # short tables are for observations and snapshots


def test_short_tables_come_with_observations():
    first = blocks(files(built(binMeth="obsid"))["PC.qdp"])["PC data"][0]
    assert len(first) == 7
    assert first[6] == "!::ObsID=00966554000"


def test_observations_are_named_as_in_real_files():
    product = built(binMeth="obsid")
    for name, marked in (("curve.qdp", False), ("curve_nosys.qdp", True), ("hardrat.qdp", True)):
        assert (b"\t!::ObsID=00966554000\n" in files(product)[name]) == marked
    assert b"\t::ObsID=00966554000\n" in files(product)["PCCURVE.qdp"]
    table = product.answer()["PCData"]
    assert (table["columns"][-1], table["data"][0][-1]) == ("ObsID", "00966554000")


def test_answers_name_the_binning():
    for method, name in (("counts", "Counts"), ("time", "Time"), ("snapshot", "Snapshot"), ("obsid", "Observation")):
        assert built(binMeth=method, pcbin="100").answer()["Binning"] == name


def test_without_data_there_is_no_light_curve():
    product = built("SIM-UNOBSERVED", targ="00099006")
    assert product.answer() == {"NOLC": 1, "Datasets": []}
    assert set(files(product)) == {"t0.date", "lcgen.log"}


def test_the_same_order_gives_the_same_bytes():
    a, b = (lightcurve.build(order_of(sky, Product.LIGHT_CURVE, "GRB 200416A"), sky) for sky in (Sky(3), Sky(3)))
    assert files(a) == files(b)
    assert a.answer("both", "both") == b.answer("both", "both")


def test_limits_can_be_forbidden():
    answer = with_limits(allowUL="no").answer()
    assert not [name for name in answer["Datasets"] if "UL" in name]
    assert len(answer["PCData"]["data"]) == len(with_limits().answer()["PCData"]["data"]) + len(
        with_limits().answer()["PCULData"]["data"]
    )


def test_a_higher_pile_up_rate_gives_the_core_back():
    piled, whole = (rows(built(pcpuprate=rate).answer(), "PC")["CorrFact"][0] for rate in (0.01, 1000.0))
    assert piled > 1.5 * whole


def test_the_largest_radius_can_be_limited():
    small, large = (
        built("SIM-CONSTANT", srcrad=radius, **LAST_WEEKS).curves["PC"].sums.counts.sum() for radius in (8, 30)
    )
    assert 0.7 * large < small < 0.9 * large


def test_grades_select_counts():
    some, every = (built(grades=grades).curves["PC"].sums.counts.sum() for grades in ("0", "all"))
    assert some / every == pytest.approx(0.8, abs=0.06)


# Readers


def opened(product: LightCurve, name: str) -> io.StringIO:
    return io.StringIO(files(product)[name].decode())


@pytest.mark.parametrize("name", ["curve.qdp", "curve2.qdp", "hardrat.qdp", "PCCURVE.qdp", "PCHR.qdp"])
def test_astropy_reads_every_block(name, tmp_path):
    from astropy.table import Table

    path = tmp_path / name
    path.write_bytes(files(with_limits())[name])
    found = blocks(files(with_limits())[name])
    for k, lines in enumerate(found.values()):
        table = Table.read(path, format="ascii.qdp", table_id=k)
        assert len(table) == len(lines)
        assert {"col1", "col1_perr", "col1_nerr", "col2"} <= set(table.colnames)
    with pytest.raises(IndexError):
        Table.read(path, format="ascii.qdp", table_id=len(found))


def test_numpy_reads_limits_whose_signal_to_noise_is_infinite():
    table = np.genfromtxt(opened(with_limits(), "PCUL.qdp"), names=True, delimiter="\t", skip_header=2, comments="!")
    assert np.isinf(table["SNR"]).all()
    assert not table["Ratepos"].any()


def test_numpy_reads_the_detailed_file():
    table = np.genfromtxt(opened(built(), "PCCURVE.qdp"), names=True, delimiter="\t", skip_header=2, comments="!")
    assert len(table) == len(built().answer()["PCData"]["data"])
    assert (table.dtype.names or ())[:4] == ("Time", "T_ve", "T_ve_1", "Rate")


def test_astropy_reads_the_detailed_file_as_plain_text():
    from astropy.io import ascii as plain

    table = plain.read(files(built())["PCCURVE.qdp"].decode(), header_start=2, data_start=3)
    assert table["CtsInSrc"].dtype.kind == "i"
    assert len(table.colnames) == 15


@pytest.fixture
def client() -> Any:
    """The official client's own functions for light curves; it warns on import."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import swifttools.ukssdc.data.download as download
        import swifttools.ukssdc.main as main
    return type("Client", (), {"read": download._handleLightCurve, "main": main})


@pytest.mark.parametrize("method", ["counts", "obsid"])
def test_the_official_client_reads_the_answer(client, method):
    answer = with_limits(binMeth=method).answer("both", "both")
    found = client.read(answer, silent=True)
    assert found["Datasets"] == answer["Datasets"]
    assert [f"{v:.6g}" for v in found["PC"]["Rate"]] == [f"{float(r[3]):.6g}" for r in answer["PCData"]["data"]]
    assert "UpperLimit" in found["PCUL"]


def test_the_official_client_merges_all_bins(client):
    found = client.read(built().answer("no", "yes"), silent=True)
    table = found["PC_incbad"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas, about the client
        _, _, merged = client.main.mergeLightCurveBins(table, forceRate=True)
    assert merged["CtsInSrc"] == table["CtsInSrc"].sum()
    assert merged["Exposure"] == pytest.approx(table["Exposure"].sum())


def test_the_official_clients_interval_agrees_with_ours(client):
    from mock_server.products.statistics import interval

    low, high, _ = client.main.bayesRate(8, 2.97907, 0.683)
    ours = interval(8, 2.97907, 0.683)
    assert (low, high) == pytest.approx((ours[0][0], ours[1][0]), abs=5e-3)


# Older forms


def test_clients_of_1_9_get_numbers_and_old_names():
    answer = answers_by_version.light_curve(built(binMeth="obsid").answer(), (1, 9))
    assert answer["datasets"] == built(binMeth="obsid").answer()["Datasets"]
    table = answer["PCData"]
    assert table["columns"][:6] == ["Time", "T_+ve", "T_-ve", "Rate", "Ratepos", "Rateneg"]
    assert "ObsID" not in table["columns"]
    assert all(isinstance(cell, float) and np.isfinite(cell) for row in table["data"] for cell in row)


def test_clients_of_1_8_get_switches_for_four_sets():
    answer = answers_by_version.light_curve(with_limits().answer(), (1, 8))
    assert {k: v for k, v in answer.items() if k.startswith("has")} == {
        "hasWT": 1,
        "hasWTUL": int("WTULData" in answer),
        "hasPC": 1,
        "hasPCUL": 1,
    }
    assert set(answer) - {"hasWT", "hasWTUL", "hasPC", "hasPCUL"} <= {"WTData", "WTULData", "PCData", "PCULData"}


def test_old_forms_of_no_light_curve_are_empty():
    nothing = {"NOLC": 1, "Datasets": []}
    assert answers_by_version.light_curve(nothing, (1, 9)) == {"datasets": []}
    assert answers_by_version.light_curve(nothing, (1, 8)) == {"hasWT": 0, "hasWTUL": 0, "hasPC": 0, "hasPCUL": 0}


@pytest.mark.parametrize("binning", ["counts", "observation"])
def test_every_qdp_file_is_read_by_astropy(binning, tmp_path):
    """By its QDP reader; where that stops at what real files hold (``inf``, marks), by its reader of plain tables."""
    from astropy.table import Table

    product = {"counts": with_limits(), "observation": built(binMeth="obsid")}[binning]
    texts = {name: content.decode() for name, content in files(product).items() if name.endswith(".qdp")}
    assert len(texts) > 8
    marked = {name for name, text in texts.items() if "::ObsID=" in text}
    assert bool(marked) == (binning == "observation")
    assert "curve.qdp" not in marked, "the main file is readable whatever the binning"
    for name, text in texts.items():
        if "UL" in name or name in marked:
            rows = [line for line in text.splitlines() if line and line[0] in "-0123456789"]
            assert len(Table.read(rows, format="ascii.no_header", delimiter="\t")) == len(rows) > 0, name
        if "UL" not in name:  # and by the QDP reader, where the marks are taken away
            path = tmp_path / name
            path.write_text(re.sub(r"\t!?::ObsID=\d+", "", text), encoding="ascii")
            assert len(Table.read(path, format="ascii.qdp", table_id=0)), name
