"""A clock that stands still until a thread sleeps, shared by threads and processes in a fixed order."""

from __future__ import annotations

import _thread
import contextlib
import itertools
import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..core.errors import InputInvalid
from .base import ScaledClock, check_forward

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from .base import Clock, ParticipantId

MOST_FACTOR = 1e6
"""Largest factor of a scaled clock that can be asked for: a year passes in half a minute."""


class Place(Protocol):
    """Where a clock keeps simulated time `now` [s]."""

    now: float


class VirtualClock:
    """Stands still until a thread sleeps or the clock is advanced.

    A sleep of a thread on its own moves time on at once. Threads and processes that share the clock join it as
    *participants*: then time moves to the earliest wake-up, once every participant waits. Those who wake at the same
    instant run one after the other, and calls to the service are made in the order of the participants' ids. So the
    same programs make the same calls at the same times, however the machine schedules them.

    Parameters
    ----------
    start
        Simulated time at the beginning [s].

    Attributes
    ----------
    steps
        Grows whenever a participant goes on or time moves; a watchdog compares it.
    changes
        Grows whenever a participant begins or ends a wait.
    unproven
        Set while a participant would go on if it were proven that those who wait for something else cannot; see
        :meth:`proceed`. None: nothing can be proven, so time does not wait for a proof.
    strangers
        Processes [pid] that are no participants, but may start some: while there are any, nothing goes on without a
        proof.
    """

    def __init__(self, start: float) -> None:
        self.origin = float(start)
        self._place: Place = SimpleNamespace(now=self.origin)
        self._lock = _thread.allocate_lock()  # the real one: threading.Lock may be replaced by one that waits on us
        self.steps = self.changes = 0
        self.unproven: threading.Event | None = None
        self.strangers: set[int] = set()
        self._participants: dict[ParticipantId, _Participant] = {}
        self._by_thread: dict[int, _Participant] = {}  # replaced, never changed: it is read without the lock

    def begin(self, start: float) -> None:
        """Set the simulated time of the beginning [s], before anyone has read another one."""
        with self._lock:
            self.origin = self._place.now = float(start)

    def keep_in(self, place: Place) -> None:
        """Keep simulated time in this place, which others may read; while no one else does, its user may move it on."""
        with self._lock:
            place.now = self._place.now
            self._place = place

    def now(self) -> float:
        """Return simulated time [s]."""
        return self._place.now

    def sleep(self, seconds: float) -> None:
        """Return once `seconds` have passed; for a thread that is no participant, time moves on at once."""
        if _thread.get_ident() in self._by_thread:
            self.wait(self.now() + max(0.0, seconds))
        else:
            self.advance(max(0.0, seconds))

    def advance(self, seconds: float) -> float:
        """Move time on by `seconds`, wake the participants that are due, and return the new time [s]."""
        check_forward(seconds)
        with self._lock:
            self._move(self._place.now + seconds)
            self._run_next()
            return self._place.now

    def advance_to(self, now: float) -> float:
        """Move time on to `now` [s], if that is later, wake the participants that are due, and return the new time."""
        with self._lock:
            self._place.now = max(self._place.now, now)
            self._run_next()
            return self._place.now

    def join(self, participant: ParticipantId) -> None:
        """Add a participant, which counts as running from now on; its thread or process need not exist yet."""
        with self._lock:
            if participant in self._participants:
                raise ValueError(f"participant {participant} shares this clock already")
            self._participants[participant] = _Participant(participant)

    def join_next(self) -> ParticipantId:
        """Add a participant with the first free id of one number, and return the id."""
        participant = next((n,) for n in itertools.count() if (n,) not in self._participants)
        self.join(participant)
        return participant

    def leave(self, participant: ParticipantId) -> None:
        """Remove a participant, if it is there; time no longer waits for it."""
        with self._lock:
            left = self._participants.pop(participant, None)
            if left is not None:
                left.resume()
                self._by_thread = {thread: other for thread, other in self._by_thread.items() if other is not left}
                self._run_next()

    def attach(self, participant: ParticipantId) -> None:
        """Let the calling thread act for this participant from now on."""
        with self._lock:
            self._by_thread = {**self._by_thread, _thread.get_ident(): self._participants[participant]}

    def detach(self) -> None:
        """Let the calling thread act for no participant from now on."""
        with self._lock:
            caller = _thread.get_ident()
            self._by_thread = {thread: other for thread, other in self._by_thread.items() if thread != caller}

    def current(self) -> ParticipantId | None:
        """Return the participant that the calling thread acts for, or None."""
        participant = self._by_thread.get(_thread.get_ident())
        return participant.id if participant else None

    def turn(self, patience: float = -1) -> None:
        """Return when no running participant has a smaller id than the calling thread's; at once if it has none.

        After `patience` [s of real time] it returns all the same; -1: never.
        """
        participant = self._by_thread.get(_thread.get_ident())
        self.steps += 1
        if participant is None:
            return
        with self._lock:
            participant.until, participant.excused = None, False  # it runs, even if it had been taken for waiting
            first = min(other.id for other in self._participants.values() if other.until is None)
            if first == participant.id and not self._is_unproven():
                return
            blocked = participant.block()
            self._run_next()
        if not blocked.acquire(True, patience):
            with self._lock:
                self.changes += 1
                participant.resume()

    def wait(self, until: float, token: object = None) -> None:
        """Return at simulated time `until` [s], or when another thread calls :meth:`wake` with the same `token`."""
        participant = self._by_thread[_thread.get_ident()]
        try:
            with self._lock:
                if token is not None and participant.woken_by == token:
                    return
                participant.until, participant.token, participant.excused = until, token, False
                participant.empty_sleeps = participant.empty_sleeps + 1 if until <= self.now() else 0
                blocked = participant.block()
                self._run_next()
            blocked.acquire()
        except BaseException:
            with self._lock:
                participant.resume()
            raise

    def wake(self, participant: ParticipantId, token: object) -> None:
        """End the wait of a participant that waits with this `token`, or is about to."""
        with self._lock:
            self.changes += 1
            woken = self._participants.get(participant)
            if woken is not None:
                woken.woken_by = token
                if woken.until is not None and woken.token == token:
                    woken.resume()

    def interrupt(self, participant: ParticipantId) -> None:
        """End the wait of a participant, whatever it waits for."""
        with self._lock:
            self.changes += 1
            interrupted = self._participants.get(participant)
            if interrupted is not None:
                interrupted.resume()

    def running(self) -> list[ParticipantId]:
        """Return the participants that time waits for because they run, sorted."""
        with self._lock:
            return sorted(one.id for one in self._participants.values() if one.until is None and not one.blocked)

    def outside(self) -> list[ParticipantId]:
        """Return the participants that time waits for because they may go on, sorted."""
        with self._lock:
            unproven = self.unproven is not None
            return sorted(one.id for one in self._participants.values() if unproven and one.is_outside)

    def is_alone(self, participant: ParticipantId) -> bool:
        """Whether no other participant shares the clock, and none can come but by what this one does."""
        with self._lock:
            return [*self._participants] == [participant] and not self._is_unproven()

    def has_waiting(self) -> bool:
        """Whether a participant waits for its turn, for another participant, or until an instant."""
        with self._lock:
            return any(one.blocked or one.has_end for one in self._participants.values())

    def waits(self) -> dict[ParticipantId, Wait]:
        """Return what each participant does, in the order of their ids."""
        with self._lock:
            return {
                one.id: Wait(one.until, one.blocked, one.token, one.excused)
                for _, one in sorted(self._participants.items())
            }

    def assume_waiting(self, participant: ParticipantId) -> None:
        """Let time move on without a running participant until it next uses the clock."""
        with self._lock:
            idle = self._participants.get(participant)
            if idle is not None and not idle.blocked:
                if idle.until is None:
                    idle.until = math.inf
                idle.excused = True
                self._run_next()

    def proceed(self, changes: int) -> bool:
        """Let the next participant go on, if nothing has changed since `changes`; return whether nothing has.

        It was proven that none of those that are not blocked can go on by itself: until they next use the clock they
        wait for something else.
        """
        with self._lock:
            if self.changes != changes:
                return False
            for one in self._participants.values():
                if one.until is None and not one.blocked:
                    one.until = math.inf
            if self.unproven is not None:
                self.unproven.clear()
            self._go_on()
            return True

    @contextlib.contextmanager
    def away(
        self,
        until: float = math.inf,
        child: int | None = None,
        *,
        hold: bool = False,
        surely: bool = False,
        on_end: Callable[[], object] | None = None,
    ) -> Iterator[None]:
        """Context manager: the calling participant counts as waiting until `until` [s], whatever it does.

        Time does not go on to a limit on account of a `child`: it takes no part in the clock, and has real time. With
        `hold`, time stops at `until`. If the participant `surely` waits for another one, no proof is asked for. When
        the wait ends by the clock, it calls `on_end` with its lock held.
        """
        participant = self._by_thread.get(_thread.get_ident())
        if participant is None or (child is not None and until < math.inf):
            yield
            return
        with self._lock:
            participant.until, participant.held, participant.token = until, hold, "outside"
            participant.excused, participant.on_end = surely, on_end
            self._run_next()
        try:
            yield
        finally:
            with self._lock:
                self.changes += 1
                participant.until, participant.held, participant.excused, participant.on_end = None, False, False, None

    def _move(self, now: float) -> None:
        self.steps += 1
        self._place.now = now

    def _is_unproven(self) -> bool:
        """Whether a stranger, or one that waits for something else, may go on though the clock does not know it."""
        if self.unproven is None:
            return False
        return bool(self.strangers) or any(one.is_outside for one in self._participants.values())

    def _run_next(self) -> None:
        """Let the next participant go on, if all that are not blocked are known to wait."""
        self.changes += 1
        if self._is_unproven():
            runs = any(one.until is None and not one.blocked for one in self._participants.values())
            if self.unproven is not None and not runs:
                self.unproven.set()
            return
        self._go_on()

    def _go_on(self) -> None:
        """Let the first running participant have its turn; if all wait, move time on and wake the next one alone."""
        running = [participant for participant in self._participants.values() if participant.until is None]
        if running:
            first = min(running, key=lambda participant: participant.id)
            if first.blocked:
                self.steps += 1
                first.unblock()
            return
        due = min(self._participants.values(), key=_Participant.wakes_at, default=None)
        if due is not None and due.until is not None and due.until < math.inf and not due.held:
            self._move(max(self.now(), due.until))
            due.resume()


