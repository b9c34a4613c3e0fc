"""Submit, status, cancel, count, list, old parameters: one function for each operation.

Each takes the service and plain values, asks once (repeating where that is safe) and returns plain values.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from . import retry, wire
from .errors import ContractBroken, ServiceUnreachable, XRTError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .transport import Service

SUBMIT, CANCEL, STATUS = "run_userobject.php", "canceljob.php", "checkProductStatus.php"
COUNT, LIST, OLD = "getNumJobs.php", "listOldJobs.php", "getOldProduct.php"
CANCELLED = -4
LOOKS = (5.0, 30.0, 120.0)  # pauses before each look for a lost submission [s]

_warned: set[str] = set()


class Accepted(NamedTuple):
    """What the service says of a job it has taken: its number, address and parameters."""

    job_id: Any
    url: str
    parameters: dict[str, Any]


def ask(
    service: Service, operation: str, document: Mapping[str, Any], needed: Iterable[str] = (), *, repeat: bool = True
) -> dict[str, Any]:
    """Ask one thing and return the answer without its envelope."""
    answer = service.post(operation, {**document, **wire.dialect()}, repeat=repeat)
    content = wire.read_answer(operation, answer, needed)
    notice = content.pop("deprecationWarning", None)
    if isinstance(notice, dict) and (kind := str(notice.get("type"))) not in _warned:
        _warned.add(kind)
        warnings.warn(f"The service says: {notice.get('message')}", FutureWarning, stacklevel=3)
    del content["OK"]
    return content


def count_active(service: Service, user: str) -> int:
    """Return how many jobs the user has queued or running."""
    number = ask(service, COUNT, {"UserID": user}, ("numJobs",))["numJobs"]
    try:
        return int(number)
    except (TypeError, ValueError) as error:
        raise ContractBroken(COUNT, f"numJobs is {number!r}", number) from error


def list_old(service: Service, user: str) -> list[dict[str, Any]]:
    """Return every job of the user, most recent first, as the service lists them."""
    jobs = ask(service, LIST, {"UserID": user}, ("jobs",))["jobs"]
    if not isinstance(jobs, list):
        raise ContractBroken(LIST, "jobs is not a list", jobs)
    return jobs


def old_parameters(service: Service, user: str, job_id: Any) -> Accepted:
    """Return what the service keeps of an old job."""
    answer = ask(service, OLD, {"UserID": user, "oldJob": job_id}, ("jobPars", "URL"))
    return Accepted(job_id, str(answer["URL"]), answer["jobPars"])


def status(service: Service, user: str, job_id: Any, shorts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the status of some products of a job, by short name."""
    what = ",".join(shorts)
    document = {"UserID": user, "JobID": job_id, "what": what, "whatProg": what}
    return wire.read_statuses(STATUS, ask(service, STATUS, document), shorts)


def cancel(service: Service, user: str, job_id: Any, shorts: Sequence[str]) -> tuple[int, dict[str, dict[str, Any]]]:
    """Cancel some products; return 1 (all cancelled) or 2 (not all), and code and text by short name.

    If the answer is lost the wish is repeated, and what the status then calls cancelled counts as cancelled: the
    repeated answer alone would say that it could not be done, because the lost one had done it.
    """
    document = {"UserID": user, "JobID": job_id, "what": ",".join(shorts)}
    needed = ("status", "statusCodes")
    try:
        outcome = wire.read_cancelled(CANCEL, ask(service, CANCEL, document, needed, repeat=False), shorts)
    except (ServiceUnreachable, ContractBroken) as error:
        if (wait := retry.pause(service.policy, error, 1, f"{user} {CANCEL} {job_id}")) is None:
            raise
        service.sleep(wait)
        outcome = wire.read_cancelled(CANCEL, ask(service, CANCEL, document, needed), shorts)
        for short, now in status(service, user, job_id, shorts).items():
            if error.maybe_done and now["statusCode"] == CANCELLED:
                outcome[short] = {"code": 0, "text": now["statusText"]}
    return (1 if all(entry["code"] == 0 for entry in outcome.values()) else 2), outcome


