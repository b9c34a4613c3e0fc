"""Subcommands of ``xrt-mock``: they read options and hand over; what they need is loaded when they run."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
import threading
import time
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Callable


def _scenarios(_ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Complete the name of a scenario, or else of a file."""
    from ..scenario.files import scenario_names

    return [CompletionItem(n) for n in scenario_names() if n.startswith(typed)] or [CompletionItem(typed, type="file")]


_SCENARIO = click.option(
    "--scenario",
    default="calm",
    show_default=True,
    shell_complete=_scenarios,
    help="Named scenario, or the path of a TOML file.",
)
_PORT = click.IntRange(0, 65535)
_SEED = click.option("--seed", type=int, help="Key of all chance; default: the scenario's.")
_MISSING = '{} is not installed, which this command needs; mend it with: pip install "xrt-mock[{}]"'
_EXTRAS = {"matplotlib": "analysis", "locust": "load", "yaml": "contracts", "jsonschema_rs": "contracts"}
_EXTRAS |= dict.fromkeys(("hypothesis", "schemathesis", "openapi_spec_validator", "contracts"), "contracts")
_ELSEWHERE = {"contract": "contracts.cli", "verify": "contracts.cli"}
_ELSEWHERE |= {"ctl": "mock_server.cli.ctl", "load": "mock_server.cli.load.command"}
"""Commands that are loaded when they are named."""


class _NothingDone(click.ClickException):
    """What has to be mended before anything can be done."""

    exit_code = 2


