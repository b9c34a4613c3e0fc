"""Spectral files in the OGIP formats: spectra (PHA), effective areas (ARF), response (RMF). Nothing is computed."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from mock_server import times
from mock_server.products import instrument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mock_server.products.instrument import Floats

    Card = tuple[str, Any, str]

_MJDREFF = 7.428703703703703e-4  # of the spacecraft's time scale
LEAST_CHANNEL = instrument.BAND[0]


@dataclass(frozen=True)
class Exposure:
    """What all files of one spectrum say about the data.

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
            ("DATE-OBS", _date(start), "start, UTC"),
            ("DATE-END", _date(stop), "stop, UTC"),
            ("MJDREFI", 51910, "MET 0 in MJD, whole days"),
            ("MJDREFF", _MJDREFF, "MET 0 in MJD, rest"),
            ("TIMESYS", "TT", "time system"),
            ("TIMEUNIT", "s", "unit of time"),
            ("CLOCKAPP", True, "clock corrections applied"),
            ("CREATOR", "xrt-mock", "simulated data"),
            ("ORIGIN", "xrt-mock", "simulated data"),
            ("CALDBVER", self.calibration, "calibration"),
        ]


def _date(met: float) -> str:
    return f"{times.utc_from_met(met):%Y-%m-%dT%H:%M:%S}"


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
        fits.Column("CHANNEL", "I", array=np.arange(instrument.CHANNELS, dtype=np.int16)),
        fits.Column("COUNTS", "J", unit="count", array=counts.astype(np.int32)),
    ]
    if grouped:
        marks, quality = grouping(counts)
        columns += [fits.Column("QUALITY", "I", array=quality), fits.Column("GROUPING", "I", array=marks)]
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
    return _empty_primary() + _extension(columns, cards + exposure.cards()) + _good_times(exposure)


@lru_cache(maxsize=16)
def _good_times(exposure: Exposure) -> bytes:
    """Return the extension that the spectra of one exposure share."""
    intervals = np.array(exposure.intervals)
    columns = [fits.Column(name, "D", unit="s", array=intervals[:, k]) for k, name in enumerate(("START", "STOP"))]
    cards: list[Card] = [
        ("EXTNAME", "GTI", "name"),
        ("HDUCLASS", "OGIP", "format"),
        ("HDUCLAS1", "GTI", "good times"),
        ("HDUCLAS2", "STANDARD", "format"),
    ]
    return _extension(columns, cards + exposure.cards())


def area_file(exposure: Exposure, area: Floats) -> bytes:
    """Write an effective area [cm2], shape (590,)."""
    columns = [*_energies(), fits.Column("SPECRESP", "E", unit="cm**2", array=area)]
    cards: list[Card] = [
        ("EXTNAME", "SPECRESP", "name"),
        ("HDUCLASS", "OGIP", "format"),
        ("HDUCLAS1", "RESPONSE", "format"),
        ("HDUCLAS2", "SPECRESP", "effective area"),
        ("HDUVERS", "1.1.0", "version of the format"),
        ("ARFVERSN", "1992a", "version of the format"),
    ]
    return _empty_primary() + _extension(columns, cards + exposure.cards())


def _energies() -> list[fits.Column]:
    low, high = instrument.ENERGIES[:-1], instrument.ENERGIES[1:]
    return [fits.Column("ENERG_LO", "E", unit="keV", array=low), fits.Column("ENERG_HI", "E", unit="keV", array=high)]


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
        *_energies(),
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
        fits.Column("CHANNEL", "I", array=np.arange(instrument.CHANNELS, dtype=np.int16)),
        fits.Column("E_MIN", "E", unit="keV", array=edges[:-1]),
        fits.Column("E_MAX", "E", unit="keV", array=edges[1:]),
    ]
    bounds_cards: list[Card] = [
        ("EXTNAME", "EBOUNDS", "name"),
        ("HDUCLAS2", "EBOUNDS", "format"),
        ("HDUVERS", "1.2.0", "version of the format"),
        ("TLMIN1", 0, "first channel"),
        ("TLMAX1", instrument.CHANNELS - 1, "last channel"),
    ]
    return _empty_primary() + _extension(columns, shared + matrix_cards) + _extension(bounds, shared + bounds_cards)


def _extension(columns: list[fits.Column], cards: Sequence[Card]) -> bytes:
    """Return one table as it stands in a file: a FITS file is its units in a row."""
    header = fits.Header.fromstring("".join(_formatted(*card) for card in cards))
    return _bytes(fits.BinTableHDU.from_columns(columns, header))[len(_empty_primary()) :]


@lru_cache(maxsize=1)
def _empty_primary() -> bytes:
    return _bytes()


def _bytes(*units: Any) -> bytes:
    stream = io.BytesIO()
    files = fits.HDUList([fits.PrimaryHDU(), *units])
    files.writeto(stream, output_verify="ignore")  # verified in the tests: that takes a third of the time
    return stream.getvalue()


@lru_cache(maxsize=1024, typed=True)
def _formatted(keyword: str, value: Any, comment: str) -> str:
    """Format a keyword; the files of a spectrum share most of theirs, and formatting is what takes longest."""
    return str(fits.Card(keyword, value, comment).image)
