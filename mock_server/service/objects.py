"""What a run asked about the sky, for its report: what the simulator drew, and names that did not resolve."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from ..core import selection
from ..sky.origins import Origin, origins
from .jobs import believed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..core.journal import Journal
    from ..core.model import Job
    from ..scenario.scenario import Scenario
    from ..sky.archive import Sky

_SAME = ("name", "RA", "Dec", "targ", "Tstart", "getCoords", "getTargs")
UNRESOLVED = "; name: "
"""Words in the journal between the refusal of a name and the name."""


def drawn_objects(sky: Sky, jobs: Sequence[Job], scenario: Scenario) -> list[dict[str, Any]]:
    """Return what was drawn for the objects of some jobs: an entry for each that has anything drawn, by name."""
    found: dict[str, dict[str, Any]] = {}
    seen = set()
    for job in jobs:
        asked = selection.asked(job.parameters)
        key = (*(str(job.parameters.get(name)) for name in _SAME), asked)
        if key in seen:
            continue
        seen.add(key)
        trusted = believed(job.parameters, scenario.at(job.submitted_at))
        one = origins(sky, job.parameters, job.submitted_at, trusted, list_observations=bool(asked))
        entry = found.setdefault(
            job.name,
            {"name": job.name, "position": False, "targets": [], "observations": False, "believed": [], "no_data": {}},
        )
        entry["position"] |= one.position is Origin.DRAWN
        entry["targets"] += [t for t, o in one.targets if o is Origin.DRAWN and t not in entry["targets"]]
        entry["observations"] |= one.planned
        entry["believed"] += [obsid for obsid in one.believed if obsid not in entry["believed"]]
        entry["no_data"] |= dict(one.without_data)
    entries = (entry for _, entry in sorted(found.items()))
    return [entry for entry in entries if any(value for name, value in entry.items() if name != "name")]


def unresolved_names(sky: Sky, journal: Journal, now: float) -> list[dict[str, Any]]:
    """Return the names that were refused, sorted, each with the option of ``xrt-mock run`` that adds its source."""
    found: dict[str, dict[str, Any]] = {}
    for entry in journal.where(outcome="refused"):
        name = entry.detail.partition(UNRESOLVED)[2]
        if name and name not in found:
            position = sky.drawn_position(name, now)
            option = None
            if position is not None:  # in quotes as a shell needs them
                option = f"--source {shlex.quote(f'{name}={position[0]:.4f},{position[1]:.4f}')}"
            found[name] = {"name": name, "where": entry.where or None, "option": option}
    return [entry for _, entry in sorted(found.items())]
