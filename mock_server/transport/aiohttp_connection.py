"""Answers `aiohttp`: a connection to a simulated host gets a transport by shape.

Everything above it is aiohttp's own.
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any

from . import header
from .raw import RequestReader, answer_head
from .waiting import wait_in_loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from .intercept import Interception
    from .wsgi_call import Request


def create_connection(original: Any, answering: Callable[[str], Interception | None]) -> Any:
    """Return what `aiohttp.TCPConnector._create_connection` is replaced by."""

    @functools.wraps(original)
    async def create(self: Any, req: Any, *args: Any, **kwargs: Any) -> Any:
        found = answering(req.url.host or "")
        if found is None:
            return await original(self, req, *args, **kwargs)
        protocol = self._factory()
        protocol.connection_made(_Transport(found, str(req.url.origin()), protocol))
        return protocol

    return create


class _Transport(asyncio.Transport):
    """What aiohttp writes its requests to; the answers are given to its protocol."""

    def __init__(self, interception: Interception, origin: str, protocol: Any) -> None:
        super().__init__()
        self._interception, self._protocol = interception, protocol
        self._reader = RequestReader(origin)
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()

    def write(self, data: Any) -> None:
        request = self._reader.feed(bytes(data), self._interception.locate())
        if request is not None:
            task = asyncio.get_running_loop().create_task(self._answer(request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: Request) -> None:
        clock = self._interception.clock
        try:
            answer = self._interception.carry(request)
        except Exception as error:  # a bug of the simulator: shown where the call was made
            self._lose(error)
            return
        headers, fault = header.split(answer.headers)
        fault = fault or header.NO_FAULT
        if fault.delay_s:
            await wait_in_loop(clock, fault.delay_s)
        if fault.broken:
            self._lose(ConnectionResetError(104, "Connection reset by peer") if fault.broken == "reset" else None)
            return
        self._receive(answer_head(answer, headers, request.method))
        body = b"" if request.method == "HEAD" else answer.body[: fault.cut_after]
        for drop in header.drops(body) if fault.dribble_s else [body]:
            if fault.dribble_s:
                await wait_in_loop(clock, fault.dribble_s / header.DROPS)
            self._receive(drop)
        if fault.cut_after is not None and fault.cut_after < len(answer.body):
            self._lose(None)

    def _receive(self, data: bytes) -> None:
        if data and not self._closing:
            self._protocol.data_received(data)

    def _lose(self, error: Exception | None) -> None:
        if not self._closing:
            self._closing = True
            self._protocol.connection_lost(error)

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close

    def is_closing(self) -> bool:
        return self._closing

    def pause_reading(self) -> None:
        """Do nothing: the answer is small, and here already."""

    def resume_reading(self) -> None:
        """Do nothing."""

    def is_reading(self) -> bool:
        return not self._closing

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Do nothing: nothing is buffered."""

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return False
