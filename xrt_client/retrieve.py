"""One function for each operation on results (positions, tables, fits); downloading and unpacking of files.

A file is saved under a temporary name that ends in ``.part``, and renamed when it is complete. If a download is
interrupted, the retry continues where it stopped, if the service supports that.
"""

from __future__ import annotations

import os
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from . import wire
from .errors import ContractBroken, RequestInvalid, ServiceUnreachable
from .jobs import ask
from .transport import check_status, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from .transport import Service

POSITIONS = {"psf": "tprods/getPSFPos.php", "enh": "tprods/getEnhPos.php", "xastrom": "tprods/getAstromPos.php"}
SOURCES, CURVE, SPECTRUM = "tprods/getSourceDetResults.php", "tprods/getLCData.php", "tprods/getSpecData.php"
CHUNK = 1 << 16  # bytes held in memory at a time


def position(service: Service, user: str, job_id: Any, short: str) -> dict[str, Any]:
    """Return one of the three positions, as `wire.read_position` does."""
    answer = ask(service, POSITIONS[short], {"UserID": user, "JobID": job_id}, wire.position)
    return wire.read_position(answer)


def sources(service: Service, user: str, job_id: Any) -> dict[str, list[dict[str, Any]]]:
    """Return the detected sources by band."""
    return wire.read_sources(ask(service, SOURCES, {"UserID": user, "JobID": job_id}, wire.SOURCES))


def light_curve(service: Service, user: str, job_id: Any, nosys: str, incbad: str) -> dict[str, Any]:
    """Return the tables of a light curve as the service sends them."""
    document = {"UserID": user, "JobID": job_id, "nosys": nosys, "incbad": incbad}
    return ask(service, CURVE, document, wire.light_curve)


def spectra(service: Service, user: str, job_id: Any) -> dict[str, Any]:
    """Return spectra and fits (form: documented, page "structures"); `NoSpectrum` alone if there are no spectra."""
    return ask(service, SPECTRUM, {"UserID": user, "JobID": job_id}, wire.spectra)


# ---- files -----------------------------------------------------------------------------------------------------


def download(service: Service, url: str, path: str | os.PathLike[str], *, clobber: bool = False) -> Path:
    """Save one file. If that fails, no file is created or changed.

    Parameters
    ----------
    url
        Address of the file.
    path
        Where to save it. Missing folders are created. If the name is that of an archive, the archive is checked.
    clobber
        Whether to replace an existing file.

    Raises
    ------
    RequestInvalid
        The file exists, and `clobber` is False.
    ServiceUnreachable, ContractBroken
        The file could not be fetched, or is not a complete archive.
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
    """Read the body of one answer into `part`; continue at the end of `part` if the file is still the same."""
    start = part.stat().st_size if part.exists() and seen.get("tag") else 0
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": seen["tag"]}
    with service.get(url, headers) as response:
        if response.status_code == 416:
            part.unlink(missing_ok=True)
            raise ServiceUnreachable(url, "the file has become shorter: starting again")
        if response.status_code != 206:
            check_status(url, response)
            start = 0
        tag = response.headers.get("ETag") or "W/"  # a weak one (W/) may stay the same although bytes have changed
        seen["tag"] = response.headers.get("Last-Modified", "") if tag.startswith("W/") else tag
        with translated(url), part.open("ab" if start else "wb") as file:
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
        received, announced = part.stat().st_size - start, response.headers.get("Content-Length", "")
        compressed = "Content-Encoding" in response.headers  # then urllib3 has compared the lengths before unpacking
        if not compressed and announced.isdigit() and int(announced) != received:
            raise ServiceUnreachable(url, f"answer cut off: {received} of {announced} bytes")


def check_whole(url: str, file: Path, name: str) -> None:
    """Raise ContractBroken if a file has the name of an archive but is not a complete archive."""
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
        raise ContractBroken(url, f"not a complete archive: {error}") from error


def extract(file: Path, folder: Path, *, clobber: bool = False) -> list[Path]:
    """Unpack an archive; return the paths of its files.

    Raises
    ------
    ContractBroken
        A member would leave the folder, or is neither file nor folder. Nothing is unpacked.
    RequestInvalid
        A file exists already, and `clobber` is False. Nothing is unpacked.
    """
    if file.name.endswith(".zip"):
        with zipfile.ZipFile(file) as packed:
            names = [name for name in packed.namelist() if not name.endswith("/")]
            targets = _checked_targets(file, folder, names, clobber=clobber)
            packed.extractall(folder, names)  # noqa: S202 - every member has been checked
    else:
        with tarfile.open(file) as archive:
            if strange := [m.name for m in archive if not (m.isfile() or m.isdir())]:
                raise ContractBroken(str(file), f"neither file nor folder: {', '.join(strange)}")
            targets = _checked_targets(file, folder, [m.name for m in archive if m.isfile()], clobber=clobber)
            archive.extractall(folder, filter="data")
    return targets


def _checked_targets(file: Path, folder: Path, names: Iterable[str], *, clobber: bool) -> list[Path]:
    """Return the paths of members; raise an exception if one of them must not be written."""
    targets = []
    for name in names:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise ContractBroken(str(file), f"{name} would leave the folder")
        targets.append(folder / path)
    if taken := [str(target) for target in targets if target.exists() and not clobber]:
        raise RequestInvalid(f"{taken[0]} exists and clobber is False")
    return targets


def file_name(url: str) -> str:
    """Return the name of the file that an address leads to."""
    try:
        name = PurePosixPath(urlsplit(url).path).name
    except ValueError as error:
        raise ContractBroken(url, f"this is not a valid address: {error}") from error
    if not name or name in (".", ".."):
        raise ContractBroken(url, "this address does not name a file")
    return name


def save_all(
    service: Service,
    wanted: Mapping[Path, str],
    *,
    clobber: bool = False,
    skip_errors: bool = False,
    after: Callable[[Path], object] = lambda _: None,
) -> list[Path]:
    """Save several files; return the paths of those that were saved.

    Parameters
    ----------
    wanted
        Path and address of each file.
    skip_errors
        Whether to skip files that cannot be saved, instead of raising the error.
    after
        Called with each saved file.
    """
    saved = []
    for path, url in wanted.items():
        try:
            after(download(service, url, path, clobber=clobber))
            saved.append(path)
        except (ServiceUnreachable, ContractBroken, RequestInvalid):
            if not skip_errors:
                raise
    return saved


def curve_files(data: Mapping[str, Any], folder: Path, prefix: str) -> dict[Path, str]:
    """Return path and address of the files of a light curve; several datasets may share one."""
    return {folder / f"{prefix}{file_name(url)}": url for url in data.get("URLs", {}).values()}


def spectrum_files(
    data: Mapping[str, Any], folder: Path, prefix: str, chosen: str | Iterable[str], *, own_folders: bool
) -> Iterator[tuple[str, Path, str]]:
    """Yield kind (``data`` or ``image``), path and address of the files of spectra.

    An interval without a spectrum, or a spectrum without a fit, has fewer files.
    """
    names = data.get("rnames", ())
    for name in names if chosen == "all" else [name for name in names if name in set(chosen)]:
        place = folder / name if own_folders else folder
        if "DataFile" in data[name]:
            yield "data", place / f"{prefix}{file_name(data[name]['DataFile'])}", data[name]["DataFile"]
        for mode in data[name].get("Modes", ()):
            for model in data[name][mode].get("Models", ()):
                if image := data[name][mode].get(model, {}).get("Image"):
                    yield "image", place / f"{prefix}{file_name(image)}", image
