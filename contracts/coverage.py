"""Coverage of the contract: a matrix of its parts and of the sides that exercised them.

The cells are the parts that the documents name: operations, kinds of request, parameters, kinds of answer, examples of
answers, HTTP failures, status codes and their changes. A side is a name for some calls, such as provider or consumer.
A parameter is met when it was taken or named in a refusal, an example when an answer like it was given.
"""

from __future__ import annotations

import html
import json
import re
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from . import documents
from .documents import ContractViolation
from .protocol import names_in, succeeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .harness import Exchange

GROUPS = (
    "operation",
    "request",
    "parameter",
    "answer",
    "example",
    "HTTP failure",
    "status code",
    "change of status",
    "cancel code",
)
SERVER_FAILED, PAGE_INSTEAD = "5XX", "a page with HTTP 200"
BROKEN, SILENT, CUT = "connection broken", "no answer in time", "body cut short"
"""HTTP failures: an error or a page instead of an answer, then two without an answer, then one with a part of it."""
CHANGES = ("1>2", "2>3", "3>4", "1>-4", "2>-4", "3>-4")
"""Changes of status without failures."""
OUTSIDE = {
    ("status code", "-1"): "the documentation says that it is never seen",
    ("status code", "-2"): "the documentation says that it is never seen",
}


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One part of the contract: its group and its name."""

    group: str
    name: str


def cells() -> list[Cell]:
    """Return every part that the contract names."""
    found: dict[Cell, None] = {}
    for op in documents.operations().values():
        found[Cell("operation", op.id)] = None
        if op.takes_json:
            found |= dict.fromkeys(Cell("request", f"{op.id}: {name}") for name in op.variants("request"))
        for status in filter(str.isdigit, op.definition["responses"]):
            is_json = "text/html" in (op.response_for(int(status)) or {}).get("content", {})
            names = op.variants("response", int(status)) if is_json else [status]
            found |= dict.fromkeys(Cell("answer", f"{op.id}: {name}") for name in names)
        found |= dict.fromkeys(Cell("example", f"{op.id}: {name}") for name in _examples(op.id))
        found |= dict.fromkeys(Cell("HTTP failure", f"{op.id}: {name}") for name in failures(op))
    for name, schema in documents.submission_parameters().items():
        if "server" not in schema.get("x-product", ()):
            found[Cell("parameter", name)] = None
    codes = ("null", "-4", "-3", "-2", "-1", "1", "2", "3", "4", "5")
    found |= dict.fromkeys(Cell("status code", code) for code in codes)
    found |= dict.fromkeys(Cell("change of status", change) for change in CHANGES)
    found |= dict.fromkeys(Cell("cancel code", str(code)) for code in (0, 1, 2))
    return list(found)


@cache
def _examples(operation: str) -> dict[str, Any]:
    """Return the documented answers of an operation by name."""
    response = documents.operation(operation).response_for(200) or {}
    content = response.get("content", {}).values()
    return {name: example["value"] for each in content for name, example in each.get("examples", {}).items()}


@cache
def _essences(operation: str) -> dict[str, tuple[Any, ...]]:
    """Return what the documented answers of an operation say, by name."""
    examples = _examples(operation).items()
    return {name: _essence(documents.check_response(operation, 200, value), value) for name, value in examples}


def _essence(kind: str, answer: Any) -> tuple[Any, ...]:
    """Return what an answer of a kind says, without names and numbers: status codes, and the sentence of a refusal."""
    codes = {entry.get("statusCode") for entry in answer.values() if isinstance(entry, dict) and "statusCode" in entry}
    codes |= {answer.get("status")} if isinstance(answer.get("status"), int) else set()
    codes |= set(answer.get("statusCodes", {}).values())
    text = re.sub(r"`[^`]*`|user \S+|\d+", "", str(answer.get("ERROR", "")))
    labels = tuple(problems["label"] for problems in answer.get("listErr", ()))
    return kind, codes, text, labels, "deprecationWarning" in answer


def failures(op: documents.Operation) -> tuple[str, ...]:
    """Return the HTTP failures of an operation; of pages only the error, which people see for themselves."""
    if "pages" in op.definition["tags"]:
        return (SERVER_FAILED,)
    on_the_way = (SERVER_FAILED, BROKEN, SILENT, CUT)
    return (*on_the_way, PAGE_INSTEAD) if op.request_content() else on_the_way


class Coverage:
    """Counts how often each side exercised each cell."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[Cell]] = defaultdict(Counter)
        self._last: dict[tuple[str, str], Any] = {}

    def watcher(self, side: str) -> Callable[[Exchange], None]:
        """Return a function that counts exchanges for a side."""
        return lambda exchange: self.see(side, exchange)

    def see(self, side: str, exchange: Exchange) -> None:
        """Count one exchange."""
        operation = documents.operation_for(exchange.method, exchange.path)
        if operation is not None and operation in documents.operations():
            self.counts[side].update(self._cells_of(side, operation, exchange))

    def fail(self, side: str, operation: str, failure: str) -> None:
        """Count one call without a complete answer, of which there is no exchange."""
        self.counts[side][Cell("HTTP failure", f"{operation}: {failure}")] += 1

    def _cells_of(self, side: str, operation: str, exchange: Exchange) -> Iterable[Cell]:
        yield Cell("operation", operation)
        request, body = exchange.request, exchange.body
        if exchange.status >= 500:
            yield Cell("HTTP failure", f"{operation}: {SERVER_FAILED}")
        if exchange.status == 200 and exchange.request and isinstance(body, str) and body.lstrip().startswith("<"):
            yield Cell("HTTP failure", f"{operation}: {PAGE_INSTEAD}")
        if exchange.request_is_json and documents.operation(operation).request_content():
            with suppress(ContractViolation):
                yield Cell("request", f"{operation}: {documents.check_request(operation, request)}")
        try:
            answer = documents.check_response(operation, exchange.status, body)
        except ContractViolation:
            return
        yield Cell("answer", f"{operation}: {answer}")
        if exchange.status == 200 and isinstance(body, dict):
            examples = _essences(operation)
            here = _essence(answer, body) if examples else None
            yield from (
                Cell("example", f"{operation}: {name}") for name, essence in examples.items() if essence == here
            )
        if operation == "run_userobject" and isinstance(request, dict) and isinstance(body, dict):
            listed = [sentence for problems in body.get("listErr", ()) for sentence in problems["list"]]
            named = {sentence.split(" ")[0] for sentence in listed}
            yield from (Cell("parameter", name) for name in request if succeeded(exchange) or name in named)
        if operation == "canceljob" and succeeded(exchange):
            yield from (Cell("cancel code", str(code)) for code in body["statusCodes"].values())
        if operation in {"checkProductStatus", "canceljob", "run_userobject"} and succeeded(exchange):
            yield from self._status_cells(side, operation, exchange)

    def _status_cells(self, side: str, operation: str, exchange: Exchange) -> Iterable[Cell]:
        body, request = exchange.body, exchange.request
        if operation == "run_userobject":
            started = (f"{side} {body['JobID']}", "")
            self._last = {key: code for key, code in self._last.items() if key[0] != started[0]}
            return
        job = f"{side} {body['JobID']}"
        for name in names_in(request.get("what") if isinstance(request, dict) else None):
            entry = body.get(name)
            if operation == "canceljob":
                code = -4 if body["statusCodes"].get(name) == 0 else None
            else:
                code = entry.get("statusCode") if isinstance(entry, dict) else None
                yield Cell("status code", "null" if code is None else str(code))
            before = self._last.get((job, name))
            if code is not None:
                if before is not None and before != code:
                    yield Cell("change of status", f"{before}>{code}")
                self._last[job, name] = code

    def gaps(self, sides: Iterable[str]) -> list[Cell]:
        """Return the cells that none of these sides exercised; those of `OUTSIDE` are left out."""
        seen: set[Cell] = set().union(*(self.counts[side] for side in sides))
        return [cell for cell in cells() if cell not in seen and (cell.group, cell.name) not in OUTSIDE]

    def matrix(self) -> list[dict[str, Any]]:
        """Return one row for each cell: group, name, a count for each side, and a reason if it may be empty."""
        return [
            {
                "group": cell.group,
                "name": cell.name,
                **{side: counts[cell] for side, counts in sorted(self.counts.items())},
                **({"outside": OUTSIDE[cell.group, cell.name]} if (cell.group, cell.name) in OUTSIDE else {}),
            }
            for cell in cells()
        ]

    def as_json(self) -> str:
        """Return the matrix as JSON text."""
        return json.dumps(self.matrix(), indent=1) + "\n"

    def as_text(self) -> str:
        """Return, for each group, the number of its cells and of those that each side exercised."""
        sides = sorted(self.counts)
        rows = [("", "cells", *sides)]
        for group in GROUPS:
            names = [cell for cell in cells() if cell.group == group]
            rows.append((group, str(len(names)), *(str(sum(1 for c in names if self.counts[s][c])) for s in sides)))
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows)

    def as_html(self) -> str:
        """Return the matrix as a page."""
        sides = sorted(self.counts)
        head = "".join(f"<th scope='col'>{html.escape(name)}</th>" for name in ("group", "name", *sides))
        lines = []
        for row in self.matrix():
            gap = "" if "outside" in row else " class=gap"
            counts = "".join(f"<td{'' if row[side] else gap}>{row[side]}</td>" for side in sides)
            lines.append(f"<tr><td>{html.escape(row['group'])}</td><td>{html.escape(row['name'])}</td>{counts}</tr>")
        style = (
            ":root{color-scheme:light dark;font-family:system-ui,sans-serif}main{overflow-x:auto;padding:0 1rem}"
            "th,td{text-align:left;padding:0 1rem 0 0}.gap{background:#fbb;color:#000}"
        )
        return (
            "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'><title>Contract coverage</title>"
            "<meta name='viewport' content='width=device-width, initial-scale=1'>"
            f"<style>{style}</style></head>\n<body><main tabindex='0'><h1>Contract coverage</h1>"
            "<p>Number of calls that exercised each part; parts without a call are marked.</p>\n"
            f"<table>\n<tr>{head}</tr>\n" + "\n".join(lines) + "\n</table></main></body></html>\n"
        )
