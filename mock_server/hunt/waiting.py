"""Waits for the end of a program, or for the certainty that it never ends."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..run import kernel
from ..transport.callsite import user_line
from .processes import signal_group

if TYPE_CHECKING:
    from .clock import LifeClock
    from .processes import Process

_LOOK_S = 0.05
STILL_S, BUSY_S = 5.0, 300.0
"""Without a step of the clock: real time after which a program of which all parts wait for one another never ends, and
processor time (where the system tells it) after which one that computes never does [s]."""
STACK_S = 120.0
"""Real time that a program has to say where it stands [s]."""


def wait_for(process: Process, clock: LifeClock) -> int | None:
    """Return the exit code; None for a program that never ends, which says where it stands, and ends, at SIGUSR1."""
    steps, since, used = -1, time.monotonic(), 0.0
    while (code := process.ended(_LOOK_S)) is None:
        now_used = processor_s(process.pid)
        if clock.steps != steps:
            steps, since, used = clock.steps, time.monotonic(), now_used
        deadlocked = time.monotonic() - since > STILL_S and clock.all_wait_for_ever()
        if clock.ended.is_set() or deadlocked or now_used - used > BUSY_S:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGUSR1)
            ended = process.ended(STACK_S)
            signal_group(process.pid, signal.SIGKILL)
            while ended is None:
                ended = process.ended(1.0)
            return None
    signal_group(process.pid, signal.SIGKILL)  # children that it has left behind
    return code


def processor_s(pid: int) -> float:
    """Return the processor time of a process and of its children that have ended; real time without /proc [s]."""
    try:
        return kernel.processor_s(pid)
    except OSError:  # it has ended, perhaps while this was read
        return 0.0 if Path("/proc/self/stat").exists() else time.monotonic()


def lines_in_stack(stack: Path) -> tuple[str, ...]:
    """Return the user's lines in what :mod:`faulthandler` wrote, those of the thread that got the signal first."""
    if not stack.is_file():
        return ()
    found: list[list[str]] = []
    lines: list[str] = []  # of the thread that is read
    for line in stack.read_text(errors="replace").splitlines():
        if "most recent call first" in line:
            lines = []
            found.insert(0 if line.startswith("Current") else len(found), lines)
        frame = re.match(r'\s+File "(.*)", line (\d+) in ', line)
        user = user_line(frame[1], int(frame[2])) if frame else None
        if user:
            lines.append(user)
    return next((tuple(lines) for lines in found if lines), ())
