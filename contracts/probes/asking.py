"""An examination: how fixed questions are registered, sent to a server, and their findings collected.

The other modules of this package hold the questions; they register them with :func:`probe`.
"""

from __future__ import annotations

import secrets
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

from .. import checks, documents, harness
from ..bodies import IMAGE, OWNER
from ..checks import Finding
from ..harness import JSON
from ..history import History, ended
from ..protocol import PRODUCTS, succeeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ..harness import Backend, Exchange

ROOT = "/user_objects/"
SUBMIT = ROOT + "run_userobject.php"
STRANGER = "stranger@example.org"
MISSING_LABEL = "The following parameters are needed, but were not supplied:"
INVALID_LABEL = "The following parameters have invalid values:"
ALL = ",".join(PRODUCTS)
HOUR = 3600.0


_OWN_PACE_S = 4.0
"""Time that a server's clock may move by itself during a question about one instant [s]; new jobs queue after 5 s."""
_ROUNDING_S = 1e-3
"""Two instants that differ by no more are the same [s]."""
_TRIES = 3
"""How often a question is asked if others moved the clock meanwhile."""
_MOST_STEPS = 200


class _FirstFinding(Exception):  # noqa: N818 - it ends an examination early, and is no error
    pass


class NotSeen(Exception):  # noqa: N818 - it ends a question, and is no error
    """A question cannot be answered by this server in its present state; the text says why."""


