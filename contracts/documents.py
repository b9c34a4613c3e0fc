"""The contract's documents, and checks of one request or one answer against them.

No server and no client is needed: the functions take bodies, status codes and labels.

>>> from contracts import documents
>>> documents.operation_for("POST", "/user_objects/getNumJobs.php")
'getNumJobs'
>>> documents.check_response("getNumJobs", 200, {"OK": 1, "numJobs": 3, "APIVersion": "1.12"})
'ActiveJobs'
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

import jsonschema_rs
import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Direction = Literal["request", "response"]
DOCUMENTS = ("jobs", "control")
"""The documents by name: the service, and the simulator's own interface."""

_ROOT = resources.files(__package__)
_METHODS = ("get", "put", "post", "patch", "delete")
_DISCRIMINATORS = {"OK", "statusCode", "GotProgress", "GotPos", "APIFunc"}
"""Keys whose value says which variant a body is meant to be."""


class ContractViolation(AssertionError):  # noqa: N818 - the word the project uses
    """A request or an answer is not what the contract says.

    Parameters
    ----------
    operation
        Operation ID.
    direction
        ``request`` or ``response``.
    where
        Place in the body, as a path of keys; empty for the whole.
    reason
        What is wrong, in words.
    rule
        Place of the broken rule in the document.
    evidence
        How the rule is known: documented, client, field, assumed; empty if the rule does not say.
    """

    def __init__(
        self, operation: str, direction: Direction, where: str, reason: str, *, rule: str = "", evidence: str = ""
    ) -> None:
        self.operation, self.direction, self.where = operation, direction, where
        self.reason, self.rule, self.evidence = reason, rule, evidence
        what = "request to" if direction == "request" else "answer of"
        side = "sender" if direction == "request" else "server"
        super().__init__(
            f"{what} {operation} breaks the contract at {where or 'the top'}: {reason}\n"
            f"  rule: {rule or 'the operation'} ({evidence or 'evidence not stated'})\n"
            f"  to do: fix the {side}{'; the rule is assumed' if evidence == 'assumed' else ''}"
        )

    @property
    def cause(self) -> str:
        """What is wrong and where, in one line."""
        return f"{self.where or 'the body'}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document.

    Parameters
    ----------
    id
        Operation ID, unique over all documents.
    method
        In capitals.
    path
        Template, ``{name}`` for a parameter.
    document
        Name of the document that defines it.
    definition
        Its part of the document.
    """

    id: str
    method: str
    path: str
    document: str
    definition: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def takes_json(self) -> bool:
        """Whether its request has a JSON body."""
        return "application/json" in self.request_content()

    def request_content(self) -> Mapping[str, Any]:
        """Return the documented bodies, by media type; empty if it takes none."""
        content: Mapping[str, Any] = self.definition.get("requestBody", {}).get("content", {})
        return content

    def response_for(self, status: int) -> Mapping[str, Any] | None:
        """Return the documented response for a status code, or None."""
        responses = self.definition["responses"]
        found = responses.get(str(status), responses.get(f"{status // 100}XX", responses.get("default")))
        return None if found is None else _dereferenced(self.document, found)

    def variants(self, direction: Direction, status: int = 200) -> dict[str, Any]:
        """Return the documented kinds of body by name: the schema's ``oneOf``, or the schema alone."""
        content: Mapping[str, Any]
        if direction == "request":
            content = self.request_content()
        else:
            content = (self.response_for(status) or {}).get("content", {})
        first: Mapping[str, Any] = next(iter(content.values()), {})
        schema = first.get("schema", {})
        resolved = _dereferenced(self.document, schema)
        branches = resolved.get("oneOf") if isinstance(resolved, dict) else None
        if branches and all("$ref" in branch for branch in branches):
            return {_last_step(branch["$ref"]): branch for branch in branches}
        return {_last_step(schema["$ref"]) if "$ref" in schema else str(status): schema}


@cache
def load(name: str = "jobs") -> dict[str, Any]:
    """Return a document, its examples inlined. It is shared: do not change it.

    Parameters
    ----------
    name
        ``jobs`` (the service) or ``control`` (the simulator's own interface).
    """
    document: dict[str, Any] = parse_yaml(source(f"openapi/{name}.yaml"))
    _inline_examples(document)
    return document


def parse_yaml(text: str) -> Any:
    """Return decoded YAML or JSON text; libyaml, where it is installed, needs a fifth of the time."""
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe


