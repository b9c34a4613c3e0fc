"""The simulator for any WSGI server: ``gunicorn --workers 4 mock_server.wsgi:app``.

Environment variables say what ``xrt-mock serve`` takes as options: ``XRT_MOCK_DB`` (a file or PostgreSQL, for several
processes share it), ``XRT_MOCK_SCENARIO``, ``XRT_MOCK_SEED``, ``XRT_MOCK_CLOCK``, ``XRT_MOCK_USERS``, ``XRT_MOCK_URL``
(where addresses in answers begin), ``XRT_MOCK_KEEP_CALLS`` (how far the journal goes back) and ``XRT_MOCK_TOKEN``.
Without a token the control interface is closed: who can reach the server is not known here.
"""

from __future__ import annotations

import atexit
import os
import secrets
from typing import TYPE_CHECKING

from .serve.server import TransportPlayer
from .simulator import SERVICE, Simulator

if TYPE_CHECKING:
    from collections.abc import Mapping


def simulator_from(environment: Mapping[str, str]) -> Simulator:
    """Return the simulator that environment variables describe."""
    seed = environment.get("XRT_MOCK_SEED")
    return Simulator(
        environment.get("XRT_MOCK_SCENARIO"),
        environment.get("XRT_MOCK_CLOCK"),
        seed=None if seed is None else int(seed),
        db=environment.get("XRT_MOCK_DB", "sqlite://"),
        users=environment.get("XRT_MOCK_USERS", "open"),
        base_url=environment.get("XRT_MOCK_URL", SERVICE),
        keep_calls=int(environment.get("XRT_MOCK_KEEP_CALLS", "100000")),
        token=environment.get("XRT_MOCK_TOKEN") or secrets.token_hex(),
    )


_simulator = simulator_from(os.environ)
atexit.register(_simulator.close)
app = TransportPlayer(_simulator.app, _simulator.clock)
"""What a WSGI server calls."""
