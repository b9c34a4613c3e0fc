"""``xrt-mock report``: courtesy reports that were written before."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from .options import json_option


@click.group()
def report() -> None:
    """Compare courtesy reports.

    \b
    Example:
      xrt-mock report diff before.json after.json
    """


_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@report.command()
@click.argument("before", type=_FILE)
@click.argument("after", type=_FILE)
@json_option
def diff(before: Path, after: Path, as_json: bool) -> None:
    """Print what differs between two reports, written by `xrt-mock run --report json FILE`.

    Exit code: 0 if they are equal, 1 if not.

    \b
    Example:
      xrt-mock report diff before.json after.json
    """
    from ..reports.difference import differences

    found = list(differences(_read(before), _read(after)))
    if as_json:
        click.echo(json.dumps([difference._asdict() for difference in found], indent=2))
    else:
        click.echo("\n".join(map(str, found)) or "the reports are equal")
    sys.exit(1 if found else 0)


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise click.UsageError(f"{file} is not JSON ({error}); write it with `xrt-mock run --report json`") from error
    if not isinstance(found, dict) or "active_jobs" not in found:
        raise click.UsageError(f"{file} is not a courtesy report; write one with `xrt-mock run --report json`")
    return found
