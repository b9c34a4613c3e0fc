"""Names of objects, compared as a name resolver compares them, and names that spell out a position.

Only the standard library: a submission is answered without loading astropy.
"""

from __future__ import annotations

import math
import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Position = tuple[float, float]

_CONSTELLATIONS = """
And Andromeda Andromedae|Ant Antlia Antliae|Aps Apus Apodis|Aqr Aquarius Aquarii|Aql Aquila Aquilae|
Ara Ara Arae|Ari Aries Arietis|Aur Auriga Aurigae|Boo Bootes Bootis|Cae Caelum Caeli|
Cam Camelopardalis Camelopardalis|Cnc Cancer Cancri|CVn CanesVenatici CanumVenaticorum|
CMa CanisMajor CanisMajoris|CMi CanisMinor CanisMinoris|Cap Capricornus Capricorni|Car Carina Carinae|
Cas Cassiopeia Cassiopeiae|Cen Centaurus Centauri|Cep Cepheus Cephei|Cet Cetus Ceti|
Cha Chamaeleon Chamaeleontis|Cir Circinus Circini|Col Columba Columbae|Com ComaBerenices ComaeBerenices|
CrA CoronaAustralis CoronaeAustralis|CrB CoronaBorealis CoronaeBorealis|Crv Corvus Corvi|Crt Crater Crateris|
Cru Crux Crucis|Cyg Cygnus Cygni|Del Delphinus Delphini|Dor Dorado Doradus|Dra Draco Draconis|
Equ Equuleus Equulei|Eri Eridanus Eridani|For Fornax Fornacis|Gem Gemini Geminorum|Gru Grus Gruis|
Her Hercules Herculis|Hor Horologium Horologii|Hya Hydra Hydrae|Hyi Hydrus Hydri|Ind Indus Indi|
Lac Lacerta Lacertae|Leo Leo Leonis|LMi LeoMinor LeonisMinoris|Lep Lepus Leporis|Lib Libra Librae|
Lup Lupus Lupi|Lyn Lynx Lyncis|Lyr Lyra Lyrae|Men Mensa Mensae|Mic Microscopium Microscopii|
Mon Monoceros Monocerotis|Mus Musca Muscae|Nor Norma Normae|Oct Octans Octantis|Oph Ophiuchus Ophiuchi|
Ori Orion Orionis|Pav Pavo Pavonis|Peg Pegasus Pegasi|Per Perseus Persei|Phe Phoenix Phoenicis|
Pic Pictor Pictoris|Psc Pisces Piscium|PsA PiscisAustrinus PiscisAustrini|Pup Puppis Puppis|
Pyx Pyxis Pyxidis|Ret Reticulum Reticuli|Sge Sagitta Sagittae|Sgr Sagittarius Sagittarii|
Sco Scorpius Scorpii|Scl Sculptor Sculptoris|Sct Scutum Scuti|Ser Serpens Serpentis|Sex Sextans Sextantis|
Tau Taurus Tauri|Tel Telescopium Telescopii|Tri Triangulum Trianguli|
TrA TriangulumAustrale TrianguliAustralis|Tuc Tucana Tucanae|UMa UrsaMajor UrsaeMajoris|
UMi UrsaMinor UrsaeMinoris|Vel Vela Velorum|Vir Virgo Virginis|Vol Volans Volantis|Vul Vulpecula Vulpeculae"""
_SHORT = {
    full: words[0]
    for words in (entry.lower().split() for entry in _CONSTELLATIONS.split("|"))
    for full in (*words[1:], *(["scorpio"] if words[0] == "sco" else []))
}
_FULL = re.compile("|".join(sorted(_SHORT, key=len, reverse=True)))
_LONG_WORD = re.compile("[a-z]{4,}")
_DROPPED = str.maketrans("", "", " _\t\r\xa0")
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"), "-")
_KINDS = re.compile(r"^(?:name|v\*)+(?=.)|\*", re.MULTILINE)
_HYPHEN = re.compile(r"(?<=[a-z])(?<!^mcg)-(?=\d)", re.MULTILINE)
_BURST = re.compile(r"grb-?(\d{6})([a-z]?)")
_TRANSIENT = re.compile(r"^(?:sn|at|tde)-?(?=(?:19|20)\d{2}[a-z]{1,4}$)", re.MULTILINE)
_CATALOGUES = {
    r"mrk": r"(?:markarian|mkn|mrk)(?=[\d-])",
    r"m": r"messier(?=[\d-])",
    r"ho": r"(?:holmberg|ho)(?=[ivx\d])",
    r"4u": r"[23]u-?(?=\d)",
    r"1a": r"[123]?a-?(?=\d{4}[+-])",
    r"4c": r"4c\+?(?=\d)",
    r"ark": r"(?:arakelian|akn|ark)-?(?=\d)",
    r"frb": r"frb-?20(?=\d{6})",
    r"fairall": r"(?:fairall|frl)(?=[\d-])",
    r"abell": r"(?:abell|aco)(?=[\d-])",
}
"""Short forms of the names of catalogues, and their spellings."""
_CATALOGUE = re.compile("|".join(f"^({spelling})" for spelling in _CATALOGUES.values()), re.MULTILINE)
_SHORT_FORMS = tuple(_CATALOGUES)
_PADDED = re.compile(r"^(ngc|ic|ugc|mrk|m|ho|eso|mcg)-?(\d.*|[+-]\d.*)$", re.MULTILINE)
_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
_ROMAN = ("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x")
_HO_NUMBER = re.compile(r"^ho(10|[1-9])(?!\d)", re.MULTILINE)


