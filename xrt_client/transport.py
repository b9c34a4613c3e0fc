"""HTTP: POST a document, GET a file. The only module that imports requests, whose exceptions become ours.

It knows addresses, time limits and retries, and keeps one session, so that connections are reused.
"""

from __future__ import annotations

import contextlib
import copy
import json
import math
import os
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from urllib.parse import urljoin, urlsplit

import requests

from . import retry, shapes
from .errors import ContractBroken, ServiceUnreachable, XRTError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DEFAULT_URL = "https://www.swift.ac.uk"
ROOT = "user_objects/"
LEAST_S = 1.0  # time that a call has at least, whatever its deadline [s]
_BEGINNING = 200  # bytes of a page that are kept for messages
_UNAVAILABLE = (408, 425, 429, 500, 502, 503, 504)
_NEVER_SENT = ("NewConnectionError", "NameResolutionError", "SSLError", "ProxyError")  # exceptions of urllib3


class _Session(requests.Session):
    """Session that follows a redirect on the same host only, and never from https to http."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where an answer redirects to, if it does; ContractBroken if that is another host."""
        try:
            target = super().get_redirect_target(resp)
            if target is None:
                return None
            old, new = urlsplit(resp.url), urlsplit(urljoin(resp.url, target))
            allowed = new.hostname == old.hostname and new.scheme in (old.scheme, "https")
        except ValueError as error:
            raise ContractBroken(resp.url, f"redirects to an invalid address: {error}", "", maybe_done=False) from error
        if not allowed:
            raise ContractBroken(resp.url, f"redirects to {target}, which is another host", "", maybe_done=False)
        return target


class _Host(NamedTuple):
    """What all requests to a host have in common.

    Parameters
    ----------
    options
        Proxies and certificates of the environment.
    request
        A request with the headers of the session, and with the password of the environment.
    """

    options: dict[str, Any]
    request: requests.PreparedRequest

    @classmethod
    def of(cls, session: requests.Session, url: str) -> _Host:
        """Return what a session and the environment say of the host of an address."""
        options = session.merge_environment_settings(url, {}, None, None, None)
        request = session.prepare_request(requests.Request("GET", url))
        request.headers.pop("Cookie", None)  # cookies change from one request to the next
        return cls(dict(options), request)


