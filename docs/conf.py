"""Configuration of Sphinx: `tox -e docs` builds the documentation."""

import re
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
project = "xrt-mock"
author = copyright = "the xrt-mock developers"  # noqa: A001 - Sphinx's name
release = metadata.version("xrt-mock")
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "numpydoc"]
html_theme = "furo"
html_static_path = ["static", "../mock_server/web/templates/tokens.css"]
html_css_files = ["tokens.css", "theme.css"]
html_title = f"xrt-mock {release}"
exclude_patterns = ["build"]
myst_heading_anchors = 2
nb_execution_mode = "force"  # every build makes the pictures of the tutorial, so that they are up to date
nb_execution_raise_on_error = True
nb_execution_timeout = 300
numpydoc_show_class_members = False
autodoc_typehints = "signature"
autodoc_member_order = "bysource"


WHOLE = {
    "architecture": "ARCHITECTURE.md",
    "contributing": "CONTRIBUTING.md",
    "differences": "contracts/DIFFERENCES.md",
}
"""Pages that are files of the project: in the folder they only lead there."""
DOCSTRINGS = {
    "reference/client": """
.. automodule:: xrt_client
   :members:
   :imported-members:
""",
    "reference/simulator": """
.. currentmodule:: mock_server

.. autoclass:: Simulator
   :members: journal, report, change, intercept, close

.. autoclass:: MockServer

.. autoclass:: Scenario
   :members: at, changed

.. autoclass:: Controls
   :members:

.. autoclass:: Fault
   :members: work_done, of_the_plan

.. autoclass:: Journal
   :members:

.. autoclass:: Entry
""",
    "reference/contracts": """
.. automodule:: contracts.documents
   :members:

.. automodule:: contracts.consumer
   :members: Recorder, Answering

.. automodule:: contracts.generation
   :members: answers_of
""",
}
"""Docstrings at the end of pages: a code host could not show them."""


def complete(_app: object, page: str, source: list[str]) -> None:
    """Add to a page what only this site can show."""
    if page in WHOLE:
        text = (ROOT / WHOLE[page]).read_text(encoding="utf-8")
        source[0] = re.sub(r"\]\((?:docs/|\.\./docs/)", "](", text)
    if page in DOCSTRINGS:
        source[0] += f"\n```{{eval-rst}}{DOCSTRINGS[page]}```\n"
    if page == "index":
        source[0] += "\n" + (ROOT / "docs" / "toctrees.txt").read_text(encoding="utf-8")


def setup(app: Any) -> None:
    """Have Sphinx call :func:`complete`."""
    app.connect("source-read", complete)
