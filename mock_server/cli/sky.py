"""``xrt-mock sky``: what the simulator knows about an object, and which of it is real."""

from __future__ import annotations

import json
from typing import Any

import click

from .options import NothingDone, json_option, read_sky, scenario_option, seed_option, with_sky_options


@click.command()
@click.argument("name", required=False)
@json_option
@scenario_option
@seed_option
@with_sky_options
def sky(name: str | None, as_json: bool, scenario: str, seed: int | None, **about_the_sky: Any) -> None:
    """Print what is known of the object NAME, and which of it is real.

    Without NAME: what is known altogether.

    \b
    Examples:
      xrt-mock sky
      xrt-mock sky "Cyg X-1"
      xrt-mock sky --json "GRB 060729"
      xrt-mock sky --source "My Source=83.63,22.01,0.5" "My Source"
    """
    from ..simulator import Simulator

    with Simulator(scenario, seed=seed, **read_sky(**about_the_sky)) as simulator:
        world, now = simulator.jobs.in_force.sky, simulator.clock.now()
        from ..sky.origins import description, overview

        if name is None:
            found: dict[str, Any] | None = overview(world)
        else:
            drawn = simulator.jobs.begin().epoch["sky.unknown_names"] == "draw"
            found = description(world, name, now, draw=drawn)
            if found is None:
                raise NothingDone(
                    f"the resolver does not know {name!r} now; add it with --source '{name}=RA,DEC', or use "
                    "--unknown-names draw"
                )
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    lines = []
    for key, value in (found or {}).items():
        label = key.replace("_", " ")
        if isinstance(value, list):
            lines.append(f"{label}: {len(value)}")
            lines += [f"  {' '.join(str(part) for part in entry.values() if part is not None)}" for entry in value]
        elif isinstance(value, dict):
            lines.append(f"{label}: {' '.join(str(part) for part in value.values() if part is not None)}")
        else:
            lines.append(f"{label}: {value}")
    click.echo("\n".join(lines))
