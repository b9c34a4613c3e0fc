"""The service's document in a plain form, for tools that know JSON APIs only. Pure.

The service labels JSON as a page and takes it under two labels; its answers have links, and some schemas use what only
JSON Schema has. Most tools refuse that, or validate nothing. The plain form says the same about the bodies.
"""

from __future__ import annotations

import copy
from types import NoneType
from typing import Any

from . import documents
from .counterexamples import resolve

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
    paths = document["paths"].values()
    for operation in (item[method] for item in paths for method in ("get", "post") if method in item):
        operation["description"] = operation.get("description", operation["summary"])
        sent = operation.get("requestBody", {}).get("content", {})
        if _JSON in sent:
            sent.pop(_FORM, None)
        for response in operation["responses"].values():
            response.pop("links", None)
            answered = response.get("content", {})
            if _JSON in sent and "text/html" in answered:
                answered[_JSON] = answered.pop("text/html")
    schemas = document["components"]["schemas"]
    for name in list(schemas):
        schemas[name] = _plain_schema(schemas[name], document)
    return document


def _plain_schema(node: Any, document: dict[str, Any]) -> Any:
    """Return a schema of names and single types: no constants that are lists, no rows described cell by cell."""
    if isinstance(node, list):
        return [_plain_schema(item, document) for item in node]
    if not isinstance(node, dict):
        return node
    if "/properties/" in node.get("$ref", ""):  # many tools know names of whole schemas only
        return _plain_schema({**resolve(node, document)}, document)
    found = {key: _plain_schema(value, document) for key, value in node.items() if not key.startswith("x-")}
    if isinstance(found.get("const"), list):
        names = found.pop("const")
        found |= {
            "type": "array", "minItems": len(names), "maxItems": len(names), "items": {"type": "string", "enum": names},
        }  # fmt: skip
    if isinstance(found.get("enum"), list) and len({type(value) for value in found["enum"]}) > 1:
        found["anyOf"] = _by_type(found.pop("enum"))
    if "prefixItems" in found:
        found.pop("prefixItems")
        found["items"] = {}
    if found.get("maxItems") == 0:
        found["items"] = {}
    return found


def _by_type(values: list[Any]) -> list[dict[str, Any]]:
    """Return alternatives, of one type each, for values of several types."""
    types = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null", list: "array"}
    found: list[dict[str, Any]] = []
    for kind, name in types.items():
        some = [value for value in values if type(value) is kind]
        if some in ([None], [True, False], [False, True]):
            found.append({"type": name})
        elif some == [[]]:
            found.append({"type": name, "maxItems": 0, "items": {}})
        elif some:
            found.append({"type": name, "enum": some})
    return found
