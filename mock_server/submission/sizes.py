"""Size of what a submission asks for: light curves with too many bins are refused. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..core import selection
from ..core.model import Product

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ..core.model import Observation

MOST_BINS = 20_000
"""Most bins of a light curve in one mode (assumed): more take minutes, and hundreds of megabytes."""


def oversized(
    parameters: Mapping[str, Any], archive: Sequence[Observation], rate_at: Callable[[float], float]
) -> Iterator[str]:
    """Yield a sentence for each parameter that would give a light curve too many bins.

    Parameters
    ----------
    parameters
        ``jobPars`` of the job.
    archive
        Its observations.
    rate_at
        Expected count rate of the source at a moment [count/s, of s MET].
    """
    method = selection.text(parameters, "binMeth")
    if method not in ("counts", "time"):
        return
    chosen = selection.selected(Product.LIGHT_CURVE, parameters, archive)
    dynamic = selection.flag(parameters, "dynamic") and selection.number(parameters, "ratefact", 10.0) > 1
    for mode in ("wt", "pc"):
        snapshots = [s for o in chosen for s in o.snapshots if s.mode == mode.upper()]
        if method == "time":
            needs = dict.fromkeys([f"{mode}bin"], sum(s.exposure for s in snapshots))
            if not selection.flag(parameters, "hrbin"):
                needs[f"{mode}hrbin"] = needs[f"{mode}bin"]
        else:
            counts = sum(rate_at(0.5 * (s.start + s.stop)) * s.exposure for s in snapshots)
            needs = {"mincmin" if dynamic else f"{mode}counts": counts}
        for name, total in needs.items():
            least = total / MOST_BINS
            value = selection.number(parameters, name, math.inf)
            if value < least:
                at_least = math.ceil(least) if method == "counts" else math.ceil(10 * least) / 10
                yield (
                    f"{name} is {value:g}, but must be at least {at_least:g} for these observations: "
                    f"a light curve has at most {MOST_BINS} bins"
                )
