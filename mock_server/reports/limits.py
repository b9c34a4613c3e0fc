"""Limits on the courtesy report, such as ``active>5`` or ``poll<10s``: a program that breaks one fails. Pure."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.errors import InputInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Report = Mapping[str, Any]


class _Quantity(NamedTuple):
    meaning: str
    value: Callable[[Report], float | None]
    where: Callable[[Report], str | None] = lambda _report: None


def _violations(report: Report) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] | None = report["contract_violations"]
    if found is None:  # without a watcher the limit could never be broken
        raise InputInvalid("a limit on violations needs `xrt-mock run`; in pytest use --xrt-contract instead")
    return found


QUANTITIES: dict[str, _Quantity] = {
    "active": _Quantity(
        "most jobs active at a time", lambda r: r["active_jobs"]["peak"], lambda r: r["active_jobs"]["where"]
    ),
    "poll": _Quantity(
        "shortest time between two status calls for a job [s]",
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
"""Quantities that can be limited; `value` is None if the report has no data for one."""

_COMPARISONS = {">": operator.gt, "<": operator.lt}
_FORM = re.compile(r"\s*(\w+)\s*([<>])\s*([0-9.]+)\s*s?\s*")


class Gate(NamedTuple):
    """A limit, and what a report says about it; `value` is None if the report has no data for it."""

    limit: Limit
    value: float | None
    where: str | None
    broken: bool

    def __str__(self) -> str:
        value = "not seen" if self.value is None else f"{self.value:g}"
        at = f", at {self.where}" if self.where else ""
        return f"{QUANTITIES[self.limit.quantity].meaning}: {value}{at} (fails if {self.limit})"


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit; the report fails if the comparison of `quantity` with `bound` is true."""

    quantity: str
    comparison: str
    bound: float

    def __str__(self) -> str:
        return f"{self.quantity}{self.comparison}{self.bound:g}"

    def judge(self, report: Report) -> Gate:
        """Return what a report says about the limit, with the line of the program if it is known."""
        quantity = QUANTITIES[self.quantity]
        value = quantity.value(report)
        broken = value is not None and _COMPARISONS[self.comparison](value, self.bound)
        return Gate(self, value, quantity.where(report) if value else None, broken)


def parse_limits(text: str) -> list[Limit]:
    """Read limits that are separated by commas or line ends: ``active>5,poll<10s,lost>0``."""
    limits = []
    for part in filter(str.strip, re.split(r"[,\n]", text)):
        found = _FORM.fullmatch(part)
        if found is None or found[1] not in QUANTITIES:
            raise InputInvalid(
                f"{part.strip()!r} is not a limit: write one of {', '.join(QUANTITIES)}, then > or <, then a number"
            )
        limits.append(Limit(found[1], found[2], float(found[3])))
    return limits


def broken_limits(limits: Iterable[Limit], report: Report) -> list[str]:
    """Return a sentence for each limit that a report breaks."""
    return [str(gate) for limit in limits if (gate := limit.judge(report)).broken]
