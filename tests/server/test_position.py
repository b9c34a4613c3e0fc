"""Positions: near the truth as often as their errors say, in the documented files."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest

from mock_server.core.model import Product
from mock_server.products import location, position
from mock_server.products.skyview import Photons
from mock_server.sky.archive import Sky
from mock_server.sky.coordinates import separation
from mock_server.sky.world import World
from tests.server.ordering import order_of, single, source_of

SKY = Sky(1)
BURST = "GRB 200416A"


def offset(found: position.Position, sky: Sky, name: str) -> float:
    """Distance from the truth in units of the error."""
    source = source_of(sky, name)
    return separation((found.ra, found.dec), (source.ra, source.dec)) * 3600 / found.err90


@cache
def built(product: Product, name: str = BURST, **parameters: Any) -> position.PositionProduct:
    return position.build(order_of(SKY, product, name, **parameters), SKY)


@pytest.fixture(scope="module")
def standard() -> list[tuple[float, float]]:
    """Distances in units of the error, and errors, in 60 single observations of a constant source."""
    found = []
    for sky in (Sky(1), Sky(2)):
        for n in range(30):
            obsid = single(sky, "SIM-THERMAL", n)
            order = order_of(sky, Product.STANDARD_POS, "SIM-THERMAL", posobs="user", useposobs=obsid)
            result = position.build(order, sky).found
            if result is not None:
                found.append((offset(result, sky, "SIM-THERMAL"), result.err90))
    return found


@pytest.fixture(scope="module")
def corrected() -> dict[Product, list[tuple[float, float]]]:
    """The same of enhanced and astrometric positions of a burst in 24 skies."""
    found: dict[Product, list[tuple[float, float]]] = {Product.ENHANCED_POS: [], Product.ASTROM_POS: []}
    for sky in map(Sky, range(100, 124)):
        for product, results in found.items():
            result = position.build(order_of(sky, product, BURST), sky).found
            if result is not None:
                results.append((offset(result, sky, BURST), result.err90))
    return found


def scatter(trials: list[tuple[float, float]]) -> float:
    """Scatter of positions in units of what their errors say, from the mean square of their distances."""
    return math.sqrt(sum(distance**2 for distance, _ in trials) / len(trials) * math.log(10))


def test_ninety_per_cent_circles_of_standard_positions_hold_the_truth_that_often(standard):
    inside = [distance <= 1 for distance, _ in standard]
    assert len(inside) == 60
    assert 0.84 <= sum(inside) / len(inside) <= 0.97
    assert 0.6 < scatter(standard) < 1.0  # several snapshots share the error of the star trackers out


@pytest.mark.parametrize("product", [Product.ENHANCED_POS, Product.ASTROM_POS])
def test_positions_scatter_as_their_errors_say(corrected, product):
    assert len(corrected[product]) >= 20
    assert scatter(corrected[product]) == pytest.approx(1.0, abs=0.25)


def test_enhanced_circles_are_smaller_than_standard_ones(standard, corrected):
    assert max(err for _, err in corrected[Product.ENHANCED_POS]) < 3.5
    assert min(err for _, err in standard) >= 3.5


def test_some_sources_have_no_enhanced_position_for_no_visible_reason():
    sky = Sky(21)  # the first one under which this burst is one of them
    product = position.EnhancedPosition(order_of(sky, Product.ENHANCED_POS, BURST), sky)
    assert len(product.used) > 3
    assert product.found is None
    assert "success.txt" not in product.files()


def test_astrometric_errors_are_of_the_published_size(corrected):
    assert all(1.0 < err < 16.0 for _, err in corrected[Product.ASTROM_POS])


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
    product = built(Product.STANDARD_POS)
    files, found = product.files(), product.found
    fields = files["results.dat"].decode().rstrip("\n").split("\t")
    assert found is not None
    assert len(fields) == 11
    assert fields[:2] == [f"{found.ra:.5f}", f"{found.dec:.5f}"]
    assert fields[5] == "0"
    assert set(files) == {"results.dat", "summed.gif", "centroid.img.gz", "centroid_ex.img.gz"}


def test_iterative_detection_has_its_images_in_a_folder():
    files = built(Product.STANDARD_POS, detMeth="iterative").files()
    assert {"centroid/centroid.img.gz", "centroid/centroid_ex.img.gz"} <= set(files)


def test_a_bright_source_has_the_pile_up_flag():
    obsid = single(SKY, "SIM-PILEUP")
    files = built(Product.STANDARD_POS, "SIM-PILEUP", posobs="user", useposobs=obsid).files()
    assert files["results.dat"].decode().split("\t")[5] == "1"


def test_where_nothing_is_nothing_is_found():
    product = built(Product.STANDARD_POS, "SIM-NOTHING")
    assert product.answer() is None
    assert product.files()["results.dat"] == b"NOPOS\n"


def test_a_centroid_is_given_without_asking_whether_a_source_is_there():
    assert built(Product.STANDARD_POS, "SIM-NOTHING", detornot="centroid").answer() is not None


@pytest.mark.parametrize(("radius", "found"), [("20", False), ("60", True)])
def test_a_source_outside_the_radius_is_not_the_one(radius, found):
    source = source_of(SKY, BURST)
    product = built(Product.STANDARD_POS, Dec=str(source.dec + 40 / 3600), posRadius=radius)
    assert (product.answer() is not None) == found


def test_the_enhanced_result_is_eleven_lines():
    files = built(Product.ENHANCED_POS).files()
    lines = files["success.txt"].decode().splitlines()
    assert len(lines) == 11
    assert lines[:2] == [BURST, "00966554"]
    assert float(lines[3]) + float(lines[5]) == pytest.approx(11895, rel=0.2)
    assert {"field.gif", "field.ps"} <= set(files)
    assert files["field.ps"].startswith(b"%!PS")


def test_without_an_enhanced_position_there_is_no_success_file():
    assert "success.txt" not in built(Product.ENHANCED_POS, "SIM-NOTHING").files()


def test_the_astrometric_result_is_two_files_of_one_line():
    files = built(Product.ASTROM_POS).files()
    assert len(files["corrpos.dat"].decode().split("\t")) == 5
    assert len(files["xastrom_corr.dat"].decode().split("\t")) == 4
    assert {"orig.gif", "corrected.gif"} <= set(files)
    assert "NOCORR" not in files


def test_own_data_bring_own_images():
    chosen = single(SKY, BURST)
    files = built(Product.ASTROM_POS, posobs="user", useposobs=chosen, allxastrom=1).files()
    assert "centroid/centroid.img.gz" in files


@pytest.mark.parametrize(
    ("parameters", "own"),
    [({}, True), ({"detMeth": "iterative"}, False), ({"detMeth": "iterative", "allxastrom": 1}, True)],
)
def test_an_astrometric_position_has_its_images_unless_the_standard_one_has_them(parameters, own):
    astrometric, standard = (built(p, **parameters).files() for p in (Product.ASTROM_POS, Product.STANDARD_POS))
    assert ("centroid/centroid.img.gz" in astrometric) == own
    assert ("centroid/centroid.img.gz" in standard) == ("detMeth" in parameters)


@pytest.mark.parametrize(
    ("outcome", "product", "name", "content"),
    [
        ("no_correction", Product.ASTROM_POS, "NOCORR", b""),
        ("no_position", Product.ASTROM_POS, "NOCORR", b""),
        ("no_position", Product.STANDARD_POS, "results.dat", b"NOPOS\n"),
    ],
)
def test_a_scenario_can_keep_a_position_away(outcome, product, name, content):
    sky = Sky(1, World.from_mapping({outcome: [BURST]}))
    made = position.build(order_of(sky, product, BURST), sky)
    assert made.answer() is None
    assert made.files()[name] == content


@pytest.mark.parametrize("product", [Product.STANDARD_POS, Product.ASTROM_POS])
def test_a_source_of_the_catalogue_may_be_taken_from_it(product):
    obsid = single(SKY, "GK Per")
    made = built(product, "GK Per", useSXPS=1, posobs="user", useposobs=obsid)
    assert made.found is not None
    assert made.found.catalogue == "2SXPS"
    lines = made.files()["INSXPS"].decode().splitlines()
    assert len(lines) == 8
    assert lines[6:] == [obsid, "2SXPS"]


def test_the_catalogue_is_not_asked_unless_it_is_wanted():
    found = built(Product.STANDARD_POS, "GK Per", posobs="user", useposobs=single(SKY, "GK Per")).answer()
    assert found is not None
    assert found.catalogue is None


def test_observations_after_the_end_of_the_catalogue_are_not_in_it():
    last = single(SKY, "GK Per", -1)
    found = built(Product.STANDARD_POS, "GK Per", useSXPS=1, posobs="user", useposobs=last).answer()
    assert found is not None
    assert found.catalogue is None


def test_positions_do_not_depend_on_the_number_of_the_job():
    order = order_of(SKY, Product.STANDARD_POS, BURST, job_id=8)
    assert position.build(order, SKY).answer() == built(Product.STANDARD_POS).answer()
