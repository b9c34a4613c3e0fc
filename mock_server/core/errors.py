"""Refusals of the service, one class for each reaction a caller can have.

::

    Refusal                 the service declined; `str()` is the text for the caller
    ├─ ParametersRefused    fix the request (`missing`, `invalid`)
    ├─ UserRefused          unknown or unconfirmed address
    ├─ JobRefused           no such job, or another user's job
    ├─ LimitReached         wait until some of your jobs have ended (`limit`)
    ├─ NotResolved          name, targets or T0 cannot be determined
    ├─ NotReady             not finished, or no such product in this job
    ├─ Expired              the files are gone
    └─ BodyRefused          not JSON, or not an object

    Unavailable             the simulator cannot answer now; the same call may succeed later
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class InputInvalid(ValueError):  # noqa: N818 - named by what is wrong
    """What the user of the program gave cannot be used: an option, a file, a setting. The text says what to change.

    The command line reports it in one line. Any other exception is a bug, and is shown as one.
    """


class Refusal(Exception):  # noqa: N818 - an answer of the service, not a failure of the program
    """The service understood and declined. The text goes to the caller."""


class ParametersRefused(Refusal):
    """Parameters are missing or have invalid values; all problems at once (documented text)."""

    def __init__(self, missing: Sequence[str] = (), invalid: Sequence[str] = ()) -> None:
        super().__init__("There were problems with the parameters you supplied.")
        self.missing = tuple(missing)
        self.invalid = tuple(invalid)


class UserRefused(Refusal):
    """The address is not registered or not confirmed (documented text)."""

    def __init__(self, user: str) -> None:
        super().__init__(f"The user `{user}` is not recognised / validated")
        self.user = user


class JobRefused(Refusal):
    """The job does not exist, or belongs to another user (documented text for the latter)."""


class LimitReached(Refusal):
    """The user has as many active jobs as the service allows."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"You have too many jobs in the queue (maximum {limit}).")
        self.limit = limit


class NotResolved(Refusal):
    """A value that the caller asked the service to determine cannot be determined; `name` did not resolve."""

    def __init__(self, reason: str, name: str = "") -> None:
        super().__init__(reason)
        self.name = name


class NotReady(Refusal):
    """The product is not finished, or was never part of the job."""


class Expired(Refusal):
    """The products of this job have been removed."""

    def __init__(self, job_id: int) -> None:
        super().__init__(f"The products of job {job_id} are no longer available")
        self.job_id = job_id


class BodyRefused(Refusal):
    """The body cannot be read as a JSON object."""

    def __init__(self, reason: str = "The data supplied were not valid JSON.") -> None:
        super().__init__(reason)


class Unavailable(Exception):  # noqa: N818 - a state that passes
    """The simulator cannot answer now: its database is locked or lost, or contents take too long.

    Nothing was changed, and the same call may succeed later.
    """
