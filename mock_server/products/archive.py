"""Files of finished products packed into archives: the same files always give the same bytes."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from typing import TYPE_CHECKING

from ..core.timescales import utc_from_service

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OLDEST_IN_ZIP = (1980, 1, 1, 0, 0, 0)


def gzipped(data: bytes) -> bytes:
    """Compress without a name and a date, which would make equal contents differ."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=buffer, mtime=0) as stream:
        stream.write(data)
    return buffer.getvalue()


def tarred(files: Mapping[str, bytes], mtime: float) -> bytes:
    """Pack files, sorted by path, all of one owner and one date [simulated time, s]."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(files):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mtime, entry.mode = len(files[path]), max(int(mtime), 0), 0o644
            entry.uname = entry.gname = "swift"
            archive.addfile(entry, io.BytesIO(files[path]))
    return buffer.getvalue()


def zipped(files: Mapping[str, bytes], mtime: float) -> bytes:
    """Pack files, sorted by path, all of one date [simulated time, s]."""
    buffer = io.BytesIO()
    date = max(utc_from_service(mtime).timetuple()[:6], _OLDEST_IN_ZIP)
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, date_time=date)
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
            archive.writestr(entry, files[path], compresslevel=6)
    return buffer.getvalue()


_FORMS: Mapping[str, Callable[[Mapping[str, bytes], float], bytes]] = {
    "tar": tarred,
    "tar.gz": lambda files, mtime: gzipped(tarred(files, mtime)),
    "zip": zipped,
}


def packed(top: str, files: Mapping[str, bytes], form: str, mtime: float) -> bytes:
    """Return an archive of `files` below one folder.

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
    return _FORMS[form]({f"{top}/{path}": data for path, data in files.items()}, mtime)
