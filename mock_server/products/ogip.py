"""Spectral files in the OGIP formats: spectra (PHA), effective areas (ARF), responses (RMF). Nothing is computed.

Keywords, formats and layouts are those of two real spectra of 2025 (field); ``data/pha_keywords.csv`` lists them. What
real files say about the program that made them says here that the data are simulated.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..core import timescales
from . import instrument, units
from .units import Column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .instrument import Floats
    from .units import Card

DEADC = {"PC": 0.996011317, "WT": 0.998336554}
"""Share of the on-time in which a mode is not dead (field)."""
LEAST_CHANNEL = instrument.BAND[0]
_NOMINAL = frozenset({"RA_NOM", "DEC_NOM", "CRVAL1", "CRVAL2", "REFXCRVL", "REFYCRVL"})
_ANGLES = _NOMINAL | {"RA_OBJ", "DEC_OBJ", "RA_PNT", "DEC_PNT", "PA_PNT", "XRA_OBJ", "XDEC_OBJ", "XRA_PNT", "XDEC_PNT"}
_MJDREFF = 0.00074287037  # of the spacecraft's time scale, with the digits of real headers
_CENTRE = 500.5  # of a sky image, where the telescope points [pixel]
_FILES = {"PC": ("swxpc0to12s6_20130101v014.rmf", 14), "WT": ("swxwt0to2s6_20131212v015.rmf", 15)}
_HISTORY_LINES = {"PC": 666, "WT": 360}  # so that headers are as long as real ones
_DIGITS = 12  # significant bits of a matrix element: files pack as well as real ones


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
    version, calibration
        Number of the processing, and name of the calibration.
    trigger
        T0 of a burst [s, MET]; None for others.
    made_at
        Date of the files [simulated time, s].
    """

    mode: str
    intervals: tuple[tuple[float, float], ...]
    source: tuple[str, float, float]
    obsid: str
    pointing: tuple[float, float]
    roll: float
    version: int
    calibration: str
    trigger: float | None
    made_at: float

    @property
    def on_time(self) -> float:
        """Good time [s]."""
        return sum(stop - start for start, stop in self.intervals)

    @property
    def seconds(self) -> float:
        """Good time without dead time [s]: EXPOSURE."""
        return self.on_time * DEADC[self.mode]

    @cached_property
    def keywords(self) -> Mapping[str, Any]:
        """Values that differ from spectrum to spectrum, by keyword; None where one is unknown."""
        start, stop = self.intervals[0][0], self.intervals[-1][1]
        name, ra, dec = self.source
        pointed_ra, pointed_dec = self.pointing
        found: dict[str, Any] = {
            "OBJECT": name.replace(" ", ""),  # as in five real headers
            "OBS_ID": self.obsid,
            "TARG_ID": int(self.obsid[:8]),
            "SEG_NUM": int(self.obsid[8:]),
            "SEQPNUM": self.version,
            "TSTART": start,
            "TSTOP": stop,
            "TELAPSE": stop - start,
            "DATE-OBS": timescales.header_date(start),
            "DATE-END": timescales.header_date(stop),
            "MJD-OBS": round(timescales.EPOCH_MJD + _MJDREFF + start / timescales.DAY, 11),
            "UTCFINIT": round(timescales.utc_offset(start), 5),
            "TRIGTIME": self.trigger,
            "ONTIME": self.on_time,
            "PA_PNT": self.roll,
            "DATE": f"{timescales.utc_from_service(self.made_at):%Y-%m-%dT%H:%M:%S}",
            "CALDBVER": f"x{self.calibration}",
        }
        found |= dict.fromkeys(("EXPOSURE", "LIVETIME"), self.seconds)
        found |= dict.fromkeys(("CREATOR", "ORIGIN"), "xrt-mock")  # real files: the extractor of the FTOOLS, NASA/GSFC
        found |= dict.fromkeys(("BACKFILE", "RESPFILE", "ANCRFILE"), "none")
        found |= dict.fromkeys(("RA_OBJ", "XRA_OBJ"), ra) | dict.fromkeys(("DEC_OBJ", "XDEC_OBJ"), dec)
        found |= dict.fromkeys(("RA_PNT", "XRA_PNT", "RA_NOM", "CRVAL1", "REFXCRVL"), pointed_ra)
        found |= dict.fromkeys(("DEC_PNT", "XDEC_PNT", "DEC_NOM", "CRVAL2", "REFYCRVL"), pointed_dec)
        found |= dict.fromkeys(("XRTNULEV", "XRTNOREC", "XRTSATEV"), 0.0)
        return found


