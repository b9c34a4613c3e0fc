"""The connection pool that `requests` is given for the service: it carries requests without a socket.

`requests` keeps its sessions, adapters, retries, redirects and errors, so a program sees what it would see over a
socket. Retries and slow answers wait on the simulator's clock.
"""

from __future__ import annotations

import io
import sys
from http.client import HTTPMessage, IncompleteRead, RemoteDisconnected
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from requests.exceptions import ConnectionError as RequestsConnectionError
from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError, MaxRetryError, ProtocolError, ReadTimeoutError

from . import header
from .guard import RealServiceError
from .wsgi_call import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry, Timeout

    from .intercept import Interception
    from .wsgi_call import Answer


class Pool:
    """What an `HTTPAdapter` asks for as its connection pool, and sends through.

    Parameters
    ----------
    interception
        Answers for the host; slow answers and retries wait on its clock.
    scheme, netloc
        Of the address, such as ``https`` and ``www.swift.ac.uk``.
    """

    proxy = None

    def __init__(self, interception: Interception, scheme: str, netloc: str) -> None:
        self._carry, self._clock, self._locate = interception.carry, interception.clock, interception.locate
        self._origin = f"{scheme}://{netloc}"
        self.host = netloc

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def urlopen(
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        retries: Retry,
        timeout: Timeout,
        **_rest: Any,
    ) -> HTTPResponse:
        """Send the request, again as often as `retries` allows, by urllib3's rules."""
        target = url if "://" in url else self._origin + url
        request = Request(method, target, dict(headers or {}), _as_bytes(body), self._locate())
        while True:
            retry_after = None
            try:
                response = self._send(request, timeout)
            except HTTPError as error:
                retries = retries.increment(method, url, error=error, _stacktrace=sys.exc_info()[2])
            else:
                if not retries.is_retry(method, response.status, "Retry-After" in response.headers):
                    return response
                try:
                    retries = retries.increment(method, url, response=response)
                except MaxRetryError:
                    if retries.raise_on_status:
                        raise
                    return response
                if retries.respect_retry_after_header:
                    retry_after = retries.get_retry_after(response)
            pause = retry_after or retries.get_backoff_time()
            if pause > 0:
                self._clock.sleep(pause)

    def _send(self, request: Request, timeout: Timeout) -> HTTPResponse:
        answer = self._carry(request)
        headers, fault = header.split(answer.headers)
        if fault is None:
            return _response(request, answer, headers, answer.body)
        self._delay(request, fault.delay_s, timeout)
        match fault.broken:
            case "reset":
                raise ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer"))
            case "lost":
                cause = RemoteDisconnected("Remote end closed connection without response")
                raise ProtocolError("Connection aborted.", cause)
        for _ in header.drops(answer.body) if fault.dribble_s else ():
            self._delay(request, fault.dribble_s / header.DROPS, timeout)
        if fault.cut_after is not None and not any(name.lower() == "content-length" for name, _ in headers):
            headers.append(("Content-Length", str(len(answer.body))))
        return _response(request, answer, headers, answer.body[: fault.cut_after])

    def _delay(self, request: Request, seconds: float, timeout: Timeout) -> None:
        """Wait for bytes that arrive after `seconds`, but not longer than the read timeout."""
        if not seconds:
            return
        timeout = timeout.clone()
        timeout.start_connect()
        longest = timeout.read_timeout
        if isinstance(longest, int | float) and seconds > longest:
            self._clock.sleep(longest)
            raise ReadTimeoutError(self, request.url, f"Read timed out. (read timeout={longest})")  # type: ignore[arg-type]  # a pool by shape
        self._clock.sleep(seconds)


def pooled_connection(original: Any, answering: Callable[[str], Interception | None]) -> Any:
    """Return what `HTTPAdapter.get_connection_with_tls_context` is replaced by: it gives a `Pool` for our hosts."""

    def get_connection_with_tls_context(self: HTTPAdapter, request: Any, *args: Any, **kwargs: Any) -> Any:
        parts = urlsplit(request.url)
        try:
            found = answering(parts.hostname or "") if parts.scheme in ("http", "https") else None
        except RealServiceError as error:
            raise RequestsConnectionError(error) from error
        if found is None:
            return original(self, request, *args, **kwargs)
        return Pool(found, parts.scheme, parts.netloc)

    return get_connection_with_tls_context


def without_proxies(original: Any, is_simulated: Callable[[str], bool]) -> Any:
    """Return what `get_environ_proxies` is replaced by: it finds none for our hosts.

    `requests` reads the whole environment twice for each call.
    """

    def get_environ_proxies(url: str, *args: Any, **kwargs: Any) -> Any:
        return {} if is_simulated(urlsplit(url).hostname or "") else original(url, *args, **kwargs)

    return get_environ_proxies


def _as_bytes(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    if hasattr(body, "read"):
        return _as_bytes(body.read())
    try:
        return bytes(memoryview(body))
    except TypeError:  # not a buffer, but an iterable of parts
        return b"".join(map(_as_bytes, body))


class _Body(io.BytesIO):
    """The body of an answer: a file that closes at its end, as that of `http.client` does.

    Parameters
    ----------
    body
        What arrives.
    missing
        Number of bytes that were announced and do not arrive.
    """

    def __init__(self, body: bytes, missing: int) -> None:
        super().__init__(body)
        self._size, self._missing = len(body), missing

    def read(self, size: int | None = -1, /) -> bytes:
        if self.closed:
            return b""
        data = super().read(size)
        whole = size is None or size < 0
        if whole and self._missing:
            self.close()
            raise IncompleteRead(data, self._missing)
        self._close_at_end(ended=whole or (not data and size != 0))
        return data

    def read1(self, size: int | None = -1, /) -> bytes:
        if self.closed:
            return b""
        data = super().read1(size)
        self._close_at_end(ended=not data and size != 0)
        return data

    def _close_at_end(self, *, ended: bool) -> None:
        """Close after the last byte; if some do not arrive, after the read that finds none."""
        if ended or (not self._missing and self.tell() == self._size):
            self.close()


def _response(request: Request, answer: Answer, headers: list[tuple[str, str]], body: bytes) -> HTTPResponse:
    response = HTTPResponse(
        body=_Body(body, len(answer.body) - len(body)) if request.method != "HEAD" else _Body(b"", 0),
        headers=headers,  # type: ignore[arg-type]  # pairs are accepted, and keep repeated names apart
        status=answer.status,
        version=11,
        reason=answer.reason,
        preload_content=False,
        decode_content=False,
        request_method=request.method,
    )
    if "Set-Cookie" in response.headers:
        message = HTTPMessage()
        for name, value in headers:
            message.add_header(name, value)
        # requests reads cookies from the message that http.client would have kept
        response._original_response = SimpleNamespace(msg=message, close=lambda: None, isclosed=lambda: True)  # type: ignore[assignment]
    return response
