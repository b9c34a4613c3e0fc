"""Servers that are broken in one way each, as WSGI wrappers around a good one, and the questions that find it.

A breakage changes one request on its way in, or one answer on its way out. `BREAKAGES` has them by name, in the words
of the deviation; `tests/contract/test_it_bites.py` asserts that each is found.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from contracts import documents

if TYPE_CHECKING:
    from collections.abc import Callable

HTML = "text/html; charset=UTF-8"


@dataclass
class Call:
    """A call on its way through a broken server."""

    method: str
    path: str
    operation: str
    request: Any
    label: str
    status: int = 200
    body: Any = None
    """The answer: a dictionary if it is JSON, else bytes."""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether the answer says that the call was carried out."""
        return isinstance(self.body, dict) and bool(self.body.get("OK"))

    @property
    def refused(self) -> bool:
        """Whether the answer is a refusal of the application."""
        return isinstance(self.body, dict) and self.body.get("OK") == 0


class Broken:
    """WSGI app that passes calls to another one and applies one breakage to them."""

    def __init__(self, app: Any, breakage: Breakage) -> None:
        self._client = Client(app)
        self._breakage = breakage
        self.memory: dict[Any, Any] = {}

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        call = Call(
            request.method,
            request.path,
            documents.operation_for(request.method, request.path) or "nowhere",
            decode(request.get_data()),
            request.headers.get("Content-Type", ""),
        )
        concerned = self._breakage.operation in {"*", call.operation} and not request.path.startswith("/_mock")
        control = request.path.startswith("/_mock") and self._breakage.operation == call.operation
        if (concerned or control) and self._breakage.before is not None:
            self._breakage.before(call, self)
        if call.body is None:
            self.forward(call)
        if concerned and self._breakage.after is not None:
            self._breakage.after(call, self)
        data = json.dumps(call.body).encode() if isinstance(call.body, dict | list) else call.body
        return Response(data, call.status, call.headers)(environ, start_response)

    def forward(self, call: Call) -> Call:
        """Let the good server answer."""
        data = call.request if isinstance(call.request, bytes) else json.dumps(call.request).encode()
        answer = self._client.open(call.path, method=call.method, data=data, content_type=call.label)
        call.status, call.headers = answer.status_code, {"Content-Type": answer.headers.get("Content-Type", "")}
        content = answer.get_data()
        answer.close()
        decoded = decode(content)
        call.body = decoded if isinstance(decoded, dict | list) else content
        return call

    def ask(self, operation: str, request: Any) -> Any:
        """Ask the good server something in between."""
        op = documents.operation(operation)
        call = Call(op.method, op.path, operation, request, "application/json")
        return self.forward(call).body


def decode(data: bytes) -> Any:
    """Return a JSON object or list, or the bytes of any other body."""
    try:
        found = json.loads(data)
    except ValueError:
        return data
    return found if isinstance(found, dict | list) else data


@dataclass(frozen=True)
class Breakage:
    """One way to be wrong.

    Parameters
    ----------
    operation
        Operation ID, or ``*`` for all.
    probes
        Questions that find it, the likeliest first.
    before, after
        What happens to the request, and to the answer.
    """

    operation: str
    probes: tuple[str, ...]
    before: Callable[[Call, Broken], None] | None = None
    after: Callable[[Call, Broken], None] | None = None


BREAKAGES: dict[str, Breakage] = {}


def breaks(words: str, operation: str, *probes: str, incoming: bool = False) -> Callable[[Any], Any]:
    """Register a breakage under the words that describe it."""

    def register(change: Callable[[Call, Broken], None]) -> Callable[[Call, Broken], None]:
        assert words not in BREAKAGES, f"there are two breakages called {words!r}"
        BREAKAGES[words] = Breakage(operation, probes, **{"before" if incoming else "after": change})
        return change

    return register


def sets(words: str, operation: str, *probes: str, when: str = "done", **values: Any) -> None:
    """Register a breakage that sets keys of an answer; ``...`` takes a key away."""

    def change(call: Call, _server: Broken) -> None:
        if getattr(call, when):
            call.body = {k: v for k, v in {**call.body, **values}.items() if v is not ...}

    breaks(words, operation, *probes)(change)


def echoes(words: str, *probes: str, operation: str = "run_userobject", **values: Any) -> None:
    """Register a breakage that sets keys of jobPars; ``...`` takes a key away."""

    def change(call: Call, _server: Broken) -> None:
        if call.done:
            call.body["jobPars"] = {k: v for k, v in {**call.body["jobPars"], **values}.items() if v is not ...}

    breaks(words, operation, *probes)(change)


def gives(words: str, *probes: str, **values: Any) -> None:
    """Register a breakage that fills in what a submission lacks or has wrong."""

    def change(call: Call, _server: Broken) -> None:
        if isinstance(call.request, dict):
            call.request = {**call.request, **values}

    breaks(words, "run_userobject", *probes, incoming=True)(change)


WIRE = ("any_label_is_accepted", "what_is_not_json_is_refused_in_json")
NEW = ("a_new_job_is_requested_counted_and_listed",)
COURSE = ("a_job_runs_its_course",)
CANCELLING = ("cancelling_answers_with_the_documented_codes",)
DEFAULTS = ("defaults_are_the_documented_ones",)
RESULTS = ("finished_products_have_results_in_every_callers_form",)
ARCHIVES = ("archives_hold_what_was_asked_for_until_they_expire",)
RANGE = ("both_ends_of_a_range_belong_to_it",)
REFUSAL = ("the_documented_refusal_comes_word_for_word",)
STRANGERS = ("strangers_are_refused_in_the_documented_words",)
DEMANDED = ("every_mandatory_parameter_is_named",)
RESOLVED = ("values_are_resolved_when_asked_for",)
SHARED = ("shared_functions_fail_without_ok",)