@dataclass
class Examination:
    """A backend that is asked, and the findings.

    Parameters
    ----------
    backend
        The server.
    history
        Memory of the calls.
    findings
        What is wrong.
    asked
        Number of calls by operation ID.
    not_seen
        Questions without an answer in this run, with the reason of each.
    owner, stranger
        Users that the questions are asked as. On a server with the control interface they are this run's own.
    mark
        Part of their addresses; a random one if empty, or if they have jobs already.
    watch
        Called with every exchange.
    probe
        Name of the present question.
    silent
        Whether a call got no answer at all; that ends the examination.
    stop_early
        Whether to stop at the first finding.
    expiry_s
        Time after which the products of a job have expired [s].
    last
        The last call of a question.
    """

    backend: Backend
    history: History
    findings: list[Finding] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    not_seen: dict[str, str] = field(default_factory=dict)
    owner: str = OWNER
    stranger: str = STRANGER
    mark: str = ""
    watch: Callable[[Exchange], object] | None = None
    probe: str = ""
    silent: bool = False
    stop_early: bool = False
    expiry_s: float = 30 * 24 * HOUR
    last: Exchange | None = None
    _statuses: dict[str, set[int]] = field(default_factory=dict)
    _clock_at: float = 0.0
    _stands: bool = False
    _step_s: float = 48 * HOUR
    _submitted: list[int] = field(default_factory=list)

    def call(self, path: str, body: Any = None, method: str = "POST", label: str = JSON) -> Exchange:
        """Send a call as the owner or the stranger of this run, and check the exchange with all rules.

        Raises
        ------
        NotSeen
            If the server accepts no further job of the owner, who has active ones.
        """
        made = self.backend.call(method, path, self._as_this_owner(body), label=label)
        operation = documents.operation_for(method, path) or "nowhere"
        self.asked[operation] += 1
        self._statuses.setdefault(operation, set()).add(made.status)
        self.last = made
        if self.watch is not None:
            self.watch(made)
        self._add(*checks.findings(made), *self.history.observe(made))
        if path == SUBMIT:
            self._after_submission(made)
        return made

    def _as_this_owner(self, body: Any) -> Any:
        if not isinstance(body, dict) or self.owner == OWNER:
            return body
        mine = {OWNER: self.owner, OWNER.upper(): self.owner.upper(), STRANGER: self.stranger}
        user = body.get("UserID")
        return {**body, "UserID": mine.get(user, user)} if isinstance(user, str) else body

    def _after_submission(self, made: Exchange) -> None:
        """Remember a new job; a refusal that only a limit explains ends the question."""
        body = made.body if isinstance(made.body, dict) else {}
        if succeeded(made):
            number = str(body.get("JobID"))
            self._submitted += [int(number)] if number.isdigit() else []
        elif self.holds_room and made.status == 200 and "ERROR" in body and "listErr" not in body:
            again = self.backend.call("POST", SUBMIT, self._as_this_owner(IMAGE))
            if succeeded(again):
                self.history.observe(again)
                self._submitted.append(int(again.body["JobID"]))
                return
            active = self.backend.call("POST", ROOT + "getNumJobs.php", {"UserID": self.owner}).body
            if isinstance(active, dict) and isinstance(active.get("numJobs"), int) and active["numJobs"] > 0:
                raise NotSeen(f"{self.owner} has {active['numJobs']} active jobs, and no further one is accepted")

    def _add(self, *findings: Finding) -> None:
        self.findings += findings
        if findings and self.stop_early:
            raise _FirstFinding

    def ask(self, name: str, body: Any = None, **more: Any) -> Exchange:
        """Call an operation below user_objects, as the owner unless `body` says otherwise."""
        request = {"UserID": OWNER, **(body or {}), **more}
        return self.call(f"{ROOT}{name}.php", {key: value for key, value in request.items() if value is not ...})

    def get(self, path: str) -> Exchange:
        """Fetch a page or a file."""
        return self.call(path, None, "GET")

    def expect(self, true: object, words: str, exchange: Exchange | None = None) -> None:
        """Add a finding unless `true`."""
        if not true:
            operation = documents.operation_for(exchange.method, exchange.path) if exchange else None
            self._add(Finding(self.probe, operation or "", words, str(exchange or "")))

    def refusal(self, exchange: Exchange, words: str, text: str | None = None) -> None:
        """Expect a refusal, with `text` if it is documented."""
        body = exchange.body if isinstance(exchange.body, dict) else {}
        self.expect(exchange.status == 200 and body.get("OK") == 0, f"{words} was not refused in JSON", exchange)
        if text is not None and body.get("OK") == 0:
            self.expect(body.get("ERROR") == text, f"{words}: ERROR is {body.get('ERROR')!r}, not {text!r}", exchange)

    def submit(self, body: Mapping[str, Any]) -> int:
        """Submit a request that the service has to accept; returns the JobID, or 0 if it did not."""
        made = self.call(SUBMIT, dict(body))
        self.expect(succeeded(made), "a complete request was refused", made)
        number = str(made.body.get("JobID")) if succeeded(made) else "0"
        self.expect(number.isdigit(), f"the JobID {number!r} is not a number", made)
        return int(number) if number.isdigit() else 0

    def statuses(self, job: int, what: str = ALL, **more: Any) -> dict[str, Any]:
        """Return the status codes of a job by product."""
        body = self.ask("checkProductStatus", JobID=job, what=what, **more).body
        entries = body.items() if isinstance(body, dict) else ()
        return {
            name: entry.get("statusCode") for name, entry in entries if isinstance(entry, dict) and name in PRODUCTS
        }

    @property
    def holds_room(self) -> bool:
        """Whether the present question relies on room for further jobs; only that about the limit does not."""
        return self.probe != "the_limit_of_active_jobs_holds"

    def advance(self, seconds: float) -> None:
        """Move simulated time."""
        self.backend.call("POST", "/_mock/clock/advance", {"seconds": seconds})
        self._clock_at += seconds
        self.history.time_moved()

    def finish(self, job: int, *, need: Iterable[str] = ()) -> None:
        """Advance time until a job has ended, however many jobs are before it.

        Raises
        ------
        NotSeen
            If a product of `need` ended without a result, or the job never ended.
        """
        for _ in range(_MOST_STEPS):
            self.advance(self._step_s)
            codes = self.statuses(job)
            if all(code is None or ended(code) for code in codes.values()):
                break
        else:
            raise NotSeen(f"job {job} did not end in {_MOST_STEPS * self._step_s / HOUR:.0f} hours: {codes}")
        failed = [name for name in need if codes.get(name) != 4]
        if failed:
            raise NotSeen(f"{', '.join(failed)} of job {job} ended without a result")

    @contextmanager
    def changed(self, setting: str, value: Any, *, otherwise: Any) -> Iterator[None]:
        """Change a setting of the scenario, and set its present value, or `otherwise`, at the end."""
        before = self.backend.call("GET", "/_mock/scenario").body.get(setting, otherwise)
        self.backend.call("PATCH", "/_mock/scenario", {setting: value})
        try:
            yield
        finally:
            self.backend.call("PATCH", "/_mock/scenario", {setting: before})

    @property
    def has_control(self) -> bool:
        """Whether the server has the simulator's control interface."""
        body = self.backend.call("GET", "/_mock/health").body
        return isinstance(body, dict) and body.get("status") == "ok"

    def begin(self) -> bool:
        """Prepare the users and read the clock; returns whether the server has the control interface."""
        if not self.has_control:
            return False
        clock = self.backend.call("GET", "/_mock/clock").body
        self._clock_at, self._stands = clock["now"], clock["kind"] == "virtual"
        kept_days = self.backend.call("GET", "/_mock/scenario").body.get("retention.days", 7)
        self._step_s = max(HOUR, min(48 * HOUR, kept_days * 12 * HOUR))
        self.expiry_s = max(30, 2 * kept_days) * 24 * HOUR
        while True:  # with users of an earlier run, no other run may use them at this moment
            mark, self.mark = self.mark or secrets.token_hex(4), ""
            self.owner, self.stranger = f"user.{mark}@example.org", f"stranger.{mark}@example.org"
            users = ({"UserID": user} for user in (self.owner, self.stranger))
            lists = (self.backend.call("POST", ROOT + "listOldJobs.php", user).body for user in users)
            if not any(isinstance(body, dict) and body.get("jobs") for body in lists):
                break
        for address in (self.owner, self.stranger):
            self.backend.call("POST", "/_mock/users", {"email": address})
        self.history = History(complete=True, still=self._stands)
        return True

    def _moved_by_itself(self) -> float:
        """Return how far the clock moved since it was last read, beyond what this run moved it [s]; reads it again."""
        now = self.backend.call("GET", "/_mock/clock").body["now"]
        moved, self._clock_at = now - self._clock_at, now
        return float(moved)

    def run(self, name: str, *, control: bool) -> bool:
        """Ask one question, again if others moved the clock meanwhile; returns whether to go on.

        Parameters
        ----------
        name
            Key of `PROBES`.
        control
            Whether the server has the control interface.
        """
        question, self.probe = PROBES[name], name
        if question.needs_control and not control:
            self.not_seen[name] = "the server has no control interface to move its clock"
            return True
        if control and question.instant and not self._stands:
            self._moved_by_itself()
        before = len(self.findings)
        for _ in range(_TRIES):
            self._ask(question)
            new = self.findings[before:]
            if self.silent or not control or not any(question.instant or f.rule == "history" for f in new):
                break
            moved = self._moved_by_itself()
            if moved <= (_ROUNDING_S if self._stands else _OWN_PACE_S):
                break
            del self.findings[before:]
            self.history.time_moved()
            self.not_seen[name] = f"the server's clock moved by {moved:.0f} s during the question"
        else:
            return True
        return not self.silent and not (self.stop_early and self.findings)

    def _ask(self, question: Probe) -> None:
        """Ask a question once, and cancel its jobs that have not ended for certain."""
        self.not_seen.pop(self.probe, None)
        try:
            question.ask(self)
        except _FirstFinding:
            pass
        except NotSeen as reason:
            self.not_seen[self.probe] = str(reason)
        except OSError as error:
            self.give_up(f"It gives no answer: {error}. The remaining questions were skipped.")
            return
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            lacks = f"lacks {error.args[0]}" if isinstance(error, KeyError) else "has another form than documented"
            operation = self.last and documents.operation_for(self.last.method, self.last.path)
            words = f"the answer {lacks}, so the rest of the question could not be asked"
            self.findings.append(Finding(self.probe, operation or "", words, str(self.last or "")))
        try:
            self.cancel_unfinished()
        except OSError as error:
            self.give_up(f"It gives no answer: {error}. The remaining questions were skipped.")

    def cancel_unfinished(self) -> None:
        """Cancel the jobs of the present question that have not ended for certain; a short queue answers faster."""
        jobs, self._submitted = self._submitted, []
        for number in jobs:
            known = self.history.jobs.get(number)
            if known is None or not all(known.codes.get(name) in {4, -1, -2, -3, -4} for name in known.products):
                body = {"UserID": self.owner if known is None else known.owner, "JobID": number, "what": ALL}
                self.history.observe(self.backend.call("POST", ROOT + "canceljob.php", body))

    @property
    def absent(self) -> dict[str, int]:
        """Operations that answered every call as if they did not exist, with the HTTP status."""
        missing = {404, 405, 501}
        return {
            name: min(seen)
            for name, seen in self._statuses.items()
            if name != "nowhere" and seen <= missing and "{" not in documents.operation(name).path
        }

    def give_up(self, words: str) -> None:
        """Record that the server is silent."""
        self.findings.append(Finding(self.probe, "", words))
        self.silent = True


