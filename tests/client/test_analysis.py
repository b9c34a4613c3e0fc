"""Tables, merged bins and plots."""

import math

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import gammaln

from xrt_client import analysis
from xrt_client.analysis import bayesRate, mergeLightCurveBins, mergeUpperLimits

mpl.use("Agg")

COLUMNS = [
    *("Time", "TimePos", "TimeNeg", "Rate", "RatePos", "RateNeg", "FracExp", "BGrate", "BGerr"),
    *("CorrFact", "CtsInSrc", "BGInSrc", "Exposure", "Sigma", "SNR"),
]


def content(counts: float, background: float, low: float, high: float) -> float:
    """Share of the posterior between two source counts, by quadrature."""

    def density(s: float) -> float:
        mean = s + background
        return math.exp((counts * math.log(mean) if counts else 0.0) - mean - gammaln(counts + 1))

    top = max(counts - background, 0.0)
    edge = top + 20 * math.sqrt(counts + 1) + 40
    total = quad(density, 0, edge, points=[top], limit=500)[0]
    return float(quad(density, low, high, points=[min(max(top, low), high)], limit=500)[0] / total)


@pytest.mark.parametrize("conf", [0.683, 0.9, 0.997])
@pytest.mark.parametrize(("counts", "background"), [(0, 0), (0, 2), (3, 1.2), (5, 9), (1, 0), (20, 0.14), (350, 2)])
def test_the_bounds_hold_the_wanted_share_of_the_posterior(counts, background, conf):
    low, high, best = bayesRate(counts, background, conf)
    assert content(counts, background, low, high) == pytest.approx(conf, abs=1e-5)
    assert low <= best <= high
    assert best == max(0, counts - background)


@given(counts=st.integers(0, 5000), background=st.floats(0, 500), conf=st.floats(0.05, 0.999))
@settings(max_examples=100, deadline=None)
def test_the_interval_is_the_shortest_one(counts, background, conf):
    low, high, _ = bayesRate(counts, background, conf)
    assert 0 <= low <= high
    if low > 0:
        mean = np.array([low, high]) + background
        densities = counts * np.log(mean) - mean
        assert densities[0] == pytest.approx(densities[1], abs=1e-4)


def test_confidence_may_be_given_in_percent():
    assert bayesRate(3, 1, 90) == bayesRate(3, 1, 0.9)


@pytest.mark.parametrize("arguments", [(3, 1, 0), (3, 1, 100), (-1, 1, 0.9), (3, -1, 0.9)])
def test_senseless_counts_and_confidences_are_refused(arguments):
    with pytest.raises(ValueError, match=r"must be between|cannot be negative"):
        bayesRate(*arguments)


# ---- tables ----------------------------------------------------------------------------------------------------


def answer(name: str, columns: list[str], *rows: list[object]) -> dict[str, object]:
    return {"Datasets": [name], f"{name}Data": {"columns": columns, "data": list(rows)}, "TimeFormat": "MET"}


def test_tables_hold_numbers_whatever_form_they_came_in():
    tables = analysis.light_curve_tables(answer("PC", ["Time", "Rate", "SNR"], ["1.5", 2, "inf"], [3, None, "nan"]))
    assert tables["PC"].dtypes.tolist() == [float] * 3
    assert tables["PC"]["SNR"][0] == math.inf
    assert math.isnan(tables["PC"]["Rate"][1])
    assert tables["Datasets"] == ["PC"]
    assert tables["TimeFormat"] == "MET"
    assert "PCData" not in tables


def test_limits_have_a_column_of_their_own_name():
    assert list(analysis.light_curve_tables(answer("PCUL_incbad", ["Time", "Rate"]))["PCUL_incbad"]) == [
        "Time",
        "UpperLimit",
    ]


@pytest.mark.parametrize("cell", ["::ObsID=00012345001", "00012345001", "12345001", 12345001])
def test_observation_ids_have_eleven_digits(cell):
    table = analysis.light_curve_tables(answer("PC", ["Time", "ObsID"], [1, cell]))["PC"]
    assert table["ObsID"].tolist() == ["00012345001"]


