"""A bounded cache: what was made is kept until it expires or room is needed, the longest unused goes first."""

from __future__ import annotations

import math
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
        self._values: OrderedDict[Hashable, tuple[T, float]] = OrderedDict()
        self._earliest = math.inf  # nothing expires before
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T], until: float = math.inf) -> T:
        """Return the value of `key`, made if need be and kept `until` then; two threads may make it, and agree."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                value, expires = self._values[key]
                self._values[key] = value, max(expires, until)
                return value
        value = make()
        with self._lock:
            self.made += 1
            if key not in self._values and self._size(value) <= self.limit:
                self._values[key] = value, until
                self._earliest = min(self._earliest, until)
                self.used += self._size(value)
            while self.used > self.limit:
                self.used -= self._size(self._values.popitem(last=False)[1][0])
        return value

    def forget_expired(self, now: float) -> None:
        """Forget what was to be kept until `now` at the latest."""
        if now < self._earliest:
            return
        with self._lock:
            for key in [key for key, (_, until) in self._values.items() if until <= now]:
                self.used -= self._size(self._values.pop(key)[0])
            self._earliest = min((until for _, until in self._values.values()), default=math.inf)

    def clear(self) -> None:
        """Forget everything; the count of what was made stays."""
        with self._lock:
            self._values.clear()
            self.used = 0
