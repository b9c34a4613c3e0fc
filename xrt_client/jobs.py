"""One function for each operation on jobs: submit, status, cancel, count, list, old parameters.

Each takes the service and plain values, makes one call (with retries where these are safe) and returns plain values.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from . import retry, wire
from .errors import ContractBroken, ServiceUnreachable, XRTError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .shapes import Shape
    from .transport import Service

SUBMIT, CANCEL, STATUS = "run_userobject.php", "canceljob.php", "checkProductStatus.php"
COUNT, LIST, OLD = "getNumJobs.php", "listOldJobs.php", "getOldProduct.php"
CANCELLED = -4
LOOKS = (5.0, 30.0, 120.0)  # pauses before each search for a lost submission [s]

_warned: set[str] = set()


class Accepted(NamedTuple):
    """An accepted job: its JobID, the address of its products, and its parameters (`jobPars`)."""

    job_id: Any
    url: str
    parameters: dict[str, Any]


def ask(
    service: Service, operation: str, document: Mapping[str, Any], shape: Shape, *, repeat: bool = True
) -> dict[str, Any]:
    """Make one call and return the answer without its envelope; show a deprecation warning once."""
    answer = service.post(operation, {**document, **wire.dialect()}, repeat=repeat)
    content = wire.read_answer(operation, answer, shape)
    notice = content.pop("deprecationWarning", None)
    if isinstance(notice, dict) and (kind := str(notice.get("type"))) not in _warned:
        _warned.add(kind)
        warnings.warn(f"The service says: {notice.get('message')}", FutureWarning, stacklevel=3)
    del content["OK"]
    return content


def count_active(service: Service, user: str) -> int:
    """Return how many jobs the user has queued or running."""
    return int(ask(service, COUNT, {"UserID": user}, wire.ACTIVE)["numJobs"])


def list_old(service: Service, user: str) -> list[dict[str, Any]]:
    """Return every job of the user, most recent first, as the service lists them."""
    jobs: list[dict[str, Any]] = ask(service, LIST, {"UserID": user}, wire.JOBS)["jobs"]
    return jobs


def old_parameters(service: Service, user: str, job_id: Any) -> Accepted:
    """Return an old job of the user."""
    shape = wire.about("oldJob", job_id, wire.OLD)
    answer = ask(service, OLD, {"UserID": user, "oldJob": job_id}, shape)
    return Accepted(job_id, answer["URL"], answer["jobPars"])


def status(service: Service, user: str, job_id: Any, shorts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the status of some products of a job, by short name."""
    what = ",".join(shorts)
    document = {"UserID": user, "JobID": job_id, "what": what, "whatProg": what}
    shape = wire.about("JobID", job_id, wire.statuses_of(shorts))
    return wire.read_statuses(ask(service, STATUS, document, shape), shorts)


def cancel(service: Service, user: str, job_id: Any, shorts: Sequence[str]) -> tuple[int, dict[str, dict[str, Any]]]:
    """Cancel some products; return 1 (all cancelled) or 2 (not all), and code and text by short name.

    If the answer is lost, the call is repeated. Its answer may then be that nothing could be cancelled, because the
    first call has done it. So products whose status is "cancelled" count as cancelled.
    """
    document = {"UserID": user, "JobID": job_id, "what": ",".join(shorts)}
    shape = wire.cancelled(shorts)
    try:
        outcome = wire.read_cancelled(ask(service, CANCEL, document, shape, repeat=False), shorts)
    except (ServiceUnreachable, ContractBroken) as error:
        if (wait := retry.pause(service.policy, error, 1, f"{user} {CANCEL} {job_id}")) is None:
            raise
        service.sleep(wait)
        outcome = wire.read_cancelled(ask(service, CANCEL, document, shape), shorts)
        for short, now in status(service, user, job_id, shorts).items():
            if error.maybe_done and now["statusCode"] == CANCELLED:
                outcome[short] = {"code": 0, "text": now["statusText"]}
    return (1 if all(entry["code"] == 0 for entry in outcome.values()) else 2), outcome