# ---- submitting ------------------------------------------------------------------------------------------------


class Submission(NamedTuple):
    """One attempt to hand in a job; if a job comes of it, its JobID is above `after` and not among the `known`."""

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
    """Hand in a job, once.

    A submission is never repeated blindly. If its answer is lost the list of jobs is looked through, several times;
    only when no job has come of it is it sent again.

    Parameters
    ----------
    newest
        The user's most recent JobID; asked for if not given, so that a job of this submission can be told from others.
    after
        The most recent JobID before an earlier attempt whose outcome is unknown: that job is looked for first.
    known
        JobIDs that belong to other submissions.

    Raises
    ------
    ServiceRejected
        The service does not want this job.
    ServiceUnreachable
        Nothing was accepted, as far as can be known; `maybe_done` and `after` say what is left to find out.
    """
    others = frozenset(str(job) for job in known)
    if after is not None and (found := _recover(Submission(service, user, document, after, others), "an earlier one")):
        return found
    newest = most_recent(service, user) if newest is None else newest
    submission = Submission(service, user, document, newest, others)
    failures = 0
    while True:
        try:
            answer = ask(service, SUBMIT, document, ("URL", "JobID", "jobPars"), repeat=False)
            return Accepted(answer["JobID"], str(answer["URL"]), answer["jobPars"])
        except (ServiceUnreachable, ContractBroken) as error:
            failures += 1
            if error.maybe_done and (found := _recover(submission, error)):
                return found
            wait = retry.pause(service.policy, error, failures, f"{user} {SUBMIT}")
            if wait is None:
                raise _given_up(submission, error) from error
        service.sleep(wait)


def _recover(submission: Submission, lost: object) -> Accepted | None:
    """Return the job that a lost answer spoke of, if there is one; if that cannot be known, say so."""
    try:
        return look_again(submission)
    except XRTError as error:
        text = f"the answer was lost ({lost}) and its job could not be found ({error}): look before submitting again"
        raise ServiceUnreachable(SUBMIT, text, after=submission.after) from error


def _given_up(submission: Submission, error: ServiceUnreachable | ContractBroken) -> XRTError:
    """Return what the caller is told in the end."""
    if not error.maybe_done:
        return error
    return ServiceUnreachable(SUBMIT, f"no job has come of it so far: {error}", after=submission.after)


def most_recent(service: Service, user: str) -> int:
    """Return the user's most recent JobID; 0 if there is none."""
    try:
        return max((int(job["JobID"]) for job in list_old(service, user)), default=0)
    except ServiceUnreachable as error:
        raise ServiceUnreachable(SUBMIT, f"nothing was sent: {error}", maybe_done=False) from error


def look_again(submission: Submission) -> Accepted | None:
    """Look for a lost submission several times: the service may still be at work on it."""
    for pause in LOOKS:
        submission.service.sleep(pause)
        if found := find_lost(submission):
            return found
    return None


def find_lost(submission: Submission) -> Accepted | None:
    """Return the one job that came of a submission whose answer was lost; None if there is none.

    Raises
    ------
    ServiceUnreachable
        Several jobs fit, so that nobody can tell which is this one.
    """
    service, user, document, after, known = submission
    jobs = list_old(service, user)
    new = [job for job in jobs if int(job["JobID"]) > after and str(job["JobID"]) not in known]
    fitting = [job["JobID"] for job in new if wire.may_be(document, job)]
    candidates = [old_parameters(service, user, job_id) for job_id in fitting]
    found = [job for job in candidates if wire.same_request(document, job.parameters)]
    if len(found) > 1:
        numbers = ", ".join(str(job.job_id) for job in found)
        raise ServiceUnreachable(SUBMIT, f"the answer was lost, and jobs {numbers} all fit", after=after)
    return found[0] if found else None
