"""Which errors are retried, and after how many seconds. No clock is read and nothing is sent here.

The `Retry` of urllib3 cannot do this: it sleeps by itself, so not on the clock of a `Service`; it does not see that a
page came with status 200 in place of JSON; and its jitter is not repeatable.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

from .errors import ContractBroken, ServiceUnreachable, XRTError


class RetryPolicy(NamedTuple):
    """How often a failed call is retried, and after which pauses.

    Parameters
    ----------
    attempts
        Maximum number of attempts, the first included.
    first_s
        Pause after the first failure [s]; it doubles each time.
    longest_s
        Longest pause, unless the service asks for a longer one [s].
    obey_s
        Longest pause that the service may ask for (`Retry-After`) [s]; after a longer one there is no retry.
    jitter
        Largest random reduction of a pause, 0 to 1, so that many callers do not retry at the same time.
    """

    attempts: int = 5
    first_s: float = 2.0
    longest_s: float = 60.0
    obey_s: float = 900.0
    jitter: float = 0.5


def transient(error: XRTError) -> bool:
    """Return whether the same call may succeed later: there was no answer, or a page instead of JSON."""
    return isinstance(error, ServiceUnreachable) or (isinstance(error, ContractBroken) and error.document is None)


def pause(policy: RetryPolicy, error: XRTError, failures: int, key: str) -> float | None:
    """Return the pause before the next attempt [s], or None if there should be no further attempt.

    Parameters
    ----------
    failures
        Number of failed attempts so far, 1 or more.
    key
        What is called, by whom; the random part of the pause depends on it.
    """
    if failures >= policy.attempts or not transient(error):
        return None
    asked = getattr(error, "retry_after", None) or 0.0
    if asked > policy.obey_s:
        return None
    full = min(policy.longest_s, policy.first_s * 2.0 ** (failures - 1))
    share = zlib.crc32(f"{key} {failures}".encode()) / 2**32
    return max(asked, full * (1.0 - policy.jitter * share))
