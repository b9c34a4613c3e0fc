"""The line of the user's program that made a call: the innermost frame outside Python, its packages and ours."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_LIBRARY = tuple(
    {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), _OURS, _OURS.replace("mock_server", "xrt_client")}
)
_PACKAGES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


@functools.cache
def _short_name(filename: str) -> str | None:
    """Return the file's name relative to the current folder, or None if it is part of a library."""
    if filename.startswith(("<frozen", *_LIBRARY)) or any(mark in filename for mark in _PACKAGES):
        return None
    here = os.getcwd() + os.sep
    return filename[len(here) :] if filename.startswith(here) else os.path.basename(filename)


def calling_line(depth: int = 1) -> str | None:
    """Return the user's line that led here, such as ``pipeline.py:12``; None if no frame is the user's.

    Parameters
    ----------
    depth
        Number of frames above the caller's to begin with.
    """
    return next(user_lines(sys._getframe(depth)), None)


def user_lines(frame: FrameType | None) -> Iterator[str]:
    """Yield the user's lines from a frame outwards, such as ``pipeline.py:12``."""
    while frame is not None:
        line = user_line(frame.f_code.co_filename, frame.f_lineno)
        if line is not None:
            yield line
        frame = frame.f_back


def user_line(filename: str, number: int) -> str | None:
    """Return a line as ``pipeline.py:12``; None if it is part of a library."""
    name = _short_name(filename)
    return None if name is None else f"{name}:{number}"
