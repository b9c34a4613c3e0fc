"""Counter-examples: bodies that one of two schemas allows and the other does not.

Bodies are drawn around both schemas, most of them valid but for one place, and kept if the validator tells them apart.
Hypothesis makes the texts that match a pattern. The draws are keyed, so that a report does not change between runs.
"""

from __future__ import annotations

import json
import random
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import jsonschema_rs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ANYTHING: tuple[Any, ...] = (None, True, False, 0, 1, -1, 0.5, "", "a", "b", [], [0], [0, 0], {}, {"extra": 0})
_DEPTH, _MOST_KEYS, _TEXTS = 6, 8, 12
_FOR_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_TYPE_OF_KEYWORD = {
    **dict.fromkeys(("minLength", "maxLength", "pattern"), "string"),
    **dict.fromkeys(_FOR_NUMBERS, "number"),
    **dict.fromkeys(("items", "prefixItems", "minItems", "maxItems", "uniqueItems"), "array"),
    **dict.fromkeys(
        ("properties", "required", "additionalProperties", "patternProperties", "minProperties", "maxProperties",
         "dependentRequired", "propertyNames"), "object",
    ),
}  # fmt: skip


def between(
    old: Any, new: Any, documents: tuple[Any, Any], *, focus: frozenset[str] = frozenset(), tries: int = 400
) -> tuple[list[Any], list[Any]]:
    """Return bodies that only the old schema allows, and bodies that only the new one allows, shortest first.

    Parameters
    ----------
    old, new
        The two schemas.
    documents
        The documents in which their references are resolved.
    focus
        Names of properties that matter most.
    tries
        Number of bodies to try.
    """
    allows = [
        jsonschema_rs.Draft202012Validator(_absolute(schema), registry=_registry(document)).is_valid
        for schema, document in zip((old, new), documents, strict=True)
    ]
    draw = random.Random(0)  # noqa: S311 - no secret
    makers = [(_Maker(document, draw, focus), schema) for document, schema in zip(documents, (old, new), strict=True)]
    found: tuple[list[Any], list[Any]] = ([], [])
    for number in range(tries):
        maker, schema = makers[number % 2]
        body = maker.body(schema, _DEPTH, strange=number % 8 > 1)
        by_old, by_new = allows[0](body), allows[1](body)
        if by_old != by_new:
            found[by_new].append(body)
            if min(map(len, found)) == _ENOUGH:
                break
    return tuple(sorted(bodies, key=lambda body: len(json.dumps(body))) for bodies in found)  # type: ignore[return-value]


_ENOUGH = 5
"""Bodies found on both sides, after which no more are tried."""


_REGISTRIES: list[tuple[Mapping[str, Any], jsonschema_rs.Registry]] = []
"""Registries of the last documents: making one takes most of the time of a search."""


def _registry(document: Mapping[str, Any]) -> jsonschema_rs.Registry:
    for known, registry in _REGISTRIES:
        if known is document:
            return registry
    registry = jsonschema_rs.Registry([("urn:document", dict(document))], draft=jsonschema_rs.Draft202012)
    _REGISTRIES[:] = [*_REGISTRIES[-3:], (document, registry)]
    return registry


