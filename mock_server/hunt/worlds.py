"""The worlds that are drawn: strategies for each kind of deviation, limited to what the program does in calm."""

from __future__ import annotations

from collections import Counter
from itertools import product
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import strategies as st

from ..core.faults import OPERATIONS
from .deviations import Deviation, Kill, World
from .life import RETRIEVALS
from .oracles import SUBMIT
from .weather import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .life import Life

_OPERATION_WORDS = {
    SUBMIT: "submission",
    "checkProductStatus": "look at a job",
    "getNumJobs": "count of active jobs",
    "canceljob": "cancellation",
    "downloadProduct": "download",
    "downloadFile": "download of a file",
    "listOldJobs": "list of old jobs",
    "getOldProduct": "request for an old job",
}
_FAULT_WORDS = {
    "refuse": "the service refuses its {n} {o}",
    "status": "its {n} {o} is answered with an error page ({status})",
    "reset": "the connection breaks at its {n} {o}",
    "lost": "the answer to its {n} {o} is lost after the work was done",
    "latency": "the answer to its {n} {o} takes {seconds} s",
    "cut": "the answer to its {n} {o} breaks off after {after_bytes} bytes",
    "not-json": "its {n} {o} is answered with a page and status 200",
    "archive-cut": "its {n} {o} brings an archive that ends after {after_bytes} bytes",
    "stuck": "a product of its {n} {o} never ends",
    "product-failed": "a product of its {n} {o} fails",
}
_ARGUMENTS: dict[str, tuple[dict[str, Any], ...]] = {
    "status": ({"status": 503}, {"status": 500}),
    "latency": ({"seconds": 45}, {"seconds": 150}, {"seconds": 4000}),
    "cut": ({"after_bytes": 0}, {"after_bytes": 40}, {"after_bytes": 1000}),
    "archive-cut": ({"after_bytes": 1000}, {"after_bytes": 40}),
    "product-failed": ({"code": -3}, {"code": -1}),
}
_ONLY_AT = {
    "stuck": {SUBMIT},
    "product-failed": {SUBMIT},
    "archive-cut": {"downloadProduct", "downloadFile", "downloadLightCurve"},
}
_MOST_CALLS = 12  # the first calls of an operation are as good as the later ones
_RESTART_SHARE, _SETTING_SHARE, _MIXED_SHARE = 0.18, 0.2, 0.12
_PART = 50  # worlds with two deviations that one process searches at a time


class Stream(NamedTuple):
    """Worlds of one kind, searched together.

    Parameters
    ----------
    name
        Names it in reports; a part of the key of its random values.
    worlds
        Draws a world.
    most
        Number of worlds that are drawn.
    mixed
        Whether its worlds have two deviations; it is searched after the others, for what one alone does not show.
    """

    name: str
    worlds: st.SearchStrategy[World]
    most: int
    mixed: bool = False


def streams(calm: Life, number: int, *, restart: bool = True) -> list[Stream]:
    """Return the streams for a program, with shares of a `number` of worlds; `restart`: it can be killed."""
    found, others, restarts = list(faults(calm)), dict(settings(calm)), dict(kills(calm) if restart else ())
    every = {f"{kind} {operation}": choices for kind, operation, choices in found} | others | restarts
    mixed = number * _MIXED_SHARE
    planned = [(f"{kind} {operation}", choices, 1.0) for kind, operation, choices in found]
    left = number * (1 - _RESTART_SHARE - _SETTING_SHARE - _MIXED_SHARE)
    shares = [(name, choices, left / len(planned)) for name, choices, _ in planned]
    shares += [(name, choices, number * _SETTING_SHARE / len(others)) for name, choices in others.items()]
    shares += [(name, choices, number * _RESTART_SHARE / len(restarts)) for name, choices in restarts.items()]
    spare = sum(max(0.0, share - len(choices)) for _, choices, share in shares)
    alone = [
        Stream(
            name,
            st.sampled_from(choices).map(lambda deviation: (deviation,)),
            max(1, min(len(choices), round(share))),
        )
        for name, choices, share in shares
    ]
    one = st.sampled_from(list(every.values())).flatmap(st.sampled_from)
    two = st.lists(one, min_size=1, max_size=2, unique_by=lambda d: (d.kind, d.operation)).map(tuple)
    parts = ceil((mixed + spare) / _PART)
    together = [Stream(f"two at once {part}", two, ceil((mixed + spare) / parts), mixed=True) for part in range(parts)]
    return [*alone, *together]


def faults(calm: Life) -> Iterator[tuple[str, str, list[Deviation]]]:
    """Yield kind, operation and deviations for each fault at each operation that the program uses."""
    for operation, count in Counter(call.operation for call in calm.calls).items():
        said = _OPERATION_WORDS.get(operation, f"call of {operation}")
        numbers = sorted({*range(1, min(count, _MOST_CALLS) + 1), count})
        for kind, wording in _FAULT_WORDS.items():
            if operation not in OPERATIONS or operation not in _ONLY_AT.get(kind, {operation}):
                continue
            if kind == "refuse" and operation in RETRIEVALS and operation.startswith("download"):
                continue  # a download has no answer that could refuse
            places: list[dict[str, int]] = [{"call": n} for n in numbers]
            places += [{"times": n} for n in (2, 3, 5)]
            made = []
            for more, place in product(_ARGUMENTS.get(kind, ({},)), places):
                n = ordinal(place["call"]) if "call" in place else f"first {place['times']}"
                words = wording.format(n=n, o=said if "call" in place else f"{said} (each)", **more)
                fault = {"kind": kind, "operation": operation, **place, **more}
                made.append(Deviation(kind, operation, words, {"faults": [fault]}))
            yield kind, operation, made


def ordinal(number: int) -> str:
    """Return ``1st``, ``2nd``, ..."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def kills(calm: Life) -> Iterator[tuple[str, list[Deviation]]]:
    """Yield the kills; those at each kind of call and at each write."""
    for at, words, count in (("call", "at its {} call", len(calm.calls)), ("write", "in its {} write", calm.writes)):
        if count:
            numbers = sorted({*range(1, min(count, 20) + 1), *range(1, count + 1, max(1, count // 120))})
            yield (
                f"restart at a {at}",
                [
                    Deviation(
                        "restart", "", f"it is killed {words.format(ordinal(n))} and started again", {}, Kill(at, n)
                    )
                    for n in numbers
                ],
            )
