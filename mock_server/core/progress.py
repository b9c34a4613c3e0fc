"""How far a running product has come: the steps of the status page, as a function of its plan and the time. Pure.

Labels, sub-steps and extra texts: documented, but for the iterative standard position, the source detection and an
astrometric position that waited. How long each step takes: assumed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from .durations import SPECTRA_PREPARED_S, SPECTRUM_S, is_iterative
from .model import Product
from .selection import flag, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .model import Build

FIRST_MOMENTS_S = 2.0
"""So long after its start a run has not yet reported anything (assumed)."""

_NOT_REACHED, _ACTIVE, _DONE = 0, 1, 2
_ROUNDS_OF_DETECTION = 3
_ALMOST_ALL = 1 - 1e-9  # as long as it runs some step is active, however numbers are rounded


@dataclass(frozen=True)
class Step:
    """One step of a run.

    Parameters
    ----------
    label
        As printed.
    weight
        Its share of the run, as a part of the sum of all weights.
    rounds
        How often it does its work: once for each item, with all its sub-steps.
    extra
        What it says while active; may name ``{i}``, ``{n}`` and ``{name}`` of the item.
    names
        Names of the items.
    sub
        Its own steps, gone through in each round.
    """

    label: str
    weight: int
    rounds: int = 1
    extra: str = ""
    names: tuple[str, ...] = ()
    sub: tuple[Step, ...] = ()

    def words(self, done: int) -> str:
        """Return the extra text when `done` rounds are done."""
        name = self.names[done] if self.names else ""
        return self.extra.format(i=done + 1, n=self.rounds, name=name)

    @cached_property
    def ahead(self) -> dict[str, Any]:
        """As it is told before it is reached: always the same, so nobody may change it."""
        sub = {"SubStep": [step.ahead for step in self.sub]} if self.sub else {}
        return {"StepLabel": self.label, "StepStatus": _NOT_REACHED} | sub

    @cached_property
    def behind(self) -> dict[str, Any]:
        """As it is told when it is done: always the same, so nobody may change it."""
        sub = {"SubStep": [step.behind for step in self.sub]} if self.sub else {}
        return {"StepLabel": self.label, "StepStatus": _DONE} | sub


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
_ENHANCED = (
    Step("Identify XRT-UVOT overlaps.", 20),
    Step("Determine position.", 60, extra="Working on overlap {i} / {n}"),
    Step("Build Images.", 20),
)
_IMAGE = (
    Step("Collect data.", 15),
    Step("Merge event lists.", 25),
    Step("Creating images.", 40),
    Step("Creating exposure map.", 20),
)
# weights in eighths of a percent of an astrometric position: the eight steps after the images share 45 % alike
_ITERATIVE: tuple[Step, ...] = (
    Step("Collect data.", 40),
    Step("Prepare data for iterative source detection.", 40),
    Step("Create per-snapshot images and exposure maps.", 320, extra="Working on observation {i} / {n}"),
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
}
_FILTERS = "Trying using the <em>v,b,white</em> filters:"


def progress_at(build: Build, job_parameters: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Return the progress of one product, as a status answer holds it, at `now` [s].

    ``GotProgress`` is 1 for a running product, 2 for one that has only just begun, 0 for any other (documented codes;
    that the first moments are 2: assumed).
    """
    if not build.running_at <= now < build.left_at:
        return {"GotProgress": 0}
    elapsed = now - build.running_at
    if elapsed < FIRST_MOMENTS_S:
        return {"GotProgress": 2}
    steps = _steps(build.product, _variant(build.product, job_parameters), build.observations, build.items)
    found: dict[str, Any] = {"PreProgress": _FILTERS} if build.product is Product.ENHANCED_POS else {}
    total = _total(steps)
    done = min(elapsed * total / build.duration_s, total * _ALMOST_ALL)
    found |= {"GotProgress": 1, "ProgressSteps": _told(steps, done)}
    return found | {"TimeRunning": time_running(elapsed)}


def time_running(elapsed: float) -> str:
    """Return a time [s] as ``HH:MM:SS``; hours may have more digits."""
    minutes, seconds = divmod(int(elapsed), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"


def _variant(product: Product, parameters: Mapping[str, Any]) -> str:
    """Return which of its ways a product takes, as its job asks."""
    match product:
        case Product.SPECTRUM:
            return "not fitted" if flag(parameters, "doNotFit") else ""
        case Product.STANDARD_POS if is_iterative(parameters):
            return "iterative"
        case Product.STANDARD_POS:
            return "centroid" if text(parameters, "detornot") == "centroid" else ""
        case Product.ASTROM_POS:
            return "all" if flag(parameters, "allxastrom") else ""
    return ""


@lru_cache(maxsize=256)
def _steps(product: Product, variant: str, observations: int, items: tuple[str, ...]) -> tuple[Step, ...]:
    """Return the steps of a product; those that go from one observation to the next do so."""
    match product:
        case Product.SPECTRUM:
            return _spectrum(items or ("interval0",), observations, fitted=variant != "not fitted")
        case Product.STANDARD_POS if variant == "iterative":
            steps = _ITERATIVE
        case Product.STANDARD_POS:
            steps = tuple(step for step in _SIMPLE if not (variant == "centroid" and step is _DETECT))
        case Product.ASTROM_POS:
            steps = (_PREPARE, *(_ITERATIVE if variant == "all" else ()), _CORRECT)
        case _:
            steps = _STEPS[product]
    rounds = max(1, observations)
    return tuple(replace(s, rounds=rounds) if s.extra and s.rounds == 1 and not s.sub else s for s in steps)


def _spectrum(names: tuple[str, ...], observations: int, *, fitted: bool) -> tuple[Step, ...]:
    each = max(1, observations // len(names))
    extract = Step("Extract data.", 3, rounds=each, extra="Working on observation {i} / {n}")
    sub = (extract, Step("Fit spectrum.", 2)) if fitted else (extract,)
    building = Step(
        "Build spectra.",
        round(SPECTRUM_S * len(names)),
        rounds=len(names),
        extra="Working on spectrum: {name} ({i}/{n})",
        names=names,
        sub=sub,
    )
    return (Step("Prepare data.", round(SPECTRA_PREPARED_S)), building)


def _total(steps: Sequence[Step]) -> int:
    return sum(step.weight for step in steps)


def _told(steps: Sequence[Step], done: float) -> list[dict[str, Any]]:
    """Return steps as they are told when work of weight `done` is done."""
    told = []
    for step in steps:
        if done < 0:
            told.append(step.ahead)
        elif done >= step.weight:
            told.append(step.behind)
        else:
            told.append(_active(step, done / step.weight))
        done = done - step.weight if done >= step.weight else -1.0
    return told


def _active(step: Step, part: float) -> dict[str, Any]:
    """Return a step of which `part` (from 0, below 1) is done."""
    done = min(int(part * step.rounds), step.rounds - 1)
    told: dict[str, Any] = {"StepLabel": step.label, "StepStatus": _ACTIVE}
    if step.extra:
        told["StepExtra"] = step.words(done)
    if step.sub:
        told["SubStep"] = _told(step.sub, (part * step.rounds - done) * _total(step.sub))
    return told
