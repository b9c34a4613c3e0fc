"""The ``sleep`` of shell scripts in a run: it sleeps in simulated time."""

from __future__ import annotations

import sys
import time

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(words: list[str]) -> float:
    """Return the sum of intervals such as ``90``, ``1.5m`` or ``2h`` [s]."""
    return sum(float(word[:-1]) * _UNITS[word[-1]] if word[-1:] in _UNITS else float(word) for word in words)


def main() -> int:
    """Sleep for the sum of the arguments."""
    try:
        length = seconds(sys.argv[1:])
    except ValueError as error:
        sys.stderr.write(f"sleep: {error}\n")
        return 1
    time.sleep(length)
    return 0


if __name__ == "__main__":
    sys.exit(main())
