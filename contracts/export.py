"""The service's document in a plain form, for tools that know JSON APIs only. Pure.

The service labels JSON as a page and takes it under two labels; its answers have links, and some schemas use what only
JSON Schema has. Most tools refuse that, or validate nothing. The plain form says the same about the bodies.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from . import documents

if TYPE_CHECKING:
    from collections.abc import Iterator

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"


def plain(server: str | None = None) -> dict[str, Any]:
    """Return the document with JSON labels, one label for each body, no links, examples inline, and plain schemas.

    Parameters
    ----------
    server
        Base URL of the server; default: that of the service.
    """
    document = copy.deepcopy(documents.load())
    document["security"] = []
    if server is not None:
        document["servers"] = [{"url": server}]
    for operation in _operations(document):
        operation["description"] = operation.get("description", operation["summary"])
        content = operation.get("requestBody", {}).get("content", {})
        if _JSON in content:
            content.pop(_FORM, None)
        for response in operation["responses"].values():
            _simplify(response, is_json=_JSON in content)
    schemas = document["components"]["schemas"]
    for name in list(schemas):
        schemas[name] = _plain_schema(schemas[name])
    return document


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in document["paths"].values():
        yield from (item[method] for method in ("get", "post") if method in item)


def _simplify(response: dict[str, Any], *, is_json: bool) -> None:
    """Take the links out of a response, and label its JSON as JSON."""
    response.pop("links", None)
    content = response.get("content", {})
    if is_json and "text/html" in content:
        content[_JSON] = content.pop("text/html")


def _plain_schema(node: Any) -> Any:
    """Return a schema without constants that are lists, and without rows described cell by cell."""
    if isinstance(node, list):
        return [_plain_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: _plain_schema(value) for key, value in node.items() if not key.startswith("x-")}
    if isinstance(found.get("const"), list):
        names = found.pop("const")
        found |= {
            "type": "array", "minItems": len(names), "maxItems": len(names), "items": {"type": "string", "enum": names},
        }  # fmt: skip
    if "prefixItems" in found:
        found.pop("prefixItems")
        found["items"] = {}
    if found.get("maxItems") == 0:
        found["items"] = {}
    return found
