"""Answers `httpx`, sync and async. Imported when the program has imported it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import httpx

from . import header
from .waiting import wait_in_loop
from .wsgi_call import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .intercept import Interception
    from .wsgi_call import Answer


def handle_request(original: Any, answering: Callable[[str], Interception | None]) -> Any:
    """Return what `httpx.HTTPTransport.handle_request` is replaced by."""

    @functools.wraps(original)
    def handle(self: Any, request: Any) -> Any:
        found = answering(request.url.host)
        if found is None:
            return original(self, request)
        answer = found.carry(_request(request, b"".join(request.stream), found.locate()))
        exchange = _Exchange(request, answer)
        for seconds in exchange.waits():
            found.clock.sleep(seconds)
        return exchange.response()

    return handle


def handle_async_request(original: Any, answering: Callable[[str], Interception | None]) -> Any:
    """Return what `httpx.AsyncHTTPTransport.handle_async_request` is replaced by."""

    @functools.wraps(original)
    async def handle(self: Any, request: Any) -> Any:
        found = answering(request.url.host)
        if found is None:
            return await original(self, request)
        body = b"".join([chunk async for chunk in request.stream])
        exchange = _Exchange(request, found.carry(_request(request, body, found.locate())))
        for seconds in exchange.waits():
            await wait_in_loop(found.clock, seconds)
        return exchange.response()

    return handle


def _request(request: Any, body: bytes, where: str | None) -> Request:
    return Request(request.method, str(request.url), dict(request.headers), body, where)


class _Exchange:
    """An answer on its way: what is waited for, and what arrives in the end."""

    def __init__(self, request: Any, answer: Answer) -> None:
        headers, fault = header.split(answer.headers)
        self._request, self._answer, self._headers = request, answer, headers
        self._fault = fault or header.NO_FAULT

    def waits(self) -> Iterator[float]:
        """Yield the simulated times to wait [s]; raise what `httpx` raises when it has waited for too long."""
        longest = self._request.extensions.get("timeout", {}).get("read")
        pieces = len(header.drops(self._answer.body)) if self._fault.dribble_s else 0
        for seconds in (self._fault.delay_s, *[self._fault.dribble_s / header.DROPS] * pieces):
            if longest is not None and seconds > longest:
                yield longest
                raise httpx.ReadTimeout("The read operation timed out", request=self._request)
            if seconds:
                yield seconds

    def response(self) -> Any:
        """Return the answer, or raise what `httpx` raises for the way in which it is broken."""
        if self._fault.broken == "reset":
            raise httpx.ReadError("[Errno 104] Connection reset by peer", request=self._request)
        if self._fault.broken == "lost":
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=self._request)
        answer, cut = self._answer, self._fault.cut_after
        whole = b"" if self._request.method == "HEAD" else answer.body

        class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
            def __iter__(self) -> Iterator[bytes]:
                yield whole[:cut]
                if cut is not None and cut < len(whole):
                    raise httpx.RemoteProtocolError(
                        "peer closed connection without sending complete message body "
                        f"(received {cut} bytes, expected {len(whole)})"
                    )

            async def __aiter__(self) -> Any:
                for chunk in self:
                    yield chunk

        extensions = {"http_version": b"HTTP/1.1", "reason_phrase": answer.reason.encode("latin-1")}
        return httpx.Response(answer.status, headers=self._headers, stream=Body(), extensions=extensions)
