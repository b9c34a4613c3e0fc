"""Configuration of Sphinx: `tox -e docs` builds the documentation."""

from importlib import metadata

import click

from contracts import documents
from mock_server.cli.commands import main
from mock_server.core.faults import KINDS
from mock_server.scenario.settings import SETTINGS

project = "xrt-mock"
author = copyright = "the xrt-mock developers"  # noqa: A001 - Sphinx's name
release = metadata.version("xrt-mock")
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "numpydoc"]
html_theme = "furo"
html_static_path = ["static", "../mock_server/web/templates/tokens.css"]
html_css_files = ["tokens.css", "theme.css"]
html_title = f"xrt-mock {release}"
exclude_patterns = ["build"]
myst_enable_extensions = ["substitution"]
myst_heading_anchors = 2
nb_execution_mode = "force"  # every build makes the pictures of the tutorial, so that they are up to date
nb_execution_raise_on_error = True
nb_execution_timeout = 300
numpydoc_show_class_members = False
autodoc_typehints = "signature"
autodoc_member_order = "bysource"


def table(*rows: tuple[object, ...]) -> str:
    """Return a table in Markdown; the first row is the head."""
    head, *body = (f"| {' | '.join(str(cell) for cell in row)} |" for row in rows)
    return "\n".join([head, "|---" * len(rows[0]) + "|", *body])


def operations(document: str) -> str:
    """Return the operations of an OpenAPI document."""
    found = documents.operations(document).values()
    rows = [(f"`{o.method} {o.path}`", f"`{o.id}`", o.definition.get("summary", "")) for o in found]
    return table(("call", "name", "what it does"), *rows)


def command_line(command: click.Command = main, words: str = "xrt-mock") -> str:
    """Return the help of a command and of all below it."""
    context = click.Context(command, info_name=words, max_content_width=80)
    parts = [f"### `{words}`\n\n```text\n{command.get_help(context)}\n```\n"]
    if isinstance(command, click.Group):
        below = ((name, command.get_command(context, name)) for name in command.list_commands(context))
        parts += [command_line(found, f"{words} {name}") for name, found in below if found is not None]
    return "\n".join(parts)


myst_substitutions = {
    "command_line": command_line(),
    "jobs_operations": operations("jobs"),
    "control_operations": operations("control"),
    "settings": table(
        ("setting", "built in", "may be", "meaning"),
        *((f"`{name}`", f"`{s.default!r}`", s.must_be, s.meaning) for name, s in SETTINGS.items()),
    ),
    "faults": table(
        ("kind", "what happens", "arguments", "work done"),
        *((f"`{n}`", k.meaning, ", ".join(k.arguments), "yes" if k.work_done else "no") for n, k in KINDS.items()),
    ),
}
