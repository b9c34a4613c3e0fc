"""Which addresses lead to the real service, which must not be put under load."""

from __future__ import annotations

from urllib.parse import urlsplit

REAL = "swift.ac.uk"


def is_real(url: str) -> bool:
    """Whether an address, with or without ``https://``, leads to the real service; also if it cannot be read."""
    try:
        host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
    except ValueError:
        return True
    host = host.lower().rstrip(".")
    return host == REAL or host.endswith(f".{REAL}")
