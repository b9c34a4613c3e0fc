"""Many requests under one throttle, resumable: politely submitted, followed, downloaded, and accounted for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from . import jobs, retrieve, wire
from .errors import ContractBroken, RequestInvalid, ServiceRejected, ServiceUnreachable
from .ledger import DONE, GIVEN_UP, RUNNING, SUBMITTING, WAITING, Entry, Event, Ledger, active_jobs
from .parameters import FORMATS, KINDS
from .request import XRTProductRequest
from .transport import Service, default_service

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping

COMPLETE, CANCELLED, STUCK = 4, -4, -11  # the last is our own: it never ended
_TRIES = 3  # refusals of one kind before they are believed


class Pace(NamedTuple):
    """How a campaign spends its time; all in seconds.

    Parameters
    ----------
    first_poll_s, growth, longest_poll_s
        When a job is first asked about, how much longer each next pause is, and the longest.
    spacing_s
        Least time between two questions about statuses (documented etiquette: 10 s).
    count_s
        Least time between two counts of active jobs.
    stuck_after_s
        A product that has not ended by then is cancelled (documented: a run is limited to 12 hours).
    patience_s
        How long the service may be away before the campaign stops.
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

    Everything that happens is written to a file first. A run that ends early, for whatever reason, is continued by
    running the same campaign again: nothing is submitted twice, nothing already saved is fetched again.

    Parameters
    ----------
    user
        Your registered e-mail address.
    requests
        One request for each source, not submitted; or what `getJSONDict` gives. None: only what the file knows.
    out
        Folder for the products, one folder inside for each source.
    state
        File of the account; default: ``campaign.jsonl`` in `out`.
    max_active
        How many jobs may be queued or running at a time, others of yours included.
    form
        ``zip``, ``tar`` or ``tar.gz``.
    extract
        Whether archives are unpacked too.
    retries
        How often failed products are asked for again, after all sources have had their turn.
    budget_s
        After how long the run stops [s]; None: when all is done.
    pace
        Pauses.
    on_event
        Called with each :class:`~xrt_client.ledger.Event` after it has been written down.
    service
        Which service; default: the one of all requests.
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
        if form not in FORMATS or max_active < 1:
            raise RequestInvalid(f"the format is one of {', '.join(FORMATS)}, and max_active at least 1")
        self.user, self.max_active, self.form, self.extract = user, max_active, form, extract
        self.retries, self.budget_s, self.pace = retries, budget_s, pace or Pace()
        self.out = Path(out).expanduser()
        self._on_event = on_event or (lambda _: None)
        self._service = service or default_service()
        self._next_poll: dict[str, tuple[float, float]] = {}  # by source: when, and the pause before it
        self._troubles: dict[tuple[str, str], int] = {}
        self._refusals = 0
        self._newest: int | None = None  # the most recent JobID; asked for once, then known from the answers
        self._count_at = self._query_at = 0.0
        self._answered_at = self._service.now()
        planned = _planned(requests or ())
        self.ledger = Ledger(state or self.out / "campaign.jsonl", user)
        for key, document in planned.items():
            self._plan(key, document)

    def _plan(self, key: str, document: dict[str, Any]) -> None:
        if key not in self.ledger.entries:
            self._note("planned", key, document=document)
        elif self.ledger.entries[key].planned != json.loads(json.dumps(document)):
            self.ledger.close()
            raise RequestInvalid(f"{key} is not what {self.ledger.path} has planned: use another state file")

    def _note(self, kind: str, key: str, **detail: Any) -> None:
        event = Event(self._service.now(), kind, key, detail)
        self.ledger.add(event)
        self._on_event(event)

    # ---- the run -----------------------------------------------------------------------------------------------

    def run(self) -> Summary:
        """Go on until all sources are done or given up, or the budget is spent; return how it went.

        Raises
        ------
        ServiceRejected
            The service does not know this user.
        ServiceUnreachable
            It has been away for longer than patience allows. Run again later to continue.
        """
        began = self._service.now()
        try:
            while any(self.ledger.at_stage(WAITING, SUBMITTING, RUNNING)):
                if self.budget_s is not None and self._service.now() - began >= self.budget_s:
                    break
                self._turn()
                pause = self._until_next()
                left = pause if self.budget_s is None else began + self.budget_s - self._service.now()
                self._service.sleep(max(0.0, min(pause, left)))
        finally:
            self.ledger.close()
        return self.summary()

    def _turn(self) -> None:
        """Submit what there is room for, then ask about the jobs whose time has come."""
        try:
            self._submit_some()
            for entry in self.ledger.at_stage(RUNNING):
                if self._due(entry) <= self._service.now():
                    self._follow(entry)
            self._answered_at, self._refusals = self._service.now(), 0
        except (ServiceUnreachable, ContractBroken, ServiceRejected) as error:
            self._refusals += isinstance(error, ServiceRejected)
            if self._refusals >= _TRIES or self._service.now() - self._answered_at > self.pace.patience_s:
                raise
            self._count_at = self._query_at = self._service.now() + self.pace.longest_poll_s

    def _until_next(self) -> float:
        """Return how long nothing has to be done [s]."""
        times = [self._due(entry) for entry in self.ledger.at_stage(RUNNING)]
        if any(self.ledger.at_stage(WAITING, SUBMITTING)) and self._room_left():
            times.append(self._count_at)
        return max(0.0, min(times, default=self._service.now()) - self._service.now())

    def _room_left(self) -> bool:
        return sum(1 for _ in self.ledger.at_stage(RUNNING)) < self.max_active

    # ---- submitting --------------------------------------------------------------------------------------------

    def _submit_some(self) -> None:
        """Submit as many as the throttle allows; the service's own count decides, for others may submit as you."""
        queue = [*self.ledger.at_stage(SUBMITTING), *self.ledger.at_stage(WAITING)]
        if not queue or not self._room_left() or self._service.now() < self._count_at:
            return
        self._count_at = self._service.now() + self.pace.count_s
        own = sum(1 for _ in self.ledger.at_stage(RUNNING))
        active = jobs.count_active(self._service, self.user)
        room = self.max_active - max(active, own)
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
                self._give_up(held)  # others are taken, so these were refused for their own sake
        if active == own == 0 and room == self.max_active:
            self._give_up(held)  # nothing is in the way, so it is not for a limit

    def _submit(self, entry: Entry) -> bool:
        """Submit one source; return whether it was taken.

        A complaint about its parameters is final; any other refusal is raised.
        """
        lost_after = entry.after if entry.stage == SUBMITTING else None
        known = {job for other in self.ledger.entries.values() for job in other.jobs}
        if self._newest is None:
            self._newest = jobs.most_recent(self._service, self.user)
        if lost_after is None:
            self._note("submitting", entry.key, after=self._newest)
        try:
            job = jobs.submit(
                self._service, self.user, entry.document, newest=self._newest, after=lost_after, known=known
            )
        except ServiceRejected as error:
            if not error.problems:
                raise
            self._note("refused", entry.key, reason=str(error).strip())
            return False
        self._note("accepted", entry.key, job_id=job.job_id, url=job.url)
        self._newest = max(self._newest, int(job.job_id))
        return True

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

    def _follow(self, entry: Entry) -> None:
        """Ask about one job, save what has ended, and close it when nothing is left to do."""
        now = self._service.now()
        self._query_at = now + self.pace.spacing_s
        pause = min(self.pace.longest_poll_s, self._next_poll[entry.key][1] * self.pace.growth)
        self._next_poll[entry.key] = (now + pause, pause)
        asked = [short for short in _products(entry.document) if short not in entry.codes]
        try:
            statuses = jobs.status(self._service, self.user, entry.job_id, asked) if asked else {}
        except ServiceRejected as error:
            if self._believed(entry, "status"):
                self._note("given up", entry.key, reason=str(error).strip())
            return
        for short, status in statuses.items():
            if wire.ended(status["statusCode"]):
                self._note("ended", entry.key, product=short, code=status["statusCode"], text=status["statusText"])
        if now - entry.submitted_at > self.pace.stuck_after_s:
            self._free(entry)
        self._save(entry)
        self._close(entry)

    def _believed(self, entry: Entry, what: str) -> bool:
        """Whether something has gone wrong so often that it will not mend."""
        self._troubles[entry.key, what] = self._troubles.get((entry.key, what), 0) + 1
        return self._troubles[entry.key, what] >= _TRIES

    def _free(self, entry: Entry) -> None:
        """Cancel what never ends, so that it does not hold its place for ever."""
        stuck = [short for short in _products(entry.document) if short not in entry.codes]
        if stuck:
            jobs.cancel(self._service, self.user, entry.job_id, stuck)
        for short in stuck:
            self._note("ended", entry.key, product=short, code=STUCK, text="cancelled, for it never ended")

    def _save(self, entry: Entry) -> None:
        """Save every product that is complete and not yet here."""
        for short, code in entry.codes.items():
            if code != COMPLETE or short in entry.saved or short in entry.unsaved:
                continue
            path = self.out / entry.key / f"{short}.{self.form}"
            try:
                if not path.exists():  # else a run was killed between the file and its line; the file is whole
                    retrieve.download(self._service, f"{entry.url}/{short}.{self.form}", path)
                if self.extract:
                    retrieve.extract(path, path.parent, clobber=True)
            except (ServiceUnreachable, ContractBroken, OSError) as error:
                if self._believed(entry, short):
                    self._note("unsaved", entry.key, product=short, reason=str(error))
                continue
            self._note("saved", entry.key, product=short, path=str(path))

    def _close(self, entry: Entry) -> None:
        """Close a job once all has ended and all is saved; failed products get another job."""
        products = _products(entry.document)
        if not all(short in entry.codes for short in products):
            return
        if any(entry.codes[s] == COMPLETE and s not in {**entry.saved, **entry.unsaved} for s in products):
            return
        failed = [short for short in products if entry.codes[short] not in (COMPLETE, CANCELLED)]
        if failed and entry.retries < self.retries:
            self._next_poll.pop(entry.key, None)
            self._note("retry", entry.key, products=failed, document=_only(entry.document, failed))
        elif failed or entry.unsaved:
            self._note("given up", entry.key, reason=_reasons(entry, failed))
        else:
            self._note("done", entry.key)

    # ---- telling -----------------------------------------------------------------------------------------------

    def summary(self) -> Summary:
        """Return how it stands."""
        return Summary.of(self.ledger)


