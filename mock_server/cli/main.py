"""The command ``xrt-mock``. Parts of the simulator are loaded when a subcommand needs them."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import NoReturn

if find_spec("click") is None:  # only the client is installed

    def main() -> NoReturn:
        """Say what is missing."""
        print('xrt-mock: the simulator is not installed; mend it with: pip install "xrt-mock[server]"', file=sys.stderr)
        sys.exit(2)

else:
    from .commands import main

__all__ = ["main"]
