"""Source lists: what clients can read, honest errors, about as many sources as published fields have."""

import math
from typing import Any

import numpy as np
import pytest

from mock_server.core.model import Product
from mock_server.products import detection, skyview
from mock_server.products.extraction import Scene
from mock_server.products.skyview import SkyView
from mock_server.sky.archive import Sky
from mock_server.sky.coordinates import separation
from tests.server.ordering import order_of, single, source_of

SKY = Sky(1)
BURST = "GRB 200416A"


def view_of(name: str, sky: Sky = SKY, **parameters: Any) -> SkyView:
    return SkyView(Scene.of(order_of(sky, Product.SOURCE_DET, name, **parameters), sky, ""))


def detect(view: SkyView) -> detection.Band:
    return detection.detect(view, detection.BANDS["Total"], view.exposure_maps())


def truth_of(view: SkyView) -> list[tuple[float, float]]:
    """Where something shines in a field."""
    return [(s.ra, s.dec) for s in view.neighbours] + [(view.scene.source.ra, view.scene.source.dec)]


def away(one: detection.Detected, truth: list[tuple[float, float]]) -> float:
    """How far a detected source lies from the nearest true one [arcsec]."""
    return min(separation((one.ra, one.dec), place) for place in truth) * 3600


@pytest.fixture(scope="module")
def product() -> detection.SourceLists:
    return detection.build(order_of(SKY, Product.SOURCE_DET, BURST, detbands="all"), SKY)


@pytest.fixture(scope="module")
def lists(product):
    return product.answer()


@pytest.fixture(scope="module")
def deep() -> tuple[SkyView, detection.Band]:
    view = view_of("GRB 060729")
    return view, detect(view)


def as_the_client_reads(value: str) -> float | int | str:
    """The official client's rule: no digit, a text; a dot, a float; else an integer."""
    if not any(c.isdigit() for c in value):
        return value
    return float(value) if "." in value else int(value)


def test_bands_are_those_asked_for(lists):
    assert list(lists) == ["Total", "Soft", "Medium", "Hard"]
    assert list(detection.build(order_of(SKY, Product.SOURCE_DET, BURST), SKY).answer()) == ["Total"]


def test_every_value_is_a_text_that_clients_can_read(lists):
    for rows in lists.values():
        for row in rows:
            assert all(isinstance(value, str) for value in row.values())
            read = {key: as_the_client_reads(value) for key, value in row.items()}
            assert isinstance(read["sno"], int)
            assert isinstance(read["ra"], float)
            assert isinstance(read["flag"], str)


def test_the_documented_fields_come_first_in_their_order(lists):
    documented = ["sno", "x", "y", "ra", "ra_pos", "ra_neg", "dec", "dec_pos", "dec_neg", "err90", "l", "b", "C"]
    assert list(lists["Total"][0])[:13] == documented
    assert tuple(lists["Total"][0]) == detection.COLUMNS


def test_the_error_follows_from_the_errors_of_both_axes(lists):
    for rows in lists.values():
        for row in rows:
            value = {key: float(row[key]) for key in ("ra_pos", "dec_pos", "dec", "err90")}
            across = value["ra_pos"] * math.cos(math.radians(value["dec"])) * 3600
            assert value["err90"] == pytest.approx(math.hypot(3.5, across, value["dec_pos"] * 3600), abs=1e-9)


def test_lower_errors_are_negative(lists):
    assert all(float(row[key]) < 0 for row in lists["Total"] for key in ("ra_neg", "dec_neg", "rate_neg"))


def test_the_target_is_first_and_where_it_is(lists):
    source, first = source_of(SKY, BURST), lists["Total"][0]
    assert first["sno"] == "1"
    assert first["flag"] == "Good"
    assert separation((float(first["ra"]), float(first["dec"])), (source.ra, source.dec)) * 3600 < 5


def test_pixels_and_sky_agree(lists):
    view = view_of(BURST)
    for row in lists["Total"]:
        x, y = skyview.pixel(view.place((float(row["ra"]), float(row["dec"]))))
        assert (x, y) == pytest.approx((float(row["x"]), float(row["y"])), abs=0.004)


def test_brightest_come_first(lists):
    rates = [float(row["rate"]) for row in lists["Total"]]
    assert rates == sorted(rates, reverse=True)


def test_a_constant_source_has_its_true_rate():
    chosen = ",".join(single(SKY, "SIM-THERMAL", k) for k in range(12))
    view = view_of("SIM-THERMAL", detobs="user", usedetobs=chosen)
    assert detect(view).detected[0].rate == pytest.approx(0.3, rel=0.25)  # bad columns take some


def test_a_deep_field_shows_about_as_many_sources_as_real_ones(deep):
    assert 18 <= len(deep[1].detected) <= 60


def test_a_shallow_field_shows_fewer_sources():
    view = view_of("GRB 060729", detobs="user", usedetobs="00221755001,00221755002")
    assert 2 <= len(detect(view).detected) <= 12


def test_most_of_what_is_listed_is_really_there(deep):
    view, found = deep
    near = [away(one, truth_of(view)) < 15 for one in found.detected]
    assert sum(near) / len(near) > 0.9


def test_positions_of_field_sources_hold_the_truth(deep):
    views = [deep, *((view, detect(view)) for view in (view_of("GRB 060729", Sky(seed)) for seed in (2, 3, 4, 5)))]
    inside = [
        away(one, truth_of(view)) <= one.fit.err90 for view, found in views for one in found.detected if one.counts > 30
    ]
    assert len(inside) > 25
    assert sum(inside) / len(inside) > 0.84


def test_no_two_entries_are_one_source(deep):
    places = [(one.fit.x, one.fit.y) for one in deep[1].detected]
    assert all(math.dist(a, b) > 20 for n, a in enumerate(places) for b in places[:n])


def test_the_background_map_is_the_background():
    view = view_of("SIM-NOTHING")
    background = detect(view).background
    per_pixel = 2.5e-7 * view.exposure * (skyview.PIXEL / 2.36) ** 2
    assert background[45:55, 45:55].mean() == pytest.approx(per_pixel, rel=0.5)


def test_files_are_tables_regions_and_maps(product):
    files = product.files()
    bands = ("Total", "Soft", "Medium", "Hard")
    expected = {"summed.img.gz", "summed_ex.img.gz", "summed.gif"}
    expected |= {f"{stem}_{band}.{end}" for band in bands for stem, end in (("sourceList", "txt"), ("sources", "reg"))}
    assert set(files) == expected | {f"bgmap_{band}.img.gz" for band in bands}
    head, *rows = files["sourceList_Total.txt"].decode().splitlines()
    assert head.split("\t") == list(detection.COLUMNS)
    assert len(rows) == files["sources_Total.reg"].decode().count("circle(")


def test_an_empty_list_is_a_table_with_a_header_only():
    empty = detection.Band((), np.zeros((100, 100), np.float32))
    assert empty.rows() == []
    assert empty.table().decode().count("\n") == 1
