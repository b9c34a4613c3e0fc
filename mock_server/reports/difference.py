"""What differs between two courtesy reports. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ABSENT = "(absent)"


class Difference(NamedTuple):
    """One value that differs: where it is in the report (``active_jobs.peak``), and what it is in each."""

    name: str
    before: Any
    after: Any

    def __str__(self) -> str:
        """Return one line; an entry that one report alone has, as JSON."""
        if self.before is None or self.after is None:
            alone = self.after if self.before is None else self.before
            return f"{self.name}, only {'after' if self.before is None else 'before'}: {json.dumps(alone)}"
        return f"{self.name}: {self.before} -> {self.after}"


def differences(before: Mapping[str, Any], after: Mapping[str, Any], within: str = "") -> Iterator[Difference]:
    """Yield the values that differ between two reports, in the order of the first.

    Of lists, an entry that only one report has is compared with None.
    """
    for name in dict.fromkeys((*before, *after)):
        path, old, new = f"{within}{name}", before.get(name, _ABSENT), after.get(name, _ABSENT)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from differences(old, new, f"{path}.")
        elif isinstance(old, list) and isinstance(new, list):
            yield from (Difference(path, entry, None) for entry in old if entry not in new)
            yield from (Difference(path, None, entry) for entry in new if entry not in old)
        elif old != new:
            yield Difference(path, old, new)
