"""Images: standard FITS on the right place of the sky, holding the photons there are."""

import gzip
import io
import tracemalloc
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS, FITSFixedWarning
from PIL import Image

from mock_server.core.model import Product
from mock_server.products import images, photons, skyview
from mock_server.products.extraction import Scene
from mock_server.products.skyview import SkyView, image
from mock_server.sky.archive import Sky
from tests.server.ordering import order_of, single, source_of

SKY = Sky(1)
BURST = "GRB 200416A"


@pytest.fixture(scope="module")
def made():
    return images.build(order_of(SKY, Product.IMAGE, BURST), SKY).files()


@pytest.fixture(scope="module")
def view() -> SkyView:
    return SkyView(Scene.of(order_of(SKY, Product.IMAGE, BURST), SKY, ""))


def opened(data: bytes) -> fits.HDUList:
    return fits.open(io.BytesIO(gzip.decompress(data)))


def wcs(header: fits.Header) -> WCS:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)  # RADECSYS, as real images have it, is an old keyword
        return WCS(header)


def test_the_files_are_the_documented_ones(made):
    expected = {"images.log"} | {f"{stem}.gif" for stem in ("summed_ex", "summed_vignet_ex")}
    expected |= {f"{stem}.img.gz" for stem in ("summed_ex", "summed_vignet_ex")}
    expected |= {f"image{n}.{ending}" for n in (1, 2, 3) for ending in ("img.gz", "gif")}
    assert set(made) == expected


def test_images_are_made_within_a_few_maps_of_memory():
    """Whatever is larger leaves larger holes between what is kept, year after year."""
    product = images.build(order_of(SKY, Product.IMAGE, BURST), SKY)
    product.files()
    tracemalloc.start()
    try:
        product.files()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 3.25 * 4 * skyview.SIDE**2


def test_the_log_names_each_band(made):
    assert made["images.log"] == b"1\t0.3\t10\n2\t0.3\t1.5\n3\t1.51\t10\n"


@pytest.mark.parametrize("name", ["image1.img.gz", "image2.img.gz", "summed_ex.img.gz", "summed_vignet_ex.img.gz"])
def test_fits_files_pass_verification_without_a_warning(made, name):
    with opened(made[name]) as unit:
        unit.verify("exception")
        assert unit[0].data.shape == (1000, 1000)


def test_a_verified_file_is_whole_blocks(made):
    assert len(gzip.decompress(made["image1.img.gz"])) % 2880 == 0


def test_counts_are_short_integers_and_maps_are_floats(made):
    with opened(made["image1.img.gz"]) as counts, opened(made["summed_ex.img.gz"]) as exposure:
        assert (counts[0].header["BITPIX"], exposure[0].header["BITPIX"]) == (16, -32)


def test_a_pixel_beyond_the_short_integers_makes_them_long(view):
    with opened(images.counts_file(view, np.full((1000, 1000), 40000, np.int32), (0.3, 10))) as unit:
        assert unit[0].header["BITPIX"] == 32


def test_the_header_says_what_was_observed(made):
    with opened(made["image2.img.gz"]) as unit:
        header = unit[0].header
    expected = {"TELESCOP": "SWIFT", "INSTRUME": "XRT", "OBJECT": BURST, "RADECSYS": "FK5", "EQUINOX": 2000.0}
    assert {key: header[key] for key in expected} == expected
    assert (header["E_MIN"], header["E_MAX"]) == (0.3, 1.5)
    assert header["EXPOSURE"] == pytest.approx(63397, abs=5000)
    assert header["TSTART"] < header["TSTOP"]


@pytest.mark.parametrize("name", ["image1.img.gz", "summed_ex.img.gz"])
def test_times_of_the_header_have_their_zero_and_their_date(made, name):
    with opened(made[name]) as unit:
        header = unit[0].header
    assert (header["MJDREFI"], header["TIMESYS"]) == (51910, "TT")
    assert header["MJDREFF"] == pytest.approx(0.00074287037)
    zero = Time(header["MJDREFI"], header["MJDREFF"], format="mjd", scale="tt")
    for key, met in (("DATE-OBS", "TSTART"), ("DATE-END", "TSTOP")):
        seconds = ((zero + header[met] * u.s).utc - Time(header[key], scale="utc")).to_value(u.s)
        assert 0 <= seconds < 1  # cut off, without the drift of the clock


def test_there_is_no_count_where_no_time_was_spent(view):
    counts, exposure = skyview.image(view.photons), skyview.in_full(view.exposure_maps()[0])
    assert (exposure == 0).any()
    assert counts[exposure == 0].sum() == 0
    assert counts.sum() > 1000


