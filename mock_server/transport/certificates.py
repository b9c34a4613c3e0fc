"""Certificates of the proxy: an authority of our own, and the proof that it gives for the service's host names."""

# ruff: noqa: PLC0415 - most runs need neither TLS nor new certificates

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import ssl
    from collections.abc import Collection

_KEPT_S = 30 * 86400.0
_BEGIN = b"-----BEGIN CERTIFICATE-----"


class Certificates(NamedTuple):
    """A private key, its certificate, and that of the authority, in this order, as PEM.

    Parameters
    ----------
    pem
        The three.
    """

    pem: bytes

    @property
    def authority(self) -> bytes:
        """The certificate that callers have to trust, as PEM."""
        return self.pem[self.pem.rindex(_BEGIN) :]

    def tls(self) -> ssl.SSLContext:
        """Return the server's side of TLS."""
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory(prefix="xrt-mock-") as folder:  # readable by its owner alone
            file = Path(folder, "chain.pem")
            file.write_bytes(self.pem)
            context.load_cert_chain(file)
        return context


def make_certificates(hosts: Collection[str]) -> Certificates:
    """Return new certificates for these host names."""
    import trustme

    authority = trustme.CA(organization_name="xrt-mock")
    issued = authority.issue_cert(*hosts)
    return Certificates(issued.private_key_and_cert_chain_pem.bytes() + authority.cert_pem.bytes())


def kept_certificates(hosts: Collection[str]) -> Certificates:
    """Return the user's certificates for these host names, and make them once a month.

    They lie in ``xrt-mock`` in the user's cache folder (``XDG_CACHE_HOME``, else ``~/.cache``), readable by the user
    alone. Only the programs of a run trust them.
    """
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xrt-mock"
        file = folder / f"proxy-{'-'.join(hosts)}.pem"
        kept = _read_own(file)
        if kept is not None:
            return kept
    except (OSError, RuntimeError):  # the user has no home
        return make_certificates(hosts)
    made = make_certificates(hosts)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder)  # readable by its owner alone
        with open(descriptor, "wb") as new:
            new.write(made.pem)
        os.replace(temporary, file)
    except OSError:
        pass  # they are made again next time
    return made


def _read_own(file: Path) -> Certificates | None:
    """Return what a file holds, unless it is missing, old, incomplete, or not this user's alone."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    own = not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o077)
    pem = file.read_bytes() if own and 0 <= time.time() - status.st_mtime < _KEPT_S else b""
    return Certificates(pem) if pem.count(_BEGIN) >= 2 else None
