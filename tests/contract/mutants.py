"""Servers that are wrong in one generated way each: one place of the answers of one operation, or one of its requests.

The places are those of a right server's answers and of the documents' requests; `broken` has ways that need thought.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from contracts import checks, documents, harness
from contracts.history import History
from tests.contract.broken import Breakage, Call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from contracts.harness import Exchange

Place = tuple[str, ...]
GONE = object()
"""Stands for a value that is taken away."""


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _as_number(value: Any) -> Any:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _one_more(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    if isinstance(value, str):
        return str(int(value) + 1) if value.isdigit() else value
    return value + 1


KINDS: dict[str, Callable[[Any], Any]] = {
    "is left out": lambda _value: GONE,
    "is null": lambda _value: None,
    "is text": _as_text,
    "is a number": _as_number,
    "is one more": _one_more,
    "is negative": lambda v: -v - 1 if isinstance(v, int | float) and not isinstance(v, bool) else v,
    "is the opposite": lambda v: not v if isinstance(v, bool) else v,
    "is empty": lambda v: type(v)() if isinstance(v, str | list | dict) else v,
    "is in capitals": lambda v: v.swapcase() if isinstance(v, str) else v,
    "is other text": lambda v: f"x{v}" if isinstance(v, str) else v,
    "has a further key": lambda v: {**v, "further": 1} if isinstance(v, dict) else v,
    "has its last twice": lambda v: [*v, v[-1]] if isinstance(v, list) and v else v,
    "lacks its last": lambda v: v[:-1] if isinstance(v, list) else v,
    "is reversed": lambda v: v[::-1] if isinstance(v, list) else v,
    "is a list": lambda v: [v] if not isinstance(v, list) else v,
}
"""What happens to the value at a place."""
_NAMES = re.compile(r"(WT|PC).*Data|lc|spec|psf|enh|xastrom|image|sourceDet|nonsense|interval\d*|late_time|early")


def _general(key: str) -> str:
    """Return a key as it stands for its kind: names of data sets, products and intervals are alike."""
    return "*" if _NAMES.fullmatch(key) else key


def places(answer: Any, place: Place = (), depth: int = 5) -> Iterator[Place]:
    """Yield the places of an answer, ``*`` for members of lists and for names."""
    yield place
    if depth and isinstance(answer, dict):
        in_pars = place[-1:] == ("jobPars",)
        for key, value in answer.items():
            yield from places(value, (*place, key if in_pars else _general(key)), depth - 1)
    elif depth and isinstance(answer, list):
        for value in answer[:3]:
            yield from places(value, (*place, "*"), depth - 1)


def changed(answer: Any, place: Place, change: Callable[[Any], Any]) -> Any:
    """Return an answer with the values at a place changed."""
    if not place:
        return change(answer)
    key, rest = place[0], place[1:]
    if isinstance(answer, list):
        found = [changed(value, rest, change) if key == "*" else value for value in answer]
        return [value for value in found if value is not GONE]
    if not isinstance(answer, dict):
        return answer
    found_in: dict[str, Any] = {}
    for name, value in answer.items():
        new = changed(value, rest, change) if key in {name, _general(name)} else value
        if new is not GONE:
            found_in[name] = new
    return found_in


@dataclass(frozen=True)
class Mutant:
    """A server that is wrong in one way.

    Parameters
    ----------
    words
        The way, in words.
    operation
        Operation ID whose answers or requests change.
    answer
        From an answer of the operation to the changed one; None if requests change.
    request
        From a request to the changed one; None if answers change.
    """

    words: str
    operation: str
    answer: Callable[[Any], Any] | None = None
    request: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    status: int | None = None
    label: str | None = None

    def breakage(self) -> Breakage:
        """Return it as a breakage of a served simulator."""
        return Breakage(self.operation, (), before=self._before, after=self._after)

    def _before(self, call: Call, _server: Any) -> None:
        if self.request is not None and isinstance(call.request, dict):
            call.request = self.request(call.request)

    def _after(self, call: Call, _server: Any) -> None:
        if self.answer is not None and isinstance(call.body, dict):
            call.body = self.answer(call.body)
            call.body = call.body if isinstance(call.body, dict) else json.dumps(call.body).encode()
        if self.status is not None and call.status == 200:
            call.status = self.status
        if self.label is not None and call.status == 200:
            call.headers["Content-Type"] = self.label

    def of(self, exchange: Exchange) -> Exchange:
        """Return a recorded exchange with a right server as this server would have answered it."""
        body, status = exchange.body, exchange.status
        content, headers = exchange.content, {"Content-Type": exchange.label}
        if self.answer is not None and isinstance(body, dict):
            content = json.dumps(self.answer(body)).encode()
        if status == 200:
            status = self.status or status
            headers = {"Content-Type": self.label or exchange.label}
        sent = harness.encoded(exchange.request) if exchange.request_is_json else str(exchange.request).encode()
        return harness.exchange(exchange.method, exchange.path, sent, status, headers, content, exchange.query)


def of_answers(made: Iterable[Exchange]) -> list[Mutant]:
    """Return every mutant of the answers of recorded exchanges with a right server."""
    answers: dict[str, list[Any]] = {}
    for exchange in made:
        operation = documents.operation_for(exchange.method, exchange.path)
        if operation in documents.operations() and isinstance(exchange.body, dict):
            answers.setdefault(str(operation), []).append(exchange.body)
    found = []
    for operation, bodies in answers.items():
        every = dict.fromkeys(place for body in bodies for place in places(body))
        for place in every:
            for kind, change in KINDS.items():
                if (place or kind != "is left out") and any(changed(body, place, change) != body for body in bodies):
                    words = f"{operation}: {'/'.join(place) or 'the answer'} {kind}"
                    found.append(Mutant(words, operation, partial(changed, place=place, change=change)))
    return found


def of_transport() -> Iterator[Mutant]:
    """Yield mutants of status and label, for each operation."""
    for name in documents.operations():
        for status in (201, 204, 302, 400, 404, 500):
            yield Mutant(f"{name}: HTTP {status} instead of 200", name, status=status)
        for label in ("application/octet-stream", "", "text/css"):
            yield Mutant(f"{name}: labelled {label or 'nothing'}", name, label=label)


def of_requests() -> Iterator[Mutant]:
    """Yield servers that ignore a key of a request, or put one in its place, for each operation."""
    for name, op in documents.operations().items():
        keys: dict[str, None] = {}
        for variant in op.variants("request") if op.takes_json else ():
            schema = documents.load()["components"]["schemas"].get(variant, {})
            keys |= dict.fromkeys(schema.get("properties", {}))
        for key in keys:
            yield Mutant(f"{name}: {key} is ignored", name, request=partial(_without, key))


def _without(key: str, request: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name != key}


def is_about(mutant: Mutant, exchange: Exchange) -> bool:
    """Whether an exchange belongs to the operation of a mutant."""
    return documents.operation_for(exchange.method, exchange.path) == mutant.operation


def noticed_by_rules(mutant: Mutant, made: Iterable[Exchange]) -> bool:
    """Whether the rules alone, without the questions, notice a mutant, by calls of its operation."""
    history = History()
    mutated = map(mutant.of, made)
    return any(checks.findings(exchange) or history.observe(exchange) for exchange in mutated)
