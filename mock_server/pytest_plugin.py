"""pytest plugin: a simulator for each test, in process (`xrt_mock`) or on a socket (`xrt_mock_server`).

Light to import: Flask and the rest are loaded when a test uses a fixture.
"""

# ruff: noqa: PLC0415 - see above

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from .scenario.scenario import Scenario
    from .serve.server import MockServer
    from .simulator import Simulator

_FIXTURES = ("xrt_mock", "xrt_mock_server")
_PROPERTY = "xrt_mock"
_LAST_CALLS = 10


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ini options."""
    parser.addini("xrt_mock_scenario", "scenario of the simulator: a name or a TOML file", default="calm")
    parser.addini("xrt_mock_clock", "service time: virtual, system, or a factor such as x60", default="virtual")
    parser.addini("xrt_mock_fail_on", "what fails a test, such as active>5, poll<10s, lost>0", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        "xrt_mock(scenario, clock, seed, settings, users, fail_on): how the simulator of the fixtures xrt_mock and "
        "xrt_mock_server behaves; what is not given comes from the ini options",
    )


@pytest.fixture
def xrt_mock(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """Return a simulator that answers what `requests` sends to the service; the test lives in its time."""
    from .run.patches.time import VirtualTime
    from .simulator import Simulator
    from .transport.intercept import intercept

    with Simulator(**_options(request.node)) as simulator:
        simulator.app.config["PROPAGATE_EXCEPTIONS"] = True  # a bug of ours is shown where it was met
        with intercept(simulator.app, simulator.clock), VirtualTime(simulator.clock):
            yield simulator


@pytest.fixture
def xrt_mock_server(request: pytest.FixtureRequest) -> Iterator[MockServer]:
    """Return a simulator on a free port of this machine (`url`); the test lives in its time."""
    from .run.patches.time import VirtualTime
    from .serve.server import MockServer

    with MockServer(**_options(request.node)) as server, VirtualTime(server.simulator.clock):
        yield server


def _marks(item: pytest.Item) -> dict[str, Any]:
    """Return the marker's arguments, those nearest to the test first."""
    given: dict[str, Any] = {}
    for marker in item.iter_markers("xrt_mock"):
        if marker.args:
            raise pytest.UsageError(
                f"{item.nodeid}: write xrt_mock's arguments by name, as in xrt_mock(scenario='calm')"
            )
        given = {**marker.kwargs, **given}
    return given


def _options(item: pytest.Item) -> dict[str, Any]:
    """Return the arguments for a simulator."""
    from .clocks.virtual import parse_clock

    given = _marks(item)
    given.pop("fail_on", None)
    scenario = given.get("scenario", item.config.getini("xrt_mock_scenario"))
    given["scenario"] = _loaded(scenario) if isinstance(scenario, str) else scenario
    clock = given.get("clock", item.config.getini("xrt_mock_clock"))
    given["clock"] = parse_clock(clock, given["scenario"].start) if isinstance(clock, str) else clock
    return given


@functools.cache
def _loaded(name: str) -> Scenario:
    """Read a scenario once for all tests."""
    from .scenario.files import load_scenario

    return load_scenario(name)


def _simulator(item: pytest.Item) -> Simulator | None:
    """Return the simulator that a test uses, if it does."""
    used = getattr(item, "funcargs", {})
    for name in _FIXTURES:
        if name in used:
            found: Simulator = getattr(used[name], "simulator", used[name])
            return found
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test that went well, if a failure it planned never fired or a gate is passed."""
    result = yield
    simulator = _simulator(item)
    if simulator is not None:
        problems = [*_never_fired(simulator), *_gates_passed(item, simulator)]
        if problems:
            pytest.fail("\n".join(problems), pytrace=False)
    return result


def _never_fired(simulator: Simulator) -> list[str]:
    known = list(simulator.scenario.faults)  # a scenario plans for all tests, a test for itself
    own = [fault for fault in simulator.controls.never_fired() if fault not in known]
    return [f"this planned fault never fired: {fault.as_mapping()}" for fault in own]


def _gates_passed(item: pytest.Item, simulator: Simulator) -> list[str]:
    from .reports.limits import broken_limits, parse_limits

    wanted = _marks(item).get("fail_on", item.config.getini("xrt_mock_fail_on"))
    return broken_limits(parse_limits(wanted), simulator.report()) if wanted else []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the journal's last calls to a failed test's report, and figures for the summary to every one's."""
    report = yield
    if report.when != "call":
        return report
    simulator = _simulator(item)
    if simulator is not None:
        # user properties travel from the workers of pytest-xdist
        report.user_properties.append((_PROPERTY, json.dumps(simulator.report())))
        if report.failed:
            calls = simulator.controls.last_calls(_LAST_CALLS)
            report.sections.append(("xrt-mock: last calls", "\n".join(calls) or "none"))
            report.sections.append(("xrt-mock: to repeat", _how_to_repeat(item, simulator)))
    return report


def _how_to_repeat(item: pytest.Item, simulator: Simulator) -> str:
    given = _marks(item) | {"scenario": simulator.scenario.name, "seed": simulator.scenario.seed}
    return f"@pytest.mark.xrt_mock({', '.join(f'{name}={value!r}' for name, value in given.items())})"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how considerate the tests were, all together."""
    found = [
        (report.nodeid, json.loads(str(value)))
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == _PROPERTY and report.when == "call"
    ]
    if found:
        terminalreporter.write_sep("-", "xrt-mock")
        for line in summary(found):
            terminalreporter.write_line(line)


def summary(found: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """Return the courtesy of several tests in a few lines.

    Parameters
    ----------
    found
        Name and courtesy report of each test.
    """
    from .reports.courtesy import duration_text

    calls = sum(sum(report["calls"].values()) for _, report in found)
    jobs = sum(report["jobs"]["submitted"] for _, report in found)
    refused = sum(report["jobs"]["submissions_refused"] for _, report in found)
    simulated = sum(report["simulated_s"] for _, report in found)
    lines = [
        f"{len(found)} tests with {calls} calls, {jobs} jobs submitted, {refused} refused; "
        f"simulated time {duration_text(simulated)}"
    ]
    name, busiest = max(found, key=lambda test: test[1]["active_jobs"]["peak"])
    if busiest["active_jobs"]["peak"]:
        lines.append(f"peak active jobs {busiest['active_jobs']['peak']}{_at(busiest['active_jobs'])}, in {name}")
    polled = [test for test in found if test[1]["polling"]["shortest_s"] is not None]
    if polled:
        name, keenest = min(polled, key=lambda test: test[1]["polling"]["shortest_s"])
        lines.append(f"shortest polling {keenest['polling']['shortest_s']:g} s{_at(keenest['polling'])}, in {name}")
    return lines


def _at(part: dict[str, Any]) -> str:
    return f" at {part['where']}" if part["where"] else ""
