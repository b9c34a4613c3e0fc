"""Pytest plugin: with ``--xrt-contract`` the tests of *your* program fail if its traffic breaks the contract.

It checks every request and answer between the program and the service that goes through `requests`: the real service, a
simulator in its place, or the server in ``XRT_BASE_URL``. A request outside the contract fails the test also if the
server refused it. Nothing is loaded without the option.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

SERVICE = "www.swift.ac.uk"


@dataclass
class Tally:
    """Counts of a session: calls, findings, requests that were refused; and the hosts that were called."""

    calls: int = 0
    findings: int = 0
    refused: int = 0
    met: set[str] = field(default_factory=set)

    def add(self, calls: int, findings: int, refused: int, met: set[str]) -> None:
        """Add other counts."""
        self.calls, self.findings, self.refused = self.calls + calls, self.findings + findings, self.refused + refused
        self.met |= met


_TALLY: pytest.StashKey[Tally] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("xrt-contract", "checking traffic with the XRT product generator")
    group.addoption("--xrt-contract", action="store_true", help="fail tests whose traffic breaks the contract")
    group.addoption(
        "--xrt-contract-host",
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="another host of the service; a host that no test calls is an error",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TALLY] = Tally()


def _given_hosts(config: pytest.Config) -> set[str]:
    """Return the hosts of the option, with their ports; an address counts as its host."""
    given = config.getoption("--xrt-contract-host")
    return {(urlsplit(host).netloc if "//" in host else host.rstrip("/")).lower() for host in given}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Check the traffic of one test, and fail the test for its findings."""
    if not item.config.getoption("--xrt-contract"):
        return (yield)
    from .consumer import Recorder  # noqa: PLC0415 - only needed with the option

    server = urlsplit(os.environ.get("XRT_BASE_URL", "")).netloc.lower()
    hosts = frozenset({SERVICE, *_given_hosts(item.config), *([server] if server else [])})
    with Recorder(hosts=hosts) as recorder:
        result = yield
    outside = [*recorder.findings, *recorder.refused]
    tally = item.config.stash[_TALLY]
    tally.add(len(recorder.exchanges), len(recorder.findings), len(recorder.refused), recorder.met)
    if outside:
        shown = "\n".join(f"- {finding}" for finding in outside[:10])
        pytest.fail(f"traffic outside the contract:\n{shown}", pytrace=False)
    return result


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the session if a given host was never called; hand the counts of a worker of pytest-xdist on."""
    config = session.config
    tally = config.stash[_TALLY]
    if hasattr(config, "workeroutput"):
        config.workeroutput["xrt_contract"] = [tally.calls, tally.findings, tally.refused, sorted(tally.met)]
    elif config.getoption("--xrt-contract") and _given_hosts(config) - tally.met and not session.exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add the counts of a worker."""
    *counts, met = getattr(node, "workeroutput", {}).get("xrt_contract", (0, 0, 0, ()))
    node.config.stash[_TALLY].add(*counts, set(met))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("--xrt-contract"):
        tally = config.stash[_TALLY]
        words = f"{tally.calls} calls checked against the XRT contract, {tally.findings} findings"
        terminalreporter.write_line(f"{words}, {tally.refused} requests outside it that were refused")
        for host in sorted(_given_hosts(config) - tally.met):
            terminalreporter.write_line(
                f"ERROR: no call was made to {host}; check the value of --xrt-contract-host", red=True
            )