def test_own_projection_and_astropy_agree_to_a_hundredth_of_an_arcsec(made, view):
    with opened(made["image1.img.gz"]) as unit:
        plane = wcs(unit[0].header)
    for place in ((0.0, 0.0), (-700.0, 650.0), (1000.0, -1000.0)):
        x, y = skyview.pixel(place)
        ra, dec = plane.wcs_pix2world([[x, y]], 1)[0]
        here = view.place((ra, dec))
        assert here == pytest.approx(place, abs=0.01)
        assert view.position(place) == pytest.approx((ra, dec), abs=0.01 / 3600)


def test_the_source_shows_where_it_is(made):
    with opened(made["image1.img.gz"]) as unit:
        counts, plane = unit[0].data, wcs(unit[0].header)
    source = source_of(SKY, BURST)
    x, y = plane.wcs_world2pix([[source.ra, source.dec]], 0)[0]
    row, column = np.unravel_index(np.argmax(counts), counts.shape)
    assert np.hypot(column - x, row - y) * 2.357 < 8


def test_bands_split_the_photons(made):
    total, soft, hard = (opened(made[f"image{n}.img.gz"])[0].data.astype(int).sum() for n in (1, 2, 3))
    assert soft + hard <= total  # channel 150 lies between the default bands
    assert total - soft - hard < 0.03 * total


def test_an_image_holds_the_photons_of_the_snapshots_it_was_made_of():
    order = order_of(SKY, Product.IMAGE, BURST, imobs="user", useimobs=single(SKY, BURST, 1), imen="0-10.24")
    view = SkyView(Scene.of(order, SKY, ""))
    source, (observation,) = view.scene.source, view.scene.observations
    drawn = sum(
        len(photons.source_events(1, source, observation, s)) + len(photons.background_events(1, observation, s))
        for s in observation.snapshots
    )
    field = sum(len(photons.field_events(1, observation, s, view.neighbours)) for s in observation.snapshots)
    assert 0.99 * (drawn + field) <= len(view.photons) <= drawn + field  # some hit blocks that count as not exposed
    assert image(view.photons).sum() <= len(view.photons)


def test_a_range_of_time_keeps_the_photons_inside_it():
    t0 = source_of(SKY, BURST).t0_met
    assert t0 is not None
    whole = SkyView(Scene.of(order_of(SKY, Product.IMAGE, BURST), SKY, ""))
    order = order_of(SKY, Product.IMAGE, BURST, imobs="user", useimobs="6000-6500", sinceT0=1)
    part = SkyView(Scene.of(order, SKY, ""))
    assert part.exposure == pytest.approx(500, abs=5.1)
    assert 0 < len(part.photons) < len(whole.photons)


def test_exposure_is_whole_in_the_middle_and_less_at_the_rim(view):
    plain, vignetted = view.exposure_maps()
    assert plain[50, 50] == pytest.approx(view.exposure, rel=1e-5)
    assert vignetted[50, 50] == pytest.approx(view.exposure, rel=1e-2)
    assert (vignetted <= plain + 1e-3).all()
    assert 0.5 < vignetted[50, 20] / plain[50, 20] < 0.8
    assert plain[0, 0] == 0


def test_pictures_are_gifs_of_500_pixels(made):
    for name in ("image1.gif", "summed_vignet_ex.gif"):
        with Image.open(io.BytesIO(made[name])) as picture:
            assert (picture.format, picture.size) == ("GIF", (500, 500))
            assert len({picture.getpixel((x, y)) for x in range(0, 500, 7) for y in range(0, 500, 7)}) > 3


def test_images_are_the_same_when_everything_is_drawn_anew(made):
    photons.kept.clear()
    assert images.build(order_of(SKY, Product.IMAGE, BURST), Sky(1)).files() == made


@pytest.mark.parametrize(("text", "bands"), [("0.3-10", ((0.3, 10.0),)), ("0.3-1, 1-2,", ((0.3, 1.0), (1.0, 2.0)))])
def test_bands_are_read_from_the_request(text, bands):
    assert images.parse_bands(text) == bands


def test_a_position_beside_the_picture_has_no_place_on_it():
    source = source_of(SKY, BURST)
    found = images.build(order_of(SKY, Product.IMAGE, BURST), SKY).chart(
        ("seen", source.ra, source.dec, 3.5), ("beside", source.ra, source.dec + 1.0, 3.5)
    )
    assert [mark["name"] for mark in found] == ["seen"]
    assert 0 < found[0]["x"] < 500
    assert 0 < found[0]["y"] < 500
    assert found[0]["radius"] == pytest.approx(3.5 / 2.357, rel=0.01)
