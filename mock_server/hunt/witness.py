"""Within a program: notes its writes and how it ends, and kills it in the middle of a write.

Notes are lines of JSON in a file that the run reads afterwards.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import sys
import threading
from concurrent.futures import thread
from typing import TYPE_CHECKING, Any, NoReturn

from ..transport.callsite import lines_of, short_words, user_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

SEPARATOR = " < "
"""Stands between the user's lines in the note of a call, the innermost first."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_ENDS_OF_WRITES = {"write", "writelines", "writestr", "close", "__exit__"}


class Witness:
    """Watches one process and the children that it forks.

    Parameters
    ----------
    notes
        File descriptor of the notes.
    folder
        Folder of the program: writes elsewhere do not count.
    kill_at_write
        Number of the write in whose middle all processes of the program are killed; 0: none is.
    """

    def __init__(self, notes: int, folder: str, kill_at_write: int = 0) -> None:
        self._notes, self._folder, self._kill_at = notes, folder + os.sep, kill_at_write
        self._count = mmap.mmap(-1, 8)  # shared with forked children
        self._busy = False

    def note(self, **facts: Any) -> None:
        """Add a line to the notes."""
        os.write(self._notes, (json.dumps(facts) + "\n").encode())

    def start(self) -> None:
        """Begin to watch."""
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._busy or event not in ("open", "os.rename"):
            return
        path = arguments[1] if event == "os.rename" else arguments[0]
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITING):
            return
        if not isinstance(path, str | bytes | os.PathLike):
            return
        full = os.path.abspath(os.fsdecode(path))
        if full.startswith(self._folder):
            self._busy = True
            try:
                number = int.from_bytes(self._count[:], "big") + 1
                self._count[:] = number.to_bytes(8, "big")
                self.note(write=full[len(self._folder) :], where=list(user_lines(sys._getframe(1))))
                if number == self._kill_at:
                    if event == "os.rename":
                        kill_group()
                    sys.setprofile(_killer(full))
            finally:
                self._busy = False

    def note_error(self, error: BaseException) -> None:
        """Note the exception that ends the program, and where it was raised."""
        self.note(error="" if isinstance(error, SystemExit) else short_words(error), where=lines_of(error))


_submitter = threading.local()


def all_lines() -> str:
    """Return all of the user's lines that led to a call, the innermost first."""
    return SEPARATOR.join(_all_lines(sys._getframe(1)))


def _all_lines(frame: FrameType | None) -> list[str]:
    """Return the user's lines from a frame outwards; in a thread of a pool, those that gave it its work follow."""
    return [*user_lines(frame), *getattr(_submitter, "lines", ())]


def follow_pools() -> None:
    """Let each thread of a pool know the lines that gave it its work, such as the coroutine that waits for it."""
    item: Any = thread._WorkItem  # private: the work is known nowhere else
    begin, run = item.__init__, item.run

    def begun(self: Any, *arguments: Any, **named: Any) -> None:
        begin(self, *arguments, **named)
        self.lines = _all_lines(sys._getframe(1))

    def followed(self: Any) -> None:
        _submitter.lines = self.lines
        run(self)

    item.__init__, item.run = begun, followed


def _killer(full: str) -> Callable[[FrameType, str, Any], None]:
    """Return a profile function that kills the program once a part of the file is on the disk."""

    def profile(_frame: FrameType, event: str, function: Any) -> None:
        name = getattr(function, "__name__", "")
        written = event == "c_return" and name in _ENDS_OF_WRITES
        if not written and not (event == "c_call" and name in ("close", "__exit__")):
            return
        file = getattr(function, "__self__", None)
        if file is None or not hasattr(file, "flush"):
            return
        path = getattr(file, "name", None)
        if not isinstance(path, str | bytes | os.PathLike) or os.path.abspath(os.fsdecode(path)) != full:
            return
        if not file.closed:
            file.flush()
        os.truncate(full, os.path.getsize(full) // 2)
        kill_group()

    return profile


def kill_group() -> NoReturn:
    """Kill this program with all its processes, as the power button would."""
    os.killpg(0, signal.SIGKILL)
    raise AssertionError("a killed process goes on")
