"""A clock that stands still until someone sleeps, shared by threads and processes in a fixed order."""

from __future__ import annotations

import _thread
import contextlib
import itertools
import math
from typing import TYPE_CHECKING

from .base import ScaledClock, check_forward

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .base import Clock, Number


class VirtualClock:
    """Stands still until somebody sleeps or advances it.

    Alone, a sleeper moves time on at once. Threads and processes that share the clock join it as *parties*: then time
    moves to the earliest wake-up only when every party waits; those who wake at the same instant do so one after
    the other, and those who call the service go in the order of their numbers. So the same programs give the same
    calls at the same times, however the machine schedules them.

    Parameters
    ----------
    start
        Service time at the beginning [s].

    Attributes
    ----------
    steps
        Grows whenever a party does something; a watchdog sees by it that nobody does.
    """

    def __init__(self, start: float) -> None:
        self.origin = self._now = float(start)
        self._lock = _thread.allocate_lock()  # the real one, whatever stands in for threading.Lock
        self.steps = 0
        self._parties: dict[Number, _Party] = {}
        self._acting: dict[int, _Party] = {}

    def now(self) -> float:
        """Service time [s]."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Return once `seconds` have passed; of a thread that is no party, time moves on at once."""
        if _thread.get_ident() in self._acting:
            self.wait(self._now + max(0.0, seconds))
        else:
            self.advance(max(0.0, seconds))

    def advance(self, seconds: float) -> float:
        """Move time on, wake who is due, and return the new time [s]."""
        check_forward(seconds)
        with self._lock:
            self._now += seconds
            self._settle()
            return self._now

    def join(self, number: Number) -> None:
        """Add a party, which runs from now on. It may be announced before its thread or process exists."""
        with self._lock:
            if number in self._parties:
                raise ValueError(f"party {number} shares this clock already")
            self._parties[number] = _Party(number)

    def join_next(self) -> Number:
        """Add a party with the first free number of one digit, and return that."""
        number = next((n,) for n in itertools.count() if (n,) not in self._parties)
        self.join(number)
        return number

    def leave(self, number: Number) -> None:
        """Forget a party; nobody waits for it any more."""
        with self._lock:
            party = self._parties.pop(number, None)
            if party is not None:
                party.release()
                self._acting = {ident: acting for ident, acting in self._acting.items() if acting is not party}
                self._settle()

    def attach(self, number: Number) -> None:
        """From now on the calling thread acts for this party."""
        with self._lock:
            self._acting = {**self._acting, _thread.get_ident(): self._parties[number]}

    def detach(self) -> None:
        """From now on the calling thread acts for nobody."""
        with self._lock:
            ident = _thread.get_ident()
            self._acting = {other: party for other, party in self._acting.items() if other != ident}

    def acting(self) -> Number | None:
        """Return the party for which the calling thread acts, or None."""
        party = self._acting.get(_thread.get_ident())
        return party.number if party else None

    def turn(self) -> None:
        """Return when no running party has a smaller number than the calling thread's; at once if it has none."""
        party = self._acting.get(_thread.get_ident())
        self.steps += 1
        if party is None:
            return
        with self._lock:
            party.until = None  # back, if it had been excused
            if min(other.number for other in self._parties.values() if other.until is None) == party.number:
                return
            gate = party.close_gate()
        gate.acquire()

    def wait(self, until: float, token: object = None) -> None:
        """Return at service time `until` [s], or when somebody wakes the calling party with the same `token`."""
        party = self._acting[_thread.get_ident()]
        with self._lock:
            if token is not None and party.woken == token:
                return
            party.until, party.token = until, token
            party.lap = party.lap + 1 if until <= self._now else 0
            gate = party.close_gate()
            self._settle()
        try:
            gate.acquire()
        except BaseException:
            with self._lock:
                party.release()
            raise

    def wake(self, number: Number, token: object) -> None:
        """Let a party go on that waits with this `token`, now or in a moment."""
        with self._lock:
            party = self._parties.get(number)
            if party is not None:
                party.woken = token
                if party.until is not None and party.token == token:
                    party.release()

    def working(self) -> list[Number]:
        """Return the parties that run."""
        with self._lock:
            parties = self._parties.values()
            return sorted(party.number for party in parties if party.until is None and not party.blocked)

    def anybody_waits(self) -> bool:
        """Whether some party waits for time to move or for its turn."""
        with self._lock:
            return any(party.blocked for party in self._parties.values())

    def excuse(self, number: Number) -> None:
        """Go on without a party that waits for something the clock does not know, until it is heard of again."""
        with self._lock:
            party = self._parties.get(number)
            if party is not None and party.until is None and not party.blocked:
                party.until = math.inf
                self._settle()

    def interrupt(self, number: Number) -> None:
        """End whatever this party waits for on the clock."""
        with self._lock:
            party = self._parties.get(number)
            if party is not None:
                party.release()

    @contextlib.contextmanager
    def away(self, until: float = math.inf, child: int | None = None) -> Iterator[None]:  # noqa: ARG002 - a run uses it
        """Within, the calling party waits for something other than the clock, and holds nobody up before `until`."""
        party = self._acting.get(_thread.get_ident())
        if party is None:
            yield
            return
        with self._lock:
            party.until = until
            self._settle()
        try:
            yield
        finally:
            with self._lock:
                party.until = None

    def _settle(self) -> None:
        """If somebody runs, let the first of them have its turn; else wake the next, and that one alone."""
        self.steps += 1
        running = [party for party in self._parties.values() if party.until is None]
        if running:
            min(running, key=lambda party: party.number).open_gate()
            return
        due = min(self._parties.values(), key=_Party.order, default=None)
        if due is not None and due.until is not None and due.until < math.inf:
            self._now = max(self._now, due.until)
            due.release()


class _Party:
    """One who shares a clock: runs (`until` None), or waits until an instant [s]; behind its gate if blocked."""

    __slots__ = ("_gate", "lap", "number", "token", "until", "woken")

    def __init__(self, number: Number) -> None:
        self.number = number
        self.until: float | None = None
        self.token: object = None
        self.woken: object = None
        self.lap = 0  # how often in a row it slept for nothing: so two who do wait for each other
        self._gate: _thread.LockType | None = None

    @property
    def blocked(self) -> bool:
        """Whether it stands behind its gate."""
        return self._gate is not None

    def order(self) -> tuple[float, int, Number]:
        """Return what sorts those who wait."""
        return (math.inf if self.until is None else self.until, self.lap, self.number)

    def close_gate(self) -> _thread.LockType:
        """Return a lock whose next `acquire` blocks until the gate is opened."""
        self._gate = _thread.allocate_lock()
        self._gate.acquire()
        return self._gate

    def open_gate(self) -> None:
        if self._gate is not None:
            gate, self._gate = self._gate, None
            gate.release()

    def release(self) -> None:
        """Let it run."""
        self.until = None
        self.open_gate()


def parse_clock(text: str, start: float) -> Clock:
    """Return the clock that ``--clock TEXT`` names: ``system``, ``virtual``, or a factor such as ``x60``."""
    if text == "system":
        return ScaledClock()
    if text == "virtual":
        return VirtualClock(start)
    try:
        if text.startswith("x"):
            return ScaledClock(float(text[1:]))
    except ValueError:
        pass
    raise ValueError(f"--clock is {text!r}, but must be system, virtual, or a factor such as x60")
