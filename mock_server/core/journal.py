"""Journal of calls: one entry for each call, in simulated time. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .words import iso_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CALLED_FROM = ", called from "
"""In :attr:`Entry.where`, between the line of a function that called the service and the line that called it."""


class Entry(NamedTuple):
    """One call.

    Parameters
    ----------
    at
        Simulated time of the answer [s].
    operation
        Its name in the contract: ``run_userobject``, ``canceljob``, ``downloadProduct``, ...
    user
        Address in the call; empty if the operation has none.
    job_id
        Number of the job that the call names; None if it names none.
    outcome
        ``ok``, ``partial``, ``refused``, ``missing`` (404), ``outage`` (503), ``unavailable`` (503 of the simulator
        itself) or ``fault`` (a planned fault).
    status
        HTTP status of the answer.
    detail
        Reason of a refusal, or what was requested; with the nearest known parameter for unknown ones.
    where
        File and line of the program that called, if known: ``a.py:3`` or ``a.py:3, called from b.py:7``.
    seq
        Its number in the journal, from 1; 0 until the journal is written.
    """

    at: float
    operation: str
    user: str = ""
    job_id: int | None = None
    outcome: str = "ok"
    status: int = 200
    detail: str = ""
    where: str = ""
    seq: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the entry as JSON-ready data."""
        return self._asdict()


class Journal:
    """Entries in the order of the calls, with filters for tests.

    Parameters
    ----------
    entries
        Calls that are kept.
    forgotten
        Number of older calls that are no longer kept.
    """

    def __init__(self, entries: Iterable[Entry] = (), forgotten: int = 0) -> None:
        self.entries = tuple(entries)
        self.forgotten = forgotten

    def where(self, **wanted: Any) -> Journal:
        """Entries whose fields equal all of `wanted`; addresses are compared without case."""
        return Journal(matching(self.entries, **wanted))

    def count(self, **wanted: Any) -> int:
        """Return how many entries have fields that equal all of `wanted`: ``count(operation="canceljob")``."""
        return len(matching(self.entries, **wanted))

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Entry:
        return self.entries[index]

    def __str__(self) -> str:
        return "\n".join(describe(entry) for entry in self.entries)


def matching(entries: Iterable[Entry], **wanted: Any) -> list[Entry]:
    """Return the entries whose fields equal all of `wanted`.

    Raises
    ------
    TypeError
        If a name is not a field of :class:`Entry`.
    """
    unknown = sorted(set(wanted) - set(Entry._fields))
    if unknown:
        raise TypeError(f"a journal entry has no field {unknown[0]!r}; it has {', '.join(Entry._fields)}")
    found = list(entries)
    for name, value in wanted.items():
        place = Entry._fields.index(name)
        if isinstance(value, str):
            folded = value.casefold()  # a few different values stand in many entries
            alike = {one for one in {e[place] for e in found} if one == value or str(one).casefold() == folded}
            found = [e for e in found if e[place] in alike]
        else:
            found = [e for e in found if e[place] == value]
    return found


def describe(entry: Entry) -> str:
    """Return one line about an entry."""
    about = f" job {entry.job_id}" if entry.job_id is not None else ""
    words = f": {entry.detail}" if entry.detail else ""
    return (
        f"{iso_text(entry.at)} {entry.operation}{about} {entry.user} -> {entry.status} {entry.outcome}{words}".strip()
    )
