"""Images and exposure maps of the field as FITS, and pictures of them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits
from PIL import Image, ImageDraw

from ..core.timescales import header_date
from . import skyview
from .archive import gzipped
from .extraction import Scene
from .skyview import SIDE, SkyView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..sky.archive import Position, Sky
    from .order import Order

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


@dataclass(frozen=True, eq=False)
class Images:
    """Images of an order.

    Parameters
    ----------
    view
        The field.
    bands
        Low and high energies [keV].
    mark
        Position asked for [deg]; a circle shows it.
    """

    view: SkyView
    bands: Sequence[tuple[float, float]]
    mark: Position | None

    def files(self) -> dict[str, bytes]:
        """Return an image of each band, and the exposure maps that they share (names documented)."""
        numbered = list(enumerate(self.bands, start=1))
        found = {"images.log": "".join(f"{n}\t{low:g}\t{high:g}\n" for n, (low, high) in numbered).encode()}
        for n, band in numbered:
            found |= self._image(f"image{n}", band)
        for stem, blocks in zip(("summed_ex", "summed_vignet_ex"), self.view.exposure_maps(), strict=True):
            found[f"{stem}.img.gz"] = map_file(self.view, blocks)
            found[f"{stem}.gif"] = picture(skyview.in_full(blocks), self.view, self._marks, exposure=True)
        return found

    def _image(self, stem: str, band: tuple[float, float]) -> dict[str, bytes]:
        counts = skyview.image(self.view.photons.band(*band))
        return {
            f"{stem}.img.gz": counts_file(self.view, counts, band),
            f"{stem}.gif": picture(counts, self.view, self._marks),
        }

    @property
    def _marks(self) -> list[Position]:
        return [] if self.mark is None else [self.mark]

    def chart(self, *positions: tuple[str, float, float, float]) -> list[dict[str, Any]]:
        """Return where positions lie on a picture.

        Parameters
        ----------
        positions
            Name, right ascension and declination [deg], and radius [arcsec] of each.

        Returns
        -------
        list
            Name of each that lies on it, with the middle of its circle and the radius [picture pixels].
        """
        found = []
        for name, ra, dec, radius in positions:
            x, y = _on_picture(self.view, (ra, dec))
            if 0 <= x < _CUT_OUT and 0 <= y < _CUT_OUT:
                middle = {"x": round(x, 2), "y": round(y, 2)}
                found.append({"name": name} | middle | {"radius": round(radius / skyview.PIXEL, 2)})
        return found


def _on_picture(view: SkyView, position: Position) -> tuple[float, float]:
    """Return column and row of a position [deg] on a picture."""
    edge = (SIDE - _CUT_OUT) // 2
    x, y = skyview.pixel(view.place(position))
    return x - 1 - edge, _CUT_OUT - 1 - (y - 1 - edge)


def build(order: Order, sky: Sky) -> Images:
    """Look at the field of an order."""
    view = SkyView(Scene.of(order, sky, ""))
    return Images(view, parse_bands(order.text("imen", DEFAULT_BANDS)), order.position)


def parse_bands(text: str) -> tuple[tuple[float, float], ...]:
    """Read ``0.3-10,0.3-1.5``: low and high [keV]."""
    pairs = (band.split("-") for band in text.replace(" ", "").split(",") if band)
    return tuple((float(low), float(high)) for low, high in pairs)


def counts_file(view: SkyView, counts: NDArray[np.int32], band: tuple[float, float]) -> bytes:
    """Return an image as compressed FITS: 16-bit counts, 32-bit if a pixel holds more."""
    narrow = counts.max() <= np.iinfo(np.int16).max
    return _fits(view, counts.astype(">i2" if narrow else ">i4"), [*_energies(band), ("BUNIT", "count", "")])


def map_file(
    view: SkyView, blocks: NDArray[np.float32], unit: str = "s", band: tuple[float, float] | None = None
) -> bytes:
    """Return a map as compressed FITS of 32-bit floats; that of a background has its band.

    `blocks` has the value of each block of pixels, shape (100, 100).
    """
    return _fits(view, skyview.in_full(blocks.astype(">f4")), [*(_energies(band) if band else ()), ("BUNIT", unit, "")])


def _energies(band: tuple[float, float]) -> list[tuple[str, Any, str]]:
    return [("E_MIN", band[0], "[keV]"), ("E_MAX", band[1], "[keV]")]


def _fits(view: SkyView, data: NDArray[Any], cards: list[tuple[str, Any, str]]) -> bytes:
    """Compress pixels with the keywords of the plane, of what was observed, and some more.

    Pixels have the byte order of FITS: astropy would turn others over, and back.
    """
    unit = fits.PrimaryHDU(data=data)
    start, stop = view.snapshots[0][1].start, view.snapshots[-1][1].stop
    header = [
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
        ("MJDREFI", 51910, "MET 0 in MJD, whole days"),
        ("MJDREFF", 0.00074287037, "MET 0 in MJD, rest"),
        ("TIMESYS", "TT", "time system"),
        ("TSTART", start, "[s] MET"),
        ("TSTOP", stop, "[s] MET"),
        ("DATE-OBS", header_date(start), "UTC"),
        ("DATE-END", header_date(stop), "UTC"),
        ("ORIGIN", "xrt-mock", "simulated data"),
    ]
    for key, value, comment in [*header, *cards]:
        unit.header[key] = (value, comment)
    buffer = io.BytesIO()
    unit.writeto(buffer)
    return gzipped(buffer.getbuffer())


def picture(values: NDArray[Any], view: SkyView, marks: Sequence[Position] = (), *, exposure: bool = False) -> bytes:
    """Draw the middle of an image, or of an exposure map, as GIF, with circles around positions [deg].

    Images are smoothed and stretched by a square root, up to what one pixel in two thousand exceeds.
    """
    edge = (SIDE - _CUT_OUT) // 2
    cut = values[edge : edge + _CUT_OUT, edge : edge + _CUT_OUT].astype(np.float32)
    if not exposure:  # the mean over a box, with the frame continued outwards
        half, side = _SMOOTHED // 2, len(cut)
        for _ in range(2):  # along one axis, then, turned over, along the other
            padded = np.pad(cut, ((half, half), (0, 0)), mode="edge")
            total = np.zeros_like(cut)
            for k in range(_SMOOTHED):
                total += padded[k : k + side]
            cut = np.ascontiguousarray(total.T)
        cut /= np.float32(_SMOOTHED**2)
    rank = cut.size // 2000
    top = float(np.partition(cut, -rank, axis=None)[-rank])
    cut /= max(top, 1e-9)
    np.minimum(cut, 1.0, out=cut)
    if not exposure:
        np.sqrt(cut, out=cut)
    cut *= 255
    grey = cut.astype(np.uint8)
    drawn = Image.fromarray(np.ascontiguousarray(grey[::-1]))
    drawn.putpalette(_PALETTE)
    pen = ImageDraw.Draw(drawn)
    for position in marks:
        column, row = _on_picture(view, position)
        pen.ellipse((column - _RING, row - _RING, column + _RING, row + _RING), outline=255)
    buffer = io.BytesIO()
    drawn.save(buffer, format="GIF")
    return buffer.getvalue()
