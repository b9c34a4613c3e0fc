"""A server in a process of its own, and callers light enough to load it."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SUBMISSION = {
    "RA": 83.6, "Dec": 22.0, "targ": "00030001", "image": 1, "imen": "0.3-10", "cent": 0, "getT0": 0,
}  # fmt: skip


class Served:
    """``xrt-mock serve`` with some options, from the moment it answers."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "mock_server.cli", "serve", "--port", "0", *options]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("XRT_")}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("listening on "), f"the server did not start: {line!r}"
        self.url = line.split()[-1]
        self.pid = self._process.pid

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    def end(self) -> None:
        """Ask it to stop, and wait until it has."""
        self._process.terminate()
        self._wait()

    def kill(self) -> None:
        """End it as a power cut would end it: it gets no chance to do anything."""
        self._process.kill()
        self._wait()

    def _wait(self) -> None:
        self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()


class Caller:
    """One connection that is kept."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)

    def __call__(self, operation: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Call an operation of the service; what breaks the connection comes through."""
        self._connection.request("POST", f"/user_objects/{operation}.php", json.dumps(body))
        answer: dict[str, Any] = json.loads(self._connection.getresponse().read())
        return answer

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the control interface."""
        self._connection.request(method, f"/_mock/{path}", None if body is None else json.dumps(body))
        return json.loads(self._connection.getresponse().read())

    def close(self) -> None:
        self._connection.close()


def at_once(actions: Sequence[Callable[[], Any]]) -> None:
    """Run all actions side by side, each on a thread that starts when all are ready; what one raises is raised."""
    barrier = threading.Barrier(len(actions))
    raised: list[BaseException] = []

    def act(action: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            action()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=act, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]
