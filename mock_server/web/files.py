"""Files of products, alone and in archives. Knowing the address is enough (documented)."""

from __future__ import annotations

from flask import Blueprint, Response

from ..core.errors import Refusal
from ..core.model import Product
from . import archives
from .current import current_call, response_to
from .pages import not_found

files = Blueprint("files", __name__)

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


@files.get("/<any(xrt_curves, xrt_spectra):place>/<job_id:target>/<path:path>", endpoint="downloadBurstFile")
def download_of_burst(place: str, target: int, path: str) -> Response:
    """Send a file of a known burst; 404 if it does not exist."""
    call = current_call()
    is_curve = place == "xrt_curves"
    product = Product.LIGHT_CURVE if is_curve else Product.SPECTRUM
    call.operation = "downloadBurstCurve" if is_curve else "downloadBurstSpectrum"
    call.detail = f"{place}/{target}/{path}"[:200]
    try:
        call.meet_fault()
        label = _TYPES.get(f".{path.rpartition('.')[2]}", "application/octet-stream")
        return Response(call.simulation.bursts.file(product, target, path, call.moment), content_type=label)
    except Refusal as refusal:
        call.outcome, call.detail = "missing", f"{call.detail}: {refusal}"
        return not_found()


@files.get("/user_objects/tprods/USERPROD_<job_id:job_id>/<path:path>", endpoint="downloadProduct")
def download(job_id: int, path: str) -> Response:
    """Send an archive, or one file of a product; 404 if it does not exist, is not ready, or has expired."""
    call = current_call()
    try:
        if archives.NAME.fullmatch(path):
            return response_to(call, lambda: archives.reply(call, job_id, path))
        call.operation, call.job_id, call.detail = "downloadFile", job_id, path[:200]
        call.meet_fault()
        label = _TYPES.get(f".{path.rpartition('.')[2]}", "application/octet-stream")
        return Response(call.simulation.contents.file(job_id, path, call.moment), content_type=label)
    except Refusal as refusal:
        call.outcome, call.detail = "missing", f"{call.detail}: {refusal}"
        return not_found()
