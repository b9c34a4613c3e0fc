"""``xrt-mock serve``: the simulator on a socket."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import click

from .options import PORT, complete_scenario, read_sky, seed_option, with_sky_options


def _check_url(_ctx: click.Context, _parameter: click.Parameter, url: str | None) -> str | None:
    if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise click.BadParameter(f"{url!r} is not an address such as https://xrt.example.org")
    return url and url.rstrip("/")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=PORT, help="Port; 0 takes a free one.")
@click.option("--db", default="sqlite://", show_default=True, help="Database, such as sqlite:///jobs.sqlite.")
@click.option("--clock", help="system (default), virtual, or a factor such as x60; a database keeps its own.")
@click.option(
    "--users",
    type=click.Choice(["open", "registered"]),
    default="open",
    show_default=True,
    help="Users who may submit: all, or registered ones.",
)
@click.option(
    "--scenario",
    shell_complete=complete_scenario,
    help="Scenario, or path of a TOML file; default: calm. A database keeps its own.",
)
@seed_option
@with_sky_options
@click.option(
    "--processes",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Worker processes (need a database file).",
)
@click.option("--token", envvar="XRT_MOCK_TOKEN", help="Bearer token of the control interface.")
@click.option(
    "--keep-calls",
    default=100_000,
    show_default=True,
    type=click.IntRange(100),
    help="Most calls that the journal keeps.",
)
@click.option("--url", callback=_check_url, help="Base URL of answers; default: this server's.")
def serve(host: str, port: int, url: str | None, **options: Any) -> None:
    """Serve the simulator on HOST and PORT until interrupted.

    A database (SQLite or PostgreSQL) keeps all for the next server.

    \b
    Examples:
      xrt-mock serve --port 0 --clock virtual
      XRT_BASE_URL=http://127.0.0.1:8000 python my_pipeline.py
      xrt-mock serve --db sqlite:///jobs.sqlite --processes 2
    """
    from ..serve.processes import serve as listen_and_answer

    names = ("single_sources", "source_files", "unknown_names", "unknown_observations")
    options |= read_sky(*(options.pop(name) for name in names))
    listen_and_answer(host, port, lambda address: click.echo(f"listening on {address}"), base_url=url, **options)
    click.echo("stopped", err=True)