@dataclass(frozen=True, slots=True)
class Probe:
    """One question.

    Parameters
    ----------
    ask
        Sends the calls and adds findings.
    needs_control
        Whether it needs the control interface.
    instant
        Whether its answers hold only while the clock stands, or moves no more than seconds.
    """

    ask: Callable[[Examination], None]
    needs_control: bool
    instant: bool


PROBES: dict[str, Probe] = {}
"""All questions by name."""


def probe(*, control: bool = False, instant: bool = False) -> Callable[[Any], Any]:
    """Register a question."""

    def register(function: Callable[[Examination], None]) -> Callable[[Examination], None]:
        PROBES[function.__name__] = Probe(function, control, instant)
        return function

    return register


def examine(
    target: Any,
    *,
    probes: Iterable[str] | None = None,
    watch: Callable[[Exchange], object] | None = None,
    stop_early: bool = False,
    mark: str = "",
) -> Examination:
    """Ask the fixed questions.

    Parameters
    ----------
    target
        A backend, a WSGI app, a base URL, or ``module:name``.
    probes
        Names of questions; default: all.
    watch
        Called with every exchange.
    stop_early
        Whether to stop at the first finding.
    mark
        Part of the addresses of this run's users; random if empty.
    """
    backend = target if hasattr(target, "call") else harness.backend(target)
    exam = Examination(backend, History(complete=False, still=False), watch=watch, stop_early=stop_early, mark=mark)
    try:
        control = exam.begin()
    except requests.ReadTimeout as error:  # it listens but does not answer
        exam.give_up(f"It gives no answer: {error}. All questions were skipped.")
        return exam
    for name in PROBES if probes is None else probes:
        if not exam.run(name, control=control):
            break
    return exam
