"""``xrt-mock run``: an unmodified program against a simulator of its own, in virtual time."""

from __future__ import annotations

import contextlib
import gc
import sys
import time
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from .options import (
    contract_watcher,
    read_sky,
    require_package,
    require_writable,
    scenario_option,
    seed_option,
    with_sky_options,
    write_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from wsgiref.types import WSGIApplication

    from contracts.watching import RequestWatcher

    from ..core.journal import Journal
    from ..core.model import Job
    from ..reports.files import Material
    from ..reports.limits import Gate, Limit
    from ..scenario.scenario import Scenario
    from ..simulator import Simulator
    from ..web.app import SimulatorApp

    Reported = tuple[dict[str, Any], Sequence[Job], Journal]


@click.command(context_settings={"ignore_unknown_options": True})
@scenario_option
@seed_option
@with_sky_options
@click.option(
    "--copies",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Number of copies of the program, each a separate user.",
)
@click.option(
    "--report",
    "reports",
    type=(click.Choice(["text", "json", "html", "junit", "markdown"]), click.Path(path_type=Path, allow_dash=True)),
    multiple=True,
    metavar="FORMAT FILE",
    help="Write the courtesy report as text, json, html (with pictures), junit or markdown; - is standard output.",
)
@click.option(
    "--fail-on",
    default="",
    metavar="LIMITS",
    help="Fail past limits such as 'active>5,poll<10s' on active, poll, refused, lost, undownloaded, violations, "
    "duplicates.",
)
@click.option("--contract", "watched", is_flag=True, help="Report requests that break the contract, too.")
@click.option("--verbose", is_flag=True, help="Print what is real and what is drawn, for every job.")
@click.option("--allow-net", is_flag=True, help="Let the program reach other hosts than the service.")
@click.option("--isolate", is_flag=True, help="Give the program a network of its own with the simulator alone (Linux).")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(
    scenario: str,
    seed: int | None,
    copies: int,
    reports: tuple[tuple[str, Path], ...],
    fail_on: str,
    watched: bool,
    verbose: bool,
    allow_net: bool,
    isolate: bool,
    command: tuple[str, ...],
    **about_the_sky: Any,
) -> NoReturn:
    """Run an unmodified program in virtual time.

    A simulator of its own answers the program's calls to the service.
    Exit code: the program's; 1 if that is 0 and a limit of --fail-on was passed.

    \b
    Examples:
      xrt-mock run --report html report.html -- python my_pipeline.py
      xrt-mock run --fail-on 'active>5' --report json - -- python my_pipeline.py
    """
    if isolate and allow_net:
        raise click.UsageError("--isolate leaves no way to other hosts, and --allow-net opens one: use one of them")
    limits: Sequence[Limit] = ()
    if fail_on:
        from ..reports.limits import parse_limits

        limits = parse_limits(fail_on)
    for form, file in reports:  # fails early if one could not be written when the program has ended
        if str(file) == "--":
            raise click.UsageError(f"--report {form} needs a file before --; - is standard output")
        if str(file) != "-":
            require_writable(file)
        if form == "html":
            require_package("matplotlib")
    watched = watched or any(limit.quantity == "violations" for limit in limits)
    make_watcher = contract_watcher() if watched else None
    began = time.perf_counter()
    code, material = _simulate(
        partial(_read_scenario, scenario, seed),
        read_sky(**about_the_sky),
        command,
        limits,
        make_watcher,
        copies=copies,
        network=(allow_net, isolate),
        verbose=verbose,
    )
    _write_reports(reports, material)
    if isinstance(code, Exception):
        raise code
    click.echo(f"real time {time.perf_counter() - began:.1f} s", err=True)
    gc.freeze()  # all is closed; Python would search everything that was loaded for cycles before it ends
    sys.exit(code or int(any(gate.broken for gate in material.gates)))


def _read_scenario(which: str, seed: int | None) -> Scenario:
    from ..scenario.files import load_scenario

    found = load_scenario(which)
    return found if seed is None else replace(found, seed=seed)


def _simulate(
    read_scenario: Callable[[], Scenario],
    options: Mapping[str, Any],
    command: Sequence[str],
    limits: Sequence[Limit],
    make_watcher: Callable[[SimulatorApp], RequestWatcher] | None,
    *,
    copies: int,
    network: tuple[bool, bool],
    verbose: bool,
) -> tuple[int | Exception, Material]:
    """Run the program; return its exit code, or the bug that kept it from ending, and what its reports are made of."""
    from ..clocks.virtual import VirtualClock
    from ..run.children import is_python
    from ..run.start import PendingSimulator, running

    watcher: RequestWatcher | None = None
    simulator: Simulator | None = None
    reporter = _Reporter()
    with contextlib.ExitStack() as kept:

        def load() -> WSGIApplication:
            nonlocal simulator, watcher
            from ..service.replica import Primary
            from ..simulator import Simulator
            from ..web.replica import Replica

            simulator = kept.enter_context(Simulator(played, asked.clock, **options))
            watcher = make_watcher(simulator.app) if make_watcher else None
            if watcher is None:  # which has to see all calls
                asked.primary = Primary(simulator.jobs, Replica)
            gc.freeze()  # it all stays until the end: Python does not search it for cycles meanwhile
            return watcher or simulator.app

        def prepare() -> None:
            reporter.prepare(simulator, played)

        asked = PendingSimulator(VirtualClock(0.0), load, begun=False, prepare=prepare)
        if not is_python(command, {}):  # it would begin before a mistake in the scenario is found
            read_scenario()
        with running(asked, command, copies=copies, allow_net=network[0], isolate=network[1]) as programs:
            from ..reports.files import Material

            played = read_scenario()  # while Python starts, which takes about as long
            if make_watcher or options:
                asked.load()
            asked.begin(played.start)
            import_module("mock_server.reports.courtesy")  # needed when it has ended; there is time now
            import_module("mock_server.reports.text")
            code: int | Exception
            try:
                code = programs.wait()
            except Exception as bug:
                code = bug
        report, jobs, journal = reporter.report(simulator, played, asked.clock.now())
        report["programs"] = programs.endings()
        gates: list[Gate] = []
        try:
            if watcher is not None:
                report["contract_violations"] = watcher.report()
            gates = [limit.judge(report) for limit in limits]
        except Exception as bug:
            code = bug
        if verbose and simulator is not None:
            for job in jobs:
                found = simulator.jobs.origins(job)
                for line in (*found.lines(), *found.observation_lines()):
                    click.echo(f"job {job.job_id}: {line}", err=True)
        return code, Material(report, gates, jobs, journal)


class _Reporter:
    """Makes the courtesy report of a run while the program ends, and again if anything has happened since."""

    def __init__(self) -> None:
        self._prepared: tuple[object, Reported] | None = None

    def prepare(self, simulator: Simulator | None, played: Scenario) -> None:
        if simulator is not None:
            gc.freeze()
            mark = simulator.controls.mark()
            self._prepared = mark, simulator.controls.report_on(played.start)

    def report(self, simulator: Simulator | None, played: Scenario, now: float) -> Reported:
        """Return what :func:`report_of` returns at the end."""
        if simulator is not None and self._prepared is not None and self._prepared[0] == simulator.controls.mark():
            return self._prepared[1]
        return report_of(simulator, played, now)


def report_of(simulator: Simulator | None, played: Scenario, now: float) -> Reported:
    """Return the courtesy report, the jobs and the calls; without a simulator, nothing was asked."""
    if simulator is not None:
        return simulator.controls.report_on(played.start)
    from ..core.journal import Journal
    from ..reports.courtesy import courtesy_report

    return courtesy_report((), Journal(), played, now, played.faults, played.start), (), Journal()


def _write_reports(reports: Sequence[tuple[str, Path]], material: Material) -> None:
    """Write the reports that were asked for, and print a summary on standard error."""
    from ..reports.files import render_report
    from ..reports.text import report_text

    def write(form: str, file: Path) -> None:
        write_text(file, render_report(form, material))

    with contextlib.ExitStack() as last:  # what fails does not keep the others from being written
        last.callback(click.echo, report_text(material.report, material.gates), err=True)
        for form, file in reversed(reports):
            last.callback(write, form, file)
