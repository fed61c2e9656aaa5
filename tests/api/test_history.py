"""The history is answered as of one moment, whatever maintenance packs meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from brokers.models import RollupBlock
from brokers.packing import pack_history
from brokers.queries.kept_frames import KEPT
from tests.brokers.facts import NOON, after
from tests.brokers.recording import Recording, roll_up
from tests.people import person

pytestmark = pytest.mark.django_db(transaction=True)


def pack_elsewhere() -> None:
    """In another connection, as another process would."""

    def pack() -> None:
        try:
            pack_history()
        finally:
            connection.close()

    thread = Thread(target=pack)
    thread.start()
    thread.join()


@pytest.mark.parametrize(
    ("bands", "step", "read_first"),
    [
        (True, 60, "SELECT id, at, length(data) FROM brokers_rollup"),
        (True, 60, "SELECT id, data FROM brokers_rollup"),
        (False, 30, "FROM brokers_snapshotblock"),
    ],
)
def test_what_is_packed_while_it_is_read_is_read_once(client: Client, bands: bool, step: int, read_first: str) -> None:
    recording = Recording()
    recording.poll(0, 4200)
    roll_up()
    client.force_login(person(role="admin"))
    question = {"broker": recording.broker.name, "vhost": "/", "queue": "b", "metric": "ready", "from": NOON, "to": after(2700), "step": step, "bands": bands}

    def pack_after(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        found = execute(sql, *arguments)
        if read_first in sql and not RollupBlock.objects.exists():
            pack_elsewhere()
        return found

    before = client.get("/api/v1/history", question).json()
    KEPT.clear()
    with connection.execute_wrapper(pack_after):
        assert client.get("/api/v1/history", question).json() == before
    assert RollupBlock.objects.exists() and len([one for one in before["values"] if one is not None]) > 20
