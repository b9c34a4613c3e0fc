"""Text files of light curves: layout of QDP tables. Words only; nothing is computed here.

Layout, titles and digits are those of files that users published (field).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BOTH_ERRORS = "READ TERR 1 2\n"
"""Columns 1 and 2 each carry a plus and a minus error."""
SINGLE_ERROR = "READ TERR 1\nREAD SERR 2\n"
DETAILED = "READ TERR 1 2\nREAD SERR 4\n"
"""The background rate, column 4, carries its error too."""
DETAILED_RATIO = "READ TERR 1\nREAD SERR 2 4 6\n"
_BETWEEN = "NO\tNO\tNO\tNO\tNO\n"
_COLUMN_NAMES = {"TimePos": "T_+ve", "TimeNeg": "T_-ve", "RatePos": "Ratepos", "RateNeg": "Rateneg"}


def column_names(columns: Sequence[str]) -> list[str]:
    """Return names of columns as files spell them."""
    return [_COLUMN_NAMES.get(name, name) for name in columns]


def name_line(columns: Sequence[str]) -> str:
    """Return the line with the names of columns: padded to eight characters, tabs between."""
    return "!" + "\t".join(f"{name:8}" for name in column_names(columns)).rstrip() + "\n"


def document(head: str, blocks: Iterable[tuple[str, Sequence[str]]]) -> bytes:
    """Write blocks with a line of `NO` between them; empty ones are left out.

    Parameters
    ----------
    head
        Lines above the first block.
    blocks
        Lines above the rows of each block, and its rows; if all are without rows, the result is empty.
    """
    texts = [above + "\n".join(rows) + "\n" for above, rows in blocks if rows]
    return (head + _BETWEEN.join(texts)).encode("ascii", "replace") if texts else b""
