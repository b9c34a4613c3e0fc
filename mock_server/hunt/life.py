"""What one program did in one world: the record that oracles judge. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .deviations import World

RETRIEVALS = frozenset(
    {
        *("downloadProduct", "downloadFile", "downloadLightCurve", "getLCData", "getSpecData", "getPSFPos"),
        *("getEnhPos", "getXastromPos", "getAstromPos", "getSourceDetResults"),
    }
)
"""Operations that bring what a job has made."""


class Call(NamedTuple):
    """One call.

    Parameters
    ----------
    at
        Simulated time [s].
    operation, job_id, outcome, status
        As in :class:`~mock_server.core.journal.Entry`.
    where
        The user's lines that led to it, the innermost first.
    source
        Name of the object that it submits; empty for other calls.
    key
        All that it submits, as a text; empty for other calls.
    received
        Whether the answer of the work reached the program, whole and in time.
    life
        0 before a restart, 1 after it.
    """

    at: float
    operation: str
    job_id: int | None
    outcome: str
    status: int
    where: tuple[str, ...]
    source: str
    key: str
    received: bool
    life: int


class JobFacts(NamedTuple):
    """One accepted job as it stood at the end.

    Parameters
    ----------
    job_id
        Its number.
    source, key
        See :class:`Call`.
    submitted_at, ended_at
        Simulated time [s]; infinite if a product never ends.
    complete
        Whether all products end complete, and none was cancelled.
    kept_until
        Simulated time at which its products expire [s].
    """

    job_id: int
    source: str
    key: str
    submitted_at: float
    ended_at: float
    complete: bool
    kept_until: float = math.inf


class Saved(NamedTuple):
    """One file that the program wrote.

    Parameters
    ----------
    name
        Its name within the folder.
    state
        ``whole``: it is what the service sent; ``part``: the beginning of it; ``spoiled``: an answer that was no
        product; ``other``: something else.
    job_id
        The job whose product it is, if it is one.
    where
        The user's lines that opened it last.
    """

    name: str
    state: str
    job_id: int | None
    where: tuple[str, ...]


@dataclass(frozen=True)
class Life:
    """What a program did in a world, from its start to its end.

    Parameters
    ----------
    world
        The world.
    code
        Exit code; None if it never ended.
    error
        The exception that ended it, as ``KeyError: 'JobID'``; empty if none did.
    where
        The user's lines at which it ended, or waited, the innermost first.
    text
        All that it printed, and the small text files that it wrote.
    calls, jobs, files
        See :class:`Call`, :class:`JobFacts` and :class:`Saved`.
    violations
        Requests that break the contract: words and line.
    peak_active
        Most active jobs at a time, and the lines of the submission that made them.
    simulated_s
        Simulated time that it took [s].
    met
        For each deviation of the world, whether the program met it.
    writes
        Number of its writes.
    own
        What the user's own oracles say: the name of the oracle, and words.
    killed_at
        The user's lines of the write in which it was killed, the innermost first.
    in_files
        The part of `text` that it did not print.
    excused
        Whether simulated time moved once though nothing was proven for a minute of real time: this run may not repeat.
    """

    world: World
    code: int | None
    error: str
    where: tuple[str, ...]
    text: str
    calls: tuple[Call, ...]
    jobs: tuple[JobFacts, ...]
    files: tuple[Saved, ...]
    violations: tuple[tuple[str, str], ...]
    peak_active: tuple[int, tuple[str, ...]]
    simulated_s: float
    met: tuple[bool, ...]
    writes: int
    own: tuple[tuple[str, str], ...] = ()
    killed_at: tuple[str, ...] = ()
    in_files: str = ""
    excused: bool = False

    def lines(self) -> list[str]:
        """Return the printed lines with their numbers replaced, to compare them with those of another world."""
        return [re.sub(r"\d+", "0", line.strip()) for line in self.text.splitlines()]