# ---- submitting ------------------------------------------------------------------------------------------------


class Attempt(NamedTuple):
    """One attempt to submit a job. If a job comes of it, its JobID is above `after` and not among the `known`."""

    service: Service
    user: str
    document: Mapping[str, Any]
    after: int
    known: frozenset[Any] = frozenset()


def submit(
    service: Service,
    user: str,
    document: Mapping[str, Any],
    *,
    newest: int | None = None,
    after: int | None = None,
    known: Iterable[Any] = (),
) -> Accepted:
    """Submit a job exactly once.

    Submitting is not idempotent, so a submission is not simply repeated. If its answer is lost, its job is looked for
    in the list of jobs, several times. It is sent again only if there is no such job.

    Parameters
    ----------
    newest
        The user's most recent JobID, to distinguish the new job from older ones; default: ask the service.
    after
        The most recent JobID before an earlier attempt whose outcome is unknown. The job of that attempt is looked for
        first.
    known
        JobIDs that belong to other submissions.

    Raises
    ------
    ServiceRejected
        The service refuses this job.
    ServiceUnreachable
        No job is known to have been accepted. If `maybe_done`, there may be one with a JobID above `after`.
    """
    others = frozenset(str(job) for job in known)
    if after is not None and (found := _recover(Attempt(service, user, document, after, others), "an earlier one")):
        return found
    newest = most_recent(service, user) if newest is None else newest
    attempt = Attempt(service, user, document, newest, others)
    failures = 0
    while True:
        try:
            answer = ask(service, SUBMIT, document, wire.ACCEPTED, repeat=False)
            return Accepted(answer["JobID"], answer["URL"], answer["jobPars"])
        except (ServiceUnreachable, ContractBroken) as error:
            failures += 1
            if error.maybe_done and (found := _recover(attempt, error)):
                return found
            wait = retry.pause(service.policy, error, failures, f"{user} {SUBMIT}")
            if wait is None and error.maybe_done:
                text = f"no job has come of it so far: {error}"
                raise ServiceUnreachable(SUBMIT, text, after=newest) from error
            if wait is None:
                raise
        service.sleep(wait)


def _recover(attempt: Attempt, lost: object) -> Accepted | None:
    """Look for the job of an attempt whose answer was lost, several times: the service may still be making it.

    Raises
    ------
    ServiceUnreachable
        It is not known whether there is such a job.
    """
    try:
        for pause in LOOKS:
            attempt.service.sleep(pause)
            if found := find_lost(attempt):
                return found
        return None
    except XRTError as error:
        text = f"the answer was lost ({lost}) and the job cannot be looked for ({error}); look before submitting again"
        raise ServiceUnreachable(SUBMIT, text, after=attempt.after) from error


def most_recent(service: Service, user: str) -> int:
    """Return the user's most recent JobID; 0 if there are no jobs."""
    try:
        return max((int(job["JobID"]) for job in list_old(service, user)), default=0)
    except ServiceUnreachable as error:
        raise ServiceUnreachable(SUBMIT, f"nothing was sent: {error}", maybe_done=False) from error


def find_lost(attempt: Attempt) -> Accepted | None:
    """Return the job of an attempt whose answer was lost; None if there is no such job.

    Raises
    ------
    ServiceUnreachable
        Several jobs have the same parameters, so it is not known which of them is this one.
    """
    service, user, document, after, known = attempt
    jobs = list_old(service, user)
    new = [job for job in jobs if int(job["JobID"]) > after and str(job["JobID"]) not in known]
    fitting = [job["JobID"] for job in new if wire.may_be(document, job)]
    candidates = [old_parameters(service, user, job_id) for job_id in fitting]
    found = [job for job in candidates if wire.same_request(document, job.parameters)]
    if len(found) > 1:
        numbers = ", ".join(str(job.job_id) for job in found)
        raise ServiceUnreachable(SUBMIT, f"the answer was lost, and jobs {numbers} all fit", after=after)
    return found[0] if found else None
