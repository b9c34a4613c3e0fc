"""Files of finished products packed into archives: the same files always give the same bytes.

Contents may be tuples of chunks, so that what is the same in many archives, such as a response, is kept once.
"""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain, groupby
from typing import TYPE_CHECKING, TypeAlias

from ..core.timescales import utc_from_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

Content: TypeAlias = bytes | tuple[bytes, ...]
"""Content of a file: bytes, or chunks that follow one another."""
_SMALL = 2**20  # smaller chunks are put together
_OLDEST_IN_ZIP = (1980, 1, 1, 0, 0, 0)
_LEVEL = 3  # of zlib: 6 takes more than twice as long for a tenth less
_GZIP_HEADER = b"\x1f\x8b\x08" + bytes(6) + b"\xff"  # without a name and a date, which would make equal contents differ
_COMPRESSED = (".gz", ".gif")
_TAR_RECORD = 10240
_UNIX = 3  # the system in entries of a zip, so that readers look at permissions
_CRC = 0xEDB88320


def chunks(content: Content) -> tuple[bytes, ...]:
    """Return the chunks of a content."""
    return content if isinstance(content, tuple) else (content,)


def whole(content: Content) -> bytes:
    """Return a content in one piece."""
    return b"".join(chunks(content))


def gzipped(data: bytes | memoryview) -> bytes:
    """Compress without a name and a date, which would make equal contents differ."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=buffer, mtime=0) as stream:
        stream.write(data)
    return buffer.getvalue()


@dataclass(frozen=True)
class Deflated:
    """Content that stands in many archives, compressed once.

    Parameters
    ----------
    length, crc
        Length and check sum of the content.
    blocks
        See :func:`_deflated`.
    shift
        Changes of a check sum by `length` zero bytes, for each of its bits.
    """

    length: int
    crc: int
    blocks: bytes
    shift: tuple[int, ...]

    @classmethod
    def of(cls, content: bytes, level: int) -> Deflated:
        """Compress at a level of zlib; 0 stores."""
        shift = tuple(1 << k for k in range(32))
        power = (_CRC, *(1 << k for k in range(31)))  # the change by 1, 2, 4 ... zero bits
        bits = 8 * len(content)
        while bits:
            if bits & 1:
                shift = tuple(_times(power, column) for column in shift)
            power = tuple(_times(power, column) for column in power)
            bits >>= 1
        return cls(len(content), zlib.crc32(content), _deflated(content, level), shift)

    def crc_after(self, crc: int) -> int:
        """Check sum of something with the sum `crc` and this content behind it."""
        return _times(self.shift, crc) ^ self.crc


def _deflated(content: bytes, level: int) -> bytes:
    """Return blocks of a deflate stream that neither look back beyond their start nor end the stream."""
    deflate = zlib.compressobj(level, wbits=-zlib.MAX_WBITS)
    return deflate.compress(content) + deflate.flush(zlib.Z_FULL_FLUSH)


def _times(matrix: tuple[int, ...], vector: int) -> int:
    """Multiply a matrix of bits by a vector; the matrix is a tuple of columns."""
    total = 0
    for bit, column in enumerate(matrix):
        total ^= column if vector >> bit & 1 else 0
    return total


class _GzipStream:
    """A gzip file of one member, made of parts: readers of streams stop behind the first member."""

    def __init__(self) -> None:
        self._parts, self._crc, self._length = [_GZIP_HEADER], 0, 0
        self._deflate = zlib.compressobj(_LEVEL, wbits=-zlib.MAX_WBITS)

    def add(self, data: bytes) -> None:
        """Add data."""
        self._parts.append(self._deflate.compress(data))
        self._crc, self._length = zlib.crc32(data, self._crc), self._length + len(data)

    def add_deflated(self, content: Deflated) -> None:
        """Add content that is compressed already: its blocks as they are."""
        self._parts += [self._deflate.flush(zlib.Z_FULL_FLUSH), content.blocks]
        self._crc, self._length = content.crc_after(self._crc), self._length + content.length

    def add_stored(self, content: Content) -> None:
        """Add something that cannot become smaller."""
        self._parts.append(self._deflate.flush(zlib.Z_FULL_FLUSH))
        for chunk in chunks(content):
            if len(chunk) >= _SMALL:
                self.add_deflated(_stored(chunk))
            else:
                self._parts.append(_deflated(chunk, 0))
                self._crc, self._length = zlib.crc32(chunk, self._crc), self._length + len(chunk)

    def end(self) -> tuple[bytes, ...]:
        """Return the file."""
        end = struct.pack("<II", self._crc, self._length % 2**32)
        return _put_together([*self._parts, self._deflate.flush(), end])


@lru_cache(maxsize=8)
def _stored(chunk: bytes) -> Deflated:
    return Deflated.of(chunk, 0)


def _put_together(parts: Iterable[bytes]) -> tuple[bytes, ...]:
    """Join small parts that follow one another; large ones stay the same objects."""
    grouped = groupby(parts, key=lambda part: len(part) < _SMALL)
    return tuple(chain.from_iterable([b"".join(group)] if small else group for small, group in grouped))


def _entries(files: Mapping[str, Content | Deflated], mtime: float) -> Iterator[tuple[str, bytes, Content | Deflated]]:
    """Files as they follow one another in a tar archive: path, header, content; the end has no path.

    Headers begin with the zeros that fill up the content before. Owner: as in archives of 2025 (field).
    """
    total = padding = 0
    for path, content in files.items():
        entry = tarfile.TarInfo(path)
        entry.size = content.length if isinstance(content, Deflated) else sum(map(len, chunks(content)))
        entry.mtime, entry.mode, entry.uname, entry.gname = max(int(mtime), 0), 0o644, "autoproc", "www"
        header = bytes(padding) + entry.tobuf(tarfile.USTAR_FORMAT)
        padding = -entry.size % 512
        total += len(header) + entry.size
        yield path, header, content
    end = padding + 1024
    yield "", bytes(end + -(total + end) % _TAR_RECORD), b""


def tarred(files: Mapping[str, Content], mtime: float) -> tuple[bytes, ...]:
    """Pack files in their order, all of one owner and one date [simulated time, s]."""
    parts: list[bytes] = []
    for _, header, content in _entries(files, mtime):
        parts += [header, *(() if isinstance(content, Deflated) else chunks(content))]
    return _put_together(parts)


def tarred_and_gzipped(files: Mapping[str, Content | Deflated], mtime: float) -> tuple[bytes, ...]:
    """Pack files in their order, all of one owner and one date [simulated time, s], and compress them."""
    stream = _GzipStream()
    for path, header, content in _entries(files, mtime):
        stream.add(header)
        if isinstance(content, Deflated):
            stream.add_deflated(content)
        elif path.endswith(_COMPRESSED):
            stream.add_stored(content)
        else:
            stream.add(whole(content))
    return stream.end()


def zipped(files: Mapping[str, Content], mtime: float) -> tuple[bytes, ...]:
    """Pack files in their order, all of one date [simulated time, s]; a zip has British local time (field)."""
    utc = utc_from_service(mtime)
    start, stop = (  # of summer time: the last Sundays of March and October, 1:00 UTC
        datetime(utc.year, month, 31, 1, tzinfo=UTC) - timedelta(days=datetime(utc.year, month, 31).isoweekday() % 7)
        for month in (3, 10)
    )
    date = max((utc + timedelta(hours=start <= utc < stop)).timetuple()[:6], _OLDEST_IN_ZIP)
    parts: list[bytes] = []
    entries: list[bytes] = []
    offset = 0
    for path, content in files.items():
        entry = zipfile.ZipInfo(path, date_time=date)
        stored = path.endswith(_COMPRESSED)
        entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
        entry.CRC, entry.file_size = _crc(content), sum(map(len, chunks(content)))
        data = chunks(content) if stored else (zlib.compress(whole(content), _LEVEL, -zlib.MAX_WBITS),)
        entry.compress_size = sum(map(len, data))
        header = entry.FileHeader(zip64=False)
        parts += [header, *data]
        more = struct.pack("<HHHLL", 0, 0, 0, 0o644 << 16, offset)
        entries.append(b"".join((b"PK\1\2", bytes((20, _UNIX)), header[4:30], more, header[30:])))
        offset += len(header) + entry.compress_size
    directory = b"".join(entries)
    count = len(entries)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), offset, 0)
    return _put_together([*parts, directory, end])


def _crc(content: Content) -> int:
    """Return the check sum of a content; that of a large chunk is computed once."""
    crc = 0
    for chunk in chunks(content):
        crc = _stored(chunk).crc_after(crc) if len(chunk) >= _SMALL else zlib.crc32(chunk, crc)
    return crc


def packed(top: str, files: Mapping[str, Content], form: str, mtime: float) -> tuple[bytes, ...]:
    """Return an archive of `files` below one folder, sorted by path.

    Parameters
    ----------
    top
        Name of the folder that everything lies in.
    files
        Contents by path below `top`.
    form
        ``tar``, ``tar.gz`` or ``zip``.
    mtime
        Date of all files [simulated time, s].
    """
    forms: Mapping[str, Callable[[Mapping[str, Content], float], tuple[bytes, ...]]]
    forms = {"tar": tarred, "tar.gz": tarred_and_gzipped, "zip": zipped}
    return forms[form]({f"{top}/{path}": files[path] for path in sorted(files)}, mtime)
