"""Changes of the contract, and the side that they break."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from contracts import documents
from contracts.compare import Change, changes, render

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENT = documents.load()


def changed(edit: Callable[[dict[str, Any]], object]) -> list[Change]:
    new = copy.deepcopy(DOCUMENT)
    edit(new["components"]["schemas"])
    return changes(DOCUMENT, new)


def broken_sides(edit: Callable[[dict[str, Any]], object]) -> set[str]:
    return {change.breaks for change in changed(edit)}


def test_nothing_changes_between_a_document_and_itself():
    assert changes(DOCUMENT, copy.deepcopy(DOCUMENT)) == []
    assert render([]) == "nothing changed"


def test_a_lone_alternative_is_no_change():
    assert changed(lambda s: s.update(JobID={"oneOf": [s["JobID"]]})) == []


def test_what_is_not_understood_is_reported():
    new = copy.deepcopy(DOCUMENT)
    new["security"] = [{"token": []}]
    new["paths"]["/user_objects/run_userobject.php"]["post"]["responses"]["200"]["links"].pop("status")
    assert {change.breaks for change in changes(DOCUMENT, new)} == {"unknown"}


def test_a_body_shows_the_side():
    found = changed(lambda s: s["UserQuery"]["required"].append("api_name"))
    assert all("a client that sends {" in example for change in found for example in change.examples)


def test_descriptions_are_no_change():
    assert changed(lambda s: s["Refusal"].update(description="In other words.")) == []


@pytest.mark.parametrize(
    ("edit", "breaks"),
    [
        (lambda s: s["UserQuery"]["required"].append("api_name"), "clients"),
        (lambda s: s["StatusQuery"]["required"].remove("what"), "servers"),
        (lambda s: s["ActiveJobs"]["required"].remove("numJobs"), "clients"),
        (lambda s: s["ActiveJobs"]["properties"].pop("numJobs"), "both"),
        (lambda s: s["ProductStatuses"]["required"].append("deprecationWarning"), "servers"),
        (lambda s: s["Submission"]["properties"]["minsnr"].update({"x-default": 2.4}), "clients"),
        (lambda s: s["Submission"]["properties"]["poserr"]["anyOf"][0].update(maximum=5), "clients"),
        (lambda s: s["Submission"]["properties"]["poserr"]["anyOf"][0].update(maximum=7), "servers"),
        (lambda s: s["Submission"]["properties"]["binMeth"]["anyOf"][0]["enum"].remove("obsid"), "clients"),
        (lambda s: s["Submission"]["properties"]["binMeth"]["anyOf"][0]["enum"].append("orbit"), "servers"),
        (lambda s: s["RebinStatus"]["properties"]["status"]["enum"].append(6), "clients"),
        (lambda s: s["OldJob"]["properties"]["hasProd"].update(type="integer"), "both"),
        (lambda s: s["ActiveJobs"]["properties"].update(later={"type": "string"}), "clients"),
        (lambda s: s["Submission"]["properties"]["binMeth"]["anyOf"][0]["enum"].append(None), "nothing"),
        (lambda s: s["ActiveJobs"]["properties"]["numJobs"].update(minimum=1), "servers"),
    ],
)
def test_a_change_breaks_those_who_rely_on_it(edit, breaks):
    assert breaks in broken_sides(edit)


def test_zero_is_not_false():
    found = changed(lambda s: s["Flag"]["anyOf"][0]["enum"].remove(0))
    assert "value 0 is not accepted any more" in render(found)
    assert changed(lambda s: s["ActiveJobs"]["properties"]["OK"].update(const=True))


def test_a_changed_default_is_reported_with_both_values():
    found = changed(lambda s: s["Submission"]["properties"]["minsnr"].update({"x-default": 2.4}))
    assert "breaks clients   run_userobject request minsnr: the default was 1.5, is 2.4" in map(str, found)


def test_a_removed_operation_breaks_clients_and_a_new_one_servers():
    new = copy.deepcopy(DOCUMENT)
    new["paths"]["/user_objects/new.php"] = new["paths"].pop("/user_objects/listOldJobs.php")
    new["paths"]["/user_objects/new.php"]["post"]["operationId"] = "newOne"
    found = changes(DOCUMENT, new)
    assert Change("clients", "listOldJobs", "the operation was removed (POST /user_objects/listOldJobs.php)") in found
    assert Change("servers", "newOne", "a new operation (POST /user_objects/new.php)") in found


def small(schema: Any = None, **operation: Any) -> dict[str, Any]:
    """Return a document of one operation that takes a body of a schema, unless it says something else."""
    body = {"content": {"application/json": {"schema": schema}}}
    return {
        "paths": {"/x": {"post": {"operationId": "op", "requestBody": body, "responses": {}, **operation}}},
        "components": {"schemas": {"Name": {"type": "string"}, "Word": {"type": "string"}}},
    }


def answering(schema: Any = True, **answer: Any) -> dict[str, Any]:
    """Return a document of one operation that answers with a schema."""
    content = {"content": {"application/json": {"schema": schema}}}
    return small(responses={"200": {"description": "Well.", **content, **answer}})


def lines(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return the changes without the bodies that show them."""
    return [str(change).splitlines()[0] for change in changes(old, new)]


def query(**more: Any) -> dict[str, Any]:
    return {"in": "query", "name": "q", "schema": {"type": "string"}, **more}


