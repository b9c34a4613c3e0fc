"""Checks of a server with generated calls: schemathesis sends them from the documents, our rules check the answers.

Its own checks are off. A refusal has HTTP status 200, so they cannot see whether a call was accepted; of status codes,
labels and schemas they find what our rules find.
"""

from __future__ import annotations

import copy
import warnings
import zlib
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import schemathesis
from hypothesis.errors import HypothesisWarning
from schemathesis import engine
from schemathesis.engine import events
from schemathesis.generation.meta import CoveragePhaseData

from . import checks, documents, harness
from .bodies import EVERYTHING
from .counterexamples import resolve
from .history import History
from .protocol import PRODUCTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from schemathesis import Case, CheckContext, DeserializationContext, Response
    from schemathesis.schemas import BaseSchema

    from .checks import Finding
    from .harness import Exchange

_USERS = ("user@example.org", "second@example.org")  # the first is that of the documented examples
_NAMES = ("GRB 200416A", "FO Aqr", "GK Per")
_WORDS_OF_FLAGS: tuple[Any, ...] = (False, True, None, "", [], "yes", "FALSE")
_BORROWED = "/Submission/properties/"
_OF_ONE_KIND = 8
"""Of calls that are alike (right, or wrong in the same place and way) the first and one in this many are sent.

Documented examples are always sent.
"""


@schemathesis.deserializer("text/html")
def decoded(_context: DeserializationContext, response: Response) -> Any:
    """Decode an answer for the links to later calls: the label says HTML, the text is JSON."""
    return harness.answer_of(response.content, "text/html")


@dataclass
class Verdict:
    """Findings of a run.

    Parameters
    ----------
    cases
        Calls made, by phase.
    operations
        Calls made, by operation ID.
    findings
        What is wrong, each kind of mistake once for each operation.
    warnings
        What could not be checked.
    """

    cases: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    findings: dict[tuple[str, str, str], Finding] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        """Keep a finding, unless there is one of its kind."""
        self.findings.setdefault(checks.kind_of(finding), finding)

    def record(self, event: Any) -> None:
        """Count the calls of an event of schemathesis, and keep what could not be checked."""
        match event:
            case events.ScenarioFinished():
                for node in event.recorder.cases.values():
                    self.cases[event.phase.value] += 1
                    self.operations[node.value.operation.definition.raw.get("operationId", "")] += 1
            case events.NonFatalError():
                self.warnings.append(f"{event.label}: {event.info}")
            case events.FatalError():
                raise event.exception
            case _:
                pass

    @property
    def ok(self) -> bool:
        """Whether everything was checked and there are no findings."""
        return not self.findings and not self.warnings

    def __str__(self) -> str:
        phases = ", ".join(f"{name} {count}" for name, count in sorted(self.cases.items()))
        head = f"{sum(self.cases.values())} calls ({phases}) over {len(self.operations)} operations"
        parts = [head, f"{len(self.findings)} findings, {len(self.warnings)} warnings"]
        return "\n".join([*parts, *(f"- {finding}" for finding in self.findings.values()), *self.warnings])


