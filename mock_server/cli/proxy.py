"""``xrt-mock proxy``: the simulator as an HTTPS proxy."""

from __future__ import annotations

import contextlib
import signal
import threading
from importlib import import_module
from pathlib import Path

import click

from .options import LOOPBACK, PORT, NothingDone, require_writable, scenario_option, seed_option
from .record import CONSENT, check_consent


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; loopback only.")
@click.option("--port", default=8080, show_default=True, type=PORT, help="Port to listen on; 0 takes a free one.")
@click.option("--clock", default="system", show_default=True, help="system, virtual, or a factor such as x60.")
@click.option(
    "--ca",
    type=click.Path(path_type=Path),
    default="xrt-mock-ca.pem",
    show_default=True,
    help="File for the certificate that programs have to trust.",
)
@click.option(
    "--record", "recording", type=click.Path(dir_okay=False, path_type=Path), help="Write all exchanges into this file."
)
@click.option("--service", help="Pass calls on to this service, instead of a simulator; needs --record.")
@CONSENT
@scenario_option
@seed_option
def proxy(
    host: str,
    port: int,
    clock: str,
    ca: Path,
    recording: Path | None,
    service: str | None,
    consent: bool,
    scenario: str,
    seed: int | None,
) -> None:
    """Answer for the service as an HTTPS proxy.

    For programs with a fixed address of the service, such as those in IDL, Perl or R.
    Requests for other hosts are refused. A recording is written at the end, without what is private.

    \b
    Examples:
      xrt-mock proxy --port 8080 --clock x60
      xrt-mock proxy --record session.jsonl --service http://127.0.0.1:8000
      curl --proxy http://127.0.0.1:8080 --cacert xrt-mock-ca.pem \\
        https://www.swift.ac.uk/user_objects/register.php
    """
    from ..clocks.virtual import parse_clock
    from ..scenario.files import load_scenario
    from ..simulator import Simulator
    from ..transport.proxy import Proxy

    if host not in LOOPBACK:
        raise click.UsageError(f"--host is {host!r}, but must be a loopback address: the proxy does not check callers")
    require_writable(ca)
    if service is not None:
        check_consent(service, consent=consent)
        if recording is None:
            raise click.UsageError("--service needs --record FILE")
    if recording is not None:
        require_writable(recording)
    played = load_scenario(scenario)
    with Simulator(played, parse_clock(clock, played.start), seed=seed) as simulator:
        listener = None
        if recording is not None:
            recordings = import_module("contracts.recording")
            listener = recordings.Relay(service) if service else recordings.Listener(simulator.app)
        try:
            listening = Proxy(listener or simulator.app, simulator.clock, host=host, port=port)
        except OSError as error:
            raise NothingDone(f"cannot listen on {host}:{port}: {error.strerror}; try --port 0") from error
        with listening:
            ca.write_bytes(listening.ca_pem)
            click.echo(f"listening on {listening.url}, certificate in {ca}")
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # the recording is written then, too
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()
        if listener is not None:
            recordings.write(recording, listener.made)
            click.echo(f"{len(listener.made)} exchanges in {recording}", err=True)
    click.echo("stopped", err=True)
