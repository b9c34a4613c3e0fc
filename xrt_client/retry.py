"""What may be tried again, and after how many seconds. Pure: no clock, no chance that is not keyed."""

from __future__ import annotations

import zlib
from typing import NamedTuple

from .errors import ContractBroken, ServiceUnreachable, XRTError


class RetryPolicy(NamedTuple):
    """How patient a caller is.

    Parameters
    ----------
    attempts
        How often a call is made at most.
    first_s
        Pause after the first failure [s]; it doubles each time.
    longest_s
        Longest pause of our own choosing [s].
    obey_s
        Longest pause asked for by the service (`Retry-After`) that is obeyed [s]; a longer one ends the attempts.
    jitter
        How much of a pause is up to chance, so that many callers do not come back together.
    """

    attempts: int = 5
    first_s: float = 2.0
    longest_s: float = 60.0
    obey_s: float = 900.0
    jitter: float = 0.5


def transient(error: XRTError) -> bool:
    """Whether the same call may well succeed later: no answer, or a page where a document should be."""
    return isinstance(error, ServiceUnreachable) or (isinstance(error, ContractBroken) and error.document is None)


def pause(policy: RetryPolicy, error: XRTError, failures: int, key: str) -> float | None:
    """Return how long to wait before the next attempt [s], or None to give up.

    Parameters
    ----------
    failures
        How many attempts have failed so far, 1 or more.
    key
        What is being tried, by whom: the share of chance in the pause follows from it.
    """
    if failures >= policy.attempts or not transient(error):
        return None
    asked = getattr(error, "retry_after", None) or 0.0
    if asked > policy.obey_s:
        return None
    own = min(policy.longest_s, policy.first_s * 2.0 ** (failures - 1))
    share = zlib.crc32(f"{key} {failures}".encode()) / 2**32
    return max(asked, own * (1.0 - policy.jitter * share))
