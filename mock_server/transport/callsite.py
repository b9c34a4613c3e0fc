"""The line of the user's program that made a call: the innermost frame outside Python, its packages and ours."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig

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
    frame = sys._getframe(depth)
    while frame is not None:
        name = _short_name(frame.f_code.co_filename)
        if name is not None:
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]  # None above the outermost
    return None
