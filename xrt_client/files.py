"""Local files: names made of foreign text, archives that are checked before they are unpacked, and local errors.

Nothing here replaces a file unless the caller says so.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import itertools
import os
import re
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from enum import Enum
from errno import EEXIST
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .errors import ContractBroken, LocalFailure, RequestInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LARGEST = 8 << 30  # bytes of an unpacked archive
RATIO = 200  # largest ratio of an unpacked archive to its file ...
SMALL = 64 << 20  # ... if it is larger than this [bytes]; photons shrink by a factor of 3, empty images by up to 100
_BLOCK, _CHUNK = 512, 1 << 16  # bytes of a tar file that belong together, and that are held in memory at a time
_WITHOUT_DATA = b"123456"  # types of what has no data in a tar file: links, devices, folders, pipes
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u2028\u2029\u202a-\u202e\ud800-\udfff]+')
_LONGEST = 120  # bytes in UTF-8; most file systems allow 255, and temporary names are longer


@contextlib.contextmanager
def local(path: Path) -> Iterator[None]:
    """Context manager that turns an error of the file system into LocalFailure."""
    try:
        yield
    except OSError as error:
        raise LocalFailure(error.filename or str(path), error) from error


# ---- names -----------------------------------------------------------------------------------------------------


def safe_name(text: str) -> str:
    """Return a name for a file or folder, made of text that came over the wire; empty if nothing of it can be used.

    It stays in its folder: it has no separators, and it is not hidden. Names that are safe already are unchanged.
    """
    name = _FORBIDDEN.sub("_", text).strip(". ")
    data = name.encode()
    if len(data) <= _LONGEST:
        return name
    return f"{data[: _LONGEST - 41].decode(errors='ignore')}_{data[-40:].decode(errors='ignore')}"


def name_of(url: str) -> str:
    """Return the name of the file that an address leads to."""
    try:
        name = safe_name(PurePosixPath(urlsplit(url).path).name)
    except ValueError as error:
        raise ContractBroken(url, f"this is not a valid address: {error}") from error
    if not name:
        raise ContractBroken(url, "this address does not name a file")
    return name


def numbered(path: Path, word: str) -> Iterator[Path]:
    """Yield paths beside another one: for ``lc.tar.gz`` and ``old`` first ``lc.old-1.tar.gz``."""
    stem, dot, ending = path.name.partition(".")
    return (path.with_name(f"{stem}.{word}-{number}{dot}{ending}") for number in itertools.count(1))


def beside(path: Path) -> Path:
    """Return the path to which a file is moved whose name is wanted for another."""
    return next(found for found in numbered(path, "old") if not os.path.lexists(found))


def unshared(wanted: Iterable[tuple[Path, str]]) -> dict[Path, str]:
    """Return path and address of each file; a path that several addresses lead to gets numbers."""
    found: dict[Path, str] = {}
    for path, url in wanted:
        paths = itertools.chain([path], numbered(path, "copy"))
        free = next(candidate for candidate in paths if found.get(candidate, url) == url)
        found[free] = url
    return found


# ---- single files ----------------------------------------------------------------------------------------------


class Existing(Enum):
    """What to do with a file whose name is wanted for another."""

    REFUSE = 1
    REPLACE = 2
    KEEP = 3  # beside the new one, under another name


def put(source: Path, target: Path, existing: Existing) -> Path | None:
    """Give a file its final name; return the path to which an existing file was moved, if it was.

    Raises
    ------
    RequestInvalid
        The name is taken, and the existing file is neither to be replaced nor kept beside it.
    """
    kept: Path | None = None
    if existing is Existing.REPLACE:
        source.replace(target)
        return None
    while True:
        try:
            _rename(source, target)
        except FileExistsError:
            if existing is Existing.REFUSE:
                raise _taken(target) from None
            if target.is_file() and digest(target) == digest(source):
                source.unlink()
                return kept
            kept = beside(target)
            _rename(target, kept)
        else:
            return kept


def _taken(target: Path) -> RequestInvalid:
    return RequestInvalid(f"{target} exists and clobber is False")


def _rename(source: Path, target: Path) -> None:
    """Rename a file; FileExistsError if the name is taken, even if that happened a moment ago."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):  # a folder, or a file system without links
        if os.path.lexists(target):
            raise FileExistsError(EEXIST, os.strerror(EEXIST), str(target)) from None
        source.rename(target)
    else:
        source.unlink()