def document_for_generation(seed: int = 1) -> dict[str, Any]:
    """Return the contract as calls are generated from it.

    The form label is left out, because generators would write a form under it; `run` sets it on half of the calls.
    Users, names and jobs come mostly from short lists, so that calls find each other's jobs. By `seed`, a
    submission has half of the optional parameters; numbers and flags have their main form and one of the others.
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
    names = list(PRODUCTS)
    lists = [*names, ",".join(names), "lc,spec", "lc,spec,psf", "lc,spec,enh,psf,xastrom,image", "lc,unknown"]
    schemas["ProductList"] = {"enum": lists}
    other_forms: dict[str, list[dict[str, Any]]] = {
        "Flag": [{"enum": [word]} for word in _WORDS_OF_FLAGS],
        "Number": schemas["Number"]["anyOf"][1:],
        "Integer": schemas["Integer"]["anyOf"][1:],
    }
    for name, schema in schemas.items():  # rebinning borrows parameters of a submission
        if name != "Submission":
            for key, value in schema.get("properties", {}).items():
                schema["properties"][key] = resolve(value, document) if _BORROWED in value.get("$ref", "") else value
    properties = schemas["Submission"]["properties"]
    for turn, (name, schema) in enumerate(list(properties.items()), start=seed):
        if name not in EVERYTHING and zlib.crc32(f"{seed} {name}".encode()) % 2:
            del properties[name]
            continue
        component = schema.get("$ref", "").rsplit("/", 1)[-1]
        if component in other_forms:
            forms = other_forms[component]
            form = forms[turn % len(forms)]
            main = schemas[component]["anyOf"][0]
            properties[name] = {"enum": [0, 1, *form["enum"]]} if component == "Flag" else {"anyOf": [main, form]}
        elif _BORROWED in schema.get("$ref", ""):
            properties[name] = resolve(schema, documents.load())
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
    """Send generated calls to a server and check its answers.

    Parameters
    ----------
    app, url
        A WSGI app, or the base URL of a server.
    seed
        Seed of all chance.
    examples
        Generated calls for each operation and phase, and scenarios of the stateful phase.
    phases
        Phases of schemathesis.
    watch
        Called with every exchange, for example to count coverage.
    history
        Memory of earlier calls; a new one by default.
    tick
        Called after each exchange, for example to move simulated time.
    """
    verdict = Verdict()
    memory = history or History()

    def our_rules(_context: CheckContext, response: Response, _case: Case[Any]) -> bool | None:
        headers = {name: values[0] for name, values in response.headers.items()}
        exchange = harness.exchange_of(response.request, response.status_code, headers, response.content)
        for finding in (*checks.findings(exchange), *memory.observe(exchange)):
            verdict.add(finding)
        if watch is not None:
            watch(exchange)
        if tick is not None:
            tick()
        return None

    schema = _schema_to_send(app, url, seed, examples, set(phases))
    registered = schemathesis.check(our_rules)
    try:
        with warnings.catch_warnings():
            # long answers make long notes; they cost time and say nothing about the server
            warnings.filterwarnings("ignore", "Generating overly large repr", HypothesisWarning)
            for event in engine.from_schema(schema).execute():
                verdict.record(event)
    finally:
        schemathesis.checks.CHECKS.unregister(registered.__name__)
    return verdict


@cache
def _examples_of(operation: str) -> list[Any]:
    """Return the documented requests of an operation."""
    content = documents.operation(operation).request_content().values()
    return [example["value"] for each in content for example in each.get("examples", {}).values()]


def _schema_to_send(app: Any, url: str | None, seed: int, examples: int, phases: set[str]) -> BaseSchema:
    """Return the contract as schemathesis sends calls from it."""
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
            "analysis": {"constants": {"enabled": False}},  # they would be those of our own code
            "checks": {"enabled": False, "our_rules": {"enabled": True}},
        }
    )
    schema = schemathesis.openapi.from_dict(document_for_generation(seed), config=config)
    schema.app = app
    if url is not None:
        schema.config.update(base_url=url)

    sent: Counter[tuple[str, str]] = Counter()

    def choose(_context: Any, case: Case[Any]) -> bool:
        details = case.meta.phase.data if case.meta else None
        if not isinstance(details, CoveragePhaseData):
            return True
        if case.body in _examples_of(case.operation.definition.raw.get("operationId", "")):
            return True
        about = case.operation.label, details.description
        sent[about] += 1
        key = f"{seed} {about} {sent[about]}"
        return sent[about] == 1 or zlib.crc32(key.encode()) % _OF_ONE_KIND == 0

    def prepare(_context: Any, case: Case[Any]) -> Case[Any]:
        if case.method.upper() == "POST" and case.media_type == harness.JSON and len(repr(case.body)) % 2:
            case.headers["Content-Type"] = harness.FORM  # as the documented curl call does; it has to be ignored
        for name, value in case.path_parameters.items():
            if isinstance(value, list | dict):  # question marks in it would end the path
                case.path_parameters[name] = quote(str(value), safe="")
        return case

    schema.hook("filter_case")(choose)
    schema.hook("map_case")(prepare)
    return schema