class RegionCounts(NamedTuple):
    """Counts of one region.

    Parameters
    ----------
    channels
        Counts by channel, shape (1024,).
    area
        Size of the region [10^6 pixels].
    image
        Counts in the pixels of the sky around the region, shape (height, width).
    corner
        Place of the first pixel in the sky image of 1000 by 1000 pixels.
    """

    channels: NDArray[np.int64]
    area: float
    image: NDArray[np.float32]
    corner: tuple[int, int]

    @property
    def keywords(self) -> dict[str, Any]:
        """Values of the keywords about the region, by keyword."""
        total = int(self.channels.sum())
        found: dict[str, Any] = {"TOTCTS": total, "XRTRAWEV": total, "BACKSCAL": self.area}
        for axis, letter, first, length in zip("12", "XY", self.corner, self.image.shape[::-1], strict=True):
            found |= dict.fromkeys((f"BBOX{axis}", f"{letter}-OFFSET"), first)
            found |= {f"AXLEN{axis}": length, f"CRPIX{axis}": _CENTRE + 1 - first}
            found |= {f"LTV{axis}": 1.0 - first, f"CRVAL{axis}P": float(first)}
        return found


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


def spectrum(exposure: Exposure, region: RegionCounts, links: tuple[str, str, str] | None = None) -> bytes:
    """Write a spectrum.

    Parameters
    ----------
    links
        Names of the background, response and area files of a spectrum that is grouped; None without grouping.
    """
    columns = [
        Column("CHANNEL", "J", np.arange(instrument.CHANNELS)),
        Column("COUNTS", "J", region.channels, "count"),
    ]
    values = {**exposure.keywords, **region.keywords}
    left_out: tuple[str, ...] = ()
    if links is not None:
        marks, quality = grouping(region.channels)
        columns += [Column("QUALITY", "I", quality), Column("GROUPING", "I", marks)]
        values |= dict(zip(("BACKFILE", "RESPFILE", "ANCRFILE"), links, strict=True))
        left_out = ("QUALITY", "GROUPING")
    intervals = np.array(exposure.intervals)
    good_times = [Column(name, "1D", intervals[:, k], "s") for k, name in enumerate(("START", "STOP"))]
    mode, past = exposure.mode, _history(exposure.mode)
    return (
        units.primary_image(region.image, _header("PRIMARY", mode, values) + past)
        + units.table(columns, _header("SPECTRUM", mode, values, left_out) + ("" if links else past), checked=True)
        + units.table(good_times, _header("GTI", mode, values), checked=True)
    )


def area_file(exposure: Exposure, area: Floats) -> bytes:
    """Write an effective area [cm2], shape (2400,)."""
    columns = [*_energies("E"), Column("SPECRESP", "E", area, "cm**2")]
    wanted = ("OBJECT", "OBS_ID", "RA_OBJ", "DEC_OBJ", "TSTART", "TSTOP", "DATE-OBS", "DATE-END", "ONTIME", "EXPOSURE")
    header: list[Card] = [
        *(("EXTNAME", "SPECRESP"), ("HDUCLASS", "OGIP"), ("HDUCLAS1", "RESPONSE"), ("HDUCLAS2", "SPECRESP")),
        *(("HDUVERS", "1.1.0"), ("ARFVERSN", "1992a"), ("TELESCOP", "SWIFT"), ("INSTRUME", "XRT"), ("FILTER", "NONE")),
        *((keyword, exposure.keywords[keyword]) for keyword in (*wanted, "DATE", "CREATOR", "ORIGIN", "CALDBVER")),
    ]
    header += [("MJDREFI", 51910), ("MJDREFF", _MJDREFF), ("TIMESYS", "TT"), ("TIMEUNIT", "s"), ("CLOCKAPP", False)]
    return _EMPTY + units.table(columns, units.cards(header))


