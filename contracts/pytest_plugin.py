"""Pytest plugin: with ``--xrt-contract`` the tests of *your* program fail if its traffic breaks the contract.

It checks every request and answer between the program and the service that goes through `requests`: the real service, a
simulator in its place, or the server in ``XRT_BASE_URL``. Nothing is loaded without the option.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

SERVICE = "www.swift.ac.uk"
_COUNTS: pytest.StashKey[list[int]] = pytest.StashKey()
"""Calls, findings, and requests that were refused."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("xrt-contract", "checking traffic with the XRT product generator")
    group.addoption("--xrt-contract", action="store_true", help="fail tests whose traffic breaks the contract")
    group.addoption(
        "--xrt-contract-host", action="append", default=[], metavar="HOST", help="another host name of the service"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_COUNTS] = [0, 0, 0]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Check the traffic of one test, and fail the test for its findings."""
    if not item.config.getoption("--xrt-contract"):
        return (yield)
    from .consumer import Recorder  # noqa: PLC0415 - only needed with the option

    server = urlsplit(os.environ.get("XRT_BASE_URL", "")).hostname
    hosts = frozenset({SERVICE, *item.config.getoption("--xrt-contract-host"), *([server] if server else [])})
    with Recorder(hosts=hosts) as recorder:
        result = yield
    counts = item.config.stash[_COUNTS]
    counts[0] += len(recorder.exchanges)
    counts[1] += len(recorder.findings)
    counts[2] += len(recorder.refused)
    if recorder.findings:
        shown = "\n".join(f"- {finding}" for finding in recorder.findings[:10])
        pytest.fail(f"traffic outside the contract:\n{shown}", pytrace=False)
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("--xrt-contract"):
        calls, findings, refused = config.stash[_COUNTS]
        words = f"{calls} calls checked against the XRT contract, {findings} findings"
        terminalreporter.write_line(f"{words}, {refused} requests outside it that were refused")
