"""Django's cache in the database, through which all web processes count together. Django's own reports an error of the database as a key that is there."""

from __future__ import annotations

from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.db import OperationalError

TRIES = 2  # the key may go between being found and being read


class SharedCache(DatabaseCache):
    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """False only if the key is there. Raises OperationalError if it can't be stored: else a login would fail for too many tries."""
        for _ in range(TRIES):
            if super().add(key, value, timeout, version):
                return True
            if self.get(key, version=version) is not None:
                return False
        raise OperationalError("the cache in the database can't be written")
