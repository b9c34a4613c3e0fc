"""One function for each operation on results (positions, tables, fits), and downloads.

A file is saved under a temporary name that ends in ``.part``, and renamed when it is complete. If a download is
interrupted, the retry continues where it stopped, if the service supports that.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import files, wire
from .errors import ContractBroken, LocalFailure, RequestInvalid, ServiceUnreachable
from .jobs import ask
from .transport import check_status, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import requests

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
    LocalFailure
        The file could not be written.
    """
    target = Path(path).expanduser()
    if os.path.lexists(target) and not clobber:
        raise RequestInvalid(f"{target} exists and clobber is False")
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    fetch(service, url, part, target.name)
    try:
        with files.local(target):
            files.put(part, target, files.Existing.REPLACE if clobber else files.Existing.REFUSE)
    finally:
        part.unlink(missing_ok=True)
    return target


def fetch(service: Service, url: str, part: Path, name: str) -> None:
    """Save one file under a temporary name, and check it if its final name is that of an archive.

    Raises the same exceptions as :func:`download`; then the temporary file is removed.
    """
    seen: dict[str, str] = {}

    def once() -> None:
        with files.local(part):
            _fetch(service, url, part, seen)
            try:
                files.check_whole(url, part, name)
            except ContractBroken:
                part.unlink()
                raise

    try:
        with files.local(part):
            part.parent.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)  # of a run that was killed
        service.repeating(once, url)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _fetch(service: Service, url: str, part: Path, seen: dict[str, str]) -> None:
    """Read the body of one answer into `part`; continue at the end of `part` if the file is still the same."""
    start = part.stat().st_size if part.exists() and seen.get("tag") else 0
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": seen["tag"]}
    with service.get(url, headers) as response:
        continues = response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        if response.status_code == 416 or (response.status_code == 206 and not continues):
            part.unlink(missing_ok=True)
            raise ServiceUnreachable(url, "the file has changed in between: starting again")
        if response.status_code != 206:
            check_status(url, response)
            start = 0
        tag = response.headers.get("ETag") or "W/"  # a weak one (W/) may stay the same although bytes have changed
        seen["tag"] = response.headers.get("Last-Modified", "") if tag.startswith("W/") else tag
        received = 0
        with translated(url), part.open("ab" if start else "wb") as file:
            for chunk in response.iter_content(CHUNK):
                received += len(chunk)
                files.bounded(url, received, max(received, 1) if _plain(response) else response.raw.tell())
                file.write(chunk)
        announced = response.headers.get("Content-Length", "")
        if _plain(response) and announced.isascii() and announced.isdigit() and int(announced) != received:
            raise ServiceUnreachable(url, f"answer cut off: {received} of {announced} bytes")


def _plain(response: requests.Response) -> bool:
    """Return whether a body is as long as announced; else urllib3 has compared the lengths before it unpacked it."""
    return "Content-Encoding" not in response.headers


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
        except (ServiceUnreachable, ContractBroken, RequestInvalid, LocalFailure):
            if not skip_errors:
                raise
    return saved


def curve_files(data: Mapping[str, Any], folder: Path, prefix: str) -> dict[Path, str]:
    """Return path and address of the files of a light curve; several datasets may share one."""
    return files.unshared((folder / f"{prefix}{files.name_of(url)}", url) for url in data.get("URLs", {}).values())


def spectrum_files(
    data: Mapping[str, Any], folder: Path, prefix: str, chosen: str | Iterable[str], *, own_folders: bool
) -> Iterator[tuple[str, Path, str]]:
    """Yield kind (``data`` or ``image``), path and address of the files of spectra.

    An interval without a spectrum, or a spectrum without a fit, has fewer files.
    """
    names = data.get("rnames", ())
    for name in names if chosen == "all" else [name for name in names if name in set(chosen)]:
        place = folder / (files.safe_name(name) or "interval") if own_folders else folder
        if "DataFile" in data[name]:
            yield "data", place / f"{prefix}{files.name_of(data[name]['DataFile'])}", data[name]["DataFile"]
        for mode in data[name].get("Modes", ()):
            for model in data[name][mode].get("Models", ()):
                if image := data[name][mode].get(model, {}).get("Image"):
                    yield "image", place / f"{prefix}{files.name_of(image)}", image
