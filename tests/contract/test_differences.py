"""The evidence ledger, and the file made from it."""

from __future__ import annotations

import pytest

from contracts import documents
from contracts.differences import EVIDENCE, ledger, render

ENTRIES = ledger()


def test_the_file_is_up_to_date():
    message = "run `python -m contracts.differences` and commit the result"
    assert render(ENTRIES) == documents.source("DIFFERENCES.md"), message


def test_every_unpublished_rule_and_every_contradiction_has_one_entry():
    ids = [entry.id for entry in ENTRIES]
    assert len(ids) == len(set(ids))
    assert {f"U{n}" for n in range(1, 36)} | {f"C{n}" for n in range(1, 32)} <= set(ids)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_an_entry_is_complete_and_points_into_the_contract(entry):
    assert entry.evidence in EVIDENCE
    assert all((entry.subject, entry.rule, entry.source))
    kind, _, name = entry.where.partition("/")
    places = {
        "schemas": documents.load()["components"]["schemas"],
        "operations": documents.operations(),
        "info": {"": 1},
    }
    assert name in places[kind]
