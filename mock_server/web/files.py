"""Archives, and the single files that answers point at. Knowing the address is enough (documented)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, current_app, g

from ..core.errors import Refusal
from . import faults
from .pages import not_found

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..service.simulation import Simulation

files = Blueprint("files", __name__)

_ARCHIVES = {"tar.gz": "application/gzip", "tar": "application/x-tar", "zip": "application/zip"}
_STEMS = ("lc", "spec", "psf", "enh", "xastrom", "image", "sourceDet", "all")
_TYPES = {
    ".gif": "image/gif",
    ".gz": "application/gzip",
    ".qdp": "text/plain; charset=UTF-8",
    ".log": "text/plain; charset=UTF-8",
    ".txt": "text/plain; charset=UTF-8",
    ".dat": "text/plain; charset=UTF-8",
    ".json": "application/json",
    ".ps": "application/postscript",
}


@files.get("/user_objects/tprods/USERPROD_<job_id:job_id>/<path:path>", endpoint="downloadProduct")
def download(job_id: int, path: str) -> Response:
    """Send an archive, or one file of a product; 404 for what is not there, not ready, or no longer there."""
    sim: Simulation = current_app.extensions["xrt_mock"]
    g.operation, g.job_id, g.detail = "downloadProduct", job_id, path[:200]
    stem, _, form = path.partition(".")
    if stem in _STEMS and form in _ARCHIVES:
        return _sent(lambda: sim.contents.archive(job_id, stem, form), _ARCHIVES[form])
    g.operation = "downloadFile"
    ending = f".{path.rpartition('.')[2]}"
    return _sent(lambda: sim.contents.file(job_id, path), _TYPES.get(ending, "application/octet-stream"))


def _sent(contents: Callable[[], bytes], label: str) -> Response:
    try:
        faults.meet(current_app.extensions["xrt_mock"], g.operation)
        return Response(contents(), content_type=label)
    except Refusal as refusal:
        g.outcome, g.detail = "missing", f"{g.detail}: {refusal}"
        return not_found()
