"""Entry point of the command ``xrt-mock``, which also works if only the client is installed."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import NoReturn

if find_spec("click") is None:

    def main() -> NoReturn:
        """Say what to install."""
        print(
            'xrt-mock: the simulator is not installed; install it with: pip install "xrt-mock[server]"', file=sys.stderr
        )
        sys.exit(2)

else:
    from .commands import main

__all__ = ["main"]
