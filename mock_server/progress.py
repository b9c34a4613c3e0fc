"""How far a running product has come: the steps of the status page, as a function of its plan and the time. Pure.

Labels, sub-steps and extra texts: documented, but for the iterative standard position, the source detection and an
astrometric position that waited. How long each step takes: assumed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True)
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


_LIGHT_CURVE = (
    Step("Prepare data and centroid (if selected).", 55),
    Step("Extract data.", 25),
    Step("Binning light curve.", 10),
    Step("Plotting light curve as image.", 10),
)
_DETECT = Step("Perform detection with locally-estimated background", 25)
_SIMPLE = (
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
_ITERATIVE = (
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
    steps = _with_items(_steps(build, job_parameters), max(1, build.observations))
    found: dict[str, Any] = {"PreProgress": _FILTERS} if build.product is Product.ENHANCED_POS else {}
    total = _total(steps)
    behind = min(elapsed * total / build.duration_s, total * _ALMOST_ALL)
    found |= {"GotProgress": 1, "ProgressSteps": _told(steps, behind)}
    return found | {"TimeRunning": time_running(elapsed)}


def time_running(elapsed: float) -> str:
    """Return a time [s] as ``HH:MM:SS``; hours may have more digits."""
    minutes, seconds = divmod(int(elapsed), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"


def _steps(build: Build, parameters: Mapping[str, Any]) -> tuple[Step, ...]:
    match build.product:
        case Product.SPECTRUM:
            return _spectrum(build, fitted=not flag(parameters, "doNotFit"))
        case Product.STANDARD_POS:
            return _standard_position(parameters)
        case Product.ASTROM_POS:
            return (_PREPARE, *(_ITERATIVE if flag(parameters, "allxastrom") else ()), _CORRECT)
        case product:
            return _STEPS[product]


def _standard_position(parameters: Mapping[str, Any]) -> tuple[Step, ...]:
    if is_iterative(parameters):
        return _ITERATIVE
    centroid_only = text(parameters, "detornot") == "centroid"
    return tuple(step for step in _SIMPLE if not (centroid_only and step is _DETECT))


def _spectrum(build: Build, *, fitted: bool) -> tuple[Step, ...]:
    names = build.items or ("interval0",)
    each = max(1, build.observations // len(names))
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


def _with_items(steps: tuple[Step, ...], observations: int) -> tuple[Step, ...]:
    """Let the steps that go from one observation to the next do so."""
    return tuple(replace(s, rounds=observations) if s.extra and s.rounds == 1 and not s.sub else s for s in steps)


def _total(steps: Sequence[Step]) -> int:
    return sum(step.weight for step in steps)


def _told(steps: Sequence[Step], behind: float) -> list[dict[str, Any]]:
    """Return steps as they are told when work of weight `behind` is done; below 0: not even begun."""
    told = []
    for step in steps:
        told.append(_one(step, behind / step.weight))
        behind = behind - step.weight if behind >= step.weight else -1.0
    return told


def _one(step: Step, part: float) -> dict[str, Any]:
    """Return a step of which `part` is done: below 0 it is not reached, from 1 on it is done."""
    active = 0 <= part < 1
    told: dict[str, Any] = {
        "StepLabel": step.label,
        "StepStatus": _ACTIVE if active else _DONE if part > 0 else _NOT_REACHED,
    }
    done = min(int(part * step.rounds), step.rounds - 1)
    if active and step.extra:
        told["StepExtra"] = step.words(done)
    if step.sub:
        told["SubStep"] = _told(step.sub, (part * step.rounds - done if active else part) * _total(step.sub))
    return told
