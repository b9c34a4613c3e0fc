"""Waiting for a slow answer within an event loop, whose other tasks go on meanwhile."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..clocks.base import Clock


async def wait_in_loop(clock: Clock, seconds: float) -> None:
    """Return once `seconds` of simulated time have passed.

    Where the calling thread shares the clock its event loop lives in simulated time, so the loop waits; else the clock
    is moved on.
    """
    current: Any = getattr(clock, "current", None)
    if current is None or current() is None:
        clock.sleep(seconds)
        return
    loop = sys.modules.get("trio" if _in_trio() else "asyncio")
    await loop.sleep(seconds)  # type: ignore[union-attr]  # it runs, so it is imported


def _in_trio() -> bool:
    trio = sys.modules.get("trio")
    try:
        return trio is not None and trio.lowlevel.current_task() is not None
    except RuntimeError:
        return False
