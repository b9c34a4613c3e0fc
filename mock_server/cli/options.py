"""Options and checks that several subcommands share."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from pathlib import Path

_EXTRAS = {"matplotlib": "analysis", "locust": "load", "yaml": "contracts", "jsonschema_rs": "contracts"}
_EXTRAS |= dict.fromkeys(("hypothesis", "schemathesis", "openapi_spec_validator", "contracts"), "contracts")
"""Extra that installs a package; ``server`` installs the others."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")
PORT = click.IntRange(0, 65535)


class NothingDone(click.ClickException):
    """Error of the user, or of the installation, found before anything was done."""

    exit_code = 2


def not_installed(error: ModuleNotFoundError) -> str:
    """Return a sentence that names the missing package and the command that installs it."""
    package = str(error.name).partition(".")[0]
    extra = _EXTRAS.get(package, "server")
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
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
