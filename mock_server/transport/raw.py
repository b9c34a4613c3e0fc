"""HTTP/1.1 as bytes, for clients that are given a connection: reads their requests, writes the answers.

Pure: no I/O here.
"""

from __future__ import annotations

import http.client
import io
from typing import TYPE_CHECKING

from .wsgi_call import Request

if TYPE_CHECKING:
    from .wsgi_call import Answer


class RequestReader:
    """Reads the requests that arrive on one connection.

    Parameters
    ----------
    origin
        Scheme and host of the addresses, such as ``https://www.swift.ac.uk``.
    """

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._data = b""

    def feed(self, data: bytes, where: str | None) -> Request | None:
        """Return the next request if it is complete with these bytes; `where` is the line that sends them."""
        self._data += data
        head, end, rest = self._data.partition(b"\r\n\r\n")
        if not end:
            return None
        first, _, lines = head.partition(b"\r\n")
        method, target, _version = first.decode("latin-1").split(" ", 2)
        headers = http.client.parse_headers(io.BytesIO(lines + end))
        if "chunked" in headers.get("Transfer-Encoding", "").lower():
            body = _dechunked(rest)
            if body is None:
                return None
        else:
            size = int(headers.get("Content-Length") or 0)
            if len(rest) < size:
                return None
            body = rest[:size]
        self._data = b""  # clients that are answered here send one request at a time
        url = target if "://" in target else self._origin + target
        return Request(method, url, dict(headers.items()), body, where)


def _dechunked(data: bytes) -> bytes | None:
    """Return the body that arrived in chunks; None if the last one is missing."""
    body = b""
    while True:
        size_line, end, data = data.partition(b"\r\n")
        if not end:
            return None
        size = int(size_line.partition(b";")[0], 16)
        if len(data) < size + 2:
            return None
        if size == 0:
            return body
        body, data = body + data[:size], data[size + 2 :]


def answer_head(answer: Answer, headers: list[tuple[str, str]], method: str) -> bytes:
    """Return status line and headers; an answer without a length gets one, so that the connection can be kept."""
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}", *(f"{name}: {value}" for name, value in headers)]
    no_body = method == "HEAD" or answer.status in (204, 304)
    if not no_body and not any(name.lower() == "content-length" for name, _ in headers):
        lines.append(f"Content-Length: {len(answer.body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
