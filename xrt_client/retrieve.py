"""Fetch what a finished job has made: archives, and any file an answer points to.

Files are streamed to a temporary name beside their place and renamed once they are whole: a name without ``.part`` is
a whole file. An interrupted download goes on where it stopped if the service can do that.
"""

from __future__ import annotations

import os
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ContractBroken, RequestInvalid, ServiceUnreachable
from .transport import check_status, translated

if TYPE_CHECKING:
    import requests

    from .transport import Service

CHUNK = 1 << 16  # bytes held in memory at a time


def download(service: Service, url: str, path: str | os.PathLike[str], *, clobber: bool = False) -> Path:
    """Save one file, whole or not at all.

    Parameters
    ----------
    url
        Where it is.
    path
        Where it goes; missing folders are made. If its name ends like an archive, it is checked to be a whole one.
    clobber
        Whether a file of that name is replaced.

    Raises
    ------
    RequestInvalid
        There is such a file, and `clobber` is False.
    ServiceUnreachable, ContractBroken
        It could not be had; nothing of that name was left or changed.
    """
    target = Path(path).expanduser()
    if target.exists() and not clobber:
        raise RequestInvalid(f"{target} exists and clobber is False")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    seen: dict[str, str] = {}

    def once() -> None:
        _fetch(service, url, part, seen)
        check_whole(url, part, target.name)

    try:
        service.repeating(once, url)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _fetch(service: Service, url: str, part: Path, seen: dict[str, str]) -> None:
    """Read the body of one answer into `part`, going on at its end if the service agrees it is the same file."""
    start = part.stat().st_size if part.exists() and seen.get("tag") else 0
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": seen["tag"]}
    with service.get(url, headers) as response:
        if response.status_code == 416:
            part.unlink(missing_ok=True)
            raise ServiceUnreachable(url, "the rest of the file is not there any more: starting again")
        if response.status_code != 206:
            check_status(url, response)
            start = 0
        seen["tag"] = _tag(response)
        with translated(url), part.open("ab" if start else "wb") as file:
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
        _check_length(url, response, part.stat().st_size - start)


def _tag(response: requests.Response) -> str:
    """Return what identifies this state of the file; empty if the service cannot resume."""
    tag = response.headers.get("ETag", "")
    if tag.startswith("W/"):
        tag = ""
    return tag or response.headers.get("Last-Modified", "")


def _check_length(url: str, response: requests.Response, received: int) -> None:
    announced = response.headers.get("Content-Length", "")
    if "Content-Encoding" in response.headers:
        return  # the length is that of what travelled; urllib3 has compared it
    if announced.isdigit() and int(announced) != received:
        raise ServiceUnreachable(url, f"answer cut off: {received} of {announced} bytes")


def check_whole(url: str, file: Path, name: str) -> None:
    """Raise unless a file named like an archive is a whole archive; it is read through once."""
    try:
        if name.endswith(".zip"):
            with zipfile.ZipFile(file) as archive:
                broken = archive.testzip()
            if broken:
                raise zipfile.BadZipFile(f"{broken} is damaged")
        elif name.endswith((".tar", ".tar.gz", ".tgz")):
            with tarfile.open(file, "r:" if name.endswith(".tar") else "r:gz") as archive:
                for _ in archive:
                    pass
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, zlib.error) as error:
        file.unlink(missing_ok=True)
        raise ContractBroken(url, f"not a whole archive: {error}") from error
