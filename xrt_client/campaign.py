"""Campaign: many requests, of which a limited number are active at a time. It can be interrupted and continued."""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from . import files, jobs, retrieve, wire
from .errors import ContractBroken, RequestInvalid, ServiceRejected, ServiceUnreachable, XRTError
from .ledger import DONE, GIVEN_UP, RUNNING, SUBMITTING, WAITING, Entry, Event, Ledger, active_jobs
from .parameters import FORMATS, KINDS
from .request import XRTProductRequest
from .transport import Service, default_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

COMPLETE, CANCELLED, STUCK = 4, -4, -11  # the last is not a code of the service: the product never ended
_TRIES = 3  # failures of one kind before it counts as permanent


class Pace(NamedTuple):
    """Pauses of a campaign.

    Parameters
    ----------
    first_poll_s, growth, longest_poll_s
        First pause before a job is asked about [s], factor from each pause to the next, and longest pause [s].
    spacing_s
        Shortest time between two calls about statuses [s] (documented etiquette: 10 s).
    count_s
        Shortest time between two counts of active jobs [s].
    stuck_after_s
        Age of a job at which products that have not ended are cancelled [s] (documented: a run is limited to 12
        hours).
    patience_s
        Longest time without a usable answer before the campaign stops [s].
    """

    first_poll_s: float = 60.0
    growth: float = 1.3
    longest_poll_s: float = 600.0
    spacing_s: float = 10.0
    count_s: float = 60.0
    stuck_after_s: float = 172_800.0
    patience_s: float = 86_400.0


