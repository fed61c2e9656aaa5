"""How many of what takes long one person has at once in this process. Pure."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class AtOnceEach:
    """Counts what goes on by who began it."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._going_on: Counter[Hashable] = Counter()

    def is_full(self, who: Hashable) -> bool:
        return self._going_on[who] >= self.most

    @contextmanager
    def one_of(self, who: Hashable) -> Iterator[None]:
        """
        >>> two = AtOnceEach(1)
        >>> with two.one_of("eve"):
        ...     two.is_full("eve"), two.is_full("bob")
        (True, False)
        >>> two.is_full("eve")
        False
        """
        with self._lock:
            self._going_on[who] += 1
        try:
            yield
        finally:
            with self._lock:
                self._going_on[who] -= 1
                if self._going_on[who] <= 0:
                    del self._going_on[who]
