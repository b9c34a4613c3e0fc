"""Puts generated calls to a server that claims to be the service: schemathesis over the documents, our checks beside.

The answers that schemathesis cannot judge - refusals live in an HTTP 200 envelope, so neither acceptance nor rejection
shows in the status - are judged by `checks` and `history`.
"""

from __future__ import annotations

import copy
import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import schemathesis
from hypothesis.errors import HypothesisWarning
from schemathesis import engine
from schemathesis.engine import events

from . import checks, documents, harness
from .checks import Finding
from .history import History

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from schemathesis import Case, CheckContext, DeserializationContext, Response
    from schemathesis.schemas import BaseSchema

    from .harness import Exchange

TITLE = documents.load()["info"]["title"]
_UNUSED = ("negative_data_rejection", "positive_data_acceptance", "unsupported_method", "allow_header_conformance")
"""Checks that read the HTTP status of a refusal, which is 200 here; rules of `checks` take their place."""
_SAID_BY_OURS = {
    "content_type_conformance": "answer_is_documented",
    "response_schema_conformance": "answer_is_documented",
    "status_code_conformance": "answer_is_documented",
    "not_a_server_error": "server_does_not_fail",
}
"""Checks of schemathesis, and the rule of `checks` that says the same in other words."""
_USERS = ("user@example.org", "second@example.org")  # the first is that of the documented examples
_NAMES = ("GRB 200416A", "FO Aqr", "GK Per")


@schemathesis.deserializer(
    "text/html",
    "text/javascript",
    "application/javascript",
    "application/zip",
    "application/x-tar",
    "application/gzip",
    "application/postscript",
    "application/fits",
    "application/octet-stream",
    "image/gif",
    "image/png",
    "image/jpeg",
)
def decoded(_context: DeserializationContext, response: Response) -> Any:
    """Decode an answer as clients do: the label of an application answer says HTML, its text is JSON."""
    label = (response.headers.get("content-type") or [""])[0].split(";")[0].strip().lower()
    body = harness.answer_of(response.content, label)
    return body.decode("latin-1") if isinstance(body, bytes) else body


@dataclass
class Verdict:
    """What a run found.

    Parameters
    ----------
    cases
        Calls made, by phase.
    operations
        Calls made, by operation ID.
    findings
        What is not as it should be, each kind of mistake once for each operation.
    warnings
        What could not be checked.
    """

    cases: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    findings: dict[tuple[str, str, str], Finding] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def drop_repetitions(self) -> None:
        """Leave out what schemathesis found where a rule of `checks` says the same in plainer words."""
        said = {(rule, operation) for rule, operation, _words in self.findings}
        for key in [key for key in self.findings if (_SAID_BY_OURS.get(key[0]), _operation_id(key[1])) in said]:
            del self.findings[key]

    def add(self, finding: Finding) -> None:
        """Keep a finding, unless one of its kind is there already."""
        self.findings.setdefault((finding.rule, finding.operation, _kind(finding.words)), finding)

    @property
    def ok(self) -> bool:
        """Whether nothing was found and everything could be checked."""
        return not self.findings and not self.warnings

    def __str__(self) -> str:
        phases = ", ".join(f"{name} {count}" for name, count in sorted(self.cases.items()))
        head = f"{sum(self.cases.values())} calls ({phases}) over {len(self.operations)} operations"
        parts = [head, f"{len(self.findings)} findings, {len(self.warnings)} warnings"]
        return "\n".join([*parts, *(f"- {finding}" for finding in self.findings.values()), *self.warnings])


def document_for_generation() -> dict[str, Any]:
    """Return the contract as calls are generated from it.

    The form label is left out, since generators would write a form under it; `run` sets that label on every other call.
    Users, names and jobs come mostly from short lists, so that calls meet one another's jobs.
    """
    document = copy.deepcopy(documents.load())
    for item in document["paths"].values():
        content = item.get("post", {}).get("requestBody", {}).get("content", {})
        if harness.JSON in content:
            content.pop(harness.FORM, None)
    schemas = document["components"]["schemas"]
    schemas["UserID"] = {"enum": list(_USERS)}
    schemas["Submission"]["properties"]["UserID"] = {"enum": list(_USERS)}
    schemas["Submission"]["properties"]["name"] = {"enum": list(_NAMES)}
    names = list(checks.PRODUCTS)
    lists = [*names, ",".join(names), "lc,spec", "lc,spec,psf", "lc,spec,enh,psf,xastrom,image", "lc,unknown"]
    schemas["ProductList"] = {"enum": lists}
    schemas["JobID"] = {"anyOf": [{"enum": [1, 2, 3, "1", "2"]}, {"type": "integer", "minimum": 1}]}
    return document