def _absolute(node: Any) -> Any:
    """Return a schema whose references name the document."""
    if isinstance(node, list):
        return [_absolute(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: f"urn:document{value}" if key == "$ref" and isinstance(value, str) else _absolute(value)
        for key, value in node.items()
    }


def resolve(schema: Any, document: Mapping[str, Any]) -> Any:
    """Return the schema that a reference leads to, with the keywords beside it; a dangling one leads to any."""
    beside: dict[str, Any] = {}
    while isinstance(schema, dict) and "$ref" in schema:
        beside = {**{key: value for key, value in schema.items() if key != "$ref"}, **beside}
        target: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target.get(step, {}) if isinstance(target, dict) else {}
        schema = target
    return {**schema, **beside} if beside and isinstance(schema, dict) else schema


def different_keys(old: Any, new: Any) -> frozenset[str]:
    """Return the names of properties that two schemas treat differently at their top."""
    found: set[str] = set()
    if isinstance(old, dict) and isinstance(new, dict):
        one, other = old.get("properties", {}), new.get("properties", {})
        found |= {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
        found |= set(old.get("required", ())) ^ set(new.get("required", ()))
    return frozenset(found)


class _Maker:
    """Draws bodies around the schemas of one document.

    Parameters
    ----------
    document
        Where references are resolved.
    draw
        Source of chance.
    focus
        Names of properties that matter most.
    """

    def __init__(self, document: Mapping[str, Any], draw: random.Random, focus: frozenset[str]) -> None:
        self._document, self._draw, self._focus = document, draw, focus

    def body(self, schema: Any, depth: int, *, strange: bool) -> Any:
        """Return a body of a schema; a `strange` one is wrong or at a limit in one place."""
        here = resolve(schema, self._document)
        draw = self._draw
        if not isinstance(here, dict) or depth == 0 or (strange and draw.random() < 0.15):
            return draw.choice(_ANYTHING)
        ways: list[Callable[[], Any]] = []
        if "const" in here:
            ways.append(lambda: here["const"])
        if here.get("enum"):
            ways.append(lambda: draw.choice(here["enum"]))
        for keyword in ("oneOf", "anyOf", "allOf"):
            if here.get(keyword):
                ways.append(lambda k=keyword: self.body(draw.choice(here[k]), depth - 1, strange=strange))  # type: ignore[misc]
        for keyword in ("not", "if", "then", "else"):
            if keyword in here and strange:
                ways.append(lambda k=keyword: self.body(here[k], depth - 1, strange=False))  # type: ignore[misc]
        if not ways or strange:
            types = here.get("type", [])
            names = [types] if isinstance(types, str) else list(types)
            names += [_TYPE_OF_KEYWORD[key] for key in here if key in _TYPE_OF_KEYWORD and (strange or not names)]
            if names:
                ways.append(lambda: self._of_type(draw.choice(names), here, depth, strange=strange))
        return draw.choice(ways)() if ways else draw.choice(_ANYTHING)

    def _of_type(self, name: str, here: Mapping[str, Any], depth: int, *, strange: bool) -> Any:
        if name == "string":
            if "pattern" in here and (not strange or self._draw.random() < 0.6):
                return str(self._draw.choice(matching_texts(here["pattern"])))
            least, most = here.get("minLength", 0), here.get("maxLength", here.get("minLength", 0) + 3)
            lengths = (least, most, least + 1, *((least - 1, most + 1, 0, 300) if strange else ()))
            times = max(0, int(self._draw.choice(lengths)))
            return self._draw.choice("a0.-_ ") * times
        if name in {"number", "integer"}:
            limits = [here[word] for word in _FOR_NUMBERS if isinstance(here.get(word), int | float)]
            edges = [0, 1, 2, 0.5, 1.5, -1, *(value + step for value in limits for step in (-1, -0.5, 0, 0.5, 1))]
            edges += [n * here["multipleOf"] for n in range(-4, 5)] if here.get("multipleOf") else []
            if not strange:
                low = here.get("minimum", here.get("exclusiveMinimum", -1e9))
                high = here.get("maximum", here.get("exclusiveMaximum", 1e9))
                fit = [n for n in edges if low <= n <= high and (name == "number" or n == int(n))]
                edges = fit or edges
            return self._draw.choice(edges)
        if name == "array":
            return self._array(here, depth, strange=strange)
        if name == "object":
            return self._object(here, depth, strange=strange)
        return None if name == "null" else self._draw.random() < 0.5

    def _array(self, here: Mapping[str, Any], depth: int, *, strange: bool) -> list[Any]:
        draw, prefix, items = self._draw, here.get("prefixItems", []), here.get("items", True)
        least = here.get("minItems", 0)
        most = here.get("maxItems", max(least, len(prefix)) + 2)
        length = draw.choice([least, most, draw.randint(least, max(least, min(most, least + 3)))])
        if strange and draw.random() < 0.3:
            length = draw.choice([max(0, least - 1), most + 1])
        odd = draw.randrange(length) if strange and length and draw.random() < 0.7 else -1
        row = [self.body(prefix[n] if n < len(prefix) else items, depth - 1, strange=n == odd) for n in range(length)]
        if here.get("uniqueItems") and not strange:
            row = [value for n, value in enumerate(row) if value not in row[:n]]
        return [row[0]] * max(2, length) if strange and row and draw.random() < 0.2 else row

    def _object(self, here: Mapping[str, Any], depth: int, *, strange: bool) -> dict[str, Any]:
        draw, properties = self._draw, here.get("properties", {})
        needed = [key for key in here.get("required", ()) if isinstance(key, str)]
        near = [key for key in sorted(self._focus) if key in properties] or list(properties)
        optional = [key for key in near[:_MOST_KEYS] if key not in needed and draw.random() < 0.4]
        keys = [*needed, *optional]
        odd = draw.choice([*near, *keys]) if strange and (near or keys) and draw.random() < 0.6 else None
        if odd is not None and odd not in keys:
            keys.append(odd)
        extra = here.get("additionalProperties", True)
        found = {key: self.body(properties.get(key, extra), depth - 1, strange=key == odd) for key in keys}
        patterns = here.get("patternProperties", {})
        if patterns and draw.random() < 0.5:
            pattern = draw.choice(list(patterns))
            found[draw.choice(matching_texts(pattern))] = self.body(patterns[pattern], depth - 1, strange=strange)
        if strange and draw.random() < 0.3:
            found[draw.choice(["extra", "a", *sorted(self._focus)])] = self.body(extra, depth - 1, strange=False)
        if strange and odd is None and found:
            found.pop(draw.choice(list(found)))
        return found


@cache
def matching_texts(pattern: str) -> list[str]:
    """Return texts that match a pattern, made by Hypothesis."""
    import hypothesis.strategies as st  # noqa: PLC0415 - only needed for patterns
    from hypothesis import Phase, given, settings  # noqa: PLC0415

    found: list[str] = []

    @settings(max_examples=_TEXTS, database=None, deadline=None, derandomize=True, phases=[Phase.generate])
    @given(st.from_regex(pattern, fullmatch=pattern.startswith("^")))
    def collect(text: str) -> None:
        found.append(text.rstrip("\n"))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            collect()
        except Exception:
            return ["a", "0", ""]
    return found or ["a", "0", ""]


def shown(body: Any, longest: int = 80) -> str:
    """Return a body as JSON text, shortened."""
    text = json.dumps(body, default=str)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
