"""Files of a finished job are wrong."""

from __future__ import annotations

import gzip
import io
import tarfile

from tests.contract.broken import (
    ARCHIVES,
    HTML,
    breaks,
)


@breaks("archives exist before the end", "downloadProduct", "results_are_refused_before_the_end")
def _early(call, _server):
    if call.status == 404:
        call.status, call.body, call.headers = 200, tarball("USERPROD_1/lc/a.txt"), {"Content-Type": "application/zip"}


@breaks("wrong addresses of archives are a page with HTTP 200", "downloadProduct", "results_are_refused_before_the_end")
def _apology(call, _server):
    if call.status == 404:
        call.status = 200


def tarball(*names: str) -> bytes:
    """Return a tar archive with empty files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name))
    return packed.getvalue()


@breaks("the gzipped archive is not gzipped", "downloadProduct", *ARCHIVES)
def _plain(call, _server):
    if call.status == 200 and call.path.endswith(".gz"):
        call.body = gzip.decompress(call.body)


@breaks("archives have no directory", "downloadProduct", *ARCHIVES)
def _flat(call, _server):
    if call.status == 200 and call.path.endswith(".tar"):
        call.body = tarball("results.dat")


@breaks("archives are empty", "downloadProduct", *ARCHIVES)
def _hollow(call, _server):
    if call.status == 200 and call.path.endswith(".tar"):
        call.body = tarball()


@breaks("cancelled products have no archive", "downloadProduct", *ARCHIVES)
def _none(call, _server):
    if "/spec." in call.path:
        call.status, call.body, call.headers = 404, b"<html>UKSSDC | 404 page not found</html>", {"Content-Type": HTML}


@breaks("archives are another at every download", "downloadProduct", *ARCHIVES)
def _unstable(call, server):
    if call.status == 200 and call.path.endswith("image.zip"):
        server.memory["downloads"] = server.memory.get("downloads", 0) + 1
        call.body += b"\0" * (server.memory["downloads"] % 2)


@breaks("archives are labelled as text", "downloadProduct", *ARCHIVES)
def _labelled(call, _server):
    if call.status == 200:
        call.headers["Content-Type"] = "application/json"


@breaks("archives never come", "downloadProduct", *ARCHIVES, incoming=True)
def _never(call, _server):
    call.status, call.body, call.headers = 404, b"<html>UKSSDC | 404 page not found</html>", {"Content-Type": HTML}
