"""A page of memory that all programs of a run share: simulated time, and what a program needs to answer its own reads.

A program that the watchdog has taken for waiting learns here at once that time went on without it. What a program
notes here is not lost if it is killed.
"""

from __future__ import annotations

import _thread
import mmap
import os
import pickle
import struct
import tempfile
from typing import Any

_NUMBERS = 7 * 8
_ROOM = 1 << 17
_LENGTH = struct.Struct("=I")


class Page:
    """Seven numbers and a ring of notes in a file.

    Parameters
    ----------
    path
        The file; None makes a new one, which :meth:`close` removes.

    Attributes
    ----------
    now
        Simulated time [s].
    """

    def __init__(self, path: str | None = None) -> None:
        if path is None:
            descriptor, self.path = tempfile.mkstemp(prefix="xrt-mock-time-")
            os.truncate(descriptor, _NUMBERS + _ROOM)
        else:
            descriptor, self.path = os.open(path, os.O_RDWR), path
        memory = memoryview(mmap.mmap(descriptor, _NUMBERS + _ROOM))
        os.close(descriptor)
        self._now, self._numbers, self._ring = memory[:8].cast("d"), memory[8:_NUMBERS].cast("q"), memory[_NUMBERS:]
        self._taking = _thread.allocate_lock()  # the real one: a program's threading.Lock waits on the clock

    @property
    def now(self) -> float:
        return self._now[0]

    @now.setter
    def now(self, now: float) -> None:
        self._now[0] = now

    @property
    def shown(self) -> int:
        """Latest time that a program has read from a clock [ns since 1970-01-01 UTC]."""
        return self._numbers[0]

    @shown.setter
    def shown(self, shown: int) -> None:
        self._numbers[0] = shown

    @property
    def changes(self) -> tuple[int, int]:
        """How often the facts have changed, and how often that was a new job alone."""
        return self._numbers[1], self._numbers[5]

    @changes.setter
    def changes(self, changes: tuple[int, int]) -> None:
        self._numbers[1], self._numbers[5] = changes

    @property
    def alone(self) -> bool:
        """Whether one program shares the clock, so that its calls need no turn."""
        return bool(self._numbers[2])

    @alone.setter
    def alone(self, alone: bool) -> None:
        self._numbers[2] = alone

    def add(self, note: tuple[Any, ...]) -> bool:
        """Add plain data for :meth:`take`; one program at a time does. False: there is no room."""
        data, written = pickle.dumps(note, pickle.HIGHEST_PROTOCOL), self._numbers[3]
        data = _LENGTH.pack(len(data)) + data
        if len(data) > _ROOM - (written - self._numbers[4]):
            return False
        begin = written % _ROOM
        end = begin + len(data)
        if end <= _ROOM:
            self._ring[begin:end] = data
        else:
            self._ring[begin:], self._ring[: end - _ROOM] = data[: _ROOM - begin], data[_ROOM - begin :]
        self._numbers[3] = written + len(data)  # last: a program that is killed leaves whole notes
        return True

    def take(self) -> list[tuple[Any, ...]]:
        """Return what was added since the last time, in order."""
        if self._numbers[3] == self._numbers[4]:
            return []
        with self._taking:
            begin, written = self._numbers[4], self._numbers[3]
            first = bytes(self._ring[begin % _ROOM :][: written - begin])
            data = first + bytes(self._ring[: written - begin - len(first)])
            self._numbers[4] = written
        found, place = [], 0
        while place < len(data):
            begin, place = place + _LENGTH.size, place + _LENGTH.size + _LENGTH.unpack_from(data, place)[0]
            found.append(pickle.loads(data[begin:place]))  # noqa: S301 - of a program of this run
        return found

    def close(self) -> None:
        """Remove the file; programs that have it open keep their memory."""
        os.unlink(self.path)
