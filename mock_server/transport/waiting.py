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
    trio = sys.modules.get("trio")
    try:
        in_trio = trio is not None and trio.lowlevel.current_task() is not None
    except RuntimeError:
        in_trio = False
    loop = trio if in_trio else sys.modules.get("asyncio")
    await loop.sleep(seconds)  # type: ignore[union-attr]  # it runs, so it is imported