def source(name: str) -> str:
    """Return the text of a file below ``contracts``, such as ``evidence/ledger.toml``."""
    return _ROOT.joinpath(*name.split("/")).read_text(encoding="utf-8")


@cache
def operations(name: str = "jobs") -> dict[str, Operation]:
    """Return the operations of a document by their ID, in the document's order."""
    return {
        definition["operationId"]: Operation(definition["operationId"], method.upper(), path, name, definition)
        for path, item in load(name)["paths"].items()
        for method, definition in item.items()
        if method in _METHODS
    }


def operation(operation_id: str) -> Operation:
    """Return one operation of any document.

    Raises
    ------
    KeyError
        If no document has it; the message lists the operations of the service.
    """
    for name in DOCUMENTS:
        if operation_id in operations(name):
            return operations(name)[operation_id]
    raise KeyError(f"no operation {operation_id!r} in contracts/openapi; known: {', '.join(operations())}")


def operation_for(method: str, path: str) -> str | None:
    """Return the ID of the operation that a call belongs to, or None; fixed paths win over templates."""
    fixed, templates = _addresses()
    found = fixed.get((method.upper(), path))
    if found is not None:
        return found
    matching = (id_ for wanted, pattern, id_ in templates if wanted == method.upper() and pattern.fullmatch(path))
    return next(matching, None)


@cache
def _addresses() -> tuple[dict[tuple[str, str], str], list[tuple[str, re.Pattern[str], str]]]:
    """Return operation IDs by method and fixed path, and the templates: those with fewer parameters first."""
    every = [op for name in DOCUMENTS for op in operations(name).values()]
    templates = sorted((op for op in every if "{" in op.path), key=lambda op: op.path.count("{"))
    fixed = {(op.method, op.path): op.id for op in every if "{" not in op.path}
    patterns = []
    for op in templates:
        literal_parts = map(re.escape, re.split(r"\{\w+\}", op.path))
        patterns.append((op.method, re.compile("[^/]+?".join(literal_parts)), op.id))
    return fixed, patterns


def examples() -> list[dict[str, Any]]:
    """Return the index of the documented bodies: file, endpoint, kind, evidence, source and note of each."""
    index: list[dict[str, Any]] = json.loads(source("openapi/examples/index.json"))
    return index


def example(file: str) -> Any:
    """Return one documented body, decoded."""
    return json.loads(source(f"openapi/examples/{file}"))


@cache
def parameter_catalogue() -> list[dict[str, Any]]:
    """Return every parameter of a submission as documented: ``evidence/parameters.json``. Do not change it."""
    catalogue: list[dict[str, Any]] = json.loads(source("evidence/parameters.json"))["parameters"]
    return catalogue


def submission_parameters() -> dict[str, Any]:
    """Return the schemas of a submission's parameters, by name on the wire. Do not change them."""
    parameters: dict[str, Any] = load()["components"]["schemas"]["Submission"]["properties"]
    return parameters


@cache
def validator(pointer: str, document: str = "jobs") -> jsonschema_rs.Draft202012Validator:
    """Return the compiled validator of a schema inside a document.

    Parameters
    ----------
    pointer
        JSON pointer to the schema, such as ``/components/schemas/JobID``.
    document
        Name of the document.
    """
    return _compile(document, {"$ref": f"#{pointer}"})


def check_request(operation_id: str, body: Any) -> str:
    """Return which documented kind of request `body` is.

    Raises
    ------
    ContractViolation
        If it is undocumented.
    """
    return _check(operation(operation_id), "request", 200, body)


def check_response(operation_id: str, status: int, body: Any, media_type: str | None = None) -> str:
    """Return which documented kind of answer this is.

    Parameters
    ----------
    operation_id
        Which operation answered.
    status
        HTTP status code.
    body
        Decoded JSON where the answer is JSON, else the text; ignored where any bytes are allowed.
    media_type
        The label of the answer; not checked if None.

    Raises
    ------
    ContractViolation
        If it is undocumented.
    """
    op = operation(operation_id)
    response = op.response_for(status)
    if response is None:
        known = ", ".join(op.definition["responses"])
        raise ContractViolation(op.id, "response", "", f"HTTP status {status} is not among {known}", rule="responses")
    wrong_label = _wrong_label(response, media_type)
    try:
        variant = _check(op, "response", status, body)
    except ContractViolation as violation:
        if not wrong_label:
            raise
        reason = f"{violation.reason}; and {wrong_label}"
        raise ContractViolation(
            op.id, "response", violation.where, reason, rule=violation.rule, evidence=violation.evidence
        ) from violation
    if wrong_label:
        raise ContractViolation(op.id, "response", "", wrong_label, rule=f"responses/{status}/content")
    return variant