class _Command(click.Group):
    """Turns what users can mend into one clear line, and finds the commands that stand in other modules."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        try:
            found: click.Command = getattr(import_module(_ELSEWHERE[cmd_name]), cmd_name)
        except ModuleNotFoundError as error:
            return _not_installed(cmd_name, str(error.name))
        return found

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            raise _NothingDone(_missing(str(error.name))) from error
        except ValueError as error:
            raise click.UsageError(str(error)) from error


def _missing(module: str) -> str:
    package = module.partition(".")[0]
    return _MISSING.format(package, _EXTRAS.get(package, "server"))


def _not_installed(name: str, module: str) -> click.Command:
    """Return a command that says what to install."""

    def say() -> NoReturn:
        raise _NothingDone(_missing(module))

    return click.Command(name, callback=say, help=f"(not installed) {_missing(module)}", add_help_option=False)


@click.group(cls=_Command, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="xrt-mock", prog_name="xrt-mock")
@click.pass_context
def main(context: click.Context) -> None:
    """Simulate the Swift-XRT product generator.

    \b
    Examples:
      xrt-mock serve --port 8000 --clock x60
      xrt-mock run --report text - -- python my_pipeline.py
      xrt-mock scenarios
    """
    if os.environ.get("NO_COLOR"):
        context.color = False  # elsewhere colours are left out where no terminal is


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=_PORT, help="Port; 0 takes a free one.")
@click.option("--db", default="sqlite://", show_default=True, help="Database, such as sqlite:///jobs.sqlite.")
@click.option("--clock", help="system (default), virtual, or a factor such as x60; a database keeps its own.")
@click.option(
    "--users", type=click.Choice(["open", "registered"]), default="open", show_default=True, help="Who may submit."
)
@click.option(
    "--scenario",
    shell_complete=_scenarios,
    help="Named scenario, or the path of a TOML file; default: calm. A database keeps its own.",
)
@_SEED
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1), help="How many answer, on one --db.")
@click.option("--token", envvar="XRT_MOCK_TOKEN", help="What callers of the control interface must show.")
@click.option(
    "--keep-calls", default=100_000, show_default=True, type=click.IntRange(100), help="Calls the journal goes back."
)
@click.option("--url", help="Where addresses in answers begin; default: where it listens.")
def serve(host: str, port: int, url: str | None, **options: Any) -> None:
    """Answer as the service does, on HOST and PORT, until interrupted.

    On a database file, or PostgreSQL, jobs, time and scenario outlive the server: the next one goes on with them.

    \b
    Examples:
      xrt-mock serve --port 0 --clock virtual
      XRT_BASE_URL=http://127.0.0.1:8000 python my_pipeline.py
      xrt-mock serve --db sqlite:///jobs.sqlite --processes 2
    """
    gc.disable()  # until it answers: looking for garbage would take a fifth of the start
    from ..serve.processes import serve

    serve(host, port, lambda address: click.echo(f"listening on {address}"), base_url=url, **options)
    click.echo("stopped", err=True)


@main.command(context_settings={"ignore_unknown_options": True})
@_SCENARIO
@_SEED
@click.option("--copies", default=1, show_default=True, help="Copies of the program, each a user of its own.")
@click.option(
    "--report",
    "reports",
    type=(click.Choice(["text", "json", "html", "junit"]), click.Path(path_type=Path, allow_dash=True)),
    multiple=True,
    metavar="FORMAT FILE",
    help="Write the courtesy report as text, json, html (with pictures) or junit; - is standard output.",
)
@click.option("--fail-on", default="", metavar="LIMITS", help="Fail past limits such as 'active>5,poll<10s,lost>0'.")
@click.option("--contract", "watched", is_flag=True, help="Report requests that leave the contract, too.")
@click.option("--allow-net", is_flag=True, help="Let the program reach other hosts than the service.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(
    scenario: str,
    seed: int | None,
    copies: int,
    reports: tuple[tuple[str, Path], ...],
    fail_on: str,
    watched: bool,
    allow_net: bool,
    command: tuple[str, ...],
) -> NoReturn:
    """Run an unmodified program against a simulator of its own, in virtual time.

    Exit code: the program's; 1 if that is 0 and a limit of --fail-on was passed.

    \b
    Examples:
      xrt-mock run --report html report.html -- python my_pipeline.py
      xrt-mock run --fail-on 'active>5' --report json - -- python my_pipeline.py
    """
    gc.disable()  # until all is loaded
    from ..clocks.virtual import VirtualClock
    from ..reports.limits import broken_limits, parse_limits
    from ..run.start import Arriving, running
    from ..scenario.files import load_scenario

    limits = parse_limits(fail_on)
    watched = watched or any(limit.quantity == "violations" for limit in limits)
    make_watcher = _watchers() if watched else None
    for _, file in reports:
        _folder_of(file)
    began = time.perf_counter()
    played = load_scenario(scenario)
    asked = Arriving(VirtualClock(played.start))
    with contextlib.ExitStack() as kept:
        with running(asked, command, copies=copies, allow_net=allow_net) as programs:
            # loaded while the program begins, which takes about as long
            from ..reports.courtesy import report_text
            from ..reports.files import Material, render_report
            from ..simulator import Simulator

            simulator = kept.enter_context(Simulator(played, asked.clock, seed=seed))
            watcher = make_watcher(simulator.app) if make_watcher else None
            gc.freeze()  # it stays for good, and need not be looked through
            gc.enable()
            asked.arrive(watcher or simulator.app)
            code = programs.wait()
        found, controls = simulator.report(), simulator.controls
        if watcher is not None:
            found["contract_violations"] = watcher.report()
        failed = broken_limits(limits, found)
        material = Material(found, failed, [str(limit) for limit in limits], controls.jobs(), controls.journal())
    for form, file in reports:
        _write(file, render_report(form, material))
    click.echo(report_text(found), err=True)
    for words in failed:
        click.secho(words, fg="red", err=True)
    click.echo(f"real time {time.perf_counter() - began:.1f} s", err=True)
    sys.exit(code or (1 if failed else 0))


def _watchers() -> Callable[[Any], Any]:
    """Return what makes an app's watcher; what that needs is missed before anything begins, or not at all."""
    from ..transport.wsgi_call import WHERE

    return partial(import_module("contracts.watching").RequestWatcher, where=WHERE, beside="/_mock")


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; loopback only.")
@click.option("--port", default=8080, show_default=True, type=_PORT, help="Port; 0 takes a free one.")
@click.option("--clock", default="system", show_default=True, help="system, virtual, or a factor such as x60.")
@click.option(
    "--ca", type=click.Path(path_type=Path), default="xrt-mock-ca.pem", show_default=True, help="Where the CA goes."
)
@_SCENARIO
@_SEED
def proxy(host: str, port: int, clock: str, ca: Path, scenario: str, seed: int | None) -> None:
    """Answer for the service as an HTTPS proxy, to programs whose addresses are fixed: curl, IDL, Perl, R.

    The certificate to trust is written to a file; nothing else is passed on to the network.

    \b
    Example:
      xrt-mock proxy --port 8080 --clock x60
      curl --proxy http://127.0.0.1:8080 --cacert xrt-mock-ca.pem \\
        https://www.swift.ac.uk/user_objects/register.php
    """
    from ..clocks.virtual import parse_clock
    from ..scenario.files import load_scenario
    from ..simulator import Simulator
    from ..transport.proxy import Proxy

    if host not in ("127.0.0.1", "::1", "localhost"):
        raise click.UsageError("--host must be a loopback address: the proxy asks nobody who he is")
    _folder_of(ca)
    played = load_scenario(scenario)
    with Simulator(played, parse_clock(clock, played.start), seed=seed) as simulator:
        try:
            listening = Proxy(simulator.app, simulator.clock, host=host, port=port)
        except OSError as error:
            raise _NothingDone(f"cannot listen on {host}:{port}: {error.strerror}; try --port 0") from error
        with listening:
            ca.write_bytes(listening.ca_pem)
            click.echo(f"listening on {listening.url}, certificate in {ca}")
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()
    click.echo("stopped", err=True)


