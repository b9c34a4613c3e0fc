"""What a test sees of the requests: their bodies, and answers of its own."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


@dataclass(frozen=True, slots=True)
class SeenCall:
    """A request as it arrived.

    Parameters
    ----------
    operation
        The last part of its path without ``.php``, such as ``run_userobject``.
    method, path
        Of the request.
    body
        Its body.
    """

    operation: str
    method: str
    path: str
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Watching:
    """Keeps the requests that a simulator answers, and answers some of them itself.

    Attributes
    ----------
    calls
        The requests, in their order.
    answers
        By operation: the bodies that answer the next calls.
    """

    def __init__(self) -> None:
        self.calls: list[SeenCall] = []
        self.answers: defaultdict[str, list[bytes]] = defaultdict(list)

    def see(self, environ: WSGIEnvironment) -> bytes | None:
        """Keep a request; return the answer that is planned for it, if there is one."""
        path = environ["PATH_INFO"]
        if path.startswith("/_mock"):
            return None
        stream = environ["wsgi.input"]
        length = environ.get("CONTENT_LENGTH")
        body = stream.read(int(length)) if length else b""
        environ["wsgi.input"] = io.BytesIO(body)
        operation = path.rpartition("/")[2].removesuffix(".php")
        self.calls.append(SeenCall(operation, environ["REQUEST_METHOD"], path, body))
        return self.answers[operation].pop(0) if self.answers[operation] else None