class Wait(NamedTuple):
    """What a participant does: it runs if `until` is None, or waits until an instant [s]."""

    until: float | None
    blocked: bool
    """Whether its thread is held by the clock; otherwise it waits for something else."""
    token: object
    """What ends its wait before `until`; None: nothing does."""
    excused: bool = False
    """Whether time goes on without it, though it is not blocked and nothing is proven."""


class _Participant:
    """Runs (`until` is None) or waits until an instant [s]; its thread may be blocked in a call of the clock.

    If it waits for something else it may go on at any time, unless it is `excused`: time goes on without it.
    """

    __slots__ = ("_lock", "empty_sleeps", "excused", "held", "id", "on_end", "token", "until", "woken_by")

    def __init__(self, participant: ParticipantId) -> None:
        self.id = participant
        self.until: float | None = None
        self.token: object = None
        self.woken_by: object = None
        self.held = self.excused = False
        self.on_end: Callable[[], object] | None = None
        self.empty_sleeps = 0  # in a row; participants that sleep for 0 s take turns by it
        self._lock: _thread.LockType | None = None

    @property
    def blocked(self) -> bool:
        return self._lock is not None

    @property
    def is_outside(self) -> bool:
        return self._lock is None and self.until is not None and not self.excused

    @property
    def has_end(self) -> bool:
        return self.until is not None and self.until < math.inf

    def wakes_at(self) -> tuple[float, int, tuple[float, ...]]:
        """Sort key of those who wait: the first is woken first.

        At the same instant a child comes before its parent, which may look whether the child has ended.
        """
        return (math.inf if self.until is None else self.until, self.empty_sleeps, (*self.id, math.inf))

    def block(self) -> _thread.LockType:
        """Return a lock whose next `acquire` blocks until `unblock` is called."""
        self._lock = _thread.allocate_lock()
        self._lock.acquire()
        return self._lock

    def unblock(self) -> None:
        if self._lock is not None:
            lock, self._lock = self._lock, None
            lock.release()

    def resume(self) -> None:
        """End the wait: from now on it runs."""
        self.until = None
        self.unblock()
        if self.on_end is not None:
            self.on_end()


def parse_clock(text: str, start: float) -> Clock:
    """Return the clock that ``--clock TEXT`` names: ``system``, ``virtual``, or a factor such as ``x60``."""
    if text == "system":
        return ScaledClock()
    if text == "virtual":
        return VirtualClock(start)
    with contextlib.suppress(ValueError):
        if text.startswith("x") and 0 < float(text[1:]) <= MOST_FACTOR:
            return ScaledClock(float(text[1:]))
    raise InputInvalid(
        f"--clock is {text!r}, but must be system, virtual, or a factor such as x60, of at most x{MOST_FACTOR:g}"
    )
