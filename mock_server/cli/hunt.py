"""``xrt-mock hunt``: the smallest world in which an unmodified program breaks."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from .options import contract_watcher, require_package, require_writable, scenario_option, seed_option, write_text

if TYPE_CHECKING:
    from ..hunt.evidence import OwnOracle
    from ..hunt.hunting import Hunt, Result

_ORACLES = ("endless", "twice", "file", "lost", "exit", "active", "polls", "contract")


@click.command(context_settings={"ignore_unknown_options": True})
@scenario_option
@seed_option
@click.option("--worlds", default=400, show_default=True, type=click.IntRange(1), help="Number of worlds to draw.")
@click.option("--at-most", type=click.IntRange(1), help="Most active jobs that the program may have.")
@click.option("--poll", default=10.0, show_default=True, help="Shortest interval between two looks at one job [s].")
@click.option("--strict", is_flag=True, help="The program must succeed wherever patience suffices.")
@click.option("--off", multiple=True, type=click.Choice(_ORACLES), help="Switch an oracle off.")
@click.option(
    "--oracle",
    "oracles",
    multiple=True,
    metavar="MODULE:FUNCTION",
    help="Judge each world by a function of the journal and the folder, too.",
)
@click.option(
    "--output", default=Path("hunt"), type=click.Path(path_type=Path), help="Folder for worlds; default: hunt."
)
@click.option("--keep", is_flag=True, help="Keep the program's folders of failures in the output folder.")
@click.option("--jobs", type=click.IntRange(1), help="Number of processes; default: one for each processor.")
@click.option("--fresh", is_flag=True, help="Start a new interpreter for each world.")
@click.option("--kill", help="Play one world in which the program is killed, such as call:3 or write:2.")
@click.option(
    "--report",
    "reports",
    type=(click.Choice(["text", "json", "html", "junit"]), click.Path(path_type=Path, allow_dash=True)),
    multiple=True,
    metavar="FORMAT FILE",
    help="Write what was found as text, json, html or junit; - is standard output. Default: text -.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def hunt(command: tuple[str, ...], reports: tuple[tuple[str, Path], ...], **options: Any) -> NoReturn:
    """Search for the smallest world in which a program breaks.

    The program runs in the calm world first; then in many worlds with limits, outages, lost answers, kills and more.
    Exit code: 0 if nothing was found, 1 if something was.

    \b
    Examples:
      xrt-mock hunt -- python my_pipeline.py
      xrt-mock hunt --at-most 5 --report html hunt.html -- python my_pipeline.py
    """
    require_package("hypothesis")
    from ..hunt.hunting import run_hunt

    for _, file in reports:
        if str(file) != "-":
            require_writable(file)
    planned, kill = _planned(command, options), options["kill"]
    if kill:
        _play_one(planned, kill)
    shown = sys.stderr.isatty()

    def say(words: str) -> None:
        if shown:
            click.echo(f"\r{words} ", nl=False, err=True)

    result = run_hunt(planned, say)
    folder = options["output"]
    _write_worlds(planned, result, folder)
    for form, file in reports or (("text", Path("-")),):
        write_text(file, _render(form, result, str(folder), command))
    sys.exit(1 if result.found or result.in_calm else 0)


def _planned(command: tuple[str, ...], options: dict[str, Any]) -> Hunt:
    import tomllib

    from ..hunt.hunting import Hunt, available_processors
    from ..hunt.oracles import Rules
    from ..hunt.program import check_size, program_of
    from ..scenario.files import load_scenario

    scenario, output = load_scenario(options["scenario"]), options["output"]
    folder, leave_out = Path.cwd(), (output.parts[0],)
    check_size(folder, leave_out)
    off = frozenset(options["off"])
    seed = options["seed"]
    return Hunt(
        program=program_of(command, folder),
        base=tomllib.loads(scenario.text or ""),
        seed=scenario.seed if seed is None else seed,
        rules=Rules(options["at_most"], options["poll"], options["strict"], off),
        worlds=options["worlds"],
        workers=options["jobs"] or available_processors(),
        fresh=options["fresh"],
        watch=None if "contract" in off else contract_watcher(),
        leave_out=leave_out,
        examples=output / "examples" if seed is None else None,
        keep=output if options["keep"] else None,
        oracles={name: _own_oracle(name) for name in options["oracles"]},
    )


def _own_oracle(name: str) -> OwnOracle:
    import pkgutil

    sys.path[:0] = [str(Path.cwd())]
    try:
        oracle = pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise click.BadParameter(f"{name} cannot be imported: {error}", param_hint="--oracle") from None
    finally:
        del sys.path[0]
    if not callable(oracle):
        raise click.BadParameter(f"{name} is no function; write MODULE:FUNCTION", param_hint="--oracle")
    return oracle  # type: ignore[no-any-return]  # it is the user's


def _play_one(planned: Hunt, kill: str) -> NoReturn:
    """Play the world of --scenario with a kill, print what the program prints, and end with its exit code."""
    from ..hunt.deviations import Deviation, Kill
    from ..hunt.stage import Stage

    deviation = Deviation("restart", "", "", {}, Kill.from_text(kill))
    with Stage(planned.program, planned.base, planned.seed, leave_out=planned.leave_out) as stage:
        life = stage.play((deviation,))
    click.echo(life.text)
    for call in life.calls:
        click.echo(
            f"{call.at:.0f} {call.operation} {call.job_id or ''} {call.outcome} {' < '.join(call.where)}", err=True
        )
    sys.exit(1 if life.code is None else life.code)


def _write_worlds(planned: Hunt, result: Result, folder: Path) -> None:
    from ..hunt.deviations import as_toml, scenario_data, words_of

    if result.found:
        folder.mkdir(parents=True, exist_ok=True)
    for number, found in enumerate(result.found, 1):
        data = {"seed": planned.seed, **scenario_data(planned.base, found.world)} | {"seed": planned.seed}
        data["description"] = f"{found.finding.words}, {words_of(found.world)}"
        (folder / f"{number}.toml").write_text(as_toml(data), encoding="utf-8")


def _render(form: str, result: Result, folder: str, command: tuple[str, ...]) -> str:
    from ..hunt import words
    from ..hunt.page import as_html

    if form == "json":
        return json.dumps(words.as_data(result, folder, command), indent=2) + "\n"
    if form == "html":
        return as_html(result, folder, command)
    return words.as_junit(result, folder, command) if form == "junit" else words.as_text(result, folder, command)