def digest(file: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


# ---- archives --------------------------------------------------------------------------------------------------


def bounded(about: str, unpacked: int, packed: int) -> None:
    """Raise ContractBroken if packed bytes have become too many unpacked ones."""
    if unpacked > min(LARGEST, max(SMALL, RATIO * packed)):
        raise ContractBroken(
            about, f"{packed} bytes become {unpacked} or more when they are unpacked, which is too many"
        )


class _Bounded:
    """Reader of an unpacked stream that counts what comes."""

    def __init__(self, opened: IO[bytes], about: str, packed: int) -> None:
        self._opened, self._about, self._packed, self._unpacked = opened, about, packed, 0

    def read(self, size: int) -> bytes:
        """Return the next bytes; ContractBroken if they are too many."""
        found = self._opened.read(size)
        self._unpacked += len(found)
        bounded(self._about, self._unpacked, self._packed)
        return found


@contextlib.contextmanager
def _unzipped(about: str, file: Path, name: str) -> Iterator[Any]:
    """Context manager: the bytes of a tar file, read once from beginning to end."""
    with contextlib.ExitStack() as kept:
        opened: Any = kept.enter_context(file.open("rb"))
        if not name.endswith(".tar"):
            opened = kept.enter_context(gzip.open(opened))
        yield _Bounded(opened, about, file.stat().st_size)


@contextlib.contextmanager
def _tar(about: str, file: Path, name: str) -> Iterator[tarfile.TarFile]:
    """Context manager: a tar file, read once from beginning to end."""
    with _unzipped(about, file, name) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        yield archive


def _read_tar(stream: _Bounded) -> None:
    """Read a tar file to its end; TarError if it is not complete.

    `tarfile` takes a damaged header for the end, and needs five times as long: it reads owners, dates and modes, too.
    """
    header = stream.read(_BLOCK)
    if not header:
        raise tarfile.ReadError("it is empty")
    while header.strip(b"\0"):  # empty blocks are the end
        if len(header) < _BLOCK:
            raise tarfile.ReadError("it ends too early")
        size, checksum = (  # octal digits, or bytes if it is large
            int.from_bytes(field[1:], "big") if field[0] & 0x80 else int(field.partition(b"\0")[0] or b"0", 8)
            for field in (header[124:136], header[148:156])
        )
        if sum(header[:148]) + 8 * ord(" ") + sum(header[156:]) != checksum:
            raise tarfile.ReadError("there is no file or folder where one must begin")
        left = 0 if header[156] in _WITHOUT_DATA else -(-size // _BLOCK) * _BLOCK
        while left > 0:
            data = stream.read(min(left, _CHUNK))
            if not data:
                raise tarfile.ReadError("a file ends too early")
            left -= len(data)
        header = stream.read(_BLOCK)
    while stream.read(_CHUNK):  # so that a checksum behind it is compared
        pass


@contextlib.contextmanager
def _zip(about: str, file: Path) -> Iterator[zipfile.ZipFile]:
    """Context manager: a zip file whose members are not too large."""
    with zipfile.ZipFile(file) as archive:
        bounded(about, sum(member.file_size for member in archive.infolist()), file.stat().st_size)
        yield archive


_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, struct.error, RuntimeError, ValueError)


@contextlib.contextmanager
def _complete(about: str) -> Iterator[None]:
    """Context manager that turns errors of a broken archive into ContractBroken, but not those of the disk."""
    try:
        yield
    except (ContractBroken, RequestInvalid):
        raise
    except OSError as error:
        if error.errno is not None:
            raise
        raise ContractBroken(about, f"not a complete archive: {error}") from error
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        EOFError,
        zlib.error,
        struct.error,
        RuntimeError,
        ValueError,
    ) as error:
        raise ContractBroken(about, f"not a complete archive: {error}") from error


def check_whole(url: str, file: Path, name: str) -> None:
    """Raise ContractBroken if a file with the name of an archive is not a complete one, or becomes too large."""
    with _complete(url):
        if name.endswith(".zip"):
            with _zip(url, file) as packed:
                broken = packed.testzip()
            if broken:
                raise zipfile.BadZipFile(f"{broken} is damaged")
        elif name.endswith((".tar", ".tar.gz", ".tgz")):
            with _unzipped(url, file, name) as stream:
                _read_tar(stream)


def extract(file: Path, folder: Path, existing: Existing = Existing.REFUSE) -> tuple[list[Path], list[Path]]:
    """Unpack an archive; return the paths of its files, and those to which existing files were moved.

    Raises
    ------
    ContractBroken
        It is damaged or becomes too large; or a member would leave the folder, has the name of another, or is neither
        file nor folder. Nothing is unpacked.
    RequestInvalid
        A file exists already, and is neither to be replaced nor kept. Nothing is unpacked.
    LocalFailure
        There is no room, for example. Nothing is unpacked.
    """
    with local(folder), _complete(str(file)):
        members = _members(file)
        targets = [folder / member for member in members]
        root = folder.resolve()
        if outside := [target for target in targets if not target.resolve().is_relative_to(root)]:
            raise ContractBroken(str(file), f"{outside[0]} would leave the folder")
        if existing is Existing.REFUSE and (taken := [target for target in targets if os.path.lexists(target)]):
            raise _taken(taken[0])
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".", suffix=".part") as unpacked:
            _unpack(file, Path(unpacked))
            kept = []
            for member, target in zip(members, targets, strict=True):
                target.parent.mkdir(parents=True, exist_ok=True)
                kept.append(put(Path(unpacked) / member, target, existing))
    return targets, [path for path in kept if path is not None]


def _unpack(file: Path, folder: Path) -> None:
    """Unpack an archive whose members have been checked into an empty folder."""
    if file.name.endswith(".zip"):
        with _zip(str(file), file) as packed:
            packed.extractall(folder)  # noqa: S202 - every member has been checked
    else:
        with _tar(str(file), file, file.name) as archive:
            archive.extractall(folder, filter="data")


def _members(file: Path) -> list[PurePosixPath]:
    """Return the names of the files in an archive; ContractBroken if one of them must not be written."""
    if file.name.endswith(".zip"):
        with _zip(str(file), file) as packed:
            names = [member.filename for member in packed.infolist() if not member.is_dir()]
            strange = [m.filename for m in packed.infolist() if stat.S_ISLNK(m.external_attr >> 16)]
    else:
        with _tar(str(file), file, file.name) as archive:
            found = list(archive)
        names = [member.name for member in found if not member.isdir()]
        strange = [member.name for member in found if member.issparse() or not (member.isfile() or member.isdir())]
    if strange:
        raise ContractBroken(str(file), f"neither file nor folder: {', '.join(strange)}")
    paths = [PurePosixPath(name.replace("\\", "/")) for name in names]
    for name, path in zip(names, paths, strict=True):
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or not name.isprintable():
            raise ContractBroken(str(file), f"{name} would leave the folder")
    folders = {parent for path in paths for parent in path.parents}
    if len(set(paths)) < len(paths) or folders & set(paths):
        raise ContractBroken(str(file), "several members have the same name")
    return paths
