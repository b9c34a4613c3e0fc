# ruff: noqa: N802, N803 - documented names
"""Submitting a request, following its job, and cancelling it. The work is done in `jobs.py`."""

from __future__ import annotations

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
from .shorthand import Shorthand
from .transport import Service, default_service

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREPARING, SUBMITTED, ENDED, REFUSED = range(4)
_STATUS_TEXTS = ("Not submitted yet", "Submitted", "All products have ended", "The submission failed")


class FollowedRequest(Shorthand):
    """A request that can be submitted, and the job that comes of it."""

    def __init__(self, user: str, silent: bool, service: Service | None) -> None:
        self._service = service
        super().__init__(user, silent)

    def _clear(self) -> None:
        super()._clear()
        self._status = PREPARING
        self._job_id: Any = None
        self._answer: dict[str, Any] = {}
        self._lost_after: int | None = None
        self.failure: XRTError | None = None

    @property
    def service(self) -> Service:
        """Where this request is sent."""
        return self._service or default_service()

    # ---- submitting --------------------------------------------------------------------------------------------

    def submit(self, updateProds: bool = True) -> bool:
        """Hand in this request; return whether the service has accepted it.

        If not, `submitError` says why, and `failure` is the error itself. A submission whose answer is lost is looked
        for in the list of jobs before it is sent again; if its fate stays unknown, calling `submit` again looks first.

        Parameters
        ----------
        updateProds
            Whether to take over the defaults and worked-out values of the service, so that this request can be
            repeated exactly.
        """
        if self._submitted:
            raise RequestInvalid("Cannot submit a request that has already been submitted.")
        self._answer = {"submitError": None}
        self.failure = None
        valid, report = self.isValid()
        if not valid:
            return self._failed(RequestInvalid(f"The request is not ready to submit:\n\n{report}"))
        try:
            accepted = jobs.submit(self.service, self.UserID, self.getJSONDict(), after=self._lost_after)
        except (ServiceRejected, ServiceUnreachable, ContractBroken) as error:
            self._lost_after = getattr(error, "after", None) if getattr(error, "maybe_done", False) else None
            return self._failed(error)
        self._become(accepted)
        self._say(f"Job submitted OK, with ID: {accepted.job_id}")
        if updateProds:
            self._update(accepted.parameters)
        return True

    def _failed(self, error: XRTError) -> bool:
        self._status = REFUSED
        self.failure = error
        self._answer["submitError"] = str(error)
        return False

    def _become(self, job: jobs.Accepted) -> None:
        self._job_id = job.job_id
        self._answer = {"submitError": None, "URL": job.url, "jobPars": job.parameters}
        self._submitted, self._status, self._lost_after = True, SUBMITTED, None

    def _update(self, parameters: Mapping[str, Any]) -> None:
        for name in WORKED_OUT:
            self._globals.values.pop(name, None)
        if unread := self._take(parameters, from_server=True):
            text = f"the job was submitted, but these values of the service could not be read: {', '.join(unread)}"
            warnings.warn(text, UserWarning, stacklevel=3)

    @property
    def submitError(self) -> str | None:
        """Why the last submission failed; None if it did not."""
        return self._answer.get("submitError")

    @property
    def subRetData(self) -> dict[str, Any]:
        """What came of the submission: `submitError`, and after success `URL` and `jobPars` as the service has them."""
        return self._answer

    @property
    def JobID(self) -> Any:
        """Number of the job, as the service gave it."""
        self._must_be_submitted()
        return self._job_id

    @property
    def URL(self) -> str:
        """Where the products appear."""
        self._must_be_submitted()
        return str(self._answer["URL"])

    @property
    def jobPars(self) -> dict[str, Any]:
        """Every parameter of the job, under the names of the wire."""
        self._must_be_submitted()
        parameters: dict[str, Any] = self._answer["jobPars"]
        return parameters

    def _must_be_submitted(self) -> None:
        if not self._submitted:
            raise RequestInvalid("this request has not been submitted")

    # ---- the job -----------------------------------------------------------------------------------------------

    @property
    def status(self) -> tuple[int, str]:
        """Code and text of where this request stands; no question is asked."""
        return (self._status, self.statusText)

    @property
    def statusCode(self) -> int:
        """0 not submitted, 1 submitted, 2 all products ended, 3 the submission failed (documented)."""
        return self._status

    @property
    def statusText(self) -> str:
        """The same in words."""
        return _STATUS_TEXTS[self._status]

    @property
    def complete(self) -> bool:
        """Whether all products have ended, well or not; the service is asked until they have.

        Raises
        ------
        ServiceRejected, ServiceUnreachable, ContractBroken
            It cannot be known.
        """
        self._must_be_submitted()
        if self._status != ENDED:
            self.checkProductStatus()
        return self._status == ENDED

    def checkProductStatus(self, what: str | Iterable[str] = "all") -> dict[str, dict[str, Any]]:
        """Return the status of products, by long name.

        Parameters
        ----------
        what
            ``"all"``, or products by long or short name.

        Returns
        -------
        dict
            For each product `statusCode`, `statusText`, `progress` and `progressText` (documented); code -10 if the
            service did not mention the product.
        """
        self._must_be_submitted()
        chosen = self._chosen(what)
        if not chosen:
            raise RequestInvalid("there are no products to ask about")
        statuses = jobs.status(self.service, self.UserID, self._job_id, chosen)
        for short, status in statuses.items():
            self._products[short].complete = wire.ended(status["statusCode"])
        if all(product.complete for product in self._products.values()):
            self._status = ENDED
        return {KINDS[short].long: status for short, status in statuses.items()}

    def wait(
        self,
        timeout: float | None = None,
        poll: float = 60.0,
        growth: float = 1.2,
        longest: float = 600.0,
        check: bool = False,
    ) -> dict[str, dict[str, Any]]:
        """Wait until all products have ended; return their statuses.

        The first question comes after `poll` seconds, and the pauses grow: be polite, jobs take minutes to hours.

        Parameters
        ----------
        timeout
            Patience [s]; None: for ever.
        poll, growth, longest
            First pause [s], how much longer each next one is, and the longest [s].
        check
            Whether a product that ended without a result is an error.

        Raises
        ------
        ProductFailed
            A product ended without a result, and `check` is True.
        WaitTimeout
            Patience ended; the job lives on and can be waited for again.
        """
        self._must_be_submitted()
        waited, pause = 0.0, poll
        while True:
            step = pause if timeout is None else min(pause, timeout - waited)
            self.service.sleep(max(0.0, step))
            waited += step
            statuses = self.checkProductStatus()
            if self._status == ENDED:
                return _checked(statuses) if check else statuses
            if timeout is not None and waited >= timeout:
                raise WaitTimeout(self._job_id, waited)
            pause = min(longest, pause * growth)

    def cancelProducts(self, what: str | Iterable[str] = "all") -> tuple[int, dict[str, Any]]:
        """Cancel products; return how that went, and code and text of each by long name.

        Returns
        -------
        tuple
            First 1 (all cancelled), 2 (not all), 0 (refused) or -1 (no usable answer) (documented); then, by long
            name, dicts of `code` and `text`, or ``{"ERROR": reason}`` if the first is not positive.
        """
        self._must_be_submitted()
        chosen = self._chosen(what)
        if not chosen:
            raise RequestInvalid("there are no products to cancel")
        try:
            code, outcome = jobs.cancel(self.service, self.UserID, self._job_id, chosen)
        except ServiceRejected as error:
            return (0, {"ERROR": str(error)})
        except (ServiceUnreachable, ContractBroken) as error:
            return (-1, {"ERROR": str(error)})
        return (code, {KINDS[short].long: entry for short, entry in outcome.items()})

    def countActiveJobs(self) -> int:
        """Return how many jobs of this user are queued or running; never a number that is none."""
        return jobs.count_active(self.service, self.UserID)

    def listOldJobs(self) -> list[dict[str, Any]]:
        """Return every job of this user, most recent first: see :func:`listOldJobs`."""
        return jobs.list_old(self.service, self.UserID)

    def copyOldJob(self, oldJobID: int | str, becomeThis: bool = False) -> None:
        """Become a request for what an old job of yours made; everything set so far is forgotten.

        Parameters
        ----------
        oldJobID
            Its number.
        becomeThis
            Whether to become that job itself: then nothing can be submitted, but status and products can be had.

        Raises
        ------
        ServiceRejected
            There is no such job, or it is not yours; this request is unchanged.
        """
        job = jobs.old_parameters(self.service, self.UserID, oldJobID)
        self.setFromJSON(job.parameters, fromServer=True)
        if becomeThis:
            self._become(job)
            self.checkProductStatus()


def _checked(statuses: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the statuses if all products came out; raise the first failure."""
    for name, status in statuses.items():
        if status["statusCode"] < 0:
            raise ProductFailed(name, status["statusCode"], status["statusText"])
    return statuses
