# ruff: noqa: N802, N803 - documented names
"""Submitting a draft, following its job, and cancelling it. The calls to the service are in `jobs.py`."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from . import jobs, wire
from .errors import (
    ContractBroken,
    ProductFailed,
    RequestInvalid,
    ServiceRejected,
    ServiceUnreachable,
    WaitTimeout,
    XRTError,
)
from .parameters import KINDS, WORKED_OUT
from .transport import Service, default_service

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .draft import Draft

NOT_SUBMITTED, SUBMITTED, ENDED, FAILED = range(4)
STATUS_TEXTS = ("Not submitted yet", "Submitted", "All products have ended", "The submission failed")


class Submission:
    """Whether a draft has been submitted, and the job that came of it.

    Parameters
    ----------
    draft
        What is submitted. It cannot be changed afterwards.
    service
        Where it is sent; None: the service used by all requests.
    """

    def __init__(self, draft: Draft, service: Service | None) -> None:
        self._draft = draft
        self._service = service
        self._accepted: jobs.Accepted | None = None
        self._lost_after: int | None = None
        self.status = NOT_SUBMITTED
        self.answer: dict[str, Any] = {}
        self.failure: XRTError | None = None

    @property
    def service(self) -> Service:
        return self._service or default_service()

    @property
    def job(self) -> jobs.Accepted:
        """The job, as the service accepted it. RequestInvalid without one, with the cause if `submit` failed."""
        if self._accepted is None:
            if self.failure is None:
                raise RequestInvalid("this request has not been submitted")
            raise RequestInvalid(f"the submission of this request failed: {self.failure}") from self.failure
        return self._accepted

    # ---- submitting --------------------------------------------------------------------------------------------

    def submit(self, updateProds: bool = True) -> bool:
        """Submit this request; return whether the service has accepted it.

        If it has not, `submitError` says why, and `failure` is the exception. If the answer to a submission is lost,
        its job is looked for in the list of jobs before anything is sent again. If the job cannot be looked for, the
        next call of `submit` looks first.

        Parameters
        ----------
        updateProds
            Whether to take over the default values of the service and the values that it worked out, so that this
            request can be repeated exactly.
        """
        if self._accepted is not None:
            raise RequestInvalid("Cannot submit a request that has already been submitted.")
        self.answer = {"submitError": None}
        self.failure = None
        valid, report = self._draft.isValid()
        if not valid:
            return self._failed(RequestInvalid(f"The request is not ready to submit:\n\n{report}"))
        try:
            document = self._draft.getJSONDict()
            accepted = jobs.submit(self.service, self._draft.user, document, after=self._lost_after)
        except (ServiceRejected, ServiceUnreachable, ContractBroken) as error:
            self._lost_after = getattr(error, "after", None) if getattr(error, "maybe_done", False) else None
            return self._failed(error)
        self.become(accepted)
        self._draft.say(f"Job submitted OK, with ID: {accepted.job_id}")
        if updateProds:
            for name in WORKED_OUT:
                self._draft.globals.values.pop(name, None)
            if unread := self._draft.read(accepted.parameters, from_server=True):
                text = f"the job was submitted, but these values of the service could not be read: {', '.join(unread)}"
                warnings.warn(text, UserWarning, stacklevel=2)
        return True

    def _failed(self, error: XRTError) -> bool:
        self.status, self.failure = FAILED, error
        self.answer["submitError"] = str(error)
        return False

    def become(self, job: jobs.Accepted) -> None:
        """Note that this job was submitted."""
        self._accepted, self._lost_after, self.status = job, None, SUBMITTED
        self._draft.submitted = True
        self.answer = {"submitError": None, "URL": job.url, "jobPars": job.parameters}

    # ---- the job -----------------------------------------------------------------------------------------------

    def complete(self) -> bool:
        """Return whether all products have ended; ask the service if it is not known."""
        if self.status != ENDED:
            self.checkProductStatus()
        return self.status == ENDED

    def checkProductStatus(self, what: str | Iterable[str] = "all") -> dict[str, dict[str, Any]]:
        """Ask the service for the status of products.

        Parameters
        ----------
        what
            ``"all"``, or products by long or short name.

        Returns
        -------
        dict
            For each product, by long name, a dict of `statusCode`, `statusText`, `progress` and `progressText`
            (documented). Code -10: the service did not mention the product.
        """
        return self._statuses(self.service, self._draft.requested(what))

    def _statuses(self, service: Service, chosen: list[str]) -> dict[str, dict[str, Any]]:
        job = self.job
        if not chosen:
            raise RequestInvalid("there are no products to ask about")
        statuses = jobs.status(service, self._draft.user, job.job_id, chosen)
        for short, status in statuses.items():
            self._draft.products[short].complete = wire.ended(status["statusCode"])
        if all(product.complete for product in self._draft.products.values()):
            self.status = ENDED
        return {KINDS[short].long: status for short, status in statuses.items()}

    def wait(
        self,
        timeout: float | None = None,
        poll: float = 60.0,
        growth: float = 1.2,
        longest: float = 600.0,
        check: bool = False,
        patience: float = 86_400.0,
    ) -> dict[str, dict[str, Any]]:
        """Wait until all products have ended; return their statuses.

        The first question is asked after `poll` seconds, and the pauses grow: jobs take minutes to hours. An outage of
        the service is waited for. A status code that is not documented counts as "not ended".

        Parameters
        ----------
        timeout
            Longest time to wait [s], with the time that answers and retries take; None: no limit. The last question,
            asked at its end, has one second more.
        poll, growth, longest
            First pause [s], factor from each pause to the next, and longest pause [s].
        check
            Whether to raise an exception for a product that ended without a result.
        patience
            Longest time without a usable answer [s].

        Raises
        ------
        RequestInvalid
            There is no job; the cause is the error of `submit`, if that failed.
        ProductFailed
            A product ended without a result, and `check` is True.
        WaitTimeout
            The time is over. The job goes on and can be waited for again. The cause is the last error, if there was
            no usable answer in the end.
        ServiceRejected
            The service refused to give the status.
        ServiceUnreachable, ContractBroken
            There was no usable answer for the length of `patience`.

        Every one of them but the first has the number of the job as `job_id`.
        """
        job_id = self.job.job_id
        try:
            statuses = self._wait(_Waiting(self.service, timeout, patience), poll, growth, longest)
            for name, status in statuses.items() if check else ():
                if status["statusCode"] < 0:
                    raise ProductFailed(name, status["statusCode"], status["statusText"])
        except XRTError as error:
            error.job_id = job_id
            raise
        return statuses

    def _wait(self, waiting: _Waiting, pause: float, growth: float, longest: float) -> dict[str, dict[str, Any]]:
        """Ask again and again until all products have ended."""
        chosen = self._draft.requested("all")
        asked_for = 0.0  # Retry-After
        while True:
            waiting.sleep(max(pause, asked_for))
            asked_for = 0.0
            try:
                statuses = self._statuses(waiting.service, chosen)
                if self.status == ENDED:
                    return statuses
                waiting.answered(self.job.job_id)
            except (ServiceUnreachable, ContractBroken) as error:
                waiting.failed(self.job.job_id, error)
                asked_for = getattr(error, "retry_after", None) or 0.0
            pause = min(longest, pause * growth)

    def cancelProducts(self, what: str | Iterable[str] = "all") -> tuple[int, dict[str, Any]]:
        """Cancel products that have not ended.

        Returns
        -------
        int
            1 (all cancelled), 2 (not all), 0 (refused) or -1 (no usable answer) (documented).
        dict
            For each product, by long name, a dict of `code` and `text`; ``{"ERROR": reason}`` if the number is not
            positive.
        """
        job, chosen = self.job, self._draft.requested(what)
        if not chosen:
            raise RequestInvalid("there are no products to cancel")
        try:
            code, outcome = jobs.cancel(self.service, self._draft.user, job.job_id, chosen)
        except ServiceRejected as error:
            return (0, {"ERROR": str(error)})
        except (ServiceUnreachable, ContractBroken) as error:
            return (-1, {"ERROR": str(error)})
        return (code, {KINDS[short].long: entry for short, entry in outcome.items()})

    def countActiveJobs(self) -> int:
        """Return how many jobs of this user are queued or running: see :func:`countActiveJobs`."""
        return jobs.count_active(self.service, self._draft.user)

    def listOldJobs(self) -> list[dict[str, Any]]:
        """Return every job of this user, most recent first: see :func:`listOldJobs`."""
        return jobs.list_old(self.service, self._draft.user)


class _Waiting:
    """Clock of one wait: it ends at the timeout, or after `patience` [s] without a usable answer."""

    def __init__(self, service: Service, timeout: float | None, patience: float) -> None:
        self._began = self._answered_at = service.now()
        self._deadline = math.inf if timeout is None else self._began + timeout
        self._patience = patience
        self.service = service.until(self._deadline)

    def sleep(self, pause: float) -> None:
        """Wait until the next question, which is asked at the deadline at the latest."""
        self.service.sleep(max(0.0, min(pause, self._deadline - self.service.now())))

    def answered(self, job_id: Any) -> None:
        """Note that the job goes on; WaitTimeout if the time is over."""
        self._answered_at = self.service.now()
        self._check(job_id)

    def failed(self, job_id: Any, error: XRTError) -> None:
        """Raise an error if there has been no usable answer for too long; WaitTimeout if the time is over."""
        try:
            self._check(job_id)
        except WaitTimeout as over:
            raise over from error
        if self.service.now() - self._answered_at > self._patience:
            raise error

    def _check(self, job_id: Any) -> None:
        now = self.service.now()
        if now >= self._deadline:
            raise WaitTimeout(job_id, now - self._began)
