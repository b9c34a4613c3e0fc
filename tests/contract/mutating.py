"""Changes of a document in one place each, as many as there are, to compare it with the document."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    Path = tuple[Any, ...]

_LEAST = ("minimum", "minLength", "minItems", "minProperties", "exclusiveMinimum")
_MOST = ("maximum", "maxLength", "maxItems", "maxProperties", "exclusiveMaximum")
_TYPES = ("string", "number", "boolean", "null", "array", "object")
_BY_NAME = ("properties", "patternProperties", "schemas")
_LISTS = ("oneOf", "anyOf", "allOf", "prefixItems")
_ONE = ("items", "additionalProperties", "not", "schema", "contains")
_GONE = object()


def mutations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a name and the changed document for every change."""
    for path, value in _places(document, ()):
        for words, changed in _changes(path, value):
            if changed == value:
                continue
            yield f"{'/'.join(map(str, path))}: {words}", _replaced(document, path, changed)


def _replaced(node: Any, path: Path, value: Any) -> Any:
    """Return a copy of a document with another value in one place; what is not on the way is shared."""
    if not path:
        return value
    key, *rest = path
    found = copy.copy(node)
    if not rest and value is _GONE:
        del found[key]
    else:
        found[key] = _replaced(node[key], tuple(rest), value)
    return found


def _places(document: dict[str, Any], path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield the path and value of every schema keyword, parameter, header, label and link."""
    for name, schema in document.get("components", {}).get("schemas", {}).items():
        yield from _in_schema(schema, (*path, "components", "schemas", name))
    for kind in ("parameters", "responses"):
        for name, node in document.get("components", {}).get(kind, {}).items():
            yield from _in_message(node, ("components", kind, name))
    for address, item in document["paths"].items():
        for number, parameter in enumerate(item.get("parameters", ())):
            yield ("paths", address, "parameters", number), parameter
            yield from _in_message(parameter, ("paths", address, "parameters", number))
        for method, operation in item.items():
            if method in {"get", "post", "put", "patch", "delete"}:
                at = ("paths", address, method)
                for number, parameter in enumerate(operation.get("parameters", ())):
                    yield (*at, "parameters", number), parameter
                    yield from _in_message(parameter, (*at, "parameters", number))
                if "requestBody" in operation:
                    yield (*at, "requestBody", "required"), operation["requestBody"].get("required")
                    yield from _in_message(operation["requestBody"], (*at, "requestBody"))
                for status, response in operation["responses"].items():
                    yield (*at, "responses", status), response
                    yield from _in_message(response, (*at, "responses", status))


def _in_message(node: dict[str, Any], path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield what is inside a parameter, a body or a response."""
    if "schema" in node:
        yield from _in_schema(node["schema"], (*path, "schema"))
    for label, content in node.get("content", {}).items():
        yield (*path, "content", label), content
        yield from _in_schema(content.get("schema", {}), (*path, "content", label, "schema"))
    for name, link in node.get("links", {}).items():
        yield (*path, "links", name), link
        if "requestBody" in link:
            yield (*path, "links", name, "requestBody"), link["requestBody"]


def _in_schema(schema: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if not isinstance(schema, dict):
        return
    for keyword, value in schema.items():
        if keyword.startswith("x-") or keyword in {"description", "title"}:
            continue
        yield (*path, keyword), value
        if keyword in _BY_NAME:
            for name, child in value.items():
                yield (*path, keyword, name), child
                yield from _in_schema(child, (*path, keyword, name))
        elif keyword in _LISTS:
            for number, child in enumerate(value):
                yield (*path, keyword, number), child
                yield from _in_schema(child, (*path, keyword, number))
        elif keyword in _ONE:
            yield from _in_schema(value, (*path, keyword))
        elif keyword in {"required", "enum", "type"} and isinstance(value, list):
            for number, item in enumerate(value):
                yield (*path, keyword, number), item


def _changes(path: Path, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield other values of one place, each with a word."""
    keyword = path[-1]
    yield "removed", _GONE
    if len(path) > 1 and path[-2] in _BY_NAME:
        if isinstance(value, dict):
            yield "to a boolean", {"type": "boolean"}
            yield "to a long text", {"type": "string", "minLength": 7}
            yield "not a text", {"not": {"type": "string"}}
    elif keyword == "required" and isinstance(value, bool):
        yield "the other", not value
    elif keyword in _LEAST or keyword in _MOST:
        yield "raised", value + 1
        yield "lowered", value - 1
    elif keyword == "type":
        one = [value] if isinstance(value, str) else value
        for other in _TYPES:
            if other not in one:
                yield f"to {other}", other
        yield "nullable", sorted({*one, "null"} ^ ({"null"} if "null" in one else set()))
    elif keyword in {"enum", "required"}:
        yield "one more", [*value, "another"]
    elif keyword == "pattern":
        yield "to digits", "^[0-9]+$"
        yield "to letters", "^[a-z]+$"
    elif keyword == "const":
        yield "to another", "another"
    elif keyword == "additionalProperties":
        yield "the other", not value if isinstance(value, bool) else False
    elif keyword == "uniqueItems":
        yield "the other", not value
    elif keyword in {"oneOf", "anyOf"}:
        yield "one more", [*value, {"const": "another"}]
