"""Images and exposure maps of the field as FITS, and pictures of them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits
from PIL import Image, ImageDraw

from mock_server.products.archive import gzipped
from mock_server.products.extraction import Scene
from mock_server.products.skyview import SIDE, SkyView

from . import skyview

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from mock_server.products.order import Order

    from ..sky.archive import Position, Sky

DEFAULT_BANDS = "0.3-10,0.3-1.5,1.51-10"
_CUT_OUT = 500  # pixels a side of a picture
_SMOOTHED = 5  # pixels
_RING = 20  # radius of the circle around the source [pixels]
_PALETTE = bytes(  # black, blue, red, yellow, white
    channel
    for level in range(256)
    for channel in (
        min(max(3 * level - 200, 0), 255),
        min(max(3 * level - 420, 0), 255),
        min(max(2 * level if level < 100 else 400 - 2 * level, 0, 4 * level - 765), 255),
    )
)


def files(order: Order, sky: Sky) -> Mapping[str, bytes]:
    """Return the images of an order: one for each band, and the exposure maps they share (names documented)."""
    view = SkyView(Scene.of(order, sky, ""))
    bands = parse_bands(order.text("imen", DEFAULT_BANDS))
    made: dict[str, bytes] = {
        "images.log": "".join(f"{n}\t{low:g}\t{high:g}\n" for n, (low, high) in enumerate(bands, start=1)).encode()
    }
    mark = order.position
    for n, (low, high) in enumerate(bands, start=1):
        counts = skyview.image(view.photons.band(low, high))
        made[f"image{n}.img.gz"] = gzipped(counts_file(view, counts, (low, high)))
        made[f"image{n}.gif"] = picture(counts, view, mark)
    for stem, vignetted in (("summed_ex", False), ("summed_vignet_ex", True)):
        exposure = skyview.in_full(view.exposure_map(vignetted=vignetted))
        made[f"{stem}.img.gz"] = gzipped(map_file(view, exposure))
        made[f"{stem}.gif"] = picture(exposure, view, mark, exposure=True)
    return made


def parse_bands(text: str) -> tuple[tuple[float, float], ...]:
    """Read ``0.3-10,0.3-1.5``: low and high [keV]."""
    pairs = (band.split("-") for band in text.replace(" ", "").split(",") if band)
    return tuple((float(low), float(high)) for low, high in pairs)


def counts_file(view: SkyView, counts: NDArray[np.int32], band: tuple[float, float]) -> bytes:
    """Return an image as FITS: 16-bit counts, 32-bit if a pixel holds more."""
    narrow = counts.max() <= np.iinfo(np.int16).max
    header = [*_header(view), ("E_MIN", band[0], "[keV]"), ("E_MAX", band[1], "[keV]"), ("BUNIT", "count", "")]
    return _fits(counts.astype(np.int16) if narrow else counts, header)


def map_file(view: SkyView, values: NDArray[np.float32], unit: str = "s") -> bytes:
    """Return a map of 32-bit floats as FITS."""
    return _fits(values, [*_header(view), ("BUNIT", unit, "")])


def _fits(data: NDArray[Any], cards: list[tuple[str, Any, str]]) -> bytes:
    unit = fits.PrimaryHDU(data=data)
    for key, value, comment in cards:
        unit.header[key] = (value, comment)
    buffer = io.BytesIO()
    unit.writeto(buffer)
    return buffer.getvalue()


def _header(view: SkyView) -> list[tuple[str, Any, str]]:
    """Keywords of the plane, and of what was observed."""
    start, stop = view.looks[0][1].start, view.looks[-1][1].stop
    return [
        ("CTYPE1", "RA---TAN", ""),
        ("CTYPE2", "DEC--TAN", ""),
        ("CRPIX1", skyview.MIDDLE, ""),
        ("CRPIX2", skyview.MIDDLE, ""),
        ("CRVAL1", view.centre[0], "[deg]"),
        ("CRVAL2", view.centre[1], "[deg]"),
        ("CDELT1", -skyview.PIXEL_DEG, "[deg]"),
        ("CDELT2", skyview.PIXEL_DEG, "[deg]"),
        ("CUNIT1", "deg", ""),
        ("CUNIT2", "deg", ""),
        ("RADECSYS", "FK5", ""),
        ("EQUINOX", 2000.0, ""),
        ("TELESCOP", "SWIFT", ""),
        ("INSTRUME", "XRT", ""),
        ("OBJECT", view.scene.source.name[:60], ""),
        ("EXPOSURE", view.exposure, "[s]"),
        ("TSTART", start, "[s] MET"),
        ("TSTOP", stop, "[s] MET"),
        ("ORIGIN", "xrt-mock", "simulated data"),
    ]


def picture(
    values: NDArray[Any],
    view: SkyView,
    mark: Position | None,
    *,
    exposure: bool = False,
    marks: Iterable[Position] = (),
) -> bytes:
    """Draw the middle of an image, or of an exposure map, as GIF, with circles around what is marked.

    Images are smoothed and stretched by a square root; `mark` and `marks` are positions [deg].
    """
    edge = (SIDE - _CUT_OUT) // 2
    cut = values[edge : edge + _CUT_OUT, edge : edge + _CUT_OUT].astype(np.float32)
    cut = cut if exposure else _smoothed(cut)
    shown = np.minimum(cut / max(_near_top(cut), 1e-9), 1.0)
    grey = ((shown if exposure else np.sqrt(shown)) * 255).astype(np.uint8)
    drawn = Image.fromarray(np.ascontiguousarray(grey[::-1]))
    drawn.putpalette(_PALETTE)
    pen = ImageDraw.Draw(drawn)
    for position in (*(() if mark is None else (mark,)), *marks):
        x, y = skyview.pixel(view.place(position))
        column, row = x - 1 - edge, _CUT_OUT - 1 - (y - 1 - edge)
        pen.ellipse((column - _RING, row - _RING, column + _RING, row + _RING), outline=255)
    buffer = io.BytesIO()
    drawn.save(buffer, format="GIF")
    return buffer.getvalue()


def _near_top(values: NDArray[np.float32]) -> float:
    """Value that one pixel in two thousand exceeds: what is shown as the brightest."""
    rank = values.size // 2000
    return float(np.partition(values, -rank, axis=None)[-rank])


def _smoothed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over a box of five pixels; the frame is continued outwards."""
    half, side = _SMOOTHED // 2, len(values)
    for _ in range(2):  # along one axis, then, turned over, along the other
        padded = np.pad(values, ((half, half), (0, 0)), mode="edge")
        total = np.zeros_like(values)
        for k in range(_SMOOTHED):
            total += padded[k : k + side]
        values = np.ascontiguousarray(total.T)
    return values / np.float32(_SMOOTHED**2)
