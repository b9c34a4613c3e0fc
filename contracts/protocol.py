"""Names of the protocol, and what the parts of a call and its answer mean. Pure."""

from __future__ import annotations

import io
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .harness import Exchange

PRODUCTS = {
    "lc": "lc",
    "spec": "spec",
    "psf": "dopsf",
    "enh": "doenh",
    "xastrom": "doxastrom",
    "image": "image",
    "sourceDet": "sourceDet",
}
"""Short names, and the flag that asks for each."""
OFFICIAL_CLIENT = "xrt_prods"
RESOLVING = ("getCoords", "getTargs", "getT0")
"""Switches that ask the service to work out a value."""


def succeeded(exchange: Exchange) -> bool:
    """Whether an application answer says that the call was carried out."""
    body = exchange.body
    return exchange.status == 200 and isinstance(body, dict) and "ERROR" not in body and bool(body.get("OK"))


def official(request: dict[str, Any], version: str = "1.12") -> dict[str, Any]:
    """Return a request as the official client labels it."""
    return {"api_name": OFFICIAL_CLIENT, "api_version": version, **request}


def version_of(request: Any) -> tuple[int, ...] | None:
    """Return the caller's ``api_version`` as numbers, or None if it has none or an unreadable one."""
    text = str(request.get("api_version", "")) if isinstance(request, dict) else ""
    parts = text.split(".")
    return tuple(map(int, parts)) if all(p.isascii() and p.isdigit() for p in parts) and len(parts) <= 3 else None


def names_in(text: Any) -> list[str]:
    """Return the names of a comma separated list, each once; empty for anything but text."""
    if not isinstance(text, str):
        return []
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def asked_products(job_pars: Mapping[str, Any]) -> set[str]:
    """Return the short names of the products of a request; an astrometric position includes the standard one."""
    found = flagged_products(job_pars)
    return found | ({"psf"} if "xastrom" in found else set())


def flagged_products(job_pars: Mapping[str, Any]) -> set[str]:
    """Return the short names of the products whose flag is set."""
    return {
        name for name, flag in PRODUCTS.items() if str(job_pars.get(flag, 0)).lower() in {"1", "1.0", "true", "yes"}
    }


def archive_members(name: str, content: bytes) -> list[str] | None:
    """Return the files of an archive, or None if it is not of the kind that its name says."""
    try:
        if name.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                return packed.namelist()
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz" if name.endswith(".gz") else "r:") as tar:
            return tar.getnames()
    except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError):
        return None
