"""Subcommands of ``xrt-mock``: they read options and hand over; what they need is loaded when they run."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import click

from .ctl import ctl

_SCENARIO = click.option(
    "--scenario", default="calm", show_default=True, help="Named scenario, or the path of a TOML file."
)
_SEED = click.option("--seed", type=int, help="Key of all chance; default: the scenario's.")
_MISSING_SERVER = 'a part of the simulator is not installed ({}); mend it with: pip install "xrt-mock[server]"'


class _Command(click.Group):
    """Turns what users can mend into one clear line, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            raise click.ClickException(_MISSING_SERVER.format(error.name)) from error
        except ValueError as error:
            raise click.UsageError(str(error)) from error


@click.group(cls=_Command, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="xrt-mock", prog_name="xrt-mock")
def main() -> None:
    r"""Simulate the Swift-XRT product generator.

    \b
    Examples:
      xrt-mock serve --port 8000 --clock x60
      xrt-mock run --report text - -- python my_pipeline.py
      xrt-mock scenarios
    """


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port; 0 takes a free one.")
@click.option("--db", default="sqlite://", show_default=True, help="Database, such as sqlite:///jobs.sqlite.")
@click.option("--clock", help="system (default), virtual, or a factor such as x60; a database keeps its own.")
@click.option("--users", type=click.Choice(["open", "registered"]), default="open", show_default=True)
@click.option("--scenario", help="Named scenario, or the path of a TOML file; default: calm. A database keeps its own.")
@_SEED
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1), help="How many answer, on one --db.")
@click.option("--token", envvar="XRT_MOCK_TOKEN", help="What callers of the control interface must show.")
@click.option("--url", help="Where addresses in answers begin; default: where it listens.")
def serve(host: str, port: int, url: str | None, **options: Any) -> None:
    r"""Answer as the service does, on HOST and PORT, until interrupted.

    On a database file, or PostgreSQL, jobs, time and scenario outlive the server: the next one goes on with them.

    \b
    Example:
      xrt-mock serve --port 0 --clock virtual
      XRT_BASE_URL=http://127.0.0.1:8000 python my_pipeline.py
      xrt-mock serve --db sqlite:///jobs.sqlite --processes 2
    """
    from .serving import serve as answer

    answer(host, port, lambda address: click.echo(f"listening on {address}"), base_url=url, **options)
    click.echo("stopped", err=True)


@main.command(context_settings={"ignore_unknown_options": True})
@_SCENARIO
@_SEED
@click.option("--copies", default=1, show_default=True, help="Copies of the program, each a user of its own.")
@click.option(
    "--report",
    "reports",
    type=(click.Choice(["text", "json"]), click.Path(path_type=Path, allow_dash=True)),
    multiple=True,
    metavar="FORMAT FILE",
    help="Write the courtesy report: text or json; - is standard output.",
)
@click.option("--allow-net", is_flag=True, help="Let the program reach other hosts than the service.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(
    scenario: str,
    seed: int | None,
    copies: int,
    reports: tuple[tuple[str, Path], ...],
    allow_net: bool,
    command: tuple[str, ...],
) -> NoReturn:
    r"""Run an unmodified program against a simulator of its own, in virtual time.

    Exit code: the program's.

    \b
    Example:
      xrt-mock run --scenario calm --report json report.json -- python my_pipeline.py
    """
    from . import report
    from .run import run as run_program
    from .simulator import Simulator

    began = time.perf_counter()
    with Simulator(scenario, seed=seed) as simulator:
        code = run_program(simulator, command, copies=copies, allow_net=allow_net)
        found = simulator.report()
    for form, file in reports:
        _write(file, json.dumps(found, indent=2) + "\n" if form == "json" else report.as_text(found) + "\n")
    click.echo(report.as_text(found), err=True)
    click.echo(f"real time {time.perf_counter() - began:.1f} s", err=True)
    sys.exit(code)


@main.command()
def scenarios() -> None:
    """List the scenarios that come with the package."""
    from .scenario import load, names

    for name in names():
        click.echo(f"{name:20} {load(name).description}")


main.add_command(ctl)


def _write(file: Path, text: str) -> None:
    if str(file) == "-":
        click.echo(text, nl=False)
    else:
        file.write_text(text, encoding="utf-8")
