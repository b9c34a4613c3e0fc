"""The group of all subcommands of ``xrt-mock``; each is loaded when it is named."""

from __future__ import annotations

import os
import traceback
from importlib import import_module
from typing import Any, NoReturn

import click

from ..core.errors import InputInvalid
from .options import BUG, NothingDone, is_ours_to_install, not_installed

_MODULES = {
    "advise": "mock_server.cli.advise",
    "contract": "contracts.cli",
    "ctl": "mock_server.cli.ctl",
    "faults": "mock_server.cli.settings",
    "hunt": "mock_server.cli.hunt",
    "load": "mock_server.cli.load.command",
    "proxy": "mock_server.cli.proxy",
    "record": "mock_server.cli.record",
    "replay": "mock_server.cli.record",
    "report": "mock_server.cli.report",
    "run": "mock_server.cli.run",
    "scenarios": "mock_server.cli.scenarios",
    "settings": "mock_server.cli.settings",
    "sky": "mock_server.cli.sky",
    "serve": "mock_server.cli.serve",
    "verify": "contracts.cli",
}


class LazyGroup(click.Group):
    """Group that loads a subcommand when it is named, and turns errors of the user into one clear line."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted([*self.commands, *_MODULES])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return super().get_command(ctx, cmd_name)
        try:
            found: click.Command = getattr(import_module(_MODULES[cmd_name]), cmd_name)
        except ModuleNotFoundError as error:
            if not is_ours_to_install(error):
                raise
            words = not_installed(error)

            def fail() -> NoReturn:
                raise NothingDone(words)

            settings = {"ignore_unknown_options": True, "allow_extra_args": True}  # whatever was asked of it
            return click.Command(
                cmd_name, settings, callback=fail, help=f"(not installed) {words}", add_help_option=False
            )
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None:
            from difflib import get_close_matches

            for similar in get_close_matches(args[0], self.list_commands(ctx), 1):
                ctx.fail(f"No such command {args[0]!r}. Did you mean {similar!r}?")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a subcommand. An exception that it does not know is a bug: it is shown whole, with a code of its own."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise
        except InputInvalid as error:
            raise click.UsageError(str(error)) from error
        except Exception as error:
            if isinstance(error, ModuleNotFoundError) and is_ours_to_install(error):
                raise NothingDone(not_installed(error)) from error
            traceback.print_exception(error)
            click.echo("xrt-mock: this is a bug of xrt-mock; please report it with the lines above", err=True)
            raise SystemExit(BUG) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
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
        context.color = False  # None would decide by the terminal alone
