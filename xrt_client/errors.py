# ruff: noqa: N818 - named by what happened, as in the tree below
"""Exceptions, one for each thing that the caller can do next.

::

    XRTError                 base class; a RuntimeError, as in the documented interface
    ├─ RequestInvalid        nothing was sent: fix the request (`problems`); also a ValueError
    │  └─ RequestTypeInvalid a value has the wrong type; also a TypeError
    ├─ ServiceRejected       the service refused (`operation`, `problems`)
    ├─ ServiceUnreachable    no usable answer (`operation`); if `maybe_done`, the call may have had its effect
    ├─ ContractBroken        the answer breaks the contract: report it (`operation`, `document`)
    ├─ LocalFailure          the disk is full, for example: make room and try again (`path`)
    ├─ ProductFailed         a product ended with a negative status (`product`, `status_code`)
    └─ WaitTimeout           the job was still running after the given time; it goes on (`job_id`)
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class XRTError(RuntimeError):
    """Base class of all exceptions that this package raises on purpose.

    `job_id` is the number of the job that was waited for, if one was; else None.
    """

    job_id: Any = None

    def __str__(self) -> str:
        text = super().__str__()
        return text if self.job_id is None else f"job {self.job_id}: {text}"


class RequestInvalid(XRTError, ValueError):
    """The request is not valid, and nothing was sent: fix it first.

    Parameters
    ----------
    text
        Message.
    problems
        One sentence for each thing to fix.
    """

    def __init__(self, text: str, problems: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.problems = tuple(problems) or (text,)


class RequestTypeInvalid(RequestInvalid, TypeError):
    """A value has a type that the parameter does not accept."""


class ServiceRejected(XRTError):
    """The service refused. The same call would be refused again.

    Parameters
    ----------
    operation
        The call, by its name on the wire, such as ``canceljob.php``.
    text
        Message of the service.
    problems
        Complaints about single parameters, if the service listed any.
    """

    def __init__(self, operation: str, text: str, problems: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.operation = operation
        self.problems = tuple(problems)


class ServiceUnreachable(XRTError):
    """There was no usable answer, after all retries that are safe.

    Parameters
    ----------
    operation
        The call, by its name on the wire.
    text
        What happened.
    maybe_done
        Whether the call may have had its effect: the answer was lost, or perhaps only the answer.
    retry_after
        Pause that the service asked for [s], if it did.
    after
        For a submission: if a job came of it, its JobID is above this.
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
    """The answer is not one that the contract allows.

    Parameters
    ----------
    operation
        The call, by its name on the wire.
    text
        What is wrong with the answer.
    document
        The answer, as far as it could be read; None if it was not JSON.
    maybe_done
        Whether the call may have had its effect.
    """

    def __init__(self, operation: str, text: str, document: Any = None, *, maybe_done: bool = True) -> None:
        super().__init__(f"{operation}: {text}")
        self.operation = operation
        self.document = document
        self.maybe_done = maybe_done


_REMEDIES = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EACCES: "allow writing there or choose another folder",
    errno.EPERM: "allow writing there or choose another folder",
    errno.EROFS: "choose another folder",
    errno.ENOENT: "make the folder again or choose another",
}


class LocalFailure(XRTError):
    """A file could not be read or written on this machine. The job is not affected: fix the cause, and try again.

    Parameters
    ----------
    path
        The file or folder.
    error
        What the operating system said.
    """

    def __init__(self, path: str | os.PathLike[str], error: OSError) -> None:
        remedy = _REMEDIES.get(error.errno or 0, "check the disk")
        super().__init__(f"{os.fspath(path)}: {error.strerror or error}; {remedy}, then try again")
        self.path = os.fspath(path)


class ProductFailed(XRTError):
    """A product ended without a result.

    Parameters
    ----------
    product
        Its long name, such as ``LightCurve``.
    status_code
        The negative code that it ended with (documented: job status page).
    text
        Description of the service.
    """

    def __init__(self, product: str, status_code: int, text: str = "") -> None:
        super().__init__(f"{product} ended with status {status_code}: {text or 'no reason given'}")
        self.product = product
        self.status_code = status_code


class WaitTimeout(XRTError):
    """The job was still running after the given time. It goes on, and can be waited for again.

    Parameters
    ----------
    job_id
        Its number, as the service sent it.
    waited_s
        Time waited [s].
    """

    def __init__(self, job_id: Any, waited_s: float) -> None:
        super().__init__(f"still running after {waited_s:.0f} s; it can be waited for again")
        self.job_id = job_id
        self.waited_s = waited_s
