"""``xrt-mock load``: Locust with the users of this package."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import click

_USERS = Path(__file__).with_name("users.py")


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]})
@click.argument("url")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def load(url: str, options: tuple[str, ...]) -> NoReturn:
    """Load the simulator at URL with Locust; OPTIONS are Locust's own.

    The users are Throttled, ManyJobs, Impatient and Campaign; name some to have those alone. Several machines load
    together with Locust's --master and --worker.

    \b
    Examples:
      xrt-mock load http://127.0.0.1:8000 -u 100 -r 20 -t 60s --headless
      xrt-mock load http://127.0.0.1:8000 -u 20 -t 60s --headless Throttled
      xrt-mock load http://127.0.0.1:8000 -t 9s --headless --only-summary --json
    """
    if "swift.ac.uk" in (urlsplit(url).hostname or url):
        raise click.UsageError("the real service is never loaded; give the address of a simulator")
    if find_spec("locust") is None:
        raise ModuleNotFoundError("locust", name="locust")
    os.execv(sys.executable, [sys.executable, "-m", "locust", "-f", str(_USERS), "--host", url, *options])  # noqa: S606
