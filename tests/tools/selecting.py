"""pytest plugin: which tests are run.

Tests marked `nightly` or `official` run only if ``-m`` names the marker, whatever else it says. The markers `slow` and
`long` are given to the tests of the functions and files that ``tests/slow.txt`` and ``tests/long.txt`` list. The lists
are measured: ``pytest --junitxml build/tests.xml``, then ``python -m tests.tools.selecting build/tests.xml``; several
reports may be given. What ``tests/kept.txt`` lists is never `long`: nothing shorter runs the code that those run, or
notices what they notice.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

ON_DEMAND = ("nightly", "official")
LIMITS_S = {"slow": 0.02, "long": 0.2}
"""Markers of functions of which one case takes longer."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is slow, and leave out what runs on demand."""
    lists = {name: set(listed(name).read_text(encoding="utf-8").split()) for name in (*LIMITS_S, "kept")}
    for item in items:
        function = item.nodeid.partition("[")[0]
        on = {name for name, lines in lists.items() if not lines.isdisjoint((function, function.partition("::")[0]))}
        for marker in LIMITS_S:
            if marker in on and not (marker == "long" and "kept" in on):
                item.add_marker(marker)
    named = set(re.findall(r"\w+", config.option.markexpr))
    out = [item for item in items if any(item.get_closest_marker(name) for name in ON_DEMAND if name not in named)]
    if out:
        config.hook.pytest_deselected(items=out)
        gone = set(out)
        items[:] = [item for item in items if item not in gone]


def listed(name: str) -> Path:
    """Return the file that lists functions."""
    return Path(__file__).parents[1] / f"{name}.txt"


def measured(reports: Iterable[Path], limit_s: float) -> list[str]:
    """Return the functions of JUnit reports that take longer than a limit; of a file that has no others, its name."""
    longest: dict[str, float] = defaultdict(float)
    for case in chain.from_iterable(ElementTree.parse(report).getroot().iter("testcase") for report in reports):
        *folders, last = case.attrib["classname"].split(".")
        path = Path(*folders, f"{last}.py")
        inside: list[str] = []
        while not path.exists():  # the name of a class
            inside.insert(0, path.stem)
            path = path.parent.with_suffix(".py")
        name = "::".join([path.as_posix(), *inside, case.attrib["name"].partition("[")[0]])
        longest[name] = max(longest[name], float(case.attrib["time"]))
    fast = {name.partition("::")[0] for name, seconds in longest.items() if seconds <= limit_s}
    slow = {name for name, seconds in longest.items() if seconds > limit_s}
    return sorted({file if (file := name.partition("::")[0]) not in fast else name for name in slow})


if __name__ == "__main__":
    for marker, limit_s in LIMITS_S.items():
        listed(marker).write_text("\n".join(measured(map(Path, sys.argv[1:]), limit_s)) + "\n", encoding="utf-8")
