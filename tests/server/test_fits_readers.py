"""Every FITS file of every product opens in two independent readers, astropy and cfitsio."""

from __future__ import annotations

import gzip
import io
import tarfile
import warnings
from functools import cache

import fitsio
import pytest
from astropy.io import fits

from mock_server.core.model import Product
from mock_server.products.archive import whole
from mock_server.products.builder import ProductBuilder
from mock_server.sky.archive import Sky
from tests.server.ordering import order_of

PRODUCTS = (Product.SPECTRUM, Product.STANDARD_POS, Product.IMAGE, Product.SOURCE_DET)
ENDINGS = (".pi", ".arf", ".rmf", ".img.gz")


@cache
def fits_files(product: Product) -> dict[str, bytes]:
    """All FITS files of a product of GRB 200416A, those inside the archives of single spectra included."""
    sky = Sky(1)
    found: dict[str, bytes] = {}
    for name, content in ProductBuilder(sky).files(order_of(sky, product, "GRB 200416A")).items():
        data = whole(content)
        if name.endswith(".tar.gz"):
            with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                inner = {m.name: archive.extractfile(m) for m in archive.getmembers() if m.isfile()}
                found |= {f"{name}/{path}": file.read() for path, file in inner.items() if file is not None}
        else:
            found[name] = data
    return {name: data for name, data in found.items() if name.endswith(ENDINGS)}


@pytest.mark.parametrize("product", PRODUCTS)
def test_astropy_opens_and_verifies_every_file_without_a_warning(product):
    assert fits_files(product)
    for name, data in fits_files(product).items():
        plain = gzip.decompress(data) if name.endswith(".gz") else data
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with fits.open(io.BytesIO(plain)) as units:
                units.verify("exception")
                assert len(units) >= 1, name


@pytest.mark.parametrize("product", PRODUCTS)
def test_cfitsio_opens_every_file_and_finds_as_many_units(product, tmp_path):
    for name, data in fits_files(product).items():
        path = tmp_path / name.replace("/", "_")
        path.write_bytes(data)
        plain = gzip.decompress(data) if name.endswith(".gz") else data
        with fits.open(io.BytesIO(plain)) as units, fitsio.FITS(str(path)) as opened:
            assert len(opened) == len(units), name
            assert all(unit.read_header() is not None for unit in opened), name
