"""Spectral files in the OGIP formats: spectra (PHA), effective areas (ARF), response (RMF). Nothing is computed."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from astropy.io import fits

from ..core import timescales
from . import instrument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .instrument import Floats

    Card = tuple[str, Any, str]

_MJDREFF = 7.428703703703703e-4  # of the spacecraft's time scale
_NUMBERS = {"I": ">i2", "J": ">i4", "E": ">f4", "D": ">f8"}
LEAST_CHANNEL = instrument.BAND[0]


class Column(NamedTuple):
    """A column of a table: a number in each row. `form` is a letter of the FITS standard, one of `_NUMBERS`."""

    name: str
    form: str
    values: NDArray[Any]
    unit: str = ""


_ENERGIES = (
    Column("ENERG_LO", "E", instrument.ENERGIES[:-1], "keV"),
    Column("ENERG_HI", "E", instrument.ENERGIES[1:], "keV"),
)


@dataclass(frozen=True)
class Exposure:
    """Facts about the data that all files of one spectrum state.

    Parameters
    ----------
    mode
        ``PC`` or ``WT``.
    intervals
        Good times [s, MET].
    source, obsid, pointing, roll
        Object's name and position [deg], observation, where the telescope pointed [deg], roll angle [deg].
    calibration
        Name of the calibration.
    """

    mode: str
    intervals: tuple[tuple[float, float], ...]
    source: tuple[str, float, float]
    obsid: str
    pointing: tuple[float, float]
    roll: float
    calibration: str

    @property
    def seconds(self) -> float:
        """Good time [s]."""
        return sum(stop - start for start, stop in self.intervals)

    def cards(self) -> list[Card]:
        """Keywords that every extension carries."""
        start, stop = self.intervals[0][0], self.intervals[-1][1]
        begin, end = (f"{timescales.utc_from_met(met):%Y-%m-%dT%H:%M:%S}" for met in (start, stop))
        name, ra, dec = self.source
        return [
            ("TELESCOP", "SWIFT", "mission"),
            ("INSTRUME", "XRT", "instrument"),
            ("FILTER", "NONE", "no filter in use"),
            ("DATAMODE", {"PC": "PHOTON", "WT": "WINDOWED"}[self.mode], "read-out mode"),
            ("OBJECT", name, "object"),
            ("OBS_ID", self.obsid, "observation (the first one)"),
            ("TARG_ID", int(self.obsid[:8]), "target"),
            ("RA_OBJ", ra, "[deg] object"),
            ("DEC_OBJ", dec, "[deg] object"),
            ("RADECSYS", "FK5", "frame"),
            ("EQUINOX", 2000.0, "equinox"),
            ("RA_PNT", self.pointing[0], "[deg] pointing"),
            ("DEC_PNT", self.pointing[1], "[deg] pointing"),
            ("PA_PNT", self.roll, "[deg] roll"),
            ("TSTART", start, "[s] start, MET"),
            ("TSTOP", stop, "[s] stop, MET"),
            ("TELAPSE", stop - start, "[s] stop - start"),
            ("ONTIME", self.seconds, "[s] good time"),
            ("LIVETIME", self.seconds, "[s] good time"),
            ("EXPOSURE", self.seconds, "[s] good time"),
            ("DATE-OBS", begin, "start, UTC"),
            ("DATE-END", end, "stop, UTC"),
            ("MJDREFI", 51910, "MET 0 in MJD, whole days"),
            ("MJDREFF", _MJDREFF, "MET 0 in MJD, rest"),
            ("TIMESYS", "TT", "time system"),
            ("TIMEUNIT", "s", "unit of time"),
            ("CLOCKAPP", True, "clock corrections applied"),
            ("CREATOR", "xrt-mock", "simulated data"),
            ("ORIGIN", "xrt-mock", "simulated data"),
            ("CALDBVER", self.calibration, "calibration"),
        ]


def grouping(counts: NDArray[np.int64]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Group channels to at least one count: GROUPING and QUALITY of all 1024 channels.

    Channels below 0.3 keV are bad (5); a last group without a count is doubtful (2).
    """
    marks = np.where(np.arange(instrument.CHANNELS) < LEAST_CHANNEL, 1, -1).astype(np.int16)
    quality = np.where(np.arange(instrument.CHANNELS) < LEAST_CHANNEL, 5, 0).astype(np.int16)
    filled = LEAST_CHANNEL + np.flatnonzero(counts[LEAST_CHANNEL:])
    starts = np.concatenate([[LEAST_CHANNEL], filled + 1])
    marks[starts[starts < instrument.CHANNELS]] = 1
    quality[int(starts[-1]) :] = 2
    return marks, quality


