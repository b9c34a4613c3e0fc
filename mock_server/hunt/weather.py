"""Deviations that concern no single call: limits, queue, failing products, the calendar, defaults, the sky. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..core.words import duration_text
from .deviations import Deviation
from .oracles import SUBMIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .life import Life

    Named = Iterator[tuple[str, list[Deviation]]]

DAY = 86400.0
_DEFAULTS = {"minsnr": 2.4, "sigmin": 4, "posobstime": 24, "timeslice": "obsid", "binMeth": "time"}
_ALWAYS: dict[str, dict[str, dict[str, Any]]] = {
    "queue": {
        "the queue has one slot": {"queue": {"slots": 1}},
        "builds take ten times as long": {"durations": {"factor": 10}},
        "builds take no time": {"durations": {"factor": 0.001}},
        "other users hold 95 % of the slots": {"background": {"load": 0.95}},
        "builds leave the queue once an hour": {"queue": {"dispatch_every_s": 3600}},
    },
    "failures": {
        "a third of the products fail": {"outcomes": {"failed": 0.33}},
        "all products fail": {"outcomes": {"failed": 1.0}},
        "a third of the products cannot be queued": {"outcomes": {"not_queued": 0.33}},
        "a third of the products cannot be requested": {"outcomes": {"not_requested": 0.33}},
    },
    "retention": {
        "products are kept for two days": {"retention": {"days": 2}},
        "products are kept for a day": {"retention": {"days": 1}},
        "products are kept for six hours": {"retention": {"days": 0.25}},
    },
    "deprecation": {
        "answers have a deprecation warning": {"api": {"deprecation_message": "This version is old."}},
        "answers have a newer version": {"api": {"version": "1.14"}},
    },
}
"""Words and pieces of a scenario, by kind."""


def settings(calm: Life) -> Named:
    """Yield name and deviations of each kind, for a program that does this in the calm world."""
    yield from limits(calm)
    for kind, choices in _ALWAYS.items():
        yield kind, [Deviation(kind, "", words, scenario) for words, scenario in choices.items()]
    yield from dated(calm)
    yield from sky(calm)


def limits(calm: Life) -> Named:
    """Yield limits below what the program needs, from the start or while it runs."""
    peak = max(calm.peak_active[0], 1)
    lower = sorted({peak - 1, peak // 2, 2, 1} & set(range(1, peak)), reverse=True)
    if lower:
        pieces = [(n, {"limits": {"active_jobs": n}}) for n in lower]
        yield "limit", [Deviation("limit", "", f"the limit is {n} active jobs", piece) for n, piece in pieces]
        yield (
            "limit falls",
            [
                Deviation(
                    "limit", "", f"the limit falls to {n} active jobs after {duration_text(at)}", change(at, piece)
                )
                for n, piece in pieces
                for at in moments(calm)
            ],
        )


def moments(calm: Life) -> list[float]:
    """Return times at which something may change while the program runs [s since its start]."""
    return [max(calm.simulated_s, 600.0) * share for share in (0.02, 0.25, 0.5, 0.9)]


def change(at: float, piece: dict[str, Any]) -> dict[str, Any]:
    """Return a piece of a scenario that comes into force some time [s] after the start."""
    return {"changes": [{"after_days": at / DAY, **piece}]}


def dated(calm: Life) -> Named:
    """Yield outages, changed defaults, and other days of the year."""
    outages = [(at, length) for length in (600.0, 7200.0, DAY) for at in moments(calm)]
    yield (
        "outage",
        [
            Deviation(
                "outage",
                "",
                f"the service is down for {duration_text(length)} after {duration_text(at)}",
                {"outages": [{"from_day": at / DAY, "until_day": (at + length) / DAY}]},
            )
            for at, length in outages
        ],
    )
    words = "the defaults of the service change after {}"
    later = [(words.format(duration_text(at)), change(at, {"defaults": _DEFAULTS})) for at in moments(calm)]
    pieces = [("the service has other defaults", {"defaults": _DEFAULTS}), *later]
    yield "defaults", [Deviation("defaults", "", said, piece) for said, piece in pieces]
    start = min((call.at for call in calm.calls), default=0.0)
    tomorrow, month, year = (datetime.fromtimestamp(start + days * DAY, tz=UTC) for days in (1, 30, 365))
    data: dict[str, dict[str, Any]] = {
        "all data are reprocessed on the next day": {"sky": {"reprocessings": [tomorrow.date()]}},
        "it is run a month later, and there are more data": {"start": month},
        "it is run a year later, and there are more data": {"start": year},
    }
    yield "data", [Deviation("data", "", said, piece) for said, piece in data.items()]


def sky(calm: Life) -> Named:
    """Yield sources without data, and positions without a source."""
    sources = sorted({job.source for job in calm.jobs if any(map(str.isalpha, job.source))})
    for kind, words, key, most in (
        ("unresolved", "there are no data of {}", "no_data", 6),
        ("no source", "no source is found at {}", "no_source", 3),
    ):
        if sources:
            chosen = sources[:most]
            yield kind, [Deviation(kind, SUBMIT, words.format(name), {"sky": {key: [name]}}) for name in chosen]
