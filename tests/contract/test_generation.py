"""Answers generated from the contract name the tables that they have, which a schema cannot demand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, given, settings

from contracts import documents, generation

KIND = "ProgressNone"
"""A small schema without texts: those take long to begin with."""
documents.load()


@pytest.mark.parametrize(
    ("answer", "agreed"),
    [
        (3, 3),
        ([{"Datasets": ["x"], "PCData": 1}], [{"Datasets": ["x"], "PCData": 1}]),
        (
            {"Datasets": ["x"], "WTData": {"columns": []}, "PCData": 1, "OK": 1},
            {"Datasets": ["WT", "PC"], "WTData": {"columns": []}, "PCData": 1, "OK": 1},
        ),
        ({"Datasets": ["x"], "OK": 1}, {"Datasets": ["x"], "OK": 1}),
        ({"datasets": [], "PCData": {}}, {"datasets": ["PC"], "PCData": {}}),
        (
            {
                "rnames": [],
                "early": {"Modes": ["x"], "PC": {"Models": [], "APEC": {}}},
                "deprecationWarning": {"type": "x"},
            },
            {
                "rnames": ["early"],
                "early": {"Modes": ["PC"], "PC": {"Models": ["APEC"], "APEC": {}}},
                "deprecationWarning": {"type": "x"},
            },
        ),
    ],
)
def test_lists_name_the_tables_beside_them(answer: Any, agreed: Any) -> None:
    assert generation.agree(answer) == agreed


@settings(max_examples=3, phases=[Phase.generate])
@given(generation.answers_of([KIND]))
def test_answers_keep_the_schema_that_they_are_made_from(answer: Any) -> None:
    documents.check_schema(KIND, answer)
    assert answer["GotProgress"] == 0
