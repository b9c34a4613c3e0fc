"""pytest plugin: which tests are run.

Tests marked `nightly` or `official` run only if ``-m`` names the marker, whatever else it says. The marker `slow` is
given to the tests of the functions and files that ``tests/slow.txt`` lists. That list is measured:
``pytest --junitxml build/tests.xml``, then ``python -m tests.tools.selecting build/tests.xml``.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

import pytest

ON_DEMAND = ("nightly", "official")
SLOW = Path(__file__).parents[1] / "slow.txt"
LIMIT_S = 0.15
"""A function is slow if one of its cases takes longer."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is slow, and leave out what runs on demand."""
    slow = set(SLOW.read_text(encoding="utf-8").split())
    for item in items:
        function = item.nodeid.partition("[")[0]
        if function in slow or function.partition("::")[0] in slow:
            item.add_marker("slow")
    named = set(re.findall(r"\w+", config.option.markexpr))
    out = [item for item in items if any(item.get_closest_marker(name) for name in ON_DEMAND if name not in named)]
    if out:
        config.hook.pytest_deselected(items=out)
        gone = set(out)
        items[:] = [item for item in items if item not in gone]


def measured(report: Path) -> list[str]:
    """Return the slow functions of a JUnit report; of a file that has no others, its name."""
    longest: dict[str, float] = defaultdict(float)
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        *folders, last = case.attrib["classname"].split(".")
        path = Path(*folders, f"{last}.py")
        inside: list[str] = []
        while not path.exists():  # the name of a class
            inside.insert(0, path.stem)
            path = path.parent.with_suffix(".py")
        name = "::".join([path.as_posix(), *inside, case.attrib["name"].partition("[")[0]])
        longest[name] = max(longest[name], float(case.attrib["time"]))
    fast = {name.partition("::")[0] for name, seconds in longest.items() if seconds <= LIMIT_S}
    slow = {name for name, seconds in longest.items() if seconds > LIMIT_S}
    return sorted({file if (file := name.partition("::")[0]) not in fast else name for name in slow})


if __name__ == "__main__":
    SLOW.write_text("\n".join(measured(Path(sys.argv[1]))) + "\n", encoding="utf-8")
