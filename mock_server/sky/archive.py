"""The sky and the archive: sources by name, target and position, and the observations available at a moment.

Everything is a function of (seed, world, target, time); the seed and the world are set when the sky is made.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any

from ..core import random
from ..core.model import Observation
from ..core.timescales import DAY, met_from_service, service_from_met, utc_from_service
from . import coordinates, drawn, known, real, schedule
from .names import in_galaxy, key_of, position_in
from .world import World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .sources import Source
    from .world import DatedTarget

Position = tuple[float, float]
FIELD_DEG = known.FIELD_DEG
NEAR_DEG = 10 / 60  # a known source this near is the one meant
_BURST_DEG, _LISTED_DEG = 4 / 60, 1.5 / 60  # what a target is called after is meant if the position is this near
_SAME_DEG = 10 / 3600  # positions this near are of one object
_CALIBRATION = "20260105"  # the one in force before the first reprocessing
_FIRST_REPROCESSING = datetime(2026, 7, 6, tzinfo=UTC).timestamp()
_HALF_YEAR = 26 * 7 * DAY
_KEPT_SOURCES = 1024  # each submission asks for its source several times, and the report once more
_KEPT = 64  # answers about the archive, for many submissions ask the same


@lru_cache(maxsize=256)  # every submission asks for the same few
def _calibration_of(begin: float) -> str:
    """Return the name of the calibration with which a reprocessing begins at a moment [simulated time, s]."""
    return f"{utc_from_service(begin):%Y%m%d}"


class Processings:
    """Reprocessings of the archive: versions and calibrations of observations under one seed and one world."""

    def __init__(self, seed: int, world: World) -> None:
        self._seed, self._dates, self._spread = seed, world.reprocessings, world.reprocessing_spread_d * DAY
        first = (world.reprocessings or (_FIRST_REPROCESSING,))[0]
        self._first_calibration = min(_CALIBRATION, _calibration_of(first - _HALF_YEAR))

    def begun(self, now: float) -> list[tuple[float, str]]:
        """Return when the archive was processed anew until `now` [s], and the names of the calibrations."""
        half_yearly = (_FIRST_REPROCESSING + n * _HALF_YEAR for n in count())
        dates = takewhile(lambda begin: begin <= now, half_yearly if self._dates is None else self._dates)
        return [(begin, _calibration_of(begin)) for begin in dates]

    def unchanged_until(self, now: float, end: float) -> float:
        """Return when the next one begins, `end` at the latest; `now` itself while one is going on [s]."""
        begins = [begin for begin, _ in self.begun(end)]
        if any(begin <= now < begin + self._spread for begin in begins):
            return now
        return min([begin for begin in begins if begin > now], default=end)

    def applied(self, first: Observation, now: float, begun: Sequence[tuple[float, str]]) -> Observation:
        """Return an observation in the processing in force at `now` [s]; `first` is as planned.

        Each observation switches over once, within some days after a reprocessing has begun.
        """
        version, calibration, arrived = 1, self._first_calibration, first.available_at
        for begin, name in begun:
            switch = begin
            if begin <= arrived < begin + self._spread or begin <= now < begin + self._spread:
                switch += self._spread * random.uniform(self._seed, "reprocessed", first.obsid, begin)
            if switch <= now:
                version += arrived < switch
                calibration = name
        return Observation(first.obsid, first.ra, first.dec, arrived, version, calibration, first.snapshots)


class Sky:
    """The synthetic sky of one seed and one world."""

    def __init__(self, seed: int, world: World | None = None) -> None:
        self.seed = seed
        self.world = World() if world is None else world
        complete = (real.completed(seed, source) for source in self.world.sources)
        self.sources = tuple(_with_later_targets(source, self.world.targets) for source in complete)
        self._own = frozenset(self.sources)
        self._processings = Processings(seed, self.world)
        self._archive: dict[Any, tuple[float, float, tuple[Observation, ...]]] = {}
        self._found = lru_cache(maxsize=_KEPT_SOURCES)(self._find)
        self._of_jobs = lru_cache(maxsize=2 * _KEPT_SOURCES)(self._of_job)
        self._of_name = lru_cache(maxsize=_KEPT)(self._find_named)
        self._named = {key_of(name): source for source in self.sources for name in (source.name, *source.aliases)}
        self._targeted = {target: source for source in self.sources for target in source.targets}

    def named(self, name: str) -> Source | None:
        """Return the source that a name stands for, or None.

        Sources of the scenario come first, then real objects. A burst that no table has, and a numbered source of a
        known galaxy, are drawn.
        """
        return self._of_name(name)

    def _find_named(self, name: str) -> Source | None:
        key = key_of(name)
        if key in self._named:
            return self._named[key]
        found = known.find_key(key)
        if found is not None:
            return real.source(self.seed, found)
        burst = drawn.burst_from_name(self.seed, key)
        if burst is not None:
            return burst
        galaxy, number = in_galaxy(key)
        around = known.find_key(galaxy) if galaxy else None
        return None if around is None else real.source_in(self.seed, around, number)

    def source(self, targets: tuple[str, ...], position: Position | None, t0: float | None = None) -> Source:
        """Return the source of a job: by its targets, by its position, else drawn for them.

        An unknown source is a burst if the job has a T0 [s, MET] that is not just the start of its data (assumed).
        """
        return self._of_jobs(targets, position, t0)

    def _of_job(self, targets: tuple[str, ...], position: Position | None, t0: float | None) -> Source:
        found, listed = self._found(targets, position)
        if listed or t0 is None or abs(t0 - self._begins_at(found, found.targets[0])) < 1.0:
            return found
        return drawn.burst(self.seed, found.name, (found.ra, found.dec), found.targets, t0)

    def _find(self, targets: tuple[str, ...], position: Position | None) -> tuple[Source, bool]:
        """Return the source by target or near the position, and True; else one that is drawn, and False.

        A target stands for the object that it is called after, unless another one is nearer to the position.
        """
        here = self._not_elsewhere(targets, position)
        observed = next((source for target in here if (source := self._of_target(target)) is not None), None)
        is_meant = observed is not None
        if observed is not None and position is not None:  # it is, whatever else is near the position
            is_burst = observed.cls == "grb"
            within = _BURST_DEG if is_burst else _LISTED_DEG
            is_meant = (is_burst or observed in self.sources) and _apart(observed, position) <= within
        nearest = None if is_meant or position is None else self._nearest(position)
        if position is None or nearest is None:
            return (observed, True) if observed is not None else (drawn.anything(self.seed, here, position), False)
        if observed is not None and _apart(observed, position) <= _apart(nearest, position):
            return observed, True
        if here and nearest.cls != "grb" and nearest not in self.sources:
            nearest = replace(nearest, targets=tuple(sorted(here)))
        return nearest, True

    def _nearest(self, position: Position) -> Source | None:
        """Return the nearest source of the scenario or real object, None if nothing is near enough."""
        listed = [source for source in self.sources if abs(source.dec - position[1]) <= NEAR_DEG]
        found = known.near(position, NEAR_DEG)
        bursts = [k for k in found if k.cls == "grb" and coordinates.separation((k.ra, k.dec), position) < _SAME_DEG]
        listed += [real.source(self.seed, one) for one in (*bursts, *found)[:1]]  # a burst, not its supernova
        nearest = min(listed, key=lambda source: _apart(source, position), default=None)
        if nearest is not None and _apart(nearest, position) > 1 / 3600:
            nearest = real.numbered(self.seed, position) or nearest
        return nearest if nearest is not None and _apart(nearest, position) <= NEAR_DEG else None

    def _of_target(self, target: str) -> Source | None:
        """Return the source a target is known to observe."""
        if target in self._targeted:
            return self._targeted[target]
        return drawn.burst_from_target(self.seed, target) or real.source_of_target(self.seed, target)

    def is_elsewhere(self, target: str, position: Position | None) -> bool:
        """Return whether a target is known to observe another part of the sky."""
        source = None if position is None else self._of_target(target)
        if position is None or source is None or _apart(source, position) <= FIELD_DEG:
            return False
        pointing = found.pointing if (found := known.target(target)) is not None else None
        return pointing is None or coordinates.separation(pointing, position) > FIELD_DEG

    def _not_elsewhere(self, targets: tuple[str, ...], position: Position | None) -> tuple[str, ...]:
        """Leave out targets that are known to observe another part of the sky."""
        return tuple(target for target in targets if not self.is_elsewhere(target, position))

    def drawn_position(self, name: str, now: float) -> Position | None:
        """Return a position [deg, J2000] for a name that the resolver does not know; None if it will, or hides it."""
        if self.named(name) is not None or self.resolve(name, now) is not None:
            return None
        return drawn.anywhere(self.seed, key_of(name))

    def resolve(self, name: str, now: float) -> Position | None:
        """Position [deg, J2000] the name resolver gives at `now`, None if it knows no such object (yet)."""
        key = key_of(name)
        dated = [d for d in self.world.positions if key_of(d.name) == key and d.since <= now]
        if dated:
            latest = max(dated, key=lambda d: d.since)
            return latest.ra, latest.dec
        found = None if key in self._named else known.find_key(key)
        if found is not None and (found.cls != "grb" or found.t0 is not None):
            return (found.ra, found.dec) if (found.t0 or 0.0) <= now else None
        source = self.named(name)
        if source is None:
            return position_in(name)
        triggered = not source.is_burst or service_from_met(source.t0_met or 0.0) <= now
        return (source.ra, source.dec) if source.resolves and triggered else None

    def targets(self, name: str, position: Position | None, now: float) -> tuple[str, ...]:
        """Target IDs known by `now`: those of the object called so, and those whose field holds the position.

        Where there is no observation, the ID that a new pointing there would get.
        """
        found = [source] if (source := self.named(name)) else []
        if position is not None:
            found += [s for s in self.sources if s not in found and _apart(s, position) <= FIELD_DEG]
            others = (real.source(self.seed, near) for near in known.near(position, FIELD_DEG))
            found += [
                s
                for s in others
                if s not in found and self._named.keys().isdisjoint(key_of(name) for name in (s.name, *s.aliases))
            ]  # none that the scenario replaces by a source of its own
        met = met_from_service(now)
        begun = [t for s in found for t in s.targets if self._begins_at(s, t) <= met]
        if not begun and position is not None and not any(s.targets for s in found):
            begun = [drawn.cell_target(position, self.seed)]
        return tuple(dict.fromkeys(begun))

    def trigger(
        self,
        name: str,
        targets: tuple[str, ...],
        position: Position | None,
        now: float,
        asked: tuple[str, ...] = (),
    ) -> float | None:
        """T0 [s, MET]: the trigger of a burst, or a documented zero of time, else the start of the data there are."""
        source = self.named(name) or self.source(targets, position)
        if source.t0_met is not None and service_from_met(source.t0_met) <= now:
            return source.t0_met
        available = self.observations(targets, position, now, asked=asked)
        return available[0].snapshots[0].start if available else None

    def observations(
        self,
        targets: tuple[str, ...],
        position: Position | None,
        now: float,
        t0: float | None = None,
        asked: tuple[str, ...] = (),
    ) -> tuple[Observation, ...]:
        """Return the observations available by `now` [simulated time, s], in the processing then in force.

        Parameters
        ----------
        targets, position, t0
            As in the job: target IDs, position [deg, J2000], zero of time [s, MET].
        asked
            IDs of observations that the job names: one that the archive does not have is believed to exist, unless
            its target is known to look elsewhere.
        """
        source = self.source(targets, position, t0)
        key = (source, targets, position, asked, t0 if asked else None)
        since, until, kept = self._archive.get(key, (0.0, 0.0, ()))
        if since <= now < until:
            return kept
        year = utc_from_service(now).year
        next_year = datetime(year + 1, 1, 1, tzinfo=UTC).timestamp()
        planned = self._planned(source, year)
        named = self._asked(source, position, planned, t0, asked)
        found = self._observations(source, targets, position, now, planned, named)
        arrivals = (o.available_at for o in (*planned, *named) if o.available_at > now)
        until = min(self._processings.unchanged_until(now, next_year), *arrivals, next_year)
        if len(self._archive) >= _KEPT:
            self._archive.clear()
        self._archive[key] = (now, until, found)
        return found

    def _observations(
        self,
        source: Source,
        targets: tuple[str, ...],
        position: Position | None,
        now: float,
        every: tuple[Observation, ...],
        asked: tuple[Observation, ...],
    ) -> tuple[Observation, ...]:
        """Return those of all that are planned, and of those that a job names, that it sees at `now` [s]."""
        if self.world.forces("no_data", source.name, *source.aliases):
            return ()
        planned: Sequence[Observation] = ()
        if not targets or self._not_elsewhere(targets, position):
            planned = [o for o in every if not targets or o.target in targets]
        if asked:
            named = {observation.obsid for observation in asked}
            planned = sorted((*asked, *(o for o in planned if o.obsid not in named)), key=_in_order)
        begun = self._processings.begun(now)
        return tuple(
            self._processings.applied(observation, now, begun)
            for observation in planned
            if observation.available_at <= now
        )

    def _asked(
        self,
        source: Source,
        position: Position | None,
        planned: tuple[Observation, ...],
        t0: float | None,
        asked: tuple[str, ...],
    ) -> tuple[Observation, ...]:
        """Return the observations that a job names, but for those whose target looks elsewhere."""
        if not asked:
            return ()
        here = set(self._not_elsewhere(tuple({obsid[:8] for obsid in asked}), position))
        begin = t0 if t0 is not None else self._begins_at(source, source.targets[0])
        return real.asked(self.seed, source, tuple(o for o in asked if o[:8] in here), planned, begin)

    def _planned(self, source: Source, year: int) -> tuple[Observation, ...]:
        """Return the observations of a source until the end of a year: real ones, and those of its plan."""
        if self._is_planned(source):
            return schedule.planned(source, self.seed, year)
        unknown = tuple(target for target in source.targets if known.target(target) is None)
        if unknown == source.targets:
            return schedule.planned(source, self.seed, year)
        planned = schedule.planned(replace(source, targets=unknown), self.seed, year) if unknown else ()
        kept = real.observations(self.seed, source)
        return tuple(sorted((*kept, *planned), key=_in_order)) if kept else planned

    def _is_planned(self, source: Source) -> bool:
        """Return whether all observations of a source are planned: those of the scenario have no real ones."""
        return source in self._own and not source.plan.archived

    def _begins_at(self, source: Source, target: str) -> float:
        """Return the start of a target [s, MET]: the trigger, or the first observation."""
        found = None if source.is_burst or self._is_planned(source) else known.target(target)
        if found is None or not found.visits:
            return schedule.begins_at(source, self.seed, target)
        return met_from_service(found.visits[0].start)

    def galactic_column(self, source: Source) -> float:
        """Galactic column towards a source [cm-2]."""
        if source.nh_galactic is not None:
            return source.nh_galactic
        return drawn.galactic_column(self.seed, (source.ra, source.dec))


def _in_order(observation: Observation) -> tuple[float, str]:
    return observation.snapshots[0].start, observation.obsid


def _apart(source: Source, position: Position) -> float:
    return coordinates.separation((source.ra, source.dec), position)


def _with_later_targets(source: Source, dated: tuple[DatedTarget, ...]) -> Source:
    """Add the targets of a source that exist from a later date on."""
    later = tuple((d.target, met_from_service(d.since)) for d in dated if key_of(d.name) == key_of(source.name))
    if not later:
        return source
    return replace(source, targets=source.targets + tuple(t for t, _ in later), plan=replace(source.plan, later=later))
