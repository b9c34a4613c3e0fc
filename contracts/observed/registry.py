"""How an exchange shows or contradicts a rule of the ledger, and what earlier exchanges of a recording said."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .. import documents
from ..history import ended
from ..protocol import archive_members, asked_products, names_in, succeeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ..harness import Exchange
    from ..recording import Recorded

    Test = Callable[[str, Exchange, "Session"], bool | None]
    """From operation, exchange and the ones before it to whether a rule holds; None if it says nothing about it."""

TESTS: dict[str, list[Test]] = {}
"""How an exchange shows or contradicts a rule, by the rule's id."""
UNSEEN: dict[str, str] = {}
"""Why exchanges cannot show a rule, by the rule's id."""
_SAME_CLOCK_S, _APART_S, _SET_ALIKE_S = 3.0, 30.0, 120.0
"""Clocks run alike if they differ by the same, give or take the first, at moments that lie apart by the second [s].

A clock that is set like another, give or take the third, does not stand still: it is the system's, or a faster one.
"""


def shows(rule: str, *operations: str, success: bool | None = True, pages: bool = False) -> Callable[[Any], Any]:
    """Register a test of a rule: a function of an exchange and of the session before it.

    Parameters
    ----------
    rule
        Id in the ledger.
    operations
        Operation IDs; all if there are none.
    success
        Whether it is about successes (true), refusals (false), or both (None).
    pages
        Whether it is about answers that are no JSON objects as well.
    """

    def register(test: Callable[[Exchange, Session], bool | None]) -> Any:
        def applied(operation: str, exchange: Exchange, session: Session) -> bool | None:
            if operations and operation not in operations:
                return None
            if not pages and (not isinstance(exchange.body, dict) or not isinstance(exchange.request, dict)):
                return None
            if not pages and success is not None and succeeded(exchange) != success:
                return None
            return test(exchange, session)

        TESTS.setdefault(rule, []).append(applied)
        return test

    return register


def every(values: Iterable[bool]) -> bool | None:
    """Whether all are true; None if there are no values."""
    found = list(values)
    return all(found) if found else None


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects inside a JSON value, itself included."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(child)


def entries(exchange: Exchange) -> dict[str, dict[str, Any]]:
    """Return the statuses of the products that a request asked about."""
    names = names_in(exchange.request.get("what"))
    return {name: exchange.body[name] for name in names if isinstance(exchange.body.get(name), dict)}


def problems(exchange: Exchange, label: str = "") -> list[str]:
    """Return the sentences of a refusal about parameters, of one list or of both."""
    lists = exchange.body.get("listErr")
    found = [entry for entry in lists if isinstance(entry, dict)] if isinstance(lists, list) else []
    return [str(s) for entry in found if label in str(entry.get("label")) for s in entry.get("list") or ()]


def named(exchange: Exchange, parameter: str, label: str = "") -> bool:
    """Whether a refusal names a parameter."""
    return any(sentence.split(" ")[0] == parameter for sentence in problems(exchange, label))


@dataclass
class Job:
    """What a recording says about one job.

    Parameters
    ----------
    owner
        Who submitted it.
    request, pars
        The submission, and jobPars of its answer.
    at
        When it was submitted [s since 1970-01-01 UTC].
    codes
        Last status code of each product.
    unfinished_at
        When it was last seen unfinished [s since 1970-01-01 UTC].
    running_since
        When each product was first seen running [s since 1970-01-01 UTC].
    ended_at
        When all of its products were first known to have ended [s since 1970-01-01 UTC].
    gone
        Whether a list said that its products are gone.
    archives
        Archives that were sent: file names.
    """

    owner: str
    request: dict[str, Any]
    pars: dict[str, Any]
    at: float
    codes: dict[str, int] = field(default_factory=dict)
    unfinished_at: float = 0.0
    running_since: dict[str, float] = field(default_factory=dict)
    ended_at: float | None = None
    gone: bool = False
    archives: set[str] = field(default_factory=set)

    @property
    def products(self) -> set[str]:
        """Short names of its products."""
        return asked_products(self.pars)

    def see(self, product: str, code: Any, at: float) -> None:
        """Keep a status code."""
        if not isinstance(code, int):
            return
        self.codes[product] = code
        self.unfinished_at = self.unfinished_at if ended(code) else at
        if code == 3:
            self.running_since.setdefault(product, at)
        if self.ended_at is None and all(ended(self.codes.get(name, 1)) for name in self.products):
            self.ended_at = at


