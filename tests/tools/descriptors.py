"""pytest plugin: code that closes a descriptor which it does not own fails the test in which it does so.

A number that is closed twice may belong to somebody else by the second time: to the file that captures the output, or
to another test's socket. Before each test, pipes that no test knows of (canaries) take the lowest free numbers, which
are those that were closed last, and keep them for some tests. A second close hits a canary instead of a file in use.
"""

from __future__ import annotations

import errno
import os
import traceback
from collections import deque
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

PIPES = 4
"""Pipes that are opened before each test."""
TESTS = 12
"""For how many tests they are kept."""
_close = os.close


def identity(number: int) -> tuple[int, int] | None:
    """Return device and inode of an open descriptor; None if it is closed."""
    try:
        found = os.fstat(number)
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Canaries:
    """Open pipes that no other code closes."""

    def __init__(self, pipes: int = PIPES) -> None:
        self._known = {number: identity(number) for _ in range(pipes) for number in os.pipe()}

    def missing(self) -> list[str]:
        """Return a sentence for each one that has been closed, once."""
        gone = {number: now for number, before in self._known.items() if (now := identity(number)) != before}
        for number in gone:
            del self._known[number]
        return [
            f"descriptor {number} was closed by code that does not own it{'' if now is None else ', and used anew'}"
            for number, now in gone.items()
        ]

    def close(self) -> None:
        for number in self._known:
            _close(number)
        self._known.clear()


_canaries: deque[Canaries] = deque()
_stale: list[str] = []


def close(fd: int) -> None:
    """Do what `os.close` does, and note who closes a number that is closed already."""
    try:
        _close(fd)
    except OSError as error:
        if error.errno == errno.EBADF:
            _stale.append(f"os.close({fd}) of a closed descriptor:\n{''.join(traceback.format_stack(limit=8)[:-1])}")
        raise


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Open canaries before the fixtures of the test open anything."""
    os.close = close
    _canaries.append(Canaries())
    if len(_canaries) > TESTS:
        _canaries.popleft().close()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Look at all canaries when the fixtures of the test have closed what they opened."""
    try:
        return (yield)
    finally:
        os.close = _close
        wrong = [*_stale, *(sentence for canaries in _canaries for sentence in canaries.missing())]
        _stale.clear()
        if wrong:
            pytest.fail("\n".join(wrong), pytrace=False)


def pytest_sessionfinish() -> None:
    """Close all canaries."""
    while _canaries:
        _canaries.pop().close()
