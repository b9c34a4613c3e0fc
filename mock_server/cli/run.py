"""``xrt-mock run``: an unmodified program against a simulator of its own, in virtual time."""

from __future__ import annotations

import contextlib
import sys
import time
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

    from ..reports.files import Material
    from ..reports.limits import Gate, Limit
    from ..scenario.scenario import Scenario
    from ..web.app import SimulatorApp


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
    from ..reports.limits import parse_limits
    from ..scenario.files import load_scenario

    if isolate and allow_net:
        raise click.UsageError("--isolate leaves no way to other hosts, and --allow-net opens one: use one of them")
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
    began, played = time.perf_counter(), load_scenario(scenario)
    options = {"seed": seed} | read_sky(**about_the_sky)
    code, material = _simulate(
        played,
        options,
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
    sys.exit(code or int(any(gate.broken for gate in material.gates)))


def _simulate(
    played: Scenario,
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
    from ..run.start import PendingSimulator, running

    watcher: RequestWatcher | None = None

    def load() -> WSGIApplication:
        nonlocal watcher
        watcher = make_watcher(simulator.app) if make_watcher else None
        return watcher or simulator.app

    asked = PendingSimulator(VirtualClock(played.start), load)
    with contextlib.ExitStack() as kept:
        with running(asked, command, copies=copies, allow_net=network[0], isolate=network[1]) as programs:
            # loaded while the program begins, which takes about as long
            from ..reports.files import Material
            from ..simulator import Simulator

            simulator = kept.enter_context(Simulator(played, asked.clock, **options))
            if make_watcher:
                asked.load()
            code: int | Exception
            try:
                code = programs.wait()
            except Exception as bug:
                code = bug
        controls = simulator.controls
        report = controls.report(began=played.start) | {"programs": programs.endings()}
        gates: list[Gate] = []
        try:
            if watcher is not None:
                report["contract_violations"] = watcher.report()
            gates = [limit.judge(report) for limit in limits]
        except Exception as bug:
            code = bug
        jobs = controls.jobs()
        for job in jobs if verbose else ():
            found = simulator.jobs.origins(job)
            for line in (*found.lines(), *found.observation_lines()):
                click.echo(f"job {job.job_id}: {line}", err=True)
        return code, Material(report, gates, jobs, controls.journal())


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