class Service:
    """Address of the service, time limits and retries.

    Parameters
    ----------
    base_url
        Address of the service; default: the environment variable ``XRT_BASE_URL``, read at each call, or the address
        of the real service.
    timeout_s
        Time limits for connecting, and for each pause of an answer [s].
    policy
        How often a failed call is retried, and after which pauses.
    sleep, now
        Functions to wait with, and for the time [s]; default: those of :mod:`time`, looked up at each call.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        timeout_s: tuple[float, float] = (15.0, 90.0),
        policy: retry.RetryPolicy | None = None,
        sleep: Callable[[float], None] | None = None,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._base_url = base_url
        self.timeout_s = timeout_s
        self.policy = policy or retry.RetryPolicy()
        self._sleep, self._now, self._ahead = sleep, now, 0.0
        self._deadline = math.inf
        self.session = _Session()
        self._hosts: dict[tuple[str, ...], _Host] = {}

    @property
    def base_url(self) -> str:
        """Address of the service, without a slash at the end."""
        return (self._base_url or os.environ.get("XRT_BASE_URL") or DEFAULT_URL).rstrip("/")

    def sleep(self, seconds: float) -> None:
        """Wait for some time [s]."""
        before = self.now()
        (self._sleep or time.sleep)(seconds)
        self._ahead += max(0.0, before + seconds - self.now())

    def now(self) -> float:
        """Return the time [s]; only differences count.

        Time that was slept has passed, even if a test has replaced `time.sleep` by a function that returns at once.
        """
        return (self._now or time.time)() + self._ahead

    def until(self, deadline: float) -> Service:
        """Return this service with a time at which calls end, retries and their pauses included [s, as of `now`].

        A call that begins at the deadline, or just before it, has `LEAST_S` all the same.
        """
        service = copy.copy(self)
        service._deadline = deadline
        return service

    def post(self, operation: str, document: Mapping[str, Any], *, repeat: bool = True, root: str = ROOT) -> Any:
        """Send a document and return the answer, also if it is a refusal.

        Parameters
        ----------
        operation
            Path below `root`, such as ``canceljob.php``.
        document
            What is sent, as JSON.
        repeat
            Whether to retry if no answer comes. False for calls whose effect must not happen twice.

        Raises
        ------
        ServiceUnreachable
            There was no answer.
        ContractBroken
            The answer is not JSON, or the service does not know the address.
        """
        url = f"{self.base_url}/{root}{operation}"
        key = f"{document.get('UserID', '')} {operation} {document.get('JobID', '')}"

        def once() -> Any:
            with translated(operation):
                response = self._send("POST", url, document=document)
            check_status(operation, response)
            try:
                answer = json.loads(response.content, parse_constant=_refuse)
            except (ValueError, RecursionError) as error:  # of the latter: nested so deeply that nothing reads it
                page = response.content[:_BEGINNING].decode("utf-8", "replace")
                raise ContractBroken(operation, f"not JSON ({error}): {page[:80]!r}") from error
            if (levels := shapes.depth(answer)) > shapes.DEEPEST:
                raise ContractBroken(
                    operation, f"the answer has {levels} levels of lists and objects, but must have few"
                )
            return answer

        return self.repeating(once, key) if repeat else once()

    def _send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        document: Mapping[str, Any] | None = None,
        stream: bool = False,
    ) -> requests.Response:
        """Send a request; what is the same for all requests to its host was worked out at the first of them."""
        host = urlsplit(url)[:2]
        if host not in self._hosts:
            self._hosts[host] = _Host.of(self.session, url)
        request = self._hosts[host].request.copy()
        request.prepare_method(method)
        request.prepare_url(url, None)
        if headers:
            request.prepare_headers({**request.headers, **headers})
        if self.session.cookies:
            request.prepare_cookies(self.session.cookies)
        if document is not None:
            request.prepare_body(None, None, document)
        left = max(LEAST_S, self._deadline - self.now())
        limits = (min(self.timeout_s[0], left), min(self.timeout_s[1], left))
        options = {**self._hosts[host].options, "stream": stream}
        return self.session.send(request, timeout=limits, allow_redirects=True, **options)

    def repeating(self, call: Callable[[], Any], key: str) -> Any:
        """Return what `call` returns; retry as the policy says."""
        failures = 0
        while True:
            try:
                return call()
            except XRTError as error:
                failures += 1
                wait = retry.pause(self.policy, error, failures, key)
                if wait is None or self.now() + wait >= self._deadline:
                    raise
            self.sleep(wait)

    @contextlib.contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """Context manager: the answer to one GET, of which the body has not been read yet.

        Raises ContractBroken if the address, which came from the service, is not one of http or https.
        """
        shapes.check(url, url, shapes.address)
        with translated(url):
            response = self._send("GET", url, headers=headers, stream=True)
        with contextlib.closing(response):
            yield response


@contextlib.contextmanager
def translated(operation: str) -> Iterator[None]:
    """Context manager that turns exceptions of requests into ours."""
    try:
        yield
    except requests.ConnectTimeout as error:
        raise ServiceUnreachable(operation, "no connection in time", maybe_done=False) from error
    except requests.Timeout as error:
        raise ServiceUnreachable(operation, "no answer in time") from error
    except requests.ConnectionError as error:
        reason = type(getattr(error.args[0] if error.args else None, "reason", None)).__name__
        raise ServiceUnreachable(
            operation, f"connection lost: {error}", maybe_done=reason not in _NEVER_SENT
        ) from error
    except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError) as error:
        raise ServiceUnreachable(operation, f"answer cut off: {error}") from error
    except requests.RequestException as error:
        raise ServiceUnreachable(operation, str(error), maybe_done=False) from error


def check_status(operation: str, response: requests.Response) -> None:
    """Raise an exception if the HTTP status is not 200, which refusals of the service have too."""
    code = response.status_code
    if code == 200:
        return
    text = f"HTTP {code} {response.reason}"
    if code in _UNAVAILABLE:
        wait: float | None = None
        value = response.headers.get("Retry-After", "")
        if value.isascii() and value.isdigit():
            wait = float(value)
        else:
            with contextlib.suppress(ValueError, TypeError, KeyError, OverflowError):  # not a date either
                then, sent = (parsedate_to_datetime(date) for date in (value, response.headers["Date"]))
                wait = max(0.0, (then - sent).total_seconds())
        raise ServiceUnreachable(operation, text, maybe_done=code >= 500, retry_after=wait)
    with translated(operation):
        page = next(response.iter_content(_BEGINNING), b"").decode("utf-8", "replace")
    raise ContractBroken(operation, text, page, maybe_done=False)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a value of JSON")


_DEFAULT: list[Service] = []


def default_service() -> Service:
    """Return the service that is used if none is given; it is created at the first call."""
    if not _DEFAULT:
        _DEFAULT.append(Service())
    return _DEFAULT[0]
