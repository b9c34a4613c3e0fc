"""The telescope: sharpness, area, resolution, absorption, against published figures."""

import numpy as np
import pytest

from mock_server.products import emission, instrument
from tests.server.test_statistics import table

KEV = 1.602177e-9


def factor(gamma: float, column: float, absorbed: bool, mode: str = "PC") -> float:
    """Flux in 0.3-10 keV for each count there [erg cm-2]."""
    photons = emission.shape("powerlaw", gamma)
    seen = photons * instrument.transmission(column)
    counts = emission.counted(seen, mode)[slice(*instrument.BAND)].sum()
    inside = (instrument.MIDDLES > 0.3) & (instrument.MIDDLES < 10)
    flux = ((seen if absorbed else photons) * instrument.MIDDLES * np.diff(instrument.ENERGIES))[inside].sum()
    return float(flux * KEV / counts)


@pytest.mark.parametrize("case", table("ecf_cases.csv"), ids=lambda case: f"{case['gamma']}-{case['nh_cm2']}")
def test_counts_become_the_published_flux(case):
    gamma, column = float(case["gamma"]), float(case["nh_cm2"])
    assert factor(gamma, column, absorbed=True) * 1e11 == pytest.approx(float(case["observed_published"]), rel=0.04)
    assert factor(gamma, column, absorbed=False) * 1e11 == pytest.approx(float(case["unabsorbed_published"]), rel=0.07)


def test_half_of_the_light_lies_within_9_arcsec():
    assert instrument.enclosed(9.2 / instrument.PIXEL) == pytest.approx(0.5, abs=0.01)
    assert instrument.enclosed(30) == pytest.approx(0.936, abs=0.001)
    assert instrument.enclosed(0) == 0


def test_radius_and_share_of_light_are_inverse():
    shares = np.array([0.01, 0.5, 0.99])
    radii = instrument.radius_holding(shares)
    assert [instrument.enclosed(r / instrument.PIXEL) for r in radii] == pytest.approx(shares.tolist())


def test_a_strip_holds_the_circle_of_the_same_width():
    draws = np.random.default_rng(5)
    radius, angle = instrument.radius_holding(draws.random(100_000)), draws.random(100_000) * 2 * np.pi
    within = np.mean(np.abs(radius * np.cos(angle)) < 20 * instrument.PIXEL)
    assert instrument.within_strip(20) == pytest.approx(within, abs=0.003)


def test_a_line_and_the_light_beside_it_are_inverse():
    for share in (0.05, 0.5, 0.93):
        assert instrument.share_left_of(instrument.line_that_cuts(share)) == pytest.approx(share)


def test_vignetting_leaves_three_fifths_at_the_edge():
    assert instrument.vignetting([0.0, 12.0]).tolist() == pytest.approx([1.0, 0.5968])


def test_channels_are_ten_electronvolt_wide():
    assert [instrument.energy_to_channel(e) for e in (0.3, 1.5, 10.0)] == [30, 150, 1000]


def test_chosen_grades_keep_their_share():
    assert instrument.graded_share("PC", "all") == 1.0
    assert instrument.graded_share("PC", "0") == 0.80
    assert instrument.graded_share("WT", "4") == 0.01


@pytest.mark.parametrize("model", ["powerlaw", "apec", "blackbody"])
def test_every_model_has_photons_and_no_holes(model):
    shape = emission.shape(model, 1.3)
    assert np.isfinite(shape).all()
    assert (shape > 0).all()


def test_lines_weaken_as_gas_gets_hotter():
    def iron(temperature: float) -> float:
        shape = emission.shape("apec", temperature)
        at = int((6.7 - 0.2) / 0.02)
        return float(shape[at] / shape[at - 3])

    assert iron(2.0) > iron(8.0) > 1.0


def test_an_unknown_model_is_named():
    with pytest.raises(ValueError, match="nonsense"):
        emission.shape("nonsense", 1.0)
