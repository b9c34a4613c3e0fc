"""The cache of contents: bounded in real bytes, forgetful at the exact second, and what is shared cannot be changed."""

from __future__ import annotations

import pickle
import sys
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest

from mock_server.products.builder import ProductBuilder
from mock_server.products.cache import Cache, size_of
from mock_server.products.position import Position
from mock_server.products.worker import pickled
from mock_server.sky.archive import Sky
from mock_server.sky.world import World

ROW = b"x" * 1000


def row() -> bytes:
    return bytes(bytearray(ROW))  # a new object each time


def size_with_key() -> int:
    cache = Cache(10**6)
    cache.get("a", row)
    return cache.used


SIZE = size_with_key()


def test_values_stay_within_the_room():
    cache = Cache(3 * SIZE)
    for key in "abcdefghijklmnopqrstuvwxyz":
        assert cache.get(key, row) == ROW
        assert cache.used <= 3 * SIZE
    assert (len(cache), cache.used) == (3, 3 * SIZE)


def test_a_value_is_made_once_while_it_is_kept():
    cache = Cache(3 * SIZE)
    assert cache.get("a", row) is cache.get("a", row)


def test_the_least_recently_used_value_goes_first():
    cache = Cache(2 * SIZE)
    first, second = cache.get("a", row), cache.get("b", row)
    assert cache.get("a", row) is first
    cache.get("c", row)
    assert cache.get("a", row) is first
    assert cache.get("b", row) is not second


def test_a_value_as_large_as_the_room_is_kept_and_a_larger_one_is_not():
    cache = Cache(SIZE)
    assert cache.get("a", row) is cache.get("a", row)
    cache = Cache(SIZE - 1)
    assert cache.get("a", row) == ROW
    assert (len(cache), cache.used) == (0, 0)


def test_a_value_is_forgotten_at_the_second_it_expires_and_its_room_is_free():
    cache = Cache(10 * SIZE)
    cache.get("a", row, until=50.0)
    cache.get("b", row, until=60.0)
    cache.get("c", row)
    cache.expire(49.9)
    assert cache.used == 3 * SIZE
    cache.expire(50.0)
    assert cache.used == 2 * SIZE
    cache.expire(1e12)
    assert cache.used == SIZE


def test_a_value_is_kept_as_long_as_the_last_caller_needs_it():
    cache = Cache(10 * SIZE)
    cache.get("a", row, until=50.0)
    cache.get("a", row, until=70.0)
    cache.get("a", row, until=60.0)
    cache.expire(69.9)
    assert len(cache) == 1
    cache.expire(70.0)
    assert len(cache) == 0


def test_clearing_forgets_all_values():
    cache = Cache(10 * SIZE)
    kept = cache.get("a", row)
    cache.clear()
    assert cache.used == 0
    assert cache.get("a", row) is not kept


@dataclass
class Plain:
    values: object


@dataclass(slots=True)
class Slotted:
    values: object


LONG = [f"a text of its own {number}" for number in range(50)]
TEXTS = sum(map(sys.getsizeof, LONG))
ARRAY = np.zeros(1000)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (ROW, sys.getsizeof(ROW)),
        (LONG, TEXTS + sys.getsizeof(LONG)),
        ([LONG, LONG], TEXTS + sys.getsizeof(LONG) + sys.getsizeof([LONG, LONG])),
        ({"a key": ROW}, sys.getsizeof({"a key": ROW}) + sys.getsizeof("a key") + sys.getsizeof(ROW)),
        (ARRAY, sys.getsizeof(ARRAY)),
        ([ARRAY[:10]], sys.getsizeof([0]) + sys.getsizeof(ARRAY[:10]) + sys.getsizeof(ARRAY)),
        (Slotted(ARRAY), sys.getsizeof(Slotted(0)) + sys.getsizeof(ARRAY)),
    ],
    ids=["bytes", "texts", "shared", "mapping", "array", "view", "slots"],
)
def test_the_size_of_a_value_is_what_it_takes_in_memory(value, size):
    assert size_of(value) == size


def test_the_size_of_an_object_has_that_of_its_attributes():
    assert size_of(Plain(ARRAY)) > sys.getsizeof(Plain(0)) + sys.getsizeof(ARRAY)


def test_a_key_and_the_entry_itself_take_room_too():
    cache = Cache(100_000)
    for number in range(1000):
        cache.get(f"{number:05d}" * 1000, lambda: 0)
    assert 10 < len(cache) < 20
    cache = Cache(100_000)
    for number in range(1000):
        cache.get(number, lambda: 0)
    assert len(cache) < 150


def test_what_is_sent_to_the_server_needs_none_of_the_modules_that_made_it():
    made = pickle.loads(pickled({"counts": np.int64(7), "at": position_of(1.5), "fixed": MappingProxyType({"a": 1})}))
    assert (made["counts"], type(made["counts"])) == (7, int)
    assert isinstance(made["at"], SimpleNamespace)
    assert (made["at"].ra, made["at"].dec, made["at"].err90) == (1.5, 2.0, 3.0)
    assert isinstance(made["fixed"], MappingProxyType)
    assert made["fixed"] == {"a": 1}


def position_of(ra: float) -> Position:
    return Position(ra, 2.0, 3.0)


def test_a_builder_forgets_what_it_made():
    builder = ProductBuilder(Sky(1, World()))
    assert builder.files_kept.get("a", row) == builder.products_kept.get("b", row) == ROW
    builder.forget()
    assert (len(builder.files_kept), len(builder.products_kept)) == (0, 0)
