"""Comparison of two versions of a document: what changed, and which side it breaks.

Both are walked together. Where two schemas differ in a keyword, the difference is judged alone: by a body that only one
of them allows (`contracts.counterexamples`). A request's schema is a promise to clients, an answer's is a promise of
servers, so the same difference breaks different sides. What is not understood is reported, effect unknown.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

NOTHING, UNKNOWN = "nothing", "unknown"
Side = Literal["request", "answer"]
_METHODS = ("get", "put", "post", "patch", "delete", "head", "options", "trace")
_WORDS_ALONE = frozenset(
    {"title", "description", "summary", "example", "examples", "$comment", "tags", "externalDocs", "x-evidence",
     "x-python", "x-unit", "x-range", "x-schemathesis"}
)  # fmt: skip
"""Keys that only people read."""
_BY_NAME = ("properties", "patternProperties")
_ONE = ("items", "additionalProperties", "contains", "propertyNames")
_SHAPES = frozenset({"oneOf", "anyOf", "allOf", "const", "enum", "not", "if"})
"""Keywords that another can take the place of; together with others they are judged as a whole."""
_BY_PLACE = ("oneOf", "anyOf", "allOf", "prefixItems")


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One difference.

    Parameters
    ----------
    breaks
        ``clients``, ``servers``, ``both``, ``nothing``, or ``unknown``.
    where
        Operation, side, and place.
    what
        What happened, in words.
    examples
        Bodies that show it, as sentences.
    """

    breaks: str
    where: str
    what: str
    examples: tuple[str, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        effect = "effect unknown" if self.breaks == UNKNOWN else f"breaks {self.breaks}"
        return "\n".join([f"{effect:16} {self.where}: {self.what}", *(f"{'':17}{each}" for each in self.examples)])


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Return the differences, sorted by the side that they break.

    Parameters
    ----------
    old, new
        OpenAPI documents, decoded.
    """
    return sorted(set(_Walk(old, new).document()))


def render(found: Iterable[Change]) -> str:
    """Return the changes as lines of text."""
    return "\n".join(map(str, found)) or "nothing changed"


@dataclass(frozen=True)
class _Place:
    """Place of a schema: where it is, whose promise, the references on the way, whether inside ``not``.

    `embed` puts a schema back among the alternatives around it: what one of them loses another may still allow.
    """

    where: str
    side: Side
    seen: tuple[str, ...] = ()
    inverted: bool = False
    embed: Callable[[Any], Any] = lambda schema: schema

    def below(self, name: str, keyword: str, number: int, around: Mapping[str, Any]) -> _Place:
        """Return the place of a schema below a keyword of another."""
        at = replace(self, where=_join(self.where, name), inverted=self.inverted != (keyword == "not"))
        if keyword not in {"oneOf", "anyOf"}:
            return _Place(at.where, at.side, at.seen, at.inverted)

        def among(schema: Any) -> Any:
            alternatives = list(around[keyword])
            alternatives[number] = schema
            return self.embed({**around, keyword: alternatives})

        return replace(at, embed=among)


class _Walk:
    """Walk through two documents together."""

    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self._old, self._new = old, new
        self._judged: dict[str, tuple[str | None, str | None]] = {}
        texts = []
        for document in (old, new):
            parts = document.get("components", {})
            texts.append({f"#/components/{kind}/{name}": node for kind in parts for name, node in parts[kind].items()})
        names = texts[0].keys() | texts[1].keys()
        self._dirty = {name for name in names if _differ(texts[0].get(name), texts[1].get(name))}
        """References that lead to something that differs, also by further references."""
        links = {name: set(_references(node)) for each in texts for name, node in each.items()}
        while more := {
            name for name in links.keys() - self._dirty if any(_is_in(ref, self._dirty) for ref in links[name])
        }:
            self._dirty |= more

    def document(self) -> Iterator[Change]:
        """Yield the differences of the documents."""
        old, new = self._operations(self._old), self._operations(self._new)
        for address in old.keys() | new.keys():
            if address not in new:
                id_ = old[address].get("operationId", address)
                yield Change("clients", id_, f"the operation was removed ({address})")
            elif address not in old:
                yield Change("servers", new[address].get("operationId", address), f"a new operation ({address})")
            else:
                yield from self._operation(old[address].get("operationId", address), old[address], new[address])
        apart = {"paths", "components", "info"}
        yield from _unknown("document", _others(self._old, apart), _others(self._new, apart))
        schemes = [doc.get("components", {}).get("securitySchemes") for doc in (self._old, self._new)]
        yield from _unknown("document", {"securitySchemes": schemes[0]}, {"securitySchemes": schemes[1]})

    @staticmethod
    def _operations(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return operations by method and path, with what the path says for all of them."""
        found = {}
        for path, item in document.get("paths", {}).items():
            shared = {key: value for key, value in item.items() if key not in (*_METHODS, "parameters")}
            for method in _METHODS:
                if method in item:
                    of_path = {"x-of-path": {k: v for k, v in shared.items() if k not in _WORDS_ALONE}}
                    parameters = [*item.get("parameters", ()), *item[method].get("parameters", ())]
                    found[f"{method.upper()} {path}"] = {**item[method], **of_path, "parameters": parameters}
        return found

    def _operation(self, name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
        yield from self._parameters(name, old, new)
        bodies = [self._resolved(o.get("requestBody", {}), d) for o, d in ((old, self._old), (new, self._new))]
        if bool(bodies[0].get("required")) != bool(bodies[1].get("required")):
            tighter = bool(bodies[1].get("required"))
            yield Change("clients" if tighter else "servers", f"{name} request", "the body " + _needed_words(tighter))
        yield from self._contents(f"{name} request", "request", *(body.get("content", {}) for body in bodies))
        yield from _unknown(f"{name} request", *(_others(body, {"required", "content"}) for body in bodies))
        answers = [o.get("responses", {}) for o in (old, new)]
        yield from _kept(f"{name} answer", "answer", "status", *answers)
        for status in answers[0].keys() & answers[1].keys():
            both = [self._resolved(a[status], d) for a, d in zip(answers, (self._old, self._new), strict=True)]
            where = f"{name} answer {status}"
            yield from self._contents(where, "answer", *(each.get("content", {}) for each in both))
            yield from self._headers(where, *(each.get("headers", {}) for each in both))
            yield from _unknown(f"{where} link", *(each.get("links", {}) for each in both))
            yield from _unknown(where, *(_others(each, {"content", "headers", "links"}) for each in both))
        apart = {"parameters", "requestBody", "responses"}
        yield from _unknown(name, _others(old, apart), _others(new, apart))

    def _parameters(self, name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
        found = []
        for operation, document in ((old, self._old), (new, self._new)):
            each = [self._resolved(parameter, document) for parameter in operation["parameters"]]
            found.append({(p.get("in"), p.get("name")): p for p in each})
        for key in found[0].keys() | found[1].keys():
            where = f"{name} request {key[0]} {key[1]}"
            if key not in found[1]:
                yield Change("clients", where, "was removed")
            elif key not in found[0]:
                tighter = bool(found[1][key].get("required"))
                yield Change("clients" if tighter else "servers", where, _needed_words(tighter))
            else:
                one, other = found[0][key], found[1][key]
                if bool(one.get("required")) != bool(other.get("required")):
                    tighter = bool(other.get("required"))
                    yield Change("clients" if tighter else "servers", where, _needed_words(tighter))
                yield from self._schemas(_Place(where, "request"), one.get("schema", True), other.get("schema", True))
                apart = {"required", "schema"}
                yield from _unknown(where, _others(one, apart), _others(other, apart))

    def _contents(self, where: str, side: Side, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
        yield from _kept(where, side, "label", old, new)
        for label in old.keys() & new.keys():
            one, other = old[label], new[label]
            yield from self._schemas(_Place(where, side), one.get("schema", True), other.get("schema", True))
            yield from _unknown(f"{where} {label}", _others(one, {"schema"}), _others(other, {"schema"}))

    def _headers(self, where: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
        for name in old.keys() | new.keys():
            at = f"{where} header {name}"
            if name not in new:
                yield Change("clients", at, "was removed")
            elif name not in old:
                yield Change("clients", at, "may be there now")
            else:
                one, other = self._resolved(old[name], self._old), self._resolved(new[name], self._new)
                yield from self._schemas(_Place(at, "answer"), one.get("schema", True), other.get("schema", True))
                yield from _unknown(at, _others(one, {"schema"}), _others(other, {"schema"}))

    # schemas --------------------------------------------------------------------------------------------------

    def _schemas(self, place: _Place, old: Any, new: Any) -> Iterator[Change]:
        """Yield the differences of two schemas."""
        if self._same(old, new):
            return
        references = tuple(node["$ref"] for node in (old, new) if isinstance(node, dict) and "$ref" in node)
        if any(reference in place.seen for reference in references):
            return
        place = replace(place, seen=place.seen + references)
        one, other = self._resolved(old, self._old), self._resolved(new, self._new)
        if not isinstance(one, dict) or not isinstance(other, dict):
            yield self._judge(place, _difference("the schema", one, other), one, other)
            return
        one, other = _unwrapped(one), _unwrapped(other)
        if "$ref" in one or "$ref" in other:
            yield from self._schemas(place, one, other)
            return
        differing = {key for key in one.keys() | other.keys() if _differ(one.get(key), other.get(key))} - _WORDS_ALONE
        if len(differing) > 1 and (one.keys() ^ other.keys()) & _SHAPES:
            yield self._judge(place, _difference("the schema", one, other), one, other)
            return
        for keyword in sorted((one.keys() | other.keys()) - _WORDS_ALONE):
            before, after = one.get(keyword), other.get(keyword)
            if keyword in one and keyword in other and self._same(before, after):
                continue
            pairs, alone = self._matched(keyword, before, after)
            for number, (name, a, b) in enumerate(pairs):
                yield from self._schemas(place.below(name, keyword, number, one), a, b)
            if alone or not pairs:
                yield from self._alone(place, keyword, one, other)

    def _matched(self, keyword: str, before: Any, after: Any) -> tuple[list[tuple[str, Any, Any]], bool]:
        """Return the pairs of schemas below a keyword, and whether something has no partner."""
        if keyword in _BY_NAME and isinstance(before, dict) and isinstance(after, dict):
            form = "/{}/" if keyword == "patternProperties" else "{}"
            pairs = [(form.format(key), before[key], after[key]) for key in before if key in after]
            return pairs, before.keys() != after.keys()
        if keyword in _ONE and isinstance(before, dict) and isinstance(after, dict):
            return [(f"[{keyword}]", before, after)], False
        if keyword == "not" and isinstance(before, dict) and isinstance(after, dict):
            return [("<not>", before, after)], False
        if keyword in _BY_PLACE and isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
            names = (
                a["$ref"].rsplit("/", 1)[-1] if isinstance(a, dict) and "$ref" in a else f"{keyword} {number}"
                for number, a in enumerate(before, start=1)
            )
            return [(f"<{name}>", a, b) for name, a, b in zip(names, before, after, strict=True)], False
        return [], True

    def _alone(self, place: _Place, keyword: str, one: Any, other: Any) -> Iterator[Change]:
        """Yield what a keyword changes apart from the schemas below it that have a partner."""
        before, after = one.get(keyword), other.get(keyword)
        if keyword == "x-default":  # it decides what the client gets who gives no value
            words = f"the default was {before!r}, is {after!r}"
            if before is None:
                words = f"has a default now: {after!r}"
            elif after is None:
                words = f"has no default any more (was {before!r})"
            yield Change("clients", place.where, words)
        elif keyword.startswith("x-"):
            yield Change(UNKNOWN, place.where, _difference(keyword, before, after))
        elif keyword in {*_BY_NAME, "required"} or (keyword == "enum" and before and after):
            lost, of_values = keyword in _BY_NAME, keyword == "enum"
            for key in before or ():
                if not _has(after, key):
                    is_list = isinstance(before, list)
                    value = [k for k in before if _differ(k, key)] if is_list else _without(before, key)
                    at, words = _named(place, keyword, key, gained=False)
                    there, changed = replace(place, where=at), {**one, keyword: value}
                    yield self._judge(there, words, one, changed, lost=lost, is_value=of_values)
            for key in after or ():
                if not _has(before, key):
                    value = [*(before or ()), key] if isinstance(after, list) else {**(before or {}), key: after[key]}
                    at, words = _named(place, keyword, key, gained=True)
                    yield self._judge(replace(place, where=at), words, one, {**one, keyword: value}, is_value=of_values)
        else:
            changed = {**_without(one, keyword), **({keyword: after} if keyword in other else {})}
            yield self._judge(place, _difference(keyword, before, after), one, changed)

    def _judge(
        self, place: _Place, words: str, old: Any, new: Any, *, lost: bool = False, is_value: bool = False
    ) -> Change:
        """Return the change between two schemas, with the side that it breaks and a body for each side.

        A property that is `lost` breaks clients also where a schema still allows it: it has no meaning any more.
        If only one value (`is_value`) is at stake, and another alternative allows it, nothing changes.
        """
        from .counterexamples import different_keys  # noqa: PLC0415 - Hypothesis is loaded only if something changed

        side, focus = place.side, different_keys(old, new)
        old, new = place.embed(old), place.embed(new)
        narrower, wider = self._effect(old, new, focus)
        if place.inverted:
            narrower, wider = wider, narrower
        clients, servers = (narrower, wider) if side == "request" else (wider, narrower)
        sides = {"clients"} if lost else set()
        sides |= {name for name, found in (("clients", clients), ("servers", servers)) if found is not None}
        examples = []
        if clients is not None:
            verb = "a client that sends {} is now refused" if side == "request" else "a client may now be answered {}"
            examples.append(verb.format(clients))
        if servers is not None:
            verb = "a server now has to accept {}" if side == "request" else "a server may no longer answer {}"
            examples.append(verb.format(servers))
        if not sides:
            sides = {NOTHING if is_value or self._normal(old) == self._normal(new) else UNKNOWN}
        breaks = "both" if len(sides) == 2 else sides.pop()
        return Change(breaks, place.where, words, tuple(examples))

    def _effect(self, old: Any, new: Any, focus: frozenset[str]) -> tuple[str | None, str | None]:
        """Return a body that is now refused, and one that is newly allowed, as text; None for what was not found."""
        from . import counterexamples  # noqa: PLC0415 - Hypothesis is loaded only if something changed

        key = json.dumps([old, new], sort_keys=True, default=str)
        if key not in self._judged:
            try:
                found = counterexamples.between(old, new, (self._old, self._new), focus=focus)
            except ValueError:  # one of them is no schema
                found = ([], [])
            shown = [counterexamples.shown(bodies[0]) if bodies else None for bodies in found]
            self._judged[key] = (shown[0], shown[1])
        return self._judged[key]

    def _normal(self, node: Any) -> Any:
        """Return a schema in one form: lists without order sorted, a lone alternative in place of its list."""
        if isinstance(node, list):
            return [self._normal(item) for item in node]
        if not isinstance(node, dict):
            return node
        found = {key: self._normal(value) for key, value in node.items() if key not in _WORDS_ALONE}
        for keyword in ("oneOf", "anyOf", "allOf"):
            if len(found.get(keyword, ())) == 1 and set(found) == {keyword}:
                return found[keyword][0]
        for keyword in ("required", "enum", "type"):
            if isinstance(found.get(keyword), list):
                found[keyword] = sorted(found[keyword], key=json.dumps)
        return found

    # references -----------------------------------------------------------------------------------------------

    def _resolved(self, node: Any, document: Mapping[str, Any]) -> Any:
        from .counterexamples import resolve  # noqa: PLC0415 - Hypothesis is loaded only if something changed

        return resolve(node, document) if isinstance(node, dict) and "$ref" in node else node

    def _same(self, old: Any, new: Any) -> bool:
        return bool(old == new) and repr(old) == repr(new) and not any(_is_in(r, self._dirty) for r in _references(old))


def _differ(one: Any, other: Any) -> bool:
    """Whether two values differ in JSON, where 0 is not false and 1 is not true."""
    if one is other:
        return False
    return bool(one != other) or json.dumps(one, sort_keys=True, default=str) != json.dumps(
        other, sort_keys=True, default=str
    )


def _has(keys: Any, key: Any) -> bool:
    """Whether a list or an object of JSON has a value or key."""
    return any(not _differ(each, key) for each in keys or ())


def _unwrapped(node: dict[str, Any]) -> dict[str, Any]:
    """Return the one alternative of a schema that has no other keyword, or the schema."""
    keys = set(node) - _WORDS_ALONE
    if len(keys) == 1 and (keyword := keys.pop()) in {"oneOf", "anyOf", "allOf"} and len(node[keyword]) == 1:
        only = node[keyword][0]
        return _unwrapped(only) if isinstance(only, dict) else node
    return node


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)


def _is_in(reference: str, names: set[str]) -> bool:
    """Whether a reference leads to a named part, or into one."""
    return "/".join(reference.split("/")[:4]) in names


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where.rsplit(" ", maxsplit=1)[-1] not in {"request", "answer"} else f"{where} {name}"


def _without(node: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in node.items() if name != key}


def _others(node: Mapping[str, Any], apart: set[str]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key not in apart and key not in _WORDS_ALONE}


def _needed_words(needed: bool) -> str:
    return "is mandatory now" if needed else "may be given now"


def _unknown(where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what differs between two objects that are not understood further."""
    for key in sorted(old.keys() | new.keys()):
        if _differ(old.get(key), new.get(key)) and key not in _WORDS_ALONE:
            yield Change(UNKNOWN, where, _difference(key, old.get(key), new.get(key)))


def _kept(where: str, side: Side, what: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield the labels or status codes that only one document has."""
    for key in sorted(old.keys() ^ new.keys()):
        if key in old:
            words = f"{what} {key} is not {'accepted' if side == 'request' else 'answered'} any more"
            yield Change("clients" if side == "request" else "servers", where, words)
        else:
            words = f"{what} {key} {'has to be accepted' if side == 'request' else 'may be answered'} now"
            yield Change("servers" if side == "request" else "clients", where, words)


def _named(place: _Place, keyword: str, key: Any, *, gained: bool) -> tuple[str, str]:
    """Return place and words of a name or value that appears or vanishes."""
    where, side = place.where, place.side
    if keyword == "enum":
        verbs = {
            ("request", True): "has to be accepted now",
            ("request", False): "is not accepted any more",
            ("answer", True): "may be answered now",
            ("answer", False): "is not answered any more",
        }
        return where, f"value {json.dumps(key)} {verbs[side, gained]}"
    at = _join(where, f"/{key}/" if keyword == "patternProperties" else key)
    if keyword == "required":
        words = ("is mandatory now", "is no longer mandatory")
        words = words if side == "request" else ("is always there now", "may be missing now")
    else:
        words = ("may be given now" if side == "request" else "may be there now", "was removed")
    return at, words[0] if gained else words[1]


def _difference(keyword: str, before: Any, after: Any) -> str:
    """Return a sentence with both values, shortened."""
    one, other = (value if len(value) < 60 else f"{value[:59]}…" for value in (json.dumps(before), json.dumps(after)))
    if before is None:
        return f"{keyword} {other} was added"
    return f"{keyword} {one} was dropped" if after is None else f"{keyword} was {one}, is {other}"
