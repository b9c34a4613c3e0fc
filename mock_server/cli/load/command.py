"""``xrt-mock load``: Locust with users of the product generator."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from ..options import require_package
from .guard import is_real

_USERS = Path(__file__).with_name("users.py")
_PATIENCE_S = 10.0


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]})
@click.argument("url")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def load(url: str, options: tuple[str, ...]) -> NoReturn:
    """Put a simulator under load with Locust.

    URL is the simulator's address; OPTIONS are Locust's own.
    There are four kinds of users: Throttled, ManyJobs, Impatient and Campaign; all are
    used unless some are named. Locust's --master and --worker combine several machines.

    \b
    Examples:
      xrt-mock load http://127.0.0.1:8000 -u 100 -r 20 -t 60s --headless
      xrt-mock load http://127.0.0.1:8000 -u 20 -t 60s --headless Throttled
      xrt-mock load http://127.0.0.1:8000 -t 9s --headless --only-summary --json
    """
    if is_real(url):
        raise click.UsageError(f"{url} is the real service, which must not be put under load; use a simulator")
    if other := [option for option in options if option.startswith(("--host", "-H"))]:
        raise click.UsageError(
            f"{other[0]} would load another host than {url}: give the address as URL, without --host"
        )
    require_package("locust")
    import requests

    try:  # else Locust would count hours of refused connections
        with requests.Session() as session:
            session.trust_env = False  # no proxy stands before a simulator
            session.get(url, timeout=_PATIENCE_S, stream=True).close()
    except requests.RequestException as error:
        raise click.UsageError(
            f"nothing answers at {url} ({type(error).__name__}); start a simulator with `xrt-mock serve --port 8000`"
        ) from error
    os.execv(sys.executable, [sys.executable, "-m", "locust", "-f", str(_USERS), "--host", url, *options])  # noqa: S606