def key_of(name: str) -> str:
    """Return the form of a name in which two spellings of one object agree.

    Case, blanks, underscores, kinds of dashes, ``NAME`` and ``V*`` do not count; ``SN``, ``AT`` and ``TDE`` are one;
    ``Markarian``, ``Mkn`` and ``Mrk`` are one, and so on; constellations may be in full, in the genitive, or short.
    """
    return _keys(name.replace("\n", ""))


def keys_of(names: Iterable[str]) -> list[str]:
    """Return :func:`key_of` of many names, none of which has a line end: faster together than one by one."""
    return _keys("\n".join(names)).split("\n")


def _keys(lines: str) -> str:
    text = lines.lower()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.translate(_DASHES)).casefold()
        text = "".join(c for c in text if not unicodedata.combining(c)).translate(_DASHES)
    text = _KINDS.sub("", text.translate(_DROPPED))
    text = _LONG_WORD.sub(lambda found: _with_short_constellation(found[0]), text)
    text = _TRANSIENT.sub("sn", text)
    text = _CATALOGUE.sub(lambda found: _SHORT_FORMS[(found.lastindex or 1) - 1], text)
    text = _HO_NUMBER.sub(lambda found: f"ho{_ROMAN[int(found[1])]}", _PADDED.sub(_without_zeros, text))
    return _HYPHEN.sub("", text)


@lru_cache(maxsize=4096)
def _with_short_constellation(word: str) -> str:
    return _FULL.sub(lambda found: _SHORT[found[0]], word)


def _without_zeros(found: re.Match[str]) -> str:
    """Return a name of a catalogue with its numbers as short as they are written; the sign of MCG's may be left out."""
    catalogue, number = found.groups()
    if catalogue == "eso":
        number = number.replace("g", "")
    if catalogue == "mcg":
        number = ("-" if found[0].startswith("mcg-") else "") + number.lstrip("+-")
    return catalogue + _ZEROS.sub("", number)


def burst_keys(key: str) -> tuple[str, ...]:
    """Return the names to try for a burst in this order, empty if `key` is not that of a burst.

    Before 2010 the first burst of a day had no letter until a second one came, so a bare day and "A" stand for each
    other. Later names always have a letter.
    """
    match = _BURST.fullmatch(key)
    if match is None:
        return ()
    day, letter = match.groups()
    same = [f"grb{day}{letter}"]
    if letter in ("", "a") and int(day[:2]) < 10:
        same.append(f"grb{day}{'' if letter else 'a'}")
    return tuple(same)


# ---------------------------------------------------------------------------------------------------- positions

_J_NAME = re.compile(r"(?:^|[a-z\d\s])j\s*(\d{4,8}(?:\.\d+)?)\s*([+-])\s*(\d{2,7}(?:\.\d+)?)(?!\d)")
_B_NAME = re.compile(r"(?:^|[\s])b?\s*(\d{4})([+-])(\d{2,4})(?:\.(\d))?[a-z]?$|(?<=[a-z\d])b(\d{4})([+-])(\d{2,4})$")
_B_CATALOGUES = re.compile(r"^(?:\d?[a-z]{1,5}\d?|[a-z]\d)\s")
_DEGREES = re.compile(r"([+]?\d{1,3}(?:\.\d*)?)\s*d?(?:[\s,;]+([+-]?\d{1,2}(?:\.\d*)?)|([+-]\d{1,2}(?:\.\d*)?))\s*d?")
_SEXAGESIMAL = re.compile(
    r"(\d{1,2})[\s:h]+(\d{1,2})[\s:m]+(\d{1,2}(?:\.\d*)?)s?[\s,;]*([+-]?)(\d{1,2})[\s:d]+(\d{1,2})[\s:m'](?:\s*(\d{1,2}(?:\.\d*)?)[s\"]?)?"
)


