"""Answers with one mutation differ from the answer in one place, and in the way that the kind says."""

from __future__ import annotations

import json
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import Phase, given, settings

from contracts.mutation import KINDS, Mutant, mutant, mutants_of, places

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ANSWER: dict[str, Any] = {"OK": 1, "jobs": [{"JobID": 3}, "x"]}
PLACES = [(), ("OK",), ("jobs",), ("jobs", 0), ("jobs", 0, "JobID"), ("jobs", 1)]
FIRST, LAST = itemgetter(0), itemgetter(-1)


def test_every_value_has_a_place() -> None:
    assert list(places(ANSWER)) == PLACES
    assert list(places(3)) == [()]


@pytest.mark.parametrize(
    ("kind", "place", "choose", "body"),
    [
        ("null", (), FIRST, "null"),
        ("null", ("OK",), FIRST, '{"OK": null, "jobs": [{"JobID": 3}, "x"]}'),
        ("missing", (), FIRST, "{}"),
        ("missing", ("jobs",), FIRST, '{"OK": 1}'),
        ("missing", ("jobs", 0), FIRST, '{"OK": 1, "jobs": ["x"]}'),
        ("missing", ("jobs", 0, "JobID"), FIRST, '{"OK": 1, "jobs": [{}, "x"]}'),
        ("extra", ("jobs", 0), FIRST, '{"OK": 1, "jobs": [{"JobID": 3, "unexpected": {"x": [1]}}, "x"]}'),
        ("extra", ("jobs",), FIRST, '{"OK": 1, "jobs": [{"JobID": 3}, "x", null]}'),
        ("extra", ("jobs", 1), FIRST, '{"OK": 1, "jobs": [{"JobID": 3}, ["x", "x"]]}'),
        ("type", ("jobs", 0), FIRST, '{"OK": 1, "jobs": [0, "x"]}'),
        ("type", ("jobs", 0), LAST, '{"OK": 1, "jobs": [{"x": 1}, "x"]}'),
        ("huge", ("OK",), FIRST, '{"OK": 1' + 30 * "0" + ', "jobs": [{"JobID": 3}, "x"]}'),
        ("huge", ("OK",), itemgetter(-2), '{"OK": Infinity, "jobs": [{"JobID": 3}, "x"]}'),
        ("huge", ("OK",), LAST, '{"OK": 1e999, "jobs": [{"JobID": 3}, "x"]}'),
        ("nested", ("jobs", 1), FIRST, '{"OK": 1, "jobs": [{"JobID": 3}, [["x"]]]}'),
        (
            "nested",
            ("jobs", 0),
            itemgetter(1),
            '{"OK": 1, "jobs": [' + 60 * '{"x":' + '{"JobID": 3}' + 60 * "}" + ', "x"]}',
        ),
    ],
)
def test_the_place_is_changed_as_the_kind_says_and_nothing_else(
    kind: str, place: tuple[str | int, ...], choose: Callable[[Sequence[Any]], Any], body: str
) -> None:
    assert mutant(ANSWER, place, kind, choose) == Mutant(kind, place, body.encode())
    assert json.dumps(ANSWER) == '{"OK": 1, "jobs": [{"JobID": 3}, "x"]}'


@settings(max_examples=10, phases=[Phase.generate])
@given(mutants_of(st.just(ANSWER)).filter(lambda drawn: len(drawn.body) < 5000))
def test_a_drawn_mutation_is_of_a_documented_kind_at_a_place_of_the_answer(drawn: Mutant) -> None:
    assert drawn.kind in KINDS
    assert drawn.place in PLACES
    assert drawn.body.decode() != json.dumps(ANSWER) or drawn.kind == "type"
