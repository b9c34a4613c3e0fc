"""``xrt-mock advise``: the time that a campaign takes, and its peak load, under each of several throttles.

Each throttle is tried in virtual time. The campaign calls the service itself, without HTTP, as the documented loop
does: it submits jobs until the throttle is reached, then waits.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from ..core.errors import LimitReached
from ..core.model import Product
from .options import json_option, scenario_option

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

THROTTLES = (1, 2, 3, 5, 8, 12, 20, 50)
"""Active jobs that the campaigns allow themselves."""
COURTEOUS = 5
"""Active jobs that the service asks its users not to exceed (documented: about 5)."""

_WAIT_S = 120.0
_WORTH = 1.05  # times as fast: what is less is not worth a word
_STUCK = (
    "the campaign never ends: after {submitted} jobs the scenario leaves no slots (queue.slots), or no room below "
    "limits.active_jobs; choose another --scenario"
)
_USER = "advice@example.org"
_NEEDED: dict[Product, dict[str, Any]] = {
    Product.LIGHT_CURVE: {"binMeth": "counts", "pccounts": 20, "wtcounts": 30, "dynamic": 1},
    Product.SPECTRUM: {"specz": 0},
    Product.SOURCE_DET: {"detobs": "all"},
}


@dataclass(frozen=True)
class Trial:
    """Result of one throttle.

    Parameters
    ----------
    throttle
        Maximum number of active jobs.
    seconds
        Simulated time from the first submission to the end of the last job [s].
    peak
        Highest number of active jobs.
    refused
        Submissions refused because of the service's own limit.
    """

    throttle: int
    seconds: float
    peak: int
    refused: int


@click.command()
@click.option("--sources", type=click.IntRange(1, 100_000), required=True, help="Number of sources, one job each.")
@click.option("--products", default="lc,spec", show_default=True, help="Short names, separated by commas.")
@json_option
@scenario_option
def advise(sources: int, products: str, as_json: bool, scenario: str) -> None:
    """Recommend a throttle for a campaign.

    Tries several throttles in virtual time; prints total time and peak load of each.

    \b
    Example:
      xrt-mock advise --sources 500 --products lc,spec
    """
    known = {product.value: product for product in Product}
    unknown = [name for name in products.split(",") if name not in known]
    if unknown:
        raise click.UsageError(f"there is no product {unknown[0]!r}; known: {', '.join(known)}")
    total = sources * len(THROTTLES)
    with click.progressbar(length=total, label="submitting", file=sys.stderr) as bar:
        trials = try_throttles(sources, [known[name] for name in products.split(",")], scenario, progress=bar.update)
    found = {"trials": [asdict(trial) for trial in trials], "recommended": recommended(trials).throttle}
    click.echo(json.dumps(found, indent=2) if as_json else as_text(trials))


def try_throttles(
    sources: int,
    products: Sequence[Product],
    scenario: str | Path = "calm",
    *,
    progress: Callable[[int], object] = lambda _done: None,
) -> list[Trial]:
    """Run a campaign of `sources` jobs with each of :data:`THROTTLES`; `progress` is called for each job."""
    from ..simulator import Simulator

    trials = []
    for throttle in THROTTLES:
        with Simulator(scenario) as simulator:
            clock, jobs = simulator.clock, simulator.jobs
            began, submitted, peak, refused = clock.now(), 0, 0, 0
            while submitted < sources:
                try:
                    while submitted < sources and jobs.count(_USER) < throttle:
                        jobs.submit(_submission(submitted, products))
                        submitted += 1
                        progress(1)
                except LimitReached:
                    refused += 1
                peak = max(peak, jobs.count(_USER))
                if submitted < sources:
                    now, in_force, *_ = jobs.begin()
                    # whether no status, and no setting, changes any more
                    if simulator.controls.next_change() is None and in_force.epochs[-1].start <= now:
                        raise click.UsageError(_STUCK.format(submitted=submitted))
                clock.sleep(_WAIT_S)
            ended_at = max(job.ended_at for job in simulator.controls.jobs())
            if ended_at == math.inf:
                raise click.UsageError(_STUCK.format(submitted=submitted))
            trials.append(Trial(throttle, ended_at - began, peak, refused))
    return trials


def _submission(number: int, products: Sequence[Product]) -> dict[str, Any]:
    """Return the submission of source `number`: a different burst for each number."""
    year, month, day = 5 + number // 336 % 20, 1 + number // 28 % 12, 1 + number % 28
    raw: dict[str, Any] = {"UserID": _USER, "name": f"GRB {year:02d}{month:02d}{day:02d}A", "cent": 1, "poserr": 1}
    raw |= {"getCoords": 1, "getTargs": 1, "getT0": 1}
    for product in products:
        raw |= {product.flag: 1} | _NEEDED.get(product, {})
    return raw


def recommended(trials: Sequence[Trial]) -> Trial:
    """Return the fastest throttle within what the service asks for that meets no refusal; else the smallest."""
    courteous = [trial for trial in trials if trial.throttle <= COURTEOUS]
    return min((trial for trial in courteous if not trial.refused), key=lambda t: t.seconds, default=courteous[0])


def as_text(trials: Sequence[Trial]) -> str:
    """Return trials as a table, and the recommendation in words."""
    from ..core.words import counted, duration_text

    best = recommended(trials)
    rows = [f"{'active jobs':>11}  {'total time':>14}  {'peak':>5}  {'refused':>7}"]
    rows += [f"{t.throttle:>11}  {duration_text(t.seconds):>14}  {t.peak:>5}  {t.refused:>7}" for t in trials]
    words = f"recommended: at most {best.throttle} active jobs, {duration_text(best.seconds)}"
    fastest = min((trial for trial in trials if not trial.refused), key=lambda trial: trial.seconds, default=best)
    gain = best.seconds / fastest.seconds
    if gain >= _WORTH:
        more = f"{fastest.throttle} would be {gain:.1f} times as fast"
        words += f"; {more}, but the service asks for about {COURTEOUS}"
    else:
        words += "; no other throttle without refusals is much faster"
    if best.refused:
        words += f"; even so {counted(best.refused, 'submission')} would be refused"
    return "\n".join([*rows, words])