class Session:
    """Memory of the exchanges of a recording, up to the present one.

    Parameters
    ----------
    recorded
        The whole recording.

    Attributes
    ----------
    jobs
        By number.
    unknown
        Users that were refused as unknown.
    listed
        Number of jobs of each user, from the last list and later submissions.
    polled
        When each user last asked for a status [s since 1970-01-01 UTC].
    positions, tables
        Answers about positions by job, and rows of tables by job and name.
    rebinnings
        Requests by number.
    at
        When the present exchange was made [s since 1970-01-01 UTC].
    same_clock
        Whether the server's clock is known to run like that of the recording.
    not_slower
        Whether it is known to run like it, or faster.
    """

    def __init__(self, recorded: Sequence[Recorded]) -> None:
        self.jobs: dict[int, Job] = {}
        self.unknown: set[str] = set()
        self.listed: dict[str, int] = {}
        self.polled: dict[str, float] = {}
        self.positions: dict[int, Any] = {}
        self.tables: dict[tuple[int, str], set[str]] = {}
        self.rebinnings: dict[int, tuple[dict[str, Any], float]] = {}
        self.at = 0.0
        offsets = _offsets(recorded)
        when, ahead = [at for at, _ahead in offsets], [ahead for _at, ahead in offsets]
        lie_apart = bool(offsets) and max(when) - min(when) >= _APART_S
        self.same_clock = lie_apart and max(ahead) - min(ahead) <= _SAME_CLOCK_S
        self.not_slower = bool(offsets) and -_SET_ALIKE_S <= min(ahead) <= _SET_ALIKE_S
        self._unfinished = _last_unfinished(recorded)
        self._kept = {  # the place of the last exchange that sends an archive, by job
            number_in(made.exchange): index
            for index, made in enumerate(recorded)
            if made.exchange.status == 200
            and documents.operation_for(made.exchange.method, made.exchange.path) == "downloadProduct"
        }
        self._index = -1
        self._present: Recorded | None = None

    def begin(self, made: Recorded) -> None:
        """Go to the next exchange."""
        self._index, self._present, self.at = self._index + 1, made, made.at

    @property
    def members(self) -> list[str] | None:
        """Names of the files in the archive of the present answer; None if it has none."""
        made = self._present
        if made is None or not isinstance(made.exchange.body, bytes):
            return None
        if made.members is not None or not made.exchange.content:
            return made.members
        return archive_members(made.exchange.path, made.exchange.content)

    def job_of(self, exchange: Exchange) -> Job | None:
        """Return the job that a request names, in its body or its path."""
        return self.jobs.get(number_in(exchange))

    def unfinished(self, owner: str) -> int:
        """Return how many jobs of a user are unfinished for certain: their status says so now or later."""
        return sum(
            1
            for number, job in self.jobs.items()
            if job.owner == owner and any(self.runs(number, product) for product in job.products)
        )

    def runs(self, number: int, product: str) -> bool:
        """Whether a product is unfinished for certain: its status says so now or later."""
        return self._unfinished.get((number, product), -1) > self._index

    def keeps(self, number: int) -> bool:
        """Whether the products of a job are kept for certain: an archive is sent later."""
        return self._kept.get(number, -1) > self._index

    def finished(self, owner: str) -> int:
        """Return how many jobs of a user have ended for certain."""
        return sum(1 for job in self.jobs.values() if job.owner == owner and job.ended_at is not None)

    def end(self, operation: str) -> None:
        """Remember the present exchange."""
        exchange = self._present.exchange if self._present else None
        if exchange is None or not isinstance(exchange.request, dict | str):
            return
        if operation == "downloadProduct" and exchange.status == 200 and (job := self.job_of(exchange)):
            job.archives.add(exchange.path.rsplit("/", 1)[1])
        if not isinstance(exchange.body, dict) or not isinstance(exchange.request, dict):
            return
        user = user_of(exchange)
        if operation == "checkProductStatus":
            self.polled[user] = self.at
        if not succeeded(exchange):
            if "is not recognised" in str(exchange.body.get("ERROR")):
                self.unknown.add(user)
            return
        self.unknown.discard(user)
        self._note_success(operation, exchange, user)

    def _note_success(self, operation: str, exchange: Exchange, user: str) -> None:
        """Remember what the answer to a call that was carried out says about jobs."""
        request, body, job = exchange.request, exchange.body, self.job_of(exchange)
        match operation:
            case "run_userobject":
                number, pars = str(body.get("JobID")), body.get("jobPars")
                if number.isdigit() and isinstance(pars, dict):
                    self.jobs[int(number)] = Job(user, request, pars, self.at)
                    if user in self.listed:
                        self.listed[user] += 1
            case "checkProductStatus" if job is not None:
                for name, entry in entries(exchange).items():
                    job.see(name, entry.get("statusCode"), self.at)
            case "canceljob" if job is not None and isinstance(body.get("statusCodes"), dict):
                for name, code in body["statusCodes"].items():
                    if code == 0:
                        job.see(name, -4, self.at)
            case "listOldJobs":
                listed = [entry for entry in body.get("jobs") or () if isinstance(entry, dict)]
                self.listed[user] = len(listed)
                for entry in listed:
                    if entry.get("JobID") in self.jobs and entry.get("hasProd") is False:
                        self.jobs[entry["JobID"]].gone = True
            case "main" if request.get("APIFunc") == "rebinLightCurve" and str(body.get("JobID")).isdigit():
                self.rebinnings[int(body["JobID"])] = request, self.at


