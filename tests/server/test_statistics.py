"""Rates, limits and intervals against published rows and against brute force."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from mock_server.products.statistics import Rules, interval, measure, significance

DATA = Path(__file__).parent / "data"


def table(name: str) -> list[dict[str, str]]:
    """Rows of a table beside the tests; its source stands in its first lines."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


@pytest.mark.parametrize(
    "case", table("kbn_cases.csv"), ids=lambda case: "-".join((case["N"], case["B"], case["confidence"]))
)
def test_shortest_interval_agrees_with_brute_force(case):
    lower, upper = interval(float(case["N"]), float(case["B"]), float(case["confidence"]))
    assert lower[0] == pytest.approx(float(case["lower"]), abs=1e-3)
    assert upper[0] == pytest.approx(float(case["upper"]), abs=1e-3)
    assert significance(float(case["N"]), float(case["B"]))[0] == pytest.approx(
        float(case["sigma"]), rel=1e-3, abs=1e-3
    )


def test_many_intervals_at_once_equal_single_ones():
    cases = [(n, b) for n in (0, 1, 7, 200, 5000) for b in (0.0, 0.5, 6.0, 190.0)]
    lower, upper = interval([n for n, _ in cases], [b for _, b in cases], 0.9)
    for (n, b), low, high in zip(cases, lower, upper, strict=True):
        assert (low, high) == tuple(end[0] for end in interval(n, b, 0.9))


@pytest.mark.parametrize("row", table("lc_rows.csv"), ids=lambda row: f"{row['kind']}-{row['Time']}")
def test_published_rows_come_out_of_their_counts(row):
    value = {key: float(text) for key, text in row.items() if key != "kind"}
    variance = (value["BGerr"] * value["Exposure"]) ** 2
    scale = value["CorrFact"] / value["Exposure"]
    result = measure(value["CtsInSrc"], value["BGInSrc"], variance, scale)
    assert result.limit[0] == (row["kind"] == "limit")
    assert result.rate[0] == pytest.approx(value["Rate"], rel=1e-3)
    assert result.above[0] == pytest.approx(value["RatePos"], rel=1e-3)
    assert result.below[0] == pytest.approx(value["RateNeg"], rel=1e-3)
    assert result.snr[0] == pytest.approx(value["SNR"], rel=1e-3)
    digits = len(row["BGerr"].lstrip("0.").rstrip())
    assert result.sigma[0] == pytest.approx(value["Sigma"], rel=1e-3 if digits > 3 or row["kind"] != "gauss" else 2e-2)


def test_a_bin_without_counts_is_a_limit():
    result = measure(0, 0.3, 0.01, 1 / 1000)
    assert result.limit[0]
    assert result.rate[0] == pytest.approx(5.9145e-3, rel=1e-3)
    assert result.above[0] == result.below[0] == 0.0
    assert np.isinf(result.snr[0])


def test_where_limits_are_not_allowed_the_rate_is_written():
    result = measure(1, 0.5, 0.01, 1 / 1000, Rules(limits=False))
    assert not result.limit[0]
    assert result.rate[0] == pytest.approx(5e-4)


def test_without_background_the_significance_is_written_as_1000():
    assert measure([30, 3], [0, 0], [0, 0], [1, 1]).sigma.tolist() == [1000.0, 1000.0]


def test_where_bayesian_bins_are_not_allowed_few_counts_have_symmetric_errors():
    result = measure(4, 0.1, 0.001, 1.0, Rules(bayes=False))
    assert result.above[0] == -result.below[0] == pytest.approx(np.sqrt(4.001))


@pytest.mark.parametrize(("counts", "background"), [(0, 740), (3, 800), (100_000, 200_000), (5, 1e7)])
def test_a_limit_under_a_background_that_hides_everything_is_a_number(counts, background):
    """The posterior falls as exp(-s (1 - N/B)) there: both of its tails would underflow."""
    lower, upper = interval(counts, background, 0.9973)
    assert lower[0] == 0
    assert upper[0] == pytest.approx(-np.log(0.0027) / (1 - counts / background), rel=2e-2)
    assert significance(counts, background)[0] == 0
    assert np.isfinite(measure(counts, background, background / 10, 1.0).rate).all()


def test_both_ways_to_the_limit_meet():
    below, above = (interval(0, background, 0.9)[1][0] for background in (460.0, 461.0))  # either side of 1e-200
    assert below == pytest.approx(above, rel=1e-4)
