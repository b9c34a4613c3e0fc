"""Exchanges made by hand: one call of an operation of the contract and the answer to it."""

from __future__ import annotations

import io
import tarfile
import zipfile
from typing import Any

from contracts import documents, harness

OWNER = "user@example.org"
ARCHIVES = "/user_objects/tprods"


def exchange(
    operation: str, request: Any, answer: Any, *, path: str = "", status: int = 200, **headers: str
) -> harness.Exchange:
    """Return a call of an operation and its answer: JSON as text, text as a page, bytes under the label of an archive.

    Headers are named with underscores.
    """
    op = documents.operation(operation)
    label = "application/zip" if isinstance(answer, bytes) else "text/html; charset=UTF-8"
    sent = {"Content-Type": label} | {name.replace("_", "-"): value for name, value in headers.items()}
    data = harness.encoded(request)
    return harness.exchange(op.method, path or op.path, data, status, sent, harness.encoded(answer))


def asked(operation: str, answer: dict[str, Any], **request: Any) -> harness.Exchange:
    """Return a call of an operation for the owner, and its answer with the version."""
    return exchange(operation, {"UserID": OWNER, **request}, {"APIVersion": "1.12", **answer})


def zipped(*members: str) -> bytes:
    """Return a zip archive with empty files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for member in members:
            packed.writestr(member, b"")
    return file.getvalue()


def tarred(*members: str) -> bytes:
    """Return a tar archive with empty files."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as packed:
        for member in members:
            packed.addfile(tarfile.TarInfo(member))
    return file.getvalue()


def archive(content: bytes, name: str = "psf.zip", *, job: int = 7, status: int = 200) -> harness.Exchange:
    """Return a download of an archive of a job."""
    return exchange("downloadProduct", None, content, path=f"{ARCHIVES}/USERPROD_{job}/{name}", status=status)
