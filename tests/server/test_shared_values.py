"""What caches share between the simulators of a process cannot be changed by one of them."""

from __future__ import annotations

import gc
import importlib
import pkgutil
import types
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import cachetools
import numpy as np
import pytest

import mock_server.products
import mock_server.sky
from mock_server.core.model import Product
from mock_server.products import instrument
from mock_server.products.builder import ProductBuilder
from mock_server.sky import known
from mock_server.sky.archive import Sky
from tests.server.ordering import order_of, single

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = (mock_server.products, mock_server.sky)
MODULES = [
    importlib.import_module(f"{package.__name__}.{found.name}")
    for package in PACKAGES
    for found in pkgutil.iter_modules(package.__path__)
]
NAMED = {f"{m.__name__}.{name}": value for m in MODULES for name, value in vars(m).items()}
CACHED = [name for name, value in NAMED.items() if hasattr(value, "cache_parameters") and value.__name__ in name]
CACHES = [name for name, value in NAMED.items() if isinstance(value, cachetools.Cache)]
ARRAYS = [name for name, value in NAMED.items() if isinstance(value, np.ndarray)]


@pytest.fixture(scope="module", autouse=True)
def filled() -> None:
    """Fill all caches: a burst has every product, another source red noise."""
    sky = Sky(1)
    builder = ProductBuilder(sky)
    for product in Product:
        builder.archive([order_of(sky, product, "GRB 200416A")], "tar.gz")
    builder.files(order_of(sky, Product.LIGHT_CURVE, "FO Aqr", lcobs="user", uselcobs=single(sky, "FO Aqr")))
    observed = sky.named("NGC 1313 X-1")  # real observations; the other name is cut short
    assert observed is not None
    assert sky.observations(observed.targets, (observed.ra, observed.dec), 1.7e9)
    assert known.find("PKS 1510-08") == known.find("PKS 1510-089")
    assert known.find("PKS 0000-99") is None
    assert known.find("GRB 060729") is not None
    assert sky.resolve("GRB 250815C", 1.77e9) is not None  # drawn
    assert known.near((148.9627, 69.6793), 0.2)
    assert known.burst_of_target("00221755") is not None


def held(name: str) -> list[Any]:
    """Return keys and results that a cached function holds: the garbage collector alone lists them."""
    function = NAMED[name]
    found = [part for part in gc.get_referents(function) if part is not function.__dict__]
    found += [value for part in found if isinstance(part, dict) for value in part.values()]
    inner = (dict, type, types.FunctionType)  # of the cache itself
    return [v for v in found if not isinstance(v, inner) and type(v) is not object and "lru_list" not in repr(type(v))]


def changeable(value: Any) -> Iterator[str]:
    """Name the parts of a value that can be changed."""
    if isinstance(value, tuple | frozenset):
        for part in value:
            yield from changeable(part)
    elif isinstance(value, types.MappingProxyType):
        for part in value.values():
            yield from changeable(part)
    elif isinstance(value, np.ndarray):
        if value.flags.writeable:
            yield f"an array of shape {value.shape}"
    elif is_dataclass(value) and not isinstance(value, type) and type(value).__dataclass_params__.frozen:  # type: ignore[attr-defined]
        for one in fields(value):
            yield from changeable(getattr(value, one.name))
    elif not isinstance(value, str | bytes | int | float | Enum | type | types.GenericAlias | types.UnionType | None):
        yield repr(value)


def test_the_caches_are_found_and_what_they_hold():
    assert len(CACHED) > 5
    assert any(value is instrument.response("PC") for value in held("mock_server.products.instrument.response"))
    assert CACHES == ["mock_server.products.photons.kept"]


@pytest.mark.parametrize("name", CACHED)
def test_a_cached_result_cannot_be_changed(name):
    assert held(name), f"nothing was asked of {name}"
    assert [part for value in held(name) for part in changeable(value)] == []


@pytest.mark.parametrize("name", CACHES)
def test_a_cached_value_cannot_be_changed(name):
    assert len(NAMED[name]) > 10
    assert [part for value in NAMED[name].values() for part in changeable(value)] == []


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_of_a_module_cannot_be_changed(name):
    assert not NAMED[name].flags.writeable