@main.command()
@click.option("--sources", type=click.IntRange(1, 100_000), required=True, help="Number of sources, a job each.")
@click.option("--products", default="lc,spec", show_default=True, help="Short names, separated by commas.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_SCENARIO
def advise(sources: int, products: str, as_json: bool, scenario: str) -> None:
    """Try throttles on a campaign in virtual time: total time against peak load, and a recommendation.

    \b
    Example:
      xrt-mock advise --sources 500 --products lc,spec
    """
    from dataclasses import asdict

    from ..core.model import Product
    from . import advise

    known = {product.value: product for product in Product}
    unknown = [name for name in products.split(",") if name not in known]
    if unknown:
        raise click.UsageError(f"there is no product {unknown[0]!r}; known: {', '.join(known)}")
    total = sources * len(advise.THROTTLES)
    with click.progressbar(length=total, label="submitting", file=sys.stderr) as bar:
        trials = advise.advise(sources, [known[name] for name in products.split(",")], scenario, progress=bar.update)
    best = advise.recommended(trials)
    told = {"trials": [asdict(trial) for trial in trials], "recommended": best.throttle}
    click.echo(json.dumps(told, indent=2) if as_json else advise.as_text(trials))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def scenarios(as_json: bool) -> None:
    """List the scenarios that come with the package.

    \b
    Examples:
      xrt-mock scenarios
      xrt-mock run --scenario busy-week -- python my_pipeline.py
    """
    from ..reports.courtesy import iso_text
    from ..scenario.files import load_scenario, scenario_names

    found = [load_scenario(name) for name in scenario_names()]
    if as_json:
        told = [
            {"name": s.name, "description": s.description, "seed": s.seed, "start": iso_text(s.start)} for s in found
        ]
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo("\n".join(f"{s.name:20} {s.description}" for s in found))


def _folder_of(file: Path) -> None:
    """Refuse what could not be written in the end, before anything begins."""
    if not file.parent.is_dir():
        raise click.UsageError(f"{file} cannot be written: there is no folder {file.parent}; make it first")


def _write(file: Path, text: str) -> None:
    if str(file) == "-":
        click.echo(text, nl=False)
    else:
        file.write_text(text, encoding="utf-8")