def spectrum(
    exposure: Exposure,
    counts: NDArray[np.int64],
    area: float,
    *,
    links: tuple[str, str, str] = ("none", "none", "none"),
    total: bool = True,
    grouped: bool = False,
) -> bytes:
    """Write a spectrum.

    Parameters
    ----------
    counts
        By channel, shape (1024,).
    area
        Size of the region [pixels].
    links
        Names of the background, response and area files.
    total
        Whether it comes from the source region.
    grouped
        Whether to add the columns of grouping.
    """
    columns = [
        Column("CHANNEL", "I", np.arange(instrument.CHANNELS)),
        Column("COUNTS", "J", counts, "count"),
    ]
    if grouped:
        marks, quality = grouping(counts)
        columns += [Column("QUALITY", "I", quality), Column("GROUPING", "I", marks)]
    back, response, effective = links
    cards: list[Card] = [
        ("EXTNAME", "SPECTRUM", "name"),
        ("HDUCLASS", "OGIP", "format"),
        ("HDUCLAS1", "SPECTRUM", "format"),
        ("HDUCLAS2", "TOTAL" if total else "BKG", "source or background region"),
        ("HDUCLAS3", "COUNT", "counts, not rates"),
        ("HDUVERS", "1.2.1", "version of the format"),
        ("PHAVERSN", "1992a", "version of the format"),
        ("CHANTYPE", "PI", "channels are corrected for gain"),
        ("DETCHANS", instrument.CHANNELS, "number of channels"),
        ("TLMIN1", 0, "first channel"),
        ("TLMAX1", instrument.CHANNELS - 1, "last channel"),
        ("POISSERR", True, "errors are Poissonian"),
        ("STAT_ERR", 0, "no column of statistical errors"),
        ("SYS_ERR", 0, "no systematic errors"),
        *(() if grouped else (("QUALITY", 0, "all channels good"), ("GROUPING", 0, "not grouped"))),
        ("BACKFILE", back, "background"),
        ("RESPFILE", response, "response"),
        ("ANCRFILE", effective, "effective area"),
        ("CORRFILE", "none", "no correction file"),
        ("CORRSCAL", 1.0, "its scale"),
        ("AREASCAL", 1.0, "scale of area"),
        ("BACKSCAL", area, "[pixel] area of the region"),
    ]
    intervals = np.array(exposure.intervals)
    good_times = [Column(name, "D", intervals[:, k], "s") for k, name in enumerate(("START", "STOP"))]
    cards_of_times: list[Card] = [
        ("EXTNAME", "GTI", "name"),
        ("HDUCLASS", "OGIP", "format"),
        ("HDUCLAS1", "GTI", "good times"),
        ("HDUCLAS2", "STANDARD", "format"),
    ]
    shared = exposure.cards()
    return _PRIMARY + _table(columns, cards + shared) + _table(good_times, cards_of_times + shared)


def area_file(exposure: Exposure, area: Floats) -> bytes:
    """Write an effective area [cm2], shape (590,)."""
    columns = [*_ENERGIES, Column("SPECRESP", "E", area, "cm**2")]
    cards: list[Card] = [
        ("EXTNAME", "SPECRESP", "name"),
        ("HDUCLASS", "OGIP", "format"),
        ("HDUCLAS1", "RESPONSE", "format"),
        ("HDUCLAS2", "SPECRESP", "effective area"),
        ("HDUVERS", "1.1.0", "version of the format"),
        ("ARFVERSN", "1992a", "version of the format"),
    ]
    return _PRIMARY + _table(columns, cards + exposure.cards())