def test_addresses_are_gathered():
    document = answer("PC", ["Time"])
    document["PCData"]["URL"] = "https://www.swift.ac.uk/x/PCCURVE.qdp"  # type: ignore[index] # a dict of dicts
    assert analysis.light_curve_tables(document)["URLs"] == {"PC": "https://www.swift.ac.uk/x/PCCURVE.qdp"}


# ---- merging ---------------------------------------------------------------------------------------------------


@pytest.fixture
def rates():
    rows = [
        [100.0, 10, -10, 2.0, 0.5, -0.5, 1, 0.01, 0.001, 1.1, 20.0, 0.2, 20.0, 99, 4],
        [200.0, 20, -20, 1.0, 0.3, -0.3, 1, 0.02, 0.002, 1.3, 10.0, 0.4, 40.0, 99, 4],
        [400.0, 50, -50, 0.2, 0.1, -0.1, 1, 0.01, 0.001, 1.2, 8.0, 0.5, 100.0, 99, 2],
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.fixture
def limits(rates):
    rates["CtsInSrc"] = [1.0, 0.0, 2.0]
    return rates.rename(columns={"Rate": "UpperLimit"})


def test_a_merged_rate_follows_from_the_summed_counts(rates):
    is_limit, inserted, new = mergeLightCurveBins(rates)
    assert (is_limit, inserted) == (False, False)
    factor = (20 * 1.1 + 10 * 1.3 + 8 * 1.2) / 38
    low, high, best = (s * factor / 160 for s in bayesRate(38, 1.1, 0.683))
    assert (new["Rate"], new["RatePos"], new["RateNeg"]) == pytest.approx((best, high - best, low - best))
    assert (new["CtsInSrc"], new["BGInSrc"], new["Exposure"]) == (38, pytest.approx(1.1), 160)
    assert new["CorrFact"] == pytest.approx(factor)
    assert new["Time"] + new["TimeNeg"] == pytest.approx(90)
    assert new["Time"] + new["TimePos"] == pytest.approx(450)
    assert list(new.index) == list(rates.columns)


def test_background_rates_add_up_with_their_errors(rates):
    new = mergeLightCurveBins(rates)[2]
    assert new["BGrate"] == pytest.approx((0.01 * 20 + 0.02 * 40 + 0.01 * 100) / 160)
    assert new["BGerr"] == pytest.approx(math.hypot(0.001 * 20, 0.002 * 40, 0.001 * 100) / 160)


def test_merged_limits_are_a_limit_unless_the_source_shows(limits):
    is_limit, _, new = mergeLightCurveBins(limits)
    assert is_limit
    assert new["UpperLimit"] == pytest.approx(bayesRate(3, 1.1, 0.997)[1] * new["CorrFact"] / 160)
    limits["CtsInSrc"] = [10.0, 8.0, 9.0]
    is_limit, _, new = mergeLightCurveBins(limits)
    assert not is_limit
    assert "UpperLimit" not in new.index


def test_the_kind_of_the_new_bin_can_be_forced(rates, limits):
    assert mergeLightCurveBins(rates, forceUL=True)[0] is True
    assert mergeLightCurveBins(limits, forceRate=True)[0] is False
    with pytest.raises(ValueError, match="both"):
        mergeLightCurveBins(rates, forceUL=True, forceRate=True)


def test_the_curve_is_left_alone_unless_asked(rates):
    before = rates.copy()
    mergeLightCurveBins(rates, rows=rates["Time"] < 300)
    assert rates.equals(before)


def test_merged_bins_can_be_replaced_by_the_new_one(rates):
    _, inserted, new = mergeLightCurveBins(rates, rows=rates["Time"] < 300, remove=True, insert=True)
    assert inserted
    assert rates["Time"].tolist() == [150.0, 400.0]
    assert rates["BGrate"][0] == new["BGrate"]
    assert rates.index.tolist() == [0, 1]


def test_match_inserts_only_a_bin_of_the_same_kind(limits):
    assert mergeLightCurveBins(limits, insert="match")[:2] == (True, True)
    limits["CtsInSrc"] = 10.0
    assert mergeLightCurveBins(limits, insert="match")[:2] == (False, False)


def test_insertion_keeps_the_kind_of_the_curve(rates):
    rates["CtsInSrc"] = [1.0, 0.0, 0.0]
    is_limit, inserted, _ = mergeLightCurveBins(rates, insert=True, forceUL=True)
    assert (is_limit, inserted) == (False, True)


def test_no_bins_or_an_unknown_way_to_insert_are_refused(rates):
    with pytest.raises(ValueError, match="no bins"):
        mergeLightCurveBins(rates, rows=rates["Time"] > 1e9)
    with pytest.raises(ValueError, match="match"):
        mergeLightCurveBins(rates, insert="maybe")


@pytest.fixture
def catalogue():
    return pd.DataFrame(
        {
            "SourceExposure": [100.0, 300.0],
            "ImageExposure": [110.0, 330.0],
            "Total_Counts": [2, 3],
            "Total_BGCounts": [1.0, 2.0],
            "Total_CorrectionFactor": [1.1, 1.5],
            "Soft_Counts": [30, 20],
            "Soft_BGCounts": [1.0, 1.0],
            "Soft_CorrectionFactor": [1.1, 1.1],
        }
    )


def test_catalogue_limits_are_merged_band_by_band(catalogue):
    result = mergeUpperLimits(catalogue)
    assert (result["SourceExposure"], result["ImageExposure"]) == (400, 440)
    factor = (1.1 * 110 + 1.5 * 330) / 440
    assert result["Total_UpperLimit"] == pytest.approx(bayesRate(5, 3, 0.997)[1] * factor / 440)
    assert not result["Total_IsDetected"]
    assert math.isnan(result["Total_Rate"])
    assert result["Soft_IsDetected"]
    assert result["Soft_Rate"] == pytest.approx(48 * 1.1 / 440)
    assert not any(key.startswith("Hard") for key in result)


def test_bands_and_rates_are_optional(catalogue):
    result = mergeUpperLimits(catalogue, bands="soft", detectionsAsRates=False, rows=catalogue["Total_Counts"] > 2)
    assert list(result) == [
        *("SourceExposure", "ImageExposure", "Soft_UpperLimit"),
        *("Soft_Counts", "Soft_BGCounts", "Soft_CorrectionFactor"),
    ]
    with pytest.raises(ValueError, match="no band Gamma"):
        mergeUpperLimits(catalogue, bands=["gamma"])
    with pytest.raises(ValueError, match="ImageExposure"):
        mergeUpperLimits(catalogue.drop(columns="ImageExposure"))


# ---- plots -----------------------------------------------------------------------------------------------------


@pytest.fixture
def curve(rates, limits):
    ratio = pd.DataFrame([[1.0, 0.5, -0.5, 0.8, 0.2]], columns=["Time", "TimePos", "TimeNeg", "HR", "HRErr"])
    soft = pd.DataFrame([[1.0, 0.5, -0.5, 0.8, 0.2]], columns=["Time", "TimePos", "TimeNeg", "Rate", "RateErr"])
    yield {
        "Datasets": ["PC", "PCUL", "WTHR", "PCSoft"],
        "PC": rates.rename(columns={"UpperLimit": "Rate"}),
        "PCUL": limits,
        "WTHR": ratio,
        "PCSoft": soft,
        "TimeFormat": "MET",
    }
    plt.close("all")


def test_every_kind_of_dataset_can_be_plotted(curve, tmp_path):
    figure, axes = analysis.plotLightCurve(curve, xlog=True, ylog=True, fileName=tmp_path / "lc.png", T0=123.0)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xlabel() == "Time since MET=123.0 (s)"
    assert axes.get_ylabel() == "Count rate or HR"
    assert len(axes.containers) == 4
    assert (tmp_path / "lc.png").stat().st_size > 1000
    assert figure is axes.figure


def test_a_plot_is_not_overwritten_without_clobber(curve, tmp_path):
    (tmp_path / "lc.png").touch()
    with pytest.raises(RuntimeError, match="clobber"):
        analysis.plotLightCurve(curve, fileName=tmp_path / "lc.png")
    analysis.plotLightCurve(curve, fileName=tmp_path / "lc.png", clobber=True)


def test_labels_colours_and_canvas_can_be_given(curve):
    figure, axes = plt.subplots()
    result = analysis.plotLightCurve(
        {**curve, "TimeFormat": "MJD"}, whichCurves=["PC"], fig=figure, ax=axes, ylabel="mine", cols={"PC": "green"}
    )
    assert result == (figure, axes)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("MJD", "mine")
    assert axes.lines[0].get_color() == "green"


def test_active_jobs_are_drawn(tmp_path):
    analysis.plot_active([(0.0, 1), (60.0, 2), (7200.0, 0)], tmp_path / "active.png")
    assert (tmp_path / "active.png").stat().st_size > 1000


@pytest.mark.parametrize(("counts", "background"), [(0, 740), (3, 800), (100_000, 200_000), (5, 1e7)])
def test_a_limit_under_a_background_that_hides_everything_is_a_number(counts, background):
    """The posterior falls as exp(-s (1 - N/B)) there: both of its tails would underflow."""
    low, high, best = bayesRate(counts, background, 0.9973)
    assert (low, best) == (0, 0)
    assert high == pytest.approx(-math.log(0.0027) / (1 - counts / background), rel=2e-2)


def test_both_ways_to_the_limit_meet():
    below, above = (bayesRate(0, background, 0.9)[1] for background in (460.0, 461.0))  # either side of 1e-200
    assert below == pytest.approx(above, rel=1e-4)


def test_merging_faint_limits_gives_a_number(limits):
    limits["BGInSrc"] = [300.0, 300.0, 300.0]
    is_limit, _, new = mergeLightCurveBins(limits)
    assert is_limit
    assert 0 < new["UpperLimit"] < 1


def test_cells_of_text_stay_text():
    tables = analysis.light_curve_tables({"Datasets": ["PC"], "PCData": {"columns": ["URL"], "data": [["a/b"], ["c"]]}})
    assert tables["PC"]["URL"].tolist() == ["a/b", "c"]


def test_merged_bins_can_be_removed_without_a_new_one(limits):
    limits["CtsInSrc"] = [100.0, 0.0, 2.0]
    is_limit, inserted, _new = mergeLightCurveBins(limits, rows=limits["Time"] < 300, remove=True, insert="match")
    assert (is_limit, inserted) == (False, False)
    assert limits["Time"].tolist() == [400.0]


def test_what_is_done_is_said_on_request(rates, catalogue, curve, capsys):
    mergeLightCurveBins(rates, forceRate=True, verbose=True)
    mergeLightCurveBins(rates, forceUL=True, silent=False)
    mergeUpperLimits(catalogue, bands=["hard"], verbose=True)
    analysis.plotLightCurve(curve, whichCurves=["PC"], verbose=True)
    assert capsys.readouterr().out.splitlines() == [
        "The new bin is a rate",
        "The new bin is an upper limit",
        "There are no data in the band Hard",
        "Plotting PC",
    ]


@pytest.mark.parametrize(("saved", "shown"), [(False, 1), (True, 0)])
def test_a_plot_is_shown_where_there_is_a_screen_unless_it_is_saved(curve, tmp_path, monkeypatch, saved, shown):
    figure, axes = plt.subplots()
    calls: list[int] = []
    monkeypatch.setattr(figure.canvas, "required_interactive_framework", "qt", raising=False)
    monkeypatch.setattr(plt, "show", lambda: calls.append(1))
    monkeypatch.setattr(figure, "savefig", lambda name: (tmp_path / name).touch())
    analysis.plotLightCurve(curve, whichCurves=["PC"], fig=figure, ax=axes, fileName="lc.png" if saved else None)
    assert len(calls) == shown
    assert (tmp_path / "lc.png").exists() == saved
