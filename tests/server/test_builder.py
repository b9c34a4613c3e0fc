"""The builder: every product from one order, the same whenever and however often it is asked for, in bounded room."""

import dataclasses
import io
import tarfile
import zipfile

import pytest

from mock_server.core.model import Product, StatusCode
from mock_server.products import photons
from mock_server.products.builder import PRODUCTS_LIMIT, ProductBuilder
from mock_server.sky.archive import Sky, World
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
    members = names(builder.archive([order_of(sky, product, BURST)], "tar.gz"))
    assert all(name.startswith(f"USERPROD_7/{product.value}/") for name in members)
    assert f"USERPROD_7/{product.value}/{product.value}.log" in members
    assert f"USERPROD_7/{product.value}/progress.json" in members
    assert not any(".." in name.split("/") or name.startswith("/") for name in members)


def test_all_products_share_one_archive(builder, sky):
    orders = [order_of(sky, product, BURST) for product in ALL]
    with zipfile.ZipFile(io.BytesIO(builder.archive(orders, "zip"))) as archive:
        folders = {name.split("/")[1] for name in archive.namelist()}
    assert folders == {product.value for product in ALL}


@pytest.mark.parametrize("outcome", [StatusCode.FAILED, StatusCode.CANCELLED])
def test_what_did_not_complete_has_a_log_only(sky, outcome):
    builder = ProductBuilder(sky)
    order = dataclasses.replace(order_of(sky, Product.IMAGE, BURST), outcome=outcome)
    assert sorted(builder.files(order)) == ["image.log", "progress.json"]
    assert builder.built == 0
    assert outcome.name.lower() in builder.files(order)["image.log"].decode()


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
    assert rows[-1][5:] == ["no", "outside", "requested", "range"]


@pytest.mark.parametrize("product", ALL)
def test_the_same_request_twice_has_the_same_contents(sky, product):
    order = order_of(sky, product, BURST)
    first = dict(ProductBuilder(sky).files(order))
    photons.memory.clear()
    again = ProductBuilder(Sky(1)).files(dataclasses.replace(order, job_id=8))
    log = f"{product.value}.log"
    assert first.pop(log) == again[log].replace(b"job 8", b"job 7")
    assert first == {path: data for path, data in again.items() if path != log}


def test_the_order_of_downloads_does_not_matter(sky):
    orders = [order_of(sky, product, BURST) for product in (Product.LIGHT_CURVE, Product.SPECTRUM, Product.IMAGE)]
    photons.memory.clear()
    forward = [ProductBuilder(sky).files(order) for order in orders]
    photons.memory.clear()
    backward = [ProductBuilder(sky).files(order) for order in reversed(orders)]
    assert forward == backward[::-1]


def test_a_second_download_builds_nothing(sky):
    builder = ProductBuilder(sky)
    order = order_of(sky, Product.LIGHT_CURVE, BURST)
    packed = builder.archive([order], "tar.gz")
    built, drawn = builder.built, photons.memory.made
    assert builder.archive([order], "tar.gz") == packed
    assert (builder.built, photons.memory.made) == (built, drawn)


def test_two_jobs_with_equal_requests_share_their_contents(sky):
    builder = ProductBuilder(sky)
    order = order_of(sky, Product.IMAGE, BURST)
    builder.files(order)
    built = builder.built
    builder.files(dataclasses.replace(order, built_at=NOW + 3600, ended_at=NOW + 4000))
    assert builder.built == built


def test_a_later_build_of_a_growing_archive_is_another_product(sky):
    builder, trigger = ProductBuilder(sky), 1587020717.0
    order = order_of(sky, Product.IMAGE, BURST, now=trigger + 3.5 * 86400, imen="0.3-10")
    before, after = builder.files(order), builder.files(dataclasses.replace(order, built_at=trigger + 9 * 86400))
    assert before["image1.img.gz"] != after["image1.img.gz"]
    first, second = ([line for line in made["image.log"].splitlines() if line[:1] == b"0"] for made in (before, after))
    assert second[: len(first)] == first


def test_a_reprocessed_archive_gives_slightly_other_photons():
    sky = Sky(1, World.from_mapping({"reprocessings": ["2026-04-01"], "reprocessing_spread_d": 1}))
    order = order_of(sky, Product.IMAGE, BURST)
    builder = ProductBuilder(sky)
    rows = [
        builder.sources(dataclasses.replace(order_of(sky, Product.SOURCE_DET, BURST), built_at=at))["Total"][0]
        for at in (NOW, NOW + 60 * 86400)
    ]
    first, second = (int(row["C"]) for row in rows)
    assert first != second
    assert abs(first - second) < 0.05 * first
    later = builder.files(dataclasses.replace(order, built_at=NOW + 60 * 86400))["image.log"].decode()
    assert later.splitlines()[-1].split()[4] == "2"


def test_positions_are_numbers_in_answers_and_texts_in_files(builder, sky):
    order = order_of(sky, Product.STANDARD_POS, BURST)
    found = builder.position(order)
    assert found is not None
    assert builder.files(order)["results.dat"].decode().split("\t")[0] == f"{found.ra:.5f}"


def test_answers_and_files_of_a_light_curve_agree(builder, sky):
    order = order_of(sky, Product.LIGHT_CURVE, BURST)
    tables = builder.light_curve(order)
    rows = len(tables["PCData"]["data"]) + len(tables.get("PCULData", {"data": []})["data"])
    rows += len(tables["WTData"]["data"]) if "WT" in tables["Datasets"] else 0
    lines = builder.files(order)["curve.qdp"].decode().splitlines()
    assert rows == sum(line[0].isdigit() or line[0] == "-" for line in lines)


def test_spectra_name_files_that_exist(builder, sky):
    order = order_of(sky, Product.SPECTRUM, BURST)
    answer = builder.spectra(order)
    files = builder.files(order)
    for name in answer["rnames"]:
        assert answer[name]["DataFile"] == f"{order.url}/spec/{name}.tar.gz"
        assert f"{name}.tar.gz" in files


def test_memory_stays_within_its_bounds(sky):
    builder = ProductBuilder(sky)
    builder.memory.limit = 100_000
    for number in range(3, 12):
        builder.archive([order_of(sky, Product.STANDARD_POS, BURST, posobstime=number)], "tar")
        assert builder.memory.used <= 100_000
        assert photons.memory.used <= photons.memory.limit
    assert PRODUCTS_LIMIT == 256 * 2**20
