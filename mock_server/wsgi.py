"""The simulator for any WSGI server: ``XRT_MOCK_DB=jobs.sqlite gunicorn --workers 4 mock_server.wsgi:app``.

Environment variables take the place of the options of ``xrt-mock serve``:

- ``XRT_MOCK_DB``: the database; several processes need a file or PostgreSQL, and are refused without;
- ``XRT_MOCK_SCENARIO``, ``XRT_MOCK_SEED``, ``XRT_MOCK_CLOCK``, ``XRT_MOCK_USERS``;
- ``XRT_MOCK_URL``: base URL used in answers;
- ``XRT_MOCK_KEEP_CALLS``: maximum number of calls kept in the journal;
- ``XRT_MOCK_TOKEN``: bearer token required by the control interface. Without one the control interface is closed,
  because it is not known here who can reach the server.
"""

from __future__ import annotations

import atexit
import os
import secrets
from typing import TYPE_CHECKING

from .serve.server import TransportPlayer
from .simulator import SERVICE, Simulator

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def simulator_from(environment: Mapping[str, str]) -> Simulator:
    """Return the simulator that environment variables describe."""

    def whole_number(name: str, default: int | None) -> int | None:
        text = environment.get(name)
        if text is not None and not text.isdecimal():
            raise ValueError(f"{name} is {text!r}, but must be a whole number")
        return default if text is None else int(text)

    return Simulator(
        environment.get("XRT_MOCK_SCENARIO"),
        environment.get("XRT_MOCK_CLOCK"),
        seed=whole_number("XRT_MOCK_SEED", None),
        db=environment.get("XRT_MOCK_DB", "sqlite://"),
        users=environment.get("XRT_MOCK_USERS", "open"),
        base_url=environment.get("XRT_MOCK_URL", SERVICE),
        keep_calls=whole_number("XRT_MOCK_KEEP_CALLS", 100_000),
        token=environment.get("XRT_MOCK_TOKEN") or secrets.token_hex(),
    )


class OneMemory:
    """WSGI middleware that refuses calls where each of several processes would keep jobs of its own.

    Parameters
    ----------
    app
        Answers.
    shared
        Whether all processes share the database.
    """

    def __init__(self, app: WSGIApplication, *, shared: bool) -> None:
        self._app, self._shared = app, shared

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if self._shared or not environ.get("wsgi.multiprocess"):
            return self._app(environ, start_response)
        text = (
            "several processes answer, but the database is in memory, so each would number its own jobs; "
            "set XRT_MOCK_DB to a file such as jobs.sqlite, or use one process\n"
        )
        environ["wsgi.errors"].write(f"xrt-mock: {text}")
        start_response("503 Service Unavailable", [("Content-Type", "text/plain; charset=UTF-8")])
        return [text.encode()]


_simulator = simulator_from(os.environ)
atexit.register(_simulator.close)
app = OneMemory(TransportPlayer(_simulator.app, _simulator.clock), shared=_simulator.store.shared)
"""The WSGI app."""