@lru_cache(maxsize=1)
def response_file() -> bytes:
    """Write the response: the same for all spectra."""
    matrix = instrument.response()
    filled = matrix > 0
    first = np.where(filled.any(axis=1), filled.argmax(axis=1), 0)
    count = np.maximum(filled.sum(axis=1), 1)
    rows = np.empty(len(matrix), dtype=object)
    rows[:] = [matrix[k, f : f + n].astype(np.float32) for k, (f, n) in enumerate(zip(first, count, strict=True))]
    columns = [
        *(fits.Column(column.name, column.form, column.unit, array=column.values) for column in _ENERGIES),
        fits.Column("N_GRP", "I", array=np.ones(len(matrix), np.int16)),
        fits.Column("F_CHAN", "I", array=first.astype(np.int16)),
        fits.Column("N_CHAN", "I", array=count.astype(np.int16)),
        fits.Column("MATRIX", f"PE({count.max()})", array=rows),
    ]
    shared: list[Card] = [
        ("TELESCOP", "SWIFT", "mission"),
        ("INSTRUME", "XRT", "instrument"),
        ("FILTER", "NONE", "no filter in use"),
        ("CHANTYPE", "PI", "channels are corrected for gain"),
        ("DETCHANS", instrument.CHANNELS, "number of channels"),
        ("HDUCLASS", "OGIP", "format"),
        ("HDUCLAS1", "RESPONSE", "format"),
        ("RMFVERSN", "1992a", "version of the format"),
        ("ORIGIN", "xrt-mock", "simulated data"),
    ]
    matrix_cards: list[Card] = [
        ("EXTNAME", "MATRIX", "name"),
        ("HDUCLAS2", "RSP_MATRIX", "format"),
        ("HDUCLAS3", "REDIST", "redistribution only"),
        ("HDUVERS", "1.3.0", "version of the format"),
        ("TLMIN4", 0, "first channel"),
        ("TLMAX4", instrument.CHANNELS - 1, "last channel"),
        ("LO_THRES", 1e-5, "smaller elements are left out"),
        ("NUMGRP", len(matrix), "groups of channels"),
        ("NUMELT", int(count.sum()), "elements"),
    ]
    edges = np.arange(instrument.CHANNELS + 1) / 100
    bounds = [
        Column("CHANNEL", "I", np.arange(instrument.CHANNELS)),
        Column("E_MIN", "E", edges[:-1], "keV"),
        Column("E_MAX", "E", edges[1:], "keV"),
    ]
    bounds_cards: list[Card] = [
        ("EXTNAME", "EBOUNDS", "name"),
        ("HDUCLAS2", "EBOUNDS", "format"),
        ("HDUVERS", "1.2.0", "version of the format"),
        ("TLMIN1", 0, "first channel"),
        ("TLMAX1", instrument.CHANNELS - 1, "last channel"),
    ]
    header = fits.Header.fromstring("".join(_card(*card) for card in shared + matrix_cards))
    stream = io.BytesIO()
    units = fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns, header)])
    units.writeto(stream, output_verify="ignore")  # verified in the tests: that takes a third of the time
    return stream.getvalue() + _table(bounds, shared + bounds_cards)


def _table(columns: Sequence[Column], cards: Sequence[Card]) -> bytes:
    """Return a table of plain columns as it stands in a file: cards of 80 characters, then rows, both in whole blocks.

    astropy formats the cards; its way from columns to bytes would take half of the time of a spectrum.
    """
    row = np.dtype([(column.name, _NUMBERS[column.form]) for column in columns])
    rows = np.empty(len(columns[0].values), row)
    for column in columns:
        rows[column.name] = column.values
    described: list[Card] = [
        ("XTENSION", "BINTABLE", "binary table"),
        ("BITPIX", 8, "bytes"),
        ("NAXIS", 2, "rows and columns"),
        ("NAXIS1", row.itemsize, "bytes in a row"),
        ("NAXIS2", len(rows), "rows"),
        ("PCOUNT", 0, "nothing behind the rows"),
        ("GCOUNT", 1, "one group"),
        ("TFIELDS", len(columns), "columns"),
    ]
    for k, column in enumerate(columns, 1):
        described += [(f"TTYPE{k}", column.name, "column"), (f"TFORM{k}", column.form, "its format")]
        described += [(f"TUNIT{k}", column.unit, "its unit")] if column.unit else []
    header = "".join(_card(*card) for card in [*described, *cards]) + "END".ljust(80)
    return _in_blocks(header.encode("ascii"), b" ") + _in_blocks(rows.tobytes(), b"\0")


def _in_blocks(content: bytes, filling: bytes) -> bytes:
    """Fill up to whole blocks of 2880 bytes, of which a FITS file consists."""
    return content + filling * (-len(content) % 2880)


@lru_cache(maxsize=1024, typed=True)
def _card(keyword: str, value: Any, comment: str) -> str:
    """Format a keyword. Formatting takes longest, and the files of a spectrum share most keywords."""
    return str(fits.Card(keyword, value, comment).image)


_PRIMARY: bytes = fits.PrimaryHDU().header.tostring().encode("ascii")
