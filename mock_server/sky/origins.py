"""What about a job is real, what its user gave, and what the simulator drew."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ..core import selection
from ..core.timescales import met_from_service, service_from_met, utc_from_service
from ..core.words import counted
from . import known
from .names import key_of, position_in
from .sources import catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .archive import Sky
    from .sources import Source


class Origin(StrEnum):
    """Where a fact comes from."""

    REAL = "real"
    GIVEN = "given"
    """By the user, in the job or in the scenario."""
    DRAWN = "drawn"


@dataclass(frozen=True)
class Origins:
    """Origin of what one job sees.

    Parameters
    ----------
    name, seen
        Name of the object as the job has it, and the name of the source that is observed.
    source, position, rate
        Origin of the source, of the position of the job, and of the mean rate.
    targets
        Target IDs with their origins.
    observations
        Observations that the job may use, with the origins of their IDs. Where the ID is real, `parts` has what was
        drawn.
    believed
        Observations that exist because the job names them; they are drawn.
    without_data
        Observations that the job names, and that have no data, with the reason.
    planned
        Whether there are observations that the simulator planned, beside real ones and believed ones.
    """

    name: str
    seen: str
    source: Origin
    position: Origin
    rate: Origin
    targets: tuple[tuple[str, Origin], ...]
    observations: tuple[tuple[str, Origin], ...]
    parts: Mapping[str, str]
    believed: tuple[str, ...]
    without_data: tuple[tuple[str, str], ...]
    planned: bool

    def lines(self) -> list[str]:
        """Return a line for each part but the observations."""
        found = [
            f"name {self.name or '(none)'}: sees {self.seen}, {self.source}",
            f"position: {self.position}",
            f"mean rate: {self.rate}; variability, spectrum and photons: {Origin.DRAWN}",
        ]
        found += [f"target {target}: {origin}" for target, origin in self.targets]
        if self.believed:
            found.append(
                f"believed because the job names them: {counted(len(self.believed), 'observation')}, {Origin.DRAWN}"
            )
        return found + [f"no data of {obsid}: {reason}" for obsid, reason in self.without_data]

    def observation_lines(self) -> list[str]:
        """Return a line for each observation."""
        remarks = dict.fromkeys(self.believed, ", believed because the job names it") | {
            obsid: f", but {what} {Origin.DRAWN}" for obsid, what in self.parts.items()
        }
        return [f"observation {obsid}: {origin}{remarks.get(obsid, '')}" for obsid, origin in self.observations]


def origins(
    sky: Sky,
    parameters: Mapping[str, Any],
    now: float,
    asked: tuple[str, ...] = (),
    *,
    list_observations: bool = True,
) -> Origins:
    """Return what is real and what is drawn for a job.

    Parameters
    ----------
    sky
        The sky of the simulation.
    parameters
        `jobPars` as stored.
    now
        Time of the state of the archive [simulated time, s].
    asked
        Observations that the job names and that are believed to exist.
    list_observations
        False leaves the observations out, which costs less.
    """
    name, t0 = str(parameters.get("name") or ""), selection.t0(parameters)
    targets, position = selection.targets(parameters), selection.position(parameters)
    source = sky.source(targets, position, t0)
    observed = sky.observations(targets, position, now, t0, asked) if list_observations else ()
    planned = {o.obsid for o in sky.observations(targets, position, now, t0)} if observed and asked else frozenset()
    listed = _is_planned(sky, source)
    obsids = {o.obsid: of_observation(o.obsid, planned=listed and o.obsid not in asked) for o in observed}
    worked_out = selection.flag(parameters, "getTargs")
    return Origins(
        name=name,
        seen=source.name,
        source=of_source(sky, source),
        position=_of_position(sky, name) if selection.flag(parameters, "getCoords") else Origin.GIVEN,
        rate=of_rate(sky, source),
        targets=tuple((target, of_target(sky, source, target, worked_out=worked_out)) for target in targets),
        observations=tuple(obsids.items()),
        parts={obsid: parts for obsid, origin in obsids.items() if origin is Origin.REAL and (parts := _drawn(obsid))},
        believed=tuple(o for o in asked if obsids.get(o) is Origin.DRAWN and o not in planned),
        without_data=tuple(
            (obsid, _reason(sky, obsid, position, asked))
            for obsid in (selection.asked(parameters) if list_observations else ())
            if obsid not in obsids
        ),
        planned=listed or any(known.target(target) is None for target in targets),
    )


def _scenario_source(sky: Sky, source: Source) -> Source | None:
    return next((s for s in sky.world.sources if s.name == source.name), None)


def _evidence(source: Source, part: str) -> str:
    evidence = dict(source.evidence)
    return evidence.get(part, evidence.get("all", ""))


def of_source(sky: Sky, source: Source) -> Origin:
    """Return whether a source is real, given in the scenario, or drawn."""
    listed = _scenario_source(sky, source)
    if listed is not None:
        if listed not in catalogue():
            return Origin.GIVEN
        return Origin.DRAWN if _evidence(listed, "position") == "invented" else Origin.REAL
    found = known.find(source.name)
    return Origin.REAL if found is not None and (found.ra, found.dec) == (source.ra, source.dec) else Origin.DRAWN


def _of_position(sky: Sky, name: str) -> Origin:
    """Return the origin of the position that the resolver gave for a name."""
    if any(key_of(dated.name) == key_of(name) for dated in sky.world.positions):
        return Origin.GIVEN
    source = sky.named(name)
    if source is not None:
        return of_source(sky, source)
    return Origin.GIVEN if position_in(name) is not None else Origin.DRAWN


def of_rate(sky: Sky, source: Source) -> Origin:
    """Return whether the mean rate of a source was measured, given in the scenario, or drawn."""
    listed = _scenario_source(sky, source)
    if listed is None:
        found = known.find(source.name)
        return Origin.REAL if found is not None and found.rate is not None else Origin.DRAWN
    if listed.rate != source.rate:
        return Origin.DRAWN  # completed
    if listed not in catalogue():
        return Origin.GIVEN
    return Origin.REAL if "published" in _evidence(listed, "rate") else Origin.DRAWN


def of_target(sky: Sky, source: Source, target: str, *, worked_out: bool = True) -> Origin:
    """Return whether a target is real, given by the user, or drawn; `worked_out`: the service chose it."""
    listed = _scenario_source(sky, source)
    if listed is not None and target in listed.targets:
        if listed not in catalogue():
            return Origin.GIVEN
        return Origin.DRAWN if _evidence(listed, "targets") == "invented" else Origin.REAL
    if known.target(target) is not None or known.burst_of_target(target) is not None:
        return Origin.REAL
    return Origin.DRAWN if worked_out else Origin.GIVEN


def of_observation(obsid: str, *, planned: bool = False) -> Origin:
    """Return whether an observation is real or drawn; `planned`: it is of a source of the scenario."""
    return Origin.DRAWN if planned or _visit(obsid) is None else Origin.REAL


def _visit(obsid: str) -> known.Visit | None:
    target = known.target(obsid[:8])
    return next((visit for visit in target.visits if visit.obsid == obsid), None) if target is not None else None


def _drawn(obsid: str) -> str:
    """Say which parts of a real observation are not known."""
    visit = _visit(obsid)
    if visit is None:
        return ""
    parts = ["hour"] * visit.dated + ["exposure"] * (visit.exposure_s is None)
    return " and ".join(parts)


def _reason(sky: Sky, obsid: str, position: tuple[float, float] | None, asked: tuple[str, ...]) -> str:
    """Say why an observation that a job names has no data."""
    if sky.is_elsewhere(obsid[:8], position):
        return "its target looks at another part of the sky"
    if obsid in asked:
        return "it was not in the archive yet"
    return "the archive does not have it, and archive.unknown_observations is refuse"


def overview(sky: Sky) -> dict[str, Any]:
    """Return how much of the sky is known, as JSON-ready data."""
    everything = list(known.everything())
    classes = Counter(found.cls for found in everything)
    targets = [found for number in known.numbers() if (found := known.target(number)) is not None]
    return {
        "real_objects": sum(found.cls != "grb" for found in everything),
        "aliases": sum(len(found.aliases) for found in everything),
        "real_bursts": classes.pop("grb"),
        "real_targets": len(targets),
        "real_observations": sum(len(found.visits) for found in targets),
        "sources_of_the_scenario": [{"name": s.name, "origin": of_source(sky, s).value} for s in sky.sources],
        "classes": [{"class": name, "objects": number} for name, number in sorted(classes.items())],
    }


def description(sky: Sky, name: str, now: float, *, draw: bool = False) -> dict[str, Any] | None:
    """Return what is known of an object at `now` [s], and which of it is real, as JSON-ready data.

    None if the name does not resolve; `draw` gives any name a position.
    """
    position = sky.resolve(name, now) or (sky.drawn_position(name, now) if draw else None)
    if position is None:
        return None
    targets = sky.targets(name, position, now)
    source = sky.named(name) or sky.source(targets, position)
    observed = sky.observations(targets, position, now)
    is_planned = _is_planned(sky, sky.source(targets, position))
    met = observed[len(observed) // 2].snapshots[0].start if observed else met_from_service(now)
    return {
        "name": name,
        "object": {"name": source.name, "class": source.cls, "origin": of_source(sky, source).value},
        "position": {"ra": position[0], "dec": position[1], "origin": _of_position(sky, name).value},
        "aliases": [{"name": alias} for alias in source.aliases],
        "trigger_met": source.t0_met,
        "rate": {
            "count_per_s": round(source.mean_rate_at(met), 6),
            "origin": of_rate(sky, source).value,
        },
        "targets": [{"target": target, "origin": of_target(sky, source, target).value} for target in targets],
        "observations": [
            {
                "obsid": one.obsid,
                "start": f"{utc_from_service(service_from_met(one.snapshots[0].start)):%Y-%m-%dT%H:%M:%SZ}",
                "exposure_s": round(one.exposure(), 1),
                "origin": of_observation(one.obsid, planned=is_planned).value,
                "drawn": _drawn(one.obsid) or None,
            }
            for one in observed
        ],
    }


def _is_planned(sky: Sky, source: Source) -> bool:
    """Return whether a source is one of the scenario whose observations are planned."""
    listed = _scenario_source(sky, source)
    return listed is not None and not listed.plan.archived
