"""Positions: near the truth as often as their errors say, in the documented files."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from mock_server.core.model import Product
from mock_server.products import location, position
from mock_server.products.skyview import Photons
from mock_server.sky.archive import Sky, World
from mock_server.sky.coordinates import separation
from tests.server.ordering import order_of, single, source_of

SKY = Sky(1)
BURST = "GRB 200416A"
PRODUCTS = (Product.STANDARD_POS, Product.ENHANCED_POS, Product.ASTROM_POS)


def text(files: dict[str, bytes] | Any, name: str) -> str:
    return str(files[name].decode())


def offset(found: position.Position, sky: Sky, name: str) -> float:
    """Distance from the truth in units of the error."""
    source = source_of(sky, name)
    return separation((found.ra, found.dec), (source.ra, source.dec)) * 3600 / found.err90


@pytest.fixture(scope="module")
def trials() -> dict[Product, list[tuple[float, float]]]:
    """Distances in units of the error, and errors: standard ones in one observation of 100 skies, the others of 40."""
    found: dict[Product, list[tuple[float, float]]] = {product: [] for product in PRODUCTS}
    for seed in range(100):
        sky = Sky(seed)
        for product in PRODUCTS if seed >= 60 else PRODUCTS[:1]:
            name, more = BURST, dict[str, Any]()
            if product is Product.STANDARD_POS:
                name, more = "SIM-THERMAL", {"posobs": "user", "useposobs": single(sky, "SIM-THERMAL")}
            result = position.find(order_of(sky, product, name, **more), sky)
            if result is not None:
                found[product].append((offset(result, sky, name), result.err90))
    return found


@pytest.mark.parametrize("product", PRODUCTS)
def test_ninety_per_cent_circles_hold_the_truth_that_often(trials, product):
    inside = [distance <= 1 for distance, _ in trials[product]]
    assert len(inside) > 30
    assert 0.84 <= sum(inside) / len(inside) <= 0.97


def test_enhanced_circles_are_smaller_than_standard_ones(trials):
    assert max(err for _, err in trials[Product.ENHANCED_POS]) < 3.5
    assert min(err for _, err in trials[Product.STANDARD_POS]) >= 3.5


def test_some_sources_have_no_enhanced_position_for_no_visible_reason(trials):
    assert 1 <= 40 - len(trials[Product.ENHANCED_POS]) <= 10


def test_astrometric_errors_are_of_the_published_size(trials):
    assert all(1.0 < err < 16.0 for _, err in trials[Product.ASTROM_POS])


def photons(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> Photons:
    n = len(x)
    return Photons(x.astype(np.float32), y.astype(np.float32), np.full(n, 100, np.int16), np.zeros(n, np.int32))


@pytest.mark.parametrize(("counts", "background"), [(30, 0), (300, 0), (300, 300), (3000, 100)])
def test_the_fit_finds_a_source_within_its_errors(counts, background):
    pulls = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        radius = 5.8 * np.sqrt(random.random(counts) ** (-1 / 0.55) - 1)
        angle = random.random(counts) * 2 * np.pi
        flat = (random.random((2, background)) - 0.5) * 200
        events = photons(
            np.concatenate([3 + radius * np.cos(angle), flat[0]]), np.concatenate([radius * np.sin(angle) - 2, flat[1]])
        )
        fit = location.fit(events, (0.0, 0.0), background / 40000)
        pulls += [(fit.x - 3) / fit.sigma_x, (fit.y + 2) / fit.sigma_y]
        if not background:
            assert fit.sigma_x == pytest.approx(7.1 / math.sqrt(counts), rel=0.35)
    assert np.std(pulls) == pytest.approx(1.0, abs=0.3)
    assert abs(np.mean(pulls)) < 0.4


def test_a_fit_of_nothing_ends():
    empty = photons(np.zeros(0), np.zeros(0))
    assert math.isfinite(location.fit(empty, (0.0, 0.0), 0.0).sigma_x)
    assert location.cell_significance(empty, (0.0, 0.0)) == 0


def test_the_standard_result_is_one_line_of_eleven_fields():
    files = position.files(order_of(SKY, Product.STANDARD_POS, BURST), SKY)
    fields = text(files, "results.dat").rstrip("\n").split("\t")
    found = position.find(order_of(SKY, Product.STANDARD_POS, BURST), SKY)
    assert found is not None
    assert len(fields) == 11
    assert fields[:2] == [f"{found.ra:.5f}", f"{found.dec:.5f}"]
    assert fields[5] in ("0", "1")
    assert set(files) == {"results.dat", "summed.gif", "centroid.img.gz", "centroid_ex.img.gz"}


def test_iterative_detection_has_its_images_in_a_folder():
    files = position.files(order_of(SKY, Product.STANDARD_POS, BURST, detMeth="iterative"), SKY)
    assert {"centroid/centroid.img.gz", "centroid/centroid_ex.img.gz"} <= set(files)


def test_a_bright_source_has_the_pile_up_flag():
    order = order_of(SKY, Product.STANDARD_POS, "SIM-PILEUP", posobs="all")
    assert text(position.files(order, SKY), "results.dat").split("\t")[5] == "1"


def test_where_nothing_is_nothing_is_found():
    order = order_of(SKY, Product.STANDARD_POS, "SIM-NOTHING")
    assert position.find(order, SKY) is None
    assert text(position.files(order, SKY), "results.dat") == "NOPOS\n"


def test_a_centroid_is_given_without_asking_whether_a_source_is_there():
    assert position.find(order_of(SKY, Product.STANDARD_POS, "SIM-NOTHING", detornot="centroid"), SKY) is not None


def test_a_source_outside_the_radius_is_not_the_one():
    source = source_of(SKY, BURST)
    away: dict[str, Any] = {"Dec": str(source.dec + 40 / 3600)}
    assert position.find(order_of(SKY, Product.STANDARD_POS, BURST, **away), SKY) is None
    assert position.find(order_of(SKY, Product.STANDARD_POS, BURST, **away, posRadius="60"), SKY) is not None


def test_the_enhanced_result_is_eleven_lines():
    files = position.files(order_of(SKY, Product.ENHANCED_POS, BURST), SKY)
    lines = text(files, "success.txt").splitlines()
    assert len(lines) == 11
    assert lines[:2] == [BURST, "00966554"]
    assert float(lines[3]) + float(lines[5]) == pytest.approx(11895, rel=0.2)
    assert {"field.gif", "field.ps"} <= set(files)
    assert files["field.ps"].startswith(b"%!PS")


def test_without_an_enhanced_position_there_is_no_success_file():
    assert "success.txt" not in position.files(order_of(SKY, Product.ENHANCED_POS, "SIM-NOTHING"), SKY)


def test_the_astrometric_result_is_two_files_of_one_line():
    files = position.files(order_of(SKY, Product.ASTROM_POS, BURST), SKY)
    assert len(text(files, "corrpos.dat").split("\t")) == 5
    assert len(text(files, "xastrom_corr.dat").split("\t")) == 4
    assert {"orig.gif", "corrected.gif"} <= set(files)
    assert "NOCORR" not in files


def test_own_data_bring_own_images():
    files = position.files(order_of(SKY, Product.ASTROM_POS, BURST, allxastrom=1), SKY)
    assert "centroid/centroid.img.gz" in files


@pytest.mark.parametrize(
    ("outcome", "product", "name"),
    [("no_correction", Product.ASTROM_POS, "NOCORR"), ("no_position", Product.STANDARD_POS, "results.dat")],
)
def test_a_scenario_can_keep_a_position_away(outcome, product, name):
    sky = Sky(1, World.from_mapping({outcome: [BURST]}))
    order = order_of(sky, product, BURST)
    assert position.find(order, sky) is None
    assert position.files(order, sky)[name] in (b"", b"NOPOS\n")


def test_a_source_of_the_catalogue_may_be_taken_from_it():
    more: dict[str, Any] = {"useSXPS": 1, "posobs": "user", "useposobs": single(SKY, "GK Per")}
    order = order_of(SKY, Product.STANDARD_POS, "GK Per", **more)
    found = position.find(order, SKY)
    assert found is not None
    assert found.catalogue == "2SXPS"
    lines = text(position.files(order, SKY), "INSXPS").splitlines()
    assert len(lines) == 8
    assert lines[6:] == [single(SKY, "GK Per"), "2SXPS"]


def test_the_catalogue_is_not_asked_unless_it_is_wanted():
    found = position.find(
        order_of(SKY, Product.STANDARD_POS, "GK Per", posobs="user", useposobs=single(SKY, "GK Per")), SKY
    )
    assert found is None or found.catalogue is None


def test_observations_after_the_end_of_the_catalogue_are_not_in_it():
    more: dict[str, Any] = {"useSXPS": 1, "posobs": "user", "useposobs": single(SKY, "GK Per", -1)}
    found = position.find(order_of(SKY, Product.STANDARD_POS, "GK Per", **more), SKY)
    assert found is None or found.catalogue is None


def test_positions_do_not_depend_on_the_number_of_the_job():
    order = order_of(SKY, Product.STANDARD_POS, BURST)
    assert position.find(order, SKY) == position.find(dataclasses.replace(order, job_id=8), SKY)
