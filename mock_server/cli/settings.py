"""``xrt-mock settings`` and ``xrt-mock faults``: what a scenario file may say."""

from __future__ import annotations

import json
from typing import Any

import click

from .options import json_option


def _print(rows: list[dict[str, Any]], as_json: bool, head: str) -> None:
    """Print rows as JSON, or as blocks of a few lines each; `head` is the key of a block's first line."""
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(row[head])
        for key, value in row.items():
            if key != head:
                shown = ", ".join(value) if isinstance(value, list) else value
                text = json.dumps(shown) if isinstance(shown, bool) else str(shown)
                click.echo(f"    {key.replace('_', ' ')}: {text or 'none'}")


@click.command()
@json_option
def settings(as_json: bool) -> None:
    """List the settings of a scenario: built-in value, what it may be, meaning.

    Set them in a scenario file, by `xrt-mock ctl set`, or in the dashboard. `defaults.NAME` replaces the service's
    default of the parameter with this wire name.

    \b
    Examples:
      xrt-mock settings
      xrt-mock settings --json
    """
    from ..scenario.settings import SETTINGS

    rows = [
        {"setting": name, "built_in": one.default, "may_be": one.must_be, "meaning": one.meaning}
        for name, one in SETTINGS.items()
    ]
    _print(rows, as_json, "setting")


@click.command()
@json_option
def faults(as_json: bool) -> None:
    """List the kinds of faults: what happens, their arguments, whether the work is done nevertheless.

    Plan them in a scenario file, by `xrt-mock ctl fault`, or in the dashboard.

    \b
    Examples:
      xrt-mock faults
      xrt-mock faults --json
    """
    from ..core.faults import KINDS

    rows = [
        {"kind": name, "what_happens": one.meaning, "arguments": list(one.arguments), "work_done": one.work_done}
        for name, one in KINDS.items()
    ]
    _print(rows, as_json, "kind")
