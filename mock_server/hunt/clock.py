"""A virtual clock for one life: it can be cleared of a killed program, and notices when nothing more can happen."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from ..clocks.virtual import VirtualClock

if TYPE_CHECKING:
    from ..clocks.base import ParticipantId


class LifeClock(VirtualClock):
    """Virtual clock with an end.

    Attributes
    ----------
    end
        Simulated time from which on `ended` is set [s].
    ended
        Set when time has passed the end.
    """

    def __init__(self, start: float) -> None:
        super().__init__(start)
        self.end = math.inf
        self.ended = threading.Event()

    def _run_next(self) -> None:
        super()._run_next()
        if self.now() >= self.end:
            self.ended.set()

    def clear(self) -> None:
        """Remove all participants: their program is dead."""
        with self._lock:
            participants: list[ParticipantId] = list(self._participants)
        for participant in participants:
            self.leave(participant)

    def all_wait_for_ever(self) -> bool:
        """Whether every participant waits for another, so that time cannot move."""
        waits = self.waits().values()  # one that is not blocked waits for a process or a socket, and may come back
        return bool(waits) and all(wait.blocked and wait.until == math.inf for wait in waits)
