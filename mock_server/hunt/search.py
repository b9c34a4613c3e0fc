"""The search: Hypothesis draws worlds of each stream, and shrinks those in which the program breaks."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded
from hypothesis.database import DirectoryBasedExampleDatabase

from .deviations import key_of
from .oracles import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from .deviations import World
    from .life import Life
    from .oracles import Finding, Rules
    from .worlds import Stream

    Play = Callable[[World], Life]

REPEATS = 3
"""Number of runs in which a failure must repeat."""


class BrokenError(Exception):
    """A program broke in a world; each kind of finding has a class of its own, so that Hypothesis shrinks each."""


class Found(NamedTuple):
    """One finding and the smallest world in which it was seen.

    Parameters
    ----------
    finding
        What broke.
    world
        The smallest world.
    life
        What the program did in it.
    differed
        What differed when the world was played again; empty if nothing did.
    """

    finding: Finding
    world: World
    life: Life
    differed: str = ""


class Cell(NamedTuple):
    """One kind of deviation at one operation: worlds, how many met it, and in how many of these something broke."""

    worlds: int
    met: int
    broke: int


@dataclass
class Tally:
    """Findings and figures of a search, or of a part of it."""

    found: dict[tuple[str, ...], Found] = field(default_factory=dict)
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    worlds: int = 0
    broke: int = 0
    excused: int = 0

    def note(self, world: World, life: Life, findings: Sequence[Finding]) -> None:
        """Add a world that was played."""
        self.worlds, self.broke = self.worlds + 1, self.broke + bool(findings)
        self.excused += life.excused
        for deviation, met in zip(world, life.met, strict=True):
            self._add_cell((deviation.operation, deviation.kind), Cell(1, int(met), int(met and bool(findings))))
        for finding in findings:
            self._add_found(Found(finding, world, life))

    def add(self, other: Tally) -> None:
        """Add the findings and figures of a part; of two worlds with the same finding the smaller stays."""
        for found in other.found.values():
            self._add_found(found)
        for place, cell in other.cells.items():
            self._add_cell(place, cell)
        self.worlds, self.broke = self.worlds + other.worlds, self.broke + other.broke
        self.excused += other.excused

    def alone(self) -> set[tuple[str, ...]]:
        """Return the keys of the findings that one deviation suffices for."""
        return {key for key, found in self.found.items() if len(found.world) == 1}

    def _add_found(self, found: Found) -> None:
        mine = self.found.get(found.finding.key)
        if mine is None or size_of(found.world) < size_of(mine.world):
            self.found[found.finding.key] = found

    def _add_cell(self, place: tuple[str, str], cell: Cell) -> None:
        mine = self.cells.get(place, Cell(0, 0, 0))
        self.cells[place] = Cell(mine.worlds + cell.worlds, mine.met + cell.met, mine.broke + cell.broke)


def size_of(world: World) -> tuple[int, int, int, str]:
    """Sort key: smaller worlds first; those without a restart, and with fewer words, first among equals."""
    return len(world), sum(d.kill is not None for d in world), len(key_of(world)), key_of(world)


class Search:
    """Searches streams for one program, one after the other.

    Parameters
    ----------
    play
        Plays a world.
    calm
        What the program does in the calm world.
    rules
        Options of the oracles.
    seed
        Key of all that Hypothesis draws.
    examples
        Folder of Hypothesis's database; None: nothing is kept.
    """

    def __init__(self, play: Play, calm: Life, rules: Rules, seed: int, examples: Path | None = None) -> None:
        self._play, self._calm, self._rules, self._seed, self._examples = play, calm, rules, seed, examples
        self._in_calm = {finding.key for finding in judge(calm, calm, rules)}
        self._classes: dict[tuple[str, ...], type[BrokenError]] = {}

    def stream(self, stream: Stream, known: Collection[tuple[str, ...]] = ()) -> Tally:
        """Search one stream, and return what was found; findings with `known` keys are noted, but not shrunk."""
        tally = Tally()
        judged: dict[str, list[Finding]] = {}

        def live_in(world: World) -> None:
            key = key_of(world)
            if key not in judged:
                life = self._play(world)
                judged[key] = self._judge(life)
                tally.note(world, life, judged[key])
            for finding in (one for one in judged[key] if one.key not in known):
                kind = self._classes.setdefault(finding.key, type("BrokenError", (BrokenError,), {}))
                raise kind(finding.words)

        database = DirectoryBasedExampleDatabase(self._examples / stream.name) if self._examples else None
        chosen = settings(
            max_examples=stream.most,
            database=database,
            deadline=None,
            phases=[Phase.reuse, Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
            print_blob=False,
        )
        test = seeded(self._seed + zlib.crc32(stream.name.encode()))(chosen(given(stream.worlds)(live_in)))
        try:
            test()
        except* BrokenError:  # what broke is in the tally; anything else is a fault of the hunt itself
            pass
        return tally

    def _judge(self, life: Life) -> list[Finding]:
        return judge(life, self._calm, self._rules, self._in_calm)

    def repeat(self, found: Found) -> Found:
        """Play the world of a finding again; say what differed, if anything did."""
        one = found.life
        for _ in range(REPEATS - 1):
            other = self._play(found.world)
            if found.finding.key in {f.key for f in self._judge(other)}:
                continue
            differed = "the calls were the same, but what it printed or saved was not"
            if len(one.calls) != len(other.calls):
                differed = f"it made {len(one.calls)} calls, then {len(other.calls)}"
            for number, (mine, theirs) in enumerate(zip(one.calls, other.calls, strict=False), 1):
                if mine != theirs:
                    first, then = (f"{call.operation} at {call.at:.0f}" for call in (mine, theirs))
                    differed = f"call {number} was {first}, then {then}"
                    break
            if one.code != other.code:
                differed = f"the exit code was {one.code}, then {other.code}"
            return found._replace(differed=differed)
        return found
