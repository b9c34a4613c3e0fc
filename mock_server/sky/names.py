"""Names of objects, compared as a name resolver compares them, and names that spell out a position.

Only the standard library: a submission is answered without loading astropy.
"""

from __future__ import annotations

import math
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

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
_TWO_WORDS = {
    "canes",
    "canum",
    "canis",
    "coma",
    "comae",
    "corona",
    "coronae",
    "leo",
    "leonis",
    "piscis",
    "ursa",
    "ursae",
}
_TWO_WORDS |= {"triangulum", "trianguli"}
_FULL = "|".join(sorted(_SHORT, key=len, reverse=True))
_JOINED = re.compile(rf"^({_FULL})(?=x-?\d|ulx)|(?<=\d)({_FULL})$")
_LONG_WORD = re.compile("[a-z]{4}")
_DROPPED = str.maketrans({" ": None, "*": None})
_BLANKS = str.maketrans("_\t\n\r\xa0", "     ")
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"), "-")
_HYPHEN = re.compile(r"(?<=[a-z])-(?=\d)")
_BURST = re.compile(r"grb-?(\d{6})([a-z]?)")
_TRANSIENT = re.compile(r"(?:sn|at|tde)-?((?:19|20)\d{2}[a-z]{1,4})")
_PREFIXES = (
    (re.compile(r"^(?:markarian|mkn|mrk)(?=\d|-)"), "mrk"),
    (re.compile(r"^messier(?=\d|-)"), "m"),
    (re.compile(r"^(?:holmberg|ho)(?=[ivx\d])"), "ho"),
    (re.compile(r"^[23]u-?(?=\d)"), "4u"),
    (re.compile(r"^(?:fairall|frl)(?=\d|-)"), "fairall"),
    (re.compile(r"^(?:abell|aco)(?=\d|-)"), "abell"),
)
_PADDED = re.compile(r"^(ngc|ic|ugc|mrk|m|ho|eso|mcg)-?(\d.*|[+-]\d.*)$", re.DOTALL)
_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
_ROMAN = ("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x")
_HO_NUMBER = re.compile(r"^ho(\d{1,2})(?!\d)")
_CATALOGUED = frozenset(
    ("ma", "mk", "mr", "me", "mc", "ho", "2u", "3u", "fa", "fr", "ab", "ac", "ng", "ic", "ug", "es", "m0")
)
"""First two letters of the prefixes above."""


def key_of(name: str) -> str:
    """Return the form of a name in which two spellings of one object agree.

    Case, blanks, underscores, kinds of dashes, ``NAME`` and ``V*`` do not count; ``SN``, ``AT`` and ``TDE`` are one;
    ``Markarian``, ``Mkn`` and ``Mrk`` are one, and so on; constellations may be in full, in the genitive, or short.
    """
    text = name.lower()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.translate(_DASHES)).casefold()
        text = "".join(c for c in text if not unicodedata.combining(c)).translate(_DASHES)
    text = text.translate(_BLANKS).strip()
    if text.startswith(("name ", "v* ")):
        text = text.partition(" ")[2]
    if _LONG_WORD.search(text):
        text = _without_long_constellations(text)
    text = text.translate(_DROPPED)
    if match := _TRANSIENT.fullmatch(text):
        return f"sn{match[1]}"
    if text[:2] in _CATALOGUED:
        text = _catalogued(text)
        if text.startswith("mcg"):
            return text  # the sign of its declination is not a hyphen
    return _HYPHEN.sub("", text)


def _without_long_constellations(text: str) -> str:
    words = text.split()
    for n, (word, after) in enumerate(zip(words, [*words[1:], ""], strict=True)):
        if word in _TWO_WORDS and word + after in _SHORT:
            words[n : n + 2] = [_SHORT[word + after], ""]
        elif word in _SHORT:
            words[n] = _SHORT[word]
    return _JOINED.sub(lambda found: _SHORT[found[0]], " ".join(words))


def _catalogued(text: str) -> str:
    """Return the name of a catalogue in its short form, and numbers without leading zeros."""
    for prefix, short in _PREFIXES:
        text, changed = prefix.subn(short, text)
        if changed:
            break
    if match := _PADDED.match(text):
        number = match[2].replace("g", "") if match[1] == "eso" else match[2]
        if match[1] == "mcg":
            number = number.removeprefix("+")
            sign = "-" if text[3:].startswith("-") else ""
            number = sign + number.removeprefix("-")
        text = match[1] + _ZEROS.sub("", number)
    if match := _HO_NUMBER.match(text):
        number = int(match[1])
        if number < len(_ROMAN):
            text = f"ho{_ROMAN[number]}{text[match.end() :]}"
    return text


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
    units, minutes = float(whole[:2]), float(whole[2:4])
    if len(whole) < 4:  # dd, or ddd: tenths of a degree
        return float(whole[:2]) + float(f"0.{whole[2:] or 0}")
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
