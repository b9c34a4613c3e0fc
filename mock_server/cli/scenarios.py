"""``xrt-mock scenarios``: the scenarios that come with the package."""

from __future__ import annotations

import json

import click

from .options import json_option


@click.command()
@json_option
def scenarios(as_json: bool) -> None:
    """List the scenarios that come with the package.

    \b
    Examples:
      xrt-mock scenarios
      xrt-mock run --scenario busy-week -- python my_pipeline.py
    """
    from ..core.words import iso_text
    from ..scenario.files import load_scenario, scenario_names

    found = [load_scenario(name) for name in scenario_names()]
    if as_json:
        listed = [
            {"name": s.name, "description": s.description, "seed": s.seed, "start": iso_text(s.start)} for s in found
        ]
        click.echo(json.dumps(listed, indent=2))
    else:
        click.echo("\n".join(f"{s.name:20} {s.description}" for s in found))
