"""Where products meet: an order in, files and answers out, kept for a while in a bounded memory.

Importing this loads numpy, scipy, astropy and Pillow; the server does so when contents are first asked for.
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from mock_server.products.memory import Memory

from ..core.model import Product, StatusCode
from . import archive, detection, images, log, position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mock_server.products.order import Order
    from mock_server.products.position import Position

    from ..sky.archive import Sky

T = TypeVar("T")
PRODUCTS_LIMIT = 256 * 2**20
"""Room for finished products [bytes]; photons have 64 MiB of their own."""
_WORKED_ON = 4  # light curves and spectra kept ready to be asked for more
_NOT_OF_THE_DATA = ("UserID", "api_name", "api_version", "notify")


class ProductBuilder:
    """Makes the contents of products.

    Parameters
    ----------
    sky
        What the products are of.

    Attributes
    ----------
    memory
        Files, answers and archives made lately.
    """

    def __init__(self, sky: Sky) -> None:
        self._sky = sky
        self.memory: Memory[Any] = Memory(PRODUCTS_LIMIT, _size)
        self._worked_on: Memory[Any] = Memory(_WORKED_ON, lambda _: 1)

    @property
    def built(self) -> int:
        """How many products, files, answers and archives were made so far; asking for a status makes none."""
        return self.memory.made + self._worked_on.made

    def forget(self) -> None:
        """Forget all contents, so that they are made anew; the count of what was made stays."""
        self.memory.clear()
        self._worked_on.clear()

    def forget_expired(self, now: float) -> None:
        """Forget the contents of jobs whose products have expired by `now` [s]."""
        self.memory.forget_expired(now)
        self._worked_on.forget_expired(now)

    def files(self, order: Order) -> Mapping[str, bytes]:
        """Return the files of a product by their paths below its folder.

        A product that did not complete has its log and its status only.
        """
        made: Mapping[str, bytes] = {}
        if order.outcome is StatusCode.COMPLETE:
            made = self._kept("files", order, lambda: self._files(order))
        return {**made, f"{order.product.value}.log": log.text(order, self._sky), "progress.json": log.status(order)}

    def archive(self, orders: Iterable[Order], form: str) -> bytes:
        """Pack products of one job: a folder each, below one named like the job's directory.

        Parameters
        ----------
        orders
            Products of one job, at least one.
        form
            ``tar``, ``tar.gz`` or ``zip``.
        """
        orders = list(orders)
        key = (form, orders[0].job_id, *((*self._key(o), o.outcome, o.built_at, o.ended_at) for o in orders))
        packed: bytes = self.memory.get(key, lambda: self._archive(orders, form), orders[0].kept_until)
        return packed

    def _archive(self, orders: Sequence[Order], form: str) -> bytes:
        files = {f"{o.product.value}/{path}": data for o in orders for path, data in self.files(o).items()}
        return archive.packed(f"USERPROD_{orders[0].job_id}", files, form, max(o.ended_at for o in orders))

    def light_curve(self, order: Order, nosys: str = "no", incbad: str = "no") -> Mapping[str, Any]:
        """Return the tables of a light curve, in the newest form; `nosys`, `incbad`: ``yes``, ``no`` or ``both``."""
        return self._kept("tables", order, lambda: self._product(order).answer(nosys, incbad), nosys, incbad)

    def spectra(self, order: Order) -> Mapping[str, Any]:
        """Return the spectra and their fits, in the newest form."""
        return self._kept("fits", order, lambda: self._product(order).answer())

    def position(self, order: Order) -> Position | None:
        """Return a position, None if the product holds none."""
        return self._kept("position", order, lambda: position.find(order, self._sky))

    def sources(self, order: Order) -> Mapping[str, list[dict[str, str]]]:
        """Return the source lists by band, every value a text."""
        return self._kept("sources", order, lambda: detection.lists(order, self._sky))

    def _files(self, order: Order) -> Mapping[str, bytes]:
        match order.product:
            case Product.LIGHT_CURVE | Product.SPECTRUM:
                files: Mapping[str, bytes] = self._product(order).files
                return dict(files)
            case Product.IMAGE:
                return images.files(order, self._sky)
            case Product.SOURCE_DET:
                return detection.files(order, self._sky)
            case _:
                return position.files(order, self._sky)

    def _product(self, order: Order) -> Any:
        """Return a light curve or the spectra of an order, from which files and answers are made."""
        name = "lightcurve" if order.product is Product.LIGHT_CURVE else "spectrum"
        module = import_module(f"mock_server.products.{name}")
        key = (*self._key(order), order.url, order.rebin_id)
        return self._worked_on.get(key, lambda: module.build(order, self._sky), order.kept_until)

    def _kept(self, what: str, order: Order, make: Callable[[], T], *more: object) -> T:
        """Make something, or take it from memory."""
        made: T = self.memory.get((what, *self._key(order), order.url, order.rebin_id, *more), make, order.kept_until)
        return made

    def _key(self, order: Order) -> tuple[object, ...]:
        """What decides the contents: the parameters, and what the archive held when the run began."""
        parameters = {key: value for key, value in order.parameters.items() if key not in _NOT_OF_THE_DATA}
        held = self._sky.observations(order.targets, order.position, order.built_at, order.t0)
        state = tuple((o.obsid, o.version) for o in held)
        return order.product, json.dumps(parameters, sort_keys=True, default=str), state


def _size(value: Any) -> int:
    """Room something takes [bytes]: exact for files, roughly for answers."""
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, dict) and all(isinstance(data, bytes) for data in value.values()):
        return sum(len(path) + len(data) for path, data in value.items()) + 500
    return len(repr(value)) + 500
