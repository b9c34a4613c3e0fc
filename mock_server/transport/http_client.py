"""Answers `http.client`, and what is built on it: urllib, urllib3, pandas, astropy.

A connection to a simulated host gets a socket by shape. Everything above it is the library's own.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from . import header
from .raw import RequestReader, answer_head

if TYPE_CHECKING:
    from collections.abc import Callable

    from .intercept import Interception


class InProcessSocket:
    """What `http.client` sends through and reads from.

    Parameters
    ----------
    interception
        Answers.
    origin
        Scheme and host, such as ``https://www.swift.ac.uk``.
    timeout
        Longest wait for bytes [s]; None: no limit.
    """

    def __init__(self, interception: Interception, origin: str, timeout: Any) -> None:
        self._interception, self._timeout = interception, timeout
        self._reader = RequestReader(origin)
        self._arriving: io.BufferedIOBase = io.BytesIO()
        self._pipe = os.pipe()  # a descriptor that never becomes readable: pools look whether a connection is alive

    def sendall(self, data: Any) -> None:
        """Take bytes of a request; the last ones have it answered."""
        request = self._reader.feed(bytes(data), self._interception.locate())
        if request is None:
            return
        answer = self._interception.carry(request)
        headers, fault = header.split(answer.headers)
        fault = fault or header.NO_FAULT

        def arriving() -> Any:  # waits for the bytes, and fails as the network would
            self._wait(fault.delay_s)
            if fault.broken == "reset":
                raise ConnectionResetError(104, "Connection reset by peer")
            if fault.broken == "lost":
                return
            yield answer_head(answer, headers, request.method)
            body = b"" if request.method == "HEAD" else answer.body[: fault.cut_after]
            for drop in header.drops(body) if fault.dribble_s else [body]:
                self._wait(fault.dribble_s / header.DROPS)
                yield drop

        self._arriving = io.BufferedReader(_Arriving(arriving()))

    send = sendall

    def _wait(self, seconds: float) -> None:
        if not seconds:
            return
        if isinstance(self._timeout, int | float) and seconds > self._timeout:
            self._interception.clock.sleep(self._timeout)
            raise TimeoutError("timed out")
        self._interception.clock.sleep(seconds)

    def makefile(self, *_mode: Any, **_options: Any) -> io.BufferedIOBase:
        """Return the file that the answer is read from."""
        return self._arriving

    def settimeout(self, timeout: Any) -> None:
        """Set the longest wait for bytes [s]."""
        self._timeout = timeout

    def gettimeout(self) -> Any:
        """Return the longest wait for bytes [s]."""
        return self._timeout

    def setsockopt(self, *_option: Any) -> None:
        """Do nothing."""

    def fileno(self) -> int:
        """Return a descriptor that never becomes readable."""
        return self._pipe[0]

    def shutdown(self, _how: int) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Close the descriptors."""
        pipe, self._pipe = self._pipe, (-1, -1)
        for descriptor in pipe:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def __del__(self) -> None:
        if self._pipe[0] >= 0:
            self.close()


class _Arriving(io.RawIOBase):
    """A file of the bytes that a generator yields."""

    def __init__(self, chunks: Any) -> None:
        self._chunks, self._rest = chunks, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def in_process_connect(original: Any, answering: Callable[[str], Interception | None], scheme: str) -> Any:
    """Return what `HTTPConnection.connect` is replaced by: it connects to no simulated host, but has it answered."""

    @functools.wraps(original)
    def connect(self: Any) -> None:
        host, port = (self._tunnel_host, self._tunnel_port) if self._tunnel_host else (self.host, self.port)
        found = answering(str(host).lower())
        if found is None:
            original(self)
            return
        usual = {"http": 80, "https": 443}[scheme]
        self.sock = InProcessSocket(found, f"{scheme}://{host}" + ("" if port == usual else f":{port}"), self.timeout)
        self.is_verified = True  # urllib3 warns of connections whose certificate was not checked

    return connect


def without_proxy(original: Any, is_simulated: Callable[[str], bool]) -> Any:
    """Return what `urllib.request.proxy_bypass` is replaced by: no proxy is asked for simulated hosts."""

    @functools.wraps(original)
    def proxy_bypass(host: str, *args: Any) -> Any:
        return is_simulated(urlsplit(f"//{host}").hostname or "") or original(host, *args)

    return proxy_bypass
