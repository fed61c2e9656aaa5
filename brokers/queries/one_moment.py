"""Reading several things as they were at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def one_moment() -> Iterator[None]:
    """What is read inside, or by a view that this decorates, is of one moment: what other processes store meanwhile is not seen. For reading only.

    A deferred transaction of SQLite: it takes no lock, so it neither waits for a writer nor holds one up.
    """
    usual, connection.transaction_mode = connection.transaction_mode, "DEFERRED"  # type: ignore[attr-defined]
    try:
        with transaction.atomic():
            yield
    finally:
        connection.transaction_mode = usual  # type: ignore[attr-defined]
