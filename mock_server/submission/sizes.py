"""Size of what a submission asks for: light curves with too many bins, and too many spectra, are refused. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..core import selection
from ..core.model import Product

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from ..core.model import Observation, Snapshot

MOST_BINS = 30_000
"""Most bins of a light curve in one mode (assumed): more take minutes, and hundreds of megabytes."""
MOST_SPECTRA = 900
"""Most spectra of a job, one for each mode of a slice, if none is fitted (assumed): more take more than 10 s."""
_FIT = {"powerlaw": 1, "apec": 3, "blackbody": 3}  # how many spectra take as long as a fit
_OF_PILED_UP = 0.25  # share of the counts that is left where the core of a bright source is left out


def oversized(
    products: Collection[Product],
    parameters: Mapping[str, Any],
    archive: Sequence[Observation],
    rate_at: Callable[[float], float],
) -> Iterator[str]:
    """Yield a sentence for each parameter that would give a light curve too many bins, or too many spectra.

    Parameters
    ----------
    products
        Products to judge; only light curves and spectra are bounded.
    parameters
        ``jobPars`` of the job.
    archive
        Its observations.
    rate_at
        Expected count rate of the source at a moment [count/s, of s MET].
    """
    if Product.LIGHT_CURVE in products:
        yield from _too_many_bins(parameters, archive, rate_at)
    if Product.SPECTRUM in products:
        yield from _too_many_spectra(parameters, archive)


def _too_many_spectra(parameters: Mapping[str, Any], archive: Sequence[Observation]) -> Iterator[str]:
    how = selection.text(parameters, "timeslice", "single")
    if how not in ("obsid", "snapshot"):
        return
    parts = selection.slices(parameters, selection.selected(Product.SPECTRUM, parameters, archive))
    count = sum(len({s.mode for o in part.observations for s in o.snapshots}) for part in parts)
    models = [] if selection.flag(parameters, "doNotFit") else list(parameters.get("models") or ["powerlaw"])
    most = MOST_SPECTRA // (1 + sum(_FIT[model] for model in models))
    if count > most:
        fits = f"fits of {' and '.join(models)}" if models else "no fits"
        yield (
            f"timeslice is {how}, which gives {count} spectra of these observations, but with {fits} a job has at most "
            f"{most}: select fewer observations, or fit fewer models"
        )


def _too_many_bins(
    parameters: Mapping[str, Any], archive: Sequence[Observation], rate_at: Callable[[float], float]
) -> Iterator[str]:
    method = selection.text(parameters, "binMeth")
    if method not in ("counts", "time"):
        return
    chosen = selection.selected(Product.LIGHT_CURVE, parameters, archive)
    for mode in ("wt", "pc"):
        in_mode = mode.upper()
        snapshots = [s for o in chosen for s in o.snapshots if s.mode == in_mode]
        if method == "time":
            seconds = sum(s.exposure for s in snapshots)
            least = math.ceil(10 * seconds / MOST_BINS) / 10
            names = [f"{mode}bin"] if selection.flag(parameters, "hrbin") else [f"{mode}bin", f"{mode}hrbin"]
            too_small = [name for name in names if selection.number(parameters, name, math.inf) < least]
        else:
            sizes = _counts_and_needs(parameters, mode, snapshots, rate_at)
            least = math.ceil(sum(counts for counts, _ in sizes) / MOST_BINS)
            name = "mincmin" if _is_dynamic(parameters) else f"{mode}counts"
            too_small = [name] if sum(counts / need for counts, need in sizes) > MOST_BINS else []
        for name in too_small:
            yield (
                f"{name} is {selection.number(parameters, name):g}, but must be at least {least:g} for these "
                f"observations: a light curve has at most {MOST_BINS} bins"
            )


def _is_dynamic(parameters: Mapping[str, Any]) -> bool:
    return selection.flag(parameters, "dynamic") and selection.number(parameters, "ratefact", 10.0) > 1


def _counts_and_needs(
    parameters: Mapping[str, Any], mode: str, snapshots: Sequence[Snapshot], rate_at: Callable[[float], float]
) -> list[tuple[float, float]]:
    """Return for each snapshot the counts to expect, and those that fill a bin at its rate (documented rule)."""
    piled_up_above = selection.number(parameters, "pcpuprate", 0.6) if mode == "pc" else math.inf
    plain_need = selection.number(parameters, f"{mode}counts", 20.0)
    is_dynamic, least = _is_dynamic(parameters), selection.number(parameters, "mincmin", 15.0)
    log_rate_factor = math.log(selection.number(parameters, "ratefact", 10.0))
    log_bin_factor = math.log(selection.number(parameters, "binfact", 1.5))
    found = []
    for snapshot in snapshots:
        rate, need = rate_at(0.5 * (snapshot.start + snapshot.stop)), plain_need
        counts = rate * snapshot.exposure * (_OF_PILED_UP if rate > piled_up_above else 1.0)
        if is_dynamic:
            steps = int(math.log(max(rate, 1e-12)) / log_rate_factor)
            log_need = math.log(need) + steps * log_bin_factor
            need = max(least, math.exp(min(log_need, 700.0)))
        found.append((counts, max(need, 1.0)))
    return found
