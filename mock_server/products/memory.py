"""A bounded cache: what was made is kept until room is needed, the longest unused goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")


class Memory(Generic[T]):
    """Keeps values up to a number of bytes, safe for threads.

    Parameters
    ----------
    limit
        Room for values [bytes]; one that is larger than that is made anew each time.
    size
        How large a value is [bytes].

    Attributes
    ----------
    made
        How many values were made because they were not (or no longer) there.
    used
        Room taken now [bytes].
    """

    def __init__(self, limit: int, size: Callable[[T], int]) -> None:
        self.limit = limit
        self.made = 0
        self.used = 0
        self._size = size
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the value of `key`, made if need be; two threads may make the same one, and agree."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self.made += 1
            if key not in self._values and self._size(value) <= self.limit:
                self._values[key] = value
                self.used += self._size(value)
            while self.used > self.limit:
                self.used -= self._size(self._values.popitem(last=False)[1])
        return value

    def clear(self) -> None:
        """Forget everything; the count of what was made stays."""
        with self._lock:
            self._values.clear()
            self.used = 0
