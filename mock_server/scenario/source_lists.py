"""Sources that users give: one as ``NAME=RA,DEC[,RATE]``, or a file of them (CSV, JSON, or a table astropy reads)."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import InputInvalid
from ..sky.names import position_in
from ..sky.sources import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FORM = "NAME=RA,DEC[,RATE]"
_KEYS = {
    "name": ("name", "object", "source", "source_name", "target_name", "main_id"),
    "ra": ("ra", "ra_deg", "raj2000", "_raj2000", "ra_j2000", "ra_icrs"),
    "dec": ("dec", "de", "decl", "dec_deg", "dej2000", "_dej2000", "decj2000", "dec_j2000", "de_icrs"),
    "rate": ("rate", "xrt_rate", "mean_rate", "count_rate"),
    "cls": ("cls", "class"),
    "targets": ("targets", "target", "target_id", "targ"),
    "aliases": ("aliases",),
    "t0_met": ("t0_met",),
}
"""Keys of a source, and the names of columns that stand for them; case does not matter."""
_COLUMNS = {column: key for key, columns in _KEYS.items() for column in columns}


def read_sources(given: Iterable[str | Path | Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return sources as a scenario file has them under ``sky.sources``.

    Parameters
    ----------
    given
        Each a text ``NAME=RA,DEC[,RATE]``, the path of a file, or a source as plain data.

    Raises
    ------
    ValueError
        A source cannot be read; the message says which, and what is missing.
    """
    found: list[Mapping[str, Any]] = []
    for one in given:
        if isinstance(one, Mapping):
            found.append(_checked(_source(one), "a source"))
        elif isinstance(one, str) and "=" in one:
            found.append(source_from_text(one))
        else:
            found += sources_in_file(Path(one))
    return found


def source_from_text(text: str) -> Mapping[str, Any]:
    """Return the source that ``NAME=RA,DEC[,RATE]`` stands for: degrees or ``hh:mm:ss``, and count/s."""
    name, _, values = text.rpartition("=")
    parts = [part.strip() for part in values.split(",")]
    if not name.strip() or len(parts) not in (2, 3):
        raise InputInvalid(f"{text!r} is not a source: write {FORM}, such as 'My Source=83.63,22.01,0.5'")
    return _checked(_source(dict(zip(("name", "ra", "dec", "rate"), (name.strip(), *parts), strict=False))), repr(text))


def sources_in_file(path: Path) -> list[Mapping[str, Any]]:
    """Return the sources in a file; a message about one names its line."""
    try:
        rows = list(_rows(path))
    except OSError as error:
        raise InputInvalid(f"cannot read the sources in {path}: {error.strerror or error}") from error
    if not rows:
        raise InputInvalid(f"{path} holds no sources: give each a line with name, ra and dec")
    found = []
    for where, row in rows:
        place = f"{path.name}, {where}"
        try:
            source = _source(row)
        except ValueError as error:
            raise InputInvalid(f"{place}: {error}") from error
        found.append(_checked(source, place))
    return found


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the place of each source in a file, and its values by column."""
    match path.suffix.lower():
        case ".csv" | ".txt":
            numbered = [(n, s) for n, s in enumerate(_text(path).splitlines(), start=1) if s and not s.startswith("#")]
            reader = csv.DictReader((line for _, line in numbered), skipinitialspace=True)
            for row in reader:
                yield f"line {numbered[reader.line_num - 1][0]}", row
        case ".json":
            for number, entry in enumerate(_entries(path), start=1):
                yield f"entry {number}", entry
        case _:
            from ..products.tables import read_table  # noqa: PLC0415 - loads astropy

            for number, entry in enumerate(read_table(path), start=1):
                yield f"row {number}", entry


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise InputInvalid(f"{path} is not in UTF-8: save it as UTF-8") from None


def _entries(path: Path) -> list[Mapping[str, Any]]:
    text = _text(path)
    try:
        data = json.loads(text)
    except ValueError as error:
        raise InputInvalid(f"{path} is not JSON: {error}") from error
    if isinstance(data, dict):
        named = [{"name": name, **value} for name, value in data.items() if isinstance(value, dict)]
        data = data.get("sources", named)
    if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
        raise InputInvalid(f"{path} must hold a list of objects with name, ra and dec")
    return data


def _source(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a source from one row; columns that say nothing about a source are ignored, unless it is plain data."""
    nested = any(isinstance(value, dict) for value in row.values())
    found: dict[str, Any] = {}
    for column, value in row.items():
        key = _COLUMNS.get(str(column).strip().lower(), str(column) if nested else None)
        if key is not None and key not in found and value is not None and str(value).strip() not in ("", "--", "nan"):
            found[key] = value.strip() if isinstance(value, str) else value
    missing = [key for key in ("name", "ra", "dec") if key not in found]
    if missing:
        raise InputInvalid(f"{' and '.join(missing)} missing; every source needs name, ra and dec")
    position = position_in(f"{found['ra']} {found['dec']}")
    if position is None:
        raise InputInvalid(
            f"ra {found['ra']} and dec {found['dec']} are no position: write degrees, or 05:34:31.9 and +22:00:52"
        )
    found["name"], (found["ra"], found["dec"]) = str(found["name"]), position
    for key in ("targets", "aliases"):
        if key in found and not isinstance(found[key], list | tuple):
            found[key] = [part.strip() for part in str(found[key]).replace("|", ";").split(";")]
    found |= {"targets": [str(target).zfill(8) for target in found["targets"]]} if "targets" in found else {}
    for key in ("rate", "t0_met"):
        if key in found and not isinstance(found[key], Mapping):
            found[key] = _number(key, found[key])
    if isinstance(found.get("rate"), float):
        found["rate"] = {"mean_rate": found["rate"]}
    if found.get("cls") == "grb" and "t0_met" not in found:
        raise InputInvalid("t0_met missing; a source of class grb needs its trigger time [s, MET]")
    return found


def _number(key: str, value: object) -> float:
    try:
        number = float(str(value))
    except ValueError:
        raise InputInvalid(f"{key} is {value!r}, but must be a number") from None
    if not 0 <= number < 1e9:
        raise InputInvalid(f"{key} is {value}, but must be a number from 0 to 1e9")
    return number


def _checked(source: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    """Return a source that a scenario can hold, or say where it stands and what is wrong."""
    try:
        catalogue((source,))
    except ValueError as error:
        raise InputInvalid(f"{place}: {error}") from error
    return source
