"""Two processes that take turns, on one processor.

A program and its run never work at the same time: one asks and waits while the other answers. Left alone, each has a
processor of its own that falls asleep in between and wakes with cold caches; on a small virtual machine that costs a
sixth of a campaign's time, and more beside noisy neighbours.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

_PROCESSOR = 39 - 3  # among the fields of proc(5) that follow the name, of which the first is the third


def current() -> int | None:
    """Return the processor that this process runs on; None where nothing tells, or there is no choice."""
    try:
        if len(os.sched_getaffinity(0)) < 2:
            return None
        return int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[_PROCESSOR])
    except (AttributeError, OSError):  # not Linux
        return None


class Staying:
    """Context manager: the calling thread stays on a processor; afterwards it may run where it might before.

    Parameters
    ----------
    processor
        Its number; None: it stays nowhere.
    """

    __slots__ = ("_before", "_only")

    def __init__(self, processor: int | None) -> None:
        self._only = set() if processor is None else {processor}
        self._before: set[int] = set()

    def __enter__(self) -> None:
        if self._only and self._only < (before := os.sched_getaffinity(0)):
            os.sched_setaffinity(0, self._only)
            self._before = before

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._before:
            with contextlib.suppress(OSError):  # processors have been taken away meanwhile
                os.sched_setaffinity(0, self._before)
