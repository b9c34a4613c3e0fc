"""Recordings of sessions: one line of JSON for each exchange, with stand-ins for what is private.

Addresses of people become ``user1@example.org`` and so on, tokens and passwords ``token1``, contents of archives their
length and SHA-256. A stand-in is the same wherever the original was, and times are kept.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import requests

from . import documents, harness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from .harness import Exchange

FORMAT = "xrt-mock recording 1"
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:[.][A-Za-z0-9-]+)+")
_TOKEN = re.compile(r"(?i)\b(token|confirm|password|passwd|key)=([^&\s\"'<>]+)")
_PRIVATE_HEADERS = {"set-cookie", "authorization", "cookie"}
_SHA = "sha256"
_PASSED_ON = ("Content-Type", "User-Agent", "Accept", "Authorization")
_OF_THE_CONNECTION = {"content-length", "content-encoding", "transfer-encoding", "connection", "date", "server"}
_TIMEOUT_S = 120.0
"""Longest wait for an answer of the service [s]."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One exchange of a recording.

    Parameters
    ----------
    at
        When the request was made [s since 1970-01-01 UTC].
    took
        Time until the answer [s].
    exchange
        The call and its answer.
    members
        Names of the files in the archive of the answer, if it has none of its content.
    """

    at: float
    took: float
    exchange: Exchange
    members: list[str] | None = None


class StandIns:
    """Replaces what is private, the same original always by the same stand-in."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def text(self, text: str) -> str:
        """Return a text with stand-ins for addresses of people and tokens."""
        text = _ADDRESS.sub(lambda found: self._of(found[0].casefold(), "user{}@example.org"), text)
        return _TOKEN.sub(lambda found: f"{found[1]}={self._of(found[2], 'token{}')}", text)

    def value(self, value: Any) -> Any:
        """Return a JSON value with stand-ins in all of its texts."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self.text(key): self.value(item) for key, item in value.items()}
        return value

    def _of(self, original: str, form: str) -> str:
        if original not in self._known:
            number = sum(1 for known in self._known.values() if known.startswith(form.split("{", maxsplit=1)[0])) + 1
            self._known[original] = form.format(number)
        return self._known[original]


def line_of(made: Recorded, stand_ins: StandIns) -> str:
    """Return one exchange as a line of a recording."""
    exchange = made.exchange
    found: dict[str, Any] = {
        "at": round(made.at, 3),
        "took": round(made.took, 3),
        "method": exchange.method,
        "path": stand_ins.text(exchange.path),
        "query": {key: stand_ins.text(f"{key}={value}").split("=", 1)[1] for key, value in exchange.query.items()},
        "request": stand_ins.value(exchange.request),
        "json": exchange.request_is_json,
        "status": exchange.status,
        "headers": {k: stand_ins.text(v) for k, v in exchange.headers.items() if k not in _PRIVATE_HEADERS},
    }
    if isinstance(exchange.body, bytes):
        from .protocol import archive_members  # noqa: PLC0415 - it loads the readers of archives

        found["content"] = {_SHA: hashlib.sha256(exchange.content).hexdigest(), "length": len(exchange.content)}
        found["content"]["members"] = archive_members(exchange.path, exchange.content)
    else:
        found["answer"] = stand_ins.value(exchange.body)
    return json.dumps(found)


def write(file: Path, made: Iterable[Recorded]) -> None:
    """Write a recording."""
    stand_ins = StandIns()
    lines = [json.dumps({"format": FORMAT}), *(line_of(each, stand_ins) for each in made)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(file: Path) -> list[Recorded]:
    """Return the exchanges of a recording; bodies of archives are empty.

    Raises
    ------
    ValueError
        If the file is no recording; the text names the line.
    """
    lines = file.read_text(encoding="utf-8").splitlines()
    made = []
    try:
        if json.loads(lines[0]).get("format") != FORMAT:
            raise ValueError("the first line names another format")
        for found in map(json.loads, filter(None, lines[1:])):
            data = harness.encoded(found["request"]) if found["json"] else str(found["request"]).encode()
            content = b"" if "content" in found else harness.encoded(found["answer"])
            exchange = harness.exchange(
                found["method"], found["path"], data, found["status"], found["headers"], content, found["query"]
            )
            if "content" in found:
                exchange = replace(exchange, body=b"", headers={**exchange.headers, _SHA: found["content"][_SHA]})
            members = found.get("content", {}).get("members")
            made.append(Recorded(found["at"], found["took"], exchange, members))
    except (IndexError, KeyError, AttributeError, ValueError) as error:
        raise ValueError(f"{file} is no recording of xrt-mock: {error}") from error
    return made


class Relay:
    """WSGI app that passes every request on to a service, once, and records the exchange.

    Parameters
    ----------
    service
        Base URL of the service.

    Attributes
    ----------
    made
        The exchanges, in the order of the answers.
    """

    def __init__(self, service: str) -> None:
        self._service, self._session = service.rstrip("/"), requests.Session()
        self._session.trust_env = False  # the variables point at the relay itself
        self.made: list[Recorded] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Pass one request on."""
        from werkzeug.wrappers import Request  # noqa: PLC0415 - only needed to answer

        request, began, real = Request(environ), time.time(), time.monotonic()
        data, query = request.get_data(), request.query_string.decode("latin-1")
        answer = self._session.request(
            request.method,
            self._service + request.path + (f"?{query}" if query else ""),
            data=data,
            headers={key: request.headers[key] for key in _PASSED_ON if key in request.headers},
            allow_redirects=False,
            timeout=_TIMEOUT_S,
        )
        headers = dict(answer.headers)
        exchange = harness.exchange(
            request.method, request.path, data, answer.status_code, headers, answer.content, dict(request.args)
        )
        self.made.append(Recorded(began, time.monotonic() - real, exchange))
        kept = [(k, v) for k, v in headers.items() if k.lower() not in _OF_THE_CONNECTION]
        start_response(f"{answer.status_code} {answer.reason}", [*kept, ("Content-Length", str(len(answer.content)))])
        return [answer.content]


