"""Writes the tables of the documentation into its pages: ``python docs/tables.py``.

A table stands between two comments, ``<!-- begin NAME -->`` and ``<!-- end NAME -->``. A test compares what stands
there with what this program would write.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from contracts import documents
from mock_server.cli.commands import main as command_group
from mock_server.core.faults import KINDS
from mock_server.scenario.files import load_scenario, scenario_names
from mock_server.scenario.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PLACE = re.compile(r"(<!-- begin (?P<name>[\w-]+) -->\n).*?(<!-- end (?P=name) -->)", re.DOTALL)


def table(*rows: tuple[object, ...]) -> str:
    """Return a table in Markdown; the first row is the head."""
    head, *body = (f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows)
    return "\n".join([head, "|---" * len(rows[0]) + "|", *body])


def _cell(cell: object) -> str:
    return str(cell).replace("|", "\\|").replace("\n", " ")


def settings() -> str:
    """Return the settings of a scenario."""
    rows = ((f"`{name}`", f"`{s.default!r}`", s.must_be, s.meaning) for name, s in SETTINGS.items())
    return table(("setting", "built in", "may be", "meaning"), *rows)


def faults() -> str:
    """Return the kinds of faults."""
    rows = ((f"`{n}`", k.meaning, ", ".join(k.arguments), "yes" if k.work_done else "no") for n, k in KINDS.items())
    return table(("kind", "what happens", "arguments", "work done"), *rows)


def scenarios() -> str:
    """Return the scenarios that come with the package."""
    rows = ((f"[{name}](../scenarios/{name}.md)", load_scenario(name).description) for name in scenario_names())
    return table(("scenario", "story"), *rows)


def parameters() -> str:
    """Return the parameters of a request, from the evidence about the service."""
    found = json.loads((ROOT / "contracts" / "evidence" / "parameters.json").read_text(encoding="utf-8"))["parameters"]
    parts = []
    for product in dict.fromkeys(_products(one) for one in found):
        rows = [_parameter(one) for one in found if _products(one) == product]
        head = ("name", "on the wire", "unit", "default", "allowed", "since", "meaning")
        parts.append(f"## {product}\n\n{table(head, *rows)}")
    return "\n\n".join(parts)


def _products(parameter: dict[str, Any]) -> str:
    return {"global": "All products"}.get(parameter["product"], parameter["product"])


def _parameter(one: dict[str, Any]) -> tuple[object, ...]:
    default = one["default"]["echoed_value"]
    allowed = ", ".join(map(str, one["allowed"] or ())) or ((one["range"] or {}).get("rule") or "")
    shown = "" if default is None else f"`{json.dumps(default)}`"
    about = one["description"] + (f" Deprecated: {one['deprecated']}" if one["deprecated"] else "")
    names = f"`{one['python_name']}`" if one["python_name"] else ""
    return names, f"`{one['wire_name']}`", one["unit"] or "", shown, allowed, one["since_client_release"] or "", about


def operations(document: str) -> str:
    """Return the operations of an OpenAPI document."""
    found = documents.operations(document).values()
    rows = [(f"`{o.method} {o.path}`", f"`{o.id}`", o.definition.get("summary", "")) for o in found]
    return table(("call", "name", "what it does"), *rows)


def command_line(command: click.Command = command_group, parent: click.Context | None = None) -> str:
    """Return the help of a command and of all below it, as a terminal of 80 columns shows it."""
    options: dict[str, Any] = {"terminal_width": 80, **command.context_settings}
    context = click.Context(command, parent=parent, info_name=command.name if parent else "xrt-mock", **options)
    parts = [f"### `{context.command_path}`\n\n```text\n{command.get_help(context)}\n```\n"]
    if isinstance(command, click.Group):
        below = (command.get_command(context, name) for name in command.list_commands(context))
        parts += [command_line(found, context) for found in below if found is not None]
    return "\n".join(parts)


def names_of(module: str, *names: str) -> str:
    """Return public names of a module, those with docstrings, with the first sentence of each."""
    home = importlib.import_module(module)
    rows = []
    for name in names or home.__all__:
        words = (inspect.getdoc(getattr(home, name)) or "").partition("\n\n")[0]
        rows.append((f"`{name}`", words))
    return table(("name", "what it is"), *rows)


def file_of(path: str, language: str) -> str:
    """Return a file of the project as a block."""
    return f"```{language}\n{(ROOT / path).read_text(encoding='utf-8').rstrip()}\n```"


TABLES: dict[str, Callable[[], str]] = {
    "settings": settings,
    "faults": faults,
    "scenarios": scenarios,
    "parameters": parameters,
    "jobs-operations": lambda: operations("jobs"),
    "control-operations": lambda: operations("control"),
    "command-line": command_line,
    "client-names": lambda: names_of("xrt_client"),
    "simulator-names": lambda: names_of("mock_server"),
    "contract-names": lambda: names_of("contracts.consumer", "Recorder", "Answering"),
    "hunt-pipeline": lambda: file_of("tests/hunt/pipelines/official.py", "py"),
    **{
        f"scenario-{name}": lambda name=name: file_of(f"mock_server/scenario/scenarios/{name}.toml", "toml")
        for name in scenario_names()
    },
}


def filled(page: str) -> str:
    """Return a page with its tables as they have to be."""
    return PLACE.sub(lambda place: f"{place[1]}\n{TABLES[place['name']]()}\n\n{place[3]}", page)


def main() -> None:
    """Write all tables."""
    for path in sorted(DOCS.rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        if (new := filled(text)) != text:
            path.write_text(new, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