def response_file(mode: str) -> bytes:
    """Write the response of a mode [9.9 MB]: the same for all spectra."""
    edges = instrument.ROWS.astype(np.float64)
    shares, exponents = np.frexp(instrument.redistribution(mode, 0.5 * (edges[1:] + edges[:-1])))
    steps = 2.0**_DIGITS
    matrix = np.ldexp(np.round(shares * steps) / steps, exponents)
    ones = np.ones(len(matrix), dtype=np.int32)
    columns = [
        *_energies("D"),
        Column("N_GRP", "I", ones),
        Column("F_CHAN", "J", 0 * ones),
        Column("N_CHAN", "J", instrument.CHANNELS * ones),
        Column("MATRIX", f"{instrument.CHANNELS}E", matrix),
    ]
    limits = np.arange(instrument.CHANNELS + 1) / 100
    bounds = [
        Column("CHANNEL", "I", np.arange(instrument.CHANNELS)),
        Column("E_MIN", "D", limits[:-1], "keV"),
        Column("E_MAX", "D", limits[1:], "keV"),
    ]
    name, version = _FILES[mode]
    shared: list[Card] = [
        *(("TELESCOP", "SWIFT"), ("INSTRUME", "XRT"), ("FILTER", "UNKNOWN"), ("CHANTYPE", "PI")),
        *(("DETCHANS", instrument.CHANNELS), ("HDUCLASS", "OGIP"), ("HDUCLAS1", "RESPONSE"), ("RMFVERSN", "1992a")),
        *(("FILENAME", name), ("VERSION", version), ("CREATOR", "xrt-mock"), ("ORIGIN", "xrt-mock")),
    ]
    of_bounds: list[Card] = [("EXTNAME", "EBOUNDS"), ("HDUCLAS2", "EBOUNDS"), ("HDUVERS", "1.2.0")]
    of_bounds += [("TLMIN1", 0), ("TLMAX1", instrument.CHANNELS - 1)]
    of_matrix: list[Card] = [("EXTNAME", "MATRIX"), ("HDUCLAS2", "RSP_MATRIX"), ("HDUCLAS3", "UNKNOWN")]
    of_matrix += [("HDUVERS", "1.3.0"), ("TLMIN4", 0), ("TLMAX4", instrument.CHANNELS - 1), ("LO_THRES", 0.0)]
    of_matrix += [("NUMGRP", len(matrix)), ("NUMELT", matrix.size)]
    note = units.history(["Simulated: made from figures of the matrix that FILENAME names,", "not the matrix itself."])
    return (
        _EMPTY
        + units.table(bounds, units.cards(of_bounds + shared) + note)
        + units.table(columns, units.cards(of_matrix + shared) + note)
    )


def _energies(form: str) -> list[Column]:
    """Return the columns of the rows of ARF and RMF: single precision, in whatever form it is written (field)."""
    return [
        Column("ENERG_LO", form, instrument.ROWS[:-1], "keV"),
        Column("ENERG_HI", form, instrument.ROWS[1:], "keV"),
    ]


@cache
def _template(unit: str, mode: str) -> tuple[Card | tuple[str, None], ...]:
    """Return the keywords of a unit of a spectrum in order, those that are computed with the value None."""
    text = (resources.files(__package__) / "data" / "pha_keywords.csv").read_text(encoding="ascii")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    values = [(row["keyword"], row[mode.lower()]) for row in rows if row["hdu"] == unit]
    return tuple((key, None if value in "*?" else _typed(key, value)) for key, value in values if value != "-")


def _typed(keyword: str, value: str) -> Any:
    """Read a value of the table of keywords; versions are texts, also where they look like a number."""
    if value in ("True", "False"):
        return value == "True"
    if re.fullmatch(r"-?\d+", value):
        return int(value)
    if re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", value) and not keyword.endswith("VER"):
        return float(value)
    return value


def _header(unit: str, mode: str, values: Mapping[str, Any], left_out: tuple[str, ...] = ()) -> str:
    """Return the cards of a unit of a spectrum, with the computed values filled in."""
    filled = []
    for key, fixed in _template(unit, mode):
        value = values[key] if fixed is None else fixed
        if value is None or key in left_out:
            continue
        if key in _ANGLES:  # with the digits that real headers have (field)
            digits = 15 if unit == "PRIMARY" and not key.startswith("X") else 14
            if key in _NOMINAL:
                digits = 7 if mode == "PC" else 14
            value = float(f"{value:.{digits}g}")
        filled.append((key, value))
    return units.cards(filled)


@cache
def _history(mode: str) -> str:
    """Return cards in the place of the history of a real file, which has as many."""
    return units.history(
        f"simulated by xrt-mock; real files list their processing here ({n})" for n in range(_HISTORY_LINES[mode])
    )


_EMPTY = units.unit(units.cards([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)]), b"")