def run(
    app: Any = None,
    *,
    url: str | None = None,
    seed: int = 1,
    examples: int = 20,
    phases: Iterable[str] = ("examples", "coverage", "fuzzing", "stateful"),
    watch: Callable[[Exchange], object] | None = None,
    history: History | None = None,
    tick: Callable[[], object] | None = None,
) -> Verdict:
    """Run generated calls against a server.

    Parameters
    ----------
    app, url
        A WSGI app, or the base URL of a server.
    seed
        Key of all chance.
    examples
        Generated calls for each operation and phase, and scenarios of the stateful phase.
    phases
        Of schemathesis.
    watch
        Shown every exchange, for example to count coverage.
    history
        Memory of earlier calls; a new one by default.
    tick
        Called after each exchange; moving service time goes here.
    """
    verdict, memory = Verdict(), history or History()
    schema = _schema(app, url, seed, examples, set(phases))

    def look(_context: CheckContext, response: Response, case: Case[Any]) -> bool | None:
        exchange = _exchange(case, response)
        if watch is not None:
            watch(exchange)
        for finding in (*checks.findings(exchange), *memory.observe(exchange)):
            verdict.add(finding)
        if tick is not None:
            tick()
        return None

    registered = schemathesis.check(look)
    try:
        with warnings.catch_warnings():
            # long answers make long notes; that costs time, and says nothing about the server
            warnings.filterwarnings("ignore", "Generating overly large repr", HypothesisWarning)
            for event in engine.from_schema(schema).execute():
                _take(event, verdict)
    finally:
        schemathesis.checks.CHECKS.unregister(registered.__name__)
    verdict.drop_repetitions()
    return verdict


def _schema(app: Any, url: str | None, seed: int, examples: int, phases: set[str]) -> BaseSchema:
    config = schemathesis.Config.from_dict(
        {
            "seed": seed,
            "continue-on-failure": True,
            "max-failures": 1000,
            "generation": {"max-examples": examples, "deterministic": True, "database": "none"},
            "phases": {
                "examples": {"enabled": "examples" in phases},
                "coverage": {"enabled": "coverage" in phases, "unexpected-methods": []},
                "fuzzing": {"enabled": "fuzzing" in phases},
                "stateful": {"enabled": "stateful" in phases, "inference": {"algorithms": []}},
            },
            "checks": {name: {"enabled": False} for name in _UNUSED},
        }
    )
    schema = schemathesis.openapi.from_dict(document_for_generation(), config=config)
    schema.app = app
    if url is not None:
        schema.config.update(base_url=url)
    schema.hook("map_case")(_relabel)
    schema.hook("map_case")(_quoted)
    return schema


def _relabel(_context: Any, case: Case[Any]) -> Case[Any]:
    """Put the label of the documented curl call on about half of the JSON bodies; the service must not care."""
    if case.method.upper() == "POST" and case.media_type == harness.JSON and len(repr(case.body)) % 2:
        case.headers["Content-Type"] = harness.FORM
    return case


def _quoted(_context: Any, case: Case[Any]) -> Case[Any]:
    """Write a list in a path with its question marks quoted, so that it stays a path."""
    for name, value in case.path_parameters.items():
        if isinstance(value, list | dict):
            case.path_parameters[name] = quote(str(value), safe="")
    return case


def _exchange(case: Case[Any], response: Response) -> Exchange:
    data = response.request.body or b""
    path, query = harness.split_url(response.request.url or "")
    headers = {name: values[0] for name, values in response.headers.items()}
    return harness.exchange(
        case.method,
        path,
        data.encode() if isinstance(data, str) else bytes(data),
        response.status_code,
        headers,
        response.content,
        query,
    )


def _take(event: Any, verdict: Verdict) -> None:
    match event:
        case events.ScenarioFinished():
            for node in event.recorder.cases.values():
                verdict.cases[event.phase.value] += 1
                verdict.operations[node.value.operation.definition.raw.get("operationId", "")] += 1
            for results in event.recorder.checks.values():
                for result in results:
                    if result.failure_info is not None:
                        failure = result.failure_info.failure
                        verdict.add(Finding(result.name, event.recorder.label, f"{failure.title}: {failure.message}"))
        case events.NonFatalError():
            verdict.warnings.append(f"{event.label}: {event.info}")
        case events.FatalError():
            raise event.exception
        case _:
            pass


def _operation_id(label: str) -> str | None:
    """Return the operation that schemathesis calls by method and path."""
    method, _, path = label.partition(" ")
    return next((op.id for op in documents.operations().values() if (op.method, op.path) == (method, path)), None)


def _kind(words: str) -> str:
    """Return the words of a finding without its numbers and quotations, so that each kind counts once."""
    return "".join(c for c in words.split("\n", maxsplit=1)[0] if not c.isdigit())[:120]
