"""What must count across all web processes does: through the database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.cache import caches
from django.core.cache.backends.db import DatabaseCache
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from dashboard import store
from tests import postgres


def fresh() -> DatabaseCache:
    """As another process has it."""
    found = caches.create_connection("default")
    assert isinstance(found, DatabaseCache)
    return found


@pytest.mark.django_db(transaction=True)
def test_passwords_that_come_at_the_same_moment_over_several_connections_count_one_by_one() -> None:
    now = timezone.now()

    def begin(_: int) -> bool:
        try:
            return not store.begin_login("ann", "203.0.113.9", "", now).wait
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(begin, range(12))) == 5
    assert store.trim_login_delays(now + timedelta(hours=11)) == 0 and store.trim_login_delays(now + timedelta(hours=13)) == 2


@pytest.mark.django_db(transaction=True)
def test_of_several_connections_over_which_the_same_is_sent_at_once_one_may() -> None:
    def send(_: int) -> bool:
        try:
            return store.once("send-1", 60)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(send, range(8))) == 1


@pytest.mark.django_db(transaction=True)
def test_nothing_counts_as_sent_before_because_the_database_cant_be_written() -> None:
    with connection.cursor() as cursor:
        cursor.execute(postgres.READ_ONLY)
    try:
        with pytest.raises(OperationalError):
            store.once("send-2", 60)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_login_while_the_database_cant_be_written_is_no_try_too_many() -> None:
    client = Client(raise_request_exception=False)
    with connection.cursor() as cursor:
        cursor.execute(postgres.READ_ONLY)
    try:
        assert client.post("/login/", {"login": "ann", "password": "wrong"}).status_code == 503
    finally:
        connection.close()


@pytest.mark.django_db
def test_expired_entries_are_deleted() -> None:
    fresh().set("a", 1, 60)
    assert store.trim_cache(timezone.now()) == 0
    assert store.trim_cache(timezone.now() + timedelta(minutes=2)) == 1
