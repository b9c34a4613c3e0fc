"""Watches and feeds clients: every request and answer against the contract, and answers made from the contract.

Both work below any client that uses `requests`, without touching it: :class:`Recorder` looks at what its sessions send
and get, :class:`Answering` takes the place of the network.
"""

from __future__ import annotations

import io
import json
from functools import cache
from typing import TYPE_CHECKING, Any, Self
from unittest import mock
from urllib.parse import urlsplit

import hypothesis.strategies as st
import requests
import schemathesis
from requests.adapters import BaseAdapter, HTTPAdapter
from schemathesis import GenerationMode
from urllib3 import HTTPResponse

from . import checks, documents, harness
from .checks import Finding
from .documents import ContractViolation
from .history import History

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from hypothesis.strategies import SearchStrategy
    from requests import PreparedRequest, Response

    from .harness import Exchange

HOST = "www.swift.ac.uk"


class Recorder:
    """Checks every call that passes through `requests` while it is open.

    Parameters
    ----------
    hosts
        Which hosts are the service; None for all.
    watch
        Shown every exchange, for example to count coverage.
    history
        Memory of earlier calls; a new one by default.

    Examples
    --------
    >>> with Recorder() as recorder:
    ...     run_the_client()
    >>> recorder.findings
    []
    """

    def __init__(
        self,
        hosts: frozenset[str] | None = None,
        watch: Callable[[Exchange], object] | None = None,
        history: History | None = None,
    ) -> None:
        self.exchanges: list[Exchange] = []
        self.findings: list[Finding] = []
        self.refused: list[Finding] = []
        """Requests outside the contract that the server refused, as it should: the client's business."""
        self.failures: list[str] = []
        """Calls that got no answer: method, address and what happened."""
        self._hosts = hosts
        self._watch = watch
        self._history = history or History()
        self._patch: Any = None

    def __enter__(self) -> Self:
        original = requests.Session.send

        def send(session: requests.Session, request: PreparedRequest, **kwargs: Any) -> Response:
            try:
                answer = original(session, request, **kwargs)
            except requests.RequestException as error:
                self.failures.append(f"{request.method} {request.url}: {type(error).__name__}")
                raise
            self._look(request, answer, streamed=bool(kwargs.get("stream")))
            return answer

        self._patch = mock.patch.object(requests.Session, "send", send)
        self._patch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._patch.stop()

    def _look(self, request: PreparedRequest, answer: Response, *, streamed: bool) -> None:
        parts = urlsplit(request.url or "")
        if self._hosts is not None and parts.hostname not in self._hosts:
            return
        data = request.body or b""
        exchange = harness.exchange(
            request.method or "",
            parts.path,
            data.encode() if isinstance(data, str) else bytes(data),
            answer.status_code,
            dict(answer.headers),
            b"" if streamed else answer.content,
            harness.split_url(request.url or "")[1],
        )
        self.take(exchange, complete=not streamed)

    def take(self, exchange: Exchange, *, complete: bool = True) -> None:
        """Check one exchange; `complete` says whether the body of the answer was seen."""
        self.exchanges.append(exchange)
        if self._watch is not None:
            self._watch(exchange)
        operation = documents.operation_for(exchange.method, exchange.path)
        if operation is None:
            if exchange.status != 404:
                self._note("addresses_are_documented", "", f"{exchange.path} is not in the contract", exchange)
            return
        if complete:
            self.findings += [*checks.findings(exchange), *self._history.observe(exchange)]
        self._check_request(operation, exchange)

    def _check_request(self, operation: str, exchange: Exchange) -> None:
        if not documents.operation(operation).request_content() or operation == "register":
            return
        try:
            documents.check_request(operation, exchange.request)
        except ContractViolation as violation:
            finding = Finding("requests_are_documented", operation, str(violation), str(exchange))
            (self.findings if checks.succeeded(exchange) else self.refused).append(finding)

    def _note(self, rule: str, operation: str, words: str, exchange: Exchange) -> None:
        self.findings.append(Finding(rule, operation, words, str(exchange)))

    def raise_findings(self) -> None:
        """Raise AssertionError if anything was found."""
        if self.findings:
            raise AssertionError(f"{len(self.findings)} findings:\n{harness.first_lines(self.findings)}")


