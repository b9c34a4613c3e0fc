"""Progress of a running product: the steps of the status page, as a function of its plan and the time. Pure.

Labels, sub-steps and extra texts: documented, but for the iterative standard position, the source detection and an
astrometric position that waited. Duration of each step: assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .durations import SPECTRA_PREPARED_S, SPECTRUM_S, corrects_standard, is_iterative
from .model import Product
from .selection import flag, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .model import Build

FIRST_MOMENTS_S = 2.0
"""Time from the start of a run until its first report [s] (assumed)."""

_NOT_REACHED, _ACTIVE, _DONE = 0, 1, 2
_ROUNDS_OF_DETECTION = 3
_ALMOST_ALL = 1 - 1e-9  # a running product always has an active step, however numbers are rounded


@dataclass(frozen=True, eq=False)
class Step:
    """One step of a run.

    Parameters
    ----------
    label
        Text on the status page.
    weight
        Its share of the run, as a part of the sum of all weights.
    rounds
        Number of times it does its work: once for each item, with all its sub-steps. None: for each observation.
    extra
        Extra text while it is active; may name ``{i}``, ``{n}`` and ``{name}`` of the item.
    names
        Names of the items.
    sub
        Its own steps, repeated in each round.
    """

    label: str
    weight: int
    rounds: int | None = 1
    extra: str = ""
    names: tuple[str, ...] = ()
    sub: tuple[Step, ...] = ()

    def words(self, done: int, rounds: int) -> str:
        """Return the extra text when `done` of its rounds are done."""
        name = self.names[done] if self.names else ""
        return self.extra.format(i=done + 1, n=rounds, name=name)

    def listed(self, status: int) -> dict[str, Any]:
        """Return the step, with all its own steps in the same status, as the status page lists it."""
        found: dict[str, Any] = {"StepLabel": self.label, "StepStatus": status}
        if self.sub:
            found["SubStep"] = [step.listed(status) for step in self.sub]
        return found


class StepList(list[dict[str, Any]]):
    """Steps as a status answer lists them: made once for each state, never changed, and so known by its identity."""

    __slots__ = ()
    __hash__ = object.__hash__  # type: ignore[assignment]  # lists have none


_LIGHT_CURVE: tuple[Step, ...] = (
    Step("Prepare data and centroid (if selected).", 55),
    Step("Extract data.", 25),
    Step("Binning light curve.", 10),
    Step("Plotting light curve as image.", 10),
)
_DETECT = Step("Perform detection with locally-estimated background", 25)
_SIMPLE: tuple[Step, ...] = (
    Step("Collect data.", 15),
    Step("Sum images and exposure maps.", 35),
    _DETECT,
    Step("Perform PSF fit.", 25),
)
_AT_CENTROID = tuple(step for step in _SIMPLE if step is not _DETECT)
_ENHANCED = (
    Step("Identify XRT-UVOT overlaps.", 20),
    Step("Determine position.", 60, rounds=None, extra="Working on overlap {i} / {n}"),
    Step("Build Images.", 20),
)
_IMAGE = (
    Step("Collect data.", 15),
    Step("Merge event lists.", 25),
    Step("Creating images.", 40),
    Step("Creating exposure map.", 20),
)
# weights in eighths of a percent of an astrometric position; the eight steps after the images share 45 % equally
_ITERATIVE: tuple[Step, ...] = (
    Step("Collect data.", 40),
    Step("Prepare data for iterative source detection.", 40),
    Step("Create per-snapshot images and exposure maps.", 320, rounds=None, extra="Working on observation {i} / {n}"),
    Step("Sum per-snapshot images and exposure maps.", 45),
    Step("Run source detection.", 45),
    Step("Perform initial rough detection with locally-estimated background", 45),
    Step("Construct initial background map.", 45),
    Step("Perform initial source detection using the background map.", 45),
    Step(
        "Searching for sources.",
        45,
        rounds=_ROUNDS_OF_DETECTION,
        sub=(
            Step("PSF fit sources found in previous iteration.", 1),
            Step("Build background map.", 1),
            Step("Perform source detection.", 1),
        ),
    ),
    Step("Perform final fit.", 45),
)
_PREPARE = Step("Prepare data.", 40)
_CORRECT = Step("Calculate astrometric correction.", 45)
_STEPS = {
    Product.LIGHT_CURVE: _LIGHT_CURVE,
    Product.ENHANCED_POS: _ENHANCED,
    Product.IMAGE: _IMAGE,
    Product.SOURCE_DET: _ITERATIVE,
    Product.STANDARD_POS: _ITERATIVE,
}
_FILTERS = "Trying using the <em>v,b,white</em> filters:"


def progress_at(build: Build, job_parameters: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Return the progress of one product, as a status answer holds it, at `now` [s].

    ``GotProgress`` is 1 for a running product, 2 for one that has only just started, 0 for any other (documented codes;
    that the first moments are 2: assumed).
    """
    if not build.running_at <= now < build.left_at:
        return {"GotProgress": 0}
    elapsed = now - build.running_at
    if elapsed < FIRST_MOMENTS_S:
        return {"GotProgress": 2}
    steps = _steps(build, job_parameters)
    total, observations = _total(steps), build.observations or 1
    done = min(elapsed * total / build.duration_s, total * _ALMOST_ALL)
    listed = _listed(steps, _state(steps, done, observations), observations)
    found = {"GotProgress": 1, "ProgressSteps": listed, "TimeRunning": time_running(elapsed)}
    return {"PreProgress": _FILTERS, **found} if build.product is Product.ENHANCED_POS else found


