"""What is made once per object and kept while the object is in use."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Remembers the values of the `most` objects last asked for, by identity; safe for several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[int, tuple[Key, Value]] = OrderedDict()
        self._guard = threading.Lock()

    def get(self, key: Key, make: Callable[[Key], Value]) -> Value:
        """The value of an object, made on first use; others wait meanwhile."""
        with self._guard:
            found = self._kept.get(id(key))
            # Another object may live at the address of one that is gone.
            if found is None or found[0] is not key:
                found = (key, make(key))
                self._kept[id(key)] = found
            self._kept.move_to_end(id(key))
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
            return found[1]
