"""Options and checks that several subcommands share."""

from __future__ import annotations

import os
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from wsgiref.types import WSGIApplication

    from contracts.watching import RequestWatcher

_EXTRAS = {"matplotlib": "analysis", "locust": "load", "yaml": "contracts", "jsonschema_rs": "contracts"}
_EXTRAS |= dict.fromkeys(("hypothesis", "schemathesis", "openapi_spec_validator", "contracts"), "contracts")
_EXTRAS |= dict.fromkeys(("cachetools", "flask", "werkzeug", "click", "time_machine", "numpy", "scipy"), "server")
_EXTRAS |= dict.fromkeys(("astropy", "PIL", "threadpoolctl", "gevent", "trustme"), "server")
_EXTRAS |= {"psycopg": "postgres", "pandas": "analysis", "pytest": "contracts"}
"""Extra that installs a package."""

BUG = 70
"""Exit code after a bug of this program (EX_SOFTWARE)."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")
PORT = click.IntRange(0, 65535)


class NothingDone(click.ClickException):
    """Error of the user, or of the installation, found before anything was done."""

    exit_code = 2


def is_ours_to_install(error: ModuleNotFoundError) -> bool:
    """Whether a package is missing that an extra installs; else it is a wrong import, which is a bug."""
    return str(error.name).partition(".")[0] in _EXTRAS


def not_installed(error: ModuleNotFoundError) -> str:
    """Return a sentence that names the missing package and the command that installs it."""
    package = str(error.name).partition(".")[0]
    extra = _EXTRAS[package]
    return f'{package} is not installed, but this command needs it; install it with: pip install "xrt-mock[{extra}]"'


def require_package(name: str) -> None:
    """Fail early if a package is missing that is loaded late."""
    if find_spec(name) is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def require_writable(file: Path) -> None:
    """Fail early if a file cannot be written later."""
    if not file.parent.is_dir():
        raise click.UsageError(f"{file} cannot be written: there is no folder {file.parent}; make it first")
    if file.is_dir():
        raise click.UsageError(f"{file} cannot be written: it is a folder; add the name of a file")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise click.UsageError(f"{file} cannot be written: permission denied; choose another place")


def complete_scenario(_ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Return the scenarios whose names start as typed, else let the shell complete a file."""
    from ..scenario.files import scenario_names

    return [CompletionItem(n) for n in scenario_names() if n.startswith(typed)] or [CompletionItem(typed, type="file")]


scenario_option = click.option(
    "--scenario",
    default="calm",
    show_default=True,
    shell_complete=complete_scenario,
    help="Name of a scenario, or path of a TOML file.",
)
seed_option = click.option("--seed", type=int, help="Key of all random values; default: the scenario's.")
sky_options = (
    click.option(
        "--source",
        "single_sources",
        multiple=True,
        metavar="NAME=RA,DEC[,RATE]",
        help="Add a source: degrees or hh:mm:ss, and count/s. Can be repeated.",
    ),
    click.option(
        "--sources",
        "source_files",
        multiple=True,
        metavar="FILE",
        help="Add the sources of a CSV or JSON file, or of a table that astropy reads.",
    ),
    click.option(
        "--unknown-names",
        type=click.Choice(["refuse", "draw"]),
        help="Names in no table; default: the scenario's.",
    ),
    click.option(
        "--unknown-observations",
        type=click.Choice(["believe", "refuse"]),
        help="Observation IDs in no table: trust them, or find no data; default: the scenario's.",
    ),
)
"""Options about what can be observed; :func:`read_sky` reads them."""


def with_sky_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator that adds the options about what can be observed."""
    for option in reversed(sky_options):
        command = option(command)
    return command


def read_sky(
    single_sources: Sequence[str],
    source_files: Sequence[str],
    unknown_names: str | None,
    unknown_observations: str | None,
) -> dict[str, Any]:
    """Return the arguments of a simulator for the options about what can be observed; none if none was given."""
    found: dict[str, Any] = {}
    if single_sources or source_files:
        from ..scenario.source_lists import read_sources

        wrong = next((text for text in single_sources if "=" not in text), None)
        if wrong is not None:
            raise click.UsageError(f"--source {wrong!r} has no `=`: write NAME=RA,DEC[,RATE]")
        found["sources"] = read_sources([*single_sources, *map(Path, source_files)])
    settings = {"sky.unknown_names": unknown_names, "archive.unknown_observations": unknown_observations}
    if given := {name: value for name, value in settings.items() if value is not None}:
        found["settings"] = given
    return found


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def contract_watcher() -> Callable[[WSGIApplication], RequestWatcher]:
    """Return what wraps an app to check requests against the contract; fail early if a package is missing."""
    from ..transport.wsgi_call import WHERE

    return partial(import_module("contracts.watching").RequestWatcher, where=WHERE, beside="/_mock")


def write_text(file: Path, text: str) -> None:
    """Write a text into a file; - is standard output."""
    if str(file) == "-":
        click.echo(text, nl=False)
    else:
        file.write_text(text, encoding="utf-8")
