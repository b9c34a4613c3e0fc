"""Checks of the documents themselves: what `xrt-mock contract lint` reports. Pure, but for reading them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from . import documents
from .differences import EVIDENCE, ledger, render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def problems() -> list[str]:
    """Return a sentence for everything that is wrong with the documents and the ledger."""
    in_schemas = []
    for name in documents.DOCUMENTS:
        text = documents.source(f"openapi/{name}.yaml")
        for component in documents.load(name)["components"]["schemas"]:
            try:
                documents.validator(f"/components/schemas/{component}", name)
            except ValueError as error:
                in_schemas.append(f"{name}.yaml: the schema {component} is not valid: {error}")
            if f"schemas/{component}'" not in text and f"schemas/{component}/" not in text:
                in_schemas.append(f"{name}.yaml: the schema {component} is not used")
    in_operations = [
        f"{op.document}.yaml: {words}"
        for name in documents.DOCUMENTS
        for op in documents.operations(name).values()
        for words in _operation_problems(op)
    ]
    return [*in_schemas, *in_operations, *_ledger_problems()]


def _operation_problems(op: documents.Operation) -> Iterator[str]:
    if op.document == "jobs" and op.definition.get("x-evidence") not in EVIDENCE:
        yield f"{op.id} has no evidence: set x-evidence to one of {', '.join(EVIDENCE)}"
    for content in op.request_content().values():
        for name, example in content.get("examples", {}).items():
            yield from _violation_of(op, name, partial(documents.check_request, op.id, example["value"]))
    for status, response in op.definition["responses"].items():
        if "$ref" in response or not status.isdigit():
            continue
        for content in response.get("content", {}).values():
            for name, example in content.get("examples", {}).items():
                check = partial(documents.check_response, op.id, int(status), example["value"])
                yield from _violation_of(op, name, check)
        for link in response.get("links", {}).values():
            if link["operationId"] not in documents.operations(op.document):
                yield f"{op.id} has a link to {link['operationId']}, which is not an operation of {op.document}.yaml"


def _violation_of(op: documents.Operation, name: str, check: Callable[[], object]) -> Iterator[str]:
    """Yield what the check of an example finds."""
    try:
        check()
    except documents.ContractViolation as violation:
        yield f"the example {name} of {op.id} is not valid: {violation.cause}"


def _ledger_problems() -> Iterator[str]:
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