class Listener:
    """WSGI app that passes requests on to another one and records the exchanges.

    Parameters
    ----------
    app
        The server.

    Attributes
    ----------
    made
        The exchanges, in the order of the answers.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self.made: list[Recorded] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Pass one request on."""
        from werkzeug.test import run_wsgi_app  # noqa: PLC0415 - only needed to answer
        from werkzeug.wrappers import Request  # noqa: PLC0415

        request, began, real = Request(environ), time.time(), time.monotonic()
        data = request.get_data()
        environ["wsgi.input"] = io.BytesIO(data)
        parts, status, headers = run_wsgi_app(self._app, environ)
        content = b"".join(parts)
        exchange = harness.exchange(
            request.method, request.path, data, int(status.split()[0]), dict(headers), content, dict(request.args)
        )
        self.made.append(Recorded(began, time.monotonic() - real, exchange))
        start_response(status, list(headers))
        return [content]


class Replayed:
    """WSGI app that answers from a recording: each request with the next answer that the same request got there.

    Parameters
    ----------
    recorded
        The recording.

    Attributes
    ----------
    unknown
        Requests that the recording does not have, as method and path.
    """

    def __init__(self, recorded: Iterable[Recorded]) -> None:
        self._answers: dict[str, list[Exchange]] = {}
        self.unknown: list[str] = []
        for each in recorded:
            self._answers.setdefault(_key(each.exchange), []).append(each.exchange)

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        """Answer one request."""
        from werkzeug.wrappers import Request, Response  # noqa: PLC0415 - only needed to answer

        request = Request(environ)
        asked = harness.exchange(request.method, request.path, request.get_data(), 200, {}, b"", request.args)
        answers = self._answers.get(_key(asked), [])
        if not answers:
            self.unknown.append(f"{asked.method} {asked.path}")
            words = f"the recording has no answer to {asked.method} {asked.path} with this request"
            return iter(Response(words, 404, content_type="text/plain")(environ, start_response))
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        label = answer.headers.get("content-type", "text/html")
        return iter(Response(answer.content, answer.status, content_type=label)(environ, start_response))

    __call__ = wsgi_app


def differences(recorded: Iterable[Recorded], backend: harness.Backend, wait: Callable[[float], object]) -> list[str]:
    """Return where a server answers otherwise than a recording: another status, another kind of answer, other keys.

    Parameters
    ----------
    recorded
        The recording.
    backend
        The server.
    wait
        Called with the time between two requests [s].
    """
    found, before = [], None
    for each in recorded:
        exchange = each.exchange
        wait(max(0.0, each.at - before) if before is not None else 0.0)
        before = each.at
        body = exchange.request if exchange.request_is_json or exchange.request else None
        made = backend.call(exchange.method, exchange.path, body, query=exchange.query)
        one, other = _kind(exchange), _kind(made)
        if one != other:
            found.append(f"{exchange.method} {exchange.path}: recorded {one}, the simulator answers {other}")
    return found


def _kind(exchange: Exchange) -> str:
    """Return status, label and documented kind of an answer."""
    operation = documents.operation_for(exchange.method, exchange.path)
    kind = ""
    if operation is not None and isinstance(exchange.body, dict):
        try:
            kind = documents.check_response(operation, exchange.status, exchange.body)
        except documents.ContractViolation:
            kind = "outside the contract"
    return f"{exchange.status} {exchange.label} {kind}".strip()


def _key(exchange: Exchange) -> str:
    """Return what tells requests apart: not the address of the person, who is another in every recording."""
    request = exchange.request
    if isinstance(request, dict):
        request = {key: value for key, value in request.items() if key not in {"UserID", "api_version"}}
    return json.dumps([exchange.method, exchange.path, request, dict(exchange.query)], sort_keys=True)
