"""WSGI app in front of a simulator that notes each call for the oracles, and lets time pass faster at a standstill."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import threading
from typing import TYPE_CHECKING, Any

from ..core.journal import CALLED_FROM
from ..transport.header import HEADER, parse
from ..transport.wsgi_call import WHERE
from .life import RETRIEVALS, Call
from .loops import all_are_counted
from .oracles import SUBMIT
from .processes import signal_group
from .witness import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from ..core.journal import Entry
    from ..simulator import Simulator
    from .clock import LifeClock
    from .deviations import Kill

STANDSTILL_CALLS, STANDSTILL_STEP_S, STANDSTILL_S = 100, 6 * 3600.0, 45 * 86400.0
"""Calls without progress, in a world in which nothing more happens, from which on each takes a step; and the end."""
COUNTED_CALLS = 10_000
"""Calls without progress after which a program that counts its rounds never ends: a week of looks, one a minute."""


class Recorder:
    """Notes calls.

    Parameters
    ----------
    simulator
        Answers.
    app
        The app that answers: the simulator's, or one that watches it.
    clock
        The clock of this life.
    kill
        Call before whose answer the program is killed; None: it is not.
    holds
        Whether calls have no answer once the clock has ended, until :meth:`close`.
    source
        Folder of the program's source.

    Attributes
    ----------
    calls
        All calls so far.
    sent
        For each body of a product by its digest: the job, whether it is whole, and the body.
    idle
        Number of calls since the last that brought the program on.
    life
        0, or 1 after a restart.
    """

    def __init__(
        self,
        simulator: Simulator,
        app: WSGIApplication,
        clock: LifeClock,
        kill: Kill | None = None,
        *,
        holds: bool = False,
        source: Path,
    ) -> None:
        self.source = source
        self._simulator, self._app, self._clock, self._kill = simulator, app, clock, kill
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self.idle, self._progress_at = 0, clock.now()
        self.calls: list[Call] = []
        self.sent: dict[str, tuple[int | None, bool, bytes]] = {}
        self.life = self._pid = 0
        self._started, self._over = threading.Event(), threading.Event()
        if not holds:
            self._over.set()
        self._holds = holds
        note = simulator.store.note

        def noted(entry: Entry, era: str | None = None) -> None:
            self._entries.append(entry)
            note(entry, era)

        simulator.store.note = noted  # type: ignore[method-assign]

    def started(self, pid: int) -> None:
        """Note the process of the program."""
        self._pid = pid
        self._started.set()

    def begin(self, life: int) -> None:
        """Begin a life: 0, or 1 after a restart."""
        self.life = life
        if self._holds:
            self._started.clear()
            self._over.clear()

    def close(self) -> None:
        """Hold no call back any longer: the program is dead."""
        self._over.set()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a call and note it."""
        with self._lock:
            if self._over.is_set() and self._holds:
                start_response("503 Service Unavailable", [])
                return []
            if self._kill is not None and self.life == 0 and len(self.calls) + 1 == self._kill.number:
                self._started.wait()  # its first call may come before its process is known here
                signal_group(self._pid, signal.SIGKILL)
                start_response("503 Service Unavailable", [])
                return []
            chunks = self._answer(environ, start_response)
            if self._clock.ended.is_set():
                self._over.wait()  # what it did before is what counts, however soon it is killed
            return chunks

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        data = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(data)
        started: list[Any] = []

        def start(*arguments: Any) -> Any:
            started[:] = arguments
            return start_response(*arguments)

        known = len(self._entries)
        chunks = self._app(environ, start)
        body = b"".join(chunks)
        getattr(chunks, "close", lambda: None)()
        if len(self._entries) > known:
            self._record(self._entries[-1], environ, data, dict(started[1]), body)
            if self.idle > STANDSTILL_CALLS:
                self._pass_time(self.calls[-1].where)
        return [body]

    def _pass_time(self, where: tuple[str, ...]) -> None:
        """Let time pass faster when nothing happens any more and the program goes on asking; end it after long."""
        now = self._clock.now()
        if all_are_counted(self.source, where):  # it may end soon, and has not waited any longer for it
            if self.idle > COUNTED_CALLS:
                self._clock.finish()
        elif now - self._progress_at > STANDSTILL_S:
            self._clock.finish()
        else:
            last_change = max((change.at for change in self._simulator.scenario.changes), default=now)
            if last_change <= now and self._simulator.controls.next_change() is None:
                self._clock.advance(STANDSTILL_STEP_S)

    def _record(
        self, entry: Entry, environ: WSGIEnvironment, data: bytes, headers: dict[str, str], body: bytes
    ) -> None:
        fault = parse(headers.get(HEADER, ""))
        pristine = entry.outcome in ("ok", "partial") or (HEADER in headers and entry.status == 200)
        received = pristine and not fault.broken and fault.cut_after is None
        source, key, job_id = "", "", entry.job_id
        if entry.operation == SUBMIT:
            try:
                wanted = json.loads(data)
                source = str(wanted.get("name") or wanted.get("targ") or f"{wanted.get('RA')} {wanted.get('Dec')}")
                key = json.dumps(wanted, sort_keys=True)
            except (ValueError, AttributeError):
                key = data.decode("utf-8", "replace")
        if entry.operation in RETRIEVALS and body and fault.broken is None:
            self.sent.setdefault(
                hashlib.sha256(body).hexdigest(), (job_id, pristine and entry.outcome != "missing", body)
            )
        said = str(environ.get(WHERE) or "").replace(CALLED_FROM, SEPARATOR)  # of a process that was not forked
        where = tuple(filter(None, said.split(SEPARATOR)))
        call = Call(
            entry.at, entry.operation, job_id, entry.outcome, entry.status, where, source, key, received, self.life
        )
        self.calls.append(call)
        progress = entry.operation == SUBMIT or entry.operation in RETRIEVALS
        if progress and entry.outcome == "ok":
            self.idle, self._progress_at = 0, entry.at
        else:
            self.idle += 1
