"""Archives of six kinds of source, spectra apart, opened by independent readers."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
from typing import Any

import fitsio
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from PIL import Image

from mock_server.core.model import Product
from mock_server.products.builder import ProductBuilder
from mock_server.sky.archive import Sky
from tests.server.fitsverify import verified
from tests.server.ordering import NOW, order_of

SKY = Sky(3)
PRODUCTS = [product for product in Product if product is not Product.SPECTRUM]  # spectra have tests of their own
SOURCES: dict[str, tuple[str, dict[str, Any]]] = {
    "a burst": ("GRB 200416A", {}),
    "limits alone": ("SIM-NOTHING", {"binMeth": "obsid"}),
    "bright and piled up": ("M82", {"binMeth": "obsid", "lctimetype": "m"}),
    "windowed timing alone": ("SIM-WINDOWED", {"binMeth": "time", "wtbin": "100"}),
    "binned by snapshot": ("GRB 060729", {"binMeth": "snapshot"}),
    "binned by observation": ("GK Per", {"binMeth": "obsid"}),
}


def opened(kind: str, product: Product) -> dict[str, bytes]:
    """Return the files of an archive by their paths below the product's folder."""
    name, parameters = SOURCES[kind]
    source = SKY.named(name)
    assert source is not None
    few = [o.obsid for o in SKY.observations(source.targets, (source.ra, source.dec), NOW)[:12]]
    chosen: dict[str, Any] = {}
    for which, use in (("lcobs", "uselcobs"), ("imobs", "useimobs"), ("posobs", "useposobs"), ("detobs", "usedetobs")):
        chosen |= {which: "user", use: ",".join(few)}
    order = order_of(SKY, product, name, **{**chosen, **parameters})
    packed = b"".join(ProductBuilder(SKY).archive([order], "tar.gz"))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        members = {member.name.split("/", 2)[2]: archive.extractfile(member) for member in archive.getmembers()}
        return {name: stream.read() for name, stream in members.items() if stream is not None}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_table_of_a_light_curve_is_read(kind):
    files = opened(kind, Product.LIGHT_CURVE)
    tables = {name: data.decode("ascii") for name, data in files.items() if name.endswith(".qdp")}
    assert len(tables) > 12
    for name, text in tables.items():
        lines = [line for line in text.splitlines() if re.match(r"-?\d", line)]
        assert lines or name == "wt_sys_plot.qdp", name
        for group in {line.count("\t") for line in lines}:
            rows = [line for line in lines if line.count("\t") == group]
            read = Table.read(rows, format="ascii.no_header", delimiter="\t")
            assert len(read) == len(rows), name
            assert np.isfinite(np.array([read["col1"], read["col2"], read["col3"]], dtype=float)).all(), name
    for name in (n for n in files if n.endswith(".gif")):
        with Image.open(io.BytesIO(files[name])) as picture:
            picture.load()
            assert picture.size == (560, 400)


@pytest.mark.parametrize("kind", [kind for kind in SOURCES if kind != "windowed timing alone"])
@pytest.mark.parametrize("product", PRODUCTS[1:], ids=lambda product: product.value)
def test_every_image_is_read_by_astropy_and_by_cfitsio(kind, product, tmp_path):
    files = opened(kind, product)
    assert len(files) > 2
    for name, data in files.items():
        if name.endswith(".img.gz"):
            plain = tmp_path / "one.img"
            plain.write_bytes(gzip.decompress(data))
            with fits.open(plain) as units, fitsio.FITS(str(plain)) as others:
                units.verify("exception")
                assert units[0].data.shape == (1000, 1000)
                assert np.array_equal(units[0].data, others[0].read())
                header = others[0].read_header()
                assert header["TSTART"] < header["TSTOP"]
                assert header["DATE-OBS"] == units[0].header["DATE-OBS"]
        elif name.endswith(".gif"):
            with Image.open(io.BytesIO(data)) as picture:
                picture.load()


@pytest.mark.parametrize("kind", [kind for kind in SOURCES if kind != "windowed timing alone"])
def test_fitsverify_finds_neither_errors_nor_warnings_in_images(kind, tmp_path):
    paths = []
    for product in PRODUCTS[1:]:
        for name, data in opened(kind, product).items():
            if name.endswith(".img.gz"):
                paths.append(tmp_path / f"{product.value}-{name.replace('/', '-')}".removesuffix(".gz"))
                paths[-1].write_bytes(gzip.decompress(data))
    assert verified(paths) == []


@pytest.mark.parametrize("kind", ["bright and piled up", "binned by observation"])
def test_the_background_map_has_its_band(kind):
    files = opened(kind, Product.SOURCE_DET)
    with fits.open(io.BytesIO(gzip.decompress(files["bgmap_Total.img.gz"]))) as units:
        assert (units[0].header["E_MIN"], units[0].header["E_MAX"]) == (0.3, 10.0)


def test_the_burst_of_the_tutorial_shows_what_its_pages_print_under_the_default_seed():
    """Spectra and hardness in windowed timing, and an astrometric position."""
    builder = ProductBuilder(Sky(0))
    curve, spectra, position = (
        builder.answer(order_of(Sky(0), product, "GRB 200416A"))
        for product in (Product.LIGHT_CURVE, Product.SPECTRUM, Product.ASTROM_POS)
    )
    assert {"WT", "WTHard", "WTSoft", "WTHR", "PC", "PCHR"} <= set(curve["Datasets"])
    assert spectra["interval0"]["Modes"] == ["WT", "PC"]
    assert position is not None
