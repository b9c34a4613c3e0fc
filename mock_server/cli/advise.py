"""How long a campaign takes under each throttle, and how heavy it is: found by running it in virtual time.

It submits to the service itself, without HTTP, as the documented loop does: as many as there is room for, then a wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core.errors import LimitReached
from ..core.model import Product
from ..reports.courtesy import duration_text
from ..simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

THROTTLES = (1, 2, 3, 5, 8, 12, 20, 50)
COURTEOUS = 5
"""About so many active jobs the service asks for (documented)."""

_WAIT_S = 120.0
_USER = "advice@example.org"
_NEEDED: dict[Product, dict[str, Any]] = {
    Product.LIGHT_CURVE: {"binMeth": "counts", "pccounts": 20, "wtcounts": 30, "dynamic": 1},
    Product.SPECTRUM: {"specz": 0},
    Product.SOURCE_DET: {"detobs": "all"},
}


@dataclass(frozen=True)
class Trial:
    """One throttle, tried.

    Parameters
    ----------
    throttle
        Jobs that may be active at a time.
    seconds
        Service time from the first submission to the end of the last job [s].
    peak
        Most jobs that were active.
    refused
        Submissions that met the service's own limit.
    """

    throttle: int
    seconds: float
    peak: int
    refused: int


def advise(
    sources: int,
    products: Sequence[Product],
    scenario: str | Path = "calm",
    *,
    progress: Callable[[int], object] = lambda _done: None,
) -> list[Trial]:
    """Try each of :data:`THROTTLES` on a campaign of so many sources; `progress` is told of each job."""
    return [_tried(throttle, sources, products, scenario, progress) for throttle in THROTTLES]


def _tried(
    throttle: int, sources: int, products: Sequence[Product], scenario: str | Path, progress: Callable[[int], object]
) -> Trial:
    with Simulator(scenario) as simulator:
        clock, jobs = simulator.clock, simulator.jobs
        began, submitted, peak, refused, ended_at = clock.now(), 0, 0, 0, clock.now()
        while submitted < sources:
            try:
                while submitted < sources and jobs.count(_USER) < throttle:
                    jobs.submit(_submission(submitted, products))
                    submitted += 1
                    progress(1)
            except LimitReached:
                refused += 1
            peak = max(peak, jobs.count(_USER))
            clock.sleep(_WAIT_S)
        ended_at = max(job.ended_at for job in simulator.controls.jobs())
        return Trial(throttle, ended_at - began, peak, refused)


def _submission(number: int, products: Sequence[Product]) -> dict[str, Any]:
    """Return a raw submission for one of many bursts, a different one for each number."""
    year, month, day = 5 + number // 336 % 20, 1 + number // 28 % 12, 1 + number % 28
    raw: dict[str, Any] = {"UserID": _USER, "name": f"GRB {year:02d}{month:02d}{day:02d}A", "cent": 1, "poserr": 1}
    raw |= {"getCoords": 1, "getTargs": 1, "getT0": 1}
    for product in products:
        raw |= {product.flag: 1} | _NEEDED.get(product, {})
    return raw


def recommended(trials: Sequence[Trial]) -> Trial:
    """Return the fastest throttle that stays within what the service asks for."""
    return min((trial for trial in trials if trial.throttle <= COURTEOUS), key=lambda trial: trial.seconds)


def as_text(trials: Sequence[Trial]) -> str:
    """Return trials as a table, and the recommendation in words."""
    best = recommended(trials)
    rows = [f"{'active jobs':>11}  {'total time':>14}  {'peak':>5}  {'refused':>7}"]
    rows += [f"{t.throttle:>11}  {duration_text(t.seconds):>14}  {t.peak:>5}  {t.refused:>7}" for t in trials]
    fastest = min(trials, key=lambda trial: trial.seconds)
    gain = best.seconds / fastest.seconds
    rows.append(
        f"recommended: at most {best.throttle} active jobs, {duration_text(best.seconds)}; "
        f"{fastest.throttle} would be {gain:.1f} times as fast, but the service asks for about {COURTEOUS}"
    )
    return "\n".join(rows)