@pytest.mark.parametrize(
    ("old", "new", "line", "back"),
    [
        (
            small(requestBody={"required": False}),
            small(requestBody={"required": True}),
            "breaks clients   op request: the body is mandatory now",
            "breaks servers   op request: the body may be given now",
        ),
        (
            small(parameters=[query()]),
            small(parameters=[query(required=True)]),
            "breaks clients   op request query q: is mandatory now",
            "breaks servers   op request query q: may be given now",
        ),
        (
            small(parameters=[]),
            small(parameters=[query()]),
            "breaks servers   op request query q: may be given now",
            "breaks clients   op request query q: was removed",
        ),
        (
            small(parameters=[query()]),
            small(parameters=[query(style="form")]),
            'effect unknown   op request query q: style "form" was added',
            'effect unknown   op request query q: style "form" was dropped',
        ),
        (
            answering(headers={"ETag": {}}),
            answering(headers={"ETag": {"required": True}}),
            "effect unknown   op answer 200 header ETag: required true was added",
            "effect unknown   op answer 200 header ETag: required true was dropped",
        ),
        (
            small(requestBody={"content": {}}),
            small(requestBody={"content": {"text/plain": {}}}),
            "breaks servers   op request: label text/plain has to be accepted now",
            "breaks clients   op request: label text/plain is not accepted any more",
        ),
        (
            answering(content={}),
            answering(content={"text/plain": {}}),
            "breaks clients   op answer 200: label text/plain may be answered now",
            "breaks servers   op answer 200: label text/plain is not answered any more",
        ),
        (
            small({"type": "string", "x-default": "a"}),
            small({"type": "string"}),
            "breaks clients   op request: has no default any more (was 'a')",
            "breaks clients   op request: has a default now: 'a'",
        ),
        (
            small({"type": "string", "x-product": "lc"}),
            small({"type": "string", "x-product": "spec"}),
            'effect unknown   op request: x-product was "lc", is "spec"',
            'effect unknown   op request: x-product was "spec", is "lc"',
        ),
    ],
)
def test_a_change_is_reported_in_one_line_and_so_is_its_reverse(
    old: dict[str, Any], new: dict[str, Any], line: str, back: str
) -> None:
    assert lines(old, new) == [line]
    assert lines(new, old) == [back]


NAME, WORD = {"$ref": "#/components/schemas/Name"}, {"$ref": "#/components/schemas/Word"}


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (True, False, "breaks clients   op request: the schema was true, is false"),
        (
            {"not": {"type": "string"}},
            {"not": {"type": ["string", "null"]}},
            'breaks clients   op request <not>: type was "string", is ["string", "null"]',
        ),
        (
            {"type": "string", "maxLength": 2},
            {"enum": ["a", "bb"]},
            'breaks clients   op request: the schema was {"type": "string", "maxLength": 2}, is {"enum": ["a", "bb"]}',
        ),
        ({"type": "string"}, {"type": 5}, 'effect unknown   op request: type was "string", is 5'),
        (
            {"type": ["string", "null"]},
            {"type": ["null", "string"]},
            'breaks nothing   op request: type was ["string", "null"], is ["null", "string"]',
        ),
        (
            {"anyOf": [{"type": ["string", "null"]}, {"oneOf": [{"type": "integer"}]}]},
            {"anyOf": [{"type": ["null", "string"]}, {"oneOf": [{"type": "integer"}]}]},
            'breaks nothing   op request <anyOf 1>: type was ["string", "null"], is ["null", "string"]',
        ),
        (
            {"patternProperties": {"^n": {"type": "string"}}},
            {"patternProperties": {"^n": {"type": "integer"}}},
            'breaks both      op request /^n/: type was "string", is "integer"',
        ),
        (
            {"type": "object", "patternProperties": {"^n": {"type": "string"}}},
            {"type": "object"},
            "breaks both      op request /^n/: was removed",
        ),
        (
            {"items": {"enum": [1, 2]}, "uniqueItems": True, "minItems": 2, "type": "array"},
            {"items": {"enum": [1, 2]}, "uniqueItems": True, "minItems": 1, "type": "array"},
            "breaks servers   op request: minItems was 2, is 1",
        ),
        ({"items": {"oneOf": [NAME]}}, {"items": {"oneOf": [WORD]}}, None),
        ({"items": NAME}, {"items": WORD}, None),
    ],
)
def test_two_schemas_are_judged_by_what_they_allow(old: Any, new: Any, line: str | None) -> None:
    assert lines(small(old), small(new)) == ([] if line is None else [line])


def test_a_pattern_that_python_cannot_read_is_judged_by_plain_texts() -> None:
    (change,) = changes(small({"type": "string", "pattern": r"^\p{L}$"}), small({"type": "string", "pattern": r"^\d$"}))
    assert change.breaks == "both"
    assert change.examples == ('a client that sends "a" is now refused', 'a server now has to accept "0"')


def test_a_header_that_vanishes_breaks_clients_and_a_new_one_is_reported() -> None:
    bare, labelled = answering(headers={}), answering(headers={"ETag": {}})
    assert lines(labelled, bare) == ["breaks clients   op answer 200 header ETag: was removed"]
    assert [(change.where, change.what) for change in changes(bare, labelled)] == [
        ("op answer 200 header ETag", "may be there now")
    ]


def test_a_schema_that_holds_itself_is_compared_once() -> None:
    old = small({"$ref": "#/components/schemas/Tree"})
    tree = {"type": "object", "properties": {"below": {"$ref": "#/components/schemas/Tree"}, "size": {"minimum": 1}}}
    old["components"]["schemas"]["Tree"] = tree
    new = copy.deepcopy(old)
    new["components"]["schemas"]["Tree"]["properties"]["size"]["minimum"] = 2
    assert lines(old, new) == ["breaks clients   op request size: minimum was 1, is 2"]
