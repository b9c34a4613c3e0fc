"""Text files of light curves: QDP tables. Columns and words only; nothing is computed here."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BOTH_ERRORS = "READ TERR 1 2\n"
"""Columns 1 and 2 each carry a plus and a minus error (seen in real files)."""
SINGLE_ERROR = "READ TERR 1\nREAD SERR 2\n"
_COLUMN_NAMES = {"TimePos": "T_+ve", "TimeNeg": "T_-ve", "RatePos": "Ratepos", "RateNeg": "Rateneg"}


class Table(NamedTuple):
    """Rows of text under the names of their columns.

    Parameters
    ----------
    columns
        Names as answers spell them.
    rows
        One text each, its cells separated by tabs: lists of cells would take five times the memory.
    obsids
        Observation of each row; None where rows are not tied to one.
    """

    columns: Sequence[str]
    rows: Sequence[str]
    obsids: Sequence[str] | None = None

    def cells(self) -> list[list[str]]:
        """Return the rows as lists of cells."""
        return [row.split("\t") for row in self.rows]

    def pick(self, which: Sequence[int], columns: Sequence[str] | None = None) -> Table:
        """Return some of the columns, by their numbers; `columns` gives them other names."""
        rows = ["\t".join([cells[k] for k in which]) for cells in self.cells()]
        return Table(columns or [self.columns[k] for k in which], rows, self.obsids)

    def marked(self, mark: str) -> Table:
        """Return the table with the observation behind each row, if rows are tied to one, as real files have it.

        `mark` stands before the observation: ``::ObsID=``, or ``!::ObsID=`` where it is a comment.
        """
        if self.obsids is None:
            return self
        rows = [f"{row}\t{mark}{obsid}" for row, obsid in zip(self.rows, self.obsids, strict=True)]
        return self._replace(rows=rows)


def column_names(columns: Sequence[str]) -> list[str]:
    """Return names of columns as files spell them."""
    return [_COLUMN_NAMES.get(name, name) for name in columns]


def document(head: str, blocks: Iterable[tuple[str, Table]]) -> bytes:
    """Write titled tables: a line with the title, one with the columns, rows; a line of `NO` between tables.

    Parsers of real files look for these lines. Empty tables are left out; if all are empty, the result is empty.
    """
    filled = [(title, table) for title, table in blocks if table.rows]
    texts = [head]
    for k, (title, table) in enumerate(filled):
        if k:
            texts.append(" ".join(["NO"] * len(filled[k - 1][1].columns)) + "\n")
        names = "\t".join(column_names(table.columns))
        texts.append(f"! {title}\n!{names}\n" + "".join(f"{row}\n" for row in table.rows))
    return "".join(texts).encode("ascii") if filled else b""
