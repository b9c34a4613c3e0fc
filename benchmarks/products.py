"""Time that products take to make, and memory that they need: one core, single-threaded algebra, code warm.

    python benchmarks/products.py [--many 1000] [--caches]

Each time is processor time, the best of some runs, photons and products forgotten before each; the second download is
asked of what is kept. With ``--many`` that many products are made in a row, and the room taken is watched; 0 leaves
that out. With ``--caches`` every cached function of the sky and the products is measured with and without its cache
instead: one that saves less than 10 % of every product is not worth its lines.
"""

from __future__ import annotations

import os

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # before numpy is loaded

import argparse
import json
import sys
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mock_server import Simulator
from mock_server.core.model import Product
from mock_server.products import images, photons, skyview
from mock_server.products.archive import gzipped
from mock_server.products.builder import FILES_ROOM, PRODUCTS_ROOM, ProductBuilder
from mock_server.products.extraction import Scene
from mock_server.products.order import Order
from mock_server.products.skyview import SkyView
from mock_server.sky.archive import Sky
from mock_server.sky.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = 1772323200.0  # 2026-03-01
BURST: dict[str, Any] = {
    "name": "GRB 200416A", "RA": "335.6985", "Dec": "-7.5179", "targ": "00966554", "Tstart": 608713541.952, "cent": 1,
    "poserr": 1, "binMeth": "counts", "pccounts": "20", "wtcounts": "30", "dynamic": 1, "lcobs": "all", "specz": 0,
    "specobs": "hours", "specobstime": 12, "timeslice": "single", "galactic": 1, "imobs": "all", "imen": "0.3-10",
    "posobs": "hours", "posobstime": 12, "posRadius": "20", "detobs": "all", "detbands": "total",
}  # fmt: skip
ANOTHER: dict[str, Any] = {
    "name": "FO Aqr", "RA": "334.4808", "Dec": "-8.3511", "targ": "00037961", "Tstart": None, "specobs": "all",
}  # fmt: skip
OBJECTS: dict[str, dict[str, Any]] = {"GRB 200416A": {}, "FO Aqr": ANOTHER}
PACKAGES = ("mock_server.products.", "mock_server.sky.")
ONE_SLICE = {"specobs": "user", "usespecobs": "00966554001"}  # photon counting only


def order_of(product: Product, **parameters: Any) -> Order:
    """Return an order of a product of the documented burst."""
    url = "https://www.swift.ac.uk/user_objects/tprods/USERPROD_1"
    return Order(product, BURST | parameters, built_at=NOW, ended_at=NOW + 300, url=url, job_id=1)


def best_ms(work: Callable[[], object], before: Callable[[], object], runs: int) -> float:
    """Return the shortest time of some runs [ms]; what comes `before` each is not counted."""
    times = []
    for _ in range(runs):
        before()
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1000 * min(times)


def forget(builder: ProductBuilder) -> None:
    """Forget photons and products, but not what belongs to the telescope."""
    photons.kept.clear()
    builder.forget()


def downloads(builder: ProductBuilder, runs: int) -> bool:
    """Print the time of the first and of the second download of each product; return whether the second is cheap."""
    met = True
    print(f"{'download':24} {'first/ms':>9} {'second/ms':>10} {'archive/kB':>11}")
    for product in Product:
        download = partial(builder.archive, [order_of(product)], "tar.gz")
        size = sum(map(len, download())) / 1000
        first, second = best_ms(download, partial(forget, builder), runs), best_ms(download, lambda: None, runs)
        met &= second < first / 10
        print(f"{product.value:24} {first:9.1f} {second:10.2f} {size:11.0f}")
    return met


def parts(builder: ProductBuilder, runs: int) -> bool:
    """Print the time of what has a budget; return whether it is kept."""
    view = SkyView(Scene.of(order_of(Product.IMAGE), Sky(1), ""))
    works: dict[str, tuple[Callable[[], object], float]] = {
        "light curve, all files": (lambda: builder.files(order_of(Product.LIGHT_CURVE)), 50),
        "spectrum, one slice": (lambda: builder.files(order_of(Product.SPECTRUM, **ONE_SLICE)), 60),
        "image, FITS and GIF": (lambda: one_image(view), 50),
    }
    met = True
    print(f"\n{'made':24} {'time/ms':>9} {'budget/ms':>10}")
    for name, (work, budget) in works.items():
        work()
        spent = best_ms(work, partial(forget, builder), runs)
        met &= spent < budget
        print(f"{name:24} {spent:9.1f} {budget:10.0f}")
    return met


def one_image(view: SkyView) -> int:
    """Make the image of one band as it is handed out."""
    counts = skyview.image(view.photons.band(0.3, 10.0))
    return len(gzipped(images.counts_file(view, counts, (0.3, 10.0)))) + len(images.picture(counts, view))


