"""What must count across all web processes does: through Django's cache in the database."""

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
from dashboard.models import CacheEntry, User
from tests import postgres


def fresh() -> DatabaseCache:
    """As another process has it."""
    found = caches.create_connection("default")
    assert isinstance(found, DatabaseCache)
    return found


@pytest.mark.django_db
def test_tries_to_log_in_count_for_every_process_and_show_neither_name_nor_password() -> None:
    User.objects.create_user("ann", password="right password")
    statuses = [Client().post("/login/", {"login": "ann", "password": f"wrong {number}"}).status_code for number in range(7)]
    stored = " ".join(f"{entry.cache_key} {entry.value}" for entry in CacheEntry.objects.all())
    assert "allauth:rl" in stored
    assert "ann" not in stored.replace("allauth", "") and "wrong" not in stored
    assert any(len(fresh().get(entry.cache_key.split(":", 2)[2]) or ()) == 5 for entry in CacheEntry.objects.all())
    response = Client().post("/login/", {"login": "ann", "password": "right password"})
    assert (statuses[0], response.status_code) == (200, 200)
    assert b"Too many" in response.content


@pytest.mark.django_db(transaction=True)
def test_of_several_processes_that_send_the_same_at_once_one_may() -> None:
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
