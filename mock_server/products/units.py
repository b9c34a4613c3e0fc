"""FITS files as bytes: units of cards and data in blocks of 2880 bytes, with their checksums.

Own code for speed: the files of a spectrum have a thousand cards, which astropy takes longer to format than all else
takes. The tests read every file with astropy, cfitsio and fitsverify.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

Card = tuple[str, Any]
"""Keyword and value: a text, a whole number, a float or a bool."""
_NUMBERS = {"I": ">i2", "J": ">i4", "E": ">f4", "D": ">f8"}
_NO_CHECKSUM = "0" * 16


class Column(NamedTuple):
    """A column of a table. `form` is a number of elements (none is one) and a letter of the FITS standard."""

    name: str
    form: str
    values: NDArray[Any]
    unit: str = ""


def cards(pairs: Iterable[Card]) -> str:
    """Format keywords as cards of 80 characters each."""
    return "".join(_card(keyword, value) for keyword, value in pairs)


@lru_cache(maxsize=2048, typed=True)
def _card(keyword: str, value: Any) -> str:
    """Format one keyword; most are the same in all files."""
    if isinstance(value, str):
        quoted = "'{:8}'".format(value.replace("'", "''"))
        shown = f"{quoted:20}"
    elif isinstance(value, bool):
        shown = f"{'T' if value else 'F':>20}"
    else:
        shown = f"{repr(value).upper():>20}"
    return f"{keyword:8}= {shown}".ljust(80)[:80]


def history(lines: Iterable[str]) -> str:
    """Format lines of at most 72 characters as cards of the history."""
    return "".join(f"HISTORY {line}".ljust(80)[:80] for line in lines)


def table(columns: Sequence[Column], header: str, checked: bool = False) -> bytes:
    """Return a table as a unit; `header` has the cards that do not describe its structure."""
    row = np.dtype([(c.name, _NUMBERS[c.form[-1]], c.values.shape[1:]) for c in columns])
    rows = np.empty(len(columns[0].values), row)
    for column in columns:
        rows[column.name] = column.values
    described: list[Card] = [("XTENSION", "BINTABLE"), ("BITPIX", 8), ("NAXIS", 2), ("NAXIS1", row.itemsize)]
    described += [("NAXIS2", len(rows)), ("PCOUNT", 0), ("GCOUNT", 1), ("TFIELDS", len(columns))]
    for k, column in enumerate(columns, 1):
        described += [(f"TTYPE{k}", column.name), (f"TFORM{k}", column.form)]
        described += [(f"TUNIT{k}", column.unit)] if column.unit else []
    return unit(cards(described) + header, rows.tobytes(), checked)


def primary_image(image: NDArray[np.float32], header: str) -> bytes:
    """Return a primary image, shape (height, width), with its checksum."""
    height, width = image.shape
    described: list[Card] = [("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 2), ("NAXIS1", width), ("NAXIS2", height)]
    return unit(cards([*described, ("EXTEND", True)]) + header, image.astype(">f4").tobytes(), checked=True)


def unit(header: str, data: bytes, checked: bool = False) -> bytes:
    """Return cards and data in whole blocks; `checked` adds the two checksums of the FITS standard."""
    body = in_blocks(data, b"\0")
    if not checked:
        return in_blocks((header + "END").encode("ascii"), b" ") + body
    of_data = _sum(body)
    sums = cards([("CHECKSUM", _NO_CHECKSUM), ("DATASUM", str(of_data))])
    head = in_blocks((header + sums + "END").encode("ascii"), b" ")
    at = len(header) + 11  # behind keyword, equals sign and quote
    return head[:at] + _encoded(_sum(head, of_data)) + head[at + 16 :] + body


def in_blocks(content: bytes, filling: bytes) -> bytes:
    """Fill up to whole blocks of 2880 bytes, of which a FITS file consists."""
    return content + filling * (-len(content) % 2880)


def _sum(content: bytes, before: int = 0) -> int:
    """Sum of words of 32 bits in ones' complement, as DATASUM has it."""
    total = before + int(np.frombuffer(content, ">u4").sum(dtype=np.uint64))
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def _encoded(total: int) -> bytes:
    """Write the complement of a sum as CHECKSUM: 16 letters and digits that bring the sum of the unit to zero."""
    text = np.empty((4, 4), dtype=np.int64)
    for column, byte in enumerate((~total & 0xFFFFFFFF).to_bytes(4, "big")):
        quarter, rest = divmod(byte, 4)
        four = [quarter + 48 + rest, quarter + 48, quarter + 48, quarter + 48]
        while any(58 <= one <= 64 or 91 <= one <= 96 for one in four):  # neither letters nor digits
            for k in (0, 2):
                if any(58 <= one <= 64 or 91 <= one <= 96 for one in four[k : k + 2]):
                    four[k] += 1
                    four[k + 1] -= 1
        text[:, column] = four
    return bytes(np.roll(text.ravel(), 1).tolist())