def label_problem(operation_id: str, status: int, media_type: str) -> str | None:
    """Return what is wrong with the label of an answer, whatever its body; None if it is documented."""
    response = operation(operation_id).response_for(status)
    return None if response is None else _wrong_label(response, media_type)


def _wrong_label(response: Mapping[str, Any], media_type: str | None) -> str | None:
    content = response.get("content", {})
    label = None if media_type is None else media_type.split(";")[0].strip().lower()
    if label is None or not content or label in content:
        return None
    return f"it {f'is labelled {label}' if label else 'has no label'}, not {' or '.join(content)}"


def check_schema(component: str, body: Any, name: str = "jobs") -> None:
    """Check a part of a body against a named schema; raises `ContractViolation`."""
    errors = list(validator(f"/components/schemas/{component}", name).iter_errors(body))
    if errors:
        raise _violation(component, "response", name, _nearest(errors))


def _check(op: Operation, direction: Direction, status: int, body: Any) -> str:
    body = body.decode("latin-1") if isinstance(body, bytes) else body
    validators = _validators(op.id, direction, status)
    for name, variant in validators.items():
        if variant.is_valid(body):
            return name
    best = min((list(variant.iter_errors(body)) for variant in validators.values()), key=_distance)
    raise _violation(op.id, direction, op.document, _nearest(best))


@cache
def _validators(operation_id: str, direction: Direction, status: int) -> dict[str, jsonschema_rs.Draft202012Validator]:
    op = operation(operation_id)
    return {name: _compile(op.document, schema) for name, schema in op.variants(direction, status).items()}


def _compile(document: str, schema: Mapping[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """Return the validator of a named schema, or of one without references."""
    if "$ref" in schema:
        schema = {"$ref": f"urn:contracts:{document}{schema['$ref']}"}
    return jsonschema_rs.Draft202012Validator(dict(schema), registry=_registry())


@cache
def _registry() -> jsonschema_rs.Registry:
    """Return the documents as one registry, so that a validator does not have to read them all again."""
    resources_by_uri = [(f"urn:contracts:{name}", load(name)) for name in DOCUMENTS]
    return jsonschema_rs.Registry(resources_by_uri, draft=jsonschema_rs.Draft202012)


def _nearest(errors: Sequence[jsonschema_rs.ValidationError]) -> jsonschema_rs.ValidationError:
    """Descend into alternatives until the error says something a person can act on."""
    error = min(errors, key=lambda e: len(e.instance_path))
    branches = getattr(error.kind, "context", None)
    return _nearest(min(branches, key=_distance)) if branches else error


def _distance(errors: Sequence[jsonschema_rs.ValidationError]) -> tuple[int, int]:
    """Sort key, how far a body is from a variant: keys that distinguish variants count first."""
    wrong_variant = sum(
        1 for e in errors if e.kind.name == "const" and e.instance_path and e.instance_path[-1] in _DISCRIMINATORS
    )
    return wrong_variant, sum(len(getattr(e.kind, "unexpected", "x")) for e in errors)


def _violation(
    operation_id: str, direction: Direction, document: str, error: jsonschema_rs.ValidationError
) -> ContractViolation:
    where = "/".join(str(step) for step in error.instance_path)
    path = [str(step) for step in error.schema_path]
    node: Any = load(document)
    evidence = ""  # the innermost on the way to the rule
    for step in path:
        node = node[int(step)] if isinstance(node, list) else node.get(step) if isinstance(node, dict) else None
        if isinstance(node, dict) and isinstance(node.get("x-evidence"), str):
            evidence = node["x-evidence"]
    return ContractViolation(operation_id, direction, where, error.message, rule="/".join(path), evidence=evidence)


def _inline_examples(node: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _inline_examples(item)
    elif isinstance(node, dict):
        if "externalValue" in node:
            node["value"] = example(node.pop("externalValue").removeprefix("examples/"))
        for item in list(node.values()):
            _inline_examples(item)


def _dereferenced(document: str, node: Any) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        target: Any = load(document)
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def _last_step(reference: str) -> str:
    """Return the name at the end of a reference."""
    return reference.rsplit("/", 1)[-1]
