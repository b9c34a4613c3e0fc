"""pytest plugin: a test that passes without one executed assertion is an error, for it cannot fail.

Counted are, during the call of a test: passed `assert` statements of the modules that pytest rewrites (all of
``tests``), and what was expected with `pytest.raises`, `pytest.warns` or the browser's `expect`. Where it is all that
code has to run without an exception, :class:`no_exception` says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _pytest.assertion import util
from _pytest.recwarn import WarningsChecker

if TYPE_CHECKING:
    from collections.abc import Generator

SILENT = "the test passed without an assertion (assert, pytest.raises, pytest.warns): it cannot fail"


class Counter:
    """Counts assertions.

    Code that pytest has rewritten asks, after each assertion that passed, whether anybody listens. The counter is what
    is asked, and always says no: composing the text for a listener would take longer than most tests.
    """

    def __init__(self) -> None:
        self.seen = 0

    def __bool__(self) -> bool:
        self.seen += 1
        return False


passed = Counter()


def count() -> None:
    """Count an assertion of another kind."""
    passed.seen += 1


class no_exception:  # noqa: N801 - it reads like pytest.raises
    """Context manager: an assertion that the code inside raises nothing."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if kind is None:
            count()


def _counted(kind: type, name: str) -> None:
    """Count the times that a context manager saw what it expects."""
    original = getattr(kind, name)

    def leave(self: object, *error: object) -> object:
        result = original(self, *error)  # fails the test if it did not
        count()
        return result

    setattr(kind, name, leave)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Run one test and count."""
    listener, util._assertion_pass = util._assertion_pass, passed  # type: ignore[assignment]
    before = passed.seen
    try:
        result = yield
    finally:
        util._assertion_pass = listener
    if passed.seen == before:
        pytest.fail(SILENT, pytrace=False)
    return result


for _kind in (pytest.RaisesExc, pytest.RaisesGroup, WarningsChecker):
    _counted(_kind, "__exit__")
for _cached in Path(__file__).parents[1].rglob("__pycache__/*-pytest-*.pyc"):
    if b"AssertionError" in (_code := _cached.read_bytes()) and b"_check_if_assertion_pass_impl" not in _code:
        _cached.unlink(missing_ok=True)  # compiled for a run that did not count
