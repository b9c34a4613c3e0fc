"""What is tried again, and when."""

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from xrt_client import ContractBroken, RetryPolicy, ServiceRejected, ServiceUnreachable
from xrt_client.retry import pause
from xrt_client.transport import translated

POLICY = RetryPolicy()
GONE = ServiceUnreachable("getNumJobs.php", "no answer")


@given(failures=st.integers(1, 4), key=st.text())
def test_pauses_stay_between_their_share_and_their_size(failures, key):
    full = min(POLICY.longest_s, POLICY.first_s * 2 ** (failures - 1))
    wait = pause(POLICY, GONE, failures, key)
    assert wait is not None
    assert full * (1 - POLICY.jitter) <= wait <= full


def test_the_same_call_pauses_alike_and_different_callers_do_not():
    assert pause(POLICY, GONE, 1, "me") == pause(POLICY, GONE, 1, "me")
    assert len({pause(POLICY, GONE, 1, f"user {n}") for n in range(50)}) > 45


def test_attempts_end():
    assert pause(POLICY, GONE, POLICY.attempts - 1, "") is not None
    assert pause(POLICY, GONE, POLICY.attempts, "") is None


@pytest.mark.parametrize("asked", [100.0, POLICY.obey_s])
def test_the_service_is_obeyed(asked):
    assert pause(POLICY, ServiceUnreachable("x", "", retry_after=asked), 1, "") == asked


def test_the_service_is_not_waited_for_beyond_reason():
    assert pause(POLICY, ServiceUnreachable("x", "", retry_after=POLICY.obey_s + 1), 1, "") is None


@pytest.mark.parametrize("error", [ServiceRejected("x", "No."), ContractBroken("x", "odd", {"OK": 1})])
def test_what_would_be_answered_alike_is_not_asked_again(error):
    assert pause(POLICY, error, 1, "") is None


NEVER = requests.ConnectionError(MaxRetryError(None, "", NewConnectionError(None, "refused")))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "maybe_done"),
    [
        (requests.ConnectTimeout(), False),
        (requests.ReadTimeout(), True),
        (NEVER, False),
        (requests.ConnectionError(ProtocolError("reset")), True),
        (requests.exceptions.ChunkedEncodingError(), True),
        (requests.exceptions.InvalidURL(), False),
    ],
)
def test_every_error_of_the_line_says_whether_it_may_have_been_done(error, maybe_done):
    with pytest.raises(ServiceUnreachable) as raised, translated("run_userobject.php"):
        raise error
    assert raised.value.maybe_done is maybe_done
    assert raised.value.__cause__ is error
