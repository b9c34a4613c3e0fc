"""pytest plugin: a simulator for each test, in process (`xrt_mock`) or on a socket (`xrt_mock_server`).

Flask and the rest are loaded when a test uses a fixture.
"""

# ruff: noqa: PLC0415 - a session that does not use the fixtures must not pay for them

from __future__ import annotations

import contextlib
import importlib.util
import json
from inspect import signature
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from .serve.server import MockServer
    from .simulator import Simulator

_FIXTURES = tuple(f"xrt_mock{kind}{scope}" for kind in ("", "_server") for scope in ("", "_module", "_session"))
_PROPERTY = "xrt_mock"
_LAST_CALLS = 10


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ini options."""
    parser.addini("xrt_mock_scenario", "scenario of the simulator: a name or a TOML file", default="calm")
    parser.addini("xrt_mock_clock", "simulated time: virtual, system, or a factor such as x60", default="virtual")
    parser.addini("xrt_mock_fail_on", "limits that fail a test, such as active>5,poll<10s,lost>0", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    config.addinivalue_line(
        "markers",
        "xrt_mock(scenario, clock, seed, sources, settings, users, fail_on): options of the simulator behind the "
        "fixtures xrt_mock and xrt_mock_server; the ini options are the defaults",
    )
    config.addinivalue_line(
        "markers",
        "xrt_mock_hunt(worlds, seed, at_most, poll_s, strict, off, oracles): call the test in many worlds, and fail "
        "with the smallest in which it breaks; the test uses the fixture xrt_mock",
    )


@pytest.fixture
def xrt_mock(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """Return a simulator that answers what `requests` sends to the service; the test runs in simulated time."""
    _require_server()
    from .simulator import Simulator

    with Simulator(**_options(request.node)) as simulator, _in_its_time(simulator):
        yield simulator


@contextlib.contextmanager
def _in_its_time(simulator: Simulator) -> Iterator[None]:
    """Context manager: this process is answered by a simulator, and lives in its time."""
    from .run.patches.time import SimulatedTime
    from .transport.intercept import intercept

    simulator.calls()  # kept from now on
    simulator.app.on_bug = _raise  # so that the test shows a bug of the simulator where it was met
    with intercept(simulator.app, simulator.clock), SimulatedTime(simulator.clock):
        yield


def _require_server() -> None:
    """Fail with a sentence where the extra is missing."""
    for package in ("flask", "requests", "time_machine"):
        if importlib.util.find_spec(package) is None:
            pytest.fail(f'{package} is not installed; install it with: pip install "xrt-mock[server]"', pytrace=False)


def _kept(scope: str) -> tuple[Any, Any]:
    """Return the fixtures of one scope: simulator and server, made once and reset for each test."""

    @pytest.fixture(scope=scope, name=f"_xrt_mock_{scope}")  # type: ignore[call-overload,untyped-decorator]
    def simulator(request: pytest.FixtureRequest) -> Iterator[Simulator]:
        _require_server()
        from .simulator import Simulator

        with Simulator(**_options(request.node)) as made:
            yield made

    @pytest.fixture(scope=scope, name=f"_xrt_mock_server_{scope}")  # type: ignore[call-overload,untyped-decorator]
    def server(request: pytest.FixtureRequest) -> Iterator[MockServer]:
        _require_server()
        from .serve.server import MockServer

        with MockServer(**_options(request.node)) as made:
            yield made

    return simulator, server


_module_simulator, _module_server = _kept("module")
_session_simulator, _session_server = _kept("session")


def _reset_for_each_test(kept: str) -> Any:
    """Return the fixture that gives a test the simulator of a wider fixture, reset."""

    @pytest.fixture(name=kept.removeprefix("_"))
    def simulator(request: pytest.FixtureRequest) -> Iterator[Simulator]:
        """Return a simulator that several tests share, reset; the test runs in simulated time."""
        made = request.getfixturevalue(kept)
        made.controls.reset()
        made.forget_calls()
        with _in_its_time(made):
            yield made

    return simulator


def _server_reset_for_each_test(kept: str) -> Any:
    """Return the fixture that gives a test the server of a wider fixture, reset."""

    @pytest.fixture(name=kept.removeprefix("_"))
    def server(request: pytest.FixtureRequest) -> Iterator[MockServer]:
        """Return a server that several tests share, reset; the test runs in simulated time."""
        from .run.patches.time import SimulatedTime

        made = request.getfixturevalue(kept)
        made.controls.reset()
        made.forget_calls()
        with SimulatedTime(made.clock):
            yield made

    return server


xrt_mock_module = _reset_for_each_test("_xrt_mock_module")
xrt_mock_session = _reset_for_each_test("_xrt_mock_session")
xrt_mock_server_module = _server_reset_for_each_test("_xrt_mock_server_module")
xrt_mock_server_session = _server_reset_for_each_test("_xrt_mock_server_session")


def _raise(bug: Exception) -> NoReturn:
    raise bug


@pytest.fixture
def xrt_mock_server(request: pytest.FixtureRequest) -> Iterator[MockServer]:
    """Return a simulator on a free port of this machine (`url`); the test runs in simulated time."""
    _require_server()
    from .run.patches.time import SimulatedTime
    from .serve.server import MockServer

    with MockServer(**_options(request.node)) as server, SimulatedTime(server.clock):
        server.calls()  # kept from now on
        yield server


def _marks(item: pytest.Item) -> dict[str, Any]:
    """Return the arguments of all markers; those nearest to the test win."""
    given: dict[str, Any] = {}
    for marker in item.iter_markers("xrt_mock"):
        if marker.args:
            raise pytest.UsageError(
                f"{item.nodeid}: write xrt_mock's arguments by name, as in xrt_mock(scenario='calm')"
            )
        given = {**marker.kwargs, **given}
    return given


def _options(item: pytest.Item) -> dict[str, Any]:
    """Return the arguments of the simulator for a test."""
    from .clocks.virtual import parse_clock
    from .core.validation import did_you_mean
    from .scenario.files import load_scenario
    from .simulator import Simulator

    given = _marks(item)
    known = ("fail_on", *signature(Simulator).parameters)
    for name in set(given) - set(known):
        words = did_you_mean(name, known) or f"; known: {', '.join(known)}"
        raise pytest.UsageError(f"{item.nodeid}: the marker xrt_mock has no argument {name!r}{words}")
    given.pop("fail_on", None)
    scenario = given.get("scenario", item.config.getini("xrt_mock_scenario"))
    given["scenario"] = load_scenario(scenario) if isinstance(scenario, str) else scenario
    clock = given.get("clock", item.config.getini("xrt_mock_clock"))
    given["clock"] = parse_clock(clock, given["scenario"].start) if isinstance(clock, str) else clock
    return given


def _simulator(item: pytest.Item) -> Simulator | None:
    """Return the simulator that a test uses; None if it uses none."""
    used = getattr(item, "funcargs", {})
    for name in _FIXTURES:
        if name in used:
            found: Simulator = getattr(used[name], "simulator", used[name])
            return found
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test that passed if a fault it planned was never triggered, or if a limit was passed."""
    result = yield
    simulator = _simulator(item)
    if simulator is not None:
        from .reports.limits import broken_limits, parse_limits

        of_the_scenario = list(simulator.scenario.faults)  # planned for all tests, so not every test triggers them
        own = [fault for fault in simulator.controls.never_fired() if fault not in of_the_scenario]
        problems = [f"planned fault was never triggered: {_arguments(fault.as_mapping())}" for fault in own]
        wanted = _marks(item).get("fail_on", item.config.getini("xrt_mock_fail_on"))
        problems += broken_limits(parse_limits(wanted), simulator.report()) if wanted else []
        if problems:
            pytest.fail("\n".join(problems), pytrace=False)
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Call a test that is marked with `xrt_mock_hunt` in many worlds instead of once."""
    marker = pyfuncitem.get_closest_marker("xrt_mock_hunt")
    if marker is None:
        return None
    from .hunt.marker import hunt_test

    if "xrt_mock" not in pyfuncitem.funcargs:
        raise pytest.UsageError(f"{pyfuncitem.nodeid}: a test that is hunted uses the fixture xrt_mock")
    options = _options(pyfuncitem)
    del options["clock"]  # each world has a virtual clock of its own
    arguments: dict[str, Any] = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    folder = pyfuncitem.config.rootpath / ".xrt_mock_hunt"
    folder.mkdir(exist_ok=True)
    with arguments["xrt_mock"].clock.away():  # its own time stands still meanwhile, and need not be watched
        report = hunt_test(pyfuncitem.obj, arguments, options, marker.kwargs, folder, pyfuncitem.name)
    if report is None:
        return None  # it is called once more as it stands, in the calm world
    pyfuncitem.add_report_section("call", "xrt-mock: smallest worlds", report.text)
    pytest.fail(report.summary, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the last calls to the report of a failed test, and figures for the summary to every report."""
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
            given = _marks(item) | {"scenario": simulator.scenario.name, "seed": simulator.scenario.seed}
            report.sections.append(("xrt-mock: to repeat", f"@pytest.mark.xrt_mock({_arguments(given)})"))
    return report


def _arguments(values: Mapping[str, Any]) -> str:
    """Return values as the arguments of a call: ``kind='reset', operation='canceljob'``."""
    return ", ".join(f"{name}={value!r}" for name, value in values.items())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the courtesy report of all tests together."""
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
    """Return a summary of the courtesy reports of several tests, a few lines.

    Parameters
    ----------
    found
        Name and courtesy report of each test.
    """
    from .core.words import duration_text

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
