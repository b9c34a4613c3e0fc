"""Ledger of a campaign: a file with one line for each event, and the state of each source that follows from them.

Lines are only added, and an incomplete last line is ignored. So the ledger is also right after a run was killed, or
after the disk was full.
"""

from __future__ import annotations

import contextlib
import json
import os
from errno import ENOENT
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from . import files
from .errors import RequestInvalid

try:
    import fcntl
except ImportError:  # on Windows, where nothing prevents a second run
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WAITING, SUBMITTING, RUNNING, DONE, GIVEN_UP = "waiting", "submitting", "running", "done", "given up"
FORMAT = 2
_HEADER = b'{"campaign": '


class Event(NamedTuple):
    """One event of a campaign.

    Parameters
    ----------
    at
        Time [s], by the clock of the service object.
    kind
        ``planned``, ``submitting``, ``accepted``, ``postponed``, ``refused``, ``ended``, ``fetched``, ``kept``,
        ``saved``, ``unsaved``, ``displaced``, ``retry``, ``done`` or ``given up``.
    key
        Key of the source.
    detail
        Further values, according to the kind.
    """

    at: float
    kind: str
    key: str
    detail: dict[str, Any]


class Saved(NamedTuple):
    """A file of a product: the job that made it, the SHA-256 of the file, and its path once it has its final name."""

    job_id: Any
    digest: str
    path: str = ""


class Entry:
    """State of one source, as it follows from its events.

    Parameters
    ----------
    key
        Unique name of the source, which can name a folder.
    document
        What is submitted for it.
    """

    def __init__(self, key: str, document: dict[str, Any]) -> None:
        self.key = key
        self.planned = self.document = document
        self.stage = WAITING
        self.after: int | None = None
        self.job_id: Any = None
        self.url = ""
        self.submitted_at = 0.0
        self.codes: dict[str, int] = {}
        self.fetched: dict[str, Saved] = {}
        self.saved: dict[str, Saved] = {}
        self.unsaved: dict[str, str] = {}
        self.reason = ""
        self.retries = 0
        self.jobs: list[Any] = []

    def apply(self, event: Event) -> None:
        """Change the state according to an event."""
        detail = event.detail
        match event.kind:
            case "submitting":
                self.stage, self.after = SUBMITTING, detail["after"]
            case "accepted":
                self.stage, self.after, self.job_id, self.url = RUNNING, None, detail["job_id"], detail["url"]
                self.submitted_at, self.codes = event.at, {}
                self.jobs.append(self.job_id)
            case "postponed":
                self.stage, self.after = WAITING, None
            case "ended":
                self.codes[detail["product"]] = detail["code"]
            case "fetched":
                self.fetched[detail["product"]] = Saved(detail["job_id"], detail["digest"])
            case "saved":
                self.saved[detail["product"]] = Saved(detail["job_id"], detail["digest"], detail["path"])
            case "displaced":
                del self.saved[detail["product"]]
                self.unsaved[detail["product"]] = detail["reason"]
                if self.stage == DONE:
                    self.stage, self.reason = GIVEN_UP, detail["reason"]
            case "unsaved":
                self.unsaved[detail["product"]] = detail["reason"]
            case "retry":
                self.stage, self.document, self.retries = WAITING, detail["document"], self.retries + 1
            case "refused" | "given up":
                self.stage, self.reason = GIVEN_UP, detail["reason"]
            case "done":
                self.stage = DONE


class Ledger:
    """Ledger of a campaign, in a file.

    Parameters
    ----------
    path
        File of JSON lines; created if it does not exist, else read and continued.
    user
        Registered e-mail address of the owner.

    Raises
    ------
    RequestInvalid
        The file belongs to another user, is not the ledger of a campaign, or is in use by another run.
    LocalFailure
        The file cannot be read or written.
    """

    def __init__(self, path: str | os.PathLike[str], user: str) -> None:
        self.path, self._user = Path(path).expanduser(), user
        self.entries: dict[str, Entry] = {}
        self.events: list[Event] = []
        self._file: FileIO | None = None
        self._length = 0
        self.open()

    def open(self) -> None:
        """Read the file and keep it for this run; nothing happens if it is open."""
        if self._file is not None:
            return
        with files.local(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = FileIO(self.path, "a+")
            try:
                if fcntl is not None:
                    try:
                        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except BlockingIOError as error:
                        raise RequestInvalid(
                            f"{self.path} is in use by another run: wait for it, or stop it"
                        ) from error
                self._read(self._file)
            except BaseException:
                self.close()
                raise

    def _read(self, file: FileIO) -> None:
        self.entries, self.events = {}, []
        file.seek(0)
        content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._length = len(whole)
        lines = whole.splitlines()
        if not lines and content and not _HEADER.startswith(content[: len(_HEADER)]):
            raise RequestInvalid(f"{self.path} is not the ledger of a campaign: it has no line")
        try:
            header, *events = (json.loads(line) for line in lines or [json.dumps(self._header())])
            if header != self._header():
                raise RequestInvalid(f"{self.path} belongs to {header['user']} (format {header['campaign']})")
            for at, kind, key, detail in events:
                self._apply(Event(at, kind, key, detail))
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, RequestInvalid):
                raise
            raise RequestInvalid(f"{self.path} is not the ledger of a campaign: {error}") from error
        file.truncate(self._length)
        if not lines:
            self._write(self._header())

    def _header(self) -> dict[str, Any]:
        return {"campaign": FORMAT, "user": self._user}

    def _write(self, line: Any) -> None:
        """Add a line; if that fails, as little of it stays as possible."""
        data = json.dumps(line).encode() + b"\n"
        with files.local(self.path):
            if self._file is None or not os.path.samestat(os.stat(self.path), os.fstat(self._file.fileno())):
                raise FileNotFoundError(ENOENT, "the ledger is closed, or another file has its name", str(self.path))
            try:
                left = memoryview(data)
                while left:
                    left = left[self._file.write(left) :]
                os.fsync(self._file.fileno())
            except BaseException:
                with contextlib.suppress(OSError):
                    self._file.truncate(self._length)
                raise
        self._length += len(data)

    def _apply(self, event: Event) -> None:
        if event.kind == "planned":
            self.entries[event.key] = Entry(event.key, event.detail["document"])
        else:
            self.entries[event.key].apply(event)
        if event.kind == "retry":  # to be fair, after all sources that have not been submitted yet
            self.entries[event.key] = self.entries.pop(event.key)
        self.events.append(event)

    def add(self, event: Event) -> None:
        """Write an event to the disk, then change the state of its source."""
        self._write(list(event))
        self._apply(event)

    def at_stage(self, *stages: str) -> Iterator[Entry]:
        """Return the entries at some stages, in the order in which they are submitted."""
        return (entry for entry in list(self.entries.values()) if entry.stage in stages)

    def close(self) -> None:
        """Close the file, so that another run can use it."""
        if self._file is not None:
            self._file.close()
            self._file = None


def active_jobs(events: Iterable[Event]) -> list[tuple[float, int]]:
    """Return the number of active jobs, as (time [s], number) after each change."""
    changes, active = [], 0
    running: set[str] = set()
    for event in events:
        if event.kind == "accepted":
            running.add(event.key)
        elif event.kind in ("retry", "done", "given up"):
            running.discard(event.key)
        if len(running) != active:
            active = len(running)
            changes.append((event.at, active))
    return changes
