"""The line of the user's program that made a call: the innermost frame outside Python, its packages and ours."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from typing import TYPE_CHECKING

from ..core.journal import CALLED_FROM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_LIBRARY = tuple(
    {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), _OURS, _OURS.replace("mock_server", "xrt_client")}
)
_LONGEST = 160
_PASSED = {"requests.api", "requests.sessions", "requests.adapters", f"{__package__}.requests_pool"}
"""Modules that nearly every call passes through; no line of them is the user's."""
_PACKAGES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


@functools.cache
def _short_name(filename: str) -> str | None:
    """Return the file's name relative to the current folder, or None if it is part of a library."""
    if filename.startswith(("<frozen", *_LIBRARY)) or any(mark in filename for mark in _PACKAGES):
        return None
    if "ipykernel" in filename:  # that a notebook's kernel made of a cell: ``cell In[3]``
        interactive = sys.modules.get("IPython")
        shell = interactive.get_ipython() if interactive else None
        named = shell.compile.format_code_name(filename) if shell else None
        if named:
            return " ".join(named).lower().replace("in[", "In[")
    here = os.getcwd() + os.sep
    return filename[len(here) :] if filename.startswith(here) else os.path.basename(filename)


def calling_line() -> str | None:
    """Return the user's line that led here, such as ``pipeline.py:12``; None if no frame is the user's.

    If it is in a function that another line of the user called, that line follows:
    ``tools.py:12, called from pipeline.py:40``.
    """
    frame: FrameType | None = sys._getframe(1)
    line, named = None, None
    while frame is not None:
        # reading the code of a frame is an audit event, which takes time under a run: it listens to them
        if frame.f_globals.get("__name__") in _PASSED:
            frame = frame.f_back
            continue
        code = frame.f_code
        # most frames are of libraries: the number of their lines is not looked up, which takes time
        if code is not named and (name := _short_name(code.co_filename)) is not None:
            found = f"{name}:{frame.f_lineno}"
            if line is not None:
                return f"{line}{CALLED_FROM}{found}"
            line, named = found, code
            if code.co_name == "<module>":
                break
        frame = frame.f_back
    return line


def user_lines(frame: FrameType | None) -> Iterator[str]:
    """Yield the user's lines from a frame outwards, such as ``pipeline.py:12``."""
    while frame is not None:
        name = _short_name(frame.f_code.co_filename)
        if name is not None:
            yield f"{name}:{frame.f_lineno}"
        frame = frame.f_back


def user_line(filename: str, number: int) -> str | None:
    """Return a line as ``pipeline.py:12``; None if it is part of a library."""
    name = _short_name(filename)
    return None if name is None else f"{name}:{number}"


def lines_of(error: BaseException) -> tuple[str, ...]:
    """Return the user's lines at which an exception was raised, the innermost first."""
    lines, trace = [], error.__traceback__
    while trace is not None:
        lines.append(user_line(trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    return tuple(line for line in reversed(lines) if line)


def short_words(error: BaseException) -> str:
    """Return type and text of an exception, at most a line."""
    line = (f"{type(error).__name__}: {error}".splitlines() or [""])[0]
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
