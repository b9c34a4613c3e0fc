"""How the documentation is built: `tox -e docs`."""

from importlib import metadata

project = "xrt-mock"
author = copyright = "the xrt-mock developers"  # noqa: A001 - Sphinx's name
release = metadata.version("xrt-mock")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "numpydoc"]
html_theme = "furo"
html_title = f"xrt-mock {release}"
exclude_patterns = ["build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 2
numpydoc_show_class_members = False
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
