"""A virtual clock for one life: the same order on every machine, an end, and no way back for a killed program."""

from __future__ import annotations

import _thread
import math
import threading
from typing import TYPE_CHECKING

from ..clocks.virtual import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..clocks.base import ParticipantId


class LifeClock(VirtualClock):
    """Virtual clock of one life.

    At its end it stands still for good: all that wait go on waiting, so that the program can be looked at.

    Parameters
    ----------
    start
        Simulated time at the beginning [s].
    one_by_one
        Whether only one participant runs at a time, and time waits for a proof that none can go on; see
        :mod:`.standstill`. Without it the machine decides in which order participants act that wake one another.

    Attributes
    ----------
    end
        Simulated time that is the end [s].
    ended
        Set at the end.
    dead
        Whether it was proven that no participant can ever go on.
    excused
        Whether time has moved though nothing was proven: a limit of real time was over.
    is_over
        Says whether the program has ended or was killed: its threads are gone one by one, but time moves no more.
    """

    def __init__(self, start: float, *, one_by_one: bool = False) -> None:
        super().__init__(start)
        self.end = math.inf
        self.ended = threading.Event()
        self.unproven = threading.Event() if one_by_one else None
        self.one_by_one, self.dead, self.excused = one_by_one, False, False
        self.is_over: Callable[[], bool] = lambda: False

    def attach(self, participant: ParticipantId) -> None:
        """Let the calling thread act for this participant, once those before it wait."""
        super().attach(participant)
        if self.one_by_one:
            self.turn()

    def turn(self, patience: float = -1) -> None:
        """Return when the calling thread's participant is the first of those that can go on, and none else runs."""
        mine = self._by_thread.get(_thread.get_ident())
        if mine is None or not self.one_by_one:
            super().turn(patience)
            return
        with self._lock:
            self.steps += 1
            self.changes += 1
            mine.until = None
            everyone = self._participants.values()
            outside = bool(self.strangers) or any(not one.blocked and one.until is not None for one in everyone)
            if not outside and mine.id == min(one.id for one in everyone if one.until is None):
                return
            blocked = mine.block()
            self._run_next()
        blocked.acquire()

    def wake(self, participant: ParticipantId, token: object) -> None:
        """End the wait of a participant; it goes on when the others wait."""
        if not self.one_by_one:
            super().wake(participant, token)
            return
        with self._lock:
            self.changes += 1
            woken = self._participants.get(participant)
            if woken is not None:
                woken.woken_by = token
                if woken.until is not None and woken.token == token:
                    woken.until = None
                    if woken.on_end is not None:
                        woken.on_end()

    def _run_next(self) -> None:
        self.changes += 1
        if self.ended.is_set():
            return
        free = [one for one in self._participants.values() if not one.blocked]
        # one runs, or may run though it counts as waiting (for a pipe, ...), or may be started
        if self.unproven is not None and (free or self.strangers):
            if all(one.until is not None for one in free):
                self.unproven.set()
            return
        self._go_on()

    def _go_on(self) -> None:
        if self.is_over():
            return
        wakes = [one.until for one in self._participants.values()]
        if wakes and None not in wakes and self.end <= min(filter(None, wakes)) < math.inf:
            self.finish()
        else:
            super()._go_on()

    def proceed(self, changes: int) -> bool:
        """Let the next participant run, or time move: no running one can go on by itself since `changes`."""
        if self.ended.is_set() or not super().proceed(changes):
            return False
        with self._lock:
            self.dead = all(one.until == math.inf for one in self._participants.values())
        return True

    def finish(self) -> None:
        """Stand still from now on."""
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
        return bool(waits) and (self.dead or all(wait.blocked and wait.until == math.inf for wait in waits))
