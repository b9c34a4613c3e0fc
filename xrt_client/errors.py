# ruff: noqa: N818 - named by what happened, as in the tree below
"""What can go wrong, split by what the caller can do next.

::

    XRTError                 a RuntimeError, as in the documented interface
    ├─ RequestInvalid        nothing was sent: mend the request (`problems`); also a ValueError
    │  └─ RequestTypeInvalid a value of the wrong type; also a TypeError
    ├─ ServiceRejected       the service said no (`operation`, `problems`)
    ├─ ServiceUnreachable    no answer (`operation`); `maybe_done`: it may have been carried out all the same
    ├─ ContractBroken        an answer outside the contract: report it (`operation`, `document`)
    ├─ ProductFailed         a product ended below zero (`product`, `status_code`)
    └─ WaitTimeout           still running when patience ended; the job lives on (`job_id`)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class XRTError(RuntimeError):
    """Anything this package raises on purpose."""


class RequestInvalid(XRTError, ValueError):
    """Nothing was sent; the request has to be mended first.

    Parameters
    ----------
    text
        What a person reads.
    problems
        One sentence for each thing to mend.
    """

    def __init__(self, text: str, problems: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.problems = tuple(problems) or (text,)


class RequestTypeInvalid(RequestInvalid, TypeError):
    """A value of a type the parameter does not take."""


class ServiceRejected(XRTError):
    """The service understood and declined: asking again unchanged brings the same answer.

    Parameters
    ----------
    operation
        What was asked, by its name on the wire, such as ``canceljob.php``.
    text
        The service's words.
    problems
        The single complaints about parameters, if it listed any.
    """

    def __init__(self, operation: str, text: str, problems: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.operation = operation
        self.problems = tuple(problems)


class ServiceUnreachable(XRTError):
    """No usable answer, after every repetition that was safe.

    Parameters
    ----------
    operation
        What was asked.
    text
        What happened.
    maybe_done
        Whether the service may have carried it out: the answer was lost, not the question.
    retry_after
        When the service wants to be asked again [s], if it said so.
    after
        For a submission: a job that came of it has a JobID above this.
    """

    def __init__(
        self,
        operation: str,
        text: str,
        *,
        maybe_done: bool = True,
        retry_after: float | None = None,
        after: int | None = None,
    ) -> None:
        super().__init__(f"{operation}: {text}")
        self.operation = operation
        self.maybe_done = maybe_done
        self.retry_after = retry_after
        self.after = after


class ContractBroken(XRTError):
    """The service answered with something the contract does not allow.

    Parameters
    ----------
    operation
        What was asked.
    text
        What is wrong with the answer.
    document
        The answer, as far as it could be read; None if it was not even JSON.
    maybe_done
        Whether the service may have carried out what was asked.
    """

    def __init__(self, operation: str, text: str, document: Any = None, *, maybe_done: bool = True) -> None:
        super().__init__(f"{operation}: {text}")
        self.operation = operation
        self.document = document
        self.maybe_done = maybe_done


class ProductFailed(XRTError):
    """A product ended without a result.

    Parameters
    ----------
    product
        Its long name, such as ``LightCurve``.
    status_code
        The code below zero it ended with (documented: job status page).
    text
        The service's words for it.
    """

    def __init__(self, product: str, status_code: int, text: str = "") -> None:
        super().__init__(f"{product} ended with status {status_code}: {text or 'no reason given'}")
        self.product = product
        self.status_code = status_code


class WaitTimeout(XRTError):
    """Patience ended before the job did. The job goes on.

    Parameters
    ----------
    job_id
        Its number, as the service gave it.
    waited_s
        How long it was waited for [s].
    """

    def __init__(self, job_id: Any, waited_s: float) -> None:
        super().__init__(f"job {job_id} is still running after {waited_s:.0f} s; it lives on")
        self.job_id = job_id
        self.waited_s = waited_s
