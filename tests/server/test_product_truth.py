"""What was put into the sky comes out of light curves and spectra, within the errors they state. Seeds are fixed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.special import kolmogorov

from mock_server.core.model import Product
from mock_server.products import emission, extraction, fitting, instrument, lightcurve, photons, spectrum
from mock_server.sky.archive import Sky
from mock_server.sky.sources import catalogue
from mock_server.sky.world import World
from tests.server.ordering import NOW, order_of, single, source_of

if TYPE_CHECKING:
    from mock_server.products.curves import Curve


SKY = Sky(5)


@cache
def curve(name: str, seed: int = 5, mode: str = "PC", **parameters: Any) -> Curve:
    sky = Sky(seed)
    return lightcurve.build(order_of(sky, Product.LIGHT_CURVE, name, **parameters), sky).curves[mode]


def first(sky: Sky, name: str, count: int) -> dict[str, Any]:
    """Parameters that choose the first few observations of an object."""
    return {"lcobs": "user", "uselcobs": ",".join(single(sky, name, k) for k in range(count))}


def error(found: Curve) -> np.ndarray[Any, Any]:
    half: np.ndarray[Any, Any] = 0.5 * (found.rates.above - found.rates.below)
    return half


def slope_of(seed: int) -> tuple[float, float]:
    """Decay index of SIM-DECAY from its PC rates, and its error: a weighted straight line in logarithms."""
    found = curve("SIM-DECAY", seed)
    good = ~found.rates.limit & ~found.sums.bad & (found.rates.rate > 0)
    time = np.log(found.sums.arrival[good] - 6e8)
    rate = found.rates.rate[good]
    weight = (rate / error(found)[good]) ** 2
    centre = np.average(time, weights=weight)
    spread = np.sum(weight * (time - centre) ** 2)
    return float(-np.sum(weight * (time - centre) * np.log(rate)) / spread), float(1 / np.sqrt(spread))


# Light curves


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_decay_of_a_burst_comes_back(seed):
    slope, sigma = slope_of(seed)
    assert slope == pytest.approx(1.2, abs=4 * sigma)
    assert sigma < 0.05


@pytest.mark.nightly
def test_the_decay_of_ninety_bursts_in_a_hundred_lies_within_two_sigma():
    found = [slope_of(seed) for seed in range(1, 101)]
    curve.cache_clear()
    assert sum(abs(slope - 1.2) < 2 * sigma for slope, sigma in found) >= 90
    assert np.std([(slope - 1.2) / sigma for slope, sigma in found]) == pytest.approx(1.0, abs=0.25)
    assert max(abs(slope - 1.2) / sigma for slope, sigma in found) < 4.5


def test_a_constant_source_is_constant():
    found = curve("SIM-CONSTANT", pcpuprate=1000, **first(Sky(5), "SIM-CONSTANT", 25))
    good = ~found.sums.bad
    rate, sigma = found.rates.rate[good], error(found)[good]
    mean = np.average(rate, weights=sigma**-2)
    assert 0.7 < np.mean(((rate - mean) / sigma) ** 2) < 1.3
    assert np.sum(found.sums.counts * found.correction) / found.sums.exposure.sum() == pytest.approx(0.2, rel=0.05)


def test_arrivals_of_a_constant_source_are_uniform():
    sky = Sky(5)
    order = order_of(sky, Product.LIGHT_CURVE, "SIM-CONSTANT", **first(sky, "SIM-CONSTANT", 10))
    for piece in extraction.pieces(extraction.Scene.of(order, sky, "grades"))["PC"]:
        met = np.sort(piece.source.met)
        share = (met - piece.snapshot.start) / piece.snapshot.exposure
        n = len(met)
        distance = max(np.max(np.arange(1, n + 1) / n - share), np.max(share - np.arange(n) / n))
        assert kolmogorov(distance * np.sqrt(n)) > 1e-3


def test_a_period_is_where_it_was_put():
    sky = Sky(5)
    order = order_of(sky, Product.LIGHT_CURVE, "SIM-PERIOD", **first(sky, "SIM-PERIOD", 6))
    pieces = [p for some in extraction.pieces(extraction.Scene.of(order, sky, "grades")).values() for p in some]
    met = np.concatenate([piece.source.met for piece in pieces])
    periods = np.linspace(90, 110, 81)
    power = [abs(np.exp(2j * np.pi * met / period).sum()) ** 2 / len(met) for period in periods]
    assert periods[int(np.argmax(power))] == pytest.approx(100, abs=0.5)
    amplitude = 2 * np.sqrt(max(power) / len(met))
    assert amplitude == pytest.approx(0.5, abs=0.08)


def test_a_faint_source_is_seen_only_when_summed():
    found = curve("SIM-FAINT", binMeth="obsid", minsnr=0)
    assert np.mean(found.rates.limit) > 0.5
    assert (found.rates.rate[found.rates.limit] > 3e-4).mean() > 0.9
    sums = found.sums
    net, scale = sums.counts.sum() - sums.background.sum(), np.average(sums.by_exposure, weights=sums.exposure)
    rate = net * scale / sums.exposure.sum()
    sigma = np.sqrt(sums.counts.sum() + sums.variance.sum()) * scale / sums.exposure.sum()
    assert rate > 3 * sigma
    assert rate == pytest.approx(3e-4, abs=3 * sigma)


def test_where_nothing_shines_hardly_anything_is_detected():
    limits = np.concatenate([curve("SIM-NOTHING", seed, binMeth="snapshot").rates.limit for seed in range(5)])
    assert len(limits) > 150
    assert np.sum(~limits) <= 0.01 * len(limits)


def test_super_soft_sources_have_no_hardness_bins():
    sky = Sky(5)
    chosen = first(sky, "SIM-SOFT", 3)
    counted = lightcurve.build(order_of(sky, Product.LIGHT_CURVE, "SIM-SOFT", **chosen), sky)
    assert not [name for name in counted.answer()["Datasets"] if name.endswith(("HR", "Hard", "Soft"))]
    whole = lightcurve.build(order_of(sky, Product.LIGHT_CURVE, "SIM-SOFT", binMeth="obsid", **chosen), sky)
    assert max(float(row[3]) for row in whole.answer()["PCHRData"]["data"]) < 0.02


def test_the_hardness_is_that_of_the_folded_spectrum():
    sky = Sky(5)
    chosen = first(sky, "SIM-CONSTANT", 15)
    source = extraction.target_source(order_of(sky, Product.LIGHT_CURVE, "SIM-CONSTANT"), sky)
    shares = emission.channel_shares("PC", source.spectrum, source.nh_galactic or 0.0)
    expected = shares[150:1000].sum() / shares[30:150].sum()
    product = lightcurve.build(order_of(sky, Product.LIGHT_CURVE, "SIM-CONSTANT", binMeth="obsid", **chosen), sky)
    ratio, sigma = (np.array([float(row[k]) for row in product.answer()["PCHRData"]["data"]]) for k in (3, 4))
    mean = np.average(ratio, weights=sigma**-2)
    assert mean == pytest.approx(expected, abs=3 / np.sqrt(np.sum(sigma**-2)) + 0.01)


def test_the_background_comes_out_as_it_was_put_in():
    found = curve("SIM-NOTHING", 5, binMeth="obsid")
    sky = Sky(5)
    source = source_of(sky, "SIM-NOTHING")
    levels = [
        photons.background_level(5, o, "PC") * np.pi * 25
        for o in sky.observations(source.targets, (source.ra, source.dec), NOW)
    ]
    assert found.sums.background.sum() == pytest.approx(np.sum(levels * found.sums.exposure), rel=0.05)


def test_windowed_and_counting_modes_agree_on_a_rate():
    sky = Sky(5)
    found = curve("SIM-WINDOWED", mode="WT", binMeth="obsid", cent=0, **first(sky, "SIM-WINDOWED", 4))
    assert np.average(found.rates.rate, weights=found.sums.exposure) == pytest.approx(60, rel=0.03)
    piled = curve("SIM-PILEUP", binMeth="obsid", **first(sky, "SIM-PILEUP", 4))
    assert np.average(piled.rates.rate, weights=piled.sums.exposure) == pytest.approx(8, rel=0.05)


def test_the_star_trackers_do_not_lower_rates_when_the_source_is_centred_on():
    sky = Sky(5)
    centred, uncentred = (
        curve("SIM-CONSTANT", binMeth="obsid", cent=cent, **first(sky, "SIM-CONSTANT", 15)) for cent in (1, 0)
    )
    assert np.sum(uncentred.rates.rate) == pytest.approx(np.sum(centred.rates.rate), rel=0.05)


# The archive moves on


def test_a_reprocessing_changes_counts_a_little_and_rates_within_their_errors():
    date = NOW + 10 * 86400.0
    sky = Sky(5, World(reprocessings=(date,), reprocessing_spread_d=1.0))
    chosen = first(sky, "SIM-CONSTANT", 30)
    before, after = (
        lightcurve.build(order_of(sky, Product.LIGHT_CURVE, "SIM-CONSTANT", now, binMeth="obsid", **chosen), sky)
        for now in (NOW, NOW + 20 * 86400.0)
    )
    a, b = before.curves["PC"], after.curves["PC"]
    changed = np.sum(np.abs(a.sums.counts - b.sums.counts)) / a.sums.counts.sum()
    assert 0 < changed < 0.02
    assert np.mean(np.abs(a.rates.rate - b.rates.rate) < error(a)) > 0.95


def test_a_monitored_source_keeps_its_old_bins_as_it_gains_new_ones():
    sky = Sky(5, World(reprocessings=()))
    chosen: dict[str, Any] = {"lcobs": "user", "uselcobs": "2026-05-01-2027-01-01", "binMeth": "obsid"}
    then, now = (
        lightcurve.build(order_of(sky, Product.LIGHT_CURVE, "SIM-CONSTANT", when, **chosen), sky).curves["PC"]
        for when in (NOW + 150 * 86400.0, NOW + 178 * 86400.0)
    )
    assert now.obsids is not None
    assert then.obsids == now.obsids[: len(then.obsids or ())]
    assert then.rates.rate.tolist() == now.rates.rate[: len(then.rates.rate)].tolist()
    assert len(now.obsids) == len(then.obsids or ()) + 4


# Spectra


SEEN = emission.shape("powerlaw", 2.0) * instrument.transmission(2e21) * instrument.transmission(3e20)
"""A power law of index 2 behind 2e21 and 3e20 cm-2."""
AREA = instrument.area("PC")


def simulated(seed: int, counts: int) -> fitting.Groups:
    """Counts of that power law, with some background."""
    draws = np.random.default_rng(seed)
    expected = emission.counted(SEEN, "PC")
    expected *= counts / expected[slice(*instrument.BAND)].sum()
    level = photons.BACKGROUND_SHARES * 40
    return fitting.Groups.of(draws.poisson(expected) + draws.poisson(0.1 * level), draws.poisson(level), 0.1)


@cache
def refitted(seed: int, counts: int) -> fitting.Fit:
    found = fitting.fit(simulated(seed, counts), "PC", AREA, 5000.0, "powerlaw", 3e20, 0.0, 2.706)
    assert found is not None, "every one of these fits should converge"
    return found


def pulls(seeds: range, counts: int = 600) -> np.ndarray[Any, Any]:
    """How far column and index lie from the truth, in units of their 90 % errors on that side, shape (n, 2)."""
    found = [
        [
            (e.value - true) / (-e.below if e.value > true else e.above)
            for e, true in ((f.column, 2e21), (f.parameter, 2.0))
        ]
        for f in (refitted(seed, counts) for seed in seeds)
    ]
    return np.array(found)


def test_fits_scatter_as_their_errors_say():
    found = pulls(range(24))
    assert np.sqrt(np.mean(found**2, axis=0)) * 1.645 == pytest.approx([1.0, 1.0], abs=0.3)
    assert (np.abs(found) <= 1).mean() == pytest.approx(0.9, abs=0.08)


@pytest.mark.nightly
@pytest.mark.parametrize("counts", [100, 600, 5000])
def test_errors_of_many_fits_hold_the_truth_nine_times_in_ten(counts):
    column, index = np.mean(np.abs(pulls(range(400), counts)) <= 1, axis=0)
    refitted.cache_clear()
    assert 0.85 <= column <= 0.94
    assert 0.85 <= index <= 0.94


def test_sparse_spectra_have_the_statistic_they_should():
    fits = [refitted(seed, 600) for seed in range(24)]
    assert np.mean([f.statistic / f.dof for f in fits]) == pytest.approx(0.88, abs=0.04)


def test_fluxes_follow_the_published_factor():
    inside = (instrument.MIDDLES > 0.3) & (instrument.MIDDLES < 10)
    energy = (SEEN * instrument.MIDDLES * 0.02)[inside].sum() * 1.602177e-9
    factor = energy / emission.counted(SEEN, "PC")[slice(*instrument.BAND)].sum()
    ratio = []
    for seed in range(6):
        data = simulated(seed, 5000)
        net = data.source.sum() - 0.1 * data.background.sum()
        ratio.append(refitted(seed, 5000).observed.value / (net / 5000.0 * factor))
    assert np.mean(ratio) == pytest.approx(1.0, abs=0.02)
    assert ratio == pytest.approx([1.0] * len(ratio), abs=0.06)


def test_a_column_that_is_not_there_has_itself_as_lower_error():
    bare = emission.counted(emission.shape("powerlaw", 2.0), "PC")
    counts = np.random.default_rng(4).poisson(bare * 200 / bare.sum())
    result = fitting.fit(fitting.Groups.of(counts, 0 * counts, 0.1), "PC", AREA, 5000.0, "powerlaw", None, 0.0, 2.706)
    assert result is not None
    assert result.column.below >= -result.column.value - 1e-6
    assert result.column.value + result.column.above < 5e21


@cache
def fitted(name: str, seed: int, delta: float = 2.706) -> Any:
    """Answer for the PC spectrum of an object, from its first observations."""
    sky = Sky(seed)
    chosen = ",".join(single(sky, name, k) for k in range(4))
    model = source_of(sky, name).spectrum.model
    whole: dict[str, Any] = {"specobs": "user", "usespecobs": chosen, "pcpuprate": 1000}
    order = order_of(sky, Product.SPECTRUM, name, models=[model], galactic=1, dchi=delta, **whole)
    names = {"powerlaw": "PowerLaw", "apec": "APEC", "blackbody": "Blackbody"}
    return spectrum.build(order, sky).answer()["interval0"]["PC"][names[model]]


@pytest.mark.parametrize(
    ("name", "key", "true"),
    [("SIM-CONSTANT", "Gamma", 2.0), ("SIM-THERMAL", "KT", 2.0), ("SIM-SOFT", "kT", 0.06)],
)
def test_shapes_come_back_from_the_sky(name, key, true):
    found = [fitted(name, seed) for seed in (1, 2, 3)]
    for one in found:
        reach = 2.5 * (one[f"{key}Pos"] if true > one[key] else -one[f"{key}Neg"])  # 2.5 times the 90 % error
        assert one[key] == pytest.approx(true, abs=reach)
        assert 0.6 < one["Cstat"] / one["Dof"] < 1.4


@pytest.mark.nightly
def test_photon_indices_of_ninety_skies_in_a_hundred_lie_within_two_sigma():
    found = [fitted("SIM-CONSTANT", seed, 4.0) for seed in range(1, 101)]
    fitted.cache_clear()
    assert sum(f["Gamma"] + f["GammaNeg"] <= 2.0 <= f["Gamma"] + f["GammaPos"] for f in found) >= 90


def test_the_early_spectrum_of_a_burst_is_softer():
    sky = Sky(1)
    answer = spectrum.build(order_of(sky, Product.SPECTRUM, "GRB 200416A", galactic=1), sky).answer()["interval0"]
    assert answer["WT"]["PowerLaw"]["Gamma"] > answer["PC"]["PowerLaw"]["Gamma"]


@pytest.mark.parametrize("name", [source.name for source in catalogue() if source.targets])
def test_every_source_of_the_catalogue_makes_a_light_curve(name):
    order = order_of(SKY, Product.LIGHT_CURVE, name, binMeth="snapshot", lcobs="user", uselcobs=single(SKY, name))
    assert lightcurve.build(order, SKY).answer("both", "both")["Datasets"]
