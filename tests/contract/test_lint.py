"""What is wrong with a document or with the ledger is named, one sentence for each mistake."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from contracts import differences, documents, lint

OPERATION = "getNumJobs"


def problems(monkeypatch: pytest.MonkeyPatch, *schemas: str, **definition: Any) -> list[str]:
    """Return the problems of a document of one operation, which is defined in another way, and of some schemas.

    Only what is looked at differs; examples and schemas are checked by the documents as they are.
    """
    right = documents.operation(OPERATION)
    changed = replace(right, definition={"x-evidence": "documented", "responses": {}, **definition})
    looked_at = {
        **vars(documents),
        "DOCUMENTS": ("jobs",),
        "load": lambda _name="jobs": {"components": {"schemas": dict.fromkeys(schemas)}},
        "operations": lambda _name="jobs": {OPERATION: changed},
    }
    with monkeypatch.context() as patch:
        patch.setattr(lint, "documents", SimpleNamespace(**looked_at))
        patch.setattr(lint, "ledger", list)
        patch.setattr(lint, "render", lambda _entries: documents.source("DIFFERENCES.md"))
        return lint.problems()


def content(example: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"examples": {"mine": {"value": example}}}}}


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({"x-evidence": "hearsay"}, "jobs.yaml: getNumJobs has no evidence: set x-evidence to one of documented, "),
        (
            {"requestBody": content({"user": "me"})},
            'jobs.yaml: the example mine of getNumJobs is not valid: the body: "UserID" is a required property',
        ),
        (
            {"responses": {"200": content({"OK": 1, "APIVersion": "1.12", "numJobs": "3"})}},
            'jobs.yaml: the example mine of getNumJobs is not valid: numJobs: "3" is not of type "integer"',
        ),
        (
            {"responses": {"200": {"links": {"next": {"operationId": "getJobs"}}}}},
            "jobs.yaml: getNumJobs has a link to getJobs, which is not an operation of jobs.yaml",
        ),
    ],
)
def test_a_mistake_in_an_operation_is_named(
    monkeypatch: pytest.MonkeyPatch, definition: dict[str, Any], words: str
) -> None:
    (found,) = problems(monkeypatch, **definition)
    assert found.startswith(words)


def test_a_document_in_order_has_no_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    right = {"requestBody": content({"UserID": "me@example.org"}), "responses": {"404": {"$ref": "#/x"}, "5XX": {}}}
    assert problems(monkeypatch, "UserID", "ActiveJobs", **right) == []


def test_a_schema_that_cannot_be_found_and_one_that_is_not_used_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = problems(monkeypatch, "UserID", "Lonely")
    assert len(found) == 2
    assert found[0].startswith("jobs.yaml: the schema Lonely is not valid: ")
    assert found[1] == "jobs.yaml: the schema Lonely is not used"


def test_mistakes_in_the_ledger_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = differences.ledger()[0]
    wrong = [
        replace(entry, id="U901", where="schemas/Nothing"),
        replace(entry, id="U902", where="places/UserID"),
        replace(entry, id="U903", evidence="hearsay"),
    ]
    monkeypatch.setattr(lint, "documents", SimpleNamespace(**{**vars(documents), "DOCUMENTS": ()}))
    monkeypatch.setattr(lint, "ledger", lambda: wrong)
    monkeypatch.setattr(lint, "render", lambda _entries: "")
    found = lint.problems()
    assert found[:2] == [
        "ledger.toml: U901 points at schemas/Nothing, which is not in the contract",
        "ledger.toml: U902 points at places/UserID, which is not in the contract",
    ]
    assert found[2].startswith("ledger.toml: U903 has the evidence hearsay, not one of documented, ")
    assert found[3:] == ["DIFFERENCES.md is older than ledger.toml: run python -m contracts.differences"]