def position_in(name: str) -> Position | None:
    """Return the position [deg, J2000] that a name spells out, None if it spells none.

    Names with J2000 or B1950 coordinates (``Swift J1727.8-1613``, ``SDSS J092855.00+182930.4``, ``PKS B1510-089``), and
    plain coordinates in degrees or hours (``83.63 +22.01``, ``05:34:31.9 +22:00:52``).
    """
    text = name.strip().lower().translate(_DASHES)
    if match := _J_NAME.search(text):
        return _checked(_hours(match[1]), _signed(match[2], _arc(match[3])))
    if match := _DEGREES.fullmatch(text):
        return _checked(float(match[1]), float(match[2] or match[3]))
    if match := _SEXAGESIMAL.fullmatch(text):
        hours, minutes, seconds, sign, degrees, arcmin, arcsec = match.groups()
        if float(minutes) >= 60 or float(seconds) >= 60 or float(arcmin) >= 60 or float(arcsec or 0) >= 60:
            return None
        ra = 15 * (float(hours) + float(minutes) / 60 + float(seconds) / 3600)
        return _checked(ra, _signed(sign, float(degrees) + float(arcmin) / 60 + float(arcsec or 0) / 3600))
    return _in_b1950(text)


def _in_b1950(text: str) -> Position | None:
    match = _B_NAME.search(text)
    if match is None or not (text.lstrip().startswith("b") or match[5] or _B_CATALOGUES.match(text)):
        return None
    hours, sign, degrees, tenth = (match[5], match[6], match[7], None) if match[5] else match.groups()[:4]
    dec = float(degrees[:2])
    if len(degrees) == 3:
        dec += float(degrees[2]) / 10
    elif len(degrees) == 4:
        dec += float(degrees[2:]) / 60
    elif tenth:
        dec += float(tenth) / 10
    found = _checked(_hours(hours), _signed(sign, dec))
    return None if found is None else _to_j2000(found)


def _hours(digits: str) -> float:
    return 15 * _arc(digits)


def _arc(digits: str) -> float:
    """Return ddmm, ddmm.m, ddmmm, ddmmss, ddmmss.s or ddmmsss as a number; NaN if minutes or seconds are 60 or more."""
    whole, _, fraction = digits.partition(".")
    whole, fraction = whole[:6], whole[6:] + fraction
    rest = float(f"0.{fraction}") if fraction else 0.0
    if len(whole) < 4:  # dd, or ddd: tenths of a degree
        return float(whole[:2]) + float(f"0.{whole[2:] or 0}")
    units, minutes = float(whole[:2]), float(whole[2:4])
    if len(whole) == 5:  # ddmmm: tenths of a minute
        return units + (minutes + float(whole[4]) / 10) / 60 if minutes < 60 else math.nan
    if len(whole) == 4:
        minutes, seconds = minutes + rest, 0.0
    else:
        seconds = float(whole[4:]) + rest
    return units + minutes / 60 + seconds / 3600 if minutes < 60 and seconds < 60 else math.nan


def _signed(sign: str, value: float) -> float:
    return -value if sign == "-" else value


def _checked(ra: float, dec: float) -> Position | None:
    return (ra, dec) if 0 <= ra < 360 and -90 <= dec <= 90 else None


def _to_j2000(position: Position) -> Position:
    """Turn B1950 into J2000 by precession alone, good to an arcsecond or two: names are no better."""
    century = 0.5  # tropical centuries from 1950 to 2000; angles of Newcomb's precession [arcsec]
    zeta = math.radians((2304.253 * century + 0.3022 * century**2) / 3600)
    z = math.radians((2304.253 * century + 1.0950 * century**2) / 3600)
    theta = math.radians((2004.685 * century - 0.4266 * century**2) / 3600)
    ra, dec = map(math.radians, position)
    a = math.cos(dec) * math.sin(ra + zeta)
    b = math.cos(theta) * math.cos(dec) * math.cos(ra + zeta) - math.sin(theta) * math.sin(dec)
    c = math.sin(theta) * math.cos(dec) * math.cos(ra + zeta) + math.cos(theta) * math.sin(dec)
    return math.degrees(math.atan2(a, b) + z) % 360.0, math.degrees(math.asin(max(-1.0, min(1.0, c))))


_TRUNCATED = re.compile(r"^(.*\d{4}[+-])(\d{2})(\d)$")


def truncations(key: str) -> Iterator[str]:
    """Yield shorter forms of a B1950 name: the declination in degrees for one in tenths (``pks1510-089``: ``-08``)."""
    if match := _TRUNCATED.match(key):
        yield f"{match[1]}{match[2]}"


_IN_GALAXY = re.compile(r"^(.+?)(?:ulx|x)(\d{1,3})$")


def in_galaxy(key: str) -> tuple[str, int]:
    """Return galaxy and number of a source such as ``ngc1313x3`` or ``m82ulx1``; an empty name for other keys."""
    match = _IN_GALAXY.match(key)
    return (match[1], int(match[2])) if match else ("", 0)