def _planned(requests: Iterable[XRTProductRequest | Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what is to be submitted by a name that is unique and can name a folder; all are checked first."""
    planned: dict[str, dict[str, Any]] = {}
    for number, request in enumerate(requests, 1):
        document = _document(request)
        name = re.sub(r"[^\w.+-]+", "_", str(document.get("name", ""))).strip("._") or f"source_{number}"
        key, copies = name, 1
        while key in planned:
            copies += 1
            key = f"{name}_{copies}"
        planned[key] = document
    return planned


def _document(request: XRTProductRequest | Mapping[str, Any]) -> dict[str, Any]:
    """Return what a request sends, if it is ready to be sent."""
    if not isinstance(request, XRTProductRequest):
        return dict(request)
    valid, report = request.isValid()
    if not valid:
        raise RequestInvalid(f"{request.getGlobalPars('name')}: {report}")
    return request.getJSONDict()


def _products(document: Mapping[str, Any]) -> list[str]:
    return [short for short, kind in KINDS.items() if wire.wants(document, kind.flag)]


def _only(document: Mapping[str, Any], shorts: Iterable[str]) -> dict[str, Any]:
    """Return a submission for some of its products."""
    others = {kind.flag for short, kind in KINDS.items() if short not in set(shorts)}
    return {name: value for name, value in document.items() if name not in others}


def _reasons(entry: Entry, failed: Iterable[str]) -> str:
    reasons = [f"{KINDS[short].long} ended with status {entry.codes[short]}" for short in failed]
    return "; ".join([*reasons, *(f"{KINDS[short].long}: {why}" for short, why in entry.unsaved.items())])


class Summary(NamedTuple):
    """How a campaign stands.

    Parameters
    ----------
    sources, done, given_up
        Numbers of sources: all, those whose products are all saved, and those that will not be.
    jobs, products
        Numbers of jobs submitted, and of products saved.
    peak_active
        Most jobs active at a time, as far as this campaign's own go.
    active
        (time [s], number of active jobs) after each change.
    reasons
        Why, by source, for those given up.
    """

    sources: int
    done: int
    given_up: int
    jobs: int
    products: int
    peak_active: int
    active: list[tuple[float, int]]
    reasons: dict[str, str]

    @classmethod
    def of(cls, ledger: Ledger) -> Summary:
        """Sum up an account."""
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
        )

    def __str__(self) -> str:
        open_ = self.sources - self.done - self.given_up
        lines = [
            f"{self.sources} sources: {self.done} done, {open_} open, {self.given_up} given up",
            f"{self.jobs} jobs, {self.products} products saved, at most {self.peak_active} active at a time",
        ]
        return "\n".join(lines + [f"  {key}: {reason}" for key, reason in self.reasons.items()])

    def as_json(self) -> str:
        """Return the same as JSON text."""
        return json.dumps(self._asdict(), indent=1)

    def plot(self, file: str | os.PathLike[str]) -> None:
        """Save a picture of active jobs against time; needs the `analysis` extra."""
        from . import analysis  # noqa: PLC0415 - needs the extra, which a campaign does without

        analysis.plot_active(self.active, file)