class Campaign:
    """Make products of many sources, a few at a time.

    Every event is written to a ledger first. A run that ended early is continued by running the same campaign again:
    no source is submitted twice, and no saved product is fetched again. A file that stands where a product is to be
    saved is never taken for it, and never overwritten: it is moved aside, as ``lc.old-1.tar.gz``.

    Parameters
    ----------
    user
        Your registered e-mail address.
    requests
        One request for each source, not submitted, or what its `getJSONDict` returns. None: those in the ledger.
    out
        Folder for the products, with one folder in it for each source.
    state
        File of the ledger; default: ``campaign.jsonl`` in `out`.
    max_active
        Maximum number of your jobs that are queued or running at a time, including jobs of other programs.
    form
        ``zip``, ``tar`` or ``tar.gz``.
    extract
        Whether to unpack archives too.
    retries
        How often failed products are requested again, after all sources have been submitted.
    budget_s
        Longest duration of a run [s]; None: until all is done.
    pace
        Pauses.
    on_event
        Called with each :class:`~xrt_client.ledger.Event` after it has been written.
    service
        Address, time limits and retries; default: the service that all requests share.

    Raises
    ------
    RequestInvalid
        A request is not ready, an argument is not valid, or the ledger belongs to another campaign or is in use.
    LocalFailure
        The ledger cannot be read or written.
    """

    def __init__(
        self,
        user: str,
        requests: Iterable[XRTProductRequest | Mapping[str, Any]] | None = None,
        *,
        out: str | os.PathLike[str] = "data",
        state: str | os.PathLike[str] | None = None,
        max_active: int = 5,
        form: str = "tar.gz",
        extract: bool = False,
        retries: int = 1,
        budget_s: float | None = None,
        pace: Pace | None = None,
        on_event: Callable[[Event], object] | None = None,
        service: Service | None = None,
    ) -> None:
        if form not in FORMATS:
            raise RequestInvalid(f"{form} is not a valid format. Options are: {', '.join(FORMATS)}")
        if max_active < 1:
            raise RequestInvalid(f"max_active is {max_active}, but must be at least 1")
        self.user, self.max_active, self.form, self.extract = user, max_active, form, extract
        self.retries, self.budget_s, self.pace = retries, budget_s, pace or Pace()
        self.out = Path(out).expanduser()
        self._on_event = on_event or (lambda _: None)
        self._service = service or default_service()
        self._next_poll: dict[str, tuple[float, float]] = {}  # by source: time, and the pause before it
        self._failures: dict[tuple[str, str], tuple[float, int]] = {}  # by source and call: first time, and number
        self._refusals = 0
        self._newest: int | None = None  # the most recent JobID: asked for once, then taken from the answers
        self._count_at = self._query_at = 0.0
        self._answered_at = self._service.now()
        planned = _planned(requests or ())
        self.ledger = Ledger(state or self.out / "campaign.jsonl", user)
        try:
            for key, document in planned.items():
                if key not in self.ledger.entries:
                    self._note("planned", key, document=document)
                elif self.ledger.entries[key].planned != json.loads(json.dumps(document)):
                    raise RequestInvalid(f"{self.ledger.path} has another request for {key}: use another state file")
        except BaseException:
            self.ledger.close()
            raise

    def _note(self, kind: str, key: str, **detail: Any) -> None:
        event = Event(self._service.now(), kind, key, detail)
        self.ledger.add(event)
        self._on_event(event)

    # ---- the run -----------------------------------------------------------------------------------------------

    def run(self) -> Summary:
        """Submit, follow and save until all sources are done or given up, or the budget is spent.

        Raises
        ------
        ServiceRejected
            The service does not know this user.
        ServiceUnreachable, ContractBroken
            There was no usable answer for `Pace.patience_s`. Run again later to continue.
        LocalFailure
            A file could not be written here: the disk is full, for example. All sources stay open: fix the cause, and
            run again to continue.
        """
        self.ledger.open()
        began = self._answered_at = self._service.now()
        try:
            self._check_saved()
            while any(self.ledger.at_stage(WAITING, SUBMITTING, RUNNING)):
                if self.budget_s is not None and self._service.now() - began >= self.budget_s:
                    break
                self._turn()
                times = [self._due(entry) for entry in self.ledger.at_stage(RUNNING)]
                if any(self.ledger.at_stage(WAITING, SUBMITTING)) and self._room_left():
                    times.append(self._count_at)
                now = self._service.now()
                pause = max(0.0, min(times, default=now) - now)
                left = pause if self.budget_s is None else began + self.budget_s - now
                self._service.sleep(max(0.0, min(pause, left)))
        finally:
            self.ledger.close()
        return self.summary()

    def _turn(self) -> None:
        """Submit as many sources as allowed, then ask about the jobs that are due."""
        failed = False
        for step in (self._submit_some, self._follow_due):
            try:
                step()
            except (ServiceUnreachable, ContractBroken, ServiceRejected) as error:
                failed = True
                self._refusals += isinstance(error, ServiceRejected)
                if self._refusals >= _TRIES:
                    raise
                self._tolerate(error)
                self._count_at = self._service.now() + self.pace.longest_poll_s
                if not isinstance(error, ContractBroken):  # else the answers about other jobs may be usable
                    self._query_at = self._count_at
        if not failed:
            self._answered_at, self._refusals = self._service.now(), 0

    def _tolerate(self, error: XRTError) -> None:
        """Raise an error if there has been no usable answer for too long."""
        if self._service.now() - self._answered_at > self.pace.patience_s:
            raise error

    def _check_saved(self) -> None:
        """Note where products are that another campaign has moved aside, and which ones another program has replaced.

        A file that is missing was taken away by its owner: it counts as saved.
        """
        for entry in list(self.ledger.entries.values()):
            for short, saved in list(entry.saved.items()):
                path = Path(saved.path)
                with files.local(path):
                    if not path.is_file() or files.digest(path) == saved.digest:
                        continue
                    found = self._find(path, saved.digest)
                if found:
                    self._note("saved", entry.key, product=short, **{**saved._asdict(), "path": str(found)})
                else:
                    reason = f"{path} is not the product of job {saved.job_id} any more: another program replaced it"
                    self._note("displaced", entry.key, product=short, reason=reason)

    def _find(self, path: Path, digest: str) -> Path | None:
        """Return the file with this SHA-256, under a name or moved aside; None if there is no such file."""
        candidates = (path, *sorted(path.parent.glob(f"{path.name.partition('.')[0]}.old-*")))
        return next((file for file in candidates if file.is_file() and files.digest(file) == digest), None)

    def _room_left(self) -> bool:
        return sum(1 for _ in self.ledger.at_stage(RUNNING)) < self.max_active

    # ---- submitting --------------------------------------------------------------------------------------------

    def _submit_some(self) -> None:
        """Submit as many sources as allowed. The count of the service decides: other programs may submit as you."""
        queue = [*self.ledger.at_stage(SUBMITTING), *self.ledger.at_stage(WAITING)]
        if not queue or not self._room_left() or self._service.now() < self._count_at:
            return
        self._count_at = self._service.now() + self.pace.count_s
        own = sum(1 for _ in self.ledger.at_stage(RUNNING))
        active = jobs.count_active(self._service, self.user)
        self._answered_at = self._service.now()
        room = self.max_active - max(active, own)
        if room > 0:
            self._newest_job()  # here, because a refusal of this says nothing about a source
        held: list[tuple[Entry, ServiceRejected]] = []
        for entry in queue:
            if room <= 0 or len(held) == 2:
                break
            try:
                accepted = self._submit(entry)
            except ServiceRejected as error:
                self._note("postponed", entry.key, reason=str(error).strip())
                held.append((entry, error))
                continue
            if accepted:
                room -= 1
                self._give_up(held)  # another source was accepted, so these were not refused because of a limit
        if active == own == 0 and room == self.max_active:
            self._give_up(held)  # no job is active, so these were not refused because of a limit

    def _submit(self, entry: Entry) -> bool:
        """Submit one source; return whether it was accepted.

        A complaint about its parameters is permanent. Any other refusal is raised.
        """
        newest = self._newest_job()
        lost_after = entry.after if entry.stage == SUBMITTING else None
        known = {job for other in self.ledger.entries.values() for job in other.jobs}
        if lost_after is None:
            self._note("submitting", entry.key, after=newest)
        try:
            job = jobs.submit(self._service, self.user, entry.document, newest=newest, after=lost_after, known=known)
        except ServiceRejected as error:
            if not error.problems:
                raise
            self._note("refused", entry.key, reason=str(error).strip())
            return False
        self._note("accepted", entry.key, job_id=job.job_id, url=job.url)
        self._newest = max(newest, int(job.job_id))
        return True

    def _newest_job(self) -> int:
        if self._newest is None:
            self._newest = jobs.most_recent(self._service, self.user)
        return self._newest

    def _give_up(self, held: list[tuple[Entry, ServiceRejected]]) -> None:
        for entry, error in held:
            self._note("refused", entry.key, reason=str(error).strip())
        held.clear()

    # ---- following ---------------------------------------------------------------------------------------------

    def _due(self, entry: Entry) -> float:
        """Return when to ask about a job next [s]."""
        when, _ = self._next_poll.setdefault(
            entry.key, (entry.submitted_at + self.pace.first_poll_s, self.pace.first_poll_s)
        )
        return max(when, self._query_at)

    def _follow_due(self) -> None:
        """Ask about the jobs whose time has come."""
        now = self._service.now()
        for entry in self.ledger.at_stage(RUNNING):
            if self._due(entry) <= now:
                self._follow(entry)
                now = self._service.now()

    def _follow(self, entry: Entry) -> None:
        """Ask about one job, save what is complete, and close the job if nothing is left to do."""
        now = self._service.now()
        self._query_at = now + self.pace.spacing_s
        pause = min(self.pace.longest_poll_s, self._next_poll[entry.key][1] * self.pace.growth)
        self._next_poll[entry.key] = (now + pause, pause)
        try:
            self._ask(entry, now)
        except ServiceRejected as error:
            if self._is_permanent(entry, "status", self.pace.patience_s):
                self._note("given up", entry.key, reason=str(error).strip())
            return
        self._save(entry)
        self._close(entry)

    def _ask(self, entry: Entry, now: float) -> None:
        """Note which products have ended; cancel those that should have ended long ago."""
        asked = [short for short in _products(entry.document) if short not in entry.codes]
        try:
            statuses = jobs.status(self._service, self.user, entry.job_id, asked) if asked else {}
            self._answered_at = self._service.now()
        except ContractBroken as error:  # of this job: the others are followed all the same
            self._tolerate(error)
            statuses = {}
        for short, status in statuses.items():
            if wire.ended(status["statusCode"]):
                self._note("ended", entry.key, product=short, code=status["statusCode"], text=status["statusText"])
        stuck = [short for short in asked if short not in entry.codes]
        if stuck and now - entry.submitted_at > self.pace.stuck_after_s:  # else the job would stay active for ever
            jobs.cancel(self._service, self.user, entry.job_id, stuck)
            for short in stuck:
                self._note("ended", entry.key, product=short, code=STUCK, text="cancelled, because it did not end")

    def _is_permanent(self, entry: Entry, what: str, after_s: float = 0.0) -> bool:
        """Count a failure; return whether it is permanent: it has happened often enough, and for long enough [s]."""
        now = self._service.now()
        first, number = self._failures.get((entry.key, what), (now, 0))
        self._failures[entry.key, what] = (first, number + 1)
        return number + 1 >= _TRIES and now - first >= after_s

    def _save(self, entry: Entry) -> None:
        """Save the products of a job that are complete and not saved yet."""
        for short, code in entry.codes.items():
            if code != COMPLETE or short in entry.saved or short in entry.unsaved:
                continue
            target = self.out / entry.key / f"{short}.{self.form}"
            part = target.with_name(f"{target.name}.{files.safe_name(str(entry.job_id))}.part")
            try:
                self._save_product(entry, short, target, part)
            except (ServiceUnreachable, ContractBroken) as error:
                passing = self.pace.patience_s if isinstance(error, ServiceUnreachable) else 0.0
                if self._is_permanent(entry, short, passing):
                    self._note("unsaved", entry.key, product=short, reason=str(error))
            finally:
                with contextlib.suppress(OSError):
                    part.unlink(missing_ok=True)

    def _save_product(self, entry: Entry, short: str, target: Path, part: Path) -> None:
        """Save one product. Its SHA-256 is noted before the file has its name, so that it is known after a crash."""
        noted = entry.fetched.get(short)
        with files.local(target):
            path = self._find(target, noted.digest) if noted and noted.job_id == entry.job_id else None
        if path is None:
            retrieve.fetch(self._service, f"{entry.url}/{target.name}", part, target.name)
            with files.local(part):
                digest = files.digest(part)
            self._note("fetched", entry.key, product=short, job_id=entry.job_id, digest=digest)
            self._name(entry, short, part, target)
            path = target
        if self.extract:
            for kept in files.extract(path, path.parent, files.Existing.KEEP)[1]:
                self._note("kept", entry.key, product=short, path=str(kept))
        fetched = entry.fetched[short]
        self._note("saved", entry.key, product=short, **{**fetched._asdict(), "path": str(path)})

    def _name(self, entry: Entry, short: str, part: Path, target: Path) -> None:
        """Give a product its final name; a file of another job that has this name is moved aside, and that is noted."""
        while True:
            if os.path.lexists(target):
                aside = files.beside(target)
                self._note("kept", entry.key, product=short, path=str(aside))
                with files.local(target):
                    files.put(target, aside, files.Existing.REFUSE)
            with files.local(target), contextlib.suppress(RequestInvalid):  # another program has just taken the name
                files.put(part, target, files.Existing.REFUSE)
                return

    def _close(self, entry: Entry) -> None:
        """Close a job if all products have ended and are saved; failed products are requested again."""
        products = _products(entry.document)
        if not all(short in entry.codes for short in products):
            return
        if any(entry.codes[s] == COMPLETE and s not in {**entry.saved, **entry.unsaved} for s in products):
            return
        failed = [short for short in products if entry.codes[short] not in (COMPLETE, CANCELLED)]
        if failed and entry.retries < self.retries:
            others = {kind.flag for short, kind in KINDS.items() if short not in failed}
            document = {name: value for name, value in entry.document.items() if name not in others}
            self._next_poll.pop(entry.key, None)
            self._note("retry", entry.key, products=failed, document=document)
        elif failed or entry.unsaved:
            reasons = [f"{KINDS[short].long} ended with status {entry.codes[short]}" for short in failed]
            reasons += [f"{KINDS[short].long}: {why}" for short, why in entry.unsaved.items()]
            self._note("given up", entry.key, reason="; ".join(reasons))
        else:
            self._note("done", entry.key)

    def summary(self) -> Summary:
        """Return the present state of all sources."""
        return Summary.of(self.ledger)


