"""Values that are made once per object and kept while the object is in use."""

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
        self._kept: OrderedDict[int, _Entry[Key, Value]] = OrderedDict()
        self._guard = threading.Lock()

    def get(self, key: Key, make: Callable[[Key], Value]) -> Value:
        """Return the value of an object, made on first use.

        A caller that asks for the same object waits meanwhile, others do not.

        Args:
            key: The object.
            make: Makes its value.

        Returns:
            The value.
        """
        with self._guard:
            found = self._kept.get(id(key))
            # Another object may live at the address of one that is gone.
            if found is None or found.key is not key:
                found = self._kept[id(key)] = _Entry(key)
            self._kept.move_to_end(id(key))
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        with found.guard:
            if not found.made:
                found.made.append(make(key))
            return found.made[0]


class _Entry(Generic[Key, Value]):
    def __init__(self, key: Key) -> None:
        self.key = key
        self.guard = threading.Lock()
        self.made: list[Value] = []
