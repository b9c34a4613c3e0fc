"""The clock that this process lives on at the moment; the other patches ask here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...clocks.base import ScaledClock

if TYPE_CHECKING:
    from .time import SimulatedTime

stack: list[SimulatedTime] = []
"""The active ones, the innermost last."""


def simulated_time() -> SimulatedTime | None:
    """Return the innermost active one, or None if this process lives in real time."""
    return stack[-1] if stack else None


def shared_clock() -> Any:
    """Return the clock that the calling thread is a participant of, or None."""
    simulated = stack[-1] if stack else None
    return simulated.clock if simulated and simulated.shared and simulated.clock.current() is not None else None


def real_seconds(seconds: float) -> float:
    """Return how long a timeout lasts for a thread that waits in real time [s]."""
    clock = stack[-1].clock if stack else None
    return seconds / clock.factor if isinstance(clock, ScaledClock) else seconds
