"""The headers of a request, read by llhttp: gevent's own reader, that of e-mail, takes a fifth of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

_LONGEST = 65536  # of all lines together [bytes]
_REQUEST_LINE = b"GET / HTTP/1.1\r\n"  # that of the request has been read already


class Headers:
    """Headers as gevent asks for them.

    Attributes
    ----------
    status
        What is wrong with them; gevent refuses the request then.
    """

    def __init__(self, file: BufferedReader) -> None:
        self.status = ""
        self._found: list[tuple[str, str]] = []
        self._first: dict[str, str] = {}
        lines = [_REQUEST_LINE]
        left = _LONGEST
        while left > 0 and (line := file.readline(left)) not in (b"\r\n", b"\n", b""):
            lines.append(line)
            left -= len(line)
        try:
            HttpRequestParser(self).feed_data(b"".join((*lines, b"\r\n")))
        except HttpParserUpgrade:  # the caller offers another protocol, and gets an answer in this one
            pass
        except HttpParserError as error:
            self.status = str(error)
        if left <= 0:
            self.status = "too long"

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header from the parser."""
        pair = name.decode("latin-1"), value.decode("latin-1").strip()
        self._found.append(pair)
        self._first.setdefault(pair[0].lower(), pair[1])

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the first header of a name."""
        return self._first.get(name.lower(), default)

    getheader = get

    def __delitem__(self, name: str) -> None:
        del self._first[name]

    @property
    def typeheader(self) -> str | None:
        """Content type."""
        return self.get("content-type")

    def variables(self) -> Iterator[tuple[str, str]]:
        """Yield names and values as WSGI has them; a name with an underscore could pass for another one."""
        for name, value in self._found:
            key = name.replace("-", "_").upper()
            if "_" not in name and key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                yield f"HTTP_{key}", value
