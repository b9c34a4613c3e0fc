"""A pytest plugin: with ``--xrt-contract`` the tests of *your* program fail where its traffic leaves the contract.

Every call that the program makes to the service with `requests` - the real one, a simulator in its place, or the
server that ``XRT_BASE_URL`` names - is checked, request and answer. Loaded only when asked for.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from .consumer import Recorder

SERVICE = "www.swift.ac.uk"
_KEY: pytest.StashKey[list[int]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("xrt-contract", "checking traffic with the XRT product generator")
    group.addoption("--xrt-contract", action="store_true", help="fail tests whose traffic leaves the contract")
    group.addoption(
        "--xrt-contract-host", action="append", default=[], metavar="HOST", help="a further host that is the service"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.stash[_KEY] = [0, 0, 0]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Watch one test, and fail it for what it sent or got outside the contract."""
    if not item.config.getoption("--xrt-contract"):
        return (yield)
    from .consumer import Recorder  # noqa: PLC0415 - loads schemathesis, which nobody needs without the option

    with Recorder(hosts=_hosts(item.config)) as recorder:
        result = yield
    _judge(item, recorder)
    return result


def _hosts(config: pytest.Config) -> frozenset[str]:
    named = urlsplit(os.environ.get("XRT_BASE_URL", "")).hostname
    return frozenset({SERVICE, *config.getoption("--xrt-contract-host"), *([named] if named else [])})


def _judge(item: pytest.Item, recorder: Recorder) -> None:
    counts = item.config.stash[_KEY]
    counts[0] += len(recorder.exchanges)
    counts[1] += len(recorder.findings)
    counts[2] += len(recorder.refused)
    if recorder.findings:
        shown = "\n".join(f"- {finding}" for finding in recorder.findings[:10])
        pytest.fail(f"traffic outside the contract:\n{shown}", pytrace=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell how much was checked."""
    if config.getoption("--xrt-contract"):
        calls, findings, refused = config.stash[_KEY]
        words = f"{calls} calls checked against the XRT contract, {findings} findings"
        terminalreporter.write_line(f"{words}, {refused} requests outside it that were refused")
