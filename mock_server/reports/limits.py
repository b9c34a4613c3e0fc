"""What a program may not do: limits on the courtesy report, such as ``active>5`` or ``poll<10s``. Pure."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Report = Mapping[str, Any]


class _Quantity(NamedTuple):
    meaning: str
    value: Callable[[Report], float | None]
    where: Callable[[Report], str | None] = lambda _report: None


def _violations(report: Report) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] | None = report["contract_violations"]
    if found is None:  # a limit that nobody watches would never be passed
        raise ValueError("violations are limited under `xrt-mock run` alone; pytest has --xrt-contract for that")
    return found


QUANTITIES: dict[str, _Quantity] = {
    "active": _Quantity(
        "most jobs active at a time", lambda r: r["active_jobs"]["peak"], lambda r: r["active_jobs"]["where"]
    ),
    "poll": _Quantity(
        "shortest time between two looks at a job [s]",
        lambda r: r["polling"]["shortest_s"],
        lambda r: r["polling"]["where"],
    ),
    "refused": _Quantity("submissions refused", lambda r: r["jobs"]["submissions_refused"]),
    "lost": _Quantity(
        "jobs whose products expired before download", lambda r: len(r["downloads"]["jobs_expired_before_download"])
    ),
    "undownloaded": _Quantity("jobs never downloaded", lambda r: len(r["downloads"]["jobs_never_downloaded"])),
    "violations": _Quantity(
        "requests outside the contract",
        lambda r: sum(found["times"] for found in _violations(r)),
        lambda r: next((found["where"] for found in _violations(r)), None),
    ),
    "duplicates": _Quantity("requests submitted more than once", lambda r: len(r["duplicate_submissions"])),
}
"""What can be limited; `value` is None where there is nothing to judge."""

_COMPARISONS = {">": operator.gt, "<": operator.lt}
_FORM = re.compile(r"\s*(\w+)\s*([<>])\s*([0-9.]+)\s*s?\s*")


@dataclass(frozen=True, slots=True)
class Gate:
    """One limit; the report fails if `quantity` compares so with `bound`."""

    quantity: str
    comparison: str
    bound: float

    def __str__(self) -> str:
        return f"{self.quantity}{self.comparison}{self.bound:g}"

    def failure(self, report: Report) -> str | None:
        """Return what is wrong in a sentence, with the line of the program if known; None if all is well."""
        quantity = QUANTITIES[self.quantity]
        value = quantity.value(report)
        if value is None or not _COMPARISONS[self.comparison](value, self.bound):
            return None
        where = quantity.where(report)
        at = f", at {where}" if where else ""
        return f"{quantity.meaning}: {value:g}{at} (fails if {self})"


def parse(text: str) -> list[Gate]:
    """Read gates with commas or line ends between them: ``active>5,poll<10s,lost>0``."""
    return [_gate(part) for part in re.split(r"[,\n]", text) if part.strip()]


def _gate(part: str) -> Gate:
    found = _FORM.fullmatch(part)
    if found is None or found[1] not in QUANTITIES:
        raise ValueError(
            f"{part.strip()!r} is no gate; write one of {', '.join(QUANTITIES)}, then > or <, then a number"
        )
    return Gate(found[1], found[2], float(found[3]))


def failures(gates: Iterable[Gate], report: Report) -> list[str]:
    """Return what is wrong with a report, a sentence each."""
    return [found for gate in gates if (found := gate.failure(report)) is not None]
