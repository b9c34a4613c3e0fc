"""Builder: turns orders into files and answers, and keeps both for a while within bounds.

Importing this loads numpy; the modules of products load scipy, astropy and Pillow when one of theirs is first made.
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cachetools.keys import hashkey

from ..core.model import Product, StatusCode
from . import archive, log
from .cache import Cache

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from ..sky.archive import Sky
    from .archive import Content
    from .order import Order

MODULES = {
    Product.LIGHT_CURVE: "lightcurve",
    Product.SPECTRUM: "spectrum",
    Product.STANDARD_POS: "position",
    Product.ENHANCED_POS: "position",
    Product.ASTROM_POS: "position",
    Product.IMAGE: "images",
    Product.SOURCE_DET: "detection",
}
"""Module of this package whose ``build(order, sky)`` makes a product.

It returns an object with ``files()``, and ``answer()`` where the service answers with data: files by their paths below
the product's folder, and the data that the service answers with.
"""
FILES_ROOM, PRODUCTS_ROOM = 192 * 2**20, 32 * 2**20
"""Room for files and archives, and for the products that they are made from [bytes]; photons have room of their own."""
_NOT_OF_THE_DATA = ("UserID", "api_name", "api_version", "notify")


class ProductBuilder:
    """Makes the contents of products.

    Parameters
    ----------
    sky
        Sources and observations.
    files_room
        Room for files and archives [bytes].

    Attributes
    ----------
    files_kept, products_kept
        Files and archives made lately, and the products that they were made from.
    """

    def __init__(self, sky: Sky, files_room: int = FILES_ROOM) -> None:
        self._sky = sky
        self.files_kept, self.products_kept = Cache(files_room), Cache(PRODUCTS_ROOM)

    def forget(self) -> None:
        """Forget all contents, so that they are made anew."""
        self.files_kept.clear()
        self.products_kept.clear()

    def forget_expired(self, now: float) -> None:
        """Forget the contents of jobs whose products have expired by `now` [s]."""
        self.files_kept.expire(now)
        self.products_kept.expire(now)

    def files(self, order: Order) -> Mapping[str, Content]:
        """Return the files of a product by their paths below its folder.

        A product that did not complete has its log and its status only; spectra without a fit have neither (field).
        """
        made: Mapping[str, Content] = {}
        if order.outcome is StatusCode.COMPLETE:
            made = self.files_kept.get(self._key(order), lambda: self._product(order).files(), order.kept_until)
            if order.product is Product.SPECTRUM and order.flag("doNotFit"):
                return made
        return {**made, f"{order.product.value}.log": log.text(order, self._sky), "progress.json": log.status(order)}

    def archive(self, orders: Iterable[Order], form: str) -> tuple[bytes, ...]:
        """Pack products of one job: a folder each, below one named like the job's directory; return it in chunks.

        Parameters
        ----------
        orders
            Products of one job, at least one.
        form
            ``tar``, ``tar.gz`` or ``zip``.
        """
        orders = list(orders)
        top = f"USERPROD_{orders[0].job_id}"

        def pack() -> tuple[bytes, ...]:
            files = {f"{o.product.value}/{path}": data for o in orders for path, data in self.files(o).items()}
            return archive.packed(top, files, form, max(o.ended_at for o in orders))

        key = hashkey(top, form, *((self._key(o), o.outcome, o.built_at, o.ended_at) for o in orders))
        return self.files_kept.get(key, pack, orders[0].kept_until)

    def answer(self, order: Order, *options: str) -> Any:
        """Return the answer of the service about a product, in the newest form.

        These are tables of a light curve (`options`: `nosys` and `incbad`, each ``yes``, ``no`` or ``both``), spectra
        with their fits, a position or None, source lists by band.
        """
        return self._product(order).answer(*options)

    def chart(self, order: Order, *arguments: Any) -> Any:
        """Return what a page draws of a light curve, of spectra, or of positions on an image, as JSON-ready data."""
        return self._product(order).chart(*arguments)

    def _product(self, order: Order) -> Any:
        """Return the object that files and answers of an order are made from."""
        module = import_module(f".{MODULES[order.product]}", __package__)
        return self.products_kept.get(self._key(order), lambda: module.build(order, self._sky), order.kept_until)

    def _key(self, order: Order) -> Hashable:
        """Return the key of the contents: the parameters, and the archive as it was when the run began."""
        parameters = {key: value for key, value in order.parameters.items() if key not in _NOT_OF_THE_DATA}
        held = self._sky.observations(order.targets, order.position, order.built_at, order.t0, order.asked)
        state = tuple((o.obsid, o.version) for o in held)
        text = json.dumps(parameters, sort_keys=True, default=str)
        return hashkey(order.product, text, state, order.url, order.rebin_id)
