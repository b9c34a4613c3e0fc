"""The builder: every product from one order, the same whenever and however often it is asked for, in bounded room."""

import dataclasses
import io
import tarfile
import zipfile

import pytest

from mock_server.core.model import Product, StatusCode
from mock_server.products import fitting, photons
from mock_server.products.archive import whole
from mock_server.products.builder import MODULES, ProductBuilder
from mock_server.sky.archive import Sky
from mock_server.sky.world import World
from tests.server.ordering import NOW, order_of

BURST = "GRB 200416A"
ALL = tuple(Product)


@pytest.fixture(scope="module")
def sky() -> Sky:
    return Sky(1)


@pytest.fixture(scope="module")
def builder(sky: Sky) -> ProductBuilder:
    return ProductBuilder(sky)


def names(packed: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return archive.getnames()


@pytest.mark.parametrize("product", ALL)
def test_every_product_lies_in_its_own_folder_below_the_jobs(builder, sky, product):
    members = names(b"".join(builder.archive([order_of(sky, product, BURST)], "tar.gz")))
    assert all(name.startswith(f"USERPROD_7/{product.value}/") for name in members)
    assert f"USERPROD_7/{product.value}/{product.value}.log" in members
    assert f"USERPROD_7/{product.value}/progress.json" in members
    assert not any(".." in name.split("/") or name.startswith("/") for name in members)


def test_all_products_share_one_archive(builder, sky):
    orders = [order_of(sky, product, BURST) for product in ALL]
    with zipfile.ZipFile(io.BytesIO(b"".join(builder.archive(orders, "zip")))) as archive:
        folders = {name.split("/")[1] for name in archive.namelist()}
    assert folders == {product.value for product in ALL}


@pytest.mark.parametrize("outcome", [StatusCode.FAILED, StatusCode.CANCELLED])
def test_what_did_not_complete_has_a_log_only(sky, outcome):
    builder = ProductBuilder(sky)
    order = dataclasses.replace(order_of(sky, Product.IMAGE, BURST), outcome=outcome)
    assert sorted(builder.files(order)) == ["image.log", "progress.json"]
    assert len(builder.files_kept) == len(builder.products_kept) == 0
    assert outcome.name.lower() in whole(builder.files(order)["image.log"]).decode()


def test_a_product_without_any_data_still_has_its_log(sky):
    order = dataclasses.replace(order_of(sky, Product.IMAGE, "SIM-UNOBSERVED"), outcome=StatusCode.FAILED)
    assert b"calibration none" in ProductBuilder(sky).files(order)["image.log"]


def test_the_log_names_each_observation_and_says_what_was_used(builder, sky):
    log = builder.files(order_of(sky, Product.STANDARD_POS, BURST))["psf.log"].decode().splitlines()
    rows = [line.split() for line in log if not line.startswith("#")]
    assert log[0] == "# product psf  job 7  built 2026-03-01T00:05:00Z"
    assert log[1].startswith("# archive state 2026-03-01T00:00:00Z  calibration 2026")
    assert [row[0] for row in rows[:2]] == ["00966554000", "00966554000"]
    assert rows[0][-2:] == ["one-dimensional", "data"]
    assert rows[1][-1] == "yes" or rows[1][-1] == "it"
    assert rows[-1][5:] == ["drawn", "no", "outside", "requested", "range"]


@pytest.mark.parametrize("product", ALL)
def test_contents_depend_neither_on_the_job_nor_on_what_was_made_before(builder, sky, product):
    order = order_of(sky, product, BURST)
    first = dict(builder.files(order))
    photons.kept.clear()
    again = ProductBuilder(Sky(1)).files(dataclasses.replace(order, job_id=8))
    log = f"{product.value}.log"
    assert first.pop(log) == whole(again[log]).replace(b"job 8", b"job 7")
    assert first == {path: data for path, data in again.items() if path != log}


def test_a_second_download_builds_nothing(builder, sky):
    order = order_of(sky, Product.LIGHT_CURVE, BURST)
    packed = builder.archive([order], "tar.gz")
    photons.kept.clear()
    assert builder.archive([order], "tar.gz") is packed
    assert len(photons.kept) == 0


def test_an_answer_and_files_are_made_from_one_product(sky, monkeypatch):
    builder, order = ProductBuilder(sky), order_of(sky, Product.SPECTRUM, BURST)
    builder.answer(order)
    monkeypatch.setattr(fitting, "fit", lambda *_, **__: pytest.fail("fitted again"))
    assert "interval0.tar.gz" in builder.files(order)


def test_a_later_call_that_finds_the_same_archive_shares_the_contents(builder, sky):
    order = order_of(sky, Product.LIGHT_CURVE, BURST)
    first = builder.files(order)
    later = builder.files(dataclasses.replace(order, built_at=NOW + 3600))
    assert first["curve.gif"] is later["curve.gif"]


def test_a_later_build_of_a_growing_archive_is_another_product(sky):
    builder, trigger = ProductBuilder(sky), 1587020717.0
    order = order_of(sky, Product.LIGHT_CURVE, BURST, now=trigger + 3.5 * 86400)
    before, after = builder.files(order), builder.files(dataclasses.replace(order, built_at=trigger + 9 * 86400))
    assert before["curve.qdp"] != after["curve.qdp"]
    first, second = (
        [line for line in whole(made["lc.log"]).splitlines() if line[:1] == b"0"] for made in (before, after)
    )
    assert 0 < len(first) < len(second)
    assert second[: len(first)] == first


def test_a_reprocessed_archive_gives_slightly_other_photons():
    sky = Sky(1, World.from_mapping({"reprocessings": ["2026-04-01"], "reprocessing_spread_d": 1}))
    builder, order = ProductBuilder(sky), order_of(sky, Product.LIGHT_CURVE, BURST, binMeth="obsid")
    later = dataclasses.replace(order, built_at=NOW + 60 * 86400)
    tables = [builder.answer(one, "no", "yes")["PC_incbadData"] for one in (order, later)]
    counts = [sum(int(row[table["columns"].index("CtsInSrc")]) for row in table["data"]) for table in tables]
    assert 0 < abs(counts[0] - counts[1]) < 0.05 * counts[0]
    versions = [whole(builder.files(one)["lc.log"]).decode().splitlines()[-1].split()[4] for one in (order, later)]
    assert versions == ["1", "2"]


def test_positions_are_numbers_in_answers_and_texts_in_files(builder, sky):
    order = order_of(sky, Product.STANDARD_POS, BURST)
    found = builder.answer(order)
    assert found is not None
    assert builder.files(order)["results.dat"].decode().split("\t")[0] == f"{found.ra:.5f}"


def test_answers_and_files_of_a_light_curve_agree(builder, sky):
    order = order_of(sky, Product.LIGHT_CURVE, BURST)
    tables = builder.answer(order)
    rows = len(tables["PCData"]["data"]) + len(tables.get("PCULData", {"data": []})["data"])
    rows += len(tables["WTData"]["data"]) if "WT" in tables["Datasets"] else 0
    lines = builder.files(order)["curve.qdp"].decode().splitlines()
    assert rows == sum(line[:1].isdigit() or line[:1] == "-" for line in lines)


def test_spectra_name_files_that_exist(builder, sky):
    order = order_of(sky, Product.SPECTRUM, BURST)
    answer = builder.answer(order)
    files = builder.files(order)
    for name in answer["rnames"]:
        assert answer[name]["DataFile"] == f"{order.url}/spec/{name}.tar.gz"
        assert f"{name}.tar.gz" in files


def test_contents_stay_within_their_room(sky):
    builder = ProductBuilder(sky, files_room=100_000)
    for number in range(3, 9):
        builder.archive([order_of(sky, Product.ENHANCED_POS, BURST, posobstime=number)], "tar")
        assert 0 < builder.files_kept.used <= 100_000
        assert photons.kept.currsize <= photons.kept.maxsize


def test_every_product_has_a_module_that_builds_it():
    assert set(MODULES) == set(Product)
