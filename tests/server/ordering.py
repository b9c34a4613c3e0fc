"""Orders for the tests of products: a named object of the catalogue, everything else as the service would echo it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mock_server.products.order import Order

if TYPE_CHECKING:
    from mock_server.core.model import Product
    from mock_server.sky.archive import Sky
    from mock_server.sky.sources import Source

NOW = 1772323200.0  # 2026-03-01
DEFAULTS: dict[str, Any] = {
    "cent": 1, "centMeth": "simple", "poserr": 1, "maxCentTries": "10", "sss": "0", "sinceT0": 0, "useSXPS": 0,
    "wtpuprate": 150, "pcpuprate": 0.6, "lcobs": "all", "binMeth": "counts", "pccounts": "20", "wtcounts": "30",
    "dynamic": 1, "specobs": "hours", "specobstime": 12, "timeslice": "single", "specz": 0, "posobs": "hours",
    "posobstime": 12, "posRadius": "20", "detornot": "detect", "detMeth": "simple", "allxastrom": 0, "imobs": "all",
    "imen": "0.3-10,0.3-1.5,1.51-10", "detobs": "all", "detbands": "total",
}  # fmt: skip


def source_of(sky: Sky, name: str) -> Source:
    source = sky.named(name)
    assert source is not None, f"{name} is not in the catalogue"
    return source


def order_of(sky: Sky, product: Product, name: str, now: float = NOW, job_id: int = 7, **parameters: Any) -> Order:
    """Return the order of a product of a named object, run at `now`."""
    source = source_of(sky, name)
    targets = source.targets[0] if len(source.targets) == 1 else "{" + ",".join(source.targets) + "}"
    stored = DEFAULTS | {"name": name, "RA": str(source.ra), "Dec": str(source.dec), "targ": targets} | parameters
    if source.t0_met is not None:
        stored = stored | {"Tstart": source.t0_met}
    url = f"https://www.swift.ac.uk/user_objects/tprods/USERPROD_{job_id}"
    return Order(product, stored, built_at=now, ended_at=now + 300, url=url, job_id=job_id)


def single(sky: Sky, name: str, index: int = 0) -> str:
    """ID of one observation of a named object."""
    source = source_of(sky, name)
    return sky.observations(source.targets, (source.ra, source.dec), NOW)[index].obsid