def number_in(exchange: Exchange) -> int:
    """Return the number of the job that a request names, in its body or its path; 0 if it names none."""
    body = exchange.request if isinstance(exchange.request, dict) else {}
    text = str(body.get("JobID", body.get("oldJob", "")))
    if "/USERPROD_" in exchange.path:
        text = exchange.path.split("/USERPROD_", 1)[1].split("/", 1)[0]
    return int(text) if text.isascii() and text.isdigit() else 0


def user_of(exchange: Exchange) -> str:
    """Return the caller of a request, in lower case."""
    return str(exchange.request.get("UserID", "")).casefold()


def _offsets(recorded: Sequence[Recorded]) -> list[tuple[float, float]]:
    """Return how far the server's clock is ahead at each submission that a list dates: when, and the difference [s]."""
    submitting, listing = (documents.operation(name).path for name in ("run_userobject", "listOldJobs"))
    answers = [(made.exchange.path, made.exchange.body, made.at) for made in recorded if succeeded(made.exchange)]
    numbers = {str(body.get("JobID")): at for path, body, at in answers if path == submitting}
    submitted = {int(number): at for number, at in numbers.items() if number.isdigit()}
    found: dict[int, float] = {}
    for entry in (entry for path, body, _at in answers if path == listing for entry in body.get("jobs") or ()):
        number = entry.get("JobID") if isinstance(entry, dict) else None
        if number in submitted:
            with suppress(ValueError):  # it cannot be read
                date = datetime.strptime(str(entry.get("DateSubmitted")), "%Y-%m-%d %H:%M:%S")
                found[number] = date.replace(tzinfo=UTC).timestamp() - submitted[number]
    return [(submitted[number], offset) for number, offset in found.items()]


def _last_unfinished(recorded: Iterable[Recorded]) -> dict[tuple[int, str], int]:
    """Return the place of the last exchange that shows a product unfinished, by job and product."""
    path, found = documents.operation("checkProductStatus").path, {}
    for index, made in enumerate(recorded):
        exchange = made.exchange
        if exchange.path == path and succeeded(exchange) and isinstance(exchange.request, dict):
            for name, entry in entries(exchange).items():
                code = entry.get("statusCode")
                if isinstance(code, int) and not ended(code):
                    found[number_in(exchange), name] = index
    return found
