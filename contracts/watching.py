"""WSGI app in front of a server that records requests outside the contract, with the line of the caller."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING, Any

from . import documents, harness
from .documents import ContractViolation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LONGEST = 200


class RequestWatcher:
    """WSGI app that passes requests on to another one and checks them.

    Parameters
    ----------
    app
        The server, a WSGI app.
    where
        Key of the WSGI environ that holds the calling line, if it is known.
    beside
        Beginning of addresses that are not part of the contract.

    Attributes
    ----------
    violations
        Count of each violation: operation, words, line.
    """

    def __init__(self, app: Any, where: str, beside: str) -> None:
        self._app, self._where, self._beside = app, where, beside
        self.violations: Counter[tuple[str, str, str]] = Counter()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Check a request and pass it on."""
        if not environ["PATH_INFO"].startswith(self._beside):
            data = environ["wsgi.input"].read()
            environ["wsgi.input"] = io.BytesIO(data)
            method, path, words = environ["REQUEST_METHOD"], environ["PATH_INFO"], ""
            operation = documents.operation_for(method, path)
            if operation is None:
                operation, words = "unknown", f"{method} {path} is not in the contract"
            elif documents.operation(operation).takes_json:
                try:
                    documents.check_request(operation, harness.decoded(data)[0])
                except ContractViolation as violation:
                    words = str(violation).splitlines()[0]
            if words:
                self.violations[operation, words[:_LONGEST], environ.get(self._where) or ""] += 1
        answer: Iterable[bytes] = self._app(environ, start_response)
        return answer

    def report(self) -> list[Mapping[str, Any]]:
        """Return the violations as JSON-ready data."""
        return [
            {"operation": operation, "words": words, "where": where or None, "times": times}
            for (operation, words, where), times in sorted(self.violations.items())
        ]
