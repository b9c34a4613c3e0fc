"""A page of memory that all programs of a run share: simulated time, and the latest time that a clock has shown.

A program that the watchdog has taken for waiting learns here at once that time went on without it.
"""

from __future__ import annotations

import mmap
import os
import tempfile

_SIZE = 16


class Page:
    """Two numbers in a file.

    Parameters
    ----------
    path
        The file; None makes a new one, which :meth:`close` removes.

    Attributes
    ----------
    now
        Simulated time [s].
    shown
        Latest time that a program has read from a clock [ns since 1970-01-01 UTC].
    """

    def __init__(self, path: str | None = None) -> None:
        if path is None:
            descriptor, self.path = tempfile.mkstemp(prefix="xrt-mock-time-")
            os.truncate(descriptor, _SIZE)
        else:
            descriptor, self.path = os.open(path, os.O_RDWR), path
        memory = memoryview(mmap.mmap(descriptor, _SIZE))
        os.close(descriptor)
        self._now, self._shown = memory[:8].cast("d"), memory[8:].cast("q")

    @property
    def now(self) -> float:
        return self._now[0]

    @now.setter
    def now(self, now: float) -> None:
        self._now[0] = now

    @property
    def shown(self) -> int:
        return self._shown[0]

    @shown.setter
    def shown(self, shown: int) -> None:
        self._shown[0] = shown

    def close(self) -> None:
        """Remove the file; programs that have it open keep their memory."""
        os.unlink(self.path)
