"""``xrt-mock scenarios``: the scenarios that come with the package."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from .options import complete_scenario, json_option

if TYPE_CHECKING:
    from ..scenario.scenario import Scenario


@click.command()
@click.argument("name", required=False, shell_complete=complete_scenario)
@json_option
def scenarios(name: str | None, as_json: bool) -> None:
    """List the scenarios that come with the package, or print what is in one.

    NAME is a scenario, or the path of a TOML file.

    \b
    Examples:
      xrt-mock scenarios
      xrt-mock scenarios busy-week
      xrt-mock run --scenario busy-week -- python my_pipeline.py
    """
    from ..scenario.files import load_scenario, scenario_names

    if name is not None:
        _print_one(load_scenario(name), as_json)
        return
    found = [load_scenario(each) for each in scenario_names()]
    if as_json:
        click.echo(json.dumps([_head(scenario) for scenario in found], indent=2))
    else:
        click.echo("\n".join(f"{s.name:20} {s.description}" for s in found))


def _head(scenario: Scenario) -> dict[str, Any]:
    from ..core.words import iso_text

    start = iso_text(scenario.start)
    return {"name": scenario.name, "description": scenario.description, "seed": scenario.seed, "start": start}


def _print_one(scenario: Scenario, as_json: bool) -> None:
    """Print what differs from the built-in settings, the dated changes, faults and users."""
    from ..core.words import iso_text

    found = _head(scenario) | {
        "settings": dict(scenario.values),
        "changes": [{"at": iso_text(change.at), "settings": dict(change.values)} for change in scenario.changes],
        "faults": [fault.as_mapping() for fault in scenario.faults],
        "users": list(scenario.users),
        "file": scenario.text,
    }
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    click.echo(f"{scenario.name}: {scenario.description}\nseed {scenario.seed}, starts {found['start']}")
    changed = [("from the start", scenario.values), *((f"from {iso_text(c.at)}", c.values) for c in scenario.changes)]
    for when, values in changed:
        for setting, value in values.items():
            click.echo(f"{when}: {setting} = {json.dumps(value)}")
    for fault in scenario.faults:
        click.echo("fault: " + ", ".join(f"{key} {value}" for key, value in fault.as_mapping().items()))
    for user in scenario.users:
        click.echo(f"registered: {user}")
