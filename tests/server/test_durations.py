"""Durations of runs: published values, and more data takes longer."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.core.durations import duration, rebin_duration
from mock_server.core.model import Product

CENTROIDED = {"cent": 1, "maxCentTries": "10"}


def seconds(
    product: Product, parameters: dict[str, Any] | None = None, observations: int = 1, spectra: int = 1, bands: int = 3
) -> float:
    return duration(product, parameters or {}, observations=observations, spectra=spectra, bands=bands, noise=1.0)


@pytest.mark.parametrize(
    ("product", "observations", "expected"),
    [
        (Product.LIGHT_CURVE, 9, 94),
        (Product.SPECTRUM, 1, 115),
        (Product.STANDARD_POS, 1, 35),
        (Product.ENHANCED_POS, 1, 65),
        (Product.ASTROM_POS, 1, 96),
        (Product.IMAGE, 9, 96),
        (Product.SOURCE_DET, 9, 210),
    ],
)
def test_a_burst_with_nine_observations_takes_minutes(product, observations, expected):
    assert seconds(product, observations=observations) == expected


def test_centroiding_takes_time_for_every_observation_it_tries():
    assert seconds(Product.LIGHT_CURVE, CENTROIDED, 4) == 40 + 24 + 12
    assert seconds(Product.LIGHT_CURVE, CENTROIDED, 100) == 40 + 600 + 30


def test_an_iterative_position_takes_longer_than_a_simple_one_and_a_centroid_does_not():
    assert seconds(Product.STANDARD_POS, {"detMeth": "iterative"}) == 68
    assert seconds(Product.STANDARD_POS, {"detMeth": "iterative", "detornot": "centroid"}) == 35


def test_images_beyond_the_third_band_take_time_of_their_own():
    assert seconds(Product.IMAGE, bands=3) == 64
    assert seconds(Product.IMAGE, bands=5) == 94


def test_detection_in_all_bands_repeats_the_work_on_each_observation():
    assert seconds(Product.SOURCE_DET, {"detbands": "total"}, 9) == 210
    assert seconds(Product.SOURCE_DET, {"detbands": "all"}, 9) == 480


def test_rebinning_takes_half_a_minute_at_most():
    assert rebin_duration(0) == 4
    assert rebin_duration(52) == 30
    assert rebin_duration(5000) == 30


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(Product), st.integers(0, 500), st.integers(0, 50), st.integers(1, 9), st.floats(0.1, 10))
def test_more_data_never_takes_less_time(product, observations, spectra, bands, noise):
    less = duration(product, CENTROIDED, observations=observations, spectra=spectra, bands=bands, noise=noise)
    more = duration(
        product, CENTROIDED, observations=observations + 1, spectra=spectra + 1, bands=bands + 1, noise=noise
    )
    assert 0 < less < more
