"""``xrt-mock record`` and ``xrt-mock replay``: sessions of a program with a service, as files."""

from __future__ import annotations

import os
import subprocess
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from .options import require_writable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from wsgiref.types import WSGIApplication

_REAL = "www.swift.ac.uk"
_REAL_URL = f"https://{_REAL}"
_COMMAND = click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
_PASSED_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}


CONSENT = click.option(
    "--i-know-this-is-the-real-service", "consent", is_flag=True, help=f"Needed if the service is {_REAL}."
)


def check_consent(service: str, *, consent: bool) -> None:
    """Refuse to call the real service without consent."""
    if urlsplit(service).hostname == _REAL and not consent:
        raise click.UsageError(f"{service} is the real service: add --i-know-this-is-the-real-service")


def _under_proxy(command: Sequence[str], app: WSGIApplication) -> int:
    """Run a program whose calls of the service are answered by an app; returns its exit code."""
    from ..clocks.base import ScaledClock
    from ..transport.proxy import Proxy

    with Proxy(app, ScaledClock()) as proxy, tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **proxy.environment(Path(folder)), "XRT_BASE_URL": _REAL_URL}
        try:
            return subprocess.run(list(command), env=environment, check=False).returncode  # noqa: S603 - as asked
        except FileNotFoundError as error:
            raise click.UsageError(f"{command[0]} is no program on the PATH") from error


@click.command(context_settings=_PASSED_ON)
@click.option("--service", default="http://127.0.0.1:8000", show_default=True, help="Base URL of the service.")
@click.option(
    "--to",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    default="session.jsonl",
    show_default=True,
    help="File of the recording.",
)
@CONSENT
@_COMMAND
def record(service: str, file: Path, consent: bool, command: tuple[str, ...]) -> None:
    """Run COMMAND and record what it and the service say to each other.

    The program calls the usual address; each call is passed on once, and nothing else is asked. Addresses of people,
    tokens and the contents of archives are replaced by stand-ins. The exit code is that of COMMAND.

    \b
    Example:
      xrt-mock record --to session.jsonl -- python my_pipeline.py
    """
    check_consent(service, consent=consent)
    require_writable(file)
    recording = import_module("contracts.recording")
    relay = recording.Relay(service)
    code = _under_proxy(command, relay)
    recording.write(file, relay.made)
    click.echo(f"{len(relay.made)} exchanges in {file}", err=True)
    raise SystemExit(code)


@click.command(context_settings=_PASSED_ON)
@click.argument("recording", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def replay(recording: Path, command: tuple[str, ...]) -> None:
    """Answer COMMAND from a RECORDING, or compare the simulator with it.

    Without a command the recorded requests are sent to a new simulator, in simulated time. Every answer of another kind
    than the recorded one is listed; the exit code is then 1.

    \b
    Examples:
      xrt-mock replay session.jsonl -- python my_pipeline.py
      xrt-mock replay session.jsonl
    """
    recordings: Any = import_module("contracts.recording")
    recorded = recordings.read(recording)
    command = command[command[:1] == ("--",) :]
    if command:
        answering = recordings.Replayed(recorded)
        code = _under_proxy(command, answering)
        for request in answering.unknown:
            click.echo(f"the recording has no answer to {request}", err=True)
        raise SystemExit(code or bool(answering.unknown))
    from ..simulator import Simulator

    with Simulator() as simulator:
        backend = import_module("contracts.harness").backend(simulator.app)
        found = recordings.differences(recorded, backend, simulator.clock.advance)
    click.echo("\n".join(found) or f"the simulator answers all {len(recorded)} requests alike")
    raise SystemExit(1 if found else 0)