def time_running(elapsed: float) -> str:
    """Return a time [s] as ``HH:MM:SS``; hours may have more digits."""
    return _in_words(int(elapsed))


@lru_cache(maxsize=1024)  # the products of a job run together
def _in_words(elapsed: int) -> str:
    minutes, seconds = divmod(elapsed, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"


def _steps(build: Build, parameters: Mapping[str, Any]) -> tuple[Step, ...]:
    """Return the steps of a product."""
    if build.product is Product.SPECTRUM:
        return _spectra(build.items or ("interval0",), build.observations, flag(parameters, "doNotFit"))
    if build.product is Product.STANDARD_POS and not is_iterative(parameters):
        return _AT_CENTROID if text(parameters, "detornot") == "centroid" else _SIMPLE
    if build.product is Product.ASTROM_POS:
        return (_PREPARE, *(() if corrects_standard(parameters) else _ITERATIVE), _CORRECT)
    return _STEPS[build.product]


@lru_cache(maxsize=256)  # clients look at a job again and again while it runs
def _spectra(names: tuple[str, ...], observations: int, unfitted: bool) -> tuple[Step, ...]:
    """Return the steps of spectra with these names."""
    each = max(1, observations // len(names))
    extract = Step("Extract data.", 3, rounds=each, extra="Working on observation {i} / {n}")
    building = Step(
        "Build spectra.",
        round(SPECTRUM_S * len(names)),
        rounds=len(names),
        extra="Working on spectrum: {name} ({i}/{n})",
        names=names,
        sub=(extract,) if unfitted else (extract, Step("Fit spectrum.", 2)),
    )
    return (Step("Prepare data.", round(SPECTRA_PREPARED_S)), building)


@lru_cache(maxsize=256)
def _total(steps: tuple[Step, ...]) -> int:
    return sum(step.weight for step in steps)


def _state(steps: tuple[Step, ...], done: float, observations: int) -> tuple[int, ...]:
    """Return which step is active when work of weight `done` is done, how many of its rounds are, then the same within.

    The number of steps, if all are done.
    """
    for index, step in enumerate(steps):
        if done < step.weight:
            number = step.rounds or observations
            rounds = done / step.weight * number
            completed = min(int(rounds), number - 1)
            within = _state(step.sub, (rounds - completed) * _total(step.sub), observations) if step.sub else ()
            return (index, completed, *within)
        done -= step.weight
    return (len(steps),)


@lru_cache(maxsize=1024)  # a run is in the same state for minutes
def _listed(steps: tuple[Step, ...], state: tuple[int, ...], observations: int) -> StepList:
    """Return the progress of each step in a state, of a product of `observations`."""
    index, *within = state
    found = StepList(step.listed(_DONE) for step in steps[:index])
    if index < len(steps):
        step, completed = steps[index], within[0]
        active: dict[str, Any] = {"StepLabel": step.label, "StepStatus": _ACTIVE}
        if step.extra:
            active["StepExtra"] = step.words(completed, step.rounds or observations)
        if step.sub:
            active["SubStep"] = _listed(step.sub, tuple(within[1:]), observations)
        found.append(active)
        found += [step.listed(_NOT_REACHED) for step in steps[index + 1 :]]
    return found
