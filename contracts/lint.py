"""Whether the documents are in order: what `xrt-mock contract lint` says of them. Pure, but for reading them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonschema_rs

from . import documents
from .differences import EVIDENCE, ledger, render

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTS = ("jobs", "control")


def problems() -> list[str]:
    """Return a sentence for everything that is not in order."""
    return [f"{name}.yaml: {words}" for name in DOCUMENTS for words in _document(name)] + list(_evidence())


def _document(name: str) -> Iterator[str]:
    document = documents.load(name)
    for component in document["components"]["schemas"]:
        try:
            jsonschema_rs.Draft202012Validator(documents.schema_of(component, name))
        except ValueError as error:
            yield f"the schema {component} is not valid: {error}"
    yield from _unused(name, document)
    for op in documents.operations(name).values():
        yield from _operation(op)


def _unused(name: str, document: dict[str, Any]) -> Iterator[str]:
    text = documents.source(f"openapi/{name}.yaml")
    for component in document["components"]["schemas"]:
        if f"schemas/{component}'" not in text and f"schemas/{component}/" not in text:
            yield f"nothing refers to the schema {component}"


def _operation(op: documents.Operation) -> Iterator[str]:
    if op.document == "jobs" and op.definition.get("x-evidence") not in EVIDENCE:
        yield f"{op.id} does not say how it is known: x-evidence is one of {', '.join(EVIDENCE)}"
    for content in op.request_content().values():
        for name, example in content.get("examples", {}).items():
            yield from _example(op, name, lambda body=example["value"]: documents.check_request(op.id, body))
    for status, response in op.definition["responses"].items():
        if "$ref" in response or not status.isdigit():
            continue
        for content in response.get("content", {}).values():
            for name, example in content.get("examples", {}).items():
                yield from _example(
                    op, name, lambda body=example["value"], s=int(status): documents.check_response(op.id, s, body)
                )
        for link in response.get("links", {}).values():
            if link["operationId"] not in documents.operations(op.document):
                yield f"{op.id} has a link to {link['operationId']}, which is no operation"


def _example(op: documents.Operation, name: str, check: Any) -> Iterator[str]:
    try:
        check()
    except documents.ContractViolation as violation:
        yield f"the example {name} of {op.id} is not valid: {violation.where}: {violation.reason}"


def _evidence() -> Iterator[str]:
    entries = ledger()
    places = {"schemas": documents.load()["components"]["schemas"], "operations": documents.operations(), "info": [""]}
    for entry in entries:
        kind, _, name = entry.where.partition("/")
        if name not in places.get(kind, ()):
            yield f"ledger.toml: {entry.id} points at {entry.where}, which is not in the contract"
        if entry.evidence not in EVIDENCE:
            yield f"ledger.toml: {entry.id} has the evidence {entry.evidence}, not one of {', '.join(EVIDENCE)}"
    if render(entries) != documents.source("DIFFERENCES.md"):
        yield "DIFFERENCES.md is older than ledger.toml: run python -m contracts.differences"
