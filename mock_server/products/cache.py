"""Cache that is bounded in bytes and forgets expired values, and the size of a value in memory."""

from __future__ import annotations

import math
import sys
import threading
from dataclasses import fields, is_dataclass
from enum import Enum
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from cachetools import TLRUCache

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

T = TypeVar("T")


_OF_AN_ENTRY = 700
"""What the cache itself needs for an entry [bytes]."""


class _Entry(NamedTuple):
    """A value, the simulated time at which it expires [s], and its size with its key [bytes]."""

    value: Any
    until: float
    size: int


class Cache:
    """Cache for values that are made when first asked for; safe for threads.

    Parameters
    ----------
    room
        Room for all values [bytes]; the least recently used one goes first. A larger value is never kept.
    """

    def __init__(self, room: int) -> None:
        self._now = -math.inf
        self._lock = threading.RLock()
        self._entries: TLRUCache[Hashable, _Entry] = TLRUCache(
            room, ttu=lambda _key, entry, _now: entry.until, timer=lambda: self._now, getsizeof=lambda entry: entry.size
        )

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def used(self) -> int:
        """Room that the values take now [bytes]."""
        return int(self._entries.currsize)

    def get(self, key: Hashable, make: Callable[[], T], until: float = math.inf) -> T:
        """Return the value of `key`, made if it is not kept, and keep it until the simulated time `until` [s].

        Several threads may make one value at once: the results are equal.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.until < until:
                entry = self._entries[key] = entry._replace(until=until)
        if entry is None:
            value = make()
            entry = _Entry(value, until, size_of((key, value)) + _OF_AN_ENTRY)  # a key may be the larger part
            with self._lock:
                if entry.size <= self._entries.maxsize:
                    self._entries[key] = entry
        found: T = entry.value
        return found

    def expire(self, now: float) -> None:
        """Drop the values that have expired by the simulated time `now` [s]."""
        with self._lock:
            self._now = now
            self._entries.expire()

    def clear(self) -> None:
        """Drop all values."""
        with self._lock:
            self._entries.clear()


_SIMPLE = frozenset({str, bytes, int, float, bool, type(None)})


def size_of(value: Any) -> int:
    """Return the memory that a value takes with everything it refers to [bytes]; shared parts count once."""
    counted: dict[int, Any] = {}
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if id(one) not in counted:
            counted[id(one)] = one
            if type(one) not in _SIMPLE:
                waiting.extend(_parts(one))
    return sum(map(sys.getsizeof, counted.values()))


def _parts(value: Any) -> Iterable[Any]:
    """Return the objects that a value refers to."""
    match value:
        case list() | tuple() | set() | frozenset():
            return value
        case np.ndarray():
            return () if value.base is None else (value.base,)  # the owner of the memory
        case Enum() | int() | float():
            return ()
    if hasattr(value, "items"):
        mapping: Mapping[Any, Any] = value
        return chain.from_iterable(mapping.items())
    slots = [getattr(value, f.name) for f in fields(value)] if is_dataclass(value) else []
    return [vars(value), *slots] if hasattr(value, "__dict__") else slots
