"""Comparison of two versions of a document: what changed, and which side it breaks. Pure.

Both are flattened to facts, such as "the request of canceljob needs JobID" or "an answer of getNumJobs has numJobs of
type integer". The facts are compared. The side that states a fact decides what its change breaks: a request's schema is
a promise to clients, an answer's schema is a promise of servers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

NOTHING = "nothing"
_METHODS = ("get", "put", "post", "patch", "delete")
_LIMITS = (
    *("minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength", "minItems", "maxItems"),
    *("pattern", "type"),
)
_MEANING = ("x-default", "x-mandatory")
_ALTERNATIVES = ("oneOf", "anyOf", "allOf")


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One difference.

    Parameters
    ----------
    breaks
        ``clients``, ``servers``, ``both``, or ``nothing``.
    where
        Operation, side, and place.
    what
        What happened, in words.
    """

    breaks: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{'breaks ' + self.breaks:16} {self.where}: {self.what}"


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Return the differences, sorted by the side that they break.

    Parameters
    ----------
    old, new
        OpenAPI documents, decoded.
    """
    before, after = facts(old), facts(new)
    found = [_described(_LOST, key, before[key]) for key in before.keys() - after.keys()]
    found += [_described(_GAINED, key, after[key]) for key in after.keys() - before.keys()]
    found += [
        _altered(key, before[key], after[key]) for key in before.keys() & after.keys() if before[key] != after[key]
    ]
    return sorted(found)


Fact = tuple[str, str, str, str]
"""Operation, side (request, answer or operation), place, and keyword."""


def facts(document: Mapping[str, Any]) -> dict[Fact, Any]:
    """Return everything a document states, by operation, side, place and keyword."""
    found: dict[Fact, Any] = {}
    for path, item in document.get("paths", {}).items():
        for method in _METHODS:
            if method not in item:
                continue
            definition = item[method]
            operation = definition.get("operationId", f"{method} {path}")
            found[operation, "operation", "", "address"] = f"{method.upper()} {path}"
            for label, content in definition.get("requestBody", {}).get("content", {}).items():
                found[operation, "request", "", f"label {label}"] = True
                found |= _schema_facts(document, operation, "request", "", content.get("schema", {}), ())
            for status, response in definition.get("responses", {}).items():
                resolved = _resolved(document, response)
                found[operation, "answer", status, "status"] = True
                for label, content in resolved.get("content", {}).items():
                    found[operation, "answer", status, f"label {label}"] = True
                    found |= _schema_facts(document, operation, "answer", status, content.get("schema", {}), ())
    return found


def _schema_facts(
    document: Mapping[str, Any], operation: str, side: str, place: str, schema: Any, seen: tuple[str, ...]
) -> dict[Fact, Any]:
    if not isinstance(schema, dict):
        return {}
    reference = schema.get("$ref")
    if reference in seen:
        return {}
    here = {**_resolved(document, schema), **{k: v for k, v in schema.items() if k != "$ref"}}
    inner = (*seen, reference) if reference else seen
    found: dict[Fact, Any] = {}
    for keyword in (*_LIMITS, *_MEANING):
        if keyword in here:
            found[operation, side, place, keyword] = here[keyword]
    for value in [here["const"]] if "const" in here else here.get("enum", ()):
        found[operation, side, place, f"value {json.dumps(value)}"] = True
    for key in here.get("required", ()):
        found[operation, side, _join(place, key), "required"] = True
    if here.get("additionalProperties") is False:
        found[operation, side, place, "closed"] = True
    for name, child in _subschemas(here):
        at = _join(place, name)
        found[operation, side, at, "known"] = True
        found |= _schema_facts(document, operation, side, at, child, inner)
    return found


def _subschemas(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from schema.get("properties", {}).items()
    yield from ((f"/{pattern}/", child) for pattern, child in schema.get("patternProperties", {}).items())
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield f"[{name}]", schema[name]
    for keyword in _ALTERNATIVES:
        for number, child in enumerate(schema.get(keyword, ())):
            name = child["$ref"].rsplit("/", 1)[-1] if "$ref" in child else f"{keyword} {number + 1}"
            yield f"<{name}>", child


def _resolved(document: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, Any]:
    found: Any = node
    while isinstance(found, dict) and "$ref" in found:
        target: Any = document
        for step in found["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        found = target
    return dict(found)


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _where(key: Fact) -> str:
    operation, side, place, _keyword = key
    return " ".join(part for part in (operation, "" if side == "operation" else side, place) if part)


_LOST = {
    ("operation", "address"): ("clients", "the operation was removed ({value})"),
    ("request", "required"): ("servers", "is no longer mandatory"),
    ("answer", "required"): ("clients", "may be missing now"),
    ("request", "known"): ("clients", "was removed"),
    ("answer", "known"): ("clients", "was removed"),
    ("request", "default"): ("clients", "has no default any more (was {value!r})"),
    ("request", "choice"): ("clients", "{keyword} is not accepted any more"),
    ("answer", "choice"): ("servers", "{keyword} is not answered any more"),
    ("request", "limit"): ("servers", "{keyword} {value!r} was dropped"),
    ("answer", "limit"): ("clients", "{keyword} {value!r} was dropped"),
}
"""Facts that are no longer stated: the side that this breaks, and the words."""
_GAINED = {
    ("operation", "address"): ("servers", "a new operation ({value})"),
    ("request", "required"): ("clients", "is mandatory now"),
    ("answer", "required"): ("servers", "is always there now"),
    ("request", "known"): ("servers", "may be given now"),
    ("answer", "known"): (NOTHING, "may be there now"),
    ("request", "default"): ("clients", "has a default now: {value!r}"),
    ("request", "choice"): ("servers", "{keyword} has to be accepted now"),
    ("answer", "choice"): ("clients", "{keyword} may be answered now"),
    ("request", "limit"): ("clients", "{keyword} {value!r} was added"),
    ("answer", "limit"): ("servers", "{keyword} {value!r} was added"),
}
"""Facts that are newly stated: the side that this breaks, and the words."""


def _described(table: Mapping[tuple[str, str], tuple[str, str]], key: Fact, value: Any) -> Change:
    _operation, side, _place, keyword = key
    breaks, words = table[side, _keyword_kind(keyword)]
    return Change(breaks, _where(key), words.format(keyword=keyword, value=value))


def _keyword_kind(keyword: str) -> str:
    if keyword in {"address", "required", "known"}:
        return keyword
    if keyword.startswith(("value ", "label ", "status")):
        return "choice"
    return "default" if keyword == "x-default" else "limit"


def _altered(key: Fact, old: Any, new: Any) -> Change:
    """Return the change of a fact that has another value now."""
    _operation, side, _place, keyword = key
    words = f"{keyword} was {old!r}, is {new!r}"
    if keyword == "x-default":
        return Change("clients", _where(key), f"the default was {old!r}, is {new!r}")
    tighter = _is_tighter(keyword, old, new)
    if tighter is None:
        return Change("both", _where(key), words)
    return Change("clients" if tighter == (side == "request") else "servers", _where(key), words)


def _is_tighter(keyword: str, old: Any, new: Any) -> bool | None:
    """Whether a limit allows less than before; None if neither allows all that the other does."""
    if keyword in {"minimum", "exclusiveMinimum", "minLength", "minItems"}:
        return bool(new > old)
    if keyword in {"maximum", "maxLength", "maxItems"}:
        return bool(new < old)
    if keyword == "type":
        one, other = (set(t) if isinstance(t, list) else {t} for t in (old, new))
        return True if other < one else False if one < other else None
    return None


def render(found: Iterable[Change]) -> str:
    """Return the changes as lines of text."""
    return "\n".join(map(str, found)) or "nothing changed"
