"""Tables in any format that astropy reads, as plain rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def read_table(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a table by column: FITS, VOTable, ECSV, plain text with columns, and so on.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        Astropy does not know the format.
    """
    from astropy.table import Table  # noqa: PLC0415 - takes half a second, and few users give tables

    path.open("rb").close()
    for how in ({}, {"format": "ascii"}):
        try:
            table = Table.read(path, **how)
            break
        except Exception as error:
            problem = error
    else:
        raise ValueError(f"{path} is no table that astropy reads: {problem}") from problem
    names = table.colnames
    for row in table:
        cells = {}
        for name in names:
            value = row[name]
            if isinstance(value, bytes):
                cells[name] = value.decode("utf-8", "replace").strip()
            else:
                cells[name] = value.item() if hasattr(value, "item") else str(value)
        yield cells
