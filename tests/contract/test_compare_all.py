"""Every change of the documents in one place is reported, and no side is wrong where a body shows it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from contracts import documents
from contracts.compare import NOTHING, UNKNOWN, Change, changes
from tests.contract.mutating import mutations

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERY = 240
"""Of the mutations, one in so many in every run."""


def every_mutation() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for name in documents.DOCUMENTS:
        old = documents.load(name)
        for words, new in mutations(old):
            yield f"{name} {words}", old, new


def sides_shown(change: Change) -> set[str]:
    """Return the sides of which a body is shown."""
    clients = ("a client that sends", "a client may now")
    return {"clients" if example.startswith(clients) else "servers" for example in change.examples}


def check(words: str, old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Check the report of one mutation; returns whether a body decided its side."""
    found = changes(old, new)
    assert found, f"nothing is reported of {words}"
    decided = False
    for change in found:
        shown = sides_shown(change)
        said = {"clients", "servers"} if change.breaks == "both" else {change.breaks}
        assert shown <= said, f"{words}: {change}"
        assert change.breaks not in {NOTHING, UNKNOWN} or not shown, f"{words}: {change}"
        decided = decided or bool(shown)
    return decided


def test_some_changes_in_one_place_is_reported():
    looked_at = [check(*each) for each in itertools.islice(every_mutation(), 7, None, EVERY)]
    assert len(looked_at) >= 30
    assert sum(looked_at) > len(looked_at) / 2


@pytest.mark.nightly
def test_every_change_in_one_place_is_reported_with_the_right_side(capsys):
    looked_at = [check(*each) for each in every_mutation()]
    with capsys.disabled():
        print(f"\n{len(looked_at)} mutations reported, the side of {sum(looked_at)} shown by a body")
    assert len(looked_at) >= 3000
