"""Answers that leave the contract by one mutation, to feed to a client: one value is changed, the rest is as it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import hypothesis.strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hypothesis.strategies import DrawFn, SearchStrategy

KINDS = ("type", "null", "missing", "extra", "huge", "nested")
_OTHERS: tuple[Any, ...] = (0, -1, 1.5, "", "x", "²", "1e999", True, False, [], [1], ["x"], {}, {"x": 1})
_HUGE: tuple[Any, ...] = (10**30, -(10**400), 1e308, "9" * 5000, "x" * 100_000, ["x"] * 20_000)
_LEVELS = (2, 60, 900, 100_000)
_HERE = "\ue000 here"  # stands for a piece of JSON that the encoder cannot write

Place = tuple[str | int, ...]


class Mutant(NamedTuple):
    """An answer after one mutation.

    Parameters
    ----------
    kind
        One of `KINDS`.
    place
        Keys and indices that lead to the value that was changed.
    body
        The answer as JSON text.
    """

    kind: str
    place: Place
    body: bytes


def places(answer: Any, place: Place = ()) -> Iterator[Place]:
    """Yield the place of each value of an answer, the answer itself first."""
    yield place
    inner = answer.items() if isinstance(answer, dict) else enumerate(answer) if isinstance(answer, list) else ()
    for key, value in inner:
        yield from places(value, (*place, key))


@st.composite
def mutants_of(draw: DrawFn, answers: SearchStrategy[Any]) -> Mutant:
    """Return a strategy for answers with one mutation each; `answers` are generated as for the contract."""
    answer = draw(answers)
    shallow = [place for place in places(answer) if len(place) <= draw(st.integers(0, 6))]
    place, kind = draw(st.sampled_from(shallow)), draw(st.sampled_from(KINDS))
    return mutant(answer, place, kind, lambda options: draw(st.sampled_from(options)))


def mutant(answer: Any, place: Place, kind: str, choose: Callable[[Sequence[Any]], Any]) -> Mutant:
    """Return an answer with one mutation.

    Parameters
    ----------
    answer
        The answer as it is documented.
    place, kind
        Where it is changed, and how: one of `KINDS`.
    choose
        Returns one of several values.
    """
    value = answer
    for key in place:
        value = value[key]
    raw = ""
    match kind:
        case "type":
            value = choose(_OTHERS)
        case "null":
            value = None
        case "extra" if isinstance(value, dict):
            value = {**value, "unexpected": {"x": [1]}}
        case "extra":
            value = [*value, None] if isinstance(value, list) else [value, value]
        case "huge":
            value, raw = choose([*((huge, "") for huge in _HUGE), (_HERE, "Infinity"), (_HERE, "1e999")])
        case "nested":
            (begin, end), levels = choose(["[]", ('{"x":', "}")]), choose(_LEVELS)
            value, raw = _HERE, begin * levels + json.dumps(value) + end * levels
    changed = _changed(answer, place, value, remove=kind == "missing")
    return Mutant(kind, place, json.dumps(changed).replace(json.dumps(_HERE), raw).encode())


def _changed(answer: Any, place: Place, value: Any, *, remove: bool) -> Any:
    """Return an answer with another value at a place, or without it."""
    if not place:
        return {} if remove else value
    key, *rest = place
    copy: Any = dict(answer) if isinstance(answer, dict) else list(answer)
    if remove and not rest:
        del copy[key]
    else:
        copy[key] = _changed(answer[key], tuple(rest), value, remove=remove)
    return copy