def _planned(requests: Iterable[XRTProductRequest | Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what is to be submitted, by a key that is unique and can name a folder.

    All requests are checked before any is submitted. RequestInvalid: one is not ready.
    """
    planned: dict[str, dict[str, Any]] = {}
    for number, request in enumerate(requests, 1):
        if isinstance(request, XRTProductRequest):
            valid, report = request.isValid()
            if not valid:
                raise RequestInvalid(f"{request.getGlobalPars('name')}: {report}")
            document = request.getJSONDict()
        else:
            document = dict(request)
        name = files.safe_name(re.sub(r"[^\w.+-]+", "_", str(document.get("name", "")))).strip("_")
        name = name or f"source_{number}"
        key, copies = name, 1
        while key in planned:
            copies += 1
            key = f"{name}_{copies}"
        planned[key] = document
    return planned


def _products(document: Mapping[str, Any]) -> list[str]:
    return [short for short, kind in KINDS.items() if wire.wants(document, kind.flag)]


class Summary(NamedTuple):
    """State of a campaign.

    Parameters
    ----------
    sources, done, given_up
        Numbers of sources: all, those whose products are saved, and those with products that will not be saved.
    jobs, products
        Numbers of submitted jobs, and of saved products.
    peak_active
        Largest number of jobs of this campaign that were active at a time.
    active
        (time [s], number of active jobs) after each change.
    reasons
        For each source that was given up: why.
    kept
        Files that stood where products were to be saved, under the names that they have now.
    """

    sources: int
    done: int
    given_up: int
    jobs: int
    products: int
    peak_active: int
    active: list[tuple[float, int]]
    reasons: dict[str, str]
    kept: list[str]

    @classmethod
    def of(cls, ledger: Ledger) -> Summary:
        """Return the summary of a ledger."""
        entries = ledger.entries.values()
        active = active_jobs(ledger.events)
        return cls(
            sources=len(entries),
            done=sum(entry.stage == DONE for entry in entries),
            given_up=sum(entry.stage == GIVEN_UP for entry in entries),
            jobs=sum(len(entry.jobs) for entry in entries),
            products=sum(len(entry.saved) for entry in entries),
            peak_active=max((number for _, number in active), default=0),
            active=active,
            reasons={entry.key: entry.reason for entry in entries if entry.stage == GIVEN_UP},
            kept=sorted({event.detail["path"] for event in ledger.events if event.kind == "kept"}),
        )

    def __str__(self) -> str:
        open_ = self.sources - self.done - self.given_up
        lines = [
            f"{self.sources} sources: {self.done} done, {open_} open, {self.given_up} given up",
            f"{self.jobs} jobs, {self.products} products saved, at most {self.peak_active} active at a time",
        ]
        lines += [f"  {key}: {reason}" for key, reason in self.reasons.items()]
        return "\n".join(lines + [f"  {path} stood where a product is saved: it was moved aside" for path in self.kept])

    def as_json(self) -> str:
        """Return the summary as JSON text."""
        return json.dumps(self._asdict(), indent=1)

    def plot(self, file: str | os.PathLike[str]) -> None:
        """Save a plot of active jobs against time; needs the `analysis` extra."""
        from . import analysis  # noqa: PLC0415 - needs an extra that a campaign does not need

        analysis.plot_active(self.active, file)