class Answering:
    """Takes the place of the network for `requests` while it is open: one prepared answer for every call.

    Parameters
    ----------
    body
        A dictionary is sent as JSON text; text and bytes as they are; an exception is raised instead.
    status
        HTTP status code.
    label
        Content-Type of the answer.
    choose
        Returns the answer for a request instead of `body`, as (status, label, body).
    """

    def __init__(
        self,
        body: Any = None,
        status: int = 200,
        label: str = "text/html; charset=UTF-8",
        choose: Callable[[PreparedRequest], tuple[int, str, Any]] | None = None,
    ) -> None:
        self._choose = choose or (lambda _request: (status, label, body))
        self._patch: Any = None
        self.requests: list[PreparedRequest] = []

    def __enter__(self) -> Self:
        self._patch = mock.patch.object(requests.Session, "get_adapter", return_value=_Adapter(self))
        self._patch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._patch.stop()

    def answer(self, request: PreparedRequest) -> Response:
        """Return the prepared answer to one request."""
        self.requests.append(request)
        status, label, body = self._choose(request)
        if isinstance(body, BaseException):
            raise body
        content = harness.encoded(body)
        raw = HTTPResponse(
            body=io.BytesIO(content),
            status=status,
            headers={"Content-Type": label, "Content-Length": str(len(content))},
            preload_content=False,
            decode_content=False,
        )
        return HTTPAdapter().build_response(request, raw)


class _Adapter(BaseAdapter):
    def __init__(self, answering: Answering) -> None:
        super().__init__()
        self._answering = answering

    def send(self, request: PreparedRequest, *_args: Any, **_kwargs: Any) -> Response:
        return self._answering.answer(request)

    def close(self) -> None:
        """Nothing is open."""


def answer_variants(operation_id: str) -> dict[str, Mapping[str, Any]]:
    """Return the documented kinds of JSON answer of an operation, by name."""
    return documents.operation(operation_id).variants("response")


def answers(operation_id: str, variant: str | None = None) -> SearchStrategy[Any]:
    """Return a strategy for everything an operation may answer according to the contract.

    Parameters
    ----------
    operation_id
        Which operation.
    variant
        Name of one kind of answer; default: any of them.
    """
    return answers_of([variant] if variant else list(answer_variants(operation_id)))


def answers_of(variants: list[str]) -> SearchStrategy[Any]:
    """Return a strategy for several kinds of answer: as the schemas have them, and with lists that :func:`agree`."""
    return st.one_of([made for name in variants for made in (_strategy(name), _strategy(name).map(agree))])


def agree(answer: Any) -> Any:
    """Return an answer whose lists name the tables that stand beside them, which schemas alone cannot demand.

    Without this, a client would hardly ever meet a table that is both named and there.
    """
    if not isinstance(answer, dict):
        return answer
    agreed = {key: agree(value) for key, value in answer.items()}
    tables = [key.removesuffix("Data") for key in agreed if key.endswith("Data")]
    parts = [key for key, value in agreed.items() if key and isinstance(value, dict) and key != "deprecationWarning"]
    for key, names in {
        "Datasets": tables,
        "datasets": tables,
        "rnames": parts,
        "Modes": parts,
        "Models": parts,
    }.items():
        if names and key in agreed:
            agreed[key] = names
    return agreed


@cache
def _strategy(component: str) -> SearchStrategy[Any]:
    """Let schemathesis generate what a schema allows, by calling it the body of a request."""
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Answers", "version": "1"},
        "paths": {
            "/": {
                "post": {
                    "requestBody": {
                        "required": True,
                        "content": {harness.JSON: {"schema": {"$ref": f"#/components/schemas/{component}"}}},
                    },
                    "responses": {"200": {"description": "None is sent."}},
                }
            }
        },
        "components": json.loads(json.dumps(documents.load()["components"])),
    }
    operation = schemathesis.openapi.from_dict(document)["/"]["POST"]
    strategy: SearchStrategy[Any] = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    return strategy.map(lambda case: case.body)
