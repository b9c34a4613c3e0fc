"""Text files of light curves: QDP tables. Which columns, which words; nothing is computed here."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Row = Sequence[str]
    Block = tuple[str, Sequence[str], Sequence[Row]]

BOTH_ERRORS = "READ TERR 1 2\n"
"""Columns 1 and 2 each carry a plus and a minus error (seen in real files)."""
SINGLE_ERROR = "READ TERR 1\nREAD SERR 2\n"


def document(head: str, blocks: Iterable[Block]) -> bytes:
    """Write blocks of rows: a line that names the block, one that names the columns, rows; `NO` between blocks.

    The naming lines are what parsers of real files look for. Empty blocks are left out.
    """
    texts: list[str] = []
    width = 0
    for title, columns, rows in blocks:
        if not rows:
            continue
        between = " ".join(["NO"] * width) + "\n" if texts else ""
        body = "".join("\t".join(row) + "\n" for row in rows)
        texts.append(f"{between}! {title}\n!" + "\t".join(columns) + "\n" + body)
        width = len(columns)
    return (head + "".join(texts)).encode("ascii")


def with_observation(rows: Sequence[Row], obsids: Sequence[str], comment: bool) -> list[list[str]]:
    """Add the observation to rows: as a comment, or as one more column (both seen in real files)."""
    mark = "!::ObsID=" if comment else "::ObsID="
    return [[*row, mark + obsid] for row, obsid in zip(rows, obsids, strict=True)]
