"""Waiting for the run's answer without missing a signal.

Python runs a signal's handler between two of its instructions. One that arrives after the last of them and before the
kernel begins to wait (or is delivered to another thread) does not end the wait: Ctrl-C would be seen with the answer
only, and in a run that may be never. The wait therefore ends when a signal is noted, too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from functools import lru_cache
from select import POLLIN, poll  # as they are now: a program in the run may replace them
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


def patient(connection: Connection) -> None:
    """Return when `connection` has something to read; handlers of signals run meanwhile, and may raise.

    Only the main thread runs handlers; the others return at once and wait where they read.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    noted, note = _pipe(os.getpid())
    earlier = signal.set_wakeup_fd(note, warn_on_full_buffer=False)
    try:
        while not _either(connection.fileno(), noted):
            _pass_on(noted, earlier)
    finally:
        signal.set_wakeup_fd(earlier)
        _pass_on(noted, earlier)


@lru_cache(maxsize=1)
def _pipe(_process: int) -> tuple[int, int]:
    """Return the ends of where this process's signals are noted: a forked child has its own."""
    ends = os.pipe()
    for end in ends:
        os.set_blocking(end, False)
    return ends


def _either(answer: int, noted: int) -> bool:
    """Wait; return whether there is an answer, else there was a signal."""
    both = poll()
    both.register(answer, POLLIN)
    both.register(noted, POLLIN)
    return any(ready == answer for ready, _event in both.poll())


def _pass_on(noted: int, earlier: int) -> None:
    """Forget the signals noted, but tell whoever listened before us, as an event loop does."""
    with contextlib.suppress(BlockingIOError):
        numbers = os.read(noted, 4096)
        if earlier != -1:
            os.write(earlier, numbers)
