"""Every change of the documents in one place is reported, and no side is wrong where a body shows it."""

from __future__ import annotations

import itertools
import json
from functools import cache
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import jsonschema  # type: ignore[import-untyped]
import pytest
import referencing
from hypothesis import Phase, given, settings
from referencing.jsonschema import DRAFT202012

from contracts import documents, generation, mutation
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
@pytest.mark.timeout(3 * 3600)
def test_every_change_in_one_place_is_reported_with_the_right_side(capsys):
    looked_at = [check(*each) for each in every_mutation()]
    with capsys.disabled():
        print(f"\n{len(looked_at)} mutations reported, the side of {sum(looked_at)} shown by a body")
    assert len(looked_at) >= 3000


# another validator, and bodies that the comparison does not make itself ----------------------------------------------

OF_HYPOTHESIS = 89
"""Of the mutations, one in so many is also judged by bodies of Hypothesis."""
BODIES = 40


def operations_of(old: dict[str, Any], words: str) -> list[tuple[str, str, str]]:
    """Return operation, side and schema of what a mutation of a named schema can reach."""
    changed = words.split("/")[2].split(":", maxsplit=1)[0]
    links = {name: set(references(node)) for name, node in old["components"]["schemas"].items()}
    found = []
    for operation in documents.operations().values():
        for side, kinds in (("request", operation.variants("request")), ("answer", operation.variants("response"))):
            for name, schema in kinds.items():
                if "$ref" in schema and changed in reached(name, links):
                    found.append((operation.id, side, name))
    return found


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"].split("/")[3]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def reached(name: str, links: dict[str, set[str]]) -> set[str]:
    found = {name}
    while more := set().union(*(links.get(each, set()) for each in found)) - found:
        found |= more
    return found


@cache
def bodies(schema: str) -> list[Any]:
    """Return bodies around a schema of the contract: some as it has them, some changed in one place."""
    found: list[Any] = []
    made = generation.answers_of([schema])
    around = st.one_of(made, mutation.mutants_of(made).filter(lambda m: len(m.body) < 20_000).map(decoded))

    @settings(max_examples=BODIES, database=None, deadline=None, derandomize=True, phases=[Phase.generate])
    @given(around)
    def collect(body: Any) -> None:
        found.append(body)

    collect()
    return found


def decoded(mutant: mutation.Mutant) -> Any:
    try:
        return json.loads(mutant.body)
    except RecursionError:
        return None


def allows(document: dict[str, Any], schema: str, body: Any) -> bool:
    registry = referencing.Registry().with_resource("urn:d", DRAFT202012.create_resource(document))
    validator = jsonschema.Draft202012Validator({"$ref": f"urn:d#/components/schemas/{schema}"}, registry=registry)
    try:
        return bool(validator.is_valid(body))
    except RecursionError:
        return False


def sides_by_hypothesis(words: str, old: dict[str, Any], new: dict[str, Any]) -> dict[tuple[str, str], str]:
    """Return the sides that bodies of Hypothesis show to be broken, by operation and side, with one body each."""
    found = {}
    for operation, side, schema in operations_of(old, words):
        if schema not in new["components"]["schemas"]:
            continue
        for body in bodies(schema):
            before, after = allows(old, schema, body), allows(new, schema, body)
            kinds = documents.operation(operation).variants("request" if side == "request" else "response").keys()
            if before != after and not any(allows(old, k, body) and allows(new, k, body) for k in kinds - {schema}):
                breaks = "clients" if before == (side == "request") else "servers"
                found[operation, breaks] = json.dumps(body)[:300]
    return found


@pytest.mark.nightly
@pytest.mark.timeout(3 * 3600)
def test_no_body_of_hypothesis_contradicts_a_side(capsys):
    decided = looked_at = 0
    old = documents.load()
    chosen = [each for each in mutations(old) if each[0].startswith("components/schemas/")]
    for words, new in chosen[5::OF_HYPOTHESIS]:
        looked_at += 1
        reported = changes(old, new)
        for (operation, breaks), body in sides_by_hypothesis(words, old, new).items():
            decided += 1
            said = {change.breaks for change in reported if change.where.startswith(operation)}
            assert said & {breaks, "both", UNKNOWN}, f"{words}: {operation} breaks {breaks}, not {said}: {body}"
    with capsys.disabled():
        print(f"\n{looked_at} mutations, {decided} sides shown by bodies of Hypothesis, none reported otherwise")
    assert decided > looked_at / 2