def polling() -> bool:
    """Poll a job to its end and return whether that drew no photon."""
    photons.kept.clear()
    simulator = Simulator()
    client = simulator.app.test_client()
    user = {"UserID": "me@example.org"}
    flags = {"lc": 1, "spec": 1, "dopsf": 1, "image": 1}
    answer = json.loads(client.post("/user_objects/run_userobject.php", json=user | BURST | flags).data)
    for _ in range(100):
        simulator.clock.advance(30)
        client.post(
            "/user_objects/checkProductStatus.php",
            json=user | {"JobID": answer["JobID"], "what": "lc,spec,psf,image", "whatProg": "lc,spec,psf,image"},
        )
    drawn = len(photons.kept)
    print(f"100 status questions about job {answer['JobID']} drew {drawn} lists of photons")
    return drawn == 0


def many(number: int) -> bool:
    """Make many different products in a row and return whether both memories stayed within their bounds."""
    builder = ProductBuilder(Sky(2))
    most: list[float] = [0, 0, 0]
    start = time.perf_counter()
    for n in range(number):
        product = (Product.LIGHT_CURVE, Product.SPECTRUM, Product.STANDARD_POS, Product.IMAGE)[n % 4]
        order = order_of(product, pccounts=str(10 + n), specobstime=6 + 0.01 * n, posobstime=6 + 0.01 * n)
        builder.archive([replace(order, job_id=n)], "tar.gz")
        caches = (photons.kept.currsize, builder.files_kept.used, builder.products_kept.used)
        most = [max(pair) for pair in zip(most, caches, strict=True)]
    spent = time.perf_counter() - start
    rooms = (photons.kept.maxsize, FILES_ROOM, PRODUCTS_ROOM)
    print(f"{number} products in {spent:.0f} s; at most", end="")
    for used, room, what in zip(most, rooms, ("photons", "files", "products"), strict=True):
        print(f" {used / 2**20:.1f} MiB of {what} (bound {room / 2**20:.0f})", end="")
    print()
    return all(used <= room for used, room in zip(most, rooms, strict=True))


def caches(runs: int) -> None:
    """Print what each cached function saves: the work that gains most, and how often it takes as long without."""
    sky = Sky(1)
    products = (Product.LIGHT_CURVE, Product.SPECTRUM, Product.STANDARD_POS, Product.IMAGE)
    works: dict[str, Callable[[], object]] = {
        f"{product.value} of {name}": partial(fresh_files, sky, order_of(product, **parameters))
        for name, parameters in OBJECTS.items()
        for product in products
    }
    works["a sky"] = lambda: Sky(1)
    works["observations in a new sky"] = lambda: Sky(1).observations(("00037961",), None, NOW)
    works["a sky with a changed source"] = lambda: World.from_mapping({"sources": [{"name": "M82", "redshift": 0.1}]})
    for work in works.values():
        work()  # loads the modules
    for name, module in sorted(sys.modules.items()):
        for key, function in [*vars(module).items()] if name.startswith(PACKAGES) else []:
            if not hasattr(function, "cache_parameters") or function.__module__ != name:
                continue
            ratios = {}
            for what, work in works.items():
                times: dict[Any, list[float]] = {function: [], function.__wrapped__: []}
                for _ in range(runs):  # in turns, so that a busy machine slows both
                    for variant, taken in times.items():
                        setattr(module, key, variant)
                        taken.append(best_ms(work, photons.kept.clear, 1))
                setattr(module, key, function)
                ratios[what] = min(times[function.__wrapped__]) / min(times[function])
            most = max(ratios, key=lambda what: ratios[what])
            print(f"{name.removeprefix('mock_server.') + '.' + key:40} {ratios[most]:6.2f}  {most}", flush=True)


def fresh_files(sky: Sky, order: Order) -> None:
    """Make the files of a product in a builder that has made nothing yet."""
    ProductBuilder(sky).files(order)


def main() -> int:
    """Run everything; the exit code is 0 if all targets are met."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--many", type=int, default=1000, help="products made in a row (0: none)")
    options.add_argument("--runs", type=int, default=7, help="runs of which the best counts")
    options.add_argument("--caches", action="store_true", help="what each cached function saves, and nothing else")
    chosen = options.parse_args()
    if chosen.caches:
        caches(chosen.runs)
        return 0
    builder = ProductBuilder(Sky(1))
    met = [downloads(builder, chosen.runs), parts(builder, chosen.runs), polling()]
    met.append(chosen.many == 0 or many(chosen.many))
    print("all targets met" if all(met) else "some targets missed")
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
